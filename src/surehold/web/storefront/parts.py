"""What every page of the store works with: the parts, reading forms, and answering."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC
from itertools import chain
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote

import jinja2
import msgspec
from litestar import Response

from surehold.cart import queries as carts
from surehold.catalog import queries as catalog
from surehold.catalog.model import Category, Image
from surehold.checkout.engine import Checkout
from surehold.config import Config, Mode
from surehold.db import Connection, shop
from surehold.db.shop import ShopSettings
from surehold.identity import queries as identities
from surehold.identity.commands import note_session_use
from surehold.identity.engine import identity_of
from surehold.identity.tokens import LinkTokens
from surehold.inventory.queries import ShelfCounts
from surehold.kernel import clock
from surehold.payments.providers.port import Provider
from surehold.web.api.identity.caller import device_cookie, session_cookie
from surehold.web.assets import WIDTHS, AssetIndex, is_photo, media_url
from surehold.web.limits import read_body
from surehold.web.problems import BadRequest, UnsupportedMediaType
from surehold.web.storefront.errors import FormNotOurs
from surehold.web.storefront.proofs import Signer
from surehold.web.storefront.views import BannerView, ImageView, LinkView, Shell
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.templating import build_environment, render_block, render_page
from surehold.web.translations import gettext

Page: TypeAlias = Response[bytes]

#: The framework adds the charset.
HTML: Final = "text/html"
FORM: Final = "application/x-www-form-urlencoded"
FORM_LIMIT_BYTES: Final = 32 * 1024
MAX_FIELDS: Final = 60
#: How long the names in the menu and the tax wording may lag behind; what decides is read anew.
SIGNS_SECONDS: Final = 15
_VISIT: Final = "surehold_visit"
#: Pages with a person's cart, order or address are never kept by anybody.
NO_STORE: Final = "no-store"
PRIVATE: Final = "private, no-cache"


class Signs(msgspec.Struct, frozen=True):
    """What hangs over every shelf: the categories, and the settings that word a price."""

    categories: tuple[Category, ...] = ()
    settings: ShopSettings = shop.DEFAULTS


class Store:
    """The parts of the store's pages in one process."""

    def __init__(self, config: Config, checkout: Checkout, assets: AssetIndex) -> None:
        self.config = config
        self.checkout = checkout
        self.db = checkout.db
        self.assets = assets
        self.counts = ShelfCounts()
        self.identity = identity_of(config, checkout.db)
        self.environment: jinja2.Environment = build_environment(assets.url)
        secrets = tuple(key.get_secret_value() for key in config.secret_keys)
        self.signer = Signer(secrets)
        self.links = LinkTokens(secrets)
        self.currencies = tuple(dict.fromkeys((config.default_currency, *config.currencies)))
        self.is_demo = config.mode is not Mode.PRODUCTION
        self.signs = Signs()
        self._signs_until = -1.0
        providers = checkout.context.providers
        #: What a page with a payment service's own script says in place of ``_headers``. Its banks
        #: may open a window and speak with the page.
        self.script_headers = {
            "content-security-policy": _policy(providers, scripts_of=providers),
            "cross-origin-opener-policy": "same-origin-allow-popups",
        }
        self._headers = {
            "content-security-policy": _policy(providers),
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "vary": "HX-Request, HX-Request-Type, Cookie, Accept-Language",
        }

    # --- coming in ----------------------------------------------------------------------------

    def greet(self, request: StoreRequest) -> Visit:
        """What the browser says about itself; the same for a page and for its failure."""
        known: Any = request.scope
        visit = known.get(_VISIT)
        if not isinstance(visit, Visit):
            visit = Visit(
                request,
                signer=self.signer,
                currencies=self.currencies,
                is_secure=self.config.base_url.startswith("https:"),
                session_cookie=session_cookie(self.config),
                device_cookie=device_cookie(self.config),
            )
            known[_VISIT] = visit
        return visit

    async def read_form(
        self, request: StoreRequest, visit: Visit, *, most: int = MAX_FIELDS
    ) -> dict[str, str]:
        """The fields of a form of ours; of repeated ones the last, as the button that was pressed.

        Raises:
            UnsupportedMediaType, BodyTooLarge, BodyTooSlow, BadRequest: It is no form.
            FormNotOurs: It lacks the proof that we gave it to this browser.
        """
        form = await self.read_fields(request, visit, most=most)
        if not visit.is_csrf_token(form.pop("csrf_token", "")):
            raise FormNotOurs(
                gettext(
                    "The page was open for too long, or cookies are off. "
                    "Go back, reload, try again."
                )
            )
        return form

    async def read_fields(
        self, request: StoreRequest, visit: Visit, *, most: int = MAX_FIELDS
    ) -> dict[str, str]:
        """The fields of a form, whoever made it: another site's form may change nothing.

        Raises:
            UnsupportedMediaType, BodyTooLarge, BodyTooSlow, BadRequest: It is no form.
        """
        kind = visit.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != FORM.encode():
            raise UnsupportedMediaType("Send the form as a browser does.")
        raw = await read_body(request.receive, visit.headers, limit=FORM_LIMIT_BYTES)
        try:
            pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=most)
        except ValueError:
            raise BadRequest("The form has too many fields.") from None
        return dict(pairs)

    @asynccontextmanager
    async def open(self, visit: Visit) -> AsyncIterator[Connection]:
        """One connection for one page, once it is known who asks, their cart and the signs."""
        is_stale = False
        async with self.db.connection() as connection:
            if clock.monotonic_seconds() >= self._signs_until:
                self.signs = Signs(
                    await catalog.list_categories(connection), await shop.load(connection)
                )
                self._signs_until = clock.monotonic_seconds() + SIGNS_SECONDS
            if visit.principal is None and visit.session_token:
                found = await identities.find_by_cookie(connection, token=visit.session_token)
                visit.principal, is_stale = found or (None, False)
            await self.read_cart(connection, visit)
            yield connection
        if is_stale and visit.principal is not None and visit.principal.session_id is not None:
            await note_session_use(
                self.db, session_id=visit.principal.session_id, kind=visit.principal.kind
            )

    async def read_cart(self, connection: Connection, visit: Visit) -> None:
        """The visitor's cart as it is now. While it holds something, its currency is theirs."""
        if visit.cart_token is None:
            return
        visit.cart = await carts.find_cart(connection, token=visit.cart_token)
        if visit.cart is not None and visit.cart.lines and visit.cart.currency in self.currencies:
            visit.currency = visit.cart.currency

    # --- going out ----------------------------------------------------------------------------

    def shell(self, visit: Visit, *, path: str | None = None, banner: BannerView | None) -> Shell:
        """The frame of a page."""
        return Shell(
            store_name=self.config.store_name,
            locale=visit.locale,
            currency=visit.currency,
            currencies=self.currencies,
            categories=tuple(
                LinkView(category.name, category_url(category.slug), is_here(category.slug, visit))
                for category in self.signs.categories
                if category.parent_slug is None
            ),
            cart_count=visit.cart.item_count if visit.cart else 0,
            path=visit.here if path is None else path,
            now=clock.now(),
            zone=UTC,
            request_id=visit.request_id,
            theme=visit.theme,
            is_signed_in=visit.principal is not None,
            query=visit.query.get("q", ""),
            is_demo=self.is_demo,
            banner=banner or visit.notice,
            is_fragment=visit.is_partial,
        )

    def page(
        self,
        visit: Visit,
        template: str,
        view: object,
        *,
        block: str | None = None,
        status: int = 200,
        path: str | None = None,
        banner: BannerView | None = None,
        cache: str = PRIVATE,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """A page, or the block of it that htmx asked for."""
        context: dict[str, Any] = {
            "page": self.shell(visit, path=path, banner=banner),
            "view": view,
            "csrf_token": visit.csrf_token,
        }
        if block is not None and visit.is_partial:
            html = render_block(self.environment, template, block, **context)
        else:
            html = render_page(self.environment, template, **context)
            visit.forget_notice()
        return self.answer(visit, html, status=status, cache=cache, headers=headers)

    def answer(
        self,
        visit: Visit,
        html: str,
        *,
        status: int = 200,
        cache: str = PRIVATE,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """HTML with the headers that every answer has.

        A page that may be asked for again has a tag of all that is on it: names, prices, stock,
        the cart. Who has it already gets the headers alone.
        """
        body = html.encode()
        if cache == PRIVATE and status == 200:
            tag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
            headers = {**(headers or {}), "etag": tag}
            if tag in _tags(visit.headers.get(b"if-none-match", b"")):
                status, body = 304, b""
        return Response(
            body,
            status_code=status,
            media_type=HTML,
            headers={
                **self._headers,
                "cache-control": cache,
                "x-request-id": visit.request_id,
                **(headers or {}),
            },
            cookies=visit.cookies,
        )

    def go(self, visit: Visit, url: str) -> Page:
        """Redirect after a form: the browser gets the next page, and a reload repeats nothing."""
        location = quote(url, safe="/:?#[]@!$&'()*+,;=%~-._")
        return self.answer(visit, "", status=303, cache=NO_STORE, headers={"location": location})

    def image(self, image: Image | None, *, alt: str | None = None) -> ImageView:
        """A picture; the store's mark where there is none."""
        if image is None:
            return ImageView(self.assets.url("favicon.svg"), "", 800, 1000)
        words, own = image.alt if alt is None else alt, media_url(image.file)
        smaller = [width for width in WIDTHS if width < image.width and is_photo(image.file)]
        sizes = [f"{media_url(image.file, width)} {width}w" for width in smaller]
        return ImageView(
            own,
            words,
            image.width,
            image.height,
            srcset=", ".join([*sizes, f"{own} {image.width}w"]) if sizes else "",
            small=media_url(image.file, smaller[0]) if smaller else own,
        )


def _tags(header: bytes) -> set[str]:
    """The tags of pages that a browser has, as this store writes them."""
    given = (tag.strip() for tag in header.decode("latin-1").split(","))
    return {tag if tag.startswith("W/") else f"W/{tag}" for tag in given}


def category_url(slug: str) -> str:
    """The address of a category."""
    return f"/c/{quote(slug, safe='')}"


def product_url(slug: str, sku: str | None = None) -> str:
    """The address of a product, with one variant chosen."""
    chosen = f"?variant={quote(sku, safe='')}" if sku is not None else ""
    return f"/p/{quote(slug, safe='')}{chosen}"


def is_here(slug: str, visit: Visit) -> bool:
    """Whether the visitor is in this category."""
    return visit.path == category_url(slug)


def _policy(providers: Iterable[Provider], *, scripts_of: Iterable[Provider] = ()) -> str:
    """What browsers may load. A form that leads on to a provider counts as sent there."""
    pages = [origin for one in providers for origin in one.capabilities.page_origins]
    scripts = [one.capabilities.page_script for one in scripts_of]
    theirs = [script for script in scripts if script is not None]
    frames = [origin for script in theirs for origin in script.frames]
    return "; ".join(
        (
            "default-src 'none'",
            _allow("script-src 'self'", *(script.scripts for script in theirs)),
            "style-src 'self'",
            _allow("img-src 'self' data:", *(script.pictures for script in theirs)),
            "font-src 'self'",
            _allow("connect-src 'self'", *(script.calls for script in theirs)),
            *([_allow("frame-src", frames)] if frames else []),
            _allow("form-action 'self'", pages),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _allow(directive: str, *origins: Iterable[str]) -> str:
    """A directive with more origins, each once."""
    return " ".join(dict.fromkeys([directive, *chain.from_iterable(origins)]))
