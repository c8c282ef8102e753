"""Statements that list orders, newest first. Put together from the fragments below on importing.

There is one statement per filter that an index can begin at; the others only leave rows out.
$1 is what is searched for, $2 to $4 the three statuses, $5 a vendor, $6 the currency, $7 and $8
from and until when it was placed, $9 and $10 the lowest and the highest total, $11 whether a
payment is for a person; $12 and $13 the scope: a vendor, or an e-mail address in lower case; $14
and $15 the last row seen, $16 how many. Each may be null but the last.
"""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import Statement, query
from surehold.orders.model import OrderSummary

#: What every row is before: the last one seen, or the end of what is wanted.
_BEFORE: Final = """least(coalesce($8::timestamptz, 'infinity'),
                   coalesce($14::timestamptz, 'infinity')),
              coalesce($15::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')"""
_PLACED: Final = """orders.placed_at >= coalesce($7::timestamptz, '-infinity')
       AND orders.placed_at < coalesce($8::timestamptz, 'infinity')"""
# An index is entered at the first of what bounds it, so the nearest bound of all comes first.
_WITHIN: Final = f"""(orders.placed_at, orders.id) < ({_BEFORE})
       AND {_PLACED}"""

# The orders of a vendor are met in its own index, by id. Ids are made as orders are placed, so the
# last one is the newest; an instant would have to be kept on each line. Clocks that differ by less
# than a day lose none that was placed between two instants.
_OF_VENDOR: Final = """(SELECT DISTINCT order_id
              FROM order_lines
             WHERE vendor_id = coalesce($12::uuid, $5::uuid)
               AND order_id < least(
                   coalesce($15::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
                   (SELECT id
                      FROM orders
                     WHERE placed_at >= $8::timestamptz + interval '1 day'
                     ORDER BY placed_at, id
                     LIMIT 1))
               AND order_id > coalesce(
                   (SELECT id
                      FROM orders
                     WHERE placed_at < $7::timestamptz - interval '1 day'
                     ORDER BY placed_at DESC, id DESC
                     LIMIT 1), '00000000-0000-0000-0000-000000000000')
             ORDER BY order_id DESC) AS own
     CROSS JOIN LATERAL (SELECT * FROM orders WHERE id = own.order_id LIMIT 1) AS orders"""


class _Start(msgspec.Struct, frozen=True):
    """How a list begins at the index of one filter, what it is ordered by, and what bounds it.

    ``is_fetched``: few orders are meant. They are fetched one by one, and no index of instants may
    be walked for them.
    """

    beginning: str
    source: str = "orders"
    order: str = "orders.placed_at DESC, orders.id DESC"
    within: str = _WITHIN
    is_fetched: bool = False


def _at(column: str, parameter: str, *, but: str = "") -> _Start:
    """At the index of one status, between two instants or rows of it.

    Rows are compared, and the status is a part of the order: nothing else than its index has that,
    however common a status is, or would be for a plan that is made for all values. ``but``: what
    the index leaves out.
    """
    return _Start(
        f"""(orders.{column}, orders.placed_at)
           >= ({parameter}::text, coalesce($7::timestamptz, '-infinity'))
       AND (orders.{column}, orders.placed_at, orders.id)
           < ({parameter}, {_BEFORE}){but}""",
        order=f"orders.{column} DESC, orders.placed_at DESC, orders.id DESC",
    )


_STARTS: Final = {
    "newest": _Start("true"),
    "search": _Start(
        """orders.id = ANY(ARRAY(
               SELECT id FROM orders WHERE number = upper($1::text)
                UNION
               SELECT id FROM orders WHERE lower(email) = lower($1)
                UNION
               SELECT order_id FROM fulfillments WHERE tracking_number = $1
                UNION
               SELECT order_id
                 FROM order_lines
                WHERE variant_id = (SELECT id FROM variants WHERE sku = $1)))""",
        is_fetched=True,
    ),
    "email": _Start("lower(orders.email) = $13::text"),
    "vendor": _Start(
        "$14::timestamptz IS NULL OR $15 IS NOT NULL",
        source=_OF_VENDOR,
        order="own.order_id DESC",
        within=_PLACED,
    ),
    "review": _Start(
        """orders.id = ANY(ARRAY(
               SELECT order_id FROM payments WHERE review_reason IS NOT NULL))""",
        is_fetched=True,
    ),
    "status": _at("status", "$2"),
    "fulfillment": _at(
        "fulfillment_status", "$4", but="\n       AND orders.fulfillment_status <> 'unfulfilled'"
    ),
    "payment": _at(
        "payment_status", "$3", but="\n       AND orders.payment_status NOT IN ('pending', 'paid')"
    ),
}
#: Values that are so common, or so young, that their orders are met soon on the way from the
#: newest; no index is kept of them.
UNINDEXED: Final = frozenset({"unfulfilled", "pending", "paid"})


def _listing(start: str) -> Statement[OrderSummary]:
    begun = _STARTS[start]
    within, limit = begun.within, "(SELECT $16::bigint)"
    if begun.is_fetched:
        within, limit = f"({within}) IS TRUE", "$16"
    # Whatever is searched for begins its own list, so nothing else ever looks for it.
    is_searched = "true" if start == "search" else "false"
    return query(
        f"""
    /* orders.list_orders_by_{start} */
    SELECT orders.id, orders.number, orders.email, orders.shipping_address->>'name' AS name,
           orders.shipping_address->>'country' AS country, orders.status, orders.payment_status,
           orders.fulfillment_status, orders.currency::text AS currency,
           CASE WHEN $12 IS NULL THEN orders.total_minor ELSE line.gross_minor END
               AS total_minor,
           line.units,
           EXISTS (SELECT
                     FROM payments
                    WHERE payments.order_id = orders.id
                      AND payments.review_reason IS NOT NULL) AS needs_review,
           orders.placed_at
      FROM {begun.source}
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(quantity), 0)::int AS units,
                  coalesce(sum(gross_minor), 0)::bigint AS gross_minor
             FROM order_lines
            WHERE order_lines.order_id = orders.id
              AND ($12::uuid IS NULL OR order_lines.vendor_id = $12)) AS line
     WHERE ({begun.beginning})
       AND ($1::text IS NULL OR {is_searched})
       AND ($2::text IS NULL OR orders.status = $2)
       AND ($3::text IS NULL OR orders.payment_status = $3)
       AND ($4::text IS NULL OR orders.fulfillment_status = $4)
       AND ($5::uuid IS NULL OR EXISTS (
               SELECT
                 FROM order_lines
                WHERE order_lines.order_id = orders.id
                  AND order_lines.vendor_id = $5))
       AND ($6::bpchar IS NULL OR orders.currency = $6)
       AND {within}
       AND orders.total_minor
           BETWEEN coalesce($9::bigint, 0) AND coalesce($10::bigint, 9223372036854775807)
       AND ($11::boolean IS NULL OR $11 = EXISTS (
               SELECT
                 FROM payments
                WHERE payments.order_id = orders.id
                  AND payments.review_reason IS NOT NULL))
       AND ($12 IS NULL OR line.units > 0)
       AND ($13::text IS NULL OR lower(orders.email) = $13)
     ORDER BY {begun.order}
     LIMIT {limit}
    """,
        OrderSummary,
    )


LIST: Final = {start: _listing(start) for start in _STARTS}
