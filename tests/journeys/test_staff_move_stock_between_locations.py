"""Staff open a second location, bring units there, and the nearest one serves the buyer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.api import ADDRESS, STAFF, Api, a_body, a_key
from tests.support.placing import counters

BERLIN = {**ADDRESS, "city": "Berlin", "postal_code": "10115", "country": "DE"}


async def _shelves(api: Api, variant_id: UUID) -> dict[str, tuple[int, int]]:
    """On hand and reserved by location."""
    found = await api.get(f"/inventory/{variant_id}", headers=STAFF)
    return {row["location"]: (row["on_hand"], row["reserved"]) for row in found.body["levels"]}


async def _no_invariant_is_broken(api: Api) -> bool:
    async with api.db.connection() as connection:
        return await check_invariants(connection) == {}


def _units(variant_id: UUID, quantity: int) -> list[dict[str, Any]]:
    return [{"variant_id": str(variant_id), "quantity": quantity}]


async def test_staff_move_stock_and_the_nearest_location_serves_the_buyer(api: Api) -> None:
    lamp = await a_product(api.db, sku="LAMP", on_hand=10)
    galway = await api.post(
        "/inventory/locations",
        {"code": "galway", "name": "Galway", "country": "IE", "priority": 50},
        headers=STAFF,
    )
    drafted = await api.post(
        "/inventory/transfers",
        {
            "from_location": "main",
            "to_location": "galway",
            "lines": _units(lamp.variant_id, 6),
        },
        headers={**STAFF, **a_key()},
    )
    path = f"/inventory/transfers/{drafted.body['transfer']['id']}"
    assert (galway.status, drafted.status) == (201, 201)
    assert await _shelves(api, lamp.variant_id) == {"main": (10, 0)}

    sent = await api.post(f"{path}/dispatch", headers=STAFF)
    sent_again = await api.post(f"{path}/dispatch", headers=STAFF)
    on_the_way = await api.get(f"/inventory/{lamp.variant_id}", headers=STAFF)
    assert sent.body["transfer"]["state"] == "in_transit"
    assert sent.raw == sent_again.raw
    assert on_the_way.body["in_transit"] == [
        {
            "transfer_id": drafted.body["transfer"]["id"],
            "from_location": "main",
            "to_location": "galway",
            "quantity": 6,
        }
    ]
    assert on_the_way.body["available"] == 4

    key = {**STAFF, **a_key()}
    some = await api.post(f"{path}/receive", {"lines": _units(lamp.variant_id, 4)}, headers=key)
    twice = await api.post(f"{path}/receive", {"lines": _units(lamp.variant_id, 4)}, headers=key)
    assert some.raw == twice.raw
    assert some.body["lines"][0]["in_transit"] == 2
    assert await _shelves(api, lamp.variant_id) == {"main": (4, 0), "galway": (4, 0)}

    canceled = await api.post(f"{path}/cancel", headers=STAFF)
    assert canceled.body["transfer"]["state"] == "canceled"
    assert canceled.body["lines"][0]["returned"] == 2
    assert await _shelves(api, lamp.variant_id) == {"main": (6, 0), "galway": (4, 0)}

    await api.buy((lamp.variant_id, 3))
    assert await _shelves(api, lamp.variant_id) == {"main": (6, 0), "galway": (4, 3)}
    await api.buy((lamp.variant_id, 3), shipping_address=BERLIN)
    assert await _shelves(api, lamp.variant_id) == {"main": (6, 3), "galway": (4, 3)}

    moves = await api.get(f"/inventory/movements?variant_id={lamp.variant_id}", headers=STAFF)
    assert [(row["location"], row["delta"], row["reason"]) for row in moves.body["items"]] == [
        ("main", 2, "transfer"),
        ("galway", 4, "transfer"),
        ("main", -6, "transfer"),
        ("main", 10, "initial"),
    ]
    listed = await api.get("/inventory/transfers?state=canceled", headers=STAFF)
    assert [row["id"] for row in listed.body["items"]] == [drafted.body["transfer"]["id"]]
    assert await _no_invariant_is_broken(api)


async def test_a_closed_location_sells_nothing(api: Api) -> None:
    lamp = await a_product(api.db, on_hand={"main": 1, "north": 5})
    places = await api.get("/inventory/locations", headers=STAFF)
    north = next(row for row in places.body["items"] if row["code"] == "north")
    facts = {name: north[name] for name in ("code", "name", "country", "priority")}
    path = f"/inventory/locations/{north['id']}"

    closed = await api.put(path, {**facts, "is_active": False, "version": 1}, headers=STAFF)
    late = await api.put(path, {**facts, "name": "Late", "version": 1}, headers=STAFF)
    product = await api.get(f"/products/{lamp.slug}?currency=EUR")
    short = await api.post("/checkout", a_body((lamp.variant_id, 2)), headers=a_key())
    added = await api.post(
        "/cart", {"variant_id": str(lamp.variant_id), "quantity": 2, "currency": "EUR"}
    )

    assert (closed.status, closed.body["version"], closed.body["is_active"]) == (200, 2, False)
    assert late.refusal == (409, "location_changed")
    assert late.body["version"] == 2
    assert product.body["variants"][0]["available"] == 1
    assert short.refusal == added.refusal == (409, "insufficient_stock")
    assert short.body["shortages"][0]["available"] == 1
    assert await counters(api.db, lamp.variant_id) == (6, 0, 0)


async def test_a_line_that_may_not_be_split_says_what_the_best_location_has(api: Api) -> None:
    lamp = await a_product(api.db, on_hand={"main": 2, "north": 3})
    async with api.db.connection() as connection:
        await connection.raw.execute(
            "INSERT INTO settings VALUES ('is_split_allowed', 'false', 'test', store_now())"
        )

    refused = await api.post("/checkout", a_body((lamp.variant_id, 4)), headers=a_key())
    await api.buy((lamp.variant_id, 3))

    assert refused.refusal == (409, "insufficient_stock")
    assert refused.body["shortages"] == [
        {"variant_id": str(lamp.variant_id), "requested": 4, "available": 3}
    ]
    assert await _shelves(api, lamp.variant_id) == {"main": (2, 0), "north": (3, 3)}


async def test_what_cannot_move_is_refused_and_stays(api: Api) -> None:
    lamp = await a_product(api.db, on_hand=3)
    await a_product(api.db, on_hand={"annex": 1})
    await api.buy((lamp.variant_id, 2))
    body = {
        "from_location": "main",
        "to_location": "annex",
        "lines": _units(lamp.variant_id, 2),
    }
    key = a_key()
    drafted = await api.post("/inventory/transfers", body, headers={**STAFF, **key})
    path = f"/inventory/transfers/{drafted.body['transfer']['id']}"

    same = await api.post(
        "/inventory/transfers", {**body, "to_location": "main"}, headers={**STAFF, **a_key()}
    )
    nowhere = await api.post(
        "/inventory/transfers", {**body, "to_location": "moon"}, headers={**STAFF, **a_key()}
    )
    early = await api.post(f"{path}/receive", headers={**STAFF, **a_key()})
    short = await api.post(f"{path}/dispatch", headers=STAFF)

    assert same.faults == {("/to_location", "same_location")}
    assert nowhere.refusal == (404, "location_not_found")
    assert early.refusal == (409, "transfer_not_possible")
    assert short.refusal == (409, "insufficient_stock")
    assert short.body["shortages"][0] == {
        "variant_id": str(lamp.variant_id),
        "requested": 2,
        "available": 1,
    }
    assert await counters(api.db, lamp.variant_id) == (3, 0, 2)
    assert await _no_invariant_is_broken(api)


async def test_more_than_is_in_transit_is_not_received(api: Api) -> None:
    lamp, mug = await a_product(api.db, on_hand=3), await a_product(api.db, on_hand={"annex": 1})
    body = {
        "from_location": "main",
        "to_location": "annex",
        "lines": _units(lamp.variant_id, 2),
    }
    drafted = await api.post("/inventory/transfers", body, headers={**STAFF, **a_key()})
    path = f"/inventory/transfers/{drafted.body['transfer']['id']}"
    await api.post(f"{path}/dispatch", headers=STAFF)

    wrong = await api.post(
        f"{path}/receive",
        {"lines": [*_units(lamp.variant_id, 3), *_units(mug.variant_id, 1)]},
        headers={**STAFF, **a_key()},
    )
    whole = await api.post(f"{path}/receive", headers={**STAFF, **a_key()})
    late = await api.post(f"{path}/cancel", headers=STAFF)

    assert wrong.faults == {
        ("/lines/0/quantity", "more_than_in_transit"),
        ("/lines/1/variant_id", "not_in_transfer"),
    }
    assert whole.body["transfer"]["state"] == "received"
    assert late.refusal == (409, "transfer_not_possible")
    assert await _shelves(api, lamp.variant_id) == {"main": (1, 0), "annex": (2, 0)}
    assert await _no_invariant_is_broken(api)
