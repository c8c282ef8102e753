-- How many. available = on_hand - allocated - reserved, and the database refuses to oversell.

CREATE TABLE locations (
    id       uuid PRIMARY KEY,
    code     text NOT NULL UNIQUE,
    name     text NOT NULL,
    country  char(2) NOT NULL,
    priority int NOT NULL DEFAULT 0
);

-- One row per variant and place. Nothing points here by foreign key: a flash sale updates one row
-- thousands of times a second, and a key share lock on it would make every insert wait.
CREATE TABLE stock_levels (
    variant_id          uuid NOT NULL REFERENCES variants,
    location_id         uuid NOT NULL REFERENCES locations,
    on_hand             int NOT NULL DEFAULT 0,
    allocated           int NOT NULL DEFAULT 0,
    reserved            int NOT NULL DEFAULT 0,
    backorder_limit     int NOT NULL DEFAULT 0,
    low_stock_threshold int NOT NULL DEFAULT 0,
    version             bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (variant_id, location_id),
    CONSTRAINT stock_levels_never_oversold CHECK (
        on_hand >= 0 AND allocated >= 0 AND reserved >= 0 AND backorder_limit >= 0
        AND on_hand + backorder_limit >= allocated + reserved
    )
) WITH (fillfactor = 30, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE stock_movements (
    id          uuid PRIMARY KEY,
    variant_id  uuid NOT NULL,
    location_id uuid NOT NULL,
    delta       int NOT NULL CHECK (delta <> 0),
    reason      text NOT NULL CHECK (reason IN (
        'initial', 'received', 'count', 'damaged', 'lost', 'returned', 'promotion', 'correction',
        'shipped', 'transfer')),
    reference   text NOT NULL,
    actor       text NOT NULL,
    moved_at    timestamptz NOT NULL
);
CREATE INDEX stock_movements_variant ON stock_movements (variant_id, id);
CREATE TRIGGER stock_movements_append_only BEFORE UPDATE OR DELETE ON stock_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Held for a checkout until an instant. holder_id is the order, or whoever asked over the API.
CREATE TABLE reservations (
    id            uuid PRIMARY KEY,
    holder_id     uuid NOT NULL,
    order_line_id uuid,
    variant_id    uuid NOT NULL,
    location_id   uuid NOT NULL,
    quantity      int NOT NULL CHECK (quantity > 0),
    state         text NOT NULL CHECK (state IN ('active', 'committed', 'released', 'expired')),
    expires_at    timestamptz NOT NULL,
    is_grace_used boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    end_reason    text,
    CHECK ((state = 'active') = (ended_at IS NULL))
);
CREATE INDEX reservations_holder ON reservations (holder_id);
CREATE INDEX reservations_due ON reservations (expires_at) WHERE state = 'active';

CREATE FUNCTION refuse_reservation_revival() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'reservation % has ended as %', OLD.id, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER reservations_end_once BEFORE UPDATE ON reservations
    FOR EACH ROW WHEN (OLD.state <> 'active') EXECUTE FUNCTION refuse_reservation_revival();

-- Owned by an order and not yet shipped: quantity - released - shipped.
CREATE TABLE allocations (
    id                uuid PRIMARY KEY,
    reservation_id    uuid NOT NULL UNIQUE REFERENCES reservations,
    order_id          uuid NOT NULL,
    order_line_id     uuid NOT NULL,
    variant_id        uuid NOT NULL,
    location_id       uuid NOT NULL,
    quantity          int NOT NULL CHECK (quantity > 0),
    released_quantity int NOT NULL DEFAULT 0 CHECK (released_quantity >= 0),
    shipped_quantity  int NOT NULL DEFAULT 0 CHECK (shipped_quantity >= 0),
    created_at        timestamptz NOT NULL,
    CHECK (released_quantity + shipped_quantity <= quantity)
);
CREATE INDEX allocations_order ON allocations (order_id);
