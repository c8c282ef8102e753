-- What the plans of a store ten times as large have shown. No store is live before 0.1.0, so the
-- indexes are built with their tables; on a live one each would be CONCURRENTLY, in a file of its
-- own.

-- Ids are ordered by time: the newest product is the one with the last id, and the products of a
-- category stand in that order in the key of product_categories already.
DROP INDEX products_newest;
CREATE INDEX products_newest ON products (id) WHERE status = 'active';

-- Unpaid orders by age are two ranges of orders_by_status, and each checkout has an index less.
DROP INDEX orders_unpaid;

-- The first of a variant's holds to end is one entry. The queue of a level fetches the holds that
-- it puts in order, and needs no more than to find those of the variant.
DROP INDEX reservations_queue;
CREATE INDEX reservations_variant ON reservations (variant_id, expires_at) WHERE state = 'active';

-- The sweep that looks for missing documents reads the last block ranges whole, and all that was
-- written since the last of them was closed: ranges are shorter, and each is closed when the next
-- one begins, instead of at the table's next vacuum, which is due when a fifth has been added.
DROP INDEX ledger_journals_posted_at;
CREATE INDEX ledger_journals_posted_at ON ledger_journals
    USING brin (posted_at) WITH (pages_per_range = 32, autosummarize = on);
