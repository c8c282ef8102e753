"""Disputes over HTTP: listed, read, answered, given in to, and written down by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.checkout.commands import answer_dispute, record_dispute
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy, Fault, InvalidInput
from surehold.kernel.ids import DisputeId, OrderId, PaymentId
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.payments import queries as payments
from surehold.payments.disputes import queries
from surehold.payments.disputes.errors import (
    DisputeAnswered,
    DisputeFeeReported,
    DisputeNotFound,
    DisputeNotRecordable,
    DisputeOver,
)
from surehold.payments.disputes.model import AnswerState, Dispute, DisputeEvent
from surehold.payments.errors import PaymentNotFound
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Line200, MoneyBody
from surehold.web.api.once import Finished, get_key
from surehold.web.api.orders import NoBody
from surehold.web.api.parts import Parts
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
#: What people are told of an answer that no program sends.
_BY_HAND: Final = "Send it in the provider's dashboard: this provider takes it from people alone."


class EvidenceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The evidence in words: what was sent, when, and who signed for it."""

    evidence: Annotated[str, Meta(min_length=1, max_length=5_000, pattern=r"\S")]


class DisputeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a dispute stands, as a letter or the provider's dashboard says."""

    provider_dispute_id: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
    amount: MoneyBody
    state: DisputeState
    reason: Line200
    stage: DisputeStage = DisputeStage.CHARGEBACK
    respond_by: datetime | None = None
    fee: Annotated[int, Meta(ge=0, le=999_999_999_999)] = 0


class DisputeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which disputes, and which page."""

    state: DisputeState | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class DisputeShape(msgspec.Struct, frozen=True):
    """One dispute. ``answer_state`` says what became of what the store said."""

    id: DisputeId
    order_id: OrderId
    payment_id: PaymentId
    provider: str
    provider_dispute_id: str
    stage: str
    state: str
    amount: Money
    held_back: Money
    lost: Money
    fee: Money
    reason: str
    respond_by: datetime | None
    answer_state: str
    answer: str | None
    is_accepted: bool
    answered_by: str | None
    answered_at: datetime | None
    #: What is left for people to do.
    todo: str | None
    opened_at: datetime
    updated_at: datetime


class DisputeList(msgspec.Struct, frozen=True):
    """One page of disputes, newest first."""

    items: tuple[DisputeShape, ...]
    next_cursor: str | None


class DisputeEventShape(msgspec.Struct, frozen=True):
    """One thing that happened to a dispute. ``from_state`` is null when it was opened."""

    from_state: str | None
    state: str
    stage: str
    amount: Money
    reason: str
    actor: str
    happened_at: datetime


class DisputeDetail(msgspec.Struct, frozen=True):
    """One dispute and its history, oldest first."""

    dispute: DisputeShape
    events: tuple[DisputeEventShape, ...]


_ANSWER: Final = Reader(EvidenceBody)
_RECORD: Final = Reader(DisputeBody)
_LIST: Final = Reader(DisputeQuery)
_NO_BODY: Final = Reader(NoBody)


def _dispute(row: Dispute) -> DisputeShape:
    def money(minor: int) -> Money:
        return Money(minor, row.currency)

    is_todo = row.answer_state is AnswerState.BY_HAND and row.is_open
    return DisputeShape(
        id=row.id,
        order_id=row.order_id,
        payment_id=row.payment_id,
        provider=row.provider,
        provider_dispute_id=row.provider_dispute_id,
        stage=row.stage.value,
        state=row.state.value,
        amount=money(row.amount_minor),
        held_back=money(row.away_minor),
        lost=money(row.lost_minor),
        fee=money(row.fee_minor),
        reason=row.reason,
        respond_by=row.respond_by,
        answer_state=row.answer_state.value,
        answer=row.answer,
        is_accepted=row.is_accepted,
        answered_by=row.answered_by,
        answered_at=row.answered_at,
        todo=_BY_HAND if is_todo else None,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
    )


def _event(row: DisputeEvent, currency: str) -> DisputeEventShape:
    return DisputeEventShape(
        row.from_state.value if row.from_state else None,
        row.to_state.value,
        row.stage.value,
        Money(row.amount_minor, currency),
        row.reason,
        row.actor,
        row.happened_at,
    )


async def _read(parts: Parts, dispute_id: DisputeId) -> DisputeDetail:
    async with parts.db.connection() as connection:
        found, events = await queries.get_dispute(connection, dispute_id=dispute_id)
    return DisputeDetail(_dispute(found), tuple(_event(row, found.currency) for row in events))


def _dispute_id(text: str) -> DisputeId:
    found = parse_id(text)
    if found is None:
        raise DisputeNotFound("There is no dispute with this id.")
    return DisputeId(found)


@get(
    "/disputes",
    opt=describe(
        tag="payments",
        summary="List disputes",
        about="Staff only. Newest first; `state` is what the provider last said: those with "
        "`needs_response` want an answer before `respond_by`.",
        query=DisputeQuery,
        answer=DisputeList,
        errors=(Unauthenticated,),
        permission=Permission.DISPUTES_READ,
        security=(STAFF,),
    ),
)
async def list_disputes(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What buyers' banks ask back."""
    query = read_query(request, _LIST)
    async with parts.db.connection() as connection:
        page = await queries.list_disputes(
            connection, state=query.state, cursor=query.cursor, limit=query.limit
        )
    return answer(DisputeList(tuple(map(_dispute, page.items)), page.next_cursor))


@get(
    "/disputes/{dispute_id:str}",
    opt=describe(
        tag="payments",
        summary="Read one dispute with its history",
        about="Staff only.",
        answer=DisputeDetail,
        errors=(Unauthenticated, DisputeNotFound),
        permission=Permission.DISPUTES_READ,
        security=(STAFF,),
    ),
)
async def get_dispute(parts: NamedDependency[Parts], dispute_id: FromPath[str]) -> ApiResponse:
    """One dispute as we know it; nobody is asked."""
    return answer(await _read(parts, _dispute_id(dispute_id)))


async def _answered(
    request: ApiRequest, parts: Parts, dispute_id: str, evidence: str | None, raw: bytes
) -> ApiResponse:
    key, found = get_key(headers_of(request)), _dispute_id(dispute_id)

    async def work() -> Finished:
        await answer_dispute(
            parts.checkout, dispute_id=found, evidence=evidence, actor=actor_of(request)
        )
        return Finished(200, encode(await _read(parts, found)), found)

    done = await parts.once(scope=f"answer-dispute:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


@post(
    "/disputes/{dispute_id:str}/answer",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Answer a dispute with evidence",
        about="Staff only. It is sent where the provider takes it (`answer_state`: `sending`, "
        "then `sent` or `refused`); else it is written down (`by_hand`), and `todo` says that "
        "people send it in the provider's dashboard. The same again changes nothing.",
        body=EvidenceBody,
        body_example={"evidence": "Sent with DHL JD0146 on 12 November, signed for by M. Quinn."},
        answer=DisputeDetail,
        headers=(KEY,),
        errors=(Unauthenticated, DisputeNotFound, DisputeOver, DisputeAnswered, *_REPEATED),
        permission=Permission.DISPUTES_WRITE,
        security=(STAFF,),
    ),
)
async def answer_with_evidence(
    request: ApiRequest, parts: NamedDependency[Parts], dispute_id: FromPath[str]
) -> ApiResponse:
    """Say why the money is the store's."""
    body, raw = await read_json(request, _ANSWER)
    return await _answered(request, parts, dispute_id, body.evidence, raw)


@post(
    "/disputes/{dispute_id:str}/accept",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Give in to a dispute",
        about="Staff only. It is lost when the provider says so; until then its money is held "
        "back. Where the provider takes no answers, `todo` says what people do.",
        body=NoBody,
        is_body_optional=True,
        answer=DisputeDetail,
        headers=(KEY,),
        errors=(Unauthenticated, DisputeNotFound, DisputeOver, DisputeAnswered, *_REPEATED),
        permission=Permission.DISPUTES_WRITE,
        security=(STAFF,),
    ),
)
async def accept(
    request: ApiRequest, parts: NamedDependency[Parts], dispute_id: FromPath[str]
) -> ApiResponse:
    """Let the buyer have the money."""
    _, raw = await read_json(request, _NO_BODY, is_optional=True)
    return await _answered(request, parts, dispute_id, None, raw)


@post(
    "/payments/{payment_id:str}/disputes",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Write a dispute down that the provider told people of",
        about="Staff only, for payments whose provider tells programs nothing of disputes. The "
        "same again changes nothing; told otherwise under the same `provider_dispute_id`, the "
        "dispute has moved: opened, under review, won or lost.",
        body=DisputeBody,
        body_example={
            "provider_dispute_id": "CB-2026-117",
            "amount": {"amount": 2489, "currency": "EUR"},
            "state": "needs_response",
            "reason": "Not received",
            "respond_by": "2026-12-01T00:00:00Z",
        },
        answer=DisputeDetail,
        headers=(KEY,),
        errors=(
            Unauthenticated,
            PaymentNotFound,
            DisputeNotRecordable,
            DisputeFeeReported,
            *_REPEATED,
        ),
        permission=Permission.DISPUTES_WRITE,
        security=(STAFF,),
    ),
)
async def record(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Take people's word for how a dispute stands."""
    found = parse_id(payment_id)
    if found is None:
        raise PaymentNotFound("There is no payment with this id.")
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _RECORD)
    await _check_amount(parts, PaymentId(found), body)

    async def work() -> Finished:
        told = DisputeSnapshot(
            provider_dispute_id=body.provider_dispute_id,
            amount=Money(body.amount.amount, body.amount.currency),
            stage=body.stage,
            state=body.state,
            reason=body.reason,
            respond_by=body.respond_by,
            fee_minor=body.fee,
        )
        await record_dispute(
            parts.checkout, payment_id=PaymentId(found), told=told, actor=actor_of(request)
        )
        made = await _find(parts, PaymentId(found), body.provider_dispute_id)
        return Finished(200, encode(await _read(parts, made)), made)

    done = await parts.once(scope=f"record-dispute:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


async def _check_amount(parts: Parts, payment_id: PaymentId, body: DisputeBody) -> None:
    async with parts.db.connection() as connection:
        payment = await payments.get_payment(connection, payment_id=payment_id)
    faults = []
    if body.amount.currency != payment.currency:
        faults.append(
            Fault("/amount/currency", "other_currency", f"The payment is in {payment.currency}.")
        )
    if body.amount.amount == 0:
        faults.append(Fault("/amount/amount", "out_of_range", "Something is disputed."))
    if body.respond_by is not None and body.respond_by.tzinfo is None:
        faults.append(Fault("/respond_by", "no_time_zone", "Say of which time zone it is."))
    if faults:
        raise InvalidInput(tuple(faults))


async def _find(parts: Parts, payment_id: PaymentId, name: str) -> DisputeId:
    async with parts.db.connection() as connection:
        rows = await queries.list_of_payments(connection, payment_ids=[payment_id])
    return next(row.id for row in rows if row.provider_dispute_id == name)


HANDLERS: Final = (list_disputes, get_dispute, answer_with_evidence, accept, record)
