"""The same request twice, from one process or from two."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from proof.connections.proxy import LOSE_ANSWER, a_proxy
from surehold.db import Database, clock, idempotency
from surehold.db.database import Settings
from surehold.db.idempotency import IdempotencyKeyReused, NewKey
from surehold.kernel.ids import new_id
from surehold.web.api.once import Finished, Once
from surehold.web.errors import RequestInFlight
from tests.builders.catalog import a_product
from tests.support.api import STAFF, a_key, an_api, order_token
from tests.support.placing import count_rows, counters


class Work:
    """Counts how often it is done."""

    def __init__(self, *, body: bytes = b"done") -> None:
        self.body = body
        self.done: list[UUID] = []
        self.is_free = asyncio.Event()
        self.is_free.set()

    async def __call__(self) -> Finished:
        subject = new_id()
        self.done.append(subject)
        await self.is_free.wait()
        return Finished(201, self.body, subject)


class KeptWork(Work):
    """Stores its own key, under scope ``s`` and key ``k``."""

    def __init__(self, db: Database, *, body: bytes = b"done") -> None:
        super().__init__(body=body)
        self._db = db

    async def keep(self, request_hash: bytes) -> None:
        finished = await self()
        new = NewKey("k", request_hash, finished.subject_id, finished.body)
        async with self._db.transaction() as tx:
            now = await clock.now(tx)
            await idempotency.insert(tx, scope="s", status=201, keys=[new], now=now)


async def test_without_a_key_it_is_simply_done(db: Database) -> None:
    once, work = Once(db), Work()

    for _ in range(2):
        await once(scope="s", key=None, body=b"", work=work)

    assert len(work.done) == 2
    assert await count_rows(db) == {}


async def test_a_repeated_request_gets_the_first_answer(db: Database) -> None:
    first, second = Work(body=b"first"), Work(body=b"second")

    one = await Once(db)(scope="s", key="k", body=b"x", work=first)
    two = await Once(db)(scope="s", key="k", body=b"x", work=second)

    assert one == two
    assert second.done == []


async def test_another_body_is_refused_and_another_scope_is_not(db: Database) -> None:
    once, work = Once(db), Work()
    await once(scope="s", key="k", body=b"x", work=work)

    with pytest.raises(IdempotencyKeyReused):
        await once(scope="s", key="k", body=b"y", work=work)
    await once(scope="t", key="k", body=b"y", work=work)

    assert len(work.done) == 2


async def test_while_the_first_is_under_way_the_second_is_told_so(db: Database) -> None:
    once, work = Once(db), Work()
    work.is_free.clear()
    first = asyncio.create_task(once(scope="s", key="k", body=b"x", work=work))
    while not work.done:
        await asyncio.sleep(0)

    with pytest.raises(RequestInFlight):
        await once(scope="s", key="k", body=b"x", work=work)
    work.is_free.set()
    await first
    again = await once(scope="s", key="k", body=b"x", work=work)

    assert again == await first
    assert len(work.done) == 1


async def test_a_refusal_is_not_kept(db: Database) -> None:
    once, work = Once(db), Work()

    async def refuse() -> Finished:
        raise RequestInFlight("No.")

    with pytest.raises(RequestInFlight):
        await once(scope="s", key="k", body=b"x", work=refuse)
    await once(scope="s", key="k", body=b"x", work=work)

    assert len(work.done) == 1


async def test_of_two_processes_the_first_to_finish_is_answered_by_both(db: Database) -> None:
    slow, fast = Work(body=b"slow"), Work(body=b"fast")
    slow.is_free.clear()
    late = asyncio.create_task(Once(db)(scope="s", key="k", body=b"x", work=slow))
    while not slow.done:
        await asyncio.sleep(0.001)

    early = await Once(db)(scope="s", key="k", body=b"x", work=fast)
    slow.is_free.set()

    assert await late == early
    assert early.body == b"fast"


# --- work that stores its own key ------------------------------------------------------------


async def test_what_kept_work_stored_is_answered_ever_after(db: Database) -> None:
    first, second = KeptWork(db, body=b"first"), KeptWork(db, body=b"second")

    one = await Once(db).kept(scope="s", key="k", body=b"x", work=first.keep)
    two = await Once(db).kept(scope="s", key="k", body=b"x", work=second.keep)
    with pytest.raises(IdempotencyKeyReused):
        await Once(db).kept(scope="s", key="k", body=b"y", work=second.keep)

    assert one == two == Finished(201, b"first", first.done[0])
    assert second.done == []


@pytest.mark.parametrize("body", [b"x", b"y"])
async def test_kept_work_that_comes_second_is_answered_as_the_first(
    db: Database, body: bytes
) -> None:
    slow, fast = KeptWork(db, body=b"slow"), KeptWork(db, body=b"fast")
    slow.is_free.clear()
    late = asyncio.create_task(Once(db).kept(scope="s", key="k", body=body, work=slow.keep))
    while not slow.done:
        await asyncio.sleep(0.001)

    early = await Once(db).kept(scope="s", key="k", body=b"x", work=fast.keep)
    slow.is_free.set()
    (answer,) = await asyncio.gather(late, return_exceptions=True)

    assert early.body == b"fast"
    if body == b"x":
        assert answer == early
    else:
        assert isinstance(answer, IdempotencyKeyReused)


async def test_a_refusal_of_kept_work_is_raised_and_not_kept(db: Database) -> None:
    once, work = Once(db), KeptWork(db)

    async def refuse(_: bytes) -> None:
        raise RequestInFlight("No.")

    async def collide(_: bytes) -> None:
        raise asyncpg.UniqueViolationError("of something else")

    with pytest.raises(RequestInFlight, match=r"No\."):
        await once.kept(scope="s", key="k", body=b"x", work=refuse)
    with pytest.raises(asyncpg.UniqueViolationError):
        await once.kept(scope="s", key="k", body=b"x", work=collide)
    await once.kept(scope="s", key="k", body=b"x", work=work.keep)

    assert len(work.done) == 1


# --- two servers, and answers that are lost --------------------------------------------------

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def _at_once(db: Database, *asking: Any) -> Any:
    """Ask one after the other, each before the one before it could store its key."""
    tasks = []
    async with db.connection() as stopper, db.connection() as watcher:
        async with stopper.raw.transaction(), asyncio.timeout(2.5):
            await stopper.raw.execute("LOCK TABLE idempotency_keys IN SHARE MODE")
            for number, ask in enumerate(asking, start=1):
                tasks.append(asyncio.create_task(ask))
                while await watcher.raw.fetchval(WAITING) < number:
                    await asyncio.sleep(0.01)
        return await asyncio.gather(*tasks)


@pytest.mark.parametrize("on_hand", [9, 2])
async def test_two_servers_hold_once_for_one_key(db: Database, on_hand: int) -> None:
    product = await a_product(db, on_hand=on_hand)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}]}
    headers = {**STAFF, **a_key()}

    async with an_api(db) as one, an_api(db) as two:
        answers = await _at_once(
            db, *(api.post("/inventory/reserve", body, headers=headers) for api in (one, two))
        )

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].raw == answers[1].raw
    assert await count_rows(db) == {"reservations": 1, "idempotency_keys": 1}
    assert await counters(db, product.variant_id) == (on_hand, 0, 2)


@pytest.mark.parametrize("is_one_variant", [True, False])
async def test_two_servers_hold_for_one_of_two_bodies(
    db: Database,
    is_one_variant: bool,  # noqa: FBT001 - pytest gives it
) -> None:
    first = await a_product(db, on_hand=9)
    second = first if is_one_variant else await a_product(db, on_hand=9)
    headers = {**STAFF, **a_key()}

    async with an_api(db) as one, an_api(db) as two:
        answers = await _at_once(
            db,
            *(
                api.post(
                    "/inventory/reserve",
                    {"lines": [{"variant_id": str(product.variant_id), "quantity": quantity}]},
                    headers=headers,
                )
                for api, product, quantity in ((one, first, 2), (two, second, 3))
            ),
        )

    assert sorted(answer.status for answer in answers) == [201, 422]
    assert [answer.code for answer in answers if answer.status == 422] == [
        "idempotency_key_reused"
    ]
    assert await count_rows(db) == {"reservations": 1, "idempotency_keys": 1}


async def _extensions(db: Database) -> int:
    async with db.connection() as connection:
        count = await connection.raw.fetchval("SELECT sum(extensions_used) FROM orders")
    return int(count)


@pytest.mark.parametrize("before", [0, 2])
async def test_two_servers_extend_once_for_one_key(db: Database, before: int) -> None:
    product = await a_product(db)
    async with an_api(db) as one, an_api(db) as two:
        placed = await one.buy(product.variant_id)
        path = f"/orders/{placed['order']['id']}/extend-reservation"
        for _ in range(before):
            await one.post(path, headers=order_token(placed))
        headers = {**order_token(placed), **a_key()}

        answers = await _at_once(db, *(api.post(path, headers=headers) for api in (one, two)))

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].raw == answers[1].raw
    assert await _extensions(db) == before + 1


async def _stored(db: Database) -> list[bytes]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT response FROM idempotency_keys WHERE scope <> 'checkout'"
        )
    return [row["response"] for row in rows]


async def test_a_hold_whose_answer_was_lost_is_told_and_not_taken_again(
    url: str, db: Database
) -> None:
    product = await a_product(db, on_hand=9)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}]}
    headers = {**STAFF, **a_key()}

    async with (
        a_proxy(url) as proxy,
        Database(Settings(url=proxy.url)) as cut,
        an_api(cut) as api,
    ):
        proxy.arm("commit 1", LOSE_ANSWER)
        lost = await api.post("/inventory/reserve", body, headers=headers)
        assert proxy.struck == 1
        proxy.rest()
        told = [await api.post("/inventory/reserve", body, headers=headers) for _ in range(2)]
        other = await api.post("/inventory/reserve", {**body, "ttl_seconds": 9}, headers=headers)
        read = await api.get(
            f"/inventory/reserve?reservation_id={told[0].body['id']}", headers=STAFF
        )

    assert lost.status == 503
    assert [(answer.status, answer.raw) for answer in told] == [(201, read.raw)] * 2
    assert await _stored(db) == [read.raw]
    assert other.refusal == (422, "idempotency_key_reused")
    assert await counters(db, product.variant_id) == (9, 0, 2)


async def test_an_extension_whose_answer_was_lost_counts_once(url: str, db: Database) -> None:
    product = await a_product(db)
    async with (
        a_proxy(url) as proxy,
        Database(Settings(url=proxy.url)) as cut,
        an_api(cut) as api,
    ):
        placed = await api.buy(product.variant_id)
        path = f"/orders/{placed['order']['id']}/extend-reservation"
        headers = {**order_token(placed), **a_key()}
        proxy.arm("commit 1", LOSE_ANSWER, is_lasting=True)
        first = await api.post(path, headers=headers)
        assert proxy.struck == 2
        proxy.rest()
        told = [await api.post(path, headers=headers) for _ in range(2)]
        other = await api.post(path, {}, headers=headers)

    assert first.status == 200  # The lane gave up, but the key was there.
    assert {answer.raw for answer in told} == {first.raw}
    assert await _stored(db) == [first.raw]
    assert other.refusal == (422, "idempotency_key_reused")
    assert await _extensions(db) == 1


async def test_an_extension_without_a_key_counts_once_though_its_answer_was_lost(
    url: str, db: Database
) -> None:
    product = await a_product(db)
    async with (
        a_proxy(url) as proxy,
        Database(Settings(url=proxy.url)) as cut,
        an_api(cut) as api,
    ):
        placed = await api.buy(product.variant_id)
        path = f"/orders/{placed['order']['id']}/extend-reservation"
        proxy.arm("commit 1", LOSE_ANSWER)
        answers = [await api.post(path, headers=order_token(placed)) for _ in range(2)]
        assert proxy.struck == 1

    assert [answer.status for answer in answers] == [200, 200]
    assert await _extensions(db) == 2
