"""The whole proof of connections, or a sample of it: one ``Finding``.

``python -m proof.connections`` runs everything; ``--limit`` tries so many places of each scene.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from rich.console import Console

from proof.connections.explore import Explored, Try, explore
from proof.connections.inject import Injector
from proof.connections.postmaster import Killed, kill_often
from proof.connections.proxy import a_proxy
from proof.connections.scenes import SCENES, Scene, a_stage
from proof.connections.starve import ROWS, Starved
from proof.report import Finding, save, show
from proof.seam import Watch
from tests.support import server

HARNESS: Final = "connections"
TITLE: Final = (
    "Connections: statements refused, commits cut, PostgreSQL slow, silent, full, killed"
)
KILLS: Final = 15
_CRITICAL: Final = 50


async def refuse_statements(
    scene: Scene,
    url: str,
    *,
    limit: int | None = None,
    seed: int = 0,
    only: Sequence[Try] | None = None,
) -> Explored:
    """D12: the server refuses a scene's statements, each in every way."""
    trouble = Injector()
    async with a_stage(url, database=Watch(trouble).database) as stage:
        return await explore(scene, stage, trouble, limit=limit, seed=seed, only=only)


async def cut_commits(
    scene: Scene, url: str, *, limit: int | None = None, seed: int = 0
) -> Explored:
    """D1: the connection is lost before or after each commit of a scene."""
    async with a_proxy(url) as trouble, a_stage(trouble.url, plain_url=url) as stage:
        return await explore(scene, stage, trouble, limit=limit, seed=seed)


def run(*, seed: int = 0, limit: int | None = None, kills: int = KILLS) -> Finding:
    """Try everything, each scene and row on a database of its own.

    Args:
        limit: So many tries of each scene, chosen by the seed; all when ``None``.
        kills: How often PostgreSQL is killed.
    """
    began = time.monotonic()
    with _quiet(), _databases() as new:
        refused = [
            asyncio.run(refuse_statements(scene, new(), limit=limit, seed=seed))
            for scene in SCENES.values()
        ]
        cut = [
            asyncio.run(cut_commits(scene, new(), limit=limit, seed=seed))
            for scene in SCENES.values()
        ]
        starved = [asyncio.run(row(new())) for row in ROWS.values()]
        killed = asyncio.run(kill_often(kills, seed=seed))
    return finding(refused, cut, starved, killed, seconds=time.monotonic() - began)


def finding(
    refused: Sequence[Explored],
    cut: Sequence[Explored],
    starved: Sequence[Starved],
    killed: Killed,
    *,
    seconds: float,
) -> Finding:
    """All of it as one report."""
    figures: dict[str, int | float | str] = {
        "scenes: commands that write": len(refused),
        "statements where the server refused (D12)": sum(one.places for one in refused),
        "runs with a refusal": sum(one.struck for one in refused),
    }
    figures |= {f"… of these {kind}": count for kind, count in _by_kind(refused).items()}
    figures["commits that were cut (D1)"] = sum(one.places for one in cut)
    figures["runs with a cut"] = sum(one.struck for one in cut)
    figures |= {f"… of these {kind}": count for kind, count in _by_kind(cut).items()}
    figures["questions refused with 503, and then done"] = sum(
        one.refused for one in [*refused, *cut]
    )
    figures |= {f"{one.row}: slowest answer, seconds": one.slowest for one in starved}
    figures |= {f"kills of {kind} (C7)": count for kind, count in killed.kills.items()}
    figures["longest recovery, seconds"] = max(killed.recovery_seconds, default=0)
    figures["acknowledged orders looked for"] = killed.acknowledged
    figures["acknowledged orders lost"] = killed.lost
    violations = [sentence for one in (*refused, *cut) for sentence in one.violations]
    violations += [sentence for row in starved for sentence in row.violations]
    return Finding(HARNESS, TITLE, seconds, figures, (*violations, *killed.violations))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 0 when nothing broke."""
    parser = argparse.ArgumentParser(prog="python -m proof.connections", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="tries per scene; all of them when left out")
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--save", action="store_true", help="keep it as the latest finding")
    asked = parser.parse_args(arguments)
    found = run(seed=asked.seed, limit=asked.limit, kills=asked.kills)
    show(found, Console())
    if asked.save:
        save(found)
    return 0 if found.is_pass else 1


def _by_kind(explored: Iterable[Explored]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for one in explored:
        counts.update(one.by_kind)
    return dict(sorted(counts.items()))


@contextmanager
def _databases() -> Iterator[Callable[[], str]]:
    """A server for this run; each call makes a migrated database and returns its address."""
    folder = server.new_run()
    made = 0

    def new() -> str:
        nonlocal made
        made += 1
        return server.clone(folder, f"proof_{made}")

    try:
        yield new
    finally:
        server.end_run(folder)


@contextmanager
def _quiet() -> Iterator[None]:
    """What the program says of each trouble is as it should be, and there is much of it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()
