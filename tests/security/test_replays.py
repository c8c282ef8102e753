"""Published weaknesses of store platforms, replayed in small; each test is named after its class.

What each class deserves beyond the one case is in docs/security.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import urlencode

import msgspec
import pytest

from surehold.db import Database
from surehold.payments.providers.sandbox import SandboxProvider
from surehold.web.storefront.application import create_store
from tests.builders.accounts import a_customer, an_identity
from tests.builders.catalog import a_product
from tests.builders.pricing import a_coupon, uses_of
from tests.support.api import STAFF, Api, _assets, a_body, a_config, a_key, an_api, order_token
from tests.support.bank import a_bazaar, payment_id_of
from tests.support.placing import count_rows
from tests.web.storefront.browser import Browser

PLACES = (
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/",
)


async def test_race_on_a_limit(api: Api, db: Database) -> None:
    """Sylius CVE-2026-31824: a code that may be used once, by forty at the same time."""
    lamp = await a_product(db, on_hand=60)
    await a_coupon(db, limit_total=1)

    answers = await asyncio.gather(
        *(
            api.post(
                "/checkout",
                a_body(lamp.variant_id, coupon="SPRING-10", email=f"buyer{number}@example.com"),
                headers=a_key(),
            )
            for number in range(40)
        )
    )

    told = Counter((row.status, None if row.status == 201 else row.code) for row in answers)
    assert told == {(201, None): 1, (409, "coupon_exhausted"): 39}
    assert await uses_of(db, "SPRING-10") == (1, 1, 1)


async def test_payment_accepted_on_weak_evidence(db: Database) -> None:
    """CVE-2026-9189: one cent, really paid, for an order of another price."""
    async with a_bazaar(db) as bazaar:
        lamp = (await a_product(db, on_hand=5)).variant_id
        placed = await bazaar.buy(lamp)
        await bazaar.charge(placed, amount=1)

        await bazaar.hear()

        seen = await bazaar.look(placed)
    assert (seen.status, seen.paid, seen.review_reasons) == (
        "pending_payment",
        0,
        ("amount_mismatch",),
    )


async def test_webhook_spoof(db: Database) -> None:
    """CVE-2026-0656, CVE-2025-14078: an event that nobody signed, and one signed by the wrong."""
    provider = SandboxProvider("http://127.0.0.1:1", "sk_test", ("whsec_test",))
    data = {"object": {"id": "pay_1", "merchant_reference": "SH1"}}
    told = {"id": "evt_1", "type": "payment.captured", "created": 1, "livemode": False}
    body = msgspec.json.encode({**told, "data": data})
    async with an_api(db, providers=(provider,)) as inbound:
        answers = [
            await inbound("POST", "/webhooks/sandbox", content=body, headers=headers)
            for headers in ({}, {"Sandbox-Signature": ""}, {"Sandbox-Signature": "t=1,v1=00"})
        ]
    await provider.close()

    assert {answer.status for answer in answers} <= {400, 401}
    assert await count_rows(db, ["webhook_events"]) == {}


async def test_webhook_race_or_loss(db: Database) -> None:
    """Saleor #12652, Medusa #13301: the buyer comes back while the bank's message arrives."""
    async with a_bazaar(db) as bazaar:
        lamp = (await a_product(db, on_hand=5)).variant_id
        placed = await bazaar.buy(lamp)
        await bazaar.charge(placed)
        path = f"/payments/{payment_id_of(placed)}/verify"
        token = order_token(placed)

        await asyncio.gather(
            bazaar.hear(), *(bazaar.api.post(path, headers=token) for _ in range(5))
        )
        await bazaar.settle()

        seen = await bazaar.look(placed)
        await bazaar.check()
    assert (seen.status, seen.journals) == ("paid", ("capture", "sale"))


@pytest.mark.parametrize("quantity", [-1, 0, 2**31, 2**63, 1.5, "1", True])
async def test_negative_or_overflowing_quantity(api: Api, db: Database, quantity: object) -> None:
    """Vvveb CVE-2026-44826: an order whose total is below nothing."""
    lamp = await a_product(db, on_hand=5)
    body = {**a_body(lamp.variant_id), "lines": [{"variant_id": str(lamp.variant_id)}]}
    body["lines"][0]["quantity"] = quantity

    answer = await api.post("/checkout", body, headers=a_key())

    assert answer.status == 422, answer.raw
    assert await count_rows(db, ["orders"]) == {}


@pytest.mark.parametrize(
    "text", ["' OR '1'='1", "'; DROP TABLE orders; --", "$$ UNION SELECT 1", "\\' OR 1=1 #"]
)
async def test_injection(api: Api, db: Database, text: str) -> None:
    """Vendure CVE-2026-40887: what is asked for becomes part of the statement."""
    await a_product(db, on_hand=5)
    plain = {"q": text, "sort": text, "category": text, "vendor": text, "currency": text}

    found = [
        await api.get(f"/products?{urlencode({name: value})}") for name, value in plain.items()
    ]

    assert {answer.status for answer in found} <= {200, 404, 422}
    assert not any(answer.body["items"] for answer in found if answer.status == 200)
    assert (await api.get("/products")).body["items"] != []


async def test_ssrf(api: Api, db: Database) -> None:
    """Shopware: the neighbor of an endpoint that had been mended took an address and opened it."""
    lamp = await a_product(db, on_hand=5)
    for place in PLACES:
        for name in ("url", "image", "image_url", "return_url", "webhook_url", "callback_url"):
            answer = await api.post(
                "/checkout", {**a_body(lamp.variant_id), name: place}, headers=a_key()
            )
            assert answer.status == 422, (name, answer.raw)
            assert (f"/{name}", "unknown_field") in answer.faults


async def test_user_enumeration(db: Database) -> None:
    """Saleor CVE-2026-39851: the answer tells whether there is an account."""
    await a_customer(an_identity(db), "mara@example.com")
    async with an_api(db) as api:
        answers = [
            await api.post("/auth/login", {"email": email, "password": "not-the-password-52"})
            for email in ("mara@example.com", "nobody@example.com")
        ]

    known, unknown = ({**answer.body, "instance": ""} for answer in answers)
    assert (answers[0].status, known) == (answers[1].status, unknown)


async def test_csv_injection(api: Api, db: Database) -> None:
    """CWE-1236: a name that a spreadsheet takes for a formula."""
    await a_product(db, name="=HYPERLINK(1)", on_hand=5)

    answer = await api.get("/catalog/export", headers=STAFF)

    assert answer.status == 200
    assert "'=HYPERLINK(1)" in answer.raw.decode()
    assert ",=HYPERLINK" not in answer.raw.decode()


@pytest.mark.parametrize("target", ["//evil.example", "https:evil.example", "/\\evil.example"])
async def test_return_url_redirect(db: Database, target: str) -> None:
    """A form of ours that leads on to whoever wrote the link."""
    async with (
        an_api(db) as api,
        Browser(create_store(a_config(), api.checkout, assets=_assets())) as browser,
    ):
        page = await browser.get("/track")
        fields = page.form("/theme").fields
        answer = await browser.client.post(
            "http://shop.test/theme", data={**fields, "theme": "dark", "next": target}
        )

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
