"""What a buyer keeps in an account, over HTTP: addresses, and the orders that are their own."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout import queries as placed_orders
from surehold.db import Database
from surehold.identity import commands, queries
from surehold.identity.errors import OrderTaken, SavedAddressNotFound, TooManyKept
from surehold.identity.model import ClaimedOrder, ClaimKind, Principal, SavedAddress
from surehold.kernel.ids import OrderId, SavedAddressId
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders import queries as orders
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import (
    FulfillmentStatus,
    OrderStatus,
    OrderSummary,
    PaymentStatus,
)
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import AddressBody, settle_address
from surehold.web.api.identity.caller import authenticate
from surehold.web.api.identity.shapes import (
    ACCEPTED,
    BY_ACCOUNT,
    KNOWN_ERRORS,
    AcceptedShape,
    Token,
)
from surehold.web.api.orders import OrderDetail, order_detail
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json, read_query
from surehold.web.openapi import describe
from surehold.web.validation import Reader, parse_id

_CREATED: Final = 201
_EXAMPLE: Final = {
    "address": {
        "name": "Mara Quinn",
        "line1": "12 Quay Street",
        "city": "Galway",
        "postal_code": "H91 X2KP",
        "country": "IE",
    },
    "is_default": True,
}


class SavedAddressBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address, and whether it is the one that is offered first."""

    address: AddressBody
    is_default: bool = False


class AddressShape(msgspec.Struct, frozen=True):
    """An address, as its country writes it."""

    name: str
    line1: str
    city: str
    country: str
    line2: str | None = None
    region: str | None = None
    postal_code: str | None = None
    phone: str | None = None
    company: str | None = None


class SavedAddressShape(msgspec.Struct, frozen=True):
    """One of a buyer's addresses."""

    id: SavedAddressId
    address: AddressShape
    is_default: bool
    created_at: datetime
    updated_at: datetime


class SavedAddressList(msgspec.Struct, frozen=True):
    """Every address of a buyer, the default first; at most fifty."""

    items: tuple[SavedAddressShape, ...]


class OwnOrderShape(msgspec.Struct, frozen=True):
    """One of a buyer's orders in a list."""

    id: OrderId
    number: str
    status: OrderStatus
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    total: Money
    units: int
    placed_at: datetime


class OwnOrderList(msgspec.Struct, frozen=True):
    """One page of a buyer's orders, newest first."""

    items: tuple[OwnOrderShape, ...]
    next_cursor: str | None


class OwnOrderQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class ClaimBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order, and the token that its guest was given."""

    order_id: UUID
    token: Token


_ADDRESS: Final = Reader(SavedAddressBody)
_ORDERS: Final = Reader(OwnOrderQuery)
_CLAIM: Final = Reader(ClaimBody)


@get(
    "/me/addresses",
    opt=describe(
        tag="account",
        summary="List one's addresses",
        answer=SavedAddressList,
        errors=KNOWN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def list_addresses(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """All of them."""
    principal = await authenticate(request, parts)
    async with parts.db.connection() as connection:
        rows = await queries.list_addresses(connection, account_id=principal.account_id)
    return answer(SavedAddressList(tuple(_shape(row) for row in rows)))


@post(
    "/me/addresses",
    opt=describe(
        tag="account",
        summary="Save an address",
        about="By the rules of its country, as for an order. The first one is the default.",
        body=SavedAddressBody,
        body_example=_EXAMPLE,
        answer=SavedAddressShape,
        status=_CREATED,
        errors=(*KNOWN_ERRORS, TooManyKept),
        security=BY_ACCOUNT,
    ),
)
async def save_address(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Keep one more."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _ADDRESS)
    saved = await commands.save_address(
        parts.db,
        account_id=principal.account_id,
        content=msgspec.to_builtins(settle_address(body.address)),
        is_default=body.is_default,
    )
    return answer(_shape(saved), status=_CREATED)


@put(
    "/me/addresses/{address_id:str}",
    opt=describe(
        tag="account",
        summary="Replace an address",
        body=SavedAddressBody,
        body_example=_EXAMPLE,
        answer=SavedAddressShape,
        errors=(*KNOWN_ERRORS, SavedAddressNotFound),
        security=BY_ACCOUNT,
    ),
)
async def change_address(
    request: ApiRequest, parts: NamedDependency[Parts], address_id: FromPath[str]
) -> ApiResponse:
    """As it should be."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _ADDRESS)
    saved = await commands.change_address(
        parts.db,
        account_id=principal.account_id,
        address_id=_address_id(address_id),
        content=msgspec.to_builtins(settle_address(body.address)),
        is_default=body.is_default,
    )
    return answer(_shape(saved))


@delete(
    "/me/addresses/{address_id:str}",
    status_code=200,
    opt=describe(
        tag="account",
        summary="Forget an address",
        about="Orders keep the one that they were sent to.",
        answer=AcceptedShape,
        errors=(*KNOWN_ERRORS, SavedAddressNotFound),
        security=BY_ACCOUNT,
    ),
)
async def delete_address(
    request: ApiRequest, parts: NamedDependency[Parts], address_id: FromPath[str]
) -> ApiResponse:
    """This one."""
    principal = await authenticate(request, parts)
    await commands.delete_address(
        parts.db, account_id=principal.account_id, address_id=_address_id(address_id)
    )
    return answer(ACCEPTED)


@get(
    "/me/orders",
    opt=describe(
        tag="account",
        summary="List one's orders",
        about="Those that were placed with the account's confirmed e-mail address, and those that "
        "were claimed with their token.",
        query=OwnOrderQuery,
        answer=OwnOrderList,
        errors=KNOWN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def list_orders(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The buyer's own."""
    principal = await authenticate(request, parts)
    wanted = read_query(request, _ORDERS)
    await claim_by_email(parts.db, principal)
    async with parts.db.connection() as connection:
        page = await orders.list_own_orders(
            connection,
            account_id=principal.account_id,
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    return answer(OwnOrderList(tuple(_own(row) for row in page.items), page.next_cursor))


@get(
    "/me/orders/{order_id:str}",
    opt=describe(
        tag="account",
        summary="Read one of one's orders",
        about="With its `access_token`, which opens what a guest's token opens.",
        answer=OrderDetail,
        errors=(*KNOWN_ERRORS, OrderNotFound),
        security=BY_ACCOUNT,
    ),
)
async def get_order(
    request: ApiRequest, parts: NamedDependency[Parts], order_id: FromPath[str]
) -> ApiResponse:
    """One of the buyer's own; anybody else's is as good as none."""
    principal = await authenticate(request, parts)
    found = parse_id(order_id)
    if found is None:
        raise OrderNotFound("There is no such order of yours.")
    await claim_by_email(parts.db, principal)
    async with parts.db.connection() as connection:
        if not await queries.is_own_order(
            connection, account_id=principal.account_id, order_id=found
        ):
            raise OrderNotFound("There is no such order of yours.")
        placed = await placed_orders.get_placed_order(connection, order_id=OrderId(found))
    return answer(order_detail(parts, placed))


@post(
    "/me/orders/claim",
    status_code=200,
    opt=describe(
        tag="account",
        summary="Claim a guest's order with its token",
        about="It stays the account's from then on. Claiming it again changes nothing.",
        body=ClaimBody,
        body_example={
            "order_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10",
            "token": "qV7m2LkP0sTnXcYb4RwEuA1d",
        },
        answer=OrderDetail,
        errors=(*KNOWN_ERRORS, OrderNotFound, OrderTaken),
        security=BY_ACCOUNT,
    ),
)
async def claim(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Make it the account's own."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _CLAIM)
    order_id = OrderId(body.order_id)
    if not parts.checkout.context.access.is_valid(body.token, order_id=order_id):
        raise OrderNotFound("There is none with this id and token.")
    async with parts.db.connection() as connection:
        placed = await placed_orders.get_placed_order(connection, order_id=order_id)
    claimed = ClaimedOrder(order_id, placed.order.placed_at)
    await commands.claim_orders(
        parts.db, account_id=principal.account_id, orders=[claimed], by=ClaimKind.TOKEN
    )
    async with parts.db.connection() as connection:
        if not await queries.is_own_order(
            connection, account_id=principal.account_id, order_id=order_id
        ):
            raise OrderTaken("Another account has this order.")
    return answer(order_detail(parts, placed))


async def claim_by_email(db: Database, principal: Principal) -> None:
    """What was placed with the account's address is its own: every account has proven its own."""
    async with db.connection() as connection:
        found = await orders.list_unclaimed(connection, email=principal.email)
    await commands.claim_orders(
        db, account_id=principal.account_id, orders=found, by=ClaimKind.EMAIL
    )


def _address_id(text: str) -> SavedAddressId:
    found = parse_id(text)
    if found is None:
        raise SavedAddressNotFound("There is no such address.")
    return SavedAddressId(found)


def _shape(row: SavedAddress) -> SavedAddressShape:
    return SavedAddressShape(
        row.id,
        msgspec.convert(row.content, AddressShape),
        row.is_default,
        row.created_at,
        row.updated_at,
    )


def _own(row: OrderSummary) -> OwnOrderShape:
    return OwnOrderShape(
        row.id,
        row.number,
        row.status,
        row.payment_status,
        row.fulfillment_status,
        Money(row.total_minor, row.currency),
        row.units,
        row.placed_at,
    )


HANDLERS: Final = (
    list_addresses,
    save_address,
    change_address,
    delete_address,
    list_orders,
    get_order,
    claim,
)
