"""Goods that come back: asked for, decided, received, looked at, paid back."""

from __future__ import annotations

from typing import Final

from surehold.checkout.commands.change import ask_create, price_added
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.checkout.settlements import (
    CompleteReturn,
    ExchangeReturn,
    InspectReturn,
    Keep,
    MoveReturn,
    ReceiveReturn,
    RequestReturn,
)
from surehold.kernel.ids import (
    OrderChangeId,
    OrderId,
    OrderLineId,
    ReturnId,
    VariantId,
    new_id,
)
from surehold.kernel.permissions import Permission, require, require_of_staff
from surehold.orders.states import ReturnEvent

#: Where the keys of requests to return are kept.
RETURNS: Final = "returns"
#: What buyers do themselves, too; everything else is for staff to say.
_OF_BUYERS: Final = frozenset({ReturnEvent.SEND, ReturnEvent.CANCEL})


async def request_return(
    checkout: Checkout,
    *,
    order_id: OrderId,
    return_id: ReturnId,
    lines: tuple[Wanted, ...],
    actor: Actor,
    note: str | None = None,
    keep: Keep | None = None,
) -> None:
    """Ask to send units back that were sent. Each call counts, but for one key only once.

    Raises:
        OrderNotFound, InvalidInput, ReturnWindowOver, UnitsNotReturnable: As named.
    """
    require_of_staff(Permission.RETURNS_WRITE)
    if keep is None:
        keep = Keep(RETURNS, f"{order_id}:{new_id()}", b"", checkout.context.render)
    await checkout.settling.submit(RequestReturn(order_id, return_id, actor, lines, note, keep))


async def move_return(
    checkout: Checkout,
    *,
    order_id: OrderId,
    return_id: ReturnId,
    event: ReturnEvent,
    actor: Actor,
    answer: str | None = None,
) -> str:
    """Approve, reject, send or cancel a return. Twice changes nothing; returns what it is then.

    Raises:
        OrderNotFound, ReturnNotFound, ReturnNotPossible: As named.
    """
    if event in _OF_BUYERS:
        require_of_staff(Permission.RETURNS_WRITE)
    else:
        require(Permission.RETURNS_WRITE)
    outcome = await checkout.settling.submit(MoveReturn(order_id, return_id, actor, event, answer))
    return outcome.effect


async def receive_return(
    checkout: Checkout,
    *,
    order_id: OrderId,
    return_id: ReturnId,
    actor: Actor,
    units: tuple[tuple[OrderLineId, int], ...] | None = None,
) -> str:
    """Open the parcel; unless said, all units were in it. Twice changes nothing.

    Raises:
        OrderNotFound, ReturnNotFound, ReturnNotPossible, UnitsNotReceived: As named.
    """
    require(Permission.RETURNS_WRITE)
    outcome = await checkout.settling.submit(ReceiveReturn(order_id, return_id, actor, units))
    return outcome.effect


async def inspect_return(
    checkout: Checkout,
    *,
    order_id: OrderId,
    return_id: ReturnId,
    actor: Actor,
    judged: tuple[Judged, ...],
) -> str:
    """Put what is as good as new on the shelf, once; the rest is written off. Twice is once.

    Raises:
        OrderNotFound, ReturnNotFound, ReturnNotPossible, UnitsNotReceived, InvalidInput: As named.
    """
    require(Permission.RETURNS_WRITE)
    outcome = await checkout.settling.submit(InspectReturn(order_id, return_id, actor, judged))
    return outcome.effect


async def complete_return(
    checkout: Checkout,
    *,
    order_id: OrderId,
    return_id: ReturnId,
    actor: Actor,
    has_shipping: bool = False,
    reason: str = "returned",
) -> str:
    """Give back the money of the units that came, unless it went back already. Twice is once.

    Raises:
        OrderNotFound, ReturnNotFound, ReturnNotPossible, NothingToRefund, RefundExceedsPaid: As
            named.
    """
    require(Permission.REFUNDS_WRITE)
    outcome = await checkout.settling.submit(
        CompleteReturn(order_id, return_id, actor, has_shipping, reason)
    )
    return outcome.effect


async def exchange_return(
    checkout: Checkout,
    *,
    order_id: OrderId,
    return_id: ReturnId,
    change_id: OrderChangeId,
    add: tuple[tuple[VariantId, int], ...],
    actor: Actor,
    vat_id: str | None = None,
    provider: str | None = None,
) -> str:
    """Send something else for what came back, at the prices of this moment. Twice is once.

    The money of the units that came becomes store credit of the buyer's, or goes back to the
    gift card that paid, and pays for what is sent; what it does not need stays credit. What costs
    more is held until ``provider`` (unless said, the order's) has collected the difference, and
    until then the return stays as it is.

    Raises:
        OrderNotFound, NotForSale, ReturnNotFound, ReturnNotPossible, OrderNotChangeable,
        ChangeAwaitsPayment, NothingToRefund, RefundExceedsPaid, TaxDiffers, InsufficientStock,
        ProviderUnknown, CurrencyNotSupported, AmountNotSupported: As named.
    """
    require(Permission.RETURNS_WRITE)
    quote = await price_added(checkout, order_id=order_id, add=add, vat_id=vat_id)
    outcome = await checkout.settling.submit(
        ExchangeReturn(order_id, return_id, actor, change_id, quote, provider)
    )
    await ask_create(checkout, outcome.payment_id)
    return outcome.effect
