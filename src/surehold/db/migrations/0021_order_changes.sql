-- Placed orders that staff change: units given up, lines added, and the difference between them.

-- One change. What is added and given up was worked out when it was made and never changes; it is in
-- content: lines as they become order lines under the very ids, and shares of lines that are there.
-- The lines that it adds are held for the order under these ids until it is applied.
CREATE TABLE order_changes (
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders,
    state           text NOT NULL CHECK (state IN (
        'awaiting_payment', 'applied', 'lapsed', 'canceled')),
    version         int NOT NULL DEFAULT 1 CHECK (version >= 1),
    content         jsonb NOT NULL CHECK (
        jsonb_typeof(content -> 'lines') = 'array'
        AND jsonb_typeof(content -> 'given_up') = 'array'),
    -- Gross of what is given up, and of what is added.
    given_up_minor  bigint NOT NULL CHECK (given_up_minor >= 0),
    added_minor     bigint NOT NULL CHECK (added_minor >= 0),
    -- Whether the order was a sale when the change was made, so that money moves for it.
    is_sold         boolean NOT NULL,
    -- What pays the difference of an order that was paid.
    payment_id      uuid UNIQUE REFERENCES payments,
    -- What was given up, once it was. Deferred: its lines may be of this very change, or a later one.
    cancellation_id uuid UNIQUE REFERENCES cancellations DEFERRABLE INITIALLY DEFERRED,
    -- What came back for what it adds, which was sent already: an exchange, paid by what was refunded.
    return_id       uuid UNIQUE REFERENCES returns,
    changed_by      text NOT NULL,
    change_reason   text NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT order_changes_something CHECK (given_up_minor + added_minor > 0),
    CONSTRAINT order_changes_paid_by CHECK (
        (payment_id IS NOT NULL)
        = (is_sold AND added_minor > given_up_minor AND return_id IS NULL)),
    CONSTRAINT order_changes_exchange CHECK (
        return_id IS NULL OR (is_sold AND state = 'applied' AND given_up_minor = 0)),
    CONSTRAINT order_changes_awaited CHECK (state = 'applied' OR payment_id IS NOT NULL),
    CONSTRAINT order_changes_given_up_when_applied CHECK (
        (cancellation_id IS NOT NULL) = (state = 'applied' AND given_up_minor > 0))
);
CREATE INDEX order_changes_order ON order_changes (order_id, id);
-- One at a time: a second would be worked out from what the first may still take.
CREATE UNIQUE INDEX order_changes_one_awaited ON order_changes (order_id)
    WHERE state = 'awaiting_payment';

CREATE TABLE order_change_events (
    change_id   uuid NOT NULL,
    seq         int NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (change_id, seq)
);
CREATE TRIGGER order_change_events_append_only BEFORE UPDATE OR DELETE ON order_change_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The allowed moves; a test compares them with the table in orders/changes/states.py.
CREATE TABLE order_change_state_moves (
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO order_change_state_moves (from_state, to_state) VALUES
    ('awaiting_payment', 'applied'),
    ('awaiting_payment', 'canceled'),
    ('awaiting_payment', 'lapsed'),
    ('lapsed', 'applied');

-- What was agreed is never written again, and every state is a line of history.
CREATE FUNCTION record_order_change() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
BEGIN
    IF before IS NULL AND NEW.state NOT IN ('awaiting_payment', 'applied')
       OR before IS NOT NULL AND NOT EXISTS (
           SELECT FROM order_change_state_moves WHERE from_state = before AND to_state = NEW.state)
    THEN
        RAISE EXCEPTION 'order change %: % does not lead to %', NEW.id, before, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF before IS NOT NULL THEN
        IF (NEW.order_id, NEW.content, NEW.given_up_minor, NEW.added_minor, NEW.is_sold,
            NEW.payment_id, NEW.return_id) IS DISTINCT FROM (OLD.order_id, OLD.content,
            OLD.given_up_minor, OLD.added_minor, OLD.is_sold, OLD.payment_id, OLD.return_id) THEN
            RAISE EXCEPTION 'order change %: what was agreed does not change', NEW.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        NEW.version := OLD.version + 1;
    END IF;
    INSERT INTO order_change_events
           (change_id, seq, from_state, to_state, actor, reason, happened_at)
    VALUES (NEW.id, NEW.version, before, NEW.state, NEW.changed_by, NEW.change_reason,
            NEW.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER order_changes_record BEFORE INSERT OR UPDATE ON order_changes
    FOR EACH ROW EXECUTE FUNCTION record_order_change();

-- Where a line came from; the lines of the promise came with the order. order_changes is small, and
-- only rows that name one are looked up.
ALTER TABLE order_lines ADD COLUMN change_id uuid REFERENCES order_changes;
CREATE INDEX order_lines_change ON order_lines (change_id) WHERE change_id IS NOT NULL;

-- Gross of the lines that changes added; what is due is the total and this, less what was canceled.
-- change_count: changes that were ever made, so that an order without any is asked for none.
ALTER TABLE orders
    ADD COLUMN added_minor bigint NOT NULL DEFAULT 0 CHECK (added_minor >= 0),
    ADD COLUMN change_count int NOT NULL DEFAULT 0 CHECK (change_count >= 0),
    DROP CONSTRAINT orders_canceled_within_total,
    ADD CONSTRAINT orders_canceled_within_total CHECK (
        canceled_minor >= 0 AND canceled_minor < total_minor + added_minor);

-- What a change added became a sale; the reference is the change.
ALTER TABLE ledger_journals
    DROP CONSTRAINT ledger_journals_kind_check,
    ADD CONSTRAINT ledger_journals_kind_check CHECK (kind IN (
        'capture', 'sale', 'refund', 'sale_reversal', 'sale_credit', 'sale_addition', 'suspense',
        'gift_card_issue', 'gift_card_adjust', 'gift_card_expire'));

-- What a change added to a sale is invoiced, and what it gave up for that is credited, by itself.
ALTER TABLE documents
    ADD COLUMN change_id uuid REFERENCES order_changes,
    DROP CONSTRAINT documents_check,
    ADD CONSTRAINT documents_note_is_of_one CHECK (
        CASE kind WHEN 'credit_note' THEN (refund_id IS NULL) <> (change_id IS NULL)
                  ELSE refund_id IS NULL END);
DROP INDEX documents_one_invoice;
CREATE UNIQUE INDEX documents_one_invoice ON documents (order_id)
    WHERE kind = 'invoice' AND change_id IS NULL;
DROP INDEX documents_one_packing_slip;
CREATE UNIQUE INDEX documents_one_packing_slip ON documents (order_id)
    WHERE kind = 'packing_slip' AND change_id IS NULL;
CREATE UNIQUE INDEX documents_one_of_change ON documents (change_id, kind)
    WHERE change_id IS NOT NULL;
