-- What was promised. The status is a consequence of facts; the database keeps its history.

CREATE TABLE orders (
    id                 uuid PRIMARY KEY,
    number             text NOT NULL UNIQUE,
    cart_id            uuid,
    email              text NOT NULL CHECK (email <> ''),
    currency           char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    subtotal_minor     bigint NOT NULL CHECK (subtotal_minor >= 0),
    discount_minor     bigint NOT NULL DEFAULT 0 CHECK (discount_minor >= 0),
    shipping_minor     bigint NOT NULL CHECK (shipping_minor >= 0),
    -- The tax within or upon shipping; it is part of tax_minor.
    shipping_tax_minor bigint NOT NULL CHECK (shipping_tax_minor BETWEEN 0 AND tax_minor),
    tax_minor          bigint NOT NULL CHECK (tax_minor >= 0),
    total_minor        bigint NOT NULL CHECK (total_minor > 0),
    is_tax_included    boolean NOT NULL,
    paid_minor         bigint NOT NULL DEFAULT 0 CHECK (paid_minor >= 0),
    refunded_minor     bigint NOT NULL DEFAULT 0,
    shipping_method    text NOT NULL,
    shipping_address   jsonb NOT NULL,
    billing_address    jsonb,
    provider           text NOT NULL,
    status             text NOT NULL CHECK (status IN (
        'pending_payment', 'payment_failed', 'paid', 'confirmed', 'processing',
        'ready_for_shipment', 'shipped', 'in_transit', 'delivered', 'canceled',
        'partially_refunded', 'refunded', 'disputed', 'archived')),
    payment_status     text NOT NULL CHECK (payment_status IN (
        'not_paid', 'pending', 'authorized', 'paid', 'partially_refunded', 'refunded', 'failed',
        'disputed')),
    fulfillment_status text NOT NULL DEFAULT 'unfulfilled' CHECK (fulfillment_status IN (
        'unfulfilled', 'processing', 'ready_for_shipment', 'partially_shipped', 'shipped',
        'in_transit', 'delivered', 'returned')),
    placed_at          timestamptz NOT NULL,
    canceled_at        timestamptz,
    cancel_reason      text,
    archived_at        timestamptz,
    extensions_used    int NOT NULL DEFAULT 0 CHECK (extensions_used >= 0),
    version            int NOT NULL DEFAULT 1,
    changed_by         text NOT NULL,
    change_reason      text NOT NULL,
    updated_at         timestamptz NOT NULL,
    CONSTRAINT orders_total_is_its_parts CHECK (
        total_minor = subtotal_minor - discount_minor + shipping_minor
                    + CASE WHEN is_tax_included THEN 0 ELSE tax_minor END),
    CONSTRAINT orders_refund_within_paid CHECK (refunded_minor BETWEEN 0 AND paid_minor),
    CHECK ((canceled_at IS NULL) = (cancel_reason IS NULL))
) WITH (fillfactor = 85);
-- The worker's list of orders that nobody has paid for.
CREATE INDEX orders_unpaid ON orders (placed_at)
    WHERE status IN ('pending_payment', 'payment_failed');

CREATE TABLE order_lines (
    id               uuid PRIMARY KEY,
    order_id         uuid NOT NULL REFERENCES orders,
    position         int NOT NULL,
    product_id       uuid NOT NULL,
    variant_id       uuid NOT NULL,
    vendor_id        uuid NOT NULL,
    sku              text NOT NULL,
    name             text NOT NULL,
    options          jsonb NOT NULL,
    image            text,
    quantity         int NOT NULL CHECK (quantity > 0),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor > 0),
    discount_minor   bigint NOT NULL DEFAULT 0 CHECK (discount_minor >= 0),
    total_minor      bigint NOT NULL,
    tax_rate         numeric NOT NULL CHECK (tax_rate >= 0),
    net_minor        bigint NOT NULL CHECK (net_minor >= 0),
    tax_minor        bigint NOT NULL CHECK (tax_minor >= 0),
    gross_minor      bigint NOT NULL,
    UNIQUE (order_id, position),
    CHECK (total_minor = quantity * unit_price_minor),
    CHECK (gross_minor = net_minor + tax_minor)
);

CREATE TABLE order_status_moves (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    PRIMARY KEY (from_status, to_status)
);

-- Written only by the triggers below, from the order itself, so it needs no foreign key to prove
-- that there is one: that proof would cost the lane a look-up per order.
CREATE TABLE order_events (
    order_id    uuid NOT NULL,
    seq         int NOT NULL,
    from_status text,
    to_status   text NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, seq)
);
CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The first line of an order's history, for every order of one INSERT at once.
CREATE FUNCTION record_order_placed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, seq, from_status, to_status, actor, reason, happened_at)
    SELECT id, version, NULL, status, changed_by, change_reason, updated_at FROM placed;
    RETURN NULL;
END
$$;
CREATE TRIGGER orders_record_placed AFTER INSERT ON orders
    REFERENCING NEW TABLE AS placed
    FOR EACH STATEMENT EXECUTE FUNCTION record_order_placed();

-- Every later line. The commands raise the version with each change of status; a change that does
-- not was made by hand, and its line says by whom.
CREATE FUNCTION record_order_move() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM order_status_moves
                    WHERE from_status = OLD.status AND to_status = NEW.status) THEN
        RAISE EXCEPTION 'order %: % does not lead to %', OLD.number, OLD.status, NEW.status
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.version = OLD.version THEN
        NEW.version := OLD.version + 1;
        NEW.changed_by := 'database:' || session_user;
        NEW.change_reason := 'changed by hand';
        NEW.updated_at := clock_timestamp();
    END IF;
    INSERT INTO order_events (order_id, seq, from_status, to_status, actor, reason, happened_at)
    VALUES (NEW.id, NEW.version, OLD.status, NEW.status, NEW.changed_by, NEW.change_reason,
            NEW.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER orders_record_move BEFORE UPDATE OF status ON orders
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION record_order_move();

-- The allowed moves; a test compares them with the table in orders/states.py.
INSERT INTO order_status_moves (from_status, to_status) VALUES
    ('archived', 'disputed'),
    ('canceled', 'archived'),
    ('canceled', 'disputed'),
    ('canceled', 'paid'),
    ('canceled', 'partially_refunded'),
    ('canceled', 'refunded'),
    ('confirmed', 'canceled'),
    ('confirmed', 'disputed'),
    ('confirmed', 'paid'),
    ('confirmed', 'partially_refunded'),
    ('confirmed', 'processing'),
    ('confirmed', 'ready_for_shipment'),
    ('confirmed', 'refunded'),
    ('confirmed', 'shipped'),
    ('delivered', 'archived'),
    ('delivered', 'disputed'),
    ('delivered', 'partially_refunded'),
    ('delivered', 'refunded'),
    ('disputed', 'archived'),
    ('disputed', 'canceled'),
    ('disputed', 'delivered'),
    ('disputed', 'paid'),
    ('disputed', 'partially_refunded'),
    ('disputed', 'processing'),
    ('disputed', 'refunded'),
    ('disputed', 'shipped'),
    ('in_transit', 'delivered'),
    ('in_transit', 'disputed'),
    ('in_transit', 'partially_refunded'),
    ('in_transit', 'refunded'),
    ('paid', 'canceled'),
    ('paid', 'confirmed'),
    ('paid', 'disputed'),
    ('paid', 'partially_refunded'),
    ('paid', 'processing'),
    ('paid', 'ready_for_shipment'),
    ('paid', 'refunded'),
    ('paid', 'shipped'),
    ('partially_refunded', 'archived'),
    ('partially_refunded', 'canceled'),
    ('partially_refunded', 'delivered'),
    ('partially_refunded', 'disputed'),
    ('partially_refunded', 'paid'),
    ('partially_refunded', 'processing'),
    ('partially_refunded', 'refunded'),
    ('partially_refunded', 'shipped'),
    ('payment_failed', 'canceled'),
    ('payment_failed', 'paid'),
    ('payment_failed', 'pending_payment'),
    ('payment_failed', 'refunded'),
    ('pending_payment', 'canceled'),
    ('pending_payment', 'confirmed'),
    ('pending_payment', 'paid'),
    ('pending_payment', 'payment_failed'),
    ('pending_payment', 'refunded'),
    ('processing', 'canceled'),
    ('processing', 'disputed'),
    ('processing', 'partially_refunded'),
    ('processing', 'ready_for_shipment'),
    ('processing', 'refunded'),
    ('processing', 'shipped'),
    ('ready_for_shipment', 'canceled'),
    ('ready_for_shipment', 'disputed'),
    ('ready_for_shipment', 'partially_refunded'),
    ('ready_for_shipment', 'processing'),
    ('ready_for_shipment', 'refunded'),
    ('ready_for_shipment', 'shipped'),
    ('refunded', 'archived'),
    ('refunded', 'canceled'),
    ('refunded', 'disputed'),
    ('refunded', 'paid'),
    ('refunded', 'partially_refunded'),
    ('shipped', 'delivered'),
    ('shipped', 'disputed'),
    ('shipped', 'in_transit'),
    ('shipped', 'partially_refunded'),
    ('shipped', 'refunded');
