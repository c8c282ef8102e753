"""``POST /api/v1/checkout``: the hot path, a bare ASGI application in front of the framework.

It has the same validation and the same errors as every other route, and nothing else: no router,
no request object, no response object. What is not needed is not allocated. A body that a quick
look finds fault with, or is not sure of, is read again by the slow walk that all routes share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar.types import Receive, Scope, Send

from surehold.cart.commands import hash_token
from surehold.cart.errors import CartNotFound
from surehold.checkout.commands import place_order
from surehold.checkout.model import Answer, Placement
from surehold.db import urgent
from surehold.kernel import clock
from surehold.kernel.errors import Fault
from surehold.kernel.ids import CartId, QuoteId, VariantId
from surehold.kernel.money import is_currency
from surehold.pricing.rules import is_code, normalize_code, normalize_vat_id
from surehold.web.api.access import find_cart_token
from surehold.web.api.fields import (
    PLAIN_EMAIL,
    AddressBody,
    Code,
    CurrencyCode,
    Email,
    LineBody,
    Lines,
    Minor,
    MoneyBody,
    PaymentMethodBody,
    basket_faults,
    is_address_fine,
    normalize_email,
    settle_address,
)
from surehold.web.api.once import get_key
from surehold.web.api.parts import Parts
from surehold.web.api.price_fields import (
    CouponCode,
    GiftCards,
    VatId,
    are_gift_cards_fine,
    gift_card_faults,
    wishes_of,
)
from surehold.web.limits import (
    CHECKOUT_LIMIT_BYTES,
    NO_STORE,
    SECURITY_HEADERS,
    check_is_json,
    read_body,
)
from surehold.web.problems import problem_of
from surehold.web.requests import is_whole, request_id_of
from surehold.web.validation import Reader

PATH: Final = "/api/v1/checkout"


class CheckoutBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A checkout of a cart (with its token) or of lines: exactly one of the two.

    ``expected_total`` is what the buyer was shown: an amount with its currency, or bare minor
    units. If the total differs, nothing is placed. ``expected_to_pay`` is likewise what was shown
    to be left to pay once the gift cards have paid their parts.
    """

    email: Email
    shipping_address: AddressBody
    shipping_method: Code
    payment_method: PaymentMethodBody
    cart_id: UUID | None = None
    lines: Lines | None = None
    billing_address: AddressBody | None = None
    coupon: CouponCode | None = None
    vat_id: VatId | None = None
    expected_total: MoneyBody | Minor | None = None
    currency: CurrencyCode | None = None
    quote_id: UUID | None = None
    gift_cards: GiftCards | None = None
    expected_to_pay: MoneyBody | Minor | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong between the fields."""
        yield from basket_faults(raw, at)
        yield from gift_card_faults(raw, at)


def _is_fine(body: CheckoutBody) -> bool:
    """Whether a decoded body needs no second look. Says no when it is not sure."""
    lines = body.lines
    if (body.cart_id is None) == (lines is None):
        return False
    # Two lines may name one variant, and then their sum has a limit.
    if lines is not None and len(lines) > 1 and sum(line.quantity for line in lines) > 999:
        return False
    total, to_pay = body.expected_total, body.expected_to_pay
    return (
        PLAIN_EMAIL(body.email) is not None
        and (body.currency is None or is_currency(body.currency))
        and (type(total) is not MoneyBody or is_currency(total.currency))
        and (type(to_pay) is not MoneyBody or is_currency(to_pay.currency))
        and are_gift_cards_fine(body.gift_cards)
        and is_address_fine(body.shipping_address)
        and (body.billing_address is None or is_address_fine(body.billing_address))
        and (body.coupon is None or is_code(normalize_code(body.coupon)))
        and (body.vat_id is None or normalize_vat_id(body.vat_id) is not None)
    )


READER: Final = Reader(CheckoutBody, is_fine=_is_fine)


def sum_lines(lines: tuple[LineBody, ...]) -> tuple[tuple[VariantId, int], ...]:
    """Units by variant, in the order in which each was named first."""
    if len(lines) == 1:
        return ((VariantId(lines[0].variant_id), lines[0].quantity),)
    sums: dict[VariantId, int] = {}
    for line in lines:
        variant_id = VariantId(line.variant_id)
        sums[variant_id] = sums.get(variant_id, 0) + line.quantity
    return tuple(sums.items())


def read_placement(
    raw: bytes,
    headers: Mapping[bytes, bytes],
    *,
    default_currency: str,
    client_address: str | None = None,
) -> Placement:
    """What a checkout asks for.

    Raises:
        UnsupportedMediaType, MalformedJson: It is not JSON.
        IdempotencyKeyMissing, IdempotencyKeyInvalid: The header is not as it must be.
        InvalidInput: Lists every fault of the body.
        CartNotFound: A cart was named without its token.
    """
    check_is_json(headers)
    key = get_key(headers)
    body = READER.read(raw)
    digest = hashlib.sha256(raw)
    cart_id = token_hash = None
    if body.cart_id is not None:
        token, _ = find_cart_token(headers)
        if token is None:
            raise CartNotFound("There is no cart with this id and token.")
        cart_id, token_hash = CartId(body.cart_id), hash_token(token)
        # The token is part of the question: without it nobody hears the answer again.
        digest.update(token_hash)
    expected, expected_currency = _amount_of(body.expected_total)
    to_pay, to_pay_currency = _amount_of(body.expected_to_pay)
    return Placement(
        key=key,
        request_hash=digest.digest(),
        email=normalize_email(body.email),
        shipping_address=settle_address(body.shipping_address),
        billing_address=(
            None if body.billing_address is None else settle_address(body.billing_address)
        ),
        shipping_method=body.shipping_method,
        provider=body.payment_method.provider,
        cart_id=cart_id,
        cart_token_hash=token_hash,
        lines=() if body.lines is None else sum_lines(body.lines),
        # A cart has a currency of its own; lines are in the store's first unless they say.
        currency=body.currency or (default_currency if cart_id is None else None),
        expected_total_minor=expected,
        expected_currency=expected_currency,
        quote_id=None if body.quote_id is None else QuoteId(body.quote_id),
        coupon=None if body.coupon is None else normalize_code(body.coupon),
        vat_id=None if body.vat_id is None else normalize_vat_id(body.vat_id),
        gift_cards=() if body.gift_cards is None else wishes_of(body.gift_cards),
        expected_to_pay_minor=to_pay,
        expected_to_pay_currency=to_pay_currency,
        client_address=client_address,
    )


def _amount_of(given: MoneyBody | int | None) -> tuple[int | None, str | None]:
    """An amount that may come with its currency."""
    if isinstance(given, MoneyBody):
        return given.amount, given.currency
    return given, None


class CheckoutRoute:
    """The checkout as an ASGI application."""

    def __init__(self, parts: Parts) -> None:
        self._checkout = parts.checkout
        self._default_currency = parts.config.default_currency
        self._metrics = parts.metrics

    async def place(
        self, raw: bytes, headers: Mapping[bytes, bytes], client_address: str | None
    ) -> Answer:
        """Validate and place.

        Raises:
            DomainError, ProtocolRefusal: As the modules below name them.
        """
        placement = read_placement(
            raw,
            headers,
            default_currency=self._default_currency,
            client_address=client_address,
        )
        with urgent():
            answer = await place_order(self._checkout, placement)
        self._metrics.orders_placed += 1
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        began = clock.monotonic_seconds()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = request_id_of(headers)
        answer_headers = [
            NO_STORE,
            *SECURITY_HEADERS,
            (b"x-request-id", request_id.encode("ascii")),
        ]
        try:
            raw = await read_body(
                receive, headers, limit=CHECKOUT_LIMIT_BYTES, is_there=is_whole(scope)
            )
            client = scope["client"]
            answer = await self.place(raw, headers, client[0] if client else None)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            reply = problem_of(error, request_id=request_id)
            status, body = reply.status, reply.body
            answer_headers += [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers
            ]
        else:
            status, body = answer.status, answer.body
            answer_headers.append((b"content-type", b"application/json"))
        answer_headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        self._metrics.count("POST", PATH, status, clock.monotonic_seconds() - began)
