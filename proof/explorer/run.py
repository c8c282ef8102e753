"""Meet, as the arguments say: `python -m proof.explorer --schedules 100`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import msgspec

from proof.explorer.actors import PARTS
from proof.explorer.explore import (
    VIOLATIONS_MAX,
    Cast,
    Schedule,
    Tally,
    deal,
    explore,
    interrupt,
    shares,
    triples,
)
from proof.explorer.scheduler import QuietLoop
from proof.explorer.world import open_world
from proof.report import Finding
from tests.support import server

#: More statements than any command has in its transactions, all attempts taken together.
FOR_GOOD: Final = 1_000
TITLE: Final = "Interleavings: every pair of commands, one statement at a time"


def run(
    *,
    schedules: int = 100,
    seed: int = 1,
    casts: Sequence[Cast] = (),
    jobs: int = 1,
    is_strict: bool = False,
) -> Finding:
    """So many schedules of each of these casts, or of every two commands."""
    began = time.monotonic()
    chosen = dict.fromkeys(casts, schedules) if casts else deal(schedules)
    folder = server.new_run()
    try:
        urls = [server.clone(folder, f"explorer_{number}") for number in range(jobs)]
        work = [
            (url, share, seed, is_strict)
            for url, share in zip(urls, shares(chosen, jobs), strict=True)
        ]
        if jobs == 1:
            tally = _share(*work[0])
        else:
            tally = Tally()
            with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
                for done in pool.map(_share, *zip(*work, strict=True)):
                    tally.merge(done)
    finally:
        server.end_run(folder)
    return finding_of(tally, seconds=time.monotonic() - began, seed=seed)


def run_interrupted(*, seed: int = 1) -> Finding:
    """Every actor alone, PostgreSQL giving up at each of its statements, once and for good."""
    began = time.monotonic()
    folder = server.new_run()

    async def work(url: str) -> Tally:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, QuietLoop)
        tally = Tally()
        async with open_world(url, loop) as world:
            for times in (1, FOR_GOOD):
                tally.merge(await interrupt(world, sorted(PARTS), seed=seed, times=times))
        return tally

    try:
        with asyncio.Runner(loop_factory=QuietLoop) as runner:
            tally = runner.run(work(server.clone(folder, "interrupted")))
    finally:
        server.end_run(folder)
    finding = finding_of(tally, seconds=time.monotonic() - began, seed=seed)
    return msgspec.structs.replace(
        finding, harness="interrupted", title="Deadlocks and time-outs at every statement"
    )


def explore_at(url: str, casts: dict[Cast, int], **options: object) -> Tally:
    """Explore in a loop of our own, on a migrated database that is ours alone."""

    async def work() -> Tally:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, QuietLoop)
        tally = Tally()
        async with open_world(url, loop) as world:
            for cast, schedules in casts.items():
                tally.merge(await explore(world, [cast], schedules=schedules, **options))
                if len(tally.violations) >= VIOLATIONS_MAX:
                    break
        return tally

    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        return runner.run(work())


def finding_of(tally: Tally, *, seconds: float, seed: int) -> Finding:
    """The tally as a finding."""
    return Finding(
        harness="explorer",
        title=TITLE,
        seconds=seconds,
        figures={
            "casts": tally.casts,
            "schedules": tally.schedules,
            "meetings of two actors": tally.meetings,
            "distinct schedules": len(tally.distinct),
            "beats": tally.beats,
            "beats that waited for a lock": tally.waits,
            "schedules per second": tally.schedules / max(seconds, 0.001),
            "deadlocks": tally.deadlocks,
            **{f"refused: {code}": count for code, count in sorted(tally.refusals.items())},
            **{f"begun again: {name}": count for name, count in sorted(tally.reruns.items())},
            "first seed": seed,
        },
        violations=tuple(tally.violations),
    )


def main() -> int:
    """Explore and say what was found; 1 when something broke."""
    parser = argparse.ArgumentParser(prog="python -m proof.explorer", description=__doc__)
    parser.add_argument("--schedules", type=int, default=100, help="of every two commands")
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule")
    parser.add_argument("--pair", help="two or three actors, with commas between")
    parser.add_argument("--triples", action="store_true", help="the core actors in threes")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--strict", action="store_true", help="check after every COMMIT")
    parser.add_argument(
        "--interrupted", action="store_true", help="PostgreSQL gives up at every statement (D12)"
    )
    given = parser.parse_args()
    casts = [tuple(given.pair.split(","))] if given.pair else triples() if given.triples else []
    if given.interrupted:
        finding = run_interrupted(seed=given.seed)
    else:
        finding = run(
            schedules=given.schedules,
            seed=given.seed,
            casts=casts,
            jobs=given.jobs,
            is_strict=given.strict,
        )
    for violation in finding.violations:
        print(violation, end="\n\n")
    print(*(f"{name}: {value}" for name, value in finding.figures.items()), sep="\n")
    print(f"violations: {len(finding.violations)}, seconds: {finding.seconds:.1f}")
    return 0 if finding.is_pass else 1


def _share(
    url: str,
    casts: dict[Cast, int],
    seed: int,
    is_strict: bool,  # noqa: FBT001 - as a pool of processes hands it on
) -> Tally:
    def progress(done: Schedule) -> None:
        if done.faults:
            print(done.describe(), file=sys.stderr, flush=True)

    return explore_at(url, casts, seed=seed, is_strict=is_strict, progress=progress)
