"""Addresses over HTTP: what a country needs, and what is said when it is not there."""

from __future__ import annotations

from typing import Any

import pytest

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.support.api import ADDRESS, Api, a_body, a_key

AMERICAN = {"name": "Ada Byron", "line1": "1 Main Street", "city": "San Francisco"}
US = {**AMERICAN, "country": "US", "region": "California", "postal_code": "94103"}


async def test_every_country_is_listed_by_name(api: Api) -> None:
    answer = await api.get("/countries")

    items = answer.body["items"]
    assert len(items) == 249
    assert items == sorted(items, key=lambda row: row["name"])
    assert {"code": "IE", "name": "Ireland"} in items
    assert answer.body["next_cursor"] is None


async def test_a_country_says_what_its_addresses_are_made_of(api: Api) -> None:
    answer = await api.get("/countries/US")

    assert answer.body["calling_code"] == "+1"
    assert answer.body["postal_code_examples"] == ["95014", "22162-1010"]
    assert {"code": "CA", "name": "California"} in answer.body["regions"]
    assert [
        (field["name"], field["label"], field["is_required"]) for field in answer.body["fields"]
    ] == [
        ("name", "Full name", True),
        ("company", "Company", False),
        ("line1", "Street and number", True),
        ("line2", "Apartment, floor", False),
        ("city", "City", True),
        ("region", "State", True),
        ("postal_code", "ZIP code", True),
        ("phone", "Phone", False),
    ]


@pytest.mark.parametrize("code", ["XX", "us", "ZZ", "all", "USA"])
async def test_another_code_is_no_country(api: Api, code: str) -> None:
    assert (await api.get(f"/countries/{code}")).refusal == (404, "country_not_found")


async def test_an_address_is_kept_as_its_country_writes_it(api: Api, db: Database) -> None:
    lamp = await a_product(db)
    typed = {**US, "postal_code": "941033456", "phone": "(415) 555-2671"}
    billing = {**ADDRESS, "postal_code": "h91x2kp", "region": "galway"}

    placed = await api.buy(lamp.variant_id, shipping_address=typed, billing_address=billing)

    assert placed["order"]["shipping_address"] == {
        **US,
        "region": "CA",
        "postal_code": "94103-3456",
        "phone": "+14155552671",
    }
    assert placed["order"]["billing_address"] == {**ADDRESS, "region": "Co. Galway"}


@pytest.mark.parametrize(
    ("address", "faults"),
    [
        (
            {**AMERICAN, "country": "US"},
            {("/region", "missing"), ("/postal_code", "missing")},
        ),
        ({**US, "region": "Ontario"}, {("/region", "unknown_region")}),
        ({**US, "postal_code": "10001"}, {("/postal_code", "postal_code_elsewhere")}),
        (
            {**US, "postal_code": "x", "phone": "1", "name": " "},
            {
                ("/postal_code", "invalid_postal_code"),
                ("/phone", "invalid_phone"),
                ("/name", "blank"),
            },
        ),
        ({**US, "country": "XX", "phone": "1"}, {("/country", "invalid_country")}),
        (
            {**US, "postal_code": 94103, "region": None},
            {("/postal_code", "wrong_type"), ("/region", "missing")},
        ),
        ({**US, "phone": "1" * 41}, {("/phone", "too_long"), ("/phone", "invalid_phone")}),
    ],
)
async def test_every_fault_of_an_address_names_its_field(
    api: Api, db: Database, address: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    lamp = await a_product(db)
    body = a_body(lamp.variant_id, shipping_address=address)
    quote = {name: body[name] for name in ("lines", "currency", "shipping_address")}
    wanted = {(f"/shipping_address{pointer}", code) for pointer, code in faults}

    assert (await api.post("/checkout", body, headers=a_key())).faults == wanted
    assert (await api.post("/checkout/quote", quote)).faults == wanted
