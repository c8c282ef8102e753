"""Money that a bank holds, while it holds it: renewed, captured in time, told of, or lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.ids import OrderId
from surehold.orders.errors import OrderNotFulfillable, StatusOutOfReach
from surehold.orders.model import CancelReason
from surehold.orders.states import FulfillmentEvent
from surehold.payments.authorizations import queries
from surehold.payments.authorizations.model import Authorization, AuthorizationLife, CaptureState
from surehold.payments.errors import PaymentNotCapturable
from surehold.payments.model import PaymentState
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.failures import (
    Declined,
    OutcomeUnknown,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.fulfillments import a_parcel, move
from tests.builders.gift_cards import a_gift_card
from tests.builders.orders import (
    STAFF,
    a_checkout,
    a_placement,
    look_at,
    ship,
)
from tests.builders.providers import PretendProvider
from tests.builders.trust import an_open_order, capture_later, check, provider_id, set_up
from tests.checkout.test_capture_on_shipment import TOTAL, Shop, labels
from tests.support.placing import told
from tests.support.shop import make_due

P = PaymentState
DAY = timedelta(days=1)
RENEWABLE = AuthorizationLife(29 * DAY, honored=3 * DAY)


@asynccontextmanager
async def a_shop(db: Database, **able: Any) -> AsyncIterator[Shop]:
    await capture_later(db)
    card = PretendProvider(**able)
    async with a_checkout(db, providers=Providers([card, BankTransfer()])) as checkout:
        made = Shop(db, checkout, card)
        made.variant_id = (await a_product(db, price=2_000, on_hand=10)).variant_id
        yield made
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}


async def held(shop: Shop, placed: PlacedOrder) -> Authorization:
    assert placed.payment is not None
    async with shop.db.connection() as connection:
        (found,) = await queries.list_of_payments(connection, payment_ids=[placed.payment.id])
    return found


async def age(shop: Shop, by: timedelta) -> None:
    """So much time passes for what is held."""
    async with shop.db.connection() as connection:
        await connection.raw.execute(
            "UPDATE payment_authorizations SET begun_at = begun_at - $1::interval,"
            " capture_before = capture_before - $1::interval,"
            " honored_until = honored_until - $1::interval",
            by,
        )


async def facts(shop: Shop) -> list[str]:
    """What was announced of payments."""
    async with shop.db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT topic FROM outbox WHERE topic LIKE 'payment.%' ORDER BY id"
        )
    return [row["topic"] for row in rows]


async def sweep(shop: Shop) -> None:
    """The worker asks what is due, and looks at what is held."""
    await make_due(shop.db)
    await commands.check_due_payments(shop.checkout)
    await make_due(shop.db)
    await commands.ask_due_operations(shop.checkout)


async def capture(shop: Shop, placed: PlacedOrder) -> str:
    assert placed.payment is not None
    outcome = await commands.capture_payment(
        shop.checkout, payment_id=placed.payment.id, actor=STAFF
    )
    return outcome.effect


async def refused(shop: Shop, *, is_sent: bool) -> PlacedOrder:
    """An order whose capture its buyer's bank has refused."""
    placed = await shop.order()
    shop.card.refuse_next = Declined("no", code="expired_card")
    if is_sent:
        await ship(shop.checkout, placed.order.id)
        await shop.ask()
    else:
        await capture(shop, placed)
    return await shop.look(placed)


async def test_how_long_it_is_held_is_the_providers_word_or_what_it_documents(
    db: Database,
) -> None:
    async with a_shop(db) as shop:
        documented = await shop.order()
        told = await an_open_order(shop.checkout, (shop.variant_id, 2))
        kept = await held(shop, documented)
        until = kept.begun_at + 5 * DAY
        shop.card.authorize(provider_id(told), until)
        await check(shop.checkout, told)

        assert kept.capture_before - kept.begun_at == 7 * DAY
        assert documented.payment is not None
        assert documented.payment.next_check_at == kept.begun_at + DAY
        assert (await held(shop, told)).capture_before == until
        async with db.connection() as connection:
            first, second = [
                await queries.list_lapsing(connection, before=until + 3 * DAY, limit=1),
                await queries.list_lapsing(connection, before=until),
            ]
            assert first.next_cursor is not None
            rest = await queries.list_lapsing(
                connection, before=until + 3 * DAY, cursor=first.next_cursor
            )
        assert [row.order_id for row in (*first.items, *rest.items)] == [
            told.order.id,
            documented.order.id,
        ]
        assert second.items == ()


async def test_of_whom_nothing_is_known_three_days_are_believed(db: Database) -> None:
    async with a_shop(db, authorization=None) as shop:
        kept = await held(shop, await shop.order())

        assert kept.capture_before - kept.begun_at == 3 * DAY


async def test_staff_are_told_once_when_four_fifths_are_over(db: Database) -> None:
    async with a_shop(db) as shop:
        placed = await shop.order()
        await age(shop, 5.5 * DAY)
        await sweep(shop)
        before = await facts(shop)
        await age(shop, 0.2 * DAY)
        await sweep(shop)
        await sweep(shop)

        assert (before, await facts(shop)) == ([], ["payment.authorization_lapsing"])
        assert labels(await shop.look(placed)) == ("confirmed", "authorized", "unfulfilled")
        assert (await held(shop, placed)).told_at is not None


async def test_a_store_that_captures_in_time_has_the_money_before_it_sends(db: Database) -> None:
    async with a_shop(db) as shop:
        await set_up(db, lapsing_authorizations="capture")
        placed = await shop.order()
        await age(shop, 6 * DAY)
        await sweep(shop)
        after = await shop.look(placed)
        await ship(shop.checkout, placed.order.id)

        assert labels(after) == ("confirmed", "paid", "unfulfilled")
        assert await shop.operations(placed) == [("create", "succeeded"), ("capture", "succeeded")]
        assert await shop.journals(placed) == ["capture", "sale"]
        assert await facts(shop) == []


async def test_what_is_not_sure_any_more_is_authorized_again_once_for_each_time(
    db: Database,
) -> None:
    async with a_shop(db, authorization=RENEWABLE) as shop:
        placed = await shop.order()
        await age(shop, 3 * DAY)
        await make_due(db)
        await commands.check_due_payments(shop.checkout)
        await make_due(db)
        await commands.check_due_payments(shop.checkout)
        shop.card.fail_next = OutcomeUnknown("no answer")
        await shop.ask()
        await shop.ask()
        once = await held(shop, placed)
        await age(shop, 3 * DAY)
        await sweep(shop)

        assert placed.payment is not None
        number = f"reauthorize-{placed.payment.id}"
        assert [key for key in shop.card.keys if "reauthorize" in key] == [
            f"{number}-1",
            f"{number}-1",
            f"{number}-2",
        ]
        assert once.honored_until is not None
        assert once.honored_until - once.begun_at > 6 * DAY
        assert (once.renewal_count, (await held(shop, placed)).renewal_count) == (1, 2)
        assert await facts(shop) == []


async def test_staff_are_told_of_a_renewal_that_is_refused(db: Database) -> None:
    async with a_shop(db, authorization=RENEWABLE) as shop:
        placed = await shop.order()
        await age(shop, 3 * DAY)
        shop.card.refuse_next = Declined("no", code="INSTRUMENT_DECLINED")
        await sweep(shop)
        await sweep(shop)

        assert await facts(shop) == ["payment.authorization_lapsing"]
        assert await shop.operations(placed) == [
            ("create", "succeeded"),
            ("reauthorize", "declined"),
        ]


async def test_nothing_is_sent_for_money_whose_time_is_over(db: Database) -> None:
    async with a_shop(db) as shop:
        placed = await shop.order()
        parcel = await a_parcel(shop.checkout, placed, 2)
        await age(shop, 7 * DAY)
        with pytest.raises(OrderNotFulfillable):
            await move(shop.checkout, parcel, FulfillmentEvent.SHIP)
        shop.card.lapse(provider_id(placed))
        await sweep(shop)

        after = await shop.look(placed)
        assert labels(after) == ("payment_failed", "failed", "processing")
        assert await facts(shop) == ["payment.authorization_lapsed"]
        assert (await held(shop, placed)).ended_at is not None
        async with db.connection() as connection:
            far = (await held(shop, placed)).capture_before + DAY
            assert (await queries.list_lapsing(connection, before=far)).items == ()


@pytest.mark.parametrize("is_told", [True, False])
async def test_what_a_gift_card_has_paid_does_not_send_the_rest(
    db: Database, *, is_told: bool
) -> None:
    async with a_shop(db) as shop:
        card = await a_gift_card(db, 500, currency="USD")
        placement = a_placement([(shop.variant_id, 2)], provider="pretend")
        placement = msgspec.structs.replace(placement, gift_cards=(card.wish(),))
        answer = await commands.place_order(shop.checkout, placement)
        placed = await look_at(shop.checkout, OrderId(told(answer).order_id))
        shop.card.authorize(provider_id(placed))
        await check(shop.checkout, placed)
        first, rest = [await a_parcel(shop.checkout, placed, 1) for _ in range(2)]
        await move(shop.checkout, first, FulfillmentEvent.SHIP)
        await age(shop, 7 * DAY)
        if is_told:
            shop.card.lapse(provider_id(placed))
            await shop.ask()

        with pytest.raises(OrderNotFulfillable):
            await move(shop.checkout, rest, FulfillmentEvent.SHIP)
        after = await shop.look(placed)
        assert (after.order.owed_minor, after.order.paid_minor) == (TOTAL - 500, 500)


async def test_staff_try_a_refused_capture_again(db: Database) -> None:
    async with a_shop(db) as shop:
        placed = await refused(shop, is_sent=True)
        assert await facts(shop) == ["payment.capture_refused"]

        assert await capture(shop, placed) == "paid"
        assert await capture(shop, placed) == "unchanged"

        after = await shop.look(placed)
        assert labels(after) == ("shipped", "paid", "shipped")
        assert after.payment is not None
        assert (after.payment.review_reason, after.order.owed_minor) == (None, 0)
        assert [key for key in shop.card.keys if "capture" in key] == [
            f"capture-{after.payment.id}",
            f"capture-{after.payment.id}-2",
        ]


async def test_nothing_is_sent_for_money_that_was_refused(db: Database) -> None:
    async with a_shop(db) as shop:
        placed = await refused(shop, is_sent=False)

        with pytest.raises(StatusOutOfReach):
            await ship(shop.checkout, placed.order.id)
        assert (await held(shop, placed)).capture_state is CaptureState.REFUSED
        assert await capture(shop, placed) == "paid"
        await ship(shop.checkout, placed.order.id)

        assert labels(await shop.look(placed)) == ("shipped", "paid", "shipped")


@pytest.mark.parametrize("is_sent", [True, False])
async def test_a_buyer_whose_bank_refused_pays_another_way(db: Database, *, is_sent: bool) -> None:
    async with a_shop(db) as shop:
        placed = await refused(shop, is_sent=is_sent)
        again = await commands.retry_payment(
            shop.checkout, order_id=placed.order.id, provider="pretend"
        )
        shop.card.pay(provider_id(again))
        await check(shop.checkout, again)
        await shop.ask()

        after = await shop.look(placed)
        assert labels(after)[1] == "paid"
        assert [(row.state, row.review_reason) for row in after.payments] == [
            (P.VOIDED, None),
            (P.CAPTURED, None),
        ]
        assert (after.order.owed_minor, after.order.paid_minor) == (0, TOTAL)
        assert after.refunds == ()


async def test_a_capture_of_what_had_lapsed_asks_the_buyer_again(db: Database) -> None:
    async with a_shop(db) as shop:
        placed = await shop.order()
        await ship(shop.checkout, placed.order.id)
        shop.card.lapse(provider_id(placed))
        await shop.ask()
        lapsed = await shop.look(placed)
        again = await commands.retry_payment(
            shop.checkout, order_id=placed.order.id, provider="pretend"
        )
        shop.card.pay(provider_id(again))
        await check(shop.checkout, again)

        assert lapsed.payment is not None
        assert (lapsed.payment.state, lapsed.payment.review_reason, lapsed.order.owed_minor) == (
            P.VOIDED,
            "authorization_lapsed",
            TOTAL,
        )
        assert await shop.operations(placed) == [
            ("create", "succeeded"),
            ("capture", "declined"),
            ("create", "succeeded"),
        ]
        after = await shop.look(placed)
        assert labels(after) == ("shipped", "paid", "shipped")
        assert [row.review_reason for row in after.payments] == [None, None]


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize("is_taken", [True, False])
async def test_money_that_had_lapsed_and_is_there_again_is_what_it_was(
    db: Database, *, is_sent: bool, is_taken: bool
) -> None:
    async with a_shop(db) as shop:
        placed = await shop.order()
        if is_sent:
            await ship(shop.checkout, placed.order.id)
        shop.card.lapse(provider_id(placed))
        await shop.ask()
        await check(shop.checkout, placed)
        lapsed = await shop.look(placed)
        shop.card.authorize(provider_id(placed))
        if is_taken:
            shop.card.take(provider_id(placed), TOTAL)
        await check(shop.checkout, placed)
        await shop.ask()

        assert lapsed.payment is not None
        assert lapsed.payment.review_reason == "authorization_lapsed"
        after = await shop.look(placed)
        assert after.payment is not None
        is_paid = is_sent or is_taken
        assert labels(after)[1] == ("paid" if is_paid else "authorized")
        assert (after.payment.review_reason, after.order.owed_minor) == (None, 0)
        assert after.order.paid_minor == TOTAL * is_paid


async def test_what_is_not_held_is_not_captured(db: Database) -> None:
    async with a_shop(db) as shop:
        placed = await shop.order()
        await commands.cancel_order(
            shop.checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=BUYER
        )
        with pytest.raises(PaymentNotCapturable):
            await capture(shop, placed)
        await age(shop, 6 * DAY)
        assert labels(await check(shop.checkout, placed))[0] == "canceled"
        assert await facts(shop) == []
        await shop.ask()
        with pytest.raises(PaymentNotCapturable):
            await capture(shop, placed)

        assert await shop.operations(placed) == [("create", "succeeded"), ("void", "succeeded")]


async def test_what_is_held_once_more_for_a_canceled_order_is_let_go_once_more(
    db: Database,
) -> None:
    async with a_shop(db) as shop:
        placed = await shop.order()
        await commands.cancel_order(
            shop.checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=BUYER
        )
        await shop.ask()
        shop.card.authorize(provider_id(placed))
        await check(shop.checkout, placed)
        await shop.ask()

        after = await shop.look(placed)
        assert after.payment is not None
        assert after.payment.state is P.VOIDED
        assert shop.card.payments[provider_id(placed)].state is P.VOIDED


async def test_what_is_taken_by_itself_is_no_hold_of_ours(db: Database) -> None:
    async with a_shop(db) as shop:
        await set_up(db, capture={})
        placed = await an_open_order(shop.checkout, (shop.variant_id, 2))
        shop.card.authorize(provider_id(placed))

        for _ in range(2):
            after = await check(shop.checkout, placed)
            assert labels(after) == ("pending_payment", "authorized", "unfulfilled")
        with pytest.raises(PaymentNotCapturable):
            await capture(shop, placed)


async def given_up_in_part(shop: Shop) -> PlacedOrder:
    """An order of which its buyer has given one of two units up, and the other was sent."""
    placed = await shop.order()
    await commands.cancel_part(
        shop.checkout,
        order_id=placed.order.id,
        lines=((placed.lines[0].id, 1),),
        reason=CancelReason.BUYER,
        actor=BUYER,
    )
    await ship(shop.checkout, placed.order.id)
    return placed


async def test_a_part_is_captured_and_the_rest_is_let_go(db: Database) -> None:
    async with a_shop(db, can_capture_partially=True) as shop:
        placed = await given_up_in_part(shop)
        shop.card.fail_next = OutcomeUnknown("no answer")
        await shop.ask()
        after = await check(shop.checkout, await shop.look(placed))

        assert labels(after) == ("shipped", "paid", "shipped")
        assert after.payment is not None
        assert (after.payment.captured_minor, after.order.paid_minor) == (2_590, 2_590)
        assert after.refunds == ()
        assert (await held(shop, placed)).capture_minor == 2_590
        assert await shop.journals(placed) == ["capture", "receivable", "receivable_paid", "sale"]


async def test_another_part_than_was_asked_for_is_for_a_person(db: Database) -> None:
    async with a_shop(db, can_capture_partially=True) as shop:
        placed = await given_up_in_part(shop)
        shop.card.take(provider_id(placed), 2_589)
        await shop.ask()

        after = await shop.look(placed)
        assert after.payment is not None
        assert (after.payment.review_reason, after.order.paid_minor) == ("amount_mismatch", 0)
