"""The lane: batches, the guilty alone, draining, and what happens when the database goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from surehold.checkout.lane import Lane, LaneSettings
from surehold.db import Database
from surehold.kernel.errors import Busy, DomainError, Kind


class Refused(DomainError):
    """A refusal of the test."""

    kind = Kind.CONFLICT
    code = "refused_by_test"
    title = "Refused"


class Recorder:
    """Work that remembers its batches and does what each request says."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(
        self, connection: asyncpg.Connection[Any], requests: Sequence[str]
    ) -> Sequence[str | DomainError]:
        await self.gate.wait()
        self.batches.append(list(requests))
        async with connection.transaction():
            for request in requests:
                if request == "guilty":
                    await connection.execute("SELECT 1 / 0")
                if request == "kill":
                    await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return [Refused("no") if request == "refuse" else request.upper() for request in requests]


async def _open(db: Database, work: Recorder, **limits: int) -> Lane[str, str]:
    lane: Lane[str, str] = Lane(db, name="test", work=work, settings=LaneSettings(**limits))
    await lane.open()
    return lane


async def test_what_arrives_while_a_batch_runs_is_the_next_batch(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)
    work.gate.clear()
    first = asyncio.create_task(lane.submit("a"))
    await asyncio.sleep(0.05)
    rest = [asyncio.create_task(lane.submit(letter)) for letter in "bcd"]
    await asyncio.sleep(0.05)

    work.gate.set()
    answers = await asyncio.gather(first, *rest)

    assert answers == ["A", "B", "C", "D"]
    assert work.batches == [["a"], ["b", "c", "d"]]
    await lane.close()


async def test_only_the_guilty_fails(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)
    work.gate.clear()
    opener = asyncio.create_task(lane.submit("opener"))
    await asyncio.sleep(0.05)
    tasks = [asyncio.create_task(lane.submit(name)) for name in ("a", "guilty", "refuse", "b")]
    await asyncio.sleep(0.05)

    work.gate.set()
    answers = await asyncio.gather(opener, *tasks, return_exceptions=True)

    assert answers[0] == "OPENER"
    assert answers[1] == "A"
    assert isinstance(answers[2], asyncpg.DivisionByZeroError)
    assert isinstance(answers[3], Refused)
    assert answers[4] == "B"
    assert lane.figures.reruns == 4
    await lane.close()


async def test_a_full_queue_answers_busy_and_takes_nothing(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work, waiting_max=2)
    work.gate.clear()
    running = asyncio.create_task(lane.submit("running"))
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(lane.submit(name)) for name in ("a", "b")]
    await asyncio.sleep(0.01)

    with pytest.raises(Busy) as refusal:
        await lane.submit("one too many")

    assert refusal.value.facts == {"retry_after_seconds": 1}
    work.gate.set()
    assert await asyncio.gather(running, *waiting) == ["RUNNING", "A", "B"]
    assert "one too many" not in [name for batch in work.batches for name in batch]
    await lane.close()


async def test_who_waited_too_long_is_told_busy_and_not_begun(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work, wait_max_ms=50)
    work.gate.clear()
    running = asyncio.create_task(lane.submit("running"))
    await asyncio.sleep(0.01)
    late = asyncio.create_task(lane.submit("late"))
    await asyncio.sleep(0.2)

    work.gate.set()
    answers = await asyncio.gather(running, late, return_exceptions=True)

    assert answers[0] == "RUNNING"
    assert isinstance(answers[1], Busy)
    assert work.batches == [["running"]]
    await lane.close()


async def test_closing_answers_everybody_who_waits(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)
    work.gate.clear()
    tasks = [asyncio.create_task(lane.submit(str(number))) for number in range(40)]
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(lane.close())
    await asyncio.sleep(0.01)

    with pytest.raises(Busy):
        await lane.submit("after the bell")

    work.gate.set()
    await closing
    assert await asyncio.gather(*tasks) == [str(number) for number in range(40)]


async def test_who_has_gone_is_not_begun(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)
    work.gate.clear()
    running = asyncio.create_task(lane.submit("running"))
    await asyncio.sleep(0.05)
    gone = asyncio.create_task(lane.submit("gone"))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0)

    work.gate.set()
    await running
    assert await lane.submit("next") == "NEXT"

    assert work.batches == [["running"], ["next"]]
    await lane.close()


async def test_a_lost_connection_fails_nobody_else_and_heals(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)

    with pytest.raises(Busy):
        await lane.submit("kill")

    assert await lane.submit("a") == "A"
    await lane.close()


async def test_a_slow_cycle_makes_the_next_batch_smaller(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work, batch_max=64, batch_min=2, cycle_target_ms=20)
    before = lane.figures.batch_limit
    work.gate.clear()
    slow = asyncio.create_task(lane.submit("slow"))
    await asyncio.sleep(0.1)
    work.gate.set()
    await slow

    assert before == 16
    assert lane.figures.batch_limit == 2
    await lane.close()
