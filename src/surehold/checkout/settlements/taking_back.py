"""Goods that come back for a placed order."""

from __future__ import annotations

from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import UNCHANGED, Actor
from surehold.checkout.rules import (
    Cause,
    Wish,
    ask_planned,
    plan_exchange,
    plan_refund,
    taking_back,
)
from surehold.checkout.rules import exchange as send_instead
from surehold.checkout.settlements.changing import await_difference
from surehold.checkout.settlements.model import Keep, Outcome, Settlement
from surehold.kernel.ids import OrderChangeId, OrderLineId, ReturnId, VariantId
from surehold.orders.changes.errors import ChangeAwaitsPayment
from surehold.orders.changes.model import ChangeState
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
    #: Who collects a difference; unless said as the order was paid.
    provider: str | None = None

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

        What costs more is held until the difference is paid.

        Raises:
            ReturnNotFound, ReturnNotPossible, OrderNotChangeable, ChangeAwaitsPayment,
            NothingToRefund, RefundExceedsPaid, TaxDiffers, InsufficientStock, ProviderUnknown,
            CurrencyNotSupported, AmountNotSupported: As named.
        """
        for known in case.changes.values():
            is_live = known.state in (ChangeState.APPLIED, ChangeState.AWAITING_PAYMENT)
            if known.return_id == self.return_id and is_live:
                return Outcome(UNCHANGED, known.payment_id)
        planned = plan_exchange(case, self.change_id, self.return_id, self.quote, actor=self.actor)
        if planned.change.difference_minor <= 0:
            return Outcome(
                send_instead(case, planned, actor=self.actor, providers=context.providers)
            )
        provider = self.provider or case.order.provider
        return await_difference(case, context, planned, provider=provider, actor=self.actor)


class CompleteReturn(_OfReturn, frozen=True):
    """The return is settled: what came back is paid back, unless it was."""

    has_shipping: bool = False
    reason: str = "returned"

    def decide(self, case: Case, context: Context) -> Outcome:
        """Ask for the money of the units that came back, once.

        Raises:
            ReturnNotFound, ReturnNotPossible, RefundExceedsPaid, NothingToRefund: As named.
            ChangeAwaitsPayment: An exchange for it waits to be paid.
        """
        waiting = case.open_change
        if waiting is not None and waiting.return_id == self.return_id:
            raise ChangeAwaitsPayment(
                "An exchange for this return waits for its payment.", change_id=str(waiting.id)
            )
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
