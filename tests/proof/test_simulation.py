"""The simulation itself: a short form of it, its clock, its dying processes, and its judge."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from rich.console import Console

from proof.simulation import judge
from proof.simulation.clock import Clock
from proof.simulation.gifts import StoredCard, judge_cards
from proof.simulation.held import SentParcel, Trusted, judge_holds
from proof.simulation.main import run
from proof.simulation.process import Process, follow_tasks
from proof.simulation.provider import HeldMoney
from proof.simulation.seed import STEPS
from proof.simulation.stops import COMMIT, Kind, Stop, draw
from proof.simulation.trace import Trace
from proof.simulation.world import Gift, Purchase, Put, Told
from surehold.checkout import commands
from surehold.kernel.ids import GiftCardId, OrderId, PaymentId, merchant_reference
from tests.builders.catalog import a_product
from tests.builders.orders import a_config
from tests.support.placing import a_placement, count_rows


def test_two_short_lives_break_nothing(run_folder: Path) -> None:
    finding = run(
        operations=2_400,
        seed=3,  # The second seed has its provider in a process of its own.
        per_seed=1_200,
        run_folder=run_folder,
        console=Console(file=io.StringIO()),
    )

    figures = finding.figures
    assert finding.violations == ()
    assert figures["operations"] >= 2_400
    assert figures["seeds"] == 2
    assert figures["provider kills"] == 4
    assert float(figures["provider's answers lost, %"]) >= 15
    assert float(figures["of these stopped before an answer, %"]) >= 2
    # It must have lived: each of these is a way in which nothing could have happened.
    assert any(name.startswith("holds of money: ") for name in figures)
    for name in ("orders paid", "orders canceled", "refunds", "holds expired", "webhooks stored"):
        assert int(figures[name]) > 0, name


def test_every_way_of_being_stopped_is_drawn() -> None:
    dice = random.Random(1)

    drawn = [draw(dice) for _ in range(2_000)]

    assert {stop.kind for stop in drawn} == set(Kind)
    assert [draw(random.Random(7)) for _ in range(3)] == [draw(random.Random(7)) for _ in range(3)]


def test_every_step_is_drawn_with_some_weight() -> None:
    assert all(weight > 0 for weight, _, _ in STEPS)
    assert len({step for _, step, _ in STEPS}) == len(STEPS)


@asynccontextmanager
async def an_admin(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(url, server_settings={"search_path": "store"})
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_jump_is_seen_in_the_middle_of_another_session(fresh_url: str) -> None:
    async with an_admin(fresh_url) as one, an_admin(fresh_url) as other:
        clock = Clock(one)
        await clock.install()
        async with other.transaction():
            before = await other.fetchval("SELECT store_now()")
            await clock.advance(timedelta(hours=2))
            after = await other.fetchval("SELECT store_now()")

    assert timedelta(hours=2) <= after - before < timedelta(hours=2, minutes=1)


class Silent:
    """A provider that nobody asks here."""

    async def handle_async_request(self, _: object) -> None:
        raise AssertionError


@asynccontextmanager
async def a_process(url: str) -> AsyncIterator[Process]:
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    follow_tasks(loop)
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as admins:
        process = Process(
            "p1",
            url=url,
            config=a_config(),
            transport=Silent(),  # type: ignore[arg-type]  # it is never used
            admins=admins,
            trace=Trace(),
        )
        await process.open()
        try:
            yield process
        finally:
            await (process.buried() if process.is_dead else process.close())
            loop.set_task_factory(before)


async def connection_count(admin: asyncpg.Connection[Any]) -> int:
    count: int = await admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'surehold:p1%'"
    )
    return count


async def test_a_process_that_dies_leaves_nothing_running(fresh_url: str) -> None:
    async with an_admin(fresh_url) as admin, a_process(fresh_url) as process:
        assert await connection_count(admin) > 0
        waiting = process.begin(asyncio.sleep(60))

        process.die()
        await process.buried()

        assert waiting.cancelled()
        async with asyncio.timeout(10):
            while await connection_count(admin):
                await asyncio.sleep(0.01)


async def test_D1_a_commit_whose_answer_is_lost_is_found_again(fresh_url: str) -> None:
    async with a_process(fresh_url) as process:
        product = await a_product(process.db, on_hand=5)
        placement = a_placement(product.variant_id)
        process.plan(Stop(Kind.LOSE_ANSWER, COMMIT, 0))

        told = await commands.place_order(process.checkout, placement)
        again = await commands.place_order(process.checkout, placement)

        assert process.stopped == {Kind.LOSE_ANSWER.value: 1}
        assert told == again
        rows = await count_rows(process.db, ("orders", "payments", "reservations"))
        assert rows == {"orders": 1, "payments": 1, "reservations": 1}


# --- the judge can say no ------------------------------------------------------------------------


def an_order(purchase: Purchase, **more: Any) -> judge.StoredOrder:
    values = {
        "id": purchase.order_id or OrderId(uuid4()),
        "email": purchase.placement.email,
        "total_minor": 1_999,
        "currency": "EUR",
        "status": "paid",
        "is_canceled": False,
        "lines": {str(variant_id): count for variant_id, count in purchase.placement.lines},
        "dropped": {str(variant_id): 0 for variant_id, _ in purchase.placement.lines},
        "due_minor": 1_999,
        "backs": {},
    }
    return judge.StoredOrder(**{**values, **more})


def a_purchase(told: Told, **more: Any) -> Purchase:
    placement = a_placement(uuid4(), email=f"{uuid4().hex}@example.com")  # type: ignore[arg-type]  # any id
    purchase = Purchase(placement, told, order_id=OrderId(uuid4()))
    purchase.lines, purchase.total_minor, purchase.currency = placement.lines, 1_999, "EUR"
    for name, value in more.items():
        setattr(purchase, name, value)
    return purchase


def texts(wrongs: list[judge.Wrong]) -> str:
    return "; ".join(wrong.text for wrong in wrongs)


def test_what_was_told_and_is_so_is_no_fault() -> None:
    accepted, refused = a_purchase(Told.ACCEPTED), a_purchase(Told.REFUSED)
    unknown, other = a_purchase(Told.UNKNOWN), a_purchase(Told.UNKNOWN)

    found = judge.compare_purchases(
        [accepted, refused, unknown, other], [an_order(accepted), an_order(other)]
    )

    assert found == []


@pytest.mark.parametrize(
    ("told", "facts", "changes", "count", "words"),
    [
        (Told.ACCEPTED, {}, {}, 0, "acknowledged and is gone"),
        (Told.ACCEPTED, {}, {}, 2, "placed 2 orders"),
        (Told.REFUSED, {}, {}, 1, "was refused, and is there"),
        (Told.ACCEPTED, {}, {"total_minor": 2_000}, 1, "not the one that was told"),
        (Told.ACCEPTED, {}, {"lines": {}}, 1, "other lines"),
        (Told.UNKNOWN, {}, {"lines": {}}, 1, "there in part"),
        (Told.ACCEPTED, {"is_told_canceled": True}, {}, 1, "and lives"),
        (Told.ACCEPTED, {"is_told_paid": True}, {"status": "payment_failed"}, 1, "called paid"),
    ],
)
def test_what_was_told_and_is_not_so_is_said(
    told: Told, facts: dict[str, Any], changes: dict[str, Any], count: int, words: str
) -> None:
    purchase = a_purchase(told, **facts)

    found = judge.compare_purchases(
        [purchase], [an_order(purchase, **changes) for _ in range(count)]
    )

    assert words in texts(found)


def test_an_order_of_nobody_is_said() -> None:
    found = judge.compare_purchases([], [an_order(a_purchase(Told.NOTHING))])

    assert "placed by nobody" in texts(found)


@pytest.mark.parametrize(
    ("status", "captured", "back", "words"),
    [
        ("paid", 1_999, 0, ""),
        ("paid", 3_998, 0, "3998 of its buyer's money is kept; it should be 1999"),
        ("paid", 3_998, 1_999, ""),
        ("canceled", 1_999, 0, "1999 of its buyer's money is kept; it should be 0"),
        ("canceled", 1_999, 1_999, ""),
        ("paid", 0, 0, "0 of its buyer's money is kept; it should be 1999"),
    ],
)
def test_money_that_is_kept_is_what_is_due(
    status: str, captured: int, back: int, words: str
) -> None:
    order = an_order(a_purchase(Told.ACCEPTED), status=status)
    payment = {
        "id": uuid4(),
        "order_id": order.id,
        "provider": "bank_transfer",
        "review_reason": None,
        "is_disputed": False,
        "at_bank_minor": 0,
        "captured_minor": captured,
        "refunded_minor": 0,
        "returning_minor": back,
    }

    found = judge.compare_money([order], [payment], [])

    assert (words in texts(found)) if words else found == []


@pytest.mark.parametrize(("balance", "paid", "expired"), [(1_301, 0, 0), (0, 700, 599)])
def test_a_gift_card_that_comes_to_another_sum_is_wrong(
    balance: int, paid: int, expired: int
) -> None:
    gift = Gift(GiftCardId(uuid4()), b"", "EUR", [Put(1_000, Told.ACCEPTED)])
    gift.puts += [Put(300, Told.ACCEPTED), Put(-50, Told.REFUSED)]
    stored = StoredCard(gift.id, "gift_card", balance, paid, expired, 0)

    assert len(judge_cards([gift], [stored])) == 1
    gift.puts.append(Put(1, Told.UNKNOWN) if balance else Put(-1, Told.UNKNOWN))
    assert judge_cards([gift], [stored]) == []


def test_a_gift_card_that_nobody_issued_or_that_is_gone_is_wrong() -> None:
    gift = Gift(GiftCardId(uuid4()), b"", "EUR", [Put(1_000, Told.ACCEPTED)])
    credit = StoredCard(GiftCardId(uuid4()), "store_credit", 40, 10, 0, 50)
    forged = StoredCard(GiftCardId(uuid4()), "gift_card", 50, 0, 0, 50)

    found = judge_cards([gift], [credit, forged])

    assert [card_id for _, card_id in found] == [gift.id, forged.id]


NOON = 1_700_000_000


def a_hold(payment: Trusted, **facts: Any) -> HeldMoney:
    values = {"begun_at": NOON, "capture_before": NOON + 600, "honored_until": NOON + 200}
    return HeldMoney("pay_1", merchant_reference(payment.id), **{**values, **facts})


def a_trusted(**facts: Any) -> Trusted:
    values = {
        "id": PaymentId(uuid4()),
        "order_id": OrderId(uuid4()),
        "state": "authorized",
        "terms": "on_shipment",
        "review_reason": "",
        "status": "confirmed",
        "payment_status": "authorized",
        "is_canceled": False,
        "owns_goods": True,
    }
    return Trusted(**{**values, **facts})


GONE = {"ended_at": NOON + 60, "ended_as": "expired"}


@pytest.mark.parametrize(
    ("facts", "hold", "sent_at", "words"),
    [
        ({}, {}, 599, ""),
        ({}, {}, 600, "nobody held its money"),
        ({"terms": "on_delivery"}, {}, 600, ""),
        ({"is_canceled": True}, {}, None, "the bank holds money"),
        ({"payment_status": "paid"}, {}, None, "the bank holds money"),
        ({"state": "voided"}, {}, None, "the bank holds money"),
        ({"payment_status": "paid", "review_reason": "capture_failed: x"}, {}, None, ""),
        ({"state": "voided", "payment_status": "failed"}, GONE, 30, "nobody holds its money"),
        ({"payment_status": "failed", "review_reason": "authorization_lapsed"}, GONE, 30, ""),
        ({"is_canceled": True, "review_reason": "authorization_lapsed"}, GONE, None, "is over"),
        ({"payment_status": "failed", "owns_goods": False}, GONE, None, ""),
    ],
)
def test_what_the_bank_holds_is_wanted_was_sure_and_is_missed(
    facts: dict[str, Any], hold: dict[str, Any], sent_at: int | None, words: str
) -> None:
    payment = a_trusted(**facts)
    parcels = []
    if sent_at is not None:
        shipped_at = datetime.fromtimestamp(NOON + sent_at, UTC)
        parcels = [SentParcel(uuid4(), payment.order_id, shipped_at)]

    found = judge_holds([a_hold(payment, **hold)], [payment], parcels)

    assert [words in text for text, _ in found] == [True] * bool(words)


@pytest.mark.parametrize(("captured", "is_wrong"), [(0, False), (1_999, False), (2_000, True)])
def test_an_order_that_its_bank_let_down_keeps_no_more_than_is_due(
    captured: int, *, is_wrong: bool
) -> None:
    order = an_order(a_purchase(Told.ACCEPTED), status="payment_failed")
    payment = {
        "id": uuid4(),
        "order_id": order.id,
        "provider": "bank_transfer",
        "review_reason": "authorization_lapsed",
        "is_disputed": False,
        "at_bank_minor": 0,
        "captured_minor": captured,
        "refunded_minor": 0,
        "returning_minor": 0,
    }

    assert bool(judge.compare_money([order], [payment], [])) is is_wrong
