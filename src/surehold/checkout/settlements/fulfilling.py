"""What staff do with an order's goods, and with the order as a whole."""

from __future__ import annotations

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import Actor
from surehold.checkout.rules.fulfilling import Parcel, Pick
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.kernel.ids import FulfillmentId
from surehold.orders.model import OrderStatus
from surehold.orders.states import FulfillmentEvent


class OpenFulfillments(Settlement, frozen=True):
    """Some units are to be sent. Twice with one key is once."""

    pick: Pick
    actor: Actor
    keep: Keep

    @property
    def kept(self) -> Keep:
        """Each call plans further units, so the key is what tells one from another."""
        return self.keep

    def decide(self, case: Case, _: Context) -> Outcome:
        """Plan them.

        Raises:
            OrderNotFulfillable, InvalidInput, UnitsNotOpen: As named.
        """
        made = rules.open_fulfillments(case, self.pick, actor=self.actor)
        return Outcome("opened", count=len(made))


class MoveFulfillment(Settlement, frozen=True):
    """Something happens to one parcel."""

    fulfillment_id: FulfillmentId
    event: FulfillmentEvent
    actor: Actor
    parcel: Parcel | None = None
    reason: str | None = None

    def decide(self, case: Case, context: Context) -> Outcome:
        """Let it happen, once. What is sent unpaid is owed from then on.

        Raises:
            FulfillmentNotFound, FulfillmentNotMovable, OrderNotFulfillable, UnitsNotOnHand: As
                named.
        """
        effect = rules.move_fulfillment(
            case,
            self.fulfillment_id,
            self.event,
            actor=self.actor,
            parcel=self.parcel,
            reason=self.reason,
        )
        rules.bill(case, providers=context.providers)
        return Outcome(effect)


class CorrectParcel(Settlement, frozen=True):
    """A parcel has another carrier or number than was written down."""

    fulfillment_id: FulfillmentId
    parcel: Parcel
    actor: Actor

    def decide(self, case: Case, _: Context) -> Outcome:
        """Write down the right ones.

        Raises:
            FulfillmentNotFound, FulfillmentNotMovable: As named.
        """
        return Outcome(
            rules.correct_parcel(case, self.fulfillment_id, self.parcel, actor=self.actor)
        )


class ReachStatus(Settlement, frozen=True):
    """Staff ask for a status: what brings it about is done."""

    status: OrderStatus
    actor: Actor
    reason: str
    parcel: Parcel | None = None

    @property
    def reads_waiting(self) -> bool:
        """What waits can neither be packed nor sent."""
        return True

    def decide(self, case: Case, context: Context) -> Outcome:
        """Bring the order there.

        Raises:
            StatusOutOfReach: Nothing leads there now.
        """
        effect = rules.reach_status(
            case,
            self.status,
            actor=self.actor,
            reason=self.reason,
            parcel=self.parcel,
            providers=context.providers,
        )
        rules.bill(case, providers=context.providers)
        return Outcome(effect)
