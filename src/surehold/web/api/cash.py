"""Cash at the door over HTTP: collected, refused, looked for, and taken to the bank."""

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

from surehold.checkout.commands import collect_cash, refuse_delivery
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy, Fault
from surehold.kernel.ids import OrderId, PaymentId
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders.errors import OrderNotCancelable
from surehold.payments import queries as payments
from surehold.payments.cash import commands, queries
from surehold.payments.cash.errors import CashNotHeld, DepositReferenceUsed
from surehold.payments.cash.model import DEPOSIT_MAX, Collection, Deposit
from surehold.payments.errors import PaymentNotCollectable, PaymentNotFound
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Line200, MoneyBody
from surehold.web.api.once import Finished, get_key
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
    read_query,
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id

_REPEATED: Final = (
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    RequestInFlight,
    Busy,
)


class CollectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was taken at the door, and who has it."""

    received: MoneyBody
    collected_by: Line200

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """Something was taken."""
        received = raw.get("received")
        if isinstance(received, Mapping) and received.get("amount") == 0:
            yield Fault(f"{at}/received/amount", "out_of_range", "Nothing was collected.")


class RefuseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the buyer did not take it."""

    reason: Line200


class DepositBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose cash was paid in, what the bank counted, and the number of its receipt."""

    payment_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=DEPOSIT_MAX)]
    counted: MoneyBody
    reference: Line200


class HeldQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class CollectionShape(msgspec.Struct, frozen=True):
    """Cash that somebody has since ``collected_at``."""

    payment_id: PaymentId
    order_id: OrderId
    amount: Money
    collected_by: str
    collected_at: datetime


class CollectionList(msgspec.Struct, frozen=True):
    """One page of cash that is not at the bank, the oldest first."""

    items: tuple[CollectionShape, ...]
    next_cursor: str | None


class DepositShape(msgspec.Struct, frozen=True):
    """Cash that was paid in: what was collected, and what the bank counted."""

    id: UUID
    reference: str
    collected: Money
    counted: Money
    deposited_at: datetime


_COLLECT: Final = Reader(CollectBody)
_REFUSE: Final = Reader(RefuseBody)
_DEPOSIT: Final = Reader(DepositBody)
_HELD: Final = Reader(HeldQuery)


def _payment_id(text: str) -> PaymentId:
    found = parse_id(text)
    if found is None:
        raise PaymentNotFound("There is no payment with this id.")
    return PaymentId(found)


async def _finished(parts: Parts, payment_id: PaymentId) -> Finished:
    async with parts.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    return Finished(200, encode(payment_shape(payment)), payment.id)


def _collection(row: Collection) -> CollectionShape:
    return CollectionShape(
        row.payment_id,
        row.order_id,
        Money(row.amount_minor, row.currency),
        row.collected_by,
        row.collected_at,
    )


def _deposit(row: Deposit) -> DepositShape:
    return DepositShape(
        row.id,
        row.reference,
        Money(row.collected_minor, row.currency),
        Money(row.counted_minor, row.currency),
        row.deposited_at,
    )


@post(
    "/payments/{payment_id:str}/collect",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Say that an order was paid at the door",
        about="Staff only, for payments on delivery. Reported twice it is booked once. Another "
        "amount or currency than was asked for is held for review (`is_under_review`): the order "
        "is not paid, and the cash is in the books.",
        body=CollectBody,
        body_example={
            "received": {"amount": 2489, "currency": "EUR"},
            "collected_by": "Abebe, tour 7",
        },
        answer=PaymentShape,
        headers=(KEY,),
        errors=(Unauthenticated, PaymentNotFound, PaymentNotCollectable, *_REPEATED),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def collect(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Book cash that a courier has."""
    found = _payment_id(payment_id)
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _COLLECT)

    async def work() -> Finished:
        await collect_cash(
            parts.checkout,
            payment_id=found,
            received=Money(body.received.amount, body.received.currency),
            collected_by=body.collected_by,
            actor=actor_of(request),
        )
        return await _finished(parts, found)

    done = await parts.once(scope=f"collect:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@post(
    "/payments/{payment_id:str}/refuse",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Say that an order was refused at the door",
        about="Staff only, for payments on delivery. The order is canceled, its parcels are on "
        "their way back, and nothing is owed. The goods are on the shelf again when staff say so "
        "of a return. Twice changes nothing.",
        body=RefuseBody,
        body_example={"reason": "Nobody at home, three times"},
        answer=PaymentShape,
        headers=(KEY,),
        errors=(
            Unauthenticated,
            PaymentNotFound,
            PaymentNotCollectable,
            OrderNotCancelable,
            *_REPEATED,
        ),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def refuse(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Give an order up that nobody took."""
    found = _payment_id(payment_id)
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _REFUSE)

    async def work() -> Finished:
        await refuse_delivery(
            parts.checkout, payment_id=found, reason=body.reason, actor=actor_of(request)
        )
        return await _finished(parts, found)

    done = await parts.once(scope=f"refuse:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@get(
    "/payments/cash",
    opt=describe(
        tag="payments",
        summary="List cash that was collected and is not at the bank",
        about="Staff only. The oldest first, with who has it.",
        query=HeldQuery,
        answer=CollectionList,
        errors=(Unauthenticated,),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def list_held(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Cash in couriers' pockets."""
    query = read_query(request, _HELD)
    async with parts.db.connection() as connection:
        page = await queries.list_held(connection, cursor=query.cursor, limit=query.limit)
    return answer(CollectionList(tuple(map(_collection, page.items)), page.next_cursor))


@post(
    "/payments/cash/deposits",
    opt=describe(
        tag="payments",
        summary="Say that collected cash was paid in at the bank",
        about="Staff only. All of it in one currency, under the number of the bank's receipt. "
        "What the bank counted otherwise than was collected is booked as a difference. The same "
        "receipt of the same cash is one deposit.",
        body=DepositBody,
        body_example={
            "payment_ids": ["0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"],
            "counted": {"amount": 2489, "currency": "EUR"},
            "reference": "2026-11-21/17",
        },
        answer=DepositShape,
        status=201,
        headers=(KEY,),
        errors=(Unauthenticated, CashNotHeld, DepositReferenceUsed, *_REPEATED),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def deposit(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Take cash to the bank."""
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _DEPOSIT)

    async def work() -> Finished:
        made = await commands.deposit_cash(
            parts.db,
            payment_ids=[PaymentId(one) for one in body.payment_ids],
            counted=Money(body.counted.amount, body.counted.currency),
            reference=body.reference,
            actor=actor_of(request).name,
        )
        return Finished(201, encode(_deposit(made)), made.id)

    done = await parts.once(scope="cash-deposits", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (collect, refuse, list_held, deposit)
