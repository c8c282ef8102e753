"""Go many ways, and say which of them broke something.

python -m proof.rules --orders 100000     the long run
python -m proof.rules --seed 41 --orders 1    one way again, step by step
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from proof.report import Finding
from proof.rules.way import STEPS, Broken, Way

ORDERS: Final = 200_000
#: A fault that many ways meet is told a few times.
TOLD: Final = 5
_CHUNK: Final = 500


class Went(msgspec.Struct, frozen=True):
    """What came of some ways."""

    counts: dict[str, int]
    ends: dict[str, int]
    violations: tuple[str, ...]


def run(*, orders: int = ORDERS, seed: int = 1, jobs: int = 2) -> Finding:
    """Go so many ways; each seed is one order's."""
    began = time.monotonic()
    chunks = [
        range(first, min(first + _CHUNK, seed + orders))
        for first in range(seed, seed + orders, _CHUNK)
    ]
    if jobs > 1 and len(chunks) > 1:
        with multiprocessing.get_context("spawn").Pool(jobs) as pool:
            found = pool.map(go, chunks)
    else:
        found = [go(chunk) for chunk in chunks]
    counts, ends, violations = Counter[str](), Counter[str](), []
    for one in found:
        counts.update(one.counts)
        ends.update(one.ends)
        violations += one.violations
    return Finding(
        harness="rules",
        title="One order, its settlements in any order",
        seconds=time.monotonic() - began,
        figures={
            "orders": orders,
            "settlements asked": counts["settled"] + counts["refused"],
            "settled": counts["settled"],
            "refused": counts["refused"],
            "steps of each": STEPS,
            "ways that broke": len(violations),
            **{f"ended {status}": count for status, count in sorted(ends.items())},
        },
        violations=tuple(violations[:TOLD]),
    )


def go(seeds: Sequence[int]) -> Went:
    """Go the ways of these seeds."""
    counts, ends, violations = Counter[str](), Counter[str](), []
    for seed in seeds:
        way = Way(seed)
        try:
            way.go()
        except Broken as broken:
            steps = "\n    ".join(way.told)
            violations.append(
                f"seed {seed}: {broken}\n    {steps}\n"
                f"    again: python -m proof.rules --seed {seed} --orders 1"
            )
        counts.update(way.counts)
        ends[way.case.order.status.value] += 1
    return Went(dict(counts), dict(ends), tuple(violations))


def main() -> int:
    """Go and say what was found; 1 when something broke."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.rules",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--orders", type=int, default=ORDERS, help="ways to go")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time")
    given = parser.parse_args()
    finding = run(orders=given.orders, seed=given.seed, jobs=given.jobs)
    for violation in finding.violations:
        print(violation, end="\n\n")
    print(*(f"{name}: {value}" for name, value in finding.figures.items()), sep="\n")
    print(f"violations: {len(finding.violations)}, seconds: {finding.seconds:.1f}")
    return 0 if finding.is_pass else 1
