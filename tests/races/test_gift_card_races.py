"""K8: gift cards asked to pay by two processes at the same moment; a balance is never negative."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules import Wish
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId, VariantId
from surehold.kernel.money import Money
from surehold.payments.gift_cards import commands as gift_cards
from tests.builders.catalog import a_product
from tests.builders.gift_cards import BuiltGiftCard, a_gift_card, balance_of, entries_of
from tests.builders.orders import STAFF, a_checkout, a_placement, look_at, pay
from tests.support.placing import counters

#: A mug of 14.10 with shipping of 5.90.
PRICE, TOTAL = 1_410, 2_000


@pytest.fixture
async def two(db: Database) -> AsyncIterator[tuple[Checkout, Checkout]]:
    """Two processes with lanes, and connections, of their own."""
    async with a_checkout(db) as first, a_checkout(db) as second:
        yield first, second


@pytest.fixture
async def mug(db: Database) -> VariantId:
    return (await a_product(db, price=PRICE, on_hand=40)).variant_id


async def a_card(db: Database, amount: int = 5_000) -> BuiltGiftCard:
    return await a_gift_card(db, amount, currency="USD")


def buy(checkout: Checkout, mug: VariantId, *wishes: Any) -> Awaitable[Any]:
    placement = msgspec.structs.replace(a_placement([(mug, 1)]), gift_cards=wishes)
    return commands.place_order(checkout, placement)


async def placed_by(checkout: Checkout, answer: Any) -> PlacedOrder:
    order = msgspec.json.decode(answer.body)["order"]
    return await look_at(checkout, msgspec.convert(order["id"], OrderId))


async def meet(*work: Awaitable[Any]) -> list[Any]:
    """Everything at once; a refusal is an answer, anything else is not."""
    answers = await asyncio.gather(*work, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, DomainError):
            raise answer
    return answers


async def sound(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def taken_off(db: Database, card: BuiltGiftCard) -> list[int]:
    return sorted(-amount for kind, amount, _ in await entries_of(db, card) if kind == "redeem")


async def test_K8_fifty_euros_under_twenty_checkouts_pay_exactly_fifty(
    db: Database, two: tuple[Checkout, Checkout], mug: VariantId
) -> None:
    card = await a_card(db)

    answers = await meet(*(buy(two[number % 2], mug, card.wish()) for number in range(20)))

    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds == ["Answer"] * 3 + ["GiftCardBalanceTooLow"] * 17
    assert await taken_off(db, card) == [1_000, 2_000, 2_000]
    assert await balance_of(db, card) == 0
    assert await counters(db, mug) == (40, 2, 1)
    await sound(db)


async def test_two_cards_named_in_either_order_never_wait_for_each_other(
    db: Database, two: tuple[Checkout, Checkout], mug: VariantId
) -> None:
    first, second = await a_card(db), await a_card(db)

    answers = await meet(
        *(
            buy(two[turn % 2], mug, *((one.wish(500), other.wish(500))))
            for turn in range(16)
            for one, other in [(first, second) if turn % 2 else (second, first)]
        )
    )

    done = [answer for answer in answers if not isinstance(answer, DomainError)]
    assert len(done) == 10
    assert await balance_of(db, first) == await balance_of(db, second) == 0
    await sound(db)


async def test_a_card_that_is_adjusted_and_stopped_meanwhile_pays_what_it_had(
    db: Database, two: tuple[Checkout, Checkout], mug: VariantId
) -> None:
    card = await a_card(db)
    about: dict[str, Any] = {"card_id": card.id, "actor": "staff"}

    await meet(
        *(buy(two[turn % 2], mug, card.wish(1_500)) for turn in range(4)),
        gift_cards.adjust_card(db, amount_minor=-1_000, reason="race", **about),
        gift_cards.adjust_card(db, amount_minor=-4_500, reason="race", **about),
        gift_cards.disable_card(db, **about),
    )

    spent = await entries_of(db, card)
    assert all(left >= 0 for _, _, left in spent)
    assert await balance_of(db, card) == sum(amount for _, amount, _ in spent)
    await sound(db)


async def test_money_that_comes_as_the_hold_ends_finds_the_card_or_goes_back(
    db: Database, two: tuple[Checkout, Checkout], mug: VariantId
) -> None:
    for _ in range(4):
        card = await a_card(db, 500)
        placed = await placed_by(two[0], await buy(two[0], mug, card.wish()))
        async with db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = expires_at - $1::interval,"
                " is_grace_used = true WHERE state = 'active'",
                timedelta(days=9),
            )

        await meet(commands.expire_reservations(two[1]), pay(two[0], placed))

        now = await look_at(two[0], placed.order.id)
        assert now.order.status.value == "paid"
        assert now.order.paid_minor == TOTAL
        assert await balance_of(db, card) == 0
    await sound(db)


async def test_money_that_comes_as_the_card_is_spent_elsewhere_never_pays_twice(
    db: Database, two: tuple[Checkout, Checkout], mug: VariantId
) -> None:
    for _ in range(4):
        card = await a_card(db, 500)
        placed = await placed_by(two[0], await buy(two[0], mug, card.wish()))
        async with db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = expires_at - $1::interval,"
                " is_grace_used = true WHERE state = 'active'",
                timedelta(days=9),
            )
        await commands.expire_reservations(two[0])

        effect, other = await meet(pay(two[0], placed), buy(two[1], mug, card.wish(500)))

        is_ours = effect == "paid"
        assert isinstance(other, DomainError) is is_ours
        assert await balance_of(db, card) == 0
    await sound(db)


async def test_refunds_to_one_card_never_exceed_what_it_paid(
    db: Database, two: tuple[Checkout, Checkout], mug: VariantId
) -> None:
    card = await a_card(db)
    placed = await placed_by(two[0], await buy(two[0], mug, card.wish()))

    answers = await meet(
        *(
            commands.refund_order(
                two[turn % 2],
                order_id=placed.order.id,
                wish=Wish(amount=Money(600, "USD")),
                reason="race",
                actor=STAFF,
            )
            for turn in range(8)
        )
    )

    assert sum(not isinstance(answer, DomainError) for answer in answers) == 3
    assert await balance_of(db, card) == 3_000 + 1_800
    await sound(db)


async def test_one_buyers_store_credit_is_one_however_many_refunds_make_it(
    db: Database, two: tuple[Checkout, Checkout], mug: VariantId
) -> None:
    orders = []
    for _ in range(6):
        placed = await placed_by(two[0], await buy(two[0], mug))
        await pay(two[0], placed)
        orders.append(placed.order.id)

    await meet(
        *(
            commands.refund_order(
                two[turn % 2],
                order_id=order_id,
                wish=Wish(),
                reason="race",
                actor=STAFF,
                is_store_credit=True,
            )
            for turn, order_id in enumerate(orders)
        )
    )

    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT kind, balance_minor FROM gift_cards")
    assert [tuple(row) for row in rows] == [("store_credit", 6 * TOTAL)]
    await sound(db)
