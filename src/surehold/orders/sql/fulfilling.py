"""Statements of fulfillments. They are locked in id order, after their orders."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.orders.model import Fulfillment

_COLUMNS: Final = """parcel.id, parcel.order_id, parcel.location_id, parcel.vendor_id,
           parcel.state, parcel.carrier, parcel.tracking_number, parcel.created_at,
           parcel.packed_at, parcel.shipped_at, parcel.delivered_at, parcel.version,
           parcel.changed_by, parcel.change_reason, parcel.updated_at,
           (SELECT jsonb_agg(jsonb_build_object('allocation_id', line.allocation_id,
                                                'order_line_id', allocations.order_line_id,
                                                'quantity', line.quantity)
                             ORDER BY line.allocation_id)
              FROM fulfillment_lines AS line
              JOIN allocations ON allocations.id = line.allocation_id
             WHERE line.fulfillment_id = parcel.id) AS lines"""

LOCK_FULFILLMENTS: Final = query(
    f"""
    /* orders.lock_fulfillments */
    SELECT {_COLUMNS}
      FROM fulfillments AS parcel
     WHERE parcel.order_id = ANY($1::uuid[])
     ORDER BY parcel.id
       FOR NO KEY UPDATE OF parcel
    """,
    Fulfillment,
)

LIST_FULFILLMENTS: Final = query(
    f"""
    /* orders.list_fulfillments */
    SELECT {_COLUMNS}
      FROM fulfillments AS parcel
     WHERE parcel.order_id = ANY($1::uuid[])
     ORDER BY parcel.id
    """,
    Fulfillment,
)

# $2: the vendor whose parcels are meant; null: everybody's.
FIND_FULFILLMENT: Final = query(
    f"""
    /* orders.find_fulfillment */
    SELECT {_COLUMNS}
      FROM fulfillments AS parcel
     WHERE parcel.id = $1
       AND ($2::uuid IS NULL OR parcel.vendor_id = $2)
    """,
    Fulfillment,
)

# Every fulfillment begins open: what is always so is not sent.
INSERT_FULFILLMENTS: Final = command(
    """
    /* orders.insert_fulfillments */
    INSERT INTO fulfillments
           (id, order_id, location_id, vendor_id, state, created_at, changed_by, change_reason,
            updated_at)
    SELECT id, order_id, location_id, vendor_id, 'open', created_at, changed_by, change_reason,
           created_at
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::text[],
                  $7::text[])
           AS new (id, order_id, location_id, vendor_id, created_at, changed_by, change_reason)
    """
)

INSERT_LINES: Final = command(
    """
    /* orders.insert_fulfillment_lines */
    INSERT INTO fulfillment_lines (fulfillment_id, allocation_id, quantity)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[])
    """
)

# The version rises with every change, so that the history trigger knows a command from a change
# by hand. The guard refuses to write over a version that was not read.
UPDATE_FULFILLMENTS: Final = command(
    """
    /* orders.update_fulfillments */
    UPDATE fulfillments AS parcel
       SET state = changed.state,
           carrier = changed.carrier,
           tracking_number = changed.tracking_number,
           packed_at = changed.packed_at,
           shipped_at = changed.shipped_at,
           delivered_at = changed.delivered_at,
           version = parcel.version + 1,
           changed_by = changed.changed_by,
           change_reason = changed.change_reason,
           updated_at = $11
      FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                  $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[])
           AS changed (id, read_version, state, carrier, tracking_number, packed_at, shipped_at,
                       delivered_at, changed_by, change_reason)
     WHERE parcel.id = changed.id
       AND parcel.version = changed.read_version
    """
)
