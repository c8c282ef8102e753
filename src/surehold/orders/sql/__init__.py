"""Statements of the orders room. Orders are locked in id order."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import CartId, OrderId
from surehold.orders.model import Order, OrderEvent, OrderLine, Return, ReturnLine

_COLUMNS: Final = """id, number, cart_id, email, currency, subtotal_minor, discount_minor,
           shipping_minor, shipping_tax_minor, tax_minor, total_minor, is_tax_included,
           paid_minor, refunded_minor, shipping_method, shipping_address, billing_address,
           provider, status, payment_status, fulfillment_status, placed_at, canceled_at,
           cancel_reason, archived_at, extensions_used, version, changed_by, change_reason,
           updated_at, coupon_code, adjustments, confirmed_at, processing_at, canceled_minor,
           added_minor, change_count, sold_at, owed_minor"""

LOCK_ORDERS: Final = query(
    f"""
    /* orders.lock_orders */
    SELECT {_COLUMNS}
      FROM orders
     WHERE id = ANY($1::uuid[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    Order,
)

FIND_ORDER: Final = query(
    f"""
    /* orders.find_order */
    SELECT {_COLUMNS}
      FROM orders
     WHERE id = $1
    """,
    Order,
)

# $2: the vendor, $3: the e-mail address in lower case whose orders are meant; null: everybody's.
FIND_ORDER_WITHIN: Final = query(
    f"""
    /* orders.find_order_within */
    SELECT {_COLUMNS}
      FROM orders
     WHERE id = $1
       AND ($2::uuid IS NULL OR EXISTS (
               SELECT
                 FROM order_lines
                WHERE order_lines.order_id = orders.id
                  AND order_lines.vendor_id = $2))
       AND ($3::text IS NULL OR lower(email) = $3)
    """,
    Order,
)

FIND_ORDER_BY_NUMBER: Final = query(
    f"""
    /* orders.find_order_by_number */
    SELECT {_COLUMNS}
      FROM orders
     WHERE number = $1
    """,
    Order,
)

LIST_LINES: Final = query(
    """
    /* orders.list_lines */
    SELECT id, order_id, position, product_id, variant_id, vendor_id, sku, name, options, image,
           quantity, unit_price_minor, discount_minor, total_minor, tax_rate::text AS tax_rate,
           net_minor, tax_minor, gross_minor, canceled_quantity, canceled_net_minor,
           canceled_tax_minor, refunded_quantity, refunded_net_minor, refunded_tax_minor,
           returned_quantity, change_id
      FROM order_lines
     WHERE order_id = ANY($1::uuid[])
     ORDER BY order_id, position
    """,
    OrderLine,
)

LIST_EVENTS: Final = query(
    """
    /* orders.list_events */
    SELECT order_id, seq, from_status, to_status, actor, reason, happened_at
      FROM order_events
     WHERE order_id = $1
     ORDER BY seq
    """,
    OrderEvent,
)

# Every order begins in the same state: what is always so is not sent.
INSERT_ORDERS: Final = command(
    """
    /* orders.insert_orders */
    INSERT INTO orders
           (id, number, cart_id, email, currency, subtotal_minor, discount_minor, shipping_minor,
            shipping_tax_minor, tax_minor, total_minor, is_tax_included, shipping_method,
            shipping_address, billing_address, provider, status, payment_status, placed_at,
            changed_by, change_reason, updated_at, coupon_code, adjustments, network_hash,
            address_hash)
    SELECT id, number, cart_id, email, currency, subtotal_minor, discount_minor, shipping_minor,
           shipping_tax_minor, tax_minor, total_minor, is_tax_included, shipping_method,
           shipping_address, billing_address, provider, 'pending_payment', 'pending', $17,
           changed_by, change_reason, $17, coupon_code, adjustments::jsonb, network_hash,
           address_hash
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[],
                  $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
                  $12::boolean[], $13::text[], $14::jsonb[], $15::jsonb[], $16::text[],
                  $18::text[], $19::text[], $20::text[], $21::text[], $22::bytea[], $23::bytea[])
           AS new (id, number, cart_id, email, currency, subtotal_minor, discount_minor,
                   shipping_minor, shipping_tax_minor, tax_minor, total_minor, is_tax_included,
                   shipping_method, shipping_address, billing_address, provider, coupon_code,
                   adjustments, changed_by, change_reason, network_hash, address_hash)
    """
)

INSERT_LINES: Final = command(
    """
    /* orders.insert_lines */
    INSERT INTO order_lines
           (id, order_id, position, product_id, variant_id, vendor_id, sku, name, options, image,
            quantity, unit_price_minor, discount_minor, total_minor, tax_rate, net_minor,
            tax_minor, gross_minor)
    SELECT id, order_id, position, product_id, variant_id, vendor_id, sku, name,
           options::jsonb, image, quantity, unit_price_minor,
           discount_minor, total_minor, tax_rate::numeric, net_minor, tax_minor, gross_minor
      FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::uuid[], $6::uuid[],
                  $7::text[], $8::text[], $9::text[], $10::text[], $11::int[], $12::bigint[],
                  $13::bigint[], $14::bigint[], $15::text[], $16::bigint[], $17::bigint[],
                  $18::bigint[])
           AS new (id, order_id, position, product_id, variant_id, vendor_id, sku, name, options,
                   image, quantity, unit_price_minor, discount_minor, total_minor, tax_rate,
                   net_minor, tax_minor, gross_minor)
    """
)

# The version rises with every change of status, so that the history trigger knows a command
# from a change by hand. The guard refuses to write over a version that was not read.
UPDATE_ORDERS: Final = command(
    """
    /* orders.update_orders */
    UPDATE orders
       SET status = changed.status,
           payment_status = changed.payment_status,
           fulfillment_status = changed.fulfillment_status,
           paid_minor = changed.paid_minor,
           refunded_minor = changed.refunded_minor,
           canceled_at = changed.canceled_at,
           cancel_reason = changed.cancel_reason,
           confirmed_at = changed.confirmed_at,
           processing_at = changed.processing_at,
           archived_at = changed.archived_at,
           extensions_used = changed.extensions_used,
           provider = changed.provider,
           version = changed.version,
           changed_by = changed.changed_by,
           change_reason = changed.change_reason,
           canceled_minor = changed.canceled_minor,
           added_minor = changed.added_minor,
           change_count = changed.change_count,
           sold_at = changed.sold_at,
           owed_minor = changed.owed_minor,
           updated_at = $14
      FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
                  $7::timestamptz[], $8::text[], $9::int[], $10::text[], $11::int[], $12::text[],
                  $13::text[], $15::text[], $16::timestamptz[], $17::timestamptz[],
                  $18::timestamptz[], $19::bigint[], $20::bigint[], $21::int[],
                  $22::timestamptz[], $23::bigint[])
           AS changed (id, read_version, status, payment_status, paid_minor, refunded_minor,
                       canceled_at, cancel_reason, extensions_used, provider, version, changed_by,
                       change_reason, fulfillment_status, confirmed_at, processing_at,
                       archived_at, canceled_minor, added_minor, change_count, sold_at, owed_minor)
     WHERE orders.id = changed.id
       AND orders.version = changed.read_version
    """
)


INSERT_CANCELLATIONS: Final = command(
    """
    /* orders.insert_cancellations */
    INSERT INTO cancellations (id, order_id, reason, actor, is_sold, created_at)
    SELECT id, order_id, reason, actor, is_sold, $6
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::boolean[])
           AS new (id, order_id, reason, actor, is_sold)
    """
)

# The database adds these to what their lines say was canceled, and refuses more than there is.
INSERT_CANCELLATION_LINES: Final = command(
    """
    /* orders.insert_cancellation_lines */
    INSERT INTO cancellation_lines (cancellation_id, order_line_id, quantity, net_minor, tax_minor)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::bigint[])
    """
)


class OrderIdRow(msgspec.Struct, frozen=True):
    """One order's id."""

    id: OrderId


# What is old and over. A refund or a payment that is under way is waited for.
LIST_TO_ARCHIVE: Final = query(
    """
    /* orders.list_to_archive */
    SELECT id
      FROM orders
     WHERE (status IN ('delivered', 'canceled', 'refunded')
            OR (status = 'partially_refunded'
                AND fulfillment_status IN ('delivered', 'returned')))
       AND status IN ('delivered', 'canceled', 'refunded', 'partially_refunded')
       AND updated_at <= (SELECT store_now()) - $1::interval
       AND NOT EXISTS (SELECT
                         FROM refunds
                        WHERE refunds.order_id = orders.id
                          AND refunds.state = 'requested')
       AND NOT EXISTS (SELECT
                         FROM payments
                        WHERE payments.order_id = orders.id
                          AND (payments.review_reason IS NOT NULL
                               OR payments.state IN ('pending', 'requires_action', 'authorized',
                                                     'unknown')))
     ORDER BY updated_at
     LIMIT (SELECT $2::int)
    """,
    OrderIdRow,
)

# Each status is a range of one index, in order of time; no index is kept of both together. Who has
# goods held may still pay for them: a transfer takes longer than a card.
LIST_UNPAID: Final = query(
    """
    /* orders.list_unpaid */
    SELECT unpaid.id
      FROM unnest('{pending_payment,payment_failed}'::text[]) AS wanted (status)
     CROSS JOIN LATERAL (
           SELECT id, placed_at
             FROM orders
            WHERE orders.status = wanted.status
              AND placed_at <= (SELECT store_now()) - $1::interval
              AND NOT EXISTS (SELECT
                                FROM reservations
                               WHERE reservations.holder_id = orders.id
                                 AND reservations.state = 'active'
                                 AND reservations.expires_at > (SELECT store_now()))
            ORDER BY placed_at
            LIMIT (SELECT $2::int)) AS unpaid
     ORDER BY unpaid.placed_at
     LIMIT (SELECT $2::int)
    """,
    OrderIdRow,
)


class EmailRow(msgspec.Struct, frozen=True):
    """An address as it was written."""

    email: str


# Whoever has paid for an order under one of their addresses, whatever became of it.
FIND_RETURNING: Final = query(
    """
    /* orders.find_returning */
    SELECT email
      FROM unnest($1::text[]) AS wanted (email)
     WHERE EXISTS (SELECT
                     FROM orders
                    WHERE buyer_of(orders.email) = buyer_of(wanted.email)
                      AND orders.paid_minor > 0)
    """,
    EmailRow,
)


class CartRow(msgspec.Struct, frozen=True):
    """A cart that became an order."""

    cart_id: CartId


LIST_ORDERED_CARTS: Final = query(
    """
    /* orders.list_ordered_carts */
    SELECT DISTINCT cart_id
      FROM orders
     WHERE cart_id = ANY($1::uuid[])
    """,
    CartRow,
)

LIST_RETURNS: Final = query(
    """
    /* orders.list_returns */
    SELECT id, order_id, state, note, answer, changed_by, change_reason, created_at, updated_at
      FROM returns
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Return,
)

LIST_RETURN_LINES: Final = query(
    """
    /* orders.list_return_lines */
    SELECT id, return_id, order_line_id, quantity, reason, note, received_quantity,
           sellable_quantity, damaged_quantity, location_id
      FROM return_lines
     WHERE return_id = ANY($1::uuid[])
       AND ($2::uuid IS NULL OR EXISTS (
               SELECT
                 FROM order_lines
                WHERE order_lines.id = return_lines.order_line_id
                  AND order_lines.vendor_id = $2))
     ORDER BY id
    """,
    ReturnLine,
)


INSERT_RETURNS: Final = command(
    """
    /* orders.insert_returns */
    INSERT INTO returns
           (id, order_id, state, note, changed_by, change_reason, created_at, updated_at)
    SELECT id, order_id, 'requested', note, changed_by, change_reason, $6, $6
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
           AS new (id, order_id, note, changed_by, change_reason)
    """
)

# The database adds these to what their lines say is coming back, and refuses more than was sent.
INSERT_RETURN_LINES: Final = command(
    """
    /* orders.insert_return_lines */
    INSERT INTO return_lines (id, return_id, order_line_id, quantity, reason, note)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[])
    """
)

# The state that is left is named: whoever was second changes no row.
UPDATE_RETURNS: Final = command(
    """
    /* orders.update_returns */
    UPDATE returns
       SET state = changed.state,
           answer = changed.answer,
           changed_by = changed.changed_by,
           change_reason = changed.change_reason,
           updated_at = $7
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
           AS changed (id, read_state, state, answer, changed_by, change_reason)
     WHERE returns.id = changed.id
       AND returns.state = changed.read_state
    """
)

UPDATE_RETURN_LINES: Final = command(
    """
    /* orders.update_return_lines */
    UPDATE return_lines
       SET received_quantity = changed.received_quantity,
           sellable_quantity = changed.sellable_quantity,
           damaged_quantity = changed.damaged_quantity,
           location_id = changed.location_id
      FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::uuid[])
           AS changed (id, received_quantity, sellable_quantity, damaged_quantity, location_id)
     WHERE return_lines.id = changed.id
    """
)
