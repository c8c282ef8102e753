-- What a buyer comes back to: a cart on another device, lines kept for later, a list of wishes, a
-- reminder. No store is live before 0.1.0, so indexes are built with the rest.

-- Whose cart it is, once there are accounts: one open cart per buyer.
ALTER TABLE carts ADD COLUMN buyer_id uuid;
CREATE UNIQUE INDEX carts_buyer ON carts (buyer_id) WHERE buyer_id IS NOT NULL;

-- Further tokens that open a cart: one for each browser that followed its link.
CREATE TABLE cart_tokens (
    token_hash bytea PRIMARY KEY,
    cart_id    uuid NOT NULL REFERENCES carts ON DELETE CASCADE,
    created_at timestamptz NOT NULL
);
CREATE INDEX cart_tokens_cart ON cart_tokens (cart_id, created_at);

-- Kept for later. A table of its own: what prices or orders a cart's lines cannot meet these.
CREATE TABLE cart_saved_lines (
    cart_id    uuid NOT NULL REFERENCES carts ON DELETE CASCADE,
    variant_id uuid NOT NULL REFERENCES variants,
    quantity   int NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    saved_at   timestamptz NOT NULL,
    PRIMARY KEY (cart_id, variant_id)
);

CREATE TABLE wishlists (
    id         uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    buyer_id   uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX wishlists_buyer ON wishlists (buyer_id) WHERE buyer_id IS NOT NULL;
CREATE INDEX wishlists_created_at ON wishlists USING brin (created_at);

CREATE TABLE wishlist_lines (
    wishlist_id uuid NOT NULL REFERENCES wishlists ON DELETE CASCADE,
    variant_id  uuid NOT NULL REFERENCES variants,
    added_at    timestamptz NOT NULL,
    PRIMARY KEY (wishlist_id, variant_id)
);

-- Where the buyer of a cart may be written to. It waits until the cart has been silent for a time;
-- then it was reported as abandoned, or passed over, and neither happens twice.
CREATE TABLE cart_contacts (
    cart_id    uuid PRIMARY KEY REFERENCES carts ON DELETE CASCADE,
    email      text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    email_hash bytea NOT NULL CHECK (length(email_hash) = 32),
    state      text NOT NULL CHECK (state IN ('waiting', 'reported', 'passed')),
    given_at   timestamptz NOT NULL,
    decided_at timestamptz,
    CHECK ((state = 'waiting') = (decided_at IS NULL))
);
CREATE INDEX cart_contacts_waiting ON cart_contacts (cart_id) WHERE state = 'waiting';

-- Who wants no reminders. Only a hash is kept: it recognizes an address and tells none.
CREATE TABLE reminder_refusals (
    email_hash bytea PRIMARY KEY CHECK (length(email_hash) = 32),
    refused_at timestamptz NOT NULL
);

-- A cart that became an order is no abandoned one.
CREATE INDEX orders_cart ON orders (cart_id) WHERE cart_id IS NOT NULL;
