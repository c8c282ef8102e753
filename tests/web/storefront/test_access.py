"""Who may do what: forms of ours only, orders of one's own only, and no way off the site."""

from __future__ import annotations

from typing import Any

import pytest

from surehold.app import checkout_of
from surehold.db import Database
from surehold.web.storefront import pay, return_photos, transfer
from surehold.web.storefront.orders import TRIES
from surehold.web.storefront.visit import local_path
from tests.builders.catalog import a_product
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import add_to_cart, buy, number_of, open_checkout
from tests.web.storefront.conftest import asset_index, config, create_store

POSTS = (
    "/draft/nothing",
    "/draft/nothing/quote",
    "/cart/items",
    "/cart/items/0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a10",
    "/cart/items/0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a10/remove",
    "/cart/accept",
    "/checkout",
    "/checkout/quote",
    "/orders/SH-7K4M92QX/pay",
    "/orders/SH-7K4M92QX/extend",
    "/orders/SH-7K4M92QX/cancel",
    "/orders/SH-7K4M92QX/returns",
    "/orders/SH-7K4M92QX/returns/estimate",
    "/orders/SH-7K4M92QX/returns/one/send",
    "/orders/SH-7K4M92QX/returns/one/photos/one/remove",
    "/track",
    "/account/sign-in",
    "/account/sign-in/link",
    "/account/sign-in/redeem",
    "/account/sign-out",
    "/account/register",
    "/account/confirm",
    "/account/reset",
    "/account/confirm-email",
    "/account/addresses",
    "/account/addresses/one",
    "/account/addresses/one/default",
    "/account/addresses/one/delete",
    "/account/security/password",
    "/account/security/email",
    "/account/security/sessions/others/end",
    "/account/data/export",
    "/account/data/export/fetch",
    "/account/data/erase",
    "/currency",
    "/language",
    "/theme",
    "/p/trail-lamp/reviews",
    "/p/trail-lamp/alerts",
    "/alerts/stop",
    "/wishlist/items",
    "/wishlist/items/0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a10/remove",
    "/wishlist/items/0193a1f2-5b1c-7c11-9c55-7d6d0d1f9a10/move",
)


def test_the_list_of_forms_is_whole(app: Any) -> None:
    from surehold.web.storefront.application import HANDLERS

    posted = [handler for handler in HANDLERS if "POST" in handler.http_methods]
    # A payment provider's page sends browsers back by POST; what they bring is proven otherwise.
    posted.remove(pay.come_back)
    # Forms with files are read otherwise; their own tests send them without the proof.
    posted.remove(transfer.prove)
    posted.remove(return_photos.add)

    assert len(posted) == len(POSTS)


@pytest.mark.parametrize("address", POSTS)
async def test_a_form_that_is_not_ours_is_refused(browser: Browser, address: str) -> None:
    await browser.get("/track")

    for fields in (
        {"a": "1"},
        {"csrf_token": ""},
        {"csrf_token": "A" * 24},
        {"csrf_token": "é" * 9},
    ):
        page = await browser.post(address, fields)
        assert page.status == 403
        assert page.heading == "You cannot open this page"


async def test_a_token_of_another_browser_is_refused(app: Any, db: Database) -> None:
    lamp = await a_product(db)
    async with Browser(app) as one, Browser(app) as other:
        page = await one.get(f"/p/{lamp.slug}")
        await other.get(f"/p/{lamp.slug}")
        refused = await other.post("/cart/items", page.form("/cart/items").fields)

    assert refused.status == 403
    assert await count_rows(db, ["carts", "cart_lines"]) == {}


async def test_only_forms_are_read(browser: Browser) -> None:
    response = await browser.client.post(
        "http://shop.test/cart/items", json={"variant_id": "1", "csrf_token": "x"}
    )

    assert response.status_code == 415
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/cart?a=1#b", "/cart?a=1#b"),
        ("/", "/"),
        ("", "/"),
        ("cart", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        ("https:evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/é", "/"),
        (" //evil.example", "/"),
    ],
)
def test_only_paths_of_this_store_are_gone_back_to(target: str, expected: str) -> None:
    assert local_path(target) == expected


@pytest.mark.parametrize("target", ["//evil.example", "\\\\evil.example", "https:evil.example"])
async def test_the_choice_forms_do_not_lead_away(browser: Browser, target: str) -> None:
    page = await browser.get("/track")
    token = page.form("/theme").fields["csrf_token"]

    response = await browser.client.post(
        "http://shop.test/theme", data={"csrf_token": token, "theme": "dark", "next": target}
    )

    assert (response.status_code, response.headers["location"]) == (303, "/")


async def test_a_foreign_order_does_not_exist(app: Any, browser: Browser, db: Database) -> None:
    lamp = await a_product(db)
    number = number_of(await buy(browser, lamp.slug))
    async with Browser(app) as stranger:
        stranger.client.cookies.set("surehold_order", "A" * 24, path="/")
        pages = [
            await stranger.get(f"/orders/{number}"),
            await stranger.get(f"/orders/{number}/pay"),
            await stranger.get(f"/orders/{number}/pay/status", hx_request="true"),
            await stranger.get(f"/orders/{number}?token={'A' * 24}"),
            await stranger.get("/orders/SH-00000000"),
            await stranger.get("/orders/%00"),
        ]
        token = (await stranger.get("/track")).form("/track").fields["csrf_token"]
        pages += [
            await stranger.post(f"/orders/{number}/{verb}", {"csrf_token": token})
            for verb in ("pay", "extend", "cancel")
        ]

    assert [page.status for page in pages] == [404] * 9
    assert {page.heading for page in pages} == {"This page does not exist"}
    assert not any("Mara" in page.text for page in pages)


async def test_the_link_of_the_email_opens_the_order_once(
    app: Any, browser: Browser, db: Database, checkout: Any
) -> None:
    lamp = await a_product(db)
    number = number_of(await buy(browser, lamp.slug))
    async with db.connection() as connection:
        order_id = await connection.raw.fetchval("SELECT id FROM orders")
    link = f"/orders/{number}?token={checkout.context.access.token(order_id)}"

    async with Browser(app) as other:
        opened = await other.get(link)
        again = await other.get(f"/orders/{number}")
        elsewhere = await other.get("/")

    assert opened.url == f"http://shop.test/orders/{number}"
    assert (opened.status, again.status) == (200, 200)
    assert "surehold_order" not in str(elsewhere.response.request.headers)


async def test_an_order_is_found_by_number_and_email(
    app: Any, browser: Browser, db: Database
) -> None:
    lamp = await a_product(db)
    number = number_of(await buy(browser, lamp.slug))
    async with Browser(app) as other:
        form = await other.get("/track")
        wrong = await other.submit(form, "/track", {"number": number, "email": "x@example.com"})
        unknown = await other.submit(
            form, "/track", {"number": "SH-00000000", "email": "mara@example.com"}
        )
        empty = await other.submit(form, "/track")
        found = await other.submit(
            wrong, "/track", {"number": f" {number.lower()} ", "email": "Mara@EXAMPLE.com"}
        )

    assert (wrong.status, unknown.status, empty.status) == (422, 422, 422)
    said = "We found no order with this number and email"
    assert said in wrong.text
    assert said in unknown.text
    assert "2 things need your attention" in empty.text
    assert found.path == f"/orders/{number}"


async def test_guessing_orders_is_slowed_down(browser: Browser) -> None:
    form = await browser.get("/track")
    values = {"number": "SH-00000000", "email": "mara@example.com"}

    pages = [await browser.submit(form, "/track", values) for _ in range(TRIES + 1)]

    assert [page.status for page in pages] == [422] * TRIES + [429]
    assert int(pages[-1].response.headers["retry-after"]) > 0
    assert pages[-1].heading == "That was too many tries"


async def test_pages_carry_the_policy(browser: Browser, db: Database) -> None:
    page = await browser.get("/")
    policy = page.response.headers["content-security-policy"]
    with_sandbox = config(sandbox_url="http://127.0.0.1:9999/base")
    checkout = checkout_of(with_sandbox, db)
    async with Browser(create_store(with_sandbox, checkout, assets=asset_index())) as other:
        sandboxed = await other.get("/track")
    await checkout.context.providers.close()

    assert "script-src 'self'" in policy
    assert "form-action 'self';" in policy
    assert "unsafe" not in policy
    assert (
        "form-action 'self' http://127.0.0.1:9999; "
        in sandboxed.response.headers["content-security-policy"]
    )
    assert page.response.headers["x-content-type-options"] == "nosniff"
    assert page.response.headers["referrer-policy"] == "same-origin"
    assert page.response.headers["vary"] == (
        "HX-Request, HX-Request-Type, Cookie, Accept-Language"
    )


async def test_personal_pages_are_never_kept(browser: Browser, db: Database) -> None:
    lamp = await a_product(db)
    form = await open_checkout(browser, lamp.slug)
    pages = [await browser.get("/cart"), form, await buy(browser, lamp.slug)]
    pages.append(await browser.get(f"/orders/{number_of(pages[-1])}"))

    assert {page.response.headers["cache-control"] for page in pages} == {"no-store"}


async def test_cookies_are_out_of_reach(browser: Browser, db: Database, checkout: Any) -> None:
    lamp = await a_product(db)
    page = await browser.get(f"/p/{lamp.slug}")
    response = await browser.client.post(
        "http://shop.test/cart/items", data=page.form("/cart/items").fields
    )
    secure = config(base_url="https://shop.test")
    app = create_store(secure, checkout, assets=asset_index())
    async with Browser(app, base_url="https://shop.test") as other:
        safe = await other.get("/track")

    (cookie,) = response.headers.get_list("set-cookie")
    assert cookie.startswith("surehold_cart=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=7776000" in cookie
    assert "Secure" not in cookie
    assert "Secure" in safe.response.headers["set-cookie"]


async def test_a_forged_notice_is_not_shown(browser: Browser) -> None:
    browser.client.cookies.set("surehold_notice", "eyJ0b25lIjoib2sifQ==.AAAA", domain="shop.test")

    assert (await browser.get("/track")).status == 200


async def test_nobody_adds_for_another(app: Any, browser: Browser, db: Database) -> None:
    lamp = await a_product(db)
    await add_to_cart(browser, lamp.slug)
    line = (await browser.get("/cart")).form("/cart/items/*").action
    async with Browser(app) as stranger:
        token = (await stranger.get("/track")).form("/track").fields["csrf_token"]
        await stranger.post(line, {"csrf_token": token, "quantity": "5"})
        await stranger.post(f"{line}/remove", {"csrf_token": token})

    assert "1 item" in (await browser.get("/cart")).text
