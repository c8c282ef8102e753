"""The walk itself: ``python -m proof.walk --events 20000 --orders 500``.

Two stores are told the same facts by banks of their own. One hears of each at once, once and in
order. To the other the same messages come copied, shuffled, late and not at all, and its sweeper
and the bank's report have to find the rest. In the end the books of both must be the same, and no
step on the way may leave the ledger out of balance.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from structlog.testing import capture_logs

from proof.report import Finding
from proof.walk.script import Fact, write
from proof.walk.store import Post, Store, open_store
from surehold.db import Connection
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from surehold.orders.documents import commands as documents
from tests.support import server

EVENTS: Final = 20_000
ORDERS: Final = 500
#: Facts about each order.
_FACTS_EACH: Final = 16
#: Of the bank's messages never arrive.
_LOSS: Final = 0.15
#: Deliveries between two rounds of the sweeper.
_SWEEP_EVERY: Final = 400
_SHOWN: Final = 10
TITLE: Final = "A random walk of provider events: copied, shuffled, lost, and the same books"


def run(*, events: int = EVENTS, orders: int = ORDERS, seed: int = 1) -> Finding:
    """Walk once; a violation is an order whose books differ, or a step out of balance."""
    began = time.monotonic()
    folder = server.new_run()
    try:
        urls = [server.clone(folder, f"walk_{name}") for name in ("plain", "rough")]
        with tempfile.TemporaryDirectory() as banks:
            for name in ("plain", "rough"):
                Path(banks, name).mkdir()
            with capture_logs():
                figures, wrong = asyncio.run(
                    _walk(urls, Path(banks), events=events, orders=orders, seed=seed)
                )
    finally:
        server.end_run(folder)
    return Finding(
        harness="walk",
        title=TITLE,
        seconds=time.monotonic() - began,
        figures={**figures, "seed": seed},
        violations=tuple(wrong[:_SHOWN]),
    )


async def _walk(
    urls: list[str], banks: Path, *, events: int, orders: int, seed: int
) -> tuple[dict[str, int | float | str], list[str]]:
    script = write(orders=orders, facts=orders * _FACTS_EACH, seed=seed)
    async with (
        open_store(urls[0], banks / "plain") as plain,
        open_store(urls[1], banks / "rough") as rough,
    ):
        for store in (plain, rough):
            await store.sell(orders)
        told = await _tell_in_order(plain, script)
        counts, wrong = await _tell_anyhow(rough, script, events=events, seed=seed)
        for store in (plain, rough):
            await store.come_to_rest()
            wrong += await _look(store)
        wrong += _compare(await plain.read_books(), await rough.read_books(), script)
    figures: dict[str, int | float | str] = {
        "orders": orders,
        "facts at the bank": len(script),
        "messages of the bank": told,
        **counts,
    }
    return figures, wrong


async def _tell_in_order(store: Store, script: list[Fact]) -> int:
    """Every message at once, once, in order; returns how many."""
    count = 0
    for fact in script:
        for delivery in await store.happen(fact):
            await store.hear(delivery)
            count += 1
    return count


async def _tell_anyhow(
    store: Store, script: list[Fact], *, events: int, seed: int
) -> tuple[Counter[str], list[str]]:
    """So many deliveries, anyhow; what was wrong after each."""
    dice = random.Random(f"post/{seed}")
    post, counts, wrong = Post(dice, loss=_LOSS), Counter[str](), list[str]()
    facts = iter(script)
    share = len(script) / events
    while counts["deliveries"] < events or not post.is_empty:
        if dice.random() < share / (1 + share) * 1.5:
            fact = next(facts, None)
            if fact is not None:
                if fact.order in post.unheard:
                    await store.look(fact.order)
                post.take(await store.happen(fact), of=fact.order)
        delivery = post.bring()
        if delivery is None:
            continue
        await store.hear(delivery)
        counts["deliveries"] += 1
        if counts["deliveries"] % _SWEEP_EVERY == 0:
            await store.sweep()
        unbalanced = await store.find_unbalanced()
        if unbalanced:
            wrong.append(f"delivery {counts['deliveries']}: the ledger is off by {unbalanced}")
            break
    for fact in facts:
        await store.look(fact.order)
        post.take(await store.happen(fact), of=fact.order)
    while (rest := post.bring_the_rest()) is not None:
        await store.hear(rest)
    counts["lost on the way"] = post.lost
    return counts, wrong


async def _look(store: Store) -> list[str]:
    """Every invariant, at rest."""
    await documents.issue_due(store.db, limit=10_000)
    while await outbox.publish(store.db, subscribers=()):
        pass
    async with store.db.connection() as connection:
        found = await check_invariants(Connection(connection.raw), at_rest=True)
    return [f"{code}: {rows[0]}" for code, rows in found.items()]


def _compare(
    plain: list[dict[str, Any]], rough: list[dict[str, Any]], script: list[Fact]
) -> list[str]:
    wrong = []
    for place, (one, two) in enumerate(zip(plain, rough, strict=True)):
        differing = {name: (one[name], two[name]) for name in one if one[name] != two[name]}
        if differing:
            facts = [fact.what for fact in script if fact.order == place]
            wrong.append(f"order {place} after {facts}: (told in order, told anyhow) {differing}")
    return wrong


def main() -> int:
    """Walk and say what was found; 1 when something broke."""
    parser = argparse.ArgumentParser(prog="python -m proof.walk", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="deliveries")
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders that they are about")
    parser.add_argument("--seed", type=int, default=1, help="of the walk")
    given = parser.parse_args()
    finding = run(events=given.events, orders=given.orders, seed=given.seed)
    for violation in finding.violations:
        print(violation, end="\n\n")
    print(*(f"{name}: {value}" for name, value in finding.figures.items()), sep="\n")
    print(f"violations: {len(finding.violations)}, seconds: {finding.seconds:.1f}")
    return 0 if finding.is_pass else 1
