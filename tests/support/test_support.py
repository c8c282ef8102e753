"""The tests' own ground: the network is off, databases are empty again, the clock moves."""

from __future__ import annotations

import socket
from datetime import timedelta
from uuid import uuid4

import pytest

from surehold.db import Database, clock
from tests.builders import accounts
from tests.support import api, database, secrets
from tests.support.clock import open_shifted, shift
from tests.support.network import NetworkIsOff, is_local

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "", None, b"::1"])
def test_this_machine_is_local(host: object) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "example.com", "db"])
def test_another_machine_is_not_local(host: object) -> None:
    assert not is_local(host)


def test_connecting_to_another_machine_is_refused() -> None:
    with socket.socket() as client, pytest.raises(NetworkIsOff):
        client.connect(("192.0.2.1", 80))


def test_sending_to_another_machine_is_refused() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        pytest.raises(NetworkIsOff),
    ):
        client.sendto(b"hello", ("192.0.2.1", 53))


def test_looking_up_a_name_is_refused() -> None:
    with pytest.raises(NetworkIsOff):
        socket.getaddrinfo("example.com", 443)


def test_connecting_to_this_machine_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname()).close()


async def test_emptying_takes_written_rows_and_keeps_constant_ones(db: Database, url: str) -> None:
    async with db.transaction() as tx:
        await tx.raw.execute(
            "INSERT INTO setting_changes VALUES ($1, 'a', NULL, '1', 'me', store_now())", uuid4()
        )
        await tx.raw.execute(
            "INSERT INTO outbox VALUES ($1, 'a', $1, '1', store_now(), NULL)", uuid4()
        )

    await database.empty(url)

    async with db.connection() as connection:
        assert await connection.raw.fetchval("SELECT count(*) FROM setting_changes") == 0
        assert await connection.raw.fetchval("SELECT count(*) FROM outbox") == 0
        assert await connection.raw.fetchval("SELECT count(*) FROM schema_migrations") > 0
        assert await connection.raw.fetchval("SELECT count(*) FROM order_status_moves") > 0


async def test_a_shifted_pool_lives_later(db: Database) -> None:
    async with open_shifted(db.settings, HOUR) as later:
        async with db.connection() as connection:
            here = await clock.now(connection)
        async with later.connection() as connection:
            there = await clock.now(connection)

    assert HOUR <= there - here < HOUR + timedelta(minutes=1)


async def test_every_connection_of_an_open_pool_is_shifted(db: Database) -> None:
    async with db.connection() as connection:
        before = await clock.now(connection)

    await shift(db, HOUR)

    async with db.connection() as first, db.connection() as second, db.connection() as third:
        for connection in (first, second, third):
            assert HOUR <= await clock.now(connection) - before < HOUR + timedelta(minutes=1)


def test_the_secrets_that_logs_are_searched_for_are_those_of_the_tests() -> None:
    used = {api.STAFF_SECRET, api.CRON_SECRET, accounts.PASSWORD}
    keys = {key.get_secret_value() for key in (*api.a_config().secret_keys,)}

    assert used | keys <= set(secrets.SECRETS)
    assert secrets.shown_in(["staff", f"token={accounts.PASSWORD}"]) == [accounts.PASSWORD]
    assert secrets.shown_in([]) == []
