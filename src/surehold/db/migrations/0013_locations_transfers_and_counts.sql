-- Where stock is, how it moves between places, how it is counted, and who is told.
-- Everything is added; whoever still runs the version before reads and writes as it did.

-- Nearness: a place in the buyer's region comes first, then one in the buyer's country, then the
-- others by priority. ships_to: the countries that it sends to; NULL is everywhere.
ALTER TABLE locations
    ADD COLUMN region      text,
    ADD COLUMN postal_code text,
    ADD COLUMN ships_to    text[] CHECK (cardinality(ships_to) > 0),
    ADD COLUMN is_active   boolean NOT NULL DEFAULT true,
    ADD COLUMN version     int NOT NULL DEFAULT 1,
    ADD COLUMN changed_by  text NOT NULL DEFAULT 'system';

CREATE TABLE location_changes (
    location_id uuid NOT NULL,
    version     int NOT NULL,
    before      jsonb,
    after       jsonb NOT NULL,
    changed_by  text NOT NULL,
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (location_id, version)
);
CREATE TRIGGER location_changes_append_only BEFORE UPDATE OR DELETE ON location_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION record_location_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO location_changes (location_id, version, before, after, changed_by, changed_at)
    VALUES (NEW.id, NEW.version, CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(OLD) END, to_jsonb(NEW),
            NEW.changed_by, store_now());
    RETURN NEW;
END
$$;
CREATE TRIGGER locations_changed AFTER INSERT OR UPDATE ON locations
    FOR EACH ROW EXECUTE FUNCTION record_location_change();

-- What a person wrote beside an adjustment.
ALTER TABLE stock_movements ADD COLUMN note text NOT NULL DEFAULT '';

-- Units leave one place when a transfer is dispatched and enter the other as they are received;
-- between, quantity - received - returned of a line are in transit.
CREATE TABLE stock_transfers (
    id               uuid PRIMARY KEY,
    from_location_id uuid NOT NULL REFERENCES locations,
    to_location_id   uuid NOT NULL REFERENCES locations,
    state            text NOT NULL CHECK (state IN ('draft', 'in_transit', 'received', 'canceled')),
    note             text NOT NULL,
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL,
    dispatched_by    text,
    dispatched_at    timestamptz,
    ended_by         text,
    ended_at         timestamptz,
    CHECK (from_location_id <> to_location_id),
    CHECK ((dispatched_by IS NULL) = (dispatched_at IS NULL)),
    CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
    CHECK ((state IN ('received', 'canceled')) = (ended_at IS NOT NULL)),
    CHECK (state = 'canceled' OR (state = 'draft') = (dispatched_at IS NULL))
);
CREATE INDEX stock_transfers_state ON stock_transfers (state, id);

CREATE TABLE stock_transfer_lines (
    transfer_id       uuid NOT NULL REFERENCES stock_transfers,
    variant_id        uuid NOT NULL REFERENCES variants,
    quantity          int NOT NULL CHECK (quantity > 0),
    received_quantity int NOT NULL DEFAULT 0 CHECK (received_quantity >= 0),
    returned_quantity int NOT NULL DEFAULT 0 CHECK (returned_quantity >= 0),
    PRIMARY KEY (transfer_id, variant_id),
    CHECK (received_quantity + returned_quantity <= quantity)
);
CREATE INDEX stock_transfer_lines_open ON stock_transfer_lines (variant_id)
 WHERE received_quantity + returned_quantity < quantity;

-- A session of counting. expected: what was on hand when the line was counted. Applying adds the
-- difference, so that what moved between counting and applying stays moved.
CREATE TABLE stock_counts (
    id          uuid PRIMARY KEY,
    location_id uuid NOT NULL REFERENCES locations,
    state       text NOT NULL CHECK (state IN ('open', 'applied', 'canceled')),
    note        text NOT NULL,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    ended_by    text,
    ended_at    timestamptz,
    CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
    CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX stock_counts_state ON stock_counts (state, id);

CREATE TABLE stock_count_lines (
    count_id   uuid NOT NULL REFERENCES stock_counts,
    variant_id uuid NOT NULL REFERENCES variants,
    expected   int CHECK (expected >= 0),
    counted    int CHECK (counted >= 0),
    counted_by text,
    counted_at timestamptz,
    PRIMARY KEY (count_id, variant_id),
    CHECK ((counted IS NULL) = (expected IS NULL)),
    CHECK ((counted IS NULL) = (counted_by IS NULL)),
    CHECK ((counted IS NULL) = (counted_at IS NULL))
);

CREATE FUNCTION refuse_stock_document_revival() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % has ended as %', TG_TABLE_NAME, OLD.id, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER stock_transfers_end_once BEFORE UPDATE ON stock_transfers
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_stock_document_revival();
CREATE TRIGGER stock_counts_end_once BEFORE UPDATE ON stock_counts
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_stock_document_revival();

-- One row per crossing of a level's threshold; it ends when the level is above again.
CREATE TABLE low_stock_alerts (
    id          uuid PRIMARY KEY,
    variant_id  uuid NOT NULL,
    location_id uuid NOT NULL,
    available   int NOT NULL,
    threshold   int NOT NULL,
    raised_at   timestamptz NOT NULL,
    ended_at    timestamptz
);
-- The rule "once per crossing": one alert of a level lives at a time.
CREATE UNIQUE INDEX low_stock_alerts_open ON low_stock_alerts (variant_id, location_id)
 WHERE ended_at IS NULL;
