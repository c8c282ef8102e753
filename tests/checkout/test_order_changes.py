"""Placed orders that are changed before they are sent: less, more, another thing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.errors import NothingLeft, UnitsNotCancelable
from surehold.checkout.model import PlacedOrder
from surehold.checkout.rules import ChangeWish, Wish
from surehold.checkout.rules.fulfilling import Parcel, Pick
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory import commands as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import BackorderKind
from surehold.jobs import outbox
from surehold.kernel.ids import OrderChangeId, OrderLineId, ReturnId, VariantId, new_id
from surehold.kernel.money import Money
from surehold.orders.changes.errors import (
    ChangeAwaitsPayment,
    ChangeNotCancelable,
    DifferenceChanged,
    OrderChangeNotFound,
    OrderNotChangeable,
)
from surehold.orders.changes.model import ChangeState
from surehold.orders.changes.states import CHANGE
from surehold.orders.documents import commands as documents
from surehold.orders.documents import queries as document_queries
from surehold.orders.documents.model import DocumentKind
from surehold.orders.errors import ReturnNotPossible
from surehold.orders.model import CancelReason, ReturnReason
from surehold.orders.states import FulfillmentEvent, ReturnEvent
from surehold.payments.errors import ProviderUnknown
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.failures import (
    Declined,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import (
    STAFF,
    a_checkout,
    a_placed_order,
    begin_payment,
    look_at,
    pay,
    ship,
)
from tests.builders.providers import PretendProvider
from tests.builders.trust import a_due_order, an_authorized_order, capture_later, offer_cash
from tests.support.placing import counters
from tests.support.shop import make_due


class Shop:
    """A checkout with a card that a test drives, a lamp, a mug and a book."""

    def __init__(self, checkout: Checkout, card: PretendProvider, goods: dict[str, Any]) -> None:
        self.checkout = checkout
        self.card = card
        self.db = checkout.db
        self.lamp: VariantId = goods["lamp"]
        self.mug: VariantId = goods["mug"]
        self.book: VariantId = goods["book"]

    async def buy(self, *lines: tuple[Any, int]) -> PlacedOrder:
        """An order that was paid by card."""
        placed = await a_placed_order(self.checkout, lines, provider="pretend")
        begun = await begin_payment(self.checkout, placed)
        assert begun.payment is not None
        self.capture(begun)
        await commands.check_payment(self.checkout, begun.payment.id)
        return await self.look(placed)

    def capture(self, placed: PlacedOrder) -> None:
        """The provider collects the latest payment; nobody heard of it."""
        assert placed.payment is not None
        self.card.pay(f"pp_{placed.payment.merchant_reference}")

    async def pay(self, placed: PlacedOrder) -> str:
        """The buyer pays the latest payment, and the store hears of it."""
        self.capture(placed)
        assert placed.payment is not None
        outcome = await commands.check_payment(self.checkout, placed.payment.id)
        assert outcome is not None
        return outcome.effect

    async def look(self, placed: PlacedOrder) -> PlacedOrder:
        return await look_at(self.checkout, placed.order.id)

    async def change(
        self,
        placed: PlacedOrder,
        *,
        drop: tuple[tuple[OrderLineId, int], ...] = (),
        add: tuple[tuple[VariantId, int], ...] = (),
        **wish: Any,
    ) -> PlacedOrder:
        return await commands.change_order(
            self.checkout,
            order_id=placed.order.id,
            change_id=OrderChangeId(new_id()),
            wish=ChangeWish(drop, add, **wish),
            reason="on the telephone",
            actor=STAFF,
        )

    async def refund(self, placed: PlacedOrder, **wish: Any) -> PlacedOrder:
        return await commands.refund_order(
            self.checkout,
            order_id=placed.order.id,
            wish=Wish(**wish),
            reason="we are sorry",
            actor=STAFF,
        )

    async def cancel(self, placed: PlacedOrder) -> str:
        """Take the latest change back."""
        outcome = await commands.cancel_change(
            self.checkout,
            order_id=placed.order.id,
            change_id=placed.changes[-1].id,
            actor=STAFF,
        )
        return outcome.effect

    async def let_time_pass(self, placed: PlacedOrder) -> int:
        """Every hold of an order is over, and the worker comes by."""
        async with self.db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = store_now() - interval '1 second',"
                " is_grace_used = true WHERE holder_id = $1 AND state = 'active'",
                placed.order.id,
            )
        return await commands.expire_reservations(self.checkout)

    async def work(self) -> None:
        """The worker asks what is due."""
        await make_due(self.db)
        await commands.ask_due_operations(self.checkout)

    async def stock(self) -> tuple[tuple[int, int, int], ...]:
        """What is on hand, owned and held of lamp, mug and book."""
        lamp, mug, book = [
            await counters(self.db, one) for one in (self.lamp, self.mug, self.book)
        ]
        return lamp, mug, book

    async def documents(self, placed: PlacedOrder) -> list[tuple[str, int]]:
        await documents.issue_due(self.db, limit=100)
        async with self.db.connection() as connection:
            rows = await document_queries.list_documents(connection, order_id=placed.order.id)
        return [(row.kind.value, row.total_minor) for row in rows]

    async def sound(self, *, at_rest: bool = False) -> None:
        await outbox.publish(self.db, subscribers=())
        async with self.db.connection() as connection:
            assert await check_invariants(connection, at_rest=at_rest) == {}


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    goods = {
        name: (await a_product(db, price=price, on_hand=5)).variant_id
        for name, price in (("lamp", 2000), ("mug", 500), ("book", 3000))
    }
    card = PretendProvider()
    async with a_checkout(db, providers=Providers([card, BankTransfer()])) as checkout:
        yield Shop(checkout, card, goods)


def line(placed: PlacedOrder, variant_id: VariantId) -> OrderLineId:
    return next(row.id for row in placed.lines if row.variant_id == variant_id)


def standing(placed: PlacedOrder) -> tuple[str, int, int, int]:
    """Status, what was added, what was given up, and what is kept."""
    order = placed.order
    back = sum(row.amount_minor for row in placed.refunds)
    return (
        order.status.value,
        order.added_minor,
        order.canceled_minor,
        order.paid_minor - back,
    )


# --- nothing more is owed -------------------------------------------------------------------


async def test_a_swap_for_less_frees_takes_and_sends_back_the_difference(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    total = order.order.total_minor

    after = await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.mug, 2),))

    assert standing(after) == ("paid", 1000, 2000, total - 1000)
    assert [(row.amount_minor, row.is_excess) for row in after.refunds] == [(1000, True)]
    assert [row.state.value for row in after.changes] == ["applied"]
    assert await shop.stock() == ((5, 1, 0), (5, 2, 0), (5, 0, 0))
    await shop.work()
    assert (await shop.look(order)).order.refunded_minor == 1000
    assert await shop.documents(order) == [
        ("invoice", total),
        ("invoice", 1000),
        ("credit_note", 2000),
    ]
    await shop.sound(at_rest=True)


async def test_an_even_swap_moves_no_money(shop: Shop) -> None:
    order = await shop.buy((shop.mug, 4))

    after = await shop.change(order, drop=((order.lines[0].id, 4),), add=((shop.lamp, 1),))

    assert standing(after) == ("paid", 2000, 2000, order.order.total_minor)
    assert after.refunds == ()
    assert await shop.stock() == ((5, 1, 0), (5, 0, 0), (5, 0, 0))
    assert await shop.documents(order) == [
        ("invoice", order.order.total_minor),
        ("invoice", 2000),
        ("credit_note", 2000),
    ]
    await shop.sound(at_rest=True)


async def test_units_that_are_only_given_up_go_back_like_any_part(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    total = order.order.total_minor

    after = await shop.change(order, drop=((order.lines[0].id, 1),))

    assert standing(after) == ("paid", 0, 2000, total - 2000)
    await shop.work()
    assert await shop.documents(order) == [("invoice", total), ("credit_note", 2000)]
    await shop.sound(at_rest=True)


async def test_what_was_added_is_sent_and_refunded_like_the_rest(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    swapped = await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.mug, 4),))
    mugs = line(swapped, shop.mug)
    again = await shop.change(order, drop=((mugs, 1),), add=((shop.book, 1),))
    assert again.changes[-1].difference_minor == 2500
    assert await shop.pay(again) == "paid"
    await ship(shop.checkout, order.order.id)

    with pytest.raises(OrderNotChangeable):
        await shop.change(order, drop=((mugs, 1),))
    await shop.refund(order, lines=((mugs, 1),))
    await shop.refund(order, lines=((line(again, shop.lamp), 1),))
    await shop.refund(order)
    await shop.work()

    after = await shop.look(order)
    assert after.order.refunded_minor == after.order.paid_minor == order.order.total_minor + 2500
    assert [one for one, _ in await shop.documents(order)].count("credit_note") == 5
    assert await shop.stock() == ((4, 0, 0), (2, 0, 0), (4, 0, 0))
    await shop.sound(at_rest=True)


# --- the difference is paid -----------------------------------------------------------------


async def test_more_is_held_until_it_is_paid_and_then_the_order_has_it(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    total = order.order.total_minor

    waiting = await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.book, 1),))

    assert standing(waiting) == ("paid", 0, 0, total)
    assert waiting.payment is not None
    assert (waiting.payment.requested_minor, waiting.payment.provider) == (1000, "pretend")
    assert [row.state.value for row in waiting.changes] == ["awaiting_payment"]
    assert waiting.reserved_until is None
    assert await shop.stock() == ((5, 2, 0), (5, 0, 0), (5, 0, 1))
    await shop.sound()

    assert await shop.pay(waiting) == "paid"

    after = await shop.look(order)
    assert standing(after) == ("paid", 3000, 2000, total + 1000)
    assert [row.state.value for row in after.changes] == ["applied"]
    async with shop.db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT topic, payload ->> 'difference_minor' AS difference FROM outbox"
            " WHERE topic LIKE 'order_change.%' ORDER BY id"
        )
    assert [tuple(row) for row in rows] == [
        ("order_change.awaiting_payment", "1000"),
        ("order_change.applied", "1000"),
    ]
    assert await shop.stock() == ((5, 1, 0), (5, 0, 0), (5, 1, 0))
    assert await shop.documents(order) == [
        ("invoice", total),
        ("invoice", 3000),
        ("credit_note", 2000),
    ]
    await shop.sound(at_rest=True)


async def test_money_for_a_change_is_taken_once_however_often_it_is_told(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    waiting = await shop.change(order, add=((shop.book, 1),))

    assert [await shop.pay(waiting) for _ in range(2)] == ["paid", "unchanged"]

    assert standing(await shop.look(order))[1:3] == (3000, 0)
    await shop.sound()


async def test_a_change_that_nobody_pays_lapses_and_the_order_is_as_it_was(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    waiting = await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.book, 1),))

    assert await shop.let_time_pass(order) == 1
    assert await shop.let_time_pass(order) == 0

    after = await shop.look(order)
    assert (after.changes[0].state.value, after.changes[0].change_reason) == (
        "lapsed",
        "time is over",
    )
    assert standing(after) == standing(order)
    assert await shop.stock() == ((5, 2, 0), (5, 0, 0), (5, 0, 0))
    await shop.work()
    assert (await shop.look(order)).payments[-1].state.value == "voided"
    assert waiting.payment is not None
    await shop.sound()


async def test_late_money_makes_a_lapsed_change_if_all_is_there(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    waiting = await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.book, 1),))
    await shop.let_time_pass(order)

    assert await shop.pay(waiting) == "paid"

    after = await shop.look(order)
    assert standing(after) == ("paid", 3000, 2000, order.order.total_minor + 1000)
    assert await shop.stock() == ((5, 1, 0), (5, 0, 0), (5, 1, 0))
    await shop.sound()


async def test_late_money_goes_back_when_the_thing_is_gone(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    waiting = await shop.change(order, add=((shop.book, 1),))
    await shop.let_time_pass(order)
    await shop.buy((shop.book, 5))

    assert await shop.pay(waiting) == "refund_requested"

    await shop.work()
    after = await shop.look(order)
    assert standing(after) == standing(order)
    assert [(row.amount_minor, row.reason) for row in after.refunds] == [
        (3000, "order_change_not_possible")
    ]
    assert await shop.documents(order) == [("invoice", order.order.total_minor)]
    await shop.sound(at_rest=True)


async def test_money_goes_back_when_what_was_to_be_given_up_was_sent(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    waiting = await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.book, 1),))
    await ship(shop.checkout, order.order.id)

    assert await shop.pay(waiting) == "refund_requested"

    after = await shop.look(order)
    assert standing(after)[1:] == standing(order)[1:]
    assert after.changes[0].state.value == "lapsed"
    assert await shop.stock() == ((3, 0, 0), (5, 0, 0), (5, 0, 0))
    await shop.sound()


async def test_money_for_more_goes_back_when_the_order_was_sent_meanwhile(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    waiting = await shop.change(order, add=((shop.book, 1),))
    await ship(shop.checkout, order.order.id)

    assert await shop.pay(waiting) == "refund_requested"

    after = await shop.look(order)
    assert (after.order.status.value, after.order.added_minor) == ("shipped", 0)
    assert await shop.stock() == ((4, 0, 0), (5, 0, 0), (5, 0, 0))
    await shop.sound()


async def test_money_goes_back_when_the_given_up_part_is_worth_less_by_then(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    waiting = await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.book, 1),))
    await shop.refund(order, amount=Money(100, "USD"))

    assert await shop.pay(waiting) == "refund_requested"
    await shop.work()

    assert (await shop.look(order)).order.refunded_minor == 1100
    await shop.sound()


async def test_a_declined_card_lets_the_change_go(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    shop.card.fail_next = Declined("no", code="card_declined")

    after = await shop.change(order, add=((shop.book, 1),))

    assert [(row.state.value, row.change_reason) for row in after.changes] == [
        ("lapsed", "it was not paid")
    ]
    assert standing(after) == standing(order)
    assert await shop.stock() == ((5, 1, 0), (5, 0, 0), (5, 0, 0))
    assert (await shop.change(order, add=((shop.mug, 1),))).changes[-1].state.value == (
        "awaiting_payment"
    )
    await shop.sound()


async def test_a_difference_is_paid_by_transfer_as_well(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))

    waiting = await shop.change(order, add=((shop.mug, 1),), provider="bank_transfer")

    assert await pay(shop.checkout, waiting) == "paid"
    assert standing(await shop.look(order))[1] == 500
    await shop.sound()


async def test_a_change_that_is_taken_back_frees_its_units_and_returns_late_money(
    shop: Shop,
) -> None:
    order = await shop.buy((shop.lamp, 1))
    waiting = await shop.change(order, add=((shop.book, 1),))

    assert [await shop.cancel(waiting) for _ in range(2)] == ["canceled", "unchanged"]

    assert await shop.stock() == ((5, 1, 0), (5, 0, 0), (5, 0, 0))
    assert await shop.pay(waiting) == "refund_requested"
    assert standing(await shop.look(order)) == standing(order)
    await shop.sound()


async def test_canceling_the_order_takes_its_change_back_too(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    waiting = await shop.change(order, add=((shop.book, 1),))

    await commands.cancel_order(
        shop.checkout, order_id=order.order.id, reason=CancelReason.STAFF, actor=STAFF
    )

    assert (await shop.look(order)).changes[0].state.value == "canceled"
    assert await shop.stock() == ((5, 0, 0), (5, 0, 0), (5, 0, 0))
    assert await shop.pay(waiting) == "refund_requested"
    await shop.work()
    after = await shop.look(order)
    assert after.order.refunded_minor == after.order.paid_minor == order.order.total_minor + 3000
    await shop.sound()


async def test_a_changed_order_is_canceled_whole(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    await shop.pay(await shop.change(order, add=((shop.book, 1),)))
    await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.mug, 1),))

    await commands.cancel_order(
        shop.checkout, order_id=order.order.id, reason=CancelReason.STAFF, actor=STAFF
    )
    await shop.work()

    after = await shop.look(order)
    assert after.order.refunded_minor == after.order.paid_minor == order.order.total_minor + 3000
    assert await shop.stock() == ((5, 0, 0), (5, 0, 0), (5, 0, 0))
    await shop.documents(order)
    await shop.sound(at_rest=True)


# --- nothing is paid yet --------------------------------------------------------------------


async def test_an_unpaid_order_is_asked_for_what_is_due_now(shop: Shop) -> None:
    placed = await a_placed_order(shop.checkout, [(shop.lamp, 2)])
    total = placed.order.total_minor

    after = await shop.change(placed, drop=((placed.lines[0].id, 1),), add=((shop.book, 1),))

    assert standing(after) == ("pending_payment", 3000, 2000, 0)
    assert [(row.requested_minor, row.state.value) for row in after.payments] == [
        (total, "voided"),
        (total + 1000, "requires_action"),
    ]
    assert await shop.stock() == ((5, 0, 1), (5, 0, 0), (5, 0, 1))
    assert await pay(shop.checkout, after) == "paid"
    assert await shop.stock() == ((5, 1, 0), (5, 0, 0), (5, 1, 0))
    assert await shop.documents(placed) == [("invoice", total + 1000)]
    await shop.sound(at_rest=True)


async def test_money_for_less_than_was_added_is_for_a_person(shop: Shop) -> None:
    placed = await a_placed_order(shop.checkout, [(shop.lamp, 1)])
    after = await shop.change(placed, add=((shop.mug, 1),))

    assert await pay(shop.checkout, placed) == "held_for_review"

    assert (await shop.look(placed)).order.status.value == "pending_payment"
    assert after.payment is not None
    await shop.sound()


# --- what is refused ------------------------------------------------------------------------


async def test_a_change_that_cannot_be_is_refused_and_changes_nothing(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    lamp = order.lines[0].id
    before = (standing(order), await shop.stock())

    with pytest.raises(InsufficientStock) as short:
        await shop.change(order, drop=((lamp, 1),), add=((shop.book, 6), (shop.mug, 6)))
    assert [(row.requested, row.available) for row in short.value.shortages] == [(6, 5), (6, 5)]
    with pytest.raises(UnitsNotCancelable):
        await shop.change(order, drop=((lamp, 2),))
    with pytest.raises(NothingLeft):
        await shop.change(order, drop=((lamp, 1),))
    with pytest.raises(DifferenceChanged) as differs:
        await shop.change(order, add=((shop.mug, 1),), expected=Money(499, "USD"))
    assert differs.value.facts["difference"] == {"amount": 500, "currency": "USD"}
    with pytest.raises(OrderChangeNotFound):
        await commands.cancel_change(
            shop.checkout,
            order_id=order.order.id,
            change_id=OrderChangeId(new_id()),
            actor=STAFF,
        )

    after = await shop.look(order)
    assert (standing(after), await shop.stock()) == before
    assert after.changes == ()


async def test_one_change_waits_at_a_time_and_one_that_was_made_stays(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    waiting = await shop.change(order, add=((shop.mug, 1),))

    with pytest.raises(ChangeAwaitsPayment):
        await shop.change(order, add=((shop.book, 1),))
    await shop.pay(waiting)
    with pytest.raises(ChangeNotCancelable):
        await shop.cancel(waiting)
    await shop.sound()


async def test_what_is_not_there_yet_cannot_be_added(shop: Shop) -> None:
    lantern = await a_product(shop.db, price=900, on_hand=1)
    await inventory.set_backorders(
        shop.db,
        variant_id=lantern.variant_id,
        wish=inventory.BackorderWish(BackorderKind.BACKORDER, 5),
        actor="test",
    )
    order = await shop.buy((shop.lamp, 1))

    with pytest.raises(InsufficientStock) as short:
        await shop.change(order, add=((lantern.variant_id, 3),))

    assert [(row.requested, row.available) for row in short.value.shortages] == [(3, 1)]


async def test_a_preview_says_what_the_change_then_is(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    wish = ChangeWish(((order.lines[0].id, 1),), ((shop.mug, 1),))

    seen = await commands.preview_change(shop.checkout, order_id=order.order.id, wish=wish)

    assert (seen.given_up_minor, seen.added_minor, seen.difference_minor) == (2000, 500, -1500)
    assert (await shop.look(order)).changes == ()
    made = await shop.change(order, drop=wish.give_up, add=wish.add)
    assert made.changes[0].difference_minor == -1500


async def test_a_packing_slip_is_of_what_a_change_left(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))

    async def print_slip() -> list[int]:
        issued = await documents.issue(
            shop.db, order_id=order.order.id, kind=DocumentKind.PACKING_SLIP, actor="test"
        )
        return [row.quantity for row in issued.document.content.lines]

    assert await print_slip() == [2]
    await shop.change(order, drop=((order.lines[0].id, 1),), add=((shop.mug, 1),))
    assert [await print_slip() for _ in range(2)] == [[1, 1], [1, 1]]
    await shop.sound()


async def test_the_database_knows_the_moves_of_a_change(db: Database) -> None:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT from_state, to_state FROM order_change_state_moves"
        )

    known = {(source.value, target.value) for (source, _), target in CHANGE.table.items()}
    assert {tuple(row) for row in rows} == known


@pytest.mark.parametrize("source", ChangeState)
async def test_a_change_makes_no_other_move_and_what_was_agreed_stays(
    shop: Shop, source: ChangeState
) -> None:
    order = await shop.buy((shop.lamp, 1))
    await shop.change(order, add=((shop.mug, 1),))
    known = {(before, target) for (before, _), target in CHANGE.table.items()}
    async with shop.db.connection() as connection:
        for target in ChangeState:
            await connection.raw.execute("SET session_replication_role = replica")
            await connection.raw.execute("UPDATE order_changes SET state = $1", source.value)
            await connection.raw.execute("SET session_replication_role = origin")
            move = connection.raw.execute("UPDATE order_changes SET state = $1", target.value)
            if (source, target) in known:
                await move
            else:
                with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="lead to"):
                    await move
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.raw.execute("UPDATE order_changes SET added_minor = 1")


# --- exchanges ------------------------------------------------------------------------------


async def came_back(shop: Shop, order: PlacedOrder, units: int = 1) -> ReturnId:
    """Units of the first line were sent, came back, and are on the shelf."""
    await ship(shop.checkout, order.order.id)
    line_id, one = order.lines[0].id, ReturnId(new_id())
    about: dict[str, Any] = {"order_id": order.order.id, "return_id": one, "actor": STAFF}
    wanted = Wanted(line_id, units, ReturnReason.DOES_NOT_FIT)
    await commands.request_return(shop.checkout, lines=(wanted,), **about)
    await commands.move_return(shop.checkout, event=ReturnEvent.APPROVE, **about)
    await commands.receive_return(shop.checkout, **about)
    await commands.inspect_return(shop.checkout, judged=(Judged(line_id, units, 0),), **about)
    return one


async def exchange(
    shop: Shop, order: PlacedOrder, one: ReturnId, *add: Any, provider: str | None = None
) -> str:
    return await commands.exchange_return(
        shop.checkout,
        order_id=order.order.id,
        return_id=one,
        change_id=OrderChangeId(new_id()),
        add=add,
        actor=STAFF,
        provider=provider,
    )


async def complete(shop: Shop, order: PlacedOrder, one: ReturnId) -> str:
    return await commands.complete_return(
        shop.checkout, order_id=order.order.id, return_id=one, actor=STAFF
    )


async def test_an_exchange_for_the_same_price_moves_no_money_at_the_bank(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    one = await came_back(shop, order)

    assert await exchange(shop, order, one, (shop.mug, 4)) == "exchanged"
    assert await exchange(shop, order, one, (shop.mug, 4)) == "unchanged"

    after = await shop.look(order)
    total = order.order.total_minor
    assert (after.order.status.value, after.order.fulfillment_status.value) == (
        "partially_refunded",
        "partially_shipped",
    )
    assert [(row.provider, row.captured_minor) for row in after.payments] == [
        ("pretend", total),
        ("gift_card", 2000),
    ]
    assert [card.balance_minor for card in after.cards] == [0]
    assert await shop.stock() == ((4, 0, 0), (5, 4, 0), (5, 0, 0))
    await shop.work()
    assert [row.provider_refund_id for row in (await shop.look(order)).refunds] == [None]
    assert await shop.documents(order) == [
        ("invoice", total),
        ("invoice", 2000),
        ("credit_note", 2000),
    ]
    await shop.sound(at_rest=True)


async def test_what_an_exchange_does_not_need_stays_credit(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    one = await came_back(shop, order)

    await exchange(shop, order, one, (shop.mug, 1))

    after = await shop.look(order)
    assert [card.balance_minor for card in after.cards] == [1500]
    parcels = await commands.open_fulfillments(
        shop.checkout, order_id=order.order.id, pick=Pick(), actor=STAFF
    )
    await commands.move_fulfillment(
        shop.checkout,
        fulfillment_id=parcels.fulfillments[-1].id,
        event=FulfillmentEvent.SHIP,
        actor=STAFF,
        parcel=Parcel("dhl", "T2"),
    )
    assert (await shop.look(order)).order.fulfillment_status.value == "shipped"
    await shop.refund(order, lines=((line(after, shop.mug), 1),))
    assert [card.balance_minor for card in (await shop.look(order)).cards] == [2000]
    await shop.documents(order)
    await shop.sound(at_rest=True)


async def test_an_exchange_that_cannot_be_is_refused_and_changes_nothing(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 2))
    one = await came_back(shop, order)
    before = (standing(await shop.look(order)), await shop.stock())

    with pytest.raises(ProviderUnknown):
        await exchange(shop, order, one, (shop.book, 1), provider="nobody")
    await shop.buy((shop.mug, 5))
    with pytest.raises(InsufficientStock):
        await exchange(shop, order, one, (shop.mug, 1))
    assert standing(await shop.look(order)) == before[0]
    assert (await shop.stock())[0] == before[1][0]

    await complete(shop, order, one)
    with pytest.raises(ReturnNotPossible):
        await exchange(shop, order, one, (shop.lamp, 1))
    assert (await shop.look(order)).changes == ()
    await shop.sound()


async def test_an_exchange_for_something_dearer_waits_for_its_difference(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    one = await came_back(shop, order)
    before = standing(await shop.look(order))

    assert await exchange(shop, order, one, (shop.book, 1)) == "awaiting_payment"
    assert await exchange(shop, order, one, (shop.book, 1)) == "unchanged"

    waiting = await shop.look(order)
    assert standing(waiting) == before
    assert waiting.payment is not None
    assert (waiting.payment.requested_minor, waiting.cards) == (1000, ())
    assert await shop.stock() == ((5, 0, 0), (5, 0, 0), (5, 0, 1))
    with pytest.raises(ChangeAwaitsPayment):
        await complete(shop, order, one)
    await shop.sound()

    assert await shop.pay(waiting) == "paid"

    after = await shop.look(order)
    total = order.order.total_minor
    assert [row.state.value for row in after.changes] == ["applied"]
    assert [(row.provider, row.captured_minor) for row in after.payments] == [
        ("pretend", total),
        ("pretend", 1000),
        ("gift_card", 2000),
    ]
    assert [card.balance_minor for card in after.cards] == [0]
    assert await shop.stock() == ((5, 0, 0), (5, 0, 0), (5, 1, 0))
    assert await complete(shop, order, one) == "unchanged"
    assert sorted(await shop.documents(order)) == [
        ("credit_note", 2000),
        ("invoice", total),
        ("invoice", 3000),
    ]
    await shop.sound(at_rest=True)


async def test_a_dearer_exchange_that_nobody_pays_lapses_and_may_be_made_late(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    one = await came_back(shop, order)
    await exchange(shop, order, one, (shop.book, 1))
    waiting = await shop.look(order)

    assert await shop.let_time_pass(order) == 1
    assert [row.state.value for row in (await shop.look(order)).changes] == ["lapsed"]
    assert await shop.stock() == ((5, 0, 0), (5, 0, 0), (5, 0, 0))
    assert await shop.pay(waiting) == "paid"

    assert [row.state.value for row in (await shop.look(order)).changes] == ["applied"]
    assert await shop.stock() == ((5, 0, 0), (5, 0, 0), (5, 1, 0))
    await shop.work()
    await shop.documents(order)
    await shop.sound(at_rest=True)


async def test_late_money_does_not_overtake_the_exchange_that_was_agreed_since(shop: Shop) -> None:
    order = await shop.buy((shop.lamp, 1))
    one = await came_back(shop, order)
    await exchange(shop, order, one, (shop.book, 1))
    first = await shop.look(order)
    await shop.let_time_pass(order)
    assert await exchange(shop, order, one, (shop.mug, 5)) == "awaiting_payment"
    second = await shop.look(order)

    assert await shop.pay(first) == "refund_requested"

    waiting = await shop.look(order)
    assert [row.state.value for row in waiting.changes] == ["lapsed", "awaiting_payment"]
    assert await shop.pay(second) == "paid"
    assert await shop.stock() == ((5, 0, 0), (5, 5, 0), (5, 0, 0))
    await shop.work()
    await shop.documents(order)
    await shop.sound(at_rest=True)


async def test_the_difference_of_an_exchange_goes_back_where_the_return_was_settled_otherwise(
    shop: Shop,
) -> None:
    order = await shop.buy((shop.lamp, 1))
    one = await came_back(shop, order)
    await exchange(shop, order, one, (shop.book, 1))
    waiting = await shop.look(order)
    await shop.cancel(waiting)
    assert await complete(shop, order, one) == "completed"

    assert await shop.pay(waiting) == "refund_requested"

    await shop.work()
    after = await shop.look(order)
    assert [row.state.value for row in after.changes] == ["canceled"]
    assert sorted((row.amount_minor, row.reason) for row in after.refunds) == [
        (1000, "order_change_not_possible"),
        (2000, "returned"),
    ]
    assert await shop.stock() == ((5, 0, 0), (5, 0, 0), (5, 0, 0))
    again = await shop.look(order)
    assert again.order.refunded_minor == 3000
    await shop.documents(order)
    await shop.sound(at_rest=True)


async def test_goods_that_are_trusted_to_a_payment_to_come_are_not_changed(db: Database) -> None:
    lamp, mug = await a_product(db, price=2_000), await a_product(db, price=500)
    await offer_cash(db)
    card = PretendProvider()
    await capture_later(db, card.name)
    providers = Providers([CashOnDelivery(), card])
    async with a_checkout(db, providers=providers) as checkout:
        at_the_door = await a_due_order(checkout, (lamp.variant_id, 1))
        by_the_bank = await an_authorized_order(checkout, card, (lamp.variant_id, 1))
        paid = await a_due_order(checkout, (mug.variant_id, 1))
        shop = Shop(checkout, card, dict.fromkeys(("lamp", "mug", "book"), mug.variant_id))

        for order in (at_the_door, by_the_bank, paid):
            with pytest.raises(OrderNotChangeable):
                await shop.change(order, add=((mug.variant_id, 1),))

        assert await counters(db, mug.variant_id) == (10, 1, 0)
        await shop.sound()
