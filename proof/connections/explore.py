"""Asks one question once for each place where it can go wrong, and looks what became of it.

The rule is the same for every trouble: the answer is what it would have been, or a clean 503. The
same question, asked again once the trouble is over, is carried out; and then the tables hold what
they hold after a question that nothing disturbed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from proof.connections.scenes import Ask, Said, Scene, Stage, change, measure
from surehold.db.invariants import check_invariants

#: An answer that takes longer is a hang.
ANSWER_SECONDS: Final = 30


class Trouble(Protocol):
    """Something that can go wrong at named places, in several ways."""

    #: How often it did since it was armed.
    struck: int

    @property
    def kinds(self) -> Sequence[str]:
        """The ways."""
        ...

    def arm(self, place: str | None = None, kind: str = "", *, is_lasting: bool = False) -> None:
        """Watch from here on, and go wrong at a place if one is named."""
        ...

    def rest(self) -> list[str]:
        """Be well again; the places that were passed since."""
        ...


class Try(msgspec.Struct, frozen=True):
    """One place, one way, once or as long as it is asked."""

    place: str
    kind: str
    is_lasting: bool = False

    def __str__(self) -> str:
        return f"{self.kind} at {self.place}{' each time' if self.is_lasting else ''}"


class Explored(msgspec.Struct):
    """What was tried of a scene."""

    scene: str
    places: int = 0
    tries: int = 0
    struck: int = 0
    by_kind: Counter[str] = msgspec.field(default_factory=Counter)
    refused: int = 0
    violations: list[str] = []


def choose(tries: Sequence[Try], limit: int | None, seed: int) -> list[Try]:
    """So many of the tries, the same for the same seed; all without a limit."""
    if limit is None or len(tries) <= limit:
        return list(tries)
    return random.Random(seed).sample(list(tries), limit)


async def explore(
    scene: Scene,
    stage: Stage,
    trouble: Trouble,
    *,
    limit: int | None = None,
    seed: int = 0,
    only: Sequence[Try] | None = None,
) -> Explored:
    """Ask a scene's question in trouble at every place that it passes, or in ``limit`` tries.

    ``only`` names the tries instead: what a violation's sentence says, to see it again.
    """
    found = Explored(scene.name)
    # Connections are open and statements planned from here, and nothing of it is left to be done.
    ask = await scene.prepare(stage)
    await ask()
    await ask()
    ask = await scene.prepare(stage)
    before = await measure(stage)
    trouble.arm()
    said = await ask()
    places = trouble.rest()
    await ask()
    wanted = change(before, await measure(stage))
    if not said.is_done:
        found.violations.append(f"{scene.name}: undisturbed it answers {said}")
        return found
    found.places = len(places)
    tries = [
        Try(place, kind, is_lasting)
        for place in places
        for kind in trouble.kinds
        for is_lasting in (False, True)
    ]
    for chosen in choose(tries, limit, seed) if only is None else only:
        faults, got = await _try(scene, stage, trouble, chosen, found)
        for sentence in (*faults, *_differences(wanted, got, scene.repeats)):
            found.violations.append(f"{scene.name}, {chosen}: {sentence} (seed {seed})")
    async with stage.plain.connection() as connection:
        broken = await check_invariants(connection)
    found.violations += [
        f"{scene.name}: {code} is broken: {rows}" for code, rows in broken.items()
    ]
    return found


async def _try(
    scene: Scene, stage: Stage, trouble: Trouble, chosen: Try, found: Explored
) -> tuple[list[str], dict[str, int]]:
    """Ask once in trouble and once after it; what was wrong with the answers, and what changed."""
    faults: list[str] = []
    ask = await scene.prepare(stage)
    before = await measure(stage)
    trouble.arm(chosen.place, chosen.kind, is_lasting=chosen.is_lasting)
    said = await _ask(ask)
    trouble.rest()
    found.tries += 1
    if trouble.struck:
        found.struck += 1
        found.by_kind[chosen.kind] += 1
    if said.is_clean_refusal:
        found.refused += 1
    elif not said.is_done:
        faults.append(f"answered {said}")
    again = await _ask(ask)
    if not again.is_done:
        faults.append(f"asked again, it answered {again}")
    return faults, change(before, await measure(stage))


def _differences(
    wanted: dict[str, int], got: dict[str, int], allowed: frozenset[str]
) -> list[str]:
    return [
        f"{name} changed by {got.get(name, 0)} instead of {wanted.get(name, 0)}"
        for name in sorted(wanted.keys() | got.keys())
        if got.get(name, 0) != wanted.get(name, 0) and name not in allowed
    ]


async def _ask(ask: Ask) -> Said:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await ask()
    except TimeoutError:
        return Said(0, f"nothing in {ANSWER_SECONDS} s")
    except Exception as error:  # noqa: BLE001 - whatever gets through is what is looked for
        return Said(500, repr(error))
