"""What a payment provider can do to a shop: lost answers, many events, late ones, wrong ones.

Webhooks are hints and only the provider's own answer counts, so each test lets the bank do its
worst and then asks for three things: what the buyer was told, the invariants, the bank's report.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import pytest
from structlog.testing import capture_logs

from surehold.checkout import commands
from surehold.db import Database
from surehold.kernel.ids import merchant_reference
from surehold.sandbox.webhooks import sign
from tests.sandbox.conftest import SECRETS
from tests.support.bank import Bazaar, Standing, list_operations, payment_id_of, unpaid
from tests.support.placing import count_rows, counters
from tests.support.shop import make_due

# --- P1, P2: lost answers ---------------------------------------------------------------------


async def test_P1_refund_whose_answer_is_lost_is_sent_once(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    placed = await bazaar.buy(lamp)
    total = placed["order"]["total"]["amount"]
    await bazaar.charge(placed)
    await bazaar.hear()
    await bazaar.misbehave(answers=[{"fault": "lose", "on": "refund", "calls": 1}])
    assert (await bazaar.cancel(placed)).status == 200
    await make_due(db)
    await commands.ask_due_operations(bazaar.api.checkout)
    assert ("refund", "unknown") in await list_operations(db)

    await bazaar.settle()

    assert await bazaar.moved() == [("capture", total), ("refund", -total)]
    assert await bazaar.look(placed) == Standing(
        "refunded", ("captured",), (None,), total, total,
        ("capture", "refund", "sale", "sale_reversal"),
    )  # fmt: skip
    await bazaar.check()


async def test_P1_charged_then_timed_out_is_paid_in_the_end(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    """The bank charges, hangs, and never says a word of its own."""
    placed = await bazaar.buy(lamp)
    payment_id = await bazaar.find_at_bank(placed)
    await bazaar.misbehave(answers=[{"fault": "lose", "on": "page"}], drop_webhooks=True)
    with pytest.raises(httpx2.RemoteProtocolError):
        await bazaar.bank.press(payment_id, "success")
    assert (await bazaar.look(placed)) == unpaid("requires_action")

    await bazaar.settle()

    assert (await bazaar.look(placed)).status == "paid"
    await bazaar.check()


async def test_P2_another_method_is_refused_while_the_first_is_not_resolved(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    await bazaar.misbehave(answers=[{"fault": "lose", "on": "create", "calls": 1}])
    placed = await bazaar.buy(lamp)
    assert placed["payment"]["state"] == "unknown"
    before = await count_rows(db)

    answer = await bazaar.pay_again(placed, "bank_transfer")

    assert answer.refusal == (409, "payment_in_progress")
    assert {**await count_rows(db), "idempotency_keys": 0} == {**before, "idempotency_keys": 0}
    await bazaar.settle()
    assert await bazaar.look(placed) == unpaid("requires_action")
    await bazaar.check()


async def test_P2_money_by_both_methods_goes_back_once(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    """The first session was given up, and its buyer paid on its page all the same."""
    placed = await bazaar.buy(lamp)
    total = placed["order"]["total"]["amount"]
    payment_id = await bazaar.find_at_bank(placed)
    await bazaar.bank.control(f"payments/{payment_id}/fail", {})
    await bazaar.hear()
    again = await bazaar.pay_again(placed, "sandbox")
    assert again.status == 200, again.raw
    await bazaar.bank.control(f"payments/{payment_id}/capture", {})
    second = {"payment": again.body["payment"], "order": placed["order"]}
    await bazaar.charge(second)

    await bazaar.hear()

    seen = await bazaar.look(placed)
    assert (seen.status, seen.paid, seen.refunded) == ("paid", 2 * total, total)
    assert await bazaar.moved() == [("capture", total), ("capture", total), ("refund", -total)]
    assert await counters(db, lamp) == (50, 1, 0)
    await bazaar.check()


# --- P3, P4: many, and in any order -----------------------------------------------------------


@pytest.mark.parametrize("copies", [1, 2, 3, 4, 5])
async def test_P3_copies_of_an_event_at_the_same_time_have_one_effect(
    db: Database, bazaar: Bazaar, lamp: UUID, copies: int
) -> None:
    await bazaar.misbehave(webhook_copies=copies)
    placed = await bazaar.buy(lamp)
    total = placed["order"]["total"]["amount"]
    await bazaar.charge(placed)

    await bazaar.hear()

    deliveries = await bazaar.bank.deliveries()
    assert [[attempt["status"] for attempt in row["log"]] for row in deliveries] == [
        [200]
    ] * copies
    assert await bazaar.look(placed) == Standing(
        "paid", ("captured",), (None,), total, 0, ("capture", "sale")
    )
    async with db.connection() as connection:
        seen = await connection.raw.fetch("SELECT state, seen_count FROM webhook_events")
    assert [tuple(row) for row in seen] == [("processed", copies)]
    assert (await count_rows(db, ["payment_events", "outbox"]))["payment_events"] == 2
    await bazaar.check()


#: What a bank may do to one payment, as calls of its control API, and the events that it sends.
STORIES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "declined, paid late, partly refunded at the dashboard": (
        ("fail", {}),
        ("capture", {}),
        ("refund", {"amount": 500}),
    ),
    "expired, paid late, disputed, refunded at the dashboard": (
        ("expire", {}),
        ("capture", {}),
        ("dispute", {"amount": 300}),
        ("refund", {"amount": 500}),
    ),
    "paid in two parts": (
        ("capture", {"amount": 700}),
        ("capture", {"amount": 300}),
    ),
}


@pytest.mark.parametrize("story", STORIES)
async def test_P4_events_in_any_order_end_the_same(
    db: Database, bazaar: Bazaar, lamp: UUID, story: str
) -> None:
    """Each event is acted upon before the next one comes; every permutation, one order each.

    All had happened before the first was heard, so that one tells everything: the rest are dropped
    as easily as they are reordered.
    """
    steps = STORIES[story]
    ends: dict[tuple[int, ...], Standing] = {}
    for permutation in itertools.permutations(range(len(steps))):
        placed = await bazaar.buy(lamp)
        payment_id = await bazaar.find_at_bank(placed)
        for step, how in steps:
            await bazaar.bank.control(f"payments/{payment_id}/{step}", how)
        events = [
            row["event_id"]
            for row in reversed(await bazaar.bank.deliveries())
            if row["payment_id"] == payment_id
        ]
        assert len(events) == len(steps)
        for count, index in enumerate(permutation, start=1):
            await bazaar.bank.control("release", {"event": events[index]})
            await bazaar.wait_heard()
            ends[permutation[:count]] = await bazaar.look(placed)

    assert len(set(ends.values())) == 1, ends
    await bazaar.check()


async def test_P4_each_event_heard_at_once_or_late_ends_the_same(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    """The same story, with each event heard either when it happens or after all the others."""
    steps = (("fail", {}), ("capture", {}), ("refund", {"amount": 500}))
    ends: dict[tuple[bool, ...], Standing] = {}
    for heard_at_once in itertools.product((True, False), repeat=len(steps)):
        placed = await bazaar.buy(lamp)
        payment_id = await bazaar.find_at_bank(placed)
        for (step, how), is_heard in zip(steps, heard_at_once, strict=True):
            await bazaar.bank.control(f"payments/{payment_id}/{step}", how)
            if is_heard:
                newest = (await bazaar.bank.deliveries())[0]["event_id"]
                await bazaar.bank.control("release", {"event": newest})
                await bazaar.wait_heard()
        await bazaar.bank.control("release")
        await bazaar.wait_heard()
        ends[heard_at_once] = await bazaar.look(placed)

    assert len(set(ends.values())) == 1, ends
    assert ends[True, True, True].review_reasons == ("refunded_at_provider",)
    await bazaar.check()


@pytest.mark.usefixtures("impatient")
async def test_P4_money_is_heard_of_before_our_own_question_was_answered(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    await bazaar.misbehave(
        withhold_webhooks=False, answers=[{"fault": "lose", "on": "create"}], hang_seconds=0.3
    )
    placing = asyncio.create_task(bazaar.buy(lamp))
    async with asyncio.timeout(10):
        while not (found := (await bazaar.bank.get("/v1/events")).json()["data"]):
            async with db.connection() as connection:
                reference = await connection.raw.fetchval("SELECT id FROM payments")
            if reference is not None:
                steps = [{"do": "capture", "merchant_reference": merchant_reference(reference)}]
                await bazaar.bank.control("batch", {"steps": steps})
            await asyncio.sleep(0.01)
    assert [event["type"] for event in found] == ["payment.captured"]
    placed = await placing

    await bazaar.settle()

    total = placed["order"]["total"]["amount"]
    assert await bazaar.look(placed) == Standing(
        "paid", ("captured",), (None,), total, 0, ("capture", "sale")
    )
    assert await list_operations(db) == [("create", "succeeded")]
    await bazaar.check()


# --- P6, P7: late, and never ------------------------------------------------------------------


async def test_P6_webhook_hours_after_the_buyer_canceled(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    await bazaar.misbehave(withhold_webhooks=False, webhook_delay_seconds=7200)
    placed = await bazaar.buy(lamp)
    total = placed["order"]["total"]["amount"]
    await bazaar.charge(placed)
    assert (await bazaar.cancel(placed)).status == 200
    assert (await bazaar.look(placed)).paid == 0

    await bazaar.bank.control("deliveries/advance", {"seconds": 7200})
    await bazaar.settle()

    assert await bazaar.moved() == [("capture", total), ("refund", -total)]
    assert await bazaar.look(placed) == Standing(
        "refunded", ("captured",), (None,), total, total, ("capture", "refund")
    )
    assert await counters(db, lamp) == (50, 0, 0)
    await bazaar.check()


async def test_P7_undecided_payment_is_asked_about_on_schedule_and_then_with_an_alert(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    await bazaar.misbehave(drop_webhooks=True)
    placed = await bazaar.buy(lamp)
    gaps: list[float] = []
    alerts: list[int] = []
    for count in range(1, 9):
        await make_due(db)
        with capture_logs() as lines:
            assert await commands.check_due_payments(bazaar.api.checkout) == 1
        alerts += [count for line in lines if line["event"] == "payment_undecided"]
        async with db.connection() as connection:
            gaps.append(
                await connection.raw.fetchval(
                    "SELECT extract(epoch FROM next_check_at - store_now())::float FROM payments"
                )
            )

    expected = (10, 30, 120, 600, 3600, 86_400, 86_400, 86_400)
    assert [want - 5 < gap <= want for gap, want in zip(gaps, expected, strict=True)] == [True] * 8
    assert alerts == [6, 7, 8]
    await bazaar.charge(placed)
    await bazaar.settle()
    assert (await bazaar.look(placed)).status == "paid"
    await bazaar.check()


# --- P9: genuine, signed, and wrong -----------------------------------------------------------


@pytest.mark.parametrize(
    ("conduct", "how", "reason"),
    [
        ({"charge": "twice"}, {}, "amount_mismatch"),
        ({"charge": "one_short"}, {}, "amount_mismatch"),
        ({}, {"amount": 1}, "amount_mismatch"),
        ({"shown_currency": "USD"}, {}, "currency_mismatch"),
    ],
)
async def test_P9_wrong_money_is_parked_and_never_pays(
    db: Database,
    bazaar: Bazaar,
    lamp: UUID,
    conduct: dict[str, Any],
    how: dict[str, Any],
    reason: str,
) -> None:
    placed = await bazaar.buy(lamp)
    await bazaar.misbehave(**conduct)
    await bazaar.charge(placed, **how)

    await bazaar.hear()

    seen = await bazaar.look(placed)
    assert (seen.status, seen.paid, seen.review_reasons) == ("pending_payment", 0, (reason,))
    assert seen.journals == ("suspense",)
    assert (await bazaar.pay_again(placed, "bank_transfer")).refusal == (
        409, "payment_in_progress",
    )  # fmt: skip
    if not conduct.get("shown_currency"):  # the report tells the truth, the answer did not
        await bazaar.check()


async def test_P9_payment_of_another_order_is_parked(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    """Our row names a payment that the bank made for somebody else."""
    first, second = await bazaar.buy(lamp), await bazaar.buy(lamp)
    theirs = await bazaar.charge(first)
    async with db.connection() as connection:
        for payment, value in ((first, "pay_moved"), (second, theirs)):
            await connection.raw.execute(
                "UPDATE payments SET provider_payment_id = $2 WHERE id = $1",
                UUID(payment["payment"]["id"]),
                value,
            )

    await commands.check_payment(bazaar.api.checkout, payment_id_of(second))

    seen = await bazaar.look(second)
    assert (seen.status, seen.paid) == ("pending_payment", 0)
    assert seen.review_reasons == ("reference_mismatch",)


async def test_P9_event_that_claims_what_the_bank_does_not_say_changes_nothing(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    """The signature is good and the content a lie: it is read at the bank, not believed."""
    placed, other = await bazaar.buy(lamp), await bazaar.buy(lamp)
    await bazaar.charge(other)
    event = (await bazaar.bank.get("/v1/events")).json()["data"][-1]
    claimed = event["data"]["object"]
    claimed |= {
        "id": await bazaar.find_at_bank(placed),
        "merchant_reference": merchant_reference(payment_id_of(placed)),
    }

    answer = await _send_signed(bazaar, event)
    await bazaar.wait_heard()

    assert answer == 200
    assert await bazaar.look(placed) == unpaid("requires_action")
    await bazaar.hear()
    assert (await bazaar.look(other)).status == "paid"
    await bazaar.check()


async def _send_signed(bazaar: Bazaar, event: dict[str, Any]) -> int:
    body = msgspec.json.encode(event)
    answer = await bazaar.bank.client.post(
        bazaar.bank.notify_url,
        content=body,
        headers={"sandbox-signature": sign(body, secrets=SECRETS, at=int(time.time()))},
    )
    return answer.status_code
