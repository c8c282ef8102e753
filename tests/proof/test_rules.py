"""The rules alone, in any order: a floor of ways, and that a broken rule is found."""

from __future__ import annotations

import pytest

from proof.rules.run import run
from proof.rules.way import Way
from surehold.orders import states
from surehold.orders.model import OrderStatus


def test_many_orders_go_their_ways_and_nothing_breaks() -> None:
    found = run(orders=1_000, jobs=1)

    assert found.violations == ()
    assert int(found.figures["settled"]) > 10_000
    assert {f"ended {status.value}" for status in OrderStatus} <= set(found.figures)


def test_the_same_seed_goes_the_same_way() -> None:
    one, two = Way(7), Way(7)
    for way in (one, two):
        way.go()

    assert [line.partition(" ")[0] for line in one.told] == [
        line.partition(" ")[0] for line in two.told
    ]
    assert one.counts == two.counts


def test_a_move_that_a_table_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = states.MOVES - {(OrderStatus.PAID, OrderStatus.PROCESSING)}
    monkeypatch.setattr("surehold.orders.states.MOVES", fewer)

    found = run(orders=1_000, jobs=1)

    assert "paid to processing" in found.violations[0]
    assert "again: python -m proof.rules --seed" in found.violations[0]
