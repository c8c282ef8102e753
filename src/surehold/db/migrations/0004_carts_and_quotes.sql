-- What the buyer is considering, and what it would cost until an instant.

CREATE TABLE carts (
    id         uuid PRIMARY KEY,
    token_hash bytea NOT NULL,
    currency   char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE cart_lines (
    id               uuid PRIMARY KEY,
    cart_id          uuid NOT NULL REFERENCES carts ON DELETE CASCADE,
    variant_id       uuid NOT NULL REFERENCES variants,
    quantity         int NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    seen_price_minor bigint NOT NULL CHECK (seen_price_minor > 0),
    added_at         timestamptz NOT NULL,
    UNIQUE (cart_id, variant_id)
);

-- The priced basket as it was promised; within its time the prices hold.
CREATE TABLE quotes (
    id          uuid PRIMARY KEY,
    currency    char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    content     jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX quotes_expires_at ON quotes (expires_at);
