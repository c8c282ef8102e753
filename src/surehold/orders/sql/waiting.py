"""The statement that lists what was sold and is not there yet."""

from __future__ import annotations

from typing import Final

from surehold.db import query
from surehold.orders.model import WaitingLine

_OPEN: Final = "promise.told_at IS NULL AND promise.dropped_at IS NULL"

# Who waits is worked out once for the page, from the variants that anybody was promised.
LIST_WAITING_LINES: Final = query(
    f"""
    /* orders.list_waiting_lines */
    WITH place AS MATERIALIZED (
        SELECT order_line_id, sum(waiting)::int AS waiting
          FROM stock_queue(ARRAY(SELECT DISTINCT promise.variant_id
                                   FROM backorder_promises AS promise
                                  WHERE {_OPEN}
                                    AND ($1::uuid IS NULL OR promise.variant_id = $1)))
         WHERE waiting > 0
         GROUP BY order_line_id
    )
    SELECT promise.order_id, orders.number, orders.email,
           EXISTS (SELECT
                     FROM allocations
                    WHERE allocations.order_id = promise.order_id
                      AND allocations.order_line_id = promise.order_line_id) AS is_paid,
           promise.order_line_id, promise.variant_id, line.sku, line.name, promise.quantity,
           place.waiting, promise.kind, promise.promised_on, promise.created_at AS since
      FROM backorder_promises AS promise
      JOIN place ON place.order_line_id = promise.order_line_id
      JOIN order_lines AS line ON line.id = promise.order_line_id
      JOIN orders ON orders.id = promise.order_id
     WHERE {_OPEN}
       AND ($2::timestamptz IS NULL
            OR (promise.created_at, promise.order_line_id) > ($2, $3::uuid))
     ORDER BY promise.created_at, promise.order_line_id
     LIMIT $4
    """,
    WaitingLine,
)
