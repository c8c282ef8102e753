"""API keys over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.identity import commands, queries
from surehold.identity.errors import (
    ApiKeyNotFound,
    GrantTooWide,
    SessionNeeded,
    TooManyKept,
    TotpRequired,
)
from surehold.identity.model import ApiKey
from surehold.identity.permissions import Permission
from surehold.kernel.ids import ApiKeyId
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Line100
from surehold.web.api.identity.caller import authenticate
from surehold.web.api.identity.shapes import ACCEPTED, BY_ACCOUNT, KNOWN_ERRORS, AcceptedShape
from surehold.web.api.parts import Parts
from surehold.web.api.pricing import Instant
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json, read_query
from surehold.web.openapi import describe
from surehold.web.validation import Reader, parse_id

_CREATED: Final = 201


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new key: what it is for, what it may, and until when."""

    name: Line100
    scopes: Annotated[list[Permission], Meta(min_length=1, max_length=100)]
    expires_at: Instant | None = None


class KeyShape(msgspec.Struct, frozen=True):
    """A key, without the key: ``prefix`` is what it begins with."""

    id: ApiKeyId
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyShape(KeyShape, frozen=True):
    """A new key. ``key`` is in this answer and nowhere else."""

    key: str


class KeyList(msgspec.Struct, frozen=True):
    """One page of keys, newest first, revoked ones too."""

    items: tuple[KeyShape, ...]
    next_cursor: str | None


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


_NEW: Final = Reader(KeyBody)
_PAGE: Final = Reader(PageQuery)


@get(
    "/me/api-keys",
    opt=describe(
        tag="account",
        summary="List one's API keys",
        query=PageQuery,
        answer=KeyList,
        errors=KNOWN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def list_keys(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What programs of one's own may do."""
    principal = await authenticate(request, parts)
    wanted = read_query(request, _PAGE)
    async with parts.db.connection() as connection:
        page = await queries.list_keys(
            connection,
            account_id=principal.account_id,
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    return answer(KeyList(tuple(_shape(key) for key in page.items), page.next_cursor))


@post(
    "/me/api-keys",
    opt=describe(
        tag="account",
        summary="Make an API key",
        about="It may what its scopes name, for as long as its maker may. Keys make no keys.",
        body=KeyBody,
        body_example={"name": "Stock sync", "scopes": ["inventory.read"]},
        answer=NewKeyShape,
        status=_CREATED,
        errors=(*KNOWN_ERRORS, SessionNeeded, TotpRequired, GrantTooWide, TooManyKept),
        security=BY_ACCOUNT,
    ),
)
async def create_key(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Make it, and show it once."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _NEW)
    made, key = await commands.create_key(
        parts.db,
        principal=principal,
        name=body.name,
        scopes=body.scopes,
        expires_at=None if body.expires_at is None else datetime.fromisoformat(body.expires_at),
    )
    return answer(NewKeyShape(**msgspec.structs.asdict(_shape(made)), key=key), status=_CREATED)


@delete(
    "/me/api-keys/{key_id:str}",
    status_code=200,
    opt=describe(
        tag="account",
        summary="Revoke an API key",
        about="At once. A second time changes nothing.",
        answer=AcceptedShape,
        errors=(*KNOWN_ERRORS, SessionNeeded, ApiKeyNotFound),
        security=BY_ACCOUNT,
    ),
)
async def revoke_key(
    request: ApiRequest, parts: NamedDependency[Parts], key_id: FromPath[str]
) -> ApiResponse:
    """End it."""
    principal = await authenticate(request, parts)
    found = parse_id(key_id)
    if found is None:
        raise ApiKeyNotFound("There is no such key.")
    await commands.revoke_key(parts.db, principal=principal, key_id=ApiKeyId(found))
    return answer(ACCEPTED)


def _shape(key: ApiKey) -> KeyShape:
    return KeyShape(*msgspec.structs.astuple(key))


HANDLERS: Final = (list_keys, create_key, revoke_key)
