"""Erasures that meet a sign-in, a purchase, each other; a copy that is taken by two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.identity.errors import InvalidCredentials
from surehold.privacy import commands
from surehold.privacy.errors import ExportNotFound, StillOpen
from tests.builders.accounts import SHELL, an_identity, sign_in
from tests.builders.people import ADDRESS, EMAIL, a_known_person
from tests.support.api import Api, an_api


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with an_api(db) as opened:
        yield opened


async def test_an_erasure_and_a_sign_in_leave_no_session(api: Api, db: Database) -> None:
    await a_known_person(api, db)
    identity = an_identity(db)

    first, second, *signed_in = await asyncio.gather(
        commands.erase_person(db, principal=SHELL, email=EMAIL),
        commands.erase_person(db, principal=SHELL, email=EMAIL),
        sign_in(identity, EMAIL),
        sign_in(identity, EMAIL),
        return_exceptions=True,
    )
    refused = [one for one in signed_in if isinstance(one, BaseException)]
    while await commands.carry_on_erasing(db):
        pass

    assert first == second
    assert all(isinstance(one, InvalidCredentials) for one in refused), refused
    async with db.connection() as connection:
        live = await connection.raw.fetchval(
            "SELECT count(*) FROM sessions JOIN accounts ON accounts.id = account_id"
            " WHERE ended_at IS NULL AND disabled_at IS NOT NULL"
        )
        erasures = await connection.raw.fetchval("SELECT count(*) FROM erasures")
    assert (live, erasures) == (0, 1)


async def test_an_order_that_is_placed_meanwhile_is_refused_for_or_left_whole(
    api: Api, db: Database
) -> None:
    await a_known_person(api, db)
    async with db.connection() as connection:
        variant_id = await connection.raw.fetchval("SELECT id FROM variants")

    placed, erased = await asyncio.gather(
        api.buy(variant_id, email=EMAIL, shipping_address=ADDRESS),
        commands.erase_person(db, principal=SHELL, email=EMAIL),
        return_exceptions=True,
    )
    while await commands.carry_on_erasing(db):
        pass

    assert not isinstance(placed, Exception), placed
    async with db.connection() as connection:
        address = await connection.raw.fetchval(
            "SELECT email FROM orders WHERE id = $1", placed["order"]["id"]
        )
        found = await check_invariants(connection)
    assert isinstance(erased, StillOpen) or not isinstance(erased, Exception)
    assert address == EMAIL
    assert "ORD1" not in found


async def test_a_copy_is_handed_out_once(api: Api, db: Database) -> None:
    await a_known_person(api, db)
    made = await commands.export_person(db, principal=SHELL, email=EMAIL)
    done = await asyncio.gather(commands.make_export(db), commands.make_export(db))

    taken = await asyncio.gather(
        *(commands.take_export(db, token=made.token) for _ in range(4)), return_exceptions=True
    )

    assert sorted(done) == [0, 1]
    assert len([one for one in taken if isinstance(one, bytes)]) == 1
    assert len([one for one in taken if isinstance(one, ExportNotFound)]) == 3
