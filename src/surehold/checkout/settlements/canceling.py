"""Giving an order up, or a part of it."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.checkout.settlements.paying import begin_anew
from surehold.orders.model import CancelReason


class CancelOrder(Settlement, frozen=True):
    """Somebody gives the order up.

    ``only_unpaid``: nothing happens once money came, nor while the goods are held for it.
    """

    reason: CancelReason
    actor: Actor
    only_unpaid: bool = False

    def decide(self, case: Case, context: Context) -> Outcome:
        """Cancel it.

        Raises:
            OrderNotCancelable: It has gone too far.
        """
        if self.only_unpaid and (
            case.order.paid_minor
            or any(row.review_reason for row in case.payments.values())
            or (case.active and not case.is_hold_over)
        ):
            return Outcome(UNCHANGED)
        effect = rules.cancel(
            case, reason=self.reason, actor=self.actor, providers=context.providers
        )
        return Outcome(effect)


class CancelPart(Settlement, frozen=True):
    """Somebody gives some units up; the rest goes on. Twice with one key is once."""

    lines: rules.Units
    reason: CancelReason
    actor: Actor
    keep: Keep | None = None

    @property
    def kept(self) -> Keep | None:
        """Each counts, so the key is what tells one from another."""
        return self.keep

    def decide(self, case: Case, context: Context) -> Outcome:
        """Give them up. An order that waits for money is asked for what is due now.

        Raises:
            InvalidInput, OrderNotCancelable, UnitsNotCancelable, PaymentInProgress, NothingLeft:
            As named.
        """
        waiting = case.open_payments
        # Whether the way of paying is still to be had is known before anything changes.
        ttl = context.hold_time(case, case.order.provider)
        effect = rules.cancel_part(
            case, self.lines, reason=self.reason, actor=self.actor, providers=context.providers
        )
        if case.is_sold or case.order.canceled_at is not None:
            return Outcome(effect)
        return Outcome(effect, begin_anew(case, context, waiting, ttl=ttl, actor=self.actor))
