"""Placing an order over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.builders.catalog import a_product
from tests.support.api import ADDRESS, NOBODY, Api, a_body, a_key
from tests.support.placing import count_rows, counters


async def test_an_order_is_placed_and_its_payment_begun(api: Api) -> None:
    product = await a_product(api.db, price=1999, on_hand=3)

    answer = await api.post("/checkout", a_body((product.variant_id, 2)), headers=a_key())

    assert answer.status == 201
    assert answer.type == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    order, payment = answer.body["order"], answer.body["payment"]
    assert order["status"] == "pending_payment"
    assert order["subtotal"] == {"amount": 3998, "currency": "EUR"}
    assert order["total"] == {"amount": 3998 + 490, "currency": "EUR"}
    assert order["email"] == "mara@example.com"
    assert order["shipping_address"] == ADDRESS
    assert [line["quantity"] for line in order["lines"]] == [2]
    assert payment["provider"] == "bank_transfer"
    assert payment["next_action"]["type"] == "instructions"
    assert await counters(api.db, product.variant_id) == (3, 0, 2)


async def test_the_same_key_answers_the_same_bytes(api: Api) -> None:
    product = await a_product(api.db)
    body, key = a_body(product.variant_id), a_key()

    first = await api.post("/checkout", body, headers={**key, "X-Request-Id": "one"})
    second = await api.post("/checkout", body, headers={**key, "X-Request-Id": "one"})

    assert (first.status, first.raw) == (second.status, second.raw)
    assert dict(first.headers) == dict(second.headers)
    assert (await count_rows(api.db))["orders"] == 1


async def test_the_same_key_at_the_same_moment_makes_one_order(api: Api) -> None:
    product = await a_product(api.db)
    body, key = a_body(product.variant_id), a_key()

    answers = await asyncio.gather(*(api.post("/checkout", body, headers=key) for _ in range(8)))

    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert (await count_rows(api.db))["orders"] == 1


async def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    product = await a_product(api.db)
    key = a_key()
    await api.post("/checkout", a_body(product.variant_id), headers=key)

    answer = await api.post("/checkout", a_body((product.variant_id, 2)), headers=key)

    assert answer.refusal == (422, "idempotency_key_reused")
    assert (await count_rows(api.db))["orders"] == 1


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_invalid"),
        ("k" * 201, "idempotency_key_invalid"),
        ("schlüssel", "idempotency_key_invalid"),
        ("a\tb", "idempotency_key_invalid"),
    ],
)
async def test_a_key_is_required_and_plain(api: Api, key: str | None, code: str) -> None:
    product = await a_product(api.db)
    headers = {} if key is None else {"Idempotency-Key": key.encode()}

    answer = await api.post("/checkout", a_body(product.variant_id), headers=headers)

    assert answer.refusal == (422, code)
    assert await count_rows(api.db) == {}


async def test_a_key_of_200_characters_is_taken(api: Api) -> None:
    product = await a_product(api.db)

    answer = await api.post("/checkout", a_body(product.variant_id), headers=a_key("k" * 200))

    assert answer.status == 201


async def test_every_fault_is_listed(api: Api) -> None:
    body = {
        "lines": [
            {"variant_id": "no", "quantity": 0},
            {"variant_id": NOBODY, "quantity": 1000, "color": "red"},
            {"quantity": "2"},
            7,
        ],
        "email": "no address",
        "shipping_address": {"name": " ", "line1": "1\n2", "country": "XX", "fax": "1"},
        "billing_address": [],
        "shipping_method": "by air!",
        "payment_method": {"provider": None},
        "expected_total": {"amount": -1, "currency": "ABC"},
        "currency": "eur",
        "quote_id": 1,
        "color": "red",
    }

    answer = await api.post("/checkout", body, headers=a_key())

    assert answer.faults == {
        ("/lines/0/variant_id", "invalid_id"),
        ("/lines/0/quantity", "out_of_range"),
        ("/lines/1/quantity", "out_of_range"),
        ("/lines/1/color", "unknown_field"),
        ("/lines/2/variant_id", "missing"),
        ("/lines/2/quantity", "wrong_type"),
        ("/lines/3", "wrong_type"),
        ("/email", "invalid_email"),
        ("/shipping_address/name", "blank"),
        ("/shipping_address/line1", "invalid_text"),
        ("/shipping_address/city", "missing"),
        ("/shipping_address/country", "invalid_country"),
        ("/shipping_address/fax", "unknown_field"),
        ("/billing_address", "wrong_type"),
        ("/shipping_method", "invalid_format"),
        ("/payment_method/provider", "wrong_type"),
        ("/expected_total/amount", "out_of_range"),
        ("/expected_total/currency", "invalid_currency"),
        ("/currency", "invalid_currency"),
        ("/quote_id", "wrong_type"),
        ("/color", "unknown_field"),
    }
    assert await count_rows(api.db) == {}


async def test_an_empty_object_lists_what_is_missing(api: Api) -> None:
    answer = await api.post("/checkout", {}, headers=a_key())

    assert answer.faults == {
        ("/email", "missing"),
        ("/shipping_address", "missing"),
        ("/shipping_method", "missing"),
        ("/payment_method", "missing"),
        ("/lines", "missing"),
    }


FAULTS: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"cart_id": NOBODY}, ("/lines", "cart_or_lines")),
    ({"lines": ...}, ("/lines", "missing")),
    ({"lines": []}, ("/lines", "wrong_count")),
    ({"lines": [{"variant_id": NOBODY, "quantity": 1}] * 101}, ("/lines", "wrong_count")),
    (
        {"lines": [{"variant_id": NOBODY, "quantity": 500}] * 2},
        ("/lines/1/quantity", "out_of_range"),
    ),
    ({"email": "a@b"}, ("/email", "invalid_email")),
    ({"email": "a..b@example.com"}, ("/email", "invalid_email")),
    ({"email": "x" * 65 + "@example.com"}, ("/email", "invalid_email")),
    ({"email": "a@example.com" + "m" * 250}, ("/email", "too_long")),
    ({"email": "a@example.com\u0000"}, ("/email", "invalid_text")),
    ({"currency": "XXQ"}, ("/currency", "invalid_currency")),
    ({"expected_total": 2**63}, ("/expected_total", "out_of_range")),
    ({"expected_total": 10**40}, ("/expected_total", "out_of_range")),
    ({"expected_total": 1.5}, ("/expected_total", "wrong_type")),
    ({"expected_total": True}, ("/expected_total", "wrong_type")),
    ({"expected_total": "2489"}, ("/expected_total", "wrong_type")),
    (
        {"shipping_address": {**ADDRESS, "line2": "\u0007"}},
        ("/shipping_address/line2", "invalid_text"),
    ),
    (
        {"shipping_address": {**ADDRESS, "name": "n" * 201}},
        ("/shipping_address/name", "too_long"),
    ),
    (
        {"shipping_address": {**ADDRESS, "country": "ie"}},
        ("/shipping_address/country", "invalid_country"),
    ),
    ({"billing_address": {**ADDRESS, "city": ""}}, ("/billing_address/city", "too_short")),
]


async def test_one_fault_is_named(api: Api) -> None:
    product = await a_product(api.db)

    for changes, fault in FAULTS:
        body = a_body(product.variant_id, **changes)
        answer = await api.post("/checkout", body, headers=a_key())

        assert answer.faults == {fault}, changes
    assert await count_rows(api.db) == {}


async def test_half_a_surrogate_pair_is_no_text(api: Api) -> None:
    raw = (
        b'{"lines":[{"variant_id":"%s","quantity":1}],"email":"a@example.com",'
        b'"shipping_address":{"name":"\\ud800","line1":"1","city":"c","country":"IE"},'
        b'"shipping_method":"standard","payment_method":{"provider":"bank_transfer"}}'
    ) % NOBODY.encode()

    answer = await api(
        "POST",
        "/checkout",
        content=raw,
        headers={**a_key(), "Content-Type": "application/json"},
    )

    assert answer.faults == {("/shipping_address/name", "invalid_text")}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"nothing", b"\xff", b"NaN", b'{"a":1} {}', b"[" * 20_000, b"\xef\xbb\xbf{}"],
)
async def test_what_is_not_json_is_told_so(api: Api, raw: bytes) -> None:
    headers = {**a_key(), "Content-Type": "application/json"}

    answer = await api("POST", "/checkout", content=raw, headers=headers)

    assert answer.refusal == (400, "malformed_json")


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"text"', b"7", b"true"])
async def test_the_body_is_an_object(api: Api, raw: bytes) -> None:
    headers = {**a_key(), "Content-Type": "application/json"}

    answer = await api("POST", "/checkout", content=raw, headers=headers)

    assert answer.faults == {("", "wrong_type")}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_another_content_type_is_refused(api: Api, headers: dict[str, str]) -> None:
    answer = await api("POST", "/checkout", content=b"{}", headers={**a_key(), **headers})

    assert answer.refusal == (415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_written_in_other_ways(api: Api, kind: str) -> None:
    answer = await api(
        "POST", "/checkout", content=b"[]", headers={**a_key(), "Content-Type": kind}
    )

    assert answer.faults == {("", "wrong_type")}


async def test_a_large_body_is_refused(api: Api) -> None:
    answer = await api(
        "POST",
        "/checkout",
        content=b" " * (64 * 1024 + 1),
        headers={**a_key(), "Content-Type": "application/json"},
    )

    assert answer.refusal == (413, "body_too_large")


async def test_the_same_variant_twice_is_summed(api: Api) -> None:
    product = await a_product(api.db, on_hand=5)
    other = await a_product(api.db)

    placed = await api.buy((product.variant_id, 2), (other.variant_id, 1), (product.variant_id, 3))

    assert [(line["sku"], line["quantity"]) for line in placed["order"]["lines"]] == [
        (product.sku, 5),
        (other.sku, 1),
    ]


async def test_a_coupon_that_nobody_made_is_refused_and_not_ignored(api: Api) -> None:
    product = await a_product(api.db)

    answer = await api.post(
        "/checkout", a_body(product.variant_id, coupon="summer"), headers=a_key()
    )

    assert answer.refusal == (409, "coupon_not_applicable")
    assert answer.body["coupon"] == "SUMMER"
    assert answer.body["reason"] == "coupon_unknown"
    assert await count_rows(api.db) == {}


async def test_no_coupon_may_be_said_in_words(api: Api) -> None:
    product = await a_product(api.db)

    assert (await api.buy(product.variant_id, coupon=None))["order"]["status"] == (
        "pending_payment"
    )


@pytest.mark.parametrize("expected", [2489, {"amount": 2489, "currency": "EUR"}])
async def test_the_expected_total_may_be_an_amount_or_a_number(api: Api, expected: Any) -> None:
    product = await a_product(api.db, price=1999)

    placed = await api.buy(product.variant_id, expected_total=expected)

    assert placed["order"]["total"]["amount"] == 2489


@pytest.mark.parametrize("expected", [2488, {"amount": 2489, "currency": "USD"}])
async def test_another_price_than_the_buyer_saw_places_nothing(api: Api, expected: Any) -> None:
    product = await a_product(api.db, price=1999)

    answer = await api.post(
        "/checkout", a_body(product.variant_id, expected_total=expected), headers=a_key()
    )

    assert answer.refusal == (409, "price_changed")
    assert answer.body["actual"] == {"amount": 2489, "currency": "EUR"}
    assert await count_rows(api.db) == {}


async def test_too_few_lists_every_shortage(api: Api) -> None:
    first = await a_product(api.db, on_hand=1)
    second = await a_product(api.db, on_hand=0)

    answer = await api.post(
        "/checkout", a_body((first.variant_id, 2), second.variant_id), headers=a_key()
    )

    assert answer.refusal == (409, "insufficient_stock")
    assert answer.body["shortages"] == [
        {"variant_id": str(first.variant_id), "requested": 2, "available": 1},
        {"variant_id": str(second.variant_id), "requested": 1, "available": 0},
    ]
    assert await count_rows(api.db) == {}


async def test_an_unknown_variant_is_not_for_sale(api: Api) -> None:
    answer = await api.post("/checkout", a_body(uuid4()), headers=a_key())

    assert answer.refusal == (409, "not_for_sale")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"shipping_method": "drone"}, 422, "shipping_method_unknown"),
        ({"payment_method": {"provider": "gold"}}, 422, "provider_unknown"),
        ({"currency": "JPY"}, 409, "not_for_sale"),
        ({"quote_id": NOBODY}, 409, "quote_expired"),
    ],
)
async def test_what_the_store_does_not_have_is_refused(
    api: Api, changes: dict[str, Any], status: int, code: str
) -> None:
    product = await a_product(api.db)

    answer = await api.post("/checkout", a_body(product.variant_id, **changes), headers=a_key())

    assert answer.refusal == (status, code)
    assert await count_rows(api.db) == {}


async def test_a_cart_is_checked_out_with_its_token(api: Api) -> None:
    product = await a_product(api.db, price=1000)
    cart = (
        await api.post("/cart", {"variant_id": str(product.variant_id), "currency": "EUR"})
    ).body
    body = a_body(lines=..., currency=..., cart_id=cart["id"])

    refused = await api.post("/checkout", body, headers=a_key())
    foreign = await api.post(
        "/checkout", body, headers={**a_key(), "X-Cart-Token": "another-token"}
    )
    placed = await api.post(
        "/checkout", body, headers={**a_key(), "Cookie": f"surehold_cart={cart['token']}"}
    )

    assert refused.refusal == (404, "cart_not_found")
    assert foreign.refusal == (404, "cart_not_found")
    assert placed.status == 201
    assert placed.body["order"]["subtotal"]["amount"] == 1000


async def test_an_answer_is_not_replayed_to_another_token(api: Api) -> None:
    product = await a_product(api.db)
    cart = (await api.post("/cart", {"variant_id": str(product.variant_id)})).body
    body, key = a_body(lines=..., currency=..., cart_id=cart["id"]), a_key()
    await api.post("/checkout", body, headers={**key, "X-Cart-Token": cart["token"]})

    answer = await api.post("/checkout", body, headers={**key, "X-Cart-Token": "guessed"})

    assert answer.refusal == (422, "idempotency_key_reused")


async def test_a_slash_at_the_end_changes_nothing(api: Api) -> None:
    product = await a_product(api.db)
    body, key = a_body(product.variant_id), a_key()

    first = await api.post("/checkout/", body, headers=key)
    second = await api.post("/checkout", body, headers=key)

    assert (first.status, first.raw) == (201, second.raw)


async def test_other_methods_are_told_which_are_taken(api: Api) -> None:
    answer = await api.get("/checkout")

    assert answer.refusal == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


async def test_a_quote_holds_its_prices(api: Api) -> None:
    product = await a_product(api.db, price=1000)
    wanted = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}], "currency": "EUR"}

    quote = await api.post("/checkout/quote", wanted)
    placed = await api.buy(
        (product.variant_id, 2),
        quote_id=quote.body["id"],
        expected_total=quote.body["total"],
    )

    assert quote.status == 201
    assert quote.body["subtotal"] == {"amount": 2000, "currency": "EUR"}
    assert quote.body["shipping"] == {"amount": 490, "currency": "EUR"}
    assert quote.body["total"] == {"amount": 2490, "currency": "EUR"}
    assert placed["order"]["total"] == quote.body["total"]


async def test_a_cart_is_quoted_with_its_token(api: Api) -> None:
    product = await a_product(api.db, price=1000)
    cart = (await api.post("/cart", {"variant_id": str(product.variant_id)})).body

    refused = await api.post("/checkout/quote", {"cart_id": cart["id"]})
    quoted = await api.post(
        "/checkout/quote", {"cart_id": cart["id"]}, headers={"X-Cart-Token": cart["token"]}
    )

    assert refused.refusal == (404, "cart_not_found")
    assert quoted.body["subtotal"] == {"amount": 1000, "currency": "USD"}


async def test_a_quote_refuses_what_a_checkout_would(api: Api) -> None:
    product = await a_product(api.db)
    cart = (await api.post("/cart", {"variant_id": str(product.variant_id)})).body
    token = {"X-Cart-Token": cart["token"]}
    await api.delete("/cart", headers=token)

    nothing = await api.post("/checkout/quote", {})
    both = await api.post("/checkout/quote", {"cart_id": NOBODY, "lines": []})
    empty = await api.post("/checkout/quote", {"cart_id": cart["id"]}, headers=token)
    unknown = await api.post("/checkout/quote", {"lines": [{"variant_id": NOBODY, "quantity": 1}]})

    assert nothing.faults == {("/lines", "missing")}
    assert both.faults == {("/lines", "cart_or_lines"), ("/lines", "wrong_count")}
    assert empty.refusal == (422, "nothing_to_order")
    assert unknown.refusal == (409, "not_for_sale")
    assert await count_rows(api.db, ["quotes"]) == {}
