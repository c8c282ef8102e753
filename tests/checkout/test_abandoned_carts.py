"""Carts that were left: found once, never when they were ordered or nobody wants to hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from surehold.cart import commands as carts
from surehold.cart import queries
from surehold.cart.errors import CartNotFound
from surehold.cart.model import ContactState
from surehold.checkout.commands import report_abandoned_carts
from surehold.db import Database
from tests.builders.cart import BuiltCart, a_cart
from tests.builders.catalog import a_product, change_price
from tests.support.api import Api, a_body, a_key, an_api
from tests.support.clock import shift

SILENCE = timedelta(hours=4, minutes=1)


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with an_api(db) as opened:
        yield opened


async def a_left_cart(db: Database, *, email: str | None = "ada@example.com") -> BuiltCart:
    mug = await a_product(db, price=1000, on_hand=50)
    cart = await a_cart(db, lines=[(mug.variant_id, 2)], currency="EUR")
    if email is not None:
        await carts.set_contact(db, token=cart.token, email=email)
    return cart


async def announced(db: Database) -> list[str]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT subject_id FROM outbox WHERE topic = 'cart.abandoned' ORDER BY id"
        )
    return [str(row["subject_id"]) for row in rows]


async def state_of(db: Database, cart: BuiltCart) -> ContactState | None:
    async with db.connection() as connection:
        found = await queries.find_contact(connection, cart_id=cart.id)
    return None if found is None else found.state


async def test_a_silent_cart_is_announced_once(api: Api, db: Database) -> None:
    cart = await a_left_cart(db)

    early = await report_abandoned_carts(api.checkout)
    await shift(db, SILENCE)
    first = await report_abandoned_carts(api.checkout)
    second = await report_abandoned_carts(api.checkout)
    # Whatever its buyer does next, it was reported.
    await carts.set_contact(db, token=cart.token, email="other@example.com")
    await shift(db, 3 * SILENCE)
    third = await report_abandoned_carts(api.checkout)

    assert (early, first, second, third) == (0, 1, 0, 0)
    assert await announced(db) == [str(cart.id)]
    assert await state_of(db, cart) is ContactState.REPORTED


async def test_many_workers_announce_it_once(api: Api, db: Database) -> None:
    left = [await a_left_cart(db) for _ in range(6)]
    await shift(db, SILENCE)

    decided = await asyncio.gather(*(report_abandoned_carts(api.checkout) for _ in range(5)))

    assert sum(decided) == 6
    assert sorted(await announced(db)) == sorted(str(cart.id) for cart in left)


async def test_a_cart_that_became_an_order_is_never_announced(api: Api, db: Database) -> None:
    ordered, canceled = await a_left_cart(db), await a_left_cart(db)
    for cart in (ordered, canceled):
        body = a_body(lines=..., currency=..., cart_id=str(cart.id))
        headers = {**a_key(), "X-Cart-Token": cart.token}
        placed = await api.post("/checkout", body, headers=headers)
        assert placed.status == 201, placed.raw
        if cart is canceled:
            token = {"X-Order-Token": placed.body["order"]["access_token"], **a_key()}
            path = f"/orders/{placed.body['order']['id']}/cancel"
            assert (await api.post(path, {}, headers=token)).status == 200
    await shift(db, SILENCE)

    assert await report_abandoned_carts(api.checkout) == 2
    assert await announced(db) == []
    assert await state_of(db, ordered) is await state_of(db, canceled) is ContactState.PASSED


async def test_an_empty_cart_and_one_without_an_address_are_left_alone(
    api: Api, db: Database
) -> None:
    empty, nobody = await a_left_cart(db), await a_left_cart(db, email=None)
    forgotten = await a_left_cart(db)
    await carts.clear_cart(db, token=empty.token)
    await carts.set_contact(db, token=forgotten.token, email=None)
    await shift(db, SILENCE)

    assert await report_abandoned_carts(api.checkout) == 1
    assert await announced(db) == []
    assert await state_of(db, nobody) is await state_of(db, forgotten) is None


async def test_who_refused_reminders_is_not_written_to(api: Api, db: Database) -> None:
    await a_left_cart(db, email="Ada@Example.com")
    async with db.transaction() as tx:
        for _ in range(2):
            await carts.refuse_reminders(tx, email_hash=carts.hash_email("ada@example.com"))
    other = await a_left_cart(db, email="bob@example.com")
    await shift(db, SILENCE)

    assert await report_abandoned_carts(api.checkout) == 2
    assert await announced(db) == [str(other.id)]
    async with db.connection() as connection:
        kept = await connection.raw.fetchval("SELECT email_hash FROM reminder_refusals")
    assert b"ada" not in kept


async def test_a_link_opens_the_cart_in_any_browser(api: Api, db: Database) -> None:
    cart = await a_left_cart(db)
    (line,) = (await api.get("/cart", headers={"X-Cart-Token": cart.token})).body["items"]
    await change_price(db, line["variant_id"], currency="EUR", price=1200)
    link = {"token": api.application.parts.links.make("cart-restore", cart.id.bytes)}

    first, second = await api.post("/cart/restore", link), await api.post("/cart/restore", link)

    assert first.body["id"] == second.body["id"] == str(cart.id)
    assert f"surehold_cart={first.body['token']};" in first.headers["set-cookie"]
    assert [problem["kind"] for problem in first.body["items"][0]["problems"]] == ["price_changed"]
    tokens = {cart.token, first.body["token"], second.body["token"]}
    assert len(tokens) == 3
    for token in tokens:
        headers = {"X-Cart-Token": token}
        assert (await api.get("/cart", headers=headers)).body["id"] == str(cart.id)
    headers = {"X-Cart-Token": second.body["token"], **a_key()}
    body = a_body(lines=..., currency=..., cart_id=str(cart.id))
    assert (await api.post("/checkout", body, headers=headers)).status == 201


async def test_the_oldest_browser_forgets_a_cart_that_too_many_opened(db: Database) -> None:
    cart = await a_left_cart(db)

    tokens = [(await carts.restore_cart(db, cart_id=cart.id))[1] for _ in range(21)]

    async with db.connection() as connection:
        opened = [await queries.find_cart(connection, token=token) for token in tokens]
        own = await queries.find_cart(connection, token=cart.token)
    assert [found is not None for found in opened] == [False] + [True] * 20
    assert own is not None


async def test_another_link_opens_nothing(api: Api, db: Database) -> None:
    cart = await a_left_cart(db)
    links = api.application.parts.links
    good = links.make("cart-restore", cart.id.bytes)
    wrong = [
        good[:-2],
        "x",
        "é" * 40,
        links.make("cart-refuse", cart.id.bytes),
        links.make("cart-restore", b"x" * 32),
    ]

    for token in wrong:
        answer = await api.post("/cart/restore", {"token": token})
        assert answer.refusal == (404, "link_invalid")
    async with db.transaction() as tx:
        await tx.raw.execute("DELETE FROM carts")
    gone = await api.post("/cart/restore", {"token": good})
    assert gone.refusal == (404, "cart_not_found")
    with pytest.raises(CartNotFound):
        await carts.restore_cart(db, cart_id=cart.id)


async def test_a_letter_says_how_to_get_no_more(api: Api, db: Database) -> None:
    cart = await a_left_cart(db)
    async with db.connection() as connection:
        contact = await queries.find_contact(connection, cart_id=cart.id)
    assert contact is not None
    token = api.application.parts.links.make("cart-refuse", contact.email_hash)

    answers = [await api.post("/cart/refuse-reminders", {"token": token}) for _ in range(2)]
    refused = await api.post("/cart/refuse-reminders", {"token": "nonsense"})

    assert [answer.body for answer in answers] == [{"is_refused": True}] * 2
    assert refused.refusal == (404, "link_invalid")
    async with db.connection() as connection:
        again = await queries.find_contact(connection, cart_id=cart.id)
    assert again is not None
    assert again.is_refused
