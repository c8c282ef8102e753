"""What the outside may read of a checkout: an order with all that its buyer may see."""

from __future__ import annotations

from surehold.checkout.model import PlacedOrder, reserved_until
from surehold.db import Connection
from surehold.inventory import queries as inventory
from surehold.kernel.ids import OrderId
from surehold.orders import queries as orders
from surehold.payments import queries as payments


async def get_placed_order(connection: Connection, *, order_id: OrderId) -> PlacedOrder:
    """An order, its lines, its latest payment and until when its items are held.

    Raises:
        OrderNotFound: There is none with this id.
    """
    order = await orders.get_order(connection, order_id=order_id)
    lines = await orders.list_lines(connection, order_ids=[order_id])
    found = await payments.list_payments(connection, order_ids=[order_id])
    holds = await inventory.list_reservations(connection, holder_ids=[order_id])
    return PlacedOrder(
        order=order,
        lines=lines.get(order_id, ()),
        payment=found[-1] if found else None,
        reserved_until=reserved_until(holds),
    )
