"""Money that buyers' banks hold, over HTTP: what lapses soon, and taking it now."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.commands import capture_payment
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy
from surehold.kernel.ids import OrderId, PaymentId
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.payments import queries as payments
from surehold.payments.authorizations import queries
from surehold.payments.authorizations.model import Held
from surehold.payments.errors import PaymentNotCapturable, PaymentNotFound
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.once import Finished, get_key
from surehold.web.api.orders import NoBody
from surehold.web.api.parts import Parts
from surehold.web.api.pricing import Instant
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


class LapsingQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when, and which page."""

    lapses_before: Instant
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class HeldShape(msgspec.Struct, frozen=True):
    """Money that a bank holds. ``capture``: ``none``, ``asked`` or ``refused``.

    ``honored_until``: it is authorized again after this, where the provider can.
    """

    payment_id: PaymentId
    order_id: OrderId
    provider: str
    authorized: Money
    authorized_at: datetime
    honored_until: datetime | None
    capture_before: datetime
    capture: str
    #: When staff were told that it lapses soon.
    told_at: datetime | None


class HeldList(msgspec.Struct, frozen=True):
    """One page, what lapses first at the beginning."""

    items: tuple[HeldShape, ...]
    next_cursor: str | None


_LAPSING: Final = Reader(LapsingQuery)
_NO_BODY: Final = Reader(NoBody)


def _held(row: Held) -> HeldShape:
    return HeldShape(
        payment_id=row.payment_id,
        order_id=row.order_id,
        provider=row.provider,
        authorized=Money(row.authorized_minor, row.currency),
        authorized_at=row.begun_at,
        honored_until=row.honored_until,
        capture_before=row.capture_before,
        capture=row.capture_state.value,
        told_at=row.told_at,
    )


@get(
    "/payments",
    opt=describe(
        tag="payments",
        summary="List payments whose authorization lapses",
        about="Staff only. Money that buyers' banks hold and let go before `lapses_before`, what "
        "lapses first at the beginning. Send the goods, capture it, or it is lost.",
        query=LapsingQuery,
        answer=HeldList,
        errors=(Unauthenticated,),
        permission=Permission.ORDERS_READ,
        security=(STAFF,),
    ),
)
async def list_lapsing(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What is held, and not for much longer."""
    query = read_query(request, _LAPSING)
    async with parts.db.connection() as connection:
        page = await queries.list_lapsing(
            connection,
            before=datetime.fromisoformat(query.lapses_before),
            cursor=query.cursor,
            limit=query.limit,
        )
    return answer(HeldList(tuple(map(_held, page.items)), page.next_cursor))


@post(
    "/payments/{payment_id:str}/capture",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Capture money that is held, now",
        about="Staff only. Money is captured by itself when something is sent; this takes it "
        "sooner, or again after its provider refused. It is asked for at once: `captured` when "
        "the provider gave it, still `authorized` and `is_under_review` when it refused, still "
        "`authorized` alone while its answer is awaited. Asked for twice it is captured once.",
        body=NoBody,
        is_body_optional=True,
        answer=PaymentShape,
        headers=(KEY,),
        errors=(
            Unauthenticated,
            PaymentNotFound,
            PaymentNotCapturable,
            IdempotencyKeyMissing,
            IdempotencyKeyInvalid,
            IdempotencyKeyReused,
            RequestInFlight,
            Busy,
        ),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def capture(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Take what the bank holds."""
    found = parse_id(payment_id)
    if found is None:
        raise PaymentNotFound("There is no payment with this id.")
    key = get_key(headers_of(request))
    _, raw = await read_json(request, _NO_BODY, is_optional=True)

    async def work() -> Finished:
        payment = PaymentId(found)
        await capture_payment(parts.checkout, payment_id=payment, actor=actor_of(request))
        async with parts.db.connection() as connection:
            after = await payments.get_payment(connection, payment_id=payment)
        return Finished(200, encode(payment_shape(after)), found)

    done = await parts.once(scope=f"capture:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (list_lapsing, capture)
