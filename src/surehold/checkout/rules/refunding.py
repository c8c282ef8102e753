"""What of a paid order goes back: which units, how much of their net and tax, from which payment.

A refund never recomputes a price. Units get their share of what is left of their line, so that all
units of a line, in whatever steps, come to exactly the line's gross.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from surehold.checkout.errors import NothingToRefund, RefundExceedsPaid, UnitsNotRefundable
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import OrderLineId, PaymentId, RefundId
from surehold.kernel.money import Money, split_minor
from surehold.orders.model import Order, OrderLine, Share
from surehold.payments.model import Payment, PaymentState, Refund, RefundLine, RefundState

Units = tuple[tuple[OrderLineId, int], ...]


class Wish(msgspec.Struct, frozen=True):
    """What is to go back: units of lines, shipping or both; an amount; with nothing said, all.

    An amount is spread over what is left of all lines and of shipping, in proportion.
    """

    lines: Units = ()
    amount: Money | None = None
    has_shipping: bool = False
    #: Only from this payment; from any but this.
    payment_id: PaymentId | None = None
    spared: PaymentId | None = None


class PlannedRefund(msgspec.Struct, frozen=True):
    """What goes back from one payment."""

    payment_id: PaymentId
    shares: tuple[Share, ...]
    #: Gross; the tax is a part of it.
    shipping_minor: int
    shipping_tax_minor: int

    @property
    def amount_minor(self) -> int:
        """All of it."""
        return self.shipping_minor + sum(share.gross_minor for share in self.shares)


class Refundable(Protocol):
    """The facts of an order that decide what may go back."""

    @property
    def order(self) -> Order: ...
    @property
    def lines(self) -> tuple[OrderLine, ...]: ...
    @property
    def payments(self) -> Mapping[PaymentId, Payment]: ...
    @property
    def refunds(self) -> Mapping[RefundId, Refund]: ...
    @property
    def is_bought(self) -> bool: ...
    def refundable_minor(self, payment: Payment) -> int:
        """What of a payment is neither refunded nor on its way back."""
        ...


class _Piece(msgspec.Struct, frozen=True):
    """Money of one line, or of shipping (no line)."""

    line_id: OrderLineId | None
    quantity: int
    gross_minor: int
    tax_minor: int


def share_of_units(line: OrderLine, quantity: int) -> Share:
    """The part of what is left of a line that goes with so many of the units left.

    Rounded to the nearest minor unit, halves up; the last unit has all that is left.
    """
    weights = (quantity, line.left_quantity - quantity)
    gross_minor, tax_minor = (
        split_minor(left, weights)[0] for left in (line.left_minor, line.left_tax_minor)
    )
    return Share(line.id, quantity, gross_minor - tax_minor, tax_minor)


def sum_units(
    lines: Sequence[OrderLine], wanted: Units, *, at: str = "/lines"
) -> dict[OrderLineId, int]:
    """Units by line.

    Raises:
        InvalidInput: Lists every line that the order does not have.
    """
    known = {line.id for line in lines}
    faults = tuple(
        Fault(f"{at}/{index}/line_id", "unknown_line", "The order has no such line.")
        for index, (line_id, _) in enumerate(wanted)
        if line_id not in known
    )
    if faults:
        raise InvalidInput(faults)
    units: dict[OrderLineId, int] = {}
    for line_id, quantity in wanted:
        units[line_id] = units.get(line_id, 0) + quantity
    return units


def list_rooms(
    facts: Refundable, payment_id: PaymentId | None = None
) -> list[tuple[Payment, int]]:
    """Payments that can give money back, and how much: newest first, doubtful ones last."""
    rooms = [
        (row, facts.refundable_minor(row))
        for row in facts.payments.values()
        if row.state is PaymentState.CAPTURED
        and not row.disputed_minor
        and is_refundable(row)
        and payment_id in (None, row.id)
    ]
    rooms.sort(key=lambda room: room[0].id, reverse=True)
    rooms.sort(key=lambda room: room[0].review_reason is not None)
    return [room for room in rooms if room[1] > 0]


def is_refundable(payment: Payment) -> bool:
    """Whether nobody is looking into a payment, but for a refund that failed."""
    reason = payment.review_reason
    return reason is None or reason.startswith("refund_failed")


def plan_refund(facts: Refundable, wish: Wish) -> tuple[PlannedRefund, ...]:
    """What would go back, payment by payment. Pure.

    Raises:
        InvalidInput: An unknown line, or an amount in another currency.
        UnitsNotRefundable: Lists every line with fewer units left.
        NothingToRefund: Not paid, canceled, or nothing left of what was asked for.
        RefundExceedsPaid: More than is left.
    """
    if wish.amount is not None and wish.amount.currency != facts.order.currency:
        raise InvalidInput(
            (Fault("/amount/currency", "other_currency", "The order has another currency."),)
        )
    units = sum_units(facts.lines, wish.lines)
    if facts.order.canceled_at is not None or not facts.is_bought:
        raise NothingToRefund("The order is not paid, or it is canceled.")
    if wish.amount is not None:
        pieces = _of_amount(facts, wish.amount.amount)
    else:
        pieces = _of_units(facts, units, wish)
    total = sum(piece.gross_minor for piece in pieces)
    if total <= 0:
        raise NothingToRefund("All that was asked for has gone back already.")
    rooms = [
        (payment, room)
        for payment, room in list_rooms(facts, wish.payment_id)
        if payment.id != wish.spared
    ]
    _check_within(facts, total, sum(room for _, room in rooms))
    return tuple(_spread(pieces, rooms))


def is_left(facts: Refundable, refund: Refund, lines: Iterable[RefundLine]) -> bool:
    """Whether everything that a failed refund was of is still there to go back."""
    left = {line.id: line for line in facts.lines}
    shipping = _shipping_left(facts)
    return (facts.order.canceled_at is None or not refund.is_of_sale) and (
        refund.shipping_minor <= shipping.gross_minor
        and refund.shipping_tax_minor <= shipping.tax_minor
        and all(
            part.quantity <= left[part.order_line_id].left_quantity
            and part.net_minor <= left[part.order_line_id].left_net_minor
            and part.tax_minor <= left[part.order_line_id].left_tax_minor
            for part in lines
        )
    )


def _check_within(facts: Refundable, wanted: int, left: int) -> None:
    if wanted > left:
        raise RefundExceedsPaid(
            "This is more than is left of what was paid.",
            refundable={"amount": left, "currency": facts.order.currency},
        )


def _shipping_left(facts: Refundable) -> _Piece:
    back = [row for row in facts.refunds.values() if row.state is not RefundState.FAILED]
    return _Piece(
        None,
        0,
        facts.order.shipping_gross_minor - sum(row.shipping_minor for row in back),
        facts.order.shipping_tax_minor - sum(row.shipping_tax_minor for row in back),
    )


def _of_units(facts: Refundable, units: Mapping[OrderLineId, int], wish: Wish) -> list[_Piece]:
    is_all = not units and not wish.has_shipping
    wanted = {line.id: line.left_quantity for line in facts.lines} if is_all else units
    short = [
        {"line_id": str(line.id), "requested": wanted[line.id], "available": line.left_quantity}
        for line in facts.lines
        if wanted.get(line.id, 0) > line.left_quantity
    ]
    if short:
        raise UnitsNotRefundable("Fewer units of these lines are left.", lines=short)
    shares = [share_of_units(line, wanted[line.id]) for line in facts.lines if wanted.get(line.id)]
    pieces = [
        _Piece(share.line_id, share.quantity, share.gross_minor, share.tax_minor)
        for share in shares
    ]
    if is_all or wish.has_shipping:
        pieces.append(_shipping_left(facts))
    return pieces


def _of_amount(facts: Refundable, amount_minor: int) -> list[_Piece]:
    """An amount over all that is left, in proportion; each part has its share of the tax."""
    left = [_Piece(line.id, 0, line.left_minor, line.left_tax_minor) for line in facts.lines]
    left.append(_shipping_left(facts))
    weights = tuple(piece.gross_minor for piece in left)
    _check_within(facts, amount_minor, sum(weights))
    if not sum(weights):
        return []
    parts = split_minor(amount_minor, weights)
    return [_cut(piece, part)[0] for piece, part in zip(left, parts, strict=True) if part]


def _cut(piece: _Piece, gross_minor: int) -> tuple[_Piece, _Piece]:
    """So much of a piece with its share of the tax, and the rest; the units go with the first."""
    rest = piece.gross_minor - gross_minor
    tax_minor = split_minor(piece.tax_minor, (gross_minor, rest))[0]
    return (
        _Piece(piece.line_id, piece.quantity, gross_minor, tax_minor),
        _Piece(piece.line_id, 0, rest, piece.tax_minor - tax_minor),
    )


def _spread(
    pieces: Iterable[_Piece], rooms: Iterable[tuple[Payment, int]]
) -> Iterable[PlannedRefund]:
    """Fill one payment after the other, in the pieces' order."""
    waiting = list(pieces)
    for payment, room in rooms:
        taken: list[_Piece] = []
        left = room
        while waiting and (left or not waiting[0].gross_minor):
            piece = waiting.pop(0)
            if piece.gross_minor > left:
                piece, rest = _cut(piece, left)
                waiting.insert(0, rest)
            taken.append(piece)
            left -= piece.gross_minor
        if left < room:
            yield _planned(payment.id, taken)


def _planned(payment_id: PaymentId, pieces: Sequence[_Piece]) -> PlannedRefund:
    shipping = [piece for piece in pieces if piece.line_id is None]
    return PlannedRefund(
        payment_id,
        tuple(
            Share(
                piece.line_id, piece.quantity, piece.gross_minor - piece.tax_minor, piece.tax_minor
            )
            for piece in pieces
            if piece.line_id is not None
        ),
        sum(piece.gross_minor for piece in shipping),
        sum(piece.tax_minor for piece in shipping),
    )
