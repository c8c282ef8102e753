"""Coming back to a cart: lines kept for later, a second cart, a reminder's link."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import delete, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.cart import commands as carts
from surehold.cart import queries as cart_queries
from surehold.cart.errors import CartFull, CartLineNotFound, CartNotFound
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.ids import CartId, VariantId
from surehold.pricing.errors import NotForSale
from surehold.web.api.cart import (
    CartShape,
    cart_cookie,
    cart_shape,
    get_cart_token,
    read_line_id,
)
from surehold.web.api.fields import Email, normalize_email
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.errors import LinkInvalid
from surehold.web.openapi import CART, describe
from surehold.web.validation import Reader, parse_id

#: What the two links of a reminder are for; ``notifications`` makes them of these.
RESTORE: Final = "cart-restore"
REFUSE: Final = "cart-refuse"
_ID_BYTES: Final = 16
_HASH_BYTES: Final = 32

Token = Annotated[str, Meta(min_length=1, max_length=200)]


class MergeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of the cart to take over."""

    token: Token


class ContactBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to write to about this cart; null forgets it."""

    email: Email | None


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a reminder's link."""

    token: Token


class MergeNoteShape(msgspec.Struct, frozen=True):
    """A line that did not come over as it was.

    ``capped``: the cart has ``quantity`` of the ``requested`` units of both. ``not_for_sale``: it
    has no price in the cart's currency. ``cart_full``: the cart has all the lines that it may
    have. The last two stay in the other cart.
    """

    kind: str
    variant_id: VariantId
    requested: int
    quantity: int
    available: int


class MergeShape(msgspec.Struct, frozen=True):
    """The cart that two became, and what did not come over as it was."""

    cart: CartShape
    notes: tuple[MergeNoteShape, ...]


class ContactShape(msgspec.Struct, frozen=True):
    """Where the buyer of the cart is written to; null when nowhere."""

    email: str | None


class RefusedShape(msgspec.Struct, frozen=True):
    """The address that the letter went to gets no reminders any more."""

    is_refused: bool


_MERGE: Final = Reader(MergeBody)
_CONTACT: Final = Reader(ContactBody)
_LINK: Final = Reader(LinkBody)
_EXAMPLE: Final = {"token": "8IM0rwq3nC1eVb7ZkYfTgPsXhJ2uL9aD5oQmRtWxE4c"}


@post(
    "/cart/items/{line_id:str}/save",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Keep a line for later",
        about="It leaves the lines for `saved`, where it has no price and no checkout takes it.",
        answer=CartShape,
        errors=(CartNotFound, CartLineNotFound, CartFull),
        security=(CART,),
    ),
)
async def save_line(
    request: ApiRequest, parts: NamedDependency[Parts], line_id: FromPath[str]
) -> ApiResponse:
    """Move a line to what is kept for later."""
    token = get_cart_token(request)
    cart = await carts.save_line(parts.db, token=token, line_id=read_line_id(line_id))
    return answer(cart_shape(cart, token))


@post(
    "/cart/saved/{variant_id:str}/restore",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Put what was kept for later back into the cart",
        about="On top of what the lines have of it. A refusal leaves it where it was.",
        answer=CartShape,
        errors=(CartNotFound, CartLineNotFound, NotForSale, CartFull, InsufficientStock),
        security=(CART,),
    ),
)
async def restore_saved(
    request: ApiRequest, parts: NamedDependency[Parts], variant_id: FromPath[str]
) -> ApiResponse:
    """Move a saved line back."""
    token = get_cart_token(request)
    cart = await carts.restore_saved(parts.db, token=token, variant_id=_variant_id(variant_id))
    return answer(cart_shape(cart, token))


@delete(
    "/cart/saved/{variant_id:str}",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Keep something for later no more",
        answer=CartShape,
        errors=(CartNotFound, CartLineNotFound),
        security=(CART,),
    ),
)
async def drop_saved(
    request: ApiRequest, parts: NamedDependency[Parts], variant_id: FromPath[str]
) -> ApiResponse:
    """Forget a saved line."""
    token = get_cart_token(request)
    cart = await carts.drop_saved(parts.db, token=token, variant_id=_variant_id(variant_id))
    return answer(cart_shape(cart, token))


@post(
    "/cart/merge",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Take over another cart",
        about="The caller's cart gets what the one of the token in the body has: units are "
        "summed, up to what is available and to 999. It keeps its currency: lines of a cart in "
        "another one come over at today's price in it. `notes` lists every line that came over "
        "otherwise, or stayed. Merging again changes nothing.",
        body=MergeBody,
        body_example=_EXAMPLE,
        answer=MergeShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def merge_carts(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Make one cart of two."""
    token = get_cart_token(request)
    body, _ = await read_json(request, _MERGE)
    async with parts.db.connection() as connection:
        into = await cart_queries.get_cart(connection, token=token)
        other = await cart_queries.get_cart(connection, token=body.token)
    merged = await carts.merge_carts(parts.db, into=into.id, other=other.id)
    notes = tuple(
        MergeNoteShape(
            note.kind.value, note.variant_id, note.requested, note.quantity, note.available
        )
        for note in merged.notes
    )
    return answer(MergeShape(cart_shape(merged.cart, token), notes))


@put(
    "/cart/contact",
    opt=describe(
        tag="cart",
        summary="Say where to write to about the cart",
        about="One reminder, if the cart is left with something in it. Null forgets the address.",
        body=ContactBody,
        body_example={"email": "ada@example.com"},
        answer=ContactShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def set_contact(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Remember an address, or forget it."""
    token = get_cart_token(request)
    body, _ = await read_json(request, _CONTACT)
    email = None if body.email is None else normalize_email(body.email)
    await carts.set_contact(parts.db, token=token, email=email)
    return answer(ContactShape(email))


@post(
    "/cart/restore",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Open a cart by a reminder's link",
        about="In any browser: the answer has a token of its own for it, and sets the cookie. "
        "The browser that had the cart keeps it. Every line comes with its problems of today.",
        body=LinkBody,
        body_example=_EXAMPLE,
        answer=CartShape,
        errors=(LinkInvalid, CartNotFound),
    ),
)
async def restore_cart(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Give this browser the cart that the letter was about."""
    body, _ = await read_json(request, _LINK)
    subject = _read_link(parts, RESTORE, body.token, length=_ID_BYTES)
    cart, token = await carts.restore_cart(parts.db, cart_id=CartId(UUID(bytes=subject)))
    cookie = cart_cookie(token, is_secure=parts.config.base_url.startswith("https:"))
    return answer(cart_shape(cart, token), headers={"set-cookie": cookie})


@post(
    "/cart/refuse-reminders",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Get no more reminders",
        about="For the address that the letter went to, whatever cart it is given with. Only a "
        "hash of it is kept.",
        body=LinkBody,
        body_example=_EXAMPLE,
        answer=RefusedShape,
        errors=(LinkInvalid,),
    ),
)
async def refuse_reminders(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Write to this address no more."""
    body, _ = await read_json(request, _LINK)
    email_hash = _read_link(parts, REFUSE, body.token, length=_HASH_BYTES)
    async with parts.db.transaction() as tx:
        await carts.refuse_reminders(tx, email_hash=email_hash)
    return answer(RefusedShape(is_refused=True))


def _read_link(parts: Parts, purpose: str, token: str, *, length: int) -> bytes:
    subject = parts.links.find(purpose, token)
    if subject is None or len(subject) != length:
        raise LinkInvalid("Open the link of the letter again, whole.")
    return subject


def _variant_id(text: str) -> VariantId:
    found = parse_id(text)
    if found is None:
        raise CartLineNotFound("The cart keeps no such line for later.")
    return VariantId(found)


HANDLERS: Final = (
    save_line,
    restore_saved,
    drop_saved,
    merge_carts,
    set_contact,
    restore_cart,
    refuse_reminders,
)
