"""One's own account over HTTP: password, address, sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.identity import commands, queries
from surehold.identity.errors import SessionNeeded, SessionNotFound
from surehold.identity.model import Proof, Session, SessionKind
from surehold.kernel.ids import SessionId
from surehold.web.api.fields import Email
from surehold.web.api.identity.caller import authenticate, place_of
from surehold.web.api.identity.shapes import (
    ACCEPTED,
    BY_ACCOUNT,
    KNOWN_ERRORS,
    PROVEN_ERRORS,
    AcceptedShape,
    NewPassword,
    Password,
)
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.openapi import LANGUAGE, describe
from surehold.web.validation import Reader, parse_id

_ACCEPTED: Final = 202


class ChangePasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The current password, and the new one."""

    current_password: Password
    password: NewPassword


class ChangeEmailBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The current password, and the new address."""

    current_password: Password
    email: Email


class SessionShape(msgspec.Struct, frozen=True):
    """A sign-in that has not ended. ``is_current``: the one that asks."""

    id: SessionId
    kind: SessionKind
    proof: Proof
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_current: bool


class SessionList(msgspec.Struct, frozen=True):
    """Every session that has not ended, newest first."""

    items: tuple[SessionShape, ...]


class EndedShape(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    ended: int


_PASSWORD: Final = Reader(ChangePasswordBody)
_EMAIL: Final = Reader(ChangeEmailBody)


@put(
    "/me/password",
    opt=describe(
        tag="account",
        summary="Change one's password",
        about="Every other session ends.",
        body=ChangePasswordBody,
        body_example={
            "current_password": "quiet-harbor-lamp-41",
            "password": "louder-harbor-lamp-42",
        },
        answer=AcceptedShape,
        errors=PROVEN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def change_password(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Set a new password."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _PASSWORD)
    await commands.change_password(
        parts.identity,
        principal=principal,
        current=body.current_password,
        password=body.password,
    )
    return answer(ACCEPTED)


@put(
    "/me/email",
    status_code=_ACCEPTED,
    opt=describe(
        tag="account",
        summary="Ask for another e-mail address",
        about="Writes to the new one; until that link is used the old one stays.",
        body=ChangeEmailBody,
        body_example={
            "current_password": "quiet-harbor-lamp-41",
            "email": "mara.quinn@example.com",
        },
        answer=AcceptedShape,
        status=_ACCEPTED,
        headers=(LANGUAGE,),
        errors=PROVEN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def change_email(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Write to the new address."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _EMAIL)
    await commands.change_email(
        parts.identity,
        principal=principal,
        password=body.current_password,
        email=body.email,
        language=place_of(request).language,
    )
    return answer(ACCEPTED, status=_ACCEPTED)


@get(
    "/me/sessions",
    opt=describe(
        tag="account",
        summary="List one's sessions",
        about="At most a hundred: who signs in once more loses the oldest.",
        answer=SessionList,
        errors=KNOWN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def list_sessions(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Where one is signed in."""
    principal = await authenticate(request, parts)
    async with parts.db.connection() as connection:
        rows = await queries.list_sessions(connection, account_id=principal.account_id)
    return answer(SessionList(tuple(_shape(row, principal.session_id) for row in rows)))


@delete(
    "/me/sessions",
    status_code=200,
    opt=describe(
        tag="account",
        summary="End every other session",
        answer=EndedShape,
        errors=(*KNOWN_ERRORS, SessionNeeded),
        security=BY_ACCOUNT,
    ),
)
async def end_sessions(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """All but the one that asks."""
    principal = await authenticate(request, parts)
    return answer(EndedShape(await commands.end_sessions(parts.db, principal=principal)))


@delete(
    "/me/sessions/{session_id:str}",
    status_code=200,
    opt=describe(
        tag="account",
        summary="End one of one's sessions",
        answer=EndedShape,
        errors=(*KNOWN_ERRORS, SessionNeeded, SessionNotFound),
        security=BY_ACCOUNT,
    ),
)
async def end_session(
    request: ApiRequest, parts: NamedDependency[Parts], session_id: FromPath[str]
) -> ApiResponse:
    """This one."""
    principal = await authenticate(request, parts)
    found = parse_id(session_id)
    if found is None:
        raise SessionNotFound("There is no such session, or it has ended.")
    await commands.end_session(parts.db, principal=principal, session_id=SessionId(found))
    return answer(EndedShape(1))


def _shape(session: Session, current: SessionId | None) -> SessionShape:
    return SessionShape(**msgspec.structs.asdict(session), is_current=session.id == current)


HANDLERS: Final = (change_password, change_email, list_sessions, end_sessions, end_session)
