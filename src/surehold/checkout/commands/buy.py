"""What a buyer may do with a placed order: pay again, ask for time, cancel, come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from surehold.checkout import queries
from surehold.checkout.commands.ask import UNANSWERED, ask, check_payment
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor, PlacedOrder
from surehold.checkout.rules import Units
from surehold.checkout.settlements import (
    CancelOrder,
    CancelPart,
    ExtendHold,
    Keep,
    Outcome,
    RetryPayment,
    TakeEvidence,
)
from surehold.db import shop
from surehold.kernel.ids import OrderId, PaymentId, new_id
from surehold.kernel.money import Money
from surehold.kernel.permissions import Permission, require, require_of_staff
from surehold.orders.model import CancelReason
from surehold.payments import queries as payments
from surehold.payments.errors import PaymentNotConfirmable
from surehold.payments.model import OperationKind, PaymentState, PaymentTerms
from surehold.payments.providers.failures import (
    ProviderFailure,
)
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from surehold.payments.states import OPEN
from surehold.pricing import commands as pricing
from surehold.pricing.model import Quote, SavedQuote

#: Where the keys of extensions are kept.
EXTENSIONS: Final = "extend-reservation"
#: Where the keys of cancellations of a part are kept.
PARTS: Final = "cancel-part"


async def retry_payment(
    checkout: Checkout,
    *,
    order_id: OrderId,
    provider: str,
    phone: str | None = None,
    is_again: bool = False,
) -> PlacedOrder:
    """Pay an order (again), perhaps another way. The same open payment is joined, not doubled.

    Where a payment is confirmed on a telephone, ``phone`` (E.164) asks another one in place of
    the last, and ``is_again`` the same once more when it was asked a minute ago or earlier.

    Raises:
        OrderNotFound: No such order.
        ProviderUnknown, CurrencyNotSupported: This way of paying is not to be had.
        OrderNotPayable: It is paid, canceled or over.
        PaymentInProgress: An earlier payment is not decided.
        InsufficientStock: The holds had ended and not everything is left.
    """
    require_of_staff(Permission.ORDERS_WRITE)
    outcome = await checkout.settling.submit(RetryPayment(order_id, provider, phone, is_again))
    assert outcome.payment_id is not None
    async with checkout.db.connection() as connection:
        operation = await payments.find_operation(
            connection, payment_id=outcome.payment_id, kind=OperationKind.CREATE
        )
    if operation is not None and operation.state in UNANSWERED:
        await ask(checkout, operation)
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def extend_reservation(
    checkout: Checkout, *, order_id: OrderId, keep: Keep | None = None
) -> PlacedOrder:
    """Hold the items for the method's time again. Each call counts, but for one key only once.

    The key's answer is kept with the extension, under ``EXTENSIONS``.

    Raises:
        OrderNotFound, OrderNotPayable, HoldOver, ExtensionRefused: As named.
    """
    require_of_staff(Permission.ORDERS_WRITE)
    if keep is None:
        # The lane runs again what it cannot tell the end of; by the key it knows its own work.
        keep = Keep(EXTENSIONS, f"{order_id}:{new_id()}", b"", checkout.context.render)
    await checkout.settling.submit(ExtendHold(order_id, keep))
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def cancel_order(
    checkout: Checkout, *, order_id: OrderId, reason: CancelReason, actor: Actor
) -> PlacedOrder:
    """Cancel an order that has not shipped: stock back once, money back once.

    Canceling twice returns the canceled order and changes nothing.

    Raises:
        OrderNotFound: No such order.
        OrderNotCancelable: It has gone too far.
    """
    require_of_staff(Permission.ORDERS_WRITE)
    await checkout.settling.submit(CancelOrder(order_id, reason, actor))
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def cancel_part(
    checkout: Checkout,
    *,
    order_id: OrderId,
    lines: Units,
    reason: CancelReason,
    actor: Actor,
    keep: Keep | None = None,
) -> PlacedOrder:
    """Give up some units before they are sent: free where they lie once, money back once.

    What was not paid yet is not due; a payment that was open is begun anew with what is. Each call
    counts, but for one key only once: the key's answer is kept under ``PARTS``.

    Raises:
        OrderNotFound, InvalidInput, OrderNotCancelable, UnitsNotCancelable, PaymentInProgress,
        NothingLeft: As named.
    """
    require_of_staff(Permission.ORDERS_WRITE)
    if keep is None:
        keep = Keep(PARTS, f"{order_id}:{new_id()}", b"", checkout.context.render)
    outcome = await checkout.settling.submit(CancelPart(order_id, lines, reason, actor, keep))
    if outcome.payment_id is not None:
        async with checkout.db.connection() as connection:
            operation = await payments.find_operation(
                connection, payment_id=outcome.payment_id, kind=OperationKind.CREATE
            )
        if operation is not None and operation.state in UNANSWERED:
            await ask(checkout, operation)
    async with checkout.db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order_id)


async def verify_payment(checkout: Checkout, *, payment_id: PaymentId) -> Outcome | None:
    """The buyer came back: read the payment now instead of waiting for the webhook.

    ``None`` when the provider cannot be read at the moment or has nothing to say; the webhook and
    the worker will settle it.

    Raises:
        PaymentNotFound: No such payment.
    """
    require_of_staff(Permission.ORDERS_WRITE)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    if payment.state not in OPEN:
        return Outcome(payment.state.value, payment.id)
    try:
        return await check_payment(checkout, payment_id)
    except ProviderFailure:
        return None


async def confirm_payment(
    checkout: Checkout, *, payment_id: PaymentId, received: Money, actor: Actor
) -> Outcome:
    """Staff saw the money of a transfer arrive. Another amount is held for review.

    Raises:
        PaymentNotFound: No such payment.
        PaymentNotConfirmable: A provider decides about this one.
    """
    require(Permission.PAYMENTS_CONFIRM)
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    if checkout.context.providers.find_local(payment.provider) is None:
        raise PaymentNotConfirmable("A provider decides about this payment.")
    if payment.terms is PaymentTerms.ON_DELIVERY:
        raise PaymentNotConfirmable("Cash is collected: say who has it.")
    nothing = Money(0, received.currency)
    snapshot = ProviderSnapshot(
        provider_payment_id=payment.provider_payment_id or payment.merchant_reference,
        merchant_reference=payment.merchant_reference,
        state=PaymentState.CAPTURED,
        requested=payment.requested,
        authorized=nothing,
        captured=received,
        refunded=nothing,
        disputed=nothing,
        is_live=True,
    )
    return await checkout.settling.submit(
        TakeEvidence(payment.order_id, payment.id, snapshot, actor)
    )


async def save_quote(checkout: Checkout, *, quote: Quote) -> SavedQuote:
    """Promise a quote for the store's time."""
    async with checkout.db.transaction() as tx:
        settings = await shop.load(tx)
        return await pricing.save_quote(
            tx, quote=quote, ttl=timedelta(minutes=settings.quote_minutes)
        )
