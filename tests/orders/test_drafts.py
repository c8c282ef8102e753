"""Drafts: who wrote what is kept, ended ones stay as they are, and lists use an index."""

from __future__ import annotations

import asyncpg
import msgspec
import pytest

from surehold.db import Database
from surehold.orders.drafts import commands, queries, sql
from surehold.orders.drafts.errors import DraftOrderChanged
from surehold.orders.drafts.model import DraftState
from tests.builders.catalog import a_product
from tests.builders.drafts import a_draft, a_sent_draft


async def test_every_version_is_kept_with_who_wrote_it(db: Database) -> None:
    lamp = await a_product(db)
    draft = await a_draft(db, (lamp.variant_id, 1))
    content = msgspec.structs.replace(draft.content, note="call back")

    changed = await commands.change_draft(
        db, draft_id=draft.id, version=1, content=content, actor="ann"
    )
    same = await commands.change_draft(
        db, draft_id=draft.id, version=1, content=content, actor="bob"
    )
    with pytest.raises(DraftOrderChanged) as stale:
        await commands.change_draft(
            db, draft_id=draft.id, version=1, content=draft.content, actor="bob"
        )

    assert (changed.version, same.version, stale.value.facts) == (2, 2, {"version": 2})
    async with db.connection() as connection:
        events = await queries.list_draft_events(connection, draft_id=draft.id)
    assert [(row.seq, row.actor, row.content.note) for row in events] == [
        (1, "test", None),
        (2, "ann", "call back"),
    ]


@pytest.mark.parametrize(
    "written",
    [
        "UPDATE draft_orders SET state = 'open'",
        'UPDATE draft_orders SET content = content || \'{"note": "x"}\'',
        "UPDATE draft_order_events SET actor = 'x'",
        "DELETE FROM draft_order_events",
    ],
)
async def test_the_database_keeps_what_has_ended(db: Database, written: str) -> None:
    lamp = await a_product(db)
    sent = await a_sent_draft(db, (lamp.variant_id, 1))
    await commands.cancel_draft(db, draft_id=sent.draft.id, actor="test")

    async with db.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.raw.execute(written)


@pytest.mark.parametrize("state", [None, "open"])
async def test_lists_walk_along_an_index(db: Database, state: str | None) -> None:
    async with db.connection() as connection:
        await connection.raw.execute("SET enable_seqscan = off; SET enable_sort = off")
        rows = await connection.raw.fetch(f"EXPLAIN {sql.LIST.text}", state, None, None, 25)
        await connection.raw.execute("RESET enable_seqscan; RESET enable_sort")

    plan = "\n".join(row[0] for row in rows)
    assert "Sort" not in plan
    index = "draft_orders_pkey" if state is None else "draft_orders_state"
    assert f"Index Scan Backward using {index}" in plan


async def test_a_state_is_found_as_it_is_now(db: Database) -> None:
    lamp = await a_product(db)
    made = {
        DraftState.OPEN: (await a_draft(db, (lamp.variant_id, 1))).id,
        DraftState.SENT: (await a_sent_draft(db, (lamp.variant_id, 1))).draft.id,
        DraftState.EXPIRED: (await a_sent_draft(db, (lamp.variant_id, 1))).draft.id,
    }
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE draft_orders SET link_expires_at = store_now() WHERE id = $1",
            made[DraftState.EXPIRED],
        )
        for state, draft_id in made.items():
            page = await queries.list_drafts(connection, state=state)
            assert [(row.id, row.state) for row in page.items] == [(draft_id, state)]
