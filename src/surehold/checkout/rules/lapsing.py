"""Money that a bank holds, while it holds it: authorized again, captured in time, or told of.

A hold that nobody sees to lapses, and goods that were trusted to it would be sent for nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import UNCHANGED
from surehold.kernel.ids import OperationId, new_id
from surehold.payments.authorizations import events
from surehold.payments.authorizations.model import (
    Authorization,
    AuthorizationLife,
    CaptureState,
)
from surehold.payments.authorizations.rules import begun, is_to_decide, is_to_renew, next_look
from surehold.payments.commands import capture_key, renewal_key
from surehold.payments.model import (
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
)
from surehold.payments.providers.port import (
    CaptureRequest,
    ProviderSnapshot,
    RenewalRequest,
)
from surehold.payments.providers.registry import Providers

#: How long a hold lives of which nobody says: the shortest that a provider of ours documents.
_UNKNOWN_LIFE: Final = AuthorizationLife(timedelta(days=3))


def begin_hold(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, providers: Providers
) -> Payment:
    """Note until when the bank holds the money; returns the payment with its next look."""
    provider = providers.find_remote(payment.provider)
    life = (provider.capabilities.authorization if provider else None) or _UNKNOWN_LIFE
    until = evidence.capture_before or case.now + life.lasts
    fresh = Authorization(payment.id, begun_at=case.now, capture_before=until)
    held = begun(case.authorizations.get(payment.id), fresh, life=life)
    case.authorizations[payment.id] = held
    return msgspec.structs.replace(payment, next_check_at=next_look(held, case.now))


def tend_hold(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, providers: Providers
) -> str:
    """Do what is due of money that its provider still holds. Twice changes nothing.

    When four fifths of its life are over it is captured, or staff are told, as the store has it.
    Before that it is authorized again where the provider can, once for each time in which it is
    sure.
    """
    held = case.authorizations.get(payment.id)
    if held is None:
        return UNCHANGED  # it is taken by itself
    until = evidence.capture_before or held.capture_before
    held = case.authorizations[payment.id] = msgspec.structs.replace(held, capture_before=until)
    effect = UNCHANGED
    if case.security is not None and case.security.id == payment.id:
        if is_to_decide(held, case.now):
            effect = _decide(case, payment, held, providers=providers)
        elif is_to_renew(held, case.now):
            effect = _renew(case, payment, held, providers=providers)
    look_at = next_look(case.authorizations[payment.id], case.now)
    payment = case.payment(payment.id)
    if payment.next_check_at is None or look_at < payment.next_check_at:
        case.put_payment(msgspec.structs.replace(payment, next_check_at=look_at))
    return effect


def _decide(case: Case, payment: Payment, held: Authorization, *, providers: Providers) -> str:
    # What a person looks into is not taken before they have decided.
    is_captured = case.settings.lapsing_authorizations == "capture" and not payment.is_suspected
    if is_captured and ask_capture(case, payment, providers=providers):
        return "capturing"
    tell_lapsing(case, payment, held, reason="authorization_lapsing")
    return "lapsing"


def tell_lapsing(case: Case, payment: Payment, held: Authorization, *, reason: str) -> None:
    """Tell staff, once, that the money must be captured soon, or will not come."""
    if held.told_at is None:
        held = msgspec.structs.replace(held, told_at=case.now)
        case.authorizations[payment.id] = held
        case.writes.events.append(events.lapsing(payment, held, reason=reason))


def _renew(case: Case, payment: Payment, held: Authorization, *, providers: Providers) -> str:
    provider = providers.find_remote(payment.provider)
    if provider is None or payment.provider_payment_id is None:
        return UNCHANGED
    number = held.renewal_count + 1
    request = RenewalRequest(payment.provider_payment_id, payment.requested, number)
    _ask(
        case,
        payment,
        OperationKind.REAUTHORIZE,
        key=renewal_key(payment.id, number),
        body=provider.prepare_renewal(request),
    )
    case.authorizations[payment.id] = msgspec.structs.replace(
        held,
        renewal_count=number,
        honored_until=_sure_until(case, provider.capabilities.authorization),
    )
    return "renewing"


def end_renewal(
    case: Case, payment: Payment, *, refusal: str | None, providers: Providers
) -> None:
    """Take the provider's answer to a renewal: sure again from now on, or staff are told."""
    held, provider = case.authorizations.get(payment.id), providers.find_remote(payment.provider)
    if held is None or provider is None or payment.state is not PaymentState.AUTHORIZED:
        return
    if refusal is None:
        until = _sure_until(case, provider.capabilities.authorization)
        case.authorizations[payment.id] = msgspec.structs.replace(held, honored_until=until)
        return
    tell_lapsing(case, payment, held, reason=f"renewal_refused: {refusal}")
    # It may hold nothing any more: the worker reads it.
    case.put_payment(msgspec.structs.replace(payment, next_check_at=case.now))


def _sure_until(case: Case, life: AuthorizationLife | None) -> datetime | None:
    return case.now + life.honored if life is not None and life.honored is not None else None


def ask_capture(case: Case, payment: Payment, *, providers: Providers) -> bool:
    """Ask for what an order owes of what is held; the rest is let go. Whether it was asked now.

    A provider that takes all or nothing is asked for all, and what is too much goes back. After a
    refusal it is another question, with a key of its own.
    """
    provider = providers.find_remote(payment.provider)
    if provider is None or payment.provider_payment_id is None:
        return False
    held = case.authorizations.get(payment.id)
    if held is None:
        held = Authorization(payment.id, case.now, case.now + _UNKNOWN_LIFE.lasts)
    if held.capture_state is CaptureState.ASKED:
        return False
    amount = payment.requested
    if provider.capabilities.can_capture_partially:
        amount = msgspec.structs.replace(amount, amount=_wanted_minor(case, payment))
    number = held.capture_count + 1
    request = CaptureRequest(payment.provider_payment_id, amount)
    _ask(
        case,
        payment,
        OperationKind.CAPTURE,
        key=capture_key(payment.id, number),
        body=provider.prepare_capture(request),
    )
    case.authorizations[payment.id] = msgspec.structs.replace(
        held,
        capture_state=CaptureState.ASKED,
        capture_count=number,
        capture_minor=amount.amount,
    )
    return True


def _wanted_minor(case: Case, payment: Payment) -> int:
    """What of the held money the order is owed, in minor units; all of it when that is nothing."""
    by_card = sum(row.authorized_minor for row in case.card_parts)
    due_minor = case.order.owed_minor if case.is_sold else case.order.due_minor - by_card
    return min(due_minor, payment.requested_minor) if due_minor > 0 else payment.requested_minor


def _ask(case: Case, payment: Payment, kind: OperationKind, *, key: str, body: bytes) -> None:
    case.writes.operations.append(
        Operation(
            id=OperationId(new_id()),
            payment_id=payment.id,
            refund_id=None,
            kind=kind,
            state=OperationState.PENDING,
            idempotency_key=key,
            request=body,
            attempts=0,
        )
    )
