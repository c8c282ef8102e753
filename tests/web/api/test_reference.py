"""The OpenAPI document is whole and true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surehold.web.openapi import JSON, OPT, Described, routes_of, template_of
from surehold.web.validation import list_faults
from tests.builders.catalog import a_product
from tests.support.api import CRON, NOBODY, STAFF, Api, a_key

PROBLEM: Final = "application/problem+json"


@pytest.fixture
async def document(api: Api) -> Any:
    answer = await api.get("/api/openapi.json")
    assert (answer.status, answer.type) == (200, "application/json")
    return answer.body


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


async def test_every_route_is_in_the_document(api: Api, document: Any) -> None:
    routes = {
        (template_of(path), method.lower())
        for path, method, _ in routes_of(api.application.router)
    }

    assert routes == {(path, method) for path, method, _ in operations(document)}
    assert len(routes) == 262


async def test_every_reference_leads_somewhere(document: Any) -> None:
    for reference in set(references(document)):
        found = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


async def test_the_document_has_its_parts(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Northline store API"
    assert document["info"]["version"]
    assert document["servers"] == [{"url": "http://shop.test"}]
    assert set(document["components"]["securitySchemes"]) == {
        "cart_token",
        "order_token",
        "draft_token",
        "wishlist_token",
        "staff",
        "cron",
        "account",
        "browser_session",
    }


async def test_every_operation_says_what_it_does(document: Any) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = [operation["operationId"] for *_, operation in operations(document)]
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert set(operation["tags"]) <= tags, where
        assert {"500", "503"} <= set(operation["responses"]), where
        in_path = {row["name"] for row in operation["parameters"] if row["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), where
        for name in (name for row in operation.get("security", ()) for name in row):
            assert name in document["components"]["securitySchemes"], where
    assert len(set(ids)) == len(ids)


async def test_every_error_has_its_code_and_an_example(document: Any) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            assert response["description"], f"{method} {path} {status}"
            if PROBLEM in response.get("content", {}):
                for code, example in response["content"][PROBLEM]["examples"].items():
                    assert f"`{code}`" in response["description"]
                    assert example["value"]["code"] == code
                    assert example["value"]["status"] == int(status)


async def test_the_checkout_is_described_in_full(document: Any) -> None:
    checkout = document["paths"]["/api/v1/checkout"]["post"]
    codes = {
        status: set(response["content"][PROBLEM]["examples"])
        for status, response in checkout["responses"].items()
        if status != "201"
    }

    assert checkout["requestBody"]["required"] is True
    assert [
        (row["name"], row["required"]) for row in checkout["parameters"] if row["in"] == "header"
    ] == [("Idempotency-Key", True)]
    assert codes["409"] == {
        "not_for_sale",
        "price_changed",
        "quote_expired",
        "insufficient_stock",
        "coupon_not_applicable",
        "coupon_exhausted",
        "nothing_to_pay",
        "gift_card_not_usable",
        "gift_card_balance_too_low",
        "gift_card_pays_too_much",
        "to_pay_changed",
    }
    assert {"invalid_input", "idempotency_key_missing", "shipping_method_unknown"} <= codes["422"]
    assert "busy" in codes["503"]
    expected = {"400", "404", "408", "409", "413", "415", "422", "429", "500", "503"}
    assert set(codes) == expected


async def test_examples_of_bodies_have_no_fault(api: Api) -> None:
    for path, method, said in routes_of(api.application.router):
        assert isinstance(said, Described), path
        if said.body_example is not None:
            if said.body_type != JSON:
                assert msgspec.convert(said.body_example, said.body)
                continue
            raw = msgspec.json.encode(said.body_example)
            assert list_faults(raw, said.body) == (), f"{method} {path}"
    assert OPT == "described"


async def test_addresses_in_any_script_fit_the_document(api: Api, document: Any) -> None:
    product = await a_product(api.db)

    placed = await api.buy(product.variant_id, email="bjørn@exämple.de")

    email = document["components"]["schemas"]["CheckoutBody"]["properties"]["email"]
    assert placed["order"]["email"] == "bjørn@exämple.de"
    assert email["format"] == "idn-email"


async def test_the_page_runs_no_inline_script(api: Api) -> None:
    answer = await api.get("/api/docs")

    html = answer.raw.decode()
    policy = answer.headers["content-security-policy"]
    assert answer.type == "text/html; charset=utf-8"
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert 'data-url="/api/openapi.json"' in html
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|javascript:|https?://", html)
    for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', html):
        assert (await api.get(asset)).status == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "lines",
                    "variant_id",
                    "quantity",
                    "cart_id",
                    "order_id",
                    "received",
                    "x",
                    "email",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.one_of(st.binary(max_size=60), json_values.map(msgspec.json.encode)), st.data())
async def test_no_nonsense_makes_a_route_fail(api: Api, raw: bytes, data: st.DataObject) -> None:
    word = data.draw(st.sampled_from([NOBODY, "x", "%00", "%FF", "0", "SH", "a" * 300]))
    query = data.draw(
        st.sampled_from(["", "?limit=x", "?cursor=%00", "?cursor=W10", "?token=%FF"])
    )
    headers = {"Content-Type": "application/json", "X-Cart-Token": "t", **a_key()}
    for path, method, _ in routes_of(api.application.router):
        where = re.sub(r"\{[^}]+\}", word, path) + query
        secret = CRON if path.startswith("/cron") else STAFF

        answer = await api(
            method,
            where,
            content=raw if method in {"POST", "PUT"} else None,
            headers={**headers, **secret},
        )

        assert answer.status < 500, (method, where, raw, answer.raw)
        if answer.status >= 400:
            assert answer.code
