"""The time for which an order holds its stock."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import SYSTEM
from surehold.checkout.settlements.model import Keep, Outcome, Settlement


class ExpireHolds(Settlement, frozen=True):
    """The holds of an order may be over.

    One that gift cards pay in full is sold instead, and one that is paid at the door confirmed.
    """

    def decide(self, case: Case, context: Context) -> Outcome:
        """Let go of those that are."""
        rules.sell_covered(case, actor=SYSTEM, providers=context.providers)
        count = rules.lapse_change(case, providers=context.providers)
        rules.trust_to_delivery(case)
        return Outcome("expired", count=count + rules.expire_holds(case))


class ExtendHold(Settlement, frozen=True):
    """The buyer asks for more time. Twice with one key is once."""

    keep: Keep

    @property
    def kept(self) -> Keep:
        """Each extension counts, so the key is what tells one from another."""
        return self.keep

    def decide(self, case: Case, context: Context) -> Outcome:
        """Give more time.

        Raises:
            OrderNotPayable, HoldOver, ExtensionRefused: As named.
        """
        rules.extend(case, ttl=context.hold_time(case, case.order.provider))
        return Outcome("extended")
