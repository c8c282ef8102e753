"""Payments that are held for a person, over HTTP: why, what may be decided, and the decision."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.checkout.commands import REVIEWS, preview_review, review_payment
from surehold.checkout.settlements import Keep
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy
from surehold.kernel.ids import PaymentId
from surehold.payments import queries
from surehold.payments.errors import PaymentNotFound, ReviewNotPossible
from surehold.payments.model import ReviewDecision
from surehold.web.api.access import actor_of
from surehold.web.api.fields import Line200
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
)
from surehold.web.errors import IdempotencyKeyInvalid, RequestInFlight, Unauthenticated
from surehold.web.openapi import KEY, STAFF, describe
from surehold.web.validation import Reader, parse_id


class PaymentReviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is decided, and why."""

    decision: ReviewDecision
    note: Line200


class ReviewDecidedShape(msgspec.Struct, frozen=True):
    """What was decided before, and why it was held then."""

    reason: str
    decision: str
    note: str
    actor: str
    decided_at: datetime


class PaymentReviewShape(msgspec.Struct, frozen=True):
    """Why a payment is held (null: it is not), what may be decided now, and what was before."""

    payment: PaymentShape
    reason: str | None
    allowed: tuple[str, ...]
    decided: tuple[ReviewDecidedShape, ...]


_REVIEW: Final = Reader(PaymentReviewBody)


def _payment_id(text: str) -> PaymentId:
    found = parse_id(text)
    if found is None:
        raise PaymentNotFound("There is no payment with this id.")
    return PaymentId(found)


async def _read(parts: Parts, payment_id: PaymentId) -> PaymentReviewShape:
    asked = await preview_review(parts.checkout, payment_id=payment_id)
    async with parts.db.connection() as connection:
        payment = await queries.get_payment(connection, payment_id=payment_id)
        before = await queries.list_reviews(connection, payment_id=payment_id)
    return PaymentReviewShape(
        payment_shape(payment),
        payment.review_reason,
        tuple(one.value for one in asked.allowed),
        tuple(
            ReviewDecidedShape(row.reason, row.decision.value, row.note, row.actor, row.decided_at)
            for row in before
        ),
    )


@get(
    "/payments/{payment_id:str}/review",
    opt=describe(
        tag="payments",
        summary="Read why a payment is held for a person",
        about="Staff only. `allowed` is what may be decided now.",
        answer=PaymentReviewShape,
        errors=(Unauthenticated, PaymentNotFound, Busy),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def get_review(parts: NamedDependency[Parts], payment_id: FromPath[str]) -> ApiResponse:
    """Why somebody must look, and what they may do."""
    return answer(await _read(parts, _payment_id(payment_id)))


@post(
    "/payments/{payment_id:str}/review",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Decide about a payment that is held for a person",
        about="Staff only. `accept`: nothing more is to be done; refunds that somebody made at "
        "the provider are booked. `refund`: what is kept beyond what is due goes back. Of an "
        "order held for `fraud_signals`, `accept` lets it go on; `reject` cancels it, frees its "
        "stock, and its money goes back or is not taken.",
        body=PaymentReviewBody,
        body_example={"decision": "refund", "note": "The goods went back to the shelf"},
        answer=PaymentReviewShape,
        headers=(KEY,),
        errors=(
            Unauthenticated,
            PaymentNotFound,
            ReviewNotPossible,
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
async def decide(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Clear the reason, and put the books right."""
    found = _payment_id(payment_id)
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _REVIEW)

    place = f"{found}:{key}"

    async def settle(request_hash: bytes) -> None:
        await review_payment(
            parts.checkout,
            payment_id=found,
            decision=body.decision,
            note=body.note,
            actor=actor_of(request),
            keep=Keep(REVIEWS, place, request_hash, lambda _: b"{}"),
        )

    async def work() -> Finished:
        # What is answered is read afterwards; that it was decided is kept with the decision.
        await parts.once.kept(scope=REVIEWS, key=place, body=raw, work=settle)
        return Finished(200, encode(await _read(parts, found)), found)

    done = await parts.once(scope=f"review:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (get_review, decide)
