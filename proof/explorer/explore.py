"""One schedule after the other: set the scene, let the actors loose, come to rest, judge."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, combinations_with_replacement, product
from typing import Any, Final

import asyncpg
import msgspec
from structlog.testing import capture_logs

from proof.commands import EXPLORER, uses
from proof.explorer import (  # their actors enter themselves among the parts
    backorders,  # noqa: F401
    bookkeeping,  # noqa: F401
    changes,  # noqa: F401
    disputes,  # noqa: F401
    gifts,  # noqa: F401
    goods,  # noqa: F401
    offers,  # noqa: F401
    trusting,  # noqa: F401
)
from proof.explorer.actors import PARTS, Part, Place
from proof.explorer.card import a_webhook
from proof.explorer.judge import NotAtRest, come_to_rest, find_broken, judge, make_due
from proof.explorer.scene import Scene, Stage, Subject, set_scene
from proof.explorer.scheduler import Interruption, Stuck
from proof.explorer.world import SEATS, World
from surehold.kernel.errors import Busy, DomainError
from surehold.payments import commands as payments

#: A cast is the names of its parts; two of a kind are allowed.
Cast = tuple[str, ...]

#: Who meets in threes: the whole life of an order at one instant.
CORE: Final = (
    "place_by_transfer",
    "check_payment",
    "expire_holds",
    "cancel_as_buyer",
    "retry_by_card",
)
#: What PostgreSQL says when it gives up for now; nothing of the transaction is kept.
GIVEN_UP: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
#: So much is wrong that no more is looked for.
VIOLATIONS_MAX: Final = 10
#: What a lane says when a batch had to begin again.
_RERUN: Final = "lane_batch_failed"


class Schedule(msgspec.Struct, frozen=True):
    """What one schedule did: its beats in order, and all that is wrong with it."""

    cast: Cast
    seed: int
    notes: tuple[str, ...]
    trace: tuple[str, ...]
    told: tuple[str, ...]
    refusals: tuple[str, ...]
    deadlocks: int
    reruns: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def command(self) -> str:
        """How to have it again."""
        names = ",".join(self.cast)
        if len(self.cast) == 1:
            return f"python -m proof.explorer --interrupted --seed {self.seed}"
        return f"python -m proof.explorer --pair {names} --seed {self.seed} --schedules 1"

    def describe(self) -> str:
        """The schedule beat by beat."""
        seats = ", ".join(f"{seat} {name}" for seat, name in zip(SEATS, self.cast, strict=False))
        return "\n".join(
            [
                *(f"! {fault}" for fault in self.faults),
                f"  again: {self.command}",
                f"  actors: {seats}",
                f"  scene: {'; '.join(self.notes)}",
                *(f"  {number:3} {beat}" for number, beat in enumerate(self.trace, 1)),
                *(f"  {told}" for told in self.told),
            ]
        )


class Tally(msgspec.Struct):
    """What many schedules came to."""

    schedules: int = 0
    casts: int = 0
    meetings: int = 0
    beats: int = 0
    distinct: set[int] = msgspec.field(default_factory=set)
    refusals: Counter[str] = msgspec.field(default_factory=Counter)
    deadlocks: int = 0
    reruns: Counter[str] = msgspec.field(default_factory=Counter)
    waits: int = 0
    violations: list[str] = msgspec.field(default_factory=list)

    def add(self, done: Schedule) -> None:
        """Count one schedule in."""
        self.schedules += 1
        self.meetings += len(_pairs_of(done.cast))
        self.beats += len(done.trace)
        self.distinct.add(hash((done.cast, done.notes, done.trace)))
        self.refusals.update(done.refusals)
        self.deadlocks += done.deadlocks
        self.reruns.update(done.reruns)
        self.waits += sum(beat.endswith("waits") for beat in done.trace)
        if done.faults:
            self.violations.append(done.describe())

    def merge(self, other: Tally) -> None:
        """Count in what another process did."""
        self.schedules += other.schedules
        self.casts += other.casts
        self.meetings += other.meetings
        self.beats += other.beats
        self.distinct |= other.distinct
        self.refusals.update(other.refusals)
        self.deadlocks += other.deadlocks
        self.reruns.update(other.reruns)
        self.waits += other.waits
        self.violations += other.violations


def pairs() -> list[Cast]:
    """Everybody with everybody, and with another of the same kind."""
    return list(combinations_with_replacement(sorted(PARTS), 2))


def deal(times: int) -> dict[Cast, int]:
    """How often each company meets, so that every two commands meet at least so many times.

    A command that several actors call is shared out among them; each of these meets everybody.
    Most companies are of three: one schedule is then a meeting of three pairs.
    """
    return _in_companies(_deal_pairs(times))


def meetings(dealt: Mapping[Cast, int]) -> Counter[Cast]:
    """How often every two actors surely meet."""
    found: Counter[Cast] = Counter()
    for cast, schedules in dealt.items():
        for pair in _pairs_of(cast):
            found[pair] += schedules
    return found


def _deal_pairs(times: int) -> dict[Cast, int]:
    called: dict[str, list[str]] = {}
    for command, found in uses().items():
        for use in found:
            if use.harness == EXPLORER:
                called.setdefault(use.name.rpartition(".")[2], []).append(command)
    meeting: dict[Cast, set[Cast]] = {}
    for cast in pairs():
        for both in product(*(called[name] for name in cast)):
            meeting.setdefault(tuple(sorted(both)), set()).add(cast)
    dealt = dict.fromkeys(pairs(), times // 10)
    for casts in sorted(meeting.values(), key=len):
        missing = times - sum(dealt[cast] for cast in casts)
        for number, cast in enumerate(sorted(casts)):
            dealt[cast] += max(0, (missing + number) // len(casts))
    return dealt


def _in_companies(wanted: Mapping[Cast, int]) -> dict[Cast, int]:
    """Let pairs that are still to meet do so in threes, as long as a third helps two of them."""
    left = Counter(wanted)
    dealt: Counter[Cast] = Counter()
    for pair in sorted(wanted, key=lambda one: (-wanted[one], one)):
        if left[pair] <= 0:
            continue
        for company in _by_help(pair, left):
            met = [one for one in _pairs_of(company) if left[one] > 0]
            if pair in met and len(met) >= _HELPED:
                schedules = min(left[one] for one in met)
                dealt[company] += schedules
                left.subtract(dict.fromkeys(_pairs_of(company), schedules))
        if left[pair] > 0:
            dealt[pair] += left[pair]
            left[pair] = 0
    return dict(dealt)


def _by_help(pair: Cast, left: Mapping[Cast, int]) -> list[Cast]:
    """The companies in which a pair surely meets, those first in which the most others do."""
    companies = [tuple(sorted((*pair, third))) for third in sorted(PARTS)]
    useful = [one for one in companies if pair in _pairs_of(one)]
    return sorted(useful, key=lambda one: -sum(left[met] > 0 for met in _pairs_of(one)))


#: A third is worth its seat where this many pairs meet that had to.
_HELPED: Final = 2


@cache
def _pairs_of(cast: Cast) -> tuple[Cast, ...]:
    """The pairs of a company that surely meet: on one order if they can, else on the shelf."""
    found = tuple(combinations(cast, 2))
    if len(cast) == 2 or is_related(cast):
        return found
    return tuple(pair for pair in found if not is_related(pair))


def is_related(cast: Cast) -> bool:
    """Whether all of a cast can share an order, a cart or a hold, and not only the shelf."""
    return bool(frozenset.intersection(*map(_stages_of, cast)))


@cache
def _stages_of(name: str) -> frozenset[Stage]:
    return frozenset(PARTS[name].stages)


def triples() -> list[Cast]:
    """The core parts in threes."""
    return list(combinations_with_replacement(CORE, 3))


async def explore(
    world: World,
    casts: Sequence[Cast],
    *,
    schedules: int,
    seed: int = 1,
    is_strict: bool = False,
    progress: Callable[[Schedule], None] | None = None,
    violations_max: int = VIOLATIONS_MAX,
) -> Tally:
    """So many schedules of every cast; stops after ``violations_max`` violations."""
    tally = Tally()
    for cast in casts:
        tally.casts += 1
        for number in range(schedules):
            done = await run_schedule(world, cast, seed + number, is_strict=is_strict)
            tally.add(done)
            if progress is not None:
                progress(done)
            if len(tally.violations) >= violations_max:
                return tally
    return tally


async def interrupt(
    world: World,
    names: Sequence[str],
    *,
    seed: int = 1,
    times: int = 1,
    every: int = 1,
    errors: Sequence[type[asyncpg.PostgresError]] = GIVEN_UP,
) -> Tally:
    """Every actor alone, with PostgreSQL giving up at each of its statements in turn.

    ``times`` statements fail in a row; ``every`` leaves some places out, for want of time.
    """
    tally = Tally()
    for name in names:
        tally.casts += 1
        tally.add(await run_schedule(world, (name,), seed))
        places = range(0, world.scheduler.interruptible, every)
        for number, first in enumerate(places):
            plan = Interruption(errors[number % len(errors)], first, times)
            tally.add(await run_schedule(world, (name,), seed, interruption=plan))
    return tally


async def run_schedule(
    world: World,
    cast: Cast,
    seed: int,
    *,
    is_strict: bool = False,
    interruption: Interruption | None = None,
) -> Schedule:
    """One schedule.

    ``is_strict``: the invariants are checked after every COMMIT, too. An ``interruption`` is for
    one actor alone: whoever is sent away by it asks once more, as a client does.
    """
    chance = random.Random(f"{','.join(cast)}/{seed}")
    parts = [PARTS[name] for name in cast]
    seats = [world.seats[name] for name, _ in zip(SEATS, cast, strict=False)]
    scene, subjects = await _set(world, chance, parts)
    for seat in seats:
        seat.begin(chance.random())
    places = [Place(seat, scene, one) for seat, one in zip(seats, subjects, strict=True)]
    broken: list[str] = []

    async def look() -> None:
        if not broken:
            broken.extend(await find_broken(world, at_rest=False))

    world.scheduler.after_commit = look if is_strict else None
    with capture_logs() as logged:
        told, faults = await _play(world, parts, places, chance, interruption)
    trace = tuple(world.scheduler.trace)
    faults += [f"in the middle of it: {fault}" for fault in broken]
    if not faults:
        try:
            await come_to_rest(world)
            faults += await judge(world, scene, parts, told)
        except (NotAtRest, DomainError) as error:
            faults.append(repr(error))
    if world.scheduler.deadlocks and interruption is None:
        faults.append("a deadlock: locks were not taken in the one order")
    reruns = tuple(
        entry["error"].partition("(")[0] for entry in logged if entry["event"] == _RERUN
    )
    expected = {*_EXPECTED_RERUNS, *([interruption.error.__name__] if interruption else [])}
    faults += [f"a lane began again after {one}" for one in reruns if one not in expected]
    if faults:
        world.start_afresh()
    return Schedule(
        cast,
        seed,
        tuple(scene.notes),
        trace,
        tuple(f"{seat.name} {_shown(answer)}" for seat, answer in zip(seats, told, strict=True)),
        tuple(answer.code for answer in told if isinstance(answer, DomainError)),
        world.scheduler.deadlocks,
        reruns,
        tuple(faults),
    )


#: Two processes place under one key: the second finds out by the primary key, and looks again.
_EXPECTED_RERUNS: Final = frozenset({"UniqueViolationError"})


async def _set(
    world: World, chance: random.Random, parts: list[Part]
) -> tuple[Scene, list[Subject]]:
    """A scene in which everybody has something to do, on the same order where that can be."""
    stages: list[Stage] = []
    chosen: list[int] = []
    common = [one for one in Stage if all(one in part.stages for part in parts)]
    if common:
        stages, chosen = [chance.choice(common)], [0] * len(parts)
    else:
        for part in parts:
            shared = [index for index, one in enumerate(stages) if one in part.stages]
            if not shared:
                stages.append(chance.choice(part.stages))
                shared = [len(stages) - 1]
            chosen.append(shared[0])
    if any(part.is_over_all for part in parts):
        world.start_afresh()
    is_over = chance.random() < (0.85 if any(part.is_expiring for part in parts) else 0.15)
    scene = await set_scene(
        world,
        chance,
        stages,
        is_over=is_over,
        is_old=any(part.is_canceling_old for part in parts) and chance.random() < 0.85,
    )
    if any(part.is_sweeping for part in parts):
        await _deliver(world, scene)
        await make_due(world)
    return scene, [scene.subjects[index] for index in chosen]


async def _deliver(world: World, scene: Scene) -> None:
    """Messages arrived that nobody acted upon."""
    for subject in scene.subjects:
        if subject.order is None or subject.provider_id not in world.book.payments:
            continue
        body, headers = a_webhook(subject.provider_id)
        for event in world.hand.card.parse_webhook(body, headers, received_at=0):
            await payments.store_webhook(
                world.hand.db,
                provider=world.hand.card.name,
                account=world.hand.card.account,
                event=event,
                raw_body=body,
            )


async def _play(
    world: World,
    parts: list[Part],
    places: list[Place],
    chance: random.Random,
    interruption: Interruption | None,
) -> tuple[list[Any], list[str]]:
    """Let the actors loose; what each was told, and what none may be told."""
    actors = {place.seat.name: part.act(place) for part, place in zip(parts, places, strict=True)}
    try:
        told = await world.scheduler.run(actors, chance, interruption)
    except Stuck as error:
        return [None] * len(parts), [f"stuck: {error}"]
    if interruption is not None and isinstance(told[0], (Busy, interruption.error)):
        seat = places[0].seat
        seat.begin(seat.seed)
        told = await asyncio.gather(parts[0].act(places[0]), return_exceptions=True)
    faults = [
        f"{place.seat.name} {part.name} ended with {answer!r}"
        for place, part, answer in zip(places, parts, told, strict=True)
        if isinstance(answer, BaseException) and not isinstance(answer, part.refusals)
    ]
    return told, faults


def _shown(answer: Any) -> str:
    if isinstance(answer, DomainError):
        return f"was refused: {answer.code}"
    text = repr(answer)
    return f"was told {text[:120]}"


def shares(casts: dict[Cast, int], count: int) -> Iterator[dict[Cast, int]]:
    """The casts, dealt out to so many processes."""
    for index in range(count):
        yield dict(list(casts.items())[index::count])
