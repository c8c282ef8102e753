-- Money that goes back by line and by amount, and parts of orders that are given up.

-- What its buyer no longer owes of a line, kept beside the promise, which never changes. Canceled:
-- never sent, and not owed. Refunded: paid back, or on its way back. Triggers keep the sums.
ALTER TABLE order_lines
    ADD COLUMN canceled_quantity  int NOT NULL DEFAULT 0,
    ADD COLUMN canceled_net_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN canceled_tax_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN refunded_quantity  int NOT NULL DEFAULT 0,
    ADD COLUMN refunded_net_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN refunded_tax_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT order_lines_credited_within_promised CHECK (
        canceled_quantity >= 0 AND canceled_net_minor >= 0 AND canceled_tax_minor >= 0
        AND refunded_quantity >= 0 AND refunded_net_minor >= 0 AND refunded_tax_minor >= 0
        AND canceled_quantity + refunded_quantity <= quantity
        AND canceled_net_minor + refunded_net_minor <= net_minor
        AND canceled_tax_minor + refunded_tax_minor <= tax_minor);

-- The gross of everything that was canceled in parts; what is owed is the total less this.
ALTER TABLE orders
    ADD COLUMN canceled_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT orders_canceled_within_total CHECK (
        canceled_minor >= 0 AND canceled_minor < total_minor);

-- Units of an order that were given up while the rest goes on.
CREATE TABLE cancellations (
    id         uuid PRIMARY KEY,
    order_id   uuid NOT NULL REFERENCES orders,
    reason     text NOT NULL,
    actor      text NOT NULL,
    -- Whether the order was a sale by then, so that money goes back for it.
    is_sold    boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX cancellations_order ON cancellations (order_id);
CREATE TRIGGER cancellations_append_only BEFORE UPDATE OR DELETE ON cancellations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE cancellation_lines (
    cancellation_id uuid NOT NULL REFERENCES cancellations,
    order_line_id   uuid NOT NULL REFERENCES order_lines,
    quantity        int NOT NULL CHECK (quantity > 0),
    net_minor       bigint NOT NULL CHECK (net_minor >= 0),
    tax_minor       bigint NOT NULL CHECK (tax_minor >= 0),
    PRIMARY KEY (cancellation_id, order_line_id)
);
CREATE INDEX cancellation_lines_line ON cancellation_lines (order_line_id);
CREATE TRIGGER cancellation_lines_append_only BEFORE UPDATE OR DELETE ON cancellation_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION count_canceled() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_lines AS line
       SET canceled_quantity = line.canceled_quantity + more.quantity,
           canceled_net_minor = line.canceled_net_minor + more.net_minor,
           canceled_tax_minor = line.canceled_tax_minor + more.tax_minor
      FROM (SELECT order_line_id, sum(quantity) AS quantity, sum(net_minor) AS net_minor,
                   sum(tax_minor) AS tax_minor
              FROM added
             GROUP BY order_line_id) AS more
     WHERE line.id = more.order_line_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER cancellation_lines_count AFTER INSERT ON cancellation_lines
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_canceled();

-- batch_id: what was asked for at once, over however many payments. is_of_sale: it takes back a
-- part of the sale, listed in refund_lines and shipping_minor, when it succeeds; another returns
-- money that is no sale (any more). is_excess: more was paid than was due, so it never was one.
ALTER TABLE refunds
    ADD COLUMN is_excess          boolean NOT NULL DEFAULT false,
    ADD COLUMN batch_id           uuid,
    ADD COLUMN is_of_sale         boolean NOT NULL DEFAULT false,
    ADD COLUMN shipping_minor     bigint NOT NULL DEFAULT 0,
    ADD COLUMN shipping_tax_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN cancellation_id    uuid REFERENCES cancellations,
    ADD COLUMN retry_of           uuid UNIQUE REFERENCES refunds,
    ADD COLUMN internal_reason    text,
    ADD CONSTRAINT refunds_shipping CHECK (
        shipping_minor BETWEEN 0 AND amount_minor
        AND shipping_tax_minor BETWEEN 0 AND shipping_minor
        AND (is_of_sale OR shipping_minor = 0)),
    ADD CONSTRAINT refunds_of_sale_or_cancellation CHECK (
        NOT is_of_sale OR (cancellation_id IS NULL AND NOT is_excess));

CREATE TABLE refund_lines (
    refund_id     uuid NOT NULL REFERENCES refunds,
    order_line_id uuid NOT NULL REFERENCES order_lines,
    -- Whole units; 0 when only money goes back for the line.
    quantity      int NOT NULL CHECK (quantity >= 0),
    net_minor     bigint NOT NULL CHECK (net_minor >= 0),
    tax_minor     bigint NOT NULL CHECK (tax_minor >= 0),
    PRIMARY KEY (refund_id, order_line_id)
);
CREATE INDEX refund_lines_line ON refund_lines (order_line_id);
CREATE TRIGGER refund_lines_append_only BEFORE UPDATE OR DELETE ON refund_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION count_refunded() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_lines AS line
       SET refunded_quantity = line.refunded_quantity + more.quantity,
           refunded_net_minor = line.refunded_net_minor + more.net_minor,
           refunded_tax_minor = line.refunded_tax_minor + more.tax_minor
      FROM (SELECT order_line_id, sum(quantity) AS quantity, sum(net_minor) AS net_minor,
                   sum(tax_minor) AS tax_minor
              FROM added
             GROUP BY order_line_id) AS more
     WHERE line.id = more.order_line_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER refund_lines_count AFTER INSERT ON refund_lines
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_refunded();

-- A refund that failed gives its units and its money back to what may still be refunded.
CREATE FUNCTION free_refunded() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_lines AS line
       SET refunded_quantity = line.refunded_quantity - failed.quantity,
           refunded_net_minor = line.refunded_net_minor - failed.net_minor,
           refunded_tax_minor = line.refunded_tax_minor - failed.tax_minor
      FROM refund_lines AS failed
     WHERE failed.refund_id = NEW.id
       AND line.id = failed.order_line_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER refunds_free AFTER UPDATE OF state ON refunds
    FOR EACH ROW WHEN (OLD.state <> 'failed' AND NEW.state = 'failed')
    EXECUTE FUNCTION free_refunded();

CREATE FUNCTION refuse_refund_revival() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refund % has ended as %', OLD.id, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER refunds_end_once BEFORE UPDATE OF state ON refunds
    FOR EACH ROW WHEN (OLD.state <> 'requested') EXECUTE FUNCTION refuse_refund_revival();

-- Shipping goes back once at most. The caller holds the order's row lock; this is the law.
CREATE FUNCTION check_refunded_shipping() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    charged bigint;
    tax     bigint;
BEGIN
    SELECT shipping_minor + CASE WHEN is_tax_included THEN 0 ELSE shipping_tax_minor END,
           shipping_tax_minor
      INTO charged, tax
      FROM orders WHERE id = NEW.order_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM refunds WHERE order_id = NEW.order_id AND state <> 'failed'
                HAVING sum(shipping_minor) > charged OR sum(shipping_tax_minor) > tax) THEN
        RAISE EXCEPTION 'order %: more shipping refunded than was charged', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refunds_within_shipping';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER refunds_within_shipping AFTER INSERT ON refunds
    FOR EACH ROW WHEN (NEW.shipping_minor > 0) EXECUTE FUNCTION check_refunded_shipping();

-- A part of a sale was taken back: of a refund, or of a cancellation.
ALTER TABLE ledger_journals
    DROP CONSTRAINT ledger_journals_kind_check,
    ADD CONSTRAINT ledger_journals_kind_check CHECK (kind IN (
        'capture', 'sale', 'refund', 'sale_reversal', 'sale_credit', 'suspense'));

-- Goods on their way back from a buyer.
CREATE TABLE returns (
    id            uuid PRIMARY KEY,
    order_id      uuid NOT NULL REFERENCES orders,
    state         text NOT NULL CHECK (state IN (
        'requested', 'approved', 'rejected', 'in_transit', 'received', 'inspected', 'completed',
        'canceled')),
    -- The buyer's words, and staff's answer to them.
    note          text,
    answer        text,
    version       int NOT NULL DEFAULT 1,
    changed_by    text NOT NULL,
    change_reason text NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX returns_order ON returns (order_id);

-- received_quantity: null until the parcel was opened. What came is sellable or damaged.
CREATE TABLE return_lines (
    id                uuid PRIMARY KEY,
    return_id         uuid NOT NULL REFERENCES returns,
    order_line_id     uuid NOT NULL REFERENCES order_lines,
    quantity          int NOT NULL CHECK (quantity > 0),
    reason            text NOT NULL CHECK (reason IN (
        'damaged', 'defective', 'wrong_item', 'not_as_described', 'does_not_fit', 'changed_mind',
        'other')),
    note              text,
    received_quantity int CHECK (received_quantity BETWEEN 0 AND quantity),
    sellable_quantity int NOT NULL DEFAULT 0 CHECK (sellable_quantity >= 0),
    damaged_quantity  int NOT NULL DEFAULT 0 CHECK (damaged_quantity >= 0),
    -- Where the sellable units were put on the shelf.
    location_id       uuid,
    UNIQUE (return_id, order_line_id),
    CONSTRAINT return_lines_judged_within_received CHECK (
        sellable_quantity + damaged_quantity <= coalesce(received_quantity, 0)),
    CHECK ((sellable_quantity > 0) <= (location_id IS NOT NULL))
);
CREATE INDEX return_lines_line ON return_lines (order_line_id);

CREATE TABLE return_events (
    return_id   uuid NOT NULL,
    seq         int NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (return_id, seq)
);
CREATE TRIGGER return_events_append_only BEFORE UPDATE OR DELETE ON return_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The allowed moves; a test compares them with the table in orders/states.py.
CREATE TABLE return_state_moves (
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO return_state_moves (from_state, to_state) VALUES
    ('approved', 'canceled'),
    ('approved', 'in_transit'),
    ('approved', 'received'),
    ('in_transit', 'received'),
    ('inspected', 'completed'),
    ('received', 'inspected'),
    ('requested', 'approved'),
    ('requested', 'canceled'),
    ('requested', 'rejected');

CREATE FUNCTION record_return_move() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
BEGIN
    IF before IS NULL AND NEW.state <> 'requested'
       OR before IS NOT NULL AND NOT EXISTS (
           SELECT FROM return_state_moves WHERE from_state = before AND to_state = NEW.state) THEN
        RAISE EXCEPTION 'return %: % does not lead to %', NEW.id, before, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF before IS NOT NULL THEN
        NEW.version := OLD.version + 1;
    END IF;
    INSERT INTO return_events (return_id, seq, from_state, to_state, actor, reason, happened_at)
    VALUES (NEW.id, NEW.version, before, NEW.state, NEW.changed_by, NEW.change_reason,
            NEW.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER returns_record_request BEFORE INSERT ON returns
    FOR EACH ROW EXECUTE FUNCTION record_return_move();
CREATE TRIGGER returns_record_move BEFORE UPDATE OF state ON returns
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION record_return_move();

-- Units that came back or are to come: of a return that goes on, those asked for until it is
-- opened, then those that were in it. Never more than were sent, whoever writes.
ALTER TABLE order_lines
    ADD COLUMN returned_quantity int NOT NULL DEFAULT 0 CHECK (returned_quantity >= 0);

CREATE FUNCTION check_returned_quantity() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.returned_quantity > (SELECT coalesce(sum(shipped_quantity), 0) FROM allocations
                                 WHERE order_id = NEW.order_id AND order_line_id = NEW.id) THEN
        RAISE EXCEPTION 'order line %: more units return than were sent', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'returned_within_shipped';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER order_lines_returned_within_shipped AFTER UPDATE OF returned_quantity ON order_lines
    FOR EACH ROW WHEN (NEW.returned_quantity > OLD.returned_quantity)
    EXECUTE FUNCTION check_returned_quantity();

CREATE FUNCTION count_returned() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_lines
       SET returned_quantity = returned_quantity + CASE TG_OP
           WHEN 'INSERT' THEN NEW.quantity
           ELSE NEW.received_quantity - NEW.quantity END
     WHERE id = NEW.order_line_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER return_lines_count AFTER INSERT ON return_lines
    FOR EACH ROW EXECUTE FUNCTION count_returned();
CREATE TRIGGER return_lines_count_received AFTER UPDATE OF received_quantity ON return_lines
    FOR EACH ROW WHEN (OLD.received_quantity IS NULL AND NEW.received_quantity IS NOT NULL)
    EXECUTE FUNCTION count_returned();

CREATE FUNCTION free_returned() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_lines AS line
       SET returned_quantity = line.returned_quantity - given_up.quantity
      FROM return_lines AS given_up
     WHERE given_up.return_id = NEW.id
       AND line.id = given_up.order_line_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER returns_free AFTER UPDATE OF state ON returns
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state
                       AND NEW.state IN ('rejected', 'canceled'))
    EXECUTE FUNCTION free_returned();

ALTER TABLE refunds ADD COLUMN return_id uuid REFERENCES returns;
