"""Fraud signals over HTTP: what is asked for, what was found, and what waits for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.db import shop
from surehold.identity.permissions import Permission
from surehold.kernel.fraud_settings import FraudSettings
from surehold.kernel.ids import FraudAssessmentId, OrderId, PaymentId
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders.fraud import queries
from surehold.orders.fraud.errors import AssessmentNotFound
from surehold.orders.fraud.model import AssessedOrder
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json, read_query
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id


class AssessmentsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; ``open``: only what waits for a person, whoever waits longest first."""

    open: bool = False
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class SignalShape(msgspec.Struct, frozen=True):
    """One thing that spoke against the order, and its points then."""

    signal: str
    weight: int
    sentence: str


class AssessmentShape(msgspec.Struct, frozen=True):
    """What spoke against an order when its money came. `is_open`: it is held for a person now.

    `decision`: `accept` or `reject`; null while nobody has decided.
    """

    id: FraudAssessmentId
    payment_id: PaymentId
    order_id: OrderId
    order_number: str
    amount: Money
    score: int
    hold_at: int
    is_held: bool
    is_open: bool
    decision: str | None
    signals: tuple[SignalShape, ...]
    assessed_at: datetime


class AssessmentList(msgspec.Struct, frozen=True):
    """One page of assessments."""

    items: tuple[AssessmentShape, ...]
    next_cursor: str | None


_QUERY: Final = Reader(AssessmentsQuery)
_SETTINGS: Final = Reader(FraudSettings)
#: As the settings of a store are kept.
_KEY: Final = "fraud_signals"
_EXAMPLE: Final = {
    "is_on": True,
    "hold_at": 60,
    "weights": {"country_mismatch": 40, "disposable_mail": 40},
    "large_amounts": {"EUR": 50_000, "USD": 50_000},
}


def _shape(row: AssessedOrder) -> AssessmentShape:
    return AssessmentShape(
        row.id,
        row.payment_id,
        row.order_id,
        row.order_number,
        Money(row.amount_minor, row.currency),
        row.score,
        row.hold_at,
        row.is_held,
        row.is_open,
        None if row.decision is None else row.decision.value,
        tuple(SignalShape(one.name.value, one.weight, one.sentence) for one in row.signals),
        row.assessed_at,
    )


@get(
    "/fraud/assessments",
    opt=describe(
        tag="payments",
        summary="List orders that something spoke against when their money came",
        about="Staff only. Newest first; with `open` what is held for a person now, whoever waits "
        "longest first. Decide with `POST /payments/{payment_id}/review`: `accept` or `reject`.",
        query=AssessmentsQuery,
        answer=AssessmentList,
        errors=(Unauthenticated,),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def list_assessments(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Everything, or what waits."""
    query = read_query(request, _QUERY)
    read = queries.list_open if query.open else queries.list_assessments
    async with parts.db.connection() as connection:
        page = await read(connection, cursor=query.cursor, limit=query.limit)
    return answer(AssessmentList(tuple(map(_shape, page.items)), page.next_cursor))


@get(
    "/fraud/assessments/{assessment_id:str}",
    opt=describe(
        tag="payments",
        summary="Read what spoke against an order",
        about="Staff only. Every signal with its points, as they were then.",
        answer=AssessmentShape,
        errors=(Unauthenticated, AssessmentNotFound),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def get_assessment(
    parts: NamedDependency[Parts], assessment_id: FromPath[str]
) -> ApiResponse:
    """One of them."""
    found = parse_id(assessment_id)
    if found is None:
        raise AssessmentNotFound("There is no fraud assessment with this id.")
    async with parts.db.connection() as connection:
        row = await queries.get_assessment(connection, assessment_id=FraudAssessmentId(found))
    return answer(_shape(row))


@get(
    "/fraud/settings",
    opt=describe(
        tag="payments",
        summary="Read what counts as a fraud signal",
        about="Staff only. Weights are points, and 0 switches a signal off; from `hold_at` points "
        "on an order waits for a person. Amounts are minor units.",
        answer=FraudSettings,
        errors=(Unauthenticated,),
        permission=Permission.SETTINGS_WRITE,
        security=(STAFF,),
    ),
)
async def get_settings(parts: NamedDependency[Parts]) -> ApiResponse:
    """As it is in force."""
    async with parts.db.connection() as connection:
        return answer((await shop.load(connection)).fraud_signals)


@put(
    "/fraud/settings",
    opt=describe(
        tag="payments",
        summary="Say what counts as a fraud signal",
        about="Staff only. All of it is replaced: what is not sent has its default. It counts "
        "from the next payment on; what was judged stays as it was judged.",
        body=FraudSettings,
        body_example=_EXAMPLE,
        answer=FraudSettings,
        errors=(Unauthenticated,),
        permission=Permission.SETTINGS_WRITE,
        security=(STAFF,),
    ),
)
async def put_settings(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Keep it, and who said so."""
    body, _ = await read_json(request, _SETTINGS)
    async with parts.db.transaction() as tx:
        after = await shop.change(
            tx, key=_KEY, value=msgspec.to_builtins(body), actor=actor_of(request).name
        )
    return answer(after.fraud_signals)


HANDLERS: Final = (list_assessments, get_assessment, get_settings, put_settings)
