"""Refunds, cancellations and returns of one order, asked of two processes at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.errors import NothingToRefund, UnitsNotRefundable
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.checkout.rules import Wish
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import ReturnId, new_id
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason, ReturnReason
from surehold.orders.states import ReturnEvent
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, a_checkout, a_paid_order, look_at, ship
from tests.support.placing import counters


@pytest.fixture
async def two(db: Database) -> AsyncIterator[tuple[Checkout, Checkout]]:
    """Two processes with lanes, and connections, of their own."""
    async with a_checkout(db) as first, a_checkout(db) as second:
        yield first, second


async def refund(checkout: Checkout, order: PlacedOrder, **wish: Any) -> PlacedOrder:
    return await commands.refund_order(
        checkout, order_id=order.order.id, wish=Wish(**wish), reason="race", actor=STAFF
    )


async def drop_one(checkout: Checkout, order: PlacedOrder) -> PlacedOrder:
    return await commands.cancel_part(
        checkout,
        order_id=order.order.id,
        lines=((order.lines[0].id, 1),),
        reason=CancelReason.BUYER,
        actor=BUYER,
    )


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


async def test_T5_many_refunds_of_one_payment_never_exceed_it(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000)
    order = await a_paid_order(two[0], [(lamp.variant_id, 1)])
    total = order.order.total_minor

    answers = await meet(
        *(refund(two[number % 2], order, amount=Money(500, "USD")) for number in range(40))
    )

    done = [answer for answer in answers if not isinstance(answer, DomainError)]
    assert len(done) == total // 500
    after = await look_at(two[0], order.order.id)
    assert sum(row.amount_minor for row in after.refunds) == total // 500 * 500
    await sound(db)


async def test_two_staff_refund_the_same_unit_and_it_goes_back_once(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000)
    for _ in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 1)])

        answers = await meet(*(refund(one, order, lines=((order.lines[0].id, 1),)) for one in two))

        assert sum(isinstance(one, UnitsNotRefundable) for one in answers) == 1
        assert len((await look_at(two[0], order.order.id)).refunds) == 1
    await sound(db)


async def test_a_refund_and_a_cancellation_send_everything_back_once(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    for _ in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 2)])

        await meet(
            refund(two[0], order),
            commands.cancel_order(
                two[1], order_id=order.order.id, reason=CancelReason.STAFF, actor=STAFF
            ),
        )

        after = await look_at(two[0], order.order.id)
        assert sum(row.amount_minor for row in after.refunds) == order.order.total_minor
        assert await counters(db, lamp.variant_id) == (20, 0, 0)
        with pytest.raises(NothingToRefund):
            await refund(two[0], order)
    await sound(db)


async def test_a_unit_is_given_up_or_refunded_and_never_both(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000, on_hand=20)
    mug = await a_product(db, price=500, on_hand=20)
    for _ in range(5):
        order = await a_paid_order(two[0], [(lamp.variant_id, 1), (mug.variant_id, 1)])

        answers = await meet(
            drop_one(two[0], order), refund(two[1], order, lines=((order.lines[0].id, 1),))
        )

        assert sum(isinstance(one, DomainError) for one in answers) == 1
        [line, _] = (await look_at(two[0], order.order.id)).lines
        assert line.canceled_quantity + line.refunded_quantity == 1
    await sound(db)


async def test_a_parcel_that_two_open_is_on_the_shelf_and_paid_back_once(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000)
    order = await a_paid_order(two[0], [(lamp.variant_id, 2)])
    await ship(two[0], order.order.id)
    line_id = order.lines[0].id

    def about(one: ReturnId) -> dict[str, Any]:
        return {"order_id": order.order.id, "return_id": one, "actor": STAFF}

    wanted = (Wanted(line_id, 2, ReturnReason.OTHER),)
    ids = [ReturnId(new_id()), ReturnId(new_id())]
    asked = await meet(
        *(
            commands.request_return(checkout, lines=wanted, **about(one))
            for checkout, one in zip(two, ids, strict=True)
        )
    )
    [one] = [one for one, answer in zip(ids, asked, strict=True) if answer is None]
    await commands.move_return(two[0], event=ReturnEvent.APPROVE, **about(one))

    effects = [
        await meet(*(commands.receive_return(each, **about(one)) for each in two)),
        await meet(
            *(
                commands.inspect_return(each, judged=(Judged(line_id, 2, 0),), **about(one))
                for each in two
            )
        ),
        await meet(*(commands.complete_return(each, **about(one)) for each in two)),
    ]

    assert [sorted(row) for row in effects] == [
        ["received", "unchanged"],
        ["inspected", "unchanged"],
        ["completed", "unchanged"],
    ]
    assert await counters(db, lamp.variant_id) == (10, 0, 0)
    after = await look_at(two[0], order.order.id)
    assert [row.amount_minor for row in after.refunds] == [2000]
    await sound(db)


async def test_the_database_refuses_the_second_refund_of_a_unit(
    db: Database, two: tuple[Checkout, Checkout]
) -> None:
    lamp = await a_product(db, price=1000)
    order = await a_paid_order(two[0], [(lamp.variant_id, 1)])
    assert order.payment is not None

    async def by_hand() -> None:
        async with db.transaction() as tx:
            refund_id: UUID = new_id()
            await tx.raw.execute(
                "INSERT INTO refunds (id, payment_id, order_id, state, currency, amount_minor,"
                " reason, requested_by, created_at, is_of_sale)"
                " VALUES ($1, $2, $3, 'requested', 'USD', 700, 'x', 'x', store_now(), true)",
                refund_id,
                order.payment.id if order.payment else None,
                order.order.id,
            )
            await tx.raw.execute(
                "INSERT INTO refund_lines VALUES ($1, $2, 1, 583, 117)",
                refund_id,
                order.lines[0].id,
            )

    answers = await asyncio.gather(by_hand(), by_hand(), return_exceptions=True)

    [refused] = [answer for answer in answers if answer is not None]
    assert isinstance(refused, asyncpg.CheckViolationError)
    assert refused.constraint_name == "order_lines_credited_within_promised"
    await sound(db)
