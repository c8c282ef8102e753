"""What others may read of units that are sold before they are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from surehold.db import Connection
from surehold.inventory import rules
from surehold.inventory.commands.waiting import BackordersView, list_waiting, read_backorders
from surehold.inventory.model import Backorder, Outlook
from surehold.inventory.sql import waiting
from surehold.kernel.ids import OrderId, OrderLineId, VariantId

__all__ = ["BackordersView", "find_backorders", "find_outlook", "read_backorders"]


async def find_outlook(
    connection: Connection, *, variant_ids: Iterable[VariantId]
) -> dict[VariantId, Outlook]:
    """How many are there now of those of these variants that may be sold before they are.

    As things stand: no promise is made before an order is placed.
    """
    wanted = list(variant_ids)
    if not wanted:
        return {}
    return {row.variant_id: row for row in await connection.all(waiting.READ_OUTLOOK, wanted)}


async def find_backorders(
    connection: Connection, *, order_ids: Sequence[OrderId]
) -> dict[OrderLineId, Backorder]:
    """What the lines of these orders wait for; a line of which all is there has no entry."""
    return rules.sum_waiting(await list_waiting(connection, order_ids=order_ids))
