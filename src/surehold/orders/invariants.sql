-- MON1: An order's total is the sum of its parts, and every part is the sum of the lines that it was
-- placed with.
SELECT orders.id, orders.number, orders.total_minor, line.total_minor AS lines_minor
  FROM orders
  LEFT JOIN (
        SELECT order_id,
               sum(total_minor) AS total_minor,
               sum(discount_minor) AS discount_minor,
               sum(tax_minor) AS tax_minor,
               sum(net_minor) AS net_minor,
               sum(gross_minor) AS gross_minor,
               bool_and(total_minor = quantity * unit_price_minor
                        AND gross_minor = net_minor + tax_minor) AS is_exact
          FROM order_lines
         WHERE change_id IS NULL
         GROUP BY order_id) AS line
    ON line.order_id = orders.id
 WHERE line.order_id IS NULL
    OR NOT line.is_exact
    OR line.total_minor <> orders.subtotal_minor
    OR line.discount_minor <> orders.discount_minor
    OR line.tax_minor + orders.shipping_tax_minor <> orders.tax_minor
    OR line.total_minor - line.discount_minor
       <> CASE WHEN orders.is_tax_included THEN line.gross_minor ELSE line.net_minor END
    OR orders.total_minor
       <> orders.subtotal_minor - orders.discount_minor + orders.shipping_minor
        + CASE WHEN orders.is_tax_included THEN 0 ELSE orders.tax_minor END;

-- MON2: What an order says was paid and refunded is what its payments say.
SELECT orders.id, orders.number, orders.paid_minor, orders.refunded_minor
  FROM orders
  LEFT JOIN (
        SELECT order_id, sum(captured_minor) AS paid, sum(refunded_minor) AS refunded
          FROM payments
         GROUP BY order_id) AS payment
    ON payment.order_id = orders.id
 WHERE orders.paid_minor <> coalesce(payment.paid, 0)
    OR orders.refunded_minor <> coalesce(payment.refunded, 0);

-- MON3: Never more goes back than came.
SELECT id, number, paid_minor, refunded_minor
  FROM orders
 WHERE refunded_minor < 0
    OR refunded_minor > paid_minor;

-- MON4: An order is called paid exactly when all that is due is there and nobody disputes it. What
-- was lost is not there, nor what is on its way back without being a part of the sale.
SELECT orders.id, orders.number, orders.payment_status, orders.total_minor, orders.paid_minor,
       orders.refunded_minor
  FROM orders
  LEFT JOIN (
        SELECT order_id, sum(disputed_minor) AS disputed, sum(lost_minor) AS lost
          FROM payments
         GROUP BY order_id) AS payment
    ON payment.order_id = orders.id
 WHERE (orders.payment_status = 'paid')
       <> (orders.paid_minor - orders.refunded_minor - coalesce(payment.lost, 0)
           - CASE WHEN orders.canceled_at IS NULL
                  THEN coalesce((SELECT sum(amount_minor) FROM refunds
                                  WHERE refunds.order_id = orders.id
                                    AND state = 'requested'
                                    AND NOT is_of_sale), 0)
                  ELSE 0 END >= orders.total_minor + orders.added_minor - orders.canceled_minor
           AND coalesce(payment.disputed, 0) = 0);

-- MON7: An order keeps what is due once at most, and nothing when it is canceled; what came beyond
-- that is on its way back, or a person must look.
SELECT orders.id, orders.number, orders.total_minor, money.kept
  FROM orders
  JOIN (
        SELECT payment.order_id,
               sum(greatest(payment.captured_minor - coalesce(refund.minor, 0)
                            - payment.disputed_minor - payment.lost_minor, 0)) AS kept,
               bool_or(payment.review_reason IS NOT NULL) AS is_in_review
          FROM payments AS payment
          LEFT JOIN (
                SELECT payment_id, sum(amount_minor) AS minor
                  FROM refunds
                 WHERE state <> 'failed'
                 GROUP BY payment_id) AS refund
            ON refund.payment_id = payment.id
         GROUP BY payment.order_id) AS money
    ON money.order_id = orders.id
 WHERE NOT money.is_in_review
   AND money.kept > CASE WHEN orders.canceled_at IS NULL
                         THEN orders.total_minor + orders.added_minor - orders.canceled_minor
                         ELSE 0 END;

-- MON8: A payment asks for its order's whole total in its order's currency, less at most what was
-- canceled of the order in parts and what gift cards were to pay of it; a card pays no more than all.
-- One for a change asks for its difference.
SELECT payment.id, payment.currency, payment.requested_minor, orders.currency, orders.total_minor
  FROM payments AS payment
  JOIN orders ON orders.id = payment.order_id
  LEFT JOIN order_changes AS change ON change.payment_id = payment.id
 WHERE payment.currency <> orders.currency
    OR payment.requested_minor > orders.total_minor + orders.added_minor
       + coalesce(change.added_minor, 0)
    OR payment.requested_minor
       <> change.added_minor - change.given_up_minor - change.covered_minor
    OR (payment.gift_card_id IS NULL
        AND change.id IS NULL
        AND payment.requested_minor < orders.total_minor - orders.canceled_minor
            - (SELECT coalesce(sum(part.requested_minor), 0)
                 FROM payments AS part
                WHERE part.order_id = orders.id
                  AND part.gift_card_id IS NOT NULL));

-- MON9: What gift cards are to pay waits for the rest of an order that is no sale and was not given
-- up, and is no more than is due.
SELECT orders.id, orders.number, orders.status, part.minor
  FROM orders
  JOIN (
        SELECT order_id, sum(authorized_minor) AS minor
          FROM payments
         WHERE gift_card_id IS NOT NULL
           AND state = 'authorized'
         GROUP BY order_id) AS part
    ON part.order_id = orders.id
 WHERE orders.sold_at IS NOT NULL
    OR orders.status IN ('canceled', 'archived', 'refunded')
    OR part.minor > orders.total_minor + orders.added_minor - orders.canceled_minor;

-- PAY3: Every order has a payment.
SELECT id, number, status
  FROM orders
 WHERE NOT EXISTS (SELECT FROM payments WHERE payments.order_id = orders.id);

-- STK5: A paid order owns every unit of every line that was not canceled.
SELECT line.id, orders.number, orders.status, line.quantity, coalesce(owned.units, 0) AS owned
  FROM orders
  JOIN order_lines AS line ON line.order_id = orders.id
  LEFT JOIN (
        SELECT order_line_id, sum(quantity - released_quantity) AS units
          FROM allocations
         GROUP BY order_line_id) AS owned
    ON owned.order_line_id = line.id
 WHERE orders.status IN ('paid', 'confirmed', 'processing', 'ready_for_shipment', 'shipped',
                         'in_transit', 'delivered')
   AND coalesce(owned.units, 0) <> line.quantity - line.canceled_quantity;

-- SHP1: An order is called shipped when every unit of it was sent, and partially shipped when some.
SELECT orders.id, orders.number, orders.fulfillment_status, line.units AS ordered,
       coalesce(sent.units, 0) AS shipped
  FROM orders
  LEFT JOIN (
        SELECT order_id, sum(shipped_quantity) AS units
          FROM allocations
         WHERE shipped_quantity <> 0
         GROUP BY order_id) AS sent
    ON sent.order_id = orders.id
 CROSS JOIN LATERAL (
        SELECT sum(quantity - canceled_quantity) AS units
          FROM order_lines
         WHERE order_lines.order_id = orders.id) AS line
 WHERE (sent.order_id IS NOT NULL
        OR orders.fulfillment_status NOT IN ('unfulfilled', 'processing', 'ready_for_shipment'))
   AND CASE
       WHEN orders.fulfillment_status IN ('shipped', 'in_transit', 'delivered')
       THEN coalesce(sent.units, 0) <> line.units
       WHEN orders.fulfillment_status = 'partially_shipped'
       THEN coalesce(sent.units, 0) NOT BETWEEN 1 AND line.units - 1
       WHEN orders.fulfillment_status = 'returned'
       THEN coalesce(sent.units, 0) = 0
       ELSE sent.units <> 0 END;

-- SHP2: What left of an allocation is what lies in parcels that were sent.
SELECT allocation.id, allocation.order_id, allocation.shipped_quantity, coalesce(sent.units, 0) AS sent
  FROM allocations AS allocation
  LEFT JOIN (
        SELECT line.allocation_id, sum(line.quantity) AS units
          FROM fulfillment_lines AS line
          JOIN fulfillments AS parcel ON parcel.id = line.fulfillment_id
         WHERE parcel.state NOT IN ('open', 'packed', 'canceled')
         GROUP BY line.allocation_id) AS sent
    ON sent.allocation_id = allocation.id
 WHERE allocation.shipped_quantity <> coalesce(sent.units, 0);

-- SHP3: No unit is in two parcels: what waits and what was sent is within what is owned.
SELECT allocation.id, allocation.quantity, allocation.released_quantity, planned.units
  FROM allocations AS allocation
  JOIN (
        SELECT line.allocation_id, sum(line.quantity) AS units
          FROM fulfillment_lines AS line
          JOIN fulfillments AS parcel ON parcel.id = line.fulfillment_id
         WHERE parcel.state <> 'canceled'
         GROUP BY line.allocation_id) AS planned
    ON planned.allocation_id = allocation.id
 WHERE planned.units > allocation.quantity - allocation.released_quantity;

-- SHP4: Each parcel that was sent took its units off the shelf, once, and no other did.
SELECT coalesce(sent.id, moved.id) AS id, sent.variant_id, sent.units, moved.units AS moved
  FROM (
        SELECT parcel.id::text AS id, allocations.variant_id, parcel.location_id,
               sum(line.quantity) AS units
          FROM fulfillments AS parcel
          JOIN fulfillment_lines AS line ON line.fulfillment_id = parcel.id
          JOIN allocations ON allocations.id = line.allocation_id
         WHERE parcel.state NOT IN ('open', 'packed', 'canceled')
         GROUP BY parcel.id, allocations.variant_id, parcel.location_id) AS sent
  FULL JOIN (
        SELECT reference AS id, variant_id, location_id, -sum(delta) AS units
          FROM stock_movements
         WHERE reason = 'shipped'
         GROUP BY reference, variant_id, location_id) AS moved
 USING (id, variant_id, location_id)
 WHERE sent.units IS DISTINCT FROM moved.units;

-- SHP5: How far an order is sent is as far as the parcel that is furthest behind.
SELECT orders.id, orders.number, orders.fulfillment_status, parcel.states
  FROM orders
  JOIN (
        SELECT order_id, array_agg(DISTINCT state) AS states
          FROM fulfillments
         WHERE state NOT IN ('canceled', 'returned_to_sender')
         GROUP BY order_id) AS parcel
    ON parcel.order_id = orders.id
 WHERE orders.fulfillment_status
       <> CASE WHEN states && '{open,packed}' THEN orders.fulfillment_status
               WHEN orders.fulfillment_status IN ('processing', 'partially_shipped')
               THEN orders.fulfillment_status
               WHEN 'shipped' = ANY(states) THEN 'shipped'
               WHEN states && '{in_transit,lost}' THEN 'in_transit'
               ELSE 'delivered' END;

-- AUD7: A parcel's version counts the lines of its history, each begins where the last one ended.
SELECT parcel.id, parcel.state, parcel.version, move.seq, move.to_state
  FROM fulfillments AS parcel
  LEFT JOIN (
        SELECT fulfillment_id, seq, from_state, to_state,
               lag(to_state) OVER (PARTITION BY fulfillment_id ORDER BY seq) AS before,
               row_number() OVER (PARTITION BY fulfillment_id ORDER BY seq) AS place,
               lead(seq) OVER (PARTITION BY fulfillment_id ORDER BY seq) IS NULL AS is_last
          FROM fulfillment_events) AS move
    ON move.fulfillment_id = parcel.id
 WHERE move.seq IS NULL
    OR move.seq <> move.place
    OR move.from_state IS DISTINCT FROM move.before
    OR (move.is_last AND (move.seq, move.to_state) <> (parcel.version, parcel.state));

-- STK6: A canceled order holds nothing and owns nothing that could still be sold.
SELECT orders.id, orders.number, hold.id AS hold_id
  FROM orders
  JOIN (
        SELECT id, holder_id AS order_id
          FROM reservations
         WHERE state = 'active'
         UNION ALL
        SELECT id, order_id
          FROM allocations
         WHERE quantity > released_quantity + shipped_quantity) AS hold
    ON hold.order_id = orders.id
 WHERE orders.canceled_at IS NOT NULL;

-- STK8: What is held or owned for a line is of that line's order and variant; what is only held may
-- be for a line that a change adds once it is paid.
SELECT hold.id, hold.order_id, hold.order_line_id, hold.variant_id
  FROM (
        SELECT id, holder_id AS order_id, order_line_id, variant_id
          FROM reservations
         WHERE order_line_id IS NOT NULL
         UNION ALL
        SELECT id, order_id, order_line_id, variant_id
          FROM allocations) AS hold
  LEFT JOIN order_lines AS line ON line.id = hold.order_line_id
 WHERE (hold.order_id, hold.variant_id) IS DISTINCT FROM (line.order_id, line.variant_id)
   AND NOT EXISTS (
        SELECT
          FROM order_changes AS change
         CROSS JOIN jsonb_to_recordset(change.content -> 'lines') AS part (id uuid, variant_id uuid)
         WHERE line.id IS NULL
           AND change.order_id = hold.order_id
           AND change.state <> 'applied'
           AND (part.id, part.variant_id) = (hold.order_line_id, hold.variant_id));

-- STK9: No line holds and owns more than was ordered and not canceled.
SELECT line.id, line.quantity, sum(hold.units) AS units
  FROM order_lines AS line
  JOIN (
        SELECT order_line_id, quantity AS units
          FROM reservations
         WHERE state = 'active'
         UNION ALL
        SELECT order_line_id, quantity - released_quantity
          FROM allocations) AS hold
    ON hold.order_line_id = line.id
 GROUP BY line.id
HAVING sum(hold.units) > line.quantity - line.canceled_quantity;

-- BKO1: What was promised before it was there is of its line's order and variant, and no more.
SELECT promise.order_line_id, promise.order_id, promise.quantity, line.quantity AS ordered
  FROM backorder_promises AS promise
  LEFT JOIN order_lines AS line ON line.id = promise.order_line_id
 WHERE (promise.order_id, promise.variant_id) IS DISTINCT FROM (line.order_id, line.variant_id)
    OR promise.quantity > line.quantity;

-- BKO2: Nobody is served before an earlier one: what lies in a parcel that was not sent, and all
-- that was held or owned before it at the level, is on hand.
SELECT owned.id, owned.order_id, level.on_hand, earlier.units AS earlier, planned.units AS planned
  FROM stock_levels AS level
  JOIN allocations AS owned
    ON owned.variant_id = level.variant_id
   AND owned.location_id = level.location_id
   AND owned.released_quantity + owned.shipped_quantity < owned.quantity
  JOIN reservations AS place ON place.id = owned.reservation_id
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(line.quantity), 0) AS units
          FROM fulfillment_lines AS line
          JOIN fulfillments AS parcel ON parcel.id = line.fulfillment_id
         WHERE line.allocation_id = owned.id
           AND parcel.state IN ('open', 'packed')) AS planned
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(other.quantity
                            - coalesce(taken.released_quantity + taken.shipped_quantity, 0)), 0)
               AS units
          FROM reservations AS other
          LEFT JOIN allocations AS taken ON taken.reservation_id = other.id
         WHERE planned.units > 0
           AND other.variant_id = level.variant_id
           AND other.location_id = level.location_id
           AND (other.state = 'active' OR taken.id IS NOT NULL)
           AND (other.created_at, coalesce(other.order_line_id, other.id))
               < (place.created_at, place.order_line_id)) AS earlier
 WHERE level.on_hand < level.allocated + level.reserved
   AND planned.units > 0
   AND earlier.units + planned.units > level.on_hand;

-- BKO3: Whoever waits was told so and was not told the contrary: each has an open promise.
SELECT place.holder_id, place.order_line_id, place.waiting, promise.told_at, promise.dropped_at
  FROM stock_queue(ARRAY(SELECT DISTINCT variant_id
                           FROM stock_levels
                          WHERE on_hand < allocated + reserved)) AS place
  LEFT JOIN backorder_promises AS promise ON promise.order_line_id = place.order_line_id
 WHERE place.waiting > 0
   AND place.order_line_id IS NOT NULL
   AND (promise.order_line_id IS NULL
        OR promise.told_at IS NOT NULL
        OR promise.dropped_at IS NOT NULL);

-- BKO4 (Q): A promise is open only while its units wait, or are held and not paid.
SELECT promise.order_line_id, promise.order_id, promise.created_at
  FROM backorder_promises AS promise
 WHERE promise.told_at IS NULL
   AND promise.dropped_at IS NULL
   AND promise.order_line_id NOT IN (
        SELECT place.order_line_id
          FROM stock_queue(ARRAY(SELECT DISTINCT variant_id
                                   FROM stock_levels
                                  WHERE on_hand < allocated + reserved)) AS place
         WHERE place.waiting > 0
           AND place.order_line_id IS NOT NULL)
   AND NOT EXISTS (SELECT
                     FROM reservations
                    WHERE reservations.order_line_id = promise.order_line_id
                      AND reservations.holder_id = promise.order_id
                      AND state = 'active');

-- CHG1: While a change waits for its payment, just what it adds is held for it; at any other time
-- nothing is.
SELECT change.id, change.order_id, change.state, part.id AS line_id, part.quantity, hold.units
  FROM order_changes AS change
 CROSS JOIN jsonb_to_recordset(change.content -> 'lines') AS part (id uuid, quantity int)
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(quantity), 0) AS units
          FROM reservations
         WHERE holder_id = change.order_id
           AND order_line_id = part.id
           AND state = 'active') AS hold
 WHERE change.is_sold
   AND hold.units <> CASE WHEN change.state = 'awaiting_payment' THEN part.quantity ELSE 0 END;

-- CHG2: An applied change gave its order just the lines that were agreed, and no other did.
SELECT coalesce(agreed.change_id, line.change_id) AS change_id, agreed.id AS agreed, line.id
  FROM (
        SELECT change.id AS change_id, change.order_id, part.*
          FROM order_changes AS change
         CROSS JOIN jsonb_to_recordset(change.content -> 'lines')
               AS part (id uuid, variant_id uuid, quantity int, net_minor bigint, tax_minor bigint)
         WHERE change.state = 'applied') AS agreed
  FULL JOIN (SELECT * FROM order_lines WHERE change_id IS NOT NULL) AS line
    ON line.id = agreed.id
 WHERE (agreed.change_id, agreed.order_id, agreed.variant_id, agreed.quantity, agreed.net_minor,
        agreed.tax_minor)
       IS DISTINCT FROM (line.change_id, line.order_id, line.variant_id, line.quantity,
                         line.net_minor, line.tax_minor);

-- CHG3: An applied change gave up just what was agreed, with its money.
SELECT change.id, change.cancellation_id, agreed.parts, given_up.parts AS given_up
  FROM order_changes AS change
 CROSS JOIN LATERAL (
        SELECT array_agg((part.line_id, part.quantity, part.net_minor, part.tax_minor)::text
                         ORDER BY part.line_id) AS parts
          FROM jsonb_to_recordset(change.content -> 'given_up')
               AS part (line_id uuid, quantity int, net_minor bigint, tax_minor bigint)
         WHERE change.state = 'applied') AS agreed
 CROSS JOIN LATERAL (
        SELECT array_agg((order_line_id, quantity, net_minor, tax_minor)::text
                         ORDER BY order_line_id) AS parts
          FROM cancellation_lines
         WHERE cancellation_lines.cancellation_id = change.cancellation_id) AS given_up
 WHERE agreed.parts IS DISTINCT FROM given_up.parts;

-- CHG4: What an order says was added is the gross of the lines that changes gave it, and it has had
-- as many changes as it says; what they say of their sums is what is in them.
SELECT orders.id, orders.number, orders.added_minor, line.added, orders.change_count, change.count
  FROM orders
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(gross_minor), 0) AS added
          FROM order_lines
         WHERE order_lines.order_id = orders.id
           AND change_id IS NOT NULL) AS line
 CROSS JOIN LATERAL (
        SELECT count(*) AS count,
               coalesce(bool_or(added_minor <> (
                    SELECT coalesce(sum((part ->> 'gross_minor')::bigint), 0)
                      FROM jsonb_array_elements(content -> 'lines') AS part)
                  OR given_up_minor <> (
                    SELECT coalesce(sum((part ->> 'net_minor')::bigint
                                        + (part ->> 'tax_minor')::bigint), 0)
                      FROM jsonb_array_elements(content -> 'given_up') AS part)), false) AS is_off
          FROM order_changes
         WHERE order_changes.order_id = orders.id) AS change
 WHERE (orders.change_count <> 0 OR orders.added_minor <> 0 OR line.added <> 0 OR change.count <> 0)
   AND ((orders.added_minor, orders.change_count) <> (line.added, change.count)
        OR change.is_off);

-- CHG5: A change that cost more was made with its payment collected, and with no other; a payment
-- that came for one that was not made is on its way back, or a person must look.
SELECT change.id, change.state, payment.id AS payment_id, payment.state AS payment_state
  FROM order_changes AS change
  JOIN payments AS payment ON payment.id = change.payment_id
 WHERE payment.review_reason IS NULL
   AND CASE WHEN change.state = 'applied'
            THEN payment.state <> 'captured'
            ELSE payment.captured_minor > (
                 SELECT coalesce(sum(amount_minor), 0)
                   FROM refunds
                  WHERE refunds.payment_id = payment.id
                    AND refunds.state <> 'failed') END;

-- CHG6: What changes added to a sale and took from it is booked once, by the change itself.
SELECT change.id, change.added_minor, change.given_up_minor, booked.added, booked.given_up
  FROM order_changes AS change
 CROSS JOIN LATERAL (
        SELECT coalesce(-sum(amount_minor) FILTER (
                    WHERE journal.kind = 'sale_addition' AND amount_minor < 0), 0) AS added,
               coalesce(sum(amount_minor) FILTER (
                    WHERE journal.kind = 'sale_credit' AND amount_minor > 0), 0) AS given_up
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.order_id = change.order_id
           AND (journal.reference, journal.kind)
               IN ((change.id, 'sale_addition'), (change.cancellation_id, 'sale_credit'))) AS booked
 WHERE (booked.added, booked.given_up)
       IS DISTINCT FROM (
            CASE WHEN change.state = 'applied' AND change.is_sold THEN change.added_minor ELSE 0 END,
            CASE WHEN change.state = 'applied' AND change.is_sold
                 THEN change.given_up_minor ELSE 0 END);

-- CHG7: An exchange that was made settled its return, and what was credited for that pays for what
-- the buyer did not.
SELECT change.id, returns.id AS return_id, returns.state, change.covered_minor, credited.minor
  FROM order_changes AS change
  JOIN returns ON returns.id = change.return_id
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(refund.amount_minor), 0) AS minor
          FROM refunds AS refund
          JOIN payments ON payments.id = refund.payment_id
         WHERE refund.return_id = returns.id
           AND refund.state = 'succeeded'
           AND refund.is_of_sale
           AND (refund.store_credit_id IS NOT NULL
                OR payments.gift_card_id IS NOT NULL)) AS credited
 WHERE returns.order_id <> change.order_id
    OR (change.state = 'applied'
        AND (returns.state <> 'completed' OR credited.minor < change.covered_minor));

-- AUD10: A change's history is whole: allowed moves, each where the last one ended, to its state.
SELECT order_changes.id, order_changes.state, order_changes.version, history.moves
  FROM order_changes
  LEFT JOIN (
        SELECT change_id, count(*) AS moves,
               (array_agg(to_state ORDER BY seq DESC))[1] AS to_state
          FROM order_change_events
         GROUP BY change_id) AS history
    ON history.change_id = order_changes.id
 WHERE (order_changes.version, order_changes.state)
       IS DISTINCT FROM (history.moves, history.to_state)
 UNION ALL
SELECT change_id, to_state, seq, 0
  FROM (
        SELECT change_id, seq, from_state, to_state,
               lag(to_state) OVER (PARTITION BY change_id ORDER BY seq) AS before
          FROM order_change_events) AS move
 WHERE from_state IS DISTINCT FROM before
    OR (from_state IS NULL AND to_state NOT IN ('awaiting_payment', 'applied'))
    OR (from_state IS NOT NULL
        AND NOT EXISTS (SELECT FROM order_change_state_moves AS allowed
                         WHERE (allowed.from_state, allowed.to_state)
                             = (move.from_state, move.to_state)));

-- LED6: An order that is, or was, a sale is booked as one, any other as none; what it owns, and was
-- paid for or sent, is sold.
SELECT orders.id, orders.number, orders.status, coalesce(booked.sales, 0) AS sales
  FROM orders
  LEFT JOIN (
        SELECT order_id, count(*) AS sales
          FROM ledger_journals
         WHERE kind = 'sale'
         GROUP BY order_id) AS booked
    ON booked.order_id = orders.id
 WHERE coalesce(booked.sales, 0) <> CASE WHEN orders.sold_at IS NULL THEN 0 ELSE 1 END
    OR (orders.sold_at IS NULL)
       <> NOT EXISTS (SELECT FROM allocations AS owned
                       WHERE owned.order_id = orders.id
                         AND (orders.sold_at IS NOT NULL
                              OR owned.shipped_quantity > 0
                              OR (owned.quantity > owned.released_quantity
                                  AND orders.payment_status = 'paid')));

-- VND1: What the books say vendors sold, and what the store kept of it, is what is said line by line.
SELECT coalesce(line.journal_id, booked.journal_id) AS journal_id,
       coalesce(line.vendor_id, booked.vendor_id) AS vendor_id, line.net, booked.net, line.kept,
       booked.kept
  FROM (
        SELECT commissions.journal_id, part.vendor_id, sum(part.net_minor) AS net,
               sum(part.commission_minor) AS kept
          FROM commissions
          JOIN commission_lines AS part USING (sale_journal_id)
         WHERE commissions.journal_id IS NOT NULL
         GROUP BY commissions.journal_id, part.vendor_id
        HAVING sum(part.net_minor) <> 0) AS line
  FULL JOIN (
        SELECT journal.id AS journal_id, entry.vendor_id,
               sum(entry.amount_minor) FILTER (WHERE entry.account = 'vendor_sales') AS net,
               coalesce(-sum(entry.amount_minor)
                        FILTER (WHERE entry.account = 'commission_income'), 0) AS kept
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind IN ('commission', 'commission_reversal')
         GROUP BY journal.id, entry.vendor_id) AS booked
    ON booked.journal_id = line.journal_id
   AND booked.vendor_id = line.vendor_id
 WHERE (line.net, line.kept) IS DISTINCT FROM (booked.net, booked.kept);

-- VND2: Of no line more is taken back than was sold of it, and all of it with all of its commission.
SELECT order_line_id, sum(net_minor) AS net, sum(commission_minor) AS kept
  FROM commission_lines
 GROUP BY order_line_id
HAVING sum(net_minor) < 0
    OR sum(commission_minor) NOT BETWEEN 0 AND sum(net_minor);

-- VND3: A batch of payouts that was paid is booked once, vendor by vendor, and no other is.
SELECT coalesce(payout.batch_id, booked.reference) AS batch_id, payout.vendor_id,
       payout.amount_minor, booked.amount_minor
  FROM (SELECT batch_id, vendor_id, amount_minor
          FROM vendor_payouts
          JOIN vendor_payout_batches AS batch ON batch.id = batch_id
         WHERE batch.state = 'paid') AS payout
  FULL JOIN (
        SELECT journal.reference, entry.vendor_id, entry.amount_minor
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind = 'vendor_payout'
           AND entry.account = 'vendor_payable') AS booked
    ON booked.reference = payout.batch_id
   AND booked.vendor_id = payout.vendor_id
 WHERE payout.amount_minor IS DISTINCT FROM booked.amount_minor;

-- VND4: A batch's payouts and its history say what its state says.
SELECT batch.id, batch.state, payout.state AS payout_state, history.to_state
  FROM vendor_payout_batches AS batch
  LEFT JOIN vendor_payouts AS payout ON payout.batch_id = batch.id
  LEFT JOIN LATERAL (
        SELECT to_state
          FROM vendor_payout_events
         WHERE vendor_payout_events.batch_id = batch.id
         ORDER BY seq DESC
         LIMIT 1) AS history
    ON true
 WHERE payout.state IS DISTINCT FROM CASE
           WHEN batch.state IN ('proposed', 'approved') THEN 'open' ELSE batch.state END
    OR history.to_state IS DISTINCT FROM batch.state;

-- RCV1: What an order owes is what the books say is to be received for it.
SELECT coalesce(orders.id, booked.order_id) AS id, orders.owed_minor, booked.minor
  FROM (SELECT id, owed_minor FROM orders WHERE owed_minor <> 0) AS orders
  FULL JOIN (
        SELECT journal.order_id, sum(entry.amount_minor) AS minor
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE entry.account = 'receivable'
         GROUP BY journal.order_id
        HAVING sum(entry.amount_minor) <> 0) AS booked
    ON booked.order_id = orders.id
 WHERE orders.owed_minor IS DISTINCT FROM booked.minor;

-- TRU1: Goods that are worked on before their money is here are owed for, or are trusted to a payment
-- of all the rest.
SELECT id, number, status, payment_status
  FROM orders
 WHERE status IN ('confirmed', 'processing', 'ready_for_shipment', 'shipped', 'in_transit',
                  'delivered')
   AND payment_status IN ('not_paid', 'pending', 'authorized', 'failed')
   AND owed_minor = 0
   AND NOT EXISTS (SELECT FROM payments AS payment
                    WHERE payment.order_id = orders.id
                      AND (payment.terms, payment.state) IN (('on_shipment', 'authorized'),
                                                             ('on_delivery', 'requires_action'))
                      AND payment.requested_minor >= orders.total_minor + orders.added_minor
                          - orders.canceled_minor
                          - (SELECT coalesce(sum(part.authorized_minor), 0)
                               FROM payments AS part
                              WHERE part.order_id = orders.id
                                AND part.gift_card_id IS NOT NULL));

-- LED7: What is booked of an order as sold, less what was taken back, is its total and the tax that
-- was promised, and what was added, less what was canceled and what was paid back of it; of a
-- canceled order nothing.
SELECT orders.id, orders.number, booked.total, booked.tax, expected.total AS expected_total,
       expected.tax AS expected_tax
  FROM orders
  JOIN (
        SELECT journal.order_id,
               coalesce(sum(amount_minor) FILTER (WHERE account = 'customer_deposits'), 0) AS total,
               coalesce(-sum(amount_minor) FILTER (WHERE account = 'tax_payable'), 0) AS tax
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind IN ('sale', 'sale_reversal', 'sale_credit', 'sale_addition')
         GROUP BY journal.order_id) AS booked
    ON booked.order_id = orders.id
  LEFT JOIN (
        SELECT refund.order_id, sum(refund.amount_minor) AS total,
               sum(refund.shipping_tax_minor + coalesce(part.tax, 0)) AS tax
          FROM refunds AS refund
          LEFT JOIN (
                SELECT refund_id, sum(tax_minor) AS tax
                  FROM refund_lines
                 GROUP BY refund_id) AS part
            ON part.refund_id = refund.id
         WHERE refund.is_of_sale
           AND refund.state = 'succeeded'
         GROUP BY refund.order_id) AS back
    ON back.order_id = orders.id
 CROSS JOIN LATERAL (
        SELECT CASE WHEN orders.canceled_at IS NULL
                    THEN orders.total_minor + orders.added_minor - orders.canceled_minor
                       - coalesce(back.total, 0)
                    ELSE 0 END AS total,
               CASE WHEN orders.canceled_at IS NULL
                    THEN orders.shipping_tax_minor - coalesce(back.tax, 0)
                       + (SELECT sum(tax_minor - canceled_tax_minor) FROM order_lines
                           WHERE order_lines.order_id = orders.id)
                    ELSE 0 END AS tax) AS expected
 WHERE (booked.total, booked.tax) IS DISTINCT FROM (expected.total, expected.tax);

-- LED8: The deposits of a settled order are zero: what is kept of its money is what is left of the
-- sale, or nothing is.
SELECT orders.id, orders.number, orders.status, booked.deposits
  FROM orders
  JOIN (
        SELECT journal.order_id, sum(entry.amount_minor) AS deposits
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE entry.account = 'customer_deposits'
         GROUP BY journal.order_id) AS booked
    ON booked.order_id = orders.id
 WHERE booked.deposits <> 0
   AND orders.paid_minor - orders.refunded_minor
       - CASE WHEN orders.canceled_at IS NULL THEN 0
              ELSE (SELECT coalesce(sum(unearned_minor), 0) FROM disputes
                     WHERE disputes.order_id = orders.id) END
       = CASE WHEN orders.canceled_at IS NULL
              THEN orders.total_minor + orders.added_minor - orders.canceled_minor
                 - coalesce((SELECT sum(amount_minor) FROM refunds
                              WHERE refunds.order_id = orders.id
                                AND is_of_sale
                                AND state = 'succeeded'), 0)
              ELSE 0 END;

-- CAN1: What lines say was canceled is what their cancellations say, and no more than they have.
SELECT line.id, line.canceled_quantity, line.canceled_net_minor, line.canceled_tax_minor,
       part.quantity
  FROM (SELECT id, canceled_quantity, canceled_net_minor, canceled_tax_minor
          FROM order_lines
         WHERE canceled_quantity <> 0
            OR canceled_net_minor <> 0
            OR canceled_tax_minor <> 0) AS line
  FULL JOIN (
        SELECT order_line_id, sum(quantity) AS quantity, sum(net_minor) AS net_minor,
               sum(tax_minor) AS tax_minor
          FROM cancellation_lines
         GROUP BY order_line_id) AS part
    ON part.order_line_id = line.id
 WHERE (line.canceled_quantity, line.canceled_net_minor, line.canceled_tax_minor)
       IS DISTINCT FROM (part.quantity, part.net_minor, part.tax_minor);

-- CAN2: What an order says is not due any more is the gross that was canceled of its lines.
SELECT orders.id, orders.number, orders.canceled_minor, line.canceled
  FROM orders
  JOIN (
        SELECT order_id, sum(canceled_net_minor + canceled_tax_minor) AS canceled
          FROM order_lines
         GROUP BY order_id) AS line
    ON line.order_id = orders.id
 WHERE orders.canceled_minor <> line.canceled;

-- RFD4: A refund of a sale is the sum of its lines and its shipping; another has neither.
SELECT refund.id, refund.is_of_sale, refund.amount_minor, refund.shipping_minor, part.gross
  FROM refunds AS refund
  LEFT JOIN (
        SELECT refund_id, sum(net_minor + tax_minor) AS gross
          FROM refund_lines
         GROUP BY refund_id) AS part
    ON part.refund_id = refund.id
 WHERE CASE WHEN refund.is_of_sale
            THEN refund.amount_minor <> refund.shipping_minor + coalesce(part.gross, 0)
            ELSE refund.shipping_minor <> 0 OR part.refund_id IS NOT NULL END;

-- RFD5: What lines say was paid back is what their refunds say that did not fail.
SELECT line.id, line.refunded_quantity, line.refunded_net_minor, line.refunded_tax_minor,
       part.quantity
  FROM (SELECT id, refunded_quantity, refunded_net_minor, refunded_tax_minor
          FROM order_lines
         WHERE refunded_quantity <> 0
            OR refunded_net_minor <> 0
            OR refunded_tax_minor <> 0) AS line
  FULL JOIN (
        SELECT part.order_line_id, sum(part.quantity) AS quantity,
               sum(part.net_minor) AS net_minor, sum(part.tax_minor) AS tax_minor
          FROM refund_lines AS part
          JOIN refunds AS refund ON refund.id = part.refund_id
         WHERE refund.state <> 'failed'
         GROUP BY part.order_line_id) AS part
    ON part.order_line_id = line.id
 WHERE (line.refunded_quantity, line.refunded_net_minor, line.refunded_tax_minor)
       IS DISTINCT FROM (part.quantity, part.net_minor, part.tax_minor);

-- RFD6: Nothing of a line and nothing of shipping goes back or is given up beyond what it came to.
SELECT id, order_id, quantity, gross_minor
  FROM order_lines
 WHERE canceled_quantity + refunded_quantity > quantity
    OR canceled_net_minor + refunded_net_minor > net_minor
    OR canceled_tax_minor + refunded_tax_minor > tax_minor
 UNION ALL
SELECT orders.id, orders.id, 0, sum(refund.shipping_minor)
  FROM orders
  JOIN refunds AS refund ON refund.order_id = orders.id
 WHERE refund.state <> 'failed'
   AND refund.is_of_sale
 GROUP BY orders.id
HAVING sum(refund.shipping_minor) > orders.shipping_minor
     + CASE WHEN orders.is_tax_included THEN 0 ELSE orders.shipping_tax_minor END
    OR sum(refund.shipping_tax_minor) > orders.shipping_tax_minor;

-- RET1: What lines say comes back is what their returns say: what was asked for until the parcel was
-- opened, what was in it from then on, and nothing of a return that was refused or given up.
SELECT line.id, line.returned_quantity, coming.units
  FROM (SELECT id, returned_quantity FROM order_lines WHERE returned_quantity <> 0) AS line
  FULL JOIN (
        SELECT part.order_line_id, sum(coalesce(part.received_quantity, part.quantity)) AS units
          FROM return_lines AS part
          JOIN returns ON returns.id = part.return_id
         WHERE returns.state NOT IN ('rejected', 'canceled')
         GROUP BY part.order_line_id
        HAVING sum(coalesce(part.received_quantity, part.quantity)) <> 0) AS coming
    ON coming.order_line_id = line.id
 WHERE line.returned_quantity IS DISTINCT FROM coming.units;

-- RET2: No more units come back than were sent.
SELECT line.id, line.returned_quantity, coalesce(sent.units, 0) AS shipped
  FROM order_lines AS line
  LEFT JOIN (
        SELECT order_line_id, sum(shipped_quantity) AS units
          FROM allocations
         GROUP BY order_line_id) AS sent
    ON sent.order_line_id = line.id
 WHERE line.returned_quantity > coalesce(sent.units, 0);

-- RET3: What was judged sellable is on the shelf once, where it was put, and nothing else came back.
SELECT part.id, part.sellable_quantity, moved.reference, moved.delta
  FROM (SELECT 'return ' || id AS reference, id, location_id, sellable_quantity
          FROM return_lines
         WHERE sellable_quantity <> 0) AS part
  FULL JOIN (SELECT reference, location_id, delta
               FROM stock_movements
              WHERE reason = 'returned'
                AND starts_with(reference, 'return ')) AS moved
    ON moved.reference = part.reference
 WHERE (part.sellable_quantity, part.location_id)
       IS DISTINCT FROM (moved.delta, moved.location_id);

-- AUD9: A return's history is whole: allowed moves, each where the last one ended, to its state.
SELECT returns.id, returns.state, returns.version, history.moves
  FROM returns
  LEFT JOIN (
        SELECT return_id, count(*) AS moves,
               (array_agg(to_state ORDER BY seq DESC))[1] AS to_state
          FROM return_events
         GROUP BY return_id) AS history
    ON history.return_id = returns.id
 WHERE (returns.version, returns.state) IS DISTINCT FROM (history.moves, history.to_state)
 UNION ALL
SELECT return_id, to_state, seq, 0
  FROM (
        SELECT return_id, seq, from_state, to_state,
               lag(to_state) OVER (PARTITION BY return_id ORDER BY seq) AS before
          FROM return_events) AS move
 WHERE from_state IS DISTINCT FROM before
    OR (from_state IS NULL AND to_state <> 'requested')
    OR (from_state IS NOT NULL
        AND NOT EXISTS (SELECT FROM return_state_moves AS allowed
                         WHERE (allowed.from_state, allowed.to_state)
                             = (move.from_state, move.to_state)));

-- AUD1: An order's version counts the lines of its history, and the last one says its status.
SELECT orders.id, orders.number, orders.version, orders.status, history.moves, history.to_status
  FROM orders
  LEFT JOIN (
        SELECT order_id, count(*) AS moves, max(seq) AS last_seq,
               (array_agg(to_status ORDER BY seq DESC))[1] AS to_status
          FROM order_events
         GROUP BY order_id) AS history
    ON history.order_id = orders.id
 WHERE orders.version IS DISTINCT FROM history.moves
    OR orders.version IS DISTINCT FROM history.last_seq
    OR orders.status IS DISTINCT FROM history.to_status;

-- AUD2: An order's history is a chain: every line begins where the one before it ended.
SELECT order_id, seq, from_status, before
  FROM (
        SELECT order_id, seq, from_status,
               lag(to_status) OVER (PARTITION BY order_id ORDER BY seq) AS before
          FROM order_events) AS move
 WHERE from_status IS DISTINCT FROM before;

-- AUD3: Every move of an order is an allowed one; it begins waiting for payment or confirmed.
SELECT event.order_id, event.seq, event.from_status, event.to_status
  FROM order_events AS event
  LEFT JOIN order_status_moves AS allowed USING (from_status, to_status)
 WHERE (event.from_status IS NOT NULL AND allowed.to_status IS NULL)
    OR (event.from_status IS NULL AND event.to_status NOT IN ('pending_payment', 'confirmed'));

-- OUT1: Every line of an order's history was announced by the same commit. Facts that everybody
-- knew for a month are forgotten, so only the last four weeks can be compared.
SELECT event.order_id, event.seq, event.to_status, event.happened_at
  FROM order_events AS event
 WHERE event.happened_at > store_now() - interval '28 days'
   AND NOT EXISTS (
        SELECT FROM outbox
         WHERE outbox.subject_id = event.order_id
           AND outbox.created_at = event.happened_at
           AND outbox.topic = CASE WHEN event.from_status IS NULL THEN 'order.placed'
                                   ELSE 'order.' || event.to_status END);

-- FRD1: Of an order that is held for fraud signals nothing has left, and it is not given up.
SELECT payment.id, payment.order_id, orders.status
  FROM payments AS payment
  JOIN orders ON orders.id = payment.order_id
 WHERE payment.review_reason = 'fraud_signals'
   AND (orders.canceled_at IS NOT NULL
        OR EXISTS (SELECT FROM allocations
                    WHERE allocations.order_id = orders.id
                      AND allocations.shipped_quantity > 0));

-- FRD2: An order that was rejected for fraud signals is given up, and nothing is kept of its money; or
-- a person must look.
SELECT payment.id, payment.order_id, orders.status, payment.captured_minor
  FROM payment_reviews AS review
  JOIN payments AS payment ON payment.id = review.payment_id
  JOIN orders ON orders.id = payment.order_id
 WHERE review.reason = 'fraud_signals'
   AND review.decision = 'reject'
   AND payment.review_reason IS NULL
   AND (orders.canceled_at IS NULL
        OR payment.captured_minor - payment.disputed_minor - payment.lost_minor > (
           SELECT coalesce(sum(amount_minor), 0)
             FROM refunds
            WHERE refunds.payment_id = payment.id
              AND refunds.state <> 'failed'));

-- FRD3: What is held for fraud signals was judged so, once, and the score is the sum of the signals; what
-- was judged so is held, was decided, or its order or its money was given up.
SELECT coalesce(assessment.id, held.id) AS id, assessment.score, payment.review_reason
  FROM fraud_assessments AS assessment
  FULL JOIN (SELECT id FROM payments WHERE review_reason = 'fraud_signals') AS held
    ON held.id = assessment.payment_id
  LEFT JOIN payments AS payment ON payment.id = assessment.payment_id
  LEFT JOIN orders ON orders.id = assessment.order_id
 WHERE assessment.id IS NULL
    OR (held.id IS NOT NULL AND NOT assessment.is_held)
    OR assessment.score <> (SELECT sum((signal ->> 'weight')::int)
                              FROM jsonb_array_elements(assessment.signals) AS signal)
    OR (assessment.is_held
        AND held.id IS NULL
        AND orders.canceled_at IS NULL
        AND NOT EXISTS (SELECT FROM payment_reviews
                         WHERE payment_reviews.payment_id = assessment.payment_id
                           AND payment_reviews.reason = 'fraud_signals')
        AND NOT EXISTS (SELECT FROM payment_events
                         WHERE payment_events.payment_id = assessment.payment_id
                           AND payment_events.to_state IN ('failed', 'voided')
                           AND payment_events.happened_at >= assessment.assessed_at));

-- END3 (Q): No order whose goods are not held waits for its payment longer than the store allows.
SELECT orders.id, orders.number, orders.status, orders.placed_at
  FROM orders
 WHERE orders.status IN ('pending_payment', 'payment_failed')
   AND orders.paid_minor = 0
   AND orders.placed_at <= store_now() - make_interval(hours => coalesce(
        (SELECT value::text::int FROM settings WHERE key = 'unpaid_cancel_hours'), 24))
   AND NOT EXISTS (SELECT FROM reservations
                    WHERE reservations.holder_id = orders.id
                      AND reservations.state = 'active'
                      AND reservations.expires_at > store_now())
   AND NOT EXISTS (SELECT FROM payments
                    WHERE payments.order_id = orders.id
                      AND payments.review_reason IS NOT NULL);

-- INV1: The documents of a series are numbered from 1 without a gap, as far as its counter says.
SELECT series, counter.last_seq, issued.count, issued.last_seq AS last_issued
  FROM document_series AS counter
  FULL JOIN (
        SELECT series, count(DISTINCT seq) AS count, min(seq) AS first_seq, max(seq) AS last_seq
          FROM documents
         GROUP BY series) AS issued
 USING (series)
 WHERE counter.last_seq IS DISTINCT FROM issued.last_seq
    OR issued.count <> issued.last_seq
    OR issued.first_seq <> 1;

-- INV2: An invoice comes to its order's total and tax, in its currency, with what was added and less
-- what was canceled before it was sold, or to what its change added; what is written in any document
-- comes to its sums.
SELECT documents.id, documents.number, documents.total_minor, orders.total_minor AS ordered_minor,
       written.net AS written_net, written.tax AS written_tax
  FROM documents
  JOIN orders ON orders.id = documents.order_id
 CROSS JOIN LATERAL (
        SELECT sum((part ->> 'net_minor')::bigint) AS net,
               sum((part ->> 'tax_minor')::bigint) AS tax
          FROM jsonb_array_elements(documents.content -> 'taxes') AS part) AS written
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(gross_minor), 0) AS gross, coalesce(sum(tax_minor), 0) AS tax
          FROM order_lines
          JOIN order_changes AS change ON change.id = order_lines.change_id AND NOT change.is_sold
         WHERE order_lines.order_id = orders.id) AS added
 WHERE documents.currency <> orders.currency
    OR written.net IS DISTINCT FROM documents.net_minor
    OR written.tax IS DISTINCT FROM documents.tax_minor
    OR (documents.kind = 'invoice'
        AND documents.change_id IS NOT NULL
        AND (documents.total_minor, documents.tax_minor)
            <> (SELECT coalesce(sum(gross_minor), 0), coalesce(sum(tax_minor), 0)
                  FROM order_lines
                 WHERE order_lines.order_id = orders.id
                   AND order_lines.change_id = documents.change_id))
    OR (documents.kind = 'invoice'
        AND documents.change_id IS NULL
        AND (documents.total_minor, documents.tax_minor)
            <> (SELECT orders.total_minor + added.gross
                         - coalesce(sum(part.net_minor + part.tax_minor), 0),
                       orders.tax_minor + added.tax - coalesce(sum(part.tax_minor), 0)
                  FROM cancellations
                  JOIN cancellation_lines AS part ON part.cancellation_id = cancellations.id
                 WHERE cancellations.order_id = orders.id
                   AND NOT cancellations.is_sold));

-- INV3: A credit note is for the amount of a refund that reached its order's buyer, or for what a
-- change gave up.
SELECT documents.id, documents.number, documents.total_minor, refunds.state, refunds.amount_minor
  FROM documents
  LEFT JOIN refunds ON refunds.id = documents.refund_id
  LEFT JOIN order_changes AS change ON change.id = documents.change_id
 WHERE documents.kind = 'credit_note'
   AND (refunds.state, refunds.order_id, refunds.amount_minor, refunds.currency)
       IS DISTINCT FROM ('succeeded', documents.order_id, documents.total_minor,
                         documents.currency)
   AND (change.state, change.order_id, change.given_up_minor)
       IS DISTINCT FROM ('applied', documents.order_id, documents.total_minor);

-- INV4: What was credited of an order was invoiced, net and tax alike.
SELECT order_id, sum(net_minor) AS net_left, sum(tax_minor) AS tax_left
  FROM (
        SELECT order_id,
               CASE kind WHEN 'invoice' THEN net_minor ELSE -net_minor END AS net_minor,
               CASE kind WHEN 'invoice' THEN tax_minor ELSE -tax_minor END AS tax_minor
          FROM documents
         WHERE kind <> 'packing_slip') AS part
 GROUP BY order_id
HAVING sum(net_minor) < 0
    OR sum(tax_minor) < 0;

-- INV5: Only what was sold is invoiced or packed.
SELECT documents.id, documents.number
  FROM documents
 WHERE NOT EXISTS (SELECT FROM ledger_journals
                    WHERE ledger_journals.order_id = documents.order_id
                      AND ledger_journals.kind = 'sale');

-- INV6 (Q): Every sale has its invoice, everything that was added to one its own, and every refund of
-- what was sold its credit note; what a change gave up for what it added has one, too.
SELECT journal.id, journal.kind, journal.order_id, journal.posted_at
  FROM ledger_journals AS journal
 WHERE (journal.kind = 'sale'
        AND NOT EXISTS (SELECT FROM documents
                         WHERE documents.order_id = journal.order_id
                           AND documents.kind = 'invoice'
                           AND documents.change_id IS NULL))
    OR (journal.kind = 'sale_addition'
        AND NOT EXISTS (SELECT FROM documents
                         WHERE documents.change_id = journal.reference
                           AND documents.kind = 'invoice'))
    OR (journal.kind = 'sale_credit'
        AND EXISTS (SELECT FROM order_changes AS change
                     WHERE change.cancellation_id = journal.reference
                       AND change.added_minor > 0
                       AND NOT EXISTS (SELECT FROM documents
                                        WHERE documents.change_id = change.id
                                          AND documents.kind = 'credit_note')))
    OR (journal.kind = 'refund'
        AND NOT EXISTS (SELECT FROM documents WHERE documents.refund_id = journal.reference)
        AND EXISTS (SELECT FROM refunds
                      JOIN payments ON payments.id = refunds.payment_id
                      JOIN ledger_journals AS sale
                        ON sale.kind = 'sale'
                       AND sale.order_id = refunds.order_id
                       AND (sale.reference = refunds.payment_id
                            OR payments.gift_card_id IS NOT NULL
                            OR EXISTS (SELECT FROM order_changes AS change
                                        WHERE change.payment_id = payments.id
                                          AND change.state = 'applied'))
                     WHERE refunds.id = journal.reference
                       AND NOT refunds.is_excess));

-- CPN2: An order that names a coupon uses it once while it may be paid or was sold, and not at all
-- once it was given up unsold; no other order uses any.
SELECT coalesce(orders.id, uses.order_id) AS id, orders.number, orders.coupon_code,
       orders.canceled_at, coalesce(uses.live, 0) AS live
  FROM orders
  FULL JOIN (
        SELECT order_id, count(*) AS live
          FROM coupon_redemptions
         WHERE ended_at IS NULL
         GROUP BY order_id) AS uses
    ON uses.order_id = orders.id
 WHERE (orders.coupon_code IS NOT NULL OR uses.order_id IS NOT NULL)
   AND coalesce(uses.live, 0)
       <> CASE WHEN orders.coupon_code IS NOT NULL
                    AND (orders.canceled_at IS NULL OR orders.sold_at IS NOT NULL)
               THEN 1 ELSE 0 END;

-- CPN3: What was taken off an order and off each of its lines is what its adjustments say.
SELECT line.id, orders.number, line.position, line.discount_minor, coalesce(taken.minor, 0) AS taken
  FROM order_lines AS line
  JOIN orders ON orders.id = line.order_id
  LEFT JOIN LATERAL (
        SELECT sum((row ->> 'amount_minor')::bigint) AS minor
          FROM jsonb_array_elements(orders.adjustments) AS row
         WHERE (row ->> 'line')::int = line.position) AS taken
    ON orders.adjustments <> '[]'
 WHERE line.discount_minor <> coalesce(taken.minor, 0);

-- DRF1: Each order that began as a draft is of one draft, which is placed, asked for its currency, and
-- for just its units of its variants; and every placed draft has such an order.
SELECT coalesce(draft.order_id, begun.order_id) AS order_id, draft.id AS draft_id, draft.state
  FROM (SELECT order_id
          FROM order_events
         WHERE seq = 1
           AND reason = 'placed from a draft order') AS begun
  FULL JOIN (SELECT id, state, order_id, content
               FROM draft_orders
              WHERE order_id IS NOT NULL
                 OR state = 'placed') AS draft
    ON draft.order_id = begun.order_id
  LEFT JOIN orders ON orders.id = begun.order_id
 WHERE begun.order_id IS NULL
    OR draft.id IS NULL
    OR draft.state <> 'placed'
    OR draft.content ->> 'currency' <> orders.currency
    OR (SELECT jsonb_object_agg(line ->> 'variant_id', line -> 'quantity')
          FROM jsonb_array_elements(draft.content -> 'lines') AS line)
       <> (SELECT jsonb_object_agg(variant_id, quantity)
             FROM order_lines
            WHERE order_lines.order_id = orders.id
              AND change_id IS NULL);

-- DRF2: A draft's history has every version of it, and ends in what it is and says now.
SELECT draft.id, draft.version, draft.state, last.seq, last.to_state
  FROM draft_orders AS draft
  LEFT JOIN draft_order_events AS last
    ON last.draft_id = draft.id
   AND last.seq = draft.version
 WHERE last.seq IS NULL
    OR (last.to_state, last.content) IS DISTINCT FROM (draft.state, draft.content)
    OR draft.version <> (SELECT count(*)
                           FROM draft_order_events AS event
                          WHERE event.draft_id = draft.id);

-- OWN1: What is claimed is an order, and was placed when its claim says.
SELECT account_orders.order_id, account_orders.placed_at, orders.placed_at AS really_placed_at
  FROM account_orders
  LEFT JOIN orders ON orders.id = account_orders.order_id
 WHERE orders.placed_at IS DISTINCT FROM account_orders.placed_at;
