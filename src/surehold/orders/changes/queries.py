"""What others may read of changes."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.db import Connection
from surehold.kernel.ids import OrderId
from surehold.orders.changes import sql
from surehold.orders.changes.model import OrderChange


async def list_changes(
    connection: Connection, *, order_ids: Sequence[OrderId]
) -> list[OrderChange]:
    """Every change of these orders, oldest first."""
    return await connection.all(sql.LIST_CHANGES, list(order_ids))
