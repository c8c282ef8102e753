-- Indexes that keep the cost of a thing the same however much there is: each was missing when the
-- bench asked the same of a store ten times as large. No store is live before 0.1.0, so they are
-- built with the tables; on a live one each would be CONCURRENTLY, in a file of its own.

-- Facts are forgotten after a month, and lie in the order in which they were recorded: their block
-- ranges cost a checkout nothing.
CREATE INDEX outbox_created_at ON outbox USING brin (created_at);

-- The oldest carts and wishlists, in order and so many at a time. Block ranges have no order, and
-- who wants a few of them only was given the walk over all.
DROP INDEX carts_created_at;
CREATE INDEX carts_created_at ON carts (created_at);
DROP INDEX wishlists_created_at;
CREATE INDEX wishlists_created_at ON wishlists (created_at);
