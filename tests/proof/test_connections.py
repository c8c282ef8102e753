"""The database fails the program: a sample of what ``python -m proof.connections`` tries."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from proof.connections import wire
from proof.connections.explore import Try, choose
from proof.connections.inject import (
    DEADLOCK,
    LOCK_TIMEOUT,
    SERIALIZATION,
    STATEMENT_TIMEOUT,
)
from proof.connections.postmaster import kill_often
from proof.connections.proxy import CUT_BEFORE, LOSE_ANSWER, a_proxy
from proof.connections.run import cut_commits, refuse_statements
from proof.connections.scenes import SCENES
from proof.connections.starve import ROWS
from surehold.db import Database
from surehold.db.database import Settings

#: How many tries of each scene; the seed is the day's, so to say: change it and others are tried.
SAMPLE = 4
CUTS = 3
SEED = 2
# What asyncpg says in the log while it looks for its server is no warning of ours.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.mark.parametrize("name", SCENES)
async def test_D12_a_refused_statement_has_no_half_effect(fresh_url: str, name: str) -> None:
    found = await refuse_statements(SCENES[name], fresh_url, limit=SAMPLE, seed=SEED)

    assert found.violations == []
    assert found.struck == SAMPLE


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("place", "inventory.take_stock#1"),
        ("place", "COMMIT#1"),
        ("change a line", "cart.lock_cart#1"),
        ("cancel", "orders.lock_orders#1"),
        ("release", "COMMIT#1"),
    ],
)
async def test_D12_what_passes_by_itself_is_tried_again_and_not_told(
    fresh_url: str, name: str, place: str
) -> None:
    tries = [Try(place, DEADLOCK), Try(place, SERIALIZATION)]

    found = await refuse_statements(SCENES[name], fresh_url, only=tries)

    assert found.violations == []
    assert (found.struck, found.refused) == (2, 0)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        # A BEGIN that failed made every later order of the process fail.
        ("place", Try("BEGIN#1", STATEMENT_TIMEOUT, is_lasting=True)),
        # A payment that was begun and not asked for could not be gone on with.
        ("pay another way", Try("payments.find_payment#1", LOCK_TIMEOUT, is_lasting=True)),
        # The worker took it for a fault of the program's.
        ("publish", Try("jobs.published#1", SERIALIZATION, is_lasting=True)),
    ],
)
async def test_D12_what_was_once_wrong(fresh_url: str, name: str, chosen: Try) -> None:
    found = await refuse_statements(SCENES[name], fresh_url, only=[chosen])

    assert found.violations == []
    assert found.struck == 1


@pytest.mark.parametrize(
    "name",
    [
        "place",
        "place at a provider",
        "cancel",
        "confirm",
        "webhook",
        "publish",
        "reserve",
        "extend",
    ],
)
async def test_D1_a_lost_commit_is_found_out_by_asking_again(fresh_url: str, name: str) -> None:
    found = await cut_commits(SCENES[name], fresh_url, limit=CUTS, seed=SEED)

    assert found.violations == []
    assert found.struck


async def test_D2_silence_is_answered_in_time_and_leaves_nothing_behind(fresh_url: str) -> None:
    assert (await ROWS["D2"](fresh_url)).violations == []


async def test_D3_resets_are_answered_in_time_and_healed(fresh_url: str) -> None:
    assert (await ROWS["D3"](fresh_url)).violations == []


async def test_D4_a_slow_database_is_said_to_be_slow_and_sheds_load(fresh_url: str) -> None:
    assert (await ROWS["D4"](fresh_url)).violations == []


async def test_D11_orders_and_webhooks_have_a_reserve(fresh_url: str) -> None:
    assert (await ROWS["D11"](fresh_url)).violations == []


async def test_D13_a_sleeping_lock_is_taken_away(fresh_url: str) -> None:
    assert (await ROWS["D13"](fresh_url)).violations == []


async def test_C7_killed_postgresql_loses_no_acknowledged_order() -> None:
    found = await kill_often(2, seed=SEED)

    assert found.violations == []
    assert found.lost == 0
    assert found.acknowledged > 10
    assert set(found.statuses) <= {"201", "503"}


# --- the tools themselves --------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "is_kept"), [(LOSE_ANSWER, True), (CUT_BEFORE, False)])
async def test_a_cut_commit_has_happened_or_not(fresh_url: str, kind: str, is_kept: bool) -> None:  # noqa: FBT001 - pytest gives it
    add = "INSERT INTO settings VALUES ('a', '1', 'me', now())"
    async with a_proxy(fresh_url) as proxy, Database(Settings(url=proxy.url)) as db:
        proxy.arm("commit 1", kind)

        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
            async with db.transaction() as tx:
                await tx.raw.execute(add)

        assert proxy.rest() == ["commit 1"]
        assert proxy.struck == 1
        async with db.connection() as connection:
            count = await connection.raw.fetchval("SELECT count(*) FROM settings")
    assert count == is_kept


async def test_what_commits_by_itself_is_a_commit(fresh_url: str) -> None:
    async with a_proxy(fresh_url) as proxy, Database(Settings(url=proxy.url)) as db:
        async with db.connection() as connection:
            proxy.arm()
            await connection.raw.fetchrow(
                "INSERT INTO settings VALUES ($1, '1', 'me', now()) RETURNING key", "a"
            )
            await connection.raw.fetch("SELECT 1")
            await connection.raw.execute("DELETE FROM settings WHERE key = $1", "a")
            async with connection.raw.transaction():
                await connection.raw.execute("DELETE FROM settings WHERE key = $1", "b")

        assert proxy.rest() == ["commit 1", "commit 2", "commit 3"]


async def test_weather_delays_silences_and_closes(fresh_url: str) -> None:
    async with a_proxy(fresh_url) as proxy:
        connection = await asyncpg.connect(proxy.url)
        loop = asyncio.get_running_loop()
        proxy.become(delay_seconds=0.2)
        began = loop.time()
        await connection.execute("SELECT 1")
        assert loop.time() - began >= 0.2

        proxy.become(is_silent=True)
        silent = asyncio.create_task(connection.execute("SELECT 1"))
        done, _ = await asyncio.wait({silent}, timeout=0.3)
        assert not done
        proxy.become()
        await silent

        proxy.become(is_closed=True)
        assert proxy.reset_all() == 1
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await asyncpg.connect(proxy.url)
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await connection.execute("SELECT 1")


def test_messages_are_cut_wherever_the_stream_is() -> None:
    stream = b"Q\0\0\0\x0cCOMMIT;\0"[:13] + b"Z\0\0\0\x05I"
    framer = wire.Framer()

    found = [message for byte in stream for message in framer.feed(bytes([byte]))]

    assert [kind for kind, _, _ in found] == [b"Q", b"Z"]
    assert wire.is_commit(*found[0][:2])


def test_the_same_seed_chooses_the_same() -> None:
    tries = [Try(str(number), "kind") for number in range(50)]

    assert choose(tries, 5, 7) == choose(tries, 5, 7)
    assert choose(tries, 5, 7) != choose(tries, 5, 8)
    assert choose(tries, None, 7) == tries
