"""Staff write an order for a buyer on the telephone; the buyer pays by the link, once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from surehold.db import Database
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.builders.pricing import a_coupon
from tests.support.api import ADDRESS, NOBODY, STAFF, Api, a_key
from tests.support.placing import count_rows, counters

PAY = {"payment_method": {"provider": "bank_transfer"}}


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def by_link(sent: Any) -> dict[str, str]:
    """The header of whoever has the link."""
    return {"X-Draft-Token": sent["token"]}


async def a_draft(api: Api, variant_id: UUID, quantity: int = 2, **changes: Any) -> Any:
    body = {
        "currency": "EUR",
        "lines": [{"variant_id": str(variant_id), "quantity": quantity}],
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        **changes,
    }
    written = await api.post("/draft-orders", body, headers={**STAFF, **a_key()})
    assert written.status == 201, written.raw
    return written.body


async def send(api: Api, draft: Any) -> Any:
    sent = await api.post(f"/draft-orders/{draft['id']}/send", headers=STAFF)
    assert sent.status == 200, sent.raw
    return sent.body


async def pay(api: Api, sent: Any, **changes: Any) -> Any:
    return await api.post(
        "/draft-orders/by-token/place", {**PAY, **changes}, headers={**by_link(sent), **a_key()}
    )


async def test_staff_write_an_order_for_a_buyer(api: Api, db: Database) -> None:
    lamp = await a_product(db, price=5900, on_hand=5)
    mug = await a_product(db, price=1000, on_hand=5)
    await a_coupon(db)  # 10 % off
    key = {**STAFF, **a_key()}
    body = {
        "currency": "EUR",
        "lines": [
            {
                "variant_id": str(lamp.variant_id),
                "quantity": 2,
                "unit_price": euros(4900),
                "reason": "As on the flyer",
            },
            {"variant_id": str(mug.variant_id), "quantity": 3},
        ],
        "coupon": "spring-10",
        "discount": euros(500),
        "discount_reason": "Sorry for the wait",
        "shipping_price": euros(250),
        "note": "Called on Monday",
    }

    draft = await api.post("/draft-orders", body, headers=key)
    again = await api.post("/draft-orders", body, headers=key)

    assert (draft.status, again.raw) == (201, draft.raw)
    price = draft.body["price"]
    # 2 x 49.00 as agreed, 3 x 10.00 less 10 % by the coupon, less 5.00, and 2.50 to send it.
    assert [line["total"]["amount"] for line in price["lines"]] == [9800, 3000]
    assert (price["discount"], price["shipping"], price["total"]) == (
        euros(800),
        euros(250),
        euros(12250),
    )
    assert [(row["code"], row["is_applied"]) for row in price["explanations"]] == [
        ("applied", True),
        ("own_price", True),
        ("own_discount", True),
        ("own_shipping", True),
    ]
    assert price["explanations"][1]["detail"] == (
        f"{lamp.sku} at 49.00 EUR a unit instead of 59.00 EUR: As on the flyer"
    )
    assert await counters(db, lamp.variant_id) == (5, 0, 0)

    sent = await send(api, draft.body)
    assert sent["url"] == f"http://shop.test/draft/{sent['token']}"
    offer = await api.get("/draft-orders/by-token", headers=by_link(sent))
    assert offer.body["asks_for"] == ["email", "shipping_address"]
    assert offer.body["payment_methods"] == ["bank_transfer"]
    assert (offer.body["price"]["total"], offer.body["price"]["explanations"]) == (
        euros(12250),
        [],
    )
    assert "Called on Monday" not in offer.raw.decode()
    bare = await pay(api, sent)
    assert bare.faults == {("/email", "missing"), ("/shipping_address", "missing")}
    shown = {"version": offer.body["version"], "expected_total": 12250}
    mine = {**shown, "email": "ada@example.com", "shipping_address": ADDRESS}
    once = {**by_link(sent), **a_key()}
    placed = await api.post("/draft-orders/by-token/place", {**PAY, **mine}, headers=once)
    replayed = await api.post("/draft-orders/by-token/place", {**PAY, **mine}, headers=once)

    assert (placed.status, replayed.raw) == (201, placed.raw), placed.raw
    order = placed.body["order"]
    assert (order["total"], order["shipping_method"], order["coupon"]) == (
        euros(12250),
        "agreed",
        "SPRING-10",
    )
    assert [line["unit_price"]["amount"] for line in order["lines"]] == [4900, 1000]
    assert [(row["promotion"], row["amount"]["amount"]) for row in order["adjustments"]][1:] == [
        ("Sorry for the wait", 392),
        ("Sorry for the wait", 108),
    ]
    assert await counters(db, lamp.variant_id) == (5, 0, 2)
    events = await api.get(f"/orders/{order['id']}/events", headers=STAFF)
    told = [(row["kind"], row["actor"], row["reason"]) for row in events.body["items"]]
    assert ("status", "buyer", "placed from a draft order") in told
    note = (
        f"Written as a draft order. {lamp.sku} at 49.00 EUR a unit: As on the flyer. "
        "5.00 EUR off: Sorry for the wait. Shipping at 2.50 EUR. Note: Called on Monday"
    )
    assert ("note", "operator", note) in told
    after = await api.get("/draft-orders/by-token", headers=by_link(sent))
    assert after.body["order"]["number"] == order["number"]
    assert after.body["order"]["access_token"] == order["access_token"]
    history = await api.get(f"/draft-orders/{draft.body['id']}/events", headers=STAFF)
    assert [
        (row["seq"], row["to_state"], row["actor"], row["reason"]) for row in history.body["items"]
    ] == [
        (1, "open", "operator", "written"),
        (2, "sent", "operator", "sent"),
        (3, "placed", "buyer", "placed"),
    ]
    paid = await api.post(
        f"/payments/{placed.body['payment']['id']}/confirm",
        {"received": order["total"]},
        headers=STAFF,
    )
    assert paid.status == 200, paid.raw
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_whoever_is_second_hears_of_the_first_ones_order(api: Api, db: Database) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    draft = await a_draft(api, lamp.variant_id)
    sent = await send(api, draft)
    path = f"/draft-orders/{draft['id']}/place"

    answers = await asyncio.gather(
        *(pay(api, sent) for _ in range(3)),
        *(api.post(path, PAY, headers={**STAFF, **a_key()}) for _ in range(3)),
    )
    late = await pay(api, sent)

    assert sorted(row.status for row in answers) == [201, 409, 409, 409, 409, 409]
    [order] = [row.body["order"] for row in answers if row.status == 201]
    for row in (*answers, late):
        if row.status != 201:
            assert row.refusal == (409, "draft_order_placed")
            assert row.body["order_number"] == order["number"]
    assert (await count_rows(db, ["orders"])) == {"orders": 1}
    assert await counters(db, lamp.variant_id) == (20, 0, 2)
    for verb in ("send", "cancel"):
        over = await api.post(f"/draft-orders/{draft['id']}/{verb}", headers=STAFF)
        assert over.refusal == (409, "draft_order_placed")


@pytest.mark.parametrize("how", ["sold out", "price", "changed", "expired", "canceled", "again"])
async def test_what_is_refused_writes_nothing(how: str, api: Api, db: Database) -> None:
    lamp = await a_product(db, price=1000, on_hand=2)
    draft = await a_draft(api, lamp.variant_id)
    sent = await send(api, draft)
    offer = await api.get("/draft-orders/by-token", headers=by_link(sent))
    shown = {"version": offer.body["version"], "expected_total": 2490}
    one = f"/draft-orders/{draft['id']}"
    before: dict[str, int] = {}
    match how:
        case "sold out":
            await api.buy((lamp.variant_id, 1))
        case "price":
            async with db.connection() as connection:
                await connection.raw.execute("UPDATE variant_prices SET amount_minor = 1100")
        case "changed":
            body = {
                "currency": "EUR",
                "lines": [{"variant_id": str(lamp.variant_id), "quantity": 1}],
                "email": "ada@example.com",
                "shipping_address": ADDRESS,
                "version": 2,
            }
            assert (await api.put(one, body, headers=STAFF)).status == 200
            stale = await api.put(one, {**body, "note": "x"}, headers=STAFF)
            assert stale.refusal == (409, "draft_order_changed")
            assert stale.body["version"] == 3
        case "expired":
            async with db.connection() as connection:
                await connection.raw.execute(
                    "UPDATE draft_orders SET link_expires_at = store_now()"
                )
            shown = {"expected_total": 2490}
        case "canceled":
            for _ in range(2):
                canceled = await api.post(f"{one}/cancel", headers=STAFF)
                assert (canceled.status, canceled.body["state"]) == (200, "canceled")
        case "again":
            await send(api, draft)
    before = await count_rows(db)

    refused = await pay(api, sent, **shown)

    assert (
        refused.refusal
        == {
            "sold out": (409, "insufficient_stock"),
            "price": (409, "price_changed"),
            "changed": (409, "draft_order_changed"),
            "expired": (409, "draft_link_expired"),
            "canceled": (409, "draft_order_canceled"),
            "again": (404, "draft_order_not_found"),
        }[how]
    )
    assert await count_rows(db) == before
    if how == "expired":
        listed = await api.get("/draft-orders?state=expired", headers=STAFF)
        assert [row["id"] for row in listed.body["items"]] == [draft["id"]]
        assert (await api.get("/draft-orders?state=sent", headers=STAFF)).body["items"] == []
        assert (await pay(api, await send(api, draft), **shown)).status == 201


async def test_drafts_are_listed_by_page_with_what_they_cost_now(api: Api, db: Database) -> None:
    lamp = await a_product(db, price=1000, on_hand=2)
    first = await a_draft(api, lamp.variant_id, 1)
    second = await a_draft(api, UUID(NOBODY), 1)

    page = await api.get("/draft-orders?limit=1", headers=STAFF)
    rest = await api.get(f"/draft-orders?limit=1&cursor={page.body['next_cursor']}", headers=STAFF)

    assert [(row["id"], row["total"]) for row in page.body["items"]] == [(second["id"], None)]
    assert [(row["id"], row["total"]) for row in rest.body["items"]] == [
        (first["id"], euros(1490))
    ]
    assert second["problem"]["code"] == "not_for_sale"
    unsent = await api.post(f"/draft-orders/{second['id']}/send", headers=STAFF)
    assert unsent.refusal == (409, "not_for_sale")
    assert rest.body["next_cursor"] is None


async def test_every_fault_of_a_draft_is_told(api: Api, db: Database) -> None:
    line = {"variant_id": NOBODY, "quantity": 1, "unit_price": {"amount": 0, "currency": "USD"}}
    body = {
        "currency": "EUR",
        "lines": [line, {"variant_id": NOBODY, "quantity": 0}],
        "discount": {"amount": 0, "currency": "EUR"},
        "email": "nobody",
    }

    refused = await api.post("/draft-orders", body, headers={**STAFF, **a_key()})

    assert refused.faults == {
        ("/lines/0/reason", "missing"),
        ("/lines/0/unit_price/amount", "out_of_range"),
        ("/lines/0/unit_price/currency", "other_currency"),
        ("/lines/1/quantity", "out_of_range"),
        ("/lines/1/variant_id", "repeated"),
        ("/discount/amount", "out_of_range"),
        ("/discount_reason", "missing"),
        ("/email", "invalid_email"),
    }
    assert await count_rows(db, ["draft_orders"]) == {}
    strange = await api.get("/draft-orders/by-token?token=abc")
    assert strange.refusal == (404, "draft_order_not_found")
    assert (await api.get("/draft-orders")).refusal == (401, "unauthenticated")
