"""Goods that come back for a placed order."""

from __future__ import annotations

from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.errors import NothingToRefund
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules import Cause, Wish, plan_exchange, plan_refund, taking_back
from surehold.checkout.rules import exchange as send_instead
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.checkout.settlements.refunding import ask_planned
from surehold.kernel.ids import OrderChangeId, OrderLineId, ReturnId, VariantId
from surehold.orders.errors import ReturnNotPossible
from surehold.orders.states import ReturnEvent
from surehold.pricing.model import Quote


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


class ExchangeReturn(_OfReturn, frozen=True):
    """The return is settled by something else that is sent for it. Twice is once."""

    change_id: OrderChangeId
    quote: Quote
    reason: str = "exchanged"

    @property
    def adds(self) -> tuple[VariantId, ...]:
        """What is to be sent."""
        return tuple(line.variant_id for line in self.quote.lines)

    @property
    def gives_credit(self) -> bool:
        """What came back becomes credit, which pays for what is sent."""
        return True

    def decide(self, case: Case, context: Context) -> Outcome:
        """Credit what came back, take from it what is sent instead; the rest stays credit.

        Raises:
            ReturnNotFound, ReturnNotPossible, OrderNotChangeable, NothingToRefund,
            RefundExceedsPaid, TaxDiffers, ExchangeCostsMore, InsufficientStock: As named.
        """
        if any(row.return_id == self.return_id for row in case.changes.values()):
            return Outcome(UNCHANGED)
        found = taking_back.get(case, self.return_id)
        if taking_back.find_next(case, self.return_id, ReturnEvent.COMPLETE) is None:
            raise ReturnNotPossible("The return was paid back.", return_state=found.state.value)
        units = taking_back.refundable_units(case, self.return_id)
        if not units:
            raise NothingToRefund("The money of these units has gone back already.")
        planned = plan_refund(case, Wish(lines=units))
        exchange = plan_exchange(
            case,
            self.change_id,
            self.return_id,
            self.quote,
            covered_minor=sum(one.amount_minor for one in planned),
            actor=self.actor,
        )
        cause = Cause(self.reason, self.actor, return_id=self.return_id, is_store_credit=True)
        known = set(case.refunds)
        for one in planned:
            ask_planned(case, one, cause=cause, providers=context.providers)
        credit = [
            (card_id, row.amount_minor)
            for row in case.refunds.values()
            if row.id not in known
            and (card_id := row.store_credit_id or case.payment(row.payment_id).gift_card_id)
        ]
        taking_back.move(case, self.return_id, ReturnEvent.COMPLETE, actor=self.actor)
        return Outcome(send_instead(case, exchange, credit, actor=self.actor))


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
        # An order that was given up was paid back then, or never paid.
        is_open = case.order.canceled_at is None
        planned = plan_refund(case, wish) if is_open and (units or self.has_shipping) else ()
        cause = Cause(self.reason, self.actor, return_id=self.return_id)
        for one in planned:
            ask_planned(case, one, cause=cause, providers=context.providers)
        return Outcome(
            taking_back.move(case, self.return_id, ReturnEvent.COMPLETE, actor=self.actor)
        )
