"""Orders whose goods go before their money: paid at the door, or authorized and captured later."""

from __future__ import annotations

from typing import Any, Final

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.db import Database, shop
from surehold.kernel.ids import OrderId, VariantId
from surehold.kernel.money import Money
from tests.builders.orders import STAFF, a_placement, look_at
from tests.builders.providers import PretendProvider
from tests.support.placing import told

CASH: Final = "cash_on_delivery"


async def set_up(db: Database, **settings: Any) -> None:
    """Change settings of the store."""
    async with db.transaction() as tx:
        for key, value in settings.items():
            await shop.change(tx, key=key, value=value, actor="test")


async def offer_cash(db: Database) -> None:
    """Orders to the country of every test's buyers may be paid at the door."""
    await set_up(db, cash_on_delivery_countries=["IE"])


async def capture_later(db: Database, *providers: str) -> None:
    """These providers' money is captured when something is sent."""
    names = providers or (PretendProvider.name,)
    await set_up(db, capture=dict.fromkeys(names, "on_shipment"))


async def a_due_order(checkout: Checkout, *lines: tuple[VariantId, int]) -> PlacedOrder:
    """An order that is to be paid at the door."""
    answer = await commands.place_order(checkout, a_placement(lines, provider=CASH))
    return await look_at(checkout, OrderId(told(answer).order_id))


async def an_open_order(checkout: Checkout, *lines: tuple[VariantId, int]) -> PlacedOrder:
    """An order whose buyer may pay by card."""
    placement = a_placement(lines, provider=PretendProvider.name)
    answer = await commands.place_order(checkout, placement)
    return await look_at(checkout, OrderId(told(answer).order_id))


async def an_authorized_order(
    checkout: Checkout, provider: PretendProvider, *lines: tuple[VariantId, int]
) -> PlacedOrder:
    """An order whose money is held by its buyer's bank."""
    placed = await an_open_order(checkout, *lines)
    provider.authorize(provider_id(placed))
    return await check(checkout, placed)


async def check(checkout: Checkout, placed: PlacedOrder) -> PlacedOrder:
    """Read the payment at its provider; the order as it is then."""
    assert placed.payment is not None
    await commands.check_payment(checkout, placed.payment.id)
    return await look_at(checkout, placed.order.id)


def provider_id(placed: PlacedOrder) -> str:
    """What the pretend provider calls the payment."""
    assert placed.payment is not None
    return f"pp_{placed.payment.merchant_reference}"


async def collect(
    checkout: Checkout, placed: PlacedOrder, *, received: Money | None = None
) -> str:
    """Cash is taken at the door, unless said all of it; what came of it."""
    assert placed.payment is not None
    outcome = await commands.collect_cash(
        checkout,
        payment_id=placed.payment.id,
        received=received or placed.payment.requested,
        collected_by="courier:abebe",
        actor=STAFF,
    )
    return outcome.effect


async def refuse(checkout: Checkout, placed: PlacedOrder) -> str:
    """The buyer does not take it."""
    assert placed.payment is not None
    outcome = await commands.refuse_delivery(
        checkout, payment_id=placed.payment.id, reason="not ordered", actor=STAFF
    )
    return outcome.effect
