"""Goods that come back for a placed order."""

from __future__ import annotations

from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules import Cause, Wish, plan_refund, taking_back
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.checkout.settlements.refunding import ask_planned
from surehold.kernel.ids import OrderLineId, ReturnId
from surehold.orders.states import ReturnEvent


class _OfReturn(Settlement, frozen=True):
    """Something that happens to a return."""

    return_id: ReturnId
    actor: Actor

    @property
    def reads_returns(self) -> bool:
        """It is about one."""
        return True


class RequestReturn(_OfReturn, frozen=True):
    """The buyer, or staff, asks to send units back. Twice with one key is once."""

    lines: tuple[taking_back.Wanted, ...]
    note: str | None = None
    keep: Keep | None = None

    @property
    def kept(self) -> Keep | None:
        """Each request counts, so the key is what tells one from another."""
        return self.keep

    def decide(self, case: Case, _: Context) -> Outcome:
        """Write the wish down.

        Raises:
            InvalidInput, ReturnWindowOver, UnitsNotReturnable: As named.
        """
        made = taking_back.request(
            case, self.return_id, self.lines, note=self.note, actor=self.actor
        )
        return Outcome(made.state.value)


class MoveReturn(_OfReturn, frozen=True):
    """Approved, rejected, sent or given up."""

    event: ReturnEvent
    answer: str | None = None

    def decide(self, case: Case, _: Context) -> Outcome:
        """Note it; nothing else moves.

        Raises:
            ReturnNotFound, ReturnNotPossible: As named.
        """
        return Outcome(
            taking_back.move(
                case, self.return_id, self.event, actor=self.actor, answer=self.answer
            )
        )


class ReceiveReturn(_OfReturn, frozen=True):
    """The parcel was opened. No units: all that were asked for were in it."""

    units: tuple[tuple[OrderLineId, int], ...] | None = None

    def decide(self, case: Case, _: Context) -> Outcome:
        """Count what was in it.

        Raises:
            ReturnNotFound, ReturnNotPossible, UnitsNotReceived: As named.
        """
        units = None if self.units is None else dict(self.units)
        return Outcome(taking_back.receive(case, self.return_id, units, actor=self.actor))


class InspectReturn(_OfReturn, frozen=True):
    """What came back was looked at."""

    judged: tuple[taking_back.Judged, ...]

    def decide(self, case: Case, _: Context) -> Outcome:
        """Put what is as good as new on the shelf.

        Raises:
            ReturnNotFound, ReturnNotPossible, UnitsNotReceived, InvalidInput: As named.
        """
        return Outcome(taking_back.inspect(case, self.return_id, self.judged, actor=self.actor))


class CompleteReturn(_OfReturn, frozen=True):
    """The return is settled: what came back is paid back, unless it was."""

    has_shipping: bool = False
    reason: str = "returned"

    def decide(self, case: Case, context: Context) -> Outcome:
        """Ask for the money of the units that came back, once.

        Raises:
            ReturnNotFound, ReturnNotPossible, RefundExceedsPaid, NothingToRefund: As named.
        """
        if taking_back.find_next(case, self.return_id, ReturnEvent.COMPLETE) is None:
            return Outcome(UNCHANGED)
        units = taking_back.refundable_units(case, self.return_id)
        wish = Wish(lines=units, has_shipping=self.has_shipping)
        planned = plan_refund(case, wish) if units or self.has_shipping else ()
        cause = Cause(self.reason, self.actor, return_id=self.return_id)
        for one in planned:
            ask_planned(case, one, cause=cause, providers=context.providers)
        return Outcome(
            taking_back.move(case, self.return_id, ReturnEvent.COMPLETE, actor=self.actor)
        )
