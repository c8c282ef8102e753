"""One request of a visitor: what the browser sent about itself, and what it shall keep.

Cookies are few and none can be read by scripts. What a cookie says is checked against a list, a
signature or the database before it is used.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import msgspec
from litestar import Request
from litestar.datastructures import Cookie, State

from surehold.cart.commands import KEPT_FOR
from surehold.cart.model import Cart
from surehold.identity.model import Principal, SignedIn
from surehold.web.api.access import CART_COOKIE, WISHLIST_COOKIE
from surehold.web.api.identity.caller import DEVICE_SECONDS
from surehold.web.languages import LANGUAGE_COOKIE, choose_locale
from surehold.web.requests import request_id_of
from surehold.web.storefront.proofs import Signer, new_secret
from surehold.web.storefront.views import BannerView, Theme
from surehold.web.translations import read_as
from surehold.web.validation import parse_id

StoreRequest: TypeAlias = Request[Any, Any, State]

VISIT_COOKIE: Final = "surehold_visit"
CURRENCY_COOKIE: Final = "surehold_currency"
THEME_COOKIE: Final = "surehold_theme"
NOTICE_COOKIE: Final = "surehold_notice"
ORDER_COOKIE: Final = "surehold_order"
SEEN_COOKIE: Final = "surehold_seen"
COPY_COOKIE: Final = "surehold_copy"
DATA_PATH: Final = "/account/data"
CSRF: Final = "csrf"
NOTICE: Final = "notice"
#: How long a guest's browser opens an order without the link from the e-mail.
ORDER_SECONDS: Final = 90 * 24 * 60 * 60
NOTICE_SECONDS: Final = 60
MAX_PARAMETERS: Final = 50
#: How many products a browser remembers that were looked at, and for how long.
SEEN_MAX: Final = 8
SEEN_SECONDS: Final = 30 * 24 * 60 * 60
_MAX_COOKIE: Final = 2_000
_LAX: Final = "lax"


class Visit:
    """What is known of one request, and the cookies that its answer will set."""

    def __init__(
        self,
        request: StoreRequest,
        *,
        signer: Signer,
        currencies: tuple[str, ...],
        is_secure: bool,
        session_cookie: str = "",
        device_cookie: str = "",
    ) -> None:
        headers = dict(request.scope["headers"])
        self.headers: Mapping[bytes, bytes] = headers
        self.method = request.method
        self.request_id = request_id_of(headers)
        self.path: str = request.scope["path"]
        self.query = _query(request.scope["query_string"])
        self.is_htmx = _text(headers, b"hx-request") == "true"
        #: htmx wants a block; with a selector of its own it wants the page to select from.
        self.is_partial = self.is_htmx and _text(headers, b"hx-request-type") != "full"
        self.cart: Cart | None = None
        #: Who is signed in, once the page has opened the database.
        self.principal: Principal | None = None
        self.cookies: list[Cookie] = []
        self._signer = signer
        self._is_secure = is_secure
        self._given = request.cookies
        self.locale = choose_locale(
            _text(headers, b"accept-language"), self._cookie(LANGUAGE_COOKIE)
        )
        read_as(self.locale)
        self.cart_token = self._cookie(CART_COOKIE) or None
        self.wishlist_token = self._cookie(WISHLIST_COOKIE) or None
        self.order_token = self._cookie(ORDER_COOKIE)
        self.copy_token = self._cookie(COPY_COOKIE)
        self._session_cookie = session_cookie
        self._device_cookie = device_cookie
        self.session_token = self._cookie(session_cookie)
        self.device_token = self._cookie(device_cookie)
        self.currency = self._choose_currency(currencies)
        theme = self._cookie(THEME_COOKIE)
        self.theme = Theme(theme) if theme in {choice.value for choice in Theme} else Theme.SYSTEM
        self.secret = self._cookie(VISIT_COOKIE)
        if not self.secret:
            self.secret = new_secret()
            self.keep(VISIT_COOKIE, self.secret, seconds=int(KEPT_FOR.total_seconds()))
        self.notice = self._take_notice()

    @property
    def csrf_token(self) -> str:
        """What every form of this browser must send back; another one for another session.

        A sibling host can put its own visit into a browser, and has no proof of the session in it.
        """
        return self._signer.sign(CSRF, self._csrf_text)

    def is_csrf_token(self, given: str) -> bool:
        """Whether a form came from a page that we gave to this browser."""
        return self._signer.is_valid(CSRF, self._csrf_text, given)

    @property
    def _csrf_text(self) -> str:
        return f"{self.secret}\n{self.session_token}" if self.session_token else self.secret

    @property
    def here(self) -> str:
        """The path and query of this page, for forms that lead back to it."""
        kept = [(name, value) for name, value in self.query.items() if name != "token"]
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def keep(self, name: str, value: str, *, seconds: int | None, path: str = "/") -> None:
        """Let the browser keep a value, with no time as long as it is open; no script sees it."""
        self.cookies.append(
            Cookie(
                key=name,
                value=value,
                path=path,
                max_age=seconds,
                httponly=True,
                samesite=_LAX,
                secure=self._is_secure,
            )
        )

    def keep_cart(self, token: str) -> None:
        """Let the browser keep what opens its cart, under the name that the JSON API uses."""
        self.cart_token = token
        self.keep(CART_COOKIE, token, seconds=int(KEPT_FOR.total_seconds()))

    def keep_wishlist(self, token: str, *, seconds: int) -> None:
        """Let the browser keep what opens its list of wishes."""
        self.wishlist_token = token
        self.keep(WISHLIST_COOKIE, token, seconds=seconds)

    def keep_order(self, number: str, token: str) -> None:
        """Let the browser open one order from now on; no other page is sent the cookie."""
        self.keep(ORDER_COOKIE, token, seconds=ORDER_SECONDS, path=f"/orders/{number}")

    @property
    def seen(self) -> tuple[UUID, ...]:
        """The products that were looked at here, the last first. Only the browser knows."""
        texts = self._cookie(SEEN_COOKIE).split(".")[:SEEN_MAX]
        return tuple(found for text in texts if (found := parse_id(text)) is not None)

    def see(self, product_id: UUID) -> None:
        """This product is looked at; no page but those of products is told."""
        kept = [product_id, *(one for one in self.seen if one != product_id)][:SEEN_MAX]
        if tuple(kept) != self.seen:
            value = ".".join(map(str, kept))
            self.keep(SEEN_COOKIE, value, seconds=SEEN_SECONDS, path="/p")

    def keep_session(self, signed_in: SignedIn) -> None:
        """Let the browser show who signed in while it is open; the device stays known."""
        self.keep(self._session_cookie, signed_in.cookie or "", seconds=None)
        if signed_in.device is not None:
            self.keep(self._device_cookie, signed_in.device, seconds=DEVICE_SECONDS)

    def forget_session(self) -> None:
        """Nobody is signed in here any more; cart and wishes are not shown to the next.

        A guest's browser has nothing to forget, and keeps both.
        """
        if not self.session_token:
            return
        self.keep(self._session_cookie, "", seconds=0)
        self.keep(CART_COOKIE, "", seconds=0)
        self.keep(WISHLIST_COOKIE, "", seconds=0)

    def keep_copy(self, token: str, *, seconds: int) -> None:
        """Let the browser take the copy that it asked for; no other page is sent the cookie."""
        self.keep(COPY_COOKIE, token, seconds=seconds, path=DATA_PATH)

    def forget_copy(self) -> None:
        """The copy was taken, or is nobody's any more."""
        if self.copy_token:
            self.keep(COPY_COOKIE, "", seconds=0, path=DATA_PATH)

    def leave_notice(self, notice: BannerView) -> None:
        """Say something on the next page, once."""
        text = base64.urlsafe_b64encode(msgspec.json.encode(notice)).decode()
        value = f"{text}.{self._signer.sign(NOTICE, text)}"
        self.keep(NOTICE_COOKIE, value, seconds=NOTICE_SECONDS)

    def forget_notice(self) -> None:
        """It was shown."""
        if self._given.get(NOTICE_COOKIE):
            self.keep(NOTICE_COOKIE, "", seconds=0)

    def _choose_currency(self, currencies: tuple[str, ...]) -> str:
        chosen = self._cookie(CURRENCY_COOKIE)
        return chosen if chosen in currencies else currencies[0]

    def _cookie(self, name: str) -> str:
        value = self._given.get(name, "")
        return value if len(value) <= _MAX_COOKIE and value.isascii() else ""

    def _take_notice(self) -> BannerView | None:
        text, _, proof = self._cookie(NOTICE_COOKIE).partition(".")
        if not text or not self._signer.is_valid(NOTICE, text, proof):
            return None
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(text), type=BannerView)
        except (ValueError, binascii.Error):
            return None


def local_path(target: str) -> str:
    """The target when it is a path of this store, else the front page.

    Browsers read a backslash as a slash and skip control characters, so both are refused.

    >>> local_path("/cart?a=1"), local_path("//evil.example"), local_path("https:evil.example")
    ('/cart?a=1', '/', '/')
    """
    is_plain = target.isprintable() and target.isascii() and "\\" not in target
    if not is_plain or not target.startswith("/") or target.startswith("//"):
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def _query(raw: bytes) -> dict[str, str]:
    """The parameters of an address; of repeated ones the first, and none of too many."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(raw.decode("latin-1"), max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return found
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
