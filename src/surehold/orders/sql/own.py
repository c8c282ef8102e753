"""Statements about the orders of an account: the identity room keeps whose they are."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import query
from surehold.identity.model import ClaimedOrder
from surehold.kernel.ids import OrderId
from surehold.orders.model import OrderSummary


class Pulse(msgspec.Struct, frozen=True):
    """A number for each thing that can happen to an order: another one, and something has."""

    order_id: OrderId
    version: int
    parcels: int
    returns: int
    changes: int
    refunds: int


LIST_OWN: Final = query(
    """
    /* orders.list_own */
    SELECT orders.id, orders.number, orders.email, orders.shipping_address->>'name' AS name,
           orders.shipping_address->>'country' AS country, orders.status, orders.payment_status,
           orders.fulfillment_status, orders.currency::text AS currency, orders.total_minor,
           (SELECT coalesce(sum(quantity), 0)::int
              FROM order_lines
             WHERE order_lines.order_id = orders.id) AS units,
           false AS needs_review, orders.placed_at
      FROM account_orders AS own
      JOIN orders ON orders.id = own.order_id
     WHERE own.account_id = $1
       AND (own.placed_at, own.order_id)
           < (coalesce($2::timestamptz, 'infinity'),
              coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
     ORDER BY own.placed_at DESC, own.order_id DESC
     LIMIT $4
    """,
    OrderSummary,
)

# $1: an address that its owner has proven, in lower case.
LIST_UNCLAIMED: Final = query(
    """
    /* orders.list_unclaimed */
    SELECT orders.id AS order_id, orders.placed_at
      FROM orders
     WHERE lower(orders.email) = $1
       AND NOT EXISTS (
           SELECT
             FROM account_orders
            WHERE account_orders.order_id = orders.id)
     ORDER BY orders.placed_at DESC, orders.id DESC
     LIMIT 1000
    """,
    ClaimedOrder,
)

# What a page that is open asks again and again: five look-ups by key each, no sort, no join.
LIST_PULSES: Final = query(
    """
    /* orders.list_pulses */
    SELECT orders.id AS order_id, orders.version,
           (SELECT coalesce(sum(parcel.version), 0)::int
              FROM fulfillments AS parcel
             WHERE parcel.order_id = orders.id) AS parcels,
           (SELECT coalesce(sum(back.version), 0)::int
              FROM returns AS back
             WHERE back.order_id = orders.id) AS returns,
           (SELECT coalesce(sum(change.version), 0)::int
              FROM order_changes AS change
             WHERE change.order_id = orders.id) AS changes,
           (SELECT (count(*) + count(refund.ended_at))::int
              FROM refunds AS refund
             WHERE refund.order_id = orders.id) AS refunds
      FROM orders
     WHERE orders.id = ANY($1::uuid[])
    """,
    Pulse,
)
