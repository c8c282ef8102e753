"""What a line comes to, and what may enter a cart. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from surehold.cart.errors import CartFull
from surehold.cart.model import (
    Cart,
    CartFacts,
    Line,
    LineFacts,
    Meeting,
    MergedLine,
    MergeNote,
    MergeNoteKind,
    Offer,
    Problem,
    ProblemKind,
)
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Backorder, BackorderKind, Shortage
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import CartLineId, VariantId
from surehold.kernel.money import is_currency
from surehold.pricing.errors import NotForSale

#: Units in one line; the database refuses more, too.
MAX_QUANTITY: Final = 999
MAX_LINES: Final = 100
MAX_WISHES: Final = 200


def appraise(facts: CartFacts) -> Cart:
    """The cart with today's prices, its sums and every problem of every line."""
    lines = tuple(_appraise_line(line) for line in facts.lines)
    return Cart(
        id=facts.id,
        currency=facts.currency,
        lines=lines,
        subtotal_minor=sum(line.total_minor or 0 for line in lines),
        created_at=facts.created_at,
        updated_at=facts.updated_at,
        saved=facts.saved,
        coupon_code=facts.coupon_code,
    )


def _appraise_line(facts: LineFacts) -> Line:
    price_minor = None if facts.is_withdrawn else facts.price_minor
    return Line(
        id=facts.id,
        variant_id=facts.variant_id,
        product_id=facts.product_id,
        slug=facts.slug,
        name=facts.name,
        option_names=facts.option_names,
        options=facts.options,
        image=facts.image,
        sku=facts.sku,
        quantity=facts.quantity,
        seen_price_minor=facts.seen_price_minor,
        unit_price_minor=price_minor,
        total_minor=None if price_minor is None else price_minor * facts.quantity,
        available=facts.available,
        problems=tuple(_problems(facts)),
        backorder=_find_backorder(facts),
    )


def _find_backorder(line: LineFacts) -> Backorder | None:
    """What of a line is not there, of what could be had."""
    waiting = min(line.quantity, line.available) - line.there
    if waiting <= 0 or line.is_withdrawn or line.price_minor is None:
        return None
    return Backorder(waiting, line.kind or BackorderKind.BACKORDER, line.promised_on)


def _problems(line: LineFacts) -> Iterator[Problem]:
    """What is wrong with a line. What cannot be bought at all has no other problem."""
    if line.is_withdrawn or line.price_minor is None:
        kind = ProblemKind.GONE if line.is_withdrawn else ProblemKind.NOT_FOR_SALE
        yield Problem(kind=kind, line_id=line.id, variant_id=line.variant_id)
        return
    if line.available < line.quantity:
        yield Problem(
            kind=ProblemKind.TOO_FEW,
            line_id=line.id,
            variant_id=line.variant_id,
            requested=line.quantity,
            available=line.available,
        )
    if line.price_minor != line.seen_price_minor:
        yield Problem(
            kind=ProblemKind.PRICE_CHANGED,
            line_id=line.id,
            variant_id=line.variant_id,
            old_price_minor=line.seen_price_minor,
            new_price_minor=line.price_minor,
        )


class AcceptedLine(msgspec.Struct, frozen=True):
    """A line as the buyer takes it now, and the problems that are solved by that."""

    id: CartLineId
    quantity: int
    price_minor: int
    solved: tuple[Problem, ...]


def accept(cart: Cart) -> tuple[AcceptedLine, ...]:
    """The lines that change when today's prices and stock are accepted.

    A line of which nothing is left keeps its quantity and its problem; its price is accepted.
    """
    accepted = []
    for line in cart.lines:
        solved = tuple(
            problem
            for problem in line.problems
            if problem.kind is ProblemKind.PRICE_CHANGED
            or (problem.kind is ProblemKind.TOO_FEW and line.available > 0)
        )
        if solved and line.unit_price_minor is not None:
            quantity = min(line.quantity, line.available) or line.quantity
            accepted.append(AcceptedLine(line.id, quantity, line.unit_price_minor, solved))
    return tuple(accepted)


def check_quantity(quantity: int) -> None:
    """A line has from one to 999 units.

    Raises:
        InvalidInput: It would have another number of them.
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidInput(
            (Fault("/quantity", "out_of_range", f"A whole number from 1 to {MAX_QUANTITY}."),)
        )


def check_currency(currency: str) -> None:
    """A cart counts in one currency of ISO 4217.

    Raises:
        InvalidInput: There is no such currency.
    """
    if not is_currency(currency):
        raise InvalidInput(
            (Fault("/currency", "invalid_currency", "An ISO 4217 code such as EUR."),)
        )


def admit(offer: Offer, *, variant_id: VariantId, currency: str, quantity: int) -> int:
    """Whether a line may come to this many units now; returns the price to remember.

    Raises:
        NotForSale: It cannot be bought in the cart's currency.
        CartFull: The cart has all the lines, or the line all the units, that it may have.
        InsufficientStock: Fewer are available.
    """
    if offer.price_minor is None:
        raise NotForSale([variant_id], currency=currency)
    if offer.quantity == 0 and offer.line_count >= MAX_LINES:
        raise CartFull(f"A cart has at most {MAX_LINES} lines.", limit=MAX_LINES)
    if quantity > MAX_QUANTITY:
        raise CartFull(
            f"A line has at most {MAX_QUANTITY} units.", limit=MAX_QUANTITY, requested=quantity
        )
    if quantity > offer.available:
        raise InsufficientStock([Shortage(variant_id, quantity, offer.available)])
    return offer.price_minor


def beyond(problems: Sequence[Problem], *, tolerance: Decimal) -> tuple[Problem, ...]:
    """These problems without the prices that changed by no more than a fraction of what was seen.

    >>> beyond([], tolerance=Decimal("0.05"))
    ()
    """
    over, under = tolerance.as_integer_ratio()
    return tuple(
        problem
        for problem in problems
        if problem.old_price_minor is None
        or problem.new_price_minor is None
        or abs(problem.new_price_minor - problem.old_price_minor) * under
        > problem.old_price_minor * over
    )


def merge(
    meetings: Sequence[Meeting], *, is_same_currency: bool, line_count: int
) -> tuple[tuple[MergedLine, ...], tuple[MergeNote, ...]]:
    """What one cart takes over from another, in their order, and what comes over otherwise.

    Units are summed, up to what is available and what a line may have. Of what is sold out the
    cart keeps what it had, or takes what the other had, and its problem is told as ever. A line
    that cannot come over stays in the other cart. ``line_count`` is how many the cart has.
    """
    lines: list[MergedLine] = []
    notes: list[MergeNote] = []
    for one in meetings:
        total = one.own + one.theirs
        seen = one.their_seen_minor if is_same_currency else one.price_minor
        if seen is None:
            notes.append(_note(MergeNoteKind.NOT_FOR_SALE, one, one.own))
        elif one.own == 0 and line_count >= MAX_LINES:
            notes.append(_note(MergeNoteKind.CART_FULL, one, 0))
        else:
            quantity = min(total, MAX_QUANTITY, max(one.available, 0)) or one.own or one.theirs
            lines.append(MergedLine(one.variant_id, quantity, seen))
            line_count += one.own == 0
            if quantity < total:
                notes.append(_note(MergeNoteKind.CAPPED, one, quantity))
    return tuple(lines), tuple(notes)


def _note(kind: MergeNoteKind, one: Meeting, quantity: int) -> MergeNote:
    return MergeNote(kind, one.variant_id, one.own + one.theirs, quantity, max(one.available, 0))
