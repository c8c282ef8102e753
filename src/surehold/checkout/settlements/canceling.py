"""Giving an order up."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.orders.model import CancelReason


class CancelOrder(Settlement, frozen=True):
    """Somebody gives the order up. ``only_unpaid``: nothing happens once money came."""

    reason: CancelReason
    actor: Actor
    only_unpaid: bool = False

    def decide(self, case: Case, context: Context) -> Outcome:
        """Cancel it.

        Raises:
            OrderNotCancelable: It has gone too far.
        """
        if self.only_unpaid and (
            case.order.paid_minor or any(row.review_reason for row in case.payments.values())
        ):
            return Outcome(UNCHANGED)
        effect = rules.cancel(
            case, reason=self.reason, actor=self.actor, providers=context.providers
        )
        return Outcome(effect)
