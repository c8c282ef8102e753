"""Couriers, staff, buyers and banks at the same order, through two processes on one database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.settlements import CapturePayment
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import DomainError
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason
from surehold.payments.cash import commands as cash
from surehold.payments.model import PaymentState
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.failures import (
    Declined,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import STAFF, a_checkout, a_placed_order, look_at, ship
from tests.builders.providers import PretendProvider
from tests.builders.trust import (
    CASH,
    a_due_order,
    an_authorized_order,
    capture_later,
    collect,
    offer_cash,
    provider_id,
    refuse,
)
from tests.support.placing import counters
from tests.support.shop import make_due

ROUNDS = 6
P = PaymentState


class Desks:
    """Two processes, which share a provider."""

    def __init__(self, first: Checkout, second: Checkout, card: PretendProvider) -> None:
        self.first, self.second, self.card = first, second, card


@pytest.fixture
async def desks(db: Database) -> AsyncIterator[Desks]:
    await offer_cash(db)
    await capture_later(db)
    card = PretendProvider()
    providers = Providers([card, CashOnDelivery()])
    async with (
        a_checkout(db, providers=providers) as first,
        a_checkout(db, providers=providers) as second,
    ):
        yield Desks(first, second, card)
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


async def tell(work: Awaitable[Any]) -> str:
    """What came of it, or the code of the refusal."""
    try:
        return str(await work or "done")
    except DomainError as refusal:
        return refusal.code


async def cancel(desk: Checkout, order_id: Any) -> None:
    await commands.cancel_order(desk, order_id=order_id, reason=CancelReason.STAFF, actor=STAFF)


async def test_two_couriers_report_the_same_cash_and_it_is_booked_once(
    db: Database, desks: Desks
) -> None:
    product = await a_product(db, on_hand=20)
    for _ in range(ROUNDS):
        placed = await a_due_order(desks.first, (product.variant_id, 1))
        await ship(desks.first, placed.order.id)

        told = await asyncio.gather(
            *(tell(collect(desk, placed)) for desk in (desks.first, desks.second))
        )

        assert sorted(told) == ["paid", "unchanged"]
        after = await look_at(desks.first, placed.order.id)
        assert after.order.paid_minor == after.order.total_minor


async def test_cash_is_collected_or_the_order_is_refused_and_nothing_is_lost(
    db: Database, desks: Desks
) -> None:
    product = await a_product(db, on_hand=20)
    for number in range(ROUNDS):
        placed = await a_due_order(desks.first, (product.variant_id, 1))
        await ship(desks.first, placed.order.id)
        both = [collect(desks.first, placed), refuse(desks.second, placed)]

        told = await asyncio.gather(*(tell(one) for one in (both if number % 2 else both[::-1])))
        collected, refused = told if number % 2 else told[::-1]

        assert (collected, refused) in {
            ("paid", "payment_not_collectable"),
            ("refund_requested", "refused"),
        }


async def test_an_order_is_confirmed_or_its_hold_ends_and_never_half_of_it(
    db: Database, desks: Desks
) -> None:
    """Whoever placed it goes on to confirm it while its hold is swept."""
    product = await a_product(db, on_hand=20)
    for number in range(1, ROUNDS + 1):
        placed = await a_placed_order(desks.first, [(product.variant_id, 1)], provider=CASH)
        assert placed.payment is not None
        async with db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = store_now() WHERE state = 'active'"
            )

        await asyncio.gather(
            commands.check_payment(desks.first, placed.payment.id),
            commands.expire_reservations(desks.second),
        )

        after = await look_at(desks.first, placed.order.id)
        assert after.order.status.value == "confirmed"
        assert await counters(db, product.variant_id) == (20, number, 0)


async def test_two_deposit_the_same_cash_and_one_does(db: Database, desks: Desks) -> None:
    product = await a_product(db, on_hand=20)
    for number in range(ROUNDS):
        placed = await a_due_order(desks.first, (product.variant_id, 1))
        await collect(desks.first, placed)
        assert placed.payment is not None
        payment = placed.payment

        async def deposit(reference: str, payment: Any = payment) -> str:
            await cash.deposit_cash(
                db,
                payment_ids=[payment.id],
                counted=Money(payment.requested_minor, payment.currency),
                reference=reference,
                actor="test",
            )
            return "done"

        told = await asyncio.gather(*(tell(deposit(f"{number}-{one}")) for one in range(2)))

        assert sorted(told) == ["cash_not_held", "done"]


async def test_it_is_shipped_and_captured_or_canceled_and_let_go(
    db: Database, desks: Desks
) -> None:
    product = await a_product(db, on_hand=20)
    seen = Counter[tuple[str, str]]()
    for number in range(ROUNDS):
        placed = await an_authorized_order(desks.first, desks.card, (product.variant_id, 1))
        both = [ship(desks.first, placed.order.id), cancel(desks.second, placed.order.id)]

        told = await asyncio.gather(*(tell(one) for one in (both if number % 2 else both[::-1])))
        shipped, canceled = told if number % 2 else told[::-1]
        await make_due(db)
        await asyncio.gather(
            *(commands.ask_due_operations(desk) for desk in (desks.first, desks.second))
        )

        seen[shipped, canceled] += 1
        after = await look_at(desks.first, placed.order.id)
        assert after.payment is not None
        expected = {
            ("done", "order_not_cancelable"): P.CAPTURED,
            ("status_not_reachable", "done"): P.VOIDED,
        }
        assert after.payment.state is expected[shipped, canceled]
        assert desks.card.payments[provider_id(placed)].state is after.payment.state
    assert seen.total() == ROUNDS


async def test_a_capture_that_meets_a_bank_that_lets_go_ends_in_money_or_with_a_person(
    db: Database, desks: Desks
) -> None:
    product = await a_product(db, on_hand=20)
    for _ in range(ROUNDS):
        placed = await an_authorized_order(desks.first, desks.card, (product.variant_id, 1))
        assert placed.payment is not None
        await ship(desks.first, placed.order.id)
        await make_due(db)

        async def let_go(placed: Any = placed) -> None:
            if desks.card.payments[provider_id(placed)].state is P.AUTHORIZED:
                desks.card.lapse(provider_id(placed))
            await commands.check_payment(desks.second, placed.payment.id)

        await asyncio.gather(commands.ask_due_operations(desks.first), let_go())

        after = await look_at(desks.first, placed.order.id)
        assert after.payment is not None
        assert after.order.status.value == "shipped"
        taken = desks.card.payments[provider_id(placed)].captured.amount
        assert after.order.paid_minor == taken
        assert bool(taken) is (after.payment.review_reason is None)
        assert after.order.owed_minor == after.order.total_minor - taken


async def test_two_of_the_staff_capture_at_once_and_the_bank_is_asked_once(
    db: Database, desks: Desks
) -> None:
    product = await a_product(db, on_hand=20)
    for is_refused in (False, True):
        placed = await an_authorized_order(desks.first, desks.card, (product.variant_id, 1))
        assert placed.payment is not None
        payment_id = placed.payment.id
        if is_refused:
            desks.card.refuse_next = Declined("no", code="do_not_honor")
            await commands.capture_payment(desks.first, payment_id=payment_id, actor=STAFF)

        both = (desks.first, desks.second)
        wish = CapturePayment(placed.order.id, payment_id, STAFF)
        decided = await asyncio.gather(*(desk.settling.submit(wish) for desk in both))
        assert sorted(one.effect for one in decided) == ["capturing", "unchanged"]
        told = await asyncio.gather(
            *(
                tell(commands.capture_payment(desk, payment_id=payment_id, actor=STAFF))
                for desk in both
            )
        )

        after = await look_at(desks.first, placed.order.id)
        assert after.payment is not None
        assert (after.payment.state, after.payment.review_reason) == (P.CAPTURED, None), told
        assert after.order.paid_minor == after.order.total_minor
        asked = {key for key in desks.card.keys if str(payment_id) in key and "capture" in key}
        last = f"capture-{payment_id}-2" if is_refused else f"capture-{payment_id}"
        assert asked == {f"capture-{payment_id}", last}
        async with db.connection() as connection:
            assert await connection.raw.fetchval(
                "SELECT count(*) FROM payment_operations"
                " WHERE payment_id = $1 AND kind = 'capture'",
                payment_id,
            ) == len(asked)
