"""Placed orders changed by staff before they are sent, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.checkout import queries
from surehold.checkout.commands import (
    CHANGES,
    cancel_change,
    change_order,
    preview_change,
)
from surehold.checkout.errors import (
    NothingLeft,
    RefundExceedsPaid,
    UnitsNotCancelable,
)
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules import ChangeWish
from surehold.checkout.settlements import Keep
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import (
    OrderChangeId,
    OrderId,
    OrderLineId,
    ReturnId,
    VariantId,
    new_id,
)
from surehold.kernel.money import MAX_MINOR, Money
from surehold.orders.changes.errors import (
    ChangeAwaitsPayment,
    ChangeNotCancelable,
    DifferenceChanged,
    OrderChangeNotFound,
    OrderNotChangeable,
    TaxDiffers,
)
from surehold.orders.changes.model import OrderChange
from surehold.orders.errors import OrderHeld, OrderNotFound
from surehold.payments.errors import (
    AmountNotSupported,
    CurrencyNotSupported,
    PaymentInProgress,
    ProviderUnknown,
)
from surehold.payments.model import Payment
from surehold.pricing.errors import NotForSale
from surehold.web.api.access import actor_of, open_order
from surehold.web.api.fields import (
    CurrencyCode,
    Line200,
    Lines,
    PaymentMethodBody,
    Units,
)
from surehold.web.api.once import get_key
from surehold.web.api.orders import NoBody
from surehold.web.api.parts import Parts
from surehold.web.api.price_fields import VatId
from surehold.web.api.shapes import PaymentShape, payment_shape
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

_LINE: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"
_VARIANT: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d11"
_EXAMPLE: Final = {
    "give_up": [{"line_id": _LINE, "quantity": 1}],
    "add": [{"variant_id": _VARIANT, "quantity": 1}],
}
_REFUSALS: Final = (
    OrderNotFound,
    Unauthenticated,
    NotForSale,
    OrderHeld,
    OrderNotChangeable,
    ChangeAwaitsPayment,
    PaymentInProgress,
    UnitsNotCancelable,
    TaxDiffers,
    NothingLeft,
    InsufficientStock,
    RefundExceedsPaid,
    DifferenceChanged,
    ProviderUnknown,
    CurrencyNotSupported,
    AmountNotSupported,
    Busy,
)


class DifferenceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A difference in minor units; negative where something goes back."""

    amount: Annotated[
        int, Meta(ge=-MAX_MINOR, le=MAX_MINOR, description="Minor units: cents, fils, yen.")
    ]
    currency: CurrencyCode


class OrderChangeWishBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units that are given up, units that are added, or both.

    ``payment_method``: how a difference is collected, unless as the order was paid. ``vat_id`` as
    in a checkout. ``expected_difference``: what was shown; unset asks for no comparison.
    """

    give_up: Units | None = None
    add: Lines | None = None
    payment_method: PaymentMethodBody | None = None
    vat_id: VatId | None = None
    expected_difference: DifferenceBody | None = None
    #: Why; a preview takes what the change itself is sent with.
    reason: Line200 | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """Something must change."""
        if not raw.get("give_up") and not raw.get("add"):
            yield Fault(at or "/", "nothing_to_change", "Name what is given up or added.")


class OrderChangeBody(OrderChangeWishBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is changed, and why."""

    reason: Line200


class GivenUpShape(msgspec.Struct, frozen=True):
    """Units of a line that are given up, and what they come to."""

    line_id: OrderLineId
    quantity: int
    net: Money
    tax: Money
    gross: Money


class AddedShape(msgspec.Struct, frozen=True):
    """A line that is added. ``line_id`` is its id once the order has it; a preview has none."""

    line_id: OrderLineId | None
    variant_id: VariantId
    sku: str
    name: str
    quantity: int
    unit_price: Money
    net: Money
    tax: Money
    gross: Money
    tax_rate: str


class OrderChangePreview(msgspec.Struct, frozen=True):
    """What a change would come to now.

    ``difference`` is what is ``added`` less what is ``given_up``: negative where something goes
    back, or less is to be paid.
    """

    order_id: OrderId
    given_up: Money
    added: Money
    covered: Money
    difference: Money
    give_up: tuple[GivenUpShape, ...]
    add: tuple[AddedShape, ...]


class OrderChangeShape(OrderChangePreview, frozen=True):
    """One change of an order. ``state_reason`` says why it is where it is.

    ``payment`` is what collects the difference of an order that was paid.
    """

    id: OrderChangeId
    state: str
    reason: str
    state_reason: str
    payment: PaymentShape | None
    #: The return that it is an exchange for.
    return_id: ReturnId | None
    created_at: datetime
    updated_at: datetime


class OrderChangeList(msgspec.Struct, frozen=True):
    """The changes of an order, oldest first."""

    items: tuple[OrderChangeShape, ...]
    next_cursor: str | None = None


_WISH: Final = Reader(OrderChangeWishBody)
_CHANGE: Final = Reader(OrderChangeBody)
_NO_BODY: Final = Reader(NoBody)


def _preview(change: OrderChange, currency: str, *, is_made: bool) -> OrderChangePreview:
    content = change.content
    return OrderChangePreview(
        change.order_id,
        Money(change.given_up_minor, currency),
        Money(change.added_minor, currency),
        Money(change.covered_minor, currency),
        Money(change.difference_minor, currency),
        tuple(
            GivenUpShape(
                row.line_id,
                row.quantity,
                Money(row.net_minor, currency),
                Money(row.tax_minor, currency),
                Money(row.gross_minor, currency),
            )
            for row in content.given_up
        ),
        tuple(
            AddedShape(
                row.id if is_made else None,
                row.variant_id,
                row.sku,
                row.name,
                row.quantity,
                Money(row.unit_price_minor, currency),
                Money(row.net_minor, currency),
                Money(row.tax_minor, currency),
                Money(row.gross_minor, currency),
                row.tax_rate,
            )
            for row in content.lines
        ),
    )


def _shape(change: OrderChange, placed: PlacedOrder) -> OrderChangeShape:
    paid_by: Payment | None = next(
        (row for row in placed.payments if row.id == change.payment_id), None
    )
    return OrderChangeShape(
        **msgspec.structs.asdict(_preview(change, placed.order.currency, is_made=True)),
        id=change.id,
        state=change.state.value,
        reason=change.content.reason,
        state_reason=change.change_reason,
        payment=None if paid_by is None else payment_shape(paid_by),
        return_id=change.return_id,
        created_at=change.created_at,
        updated_at=change.updated_at,
    )


def _wish(body: OrderChangeWishBody) -> ChangeWish:
    expected = body.expected_difference
    return ChangeWish(
        give_up=tuple((OrderLineId(row.line_id), row.quantity) for row in body.give_up or ()),
        add=tuple((VariantId(row.variant_id), row.quantity) for row in body.add or ()),
        provider=None if body.payment_method is None else body.payment_method.provider,
        vat_id=body.vat_id,
        expected=None if expected is None else Money(expected.amount, expected.currency),
    )


@post(
    "/orders/{order_id:str}/changes/preview",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="What a change of an order would come to",
        about="Staff only. Changes nothing, and promises nothing: send the answer's `difference` "
        "as `expected_difference` with the change.",
        body=OrderChangeWishBody,
        body_example=_EXAMPLE,
        answer=OrderChangePreview,
        errors=_REFUSALS,
        permission=Permission.ORDERS_WRITE,
        security=(STAFF,),
    ),
)
async def preview(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Work a change out."""
    found, _ = open_order(request, parts, order_id)
    body, _ = await read_json(request, _WISH)
    change = await preview_change(parts.checkout, order_id=found, wish=_wish(body))
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=found)
    return answer(_preview(change, placed.order.currency, is_made=False))


@post(
    "/orders/{order_id:str}/changes",
    opt=describe(
        tag="orders",
        summary="Change an order before it is sent",
        about="Staff only, until something of the order was sent. Units that are given up come to "
        "their share of their line, as when a part is canceled; what is added has the prices of "
        "this moment, without promotions; shipping stays as promised. Where nothing more is owed "
        "the change is `applied` at once, and what is too much goes back. Of a paid order that "
        "owes more, what is added is held until `payment` is captured: `awaiting_payment`, and "
        "the order stays as it is. Read the payment for what the buyer must do. Nobody pays in "
        "time: `lapsed`. An order that waits for its money is asked for what is due now.",
        body=OrderChangeBody,
        body_example={**_EXAMPLE, "reason": "A size larger, by telephone"},
        answer=OrderChangeShape,
        status=201,
        headers=(KEY,),
        errors=(
            *_REFUSALS,
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            RequestInFlight,
        ),
        permission=Permission.ORDERS_WRITE,
        security=(STAFF,),
    ),
)
async def change(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Change an order, once for a key."""
    found, _ = open_order(request, parts, order_id)
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _CHANGE)
    change_id = OrderChangeId(new_id())
    place = f"{found}:{key}"

    def render(placed: PlacedOrder) -> bytes:
        [made] = [row for row in placed.changes if row.id == change_id]
        return encode(_shape(made, placed))

    async def work(request_hash: bytes) -> None:
        await change_order(
            parts.checkout,
            order_id=found,
            change_id=change_id,
            wish=_wish(body),
            reason=body.reason,
            actor=actor_of(request),
            keep=Keep(CHANGES, place, request_hash, render, 201),
        )

    done = await parts.once.kept(scope=CHANGES, key=place, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/orders/{order_id:str}/changes",
    opt=describe(
        tag="orders",
        summary="Read what was changed of an order",
        about="`awaiting_payment`: held until the difference is paid; `lapsed`: nobody paid in "
        "time, or it was not possible any more.",
        answer=OrderChangeList,
        errors=(OrderNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        security=(ORDER, STAFF),
    ),
)
async def list_changes(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """Every change, oldest first."""
    found, _ = open_order(request, parts, order_id)
    return answer(OrderChangeList(await list_shapes(parts, found)))


@post(
    "/orders/{order_id:str}/changes/{change_id:str}/cancel",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Take a change back that waits for its payment",
        about="Staff only. What it held is free again; money that comes all the same goes back. "
        "Sent twice, it changes nothing the second time.",
        body=NoBody,
        is_body_optional=True,
        answer=OrderChangeShape,
        errors=(OrderNotFound, Unauthenticated, OrderChangeNotFound, ChangeNotCancelable, Busy),
        permission=Permission.ORDERS_WRITE,
        security=(STAFF,),
    ),
)
async def cancel(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    change_id: FromPath[str],
) -> ApiResponse:
    """Let a change go."""
    found, _ = open_order(request, parts, order_id)
    await read_json(request, _NO_BODY, is_optional=True)
    one: UUID | None = parse_id(change_id)
    if one is None:
        raise OrderChangeNotFound("There is no change with this id.")
    await cancel_change(
        parts.checkout, order_id=found, change_id=OrderChangeId(one), actor=actor_of(request)
    )
    return answer(next(row for row in await list_shapes(parts, found) if row.id == one))


async def list_shapes(parts: Parts, order_id: OrderId) -> tuple[OrderChangeShape, ...]:
    """The changes of an order, oldest first."""
    async with parts.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=order_id)
    return tuple(_shape(row, placed) for row in placed.changes)


HANDLERS: Final = (preview, change, list_changes, cancel)
