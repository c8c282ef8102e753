"""Who asks: staff as the guard found them, guests by the token of their cart or order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from pydantic import SecretStr

from surehold.checkout.model import BUYER, Actor
from surehold.identity.model import Principal
from surehold.identity.tokens import is_same_secret
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId
from surehold.orders.drafts.errors import DraftOrderNotFound
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import STAFF_SCOPE, Scope
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, headers_of
from surehold.web.errors import Unauthenticated
from surehold.web.validation import parse_id

#: Where the guard leaves who works here and asks, in the scope of a request.
PRINCIPAL: Final = "surehold.principal"
CART_COOKIE: Final = "surehold_cart"
WISHLIST_COOKIE: Final = "surehold_wishlist"
_COOKIE_PREFIX: Final = CART_COOKIE.encode() + b"="
_WISHLIST_PREFIX: Final = WISHLIST_COOKIE.encode() + b"="
#: No token of ours is longer; what is, opens nothing and is not even hashed.
_MAX_TOKEN: Final = 200


def check_bearer(headers: Mapping[bytes, bytes], secret: SecretStr) -> None:
    """Let only who knows the secret pass.

    Raises:
        Unauthenticated: No bearer secret was sent, or another one.
    """
    given = headers.get(b"authorization")
    if given is None:
        raise Unauthenticated("Send the secret as Authorization: Bearer ….")
    scheme, _, token = given.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not is_same_secret(token.strip(), secret.get_secret_value()):
        raise Unauthenticated("This secret does not open the route.")


def find_staff(request: ApiRequest) -> Principal | None:
    """Who works here and asks, with the permission of the route; ``None``: somebody else asks."""
    scope: Any = request.scope
    found: Principal | None = scope.get(PRINCIPAL)
    return found


def staff_of(request: ApiRequest) -> Principal:
    """Who works here and asks, on a route that is for nobody else.

    Raises:
        Unauthenticated: The route forgot to say so, and the guard let somebody else pass.
    """
    found = find_staff(request)
    if found is None:
        raise Unauthenticated("Sign in as staff.")
    return found


def actor_of(request: ApiRequest) -> Actor:
    """The name under which histories know who asks."""
    found = find_staff(request)
    return BUYER if found is None else Actor(found.label)


def scope_of(request: ApiRequest) -> Scope:
    """Whose part of an order the caller may see: of vendors' staff, their vendor's."""
    found = find_staff(request)
    return STAFF_SCOPE if found is None else Scope(vendor_id=found.vendor_id)


def open_order(
    request: ApiRequest,
    parts: Parts,
    order_id: str,
    *,
    otherwise: type[DomainError] = OrderNotFound,
) -> tuple[OrderId, bool]:
    """The order that the caller may see, and whether staff asks.

    Staff were let in by the guard, guests show the order's token. A token is a keyed hash of the
    order's id, so nothing is looked up to refuse one, and a wrong token cannot be told from a
    missing order.

    Raises:
        OrderNotFound, or ``otherwise``: No such order, or not for this caller.
    """
    found = parse_id(order_id)
    if found is not None and find_staff(request) is not None:
        return OrderId(found), True
    token = _link_token(request, headers_of(request), b"x-order-token")
    if (
        found is None
        or token is None
        or not parts.checkout.context.access.is_valid(token, order_id=found)
    ):
        raise otherwise("There is none with this id and token.")
    return OrderId(found), False


def get_draft_token(request: ApiRequest) -> str:
    """The token of a draft order's payment link.

    Raises:
        DraftOrderNotFound: None was sent, or one that cannot be ours.
    """
    token = _link_token(request, headers_of(request), b"x-draft-token")
    if token is None:
        raise DraftOrderNotFound("There is no draft order with this link.")
    return token


def has_link_token(request: ApiRequest) -> bool:
    """Whether the token of an order is shown, whatever it opens."""
    return _link_token(request, headers_of(request), b"x-order-token") is not None


def _link_token(request: ApiRequest, headers: Mapping[bytes, bytes], header: bytes) -> str | None:
    given = headers.get(header)
    if given is not None:
        token = given.decode("latin-1")
    else:
        query = request.scope["query_string"].decode("latin-1")
        token = parse_qs(query).get("token", [""])[0]
    return token if 0 < len(token) <= _MAX_TOKEN else None


def find_cart_token(headers: Mapping[bytes, bytes]) -> tuple[str | None, bool]:
    """The token of the caller's cart, and whether it came by the cookie."""
    return _find_token(headers, b"x-cart-token", _COOKIE_PREFIX)


def find_wishlist_token(headers: Mapping[bytes, bytes]) -> tuple[str | None, bool]:
    """The token of the caller's list of wishes, and whether it came by the cookie."""
    return _find_token(headers, b"x-wishlist-token", _WISHLIST_PREFIX)


def _find_token(
    headers: Mapping[bytes, bytes], header: bytes, prefix: bytes
) -> tuple[str | None, bool]:
    given = headers.get(header)
    if given is not None:
        return _usable(given), False
    for part in headers.get(b"cookie", b"").split(b";"):
        stripped = part.strip()
        if stripped.startswith(prefix):
            return _usable(stripped[len(prefix) :]), True
    return None, False


def _usable(raw: bytes) -> str | None:
    return raw.decode("latin-1") if 0 < len(raw) <= _MAX_TOKEN else None
