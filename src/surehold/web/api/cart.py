"""The cart over HTTP. A token opens it, in a header or in a cookie that scripts cannot read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.cart import commands as carts
from surehold.cart import queries as cart_queries
from surehold.cart.errors import CartFull, CartLineNotFound, CartNotFound
from surehold.cart.model import Cart, Line, Problem
from surehold.catalog import queries as catalog
from surehold.inventory import queries as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Shortage
from surehold.kernel.ids import CartId, CartLineId, ProductId, VariantId
from surehold.kernel.money import Money
from surehold.pricing.errors import NotForSale
from surehold.web.api.access import CART_COOKIE, find_cart_token
from surehold.web.api.catalog import ImageShape, image_shape
from surehold.web.api.fields import CurrencyCode, Quantity
from surehold.web.api.identity.caller import find_buyer
from surehold.web.api.parts import Parts
from surehold.web.api.wire import (
    ApiRequest,
    ApiResponse,
    answer,
    headers_of,
    read_json,
)
from surehold.web.errors import CartCurrencyDiffers
from surehold.web.openapi import CART, describe
from surehold.web.validation import Reader, parse_id


class ProblemShape(msgspec.Struct, frozen=True):
    """One thing that stands between a line and the checkout."""

    kind: str
    line_id: CartLineId
    variant_id: VariantId
    requested: int | None
    available: int | None
    old_price: Money | None
    new_price: Money | None


class CartLineShape(msgspec.Struct, frozen=True):
    """One line. ``unit_price`` and ``line_total`` are null when it cannot be bought now."""

    id: CartLineId
    variant_id: VariantId
    product_id: ProductId
    slug: str
    name: str
    option_names: tuple[str, ...]
    options: tuple[str, ...]
    image: ImageShape | None
    sku: str
    quantity: int
    seen_price: Money
    unit_price: Money | None
    line_total: Money | None
    available: int
    problems: tuple[ProblemShape, ...]
    #: Units that would have to be waited for now, and until when.
    waiting_quantity: int
    promised_on: date | None


class SavedLineShape(msgspec.Struct, frozen=True):
    """A line kept for later: it has no price, and no checkout takes it."""

    variant_id: VariantId
    product_id: ProductId
    slug: str
    name: str
    options: tuple[str, ...]
    sku: str
    quantity: int
    is_for_sale: bool
    saved_at: datetime


class CartShape(msgspec.Struct, frozen=True):
    """A cart as it stands now. ``token`` opens it; what is ``saved`` for later is not priced."""

    id: CartId
    token: str
    currency: str
    items: tuple[CartLineShape, ...]
    saved: tuple[SavedLineShape, ...]
    item_count: int
    subtotal: Money
    created_at: datetime
    updated_at: datetime


class ValidationShape(msgspec.Struct, frozen=True):
    """Every problem of every line; none when the cart can be checked out.

    ``accepted`` are the problems that accepting has solved.
    """

    is_valid: bool
    problems: tuple[ProblemShape, ...]
    accepted: tuple[ProblemShape, ...]


class AddBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to put into the cart. ``currency`` is the one of a new cart."""

    variant_id: UUID
    quantity: Quantity = 1
    currency: CurrencyCode | None = None


class ChangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units the line has from now on."""

    quantity: Quantity


class ValidateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to agree first to today's prices, and to fewer units where fewer are left."""

    accept_changes: bool = False


_ADD: Final = Reader(AddBody)
_CHANGE: Final = Reader(ChangeBody)
_VALIDATE: Final = Reader(ValidateBody)
_EXAMPLE: Final = {"variant_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10", "quantity": 2}


def _problem(problem: Problem, currency: str) -> ProblemShape:
    def price(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, currency)

    return ProblemShape(
        problem.kind.value,
        problem.line_id,
        problem.variant_id,
        problem.requested,
        problem.available,
        price(problem.old_price_minor),
        price(problem.new_price_minor),
    )


def _line(line: Line, currency: str) -> CartLineShape:
    unit, total = line.unit_price_minor, line.total_minor
    return CartLineShape(
        id=line.id,
        variant_id=line.variant_id,
        product_id=line.product_id,
        slug=line.slug,
        name=line.name,
        option_names=line.option_names,
        options=line.options,
        image=image_shape(line.image) if line.image else None,
        sku=line.sku,
        quantity=line.quantity,
        seen_price=Money(line.seen_price_minor, currency),
        unit_price=None if unit is None else Money(unit, currency),
        line_total=None if total is None else Money(total, currency),
        available=line.available,
        problems=tuple(_problem(problem, currency) for problem in line.problems),
        waiting_quantity=0 if line.backorder is None else line.backorder.waiting_quantity,
        promised_on=None if line.backorder is None else line.backorder.promised_on,
    )


def cart_shape(cart: Cart, token: str) -> CartShape:
    """A cart for the wire."""
    return CartShape(
        id=cart.id,
        token=token,
        currency=cart.currency,
        items=tuple(_line(line, cart.currency) for line in cart.lines),
        saved=tuple(
            SavedLineShape(
                line.variant_id,
                line.product_id,
                line.slug,
                line.name,
                line.options,
                line.sku,
                line.quantity,
                line.is_for_sale,
                line.saved_at,
            )
            for line in cart.saved
        ),
        item_count=cart.item_count,
        subtotal=Money(cart.subtotal_minor, cart.currency),
        created_at=cart.created_at,
        updated_at=cart.updated_at,
    )


def get_cart_token(request: ApiRequest) -> str:
    """The token of the caller's cart.

    Raises:
        CartNotFound: None was sent.
    """
    token, _ = find_cart_token(headers_of(request))
    if token is None:
        raise CartNotFound("There is no cart yet: send what to put into it.")
    return token


def cart_cookie(token: str, *, is_secure: bool) -> str:
    """The cookie in which a browser keeps its cart's token."""
    age = int(carts.KEPT_FOR.total_seconds())
    secure = "; Secure" if is_secure else ""
    return f"{CART_COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


@get(
    "/cart",
    opt=describe(
        tag="cart",
        summary="Read the cart",
        about="With today's prices and stock, and every problem of every line.",
        answer=CartShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def get_cart(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The caller's cart."""
    token = get_cart_token(request)
    async with parts.db.connection() as connection:
        cart = await cart_queries.get_cart(connection, token=token)
    return answer(cart_shape(cart, token))


@post(
    "/cart",
    opt=describe(
        tag="cart",
        summary="Put units of a variant into the cart",
        about="Makes the cart when there is none (201, with its token and a cookie), else adds "
        "to what it has of the variant (200). Stock is checked, not reserved. The first cart of a "
        "signed-in buyer is the account's; who has one there adds to that.",
        body=AddBody,
        body_example=_EXAMPLE,
        answer=CartShape,
        status=201,
        also={200: "The cart was there, and has more now."},
        errors=(CartNotFound, NotForSale, CartFull, InsufficientStock, CartCurrencyDiffers),
        security=(CART,),
        is_security_optional=True,
    ),
)
async def add_line(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Add to the caller's cart, or to a new one."""
    body, _ = await read_json(request, _ADD)
    variant_id = VariantId(body.variant_id)
    token, is_cookie = find_cart_token(headers_of(request))
    if token is not None:
        if body.currency is not None:
            await _check_currency(parts, token, body.currency)
        try:
            cart = await carts.add_line(
                parts.db, token=token, variant_id=variant_id, quantity=body.quantity
            )
        except CartNotFound:
            # A browser keeps its cookie longer than we keep an untouched cart.
            if not is_cookie:
                raise
        else:
            return answer(cart_shape(cart, token))
    currency = body.currency or parts.config.default_currency
    await check_can_be_bought(parts, variant_id, body.quantity, currency)
    _, token = await carts.create_cart(parts.db, currency=currency)
    buyer_id = await find_buyer(request, parts)
    if buyer_id is not None:
        token = await carts.adopt_cart(parts.db, buyer_id=buyer_id, token=token) or token
        if body.currency is not None:
            await _check_currency(parts, token, body.currency)
    cart = await carts.add_line(
        parts.db, token=token, variant_id=variant_id, quantity=body.quantity
    )
    cookie = cart_cookie(token, is_secure=parts.config.base_url.startswith("https:"))
    return answer(cart_shape(cart, token), status=201, headers={"set-cookie": cookie})


@delete(
    "/cart",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Empty the cart",
        answer=CartShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def clear_cart(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Take every line out."""
    token = get_cart_token(request)
    return answer(cart_shape(await carts.clear_cart(parts.db, token=token), token))


@put(
    "/cart/items/{line_id:str}",
    opt=describe(
        tag="cart",
        summary="Set how many units a line has",
        body=ChangeBody,
        body_example={"quantity": 3},
        answer=CartShape,
        errors=(CartNotFound, CartLineNotFound, NotForSale, CartFull, InsufficientStock),
        security=(CART,),
    ),
)
async def change_line(
    request: ApiRequest, parts: NamedDependency[Parts], line_id: FromPath[str]
) -> ApiResponse:
    """Change one line."""
    token = get_cart_token(request)
    body, _ = await read_json(request, _CHANGE)
    cart = await carts.change_line(
        parts.db, token=token, line_id=read_line_id(line_id), quantity=body.quantity
    )
    return answer(cart_shape(cart, token))


@delete(
    "/cart/items/{line_id:str}",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Take a line out of the cart",
        answer=CartShape,
        errors=(CartNotFound, CartLineNotFound),
        security=(CART,),
    ),
)
async def remove_line(
    request: ApiRequest, parts: NamedDependency[Parts], line_id: FromPath[str]
) -> ApiResponse:
    """Remove one line."""
    token = get_cart_token(request)
    cart = await carts.remove_line(parts.db, token=token, line_id=read_line_id(line_id))
    return answer(cart_shape(cart, token))


@post(
    "/cart/validate",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="List what stands between the cart and the checkout",
        about="Every problem of every line at once: `gone`, `not_for_sale`, `too_few`, "
        "`price_changed` (with the price seen and the price now; changes within the setting "
        "`price_tolerance` are none). Changes nothing, unless `accept_changes` agrees to today's "
        "prices and to what is left; then `accepted` lists what that has solved.",
        body=ValidateBody,
        body_example={"accept_changes": True},
        is_body_optional=True,
        answer=ValidationShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def validate_cart(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Compare the cart with the catalog and the stock of this moment."""
    token = get_cart_token(request)
    body, _ = await read_json(request, _VALIDATE, is_optional=True)
    accepted: tuple[Problem, ...] = ()
    if body.accept_changes:
        accepted = (await carts.accept_changes(parts.db, token=token)).changes
    async with parts.db.connection() as connection:
        cart = await cart_queries.get_cart(connection, token=token)
        problems = await cart_queries.validate_cart(connection, token=token)
    return answer(
        ValidationShape(
            not problems,
            tuple(_problem(problem, cart.currency) for problem in problems),
            tuple(_problem(problem, cart.currency) for problem in accepted),
        )
    )


def read_line_id(text: str) -> CartLineId:
    """The id of a line as it is written in an address.

    Raises:
        CartLineNotFound: It is none.
    """
    found = parse_id(text)
    if found is None:
        raise CartLineNotFound("The cart has no such line.")
    return CartLineId(found)


async def _check_currency(parts: Parts, token: str, currency: str) -> None:
    async with parts.db.connection() as connection:
        cart = await cart_queries.find_cart(connection, token=token)
    if cart is not None and cart.currency != currency:
        raise CartCurrencyDiffers(f"This cart counts in {cart.currency}.", currency=cart.currency)


async def check_can_be_bought(
    parts: Parts, variant_id: VariantId, quantity: int, currency: str
) -> None:
    """Refuse before a cart is made for what cannot be put into it: a refusal leaves nothing."""
    async with parts.db.connection() as connection:
        sellable = await catalog.list_sellable(connection, variant_ids=[variant_id])
        available = await inventory.available(connection, [variant_id])
    if (variant_id, currency) not in sellable:
        raise NotForSale([variant_id], currency=currency)
    if available[variant_id] < quantity:
        raise InsufficientStock([Shortage(variant_id, quantity, available[variant_id])])


HANDLERS: Final = (
    get_cart,
    add_line,
    clear_cart,
    change_line,
    remove_line,
    validate_cart,
)
