"""What a dispute does to its payment and its order. Every way to and fro is possible.

Money that is disputed pays for nothing until it is decided. What is won is here again; what is
lost is gone, and goods that were not sent for it go back to the shelf.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules.canceling import cancel_sent
from surehold.checkout.rules.losing import absorb_losses, put_dispute
from surehold.kernel.ids import DisputeId, OperationId, new_id
from surehold.orders.model import CancelReason
from surehold.payments.commands import CHECKS_WITHIN_HOURS
from surehold.payments.disputes.commands import answer_key
from surehold.payments.disputes.errors import DisputeAnswered, DisputeNotFound, DisputeOver
from surehold.payments.disputes.model import AnswerState, Dispute
from surehold.payments.model import (
    Operation,
    OperationKind,
    OperationState,
    Payment,
    RefundState,
)
from surehold.payments.providers.disputes import (
    DisputeAnswer,
    DisputeSnapshot,
    DisputeStage,
    DisputeState,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import OperationEvent

#: Why a person must look at money that came back for an order that was given up.
WON_AFTER_CANCEL: Final = "won_after_cancel"
#: How long until a provider is asked how an open dispute stands.
DAILY: Final = timedelta(days=1)
#: Why a person must look at a dispute that is in another currency than its payment.
OTHER_CURRENCY: Final = "dispute_currency_mismatch"


def take_disputes(
    case: Case,
    payment: Payment,
    told: Iterable[DisputeSnapshot],
    *,
    actor: Actor,
    providers: Providers,
) -> str | None:
    """Take a provider's word for the disputes of a captured payment. Twice changes nothing.

    Returns what became of the last that moved; ``None`` when nothing did.
    """
    effect = None
    for one in told:
        if one.amount.currency != payment.currency:
            _park(case, payment, OTHER_CURRENCY)
            continue
        before = _find(case, payment, one)
        after = _taken(case, payment, before, one)
        if after is None or after == before:
            continue
        moved = put_dispute(case, before, after, actor=actor, reason=one.reason)
        effect = f"dispute_{moved.state.value}"
        case.change_order(actor=actor.name, reason=effect.replace("_", " "))
        case.relabel()
        case.end_step()
        if moved.lost_minor:
            give_up_unpaid(case, payment, actor=actor, providers=providers)
        _judge_canceled(case, payment, actor=actor)
    _watch(case, payment, providers, has_moved=effect is not None)
    return effect


def answer_dispute(
    case: Case,
    dispute_id: DisputeId,
    evidence: str | None,
    *,
    actor: Actor,
    providers: Providers,
) -> str:
    """Say something to a dispute: its evidence, or (none) that the store gives in.

    It is sent where the provider takes it, else people send it there. What comes of it, the
    provider says. The same again changes nothing.

    Raises:
        DisputeNotFound: The order has none with this id.
        DisputeOver: It is decided.
        DisputeAnswered: Something else was sent, or is on its way.
    """
    found = case.disputes.get(dispute_id)
    if found is None:
        raise DisputeNotFound("There is no dispute with this id.")
    is_answered = found.answer_state not in (AnswerState.NONE, AnswerState.REFUSED)
    if is_answered and (found.answer, found.is_accepted) == (evidence, evidence is None):
        return UNCHANGED
    if not found.is_open:
        raise DisputeOver(f"The dispute is {found.state.value}.", dispute_state=found.state.value)
    if found.answer_state in (AnswerState.SENDING, AnswerState.SENT):
        raise DisputeAnswered(
            "The store has answered this dispute.",
            answer_state=found.answer_state.value,
            is_accepted=found.is_accepted,
        )
    provider = providers.find_remote(found.provider)
    is_sent = provider is not None and provider.capabilities.can_answer_disputes
    after = msgspec.structs.replace(
        found,
        answer_state=AnswerState.SENDING if is_sent else AnswerState.BY_HAND,
        answer=evidence,
        is_accepted=evidence is None,
        answered_by=actor.name,
        answered_at=case.now,
        answer_count=found.answer_count + is_sent,
    )
    said = "accepted" if evidence is None else "answered"
    after = put_dispute(case, found, after, actor=actor, reason=said)
    if is_sent and provider is not None:
        case.writes.operations.append(
            Operation(
                id=OperationId(new_id()),
                payment_id=found.payment_id,
                refund_id=None,
                kind=OperationKind.ANSWER_DISPUTE,
                state=OperationState.PENDING,
                idempotency_key=answer_key(found.id, after.answer_count),
                request=provider.prepare_answer(
                    DisputeAnswer(found.provider_dispute_id, evidence)
                ),
                attempts=0,
            )
        )
    return said


def record_answer(case: Case, operation: Operation, event: OperationEvent, *, actor: Actor) -> str:
    """Note whether the provider has taken what the store said; a lost answer is on its way.

    What it says of an earlier answer, late or once more, changes nothing.
    """
    found = next(
        (
            row
            for row in case.disputes.values()
            if operation.idempotency_key == answer_key(row.id, row.answer_count)
        ),
        None,
    )
    if found is None:
        return UNCHANGED
    states = {
        OperationEvent.SUCCEED: AnswerState.SENT,
        OperationEvent.DECLINE: AnswerState.REFUSED,
        OperationEvent.LOSE: AnswerState.SENDING,
    }
    after = msgspec.structs.replace(found, answer_state=states[event])
    if found.answer_state is not AnswerState.SENDING or after == found:
        return UNCHANGED
    said = f"answer {after.answer_state.value}"
    put_dispute(case, found, after, actor=actor, reason=said)
    return said


def _find(case: Case, payment: Payment, told: DisputeSnapshot) -> Dispute | None:
    return next(
        (
            row
            for row in case.disputes.values()
            if row.payment_id == payment.id and row.provider_dispute_id == told.provider_dispute_id
        ),
        None,
    )


def _taken(
    case: Case, payment: Payment, before: Dispute | None, told: DisputeSnapshot
) -> Dispute | None:
    """A dispute as it is told of; ``None`` for one about no money that we never heard of."""
    amount = told.amount.amount or (before.amount_minor if before else 0)
    if amount <= 0:
        return None
    is_money = told.stage is not DisputeStage.INQUIRY
    is_open = told.state in (DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW)
    is_lost = is_money and told.state is DisputeState.LOST
    facts = {
        "stage": told.stage,
        "state": told.state,
        "amount_minor": amount,
        "away_minor": amount if is_money and is_open else 0,
        "lost_minor": amount if is_lost else 0,
        "fee_minor": told.fee_minor,
        "reason": told.reason,
        "respond_by": told.respond_by,
    }
    if before is None:
        return msgspec.structs.replace(_unheard(case, payment, told), **facts)
    kept = before.unearned_minor if before.lost_minor == facts["lost_minor"] else 0
    return msgspec.structs.replace(before, **facts, unearned_minor=kept)


def _unheard(case: Case, payment: Payment, told: DisputeSnapshot) -> Dispute:
    """A dispute that nothing is said of yet."""
    return Dispute(
        id=DisputeId(new_id()),
        payment_id=payment.id,
        order_id=payment.order_id,
        provider=payment.provider,
        account=payment.account,
        provider_dispute_id=told.provider_dispute_id,
        stage=told.stage,
        state=told.state,
        currency=payment.currency,
        amount_minor=0,
        away_minor=0,
        lost_minor=0,
        unearned_minor=0,
        fee_minor=0,
        reason=told.reason,
        respond_by=None,
        answer_state=AnswerState.NONE,
        answer=None,
        is_accepted=False,
        answered_by=None,
        answered_at=None,
        answer_count=0,
        version=1,
        opened_at=case.now,
        updated_at=case.now,
    )


def give_up_unpaid(case: Case, payment: Payment, *, actor: Actor, providers: Providers) -> None:
    """Goods that nobody pays for any more go back to the shelf, when none of them was sent.

    When a part of a payment was lost, or something was sent, people decide what of the rest is.
    """
    order = case.order
    row = case.payment(payment.id)
    back = sum(
        refund.amount_minor
        for refund in case.refunds.values()
        if refund.is_of_sale and refund.state is not RefundState.FAILED
    )
    is_undecided = bool(row.disputed_minor) or case.refundable_minor(row) > 0
    is_unpaid = case.kept_minor < order.due_minor - back
    if order.canceled_at is not None or case.has_shipped or not case.is_bought:
        return
    if is_unpaid and not is_undecided:
        cancel_sent(case, reason=CancelReason.DISPUTE_LOST, actor=actor, providers=providers)


def _judge_canceled(case: Case, payment: Payment, *, actor: Actor) -> None:
    """Of an order that was given up: what was lost is no expense, what was won buys nothing."""
    if case.order.canceled_at is None:
        return
    absorb_losses(case, actor=actor)
    if case.refundable_minor(case.payment(payment.id)) > 0:
        _park(case, payment, WON_AFTER_CANCEL)


def _watch(case: Case, payment: Payment, providers: Providers, *, has_moved: bool) -> None:
    """Let the provider be asked how disputes stand, whatever it forgets to tell.

    Daily while one is not decided; then ever more seldom, for as long as it may be opened again.
    """
    own = [row for row in case.disputes.values() if row.payment_id == payment.id]
    if not own:
        return
    provider = providers.find_remote(payment.provider)
    if any(row.is_open for row in own):
        if not has_moved:
            return  # it is due again when it was asked
        count, looks = CHECKS_WITHIN_HOURS, [case.now + DAILY]
    else:
        days = 0 if provider is None else provider.capabilities.reopens_disputes_days
        all_looks = (next_look(row.updated_at, case.now, days=days) for row in own)
        count, looks = 0, [look for look in all_looks if look is not None]
    case.put_payment(
        msgspec.structs.replace(
            case.payment(payment.id),
            check_count=count,
            next_check_at=None if provider is None else min(looks, default=None),
        )
    )


def next_look(decided_at: datetime, now: datetime, *, days: int) -> datetime | None:
    """When to ask again after a dispute that was decided: each time after twice as long.

    The last time is when nobody opens it again any more, ``days`` after it was decided; then
    ``None``.

    >>> from datetime import UTC
    >>> decided = datetime(2026, 11, 1, tzinfo=UTC)
    >>> [str(next_look(decided, decided + age * DAILY, days=30))[:10] for age in (0, 1, 3, 20, 30)]
    ['2026-11-02', '2026-11-03', '2026-11-05', '2026-12-01', 'None']
    """
    age, wait = now - decided_at, DAILY
    while wait <= age:
        wait *= 2
    over = days * DAILY
    return None if age >= over else decided_at + min(wait, over)


def _park(case: Case, payment: Payment, reason: str) -> None:
    row = case.payment(payment.id)
    if row.review_reason is None:
        case.put_payment(msgspec.structs.replace(row, review_reason=reason))
