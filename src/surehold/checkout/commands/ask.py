"""Beat 2: asking a provider, with no transaction open; and handing the answer to beat 3.

What was lost is ``unknown`` and stays due: the worker asks again with the same key and the same
bytes until the provider itself says what happened.
"""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from surehold.checkout.engine import Checkout
from surehold.checkout.settlements import (
    Outcome,
    RecordAnswer,
    RecordCapture,
    RecordCreate,
    RecordLoss,
    RecordRefund,
    RecordRenewal,
    SettleCovered,
    Settlement,
    TakeEvidence,
    TrustToDelivery,
)
from surehold.kernel.ids import PaymentId
from surehold.payments import queries as payments
from surehold.payments.commands import void_key
from surehold.payments.model import (
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
    PaymentTerms,
)
from surehold.payments.providers.failures import (
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    Unavailable,
)
from surehold.payments.providers.port import (
    ProviderRefundState,
    ProviderSnapshot,
    RefundSnapshot,
    RemoteProvider,
)
from surehold.payments.states import OPEN, OperationEvent

log = structlog.get_logger(__name__)

#: So often a payment is read at once whose disputes move meanwhile.
READINGS_MAX: Final = 4
#: Operations whose answer is not known.
UNANSWERED: Final = frozenset({OperationState.PENDING, OperationState.UNKNOWN})


async def ask(checkout: Checkout, operation: Operation) -> Outcome | None:
    """Ask one stored question and record the answer; ``None`` when its provider is not here."""
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=operation.payment_id)
    provider = checkout.context.providers.find_remote(payment.provider)
    if provider is None:
        log.error("provider_not_configured", provider=payment.provider, payment=str(payment.id))
        return None
    match operation.kind:
        case OperationKind.CREATE:
            settlement = await _ask_create(provider, payment, operation)
        case OperationKind.REFUND:
            settlement = await _ask_refund(provider, payment, operation)
        case OperationKind.CAPTURE:
            settlement = await _ask_capture(provider, payment, operation)
        case OperationKind.VOID:
            settlement = await _ask_void(provider, payment, operation)
        case OperationKind.ANSWER_DISPUTE:
            settlement = await _ask_answer(provider, payment, operation)
        case OperationKind.REAUTHORIZE:
            settlement = await _ask_renewal(provider, payment, operation)
    return await checkout.settling.submit(settlement)


async def check_payment(checkout: Checkout, payment_id: PaymentId) -> Outcome | None:
    """Read a payment from its provider and take what it says; ``None`` when nobody can say.

    A gift card says at once: an order that it pays the last part of is sold. So does cash that is
    to be collected: its order is confirmed.

    Raises:
        PaymentNotFound: We have no such payment.
        ProviderFailure: The provider could not be read now; try again later.
    """
    async with checkout.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    if payment.gift_card_id is not None:
        return await checkout.settling.submit(SettleCovered(payment.order_id))
    if payment.terms is PaymentTerms.ON_DELIVERY:
        return await checkout.settling.submit(TrustToDelivery(payment.order_id))
    provider = checkout.context.providers.find_remote(payment.provider)
    if provider is None:
        return None
    for _ in range(READINGS_MAX):
        snapshot = await read(provider, payment)
        if snapshot is None:
            return None
        outcome = await checkout.settling.submit(_evidence(payment, snapshot))
        if not outcome.is_stale:
            return outcome
        async with checkout.db.connection() as connection:
            payment = await payments.get_payment(connection, payment_id=payment.id)
    raise Unavailable("its disputes move faster than they can be read")


def _evidence(
    payment: Payment, snapshot: ProviderSnapshot, operation: Operation | None = None
) -> TakeEvidence:
    """What a provider says of a payment that was as it is here before the provider was read."""
    return TakeEvidence(
        payment.order_id,
        payment.id,
        snapshot,
        operation=operation,
        dispute_moves=payment.dispute_moves,
    )


async def read(provider: RemoteProvider, payment: Payment) -> ProviderSnapshot | None:
    """The provider's own view of a payment; ``None`` when it has none."""
    if payment.provider_payment_id is not None:
        try:
            return await provider.fetch(payment.provider_payment_id)
        except NotFound:
            return None
    if provider.capabilities.can_find_by_reference:
        return await provider.find_by_reference(payment.merchant_reference)
    return None


async def _ask_create(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> Settlement:
    try:
        result = await provider.create(
            operation.request, idempotency_key=operation.idempotency_key
        )
    except ProviderFailure as failure:
        return await _refused_create(provider, payment, operation, failure)
    return RecordCreate(payment.order_id, operation, result, OperationEvent.SUCCEED)


async def _refused_create(
    provider: RemoteProvider, payment: Payment, operation: Operation, failure: ProviderFailure
) -> Settlement:
    """What a refusal comes to. An earlier asking may have begun the payment, its answer lost."""
    event = _event(failure)
    if event is OperationEvent.DECLINE and provider.capabilities.can_find_by_reference:
        try:
            found = await _find_begun(provider, payment, operation)
        except ProviderFailure:
            event = OperationEvent.LOSE
        else:
            if found is not None and found.state not in OPEN:
                return _evidence(payment, found, operation)
            event = OperationEvent.DECLINE if found is None else OperationEvent.LOSE
    return RecordCreate(
        payment.order_id,
        operation,
        None,
        event,
        failure.code or type(failure).__name__,
        failure.detail,
    )


async def _find_begun(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> ProviderSnapshot | None:
    """The payment that the provider has although it refuses to begin it, closed if it was open.

    Nobody has the address of an open one any more; a buyer who pays again gets another.
    """
    found = await provider.find_by_reference(payment.merchant_reference)
    if found is None or found.state not in OPEN:
        return found
    can = provider.capabilities
    if not (can.has_keys or can.can_cancel_unpaid or can.tells_late_money):
        return None  # it stays open, but its one page was never shown: no money can come
    key = void_key(operation.id)
    return await provider.cancel(found.provider_payment_id, idempotency_key=key)


async def _ask_refund(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> Settlement:
    assert operation.refund_id is not None
    refund_id = operation.refund_id
    try:
        snapshot = await _find_refund(provider, payment, operation) or await provider.refund(
            operation.request,
            provider_payment_id=payment.provider_payment_id or payment.merchant_reference,
            idempotency_key=operation.idempotency_key,
        )
    except ProviderFailure as failure:
        return RecordRefund(
            payment.order_id,
            refund_id,
            operation,
            None,
            _event(failure),
            failure.code or type(failure).__name__,
        )
    is_open = snapshot.state is ProviderRefundState.PENDING
    event = OperationEvent.LOSE if is_open else OperationEvent.SUCCEED
    return RecordRefund(payment.order_id, refund_id, operation, snapshot, event)


async def _find_refund(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> RefundSnapshot | None:
    """A refund that was asked for before, as the provider has it now.

    Whoever asked may have stopped before the answer was put down, so long ago that the provider
    has forgotten the key: only what was claimed once, now, was surely never asked for.
    """
    is_first = operation.state is OperationState.PENDING and operation.attempts <= 1
    if is_first or payment.provider_payment_id is None:
        return None
    return await provider.find_refund(payment.provider_payment_id, str(operation.refund_id))


async def _ask_capture(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> Settlement:
    """Take what was authorized. What is refused is read: somebody may have taken it before."""
    assert payment.provider_payment_id is not None
    event, code = OperationEvent.SUCCEED, ""
    try:
        snapshot = await provider.capture(
            operation.request,
            provider_payment_id=payment.provider_payment_id,
            idempotency_key=operation.idempotency_key,
        )
    except ProviderFailure as failure:
        event, code = _event(failure), failure.code or type(failure).__name__
        try:
            snapshot = await provider.fetch(payment.provider_payment_id)
        except ProviderFailure:
            return RecordCapture(payment.order_id, operation, OperationEvent.LOSE, code)
    if snapshot.state is PaymentState.CAPTURED:
        return _evidence(payment, snapshot, operation)
    if event is OperationEvent.DECLINE and snapshot.state is PaymentState.VOIDED:
        # It had lapsed: nothing is left to ask for again.
        gone = _evidence(payment, snapshot, operation)
        return msgspec.structs.replace(gone, event=event, failure_code=code)
    if event is OperationEvent.SUCCEED:
        event, code = OperationEvent.LOSE, snapshot.state.value
    return RecordCapture(payment.order_id, operation, event, code)


async def _ask_renewal(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> Settlement:
    """Authorize again. What comes of one that holds nothing any more is read by the worker."""
    assert payment.provider_payment_id is not None
    event, code = OperationEvent.SUCCEED, None
    try:
        await provider.renew(
            operation.request,
            provider_payment_id=payment.provider_payment_id,
            idempotency_key=operation.idempotency_key,
        )
    except ProviderFailure as failure:
        event, code = _event(failure), failure.code or type(failure).__name__
    return RecordRenewal(payment.order_id, operation, event, code)


async def _ask_void(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> Settlement:
    try:
        snapshot = await provider.cancel(
            operation.request.decode(), idempotency_key=operation.idempotency_key
        )
    except ProviderFailure as failure:
        return RecordLoss(
            payment.order_id,
            operation,
            _event(failure),
            failure.code or type(failure).__name__,
            is_not_known=isinstance(failure, NotFound),
        )
    return _evidence(payment, snapshot, operation)


async def _ask_answer(
    provider: RemoteProvider, payment: Payment, operation: Operation
) -> Settlement:
    """Say something to a dispute. What comes of it, the provider tells in its own time."""
    event, code = OperationEvent.SUCCEED, None
    try:
        await provider.answer_dispute(operation.request, idempotency_key=operation.idempotency_key)
    except ProviderFailure as failure:
        event, code = _event(failure), failure.code or type(failure).__name__
    return RecordAnswer(payment.order_id, operation, event, code)


def _event(failure: ProviderFailure) -> OperationEvent:
    """Refused for good, or not known. A call that may be repeated is not known yet."""
    if isinstance(failure, OutcomeUnknown) or failure.is_retryable:
        return OperationEvent.LOSE
    return OperationEvent.DECLINE
