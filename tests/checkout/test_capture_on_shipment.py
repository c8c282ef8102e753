"""Authorized at checkout, captured when something is sent: nothing is booked before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.checkout.settlements import CancelOrder, TakeEvidence
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.money import Money
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import CancelReason
from surehold.orders.states import FulfillmentEvent
from surehold.payments.model import OperationKind, PaymentState
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.failures import (
    Declined,
    OutcomeUnknown,
    Unavailable,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.fulfillments import a_parcel, move
from tests.builders.orders import STAFF, a_checkout, a_paid_order, look_at, ship
from tests.builders.providers import PretendProvider
from tests.builders.trust import (
    an_authorized_order,
    an_open_order,
    capture_later,
    check,
    provider_id,
    set_up,
)
from tests.support.placing import counters
from tests.support.shop import make_due

P = PaymentState
#: Two units at 20.00 and shipping of 5.90.
TOTAL = 4_590


class Shop:
    """A shop that captures cards when it ships."""

    def __init__(self, db: Database, checkout: Checkout, card: PretendProvider) -> None:
        self.db, self.checkout, self.card = db, checkout, card
        self.variant_id: Any = None

    async def order(self) -> PlacedOrder:
        return await an_authorized_order(self.checkout, self.card, (self.variant_id, 2))

    async def look(self, placed: PlacedOrder) -> PlacedOrder:
        return await look_at(self.checkout, placed.order.id)

    async def ask(self) -> None:
        await make_due(self.db)
        await commands.ask_due_operations(self.checkout)

    async def operations(self, placed: PlacedOrder) -> list[tuple[str, str]]:
        async with self.db.connection() as connection:
            rows = await connection.raw.fetch(
                "SELECT operation.kind, operation.state FROM payment_operations AS operation"
                "  JOIN payments ON payments.id = payment_id"
                " WHERE order_id = $1 ORDER BY operation.id",
                placed.order.id,
            )
        return [tuple(row) for row in rows]

    async def journals(self, placed: PlacedOrder) -> list[str]:
        async with self.db.connection() as connection:
            rows = await connection.raw.fetch(
                "SELECT kind FROM ledger_journals WHERE order_id = $1 ORDER BY kind",
                placed.order.id,
            )
        return [row["kind"] for row in rows]


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    await capture_later(db)
    card = PretendProvider()
    async with a_checkout(db, providers=Providers([card, BankTransfer()])) as checkout:
        made = Shop(db, checkout, card)
        made.variant_id = (await a_product(db, price=2_000, on_hand=10)).variant_id
        yield made
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


def labels(placed: PlacedOrder) -> tuple[str, str, str]:
    order = placed.order
    return order.status.value, order.payment_status.value, order.fulfillment_status.value


async def test_an_authorized_order_is_confirmed_and_nothing_is_booked(shop: Shop) -> None:
    placed = await shop.order()

    assert labels(placed) == ("confirmed", "authorized", "unfulfilled")
    assert placed.payment is not None
    assert (placed.payment.state, placed.payment.authorized_minor) == (P.AUTHORIZED, TOTAL)
    assert await counters(shop.db, shop.variant_id) == (10, 2, 0)
    assert await shop.journals(placed) == []
    assert labels(await check(shop.checkout, placed)) == labels(placed)


async def test_the_first_parcel_captures_all_of_it_once(shop: Shop) -> None:
    placed = await shop.order()
    first = await a_parcel(shop.checkout, placed, 1)
    second = await a_parcel(shop.checkout, placed, 1)

    await move(shop.checkout, first, FulfillmentEvent.SHIP)

    sent = await shop.look(placed)
    assert labels(sent) == ("shipped", "authorized", "partially_shipped")
    assert sent.order.owed_minor == TOTAL
    assert await shop.operations(placed) == [("create", "succeeded"), ("capture", "pending")]
    await move(shop.checkout, second, FulfillmentEvent.SHIP)
    await shop.ask()
    await shop.ask()

    after = await shop.look(placed)
    assert labels(after) == ("shipped", "paid", "shipped")
    assert (after.order.owed_minor, after.order.paid_minor) == (0, TOTAL)
    assert await shop.operations(placed) == [("create", "succeeded"), ("capture", "succeeded")]
    assert await shop.journals(placed) == ["capture", "receivable", "receivable_paid", "sale"]


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(shop: Shop) -> None:
    placed = await shop.order()
    await ship(shop.checkout, placed.order.id)
    shop.card.fail_next = OutcomeUnknown("no answer")

    await shop.ask()
    after = await shop.look(placed)

    # The provider was read at once, and had taken it.
    assert labels(after) == ("shipped", "paid", "shipped")
    assert placed.payment is not None
    assert shop.card.keys.count(f"capture-{placed.payment.id}") == 1


async def test_a_webhook_that_is_faster_than_the_answer_books_it_once(shop: Shop) -> None:
    placed = await shop.order()
    await ship(shop.checkout, placed.order.id)
    shop.card.pay(provider_id(placed))
    await check(shop.checkout, placed)

    await shop.ask()

    assert await shop.operations(placed) == [("create", "succeeded"), ("capture", "succeeded")]
    assert (await shop.look(placed)).order.paid_minor == TOTAL


async def test_a_refused_capture_is_for_a_person_and_the_money_is_owed(shop: Shop) -> None:
    placed = await shop.order()
    await ship(shop.checkout, placed.order.id)
    shop.card.refuse_next = Declined("no", code="expired_card")

    await shop.ask()

    after = await shop.look(placed)
    assert after.payment is not None
    assert after.payment.review_reason == "capture_failed: expired_card"
    assert labels(after) == ("shipped", "authorized", "shipped")
    assert after.order.owed_minor == TOTAL
    assert await shop.operations(placed) == [("create", "succeeded"), ("capture", "declined")]


async def test_canceling_lets_the_authorization_go(shop: Shop) -> None:
    placed = await shop.order()

    await commands.cancel_order(
        shop.checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=BUYER
    )
    await shop.ask()

    after = await shop.look(placed)
    assert labels(after) == ("canceled", "failed", "unfulfilled")
    assert after.payment is not None
    assert (after.payment.state, after.payment.review_reason) == (P.VOIDED, None)
    assert await shop.operations(placed) == [("create", "succeeded"), ("void", "succeeded")]
    assert await counters(shop.db, shop.variant_id) == (10, 0, 0)
    assert await shop.journals(placed) == []


async def test_what_was_sent_is_not_canceled(shop: Shop) -> None:
    placed = await shop.order()
    await ship(shop.checkout, placed.order.id)

    with pytest.raises(OrderNotCancelable):
        await commands.cancel_order(
            shop.checkout, order_id=placed.order.id, reason=CancelReason.STAFF, actor=STAFF
        )


async def test_an_authorization_that_lapses_puts_the_order_on_hold(shop: Shop) -> None:
    placed = await shop.order()
    shop.card.lapse(provider_id(placed))

    lapsed = await check(shop.checkout, placed)

    assert labels(lapsed) == ("payment_failed", "failed", "unfulfilled")
    assert lapsed.payment is not None
    assert lapsed.payment.review_reason == "authorization_lapsed"
    assert await counters(shop.db, shop.variant_id) == (10, 2, 0)
    # It is a person's to decide about, not the sweeper's; or its buyer pays again.
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE orders SET placed_at = placed_at - interval '9 days'")
    assert await commands.cancel_unpaid_orders(shop.checkout) == 0
    again = await commands.retry_payment(
        shop.checkout, order_id=placed.order.id, provider="pretend"
    )
    shop.card.authorize(provider_id(again))
    after = await check(shop.checkout, again)
    assert labels(after) == ("confirmed", "authorized", "unfulfilled")
    assert [row.review_reason for row in after.payments] == [None, None]
    assert await counters(shop.db, shop.variant_id) == (10, 2, 0)


async def test_a_look_that_came_to_nothing_is_taken_again_within_minutes(shop: Shop) -> None:
    await shop.order()
    shop.card.fail_next = Unavailable("down")
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE payments SET next_check_at = store_now()")

    assert await commands.check_due_payments(shop.checkout) == 1
    missed = await minutes_to_check(shop)
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE payments SET next_check_at = store_now()")
    assert await commands.check_due_payments(shop.checkout) == 1

    assert (missed, await minutes_to_check(shop)) == (10, 24 * 60)


async def minutes_to_check(shop: Shop) -> int:
    async with shop.db.connection() as connection:
        return int(
            await connection.raw.fetchval(
                "SELECT round(extract(epoch FROM next_check_at - store_now()) / 60) FROM payments"
            )
        )


async def test_less_is_kept_of_what_was_authorized(shop: Shop) -> None:
    placed = await shop.order()
    await commands.cancel_part(
        shop.checkout,
        order_id=placed.order.id,
        lines=((placed.lines[0].id, 1),),
        reason=CancelReason.BUYER,
        actor=BUYER,
    )
    await ship(shop.checkout, placed.order.id)

    await shop.ask()

    after = await shop.look(placed)
    assert labels(after) == ("shipped", "paid", "shipped")
    assert [(row.amount_minor, row.reason) for row in after.refunds] == [
        (2_000, "paid_more_than_due")
    ]


async def test_an_authorization_after_the_hold_takes_the_goods_again(shop: Shop) -> None:
    placed = await _given_up(shop)
    shop.card.authorize(provider_id(placed))

    after = await check(shop.checkout, placed)

    assert labels(after) == ("confirmed", "authorized", "unfulfilled")
    assert await counters(shop.db, shop.variant_id) == (10, 2, 0)


async def test_an_authorization_for_what_is_gone_is_let_go(shop: Shop) -> None:
    placed = await _given_up(shop)
    await a_paid_order(shop.checkout, [(shop.variant_id, 10)])
    shop.card.authorize(provider_id(placed))

    after = await check(shop.checkout, placed)
    await shop.ask()

    assert after.order.cancel_reason is CancelReason.SOLD_OUT_AFTER_PAYMENT
    after = await shop.look(placed)
    assert after.payment is not None
    assert (after.order.status.value, after.payment.state) == ("canceled", P.VOIDED)
    assert await shop.journals(placed) == []


async def _given_up(shop: Shop) -> PlacedOrder:
    placed = await an_open_order(shop.checkout, (shop.variant_id, 2))
    await shop.checkout.settling.submit(CancelOrder(placed.order.id, CancelReason.UNPAID, STAFF))
    async with shop.db.connection() as connection:
        # Nobody has told the provider yet.
        await connection.raw.execute(
            "UPDATE payment_operations SET state = 'declined', next_attempt_at = NULL,"
            " ended_at = store_now() WHERE kind = $1",
            OperationKind.VOID.value,
        )
    return placed


async def test_an_authorization_of_a_canceled_order_is_let_go(shop: Shop) -> None:
    placed = await an_open_order(shop.checkout, (shop.variant_id, 2))
    shop.card.authorize(provider_id(placed))
    await commands.cancel_order(
        shop.checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=BUYER
    )

    await check(shop.checkout, placed)
    await shop.ask()

    after = await shop.look(placed)
    assert after.payment is not None
    assert after.payment.state is P.VOIDED
    assert await counters(shop.db, shop.variant_id) == (10, 0, 0)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"authorized": Money(TOTAL - 1, "USD")}, "amount_mismatch"),
        ({"authorized": Money(TOTAL, "EUR")}, "amount_mismatch"),
        ({"requested": Money(TOTAL, "EUR")}, "currency_mismatch"),
        ({"merchant_reference": "SH0"}, "reference_mismatch"),
    ],
)
async def test_what_does_not_match_is_held_for_a_person(
    shop: Shop, told: dict[str, Any], reason: str
) -> None:
    placed = await an_open_order(shop.checkout, (shop.variant_id, 2))
    shop.card.authorize(provider_id(placed))
    before = shop.card.payments[provider_id(placed)]
    shop.card.payments[provider_id(placed)] = msgspec.structs.replace(before, **told)

    after = await check(shop.checkout, placed)

    assert after.payment is not None
    assert after.payment.review_reason == reason
    assert labels(after) == ("pending_payment", "pending", "unfulfilled")


async def test_a_setting_that_changes_meanwhile_changes_no_payment(shop: Shop) -> None:
    placed = await an_open_order(shop.checkout, (shop.variant_id, 2))
    await set_up(shop.db, capture={})
    shop.card.authorize(provider_id(placed))

    assert labels(await check(shop.checkout, placed)) == (
        "confirmed",
        "authorized",
        "unfulfilled",
    )


async def test_what_is_captured_at_once_is_a_sale_at_once(shop: Shop) -> None:
    placed = await an_open_order(shop.checkout, (shop.variant_id, 2))
    shop.card.pay(provider_id(placed))

    assert labels(await check(shop.checkout, placed)) == ("paid", "paid", "unfulfilled")
    assert await shop.journals(placed) == ["capture", "sale"]


async def test_money_that_its_provider_knows_nothing_of_is_not_given_up_by_a_guess(
    shop: Shop,
) -> None:
    placed = await shop.order()
    shop.card.payments.clear()

    await shop.checkout.settling.submit(CancelOrder(placed.order.id, CancelReason.BUYER, BUYER))
    await shop.ask()

    assert await shop.operations(placed) == [("create", "succeeded"), ("void", "declined")]
    payment = (await shop.look(placed)).payment
    assert payment is not None
    assert (payment.state, payment.review_reason, payment.next_check_at) == (
        P.AUTHORIZED,
        "provider_does_not_know_it",
        None,
    )
    assert await shop.journals(placed) == []


async def test_two_words_in_one_batch_are_two_lines_of_the_history(shop: Shop) -> None:
    placed = await an_open_order(shop.checkout, (shop.variant_id, 2))
    payment = placed.payment
    assert payment is not None
    name = provider_id(placed)
    opened = await shop.card.fetch(name)
    words = [msgspec.structs.replace(opened, state=P.FAILED)]
    for say in (shop.card.authorize, shop.card.lapse):
        say(name)
        words.append(await shop.card.fetch(name))

    async def hear(*snapshots: Any) -> None:
        await asyncio.gather(
            *(
                shop.checkout.settling.submit(TakeEvidence(placed.order.id, payment.id, one))
                for one in snapshots
            )
        )

    await hear(words[0])
    await hear(*words[1:])

    async with shop.db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT from_state, to_state FROM payment_events WHERE payment_id = $1 ORDER BY seq",
            payment.id,
        )
    assert [tuple(row) for row in rows][-3:] == [
        ("requires_action", "failed"),
        ("failed", "authorized"),
        ("authorized", "voided"),
    ]
