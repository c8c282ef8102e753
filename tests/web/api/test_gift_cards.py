"""Gift cards over HTTP: issued once, listed, adjusted, stopped; a code is shown and never kept."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from surehold.db.invariants import check_invariants
from tests.builders.catalog import a_product
from tests.support.api import NOBODY, STAFF, Api, a_body, a_key, order_token


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


async def issue(api: Api, amount: int = 5_000, *, key: str | None = None, **facts: Any) -> Any:
    body = {"amount": euros(amount), "reason": "Sold over the counter", **facts}
    answer = await api.post("/gift-cards", body, headers={**STAFF, **a_key(key)})
    assert answer.status == 201, answer.raw
    return answer.body


async def test_a_card_is_issued_once_for_a_key_and_its_code_lies_in_no_table(api: Api) -> None:
    first = await issue(api, key="k", email="Mara@Example.com")
    second = await issue(api, key="k", email="Mara@Example.com")

    assert first == second
    assert (first["state"], first["balance"], first["email"]) == (
        "active",
        euros(5_000),
        "mara@example.com",
    )
    plain = first["code"].replace("-", "")
    assert plain.endswith(first["last_four"])
    async with api.db.connection() as connection:
        kept = await connection.raw.fetch(
            "SELECT response::text FROM idempotency_keys"
            " UNION ALL SELECT payload::text FROM outbox"
            " UNION ALL SELECT to_jsonb(gift_cards)::text FROM gift_cards"
        )
        assert await check_invariants(connection) == {}
    assert len(kept) == 3
    hexed = plain.encode().hex(), first["code"].encode().hex()
    assert not any(word in row[0] for row in kept for word in (plain, first["code"], *hexed))


async def test_one_who_has_store_credit_is_not_issued_another(api: Api) -> None:
    await issue(api, kind="store_credit", email="mara@example.com")
    body = {
        "amount": euros(1),
        "reason": "x",
        "kind": "store_credit",
        "email": "MARA@example.com",
    }

    refused = await api.post("/gift-cards", body, headers={**STAFF, **a_key()})
    nobodys = await api.post(
        "/gift-cards", {**body, "email": None, "amount": euros(0)}, headers={**STAFF, **a_key()}
    )
    past = await api.post(
        "/gift-cards", {**body, "expires_at": "2020-01-01T00:00:00Z"}, headers={**STAFF, **a_key()}
    )

    assert refused.refusal == (409, "store_credit_exists")
    assert nobodys.faults == {("/email", "missing"), ("/amount/amount", "out_of_range")}
    far = await api.post(
        "/gift-cards", {**body, "expires_at": "3000-01-01T00:00:00Z"}, headers={**STAFF, **a_key()}
    )
    without_an_hour_in_utc = await api.post(
        "/gift-cards",
        {**body, "expires_at": "9999-12-31T23:59:59-14:00"},
        headers={**STAFF, **a_key()},
    )

    assert past.faults == {("/expires_at", "past")}
    assert far.faults == {("/expires_at", "out_of_range")}
    assert ("/expires_at", "invalid_instant") in without_an_hour_in_utc.faults


async def test_cards_are_found_by_address_and_last_letters_page_by_page(api: Api) -> None:
    made = [await issue(api, 100 + place, email="mara@example.com") for place in range(3)]
    other = await issue(api)

    first = (await api.get("/gift-cards?email=MARA@example.com&limit=2", headers=STAFF)).body
    cursor = first["next_cursor"]
    rest = (
        await api.get(f"/gift-cards?email=mara@example.com&limit=2&cursor={cursor}", headers=STAFF)
    ).body
    by_letters = (
        await api.get(
            f"/gift-cards?last_four={other['last_four'].lower()}&state=active", headers=STAFF
        )
    ).body
    everybodys = await api.get("/gift-cards")

    found = [row["id"] for row in (*first["items"], *rest["items"])]
    assert found == [row["id"] for row in reversed(made)]
    assert rest["next_cursor"] is None
    assert other["id"] in [row["id"] for row in by_letters["items"]]
    assert "code" not in by_letters["items"][0]
    assert everybodys.refusal == (401, "unauthenticated")


async def test_staff_adjust_and_stop_a_card_and_its_entries_say_so(api: Api) -> None:
    card = await issue(api)
    where = f"/gift-cards/{card['id']}"

    once = {**STAFF, **a_key("once")}
    body = {"delta": -1_500, "reason": "Typed a zero too many"}
    for _ in range(2):
        adjusted = await api.post(f"{where}/adjust", body, headers=once)
    too_much = await api.post(
        f"{where}/adjust", {"delta": -3_501, "reason": "x"}, headers={**STAFF, **a_key()}
    )
    stopped = [(await api.post(f"{where}/disable", headers=STAFF)).body for _ in range(2)]
    seen = (await api.get(where, headers=STAFF)).body

    assert adjusted.body["balance"] == euros(3_500)
    assert too_much.refusal == (409, "gift_card_balance_too_low")
    assert too_much.body["available"] == euros(3_500)
    assert stopped[0] == stopped[1]
    assert (seen["state"], seen["disabled_by"]) == ("disabled", "operator")
    assert [(row["kind"], row["amount"]["amount"], row["reason"]) for row in seen["entries"]] == [
        ("issue", 5_000, None),
        ("adjust", -1_500, "Typed a zero too many"),
    ]
    missing = await api.get(f"/gift-cards/{NOBODY}", headers=STAFF)
    assert missing.refusal == (404, "gift_card_not_found")


async def test_a_balance_is_told_to_whoever_has_the_code_and_nothing_else_is(api: Api) -> None:
    card = await issue(api)
    stopped = await issue(api)
    await api.post(f"/gift-cards/{stopped['id']}/disable", headers=STAFF)

    known = await api.post("/gift-cards/balance", {"code": card["code"].lower()})
    unknown = await api.post("/gift-cards/balance", {"code": "0" * 20})
    ended = await api.post("/gift-cards/balance", {"code": stopped["code"]})

    assert known.body == {
        "kind": "gift_card",
        "last_four": card["last_four"],
        "balance": euros(5_000),
        "expires_at": None,
    }
    assert unknown.refusal == ended.refusal == (404, "gift_card_not_found")
    assert unknown.body["detail"] == ended.body["detail"]


async def test_each_fault_of_the_cards_is_pointed_at(api: Api, db: Database) -> None:
    lamp = await a_product(db)
    card = await issue(api)
    cards = [
        {"code": "not a code"},
        {"code": card["code"], "amount": 0},
        {"code": card["code"].lower()},
    ]

    answer = await api.post(
        "/checkout", a_body(lamp.variant_id, gift_cards=cards), headers=a_key()
    )
    strange = await api.post(
        "/checkout",
        a_body(lamp.variant_id, gift_cards=[{"code": card["code"]}, {"code": "0" * 20}]),
        headers=a_key(),
    )

    assert answer.faults == {
        ("/gift_cards/0/code", "invalid_gift_card"),
        ("/gift_cards/1/amount", "out_of_range"),
        ("/gift_cards/2/code", "repeated"),
    }
    assert strange.refusal == (409, "gift_card_not_usable")
    assert strange.body["pointers"] == ["/gift_cards/1"]


async def test_a_refund_says_where_it_goes(api: Api, db: Database) -> None:
    lamp = await a_product(db, price=2_000)
    card = await issue(api, 1_000)
    placed = await api.buy(lamp.variant_id, gift_cards=[{"code": card["code"]}])
    await api.post(
        f"/payments/{placed['payment']['id']}/confirm",
        {"received": placed["payment"]["amount"]},
        headers=STAFF,
    )
    where = f"/orders/{placed['order']['id']}/refunds"
    wish = {"amount": euros(2_000), "as_store_credit": True}

    planned = await api.post(f"{where}/preview", wish, headers=STAFF)
    made = await api.post(where, {**wish, "reason": "Sorry"}, headers={**STAFF, **a_key()})

    ways = [("store_credit", 1_490), ("gift_card", 510)]
    assert [(row["to"], row["amount"]["amount"]) for row in planned.body["items"]] == ways
    found = [(row["to"], row["amount"]["amount"]) for row in made.body["items"]]
    assert sorted(found) == sorted(ways)
    assert {row["state"] for row in made.body["items"]} == {"succeeded"}
    order = (await api.get(f"/orders/{placed['order']['id']}", headers=order_token(placed))).body
    assert order["gift_cards"] == [
        {
            "payment_id": order["payments"][0]["id"],
            "last_four": card["last_four"],
            "state": "captured",
            "amount": euros(1_000),
            "refunded": euros(510),
            "balance": euros(510),
        }
    ]
