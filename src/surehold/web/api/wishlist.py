"""Lists of wishes over HTTP. A token opens one, in a header or in a cookie."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.cart import commands as carts
from surehold.cart import queries as cart_queries
from surehold.cart.errors import (
    CartFull,
    CartLineNotFound,
    CartNotFound,
    WishlistFull,
    WishlistNotFound,
    WishNotFound,
)
from surehold.cart.model import Wishlist
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.ids import ProductId, VariantId
from surehold.kernel.money import Money
from surehold.pricing.errors import NotForSale
from surehold.web.api.access import WISHLIST_COOKIE, find_cart_token, find_wishlist_token
from surehold.web.api.cart import CartShape, cart_cookie, cart_shape, check_can_be_bought
from surehold.web.api.fields import CurrencyCode, Quantity
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, headers_of, read_json
from surehold.web.openapi import CART, WISHLIST, describe
from surehold.web.validation import Reader, parse_id


class WishShape(msgspec.Struct, frozen=True):
    """One wish, with today's prices and what is available."""

    variant_id: VariantId
    product_id: ProductId
    slug: str
    name: str
    options: tuple[str, ...]
    sku: str
    prices: tuple[Money, ...]
    available: int
    is_for_sale: bool
    added_at: datetime


class WishlistShape(msgspec.Struct, frozen=True):
    """A list of wishes. ``token`` opens it."""

    id: UUID
    token: str
    items: tuple[WishShape, ...]
    created_at: datetime
    updated_at: datetime


class MovedShape(msgspec.Struct, frozen=True):
    """The list without the wish, and the cart with it."""

    wishlist: WishlistShape
    cart: CartShape


class WishBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to wish for."""

    variant_id: UUID


class MoveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many units to put into the cart. ``currency`` is the one of a new cart."""

    quantity: Quantity = 1
    currency: CurrencyCode | None = None


_WISH: Final = Reader(WishBody)
_MOVE: Final = Reader(MoveBody)
_EXAMPLE: Final = {"variant_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"}


def _shape(wishlist: Wishlist, token: str) -> WishlistShape:
    return WishlistShape(
        id=wishlist.id,
        token=token,
        items=tuple(
            WishShape(
                wish.variant_id,
                wish.product_id,
                wish.slug,
                wish.name,
                wish.options,
                wish.sku,
                tuple(Money(minor, currency) for currency, minor in sorted(wish.prices.items())),
                wish.available,
                wish.is_for_sale,
                wish.added_at,
            )
            for wish in wishlist.lines
        ),
        created_at=wishlist.created_at,
        updated_at=wishlist.updated_at,
    )


def _get_token(request: ApiRequest) -> str:
    token, _ = find_wishlist_token(headers_of(request))
    if token is None:
        raise WishlistNotFound("There is no list yet: send what to wish for.")
    return token


@get(
    "/wishlist",
    opt=describe(
        tag="cart",
        summary="Read the list of wishes",
        answer=WishlistShape,
        errors=(WishlistNotFound,),
        security=(WISHLIST,),
    ),
)
async def get_wishlist(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The caller's list."""
    token = _get_token(request)
    async with parts.db.connection() as connection:
        wishlist = await cart_queries.get_wishlist(connection, token=token)
    return answer(_shape(wishlist, token))


@post(
    "/wishlist",
    opt=describe(
        tag="cart",
        summary="Wish for a variant",
        about="Begins the list when there is none (201, with its token and a cookie). What is on "
        "it already stays where it is.",
        body=WishBody,
        body_example=_EXAMPLE,
        answer=WishlistShape,
        status=201,
        also={200: "The list was there."},
        errors=(WishlistNotFound, WishlistFull, NotForSale),
        security=(WISHLIST,),
        is_security_optional=True,
    ),
)
async def add_wish(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Add to the caller's list, or to a new one."""
    body, _ = await read_json(request, _WISH)
    variant_id = VariantId(body.variant_id)
    token, is_cookie = find_wishlist_token(headers_of(request))
    if token is not None:
        try:
            wishlist = await carts.add_wish(parts.db, token=token, variant_id=variant_id)
        except WishlistNotFound:
            # A browser keeps its cookie longer than we keep an untouched list.
            if not is_cookie:
                raise
        else:
            return answer(_shape(wishlist, token))
    wishlist, token = await carts.create_wishlist(parts.db, variant_id=variant_id)
    return answer(
        _shape(wishlist, token), status=201, headers={"set-cookie": _cookie(parts, token)}
    )


@delete(
    "/wishlist/items/{variant_id:str}",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Take a wish off the list",
        answer=WishlistShape,
        errors=(WishlistNotFound, WishNotFound),
        security=(WISHLIST,),
    ),
)
async def remove_wish(
    request: ApiRequest, parts: NamedDependency[Parts], variant_id: FromPath[str]
) -> ApiResponse:
    """Remove one wish."""
    token = _get_token(request)
    wishlist = await carts.remove_wish(parts.db, token=token, variant_id=_variant_id(variant_id))
    return answer(_shape(wishlist, token))


@post(
    "/wishlist/items/{variant_id:str}/move-to-cart",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Put a wish into the cart",
        about="Into the caller's cart, or a new one. A refusal leaves the wish on the list.",
        body=MoveBody,
        body_example={"quantity": 1},
        is_body_optional=True,
        answer=MovedShape,
        errors=(
            WishlistNotFound,
            WishNotFound,
            CartNotFound,
            NotForSale,
            CartFull,
            InsufficientStock,
        ),
        security=(WISHLIST, CART),
    ),
)
async def move_to_cart(
    request: ApiRequest, parts: NamedDependency[Parts], variant_id: FromPath[str]
) -> ApiResponse:
    """Move one wish into the cart."""
    body, _ = await read_json(request, _MOVE, is_optional=True)
    token = _get_token(request)
    wish = _variant_id(variant_id)
    cart_token, _ = find_cart_token(headers_of(request))
    headers = {}
    if cart_token is None:
        async with parts.db.connection() as connection:
            wished = await cart_queries.get_wishlist(connection, token=token)
        if wish not in {line.variant_id for line in wished.lines}:
            raise WishNotFound("The list has no such wish.")
        currency = body.currency or parts.config.default_currency
        await check_can_be_bought(parts, wish, body.quantity, currency)
        _, cart_token = await carts.create_cart(parts.db, currency=currency)
        is_secure = parts.config.base_url.startswith("https:")
        headers = {"set-cookie": cart_cookie(cart_token, is_secure=is_secure)}
    wishlist, cart = await carts.move_wish_to_cart(
        parts.db, token=token, variant_id=wish, cart_token=cart_token, quantity=body.quantity
    )
    moved = MovedShape(_shape(wishlist, token), cart_shape(cart, cart_token))
    return answer(moved, headers=headers)


@post(
    "/cart/items/{line_id:str}/wish",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Move a line of the cart to the list of wishes",
        about="To the caller's list, or a new one.",
        answer=MovedShape,
        errors=(CartNotFound, CartLineNotFound, WishlistNotFound, WishlistFull, NotForSale),
        security=(CART, WISHLIST),
    ),
)
async def wish_line(
    request: ApiRequest, parts: NamedDependency[Parts], line_id: FromPath[str]
) -> ApiResponse:
    """Move one line to the list: it is wished for first, so that it is never in neither."""
    headers = headers_of(request)
    cart_token, _ = find_cart_token(headers)
    found = parse_id(line_id)
    if cart_token is None:
        raise CartNotFound("There is no cart yet: send what to put into it.")
    async with parts.db.connection() as connection:
        cart = await cart_queries.get_cart(connection, token=cart_token)
    line = next((line for line in cart.lines if line.id == found), None)
    if line is None:
        raise CartLineNotFound("The cart has no such line.")
    token, _ = find_wishlist_token(headers)
    more = {}
    if token is None:
        wishlist, token = await carts.create_wishlist(parts.db, variant_id=line.variant_id)
        more = {"set-cookie": _cookie(parts, token)}
    else:
        wishlist = await carts.add_wish(parts.db, token=token, variant_id=line.variant_id)
    cart = await carts.remove_line(parts.db, token=cart_token, line_id=line.id)
    return answer(MovedShape(_shape(wishlist, token), cart_shape(cart, cart_token)), headers=more)


def _cookie(parts: Parts, token: str) -> str:
    secure = "; Secure" if parts.config.base_url.startswith("https:") else ""
    age = int(carts.WISHES_KEPT_FOR.total_seconds())
    return f"{WISHLIST_COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


def _variant_id(text: str) -> VariantId:
    found = parse_id(text)
    if found is None:
        raise WishNotFound("The list has no such wish.")
    return VariantId(found)


HANDLERS: Final = (get_wishlist, add_wish, remove_wish, move_to_cart, wish_line)
