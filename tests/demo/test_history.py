"""The demo's past is made by the commands that people use, once, and its books agree."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from surehold.addresses.countries import COUNTRIES
from surehold.addresses.rules import judge
from surehold.config import Config
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.demo.history import (
    Filled,
    NoDemoCatalog,
    add_known_buyer,
    fill_history,
    is_without_past,
)
from surehold.demo.lives import Lives
from surehold.demo.load import load_demo, read_catalog
from surehold.demo.people import BUYER, OTHER_ADDRESSES, people
from surehold.demo.plan import DAYS, Event, Fate, Verb, make_plan
from tests.builders.accounts import PASSWORD, an_identity, sign_in
from tests.support.api import a_config

#: A Wednesday evening.
UNTIL = datetime(2026, 3, 4, 18, tzinfo=UTC)
SMALL = 25


def config_of(url: str) -> Config:
    return a_config(database_url=SecretStr(url))


async def fetch(db: Database, text: str) -> list[Any]:
    async with db.connection() as connection:
        return list(await connection.raw.fetch(text))


async def count(db: Database, text: str) -> dict[Any, int]:
    return {row[0]: row[1] for row in await fetch(db, text)}


async def violations(db: Database) -> dict[str, Any]:
    async with db.connection() as connection:
        return await check_invariants(connection)


async def test_a_small_past_is_whole_and_is_made_once(db: Database, url: str) -> None:
    await load_demo(db)
    config = config_of(url)
    identity = an_identity(db)
    await add_known_buyer(identity, password=PASSWORD)
    assert await is_without_past(db)

    made = await fill_history(config, orders=SMALL, until=UNTIL)
    again = await fill_history(config, orders=SMALL, until=UNTIL)

    assert made == Filled(is_new=True, orders=SMALL, reviews=7, refused=0)
    assert again == Filled(is_new=False)
    assert not await is_without_past(db)
    assert (await sign_in(identity, BUYER.email)).account.name == BUYER.name
    assert await count(db, "SELECT status, count(*) FROM orders GROUP BY 1") == {
        "pending_payment": 1,
        "payment_failed": 1,
        "paid": 1,
        "processing": 1,
        "ready_for_shipment": 1,
        "shipped": 2,
        "in_transit": 1,
        "delivered": 9,
        "canceled": 2,
        "partially_refunded": 2,
        "refunded": 2,
        "disputed": 1,
        "archived": 1,
    }
    assert await count(db, "SELECT state, count(*) FROM reviews GROUP BY 1") == {
        "pending": 3,
        "published": 3,
        "rejected": 1,
    }
    assert await violations(db) == {}
    (span,) = await fetch(
        db, "SELECT min(placed_at) AS first, max(updated_at) AS last, max(email) FROM orders"
    )
    assert UNTIL - timedelta(days=DAYS) < span["first"] < UNTIL - timedelta(days=60)
    # What happens last takes its own time.
    assert span["last"] < UNTIL + timedelta(minutes=1)
    assert await fetch(db, "SELECT FROM stock_levels WHERE on_hand < reserved + allocated") == []
    hers = await count(
        db,
        "SELECT status, count(*) FROM orders JOIN account_orders ON order_id = orders.id"
        f" WHERE email = '{BUYER.email}' GROUP BY 1",
    )
    assert len(hers) >= 5
    kept = await fetch(db, "SELECT is_default FROM account_addresses ORDER BY id")
    assert [row["is_default"] for row in kept] == [True, False, False]
    assert len(await fetch(db, "SELECT FROM wishlist_lines")) == 4


async def test_a_past_that_was_stopped_stays_as_it_is(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await load_demo(db)
    go_on, done = Lives.go_on, Counter[str]()

    class Stopped(BaseException):
        """As when the process is told to end."""

    async def stop_after_a_while(self: Lives, event: Event) -> None:
        done["events"] += 1
        if done["events"] > 40:
            raise Stopped
        await go_on(self, event)

    monkeypatch.setattr(Lives, "go_on", stop_after_a_while)
    with pytest.raises(Stopped):
        await fill_history(config_of(url), orders=SMALL, until=UNTIL)
    monkeypatch.undo()
    left = await fetch(db, "SELECT number, version FROM orders ORDER BY number")

    again = await fill_history(config_of(url), orders=SMALL, until=UNTIL)

    assert left
    assert len(left) < SMALL
    assert again == Filled(is_new=False)
    assert await fetch(db, "SELECT number, version FROM orders ORDER BY number") == left
    assert await violations(db) == {}


async def test_a_store_that_sells_something_else_has_no_part_in_it(db: Database, url: str) -> None:
    with pytest.raises(NoDemoCatalog):
        await fill_history(config_of(url), orders=SMALL)

    assert await fetch(db, "SELECT FROM accounts") == []


def test_the_whole_past_falls_alike_and_has_every_fate_twice() -> None:
    catalog = read_catalog()

    plan, again = make_plan(catalog, until=UNTIL), make_plan(catalog, until=UNTIL)

    assert plan == again
    lives = {one.life.number: one.life for one in plan.events if one.verb is Verb.PLACE}
    assert len(lives) == 400
    fates = Counter(life.fate for life in lives.values())
    assert set(fates) == set(Fate)
    assert min(fates.values()) == 2
    said = [one.said for one in plan.events if one.verb is Verb.REVIEW and one.said is not None]
    assert 150 <= len(said) <= 250
    assert Counter(one.words.stars for one in said).most_common(1)[0][0] == 5
    happened = [one.at for one in plan.events]
    assert happened == sorted(happened)
    assert plan.begins_at < happened[0]
    assert happened[-1] < UNTIL
    newer = sum(life.placed_at > UNTIL - timedelta(days=DAYS / 2) for life in lives.values())
    assert newer > 220


def test_whoever_bought_lives_where_the_post_goes_and_has_no_mailbox() -> None:
    everybody = [BUYER, *people(Random(1), 5_000, has_account=True)]
    addresses = [one.address for one in everybody] + list(OTHER_ADDRESSES)

    for one in addresses:
        assert one.country in COUNTRIES
        verdict = judge(one.country, one.region, one.postal_code)
        assert verdict.faults == ()
        assert (verdict.region, verdict.postal_code) == (one.region, one.postal_code)
    assert {one.currency for one in everybody} == {"EUR", "USD"}
    assert all(one.email.endswith(".example") and one.email.isascii() for one in everybody)
    assert len({one.email for one in everybody}) == len(everybody) == 151
