"""The crash harness: its parts, a sample of its places, and the other ways to end a process.

The long form is ``python -m proof.crashes``; here a seeded sample shows that nothing has rotted.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx2
import msgspec
import pytest

from proof.crashes import journeys, worker_journeys
from proof.crashes.ground import Ground
from proof.crashes.points import Point, discovered, moments, parse, read
from proof.crashes.run import JOURNEYS, Kill, discover, kill, sampled
from proof.crashes.story import a_story
from surehold.db.embedded import folder
from surehold.server import DRAIN_SECONDS
from tests.support.server import SERVER_VARIABLE
from tests.support.shop import a_body

SAMPLE: Final = 8
#: Of these many, since each is lived through once first.
JOURNEYS_TRIED: Final = 8
SIDES: Final = ("before", "after")
SEED: Final = 20
_BY_NAME: Final = {journey.name: journey for journey in JOURNEYS}
_LOGGED: Final = re.compile(
    r"\[(?P<pid>\d+)\] LOG:  (?:execute [^:]+|statement): \s*/\* (?P<name>[a-z_]+\.[a-z_0-9]+) \*/"
)


@pytest.fixture(scope="module")
def ground(run_folder: Path) -> Iterator[Ground]:
    opened = Ground(run_folder)
    try:
        asyncio.run(opened.open())
        yield opened
    finally:
        asyncio.run(opened.close())


# --- places -----------------------------------------------------------------------------------


def test_a_point_is_written_and_read_back() -> None:
    point = Point("after", "COMMIT (orders.insert_orders)", 2)

    assert parse(str(point)) == point


def test_the_third_time_at_a_place_is_not_tried(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("before a.b\n" * 3, "utf-8")

    assert discovered(trace) == [Point("before", "a.b", 1), Point("before", "a.b", 2)]


def test_between_two_places_with_nothing_between_them_is_one_moment() -> None:
    first, second = Point("after", "a.b"), Point("before", "c.d")
    begin, end = Point("before", "a.b"), Point("after", "c.d")

    assert moments([begin, first, second, end]) == [begin, first, end]
    assert moments([begin, second, first, end]) == [begin, second, first, end]


async def test_every_statement_that_the_server_sees_is_a_place(
    ground: Ground, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's own log is the witness: a new statement is a place without being listed."""
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    log = run_folder / "data" / folder.LOG
    async with a_story(ground) as story:
        async with story.db.connection() as connection:
            name = await connection.raw.fetchval("SELECT current_database()")
            await connection.raw.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
        begin = log.stat().st_size
        story.watch()
        monkeypatch.setattr(story, "look_away", lambda: None)

        await journeys.pay(story)

        async with story.db.connection() as connection:
            rows = await connection.raw.fetch(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'surehold:web%'"
            )
        pids = {str(row["pid"]) for row in rows}
        with log.open(encoding="utf-8", errors="replace") as lines:
            lines.seek(begin)
            logged = {
                match["name"] for match in _LOGGED.finditer(lines.read()) if match["pid"] in pids
            }
        places = {line.partition(" ")[2] for line in read(story.trace)}
        rooms = {one.partition(".")[0] for one in logged}
        assert {"orders", "payments", "inventory", "jobs", "db"} <= rooms
        assert logged - places == set()


# --- C1 to C6: SIGKILL ------------------------------------------------------------------------


async def test_C1_to_C6_a_sample_of_the_places_of_some_journeys(ground: Ground) -> None:
    gate = asyncio.Semaphore(2)
    names = random.Random(SEED).sample(sorted(_BY_NAME), JOURNEYS_TRIED)

    async def look(name: str) -> list[Kill]:
        async with gate:
            found = await discover(ground, _BY_NAME[name])
        assert found.result.violation == "", name
        return [Kill(found.journey, point) for point in moments(found.points)]

    async def end(one: Kill) -> str:
        async with gate:
            return (await kill(ground, one)).violation

    found = await asyncio.gather(*(look(name) for name in names))
    chosen = sampled([one for each in found for one in each], count=SAMPLE, seed=SEED)
    broken = await asyncio.gather(*(end(one) for one in chosen))

    assert [(one.again, what) for one, what in zip(chosen, broken, strict=True) if what] == []


@pytest.mark.parametrize(
    ("journey", "place"),
    [
        ("pay", "after COMMIT (db.insert_keys) #1"),
        ("pay", "before call POST /v1/payments #1"),
        ("pay", "after call POST /v1/payments #1"),
        ("pay", "before answer POST #1"),
        ("refund", "after call POST /v1/refunds #1"),
        ("worker-refunds", "after call POST /v1/refunds #1"),
    ],
    ids=["placed", "asking", "asked", "answering", "refunded", "refunded-by-worker"],
)
async def test_C2_C3_C4_C6_killed_where_it_costs_most(
    ground: Ground, journey: str, place: str
) -> None:
    result = await kill(ground, Kill(_BY_NAME[journey], parse(place)))

    assert result.violation == ""
    assert result.is_killed


@pytest.mark.parametrize("journey", ["reserve", "extend"])
async def test_C1_a_retry_after_a_death_takes_effect_once(ground: Ground, journey: str) -> None:
    """Both were done twice while their keys were stored in a transaction of their own."""
    discovery = await discover(ground, _BY_NAME[journey])
    commits = [point for point in discovery.points if str(point).startswith("after COMMIT")]

    results = [await kill(ground, Kill(discovery.journey, point)) for point in commits]

    assert [(one.violation, one.is_killed) for one in results] == [("", True)] * len(commits)


# --- C8: SIGTERM ------------------------------------------------------------------------------


async def test_C8_a_server_that_is_told_to_stop_answers_what_it_took(ground: Ground) -> None:
    async with a_story(ground) as story:
        await story.open_shop(is_victim=False)
        url = f"{story.store.base_url}/api/v1/checkout"
        answered = asyncio.Event()
        told: dict[str, bytes] = {}
        sent: dict[str, bytes] = {}

        async def buy_on() -> None:
            """Place orders one after another until the server takes no more."""
            while len(sent) < 200:
                key = uuid4().hex
                body = a_body((str(ground.variant_id), 1), provider="bank_transfer")
                sent[key] = msgspec.json.encode(body)
                headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
                try:
                    answer = await story.store.client.post(url, content=sent[key], headers=headers)
                except httpx2.TransportError:
                    return
                if answer.status_code in {409, 503}:
                    continue
                assert answer.status_code == 201, answer.text
                told[key] = answer.content
                if len(told) >= 6:
                    answered.set()

        buyers = [asyncio.create_task(buy_on()) for _ in range(4)]
        await asyncio.wait_for(answered.wait(), timeout=60)
        began = time.monotonic()
        web = story.web
        web.signal(signal.SIGTERM)
        assert await web.wait_dead(2 * DRAIN_SECONDS) == 0
        assert time.monotonic() - began < DRAIN_SECONDS
        await asyncio.gather(*buyers)

        await story.start_web()
        for key, content in sent.items():
            headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
            again = await story.store.client.post(url, content=content, headers=headers)
            if key in told:
                assert again.content == told[key]
            else:
                assert again.status_code in {201, 409}, again.text
        orders = await story.value("SELECT count(*) FROM orders")
        keys = await story.value("SELECT count(*) FROM idempotency_keys WHERE scope = 'checkout'")
        assert orders == keys
        await story.come_to_rest()
        await story.check()


# --- C9: SIGSTOP ------------------------------------------------------------------------------


async def test_C9_a_worker_that_wakes_after_its_lease_changes_nothing_twice(
    ground: Ground,
) -> None:
    """It sleeps before it asks for a refund, or before it books one, until another has."""
    journey = _BY_NAME["worker-refunds"]
    kills = [Kill(journey, parse(f"{side} call POST /v1/refunds #1")) for side in SIDES]

    results = await asyncio.gather(*(kill(ground, one, dies_of=signal.SIGSTOP) for one in kills))

    assert [(one.violation, one.is_killed) for one in results] == [("", True)] * 2


# --- T6: poison -------------------------------------------------------------------------------


async def test_T6_a_webhook_that_breaks_its_reader_holds_nobody_up(ground: Ground) -> None:
    """One payment cannot be read any more; the other webhook is acted upon all the same."""
    async with a_story(ground) as story:
        await story.open_shop(is_victim=False)
        spoiled, good = await story.place(), await story.place()
        for placed in (spoiled, good):
            await story.capture(placed)
        await story.value(
            'UPDATE payments SET next_action = \'{"type": "nonsense"}\' WHERE id = $1 RETURNING 1',
            spoiled["payment"]["id"],
        )

        await worker_journeys.work_until(
            story,
            "SELECT count(*) = 1 FROM orders WHERE status = 'paid'",
            is_all=False,
        )

        assert await story.status(good) == "paid"
        assert await story.status(spoiled) == "pending_payment"
