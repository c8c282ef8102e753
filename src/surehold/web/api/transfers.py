"""Transfers over HTTP: what buyers show of them, what staff look for, and what will not come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.checkout.commands import reject_transfer
from surehold.db.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused
from surehold.identity.permissions import Permission
from surehold.kernel.errors import Busy, Fault, InvalidInput
from surehold.kernel.ids import OrderId, PaymentId, TransferProofId
from surehold.kernel.money import Money
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.orders.photos.errors import PhotoTooLarge
from surehold.orders.transfers import commands, queries
from surehold.orders.transfers.errors import (
    ProofNotFound,
    ProofNotReadable,
    ProofsFull,
    TransferNotAwaited,
)
from surehold.orders.transfers.model import Awaited, Proof, ProofKind
from surehold.payments import queries as payments
from surehold.payments.errors import PaymentNotConfirmable, PaymentNotFound
from surehold.payments.model import Payment
from surehold.payments.providers.bank_transfer import find_order_number, reference_of
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Line200
from surehold.web.api.once import Finished, get_key
from surehold.web.api.parts import Parts
from surehold.web.api.payments import open_payment
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
from surehold.web.limits import PHOTO_LIMIT_BYTES, PHOTO_SECONDS, read_body
from surehold.web.openapi import KEY, ORDER, STAFF, describe
from surehold.web.problems import BodyTooLarge, BodyTooSlow, UnsupportedMediaType
from surehold.web.validation import Reader, parse_id

_PDF: Final = "application/pdf"
_JPEG: Final = "image/jpeg"
_TAKEN: Final = (_JPEG, "image/png", "image/webp", _PDF)
_TYPES: Final = {ProofKind.IMAGE: _JPEG, ProofKind.PDF: _PDF}
_NAMES: Final = {ProofKind.IMAGE: "proof.jpg", ProofKind.PDF: "proof.pdf"}
#: A stranger's file is taken away and opened elsewhere, never within our pages.
_HEADERS: Final = MappingProxyType(
    {
        "cache-control": "private, no-store",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }
)


class RejectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the buyer is told."""

    reason: Line200


class AwaitedQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page; or the transfer that a reference is of, however it was typed."""

    reference: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class ProofShape(msgspec.Struct, frozen=True):
    """One file that a buyer has shown: `image` or `pdf`. Its bytes are for staff alone."""

    id: TransferProofId
    payment_id: PaymentId
    kind: str
    size_bytes: int
    added_at: datetime


class ProofList(msgspec.Struct, frozen=True):
    """What was shown of a payment."""

    items: tuple[ProofShape, ...]
    next_cursor: str | None = None


class AwaitedShape(msgspec.Struct, frozen=True):
    """A transfer to look for: so much, under this reference."""

    payment_id: PaymentId
    order_id: OrderId
    order_number: str
    reference: str
    email: str
    amount: Money
    proofs: int
    is_under_review: bool
    created_at: datetime


class AwaitedList(msgspec.Struct, frozen=True):
    """One page of transfers to look for, the oldest first."""

    items: tuple[AwaitedShape, ...]
    next_cursor: str | None


_REJECT: Final = Reader(RejectBody)
_AWAITED: Final = Reader(AwaitedQuery)


def _payment_id(text: str) -> PaymentId:
    found = parse_id(text)
    if found is None:
        raise PaymentNotFound("There is no payment with this id.")
    return PaymentId(found)


async def _read(parts: Parts, payment_id: PaymentId) -> Payment:
    async with parts.db.connection() as connection:
        return await payments.get_payment(connection, payment_id=payment_id)


def _proof(row: Proof) -> ProofShape:
    return ProofShape(row.id, row.payment_id, row.kind.value, row.size_bytes, row.added_at)


def _awaited(row: Awaited) -> AwaitedShape:
    return AwaitedShape(
        row.payment_id,
        row.order_id,
        row.order_number,
        reference_of(row.order_number),
        row.email,
        Money(row.amount_minor, row.currency),
        row.proofs,
        row.review_reason is not None,
        row.created_at,
    )


def _check_type(headers: Mapping[bytes, bytes]) -> None:
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind not in _TAKEN:
        raise UnsupportedMediaType(f"Send the file itself, as {', '.join(_TAKEN)}.")


@post(
    "/payments/{payment_id:str}/proofs",
    opt=describe(
        tag="payments",
        summary="Show that a transfer was sent",
        about="The bytes of a JPEG, PNG, WebP or PDF of at most 8 MB; three for a payment, while "
        "its transfer is awaited. What it is is seen by its bytes; a picture is drawn anew. Only "
        "staff can look at it, and it proves nothing: the order is paid when staff see the money. "
        "The same file sent again is answered with 200.",
        body=bytes,
        body_type=_PDF,
        answer=ProofShape,
        status=201,
        also={200: "It was there before."},
        errors=(
            PaymentNotFound,
            Unauthenticated,
            TransferNotAwaited,
            ProofsFull,
            ProofNotReadable,
            PhotoTooLarge,
            BodyTooLarge,
            BodyTooSlow,
            UnsupportedMediaType,
        ),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(ORDER, STAFF),
    ),
)
async def show(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Keep a file for staff to look at."""
    payment = await open_payment(request, parts, parse_id(payment_id))
    headers = headers_of(request)
    _check_type(headers)
    raw = await read_body(request.receive, headers, limit=PHOTO_LIMIT_BYTES, seconds=PHOTO_SECONDS)
    shown = await commands.show_proof(
        parts.db,
        payment_id=payment.id,
        raw=raw,
        actor=actor_of(request).name,
    )
    return answer(_proof(shown.proof), status=201 if shown.is_new else 200)


@get(
    "/payments/{payment_id:str}/proofs",
    opt=describe(
        tag="payments",
        summary="List what a buyer has shown of a transfer",
        about="Staff only.",
        answer=ProofList,
        errors=(PaymentNotFound, Unauthenticated),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def list_shown(parts: NamedDependency[Parts], payment_id: FromPath[str]) -> ApiResponse:
    """Its files."""
    payment = await _read(parts, _payment_id(payment_id))
    async with parts.db.connection() as connection:
        rows = await queries.list_proofs(connection, payment_id=payment.id)
    return answer(ProofList(tuple(map(_proof, rows))))


@get(
    "/payments/{payment_id:str}/proofs/{proof_id:str}",
    opt=describe(
        tag="payments",
        summary="Take a file that a buyer has shown",
        about="Staff only. A JPEG of our own drawing, or a PDF as it came: to be saved, and not "
        "shown in a page.",
        answer=bytes,
        answer_type=_JPEG,
        errors=(PaymentNotFound, ProofNotFound, Unauthenticated),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def take(
    parts: NamedDependency[Parts],
    payment_id: FromPath[str],
    proof_id: FromPath[str],
) -> ApiResponse:
    """The file itself."""
    found = parse_id(proof_id)
    if found is None:
        raise ProofNotFound("There is no proof with this id.")
    async with parts.db.connection() as connection:
        kind, content = await queries.get_content(
            connection, payment_id=_payment_id(payment_id), proof_id=TransferProofId(found)
        )
    name = {"content-disposition": f'attachment; filename="{_NAMES[kind]}"'}
    return Response(content, media_type=_TYPES[kind], headers={**_HEADERS, **name})


@get(
    "/payments/awaiting-confirmation",
    opt=describe(
        tag="payments",
        summary="List transfers to look for in the bank's statements",
        about="Staff only. The oldest first; or the one that a reference is of, as the buyer "
        "typed it: letters and digits that look alike, spaces and hyphens are understood.",
        query=AwaitedQuery,
        answer=AwaitedList,
        errors=(Unauthenticated,),
        permission=Permission.PAYMENTS_CONFIRM,
        security=(STAFF,),
    ),
)
async def list_awaited(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Transfers that did not come yet."""
    query = read_query(request, _AWAITED)
    number = None
    if query.reference is not None:
        number = find_order_number(query.reference)
        if number is None:
            detail = "Nine letters and digits, of which the last checks the others."
            raise InvalidInput((Fault("/reference", "invalid_reference", detail),))
    async with parts.db.connection() as connection:
        page = await queries.list_awaited(
            connection, order_number=number, cursor=query.cursor, limit=query.limit
        )
    return answer(AwaitedList(tuple(map(_awaited, page.items)), page.next_cursor))


@post(
    "/payments/{payment_id:str}/reject",
    status_code=200,
    opt=describe(
        tag="payments",
        summary="Say that the money of a transfer will not come",
        about="Staff only. The buyer reads the reason (`failure_message`) and may pay again. "
        "Money that comes all the same is confirmed as late money is. Twice changes nothing.",
        body=RejectBody,
        body_example={"reason": "The receipt is of another order"},
        answer=PaymentShape,
        headers=(KEY,),
        errors=(
            PaymentNotFound,
            PaymentNotConfirmable,
            Unauthenticated,
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
async def reject(
    request: ApiRequest, parts: NamedDependency[Parts], payment_id: FromPath[str]
) -> ApiResponse:
    """Give a transfer up."""
    found = _payment_id(payment_id)
    key = get_key(headers_of(request))
    body, raw = await read_json(request, _REJECT)

    async def work() -> Finished:
        await reject_transfer(
            parts.checkout, payment_id=found, reason=body.reason, actor=actor_of(request)
        )
        return Finished(200, encode(payment_shape(await _read(parts, found))), found)

    done = await parts.once(scope=f"reject:{found}", key=key, body=raw, work=work)
    return answer_bytes(done.body, status=done.status)


HANDLERS: Final = (show, list_shown, take, list_awaited, reject)
