"""``python -m proof``: run harnesses in their long form, keep what they found, tell the page.

    python -m proof simulation --ops 500000     the simulation
    python -m proof explorer triples --jobs 2   the explorer, pairs and triples
    python -m proof all                         everything, some hours on two cores
    python -m proof page                        write the latest figures into docs/proof.md

Every harness has options of its own as well: ``python -m proof.explorer --help`` and so on.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from rich.console import Console

from proof import report
from proof.report import Finding


class Wish(msgspec.Struct, frozen=True):
    """How much of it; what is ``None`` is left to the harness."""

    seed: int
    jobs: int
    operations: int
    minutes: float | None
    schedules: int
    carts: int


def simulation(wish: Wish) -> Iterable[Finding]:
    """Random buyers, payments, crashes and clocks against the client's own list."""
    from proof.simulation.main import run

    yield run(
        operations=wish.operations if wish.minutes is None else 10**9,
        minutes=wish.minutes,
        seed=wish.seed,
        workers=wish.jobs,
        console=Console(),
    )


def carts(wish: Wish) -> Iterable[Finding]:
    """Generated carts, each order added up anew after every step."""
    from proof.carts.run import run

    yield run(carts=wish.carts, seed=wish.seed, jobs=wish.jobs, console=Console())


def rules(wish: Wish) -> Iterable[Finding]:
    """One order in memory, its settlements in any order."""
    from proof.rules.run import run

    yield run(seed=wish.seed, jobs=wish.jobs)


def explorer(wish: Wish) -> Iterable[Finding]:
    """Every pair of commands, statement by statement."""
    from proof.explorer.run import run

    yield run(schedules=wish.schedules, seed=wish.seed, jobs=wish.jobs)


def walk(wish: Wish) -> Iterable[Finding]:
    """Provider events copied, shuffled and lost: the same books as told once and in order."""
    from proof.walk.run import run

    yield run(seed=wish.seed)


def triples(wish: Wish) -> Iterable[Finding]:
    """The core five commands in threes."""
    from proof.explorer.explore import triples as threes
    from proof.explorer.run import run

    found = run(schedules=wish.schedules, seed=wish.seed, jobs=wish.jobs, casts=threes())
    title = "Interleavings: triples of the core commands"
    yield msgspec.structs.replace(found, harness="explorer-triples", title=title)


def interrupted(wish: Wish) -> Iterable[Finding]:
    """Deadlocks and time-outs at every statement of every command."""
    from proof.explorer.run import run_interrupted

    yield run_interrupted(seed=wish.seed)


def crashes(_: Wish) -> Iterable[Finding]:
    """SIGKILL at every statement, commit and call of every journey."""
    from proof.crashes.run import run

    yield asyncio.run(run(console=Console()))


def sleepers(_: Wish) -> Iterable[Finding]:
    """SIGSTOP of a worker everywhere, until others have done its work."""
    from proof.crashes.run import run

    yield asyncio.run(run(dies_of=signal.SIGSTOP, console=Console()))


def connections(wish: Wish) -> Iterable[Finding]:
    """Statements refused, commits cut, PostgreSQL slow, silent, full and killed."""
    from proof.connections.run import run

    yield run(seed=wish.seed)


def model(_: Wish) -> Iterable[Finding]:
    """The protocol in Promela, and its mutants."""
    from proof.model.run import run

    found = run()
    yield Finding(
        harness="model",
        title="The protocol as a model",
        seconds=found.seconds,
        figures={
            "states": found.states,
            "transitions": found.transitions,
            "deepest path": found.depth,
            "searches": len(found.runs),
            "mutants of the model": found.mutants_total,
            "mutants refuted": found.mutants_killed,
            "mutants that are equivalent": len(found.equivalent),
        },
        violations=found.failures,
        skipped=found.skipped or "",
    )


def api(wish: Wish) -> Iterable[Finding]:
    """Requests made from the API's own document."""
    from proof.inputs.api import run

    yield run(seed_number=wish.seed)


def webhooks(wish: Wish) -> Iterable[Finding]:
    """Forged webhooks, in process and over HTTP."""
    from proof.inputs.webhooks import run

    yield run(seed=wish.seed)


def machines(wish: Wish) -> Iterable[Finding]:
    """A cart and orders beside their models."""
    from proof.inputs.machines import run

    yield from run(seed=wish.seed)


def planted(wish: Wish) -> Iterable[Finding]:
    """Planted bugs, and the suite that finds each."""
    from proof.planted.run import run

    yield run(jobs=wish.jobs)


def mutation(wish: Wish) -> Iterable[Finding]:
    """Small mistakes in rules, states and money, and the tests that find each."""
    from proof.mutation.run import run

    yield run(jobs=wish.jobs, minutes=wish.minutes)


#: In the order of their length, shortest first.
HARNESSES: Final[dict[str, Callable[[Wish], Iterable[Finding]]]] = {
    harness.__name__: harness
    for harness in (
        model,
        rules,
        interrupted,
        webhooks,
        machines,
        api,
        carts,
        walk,
        planted,
        sleepers,
        connections,
        crashes,
        triples,
        mutation,
        simulation,
        explorer,
    )
}


def main(arguments: list[str] | None = None) -> int:
    """Run what is named; 1 when anything broke."""
    lines = "\n".join(f"  {name:<12} {_about(one)}" for name, one in HARNESSES.items())
    parser = argparse.ArgumentParser(
        prog="python -m proof",
        description=__doc__,
        epilog=f"harnesses:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="+", choices=[*HARNESSES, "all", "page"], metavar="WHAT")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time (2)")
    parser.add_argument("--ops", type=int, default=500_000, help="operations to simulate")
    parser.add_argument("--minutes", type=float, help="simulate for so long instead")
    parser.add_argument("--schedules", type=int, default=100, help="of each pair or triple (100)")
    parser.add_argument("--carts", type=int, default=10_000, help="to generate (10,000)")
    parser.add_argument("--no-save", action="store_true", help="leave proof/latest.json alone")
    given = parser.parse_args(arguments)
    wish = Wish(given.seed, given.jobs, given.ops, given.minutes, given.schedules, given.carts)
    chosen = HARNESSES if "all" in given.what else [name for name in given.what if name != "page"]
    console = Console()
    is_good = True
    for name in chosen:
        for finding in HARNESSES[name](wish):
            report.show(finding, console)
            is_good &= not finding.violations
            if not given.no_save:
                report.save(finding)
    if not given.no_save:
        report.write_page()
    return 0 if is_good else 1


def _about(harness: Callable[[Wish], Iterable[Finding]]) -> str:
    return (harness.__doc__ or "").strip()


if __name__ == "__main__":
    sys.exit(main())
