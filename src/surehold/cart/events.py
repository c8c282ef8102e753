"""What the cart room announces."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.kernel.ids import CartId


def cart_abandoned(cart_id: CartId) -> Event:
    """A cart with lines and an address was left. Said once; the address is asked for by id."""
    return Event("cart.abandoned", cart_id, {"cart_id": str(cart_id)})
