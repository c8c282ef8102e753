"""Refunds that somebody began at the provider: what is plain is booked, the rest is a person's."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from surehold.checkout.case import Case
from surehold.checkout.model import Actor
from surehold.checkout.rules.disputing import give_up_unpaid
from surehold.checkout.rules.refunding import PlannedRefund, Wish, plan_refund
from surehold.checkout.rules.returning import Cause, book_refund, new_refund
from surehold.kernel.errors import DomainError
from surehold.payments.events import refund_found
from surehold.payments.model import Payment, RefundLine, RefundState
from surehold.payments.providers.port import (
    ProviderRefundState,
    ProviderSnapshot,
    RefundOrigin,
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers

#: What the buyer is told of a refund that nobody asked for here.
REASON: Final = "refunded at the provider"


def list_gone(
    case: Case, payment: Payment, evidence: ProviderSnapshot | None
) -> tuple[RefundSnapshot, ...]:
    """Every refund of the provider's that is not ours; none when there is no room for them."""
    known = {row.provider_refund_id for row in case.refunds.values()}
    known |= {str(row.id) for row in case.refunds.values()}
    gone = tuple(
        row
        for row in (evidence.refunds if evidence else ())
        if row.state is ProviderRefundState.SUCCEEDED
        and row.provider_refund_id not in known
        and (row.refund_reference or "") not in known
    )
    total = sum(row.amount.amount for row in gone)
    is_ours = all(row.amount.currency == payment.currency for row in gone)
    return gone if is_ours and total <= case.refundable_minor(payment) else ()


def book_plain(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str | None:
    """Book what people gave back at the provider, when it can mean one thing only.

    It all went through, in the payment's currency and within what is left of it and of the sale;
    the provider's total is what ours comes to with it; no refund of ours is under way, that it
    might be; and no money of the payment is disputed. Nothing is restocked: whoever gave the money
    back knows where the goods are. ``None``: something of it does not hold; nothing is booked.
    """
    gone = list_gone(case, payment, evidence)
    theirs = [row for row in evidence.refunds if row.refund_reference is None]
    unknown = [row for row in theirs if row in gone or row.state is ProviderRefundState.PENDING]
    ours = [row for row in case.refunds.values() if row.payment_id == payment.id]
    total = sum(row.amount.amount for row in gone) + sum(
        row.amount_minor
        for row in ours
        if row.state is RefundState.SUCCEEDED and row.store_credit_id is None
    )
    is_plain = (
        bool(gone)
        and list(gone) == unknown
        and all(row.origin is RefundOrigin.DASHBOARD for row in gone)
        and evidence.refunded.amount == total
        and not (payment.disputed_minor or payment.lost_minor or evidence.disputed.amount)
        and not any(row.state is RefundState.REQUESTED for row in ours)
    )
    if not is_plain or not _is_of_sale_left(case, payment, gone):
        return None
    book_gone(case, payment, gone, actor=actor, providers=providers)
    return "refund_found"


def book_gone(
    case: Case,
    payment: Payment,
    gone: tuple[RefundSnapshot, ...],
    *,
    actor: Actor,
    providers: Providers,
) -> None:
    """Write down money that has gone at the provider, spread over what is left of the sale."""
    for row in gone:
        _book_one(case, case.payment(payment.id), row, actor=actor)
    if payment.lost_minor:
        give_up_unpaid(case, payment, actor=actor, providers=providers)


def _is_of_sale_left(case: Case, payment: Payment, gone: tuple[RefundSnapshot, ...]) -> bool:
    """Whether there is as much left of what was sold; what was never a sale is not asked for."""
    if not case.is_sold or case.order.canceled_at is not None:
        return True
    whole = replace(payment.requested, amount=sum(row.amount.amount for row in gone))
    try:
        plan_refund(case, Wish(amount=whole, payment_id=payment.id))
    except DomainError:
        return False
    return True


def _book_one(case: Case, payment: Payment, gone: RefundSnapshot, *, actor: Actor) -> None:
    cause = Cause(REASON, actor)
    refund = new_refund(case, payment, amount_minor=gone.amount.amount, cause=cause)
    refund = replace(refund, provider_refund_id=gone.provider_refund_id)
    planned = _plan(case, payment, gone)
    lines: tuple[RefundLine, ...] = ()
    if planned is not None:
        refund = replace(
            refund,
            is_of_sale=True,
            shipping_minor=planned.shipping_minor,
            shipping_tax_minor=planned.shipping_tax_minor,
        )
        lines = tuple(
            RefundLine(refund.id, share.line_id, share.quantity, share.net_minor, share.tax_minor)
            for share in planned.shares
        )
    case.add_refund(refund, lines)
    case.change_order(actor=actor.name, reason=REASON)
    ended = replace(refund, state=RefundState.SUCCEEDED, ended_at=case.now)
    book_refund(case, ended, provider=payment.provider)
    case.writes.events.append(refund_found(ended))


def _plan(case: Case, payment: Payment, gone: RefundSnapshot) -> PlannedRefund | None:
    """What of the sale it was of; ``None`` when nothing (more) of the order is sold for it."""
    if not case.is_sold or case.order.canceled_at is not None:
        return None
    try:
        (planned,) = plan_refund(case, Wish(amount=gone.amount, payment_id=payment.id))
    except DomainError:
        return None
    return planned
