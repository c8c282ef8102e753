"""The same request twice, from one process or from two."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from surehold.db import Database
from surehold.db.idempotency import IdempotencyKeyReused
from surehold.kernel.ids import new_id
from surehold.web.api.once import Finished, Once
from surehold.web.errors import RequestInFlight
from tests.builders.catalog import a_product
from tests.support.api import STAFF, a_key, an_api
from tests.support.placing import count_rows, counters


class Work:
    """Counts how often it is done and undone."""

    def __init__(self, *, body: bytes = b"done") -> None:
        self.body = body
        self.done: list[UUID] = []
        self.undone: list[UUID] = []
        self.is_free = asyncio.Event()
        self.is_free.set()

    async def __call__(self) -> Finished:
        subject = new_id()
        self.done.append(subject)
        await self.is_free.wait()
        return Finished(201, self.body, subject)

    async def undo(self, subject: UUID) -> None:
        self.undone.append(subject)


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


async def test_who_comes_second_of_two_processes_undoes_its_work(db: Database) -> None:
    slow, fast = Work(body=b"slow"), Work(body=b"fast")
    slow.is_free.clear()
    late = asyncio.create_task(Once(db)(scope="s", key="k", body=b"x", work=slow, undo=slow.undo))
    while not slow.done:
        await asyncio.sleep(0.001)

    early = await Once(db)(scope="s", key="k", body=b"x", work=fast, undo=fast.undo)
    slow.is_free.set()

    assert await late == early
    assert early.body == b"fast"
    assert (slow.undone, fast.undone) == (slow.done, [])


async def test_two_servers_hold_once_for_one_key(db: Database) -> None:
    product = await a_product(db, on_hand=9)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}]}
    headers = {**STAFF, **a_key()}

    async with an_api(db) as one, an_api(db) as two:
        answers = await asyncio.gather(
            *(api.post("/inventory/reserve", body, headers=headers) for api in (one, two))
        )

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].raw == answers[1].raw
    assert await counters(db, product.variant_id) == (9, 0, 2)
