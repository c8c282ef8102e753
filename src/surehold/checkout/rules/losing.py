"""What a dispute moves in the books, and who bears what was lost. Pure."""

from __future__ import annotations

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import Actor
from surehold.kernel.ids import DisputeEventId, new_id
from surehold.payments import ledger
from surehold.payments.disputes.events import dispute_moved
from surehold.payments.disputes.model import Dispute, DisputeEvent
from surehold.payments.model import RefundState


def put_dispute(
    case: Case, before: Dispute | None, after: Dispute, *, actor: Actor, reason: str
) -> Dispute:
    """Write down what happened to a dispute, and book what it moved."""
    version = 1 if before is None else before.version + 1
    after = msgspec.structs.replace(after, version=version, updated_at=case.now)
    event = DisputeEvent(
        id=DisputeEventId(new_id()),
        dispute_id=after.id,
        seq=version,
        from_state=None if before is None else before.state,
        to_state=after.state,
        stage=after.stage,
        amount_minor=after.amount_minor,
        reason=reason,
        actor=actor.name,
        happened_at=case.now,
    )
    _count(case, after, event)
    case.writes.journals += ledger.dispute_moved(
        event_id=event.id,
        order_id=after.order_id,
        provider=after.provider,
        currency=after.currency,
        before=_standing(before),
        after=_standing(after),
    )
    fee_minor = after.fee_minor - (0 if before is None else before.fee_minor)
    if fee_minor:
        case.writes.journals.append(
            ledger.dispute_fee(
                event_id=event.id,
                order_id=after.order_id,
                provider=after.provider,
                currency=after.currency,
                amount_minor=fee_minor,
            )
        )
    if before is None or (before.state, before.stage) != (after.state, after.stage):
        case.writes.events.append(dispute_moved(after))
    return after


def _count(case: Case, dispute: Dispute, event: DisputeEvent) -> None:
    """Keep a dispute, and what all of them come to for its payment."""
    case.disputes[dispute.id] = dispute
    case.writes.disputes[dispute.id] = dispute
    case.writes.dispute_events.append(event)
    payment = case.payment(dispute.payment_id)
    own = [row for row in case.disputes.values() if row.payment_id == payment.id]
    case.put_payment(
        msgspec.structs.replace(
            payment,
            disputed_minor=sum(row.away_minor for row in own),
            lost_minor=sum(row.lost_minor for row in own),
            dispute_moves=payment.dispute_moves + 1,
        )
    )


def absorb_losses(case: Case, *, actor: Actor) -> None:
    """Take what was lost out of the deposits of an order that is given up: it bought nothing.

    Its sale was taken back, so what was paid for it is no expense; what went to the buyer twice
    is one.
    """
    if case.order.canceled_at is None:
        return
    left = sum(row.captured_minor - row.disputed_minor for row in case.payments.values())
    left -= sum(
        row.amount_minor for row in case.refunds.values() if row.state is not RefundState.FAILED
    )
    left -= sum(row.unearned_minor for row in case.disputes.values())
    for dispute in tuple(case.disputes.values()):
        taken = min(dispute.lost_minor - dispute.unearned_minor, left)
        if taken <= 0:
            continue
        left -= taken
        after = msgspec.structs.replace(dispute, unearned_minor=dispute.unearned_minor + taken)
        put_dispute(case, dispute, after, actor=actor, reason="the sale was taken back")


def _standing(dispute: Dispute | None) -> ledger.Disputed:
    if dispute is None:
        return ledger.Disputed()
    return ledger.Disputed(dispute.away_minor, dispute.lost_minor, dispute.unearned_minor)
