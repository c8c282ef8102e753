-- What things cost, as data: prices for a time, taxes, shipping, promotions and coupons.

-- Says which price book is in force. Every change of what the book holds draws another version, and
-- none is ever drawn twice, not even after a restore; a process keeps the book until then.
CREATE TABLE price_book (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version uuid NOT NULL
);

CREATE FUNCTION turn_price_book() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO price_book (version) VALUES (gen_random_uuid())
    ON CONFLICT (is_only) DO UPDATE SET version = excluded.version;
    RETURN NULL;
END
$$;

-- Beside the base price in variant_prices: for a time, or from so many units on. The lowest counts.
CREATE TABLE special_prices (
    id           uuid PRIMARY KEY,
    variant_id   uuid NOT NULL REFERENCES variants,
    currency     char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    min_quantity int NOT NULL DEFAULT 1 CHECK (min_quantity >= 1),
    starts_at    timestamptz,
    ends_at      timestamptz,
    is_active    boolean NOT NULL,
    CHECK (starts_at < ends_at)
);
CREATE INDEX special_prices_variant ON special_prices (variant_id);
CREATE TRIGGER special_prices_turn AFTER INSERT OR UPDATE OR DELETE ON special_prices
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();

-- The class picks the rate of a country; without one of its own it has the standard rate.
ALTER TABLE variants
    ADD COLUMN tax_class text NOT NULL DEFAULT 'standard' CHECK (tax_class ~ '^[a-z0-9_-]{1,40}$');

-- An empty region is the whole country.
CREATE TABLE tax_rates (
    id        uuid PRIMARY KEY,
    country   char(2) NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    region    text NOT NULL DEFAULT '',
    tax_class text NOT NULL CHECK (tax_class ~ '^[a-z0-9_-]{1,40}$'),
    rate      numeric NOT NULL CHECK (rate >= 0 AND rate < 1),
    is_active boolean NOT NULL,
    CONSTRAINT tax_rates_one_per_place UNIQUE (country, region, tax_class)
);
CREATE TRIGGER tax_rates_turn AFTER INSERT OR UPDATE OR DELETE ON tax_rates
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();

-- No countries: everywhere. The zone that names a place most closely is the one it lies in.
CREATE TABLE shipping_zones (
    id              uuid PRIMARY KEY,
    name            text NOT NULL CHECK (name <> ''),
    countries       text[] NOT NULL DEFAULT '{}',
    regions         text[] NOT NULL DEFAULT '{}',
    postal_prefixes text[] NOT NULL DEFAULT '{}',
    is_active       boolean NOT NULL,
    CHECK (cardinality(countries) = 1 OR cardinality(regions) + cardinality(postal_prefixes) = 0)
);
CREATE TRIGGER shipping_zones_turn AFTER INSERT OR UPDATE OR DELETE ON shipping_zones
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();

CREATE TABLE shipping_methods (
    id        uuid PRIMARY KEY,
    zone_id   uuid NOT NULL REFERENCES shipping_zones,
    code      text NOT NULL CHECK (code ~ '^[A-Za-z0-9_-]{1,50}$'),
    name      text NOT NULL CHECK (name <> ''),
    kind      text NOT NULL CHECK (kind IN ('delivery', 'pickup')),
    basis     text NOT NULL CHECK (basis IN ('weight', 'price', 'count')),
    -- Grams, minor units or units above which nothing is sent this way.
    max_value bigint CHECK (max_value > 0),
    -- Minor units by currency from which on it costs nothing.
    free_from jsonb NOT NULL DEFAULT '{}',
    position  int NOT NULL DEFAULT 0,
    is_active boolean NOT NULL,
    CONSTRAINT shipping_methods_one_per_zone UNIQUE (zone_id, code)
);
CREATE TRIGGER shipping_methods_turn AFTER INSERT OR UPDATE OR DELETE ON shipping_methods
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();

-- What sending costs from so many grams, minor units or units on.
CREATE TABLE shipping_rates (
    method_id    uuid NOT NULL REFERENCES shipping_methods,
    currency     char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    from_value   bigint NOT NULL CHECK (from_value >= 0),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (method_id, currency, from_value)
);
CREATE TRIGGER shipping_rates_turn AFTER INSERT OR UPDATE OR DELETE ON shipping_rates
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();

-- No products, categories or variants: everything. Amounts and minimums are minor units by currency.
CREATE TABLE promotions (
    id           uuid PRIMARY KEY,
    name         text NOT NULL CHECK (name <> ''),
    effect       text NOT NULL CHECK (effect IN (
        'percent', 'fixed', 'free_shipping', 'buy_x_get_y')),
    rate         numeric CHECK (rate > 0 AND rate <= 1),
    amounts      jsonb NOT NULL DEFAULT '{}',
    buy_quantity int CHECK (buy_quantity >= 1),
    get_quantity int CHECK (get_quantity >= 1),
    minimums     jsonb NOT NULL DEFAULT '{}',
    product_ids  uuid[] NOT NULL DEFAULT '{}',
    category_ids uuid[] NOT NULL DEFAULT '{}',
    variant_ids  uuid[] NOT NULL DEFAULT '{}',
    priority     int NOT NULL DEFAULT 0,
    is_stackable boolean NOT NULL,
    is_automatic boolean NOT NULL,
    starts_at    timestamptz,
    ends_at      timestamptz,
    is_active    boolean NOT NULL,
    CHECK (starts_at < ends_at),
    CHECK ((rate IS NOT NULL) = (effect IN ('percent', 'buy_x_get_y'))),
    CHECK ((amounts <> '{}') = (effect = 'fixed')),
    CHECK ((buy_quantity IS NOT NULL AND get_quantity IS NOT NULL) = (effect = 'buy_x_get_y'))
);
CREATE TRIGGER promotions_turn AFTER INSERT OR UPDATE OR DELETE ON promotions
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();
-- A promotion of a category is one of its products, and of those of the categories below it.
CREATE TRIGGER product_categories_turn AFTER INSERT OR UPDATE OR DELETE ON product_categories
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();
CREATE TRIGGER categories_turn AFTER UPDATE OF parent_id OR DELETE ON categories
    FOR EACH STATEMENT EXECUTE FUNCTION turn_price_book();

-- Coupons are not in the book: there may be a million, and each is looked up by its code. ``used``
-- is the number of its live redemptions; the placing lane locks the row before it changes it.
CREATE TABLE coupons (
    id              uuid PRIMARY KEY,
    promotion_id    uuid NOT NULL REFERENCES promotions,
    code            text NOT NULL CHECK (code ~ '^[A-Z0-9_-]{1,50}$'),
    limit_total     int CHECK (limit_total >= 0),
    limit_per_buyer int CHECK (limit_per_buyer >= 1),
    starts_at       timestamptz,
    ends_at         timestamptz,
    is_active       boolean NOT NULL,
    used            int NOT NULL DEFAULT 0 CHECK (used >= 0),
    CHECK (starts_at < ends_at),
    CONSTRAINT coupons_one_per_code UNIQUE (code),
    CONSTRAINT coupons_used_within_limit CHECK (used <= limit_total)
) WITH (fillfactor = 70);
CREATE INDEX coupons_promotion ON coupons (promotion_id);

-- One use by one order. No foreign keys to coupons and orders: both are locked by whoever writes here.
-- The buyer is their address without what makes one mailbox look like many.
CREATE TABLE coupon_redemptions (
    id          uuid PRIMARY KEY,
    coupon_id   uuid NOT NULL,
    order_id    uuid NOT NULL,
    buyer       text NOT NULL CHECK (buyer <> ''),
    redeemed_at timestamptz NOT NULL,
    ended_at    timestamptz,
    end_reason  text,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
-- An order uses a coupon once.
CREATE UNIQUE INDEX coupon_redemptions_live ON coupon_redemptions (order_id) WHERE ended_at IS NULL;
CREATE INDEX coupon_redemptions_order ON coupon_redemptions (order_id);
CREATE INDEX coupon_redemptions_buyer ON coupon_redemptions (coupon_id, buyer)
    WHERE ended_at IS NULL;

CREATE FUNCTION refuse_redemption_revival() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'redemption % has ended', OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER coupon_redemptions_end_once BEFORE UPDATE ON coupon_redemptions
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_redemption_revival();

-- Who changed what in the price book, and to what.
CREATE TABLE price_book_changes (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL,
    subject_id uuid NOT NULL,
    content    jsonb NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE TRIGGER price_book_changes_append_only BEFORE UPDATE OR DELETE ON price_book_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE carts ADD COLUMN coupon_code text CHECK (coupon_code ~ '^[A-Z0-9_-]{1,50}$');
-- Why an order costs less than its lines and its shipping: which promotion took how much off which
-- line. Without a line it was taken off shipping, which orders keep as what was left to pay.
ALTER TABLE orders
    ADD COLUMN coupon_code text,
    ADD COLUMN adjustments jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(adjustments) = 'array');
ALTER TABLE order_lines ADD CHECK (discount_minor <= total_minor);
