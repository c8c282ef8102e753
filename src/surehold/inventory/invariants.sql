-- STK1: No counter is negative, and no more is promised than is there or may be back-ordered.
SELECT variant_id, location_id, on_hand, allocated, reserved, backorder_limit
  FROM stock_levels
 WHERE on_hand < 0
    OR allocated < 0
    OR reserved < 0
    OR on_hand + backorder_limit < allocated + reserved;

-- STK2: What is on hand is the sum of its movements.
SELECT variant_id, location_id, on_hand, moved
  FROM stock_levels
  FULL JOIN (
        SELECT variant_id, location_id, sum(delta) AS moved
          FROM stock_movements
         GROUP BY variant_id, location_id) AS movement
 USING (variant_id, location_id)
 WHERE coalesce(on_hand, 0) <> coalesce(moved, 0);

-- STK3: What is reserved is the sum of the active reservations, and every one of them is counted.
SELECT variant_id, location_id, reserved, held
  FROM stock_levels
  FULL JOIN (
        SELECT variant_id, location_id, sum(quantity) AS held
          FROM reservations
         WHERE state = 'active'
         GROUP BY variant_id, location_id) AS hold
 USING (variant_id, location_id)
 WHERE coalesce(reserved, 0) <> coalesce(held, 0);

-- STK4: A committed reservation became exactly one allocation of the same units; another none.
SELECT reservation.id, reservation.state, reservation.quantity, allocation.quantity AS allocated
  FROM reservations AS reservation
  LEFT JOIN allocations AS allocation ON allocation.reservation_id = reservation.id
 WHERE (reservation.state = 'committed') <> (allocation.id IS NOT NULL)
    OR (allocation.variant_id, allocation.location_id, allocation.order_line_id,
        allocation.order_id, allocation.quantity)
       <> (reservation.variant_id, reservation.location_id, reservation.order_line_id,
           reservation.holder_id, reservation.quantity)
    OR (reservation.state = 'active') <> (reservation.ended_at IS NULL);

-- STK7: What is allocated is the sum of what orders own and has neither gone back nor been sent.
SELECT variant_id, location_id, allocated, owned
  FROM stock_levels
  FULL JOIN (
        SELECT variant_id, location_id,
               sum(quantity - released_quantity - shipped_quantity) AS owned
          FROM allocations
         GROUP BY variant_id, location_id) AS allocation
 USING (variant_id, location_id)
 WHERE coalesce(allocated, 0) <> coalesce(owned, 0);

-- STK10: No allocation gave back and sent more than it was.
SELECT id, quantity, released_quantity, shipped_quantity
  FROM allocations
 WHERE quantity < released_quantity + shipped_quantity
    OR released_quantity < 0
    OR shipped_quantity < 0;

-- TRF1: What transfers moved is what their lines say: it left, it arrived, or it came back.
SELECT transfer_id, variant_id, location_id, moved, told
  FROM (SELECT reference AS transfer_id, variant_id, location_id, sum(delta) AS moved
          FROM stock_movements
         WHERE reason = 'transfer'
         GROUP BY reference, variant_id, location_id) AS movement
  FULL JOIN (
        SELECT transfer_id::text, variant_id, from_location_id AS location_id,
               returned_quantity - quantity AS told
          FROM stock_transfer_lines
          JOIN stock_transfers ON stock_transfers.id = transfer_id
         WHERE dispatched_at IS NOT NULL
         UNION ALL
        SELECT transfer_id::text, variant_id, to_location_id, received_quantity
          FROM stock_transfer_lines
          JOIN stock_transfers ON stock_transfers.id = transfer_id
         WHERE dispatched_at IS NOT NULL) AS line
 USING (transfer_id, variant_id, location_id)
 WHERE coalesce(moved, 0) <> coalesce(told, 0);

-- TRF2: Units are in transit while their transfer is, and only then.
SELECT id, state, sum(quantity - received_quantity - returned_quantity) AS left_over
  FROM stock_transfers
  JOIN stock_transfer_lines ON transfer_id = stock_transfers.id
 WHERE dispatched_at IS NOT NULL
 GROUP BY id, state
HAVING (state = 'in_transit') <> (sum(quantity - received_quantity - returned_quantity) > 0);

-- CNT1: A count that was applied moved the differences that it found, and no other count did.
SELECT count_id, variant_id, moved, told
  FROM (SELECT reference AS count_id, variant_id, location_id, sum(delta) AS moved
          FROM stock_movements
         WHERE reason = 'count'
         GROUP BY reference, variant_id, location_id) AS movement
  FULL JOIN (
        SELECT count_id::text, variant_id, location_id, counted - expected AS told
          FROM stock_count_lines
          JOIN stock_counts ON stock_counts.id = count_id
         WHERE state = 'applied') AS line
 USING (count_id, variant_id, location_id)
 WHERE coalesce(moved, 0) <> coalesce(told, 0);

-- LOC1: The history of a location ends with what the location is.
SELECT locations.id, locations.version, change.after
  FROM locations
  LEFT JOIN location_changes AS change
    ON change.location_id = locations.id
   AND change.version = locations.version
 WHERE to_jsonb(locations) IS DISTINCT FROM change.after;

-- END2 (Q): No reservation is active past its time.
SELECT id, holder_id, expires_at
  FROM reservations
 WHERE state = 'active'
   AND expires_at <= store_now();
