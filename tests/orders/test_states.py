"""Which status may follow which: the code's table and the database's are one."""

from __future__ import annotations

import itertools

import asyncpg

from surehold.orders.model import OrderStatus
from surehold.orders.states import INITIAL, MOVES, is_allowed


async def test_the_database_allows_exactly_the_moves_of_the_code(url: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"search_path": "store"})
    try:
        rows = await connection.fetch("SELECT from_status, to_status FROM order_status_moves")
    finally:
        await connection.close()

    in_database = {(row["from_status"], row["to_status"]) for row in rows}
    assert in_database == {(source.value, target.value) for source, target in MOVES}


def test_every_pair_is_answered_from_the_table() -> None:
    allowed = {pair for pair in itertools.product(OrderStatus, OrderStatus) if is_allowed(*pair)}

    assert allowed == MOVES


def test_no_status_follows_itself() -> None:
    assert not {source for source, target in MOVES if source is target}


def test_every_status_can_be_reached() -> None:
    reached = set(INITIAL)
    for _ in OrderStatus:
        reached |= {target for source, target in MOVES if source in reached}

    assert reached == set(OrderStatus)


def test_an_order_begins_unpaid_or_with_nothing_to_pay() -> None:
    assert {OrderStatus.PENDING_PAYMENT, OrderStatus.CONFIRMED} == INITIAL
