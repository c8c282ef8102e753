"""Stock over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, a_key
from tests.support.placing import count_rows, counters

ROUTES = [
    ("GET", "/inventory"),
    ("GET", f"/inventory/{NOBODY}"),
    ("GET", "/inventory/low-stock"),
    ("GET", "/inventory/movements"),
    ("POST", "/inventory/reserve"),
    ("GET", f"/inventory/reserve?reservation_id={NOBODY}"),
    ("DELETE", f"/inventory/reserve?reservation_id={NOBODY}"),
    ("GET", "/inventory/locations"),
    ("POST", "/inventory/locations"),
    ("PUT", f"/inventory/locations/{NOBODY}"),
    ("PATCH", f"/inventory/{NOBODY}"),
    ("GET", "/inventory/transfers"),
    ("POST", "/inventory/transfers"),
    ("GET", f"/inventory/transfers/{NOBODY}"),
    ("POST", f"/inventory/transfers/{NOBODY}/dispatch"),
    ("POST", f"/inventory/transfers/{NOBODY}/receive"),
    ("POST", f"/inventory/transfers/{NOBODY}/cancel"),
    ("GET", "/inventory/counts"),
    ("POST", "/inventory/counts"),
    ("GET", f"/inventory/counts/{NOBODY}"),
    ("PUT", f"/inventory/counts/{NOBODY}/lines"),
    ("POST", f"/inventory/counts/{NOBODY}/apply"),
    ("POST", f"/inventory/counts/{NOBODY}/cancel"),
    ("GET", "/inventory/export"),
    ("POST", "/inventory/import"),
]


HEADERS: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "é"},
]


async def test_only_staff_see_stock(api: Api) -> None:
    for method, path in ROUTES:
        for headers in HEADERS:
            raw = {name: value.encode("latin-1") for name, value in headers.items()}

            answer = await api(method, path, headers=raw)

            code = "session_over" if headers else "unauthenticated"
            assert answer.refusal == (401, code), (method, path, headers)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_levels_are_listed_page_by_page(api: Api) -> None:
    first = await a_product(api.db, sku="AAA", on_hand=10)
    await a_product(api.db, sku="BBB", on_hand=1)
    await api.buy((first.variant_id, 3))

    page = await api.get("/inventory?limit=1", headers=STAFF)
    rest = await api.get(f"/inventory?cursor={page.body['next_cursor']}", headers=STAFF)
    low = await api.get("/inventory/low-stock", headers=STAFF)

    assert page.body["items"] == [
        {
            "variant_id": str(first.variant_id),
            "sku": "AAA",
            "name": "Product AAA",
            "location": "main",
            "on_hand": 10,
            "allocated": 0,
            "reserved": 3,
            "available": 7,
            "low_stock_threshold": 2,
            "is_low": False,
        }
    ]
    assert [row["sku"] for row in rest.body["items"]] == ["BBB"]
    assert rest.body["next_cursor"] is None
    assert [row["sku"] for row in low.body["items"]] == ["BBB"]


async def test_one_variant_is_read_over_all_places(api: Api) -> None:
    product = await a_product(api.db, on_hand={"main": 2, "north": 3})

    answer = await api.get(f"/inventory/{product.variant_id}", headers=STAFF)

    assert answer.body["available"] == 5
    assert [(row["location"], row["on_hand"]) for row in answer.body["levels"]] == [
        ("main", 2),
        ("north", 3),
    ]
    for unknown in (NOBODY, "x", "%00"):
        gone = await api.get(f"/inventory/{unknown}", headers=STAFF)
        assert gone.refusal == (404, "variant_not_stocked")


async def test_movements_are_listed(api: Api) -> None:
    product = await a_product(api.db, on_hand=4)
    await a_product(api.db)

    answer = await api.get(f"/inventory/movements?variant_id={product.variant_id}", headers=STAFF)
    every = await api.get("/inventory/movements?limit=1", headers=STAFF)

    assert [(row["delta"], row["reason"]) for row in answer.body["items"]] == [(4, "initial")]
    assert every.body["next_cursor"] is not None


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/inventory?limit=0", ("/limit", "out_of_range")),
        ("/inventory?cursor=x", ("/cursor", "invalid_cursor")),
        ("/inventory/movements?variant_id=x", ("/variant_id", "invalid_id")),
        ("/inventory/low-stock?page=2", ("/page", "unknown_field")),
        ("/inventory/reserve", ("/reservation_id", "missing")),
    ],
)
async def test_queries_are_checked(api: Api, path: str, fault: tuple[str, str]) -> None:
    assert (await api.get(path, headers=STAFF)).faults == {fault}


async def test_units_are_held_read_and_released(api: Api) -> None:
    product = await a_product(api.db, on_hand=5)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}], "ttl_seconds": 60}

    held = await api.post("/inventory/reserve", body, headers={**STAFF, **a_key()})
    path = f"/inventory/reserve?reservation_id={held.body['id']}"
    read = await api.get(path, headers=STAFF)
    assert await counters(api.db, product.variant_id) == (5, 0, 2)
    released = await api.delete(path, headers=STAFF)
    again = await api.delete(path, headers=STAFF)

    assert held.status == 201
    assert held.body["state"] == "active"
    assert [(row["variant_id"], row["quantity"]) for row in held.body["items"]] == [
        (str(product.variant_id), 2)
    ]
    assert read.raw == held.raw
    assert released.body["state"] == "released"
    assert again.raw == released.raw
    assert await counters(api.db, product.variant_id) == (5, 0, 0)


async def test_the_same_key_holds_once(api: Api) -> None:
    product = await a_product(api.db, on_hand=5)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}]}
    headers = {**STAFF, **a_key()}

    first = await api.post("/inventory/reserve", body, headers=headers)
    second = await api.post("/inventory/reserve", body, headers=headers)
    other = await api.post("/inventory/reserve", {**body, "ttl_seconds": 5}, headers=headers)

    assert (first.status, first.raw) == (second.status, second.raw)
    assert other.refusal == (422, "idempotency_key_reused")
    assert await counters(api.db, product.variant_id) == (5, 0, 2)


async def test_the_same_key_at_the_same_moment_holds_once(api: Api) -> None:
    product = await a_product(api.db, on_hand=9)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}]}
    headers = {**STAFF, **a_key()}

    answers = await asyncio.gather(
        *(api.post("/inventory/reserve", body, headers=headers) for _ in range(4))
    )

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"request_in_flight"}
    assert await counters(api.db, product.variant_id) == (9, 0, 2)


async def test_a_hold_needs_a_key_and_stock(api: Api) -> None:
    product = await a_product(api.db, on_hand=1)
    one = {"variant_id": str(product.variant_id), "quantity": 1}
    headers = {**STAFF, **a_key()}

    no_key = await api.post("/inventory/reserve", {"lines": [one]}, headers=STAFF)
    short = await api.post(
        "/inventory/reserve", {"lines": [one, one]}, headers={**STAFF, **a_key()}
    )
    unknown = await api.post(
        "/inventory/reserve", {"lines": [{**one, "variant_id": NOBODY}]}, headers=headers
    )
    bad = await api.post("/inventory/reserve", {"lines": [], "ttl_seconds": 0}, headers=headers)

    assert no_key.refusal == (422, "idempotency_key_missing")
    assert short.refusal == (409, "insufficient_stock")
    assert short.body["shortages"][0]["requested"] == 2
    assert unknown.refusal == (404, "variant_not_stocked")
    assert bad.faults == {("/lines", "wrong_count"), ("/ttl_seconds", "out_of_range")}
    assert await count_rows(api.db) == {}


async def test_an_orders_holds_are_its_own(api: Api) -> None:
    placed = await api.buy((await a_product(api.db)).variant_id)
    path = f"/inventory/reserve?reservation_id={placed['order']['id']}"

    read, released = await api.get(path, headers=STAFF), await api.delete(path, headers=STAFF)

    assert read.refusal == released.refusal == (404, "reservation_not_found")
