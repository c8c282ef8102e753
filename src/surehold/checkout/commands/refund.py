"""Giving money back for a paid order: asked for, tried again, paid out by hand."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from surehold.checkout import queries
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor, PlacedOrder
from surehold.checkout.rules import PlannedRefund, Wish
from surehold.checkout.settlements import (
    ConfirmRefund,
    Keep,
    Outcome,
    PreviewRefund,
    RefundOrder,
    RetryRefund,
)
from surehold.kernel.ids import OrderId, RefundId, new_id
from surehold.kernel.permissions import Permission, require, require_of_staff

#: Where the keys of refunds are kept.
REFUNDS: Final = "refunds"


async def refund_order(
    checkout: Checkout,
    *,
    order_id: OrderId,
    wish: Wish,
    reason: str,
    actor: Actor,
    internal_reason: str | None = None,
    is_restocked: bool = False,
    batch_id: UUID | None = None,
    keep: Keep | None = None,
    is_store_credit: bool = False,
) -> PlacedOrder:
    """Ask for money to go back, from the newest payment first; the worker asks the providers.

    What a gift card paid is on it again at once. ``is_store_credit``: what was paid with money
    becomes credit with the store, at once as well, and no provider is asked.

    The buyer reads ``reason``. ``is_restocked``: the units are not sent, and canceled with it.
    Each call counts, but for one key only once: its answer is kept under ``REFUNDS``. The refunds
    of one call carry its ``batch_id``.

    Raises:
        OrderNotFound, InvalidInput, UnitsNotRefundable, NothingToRefund, RefundExceedsPaid: As
            named.
        OrderNotCancelable, UnitsNotCancelable, NothingLeft: The units cannot be canceled.
    """
    require(Permission.REFUNDS_WRITE)
    batch_id = batch_id or new_id()
    if keep is None:
        keep = Keep(REFUNDS, f"{order_id}:{batch_id}", b"", checkout.context.render)
    await checkout.settling.submit(
        RefundOrder(
            order_id,
            wish,
            batch_id,
            reason,
            internal_reason,
            actor,
            is_restocked,
            keep,
            is_store_credit,
        )
    )
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def preview_refund(
    checkout: Checkout, *, order_id: OrderId, wish: Wish
) -> tuple[PlannedRefund, ...]:
    """What ``refund_order`` would ask for now. Changes nothing and promises nothing.

    Raises:
        OrderNotFound, InvalidInput, UnitsNotRefundable, NothingToRefund, RefundExceedsPaid: As
            named.
    """
    require_of_staff(Permission.REFUNDS_WRITE)
    outcome = await checkout.settling.submit(PreviewRefund(order_id, wish))
    return outcome.planned


async def retry_refund(
    checkout: Checkout, *, order_id: OrderId, refund_id: RefundId, actor: Actor
) -> Outcome:
    """Ask again for a refund that failed, under a new id. Twice is once.

    Raises:
        OrderNotFound, RefundNotFound, RefundNotRetryable, RefundExceedsPaid: As named.
    """
    require(Permission.REFUNDS_WRITE)
    return await checkout.settling.submit(RetryRefund(order_id, refund_id, actor))


async def confirm_refund(
    checkout: Checkout, *, order_id: OrderId, refund_id: RefundId, actor: Actor
) -> Outcome:
    """Staff have paid a refund out by hand. Confirming twice books once.

    Raises:
        OrderNotFound, RefundNotFound, RefundNotConfirmable: As named.
    """
    require(Permission.REFUNDS_WRITE)
    return await checkout.settling.submit(ConfirmRefund(order_id, refund_id, actor))
