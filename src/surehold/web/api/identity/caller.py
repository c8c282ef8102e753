"""Who asks: the one place where a token, a key or a cookie becomes a principal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from surehold.cart.commands import KEPT_FOR
from surehold.config import Config
from surehold.db import audit
from surehold.db.audit import Asked
from surehold.identity import commands, queries
from surehold.identity.errors import SessionOver
from surehold.identity.model import AccountKind, Place, Principal, SignedIn
from surehold.kernel.ids import AccountId
from surehold.web.api.access import CART_COOKIE
from surehold.web.api.parts import API, REQUEST_ID, Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, headers_of
from surehold.web.errors import ForeignPage, Unauthenticated
from surehold.web.languages import LANGUAGE_COOKIE, find_language
from surehold.web.openapi import template_of

_SESSION: Final = "surehold_session"
_DEVICE: Final = "surehold_device"
#: Browsers take a cookie of this prefix over HTTPS only, for this host alone.
_HOST_ONLY: Final = "__Host-"
DEVICE_SECONDS: Final = 365 * 24 * 3600
#: Longer ones are none of ours, and are not even hashed.
_MAX_TOKEN: Final = 1_000
SAFE: Final = frozenset({"GET", "HEAD"})


async def authenticate(request: ApiRequest, parts: Parts) -> Principal:
    """Who asks, by ``Authorization: Bearer`` or by the session's cookie.

    Raises:
        Unauthenticated: Neither was sent.
        SessionOver: What was sent opens nothing, or no longer.
        ForeignPage: The cookie came with a page that is not ours, and something would change.
    """
    principal = await _find(request, parts)
    if principal is None:
        raise SessionOver("Sign in again.")
    if principal.kind is not AccountKind.CUSTOMER:
        audit.ask(asked_of(request, principal, is_private=True))
    return principal


async def find_buyer(request: ApiRequest, parts: Parts) -> AccountId | None:
    """Whose cart it is where nobody has to sign in: the signed-in buyer's, else nobody's."""
    try:
        principal = await _find(request, parts)
    except (Unauthenticated, ForeignPage):
        return None
    if principal is None or principal.kind is not AccountKind.CUSTOMER:
        return None
    return principal.account_id


async def _find(request: ApiRequest, parts: Parts) -> Principal | None:
    """Who asks; ``None`` when what was sent opens nothing, or no longer.

    Raises:
        Unauthenticated, ForeignPage: As ``authenticate`` says.
    """
    headers = headers_of(request)
    given = headers.get(b"authorization")
    cookie = None if given is not None else _find_cookie(headers, _name(parts.config, _SESSION))
    if given is None and cookie is None:
        raise Unauthenticated("Sign in, and send the token as Authorization: Bearer ….")
    async with parts.db.connection() as connection:
        if given is not None:
            scheme, _, token = given.decode("latin-1").partition(" ")
            found = None
            if scheme.lower() == "bearer" and len(token) <= _MAX_TOKEN:
                found = await queries.find_by_bearer(
                    connection, parts.identity, token=token.strip()
                )
        else:
            assert cookie is not None
            _check_origin(request, headers, parts.config)
            found = await queries.find_by_cookie(connection, token=cookie)
    if found is None:
        return None
    principal, is_stale = found
    if is_stale:
        await _note_use(parts, principal)
    return principal


def asked_of(request: ApiRequest, principal: Principal, *, is_private: bool = False) -> Asked:
    """What somebody of the staff asks for, for the audit log."""
    scope: Any = request.scope
    return Asked(
        actor=principal.label,
        action=f"{request.method} {template_of(scope['path_template']).removeprefix(API)}",
        subject=scope["path"].removeprefix(API),
        address=place_of(request).address,
        request_id=scope[REQUEST_ID],
        is_private=is_private,
    )


async def _note_use(parts: Parts, principal: Principal) -> None:
    if principal.key_id is not None:
        await commands.note_key_use(parts.db, key_id=principal.key_id)
    elif principal.session_id is not None:
        await commands.note_session_use(
            parts.db, session_id=principal.session_id, kind=principal.kind
        )


def has_session_cookie(request: ApiRequest, parts: Parts) -> bool:
    """Whether a browser shows a session, whatever it opens."""
    return _find_cookie(headers_of(request), _name(parts.config, _SESSION)) is not None


def place_of(request: ApiRequest) -> Place:
    """Where a request comes from."""
    client = request.scope["client"]
    headers = headers_of(request)
    device = headers.get(b"user-agent", b"").decode("latin-1")
    wished = headers.get(b"accept-language", b"").decode("latin-1")
    language = find_language(wished, _find_cookie(headers, LANGUAGE_COOKIE) or "")
    return Place(client[0] if client else "", device[:200], language)


def find_device(request: ApiRequest, parts: Parts) -> str | None:
    """What an earlier sign-in gave this browser."""
    return _find_cookie(headers_of(request), _name(parts.config, _DEVICE))


def session_cookie(config: Config) -> str:
    """The name of the cookie that shows a browser's session."""
    return _name(config, _SESSION)


def device_cookie(config: Config) -> str:
    """The name of the cookie that makes a browser a known device."""
    return _name(config, _DEVICE)


def set_cookies(response: ApiResponse, parts: Parts, signed_in: SignedIn) -> None:
    """Give a browser its session, for as long as the browser is open, and its device."""
    if signed_in.cookie is None:
        return
    _set(response, parts.config, _SESSION, signed_in.cookie, None)
    if signed_in.device is not None:
        _set(response, parts.config, _DEVICE, signed_in.device, DEVICE_SECONDS)


def set_cart_cookie(response: ApiResponse, parts: Parts, token: str) -> None:
    """Give a browser the account's cart; the cart's own routes set the same cookie."""
    response.set_cookie(
        key=CART_COOKIE,
        value=token,
        max_age=int(KEPT_FOR.total_seconds()),
        path="/",
        secure=_is_secure(parts.config),
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: ApiResponse, parts: Parts) -> None:
    """Take the session from a browser; the device stays known."""
    _set(response, parts.config, _SESSION, "", 0)


def _set(
    response: ApiResponse, config: Config, name: str, value: str, seconds: int | None
) -> None:
    response.set_cookie(
        key=_name(config, name),
        value=value,
        max_age=seconds,
        path="/",
        secure=_is_secure(config),
        httponly=True,
        samesite="lax",
    )


def _name(config: Config, name: str) -> str:
    return f"{_HOST_ONLY}{name}" if _is_secure(config) else name


def _is_secure(config: Config) -> bool:
    return config.base_url.startswith("https:")


def _find_cookie(headers: Mapping[bytes, bytes], name: str) -> str | None:
    wanted = name.encode() + b"="
    for part in headers.get(b"cookie", b"").split(b";"):
        stripped = part.strip()
        if stripped.startswith(wanted) and len(wanted) < len(stripped) <= _MAX_TOKEN:
            return stripped[len(wanted) :].decode("latin-1")
    return None


def _check_origin(request: ApiRequest, headers: Mapping[bytes, bytes], config: Config) -> None:
    """Refuse what another site makes a browser send. Programs send neither header.

    ``SameSite`` keeps the cookie from most of it; a sibling host is the same site, though.
    """
    if request.method in SAFE:
        return
    origin = headers.get(b"origin")
    site = headers.get(b"sec-fetch-site")
    if origin is not None and origin.decode("latin-1") != config.base_url:
        raise ForeignPage("Send this from our own pages, or with a token instead of a cookie.")
    if site is not None and site not in {b"same-origin", b"none"}:
        raise ForeignPage("Send this from our own pages, or with a token instead of a cookie.")
