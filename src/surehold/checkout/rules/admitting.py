"""Who gets units, coupon and what cards pay: decided together, in arrival order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from surehold.checkout.errors import ToPayChanged
from surehold.inventory import rules as inventory
from surehold.inventory.model import StockLevel
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import CouponId, DraftOrderId, VariantId
from surehold.payments.gift_cards.model import CardPart, CardWish, Purse
from surehold.payments.gift_cards.rules import CardRefused, Purses
from surehold.pricing import rules as pricing
from surehold.pricing.model import CouponLimits


class Paying(msgspec.Struct, frozen=True):
    """How an order is to be paid: what is due, by which cards, and what must be left."""

    due_minor: int
    currency: str
    email: str
    wishes: tuple[CardWish, ...] = ()
    expected_minor: int | None = None
    expected_currency: str | None = None


class Request(msgspec.Struct, frozen=True):
    """What a placement wants: units sent somewhere, perhaps a coupon's use, cards, a draft."""

    lines: inventory.Lines
    destination: inventory.Destination | None = None
    use: pricing.Use | None = None
    draft_id: DraftOrderId | None = None
    paying: Paying | None = None


class WithCards(msgspec.Struct, frozen=True):
    """Units that were got, and what each card pays for them."""

    admitted: inventory.Admitted
    parts: tuple[CardPart, ...]

    @property
    def takes(self) -> tuple[inventory.Take, ...]:
        """Which units from where."""
        return self.admitted.takes


class ToPayDiffers(msgspec.Struct, frozen=True):
    """The cards leave another amount to pay than was expected, so nothing was taken."""

    expected: tuple[int, str]
    actual: tuple[int, str]

    def refusal(self) -> DomainError:
        """As the buyer is told."""
        expected, actual = (
            {"amount": amount, "currency": currency}
            for amount, currency in (self.expected, self.actual)
        )
        return ToPayChanged("Another amount is left to pay.", expected=expected, to_pay=actual)


class DraftGone(msgspec.Struct, frozen=True):
    """The draft became an order a moment before: the one of an earlier request."""

    draft_id: DraftOrderId


Refused = inventory.Refused | pricing.CouponGone | CardRefused | ToPayDiffers | DraftGone
Decision = inventory.Admitted | WithCards | Refused


def admit(
    stock: Mapping[VariantId, Sequence[StockLevel]],
    limits: Mapping[CouponId, CouponLimits],
    requests: Sequence[Request],
    *,
    is_split_allowed: bool = True,
    cards: Iterable[Purse] = (),
) -> list[Decision]:
    """Decide, in order, who gets units, coupon, cards and draft: all that they want or nothing.

    A draft becomes one order: that of the first request that is admitted.

    The decisions equal those of serving the requests one at a time, each against fresh counters.
    """
    admit_next = inventory.begin_admission(stock, is_split_allowed=is_split_allowed)
    uses = pricing.Uses(limits.values())
    purses = Purses(cards)
    placed: set[DraftOrderId] = set()
    decisions: list[Decision] = []
    for request in requests:
        gone = None if request.use is None else uses.find_gone(request.use)
        parts = () if request.paying is None else plan_parts(purses, request.paying)
        refused: Refused | None = gone or (None if isinstance(parts, tuple) else parts)
        if request.draft_id is not None and request.draft_id in placed:
            refused = DraftGone(request.draft_id)
        decision: Decision = refused or admit_next(request.lines, request.destination)
        if request.use is not None and isinstance(decision, inventory.Admitted):
            uses.count(request.use, 1)
        if request.draft_id is not None and isinstance(decision, inventory.Admitted):
            placed.add(request.draft_id)
        if parts and isinstance(parts, tuple) and isinstance(decision, inventory.Admitted):
            for part in parts:
                purses.change(part.purse.id, -part.amount_minor)
            decision = WithCards(decision, parts)
        decisions.append(decision)
    return decisions


def plan_parts(
    purses: Purses, paying: Paying
) -> tuple[CardPart, ...] | CardRefused | ToPayDiffers:
    """What each card is to pay, if that leaves what the buyer expects to be left."""
    parts = purses.plan(
        paying.wishes, due_minor=paying.due_minor, currency=paying.currency, email=paying.email
    )
    if isinstance(parts, CardRefused) or paying.expected_minor is None:
        return parts
    left = paying.due_minor - sum(part.amount_minor for part in parts)
    expected = (paying.expected_minor, paying.expected_currency or paying.currency)
    if expected == (left, paying.currency):
        return parts
    return ToPayDiffers(expected, (left, paying.currency))
