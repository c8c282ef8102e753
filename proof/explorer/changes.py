"""Changes of placed orders, as actors: more, less, another thing, and taken back."""

from __future__ import annotations

from typing import Final

from proof.commands import exercises
from proof.explorer.actors import (
    _REFUND,
    BOUGHT,
    CHANGING,
    EXCHANGING,
    UNPAID,
    Place,
    S,
    part,
)
from proof.explorer.scene import STAFF, change_order, exchange, first_line
from surehold.checkout import commands, queries
from surehold.checkout.commands.change import ask_create
from surehold.checkout.errors import NothingLeft, RefundExceedsPaid, UnitsNotCancelable
from surehold.checkout.rules import ChangeWish
from surehold.inventory.errors import InsufficientStock
from surehold.orders.changes.errors import (
    ChangeAwaitsPayment,
    ChangeNotCancelable,
    OrderNotChangeable,
)
from surehold.orders.errors import ReturnNotPossible
from surehold.payments.errors import PaymentInProgress

_CHANGE: Final = (
    *(OrderNotChangeable, ChangeAwaitsPayment, PaymentInProgress, InsufficientStock),
    *(UnitsNotCancelable, NothingLeft, RefundExceedsPaid),
)
#: Orders that staff may change, and some that they may not.
_PLACED: Final = (S.OPEN, S.PAID_THERE, S.LATE, S.TRANSFER, S.TRANSFER_OVER, S.GIFT_OPEN)


@part(*_PLACED, *BOUGHT, refusals=_CHANGE)
@exercises(commands.change_order)
async def add_a_unit(at: Place) -> str:
    """Staff add a unit of what the order has; the difference is to be paid by card."""
    wish = ChangeWish(add=((at.subject.lines[0][0], 1),), provider=at.seat.card.name)
    placed = await change_order(at.seat.checkout, at.subject, wish)
    return placed.changes[-1].state.value


@part(*_PLACED, *BOUGHT, refusals=_CHANGE)
@exercises(commands.change_order, commands.preview_change)
async def swap_a_unit(at: Place) -> str:
    """Staff look what it would come to, and swap a unit for one of the other variant."""
    line_id = await first_line(at.seat.checkout, at.subject)
    other = next(one for one in at.scene.variants if one != at.subject.lines[0][0])
    wish = ChangeWish(((line_id, 1),), ((other, 1),), provider="bank_transfer")
    await commands.preview_change(at.seat.checkout, order_id=at.subject.order_id, wish=wish)
    placed = await change_order(at.seat.checkout, at.subject, wish)
    return placed.changes[-1].state.value


@part(
    *(S.RETURN_RECEIVED, S.RETURN_INSPECTED, *EXCHANGING),
    refusals=(*_CHANGE, *_REFUND, ReturnNotPossible),
)
@exercises(commands.exchange_return, ask_create)
async def exchange_returned(at: Place) -> str:
    """Staff send one of the same for the unit that came back, or two for a difference."""
    units = at.seat.chance.choice((1, 2))
    checkout, card = at.seat.checkout, at.seat.card.name
    return await exchange(checkout, at.subject, units=units, provider=card)


@part(*CHANGING, *EXCHANGING, refusals=(ChangeNotCancelable,))
@exercises(commands.cancel_change)
async def take_the_change_back(at: Place) -> str:
    """Staff think better of it."""
    async with at.seat.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=at.subject.order_id)
    outcome = await commands.cancel_change(
        at.seat.checkout,
        order_id=at.subject.order_id,
        change_id=placed.changes[0].id,
        actor=STAFF,
    )
    return outcome.effect


assert set(_PLACED) <= set(UNPAID)
