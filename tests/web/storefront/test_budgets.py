"""What pages may cost: how often they ask the database, and what a first visit downloads."""

from __future__ import annotations

import gzip
import re
from uuid import UUID

import pytest
from litestar.handlers import HTTPRouteHandler

from surehold.app import DEMO_PICTURES
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.web import assets, templating
from surehold.web.storefront import samples
from surehold.web.storefront.account.samples import account_samples
from surehold.web.storefront.application import HANDLERS
from tests.builders.accounts import Post
from tests.builders.catalog import a_product
from tests.builders.drafts import a_sent_draft
from tests.builders.orders import ship
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import TYPED, add_to_cart, buy, number_of
from tests.web.storefront.conftest import asset_index
from tests.web.storefront.test_account import register, sign_in
from tests.web.storefront.test_aftercare import a_paid_one, deliver
from tests.web.storefront.test_return_photos import ask_for_a_return

#: What each page answers a buyer who is signed in and has something in the cart, and in how many
#: statements. The first are the session's and the cart's; a sign-in leads on to the orders.
STATEMENTS = {
    "/": (200, 4),
    "/c/{slug:str}": (200, 4),
    "/v/{slug:str}": (200, 5),
    "/search": (200, 4),
    "/search/suggest": (200, 1),
    "/p/{slug:str}": (200, 7),
    "/stock/{variant_id:str}": (200, 1),
    "/p/{slug:str}/reviews": (200, 6),
    "/alerts/stop": (404, 2),
    "/wishlist": (200, 4),
    "/cart": (200, 4),
    "/cart/added": (200, 2),
    "/checkout": (200, 5),
    "/draft/{token:str}": (200, 6),
    "/orders/{number:str}/pay": (200, 13),
    "/orders/{number:str}/pay/status": (200, 13),
    "/orders/{number:str}": (200, 18),
    "/orders/{number:str}/live": (200, 21),
    "/orders/{number:str}/returns/new": (200, 12),
    "/orders/{number:str}/returns/{return_id:str}/photos": (200, 8),
    "/orders/{number:str}/returns/{return_id:str}/photos/{photo_id:str}": (404, 4),
    "/track": (200, 2),
    "/account/sign-in": (200, 6),
    "/account/sign-in/link": (200, 2),
    "/account/register": (200, 6),
    "/account/confirm": (404, 2),
    "/account/reset": (200, 2),
    "/account/confirm-email": (404, 2),
    "/account": (200, 4),
    "/account/addresses": (200, 3),
    "/account/addresses/new": (200, 2),
    "/account/addresses/{address_id:str}": (200, 3),
    "/account/security": (200, 4),
    "/account/data": (200, 4),
    "/{path:path}": (404, 2),
}

#: Bytes of a first visit, compressed, as the design allows them: 120 kB in all but pictures.
HTML_MAX = 12_000
CSS_MAX = 28_000
HTMX_MAX = 13_500
SCRIPTS_MAX = 15_000
FONT = 48_256
FIRST_VISIT_MAX = 120_000
#: A picture of the demo shop.
PICTURE_MAX = 4_000

_NONE = UUID(int=0)

SAMPLES = (*samples.samples(), *account_samples())


async def test_every_page_asks_as_little_as_it_did(
    browser: Browser,
    checkout: Checkout,
    db: Database,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The names in the menu are read every few seconds: once here, however slow the machine.
    monkeypatch.setattr("surehold.web.storefront.parts.SIGNS_SECONDS", 3600)
    lamp = await a_product(db, on_hand=20, images=0, categories=("light",))
    sent, placed = await a_paid_one(browser, checkout, lamp.slug, 2)
    await ship(checkout, placed.order.id)
    await deliver(checkout, placed.order.id)
    photos = (await ask_for_a_return(browser, sent, placed)).path
    waiting = number_of(await buy(browser, lamp.slug))
    await register(browser, Post(db))
    await sign_in(browser)
    page = await browser.get("/account/addresses/new")
    address = {name: value for name, value in TYPED.items() if name != "email"}
    saved = await browser.submit(page, "/account/addresses", address, button="Save")
    draft = await a_sent_draft(db, (lamp.variant_id, 1))
    page = await browser.get(f"/p/{lamp.slug}")
    await browser.submit(page, "/wishlist/items", button="Keep for later")
    added = await add_to_cart(browser, lamp.slug)
    edit = next(
        url for url in saved.links.values() if re.match("/account/addresses/[0-9a-f]", url)
    )
    values = {
        "/c/{slug:str}": "/c/light",
        "/v/{slug:str}": "/v/northline",
        "/search": "/search?q=product",
        "/search/suggest": "/search/suggest?q=pro",
        "/p/{slug:str}": f"/p/{lamp.slug}",
        "/stock/{variant_id:str}": f"/stock/{lamp.variant_id}",
        "/p/{slug:str}/reviews": f"/p/{lamp.slug}/reviews",
        "/cart/added": str(added.response.url).removeprefix("http://shop.test"),
        "/draft/{token:str}": f"/draft/{draft.token}",
        "/orders/{number:str}": f"/orders/{sent}",
        "/orders/{number:str}/live": f"/orders/{sent}/live",
        "/orders/{number:str}/pay": f"/orders/{waiting}/pay",
        "/orders/{number:str}/pay/status": f"/orders/{waiting}/pay/status",
        "/orders/{number:str}/returns/new": f"/orders/{sent}/returns/new",
        "/orders/{number:str}/returns/{return_id:str}/photos": photos,
        "/orders/{number:str}/returns/{return_id:str}/photos/{photo_id:str}": f"{photos}/{_NONE}",
        "/account/addresses/{address_id:str}": edit,
        "/{path:path}": "/nowhere",
    }
    asked = {}

    for path in (path for handler in HANDLERS if is_page(handler) for path in handler.paths):
        statements.clear()
        page = await browser.get(values.get(path, path), hx_request="true")
        asked[path] = (page.status, len(statements))

    assert asked == STATEMENTS


def is_page(handler: HTTPRouteHandler) -> bool:
    """Whether it is looked at. What streams cost is told where they are followed."""
    is_stream = any(path.endswith("/stream") for path in handler.paths)
    return "GET" in handler.http_methods and not is_stream


def weigh(name: str) -> int:
    """The bytes that an asset takes on the way."""
    file = asset_index().find(name)
    assert file is not None, name
    return len(file.gzipped or file.body)


def test_a_first_visit_keeps_its_budgets() -> None:
    environment = templating.build_environment(asset_index().url)
    assert len(SAMPLES) > 60

    for sample in SAMPLES:
        html = templating.render_page(
            environment, sample.template, page=sample.shell, view=sample.view, csrf_token="x" * 64
        )
        # Icons are of the page, however many of them it shows.
        names = set(re.findall(rf'(?:href|src)="{assets.ASSET_PREFIX}([^"#]+)', html))
        weights = {name: weigh(name) for name in names}
        scripts = {name: size for name, size in weights.items() if name.endswith(".js")}
        htmx = sum(size for name, size in scripts.items() if "htmx" in name)
        page = len(gzip.compress(html.encode(), 6))

        assert page <= HTML_MAX, sample.name
        assert sum(size for name, size in weights.items() if name.endswith(".css")) <= CSS_MAX
        assert 0 < htmx <= HTMX_MAX
        assert sum(scripts.values()) - htmx <= SCRIPTS_MAX
        assert [size for name, size in weights.items() if name.endswith(".woff2")] == [FONT]
        assert page + sum(weights.values()) <= FIRST_VISIT_MAX, sample.name
        # Nothing moves when a picture comes.
        for picture in re.findall(r"<img [^>]+>", html):
            assert re.search(r' width="\d+" height="\d+"', picture), (sample.name, picture)


def test_pictures_of_the_demo_are_light() -> None:
    weights = [len(gzip.compress(path.read_bytes(), 9)) for path in DEMO_PICTURES.iterdir()]

    assert max(weights) <= PICTURE_MAX
