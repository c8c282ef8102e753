"""The one door of the API: what a route asks of its caller is data on it, and is asked here.

A route that is described with a ``permission`` is not entered without it: by somebody who signed
in, by a key of theirs, or by the operator. Who shows the token of an order instead is no staff,
and is left to the handler. All other routes pass through without a statement.

Commands ask once more, of whom the guard found: see ``kernel/permissions.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.handlers import BaseRouteHandler

from surehold.db import audit
from surehold.identity.model import OPERATOR, AccountKind, Principal
from surehold.identity.permissions import act_as, authorize, check_shop_wide
from surehold.identity.tokens import is_same_secret
from surehold.web.api.access import PRINCIPAL, has_link_token
from surehold.web.api.identity.caller import asked_of, authenticate, has_session_cookie
from surehold.web.api.parts import PARTS, Parts
from surehold.web.api.wire import ApiRequest, headers_of
from surehold.web.openapi import OPT, STAFF, Described


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let whoever may pass, and leave their principal where the handler finds it.

    Raises:
        Unauthenticated, SessionOver, ForeignPage: As named.
        TotpRequired, NotPermitted: The caller is known, and may not.
    """
    said: Described | None = handler.opt.get(OPT)
    if said is None or said.permission is None:
        return
    assert isinstance(connection, Request)
    scope: Any = connection.scope
    parts: Parts = scope[PARTS]
    has_other_way = said.security != (STAFF,)
    if has_other_way and not _shows_account(connection, parts):
        return
    principal = await _identify(connection, parts)
    if (
        has_other_way
        and said.permission not in principal.permissions
        and _is_buyer(connection, principal)
    ):
        return
    if not said.is_vendor_scoped:
        check_shop_wide(principal, said.permission)
    authorize(principal, said.permission)
    scope[PRINCIPAL] = principal
    act_as(principal)
    audit.ask(asked_of(connection, principal))


def _shows_account(request: ApiRequest, parts: Parts) -> bool:
    """Whether an account is shown. A browser's cookie comes by itself: a token goes before it."""
    if b"authorization" in headers_of(request):
        return True
    return not has_link_token(request) and has_session_cookie(request, parts)


def _is_buyer(request: ApiRequest, principal: Principal) -> bool:
    return principal.kind is AccountKind.CUSTOMER or has_link_token(request)


async def _identify(request: ApiRequest, parts: Parts) -> Principal:
    if _is_operator(headers_of(request), parts):
        return OPERATOR
    return await authenticate(request, parts)


def _is_operator(headers: Mapping[bytes, bytes], parts: Parts) -> bool:
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    secret = parts.config.staff_secret.get_secret_value()
    return scheme.lower() == "bearer" and is_same_secret(token.strip(), secret)
