"""Several clerks and workers write down the same orders at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.orders.documents import commands as documents
from surehold.orders.documents.model import DocumentKind
from surehold.orders.documents.sql import TAKE_NUMBER
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_paid_order

CLERKS = 8


@pytest.fixture
async def db(fresh_url: str) -> AsyncIterator[Database]:
    """A database that others work on as well."""
    async with Database(Settings(url=fresh_url, pool_max=20)) as opened:
        yield opened


async def _numbers(db: Database, series: str) -> list[int]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT seq FROM documents WHERE series LIKE $1 ORDER BY seq", series
        )
    return [row["seq"] for row in rows]


async def test_eight_clerks_print_one_invoice(db: Database) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        order_id = (await a_paid_order(checkout, [(lamp.variant_id, 1)])).order.id

    issued = await asyncio.gather(
        *(
            documents.issue(
                db, order_id=order_id, kind=DocumentKind.INVOICE, actor=f"staff:{clerk}"
            )
            for clerk in range(CLERKS)
        )
    )

    assert sum(row.is_new for row in issued) == 1
    assert len({row.document for row in issued}) == 1
    assert await _numbers(db, "INV-%") == [1]


async def test_orders_issued_at_once_are_numbered_without_a_gap(db: Database) -> None:
    lamp = await a_product(db, on_hand=40)
    async with a_checkout(db) as checkout:
        ids = [(await a_paid_order(checkout, [(lamp.variant_id, 1)])).order.id for _ in range(20)]

    async def print_both(number: int) -> None:
        for kind in (DocumentKind.PACKING_SLIP, DocumentKind.INVOICE)[:: (-1) ** number]:
            await documents.issue(db, order_id=ids[number], kind=kind, actor="staff:print")

    counts, *_ = await asyncio.gather(
        asyncio.gather(*(documents.issue_due(db, limit=100) for _ in range(3))),
        *(print_both(number) for number in range(20)),
    )

    assert await _numbers(db, "INV-%") == list(range(1, 21))
    assert await _numbers(db, "PCK-%") == list(range(1, 21))
    assert sum(counts) <= 20
    async with db.connection() as connection:
        late = await connection.raw.fetchval(
            "SELECT count(*) FROM documents AS one JOIN documents AS next"
            " ON next.series = one.series AND next.seq = one.seq + 1"
            " WHERE next.issued_at < one.issued_at"
        )
        assert late == 0
        assert await check_invariants(connection) == {}


async def test_a_number_that_was_given_up_is_taken_by_the_next(db: Database) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        order_id = (await a_paid_order(checkout, [(lamp.variant_id, 1)])).order.id
    async with db.connection() as connection:
        series = f"INV-{(await connection.raw.fetchval('SELECT store_now()')).year}"
    is_taken, may_die = asyncio.Event(), asyncio.Event()

    async def die_half_way() -> None:
        async with db.transaction() as tx:
            now = await tx.raw.fetchval("SELECT store_now()")
            place = await tx.one(TAKE_NUMBER, series, now)
            assert place.seq == 1
            is_taken.set()
            await may_die.wait()
            raise asyncio.CancelledError

    dying = asyncio.create_task(die_half_way())
    await is_taken.wait()
    waiting = asyncio.create_task(
        documents.issue(db, order_id=order_id, kind=DocumentKind.INVOICE, actor="staff:next")
    )
    async with asyncio.timeout(10), db.connection() as connection:
        while not await connection.raw.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0)
    may_die.set()
    issued = await waiting

    assert dying.cancelled()
    assert issued.document.number == f"{series}-000001"
    assert await _numbers(db, "INV-%") == [1]
