"""Money that staff give back for a paid order."""

from __future__ import annotations

from uuid import UUID

import msgspec

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.errors import RefundExceedsPaid, RefundNotRetryable
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.kernel.ids import RefundId, new_id
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason
from surehold.payments.errors import RefundNotConfirmable, RefundNotFound
from surehold.payments.model import Refund, RefundState
from surehold.payments.providers.port import (
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)


class RefundOrder(Settlement, frozen=True):
    """Staff give money back. Twice with one key is once."""

    wish: rules.Wish
    batch_id: UUID
    #: What the buyer is told, and what only staff may read.
    reason: str
    internal_reason: str | None
    actor: Actor
    #: The units were not sent and will not be: they are canceled.
    is_restocked: bool = False
    keep: Keep | None = None
    #: What was paid with money becomes store credit.
    is_store_credit: bool = False

    @property
    def gives_credit(self) -> bool:
        """Whether the buyer's credit is to be read."""
        return self.is_store_credit

    @property
    def kept(self) -> Keep | None:
        """Each refund counts, so the key is what tells one from another."""
        return self.keep

    def decide(self, case: Case, context: Context) -> Outcome:
        """Ask for the money to go back.

        Raises:
            InvalidInput, UnitsNotRefundable, UnitsNotCancelable, NothingToRefund,
            RefundExceedsPaid, OrderNotCancelable, OrderHeld: As named.
        """
        rules.check_not_held(case)
        planned = rules.plan_refund(case, self.wish)
        if self.is_restocked:
            planned = self._cancel(case, context, planned)
        for one in planned:
            rules.ask_planned(case, one, cause=self._cause, providers=context.providers)
        return Outcome("refund_requested")

    @property
    def _cause(self) -> rules.Cause:
        return rules.Cause(
            self.reason,
            self.actor,
            self.batch_id,
            self.internal_reason,
            is_store_credit=self.is_store_credit,
        )

    def _cancel(
        self, case: Case, context: Context, planned: tuple[rules.PlannedRefund, ...]
    ) -> tuple[rules.PlannedRefund, ...]:
        """Give the units up, money and all; what is still to be asked for is shipping."""
        rules.cancel_part(
            case,
            self.wish.lines,
            reason=CancelReason.STAFF,
            actor=self.actor,
            providers=context.providers,
            cause=self._cause,
        )
        if case.order.canceled_at is not None or not any(one.shipping_minor for one in planned):
            return ()
        return rules.plan_refund(case, rules.Wish(has_shipping=True))


class PreviewRefund(Settlement, frozen=True):
    """Staff ask what a refund would be."""

    wish: rules.Wish

    def decide(self, case: Case, _: Context) -> Outcome:
        """Work it out, and change nothing.

        Raises:
            InvalidInput, UnitsNotRefundable, NothingToRefund, RefundExceedsPaid: As named.
        """
        return Outcome(UNCHANGED, planned=rules.plan_refund(case, self.wish))


class RetryRefund(Settlement, frozen=True):
    """A refund that failed is tried again. Twice is once: it has one successor."""

    refund_id: RefundId
    actor: Actor

    def decide(self, case: Case, context: Context) -> Outcome:
        """Ask for the same money again, under an id of its own.

        Raises:
            RefundNotFound: The order has none with this id.
            RefundNotRetryable: It has not failed.
            RefundExceedsPaid: What it was of went back meanwhile.
        """
        failed = _get(case, self.refund_id)
        known = next((row for row in case.refunds.values() if row.retry_of == failed.id), None)
        if known is not None:
            return Outcome(UNCHANGED, known.payment_id)
        if failed.state is not RefundState.FAILED:
            raise RefundNotRetryable(
                f"The refund is {failed.state.value}.", refund_state=failed.state.value
            )
        payment = case.payment(failed.payment_id)
        lines = case.refund_lines.get(failed.id, ())
        room = case.refundable_minor(payment)
        is_there = rules.is_left(case, failed, lines)
        # What was not due may have gone back by another refund, of which no line tells.
        is_back = not failed.is_of_sale and failed.amount_minor > case.excess_minor
        is_gone = failed.amount_minor > room or not is_there or is_back
        if is_gone or not rules.is_refundable(payment):
            raise RefundExceedsPaid(
                "What this refund was of went back meanwhile.",
                refundable={"amount": room, "currency": failed.currency},
            )
        again = msgspec.structs.replace(
            failed,
            id=RefundId(new_id()),
            state=RefundState.REQUESTED,
            requested_by=self.actor.name,
            provider_refund_id=None,
            failure_code=None,
            created_at=case.now,
            ended_at=None,
            retry_of=failed.id,
        )
        case.put_payment(msgspec.structs.replace(payment, review_reason=None))
        rules.ask_back(
            case,
            again,
            tuple(msgspec.structs.replace(line, refund_id=again.id) for line in lines),
            actor=self.actor,
            providers=context.providers,
        )
        return Outcome("refund_requested", payment.id, count=1)


class ConfirmRefund(Settlement, frozen=True):
    """Staff have paid a refund out: a transfer was sent, cash was handed over."""

    refund_id: RefundId
    actor: Actor

    def decide(self, case: Case, context: Context) -> Outcome:
        """Book it. Twice changes nothing.

        Raises:
            RefundNotFound: The order has none with this id.
            RefundNotConfirmable: A provider decides about it, or it failed.
        """
        refund = _get(case, self.refund_id)
        payment = case.payment(refund.payment_id)
        is_local = context.providers.find_local(payment.provider) is not None
        if not is_local or refund.state is RefundState.FAILED:
            raise RefundNotConfirmable("A provider decides about this refund, or it failed.")
        snapshot = RefundSnapshot(
            provider_refund_id=str(refund.id),
            refund_reference=str(refund.id),
            amount=Money(refund.amount_minor, refund.currency),
            state=ProviderRefundState.SUCCEEDED,
            origin=RefundOrigin.US,
        )
        effect = rules.record_refund(case, refund, snapshot, failure_code=None, actor=self.actor)
        return Outcome(effect, payment.id)


def _get(case: Case, refund_id: RefundId) -> Refund:
    refund = case.refunds.get(refund_id)
    if refund is None:
        raise RefundNotFound("There is no refund with this id.")
    return refund
