from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest

from surehold.sandbox.cards import CARDS, Outcome, passes_luhn

DECLINES = [card for card in CARDS if card.outcome is Outcome.DECLINE]


def typed(number: str, **changes: str) -> dict[str, str]:
    return {"number": number, "expiry": "12/39", "code": "123", "name": "Mara", **changes}


async def test_page_shows_amount_description_and_every_test_card(shop: Any) -> None:
    created = await shop.create(description="Two <b>lamps</b> & more")
    page = await shop.client.get(f"/pay/{created['id']}")

    assert page.status_code == 200
    assert "118.40 EUR" in page.text
    assert "Two &lt;b&gt;lamps&lt;/b&gt; &amp; more" in page.text
    assert "Test payment" in page.text
    for card in CARDS:
        assert f'value="{card.name}"' in page.text
        assert card.spaced in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'self' http://shop.test"
    )
    assert page.headers["cache-control"] == "no-store"
    style = await shop.client.get("/static/page.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("JPY", 1500, "1,500 JPY"), ("KWD", 1500, "1.500 KWD"), ("USD", 123456, "1,234.56 USD")],
)
async def test_amounts_have_the_decimals_of_their_currency(
    shop: Any, currency: str, amount: int, shown: str
) -> None:
    created = await shop.create(currency=currency, amount=amount)

    assert shown in (await shop.client.get(f"/pay/{created['id']}")).text


async def test_typed_card_pays_and_sends_the_buyer_back(shop: Any, inbox: Any) -> None:
    created = await shop.create()
    answer = await shop.client.post(f"/pay/{created['id']}", data=typed("4242 4242-42424242"))

    assert answer.status_code == 303
    back = f"http://shop.test/back?order=7&payment={created['id']}"
    assert answer.headers["location"] == back
    paid = await shop.payment(created["id"])
    assert paid["state"] == "captured"
    assert paid["totals"]["captured"] == 11840
    assert paid["card"] == {"brand": "visa", "last4": "4242"}
    assert await inbox.wait_for(1) == ["payment.captured"]


@pytest.mark.parametrize("card", DECLINES, ids=lambda card: card.name)
async def test_each_decline_has_its_reason_and_ends_the_session(
    shop: Any, inbox: Any, card: Any
) -> None:
    created = await shop.create()
    answer = await shop.client.post(f"/pay/{created['id']}", data=typed(card.number))
    again = await shop.press(created["id"], "success")

    assert answer.headers["location"].startswith("http://shop.test/back?")
    assert again.headers["location"] == f"/pay/{created['id']}"
    after = await shop.payment(created["id"])
    assert (after["state"], after["failure"]["code"]) == ("failed", card.name)
    assert after["totals"]["captured"] == 0
    page = await shop.client.get(f"/pay/{created['id']}")
    assert after["failure"]["message"] in page.text
    assert await inbox.wait_for(1) == ["payment.failed"]


def test_the_six_decline_reasons_exist() -> None:
    assert {card.name for card in DECLINES} == {
        "insufficient_funds",
        "do_not_honor",
        "expired_card",
        "lost_card",
        "incorrect_cvc",
        "processing_error",
    }
    assert all(passes_luhn(card.number) for card in CARDS)
    assert len({card.number for card in CARDS}) == len(CARDS)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (typed("4242424242424241"), "check the digits"),
        (typed("4111111111111111"), "Never type a real card"),
        (typed("42"), "12 to 19 digits"),
        (typed("٤242424242424242"), "12 to 19 digits"),
        (typed("4242424242424242", expiry="01/20"), "has expired"),
        (typed("4242424242424242", expiry="13/39"), "month and year"),
        (typed("4242424242424242", expiry="nonsense"), "month and year"),
        (typed("4242424242424242", code="12"), "Three or four digits"),
        (typed("4242424242424242", name=" "), "name on the card"),
        ({"test_card": "nonsense"}, "No such test card"),
    ],
)
async def test_faulty_input_is_shown_again_and_nothing_happens(
    shop: Any, inbox: Any, fields: dict[str, str], fault: str
) -> None:
    created = await shop.create()
    answer = await shop.client.post(f"/pay/{created['id']}", data=fields)

    assert answer.status_code == 422
    assert fault in answer.text
    assert (await shop.payment(created["id"]))["state"] == "requires_action"
    assert await inbox.wait_for(0) == []


async def test_all_faults_are_listed_at_once(shop: Any) -> None:
    created = await shop.create()
    answer = await shop.client.post(f"/pay/{created['id']}", data={})

    assert "4 fields need another look" in answer.text
    assert len(re.findall(r'aria-invalid="true"', answer.text)) == 4


@pytest.mark.parametrize(
    ("card", "button", "state", "failure"),
    [
        ("challenge", "approve", "captured", None),
        ("challenge", "refuse", "failed", "authentication_refused"),
        ("challenge_then_decline", "approve", "failed", "do_not_honor"),
    ],
)
async def test_three_d_secure_both_ways(
    shop: Any, inbox: Any, card: str, button: str, state: str, failure: str | None
) -> None:
    created = await shop.create()
    page = f"/pay/{created['id']}"
    asked = await shop.press(created["id"], card)
    assert asked.headers["location"] == f"{page}/challenge"
    assert (await shop.payment(created["id"]))["state"] == "requires_action"
    assert (await shop.client.get(page)).headers["location"] == f"{page}/challenge"
    assert (await shop.client.get(f"{page}/challenge")).status_code == 200
    odd = await shop.client.post(f"{page}/challenge", data={"answer": "perhaps"})
    assert odd.status_code == 422

    answer = await shop.client.post(f"{page}/challenge", data={"answer": button})

    assert answer.headers["location"].startswith("http://shop.test/back?")
    after = await shop.payment(created["id"])
    assert after["state"] == state
    assert (after["failure"] or {}).get("code") == failure
    again = await shop.client.post(f"{page}/challenge", data={"answer": "approve"})
    assert again.headers["location"] == page
    final = "payment.captured" if state == "captured" else "payment.failed"
    assert await inbox.wait_for(2) == ["payment.requires_action", final]


async def test_challenge_cannot_be_answered_before_it_is_asked(shop: Any) -> None:
    created = await shop.create()
    await shop.client.post(f"/pay/{created['id']}/challenge", data={"answer": "approve"})

    assert (await shop.payment(created["id"]))["state"] == "requires_action"


async def test_cancel_goes_to_the_cancel_address(shop: Any, inbox: Any) -> None:
    created = await shop.create()
    answer = await shop.client.post(f"/pay/{created['id']}/cancel")

    assert answer.headers["location"] == f"http://shop.test/canceled?payment={created['id']}"
    page = await shop.client.get(f"/pay/{created['id']}")
    assert "was canceled" in page.text
    assert "http://shop.test/canceled" in page.text
    assert await inbox.wait_for(1) == ["payment.canceled"]


@pytest.mark.parametrize(
    ("card", "state"), [("slow_bank", "captured"), ("slow_bank_declines", "failed")]
)
async def test_slow_bank_answers_later(shop: Any, inbox: Any, card: str, state: str) -> None:
    created = await shop.create()
    await shop.press(created["id"], card)
    assert (await shop.payment(created["id"]))["state"] == "processing"
    assert "still thinking" in (await shop.client.get(f"/pay/{created['id']}")).text
    refused = await shop.post(f"/v1/payments/{created['id']}/cancel")
    assert refused.status_code == 409

    assert await inbox.wait_for(2) == ["payment.processing", f"payment.{state}"]
    assert (await shop.payment(created["id"]))["state"] == state


async def test_slow_bank_can_be_hurried_by_control(open_shop: Any) -> None:
    async with open_shop(slow_bank_seconds=600.0) as shop:
        created = await shop.create()
        await shop.press(created["id"], "slow_bank")
        captured = await shop.control(f"payments/{created['id']}/capture")
        assert captured.json()["state"] == "captured"


async def test_P1_lost_answer_card_charges_and_hangs_up(shop: Any, inbox: Any) -> None:
    created = await shop.create()
    with pytest.raises(httpx2.RemoteProtocolError):
        await shop.press(created["id"], "lost_answer")

    assert (await shop.payment(created["id"]))["totals"]["captured"] == 11840
    assert "payment is done" in (await shop.client.get(f"/pay/{created['id']}")).text
    assert await inbox.wait_for(1) == ["payment.captured"]


async def test_ten_presses_at_once_charge_once(shop: Any) -> None:
    created = await shop.create()
    answers = await asyncio.gather(*(shop.press(created["id"], "success") for _ in range(10)))

    assert {answer.status_code for answer in answers} == {303}
    assert (await shop.payment(created["id"]))["totals"]["captured"] == 11840


async def test_expired_session_cannot_be_paid(shop: Any, inbox: Any) -> None:
    created = await shop.create()
    challenged = await shop.create()
    await shop.press(challenged["id"], "challenge")
    await shop.control("clock", {"offset_seconds": 1801})

    await shop.press(created["id"], "success")
    await shop.client.post(f"/pay/{challenged['id']}/challenge", data={"answer": "approve"})

    for payment_id in (created["id"], challenged["id"]):
        after = await shop.payment(payment_id)
        assert (after["state"], after["totals"]["captured"]) == ("expired", 0)
    assert "is over" in (await shop.client.get(f"/pay/{created['id']}")).text
    types = await inbox.wait_for(3)
    assert sorted(types) == ["payment.expired", "payment.expired", "payment.requires_action"]


async def test_P6_control_can_capture_after_the_end(shop: Any) -> None:
    created = await shop.create()
    await shop.control(f"payments/{created['id']}/expire")
    late = await shop.control(f"payments/{created['id']}/capture")

    assert late.json()["state"] == "captured"
    assert late.json()["totals"]["captured"] == 11840


async def test_control_cannot_capture_twice(shop: Any) -> None:
    paid = await shop.paid()
    response = await shop.client.post(
        f"/control/payments/{paid['id']}/capture", headers={"authorization": "Bearer ck_test"}
    )

    assert (response.status_code, response.json()["error"]["code"]) == (409, "already_captured")
    assert (await shop.payment(paid["id"]))["totals"]["captured"] == 11840


async def test_card_numbers_are_never_written(tmp_path: Path, open_shop: Any) -> None:
    book = tmp_path / "book.sqlite"
    async with open_shop(book_path=str(book)) as shop:
        created = await shop.create()
        await shop.client.post(f"/pay/{created['id']}", data=typed("4242 4242 4242 4242"))
        await shop.client.post(
            f"/pay/{(await shop.create())['id']}", data=typed("4111111111111111")
        )
    with sqlite3.connect(book) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "'4242'" in dump
    assert re.search(r"4242\D?4242|4111", dump) is None
