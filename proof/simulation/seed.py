"""One seed: a store of its own, driven by many at once until its operations are used up.

Then everything is brought to rest, as time and the worker would, and judged.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
import msgspec
import structlog
from pydantic import SecretStr

from proof.simulation import (
    back_office,
    backorders,
    bookkeeping,
    buyers,
    changes,
    couriers,
    disputes,
    gifts,
    holds,
    judge,
    offers,
    warehouse,
)
from proof.simulation.clock import Clock
from proof.simulation.judge import Wrong
from proof.simulation.log import LogWatch
from proof.simulation.process import Process, follow_tasks
from proof.simulation.provider import InItsOwnProcess, InThisProcess, Provider
from proof.simulation.rest import come_to_rest
from proof.simulation.stops import draw
from proof.simulation.trace import Trace
from proof.simulation.world import Violated, World
from surehold.config import Config, Mode
from surehold.db import shop
from surehold.db.database import Database, Settings, prepare_connection
from surehold.kernel.errors import Busy, DomainError
from tests.builders.catalog import a_location, a_product
from tests.builders.pricing import a_coupon
from tests.support.shop import SECRETS, WEBHOOK_SECRET

#: Operations under way at the same time, and the processes that they are spread over.
AT_ONCE: Final = 24
PROCESSES: Final = 2
VARIANTS: Final = 6
OPENING_UNITS: Final = 40
#: Of so many variants more are sold from the beginning than are there.
SOLD_AHEAD: Final = 3
#: How often the coupon may be used: fewer times than buyers try.
COUPON_USES: Final = 12
#: Share of the operations that something is planned to happen to.
STOPPED_RATE: Final = 0.05
#: Every so many steps the invariants are checked in a snapshot, beside what goes on.
CHECK_EVERY: Final = 1_000
#: Every so many steps the clock jumps, so that 5,000 operations take most of a day. A key of
#: a client lives for a day: nothing here asks again under a key that was forgotten.
JUMP_EVERY: Final = 30
JUMP_SECONDS: Final = 570
#: How often the provider is killed in one seed.
PROVIDER_KILLS: Final = 2
_WRONG_MAX: Final = 8
#: What is a large amount where fraud signals are asked for: one basket in three.
_LARGE: Final = {"EUR": 6_000, "USD": 6_000}

#: What the world may do to an operation without anybody being wrong.
BROKEN: Final = (
    asyncio.CancelledError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A pooled connection that the server has ended, before its end was noticed.
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    OSError,
    TimeoutError,
)

Step = Callable[[World, Process, random.Random], Awaitable[Any]]

#: What is drawn, how often, and whether it is an operation of the store.
STEPS: Final[tuple[tuple[int, Step, bool], ...]] = (
    (150, buyers.place_directly, True),
    (40, buyers.place_from_a_cart, True),
    (20, buyers.place_as_quoted, True),
    (12, buyers.place_at_a_wrong_total, True),
    (14, buyers.place_twice_at_once, True),
    (50, buyers.ask_again, True),
    (10, buyers.reuse_a_key, True),
    (12, offers.write_an_offer, True),
    (24, offers.place_an_offer, True),
    (8, offers.change_an_offer, True),
    (5, offers.take_an_offer_back, True),
    (10, buyers.open_cart, True),
    (30, buyers.change_cart, True),
    (200, buyers.pay_at_the_provider, False),
    (60, buyers.come_back, True),
    (50, buyers.pay_again, True),
    (25, buyers.ask_for_time, True),
    (28, buyers.regret, True),
    (150, back_office.deliver_a_webhook, True),
    (75, back_office.confirm_a_transfer, True),
    (22, back_office.cancel_for_a_buyer, True),
    (12, back_office.print_a_document, True),
    (30, back_office.plan_a_parcel, True),
    (50, back_office.move_a_parcel, True),
    (40, back_office.bring_to_a_status, True),
    (6, back_office.note_something, True),
    (22, back_office.give_money_back, True),
    (18, back_office.give_up_a_part, True),
    (24, changes.change_an_order, True),
    (6, changes.take_a_change_back, True),
    (16, back_office.look_after_a_refund, True),
    (6, back_office.send_back, True),
    (4, back_office.change_a_setting, True),
    (34, couriers.collect_at_the_door, True),
    (12, couriers.refuse_at_the_door, True),
    (10, couriers.deposit, True),
    (8, couriers.reject_a_transfer, True),
    (12, couriers.lapse, False),
    (10, couriers.capture_now, True),
    (6, holds.change_when_money_is_taken, True),
    (10, holds.let_go, False),
    (30, holds.look_at_what_is_due, True),
    (16, holds.send_at_the_end, True),
    (8, bookkeeping.take_in_a_report, True),
    (6, bookkeeping.look_at_differences, True),
    (16, bookkeeping.commission, True),
    (10, bookkeeping.pay_vendors, True),
    (16, disputes.ask_money_back, False),
    (16, disputes.decide_at_the_bank, False),
    (10, disputes.say_something, True),
    (5, disputes.write_down, True),
    (14, disputes.look_into, True),
    (12, gifts.issue, True),
    (8, gifts.adjust, True),
    (36, back_office.receive_stock, True),
    (12, warehouse.adjust, True),
    (8, warehouse.count, True),
    (8, warehouse.take_in_a_file, True),
    (10, warehouse.send, True),
    (16, warehouse.arrive, True),
    (14, backorders.sell_ahead, True),
    (30, back_office.hold_units, True),
    (30, back_office.let_go, True),
    (90, back_office.work, True),
)


class SeedResult(msgspec.Struct):
    """What one seed came to. ``counts`` are by name; ``wrong`` are whole stories."""

    seed: int
    #: As many as were asked for.
    operations: int
    seconds: float
    counts: dict[str, int]
    wrong: list[str]


class Seed:
    """One store and everything that happens to it."""

    def __init__(self, seed: int, *, url: str, operations: int, own_process: bool) -> None:
        self.seed = seed
        self.operations = operations
        self.trace = Trace()
        self.log = LogWatch()
        self.counts: Counter[str] = Counter()
        self.wrong: list[Wrong] = []
        self._url = url
        self._own_process = own_process
        self._dice = random.Random(f"{seed}:order")
        self._names = 0
        self.provider_counts: Counter[str] = Counter()
        self._ended: list[Process] = []

    async def run(self) -> SeedResult:
        """Live through it; what is wrong is in the result, nothing is raised for it."""
        began = time.monotonic()
        structlog.configure(processors=[self.log])
        follow_tasks(asyncio.get_running_loop())
        with tempfile.TemporaryDirectory(prefix="surehold-simulation-") as folder:
            async with self._provider(Path(folder)) as provider, self._connections():
                self.clock = Clock(self._raw, provider.set_clock)
                await self.clock.install()
                self.world = await self._open_world(provider)
                await provider.misbehave()
                await self._live()
                self.counts["milliseconds of life"] = int(1000 * (time.monotonic() - began))
                self.provider_counts = await provider.count()
                self.counts["provider calls, before rest"] = provider.calls
                if not self.wrong:
                    if self.seed % 2:
                        # Its bank is generous from here on: what is held is not let go by itself.
                        self.clock.bank = None
                    self.wrong += await come_to_rest(self.world, self.clock, self.counts)
                    self.wrong += await judge.check_at_rest(self._raw, self.world)
                self.wrong += [Wrong(text) for text in self.log.unexpected]
                await self._count()
                for process in self.world.processes:
                    await process.close()
                stories = [await self._story(wrong) for wrong in self.wrong[:_WRONG_MAX]]
        return SeedResult(
            self.seed, self.operations, time.monotonic() - began, dict(self.counts), stories
        )

    # --- setting up ---------------------------------------------------------------------------

    @asynccontextmanager
    async def _provider(self, folder: Path) -> AsyncIterator[Provider]:
        kind = InItsOwnProcess if self._own_process else InThisProcess
        # In half of the seeds a refund takes the bank a while.
        provider = kind(folder, seed=self.seed, refund_seconds=0.2 * (self.seed % 2))
        await provider.open()
        try:
            yield provider
        finally:
            await provider.close()

    @asynccontextmanager
    async def _connections(self) -> AsyncIterator[None]:
        """One connection to move the clock and to judge, and some to end others."""
        settings = {"search_path": "store"}
        async with asyncpg.create_pool(self._url, min_size=1, max_size=2) as self._admins:
            self._raw = await asyncpg.connect(self._url, server_settings=settings)
            await prepare_connection(self._raw)
            try:
                yield
            finally:
                await self._raw.close()

    async def _open_world(self, provider: Provider) -> World:
        async with Database(Settings(url=self._url)) as db:
            products = [
                await a_product(db, price=1_000 + 750 * index, on_hand=OPENING_UNITS)
                for index in range(VARIANTS)
            ]
            await bookkeeping.agree_on_commission(db)
            await a_coupon(db, buyers.COUPON, limit_total=COUPON_USES)
            for product in products[:SOLD_AHEAD]:
                await backorders.open_terms(db, product.variant_id)
            async with db.transaction() as tx:
                await a_location(tx, code="annex")
                await shop.change(tx, key="unpaid_cancel_hours", value=2, actor="simulation")
                await shop.change(tx, key="hold_transfer_minutes", value=60, actor="simulation")
                if self.seed % 3 == 0:
                    held = {"sandbox": "on_shipment"}
                    await shop.change(tx, key="capture", value=held, actor="simulation")
                if self.seed % 2 == 0:
                    # Some baskets are large, and many go to one address.
                    asked = {"is_on": True, "hold_at": 45, "large_amounts": _LARGE}
                    await shop.change(tx, key="fraud_signals", value=asked, actor="simulation")
                # All buyers live there.
                await shop.change(
                    tx, key="cash_on_delivery_countries", value=["IE"], actor="simulation"
                )
        world = World(
            self.seed,
            provider=provider,
            variant_ids=tuple(product.variant_id for product in products),
            location_id=products[0].location_id,
            opening_units=OPENING_UNITS,
            coupon_uses=COUPON_USES,
            clock=self.clock,
        )
        base_url = "http://shop.test"
        if isinstance(provider, InItsOwnProcess):
            base_url = provider.shop_url
        self._config = Config(
            _env_file=None,
            mode=Mode.TEST,
            base_url=base_url,
            secret_keys=(SecretStr("simulation-" + "k" * 30),),
            sandbox_url=provider.url,
            sandbox_api_key=SecretStr(SECRETS["SUREHOLD_SANDBOX_API_KEY"]),
            sandbox_webhook_secrets=(SecretStr(WEBHOOK_SECRET),),
        )
        for _ in range(PROCESSES):
            world.processes.append(await self._new_process(world))
        return world

    async def _new_process(self, world: World) -> Process:
        self._names += 1
        process = Process(
            f"p{self._names}",
            url=self._url,
            config=self._config,
            transport=world.provider.transport(),
            admins=self._admins,
            trace=self.trace,
        )
        await process.open()
        return process

    # --- living -------------------------------------------------------------------------------

    async def _live(self) -> None:
        """Keep so many steps under way until enough operations were begun."""
        weights = [weight for weight, _, _ in STEPS]
        running: set[asyncio.Task[None]] = set()
        begun = 0
        kills = [self.operations * n // (PROVIDER_KILLS + 1) for n in range(PROVIDER_KILLS, 0, -1)]
        while self.world.counts["operations"] < self.operations and not self.wrong:
            if len(running) >= AT_ONCE:
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()  # A fault of the simulation itself is raised here.
            await self._replace_the_dead()
            [(_, step, is_operation)] = self._dice.choices(STEPS, weights=weights)
            begun += is_operation
            dice = random.Random(self._dice.random())
            running.add(asyncio.create_task(self._take(step, dice, is_operation=is_operation)))
            if not is_operation:
                continue
            if begun % JUMP_EVERY == 0:
                await self.clock.advance(timedelta(seconds=self._dice.uniform(0, JUMP_SECONDS)))
            if begun % CHECK_EVERY == 0:
                running.add(asyncio.create_task(self._check()))
            if kills and self.world.counts["operations"] > kills[-1]:
                kills.pop()
                await self.world.provider.kill()
        await asyncio.gather(*running)
        await self._replace_the_dead()
        for process in self.world.processes:  # What comes to rest is not stopped any more.
            process.plan_nothing()

    async def _take(self, step: Step, dice: random.Random, *, is_operation: bool) -> None:
        """Take one step, perhaps with a stop on its way, and count what came of it."""
        process = self.world.a_process(dice)
        task = process.begin(step(self.world, process, dice))  # type: ignore[arg-type]  # steps are coroutines
        if is_operation and dice.random() < STOPPED_RATE:
            stop = draw(dice)
            stop.task = task
            process.plan(stop)
        await asyncio.wait({task})
        if not is_operation:
            self._judge_world_step(step, task)
            return
        self.world.did()
        self.counts["steps"] += 1
        self.counts[f"step: {step.__name__}"] += 1
        self.counts[f"told: {self._judge_step(step, task)}"] += 1

    def _judge_world_step(self, step: Step, task: asyncio.Task[Any]) -> None:
        """A buyer at the provider may find it killed; anything else is a fault of ours."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, (httpx2.HTTPError, RuntimeError, *BROKEN)):
            self.wrong.append(Wrong(f"{step.__name__} raised {error!r}"))

    def _judge_step(self, step: Step, task: asyncio.Task[Any]) -> str:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        match error:
            case None:
                return "acknowledged"
            case Busy():
                return "busy"
            case DomainError():
                self.world.codes[error.code] += 1
                return "refused"
            case _ if isinstance(error, BROKEN):
                self.world.codes[type(error).__name__] += 1
                return "unknown"
            case Violated():
                self.wrong.append(Wrong(f"{step.__name__}: {error}", error.ids))
            case _:
                story = "".join(traceback.format_exception(error))
                self.wrong.append(Wrong(f"{step.__name__} raised {error!r}\n{story}"))
        return "wrong"

    async def _check(self) -> None:
        raw = await asyncpg.connect(self._url, server_settings={"search_path": "store"})
        try:
            self.wrong += await judge.check_always(raw)
            self.counts["checks under way"] += 1
        finally:
            await raw.close()

    async def _replace_the_dead(self) -> None:
        """Whoever died is buried, and a new process takes its place."""
        for index, process in enumerate(self.world.processes):
            if process.is_dead:
                await process.buried()
                self._ended.append(process)
                self.world.processes[index] = await self._new_process(self.world)

    # --- the result ---------------------------------------------------------------------------

    async def _count(self) -> None:
        """Gather what the parts have counted."""
        world, counts = self.world, self.counts
        processes = [*self._ended, *world.processes]
        counts["commits"] = sum(process.commit_count for process in processes)
        counts["statements"] = self.trace.count
        counts["deadlocks met"] = sum(process.deadlock_count for process in processes)
        for process in processes:
            counts.update({f"stop: {kind}": count for kind, count in process.stopped.items()})
        counts["provider calls"] = world.provider.calls
        counts["provider kills"] = world.provider.kills
        counts.update({f"provider did: {name}": n for name, n in self.provider_counts.items()})
        counts.update(world.counts)
        counts.update({f"code: {code}": count for code, count in world.codes.items()})
        counts.update({f"log: {name}": count for name, count in self.log.counts.items()})
        for purchase in world.purchases:
            counts[f"placements {purchase.told.value}"] += 1
        counts.update(await judge.count_store(self._raw))

    async def _story(self, wrong: Wrong) -> str:
        """What is wrong, with the statements and the history that led to it."""
        lines = [f"seed {self.seed}, {self.operations} operations: {wrong.text}"]
        lines += [f"    {line}" for line in self.trace.about(wrong.ids)] if wrong.ids else []
        lines += [f"    {line}" for line in await judge.list_history(self._raw, wrong.ids)]
        return "\n".join(lines)
