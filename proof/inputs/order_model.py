"""What must become of orders, in plain Python: the promise that the real commands are held to.

Written from what buyers and staff are told, not from the program: an order is its lines, its
payments and four facts (held, owned, canceled, how often extended). Labels follow from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

TRANSFER: Final = "bank_transfer"
CARD: Final = "pretend"
EXTENSIONS: Final = 3

OPEN: Final = frozenset({"pending", "unknown", "requires_action", "authorized"})
IN_FLIGHT: Final = frozenset({"pending", "unknown"})
CANCELABLE: Final = frozenset({"pending_payment", "payment_failed", "paid", "partially_refunded"})
BY_PEOPLE: Final = frozenset({"canceled_by_buyer", "canceled_by_staff"})
SOLD_OUT: Final = "sold_out_after_payment"


class Refusal(Exception):
    """The model says no; the code is what the caller is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Back(msgspec.Struct):
    """A refund. ``question`` is what is known of asking for it; transfers go back by hand."""

    amount: int
    state: str = "requested"
    question: str | None = None
    #: The provider has given the money back, whether we know it or not.
    is_sent: bool = False


class Paying(msgspec.Struct):
    """One payment: our state, and for a card the provider's own."""

    id: UUID
    provider: str
    state: str
    total: int
    theirs: str = "requires_action"
    captured: int = 0
    is_reviewed: bool = False
    #: Whether we know what the provider calls it.
    is_named: bool = True
    backs: list[Back] = []

    @property
    def refunded(self) -> int:
        """What has gone back, as far as we know."""
        return sum(back.amount for back in self.backs if back.state == "succeeded")

    @property
    def is_card(self) -> bool:
        """Whether somebody else decides about it."""
        return self.provider == CARD


class Ordered(msgspec.Struct):
    """One order."""

    id: UUID
    key: str
    answer: bytes
    lines: tuple[tuple[int, int], ...]
    total: int
    payments: list[Paying]
    is_held: bool = True
    is_over: bool = False
    is_grace_used: bool = False
    is_owned: bool = False
    canceled: str | None = None
    extensions: int = 0

    @property
    def paid(self) -> int:
        """What came."""
        return sum(payment.captured for payment in self.payments)

    @property
    def refunded(self) -> int:
        """What went back."""
        return sum(payment.refunded for payment in self.payments)

    @property
    def status(self) -> str:
        """The label."""
        paid, refunded = self.paid, self.refunded
        is_covered = paid - refunded >= self.total
        if not is_covered and paid and refunded >= paid:
            return "refunded"
        if self.canceled is not None:
            return "canceled"
        if is_covered:
            return "paid"
        if refunded:
            return "partially_refunded"
        if any(payment.state in OPEN for payment in self.payments):
            return "pending_payment"
        return "payment_failed" if self.payments[-1].state in {"failed", "voided"} else "?"


class Model:
    """The shop: what is on the shelves, and every order."""

    def __init__(self, on_hand: list[int]) -> None:
        self.on_hand = on_hand
        self.orders: list[Ordered] = []

    # --- stock ----------------------------------------------------------------------------------

    def taken(self, number: int, *, is_owned: bool) -> int:
        """Units of a variant that orders own, or hold."""
        return sum(
            quantity
            for order in self.orders
            if (order.is_owned if is_owned else order.is_held)
            for variant, quantity in order.lines
            if variant == number
        )

    def has_room(self, lines: tuple[tuple[int, int], ...]) -> bool:
        """Whether everything is there at once."""
        wanted: dict[int, int] = {}
        for number, quantity in lines:
            wanted[number] = wanted.get(number, 0) + quantity
        return all(
            quantity
            <= self.on_hand[number]
            - self.taken(number, is_owned=True)
            - self.taken(number, is_owned=False)
            for number, quantity in wanted.items()
        )

    # --- the buyer ------------------------------------------------------------------------------

    def cancel(self, order: Ordered, reason: str) -> bool:
        """Give an order up; whether anything changed."""
        if order.canceled is not None:
            # Late money revives what only the shop had given up; now its buyer has, too.
            is_given_up = order.canceled == "unpaid" and reason != "unpaid"
            order.canceled = reason if is_given_up else order.canceled
            return is_given_up
        if order.status not in CANCELABLE:
            raise Refusal("order_not_cancelable")
        order.is_held = order.is_owned = False
        order.canceled = reason
        for payment in order.payments:
            if payment.state == "captured":
                _send_back(payment)
            elif payment.state in OPEN:
                _give_up(payment)
        return True

    def extend(self, order: Ordered) -> None:
        """More time."""
        if order.canceled is not None or order.status not in {"pending_payment", "payment_failed"}:
            raise Refusal("order_not_payable")
        if not order.is_held:
            raise Refusal("hold_over")
        if order.extensions >= EXTENSIONS:
            raise Refusal("extension_refused")
        order.extensions += 1
        order.is_over = False

    def retry(self, order: Ordered, provider: str, begin: Callable[[], Paying]) -> None:
        """Pay again; ``begin`` reads what was begun, when something was."""
        if order.canceled is not None or order.status not in {"pending_payment", "payment_failed"}:
            raise Refusal("order_not_payable")
        if any(
            payment.state in IN_FLIGHT or (payment.is_reviewed and payment.state in OPEN)
            for payment in order.payments
        ):
            raise Refusal("payment_in_progress")
        is_open = any(
            payment.provider == provider and payment.state in OPEN for payment in order.payments
        )
        if is_open and order.is_held and not order.is_over:
            return
        if not order.is_held:
            if not self.has_room(order.lines):
                raise Refusal("insufficient_stock")
            order.is_grace_used = False
        order.is_held, order.is_over = True, False
        for payment in order.payments:
            if payment.state in OPEN:
                _give_up(payment)
        order.payments.append(begin())

    # --- time -----------------------------------------------------------------------------------

    def expire(self, order: Ordered) -> int:
        """The sweep comes by; how many holds ended."""
        if not (order.is_held and order.is_over):
            return 0
        in_flight = any(payment.state in IN_FLIGHT for payment in order.payments)
        if in_flight and not order.is_grace_used:
            order.is_grace_used, order.is_over = True, False
            return 0
        order.is_held = False
        return len(order.lines)

    # --- money ----------------------------------------------------------------------------------

    def receive(self, order: Ordered, payment: Paying, *, is_right: bool) -> str:
        """A transfer arrived, of the right amount or of another."""
        if payment.is_reviewed:
            return "held_for_review"
        if not is_right:
            payment.is_reviewed = True
            return "held_for_review"
        if payment.state == "captured":
            return "unchanged"
        return self._capture(order, payment)

    def read(self, order: Ordered, payment: Paying) -> str:
        """The provider says where a card payment stands."""
        payment.is_named = True
        if payment.state == "captured":
            effect = "unchanged"
            for back in payment.backs:
                if back.is_sent and back.state == "requested":
                    back.state, effect = "succeeded", "refunded"
            return effect
        match payment.theirs:
            case "captured":
                return self._capture(order, payment)
            case "voided" if payment.state in OPEN:
                payment.state = "voided"
                return "voided"
            case "requires_action" if payment.state in IN_FLIGHT:
                payment.state = "requires_action"
                return "requires_action"
        return "unchanged"

    def _capture(self, order: Ordered, payment: Paying) -> str:
        is_covered = order.paid - order.refunded >= order.total
        payment.state, payment.captured = "captured", payment.total
        if is_covered or order.is_owned or order.canceled in BY_PEOPLE:
            _send_back(payment)
            return "refund_requested"
        if order.is_held or self.has_room(order.lines):
            order.is_held, order.is_owned, order.canceled = False, True, None
            return "paid"
        order.canceled = SOLD_OUT
        _send_back(payment)
        return "refund_requested"


def _send_back(payment: Paying) -> None:
    asked = sum(back.amount for back in payment.backs if back.state != "failed")
    if payment.captured > asked:
        question = "pending" if payment.is_card else None
        payment.backs.append(Back(payment.captured - asked, question=question))


def _give_up(payment: Paying) -> None:
    if not payment.is_card:
        payment.state = "voided"
