"""Published weaknesses of store platforms, asked of this one; each test is named after its class.

Classes that are larger have a file of their own here; docs/security.md lists all of them.
"""

from __future__ import annotations

import base64
import pickle
import re

import pytest
from litestar import Litestar, get

from surehold.db import Database
from surehold.identity.model import SessionKind
from surehold.kernel.ids import ReviewId
from surehold.reviews import commands as reviews
from surehold.web.application import check_described
from surehold.web.openapi import routes_of
from surehold.web.storefront.application import create_store
from tests.builders.accounts import PASSWORD, Post, a_customer, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.support.access import a_world
from tests.support.api import STAFF, Api, _assets, a_body, a_config, a_key, an_api
from tests.support.counting import Counted, CountedDatabase
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser
from tests.web.storefront.buying import open_checkout, place

#: Every route that asks its caller for no proof, and why it may not.
OPEN = {
    "GET /api/docs": "how to use it",
    "GET /api/openapi.json": "how to use it",
    "GET /api/v1/categories": "what is sold",
    "GET /api/v1/categories/{slug:str}": "what is sold",
    "GET /api/v1/products": "what is sold",
    "GET /api/v1/products/{product:str}": "what is sold",
    "GET /api/v1/products/{slug:str}/reviews": "what is said of it, once it is published",
    "GET /api/v1/vendors": "who sells it",
    "GET /api/v1/vendors/{slug:str}": "who sells it",
    "GET /api/v1/countries": "how addresses are written",
    "GET /api/v1/countries/{code:str}": "how addresses are written",
    "POST /api/v1/auth/register": "whoever asks is not known yet",
    "POST /api/v1/auth/login": "the password is the proof",
    "POST /api/v1/auth/magic-link": "whoever asks is not known yet",
    "POST /api/v1/auth/password/forgot": "whoever asks is not known yet",
    "POST /api/v1/auth/refresh": "the token in the body is the proof",
    "POST /api/v1/auth/confirm-email": "the token in the body is the proof",
    "POST /api/v1/auth/verify-email": "the token in the body is the proof",
    "POST /api/v1/auth/magic-link/redeem": "the token in the body is the proof",
    "POST /api/v1/auth/password/reset": "the token in the body is the proof",
    "POST /api/v1/account/export/fetch": "the token in the body is the proof",
    "POST /api/v1/cart/refuse-reminders": "the token in the body is the proof",
    "POST /api/v1/cart/restore": "the token in the body is the proof",
    "POST /api/v1/gift-cards/balance": "the code in the body is the proof",
    "POST /webhooks/{provider:str}": "the signature is the proof",
    "GET /health/live": "probes have no secret, and are told nothing",
    "GET /health/ready": "probes have no secret, and are told nothing",
    "GET /metrics": "asks where from",
}

#: Statements that one read of anything may cost.
BUDGET = 20


async def test_default_open_routes(api: Api) -> None:
    """ "Mercato": four sales routes were public because their metadata was missing."""
    found = {
        f"{method} {path}"
        for path, method, said in routes_of(api.application.router)
        if said is None or not said.security
    }

    assert found == set(OPEN)


def test_default_open_routes_stop_the_program() -> None:
    @get("/api/v1/orders/everything")
    async def forgotten() -> None:
        """A route that nobody described."""

    router = Litestar([forgotten], openapi_config=None, logging_config=None)

    with pytest.raises(TypeError, match="GET /api/v1/orders/everything does not say who may"):
        check_described(router)


async def test_session_takeover(api: Api, db: Database) -> None:
    """Magento SessionReaper, CVE-2025-54236: what a session was sent as became an object."""
    identity = an_identity(db)
    await a_customer(identity)
    signed_in = await sign_in(identity, kind=SessionKind.BROWSER)
    async with db.connection() as connection:
        kept = await connection.raw.fetchval("SELECT token_hash FROM sessions")
    planted = "chosen-by-the-attacker-and-planted-in-the-browser"
    worked: list[str] = []
    forged = (
        str(signed_in.session_id),
        kept.hex(),
        base64.b64encode(kept).decode(),
        planted,
        base64.b64encode(pickle.dumps({"session_id": str(signed_in.session_id)})).decode(),
        'O:8:"Customer":1:{s:2:"id";i:1;}',
        '{"session_id":"' + str(signed_in.session_id) + '","is_admin":true}',
        f"../{signed_in.session_id}",
    )

    async with Browser(create_store(a_config(), api.checkout, assets=_assets())) as page:
        for one in forged:
            cookie = {"Cookie": f"surehold_session={one}"}
            answer = await api.get("/auth/me", headers=cookie)
            if answer.status != 401 or (await page.get("/account", **cookie)).status >= 500:
                worked.append(one)
    # Fixation: signing in with a session that somebody planted begins another one.
    body = {"email": "mara@example.com", "password": PASSWORD, "session": "cookie"}
    login = await api.post("/auth/login", body, headers={"Cookie": f"surehold_session={planted}"})
    after = await api.get("/auth/me", headers={"Cookie": f"surehold_session={planted}"})

    assert worked == []
    assert login.status == 200
    assert planted not in login.headers["set-cookie"]
    assert after.refusal == (401, "session_over")


async def test_currency_confusion(api: Api, db: Database) -> None:
    """The same number in money that is worth less."""
    lamp = await a_product(db, price={"EUR": 5000, "USD": 5600}, on_hand=9)
    expected = {"expected_total": 5490}
    dollars = await api.buy(lamp.variant_id, currency="USD")
    card = await api.post(
        "/gift-cards",
        {"amount": {"amount": 5000, "currency": "USD"}, "reason": "sold"},
        headers={**STAFF, **a_key()},
    )
    before = await count_rows(db)
    path = f"/payments/{dollars['payment']['id']}/confirm"
    total = dollars["order"]["total"]["amount"]

    tries = {
        "a total in other money": await api.post(
            "/checkout",
            a_body(lamp.variant_id, expected_total={"amount": 5490, "currency": "USD"}),
            headers=a_key(),
        ),
        "a price of other money": await api.post(
            "/checkout",
            a_body(lamp.variant_id, currency="USD", **expected),
            headers=a_key(),
        ),
        "money that nothing has a price in": await api.post(
            "/checkout", a_body(lamp.variant_id, currency="JPY"), headers=a_key()
        ),
        "a card of other money": await api.post(
            "/checkout",
            a_body(lamp.variant_id, gift_cards=[{"code": card.body["code"]}]),
            headers=a_key(),
        ),
    }
    refused = {what: (one.status, one.body.get("code")) for what, one in tries.items()}
    after = await count_rows(db)
    parked = await api.post(
        path, {"received": {"amount": total, "currency": "EUR"}}, headers=STAFF
    )

    line = {"variant_id": str(lamp.variant_id), "currency": "EUR"}
    cart = (await api.post("/cart", line)).body
    by_cart = await api.post(
        "/checkout",
        a_body(lines=..., cart_id=cart["id"], currency="USD"),
        headers={**a_key(), "X-Cart-Token": cart["token"]},
    )

    assert refused == {
        "a total in other money": (409, "price_changed"),
        "a price of other money": (409, "price_changed"),
        "money that nothing has a price in": (409, "not_for_sale"),
        "a card of other money": (409, "gift_card_not_usable"),
    }
    assert after == before
    # Staff who type another currency mark nothing as paid, and nothing is taken for a payment.
    assert (parked.body["state"], parked.body["captured"]["amount"]) == ("requires_action", 0)
    # A cart has its money, whatever is said beside it.
    assert by_cart.body["order"]["total"] == {"amount": 5490, "currency": "EUR"}


async def test_reset_poisoning_by_host(api: Api, db: Database) -> None:
    """Links in letters lead to the store's own address, whatever the request says it is."""
    identity, post = an_identity(db), Post(db)
    await a_customer(identity)
    evil = {
        "Host": "evil.test",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Server": "evil.test",
        "Forwarded": "host=evil.test",
        "X-Original-URL": "https://evil.test/",
        "Origin": "https://evil.test",
        "Referer": "https://evil.test/account/forgot",
    }
    asked = {
        "/auth/password/forgot": {"email": "mara@example.com"},
        "/auth/magic-link": {"email": "mara@example.com"},
        "/auth/register": {"email": "new@example.com", "password": PASSWORD},
    }

    answers = [await api.post(path, body, headers=evil) for path, body in asked.items()]
    mails = await post.fetch()

    assert {answer.status for answer in answers} == {202}
    assert len(mails) == len(asked)
    for mail in mails:
        links = re.findall(r"https?://[^/\s\"<]+", mail.text)
        assert links
        assert set(links) == {"http://shop.test"}
        assert "evil" not in repr(mail)


async def test_stored_scripts(api: Api, db: Database) -> None:
    """Saleor CVE-2026-22849: what was kept as text was shown as markup, there of the catalog."""
    text = """"'><script>alert(1)</script></script><img src=x onerror=alert(2)>{{7*191}}"""
    vendor = "northline"
    lamp = await a_product(
        db, name=text, fact=text, description=text, slug="lamp", vendor=vendor, on_hand=9
    )
    async with db.connection() as connection:
        await connection.raw.execute("UPDATE vendors SET name = $1", text)
        await connection.raw.execute("UPDATE categories SET name = $1", text)
    await a_customer(an_identity(db))
    buyer = {"Authorization": f"Bearer {(await sign_in(an_identity(db))).access_token}"}
    said = {"stars": 4, "title": text[:90], "body": text, "author": text[:60]}
    written = await api.post("/products/lamp/reviews", said, headers=buyer)
    assert written.status == 201, written.raw
    await reviews.publish_review(db, review_id=ReviewId(written.body["id"]), actor="staff")
    odd: dict[str, str] = {}

    config = a_config(default_currency="EUR", currencies=("EUR", "USD"))
    store = create_store(config, api.checkout, assets=_assets())
    async with Browser(store) as page:
        form = await open_checkout(page, lamp.slug)
        placed = await place(page, form)
        shown = {
            path: await page.get(path)
            for path in ("/", "/p/lamp", f"/v/{vendor}", "/search?q=alert", "/cart")
        }
        for where, one in {**shown, "checkout": form, "order": placed}.items():
            assert one.status == 200, (where, one.status)
            for mark in ("<script>alert", "</script></script>", "<img src=x", "1337"):
                if mark in one.html:
                    odd[where] = mark
    told = sum("alert(1)" in one.text for one in shown.values())

    assert odd == {}
    # Nothing was left out to be safe: it is there, as text.
    assert told == len(shown)


async def test_resource_exhaustion(db: Database) -> None:
    """Saleor CVE-2026-33756 and -35401: one small request, as much work as there is data."""
    async with CountedDatabase(db.settings) as counted, an_api(counted) as api:
        world = await a_world(api)
        reads = [route for route in world.routes if route.method == "GET"]

        async def statements(*, of_lists: bool) -> dict[str, int]:
            found = {}
            for route in reads:
                if of_lists and "{" in route.path:
                    continue
                Counted.seen.clear()
                headers = {**world.callers["guest"], **STAFF}
                answer = await api.get(route.url.removeprefix("/api/v1"), headers=headers)
                assert answer.status < 500, route.path
                found[route.path] = len(Counted.seen)
            return found

        await statements(of_lists=True)  # what is read once is read now
        few = await statements(of_lists=True)
        for number in range(4):
            lamp = await a_product(db, on_hand=9, slug=f"more-{number}")
            await api.buy((lamp.variant_id, 2))
        many = await statements(of_lists=False)

    grown = {path: (few[path], many[path]) for path in few if many[path] > few[path]}
    assert (len(reads) > 80, len(few) > 30) == (True, True)
    assert grown == {}
    assert {path: count for path, count in many.items() if count > BUDGET} == {}
