"""The cart's coupon over HTTP: what it gives, or why it gives nothing."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency

from surehold.cart import commands as carts
from surehold.cart import queries as cart_queries
from surehold.cart.errors import CartNotFound
from surehold.cart.model import Cart
from surehold.checkout import queries
from surehold.kernel.money import Money
from surehold.pricing import rules as pricing
from surehold.pricing.errors import NotForSale, ShippingMethodUnknown
from surehold.pricing.model import Quote
from surehold.web.api.access import find_cart_token
from surehold.web.api.checkout import ExplanationShape, explanation_shapes
from surehold.web.api.parts import Parts
from surehold.web.api.price_fields import CouponCode
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, headers_of, read_json
from surehold.web.openapi import CART, describe
from surehold.web.validation import Reader


class CouponBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code as the buyer types it."""

    code: CouponCode


class CartCouponShape(msgspec.Struct, frozen=True):
    """The cart's coupon and what the cart costs with it, in the store's own country.

    The sums are null while something in the cart cannot be bought, or nothing is in it.
    """

    coupon: str | None
    is_applied: bool
    explanations: tuple[ExplanationShape, ...]
    subtotal: Money | None
    discount: Money | None
    shipping: Money | None
    total: Money | None


_COUPON: Final = Reader(CouponBody)


@get(
    "/cart/coupon",
    opt=describe(
        tag="cart",
        summary="Read what the cart's coupon gives",
        answer=CartCouponShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def get_coupon(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The effect of the coupon, or the reason why it has none."""
    return await _answer(parts, _token(request))


@put(
    "/cart/coupon",
    opt=describe(
        tag="cart",
        summary="Keep a coupon with the cart",
        about="The code is kept whether it applies now or not; the answer says what it gives, or "
        "in `explanations` why it gives nothing. A checkout of the cart uses it, and is refused "
        "while it does not apply.",
        body=CouponBody,
        body_example={"code": "SPRING-10"},
        answer=CartCouponShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def put_coupon(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Keep a code with the caller's cart."""
    token = _token(request)
    body, _ = await read_json(request, _COUPON)
    await carts.set_coupon(parts.db, token=token, code=pricing.normalize_code(body.code))
    return await _answer(parts, token)


@delete(
    "/cart/coupon",
    status_code=200,
    opt=describe(
        tag="cart",
        summary="Forget the cart's coupon",
        answer=CartCouponShape,
        errors=(CartNotFound,),
        security=(CART,),
    ),
)
async def delete_coupon(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Check out without a coupon. Forgetting twice changes nothing."""
    token = _token(request)
    await carts.set_coupon(parts.db, token=token, code=None)
    return await _answer(parts, token)


def _token(request: ApiRequest) -> str:
    token, _ = find_cart_token(headers_of(request))
    if token is None:
        raise CartNotFound("There is no cart yet: send what to put into it.")
    return token


async def _answer(parts: Parts, token: str) -> ApiResponse:
    async with parts.db.connection() as connection:
        cart = await cart_queries.get_cart(connection, token=token)
        quote = None
        if cart.lines:
            basket = queries.Basket(
                lines=tuple((line.variant_id, line.quantity) for line in cart.lines),
                currency=cart.currency,
                coupon=cart.coupon_code,
            )
            try:
                priced = await queries.price_basket(
                    connection, books=parts.checkout.context.books, basket=basket
                )
            except (NotForSale, ShippingMethodUnknown):
                pass
            else:
                quote = priced.quote
    return answer(_shape(cart, quote))


def _shape(cart: Cart, quote: Quote | None) -> CartCouponShape:
    if quote is None:
        return CartCouponShape(cart.coupon_code, False, (), None, None, None, None)  # noqa: FBT003 - the field is called is_applied
    sums = (
        quote.subtotal_minor,
        quote.discount_minor,
        quote.shipping_minor,
        quote.total_minor,
    )
    return CartCouponShape(
        cart.coupon_code,
        quote.coupon is not None,
        explanation_shapes(quote),
        *(Money(amount, cart.currency) for amount in sums),
    )


HANDLERS: Final = (get_coupon, put_coupon, delete_coupon)
