"""The second factor over HTTP."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency

from surehold.identity import commands, queries
from surehold.identity.errors import CodeInvalid, SessionNeeded, TotpAlreadyOn, TotpNotOn
from surehold.web.api.identity.caller import authenticate
from surehold.web.api.identity.shapes import (
    ACCEPTED,
    BY_ACCOUNT,
    KNOWN_ERRORS,
    PROVEN_ERRORS,
    AcceptedShape,
    Code,
    Password,
    PasswordBody,
)
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.openapi import describe
from surehold.web.validation import Reader

_CREATED: Final = 201
_PASSWORD_EXAMPLE: Final = {"password": "quiet-harbor-lamp-41"}


class CodeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the authenticator shows now."""

    code: Code


class RemoveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password, and a code."""

    password: Password
    code: Code


class NewTotpShape(msgspec.Struct, frozen=True):
    """A second factor that waits for its first code; shown once. ``qr_svg`` is an SVG element."""

    secret: str
    uri: str
    qr_svg: str


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Each opens once, in place of a code; shown once."""

    recovery_codes: tuple[str, ...]


class TotpShape(msgspec.Struct, frozen=True):
    """Whether a second factor is set up, and how many recovery codes are left."""

    is_on: bool
    recovery_codes_left: int


_BEGIN: Final = Reader(PasswordBody)
_CODE: Final = Reader(CodeBody)
_REMOVE: Final = Reader(RemoveBody)


@get(
    "/me/totp",
    opt=describe(
        tag="account",
        summary="Is a second factor set up?",
        answer=TotpShape,
        errors=KNOWN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def show_totp(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Whether, and how many recovery codes are left."""
    principal = await authenticate(request, parts)
    async with parts.db.connection() as connection:
        account = await queries.get_account(connection, account_id=principal.account_id)
        left = await queries.count_recovery_codes(connection, account_id=account.id)
    return answer(TotpShape(account.has_totp, left))


@post(
    "/me/totp",
    opt=describe(
        tag="account",
        summary="Begin to set up a second factor",
        about="It counts from its first code on. Asked again before that, it is another one.",
        body=PasswordBody,
        body_example=_PASSWORD_EXAMPLE,
        answer=NewTotpShape,
        status=_CREATED,
        errors=(*PROVEN_ERRORS, TotpAlreadyOn),
        security=BY_ACCOUNT,
    ),
)
async def begin_totp(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Make a secret."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _BEGIN)
    new = await commands.begin_totp(parts.identity, principal=principal, password=body.password)
    return answer(NewTotpShape(new.secret, new.uri, new.qr_svg), status=_CREATED)


@post(
    "/me/totp/confirm",
    status_code=200,
    opt=describe(
        tag="account",
        summary="Turn the second factor on with its first code",
        about="Answers the recovery codes, this once. Every other session ends.",
        body=CodeBody,
        body_example={"code": "492039"},
        answer=RecoveryCodes,
        errors=(*KNOWN_ERRORS, SessionNeeded, CodeInvalid, TotpNotOn),
        security=BY_ACCOUNT,
    ),
)
async def confirm_totp(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Use the first code."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _CODE)
    codes = await commands.confirm_totp(parts.identity, principal=principal, code=body.code)
    return answer(RecoveryCodes(codes))


@post(
    "/me/totp/remove",
    status_code=200,
    opt=describe(
        tag="account",
        summary="Take the second factor off",
        about="Every other session ends.",
        body=RemoveBody,
        body_example={**_PASSWORD_EXAMPLE, "code": "492039"},
        answer=AcceptedShape,
        errors=(*PROVEN_ERRORS, CodeInvalid, TotpNotOn),
        security=BY_ACCOUNT,
    ),
)
async def remove_totp(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Take it off."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _REMOVE)
    await commands.remove_totp(
        parts.identity, principal=principal, password=body.password, code=body.code
    )
    return answer(ACCEPTED)


@post(
    "/me/recovery-codes",
    status_code=200,
    opt=describe(
        tag="account",
        summary="Make new recovery codes",
        about="The old ones open nothing any more.",
        body=PasswordBody,
        body_example=_PASSWORD_EXAMPLE,
        answer=RecoveryCodes,
        errors=(*PROVEN_ERRORS, TotpNotOn),
        security=BY_ACCOUNT,
    ),
)
async def renew_codes(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Ten new ones."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _BEGIN)
    codes = await commands.renew_recovery_codes(
        parts.identity, principal=principal, password=body.password
    )
    return answer(RecoveryCodes(codes))


HANDLERS: Final = (show_totp, begin_totp, confirm_totp, remove_totp, renew_codes)
