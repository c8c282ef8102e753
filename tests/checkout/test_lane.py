"""The lane: batches, the guilty alone, draining, and what happens when the database goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from surehold.checkout.lane import Lane, LaneSettings, LetNext
from surehold.db import Database
from surehold.kernel import clock
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
        #: A batch with one of these in it lasts until it is set, and lets the next one begin.
        self.lasting: dict[str, asyncio.Event] = {}
        #: What the batches to come raise.
        self.failures: list[Exception] = []

    async def __call__(
        self, connection: asyncpg.Connection[Any], requests: Sequence[str], let_next: LetNext
    ) -> Sequence[str | DomainError]:
        await self.gate.wait()
        self.batches.append(list(requests))
        if self.failures:
            raise self.failures.pop(0)
        for request in self.lasting.keys() & set(requests):
            let_next()
            await self.lasting[request].wait()
        async with connection.transaction():
            for request in requests:
                if request == "guilty":
                    await connection.execute("SELECT 1 / 0")
                if request == "kill":
                    await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return [Refused("no") if request == "refuse" else request.upper() for request in requests]


async def _open(
    db: Database, work: Recorder, *, runners: int = 1, **limits: int
) -> Lane[str, str]:
    lane: Lane[str, str] = Lane(
        db, name="test", work=work, settings=LaneSettings(**limits), runners=runners
    )
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


async def test_a_lost_connection_runs_the_batch_again_as_it_is(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)
    work.gate.clear()
    opener = asyncio.create_task(lane.submit("opener"))
    await asyncio.sleep(0.05)
    tasks = [asyncio.create_task(lane.submit(name)) for name in "ab"]
    await asyncio.sleep(0.05)
    work.failures = [ConnectionResetError(), ConnectionResetError()]

    work.gate.set()
    answers = await asyncio.gather(opener, *tasks, return_exceptions=True)

    assert isinstance(answers[0], Busy)
    assert "cannot tell yet" in answers[0].detail
    assert answers[1:] == ["A", "B"]
    assert work.batches == [["opener"], ["opener"], ["a", "b"]]
    assert lane.figures.reruns == 0
    await lane.close()


async def test_who_is_in_a_batch_that_outlasts_the_end_is_answered(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work, drain_seconds=0)
    work.gate.clear()
    stuck = asyncio.create_task(lane.submit("stuck"))
    await asyncio.sleep(0.05)

    await lane.close()

    with pytest.raises(Busy, match="cannot tell yet"):
        await stuck


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


async def _begun(work: Recorder, count: int) -> None:
    async with asyncio.timeout(5):
        while len(work.batches) < count:
            await asyncio.sleep(0.005)


async def test_a_batch_begins_beside_one_that_lets_it(db: Database) -> None:
    work = Recorder()
    work.lasting = {"first": asyncio.Event(), "second": asyncio.Event()}
    lane = await _open(db, work, runners=2)

    first = asyncio.create_task(lane.submit("first"))
    await _begun(work, 1)
    second = asyncio.create_task(lane.submit("second"))
    await _begun(work, 2)
    third = asyncio.create_task(lane.submit("third"))
    await asyncio.sleep(0.05)
    with_two_running = list(work.batches)
    work.lasting["second"].set()

    assert await second == "SECOND"
    assert await third == "THIRD"
    assert not first.done()
    work.lasting["first"].set()
    assert await first == "FIRST"
    assert with_two_running == [["first"], ["second"]]
    assert work.batches == [["first"], ["second"], ["third"]]
    await lane.close()


async def test_a_batch_that_lets_nobody_is_alone(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work, runners=2)
    work.gate.clear()
    tasks = [asyncio.create_task(lane.submit("a"))]
    await asyncio.sleep(0.05)
    tasks += [asyncio.create_task(lane.submit(letter)) for letter in "bcd"]
    await asyncio.sleep(0.05)
    begun = lane.figures.batches

    work.gate.set()

    assert await asyncio.gather(*tasks) == ["A", "B", "C", "D"]
    assert begun == 1
    assert work.batches == [["a"], ["b", "c", "d"]]
    await lane.close()


async def test_closing_waits_for_batches_side_by_side(db: Database) -> None:
    work = Recorder()
    work.lasting = {"first": asyncio.Event(), "second": asyncio.Event()}
    lane = await _open(db, work, runners=2)
    first = asyncio.create_task(lane.submit("first"))
    await _begun(work, 1)
    second = asyncio.create_task(lane.submit("second"))
    await _begun(work, 2)
    third = asyncio.create_task(lane.submit("third"))
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(lane.close())
    await asyncio.sleep(0.01)

    assert not closing.done()
    assert not lane.is_open
    work.lasting["first"].set()
    assert await first == "FIRST"
    assert await third == "THIRD"
    assert not closing.done()
    work.lasting["second"].set()
    await closing
    assert await second == "SECOND"


async def test_an_idle_lane_with_two_runners_closes_at_once(db: Database) -> None:
    lane = await _open(db, Recorder(), runners=2, drain_seconds=60)
    assert lane.is_open
    assert await lane.submit("a") == "A"

    async with asyncio.timeout(5):
        await lane.close()

    assert not lane.is_open


async def test_who_was_second_with_a_key_is_run_again_with_its_batch(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)
    work.failures = [asyncpg.UniqueViolationError("somebody was first")]
    work.gate.clear()
    tasks = [asyncio.create_task(lane.submit(letter)) for letter in "ab"]
    await asyncio.sleep(0.01)

    work.gate.set()

    assert await asyncio.gather(*tasks) == ["A", "B"]
    assert work.batches == [["a", "b"], ["a", "b"]]
    assert lane.figures.reruns == 0
    await lane.close()


async def test_a_batch_that_is_second_twice_is_run_one_by_one(db: Database) -> None:
    work = Recorder()
    lane = await _open(db, work)
    work.failures = [asyncpg.UniqueViolationError("first"), asyncpg.DeadlockDetectedError("again")]
    work.gate.clear()
    tasks = [asyncio.create_task(lane.submit(letter)) for letter in "ab"]
    await asyncio.sleep(0.01)

    work.gate.set()

    assert await asyncio.gather(*tasks) == ["A", "B"]
    assert work.batches == [["a", "b"], ["a", "b"], ["a"], ["b"]]
    assert lane.figures.reruns == 2
    await lane.close()


async def test_waiting_for_the_batch_before_makes_no_batch_smaller(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 100.0
    monkeypatch.setattr(clock, "monotonic_seconds", lambda: seconds)
    work = Recorder()
    work.lasting = {"first": asyncio.Event(), "second": asyncio.Event()}
    lane = await _open(db, work, runners=2, cycle_target_ms=100, batch_min=2, batch_max=64)
    first = asyncio.create_task(lane.submit("first"))
    await _begun(work, 1)
    second = asyncio.create_task(lane.submit("second"))
    await _begun(work, 2)

    seconds += 0.08
    work.lasting["first"].set()
    await first
    seconds += 0.08
    work.lasting["second"].set()
    await second

    assert lane.figures.batch_limit == 16
    await lane.close()
