-- What is sold before it is there: on which terms, who waits for it, and who was told.
-- No store is live before 0.1.0, so indexes are built with the tables; on a live one each would be
-- CONCURRENTLY, in a file of its own.

-- How many may be sold so stands at each level (backorder_limit). NULL: no date can be given.
CREATE TABLE backorder_terms (
    variant_id  uuid PRIMARY KEY REFERENCES variants,
    kind        text NOT NULL CHECK (kind IN ('backorder', 'preorder')),
    promised_on date,
    note        text NOT NULL,
    updated_by  text NOT NULL,
    updated_at  timestamptz NOT NULL
);

-- Units of an order line that were not there when they were taken, and the date that the buyer was
-- told last. A promise is open until its buyer was told that all is there, or until nothing of the
-- line is held or owned any more. Whoever waits has an open promise (invariant BKO3).
CREATE TABLE backorder_promises (
    order_line_id uuid PRIMARY KEY,
    order_id      uuid NOT NULL,
    variant_id    uuid NOT NULL,
    quantity      int NOT NULL CHECK (quantity > 0),
    kind          text NOT NULL CHECK (kind IN ('backorder', 'preorder')),
    promised_on   date,
    created_at    timestamptz NOT NULL,
    told_at       timestamptz,
    dropped_at    timestamptz,
    CHECK (told_at IS NULL OR dropped_at IS NULL)
);
CREATE INDEX backorder_promises_order ON backorder_promises (order_id);
CREATE INDEX backorder_promises_open ON backorder_promises (created_at, order_line_id)
 WHERE told_at IS NULL AND dropped_at IS NULL;
CREATE INDEX backorder_promises_open_variant ON backorder_promises (variant_id)
 WHERE told_at IS NULL AND dropped_at IS NULL;

-- The queue of a level is read from these.
CREATE INDEX reservations_queue ON reservations (variant_id, location_id, created_at)
 WHERE state = 'active';
CREATE INDEX allocations_queue ON allocations (variant_id, location_id)
 WHERE released_quantity + shipped_quantity < quantity;

-- Who waits, of the levels of these variants that owe more than they have. Units that are held or
-- owned stand in one queue, in the order of their placement; what is on hand is there for the first
-- of it, and the rest waits. The line, not the hold, breaks a tie: a hold that is shortened becomes
-- another hold.
CREATE FUNCTION stock_queue(variant_ids uuid[])
RETURNS TABLE (variant_id uuid, location_id uuid, holder_id uuid, order_line_id uuid,
               units int, waiting int)
LANGUAGE sql STABLE AS $$
    SELECT level.variant_id, level.location_id, place.holder_id, place.order_line_id,
           place.units,
           least(place.units, greatest(place.units_so_far - level.on_hand, 0))::int
      FROM stock_levels AS level
     CROSS JOIN LATERAL (
           SELECT unit.holder_id, unit.order_line_id, unit.units,
                  sum(unit.units) OVER (ORDER BY unit.queued_at,
                                                 coalesce(unit.order_line_id, unit.id))
                  AS units_so_far
             FROM (SELECT held.id, held.holder_id, held.order_line_id,
                          held.created_at AS queued_at, held.quantity AS units
                     FROM reservations AS held
                    WHERE held.variant_id = level.variant_id
                      AND held.location_id = level.location_id
                      AND held.state = 'active'
                    UNION ALL
                   -- Looked up one by one: a join would read every hold that ever was.
                   SELECT owned.id, owned.order_id, owned.order_line_id,
                          (SELECT created_at FROM reservations WHERE id = owned.reservation_id),
                          owned.quantity - owned.released_quantity - owned.shipped_quantity
                     FROM allocations AS owned
                    WHERE owned.variant_id = level.variant_id
                      AND owned.location_id = level.location_id
                      AND owned.released_quantity + owned.shipped_quantity < owned.quantity)
                  AS unit
           ) AS place
     WHERE level.variant_id = ANY (stock_queue.variant_ids)
       AND level.on_hand < level.allocated + level.reserved
$$;
