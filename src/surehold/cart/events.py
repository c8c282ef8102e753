"""What the cart room announces."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from surehold.jobs.outbox import Event
from surehold.kernel.ids import CartId

#: Somebody waits for what can be bought again, and is to be written to.
BACK_IN_STOCK: Final = "cart.back_in_stock"


def cart_abandoned(cart_id: CartId) -> Event:
    """A cart with lines and an address was left. Said once; the address is asked for by id."""
    return Event("cart.abandoned", cart_id, {"cart_id": str(cart_id)})


def back_in_stock(alert_id: UUID) -> Event:
    """What somebody waits for can be bought again. Said once to each, who is asked for by id."""
    return Event(BACK_IN_STOCK, alert_id, {})
