"""Statements about transfers. Lock order: the transfer, then stock by key."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.inventory.model import Transfer, TransferLine
from surehold.kernel.ids import TransferId, VariantId

_COLUMNS: Final = """transfer.id, from_location_id, origin.code AS from_location, to_location_id,
           target.code AS to_location, state, note, created_by, created_at, dispatched_at,
           ended_at"""
_TABLES: Final = """stock_transfers AS transfer
      JOIN locations AS origin ON origin.id = from_location_id
      JOIN locations AS target ON target.id = to_location_id"""

INSERT_TRANSFER: Final = command(
    """
    /* inventory.insert_transfer */
    INSERT INTO stock_transfers
           (id, from_location_id, to_location_id, state, note, created_by, created_at)
    VALUES ($1, $2, $3, 'draft', $4, $5, store_now())
    """
)

INSERT_TRANSFER_LINES: Final = command(
    """
    /* inventory.insert_transfer_lines */
    INSERT INTO stock_transfer_lines (transfer_id, variant_id, quantity)
    SELECT $1, variant_id, quantity
      FROM unnest($2::uuid[], $3::int[]) AS new (variant_id, quantity)
    """
)

LOCK_TRANSFER: Final = query(
    f"""
    /* inventory.lock_transfer */
    SELECT {_COLUMNS}
      FROM {_TABLES}
     WHERE transfer.id = $1
       FOR UPDATE OF transfer
    """,
    Transfer,
)

FIND_TRANSFER: Final = query(
    f"""
    /* inventory.find_transfer */
    SELECT {_COLUMNS}
      FROM {_TABLES}
     WHERE transfer.id = $1
    """,
    Transfer,
)

LIST_TRANSFERS: Final = query(
    f"""
    /* inventory.list_transfers */
    SELECT {_COLUMNS}
      FROM {_TABLES}
     WHERE transfer.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY transfer.id DESC
     LIMIT $2
    """,
    Transfer,
)

# The index of states is walked even by a plan that does not know how rare a state is.
LIST_TRANSFERS_IN: Final = query(
    f"""
    /* inventory.list_transfers_in */
    SELECT {_COLUMNS}
      FROM {_TABLES}
     WHERE transfer.state >= $3
       AND (transfer.state, transfer.id)
           < ($3, coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
     ORDER BY transfer.state DESC, transfer.id DESC
     LIMIT $2
    """,
    Transfer,
)

LIST_TRANSFER_LINES: Final = query(
    """
    /* inventory.list_transfer_lines */
    SELECT transfer_id, variant_id, sku, quantity, received_quantity, returned_quantity
      FROM stock_transfer_lines
      JOIN variants ON variants.id = variant_id
     WHERE transfer_id = ANY($1::uuid[])
     ORDER BY transfer_id, variant_id
    """,
    TransferLine,
)

DISPATCH_TRANSFER: Final = command(
    """
    /* inventory.dispatch_transfer */
    UPDATE stock_transfers
       SET state = 'in_transit', dispatched_by = $2, dispatched_at = store_now()
     WHERE id = $1
       AND state = 'draft'
    """
)

END_TRANSFER: Final = command(
    """
    /* inventory.end_transfer */
    UPDATE stock_transfers
       SET state = $2, ended_by = $3, ended_at = store_now()
     WHERE id = $1
       AND ended_at IS NULL
    """
)

RECEIVE_TRANSFER_LINES: Final = command(
    """
    /* inventory.receive_transfer_lines */
    UPDATE stock_transfer_lines AS line
       SET received_quantity = line.received_quantity + arrived.quantity
      FROM unnest($2::uuid[], $3::int[]) AS arrived (variant_id, quantity)
     WHERE line.transfer_id = $1
       AND line.variant_id = arrived.variant_id
    """
)

RETURN_TRANSFER_LINES: Final = command(
    """
    /* inventory.return_transfer_lines */
    UPDATE stock_transfer_lines
       SET returned_quantity = quantity - received_quantity
     WHERE transfer_id = $1
    """
)


class InTransitRow(msgspec.Struct, frozen=True):
    """Units of one variant on their way to one location."""

    transfer_id: TransferId
    variant_id: VariantId
    from_location: str
    to_location: str
    quantity: int


LIST_IN_TRANSIT: Final = query(
    """
    /* inventory.list_in_transit */
    SELECT transfer.id AS transfer_id, line.variant_id, origin.code AS from_location,
           target.code AS to_location,
           line.quantity - received_quantity - returned_quantity AS quantity
      FROM stock_transfer_lines AS line
      JOIN stock_transfers AS transfer ON transfer.id = line.transfer_id
      JOIN locations AS origin ON origin.id = from_location_id
      JOIN locations AS target ON target.id = to_location_id
     WHERE line.variant_id = $1
       AND received_quantity + returned_quantity < line.quantity
       AND state = 'in_transit'
     ORDER BY transfer.id
    """,
    InTransitRow,
)
