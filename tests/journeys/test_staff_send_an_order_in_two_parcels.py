"""Staff find an order, take it on, send it in two parcels, follow them, and put it away."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, a_key, an_api, order_token
from tests.support.placing import counters


async def buy(api: Api, *lines: Any) -> Any:
    placed = await api.buy(*lines)
    paid = await api.post(
        f"/payments/{placed['payment']['id']}/confirm",
        {"received": placed["order"]["total"]},
        headers=STAFF,
    )
    assert paid.status == 200, paid.raw
    return placed


async def test_staff_send_an_order_in_two_parcels(db: Database) -> None:
    async with an_api(db) as api:
        lamp, mug = await a_product(db, sku="LAMP"), await a_product(db, sku="MUG")
        placed = await buy(api, (lamp.variant_id, 2), (mug.variant_id, 1))
        await _take_on(api, placed)
        one, two = await _plan(api, placed)
        await _send_the_first(api, placed, one)
        assert await counters(db, lamp.variant_id) == (9, 1, 0)
        await _send_the_second(api, placed, two)
        await _follow(api, placed, (one, two))
        await _look_back(api, placed)
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


async def _take_on(api: Api, placed: Any) -> None:
    order_id, number = placed["order"]["id"], placed["order"]["number"]
    found = await api.get(f"/orders?search={number}&status=paid", headers=STAFF)
    assert [row["id"] for row in found.body["items"]] == [order_id]
    assert (found.body["items"][0]["units"], found.body["next_cursor"]) == (3, None)
    confirmed = await api.put(f"/orders/{order_id}/status", {"status": "confirmed"}, headers=STAFF)
    assert confirmed.body["status"] == "confirmed"
    note = {"text": "Gift: no invoice in the parcel.", "is_visible": False}
    key = {**STAFF, **a_key()}
    for _ in range(2):
        written = await api.post(f"/orders/{order_id}/notes", note, headers=key)
        assert (written.status, written.body["text"]) == (201, note["text"])
    await api.post(
        f"/orders/{order_id}/notes",
        {"text": "It comes in two parcels.", "is_visible": True},
        headers={**STAFF, **a_key()},
    )


async def _plan(api: Api, placed: Any) -> tuple[Any, Any]:
    first_line, second_line = (line["id"] for line in placed["order"]["lines"])
    path = f"/orders/{placed['order']['id']}/fulfillments"
    wanted = {
        "lines": [
            {"line_id": first_line, "quantity": 1},
            {"line_id": second_line, "quantity": 1},
        ]
    }
    key = {**STAFF, **a_key()}
    planned = await api.post(path, wanted, headers=key)
    assert (await api.post(path, wanted, headers=key)).raw == planned.raw
    rest = await api.post(path, headers={**STAFF, **a_key()})
    one, two = rest.body["items"]
    assert planned.status == rest.status == 201
    assert planned.body["items"] == [one]
    assert [line["quantity"] for line in one["lines"] + two["lines"]] == [1, 1, 1]
    none_left = await api.post(path, headers={**STAFF, **a_key()})
    assert none_left.refusal == (409, "units_not_open")
    return one, two


async def _send_the_first(api: Api, placed: Any, one: Any) -> None:
    order_id, number = placed["order"]["id"], placed["order"]["number"]
    dhl = {"carrier": "dhl", "tracking_number": "JD0146"}
    packed = await api.post(f"/fulfillments/{one['id']}/pack", headers=STAFF)
    assert (packed.body["is_changed"], packed.body["fulfillment"]["state"]) == (True, "packed")
    shipped = await api.post(f"/fulfillments/{one['id']}/ship", dhl, headers=STAFF)
    again = await api.post(f"/fulfillments/{one['id']}/ship", dhl, headers=STAFF)
    assert (shipped.body["is_changed"], again.body["is_changed"]) == (True, False)
    assert shipped.body["fulfillment"] == again.body["fulfillment"]
    assert shipped.body["fulfillment"]["tracking_url"] == (
        "https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD0146"
    )
    seen = (await api.get(f"/orders/{order_id}", headers=order_token(placed))).body
    assert (seen["status"], seen["fulfillment_status"]) == ("shipped", "partially_shipped")
    assert [row["state"] for row in seen["fulfillments"]] == ["shipped", "open"]
    by_number = await api.get("/orders?search=JD0146", headers=STAFF)
    assert [row["number"] for row in by_number.body["items"]] == [number]


async def _send_the_second(api: Api, placed: Any, two: Any) -> None:
    order_id = placed["order"]["id"]
    bad = await api.post(f"/fulfillments/{two['id']}/ship", {"carrier": "pigeon"}, headers=STAFF)
    assert bad.faults == {("/carrier", "unknown_carrier")}
    gls = {"carrier": "gls", "tracking_number": "71"}
    await api.post(f"/fulfillments/{two['id']}/ship", gls, headers=STAFF)
    fixed = await api.put(
        f"/fulfillments/{two['id']}/tracking",
        {**gls, "tracking_number": "72"},
        headers=STAFF,
    )
    assert fixed.body["tracking_url"] == "https://gls-group.com/track/72"
    too_late = await api.post(f"/fulfillments/{two['id']}/cancel", headers=STAFF)
    assert too_late.refusal == (409, "fulfillment_not_movable")
    canceled = await api.post(f"/orders/{order_id}/cancel", headers=STAFF)
    assert canceled.refusal == (409, "order_not_cancelable")


async def _follow(api: Api, placed: Any, parcels: tuple[Any, Any]) -> None:
    order_id = placed["order"]["id"]
    for parcel in parcels:
        await api.post(f"/fulfillments/{parcel['id']}/in-transit", headers=STAFF)
    asked = await api.put(f"/orders/{order_id}/status", {"status": "paid"}, headers=STAFF)
    assert asked.refusal == (409, "status_not_reachable")
    assert asked.body["reachable"] == ["delivered"]
    bulk = {"action": "deliver", "order_ids": [order_id, NOBODY]}
    key = {**STAFF, **a_key()}
    many = await api.post("/orders/bulk", bulk, headers=key)
    assert many.raw == (await api.post("/orders/bulk", bulk, headers=key)).raw
    assert [
        (row["outcome"], row["problem"] and row["problem"]["code"]) for row in many.body["items"]
    ] == [("done", None), ("refused", "order_not_found")]
    more = await api.post("/orders/bulk", bulk, headers={**STAFF, **a_key()})
    assert (more.body["done"], more.body["unchanged"], more.body["refused"]) == (0, 1, 1)
    archived = await api.put(f"/orders/{order_id}/status", {"status": "archived"}, headers=STAFF)
    assert archived.body["status"] == "archived"


async def _look_back(api: Api, placed: Any) -> None:
    order_id = placed["order"]["id"]
    mine = (await api.get(f"/orders/{order_id}/events", headers=order_token(placed))).body
    theirs = (await api.get(f"/orders/{order_id}/events", headers=STAFF)).body
    assert [row["to_status"] for row in theirs["items"] if row["kind"] == "status"] == [
        *("pending_payment", "paid", "confirmed", "processing", "shipped", "in_transit"),
        *("delivered", "archived"),
    ]
    assert [row["reason"] for row in mine["items"] if row["kind"] == "note"] == [
        "It comes in two parcels."
    ]
    assert len([row for row in theirs["items"] if row["kind"] == "note"]) == 2
    assert "payment" not in {row["kind"] for row in mine["items"]}
    assert {row["to_status"] for row in mine["items"] if row["kind"] == "fulfillment"} == {
        *("shipped", "in_transit", "delivered"),
    }
    page = (await api.get(f"/orders/{order_id}/events?limit=3", headers=STAFF)).body
    rest_of = (
        await api.get(f"/orders/{order_id}/events?cursor={page['next_cursor']}", headers=STAFF)
    ).body
    assert page["items"] + rest_of["items"] == theirs["items"]


async def test_what_staff_do_is_for_staff(db: Database) -> None:
    async with an_api(db) as api:
        product = await a_product(db, vendor="harbor")
        placed = await buy(api, product.variant_id)
        order_id = placed["order"]["id"]
        made = await api.post(f"/orders/{order_id}/fulfillments", headers={**STAFF, **a_key()})
        parcel = made.body["items"][0]["id"]
        token = {**order_token(placed), **a_key()}

        answers = [
            await api.get("/orders", headers=token),
            await api.put(f"/orders/{order_id}/status", {"status": "shipped"}, headers=token),
            await api.post(f"/orders/{order_id}/notes", {"text": "x"}, headers=token),
            await api.post(f"/orders/{order_id}/fulfillments", headers=token),
            await api.get(f"/orders/{order_id}/fulfillments", headers=token),
            await api.get(f"/fulfillments/{parcel}", headers=token),
            await api.post(f"/fulfillments/{parcel}/pack", headers=token),
            await api.put(f"/fulfillments/{parcel}/tracking", {"carrier": "dhl"}, headers=token),
            await api.post("/orders/bulk", {}, headers=token),
        ]
        keyless = await api.post(f"/orders/{order_id}/fulfillments", headers=STAFF)
        other = await api.get(f"/fulfillments/{parcel}?vendor=northline", headers=STAFF)
        await a_product(db, vendor="northline")
        foreign = await api.get(f"/fulfillments/{parcel}?vendor=northline", headers=STAFF)
        own = await api.get(f"/fulfillments/{parcel}?vendor=harbor", headers=STAFF)

    assert {answer.refusal for answer in answers} == {(401, "unauthenticated")}
    assert keyless.refusal == (422, "idempotency_key_missing")
    assert other.refusal == (404, "vendor_not_found")
    assert foreign.refusal == (404, "fulfillment_not_found")
    assert own.body["id"] == parcel
