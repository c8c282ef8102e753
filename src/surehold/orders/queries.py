"""What others may read of orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from surehold.db import Connection
from surehold.kernel.ids import CartId, OrderId
from surehold.orders import sql
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import Order, OrderEvent, OrderLine


async def get_order(connection: Connection, *, order_id: OrderId) -> Order:
    """One order.

    Raises:
        OrderNotFound: There is none with this id.
    """
    order = await connection.find(sql.FIND_ORDER, order_id)
    if order is None:
        raise OrderNotFound("There is no order with this id.")
    return order


async def find_order_by_number(connection: Connection, *, number: str) -> Order | None:
    """One order by the number that people know."""
    return await connection.find(sql.FIND_ORDER_BY_NUMBER, number)


async def list_lines(
    connection: Connection, *, order_ids: Sequence[OrderId]
) -> dict[OrderId, tuple[OrderLine, ...]]:
    """The lines of these orders, in their order."""
    found: dict[OrderId, tuple[OrderLine, ...]] = {}
    for line in await connection.all(sql.LIST_LINES, list(order_ids)):
        found[line.order_id] = (*found.get(line.order_id, ()), line)
    return found


async def list_events(connection: Connection, *, order_id: OrderId) -> tuple[OrderEvent, ...]:
    """The history of one order, oldest first."""
    return tuple(await connection.all(sql.LIST_EVENTS, order_id))


async def list_unpaid(
    connection: Connection, *, older_than: timedelta, limit: int
) -> tuple[OrderId, ...]:
    """Orders that nobody paid for in this time, oldest first."""
    rows = await connection.all(sql.LIST_UNPAID, older_than, limit)
    return tuple(row.id for row in rows)


async def list_ordered_carts(
    connection: Connection, *, cart_ids: Sequence[CartId]
) -> frozenset[CartId]:
    """Those of these carts from which an order was ever placed, whatever became of it."""
    rows = await connection.all(sql.LIST_ORDERED_CARTS, list(cart_ids))
    return frozenset(row.cart_id for row in rows)
