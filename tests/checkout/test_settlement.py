"""What happens to a placed order: paid, late, short, mismatched, canceled, expired, paid again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from surehold.app import checkout_of
from surehold.cart import queries as carts
from surehold.checkout import commands, queries
from surehold.checkout.engine import Checkout
from surehold.checkout.errors import ExtensionRefused, HoldOver, OrderNotPayable
from surehold.checkout.model import BUYER, SYSTEM, Actor, PlacedOrder
from surehold.checkout.settlements import CancelOrder, Outcome
from surehold.db import Database
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.ids import PaymentId, VariantId
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.registry import Providers
from tests.builders.cart import a_cart
from tests.builders.catalog import a_product
from tests.checkout.conftest import CONFIG
from tests.support.clock import open_shifted
from tests.support.placing import Told, a_placement, count_rows, counters, told

STAFF = Actor("staff:1")


@asynccontextmanager
async def later(db: Database, by: timedelta) -> AsyncIterator[Checkout]:
    """A checkout of the same store whose deciding clock is ahead."""
    async with open_shifted(db.settings, by) as shifted:
        checkout = checkout_of(CONFIG, shifted, providers=Providers([BankTransfer()]))
        await checkout.open()
        try:
            yield checkout
        finally:
            await checkout.close()


async def place(checkout: Checkout, *lines: VariantId, **changes: object) -> Told:
    return told(await commands.place_order(checkout, a_placement(*lines, **changes)))


async def pay(checkout: Checkout, order: Told, *, minor: int | None = None) -> Outcome:
    amount = order.total_minor if minor is None else minor
    return await commands.confirm_payment(
        checkout,
        payment_id=PaymentId(order.payment_id),
        received=Money(amount, "EUR"),
        actor=STAFF,
    )


async def read(db: Database, order: Told) -> PlacedOrder:
    async with db.connection() as connection:
        return await queries.get_placed_order(connection, order_id=order.order_id)


async def balances(db: Database) -> dict[str, int]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT account, sum(amount_minor)::int AS sum FROM ledger_entries"
            " GROUP BY account HAVING sum(amount_minor) <> 0"
        )
    return {row["account"]: row["sum"] for row in rows}


async def test_payment_makes_the_order_own_its_stock(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, price=1000)
    cart = await a_cart(db, currency="EUR", lines=[(product.variant_id, 2)])
    order = await place(checkout, cart_id=cart.id, cart_token_hash=cart.token_hash, currency=None)

    outcome = await pay(checkout, order)

    after = await read(db, order)
    assert outcome.effect == "paid"
    assert after.order.status is OrderStatus.PAID
    assert after.order.paid_minor == 2490
    assert after.reserved_until is None
    assert await counters(db, product.variant_id) == (10, 2, 0)
    assert await balances(db) == {
        "provider_clearing:bank_transfer": 2490,
        "sales": -1667,
        "shipping_income": -408,
        "tax_payable": -415,
    }
    async with db.connection() as connection:
        assert (await carts.get_cart(connection, token=cart.token)).lines == ()


async def test_paying_twice_changes_the_books_once(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    await pay(checkout, order)
    before = await count_rows(db)

    outcomes = await asyncio.gather(*(pay(checkout, order) for _ in range(20)))

    assert {outcome.effect for outcome in outcomes} == {"unchanged"}
    assert await count_rows(db) == before


@pytest.mark.parametrize("off_by", [-1, 1])
async def test_another_amount_is_held_for_a_person(
    db: Database, checkout: Checkout, off_by: int
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)

    outcome = await pay(checkout, order, minor=order.total_minor + off_by)

    after = await read(db, order)
    assert outcome.effect == "held_for_review"
    assert after.order.status is OrderStatus.PENDING_PAYMENT
    assert after.order.paid_minor == 0
    assert after.payment is not None
    assert after.payment.review_reason == "amount_mismatch"
    assert await counters(db, product.variant_id) == (10, 0, 1)
    assert await balances(db) == {
        "provider_clearing:bank_transfer": order.total_minor + off_by,
        "suspense": -order.total_minor - off_by,
    }


async def test_a_hold_ends_by_itself_and_frees_its_stock(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)

    async with later(db, timedelta(days=2, hours=23)) as too_early:
        assert await commands.expire_reservations(too_early) == 0
    async with later(db, timedelta(days=3, seconds=1)) as due:
        assert await commands.expire_reservations(due) == 1
        assert await commands.expire_reservations(due) == 0

    after = await read(db, order)
    assert after.order.status is OrderStatus.PENDING_PAYMENT
    assert after.reserved_until is None
    assert await counters(db, product.variant_id) == (10, 0, 0)


async def test_money_after_the_hold_takes_stock_again(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, on_hand=1)
    order = await place(checkout, product.variant_id)
    async with later(db, timedelta(days=4)) as due:
        await commands.expire_reservations(due)

        outcome = await pay(due, order)

    assert outcome.effect == "paid"
    assert (await read(db, order)).order.status is OrderStatus.PAID
    assert await counters(db, product.variant_id) == (1, 1, 0)


async def test_money_after_the_stock_is_gone_is_given_back(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=1)
    late = await place(checkout, product.variant_id)
    async with later(db, timedelta(days=4)) as due:
        await commands.expire_reservations(due)
    quick = await place(checkout, product.variant_id)
    await pay(checkout, quick)

    outcome = await pay(checkout, late)

    after = await read(db, late)
    assert outcome.effect == "refund_requested"
    assert after.order.status is OrderStatus.CANCELED
    assert after.order.cancel_reason is CancelReason.SOLD_OUT_AFTER_PAYMENT
    assert await counters(db, product.variant_id) == (1, 1, 0)
    async with db.connection() as connection:
        refunds = await connection.raw.fetch("SELECT amount_minor, state FROM refunds")
    assert [tuple(row) for row in refunds] == [(late.total_minor, "requested")]


async def test_money_for_an_order_the_shop_gave_up_revives_it(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    async with later(db, timedelta(days=4)) as due:
        assert await commands.cancel_unpaid_orders(due) == 1
        assert await commands.cancel_unpaid_orders(due) == 0
    assert (await read(db, order)).order.status is OrderStatus.CANCELED
    assert await counters(db, product.variant_id) == (10, 0, 0)

    outcome = await pay(checkout, order)

    after = await read(db, order)
    assert outcome.effect == "paid"
    assert after.order.status is OrderStatus.PAID
    assert after.order.canceled_at is None
    assert await counters(db, product.variant_id) == (10, 1, 0)


async def test_money_for_an_order_the_buyer_canceled_goes_back(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    await commands.cancel_order(
        checkout, order_id=order.order_id, reason=CancelReason.BUYER, actor=BUYER
    )

    outcome = await pay(checkout, order)

    assert outcome.effect == "refund_requested"
    assert (await read(db, order)).order.status is OrderStatus.CANCELED
    assert await counters(db, product.variant_id) == (10, 0, 0)


async def test_money_for_an_order_that_was_given_up_twice_goes_back(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    async with later(db, timedelta(days=4)) as due:
        assert await commands.cancel_unpaid_orders(due) == 1
    await commands.cancel_order(
        checkout, order_id=order.order_id, reason=CancelReason.BUYER, actor=BUYER
    )

    outcome = await pay(checkout, order)

    after = (await read(db, order)).order
    assert outcome.effect == "refund_requested"
    assert (after.status, after.cancel_reason) == (OrderStatus.CANCELED, CancelReason.BUYER)
    assert await counters(db, product.variant_id) == (10, 0, 0)


async def test_canceling_a_paid_order_gives_everything_back_once(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    await pay(checkout, order)

    canceled = await asyncio.gather(
        *(
            commands.cancel_order(
                checkout, order_id=order.order_id, reason=CancelReason.BUYER, actor=BUYER
            )
            for _ in range(10)
        )
    )

    assert {row.order.status for row in canceled} == {OrderStatus.CANCELED}
    assert await counters(db, product.variant_id) == (10, 0, 0)
    assert (await count_rows(db))["refunds"] == 1
    assert await balances(db) == {
        "provider_clearing:bank_transfer": order.total_minor,
        "customer_deposits": -order.total_minor,
    }


async def test_a_paid_order_is_not_canceled_for_want_of_payment(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    await pay(checkout, order)

    outcome = await checkout.settling.submit(
        CancelOrder(order.order_id, CancelReason.UNPAID, SYSTEM, only_unpaid=True)
    )

    assert outcome.effect == "unchanged"
    assert (await read(db, order)).order.status is OrderStatus.PAID


async def test_paying_again_joins_the_open_payment(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)

    again = await commands.retry_payment(
        checkout, order_id=order.order_id, provider="bank_transfer"
    )

    assert again.payment is not None
    assert again.payment.id == order.payment_id
    assert (await count_rows(db))["payments"] == 1


async def test_paying_after_the_hold_holds_afresh_or_says_what_is_left(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=1)
    order = await place(checkout, product.variant_id)
    async with later(db, timedelta(days=4)) as due:
        await commands.expire_reservations(due)
        again = await commands.retry_payment(
            due, order_id=order.order_id, provider="bank_transfer"
        )
        assert again.reserved_until is not None
        assert await counters(db, product.variant_id) == (1, 0, 1)
    async with later(db, timedelta(days=8)) as due:
        await commands.expire_reservations(due)
        await place(due, product.variant_id)

        with pytest.raises(InsufficientStock):
            await commands.retry_payment(due, order_id=order.order_id, provider="bank_transfer")

    assert await counters(db, product.variant_id) == (1, 0, 1)


async def test_paying_again_after_an_unswept_hold_holds_on(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=1)
    order = await place(checkout, product.variant_id)

    async with later(db, timedelta(days=4)) as due:
        again = await commands.retry_payment(
            due, order_id=order.order_id, provider="bank_transfer"
        )
        expired = await commands.expire_reservations(due)

    assert expired == 0
    assert again.payment is not None
    assert again.payment.id != order.payment_id
    assert await counters(db, product.variant_id) == (1, 0, 1)


async def test_a_paid_order_takes_no_second_payment(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    await pay(checkout, order)

    with pytest.raises(OrderNotPayable):
        await commands.retry_payment(checkout, order_id=order.order_id, provider="bank_transfer")


async def test_more_time_is_given_as_often_as_the_store_allows(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    first = (await read(db, order)).reserved_until

    for _ in range(3):
        extended = await commands.extend_reservation(checkout, order_id=order.order_id)
    with pytest.raises(ExtensionRefused) as refusal:
        await commands.extend_reservation(checkout, order_id=order.order_id)

    assert refusal.value.facts == {"extensions_max": 3}
    assert extended.reserved_until is not None
    assert first is not None
    assert extended.reserved_until > first


async def test_an_ended_hold_is_not_extended(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    async with later(db, timedelta(days=4)) as due:
        await commands.expire_reservations(due)

    with pytest.raises(HoldOver):
        await commands.extend_reservation(checkout, order_id=order.order_id)


async def test_every_change_of_status_has_its_line_of_history(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    order = await place(checkout, product.variant_id)
    await pay(checkout, order)
    await commands.cancel_order(
        checkout, order_id=order.order_id, reason=CancelReason.STAFF, actor=STAFF
    )

    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT seq, from_status, to_status, actor, reason FROM order_events ORDER BY seq"
        )

    assert [tuple(row) for row in rows] == [
        (1, None, "pending_payment", "buyer", "placed"),
        (2, "pending_payment", "paid", "staff:1", "payment captured"),
        (3, "paid", "canceled", "staff:1", "canceled_by_staff"),
    ]


async def test_a_status_changed_by_hand_leaves_a_line_too(
    db: Database, checkout: Checkout
) -> None:
    import asyncpg

    product = await a_product(db)
    await place(checkout, product.variant_id)

    async with db.connection() as connection:
        await connection.raw.execute("UPDATE orders SET status = 'payment_failed'")
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.raw.execute("UPDATE orders SET status = 'delivered'")
        rows = await connection.raw.fetch(
            "SELECT seq, actor, reason FROM order_events ORDER BY seq"
        )

    assert rows[1]["seq"] == 2
    assert rows[1]["actor"].startswith("database:")
    assert rows[1]["reason"] == "changed by hand"
