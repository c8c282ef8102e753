"""Signing up, in and out over HTTP. Whether an address has an account shows nowhere."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from msgspec import Meta

from surehold.identity import commands, queries
from surehold.identity.errors import (
    AddressTaken,
    InvalidCredentials,
    SessionNeeded,
    SessionOver,
    TokenInvalid,
    TooManyAttempts,
)
from surehold.identity.model import EndReason
from surehold.kernel.errors import Busy
from surehold.web.api.fields import Email
from surehold.web.api.identity.caller import (
    authenticate,
    clear_cookie,
    find_device,
    place_of,
)
from surehold.web.api.identity.shapes import (
    ACCEPTED,
    BY_ACCOUNT,
    KNOWN_ERRORS,
    SIGN_IN_ERRORS,
    AcceptedShape,
    AccountShape,
    Code,
    EmailBody,
    MeShape,
    NewPassword,
    Password,
    PersonName,
    SessionForm,
    SignedInShape,
    Token,
    TokenBody,
    account_shape,
    kind_of,
    signed_in_answer,
)
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json
from surehold.web.openapi import LANGUAGE, describe
from surehold.web.validation import Reader

_EXAMPLE_TOKEN: Final = "Vn0yO2v3m1dQk7rJ8sX4tB6uC9wE5zHfLg"  # noqa: S105 - opens nothing
_ACCEPTED: Final = 202
DeviceToken = Annotated[str, Meta(min_length=1, max_length=200)]


class RegisterBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants an account."""

    email: Email
    password: NewPassword
    name: PersonName = ""


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants in. ``code``: of a second factor; ``device``: of an earlier sign-in."""

    email: Annotated[str, Meta(min_length=1, max_length=254)]
    password: Password
    code: Code | None = None
    device: DeviceToken | None = None
    session: SessionForm = SessionForm.TOKENS


class RedeemBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of the link, and a code where there is a second factor."""

    token: Token
    code: Code | None = None
    session: SessionForm = SessionForm.TOKENS


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The latest refresh token."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=200)]


class ResetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of the link, and the new password."""

    token: Token
    password: NewPassword


_REGISTER: Final = Reader(RegisterBody)
_LOGIN: Final = Reader(LoginBody)
_REDEEM: Final = Reader(RedeemBody)
_REFRESH: Final = Reader(RefreshBody)
_RESET: Final = Reader(ResetBody)
_EMAIL: Final = Reader(EmailBody)
_TOKEN: Final = Reader(TokenBody)


@post(
    "/auth/register",
    status_code=_ACCEPTED,
    opt=describe(
        tag="identity",
        summary="Ask for an account",
        about="Writes a letter with a link; there is no account before it is confirmed. Who has "
        "an account already is written that instead: the answer is the same.",
        body=RegisterBody,
        body_example={"email": "mara@example.com", "password": "quiet-harbor-lamp-41"},
        answer=AcceptedShape,
        status=_ACCEPTED,
        headers=(LANGUAGE,),
        errors=(TooManyAttempts, Busy),
    ),
)
async def register(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Begin a registration."""
    body, _ = await read_json(request, _REGISTER)
    await commands.register(
        parts.identity,
        email=body.email,
        password=body.password,
        name=body.name.strip(),
        place=place_of(request),
    )
    return answer(ACCEPTED, status=_ACCEPTED)


@post(
    "/auth/verify-email",
    status_code=200,
    opt=describe(
        tag="identity",
        summary="Confirm a registration",
        about="Makes the account, once. Then sign in.",
        body=TokenBody,
        body_example={"token": _EXAMPLE_TOKEN},
        answer=AccountShape,
        errors=(TokenInvalid, AddressTaken),
    ),
)
async def verify_email(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Make the account."""
    body, _ = await read_json(request, _TOKEN)
    account = await commands.confirm_registration(parts.identity, token=body.token)
    return answer(account_shape(account))


@post(
    "/auth/confirm-email",
    status_code=200,
    opt=describe(
        tag="identity",
        summary="Confirm a new e-mail address of an account",
        about="Ends every session; sign in with the new address.",
        body=TokenBody,
        body_example={"token": _EXAMPLE_TOKEN},
        answer=AccountShape,
        errors=(TokenInvalid, AddressTaken),
    ),
)
async def confirm_email(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Change the address."""
    body, _ = await read_json(request, _TOKEN)
    account = await commands.confirm_email(parts.identity, token=body.token)
    return answer(account_shape(account))


@post(
    "/auth/login",
    status_code=200,
    opt=describe(
        tag="identity",
        summary="Sign in with a password",
        about="Answers tokens, or with `session` set to `cookie` sets a cookie that no script "
        "reads. Failed attempts are counted by account and address together first; each further "
        "one waits twice as long.",
        body=LoginBody,
        body_example={"email": "mara@example.com", "password": "quiet-harbor-lamp-41"},
        answer=SignedInShape,
        headers=(LANGUAGE,),
        errors=(InvalidCredentials, *SIGN_IN_ERRORS),
    ),
)
async def login(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Begin a session."""
    body, _ = await read_json(request, _LOGIN)
    signed_in = await commands.sign_in(
        parts.identity,
        email=body.email,
        password=body.password,
        code=body.code,
        device=body.device or find_device(request, parts),
        place=place_of(request),
        kind=kind_of(body.session),
    )
    return await signed_in_answer(request, parts, signed_in)


@post(
    "/auth/refresh",
    status_code=200,
    opt=describe(
        tag="identity",
        summary="Exchange a refresh token for the next one",
        about="Each is used once. One that comes again is in two hands: the whole session ends.",
        body=RefreshBody,
        body_example={"refresh_token": _EXAMPLE_TOKEN},
        answer=SignedInShape,
        errors=(SessionOver,),
    ),
)
async def refresh(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Carry a session on."""
    body, _ = await read_json(request, _REFRESH)
    signed_in = await commands.refresh(
        parts.identity, token=body.refresh_token, place=place_of(request)
    )
    return await signed_in_answer(request, parts, signed_in)


@post(
    "/auth/logout",
    status_code=200,
    opt=describe(
        tag="identity",
        summary="Sign out",
        about="Ends the session that asks, with all its tokens, at once.",
        answer=AcceptedShape,
        errors=(*KNOWN_ERRORS, SessionNeeded),
        security=BY_ACCOUNT,
    ),
)
async def logout(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """End the session."""
    principal = await authenticate(request, parts)
    if principal.session_id is None:
        raise SessionNeeded("A key is not signed out: revoke it.")
    await commands.end_session(
        parts.db,
        principal=principal,
        session_id=principal.session_id,
        reason=EndReason.SIGNED_OUT,
    )
    response = answer(ACCEPTED)
    clear_cookie(response, parts)
    return response


@get(
    "/auth/me",
    opt=describe(
        tag="identity",
        summary="Who am I?",
        answer=MeShape,
        errors=KNOWN_ERRORS,
        security=BY_ACCOUNT,
    ),
)
async def me(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The account that asks, and what it may."""
    principal = await authenticate(request, parts)
    async with parts.db.connection() as connection:
        account = await queries.get_account(connection, account_id=principal.account_id)
    permissions = sorted(principal.permissions, key=lambda one: one.value)
    return answer(
        MeShape(
            **msgspec.structs.asdict(account_shape(account)),
            permissions=() if principal.needs_totp else tuple(permissions),
            session_id=principal.session_id,
            proof=principal.proof,
            needs_totp=principal.needs_totp,
        )
    )


@post(
    "/auth/password/forgot",
    status_code=_ACCEPTED,
    opt=describe(
        tag="identity",
        summary="Ask for a link to set a new password",
        about="The answer is the same whether there is an account or not.",
        body=EmailBody,
        body_example={"email": "mara@example.com"},
        answer=AcceptedShape,
        status=_ACCEPTED,
        headers=(LANGUAGE,),
        errors=(TooManyAttempts,),
    ),
)
async def forgot(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Write the letter."""
    body, _ = await read_json(request, _EMAIL)
    await commands.ask_password_reset(parts.identity, email=body.email, place=place_of(request))
    return answer(ACCEPTED, status=_ACCEPTED)


@post(
    "/auth/password/reset",
    status_code=200,
    opt=describe(
        tag="identity",
        summary="Set a new password by the link of a letter",
        about="Once, within 30 minutes. Every session ends.",
        body=ResetBody,
        body_example={"token": _EXAMPLE_TOKEN, "password": "quiet-harbor-lamp-41"},
        answer=AcceptedShape,
        errors=(TokenInvalid, Busy),
    ),
)
async def reset(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Set it."""
    body, _ = await read_json(request, _RESET)
    await commands.reset_password(parts.identity, token=body.token, password=body.password)
    return answer(ACCEPTED)


@post(
    "/auth/magic-link",
    status_code=_ACCEPTED,
    opt=describe(
        tag="identity",
        summary="Ask for a link that signs a buyer in",
        about="The answer is the same whether there is an account or not. Staff get none.",
        body=EmailBody,
        body_example={"email": "mara@example.com"},
        answer=AcceptedShape,
        status=_ACCEPTED,
        headers=(LANGUAGE,),
        errors=(TooManyAttempts,),
    ),
)
async def magic_link(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Write the letter."""
    body, _ = await read_json(request, _EMAIL)
    await commands.ask_magic_link(parts.identity, email=body.email, place=place_of(request))
    return answer(ACCEPTED, status=_ACCEPTED)


@post(
    "/auth/magic-link/redeem",
    status_code=200,
    opt=describe(
        tag="identity",
        summary="Sign in by the link of a letter",
        about="Once, within 15 minutes, however many passwords were guessed wrong meanwhile.",
        body=RedeemBody,
        body_example={"token": _EXAMPLE_TOKEN},
        answer=SignedInShape,
        headers=(LANGUAGE,),
        errors=(TokenInvalid, *SIGN_IN_ERRORS),
    ),
)
async def redeem(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Begin a session."""
    body, _ = await read_json(request, _REDEEM)
    signed_in = await commands.redeem_magic_link(
        parts.identity,
        token=body.token,
        code=body.code,
        place=place_of(request),
        kind=kind_of(body.session),
    )
    return await signed_in_answer(request, parts, signed_in)


HANDLERS: Final = (
    register,
    verify_email,
    confirm_email,
    login,
    refresh,
    logout,
    me,
    forgot,
    reset,
    magic_link,
    redeem,
)
