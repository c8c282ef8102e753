"""A buyer pre-orders, waits in line, is told when it is there, and it is sent in that order."""

from __future__ import annotations

from typing import Any

from surehold.db.invariants import check_invariants
from surehold.inventory.commands import tell_backorders
from tests.builders.catalog import a_product
from tests.support.api import STAFF, Api, a_body, a_key, order_token


async def pay(api: Api, placed: Any) -> None:
    paid = await api.post(
        f"/payments/{placed['payment']['id']}/confirm",
        {"received": placed["order"]["total"]},
        headers=STAFF,
    )
    assert paid.status == 200, paid.raw


async def waits(api: Api, placed: Any) -> list[tuple[int, str | None]]:
    """What each line of an order waits for, and until when."""
    read = await api.get(f"/orders/{placed['order']['id']}", headers=order_token(placed))
    return [(line["waiting_quantity"], line["promised_on"]) for line in read.body["lines"]]


async def list_facts(api: Api) -> list[str]:
    async with api.db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT topic, subject_id FROM outbox WHERE topic LIKE 'backorder.%' ORDER BY id"
        )
    return [f"{row['topic']} {row['subject_id']}" for row in rows]


async def test_a_buyer_pre_orders_and_waits(api: Api) -> None:
    lamp = await a_product(api.db, sku="LAMP", on_hand=2)
    terms = {"policy": "preorder", "limit": 5, "promised_on": "2100-12-12"}
    path = f"/inventory/{lamp.variant_id}/backorders"
    opened = await api.put(path, terms, headers=STAFF)
    assert (opened.status, opened.body["limit"], opened.body["waiting_quantity"]) == (200, 5, 0)

    # Before the order, as things stand.
    cart = await api.post("/cart", {"variant_id": str(lamp.variant_id), "quantity": 3})
    line = cart.body["items"][0]
    assert (line["available"], line["waiting_quantity"], line["promised_on"]) == (
        *(7, 1),
        "2100-12-12",
    )
    quote = await api.post(
        "/checkout/quote",
        {"lines": [{"variant_id": str(lamp.variant_id), "quantity": 3}], "currency": "EUR"},
    )
    assert quote.body["lines"][0]["waiting_quantity"] == 1

    first = await api.buy((lamp.variant_id, 3))
    second = await api.buy((lamp.variant_id, 2))
    assert await waits(api, first) == [(1, "2100-12-12")]
    assert await waits(api, second) == [(2, "2100-12-12")]
    beyond = await api.post("/checkout", a_body((lamp.variant_id, 3)), headers=a_key())
    assert (beyond.refusal, beyond.body["shortages"][0]["available"]) == (
        (409, "insufficient_stock"),
        2,
    )
    for placed in (first, second):
        await pay(api, placed)
    await _staff_look(api, path, terms, [first, second])
    await _it_arrives(api, str(lamp.variant_id), first, second)
    async with api.db.connection() as connection:
        assert await check_invariants(connection) == {}


async def _staff_look(api: Api, path: str, terms: Any, placed: list[Any]) -> None:
    first = await api.get("/inventory/backorders?limit=1", headers=STAFF)
    rest = await api.get(
        f"/inventory/backorders?cursor={first.body['next_cursor']}", headers=STAFF
    )
    rows = [*first.body["items"], *rest.body["items"]]
    assert [(row["number"], row["waiting_quantity"], row["kind"]) for row in rows] == [
        (placed[0]["order"]["number"], 1, "preorder"),
        (placed[1]["order"]["number"], 2, "preorder"),
    ]
    assert [row["is_paid"] for row in rows] == [True, True]
    assert rest.body["next_cursor"] is None

    refused = await api.put(path, {"policy": "deny"}, headers=STAFF)
    assert refused.refusal == (409, "backorders_owed")
    assert refused.body["levels"] == [{"location": "main", "limit": 0, "waiting": 3}]
    past = await api.put(path, {**terms, "promised_on": "2020-01-01"}, headers=STAFF)
    assert past.faults == {("/promised_on", "in_the_past")}
    odd = await api.put(path, {"policy": "deny", "limit": 3}, headers=STAFF)
    assert odd.faults == {("/limit", "denied")}

    later = await api.put(path, {**terms, "promised_on": "2101-01-15"}, headers=STAFF)
    assert (later.body["promised_on"], later.body["is_overdue"]) == ("2101-01-15", False)
    assert await waits(api, placed[0]) == [(1, "2101-01-15")]
    assert sorted(await list_facts(api)) == sorted(
        f"backorder.date_changed {row['order']['id']}" for row in placed
    )


async def _it_arrives(api: Api, variant_id: str, first: Any, second: Any) -> None:
    for placed, units in ((second, 1), (first, 3)):
        line_id = placed["order"]["lines"][0]["id"]
        refused = await api.post(
            f"/orders/{placed['order']['id']}/fulfillments",
            {"lines": [{"line_id": line_id, "quantity": units}]},
            headers={**STAFF, **a_key()},
        )
        assert refused.refusal == (409, "units_not_on_hand")
    arrived = await api.patch(
        f"/inventory/{variant_id}",
        {"location": "main", "delta": 2, "reason": "received"},
        headers={**STAFF, **a_key()},
    )
    assert arrived.status == 200, arrived.raw

    assert await waits(api, first) == [(0, None)]
    assert await waits(api, second) == [(1, "2101-01-15")]
    assert await tell_backorders(api.db) == 1
    assert (await list_facts(api))[2:] == [f"backorder.ready {first['order']['id']}"]
    for placed, units in ((first, 3), (second, 1)):
        planned = await api.post(
            f"/orders/{placed['order']['id']}/fulfillments",
            headers={**STAFF, **a_key()},
        )
        assert planned.status == 201, planned.raw
        [parcel] = planned.body["items"]
        assert [line["quantity"] for line in parcel["lines"]] == [units]
