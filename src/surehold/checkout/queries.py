"""What the outside may read of a checkout: a basket's price, an order as its buyer sees it."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.catalog import queries as catalog
from surehold.checkout.errors import NothingToOrder
from surehold.checkout.model import PlacedOrder, reserved_until
from surehold.db import Connection, shop
from surehold.inventory import queries as inventory
from surehold.kernel.ids import OrderId, VariantId
from surehold.orders import queries as orders
from surehold.payments import queries as payments
from surehold.pricing import rules as pricing
from surehold.pricing.model import Quote


async def price_basket(
    connection: Connection,
    *,
    lines: Sequence[tuple[VariantId, int]],
    currency: str,
    shipping_method: str,
) -> Quote:
    """What a basket costs now, under the settings in force. Promises nothing and holds nothing.

    Raises:
        NothingToOrder: The basket is empty.
        NotForSale: Lists every variant that cannot be bought in this currency.
        ShippingMethodUnknown: Nothing is sent this way.
    """
    if not lines:
        raise NothingToOrder("There is nothing in the basket.")
    settings = await shop.load(connection)
    sellable = await catalog.list_sellable(
        connection, variant_ids=[variant_id for variant_id, _ in lines]
    )
    return pricing.quote(
        lines,
        sellable=sellable,
        currency=currency,
        shipping_method=shipping_method,
        settings=settings,
    )


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
