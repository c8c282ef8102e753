-- What of an order is sent, from where, in which parcel, and how far it has come; what people write
-- about an order. No store is live before 0.1.0, so indexes are built with the tables; on a live
-- one each would be CONCURRENTLY, in a file of its own.

-- Staff's own facts of an order. The label follows from them.
ALTER TABLE orders
    ADD COLUMN confirmed_at  timestamptz,
    ADD COLUMN processing_at timestamptz;

-- One parcel, or what is to become one: units of one order from one location.
CREATE TABLE fulfillments (
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders,
    location_id     uuid NOT NULL REFERENCES locations,
    -- Whose goods they are, when all are of one vendor.
    vendor_id       uuid REFERENCES vendors,
    state           text NOT NULL CHECK (state IN (
        'open', 'packed', 'shipped', 'in_transit', 'delivered', 'canceled', 'lost',
        'returned_to_sender')),
    carrier         text,
    tracking_number text,
    created_at      timestamptz NOT NULL,
    packed_at       timestamptz,
    shipped_at      timestamptz,
    delivered_at    timestamptz,
    version         int NOT NULL DEFAULT 1,
    changed_by      text NOT NULL,
    change_reason   text NOT NULL,
    updated_at      timestamptz NOT NULL,
    CHECK ((shipped_at IS NULL) = (state IN ('open', 'packed', 'canceled'))),
    CHECK (shipped_at IS NULL OR carrier IS NOT NULL),
    CHECK (state <> 'packed' OR packed_at IS NOT NULL),
    CHECK ((delivered_at IS NULL) = (state <> 'delivered'))
);
CREATE INDEX fulfillments_order ON fulfillments (order_id);
CREATE INDEX fulfillments_tracking ON fulfillments (tracking_number)
    WHERE tracking_number IS NOT NULL;

CREATE TABLE fulfillment_lines (
    fulfillment_id uuid NOT NULL REFERENCES fulfillments,
    allocation_id  uuid NOT NULL REFERENCES allocations,
    quantity       int NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (fulfillment_id, allocation_id)
);
CREATE INDEX fulfillment_lines_allocation ON fulfillment_lines (allocation_id);
CREATE TRIGGER fulfillment_lines_append_only BEFORE UPDATE OR DELETE ON fulfillment_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Written only by the triggers below. A line whose states are equal corrected the parcel.
CREATE TABLE fulfillment_events (
    fulfillment_id  uuid NOT NULL REFERENCES fulfillments,
    seq             int NOT NULL,
    from_state      text,
    to_state        text NOT NULL,
    carrier         text,
    tracking_number text,
    actor           text NOT NULL,
    reason          text NOT NULL,
    happened_at     timestamptz NOT NULL,
    PRIMARY KEY (fulfillment_id, seq)
);
CREATE TRIGGER fulfillment_events_append_only BEFORE UPDATE OR DELETE ON fulfillment_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION record_fulfillment_opened() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'open' OR NEW.version <> 1 THEN
        RAISE EXCEPTION 'fulfillment % does not begin as %', NEW.id, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO fulfillment_events
           (fulfillment_id, seq, from_state, to_state, actor, reason, happened_at)
    VALUES (NEW.id, 1, NULL, NEW.state, NEW.changed_by, NEW.change_reason, NEW.updated_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER fulfillments_record_opened AFTER INSERT ON fulfillments
    FOR EACH ROW EXECUTE FUNCTION record_fulfillment_opened();

-- The commands raise the version with each change; a change that does not was made by hand. A test
-- compares the moves with the table in orders/states.py.
CREATE FUNCTION record_fulfillment_move() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('open', 'packed'), ('open', 'shipped'), ('open', 'canceled'),
        ('packed', 'shipped'), ('packed', 'canceled'),
        ('shipped', 'in_transit'), ('shipped', 'delivered'), ('shipped', 'lost'),
        ('shipped', 'returned_to_sender'),
        ('in_transit', 'delivered'), ('in_transit', 'lost'), ('in_transit', 'returned_to_sender'),
        ('lost', 'delivered'), ('lost', 'returned_to_sender')) THEN
        RAISE EXCEPTION 'fulfillment %: % does not lead to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.version = OLD.version THEN
        NEW.version := OLD.version + 1;
        NEW.changed_by := 'database:' || session_user;
        NEW.change_reason := 'changed by hand';
        NEW.updated_at := clock_timestamp();
    END IF;
    INSERT INTO fulfillment_events
           (fulfillment_id, seq, from_state, to_state, carrier, tracking_number, actor, reason,
            happened_at)
    VALUES (NEW.id, NEW.version, OLD.state, NEW.state, NEW.carrier, NEW.tracking_number,
            NEW.changed_by, NEW.change_reason, NEW.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER fulfillments_record_move BEFORE UPDATE ON fulfillments
    FOR EACH ROW
    WHEN ((OLD.state, OLD.carrier, OLD.tracking_number)
          IS DISTINCT FROM (NEW.state, NEW.carrier, NEW.tracking_number))
    EXECUTE FUNCTION record_fulfillment_move();

-- No unit is in two parcels: what is in fulfillments that were not canceled never exceeds what the
-- order owns of an allocation. Looked at when the transaction ends, so that it may cancel a
-- fulfillment and release its units in any order; under the allocation's lock, so that two
-- transactions cannot each see room for themselves.
CREATE FUNCTION refuse_units_sent_twice() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    wanted uuid;
    owned  record;
    sent   int;
BEGIN
    IF TG_TABLE_NAME = 'allocations' THEN
        wanted := NEW.id;
    ELSE
        wanted := NEW.allocation_id;
    END IF;
    SELECT order_id, location_id, quantity - released_quantity AS units INTO owned
      FROM allocations
     WHERE id = wanted
       FOR NO KEY UPDATE;
    SELECT coalesce(sum(line.quantity), 0) INTO sent
      FROM fulfillment_lines AS line
      JOIN fulfillments AS parcel ON parcel.id = line.fulfillment_id
     WHERE line.allocation_id = wanted
       AND parcel.state <> 'canceled';
    IF sent > owned.units THEN
        RAISE EXCEPTION 'allocation %: % units are in fulfillments, % are owned',
            wanted, sent, owned.units
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM fulfillment_lines AS line
                 JOIN fulfillments AS parcel ON parcel.id = line.fulfillment_id
                WHERE line.allocation_id = wanted
                  AND (parcel.order_id, parcel.location_id)
                      <> (owned.order_id, owned.location_id)) THEN
        RAISE EXCEPTION 'allocation % is of another order or place than its parcel', wanted
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER fulfillment_lines_within_owned AFTER INSERT ON fulfillment_lines
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_units_sent_twice();
CREATE CONSTRAINT TRIGGER allocations_keep_parcels AFTER UPDATE ON allocations
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.released_quantity > OLD.released_quantity)
    EXECUTE FUNCTION refuse_units_sent_twice();

-- A parcel leaves the shelf once.
CREATE UNIQUE INDEX stock_movements_shipped_once
    ON stock_movements (reference, variant_id, location_id) WHERE reason = 'shipped';

-- What people write about an order; the buyer sees what is visible.
CREATE TABLE order_notes (
    id         uuid PRIMARY KEY,
    order_id   uuid NOT NULL REFERENCES orders,
    text       text NOT NULL CHECK (text <> ''),
    is_visible boolean NOT NULL,
    actor      text NOT NULL,
    written_at timestamptz NOT NULL
);
CREATE INDEX order_notes_order ON order_notes (order_id);
CREATE TRIGGER order_notes_append_only BEFORE UPDATE OR DELETE ON order_notes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The back office's lists, newest first, and what it searches by.
CREATE INDEX orders_newest ON orders (placed_at, id);
CREATE INDEX orders_by_status ON orders (status, placed_at, id);
CREATE INDEX orders_email ON orders (lower(email), placed_at, id);
CREATE INDEX orders_by_fulfillment ON orders (fulfillment_status, placed_at, id)
    WHERE fulfillment_status <> 'unfulfilled';
CREATE INDEX orders_by_payment ON orders (payment_status, placed_at, id)
    WHERE payment_status NOT IN ('pending', 'paid');
CREATE INDEX order_lines_vendor ON order_lines (vendor_id, order_id);
CREATE INDEX order_lines_variant ON order_lines (variant_id, order_id);
CREATE INDEX payments_in_review ON payments (order_id) WHERE review_reason IS NOT NULL;
-- The worker's list of orders that nobody has touched for long.
CREATE INDEX orders_to_archive ON orders (updated_at)
    WHERE status IN ('delivered', 'canceled', 'refunded', 'partially_refunded');

-- A dispute that was won, or a refund that came back, leads to wherever the goods are; late money
-- brings an archived order back.
INSERT INTO order_status_moves (from_status, to_status) VALUES
    ('archived', 'paid'),
    ('disputed', 'confirmed'),
    ('disputed', 'in_transit'),
    ('disputed', 'ready_for_shipment'),
    ('partially_refunded', 'confirmed'),
    ('partially_refunded', 'in_transit'),
    ('partially_refunded', 'ready_for_shipment');
-- Nobody takes a confirmation back, and a confirmed order that is paid stays confirmed. Money that
-- comes too late cancels or revives its order before it goes back.
DELETE FROM order_status_moves
 WHERE (from_status, to_status) IN (
       ('confirmed', 'paid'), ('pending_payment', 'refunded'), ('payment_failed', 'refunded'));
