"""A person is erased, and the books are as they were."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.identity.errors import InvalidCredentials
from surehold.privacy import commands
from surehold.privacy.model import ErasureState, Fate
from surehold.privacy.queries import get_erasure
from surehold.privacy.register import PERSONAL
from surehold.privacy.sql.erasing import STEPS
from tests.builders.accounts import PASSWORD, SHELL, an_identity, sign_in
from tests.builders.people import ADDRESS, EMAIL, TRACES, a_known_person, traces_of
from tests.builders.trust import set_up
from tests.support import clock
from tests.support.api import STAFF, Api


async def carry_on(db: Database) -> int:
    """Until nothing is due; returns how many steps that took."""
    steps = 0
    while await commands.carry_on_erasing(db):
        steps += 1
    return steps


async def columns_with_anything(db: Database) -> set[tuple[str, str]]:
    """Of the register's columns, those that some row has something in."""
    found = set()
    async with db.connection() as connection:
        for entry in PERSONAL:
            for column in entry.columns:
                count = await connection.raw.fetchval(
                    f"SELECT count(*) FROM {entry.table}"
                    f" WHERE {column} IS NOT NULL AND {column}::text <> ''"
                )
                if count:
                    found.add((entry.table, column))
    return found


async def books(db: Database, order_id: UUID) -> list[Any]:
    """Every number of the order, its lines, its money and its documents."""
    async with db.connection() as connection:
        return list(
            await connection.raw.fetchrow(
                """
                SELECT (SELECT to_jsonb(orders) - 'email' - 'shipping_address'
                               - 'billing_address' - 'network_hash' - 'address_hash'
                               - 'change_reason' FROM orders WHERE id = $1),
                       (SELECT jsonb_agg(to_jsonb(order_lines) ORDER BY id) FROM order_lines),
                       (SELECT jsonb_agg(to_jsonb(ledger_entries)
                                         ORDER BY journal_id, position)
                          FROM ledger_entries),
                       (SELECT jsonb_agg(jsonb_build_array(number, net_minor, tax_minor,
                                                           content -> 'lines') ORDER BY id)
                          FROM documents),
                       (SELECT jsonb_agg(jsonb_build_array(to_status, happened_at)
                                         ORDER BY seq) FROM order_events)
                """,
                order_id,
            )
        )


async def test_nothing_of_an_erased_person_is_left_but_what_the_law_keeps(
    api: Api, db: Database
) -> None:
    known = await a_known_person(api, db)
    filled = await columns_with_anything(db)
    before = await books(db, known.order_id)
    # What was filled in by hand breaks some of them; an erasure breaks no other.
    async with db.connection() as connection:
        broken = set(await check_invariants(connection))
    erased = await api.post("/account/erase", {"password": PASSWORD}, headers=known.bearer)
    assert erased.status == 202, erased.raw
    after_asking = await api.get("/auth/me", headers=known.bearer)

    assert await carry_on(db) == len(STEPS) + 1

    # The test can fail: there was something in every column that an erasure is to empty.
    emptied = {Fate.BLANKED, Fate.DELETED, Fate.KEPT_FOR_THE_BOOKS}
    ours = {"erasures", "personal_exports"}
    meant = {
        (entry.table, column)
        for entry in PERSONAL
        for column in entry.columns
        if entry.fate in emptied and entry.table not in ours
    }
    assert meant - filled == set()
    assert after_asking.refusal == (401, "session_over")
    assert await traces_of(db, *TRACES) == {"documents": 1}
    assert await books(db, known.order_id) == before
    async with db.connection() as connection:
        erasure = await get_erasure(connection, erasure_id=UUID(erased.body["id"]))
        address = await connection.raw.fetchval("SELECT shipping_address FROM orders")
        assert set(await check_invariants(connection)) <= broken
    assert (erasure.state, erasure.orders) == (ErasureState.ERASED, 1)
    assert erasure.counts["orders"] == 1
    assert address == {"name": "", "line1": "", "city": "", "country": "IE"}
    seen = await api.get(f"/orders/{known.order_id}", headers=STAFF)
    assert (seen.status, seen.body["email"]) == (200, "erased@erased.invalid")


async def test_an_invoice_loses_the_person_when_its_time_is_over(api: Api, db: Database) -> None:
    await a_known_person(api, db)
    erasure_id = await commands.erase_person(db, principal=SHELL, email=EMAIL)
    await carry_on(db)
    await set_up(db, document_retention_years=1)
    await clock.shift(db, timedelta(days=91))
    assert await carry_on(db) == len(STEPS) + 1
    kept = await traces_of(db, *TRACES)

    await clock.shift(db, timedelta(days=400))
    assert await carry_on(db) == len(STEPS) + 1
    async with db.connection() as connection:
        erasure = await get_erasure(connection, erasure_id=erasure_id)

    assert kept == {"documents": 1}
    assert await traces_of(db, *TRACES) == {}
    assert (erasure.state, erasure.again_at) == (ErasureState.DONE, None)


async def test_whoever_has_something_open_is_not_erased(api: Api, db: Database) -> None:
    known = await a_known_person(api, db, is_delivered=False)
    async with db.connection() as connection:
        number = await connection.raw.fetchval("SELECT number FROM orders")
    found = await traces_of(db, *TRACES)

    refused = await api.post("/account/erase", {"password": PASSWORD}, headers=known.bearer)

    assert refused.refusal == (409, "still_open")
    assert refused.body["open"] == [{"kind": "order", "reference": number}]
    assert await traces_of(db, *TRACES) == found
    assert (await api.get("/auth/me", headers=known.bearer)).status == 200
    assert await carry_on(db) == 0


async def test_an_erasure_that_was_stopped_is_carried_on(api: Api, db: Database) -> None:
    known = await a_known_person(api, db)
    first = await commands.erase_person(db, principal=SHELL, email=EMAIL)
    for _ in range(20):
        await commands.carry_on_erasing(db)
    async with db.connection() as connection:
        # As after a crash between a step and its note, and a provider that sends once more.
        await connection.raw.execute("UPDATE erasures SET step = 7")

    again = await commands.erase_person(db, principal=SHELL, email=EMAIL.upper())
    steps = await carry_on(db)

    assert again == first
    assert steps == len(STEPS) + 1 - 7
    assert await traces_of(db, *TRACES) == {"documents": 1}
    with pytest.raises(InvalidCredentials):
        await sign_in(an_identity(db), EMAIL)
    assert known.account_id


async def test_what_is_bought_after_the_request_is_an_order_of_its_own(
    api: Api, db: Database
) -> None:
    await a_known_person(api, db)
    await commands.erase_person(db, principal=SHELL, email=EMAIL)
    async with db.connection() as connection:
        variant_id = await connection.raw.fetchval("SELECT id FROM variants")
    later = await api.buy(variant_id, email=EMAIL, shipping_address=ADDRESS)

    await carry_on(db)

    async with db.connection() as connection:
        left = await connection.raw.fetch("SELECT id, email FROM orders ORDER BY placed_at")
    assert [row["email"] for row in left] == ["erased@erased.invalid", EMAIL]
    assert str(left[1]["id"]) == later["order"]["id"]


async def refusal(db: Database, erasure_id: UUID | None, statement: str) -> bool:
    """Whether the database refuses a statement under the setting of an erasure."""
    async with db.connection() as connection:
        try:
            async with connection.raw.transaction():
                await connection.raw.execute(
                    "SELECT set_config('surehold.erasure', $1, true)", str(erasure_id or "")
                )
                await connection.raw.execute(statement)
        except asyncpg.IntegrityConstraintViolationError:
            return True
    return False


async def test_a_history_changes_under_an_erasure_alone_and_in_its_words_alone(
    api: Api, db: Database
) -> None:
    await a_known_person(api, db)
    running = await commands.erase_person(db, principal=SHELL, email=EMAIL)
    words = "UPDATE order_events SET reason = 'x'"

    assert await refusal(db, None, words)
    assert await refusal(db, UUID(int=1), words)
    assert await refusal(db, running, "UPDATE order_events SET reason = 'x', to_status = 'paid'")
    assert await refusal(db, running, "DELETE FROM order_events")
    assert await refusal(db, running, "UPDATE orders SET refunded_minor = 1")
    assert await refusal(db, running, "UPDATE payments SET disputed_minor = 1")
    assert await refusal(db, running, "UPDATE ledger_entries SET amount_minor = 0")
    assert not await refusal(db, running, words)
