"""Orders and their money, doing anything in any order, beside the model of ``order_model``.

Two ways to pay: transfers that staff confirm, and a card provider that decides by itself, loses
answers, is paid late, and is asked again. At the end of every run everything is brought to rest,
and the provider's own book is compared with ours.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from proof.inputs.order_model import CARD, TRANSFER, Model, Ordered, Paying, Refusal
from proof.inputs.world import VARIANTS, Machine
from surehold.checkout import commands
from surehold.checkout.model import BUYER, SYSTEM, Actor, Answer
from surehold.checkout.settlements import CancelOrder, ExpireHolds
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId, PaymentId
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason
from surehold.payments.model import Operation, OperationKind, OperationState, PaymentState
from surehold.payments.providers.failures import (
    OutcomeUnknown,
)
from tests.support.placing import a_placement

STAFF: Final = Actor("staff:machine")
ON_HAND: Final = 3
#: Orders of one run; more would only be more of the same.
ORDERS: Final = 6
#: One answer may be the next question; a chain is not longer than this.
ROUNDS: Final = 4

chosen = st.integers(0, 99)
baskets = st.lists(
    st.tuples(st.integers(0, VARIANTS - 1), st.integers(1, 3)), min_size=1, max_size=3
)
providers = st.sampled_from((TRANSFER, CARD))

_has_orders = precondition(lambda self: bool(self.model.orders))


class OrderMachine(Machine):
    """A few orders that fight for little stock."""

    @initialize()
    def open_shop(self) -> None:
        """Orders of earlier runs are history; what they left is not on these shelves."""
        self.first = uuid4().hex
        for variant_id in self.world.variants:
            ((taken,),) = self.world.rows(
                "SELECT allocated + reserved FROM stock_levels WHERE variant_id = $1", variant_id
            )
            self.world.restock(variant_id, on_hand=taken + ON_HAND)
        self.before = self._counters()
        self.model = Model([ON_HAND] * VARIANTS)
        self.world.provider.fail_next = None

    # --- placing --------------------------------------------------------------------------------

    @precondition(lambda self: len(self.model.orders) < ORDERS)
    @rule(basket=baskets, provider=providers, is_lost=st.booleans(), twins=st.integers(1, 3))
    def place(
        self, basket: list[tuple[int, int]], provider: str, twins: int, *, is_lost: bool
    ) -> None:
        """Place an order, perhaps with impatient repetitions at the same moment."""
        self.did("place")
        lines = tuple(dict(basket).items())
        placement = a_placement(
            *((self.world.variants[number], quantity) for number, quantity in lines),
            key=f"{self.first}-{len(self.model.orders)}-{uuid4().hex[:6]}",
            provider=provider,
        )
        # Of several askers the second finds out what the first could not.
        is_lost = is_lost and provider == CARD and twins == 1
        self._lose(is_lost)

        async def place() -> list[Any]:
            asking = (commands.place_order(self.world.checkout, placement) for _ in range(twins))
            return await asyncio.gather(*asking, return_exceptions=True)

        answers = self.world.run(place())
        if not self.model.has_room(lines):
            codes = {getattr(answer, "code", answer) for answer in answers}
            assert codes == {"insufficient_stock"}, answers
            self.saw("refused: insufficient_stock")
            self.world.provider.fail_next = None
            return
        assert all(isinstance(answer, Answer) for answer in answers), answers
        bodies = {answer.body for answer in answers}
        assert len(bodies) == 1, "one order, several answers"
        (body,) = bodies
        told = msgspec.json.decode(body)
        assert told["order"]["status"] == "pending_payment"
        payment_id = UUID(told["payment"]["id"])
        total = told["order"]["total"]["amount"]
        self.model.orders.append(
            Ordered(
                UUID(told["order"]["id"]),
                placement.key,
                body,
                lines,
                total,
                [self._begun(payment_id, provider, total, is_lost=is_lost)],
            )
        )

    @_has_orders
    @rule(which=chosen, is_same=st.booleans())
    def place_again(self, which: int, *, is_same: bool) -> None:
        """The same key: the same bytes for the same body, whatever has happened since."""
        self.did("place again")
        order = self._order(which)
        placement = a_placement(
            *((self.world.variants[number], quantity) for number, quantity in order.lines),
            key=order.key,
            provider=order.payments[0].provider,
            body="the body" if is_same else "another body",
        )
        placing = commands.place_order(self.world.checkout, placement)
        answer = self._try(placing, None if is_same else "idempotency_key_reused")
        assert answer is None or answer.body == order.answer

    # --- the buyer and staff --------------------------------------------------------------------

    @_has_orders
    @rule(which=chosen, reason=st.sampled_from((CancelReason.BUYER, CancelReason.STAFF)))
    def cancel(self, which: int, reason: CancelReason) -> None:
        """Give it up; the second time nothing happens."""
        self.did("cancel")
        order = self._order(which)
        refusal = self._refusal(lambda: self.model.cancel(order, reason.value))
        canceling = commands.cancel_order(
            self.world.checkout, order_id=OrderId(order.id), reason=reason, actor=BUYER
        )
        self._try(canceling, refusal)

    @_has_orders
    @rule(which=chosen)
    def give_up_unpaid(self, which: int) -> None:
        """The shop's own patience ends; what is held, or money came for, is left alone."""
        self.did("give up unpaid")
        order = self._order(which)
        refusal = None
        is_waited_for = order.is_held and not order.is_over
        is_reviewed = any(payment.is_reviewed for payment in order.payments)
        if not (order.paid or is_reviewed or is_waited_for):
            refusal = self._refusal(lambda: self.model.cancel(order, CancelReason.UNPAID.value))
        request = CancelOrder(OrderId(order.id), CancelReason.UNPAID, SYSTEM, only_unpaid=True)
        self._try(self.world.checkout.settling.submit(request), refusal)

    @_has_orders
    @rule(which=chosen)
    def extend(self, which: int) -> None:
        """Ask for more time."""
        self.did("extend")
        order = self._order(which)
        refusal = self._refusal(lambda: self.model.extend(order))
        extending = commands.extend_reservation(self.world.checkout, order_id=OrderId(order.id))
        self._try(extending, refusal)

    @_has_orders
    @rule(which=chosen, provider=providers, is_lost=st.booleans())
    def pay_again(self, which: int, provider: str, *, is_lost: bool) -> None:
        """Another payment, or the open one again."""
        self.did("pay again")
        order = self._order(which)
        self._lose(is_lost and provider == CARD)
        retrying = commands.retry_payment(
            self.world.checkout, order_id=OrderId(order.id), provider=provider
        )
        refused, placed = None, None
        try:
            placed = self.world.run(retrying)
        except DomainError as raised:
            refused = raised.code
            self.saw(f"refused: {refused}")
        was_lost = is_lost and provider == CARD and self.world.provider.fail_next is None
        self.world.provider.fail_next = None

        def begin() -> Paying:
            assert placed is not None, refused
            assert placed.payment is not None
            return self._begun(placed.payment.id, provider, order.total, is_lost=was_lost)

        expected = self._refusal(lambda: self.model.retry(order, provider, begin))
        assert refused == expected, f"{refused} where the model says {expected}"

    @_has_orders
    @rule(
        which=chosen,
        latest=chosen,
        off_by=st.sampled_from((0, 0, 0, 0, -1, 1)),
        times=st.integers(1, 4),
    )
    def confirm(self, which: int, latest: int, off_by: int, times: int) -> None:
        """Staff saw a transfer arrive: late, twice, of another amount, for a payment given up."""
        self.did("confirm")
        order = self._order(which)
        payment = order.payments[latest % len(order.payments)]

        async def confirm() -> list[Any]:
            asking = (
                commands.confirm_payment(
                    self.world.checkout,
                    payment_id=PaymentId(payment.id),
                    received=Money(order.total + off_by, "EUR"),
                    actor=STAFF,
                )
                for _ in range(times)
            )
            return await asyncio.gather(*asking, return_exceptions=True)

        answers = self.world.run(confirm())
        if payment.is_card:
            assert {answer.code for answer in answers} == {"payment_not_confirmable"}
            return
        expected = [self.model.receive(order, payment, is_right=off_by == 0) for _ in range(times)]
        # Who of several is first is chance; how often each answer comes is not.
        effects = [getattr(answer, "effect", answer) for answer in answers]
        assert Counter(effects) == Counter(expected), f"{effects}, the model says {expected}"
        self.saw(f"came to: {expected[0]}")

    # --- the provider ---------------------------------------------------------------------------

    @_has_orders
    @rule(which=chosen, latest=chosen)
    def pay_at_provider(self, which: int, latest: int) -> None:
        """The buyer pays the card page; nobody has told us yet."""
        self.did("pay at provider")
        order = self._order(which)
        payment = order.payments[latest % len(order.payments)]
        if payment.is_card and payment.theirs == "requires_action":
            self.world.provider.pay(self._their_id(payment))
            payment.theirs = "captured"

    @_has_orders
    @rule(which=chosen, latest=chosen, times=st.integers(1, 3))
    def hear(self, which: int, latest: int, times: int) -> None:
        """A webhook, the return address or the sweep asks the provider: once, or all at once."""
        self.did("hear")
        order = self._order(which)
        payment = order.payments[latest % len(order.payments)]

        async def hear() -> list[Any]:
            asking = (
                commands.check_payment(self.world.checkout, PaymentId(payment.id))
                for _ in range(times)
            )
            return await asyncio.gather(*asking)

        answers = self.world.run(hear())
        if not payment.is_card:
            assert answers == [None] * times
            return
        expected = [self.model.read(order, payment) for _ in range(times)]
        # Who of several is first is chance; how often each answer comes is not.
        effects = [getattr(answer, "effect", answer) for answer in answers]
        assert Counter(effects) == Counter(expected), f"{effects}, the model says {expected}"
        self.saw(f"came to: {expected[0]}")

    @_has_orders
    @rule(which=chosen, is_lost=st.booleans())
    def ask_one(self, which: int, *, is_lost: bool) -> None:
        """The worker asks the provider one question that is not answered."""
        self.did("ask")
        questions = self._questions()
        if not questions:
            return
        operation = questions[which % len(questions)]
        self._lose(is_lost and operation.kind is OperationKind.REFUND)
        self.world.run(commands.ask(self.world.checkout, operation))
        was_lost = is_lost and self.world.provider.fail_next is None
        self.world.provider.fail_next = None
        self._answered(*self._find(operation.payment_id), operation.kind, is_lost=was_lost)

    def _answered(
        self, order: Ordered, payment: Paying, kind: OperationKind, *, is_lost: bool
    ) -> None:
        self.saw(f"asked: {kind.value}")
        match kind:
            case OperationKind.CREATE:
                payment.is_named = True
                if payment.state in {"pending", "unknown"}:
                    payment.state = "requires_action"
            case OperationKind.VOID:
                if payment.theirs == "requires_action":
                    payment.theirs = "voided"
                self.model.read(order, payment)
            case OperationKind.REFUND:
                back = next(row for row in payment.backs if row.question != "succeeded")
                # A lost answer was about a refund that is sent, or only about reading.
                back.is_sent = True
                back.question = "unknown" if is_lost else "succeeded"
                if not is_lost:
                    back.state = "succeeded"

    # --- time -----------------------------------------------------------------------------------

    @_has_orders
    @rule(which=chosen)
    def wait(self, which: int) -> None:
        """The holding time of an order passes; nobody has swept yet."""
        self.did("wait")
        order = self._order(which)
        if order.is_held:
            self.world.execute(
                "UPDATE reservations SET expires_at = store_now()"
                " WHERE holder_id = $1 AND state = 'active'",
                order.id,
            )
            order.is_over = True

    @_has_orders
    @rule(which=chosen)
    def sweep_holds(self, which: int) -> None:
        """The sweep comes by an order."""
        self.did("sweep holds")
        order = self._order(which)
        outcome = self.world.run(
            self.world.checkout.settling.submit(ExpireHolds(OrderId(order.id)))
        )
        assert outcome.count == self.model.expire(order)

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def the_counters_are_the_models(self) -> None:
        """Every shelf, after every step."""
        if not hasattr(self, "model"):
            return
        for number, (before, after) in enumerate(zip(self.before, self._counters(), strict=True)):
            allocated, reserved = after[0] - before[0], after[1] - before[1]
            assert allocated == self.model.taken(number, is_owned=True)
            assert reserved == self.model.taken(number, is_owned=False)

    @invariant()
    def the_labels_are_the_models(self) -> None:
        """Every order, after every step."""
        if not hasattr(self, "model") or not self.model.orders:
            return
        ids = [order.id for order in self.model.orders]
        rows = self.world.rows(
            "SELECT id, status, paid_minor, refunded_minor, cancel_reason, extensions_used"
            "  FROM orders WHERE id = ANY($1)",
            ids,
        )
        assert {row[0]: row[1:] for row in rows} == {
            order.id: (
                order.status,
                order.paid,
                order.refunded,
                order.canceled,
                order.extensions,
            )
            for order in self.model.orders
        }
        rows = self.world.rows(
            "SELECT id, state, captured_minor, review_reason IS NOT NULL"
            "  FROM payments WHERE order_id = ANY($1)",
            ids,
        )
        assert {row[0]: row[1:] for row in rows} == {
            payment.id: (payment.state, payment.captured, payment.is_reviewed)
            for order in self.model.orders
            for payment in order.payments
        }

    def teardown(self) -> None:
        """Bring everything to rest; then nothing is open, and the provider's book is ours."""
        if not hasattr(self, "model"):
            return
        self.world.provider.fail_next = None
        self.world.check_invariants()
        self._ask_all()
        for order in self.model.orders:
            for payment in order.payments:
                if payment.is_card:
                    self._come_to_rest(payment)
        self.world.run(commands.issue_documents(self.world.checkout))
        self.world.check_invariants()

    def _ask_all(self) -> None:
        for _ in range(ROUNDS):
            for operation in self._questions():
                self.world.run(commands.ask(self.world.checkout, operation))
        assert self._questions() == [], "somebody is asked for ever"

    def _come_to_rest(self, payment: Paying) -> None:
        """Hear the provider out, answer what follows from it, and compare the money."""
        self.world.run(commands.check_payment(self.world.checkout, PaymentId(payment.id)))
        self._ask_all()
        theirs = self.world.provider.payments[self._their_id(payment)]
        rows = self.world.rows(
            "SELECT state, captured_minor, refunded_minor FROM payments WHERE id = $1", payment.id
        )
        assert rows == [
            (
                PaymentState.CAPTURED.value if theirs.captured.amount else rows[0][0],
                theirs.captured.amount,
                theirs.refunded.amount,
            )
        ]
        self.saw("compared with the provider")

    # --- parts ----------------------------------------------------------------------------------

    def _order(self, which: int) -> Ordered:
        return self.model.orders[which % len(self.model.orders)]

    def _find(self, payment_id: UUID) -> tuple[Ordered, Paying]:
        return next(
            (order, payment)
            for order in self.model.orders
            for payment in order.payments
            if payment.id == payment_id
        )

    def _begun(self, payment_id: UUID, provider: str, total: int, *, is_lost: bool) -> Paying:
        state = "unknown" if is_lost else "requires_action"
        return Paying(payment_id, provider, state, total, is_named=not is_lost)

    def _lose(self, is_lost: bool) -> None:  # noqa: FBT001 - a thought, not an option
        self.world.provider.fail_next = OutcomeUnknown("lost on the way") if is_lost else None

    def _their_id(self, payment: Paying) -> str:
        ((text,),) = self.world.rows(
            "SELECT convert_from(request, 'utf8')::jsonb ->> 'reference'"
            "  FROM payment_operations WHERE payment_id = $1 AND kind = 'create'",
            payment.id,
        )
        return f"pp_{text}"

    def _questions(self) -> list[Operation]:
        """What this run's payments still have to be asked, oldest first."""
        ids = [payment.id for order in self.model.orders for payment in order.payments]
        rows = self.world.rows(
            "SELECT id, payment_id, refund_id, kind, state, idempotency_key, request, attempts"
            "  FROM payment_operations"
            " WHERE state IN ('pending', 'unknown') AND payment_id = ANY($1) ORDER BY id",
            ids,
        )
        return [
            Operation(*row[:3], OperationKind(row[3]), OperationState(row[4]), *row[5:])
            for row in rows
        ]

    def _counters(self) -> list[tuple[int, int]]:
        rows = self.world.rows(
            "SELECT variant_id, allocated, reserved FROM stock_levels WHERE variant_id = ANY($1)",
            list(self.world.variants),
        )
        found = {row[0]: (row[1], row[2]) for row in rows}
        return [found[variant_id] for variant_id in self.world.variants]

    def _refusal(self, work: Any) -> str | None:
        try:
            work()
        except Refusal as refusal:
            return refusal.code
        return None

    def _try(self, work: Any, refusal: str | None) -> Any:
        """Do it: it is refused as the model says, or answers."""
        try:
            answer = self.world.run(work)
        except DomainError as raised:
            self.saw(f"refused: {raised.code}")
            refused: str | None = raised.code
            answer = None
        else:
            refused = None
        assert refused == refusal, f"{refused} where the model says {refusal}"
        return answer
