"""The database is there, but slow, silent, full, or locked by somebody who sleeps.

Every question is answered within a bound: as usual, or with 503 and when to come again. When the
trouble ends, the shop goes on by itself, with no more tasks and connections than before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import msgspec

from proof.connections.proxy import Proxy, a_proxy
from proof.connections.scenes import Said, Stage, a_stage
from surehold.db.invariants import check_invariants
from surehold.web.operations import PROBE_SECONDS
from tests.builders.catalog import BuiltProduct, a_product
from tests.support.api import Answer, a_body, a_key

#: The program's time-outs, shortened: what is proved is that they are kept, not how long they are.
QUICK: Final = {
    "pool_max": 8,
    "pool_reserve": 2,
    "statement_timeout_ms": 1_000,
    "lock_timeout_ms": 500,
    "idle_in_transaction_timeout_ms": 1_500,
    "acquire_timeout_seconds": 1,
    "connect_timeout_seconds": 1,
}
#: Waiting for a connection, the statement and a second, giving it up, giving the connection back.
READ_SECONDS: Final = 8
#: A lane tries a member three times over, each with a new connection; a few may be before it.
ORDER_SECONDS: Final = 25
HEAL_SECONDS: Final = 10
#: What the health check says of a slow database, and of one that is slower than it waits.
WELL_ENOUGH: Final = (200, "degraded", ["database_slow"])
OUT_OF_REACH: Final = (503, "unavailable", ["database_unreachable"])
#: Nobody waits longer than this.
HANG_SECONDS: Final = 40


class Asked(msgspec.Struct, frozen=True):
    """A question, its answer and how long it took."""

    what: str
    said: Said
    seconds: float


class Starved(msgspec.Struct):
    """What a row came to."""

    row: str
    asked: list[Asked] = []
    violations: list[str] = []

    @property
    def busy(self) -> int:
        """How many were told to come back."""
        return sum(one.said.status == 503 for one in self.asked)

    @property
    def slowest(self) -> float:
        """Of all answers, in seconds."""
        return max((one.seconds for one in self.asked), default=0)

    def expect(self, is_so: bool, sentence: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Note a violation unless something is so."""
        if not is_so:
            self.violations.append(f"{self.row}: {sentence}")

    def bound(self, seconds: Callable[[Asked], float]) -> None:
        """Every answer is one that is allowed, in time."""
        for one in self.asked:
            told = f"{one.what} answered {one.said} after {one.seconds:.1f} s"
            self.expect(one.said.is_done or one.said.is_clean_refusal, told)
            self.expect(one.seconds <= seconds(one), told)


async def ask(what: str, question: Awaitable[Answer]) -> Asked:
    """Ask and take the time."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(HANG_SECONDS):
            answer = await question
    except TimeoutError:
        return Asked(what, Said(0, "nothing"), time.monotonic() - began)
    except Exception as error:  # noqa: BLE001 - whatever gets through is what is looked for
        return Asked(what, Said(500, repr(error)), time.monotonic() - began)
    if answer.status < 400:
        said = Said(answer.status)
    else:
        said = Said(answer.status, answer.code, "retry-after" in answer.headers)
    return Asked(what, said, time.monotonic() - began)


def read(stage: Stage, product: BuiltProduct) -> Coroutine[Any, Any, Asked]:
    """Look at a product."""
    return ask("a read", stage.api.get(f"/products/{product.slug}"))


def order(
    stage: Stage, product: BuiltProduct, provider: str = "bank_transfer"
) -> Coroutine[Any, Any, Asked]:
    """Buy one."""
    body = a_body(product.variant_id, payment_method={"provider": provider})
    return ask("an order", stage.api.post("/checkout", body, headers=a_key()))


async def readiness(stage: Stage) -> tuple[int, str, list[str]]:
    """What the health check says."""
    answer = await stage.api.get("/health/ready")
    return answer.status, answer.body["status"], answer.body["reasons"]


async def heal(stage: Stage, product: BuiltProduct, found: Starved) -> None:
    """After the trouble: ready, selling, and sound, by itself."""
    try:
        async with asyncio.timeout(HEAL_SECONDS):
            while not await _is_well(stage, product):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.1)
    except TimeoutError:
        found.violations.append(f"{found.row}: not well again after {HEAL_SECONDS} s")
    await stage.settle_down()
    async with stage.plain.connection() as connection:
        broken = await check_invariants(connection)
    found.expect(not broken, f"broken: {broken}")


async def _is_well(stage: Stage, product: BuiltProduct) -> bool:
    if (await readiness(stage))[:2] != (200, "ok"):
        return False
    return (await order(stage, product)).said.is_done


def _bound(one: Asked) -> float:
    return READ_SECONDS if one.what == "a read" else ORDER_SECONDS


@asynccontextmanager
async def _behind_a_proxy(
    url: str, settings: dict[str, Any]
) -> AsyncIterator[tuple[Proxy, Stage]]:
    async with a_proxy(url) as proxy, a_stage(proxy.url, plain_url=url, **settings) as stage:
        yield proxy, stage


async def _crowd(stage: Stage, product: BuiltProduct, *, readers: int, buyers: int) -> list[Asked]:
    questions = [read(stage, product) for _ in range(readers)]
    questions += [order(stage, product) for _ in range(buyers)]
    return list(await asyncio.gather(*questions))


async def slow(url: str, *, delay_seconds: float, settings: dict[str, Any] = QUICK) -> Starved:
    """D4: every answer of the database's is late."""
    found = Starved(f"D4, {delay_seconds:g} s late")
    async with _behind_a_proxy(url, settings) as (proxy, stage):
        product = await a_product(stage.plain, on_hand=1_000)
        await _crowd(stage, product, readers=8, buyers=2)
        await readiness(stage)  # Looks at the migrations, once in a process's life.
        proxy.become(delay_seconds=delay_seconds)
        said = await readiness(stage)
        wanted = WELL_ENOUGH if delay_seconds < PROBE_SECONDS else OUT_OF_REACH
        found.expect(said == wanted, f"the health check says {said}")
        found.asked = await _crowd(stage, product, readers=24, buyers=4)
        found.bound(_bound)
        proxy.become()
        await heal(stage, product, found)
    return found


async def silent(url: str, *, settings: dict[str, Any] = QUICK) -> Starved:
    """D2: what is sent arrives nowhere, and nobody says so."""
    found = Starved("D2, silence")
    async with _behind_a_proxy(url, settings) as (proxy, stage):
        product = await a_product(stage.plain, on_hand=1_000)
        await _crowd(stage, product, readers=8, buyers=2)
        tasks = len(asyncio.all_tasks()) - 3 * proxy.connections
        proxy.become(is_silent=True)
        found.asked = await _crowd(stage, product, readers=12, buyers=2)
        found.bound(_bound)
        found.expect(found.busy == len(found.asked), "somebody was answered out of silence")
        found.expect((await readiness(stage))[0] == 503, "the health check is content")
        proxy.become()
        await heal(stage, product, found)
        await asyncio.sleep(0.5)
        left = len(asyncio.all_tasks()) - 3 * proxy.connections
        found.expect(left <= tasks + 2, f"{left} tasks where there were {tasks}")
        most = settings["pool_max"] + 4  # Lanes have connections of their own.
        found.expect(proxy.connections <= most, f"{proxy.connections} connections are open")
    return found


async def cut(url: str, *, settings: dict[str, Any] = QUICK) -> Starved:
    """D3: every connection is reset while it works, and for a while nobody may connect."""
    found = Starved("D3, resets")
    async with _behind_a_proxy(url, settings) as (proxy, stage):
        product = await a_product(stage.plain, on_hand=1_000)
        proxy.become(delay_seconds=0.02)
        crowd = asyncio.create_task(_crowd(stage, product, readers=24, buyers=6))
        await asyncio.sleep(0.1)
        proxy.become(delay_seconds=0.02, is_closed=True)
        proxy.reset_all()
        found.asked = await crowd
        found.bound(_bound)
        found.expect((await readiness(stage))[0] == 503, "the health check is content")
        proxy.become()
        await heal(stage, product, found)
    return found


async def full(url: str, *, settings: dict[str, Any] = QUICK) -> Starved:
    """D11: slow queries hold every connection that ordinary work may have."""
    found = Starved("D11, a full pool")
    async with a_stage(url, **settings) as stage:
        product = await a_product(stage.plain, on_hand=1_000)
        paid = await stage.api.buy(product.variant_id, payment_method={"provider": "pretend"})
        async with stage.plain.connection() as connection:
            payment = await connection.raw.fetchval(
                "SELECT provider_payment_id FROM payments WHERE id = $1", paid["payment"]["id"]
            )
        stage.provider.pay(payment)
        async with AsyncExitStack() as held:
            for _ in range(settings["pool_max"] - settings["pool_reserve"]):
                slow_query = await held.enter_async_context(stage.db.connection())
                await slow_query.raw.execute("SELECT pg_sleep(0.01)")
            said = await readiness(stage)
            found.expect(said == (200, "degraded", ["pool_exhausted"]), f"ready says {said}")
            refused = await asyncio.gather(*(read(stage, product) for _ in range(4)))
            event = msgspec.json.encode({"id": f"event-{payment}", "payment": payment})
            served = await asyncio.gather(
                order(stage, product),
                order(stage, product, "pretend"),
                ask("a webhook", stage.api("POST", "/webhooks/pretend", content=event)),
            )
            await stage.settle_down()
            async with stage.plain.connection() as connection:
                state = await connection.raw.fetchval("SELECT state FROM webhook_events")
            found.expect(state == "processed", f"the webhook is {state}")
            found.asked = [*refused, *served]
        wait = settings["acquire_timeout_seconds"] + 1
        found.bound(lambda one: wait if one.what == "a read" else ORDER_SECONDS)
        found.expect(all(one.said.status == 503 for one in refused), "a read found a connection")
        for one in served:
            found.expect(one.said.is_done, f"{one.what} had no reserve: {one.said}")
        await heal(stage, product, found)
    return found


async def locked(url: str, *, settings: dict[str, Any] = QUICK) -> Starved:
    """D13: one of the shop's own sessions holds a stock row and sleeps."""
    found = Starved("D13, a sleeping lock")
    idle_seconds = settings["idle_in_transaction_timeout_ms"] / 1000
    async with a_stage(url, **settings) as stage:
        wanted = await a_product(stage.plain, on_hand=1_000)
        other = await a_product(stage.plain, on_hand=1_000)
        sleeper = await stage.db.dedicated(name="sleeper")
        try:
            await sleeper.execute("BEGIN")
            await sleeper.execute(
                "SELECT FROM stock_levels WHERE variant_id = $1 FOR UPDATE", wanted.variant_id
            )
            began = time.monotonic()
            buyers = [asyncio.create_task(order(stage, wanted)) for _ in range(2)]
            beside = [asyncio.create_task(order(stage, other)) for _ in range(2)]
            reader = asyncio.create_task(read(stage, wanted))
            found.asked = list(await asyncio.gather(*buyers, *beside, reader))
            found.bound(_bound)
            for one in [task.result() for task in beside]:
                found.expect(one.said.is_done, f"a buyer of something else heard {one.said}")
            found.expect(reader.result().seconds < 1, "a reader waited for the lock")
            free_at = began + idle_seconds + 1
            await asyncio.sleep(max(0, free_at - time.monotonic()))
            after = await order(stage, wanted)
            found.expect(after.said.is_done, f"still locked after {idle_seconds} s: {after.said}")
        finally:
            sleeper.terminate()
        await heal(stage, wanted, found)
    return found


#: Each row of the faults by name. Each wants a migrated database of its own.
ROWS: Final[Mapping[str, Callable[[str], Coroutine[Any, Any, Starved]]]] = MappingProxyType(
    {
        "D2": silent,
        "D3": cut,
        "D4": partial(slow, delay_seconds=0.2),
        "D4 far": partial(slow, delay_seconds=2),
        "D11": full,
        "D13": locked,
    }
)
