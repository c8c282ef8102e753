"""Refunds over HTTP: staff give money back; a guest reads what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout import queries
from surehold.checkout.commands import (
    REFUNDS,
    confirm_refund,
    preview_refund,
    refund_order,
    retry_refund,
)
from surehold.checkout.errors import (
    NothingLeft,
    NothingToRefund,
    RefundExceedsPaid,
    RefundNotRetryable,
    UnitsNotCancelable,
    UnitsNotRefundable,
)
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules import PlannedRefund, Wish
from surehold.checkout.settlements import Keep
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import (
    GiftCardId,
    OrderId,
    OrderLineId,
    PaymentId,
    RefundId,
    new_id,
)
from surehold.kernel.money import Money
from surehold.orders.errors import OrderHeld, OrderNotCancelable, OrderNotFound
from surehold.payments import queries as payments
from surehold.payments.errors import PaymentNotFound, RefundNotConfirmable, RefundNotFound
from surehold.payments.model import Refund
from surehold.web.api.access import actor_of, open_order
from surehold.web.api.fields import Line200, MoneyBody, Note200, Units
from surehold.web.api.once import get_key
from surehold.web.api.orders import NoBody
from surehold.web.api.parts import Parts
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer,
    answer_bytes,
    encode,
    headers_of,
    read_json,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, ORDER, STAFF, describe
from surehold.web.validation import Reader, parse_id

_EXAMPLE: Final = {
    "lines": [{"line_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10", "quantity": 1}],
    "reason": "One glass arrived broken",
}
_REFUSALS: Final = (
    OrderNotFound,
    Unauthenticated,
    UnitsNotRefundable,
    NothingToRefund,
    RefundExceedsPaid,
    Busy,
)
_REFUNDING: Final = (
    *_REFUSALS,
    *(OrderHeld, OrderNotCancelable),
    UnitsNotCancelable,
    NothingLeft,
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
)


class RefundWishBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to go back: units, shipping or both; or an amount; with none of them, all.

    ``as_store_credit``: what was paid with money becomes credit of the buyer's, at once.
    """

    lines: Units | None = None
    amount: MoneyBody | None = None
    shipping: bool = False
    as_store_credit: bool = False

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """An amount stands alone, and only units go back to the shelf."""
        if raw.get("amount") is not None and (raw.get("lines") or raw.get("shipping")):
            yield Fault(
                f"{at}/amount", "amount_or_lines", "Name an amount, or lines and shipping."
            )
        if raw.get("restock") is True and not raw.get("lines"):
            yield Fault(f"{at}/restock", "without_lines", "Name the lines that are not sent.")


class RefundBody(RefundWishBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes back, and why. The buyer reads ``reason``, only staff ``internal_reason``.

    ``restock``: the units are not sent, and canceled with it.
    """

    reason: Line200
    internal_reason: Note200 | None = None
    restock: bool = False


class RefundLineShape(msgspec.Struct, frozen=True):
    """A part of a refund. ``quantity`` is 0 where only money goes back for the line."""

    line_id: OrderLineId
    quantity: int
    net: Money
    tax: Money
    gross: Money


class RefundShape(msgspec.Struct, frozen=True):
    """One refund of one payment. ``shipping`` is gross and a part of ``amount``.

    ``to`` is where it goes: the `provider` (or staff pay it out), the `gift_card` that paid, or
    `store_credit`; then ``last_four`` says which card.
    """

    id: RefundId
    payment_id: PaymentId
    state: str
    amount: Money
    shipping: Money
    lines: tuple[RefundLineShape, ...]
    reason: str
    #: For staff; null to others.
    internal_reason: str | None
    requested_by: str
    failure_code: str | None
    retry_of: RefundId | None
    created_at: datetime
    ended_at: datetime | None
    to: str
    last_four: str | None


class RefundList(msgspec.Struct, frozen=True):
    """Refunds, oldest first."""

    items: tuple[RefundShape, ...]
    next_cursor: str | None = None


class RefundMade(msgspec.Struct, frozen=True):
    """What was asked for: one refund per payment that gives money back."""

    order_id: OrderId
    total: Money
    items: tuple[RefundShape, ...]


class PlannedShape(msgspec.Struct, frozen=True):
    """What would go back from one payment, and to where."""

    payment_id: PaymentId
    amount: Money
    shipping: Money
    lines: tuple[RefundLineShape, ...]
    to: str


class RefundPreview(msgspec.Struct, frozen=True):
    """What a refund would be now."""

    order_id: OrderId
    total: Money
    items: tuple[PlannedShape, ...]


_REFUND: Final = Reader(RefundBody)
_WISH: Final = Reader(RefundWishBody)
_NO_BODY: Final = Reader(NoBody)


def refund_shape(refund: Refund, placed: PlacedOrder, *, is_staff: bool) -> RefundShape:
    """One refund of an order for the wire."""
    currency = refund.currency
    by_card = {row.id: row.gift_card_id for row in placed.payments}
    card_id = refund.store_credit_id or by_card[refund.payment_id]
    faces = {card.id: card.last_four for card in placed.cards}
    return RefundShape(
        id=refund.id,
        payment_id=refund.payment_id,
        state=refund.state.value,
        amount=Money(refund.amount_minor, currency),
        shipping=Money(refund.shipping_minor, currency),
        lines=tuple(
            _line(line.order_line_id, line.quantity, line.net_minor, line.tax_minor, currency)
            for line in placed.refund_lines
            if line.refund_id == refund.id
        ),
        reason=refund.reason,
        internal_reason=refund.internal_reason if is_staff else None,
        requested_by=refund.requested_by,
        failure_code=refund.failure_code,
        retry_of=refund.retry_of,
        created_at=refund.created_at,
        ended_at=refund.ended_at,
        to=_way(by_card[refund.payment_id], is_credit=refund.store_credit_id is not None),
        last_four=None if card_id is None else faces[card_id],
    )


def _way(card_id: GiftCardId | None, *, is_credit: bool) -> str:
    """Where money goes back to. What a card paid goes back to it, whatever else is wanted."""
    if card_id is not None:
        return "gift_card"
    return "store_credit" if is_credit else "provider"


def _line(
    line_id: OrderLineId, quantity: int, net_minor: int, tax_minor: int, currency: str
) -> RefundLineShape:
    return RefundLineShape(
        line_id,
        quantity,
        Money(net_minor, currency),
        Money(tax_minor, currency),
        Money(net_minor + tax_minor, currency),
    )


def _shapes(placed: PlacedOrder, *, is_staff: bool) -> tuple[RefundShape, ...]:
    return tuple(refund_shape(row, placed, is_staff=is_staff) for row in placed.refunds)


def _planned(planned: PlannedRefund, placed: PlacedOrder, *, is_credit: bool) -> PlannedShape:
    currency = placed.order.currency
    [payment] = [row for row in placed.payments if row.id == planned.payment_id]
    return PlannedShape(
        planned.payment_id,
        Money(planned.amount_minor, currency),
        Money(planned.shipping_minor, currency),
        tuple(
            _line(row.line_id, row.quantity, row.net_minor, row.tax_minor, currency)
            for row in planned.shares
        ),
        _way(payment.gift_card_id, is_credit=is_credit),
    )


def _wish(body: RefundWishBody, payment_id: PaymentId | None = None) -> Wish:
    amount = None
    if body.amount is not None:
        amount = Money(body.amount.amount, body.amount.currency)
    return Wish(
        lines=tuple((OrderLineId(row.line_id), row.quantity) for row in body.lines or ()),
        amount=amount,
        has_shipping=body.shipping,
        payment_id=payment_id,
    )


@get(
    "/orders/{order_id:str}/refunds",
    opt=describe(
        tag="orders",
        summary="Read an order's refunds",
        about="`requested`: on its way; a transfer waits for staff to pay it out. `failed`: the "
        "provider refused it; staff may try again.",
        answer=RefundList,
        errors=(OrderNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        security=(ORDER, STAFF),
    ),
)
async def list_refunds(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Every refund, oldest first."""
    found, is_staff = open_order(request, parts, order_id)
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=found)
    return answer(RefundList(_shapes(placed, is_staff=is_staff)))


@post(
    "/orders/{order_id:str}/refunds",
    opt=describe(
        tag="orders",
        summary="Give money back for an order",
        about="Staff only. Units by line, shipping, both, or an amount; with none of them, all "
        "that is left. Units get their share of what is left of their line, tax and discount and "
        "all. The newest payment gives first. `restock` also cancels the units, which must not "
        "have been sent. What a gift card paid is on it again at once; with `as_store_credit` "
        "what was paid with money is credit of the buyer's, at once as well.",
        body=RefundBody,
        body_example=_EXAMPLE,
        answer=RefundMade,
        status=201,
        headers=(KEY,),
        errors=_REFUNDING,
        permission=Permission.REFUNDS_WRITE,
        security=(STAFF,),
    ),
)
async def refund(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Ask for money to go back."""
    found, _ = open_order(request, parts, order_id)
    return await _refund(request, parts, found)


async def _refund(
    request: ApiRequest, parts: Parts, order_id: OrderId, payment_id: PaymentId | None = None
) -> ApiResponse:
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _REFUND)
    batch_id = new_id()
    place = f"{payment_id or order_id}:{key}"

    def render(placed: PlacedOrder) -> bytes:
        made = tuple(
            refund_shape(row, placed, is_staff=True)
            for row in placed.refunds
            if row.batch_id == batch_id
        )
        total = sum(row.amount.amount for row in made)
        return encode(RefundMade(order_id, Money(total, placed.order.currency), made))

    async def work(request_hash: bytes) -> None:
        await refund_order(
            parts.checkout,
            order_id=order_id,
            wish=_wish(body, payment_id),
            reason=body.reason,
            internal_reason=body.internal_reason,
            is_restocked=body.restock,
            is_store_credit=body.as_store_credit,
            actor=actor_of(request),
            batch_id=batch_id,
            keep=Keep(REFUNDS, place, request_hash, render, 201),
        )

    done = await parts.once.kept(scope=REFUNDS, key=place, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@post(
    "/payments/{payment_id:str}/refunds",
    opt=describe(
        tag="payments",
        summary="Give money back from one payment",
        about="As `POST /orders/{order_id}/refunds`, from this payment alone.",
        body=RefundBody,
        body_example={"amount": {"amount": 500, "currency": "EUR"}, "reason": "We are sorry"},
        answer=RefundMade,
        status=201,
        headers=(KEY,),
        errors=(PaymentNotFound, *_REFUNDING),
        permission=Permission.REFUNDS_WRITE,
        security=(STAFF,),
    ),
)
async def refund_payment(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Ask for money of one payment to go back."""
    found = parse_id(payment_id)
    if found is None:
        raise PaymentNotFound("There is no payment with this id.")
    async with parts.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=PaymentId(found))
    return await _refund(request, parts, payment.order_id, payment.id)


@post(
    "/orders/{order_id:str}/refunds/preview",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="What a refund would be",
        about="Staff only. Changes nothing, and promises nothing.",
        body=RefundWishBody,
        is_body_optional=True,
        body_example={"lines": _EXAMPLE["lines"], "shipping": True},
        answer=RefundPreview,
        errors=_REFUSALS,
        permission=Permission.REFUNDS_WRITE,
        security=(STAFF,),
    ),
)
async def preview(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Work out a refund."""
    found, _ = open_order(request, parts, order_id)
    body, _ = await read_json(request, _WISH, is_optional=True)
    planned = await preview_refund(parts.checkout, order_id=found, wish=_wish(body))
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=found)
    total = Money(sum(row.amount_minor for row in planned), placed.order.currency)
    items = tuple(_planned(row, placed, is_credit=body.as_store_credit) for row in planned)
    return answer(RefundPreview(found, total, items))


@post(
    "/orders/{order_id:str}/refunds/{refund_id:str}/retry",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Try a refund again that failed",
        about="Staff only. The same money is asked for under a new id, once however often this is "
        "sent.",
        body=NoBody,
        is_body_optional=True,
        answer=RefundList,
        errors=(
            OrderNotFound,
            Unauthenticated,
            RefundNotFound,
            RefundNotRetryable,
            RefundExceedsPaid,
            Busy,
        ),
        permission=Permission.REFUNDS_WRITE,
        security=(STAFF,),
    ),
)
async def retry(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    refund_id: FromPath[str],
) -> ApiResponse:
    """Ask once more."""
    found, one = await _read_target(request, parts, order_id, refund_id)
    await retry_refund(parts.checkout, order_id=found, refund_id=one, actor=actor_of(request))
    return await _all_refunds(parts, found)


@post(
    "/orders/{order_id:str}/refunds/{refund_id:str}/confirm",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Confirm that a refund was paid out by hand",
        about="Staff only, and only for payments that no provider decides about: a transfer, "
        "cash. Confirming twice books once.",
        body=NoBody,
        is_body_optional=True,
        answer=RefundList,
        errors=(OrderNotFound, Unauthenticated, RefundNotFound, RefundNotConfirmable, Busy),
        permission=Permission.REFUNDS_WRITE,
        security=(STAFF,),
    ),
)
async def confirm(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    refund_id: FromPath[str],
) -> ApiResponse:
    """Book money that was handed back."""
    found, one = await _read_target(request, parts, order_id, refund_id)
    await confirm_refund(parts.checkout, order_id=found, refund_id=one, actor=actor_of(request))
    return await _all_refunds(parts, found)


async def _read_target(
    request: ApiRequest, parts: Parts, order_id: str, refund_id: str
) -> tuple[OrderId, RefundId]:
    found, _ = open_order(request, parts, order_id)
    await read_json(request, _NO_BODY, is_optional=True)
    one = parse_id(refund_id)
    if one is None:
        raise RefundNotFound("There is no refund with this id.")
    return found, RefundId(one)


async def _all_refunds(parts: Parts, order_id: OrderId) -> ApiResponse:
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=order_id)
    return answer(RefundList(_shapes(placed, is_staff=True)))


HANDLERS: Final = (list_refunds, refund, refund_payment, preview, retry, confirm)
