"""Stores that ask for fraud signals, and orders that are held for them."""

from __future__ import annotations

from typing import Any, Final

from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.db import Database
from surehold.kernel.ids import VariantId
from tests.builders.providers import PretendProvider
from tests.builders.trust import an_open_order, check, provider_id, set_up

#: Every amount is a large one, which alone is reason enough.
EVERY_ORDER: Final = {"USD": 1, "EUR": 1}


async def ask_for_signals(db: Database, **settings: Any) -> None:
    """Hold whatever comes to a large amount: unless said otherwise every order."""
    asked = {"is_on": True, "hold_at": 30, "large_amounts": EVERY_ORDER, **settings}
    await set_up(db, fraud_signals=asked)


async def a_held_order(
    checkout: Checkout, card: PretendProvider, *lines: tuple[VariantId, int]
) -> PlacedOrder:
    """An order whose money came, and that waits for a person."""
    placed = await an_open_order(checkout, *lines)
    card.pay(provider_id(placed))
    held = await check(checkout, placed)
    assert held.payment is not None
    assert held.payment.is_suspected
    return held
