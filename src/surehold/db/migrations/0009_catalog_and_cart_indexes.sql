-- What the storefront asks most, answered from indexes. No store is live before 0.1.0, so they are
-- built with the tables; on a live one each would be CONCURRENTLY, in a file of its own.

-- The front page and every category: the newest first, a page at a time.
CREATE INDEX products_newest ON products (created_at DESC, id DESC) WHERE status = 'active';

-- Sorted by name, a page at a time.
CREATE INDEX products_by_name ON products (name, id) WHERE status = 'active';

-- Sorted by price: the listing walks the prices in order and stops at the end of its page.
CREATE INDEX variant_prices_by_amount ON variant_prices (currency, amount_minor);

-- A cart is found by what only its owner knows, and no two owners may know the same.
CREATE UNIQUE INDEX carts_token ON carts (token_hash);

-- Pruning looks at old carts only. Block ranges of the day they were made cost an add-to-cart
-- nothing; an index of the last touch would end heap-only updates of every cart.
CREATE INDEX carts_created_at ON carts USING brin (created_at);
