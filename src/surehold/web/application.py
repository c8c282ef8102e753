"""The JSON side as one ASGI application: routes, errors, limits and what every answer carries.

request ── POST /api/v1/checkout ──▶ CheckoutRoute
        ── /api /webhooks /health /metrics /cron ──▶ the framework's router
        ── anything else ──▶ ``pages``, where there are any
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final
from urllib.parse import quote, urlsplit

import structlog
from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.types import ASGIApp, Message, Scope
from structlog.contextvars import bound_contextvars

from surehold.checkout.commands import Inbox
from surehold.checkout.engine import Checkout
from surehold.config import Config, Mode
from surehold.db import audit
from surehold.db.database import PASSING
from surehold.kernel import clock
from surehold.kernel.permissions import Permission, sent_by_anybody
from surehold.web import operations
from surehold.web.api import audit as audit_api
from surehold.web.api import (
    back_office,
    captures,
    cart,
    cart_return,
    cash,
    catalog,
    catalog_csv,
    checkout_route,
    countries,
    coupon,
    disputes,
    documents,
    draft_orders,
    exchanges,
    fraud,
    fulfillments,
    gift_cards,
    identity,
    inventory,
    order_changes,
    orders,
    payment_reviews,
    payments,
    pricing,
    privacy,
    reconciliation,
    refunds,
    return_photos,
    returns,
    reviews,
    transfers,
    variants,
    vendor_accounts,
    vendor_payouts,
    wishlist,
)
from surehold.web.api import checkout as checkout_api
from surehold.web.api.guard import guard
from surehold.web.api.identity.caller import SAFE
from surehold.web.api.parts import API, PARTS, REQUEST_ID, Parts
from surehold.web.api.reference import reference_handlers
from surehold.web.assets import AssetIndex, asset_handler
from surehold.web.errors import Unauthenticated
from surehold.web.inbound import webhooks
from surehold.web.languages import choose_locale
from surehold.web.limits import NO_STORE, SECURITY_HEADERS
from surehold.web.metrics import UNMATCHED
from surehold.web.openapi import routes_of, template_of
from surehold.web.problems import (
    BadRequest,
    ProtocolRefusal,
    Reply,
    TooManyRequests,
    problem_of,
)
from surehold.web.rates import Rates, client_of
from surehold.web.requests import request_id_of
from surehold.web.storefront.errors import PAUSE_POLICY, TooManyPage, too_many_page

log = structlog.get_logger(__name__)

#: Statuses from here on say that nothing was done.
_REFUSED: Final = 400
#: First parts of the paths that are the JSON side's; all others are pages.
OURS: Final = frozenset({"api", "webhooks", "health", "metrics", "cron", "assets"})

FORWARDED: Final = b"x-forwarded-for"
#: Probes of a load balancer know an address, no name.
PROBED: Final = ("/health/", "/metrics")
HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

#: Opens and closes what the application works with; run by the server's lifespan.
Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_web(
    config: Config,
    checkout: Checkout,
    inbox: Inbox,
    *,
    index: AssetIndex | None = None,
    pages: ASGIApp | None = None,
    lifespan: Sequence[Lifespan] = (),
    router: Litestar | None = None,
) -> WebApplication:
    """The JSON side in front of ``pages``. The caller or ``lifespan`` opens the checkout."""
    if router is None:
        router = create_router(index or AssetIndex(), lifespan=lifespan)
    too_many = None
    if pages is not None and index is not None:
        too_many = too_many_page(index.url, store_name=config.store_name)
    return WebApplication(router, Parts(config, checkout, inbox), pages=pages, too_many=too_many)


def create_router(index: AssetIndex, *, lifespan: Sequence[Lifespan] = ()) -> Litestar:
    """Every route of the JSON side. What they work with comes with each request."""
    api = Router(
        API,
        route_handlers=[
            *catalog.HANDLERS,
            *catalog_csv.HANDLERS,
            *variants.HANDLERS,
            *cart.HANDLERS,
            *cart_return.HANDLERS,
            *wishlist.HANDLERS,
            *countries.HANDLERS,
            *coupon.HANDLERS,
            *checkout_api.HANDLERS,
            *pricing.HANDLERS,
            *orders.HANDLERS,
            *draft_orders.HANDLERS,
            *documents.HANDLERS,
            *back_office.HANDLERS,
            *fulfillments.HANDLERS,
            *payments.HANDLERS,
            *order_changes.HANDLERS,
            *exchanges.HANDLERS,
            *cash.HANDLERS,
            *reconciliation.HANDLERS,
            *vendor_accounts.HANDLERS,
            *vendor_payouts.HANDLERS,
            *disputes.HANDLERS,
            *payment_reviews.HANDLERS,
            *fraud.HANDLERS,
            *captures.HANDLERS,
            *transfers.HANDLERS,
            *refunds.HANDLERS,
            *returns.HANDLERS,
            *return_photos.HANDLERS,
            *reviews.HANDLERS,
            *gift_cards.HANDLERS,
            *inventory.HANDLERS,
            *identity.HANDLERS,
            *audit_api.HANDLERS,
            *privacy.HANDLERS,
        ],
        guards=[guard],
    )
    router = Litestar(
        route_handlers=[
            api,
            *webhooks.HANDLERS,
            *operations.HANDLERS,
            *reference_handlers(index),
            asset_handler(index),
        ],
        dependencies={"parts": Provide(_parts_of, sync_to_thread=False)},
        exception_handlers={Exception: _as_problem},
        lifespan=list(lifespan),
        logging_config=None,
        openapi_config=None,
        debug=False,
    )
    check_described(router)
    return router


def check_described(router: Litestar) -> None:
    """Refuse to start with a route that does not say who may: it would be open to everybody.

    Raises:
        TypeError: Names the route.
    """
    for path, method, said in routes_of(router):
        if said is None:
            raise TypeError(f"{method} {path} does not say who may: describe it")


def _parts_of(scope: Scope) -> Parts:
    found: Parts = scope[PARTS]  # type: ignore[typeddict-item]  # our own key
    return found


class WebApplication:
    """The edge: every answer that leaves has an id, the security headers and a count."""

    def __init__(
        self,
        router: Litestar,
        parts: Parts,
        *,
        pages: ASGIApp | None,
        too_many: TooManyPage | None = None,
    ) -> None:
        self.router = router
        self.parts = parts
        self._checkout = checkout_route.CheckoutRoute(parts)
        self._pages = pages
        self._too_many = too_many
        config = parts.config
        is_production = config.mode is Mode.PRODUCTION
        is_limited = is_production if config.rate_limits is None else config.rate_limits
        self._rates = Rates(parts.db, processes=config.web_processes) if is_limited else None
        self._host = urlsplit(config.base_url).netloc.lower().encode() if is_production else None
        self._is_secure = is_production and config.base_url.startswith("https:")
        #: Outside production nothing of this is asked for, and the hot route passes it by.
        self._is_guarded = bool(is_production or is_limited or config.trusted_proxies)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send a request to whom it belongs."""
        if scope["type"] != "http":
            await self.router(scope, receive, send)
            return
        path = scope["path"]
        if self._is_guarded:
            send = self._hsts(send)
            try:
                await self._guard(scope)
            except ProtocolRefusal as refusal:
                await self._refuse(scope, send, refusal)
                return
        if path == checkout_route.PATH and scope["method"] == "POST":
            await self._checkout(scope, receive, send)  # only places, which is anybody's
            return
        with sent_by_anybody(_refuse_staffs_own):
            if self._pages is not None and _is_page(path):
                await self._pages(scope, receive, send)
            else:
                await self._answer(scope, receive, send)

    async def _guard(self, scope: Any) -> None:
        """Learn where a request comes from; refuse what is for another host, and floods.

        Raises:
            BadRequest: It is for another host than the store's own.
            TooManyRequests: Too many came from there.
        """
        headers = scope["headers"]
        trusted = self.parts.config.trusted_proxies
        if trusted and scope["client"]:
            given = [value.decode("latin-1") for name, value in headers if name == FORWARDED]
            peer, port = scope["client"]
            scope["client"] = (client_of(peer, given, trusted), port)
        if self._host is not None and not scope["path"].startswith(PROBED):
            hosts = [value for name, value in headers if name == b"host"]
            if [host.lower() for host in hosts] != [self._host]:
                raise BadRequest("This store has another name.")
        if self._rates is not None:
            await self._rates.check(scope)

    async def _refuse(self, scope: Any, send: Any, refusal: ProtocolRefusal) -> None:
        request_id = request_id_of(dict(scope["headers"]))
        reply = problem_of(refusal, request_id=request_id)
        if isinstance(refusal, TooManyRequests) and self._too_many and _shows_page(scope):
            reply = _page_of(refusal, self._too_many, scope, request_id)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers]
        headers.append((b"content-length", b"%d" % len(reply.body)))
        self.parts.metrics.count("ANY", UNMATCHED, reply.status, 0.0)
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": _complete(headers, request_id),
            }
        )
        await send({"type": "http.response.body", "body": reply.body})

    def _hsts(self, send: Any) -> Any:
        """Every answer of a store that is reached by https says that it is by nothing else."""
        if not self._is_secure:
            return send

        async def send_on(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], HSTS]}
            await send(message)

        return send_on

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        began = clock.monotonic_seconds()
        request_id = request_id_of(dict(scope["headers"]))
        scope[REQUEST_ID], scope[PARTS] = request_id, self.parts
        status = 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _complete(message["headers"], request_id)
            await send(message)

        with bound_contextvars(request_id=request_id), audit.nobody_asks():
            await self.router(scope, receive, send_on)
            if status < _REFUSED and scope["method"] not in SAFE:
                await self._tell()
        template = scope.get("path_template")
        route = UNMATCHED if template is None else template_of(template)
        method = scope["method"] if template is not None else "ANY"
        self.parts.metrics.count(method, route, status, clock.monotonic_seconds() - began)

    async def _tell(self) -> None:
        """Write down what staff asked for and no transaction of theirs has told.

        That is an order placed for a buyer, whose lane takes no part in the log, and an answer
        that was given again.
        """
        asked = audit.find_asked()
        if asked is None or asked.is_kept:
            return
        try:
            async with self.parts.db.transaction() as tx:
                await audit.record(tx, asked)
        except PASSING as error:
            log.warning("audit_not_written", action=asked.action, error=repr(error))


def _refuse_staffs_own(permission: Permission) -> None:
    """Stop what only staff may where no guard has seen any: a route forgot to say what it asks."""
    raise Unauthenticated(f"Sign in as staff: {permission.value} is needed.")


def _is_page(path: str) -> bool:
    """Whether an address is one of the store's pages, and not the JSON side's."""
    return path.split("/", 2)[1:2][0] not in OURS


def _shows_page(scope: Any) -> bool:
    """Whether somebody looks at the answer: a browser that opens a page or sends its form."""
    accepted = dict(scope["headers"]).get(b"accept", b"")
    return _is_page(scope["path"]) and b"text/html" in accepted


def _page_of(refusal: TooManyRequests, make: TooManyPage, scope: Any, request_id: str) -> Reply:
    """The same refusal for somebody to read. A form is not sent again by a link."""
    here = None
    if scope["method"] in SAFE:
        query = scope["query_string"].decode("latin-1")
        # One slash: two of them would lead to another host.
        here = "/" + quote(scope["path"].lstrip("/")) + (f"?{query}" if query else "")
    wished = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
    locale = choose_locale(wished)
    body = make(int(refusal.headers["retry-after"]), here, request_id, locale)
    return Reply(
        refusal.status,
        body,
        (
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", PAUSE_POLICY),
            *refusal.headers.items(),
        ),
    )


def _complete(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    """The answer's own headers and ours. What says nothing of caching is not kept by anybody."""
    found = list(headers)
    names = {name.lower() for name, _ in found}
    if b"cache-control" not in names:
        found.append(NO_STORE)
    found += [header for header in SECURITY_HEADERS if header[0] not in names]
    found.append((b"x-request-id", request_id.encode("ascii")))
    return found


def _as_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What went wrong, as a problem document; the framework's own refusals, too."""
    scope: Any = request.scope
    status = None
    if scope.get("path_template", "").startswith("/webhooks/"):
        status = webhooks.STATUSES.get(type(error))
    reply = problem_of(error, request_id=scope[REQUEST_ID], status=status)
    headers = dict(reply.headers)
    media_type = headers.pop("content-type")
    return Response(reply.body, status_code=reply.status, headers=headers, media_type=media_type)
