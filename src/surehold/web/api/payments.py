"""Payments over HTTP: begin one, read it, and look what became of it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.commands import confirm_payment, verify_payment
from surehold.checkout.errors import OrderNotPayable
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.errors import Busy
from surehold.kernel.ids import PaymentId, parse_merchant_reference
from surehold.kernel.money import Money
from surehold.orders.errors import OrderNotFound
from surehold.payments import queries
from surehold.payments.errors import (
    AmountNotSupported,
    CashOnDeliveryNotOffered,
    CurrencyNotSupported,
    PaymentInProgress,
    PaymentNotConfirmable,
    PaymentNotFound,
    ProviderUnknown,
)
from surehold.payments.model import Payment
from surehold.web.api.access import actor_of, open_order
from surehold.web.api.fields import MoneyBody
from surehold.web.api.once import Finished, find_key, get_key
from surehold.web.api.orders import NoBody, RetryBody, begin_payment
from surehold.web.api.parts import Parts
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
from surehold.web.openapi import KEY, OPTIONAL_KEY, ORDER, STAFF, describe
from surehold.web.validation import Reader, parse_id

_REPEATED: Final = (IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight)


class IntentBody(RetryBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which order to pay, and how; unset: the way its checkout named. ``phone`` as for a retry."""

    order_id: UUID


class ConfirmBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What arrived. Another amount than was asked for is held for review."""

    received: MoneyBody


_INTENT: Final = Reader(IntentBody)
_CONFIRM: Final = Reader(ConfirmBody)
_NO_BODY: Final = Reader(NoBody)
#: As ``open_order`` says it of a payment that there is.
_NOT_YOURS: Final = "There is none with this id and token."


async def _read(parts: Parts, payment_id: PaymentId) -> Payment:
    async with parts.db.connection() as connection:
        return await queries.get_payment(connection, payment_id=payment_id)


async def open_payment(request: ApiRequest, parts: Parts, found: UUID | None) -> Payment:
    """The payment that the caller may see: with its order's token, or as staff.

    Raises:
        PaymentNotFound: No such payment, or not for this caller; which of them does not show.
    """
    if found is None:
        raise PaymentNotFound(_NOT_YOURS)
    try:
        payment = await _read(parts, PaymentId(found))
    except PaymentNotFound:
        raise PaymentNotFound(_NOT_YOURS) from None
    open_order(request, parts, str(payment.order_id), otherwise=PaymentNotFound)
    return payment


@post(
    "/payments/create-intent",
    opt=describe(
        tag="payments",
        summary="Begin a payment of an order that needs paying",
        about="A payment that is still open is joined, not doubled.",
        body=IntentBody,
        body_example={
            "order_id": "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10",
            "payment_method": {"provider": "bank_transfer"},
        },
        answer=PaymentShape,
        status=201,
        headers=(KEY,),
        errors=(
            OrderNotFound,
            Unauthenticated,
            ProviderUnknown,
            CashOnDeliveryNotOffered,
            CurrencyNotSupported,
            AmountNotSupported,
            OrderNotPayable,
            PaymentInProgress,
            InsufficientStock,
            Busy,
            IdempotencyKeyMissing,
            *_REPEATED,
        ),
        permission=Permission.ORDERS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def create_intent(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Begin to collect the money of an order."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _INTENT)
    order_id, _ = open_order(request, parts, str(body.order_id))

    async def work() -> Finished:
        placed = await begin_payment(parts, order_id, body)
        assert placed.payment is not None
        return Finished(201, encode(payment_shape(placed.payment)), placed.payment.id)

    done = await parts.once(scope=f"create-intent:{order_id}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/payments/{payment_id:str}",
    opt=describe(
        tag="payments",
        summary="Read one payment",
        answer=PaymentShape,
        errors=(PaymentNotFound, Unauthenticated),
        permission=Permission.ORDERS_READ,
        security=(ORDER, STAFF),
    ),
)
async def get_payment(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """One payment as we know it; nobody is asked."""
    return answer(payment_shape(await open_payment(request, parts, parse_id(payment_id))))


@post(
    "/payments/{payment_id:str}/verify",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Look what became of a payment",
        about="For a browser that came back from the provider: the payment is read there now, "
        "instead of waiting for the webhook. Asking twice changes nothing.",
        body=NoBody,
        is_body_optional=True,
        answer=PaymentShape,
        errors=(PaymentNotFound, Unauthenticated, Busy),
        permission=Permission.ORDERS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def verify(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Read the payment from its provider."""
    payment = await open_payment(request, parts, parse_id(payment_id))
    await read_json(request, _NO_BODY, is_optional=True)
    return await _verified(parts, payment)


@get(
    "/payments/verify/{reference:str}",
    opt=describe(
        tag="payments",
        summary="Look what became of a payment, by our reference at the provider",
        about="As `POST /payments/{payment_id}/verify`, for return addresses that carry the "
        "reference (`SH` and 26 letters and digits).",
        answer=PaymentShape,
        errors=(PaymentNotFound, Unauthenticated, Busy),
        permission=Permission.ORDERS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def verify_reference(
    request: ApiRequest, parts: NamedDependency[Parts], reference: FromPath[str]
) -> ApiResponse:
    """Read the payment from its provider, found by our reference."""
    payment = await open_payment(request, parts, parse_merchant_reference(reference))
    return await _verified(parts, payment)


async def _verified(parts: Parts, payment: Payment) -> ApiResponse:
    await verify_payment(parts.checkout, payment_id=payment.id)
    return answer(payment_shape(await _read(parts, payment.id)))


@post(
    "/payments/{payment_id:str}/confirm",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Confirm that the money of a transfer arrived",
        about="Staff only, and only for payments that no provider decides about. Confirming twice "
        "books once. Another amount or currency than was asked for is held for review "
        "(`is_under_review`).",
        body=ConfirmBody,
        body_example={"received": {"amount": 2489, "currency": "EUR"}},
        answer=PaymentShape,
        headers=(OPTIONAL_KEY,),
        errors=(PaymentNotFound, Unauthenticated, PaymentNotConfirmable, Busy, *_REPEATED),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def confirm(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Book money that people saw arrive."""
    found = parse_id(payment_id)
    if found is None:
        raise PaymentNotFound("There is no payment with this id.")
    key = find_key(headers_of(request))
    body, raw = await read_json(request, _CONFIRM)
    received = Money(body.received.amount, body.received.currency)

    async def work() -> Finished:
        await confirm_payment(
            parts.checkout, payment_id=PaymentId(found), received=received, actor=actor_of(request)
        )
        payment = await _read(parts, PaymentId(found))
        return Finished(200, encode(payment_shape(payment)), found)

    done = await parts.once(scope=f"confirm:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (create_intent, get_payment, verify, verify_reference, confirm)
