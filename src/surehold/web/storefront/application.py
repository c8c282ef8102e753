"""The store: every HTML page in one ASGI application, with its assets and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.types import ASGIApp, Message, Receive, Send

from surehold.checkout.engine import Checkout
from surehold.config import Config, Mode
from surehold.web.assets import (
    ASSET_PREFIX,
    MEDIA_PREFIX,
    AssetIndex,
    asset_handler,
    media_handler,
)
from surehold.web.problems import RouteNotFound
from surehold.web.storefront import (
    alerts,
    cart,
    catalog,
    checkout,
    choices,
    draft,
    gallery,
    orders,
    pay,
    product,
    return_photos,
    returns,
    reviews,
    stock,
    transfer,
    wishlist,
)
from surehold.web.storefront.account import addresses, data, entry, letters, security
from surehold.web.storefront.account import orders as own_orders
from surehold.web.storefront.failures import error_page
from surehold.web.storefront.live import Streams
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.visit import StoreRequest


@get("/{path:path}")
async def nowhere(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Any other address: a page that says so, with the menu and the visitor's cart."""
    async with store.open(store.greet(request)):
        raise RouteNotFound("There is nothing at this address.")


HANDLERS: Final = (
    catalog.home,
    catalog.category,
    catalog.vendor,
    catalog.search,
    catalog.suggest,
    product.product,
    stock.show_stock,
    stock.follow,
    alerts.ask,
    alerts.show_stop,
    alerts.stop,
    reviews.show,
    reviews.write,
    wishlist.show,
    wishlist.add,
    wishlist.remove,
    wishlist.move,
    cart.show_cart,
    cart.show_added,
    cart.add,
    cart.change,
    cart.remove,
    cart.accept,
    checkout.show,
    checkout.requote,
    checkout.place,
    draft.show,
    draft.requote,
    draft.place,
    pay.show,
    pay.status,
    pay.pay,
    pay.come_back,
    pay.extend,
    transfer.prove,
    orders.show,
    orders.live,
    orders.follow,
    returns.show,
    returns.estimate,
    returns.ask,
    returns.move,
    return_photos.show,
    return_photos.add,
    return_photos.show_one,
    return_photos.remove,
    orders.cancel,
    orders.track_form,
    orders.track,
    entry.show,
    entry.sign_in,
    entry.show_link,
    entry.ask_link,
    entry.redeem,
    entry.sign_out,
    letters.show_register,
    letters.register,
    letters.show_confirm,
    letters.confirm,
    letters.show_reset,
    letters.reset,
    letters.show_confirm_email,
    letters.confirm_email,
    own_orders.show,
    addresses.show,
    addresses.show_new,
    addresses.show_one,
    addresses.add,
    addresses.change,
    addresses.make_default,
    addresses.delete,
    security.show,
    security.change_password,
    security.change_email,
    security.end_session,
    data.show,
    data.order_copy,
    data.take_copy,
    data.erase,
    choices.choose_currency,
    choices.choose_language,
    choices.choose_theme,
    nowhere,
)
_WORKSHOP: Final = (gallery.index, gallery.show)


def create_store(
    config: Config,
    checkout: Checkout,
    *,
    assets: AssetIndex | None = None,
    media: tuple[Path, ...] = (),
) -> ASGIApp:
    """Every address that is not the JSON API's. It has no lifespan: the caller opens the parts.

    ``media`` are the folders that product pictures come from, the first that has one wins.
    """
    index = AssetIndex() if assets is None else assets
    store, tries = Store(config, checkout, index), orders.Tries()
    feed, pulses = stock.stock_feed(checkout.db), orders.pulse_feed(checkout.db)
    streams = Streams()

    def fail(request: StoreRequest, error: Exception) -> Page:
        return error_page(store, request, error)

    application = Litestar(
        route_handlers=[
            *HANDLERS,
            *(() if config.mode is Mode.PRODUCTION else _WORKSHOP),
            asset_handler(index),
            media_handler(media),
        ],
        dependencies={
            "store": Provide(lambda: store, sync_to_thread=False),
            "tries": Provide(lambda: tries, sync_to_thread=False),
            "feed": Provide(lambda: feed, sync_to_thread=False),
            "pulses": Provide(lambda: pulses, sync_to_thread=False),
            "streams": Provide(lambda: streams, sync_to_thread=False),
        },
        exception_handlers={Exception: fail},
        openapi_config=None,
        logging_config=None,
    )
    return _with_heads(application)


def _with_heads(application: ASGIApp) -> ASGIApp:
    """Answer HEAD as GET without its body, which the framework leaves to each route."""

    async def serve(scope: Any, receive: Receive, send: Send) -> None:
        if scope.get("method") != "HEAD" or _has_own_head(scope["path"]):
            await application(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        asked: Any = {**scope, "method": "GET"}
        await application(asked, receive, send_head)

    return serve


def _has_own_head(path: str) -> bool:
    """Files know their heads; a stream has no end, so it has no head without one."""
    return path.startswith((ASSET_PREFIX, MEDIA_PREFIX)) or path.endswith("/stream")
