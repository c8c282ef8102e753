"""Statements of changes. The order is locked first."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.orders.changes.model import OrderChange

_COLUMNS: Final = """id, order_id, state, content, given_up_minor, added_minor, is_sold,
           payment_id, cancellation_id, changed_by, change_reason, created_at, updated_at,
           return_id, covered_minor"""

LIST_CHANGES: Final = query(
    f"""
    /* orders.list_changes */
    SELECT {_COLUMNS}
      FROM order_changes
     WHERE order_id = ANY($1::uuid[])
     ORDER BY order_id, id
    """,
    OrderChange,
)

INSERT_CHANGES: Final = command(
    """
    /* orders.insert_changes */
    INSERT INTO order_changes
           (id, order_id, state, content, given_up_minor, added_minor, is_sold, payment_id,
            cancellation_id, changed_by, change_reason, created_at, updated_at, return_id,
            covered_minor)
    SELECT id, order_id, state, content, given_up_minor, added_minor, is_sold, payment_id,
           cancellation_id, changed_by, change_reason, $12, $12, return_id, covered_minor
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::bigint[], $6::bigint[],
                  $7::boolean[], $8::uuid[], $9::uuid[], $10::text[], $11::text[], $13::uuid[],
                  $14::bigint[])
           AS new (id, order_id, state, content, given_up_minor, added_minor, is_sold, payment_id,
                   cancellation_id, changed_by, change_reason, return_id, covered_minor)
    """
)

# The state that is left is named: whoever was second changes no row.
UPDATE_CHANGES: Final = command(
    """
    /* orders.update_changes */
    UPDATE order_changes
       SET state = changed.state,
           cancellation_id = changed.cancellation_id,
           changed_by = changed.changed_by,
           change_reason = changed.change_reason,
           updated_at = $7
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[])
           AS changed (id, read_state, state, cancellation_id, changed_by, change_reason)
     WHERE order_changes.id = changed.id
       AND order_changes.state = changed.read_state
    """
)

INSERT_ADDED_LINES: Final = command(
    """
    /* orders.insert_added_lines */
    INSERT INTO order_lines
           (id, order_id, position, product_id, variant_id, vendor_id, sku, name, options, image,
            quantity, unit_price_minor, total_minor, tax_rate, net_minor, tax_minor, gross_minor,
            change_id)
    SELECT id, order_id, position, product_id, variant_id, vendor_id, sku, name,
           options::jsonb, image, quantity, unit_price_minor, total_minor, tax_rate::numeric,
           net_minor, tax_minor, gross_minor, change_id
      FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::uuid[], $6::uuid[],
                  $7::text[], $8::text[], $9::text[], $10::text[], $11::int[], $12::bigint[],
                  $13::bigint[], $14::text[], $15::bigint[], $16::bigint[], $17::bigint[],
                  $18::uuid[])
           AS new (id, order_id, position, product_id, variant_id, vendor_id, sku, name, options,
                   image, quantity, unit_price_minor, total_minor, tax_rate, net_minor, tax_minor,
                   gross_minor, change_id)
    """
)
