"""What is kept about a person over HTTP: a copy of it, and the end of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.identity.errors import NotPermitted, TotpRequired
from surehold.identity.permissions import Permission
from surehold.privacy import commands, queries
from surehold.privacy.errors import (
    ErasureNotFound,
    ExportNotFound,
    ExportNotReady,
    NotACustomer,
    StillOpen,
)
from surehold.privacy.model import Erasure, ErasureState, NewExport
from surehold.web.api.access import staff_of
from surehold.web.api.identity.caller import authenticate
from surehold.web.api.identity.shapes import (
    BY_ACCOUNT,
    KNOWN_ERRORS,
    PROVEN_ERRORS,
    EmailBody,
    PasswordBody,
    TokenBody,
)
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.limits import NO_STORE
from surehold.web.openapi import JSON, STAFF, describe
from surehold.web.validation import Reader, parse_id

_ACCEPTED: Final = 202
_STAFF: Final = (*KNOWN_ERRORS, TotpRequired, NotPermitted)


class ExportShape(msgspec.Struct, frozen=True):
    """A copy that is being made. ``token`` opens it once, and is told here alone."""

    id: UUID
    token: str
    expires_at: datetime


class ErasureShape(msgspec.Struct, frozen=True):
    """An erasure. ``rows``: how many rows were changed or deleted so far, by table."""

    id: UUID
    state: ErasureState
    orders: int
    rows: dict[str, int]
    requested_by: str
    requested_at: datetime
    erased_at: datetime | None
    again_at: datetime | None


class ErasingShape(msgspec.Struct, frozen=True):
    """An erasure that has begun."""

    id: UUID


_PASSWORD: Final = Reader(PasswordBody)
_EMAIL: Final = Reader(EmailBody)
_TOKEN: Final = Reader(TokenBody)


@post(
    "/account/export",
    status_code=_ACCEPTED,
    opt=describe(
        tag="privacy",
        summary="Order a copy of what is kept about oneself",
        about="It is made within seconds, kept for 72 hours, and taken once, with the token.",
        body=PasswordBody,
        answer=ExportShape,
        status=_ACCEPTED,
        errors=(*PROVEN_ERRORS, NotACustomer),
        security=BY_ACCOUNT,
    ),
)
async def export_own(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Order a copy."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _PASSWORD)
    made = await commands.export_own(parts.identity, principal=principal, password=body.password)
    return _ordered(made)


@post(
    "/account/export/fetch",
    status_code=200,
    opt=describe(
        tag="privacy",
        summary="Take a copy that was ordered, once",
        about="The whole copy as a JSON document; with the answer it is deleted here.",
        body=TokenBody,
        answer=dict,
        errors=(ExportNotFound, ExportNotReady),
    ),
)
async def take_export(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Hand a copy out."""
    body, _ = await read_json(request, _TOKEN)
    content = await commands.take_export(parts.db, token=body.token)
    return ApiResponse(
        content,
        status_code=200,
        media_type=JSON,
        headers={
            NO_STORE[0].decode(): NO_STORE[1].decode(),
            "content-disposition": 'attachment; filename="personal-data.json"',
        },
    )


@post(
    "/account/erase",
    status_code=_ACCEPTED,
    opt=describe(
        tag="privacy",
        summary="Erase oneself",
        about="Closes the account and ends every session at once; a job erases what is kept. "
        "Refused while an order, a payment, a return or store credit is open: `open` lists them.",
        body=PasswordBody,
        answer=ErasingShape,
        status=_ACCEPTED,
        errors=(*PROVEN_ERRORS, StillOpen, NotACustomer),
        security=BY_ACCOUNT,
    ),
)
async def erase_own(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Begin to erase whoever asks."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _PASSWORD)
    erasure_id = await commands.erase_own(
        parts.identity, principal=principal, password=body.password
    )
    return answer(ErasingShape(erasure_id), status=_ACCEPTED)


@post(
    "/privacy/exports",
    status_code=_ACCEPTED,
    opt=describe(
        tag="privacy",
        summary="Order a copy of what is kept about somebody",
        about="For whoever has no account; staff have made sure who asks.",
        body=EmailBody,
        body_example={"email": "mara@example.com"},
        answer=ExportShape,
        status=_ACCEPTED,
        errors=(*_STAFF, NotACustomer),
        permission=Permission.PRIVACY_WRITE,
        security=(STAFF,),
    ),
)
async def export_person(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Order a copy for somebody."""
    principal = staff_of(request)
    body, _ = await read_json(request, _EMAIL)
    return _ordered(await commands.export_person(parts.db, principal=principal, email=body.email))


@post(
    "/privacy/erasures",
    status_code=_ACCEPTED,
    opt=describe(
        tag="privacy",
        summary="Erase somebody",
        about="With an account or without; staff have made sure who asks. A second time returns "
        "the erasure that is under way.",
        body=EmailBody,
        body_example={"email": "mara@example.com"},
        answer=ErasingShape,
        status=_ACCEPTED,
        errors=(*_STAFF, StillOpen, NotACustomer),
        permission=Permission.PRIVACY_WRITE,
        security=(STAFF,),
    ),
)
async def erase_person(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Begin to erase somebody."""
    principal = staff_of(request)
    body, _ = await read_json(request, _EMAIL)
    erasure_id = await commands.erase_person(parts.db, principal=principal, email=body.email)
    return answer(ErasingShape(erasure_id), status=_ACCEPTED)


@get(
    "/privacy/erasures/{erasure_id:str}",
    opt=describe(
        tag="privacy",
        summary="See how far an erasure has come",
        about="Of whom it is is not kept.",
        answer=ErasureShape,
        errors=(*_STAFF, ErasureNotFound),
        permission=Permission.PRIVACY_WRITE,
        security=(STAFF,),
    ),
)
async def get_erasure(parts: NamedDependency[Parts], erasure_id: FromPath[str]) -> ApiResponse:
    """One erasure."""
    found = parse_id(erasure_id)
    if found is None:
        raise ErasureNotFound("There is no such erasure.")
    async with parts.db.connection() as connection:
        return answer(_shape(await queries.get_erasure(connection, erasure_id=found)))


def _ordered(made: NewExport) -> ApiResponse:
    return answer(ExportShape(made.id, made.token, made.expires_at), status=_ACCEPTED)


def _shape(erasure: Erasure) -> ErasureShape:
    return ErasureShape(
        id=erasure.id,
        state=erasure.state,
        orders=erasure.orders,
        rows={table: count for table, count in erasure.counts.items() if count},
        requested_by=erasure.requested_by,
        requested_at=erasure.requested_at,
        erased_at=erasure.erased_at,
        again_at=erasure.again_at,
    )


HANDLERS: Final = (
    export_own,
    take_export,
    erase_own,
    export_person,
    erase_person,
    get_erasure,
)
