"""One order's way: everything that may be asked of it, at any time, by anybody.

No database is asked. The rules decide here as they decide in a batch; a rule that stops in the
middle fails a batch of strangers, and a webhook that makes it stop is delivered for ever.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import msgspec

from surehold.checkout import settlements as s
from surehold.checkout.batch import Writes
from surehold.checkout.cards import CardBook
from surehold.checkout.model import SYSTEM, Actor
from surehold.checkout.rules import ChangeWish, Units, Wish, taking_back
from surehold.checkout.rules.fulfilling import Parcel, Pick, WantedUnits
from surehold.checkout.rules.reaching import list_reachable
from surehold.checkout.rules.reviewing import list_decisions
from surehold.db.shop import ShopSettings
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderChangeId, RefundId, ReturnId, new_id
from surehold.kernel.money import Money
from surehold.orders.carriers import OTHER
from surehold.orders.model import CancelReason, OrderStatus, ReturnReason
from surehold.orders.states import MOVES, FulfillmentEvent, ReturnEvent
from surehold.payments.model import (
    Operation,
    OperationKind,
    Payment,
    PaymentState,
    PushPrompt,
    RefundState,
    ReviewDecision,
)
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.disputes import (
    DisputeAnswer,
    DisputeSnapshot,
    DisputeStage,
    DisputeState,
)
from surehold.payments.providers.port import (
    CreateResult,
    ProviderRefundState,
    RefundOrigin,
    RefundSnapshot,
)
from surehold.payments.states import PAYMENT, OperationEvent
from surehold.pricing.model import Quote, QuoteLine
from tests.builders.cases import a_case, a_context, evidence
from tests.builders.providers import PretendProvider

STEPS: Final = 40
STAFF: Final = Actor("staff")
#: Every move of a payment that its table knows.
PAYMENT_MOVES: Final = {(state, after) for (state, _), after in PAYMENT.table.items()}
_CURRENCY: Final = "EUR"
#: How much likelier than staff each of the others is to be next.
_SHARES: Final = {
    "provider": 6,
    "answer": 4,
    "staff": 8,
    "sender": 1,
    "changer": 1,
    "buyer": 2,
    "clock": 1,
}
_PROMPTS: Final = tuple(PushPrompt(f"+25191123456{i}", "Type your PIN", 5) for i in range(2))
_PROVIDERS: Final = ("pretend", "pretend", "bank_transfer", "cash_on_delivery")
P = PaymentState


class _Bank(PretendProvider):
    """A provider that takes what the store says to a dispute."""

    def prepare_answer(self, answer: DisputeAnswer) -> bytes:
        return repr(answer).encode()


class Broken(AssertionError):
    """A move that no table knows, books that do not balance, or more money back than there was."""


class Way:
    """One order, and what becomes of it. The same seed goes the same way."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(f"rules/{seed}")
        self.case = a_case(on_hand=self.dice.choice((2, 3, 10)))
        self.case.settings = ShopSettings(
            capture={"pretend": "on_shipment"} if self.dice.random() < 0.5 else {},
            cash_on_delivery_countries=(self.case.order.shipping_address.country,),
            cash_on_delivery_limit={_CURRENCY: 100_000},
            refunds_at_provider=self.dice.choice(("ask", "book")),
        )
        self.context = a_context(_Bank(can_answer_disputes=True), BankTransfer(), CashOnDelivery())
        self.case.cards = CardBook(seals=self.context.seals)
        self.counts: Counter[str] = Counter()
        #: What was asked and what came of it, the latest last.
        self.told: deque[str] = deque(maxlen=STEPS)
        self._asked: list[Operation] = []
        self._tellers: dict[str, Callable[[], s.Settlement | None]] = {
            "provider": self._provider,
            "answer": self._answer,
            "staff": self._staff,
            "sender": self._sender,
            "changer": self._changer,
            "buyer": self._buyer,
            "clock": self._clock,
        }

    def go(self) -> None:
        """Go all of it.

        Raises:
            Broken: As named, or the rules stopped otherwise than by a refusal.
        """
        for _ in range(STEPS):
            try:
                self._step()
            except Broken:
                raise
            except Exception as error:
                raise Broken(f"{type(error).__name__}: {error}") from error

    def _step(self) -> None:
        (teller,) = self.dice.choices(list(_SHARES), list(_SHARES.values()))
        asked = self._tellers[teller]()
        if asked is None:
            return
        self.told.append(f"{type(asked).__name__} {_shown(asked)}")
        try:
            outcome = asked.decide(self.case, self.context)
        except DomainError as refusal:
            self.told[-1] += f" -> refused: {refusal.code}"
            self.counts["refused"] += 1
            return
        self.case.end_step()
        self.told[-1] += f" -> {outcome.effect}: {self.case.order.status.value}"
        self.counts["settled"] += 1
        self._asked += self.case.writes.operations
        for fault in self._faults():
            raise Broken(fault)
        self.case.writes = Writes()

    # --- what must be so ---------------------------------------------------------------------

    def _faults(self) -> Iterator[str]:
        yield from self._odd_moves()
        for journal in self.case.writes.journals:
            if sum(entry.amount_minor for entry in journal.entries):
                yield f"a journal does not balance: {journal.kind}"
        for payment in self._payments:
            back = sum(
                row.amount_minor
                for row in self.case.refunds.values()
                if row.payment_id == payment.id and row.state is not RefundState.FAILED
            )
            if back > payment.captured_minor:
                yield f"{back} of {payment.captured_minor} goes back"
        if self._is_sold_and_quiet and self.case.excess_minor < 0:
            yield f"{-self.case.excess_minor} less is kept than the goods cost"

    def _odd_moves(self) -> Iterator[str]:
        for before, after in self.case.order_changes:
            if before.status is not after.status and (before.status, after.status) not in MOVES:
                yield f"the order went from {before.status.value} to {after.status.value}"
        for moves in self.case.payment_changes:
            for was, now in moves:
                if was.state is not now.state and (was.state, now.state) not in PAYMENT_MOVES:
                    yield f"a payment went from {was.state.value} to {now.state.value}"

    @property
    def _is_sold_and_quiet(self) -> bool:
        """Whether the order's money is to be here: no bank holds any of it back."""
        order, rows = self.case.order, self._payments
        is_due = self.case.is_sold and order.canceled_at is None and not order.owed_minor
        return is_due and not any(row.disputed_minor or row.lost_minor for row in rows)

    # --- who may ask -------------------------------------------------------------------------

    @property
    def _payments(self) -> tuple[Payment, ...]:
        return tuple(self.case.payments.values())

    def _provider(self) -> s.Settlement | None:
        """A provider says anything of a payment, as new or as old as it likes."""
        payment = self.dice.choice(self._payments)
        if payment.provider != "pretend":
            return self._bank(payment)
        state = self.dice.choice((*P, P.CAPTURED, P.AUTHORIZED))
        facts: dict[str, Any] = {}
        if state is P.CAPTURED and self.dice.random() < 0.2:
            facts["disputes"] = (self._dispute(payment),)
        if self.dice.random() < 0.02:
            facts["captured"] = Money(payment.requested_minor // 2, _CURRENCY)
        return s.TakeEvidence(
            self.case.order.id,
            payment.id,
            evidence(payment, state, **facts),
            dispute_moves=payment.dispute_moves,
        )

    def _bank(self, payment: Payment) -> s.Settlement:
        """Staff see a transfer on their account, or will not; a courier collects cash."""
        order_id = self.case.order.id
        if payment.provider == "bank_transfer":
            if self.dice.random() < 0.2:
                return s.RejectTransfer(order_id, payment.id, "not found", STAFF)
            return s.TakeEvidence(order_id, payment.id, evidence(payment, P.CAPTURED), STAFF)
        minor = self.dice.choice((payment.requested_minor, payment.requested_minor, 1))
        return s.CollectCash(order_id, payment.id, STAFF, Money(minor, _CURRENCY), "courier")

    def _dispute(self, payment: Payment) -> DisputeSnapshot:
        minor = min(self.dice.choice((payment.requested_minor, 500)), payment.requested_minor)
        stages = (DisputeStage.CHARGEBACK, DisputeStage.CHARGEBACK, DisputeStage.INQUIRY)
        return DisputeSnapshot(
            "dp",
            Money(minor, _CURRENCY),
            self.dice.choice(stages),
            self.dice.choice(tuple(DisputeState)),
            "fraudulent",
        )

    def _answer(self) -> s.Settlement | None:
        """A provider answers a question, perhaps one that it answered before."""
        if not self._asked:
            return None
        asked = self.dice.choice(self._asked)
        payment, order_id = self.case.payment(asked.payment_id), self.case.order.id
        event = self.dice.choice(tuple(OperationEvent))
        is_done = event is OperationEvent.SUCCEED
        code = None if is_done else "declined"
        if asked.kind is OperationKind.CREATE:
            action = self.dice.choice((payment.next_action, *_PROMPTS))
            begun = CreateResult("pp", P.REQUIRES_ACTION, action) if is_done else None
            return s.RecordCreate(order_id, asked, begun, event, code)
        if asked.kind is OperationKind.REFUND and asked.refund_id is not None:
            told = self._refunded(asked.refund_id) if is_done else None
            return s.RecordRefund(order_id, asked.refund_id, asked, told, event, code)
        if asked.kind is OperationKind.CAPTURE and not is_done:
            return s.RecordCapture(order_id, asked, event, code)
        if asked.kind in (OperationKind.VOID, OperationKind.CAPTURE):
            end = P.VOIDED if asked.kind is OperationKind.VOID else P.CAPTURED
            return s.TakeEvidence(order_id, payment.id, evidence(payment, end), operation=asked)
        if asked.kind is OperationKind.ANSWER_DISPUTE:
            return s.RecordAnswer(order_id, asked, event, code)
        return s.RecordRenewal(order_id, asked, event, code)

    def _refunded(self, refund_id: RefundId) -> RefundSnapshot:
        refund = self.case.refund(refund_id)
        states = (ProviderRefundState.SUCCEEDED, *ProviderRefundState)
        return RefundSnapshot(
            "re",
            str(refund.id),
            Money(refund.amount_minor, _CURRENCY),
            self.dice.choice(states),
            RefundOrigin.US,
        )

    def _buyer(self) -> s.Settlement:
        """The buyer pays again, another way perhaps, or on another telephone."""
        prompt = self.dice.choice((None, None, *_PROMPTS))
        return s.RetryPayment(
            self.case.order.id,
            self.dice.choice(_PROVIDERS),
            phone=None if prompt is None else prompt.phone,
            is_again=self.dice.random() < 0.5,
        )

    def _clock(self) -> s.Settlement:
        """Time passes, and what is over is swept."""
        self.case.now += timedelta(minutes=self.dice.choice((1, 20, 3000)))
        order_id = self.case.order.id
        if self.dice.random() < 0.5:
            return s.CancelOrder(order_id, CancelReason.UNPAID, SYSTEM, only_unpaid=True)
        return s.ExpireHolds(order_id)

    def _staff(self) -> s.Settlement | None:
        """Somebody in the back office does something, sensible or not."""
        doing = self.dice.choice(
            (
                *(self._reach,) * 4,
                self._call_off,
                self._give_back,
                self._give_back,
                self._look_after_a_refund,
                self._decide,
                self._move_a_parcel,
                self._take_the_money,
                self._answer_a_dispute,
                self._plan_a_parcel,
            )
        )
        return doing()

    def _reach(self) -> s.Settlement:
        sensible = sorted(list_reachable(self.case) - {OrderStatus.CANCELED}, key=str)
        chosen = self.dice.choice(sensible or tuple(OrderStatus))
        if self.dice.random() < 0.1:
            chosen = self.dice.choice(tuple(OrderStatus))
        return s.ReachStatus(self.case.order.id, chosen, STAFF, "asked", Parcel(OTHER.code))

    def _call_off(self) -> s.Settlement:
        order_id, units = self.case.order.id, self._unit
        if self.dice.random() < 0.5:
            return s.CancelPart(order_id, units, CancelReason.STAFF, STAFF)
        if self.dice.random() < 0.3:
            payment = self.dice.choice(self._payments)
            return s.RefuseDelivery(order_id, payment.id, STAFF, "nobody was there")
        reasons = (CancelReason.STAFF, CancelReason.BUYER)
        return s.CancelOrder(order_id, self.dice.choice(reasons), STAFF)

    def _give_back(self) -> s.Settlement:
        wishes = (Wish(lines=self._unit), Wish(amount=Money(300, _CURRENCY)), Wish())
        return s.RefundOrder(
            self.case.order.id,
            self.dice.choice(wishes),
            new_id(),
            "sorry",
            None,
            STAFF,
            is_restocked=self.dice.random() < 0.3,
            is_store_credit=self.dice.random() < 0.1,
        )

    def _look_after_a_refund(self) -> s.Settlement | None:
        if not self.case.refunds:
            return None
        refund = self.dice.choice(tuple(self.case.refunds.values()))
        if refund.state is RefundState.REQUESTED:
            return s.ConfirmRefund(self.case.order.id, refund.id, STAFF)
        return s.RetryRefund(self.case.order.id, refund.id, STAFF)

    def _decide(self) -> s.Settlement:
        payment = self.dice.choice(self._payments)
        sensible = list_decisions(self.case, payment) or tuple(ReviewDecision)
        seen = evidence(payment, self.dice.choice((P.CAPTURED, P.AUTHORIZED, P.FAILED)))
        chosen = self.dice.choice(sensible)
        return s.ReviewPayment(self.case.order.id, payment.id, chosen, "looked", STAFF, seen)

    def _move_a_parcel(self) -> s.Settlement | None:
        if not self.case.fulfillments:
            return None
        parcel = self.dice.choice(tuple(self.case.fulfillments.values()))
        event = self.dice.choice(tuple(FulfillmentEvent))
        return s.MoveFulfillment(self.case.order.id, parcel.id, event, STAFF, Parcel(OTHER.code))

    def _take_the_money(self) -> s.Settlement:
        payment = self.dice.choice(self._payments)
        return s.CapturePayment(self.case.order.id, payment.id, STAFF)

    def _answer_a_dispute(self) -> s.Settlement | None:
        if not self.case.disputes:
            return None
        evidence_given = self.dice.choice(("Signed for by M.", "Another", None))
        dispute = self.dice.choice(tuple(self.case.disputes))
        return s.AnswerDispute(self.case.order.id, dispute, evidence_given, STAFF)

    def _plan_a_parcel(self) -> s.Settlement:
        wanted = (WantedUnits(self.case.lines[0].id, 1),) if self.dice.random() < 0.5 else ()
        return s.OpenFulfillments(self.case.order.id, Pick(wanted), STAFF, self._keep)

    def _changer(self) -> s.Settlement | None:
        """Staff change the order, take that back, or send something else for what came back."""
        order_id, one = self.case.order.id, OrderChangeId(new_id())
        what = self.dice.randrange(4)
        if what == 0 and self.case.changes:
            return s.CancelChange(order_id, self.dice.choice(tuple(self.case.changes)), STAFF)
        quote = self._quote(self.dice.choice((700, 1000, 1500)))
        if what == 1 and self.case.returns:
            back = self.dice.choice(tuple(self.case.returns))
            return s.ExchangeReturn(order_id, back, STAFF, one, quote, "pretend")
        give_up = self._unit if self.dice.random() < 0.6 else ()
        add = ((self.case.lines[0].variant_id, 1),) if not give_up or what > 2 else ()
        wish = ChangeWish(give_up, add, self.dice.choice(("pretend", "bank_transfer")))
        priced = quote if add else None
        return s.ChangeOrder(order_id, one, wish, priced, "asked for", STAFF, self._keep)

    def _quote(self, price_minor: int) -> Quote:
        """One unit more of what the order is of, at a price of today."""
        line, order = self.case.lines[0], self.case.order
        tax_minor = round(price_minor / 6)
        priced = QuoteLine(
            variant_id=line.variant_id,
            product_id=line.product_id,
            vendor_id=line.vendor_id,
            slug="a",
            sku=line.sku,
            name=line.name,
            options=[],
            image=None,
            quantity=1,
            unit_price_minor=price_minor,
            total_minor=price_minor,
            net_minor=price_minor - tax_minor,
            tax_minor=tax_minor,
            gross_minor=price_minor,
        )
        return Quote(
            currency=order.currency,
            lines=(priced,),
            subtotal_minor=price_minor,
            discount_minor=0,
            shipping_minor=0,
            shipping_tax_minor=0,
            tax_minor=tax_minor,
            total_minor=price_minor,
            is_tax_included=True,
            tax_rate="0.2",
            shipping_method=order.shipping_method,
        )

    @property
    def _keep(self) -> s.Keep:
        return s.Keep("way", str(new_id()), b"", self.context.render)

    def _sender(self) -> s.Settlement:
        """Something comes back, or is to."""
        order_id, line_id = self.case.order.id, self.case.lines[0].id
        if not self.case.returns or self.dice.random() < 0.2:
            wanted = taking_back.Wanted(line_id, 1, ReturnReason.OTHER)
            return s.RequestReturn(order_id, ReturnId(new_id()), STAFF, (wanted,))
        one = self.dice.choice(tuple(self.case.returns))
        match self.dice.randrange(4):
            case 0:
                return s.MoveReturn(order_id, one, STAFF, self.dice.choice(tuple(ReturnEvent)))
            case 1:
                return s.ReceiveReturn(order_id, one, STAFF)
            case 2:
                sellable = self.dice.choice((0, 1))
                judged = taking_back.Judged(line_id, sellable, 1 - sellable)
                return s.InspectReturn(order_id, one, STAFF, (judged,))
            case _:
                return s.CompleteReturn(order_id, one, STAFF)

    @property
    def _unit(self) -> Units:
        return ((self.case.lines[0].id, 1),)


def _shown(asked: s.Settlement) -> str:
    given = msgspec.structs.asdict(asked)
    shown = {
        name: getattr(value, "state", getattr(value, "kind", value))
        for name, value in given.items()
        if name not in {"order_id", "actor", "payment_id"}
    }
    return str(shown)[:160]
