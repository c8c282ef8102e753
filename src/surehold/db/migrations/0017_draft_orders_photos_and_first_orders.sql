-- Orders that staff compose for a buyer, photos of what comes back, promotions for a first order.

-- A draft is no promise and holds nothing: what it asks for is kept as it was written, and priced
-- whenever it is looked at. Its link is kept as the SHA-256 of its token; whether the link is over
-- follows from the time. It becomes one order at most: order_id is written once, by the placing
-- lane, in the transaction that writes the order.
CREATE TABLE draft_orders (
    id              uuid PRIMARY KEY,
    state           text NOT NULL CHECK (state IN ('open', 'sent', 'placed', 'canceled')),
    version         int NOT NULL DEFAULT 1 CHECK (version >= 1),
    content         jsonb NOT NULL CHECK (
        jsonb_typeof(content -> 'lines') = 'array'
        AND jsonb_array_length(content -> 'lines') BETWEEN 1 AND 100
        AND content ->> 'currency' ~ '^[A-Z]{3}$'),
    token_hash      bytea UNIQUE CHECK (octet_length(token_hash) = 32),
    link_expires_at timestamptz,
    order_id        uuid REFERENCES orders,
    changed_by      text NOT NULL,
    change_reason   text NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- The link: an order comes from one draft, and a draft becomes one order.
    CONSTRAINT draft_orders_one_per_order UNIQUE (order_id),
    CONSTRAINT draft_orders_placed_as_an_order CHECK ((state = 'placed') = (order_id IS NOT NULL)),
    CHECK ((token_hash IS NULL) = (link_expires_at IS NULL)),
    CHECK (state <> 'sent' OR token_hash IS NOT NULL)
);
CREATE INDEX draft_orders_state ON draft_orders (state, id);

-- Every version of a draft: who wrote which prices, and why.
CREATE TABLE draft_order_events (
    draft_id    uuid NOT NULL,
    seq         int NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    content     jsonb NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (draft_id, seq)
);
CREATE TRIGGER draft_order_events_append_only BEFORE UPDATE OR DELETE ON draft_order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was placed or canceled stays so, whoever writes.
CREATE FUNCTION record_draft_order() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
BEGIN
    IF before IS NULL AND NEW.state <> 'open'
       OR before IN ('placed', 'canceled')
       OR before = 'sent' AND NEW.state = 'open' THEN
        RAISE EXCEPTION 'draft order %: % does not lead to %', NEW.id, before, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF before IS NOT NULL THEN
        NEW.version := OLD.version + 1;
    END IF;
    INSERT INTO draft_order_events
           (draft_id, seq, from_state, to_state, content, actor, reason, happened_at)
    VALUES (NEW.id, NEW.version, before, NEW.state, NEW.content, NEW.changed_by,
            NEW.change_reason, NEW.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER draft_orders_record BEFORE INSERT OR UPDATE ON draft_orders
    FOR EACH ROW EXECUTE FUNCTION record_draft_order();

-- Pictures of what a buyer sends back. They are decoded and encoded again before they come here,
-- so a row holds pixels and nothing else. A line has five at most: the position is its place.
CREATE TABLE return_photos (
    id             uuid PRIMARY KEY,
    return_line_id uuid NOT NULL REFERENCES return_lines,
    position       int NOT NULL CHECK (position BETWEEN 1 AND 5),
    width          int NOT NULL CHECK (width BETWEEN 1 AND 2000),
    height         int NOT NULL CHECK (height BETWEEN 1 AND 2000),
    -- A JPEG, whatever was sent.
    content        bytea NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 4194304),
    -- SHA-256 of what was sent: the same picture sent again is the one that is there.
    source_hash    bytea NOT NULL CHECK (octet_length(source_hash) = 32),
    actor          text NOT NULL,
    added_at       timestamptz NOT NULL,
    CONSTRAINT return_photos_five_per_line UNIQUE (return_line_id, position),
    CONSTRAINT return_photos_once UNIQUE (return_line_id, source_hash)
);
CREATE INDEX return_photos_age ON return_photos (added_at);

-- Only for whoever has paid for nothing yet.
ALTER TABLE promotions ADD COLUMN is_first_order boolean NOT NULL DEFAULT false;

-- One mailbox is one buyer, as for coupons: see buyer_of in pricing/rules/coupons.py.
CREATE FUNCTION buyer_of(email text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(nullif(split_part(local, '+', 1), ''), local) || '@' || domain
      FROM (SELECT lower(substring(email FROM '^(.*)@')) AS local,
                   lower(substring(email FROM '[^@]*$')) AS domain) AS part
$$;
-- Who has paid before. An order enters when its first money comes, so placing one costs nothing.
CREATE INDEX orders_paid_by_buyer ON orders (buyer_of(email)) WHERE paid_minor > 0;
