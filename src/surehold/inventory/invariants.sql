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

-- END2 (Q): No reservation is active past its time.
SELECT id, holder_id, expires_at
  FROM reservations
 WHERE state = 'active'
   AND expires_at <= store_now();
