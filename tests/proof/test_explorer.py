"""Every two commands meet, one statement at a time; and the explorer itself can fail.

Here are those who can meet on one order, or for the same units; `python -m proof.explorer` has
everybody meet everybody, in a hundred ways.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import combinations_with_replacement
from typing import Any, TypeVar

import asyncpg
import pytest

from proof.commands import EXPLORER, uses
from proof.explorer.actors import PARTS
from proof.explorer.explore import (
    CORE,
    Cast,
    deal,
    explore,
    interrupt,
    is_related,
    meetings,
    pairs,
    run_schedule,
)
from proof.explorer.scheduler import QuietLoop, Stuck
from proof.explorer.world import World, open_world
from tests.support import server

T = TypeVar("T")
SEED = 20261121
PARTNERS = 5

#: Two or three at the same instant, of whom the store's worst faults would come.
MEETINGS: list[Cast] = [
    ("place_by_transfer", "place_by_transfer"),
    ("place_by_card", "reserve"),
    ("place_same_key", "place_same_key"),
    ("check_payment", "expire_holds"),
    ("check_payment", "retry_by_transfer"),
    ("ask_create", "cancel_as_buyer"),
    ("confirm_transfer", "cancel_unpaid"),
    ("ask_refund", "check_payment"),
    ("release", "expire_holds"),
    ("confirm_transfer", "expire_holds", "retry_by_card"),
]


class Stage:
    """A world that outlives a test, and the loop that it lives in."""

    def __init__(self, runner: asyncio.Runner, world: World) -> None:
        self._runner = runner
        self.world = world

    def run(self, work: Awaitable[T]) -> T:
        async def body() -> T:
            return await work

        return self._runner.run(body())

    def explore(self, *casts: Cast, **options: Any) -> list[str]:
        return self.run(explore(self.world, casts, violations_max=1, **options)).violations


@pytest.fixture(scope="module")
def stage(run_folder: Any, worker_id: str) -> Iterator[Stage]:
    name = f"explorer_{worker_id}"
    url = server.clone(run_folder, name)
    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, QuietLoop)
        stack = AsyncExitStack()
        world = runner.run(stack.enter_async_context(open_world(url, loop)))
        yield Stage(runner, world)
        runner.run(stack.aclose())
    server.drop(run_folder, name)


@pytest.mark.parametrize("first", sorted(PARTS))
def test_whoever_meets_whom_nothing_breaks(stage: Stage, first: str) -> None:
    casts = [cast for cast in pairs() if cast[0] == first and is_related(cast)]
    # In the long form all of them meet; here each meets some, or the suite would take too long.
    chosen = random.Random(f"{first}{SEED}").sample(casts, min(len(casts), PARTNERS))

    assert stage.explore(*chosen, schedules=1, seed=SEED) == []


@pytest.mark.parametrize("cast", MEETINGS, ids=" ".join)
def test_those_who_meet_on_one_row_break_nothing_in_many_ways(stage: Stage, cast: Cast) -> None:
    assert stage.explore(cast, schedules=8) == []


def test_T3_expiry_payment_and_cancel_of_one_order_have_one_winner(stage: Stage) -> None:
    casts = [
        ("check_payment", "expire_holds", "cancel_as_buyer"),
        ("confirm_transfer", "expire_holds", "cancel_as_staff"),
    ]

    assert stage.explore(*casts, schedules=8, is_strict=True) == []


def test_T4_two_workers_take_one_job(stage: Stage) -> None:
    casts = [("ask_due", "ask_due"), ("process_webhooks", "process_webhooks"), ("sweep", "sweep")]

    assert stage.explore(*casts, schedules=4) == []


def test_P5_webhook_and_return_settle_at_the_same_instant(stage: Stage) -> None:
    assert stage.explore(("deliver_webhook", "come_back"), schedules=10, is_strict=True) == []


@pytest.mark.parametrize("times", [1, 99])
def test_D12_a_command_that_postgresql_gives_up_on_leaves_nothing_half(
    stage: Stage, times: int
) -> None:
    names = ["place_same_key", "check_payment", "reserve", "expire_held", *CORE[2:]]

    tally = stage.run(interrupt(stage.world, names, times=times, every=3))

    assert tally.violations == []
    assert tally.schedules > 2 * len(names)


def test_in_the_long_form_every_two_commands_meet_so_often() -> None:
    met = meetings(deal(100))
    actors = {
        command: [use.name.rpartition(".")[2] for use in found if use.harness == EXPLORER]
        for command, found in uses().items()
    }
    called = {command: names for command, names in actors.items() if names}
    by_commands = [
        sum(met[cast] for cast in {(min(a, b), max(a, b)) for a in ones for b in others})
        for ones, others in combinations_with_replacement(called.values(), 2)
    ]

    assert min(by_commands) >= 100
    assert min(met[cast] for cast in pairs()) >= 10


def test_two_that_may_have_an_order_each_have_not_met() -> None:
    for company in deal(10):
        for pair in meetings({company: 1}):
            assert is_related(company) or not is_related(pair)


def test_one_seed_is_one_schedule(stage: Stage) -> None:
    """Of two. Where a third is there PostgreSQL chooses among those who wait for one row."""
    casts = pairs()[::300]

    async def twice() -> tuple[list[Any], list[Any]]:
        there = [await run_schedule(stage.world, cast, 7) for cast in casts]
        back = [await run_schedule(stage.world, cast, 7) for cast in reversed(casts)]
        return there, back[::-1]

    first, second = stage.run(twice())

    assert [one.trace for one in first] == [one.trace for one in second]
    assert [one.refusals for one in first] == [one.refusals for one in second]


# --- the scheduler itself --------------------------------------------------------------------


def _counting(stage: Stage, text: str) -> Callable[[str], Awaitable[int]]:
    """An actor that reads a counter and writes one more, with the reading as given."""

    async def count(seat: str) -> int:
        async with stage.world.seats[seat].db.transaction() as tx:
            before = await tx.raw.fetchval(text)
            await tx.raw.execute("/* proof.write */ UPDATE counter SET n = $1", before + 1)
        return int(before)

    return count


def _final_counts(stage: Stage, text: str) -> set[int]:
    """What a counter that two actors raise comes to, over twenty schedules."""

    async def play() -> set[int]:
        found = set()
        actor = _counting(stage, text)
        referee = stage.world.referee
        for seed in range(20):
            await referee.execute("DROP TABLE IF EXISTS counter")
            await referee.execute("CREATE TABLE counter AS SELECT 0 AS n")
            await stage.world.scheduler.run(
                {seat: actor(seat) for seat in "AB"}, random.Random(seed)
            )
            found.add(await referee.fetchval("SELECT n FROM counter"))
        await referee.execute("DROP TABLE counter")
        return found

    return stage.run(play())


def test_a_lost_update_is_found(stage: Stage) -> None:
    assert _final_counts(stage, "/* proof.read */ SELECT n FROM counter") == {1, 2}


def test_a_lock_prevents_it_in_every_schedule(stage: Stage) -> None:
    assert _final_counts(stage, "/* proof.read */ SELECT n FROM counter FOR UPDATE") == {2}


def test_a_deadlock_is_broken_by_the_seed_and_nobody_is_left_waiting(stage: Stage) -> None:
    world = stage.world

    async def lock(seat: str, numbers: tuple[int, int]) -> str:
        async with world.seats[seat].db.transaction() as tx:
            for number in numbers:
                await tx.raw.execute(
                    "/* proof.lock */ UPDATE pair SET n = n + 1 WHERE id = $1", number
                )
        return "done"

    async def play() -> list[tuple[str, ...]]:
        await world.referee.execute(
            "CREATE TABLE pair AS SELECT id, 0 AS n FROM generate_series(1, 2) AS id"
        )
        outcomes = []
        for seed in (*range(10), *range(10)):
            told = await world.scheduler.run(
                {"A": lock("A", (1, 2)), "B": lock("B", (2, 1))}, random.Random(seed)
            )
            outcomes.append(
                tuple(
                    "gave in" if isinstance(one, asyncpg.DeadlockDetectedError) else one
                    for one in told
                )
            )
        await world.referee.execute("DROP TABLE pair")
        return outcomes

    outcomes = stage.run(play())

    assert set(outcomes) == {("done", "done"), ("gave in", "done"), ("done", "gave in")}
    assert outcomes[:10] == outcomes[10:]


def test_whoever_waits_for_what_never_comes_is_reported(stage: Stage) -> None:
    world = stage.world

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        stage.run(world.scheduler.run({"A": wait()}, random.Random(1)))
