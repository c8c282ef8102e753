"""Giving money back for paid orders, and giving up parts of orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.errors import (
    NothingLeft,
    NothingToRefund,
    RefundExceedsPaid,
    RefundNotRetryable,
    UnitsNotCancelable,
    UnitsNotRefundable,
)
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.checkout.rules import Wish
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.ids import RefundId, new_id
from surehold.kernel.money import Money
from surehold.orders.documents import commands as documents
from surehold.orders.documents.model import DocumentKind
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments.errors import RefundNotConfirmable, RefundNotFound
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.failures import (
    InvalidRequest,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import (
    STAFF,
    a_checkout,
    a_paid_order,
    a_placed_order,
    begin_payment,
    look_at,
    pay,
    ship,
)
from tests.builders.providers import PretendProvider
from tests.support.placing import count_rows, counters
from tests.support.shop import make_due


class Shop:
    """A checkout with a card that a test drives, and what it sells."""

    def __init__(self, checkout: Checkout, card: PretendProvider) -> None:
        self.checkout = checkout
        self.card = card
        self.db = checkout.db

    async def buy(self, *lines: tuple[Any, int]) -> PlacedOrder:
        """An order that was paid by card."""
        placed = await a_placed_order(self.checkout, lines, provider="pretend")
        begun = await begin_payment(self.checkout, placed)
        assert begun.payment is not None
        self.card.pay(f"pp_{begun.payment.merchant_reference}")
        await commands.check_payment(self.checkout, begun.payment.id)
        return await self.look(placed)

    async def look(self, placed: PlacedOrder) -> PlacedOrder:
        return await look_at(self.checkout, placed.order.id)

    async def refund(self, placed: PlacedOrder, **wish: Any) -> PlacedOrder:
        return await commands.refund_order(
            self.checkout,
            order_id=placed.order.id,
            wish=Wish(**wish),
            reason="we are sorry",
            internal_reason="broken in the warehouse",
            actor=STAFF,
        )

    async def drop(self, placed: PlacedOrder, *units: int, by: Any = STAFF) -> PlacedOrder:
        """Give up so many units of each line."""
        lines = [(line.id, one) for line, one in zip(placed.lines, units, strict=True) if one]
        return await commands.cancel_part(
            self.checkout,
            order_id=placed.order.id,
            lines=tuple(lines),
            reason=CancelReason.STAFF if by is STAFF else CancelReason.BUYER,
            actor=by,
        )

    async def work(self) -> None:
        """The worker asks what is due."""
        await make_due(self.db)
        await commands.ask_due_operations(self.checkout)

    async def sound(self) -> None:
        async with self.db.connection() as connection:
            assert await check_invariants(connection) == {}

    async def ledger(self, placed: PlacedOrder) -> dict[str, int]:
        async with self.db.connection() as connection:
            rows = await connection.raw.fetch(
                "SELECT account, sum(amount_minor)::int AS sum FROM ledger_entries"
                "  JOIN ledger_journals ON id = journal_id WHERE order_id = $1"
                " GROUP BY account HAVING sum(amount_minor) <> 0",
                placed.order.id,
            )
        return {row["account"]: row["sum"] for row in rows}


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    card = PretendProvider()
    async with a_checkout(db, providers=Providers([card, BankTransfer()])) as checkout:
        yield Shop(checkout, card)


def states(placed: PlacedOrder) -> list[tuple[str, int]]:
    return [(row.state.value, row.amount_minor) for row in placed.refunds]


async def test_one_unit_goes_back_with_its_tax_and_the_sale_shrinks(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 3))
    before = await shop.ledger(order)

    asked = await shop.refund(order, lines=((order.lines[0].id, 1),))
    assert states(asked) == [("requested", 1000)]
    assert asked.order.status is OrderStatus.PAID
    assert await shop.ledger(order) == before
    await shop.sound()
    await shop.work()

    after = await shop.look(order)
    assert states(after) == [("succeeded", 1000)]
    assert after.order.status is OrderStatus.PARTIALLY_REFUNDED
    assert after.order.refunded_minor == 1000
    [line] = after.lines
    assert (line.refunded_quantity, line.refunded_net_minor, line.refunded_tax_minor) == (
        1,
        833,
        167,
    )
    assert before["sales"] == -2500
    assert await shop.ledger(order) == {
        **before,
        "provider_clearing:pretend": before["provider_clearing:pretend"] - 1000,
        "sales": -1667,
        "tax_payable": before["tax_payable"] + 167,
    }
    assert await counters(shop.db, lamp.variant_id) == (10, 3, 0)
    await shop.sound()


async def test_units_one_by_one_then_shipping_come_to_the_whole_order(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=333)
    order = await shop.buy((lamp.variant_id, 3))
    line = order.lines[0].id

    for _ in range(3):
        await shop.refund(order, lines=((line, 1),))
    await shop.refund(order, has_shipping=True)
    await shop.work()

    after = await shop.look(order)
    assert after.order.status is OrderStatus.REFUNDED
    assert after.order.refunded_minor == order.order.total_minor
    assert await shop.ledger(order) == {}
    with pytest.raises(NothingToRefund):
        await shop.refund(order)
    await shop.sound()


async def test_a_full_refund_takes_what_is_left_and_nothing_twice(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    mug = await a_product(shop.db, price=777)
    order = await shop.buy((lamp.variant_id, 2), (mug.variant_id, 1))
    await shop.refund(order, amount=Money(501, "USD"))

    full = await shop.refund(order)

    total = order.order.total_minor
    assert states(full) == [("requested", 501), ("requested", total - 501)]
    with pytest.raises(NothingToRefund):
        await shop.refund(order)
    await shop.work()
    after = await shop.look(order)
    assert after.order.status is OrderStatus.REFUNDED
    assert [line.left_minor for line in after.lines] == [0, 0]
    assert await shop.ledger(order) == {}
    await shop.sound()


async def test_a_refusal_changes_nothing(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 2))
    unpaid = await a_placed_order(shop.checkout, [(lamp.variant_id, 1)])
    before = await count_rows(shop.db)

    with pytest.raises(UnitsNotRefundable):
        await shop.refund(order, lines=((order.lines[0].id, 3),))
    with pytest.raises(RefundExceedsPaid):
        await shop.refund(order, amount=Money(order.order.total_minor + 1, "USD"))
    with pytest.raises(NothingToRefund):
        await shop.refund(unpaid)
    with pytest.raises(RefundNotFound):
        await commands.retry_refund(
            shop.checkout, order_id=order.order.id, refund_id=RefundId(new_id()), actor=STAFF
        )

    assert await count_rows(shop.db) == before


async def test_a_second_payment_of_what_was_sent_and_refunded_goes_back(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    placed = await a_placed_order(shop.checkout, [(lamp.variant_id, 1)])
    again = await commands.retry_payment(
        shop.checkout, order_id=placed.order.id, provider="pretend"
    )
    assert again.payment is not None
    shop.card.pay(f"pp_{again.payment.merchant_reference}")
    await commands.check_payment(shop.checkout, again.payment.id)
    await ship(shop.checkout, placed.order.id)
    await shop.refund(placed)
    await shop.work()
    assert (await shop.look(placed)).order.status is OrderStatus.REFUNDED

    assert await pay(shop.checkout, placed) == "refund_requested"

    after = await shop.look(placed)
    assert [row.reason for row in after.refunds] == ["we are sorry", "duplicate_payment"]
    assert await counters(shop.db, lamp.variant_id) == (9, 0, 0)
    await shop.sound()


async def test_a_preview_is_what_the_refund_then_is(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1999)
    order = await shop.buy((lamp.variant_id, 3))
    wish = Wish(lines=((order.lines[0].id, 2),), has_shipping=True)
    before = await count_rows(shop.db)

    [planned] = await commands.preview_refund(shop.checkout, order_id=order.order.id, wish=wish)

    assert await count_rows(shop.db) == before
    made = await shop.refund(order, lines=wish.lines, has_shipping=True)
    [refund], [line] = made.refunds, made.refund_lines
    [share] = planned.shares
    assert refund.amount_minor == planned.amount_minor == 3998 + order.order.shipping_minor
    assert refund.shipping_minor == planned.shipping_minor
    assert (line.quantity, line.net_minor, line.tax_minor) == (
        share.quantity,
        share.net_minor,
        share.tax_minor,
    )


async def test_a_refund_that_failed_frees_its_units_and_is_tried_again_once(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 1))
    asked = await shop.refund(order, lines=((order.lines[0].id, 1),))
    shop.card.refuse_next = InvalidRequest("too old", code="too_old")
    await shop.work()

    failed = await shop.look(order)
    assert [(row.state.value, row.failure_code) for row in failed.refunds] == [
        ("failed", "too_old")
    ]
    assert failed.order.status is OrderStatus.PAID
    assert failed.lines[0].left_quantity == 1
    assert failed.payment is not None
    assert failed.payment.review_reason == "refund_failed: too_old"
    await shop.sound()

    for _ in range(2):
        await commands.retry_refund(
            shop.checkout, order_id=order.order.id, refund_id=asked.refunds[0].id, actor=STAFF
        )
    await shop.work()

    after = await shop.look(order)
    assert states(after) == [("failed", 1000), ("succeeded", 1000)]
    assert after.refunds[1].retry_of == after.refunds[0].id
    assert after.payment is not None
    assert after.payment.review_reason is None
    with pytest.raises(RefundNotRetryable):
        await commands.retry_refund(
            shop.checkout, order_id=order.order.id, refund_id=after.refunds[1].id, actor=STAFF
        )
    await shop.sound()


async def test_a_failed_refund_whose_units_went_back_otherwise_is_not_tried_again(
    shop: Shop,
) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 1))
    asked = await shop.refund(order)
    shop.card.refuse_next = InvalidRequest("too old", code="too_old")
    await shop.work()
    await shop.refund(order)

    with pytest.raises(RefundExceedsPaid):
        await commands.retry_refund(
            shop.checkout, order_id=order.order.id, refund_id=asked.refunds[0].id, actor=STAFF
        )

    await shop.work()
    assert (await shop.look(order)).order.status is OrderStatus.REFUNDED
    await shop.sound()


async def test_a_transfer_goes_back_when_staff_have_paid_it_out(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await a_paid_order(shop.checkout, [(lamp.variant_id, 1)])
    asked = await shop.refund(order, amount=Money(100, "USD"))
    await shop.work()
    assert states(await shop.look(order)) == [("requested", 100)]

    effects = [
        (
            await commands.confirm_refund(
                shop.checkout, order_id=order.order.id, refund_id=asked.refunds[0].id, actor=STAFF
            )
        ).effect
        for _ in range(2)
    ]

    assert effects == ["refunded", "unchanged"]
    after = await shop.look(order)
    assert after.order.refunded_minor == 100
    assert after.order.status is OrderStatus.PARTIALLY_REFUNDED
    assert after.order.changed_by == STAFF.name
    await shop.sound()


async def test_a_card_refund_is_not_confirmed_by_hand(shop: Shop) -> None:
    lamp = await a_product(shop.db)
    order = await shop.buy((lamp.variant_id, 1))
    asked = await shop.refund(order)

    with pytest.raises(RefundNotConfirmable):
        await commands.confirm_refund(
            shop.checkout, order_id=order.order.id, refund_id=asked.refunds[0].id, actor=STAFF
        )

    assert states(await shop.look(order)) == [("requested", order.order.total_minor)]


async def test_canceling_while_a_refund_is_under_way_sends_the_rest_back_once(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 2))
    await shop.refund(order, lines=((order.lines[0].id, 1),))

    await commands.cancel_order(
        shop.checkout, order_id=order.order.id, reason=CancelReason.STAFF, actor=STAFF
    )
    await shop.sound()
    await shop.work()

    after = await shop.look(order)
    total = order.order.total_minor
    assert states(after) == [("succeeded", 1000), ("succeeded", total - 1000)]
    assert after.order.status is OrderStatus.REFUNDED
    assert await shop.ledger(order) == {}
    assert await counters(shop.db, lamp.variant_id) == (10, 0, 0)
    await shop.sound()


async def test_what_was_refunded_in_full_and_never_sent_is_taken_back_by_staff(shop: Shop) -> None:
    lamp = await a_product(shop.db)
    order = await shop.buy((lamp.variant_id, 2))
    await shop.refund(order)
    await shop.work()
    assert await counters(shop.db, lamp.variant_id) == (10, 2, 0)

    with pytest.raises(OrderNotCancelable):
        await commands.cancel_order(
            shop.checkout, order_id=order.order.id, reason=CancelReason.BUYER, actor=BUYER
        )
    await commands.cancel_order(
        shop.checkout, order_id=order.order.id, reason=CancelReason.STAFF, actor=STAFF
    )

    after = await shop.look(order)
    assert after.order.canceled_at is not None
    assert after.order.status is OrderStatus.REFUNDED
    assert states(after) == [("succeeded", order.order.total_minor)]
    assert await counters(shop.db, lamp.variant_id) == (10, 0, 0)
    await shop.sound()


# --- parts of orders -----------------------------------------------------------------------------


async def test_a_part_of_a_paid_order_frees_its_units_and_sends_its_money_back(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000, on_hand={"main": 2, "annex": 3})
    mug = await a_product(shop.db, price=777)
    order = await shop.buy((lamp.variant_id, 4), (mug.variant_id, 1))
    assert await counters(shop.db, lamp.variant_id) == (5, 4, 0)

    part = await shop.drop(order, 3, 0)

    assert part.order.status is OrderStatus.PAID
    assert (part.order.total_minor, part.order.canceled_minor) == (order.order.total_minor, 3000)
    assert [line.canceled_quantity for line in part.lines] == [3, 0]
    assert states(part) == [("requested", 3000)]
    assert await counters(shop.db, lamp.variant_id) == (5, 1, 0)
    await shop.sound()
    await shop.work()
    after = await shop.look(order)
    assert after.order.status is OrderStatus.PAID
    assert after.order.refunded_minor == 3000
    assert await shop.ledger(order) == {
        "provider_clearing:pretend": order.order.total_minor - 3000,
        "sales": -833 - 647,
        "shipping_income": -492,
        "tax_payable": -(order.order.total_minor - 3000 - 833 - 647 - 492),
    }
    await shop.sound()


async def test_what_is_left_after_a_part_can_be_refunded_and_no_more(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 3))
    await shop.drop(order, 1)

    with pytest.raises(UnitsNotRefundable):
        await shop.refund(order, lines=((order.lines[0].id, 3),))
    await shop.refund(order)
    await shop.work()

    after = await shop.look(order)
    assert after.order.refunded_minor == order.order.total_minor
    assert after.order.status is OrderStatus.REFUNDED
    assert await shop.ledger(order) == {}
    await shop.sound()


async def test_a_part_of_a_partly_refunded_order_leaves_it_so(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 3))
    await shop.refund(order, lines=((order.lines[0].id, 1),))
    await shop.work()

    part = await shop.drop(order, 1)

    assert part.order.status is OrderStatus.PARTIALLY_REFUNDED
    await shop.sound()
    await shop.work()
    assert (await shop.look(order)).order.status is OrderStatus.PARTIALLY_REFUNDED
    await shop.sound()


async def test_a_part_and_then_the_rest_is_a_canceled_order(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 3))

    await shop.drop(order, 2)
    rest = await shop.drop(order, 1)

    assert rest.order.canceled_at is not None
    assert states(rest) == [("requested", 2000), ("requested", order.order.total_minor - 2000)]
    assert await counters(shop.db, lamp.variant_id) == (10, 0, 0)
    with pytest.raises(OrderNotCancelable):
        await shop.drop(order, 1)
    await shop.work()
    assert await shop.ledger(order) == {}
    await shop.sound()


async def test_a_part_of_an_unpaid_order_lowers_what_is_due(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000, on_hand={"main": 1, "annex": 9})
    order = await a_placed_order(shop.checkout, [(lamp.variant_id, 10)])

    part = await shop.drop(order, 4, by=BUYER)

    assert await counters(shop.db, lamp.variant_id) == (10, 0, 6)
    assert part.reserved_until == order.reserved_until
    assert part.payment is not None
    assert order.payment is not None
    assert part.payment.id != order.payment.id
    assert part.payment.requested_minor == order.order.total_minor - 4000
    assert part.order.status is OrderStatus.PENDING_PAYMENT
    await shop.sound()
    assert await pay(shop.checkout, part) == "paid"
    after = await shop.look(order)
    assert after.order.status is OrderStatus.PAID
    assert await counters(shop.db, lamp.variant_id) == (10, 6, 0)
    await shop.sound()


async def test_what_was_canceled_before_it_was_sold_is_not_invoiced(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await a_placed_order(shop.checkout, [(lamp.variant_id, 3)])
    await shop.drop(order, 1)
    assert await pay(shop.checkout, order) == "paid"
    await shop.drop(order, 1)
    paid = await shop.look(order)
    for refund in paid.refunds:
        await commands.confirm_refund(
            shop.checkout, order_id=order.order.id, refund_id=refund.id, actor=STAFF
        )

    # An invoice and the note for the unit that was sold; the excess was never a sale.
    assert await documents.issue_due(shop.db, limit=9) == 2

    slip = await documents.issue(
        shop.db, order_id=order.order.id, kind=DocumentKind.PACKING_SLIP, actor="staff"
    )
    async with shop.db.connection() as connection:
        rows = await connection.raw.fetch("SELECT kind, total_minor FROM documents ORDER BY id")
    total = order.order.total_minor
    assert [tuple(row) for row in rows[:2]] == [("invoice", total - 1000), ("credit_note", 1000)]
    assert [line.quantity for line in slip.document.content.lines] == [1]
    await shop.sound()


async def test_money_for_the_whole_of_a_lowered_order_goes_back_in_part(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await a_placed_order(shop.checkout, [(lamp.variant_id, 3)])
    part = await shop.drop(order, 1)

    assert await pay(shop.checkout, order) == "paid"

    after = await shop.look(order)
    assert after.order.status is OrderStatus.PAID
    assert states(after) == [("requested", 1000)]
    assert after.refunds[0].reason == "paid_more_than_due"
    await shop.sound()
    await commands.confirm_refund(
        shop.checkout, order_id=order.order.id, refund_id=after.refunds[0].id, actor=STAFF
    )
    assert (await shop.look(order)).order.status is OrderStatus.PAID
    assert await pay(shop.checkout, part) == "refund_requested"
    await shop.sound()


async def test_money_after_the_hold_of_a_lowered_order_takes_what_is_due(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000, on_hand=3)
    order = await a_placed_order(shop.checkout, [(lamp.variant_id, 3)])
    part = await shop.drop(order, 1)
    async with shop.db.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET expires_at = store_now() WHERE state = 'active'"
        )
    await commands.expire_reservations(shop.checkout)
    assert await counters(shop.db, lamp.variant_id) == (3, 0, 0)

    assert await pay(shop.checkout, part) == "paid"

    assert await counters(shop.db, lamp.variant_id) == (3, 2, 0)
    await shop.sound()


async def test_a_part_of_an_order_whose_hold_was_swept_is_given_up_too(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000, on_hand=3)
    order = await a_placed_order(shop.checkout, [(lamp.variant_id, 3)])
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE reservations SET expires_at = store_now()")
    await commands.expire_reservations(shop.checkout)

    part = await shop.drop(order, 2)

    assert part.order.status is OrderStatus.PAYMENT_FAILED
    assert part.order.canceled_minor == 2000
    assert await counters(shop.db, lamp.variant_id) == (3, 0, 0)
    again = await commands.retry_payment(
        shop.checkout, order_id=order.order.id, provider="bank_transfer"
    )
    assert again.payment is not None
    assert again.payment.requested_minor == order.order.total_minor - 2000
    assert await counters(shop.db, lamp.variant_id) == (3, 0, 1)
    assert await pay(shop.checkout, again) == "paid"
    await shop.sound()


async def test_a_part_that_cannot_be_given_up_changes_nothing(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    free = await a_product(shop.db, price=10)
    order = await shop.buy((lamp.variant_id, 2), (free.variant_id, 1))
    before = await count_rows(shop.db)

    with pytest.raises(UnitsNotCancelable) as short:
        await shop.drop(order, 3, 0)
    assert short.value.facts == {
        "lines": [{"line_id": str(order.lines[0].id), "requested": 3, "available": 2}]
    }
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE orders SET fulfillment_status = 'processing'")
    with pytest.raises(OrderNotCancelable):
        await shop.drop(order, 1, 0, by=BUYER)
    assert await count_rows(shop.db) == before

    await shop.drop(order, 1, 0)
    assert [line.canceled_quantity for line in (await shop.look(order)).lines] == [1, 0]


async def test_nothing_left_to_pay_is_refused(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=20_000)
    gift = await a_product(shop.db, price=1)
    order = await a_placed_order(shop.checkout, [(lamp.variant_id, 1), (gift.variant_id, 1)])
    async with shop.db.connection() as connection:
        # What a promotion does: a line that costs nothing. Shipping is free at this price.
        await connection.raw.execute(
            "UPDATE order_lines SET discount_minor = 1, net_minor = 0, tax_minor = 0,"
            " gross_minor = 0 WHERE position = 2"
        )
        await connection.raw.execute("UPDATE orders SET discount_minor = 1, total_minor = 20000")

    with pytest.raises(NothingLeft):
        await shop.drop(order, 1, 0)

    assert (await shop.look(order)).order.canceled_minor == 0
    assert await counters(shop.db, lamp.variant_id) == (10, 0, 1)


async def test_a_refund_with_restock_cancels_the_units(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 3))

    made = await commands.refund_order(
        shop.checkout,
        order_id=order.order.id,
        wish=Wish(lines=((order.lines[0].id, 1),), has_shipping=True),
        reason="sold out after all",
        actor=STAFF,
        is_restocked=True,
    )

    assert states(made) == [("requested", 1000), ("requested", order.order.shipping_minor)]
    assert len({row.batch_id for row in made.refunds}) == 1
    assert {row.reason for row in made.refunds} == {"sold out after all"}
    assert made.lines[0].canceled_quantity == 1
    assert await counters(shop.db, lamp.variant_id) == (10, 2, 0)
    await shop.work()
    await shop.sound()


async def test_twenty_refunds_of_one_unit_at_once_ask_for_three(shop: Shop) -> None:
    lamp = await a_product(shop.db, price=1000)
    order = await shop.buy((lamp.variant_id, 3))
    line = order.lines[0].id

    outcomes = await asyncio.gather(
        *(shop.refund(order, lines=((line, 1),)) for _ in range(20)), return_exceptions=True
    )

    assert sum(isinstance(one, UnitsNotRefundable) for one in outcomes) == 17
    assert states(await shop.look(order)) == [("requested", 1000)] * 3
    await shop.sound()
