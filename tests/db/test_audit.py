"""The audit log: written with the work, chained, and honest about whoever touches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from surehold.db import Connection, Database, audit, shop
from surehold.db.audit import Asked, Break
from surehold.kernel.errors import InvalidInput

MINUTES = "grace_minutes"


async def change(db: Database, value: int, *, actor: str = "cli:test") -> None:
    async with db.transaction() as tx:
        await shop.change(tx, key=MINUTES, value=value, actor=actor)


@asynccontextmanager
async def tampered(db: Database, *statements: str) -> AsyncIterator[Connection]:
    """The log as somebody left it who may do everything in the database; rolled back."""
    raw = await db.dedicated(name="tamper")
    transaction = raw.transaction()
    await transaction.start()
    try:
        await raw.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            await raw.execute(statement)
        yield Connection(raw)
    finally:
        await transaction.rollback()
        await raw.close()


async def test_a_setting_is_told_with_what_was_before(db: Database) -> None:
    await change(db, 5)
    await change(db, 7)

    async with db.connection() as connection:
        page = await audit.list_entries(connection)
        kept = await connection.raw.fetch(
            "SELECT entry.xmin = changed.xmin AS is_one"
            "  FROM audit_entries AS entry"
            "  JOIN setting_changes AS changed ON changed.after = content->'after'->changed.key"
        )
    assert [(row.actor, row.action, row.subject, row.content) for row in page.items] == [
        ("cli:test", "settings.change", MINUTES, {"before": {MINUTES: 5}, "after": {MINUTES: 7}}),
        ("cli:test", "settings.change", MINUTES, {"before": {MINUTES: 10}, "after": {MINUTES: 5}}),
    ]
    assert [row["is_one"] for row in kept] == [True, True]


async def test_what_is_refused_or_changes_nothing_is_not_told(db: Database) -> None:
    with pytest.raises(InvalidInput):
        await change(db, -1)
    with audit.nobody_asks():
        asked = Asked(actor="x", action="GET /", subject="/", address="", request_id="")
        audit.ask(asked)
        async with db.transaction() as tx:
            await shop.load(tx)

    async with db.connection() as connection:
        assert await audit.verify(connection) == (0, None, None)
    assert not asked.is_kept


async def test_many_at_once_make_one_chain(db: Database) -> None:
    async def act(where: Database, actor: str) -> None:
        # Nothing but the log makes one wait for another.
        async with where.transaction() as tx:
            await tx.raw.execute("SELECT pg_current_xact_id()")
            audit.change(tx, actor=actor, action="x", subject="x", before=None, after=None)

    async with Database(db.settings) as other:
        work = (act(where, f"staff:{n}") for n, where in enumerate((db, other) * 10))
        await asyncio.gather(*work)

    async with db.connection() as connection:
        links, digest, broken = await audit.verify(connection)
        pages = [await audit.list_entries(connection, limit=15)]
        pages.append(await audit.list_entries(connection, limit=15, cursor=pages[0].next_cursor))
        one = await audit.list_entries(connection, actor="staff:7")
    seen = [row.seq for page in pages for row in page.items]
    assert (links, broken) == (20, None)
    assert digest == pages[0].items[0].digest
    assert seen == list(range(20, 0, -1))
    assert pages[1].next_cursor is None
    assert [row.actor for row in one.items] == ["staff:7"]


BREAKS: dict[str, tuple[tuple[str, ...], Break]] = {
    "changed": (
        ("UPDATE audit_entries SET content = '{}' WHERE seq = 2",),
        Break(2, "it is not what was written"),
    ),
    "dated back": (
        ("UPDATE audit_entries SET happened_at = happened_at - interval '1us' WHERE seq = 3",),
        Break(3, "it is not what was written"),
    ),
    "taken out": (("DELETE FROM audit_entries WHERE seq = 2",), Break(2, "it is missing")),
    "taken out, and the rest moved up": (
        (
            "DELETE FROM audit_entries WHERE seq = 2",
            "UPDATE audit_entries SET seq = 2 WHERE seq = 3",
        ),
        Break(2, "it follows another entry than the one before"),
    ),
    "made anew": (
        (
            (
                "UPDATE audit_entries SET actor = 'x', digest = audit_digest(previous, seq, id,"
                " happened_at, 'x', action, subject, address, request_id, content) WHERE seq = 1"
            ),
        ),
        Break(2, "it follows another entry than the one before"),
    ),
}


@pytest.mark.parametrize("how", BREAKS)
async def test_the_first_broken_link_is_found(db: Database, how: str) -> None:
    for value in (1, 2, 3):
        await change(db, value)
    statements, expected = BREAKS[how]

    async with tampered(db, *statements) as connection:
        links, _, broken = await audit.verify(connection)

    assert broken == expected
    assert links == expected.seq - 1


@pytest.mark.parametrize("statement", ["DELETE FROM", "UPDATE"])
async def test_the_database_refuses_to_change_it(db: Database, statement: str) -> None:
    await change(db, 5)
    more = " SET actor = 'x'" if statement == "UPDATE" else ""

    async with db.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await connection.raw.execute(f"{statement} audit_entries{more}")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"email": "mara@example.com", "quantity": 2}, {"email": "***", "quantity": 2}),
        (
            {"lines": [{"sku": "LAMP", "note": "blue"}]},
            {"lines": [{"sku": "LAMP", "note": "***"}]},
        ),
        (
            {"password": "one-word", "new_password": "x"},
            {"password": "***", "new_password": "***"},
        ),
        ({"said": "two words", "is_visible": True}, {"said": "***", "is_visible": True}),
        ({"code": None, "n": 1 << 70}, {"code": None, "n": str(1 << 70)}),
        (["x" * 64] * 100, {"bytes": 6701}),
    ],
)
def test_neither_secrets_nor_people_are_kept(sent: Any, kept: Any) -> None:
    with audit.nobody_asks():
        asked = Asked(actor="x", action="POST /", subject="/", address="", request_id="")
        audit.ask(asked)
        audit.note_sent(sent)

    assert asked.sent == kept
