"""Discover the places of every journey in a clean run, and then kill once at each of them.

    python -m proof.crashes                                  all of it
    python -m proof.crashes --journey pay                    one journey
    python -m proof.crashes --journey pay --only "after COMMIT (orders.insert_orders) #1"
    python -m proof.crashes --sample 40 --seed 7             some, of all journeys
    python -m proof.crashes --every                          before and after, even if nothing lies
                                                             between two places

A kill that was not reached is tried again: what runs side by side does not always run in the same
order. The exit code is 1 when something broke.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shlex
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from proof.crashes.ground import Ground, a_ground
from proof.crashes.journeys import WEB, Journey
from proof.crashes.points import Point, discovered, moments, read
from proof.crashes.store import Violation
from proof.crashes.story import Story, a_story
from proof.crashes.worker_journeys import WORKER
from proof.report import Finding, show

JOURNEYS: Final = (*WEB, *WORKER)
LANES: Final = 3
TRIES: Final = 4
_TAIL_LINES: Final = 12


class Kill(msgspec.Struct, frozen=True):
    """One run with a death in it: of which journey, and where."""

    journey: Journey
    point: Point

    @property
    def again(self) -> str:
        """The command that runs exactly this."""
        only = shlex.quote(str(self.point))
        return f"python -m proof.crashes --journey {self.journey.name} --only {only}"


class Result(msgspec.Struct, frozen=True):
    """What came of one run. ``violation`` is empty when nothing broke."""

    is_killed: bool
    retried: int
    replayed: int
    seconds: float
    violation: str = ""


class Discovery(msgspec.Struct, frozen=True):
    """The places of one journey."""

    journey: Journey
    points: tuple[Point, ...]
    result: Result


async def discover(ground: Ground, journey: Journey) -> Discovery:
    """Run a journey cleanly and say which places it passes."""
    points: list[Point] = []
    result = await _run(ground, journey, None, points)
    return Discovery(journey, tuple(points), result)


async def kill(ground: Ground, one: Kill, *, dies_of: signal.Signals = signal.SIGKILL) -> Result:
    """Run a journey with a death at one place; again when the place was not reached."""
    for _ in range(TRIES):
        result = await _run(ground, one.journey, one.point, [], dies_of)
        if result.is_killed or result.violation:
            break
    return result


async def _run(
    ground: Ground,
    journey: Journey,
    point: Point | None,
    points: list[Point],
    dies_of: signal.Signals = signal.SIGKILL,
) -> Result:
    began = time.monotonic()
    async with a_story(ground, dies_at=point, dies_of=dies_of) as story:
        violation = ""
        try:
            await journey.tell(story)
            await story.wake()
            await story.come_to_rest()
            await story.check()
        except Violation as broken:
            violation = _described(story, broken)
        points += discovered(story.trace)
        return Result(
            story.was_killed,
            story.retried,
            len(story.told),
            time.monotonic() - began,
            violation,
        )


def _described(story: Story, broken: Violation) -> str:
    tail = read(story.trace)[-_TAIL_LINES:]
    return f"{broken} [last: {', '.join(tail)}]"


async def _side_by_side(
    ground: Ground,
    kills: Iterable[Kill],
    *,
    dies_of: signal.Signals,
    lanes: int,
    console: Console | None,
) -> list[tuple[Kill, Result]]:
    waiting = deque(kills)
    total = len(waiting)
    done: list[tuple[Kill, Result]] = []

    async def lane() -> None:
        while waiting:
            one = waiting.popleft()
            result = await kill(ground, one, dies_of=dies_of)
            done.append((one, result))
            if console is not None:
                mark = "BROKEN" if result.violation else "ok" if result.is_killed else "missed"
                console.print(
                    f"{len(done):>4}/{total} {mark:<6} {one.journey.name}: {one.point}"
                    f" ({result.seconds:.1f} s)",
                    highlight=False,
                    markup=False,
                )
                if result.violation:
                    console.print(result.violation, markup=False, highlight=False)

    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane())
    return done


def sampled(kills: Sequence[Kill], *, count: int, seed: int) -> list[Kill]:
    """Some of the kills, of every journey about as many; the same seed takes the same."""
    chance = random.Random(seed)
    by_journey: dict[str, list[Kill]] = {}
    for one in chance.sample(kills, len(kills)):
        by_journey.setdefault(one.journey.name, []).append(one)
    chosen: list[Kill] = []
    queues = [by_journey[name] for name in sorted(by_journey)]
    while len(chosen) < count and any(queues):
        chosen += [queue.pop() for queue in queues if queue]
    return chosen[:count]


async def run(
    *,
    journeys: Sequence[str] = (),
    only: str = "",
    sample: int = 0,
    seed: int = 0,
    is_every: bool = False,
    dies_of: signal.Signals = signal.SIGKILL,
    lanes: int = LANES,
    server_run: Path | None = None,
    console: Console | None = None,
) -> Finding:
    """Discover and kill; returns what was found.

    ``only`` is a part of a point's name. Without ``is_every`` two points that are the same moment
    are tried once. With SIGSTOP a worker sleeps at the place until others have done its work.
    """
    began = time.monotonic()
    among = WORKER if dies_of is signal.SIGSTOP else JOURNEYS
    chosen = [one for one in among if not journeys or one.name in journeys]
    async with a_ground(server_run) as ground:
        gate = asyncio.Semaphore(lanes)

        async def look(journey: Journey) -> Discovery:
            async with gate:
                return await discover(ground, journey)

        found = await asyncio.gather(*(look(journey) for journey in chosen))
        kills = [
            Kill(one.journey, point)
            for one in found
            for point in (one.points if only or is_every else moments(one.points))
            if only in str(point)
        ]
        discovered_count = sum(len(one.points) for one in found)
        if console is not None:
            for one in found:
                console.print(f"{one.journey.name}: {len(one.points)} places", highlight=False)
        if sample:
            kills = sampled(kills, count=sample, seed=seed)
        results = await _side_by_side(ground, kills, dies_of=dies_of, lanes=lanes, console=console)
    return _finding(
        found, discovered_count, results, dies_of=dies_of, seconds=time.monotonic() - began
    )


def _finding(
    found: Sequence[Discovery],
    discovered_count: int,
    results: Sequence[tuple[Kill, Result]],
    *,
    dies_of: signal.Signals,
    seconds: float,
) -> Finding:
    statements = {point.beat for one in found for point in one.points if point.is_statement}
    violations = [
        f"{one.journey.name}, nobody killed: {one.result.violation}"
        for one in found
        if one.result.violation
    ]
    violations += [
        f"{one.journey.name}, killed {one.point}: {result.violation} — {one.again}"
        for one, result in results
        if result.violation
    ]
    return Finding(
        harness="crashes" if dies_of is signal.SIGKILL else "sleepers",
        title=f"Crashes: {dies_of.name} at every statement, commit and call",
        seconds=seconds,
        figures={
            "journeys": len(found),
            "different statements": len(statements),
            "places discovered": discovered_count,
            "moments among them that differ": sum(len(moments(one.points)) for one in found),
            "tried": len(results),
            "killed" if dies_of is signal.SIGKILL else "put to sleep": sum(
                result.is_killed for _, result in results
            ),
            "never reached again": sum(
                not result.is_killed and not result.violation for _, result in results
            ),
            "requests repeated after a death": sum(result.retried for _, result in results),
            "answers asked for again, byte for byte": sum(
                result.replayed for _, result in results
            ),
        },
        violations=tuple(violations),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 1 when something broke."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.crashes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--journey",
        action="append",
        default=[],
        help="one journey; may repeat",
        choices=[one.name for one in JOURNEYS],
    )
    parser.add_argument("--only", default="", help="a part of a place's name")
    parser.add_argument("--sample", type=int, default=0, help="so many places, of all journeys")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--every", action="store_true", help="same moments, too")
    parser.add_argument("--stop", action="store_true", help="workers, and SIGSTOP")
    parser.add_argument("--lanes", type=int, default=LANES, help="runs at the same time")
    parser.add_argument("--quiet", action="store_true", help="say only what was found")
    given = parser.parse_args(arguments)
    console = Console()
    finding = asyncio.run(
        run(
            journeys=given.journey,
            only=given.only,
            sample=given.sample,
            seed=given.seed,
            is_every=given.every,
            dies_of=signal.SIGSTOP if given.stop else signal.SIGKILL,
            lanes=given.lanes,
            console=None if given.quiet else console,
        )
    )
    show(finding, console)
    return 0 if finding.is_pass else 1


if __name__ == "__main__":
    sys.exit(main())
