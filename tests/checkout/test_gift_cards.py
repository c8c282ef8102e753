"""Gift cards in the lanes: they pay a part or all, and what is given up is on them again, once."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.checkout import commands, rules
from surehold.checkout.engine import Checkout
from surehold.checkout.errors import ToPayChanged
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.checkout.rules import Wish
from surehold.checkout.settlements import CancelOrder, TakeEvidence
from surehold.db import Connection, Database
from surehold.db.invariants import check_invariants
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import StockLevel
from surehold.inventory.rules import Admitted
from surehold.kernel.ids import GiftCardId, LocationId, OrderId, VariantId
from surehold.kernel.money import Money
from surehold.orders.documents import commands as documents
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments.errors import AmountNotSupported, ProviderUnknown
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.gift_cards.errors import (
    GiftCardBalanceTooLow,
    GiftCardNotUsable,
    GiftCardPaysTooMuch,
)
from surehold.payments.gift_cards.model import CardWish, GiftCardKind, Purse
from surehold.payments.model import PaymentState
from surehold.payments.providers.amounts import Amounts
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product, change_on_hand
from tests.builders.gift_cards import BuiltGiftCard, a_gift_card, balance_of, entries_of
from tests.builders.orders import STAFF, a_checkout, look_at, pay
from tests.builders.providers import PretendProvider
from tests.support.placing import a_placement, count_rows, counters, told

#: A lamp of 20.00 with shipping of 4.90.
TOTAL = 2_490


async def pass_time(db: Database, by: timedelta = timedelta(days=4)) -> None:
    """Holds, cards and what is to be looked at are so much older. The lanes' clocks stand."""
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET expires_at = expires_at - $1::interval,"
            " is_grace_used = true WHERE state = 'active'",
            by,
        )
        for statement in (
            "UPDATE payments SET next_check_at = next_check_at - $1::interval",
            "UPDATE gift_cards SET expires_at = expires_at - $1::interval",
        ):
            await connection.raw.execute(statement, by)


async def soon(db: Database) -> datetime:
    """An hour from now."""
    async with db.connection() as connection:
        now: datetime = await connection.raw.fetchval("SELECT store_now()")
    return now + timedelta(hours=1)


async def check(db: Database, *, at_rest: bool = False) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection, at_rest=at_rest) == {}


async def buy(checkout: Checkout, variant_id: VariantId, *cards: Any, **facts: Any) -> PlacedOrder:
    """Place an order of one unit that these cards pay, each a card or a wish."""
    wishes = tuple(card.wish() if isinstance(card, BuiltGiftCard) else card for card in cards)
    placement = a_placement(variant_id, gift_cards=wishes, **facts)
    answer = await commands.place_order(checkout, placement)
    return await look_at(checkout, OrderId(told(answer).order_id))


async def cancel(checkout: Checkout, placed: PlacedOrder, reason: CancelReason) -> PlacedOrder:
    return await commands.cancel_order(
        checkout, order_id=placed.order.id, reason=reason, actor=BUYER
    )


def parts(placed: PlacedOrder) -> list[tuple[str, str, int]]:
    """Provider, state and amount of every payment, oldest first."""
    return [(row.provider, row.state.value, row.requested_minor) for row in placed.payments]


async def journals(db: Database) -> list[tuple[str, str, int]]:
    """Kind, account and amount of what the orders posted on cards, deposits and providers."""
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT kind, account, amount_minor FROM ledger_journals AS journal"
            "  JOIN ledger_entries ON journal_id = journal.id"
            " WHERE order_id IS NOT NULL AND kind IN ('capture', 'refund')"
            " ORDER BY journal.id, position"
        )
    return [tuple(row) for row in rows]


@pytest.fixture
async def lamp(db: Database) -> VariantId:
    return (await a_product(db, price=2_000)).variant_id


async def test_a_card_pays_a_part_and_money_the_rest(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)

    placed = await buy(checkout, lamp, card)

    assert parts(placed) == [
        ("gift_card", "authorized", 1_000),
        ("bank_transfer", "requires_action", TOTAL - 1_000),
    ]
    assert placed.payment is not None
    assert placed.payment.provider == "bank_transfer"
    assert placed.order.status is OrderStatus.PENDING_PAYMENT
    assert await balance_of(db, card) == 0
    await check(db)

    assert await pay(checkout, placed) == "paid"

    sold = await look_at(checkout, placed.order.id)
    assert [row.captured_minor for row in sold.payments] == [1_000, TOTAL - 1_000]
    assert (sold.order.status, sold.order.paid_minor) == (OrderStatus.PAID, TOTAL)
    assert await journals(db) == [
        ("capture", "provider_clearing:bank_transfer", TOTAL - 1_000),
        ("capture", "customer_deposits", 1_000 - TOTAL),
        ("capture", "gift_card_liability", 1_000),
        ("capture", "customer_deposits", -1_000),
    ]
    assert await documents.issue_due(db, limit=10) == 1
    await check(db)


async def test_cards_that_pay_all_of_it_ask_nobody(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    first, second = await a_gift_card(db, 1_000), await a_gift_card(db, 5_000)

    placed = await buy(checkout, lamp, first, second)

    assert parts(placed) == [
        ("gift_card", "captured", 1_000),
        ("gift_card", "captured", TOTAL - 1_000),
    ]
    assert placed.order.status is OrderStatus.PAID
    assert await balance_of(db, first) == 0
    assert await balance_of(db, second) == 5_000 - TOTAL + 1_000
    assert await counters(db, lamp) == (10, 1, 0)
    assert await documents.issue_due(db, limit=10) == 1
    await check(db)


async def test_the_answer_of_an_order_paid_by_card_is_kept(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db)
    placement = a_placement(lamp, gift_cards=(card.wish(),))

    first = await commands.place_order(checkout, placement)
    second = await commands.place_order(checkout, placement)

    assert first == second
    assert told(first).status == "paid"
    assert await balance_of(db, card) == 5_000 - TOTAL


async def test_an_order_paid_by_card_is_sold_by_the_worker_if_its_process_died(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db)
    placement = a_placement(lamp, gift_cards=(card.wish(),))
    placed = await checkout.placing.submit(placement)  # and nothing after it
    assert (await look_at(checkout, placed.order_id)).order.status.value == "pending_payment"
    assert await commands.check_due_payments(checkout) == 0

    await pass_time(db, timedelta(minutes=1))
    assert await commands.check_due_payments(checkout) == 1

    assert (await look_at(checkout, placed.order_id)).order.status is OrderStatus.PAID
    answer = await commands.place_order(checkout, placement)
    assert told(answer).status == "paid"
    assert await commands.check_due_payments(checkout) == 0
    await check(db)


async def test_fifty_euros_pay_fifty_euros_under_twenty_checkouts(
    db: Database, checkout: Checkout
) -> None:
    mug = await a_product(db, price=1_510, on_hand=20)  # 20.00 with shipping
    card = await a_gift_card(db, 5_000)

    answers = await asyncio.gather(
        *(
            commands.place_order(checkout, a_placement(mug.variant_id, gift_cards=(card.wish(),)))
            for _ in range(20)
        ),
        return_exceptions=True,
    )

    kinds = [type(answer).__name__ for answer in answers]
    assert kinds == ["Answer"] * 3 + ["GiftCardBalanceTooLow"] * 17
    taken = [-amount for kind, amount, _ in await entries_of(db, card) if kind == "redeem"]
    assert taken == [2_000, 2_000, 1_000]
    assert await balance_of(db, card) == 0
    assert await counters(db, mug.variant_id) == (20, 2, 1)
    await check(db)


async def test_a_card_that_cannot_pay_is_refused_and_nobody_is_told_why(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    good = await a_gift_card(db)
    dollars = await a_gift_card(db, currency="USD")
    old = await a_gift_card(db, expires_at=await soon(db))
    ended = await a_gift_card(db)
    credit = GiftCardKind.STORE_CREDIT
    others = await a_gift_card(db, kind=credit, owner_email="bob@example.com")
    await gift_cards.disable_card(db, card_id=ended.id, actor="test")
    await pass_time(db, timedelta(hours=2))
    before = await count_rows(db)

    with pytest.raises(GiftCardNotUsable) as refusal:
        await buy(checkout, lamp, good, dollars, old, ended, others, CardWish(bytes(32)))

    strange = [f"/gift_cards/{place}" for place in (1, 2, 3, 4, 5)]
    assert refusal.value.facts == {"pointers": strange}
    assert await count_rows(db) == before
    assert await balance_of(db, good) == 5_000


async def test_store_credit_pays_its_owner_however_they_write_their_address(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    credit = await a_gift_card(db, kind=GiftCardKind.STORE_CREDIT, owner_email="mara@example.com")

    placed = await buy(checkout, lamp, credit, email="Mara@Example.com")

    assert placed.order.status is OrderStatus.PAID


async def test_a_card_pays_exactly_what_it_is_told_or_nothing_is_placed(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)

    with pytest.raises(GiftCardBalanceTooLow) as too_low:
        await buy(checkout, lamp, card.wish(1_001))
    with pytest.raises(GiftCardPaysTooMuch) as too_much:
        await buy(checkout, lamp, card.wish(500), (await a_gift_card(db)).wish(TOTAL - 499))
    placed = await buy(checkout, lamp, card.wish(700))

    assert too_low.value.facts == {
        "pointer": "/gift_cards/0",
        "available": {"amount": 1_000, "currency": "EUR"},
    }
    assert too_much.value.facts == {
        "pointer": "/gift_cards/1",
        "left": {"amount": TOTAL - 500, "currency": "EUR"},
    }
    assert parts(placed)[0] == ("gift_card", "authorized", 700)
    assert await balance_of(db, card) == 300
    assert (await count_rows(db))["orders"] == 1


async def test_another_amount_to_pay_than_was_shown_places_nothing(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)

    with pytest.raises(ToPayChanged) as refusal:
        await buy(checkout, lamp, card, expected_to_pay_minor=TOTAL)
    await buy(checkout, lamp, card, expected_to_pay_minor=TOTAL - 1_000)

    assert refusal.value.facts == {
        "expected": {"amount": TOTAL, "currency": "EUR"},
        "to_pay": {"amount": TOTAL - 1_000, "currency": "EUR"},
    }
    assert (await count_rows(db))["orders"] == 1


async def test_who_gets_no_stock_spends_nothing(db: Database, checkout: Checkout) -> None:
    mug = await a_product(db, on_hand=1)
    card = await a_gift_card(db)

    with pytest.raises(InsufficientStock):
        await commands.place_order(
            checkout, a_placement((mug.variant_id, 2), gift_cards=(card.wish(),))
        )

    assert await balance_of(db, card) == 5_000


# --- what is given up ----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [CancelReason.BUYER, CancelReason.UNPAID])
async def test_an_order_given_up_puts_it_on_the_card_again_once(
    db: Database, checkout: Checkout, lamp: VariantId, reason: CancelReason
) -> None:
    card = await a_gift_card(db, 1_000)
    placed = await buy(checkout, lamp, card)

    for _ in range(2):
        await cancel(checkout, placed, reason)
    await cancel(checkout, placed, CancelReason.STAFF)

    assert await entries_of(db, card) == [
        ("issue", 1_000, 1_000),
        ("redeem", -1_000, 0),
        ("release", 1_000, 1_000),
    ]
    await check(db)


async def test_a_hold_that_is_over_gives_the_card_back_and_paying_again_takes_it(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    placed = await buy(checkout, lamp, card)
    await pass_time(db)
    assert await commands.expire_reservations(checkout) == 1
    assert await balance_of(db, card) == 1_000
    await check(db)

    again = await commands.retry_payment(
        checkout, order_id=placed.order.id, provider="bank_transfer"
    )

    assert parts(again)[2:] == [
        ("gift_card", "authorized", 1_000),
        ("bank_transfer", "requires_action", TOTAL - 1_000),
    ]
    assert await pay(checkout, again) == "paid"
    assert await balance_of(db, card) == 0
    await check(db)


async def test_paying_again_asks_for_more_when_the_card_was_spent_elsewhere(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    placed = await buy(checkout, lamp, card)
    await pass_time(db)
    await commands.expire_reservations(checkout)
    await buy(checkout, lamp, card.wish(600))

    again = await commands.retry_payment(
        checkout, order_id=placed.order.id, provider="bank_transfer"
    )

    assert parts(again)[2:] == [
        ("gift_card", "authorized", 400),
        ("bank_transfer", "requires_action", TOTAL - 400),
    ]
    await check(db)


class Coarse(PretendProvider):
    """Writes money in tens."""

    capabilities = msgspec.structs.replace(
        PretendProvider.capabilities,
        amounts=Amounts({"EUR": 2, "USD": 2}, steps={"EUR": 10, "USD": 10}),
    )


async def test_a_rest_that_the_provider_cannot_collect_is_refused_and_costs_nobody_else(
    db: Database, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    async with a_checkout(db, providers=Providers([Coarse(), BankTransfer()])) as checkout:
        odd, fine = await asyncio.gather(
            buy(checkout, lamp, card.wish(5), provider="pretend"),
            buy(checkout, lamp),
            return_exceptions=True,
        )
        reruns = checkout.placing.figures.reruns

    assert isinstance(odd, AmountNotSupported)
    assert isinstance(fine, PlacedOrder)
    assert reruns == 0
    assert await balance_of(db, card) == 1_000
    assert await counters(db, lamp) == (10, 0, 1)
    await check(db)


async def test_paying_again_by_one_who_cannot_collect_the_rest_asks_for_all(
    db: Database, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    async with a_checkout(db, providers=Providers([Coarse(), BankTransfer()])) as checkout:
        placed = await buy(checkout, lamp, card.wish(5))

        again = await commands.retry_payment(
            checkout, order_id=placed.order.id, provider="pretend"
        )

    assert parts(again) == [
        ("gift_card", "voided", 5),
        ("bank_transfer", "voided", TOTAL - 5),
        ("pretend", "requires_action", TOTAL),
    ]
    assert await balance_of(db, card) == 1_000
    await check(db)


@pytest.mark.parametrize("is_left", [True, False])
async def test_late_money_takes_the_card_again_or_goes_back(
    db: Database, checkout: Checkout, lamp: VariantId, *, is_left: bool
) -> None:
    card = await a_gift_card(db, 1_000)
    placed = await buy(checkout, lamp, card)
    await cancel(checkout, placed, CancelReason.UNPAID)
    if not is_left:
        await buy(checkout, lamp, card.wish(1))

    effect = await pay(checkout, placed)

    assert effect == ("paid" if is_left else "refund_requested")
    assert await balance_of(db, card) == (0 if is_left else 999)
    now = await look_at(checkout, placed.order.id)
    assert (now.order.canceled_at is None) is is_left
    assert await counters(db, lamp) == ((10, 1, 0) if is_left else (10, 0, 1))
    await check(db)


async def test_late_money_takes_the_card_again_and_in_the_same_batch_its_buyer_gives_up(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    placed = await buy(checkout, lamp, card)
    await cancel(checkout, placed, CancelReason.UNPAID)
    assert placed.payment is not None
    money = placed.payment
    nothing = Money(0, money.currency)
    captured = ProviderSnapshot(
        provider_payment_id=money.merchant_reference,
        merchant_reference=money.merchant_reference,
        state=PaymentState.CAPTURED,
        requested=money.requested,
        authorized=nothing,
        captured=money.requested,
        refunded=nothing,
        disputed=nothing,
        is_live=True,
    )

    told = await asyncio.gather(
        checkout.settling.submit(TakeEvidence(placed.order.id, money.id, captured, STAFF)),
        checkout.settling.submit(CancelOrder(placed.order.id, CancelReason.BUYER, BUYER)),
    )

    assert [outcome.effect for outcome in told] == ["paid", "canceled"]
    assert checkout.settling.figures.largest_batch == 2
    assert await balance_of(db, card) == 1_000
    assert parts(await look_at(checkout, placed.order.id)) == [
        ("gift_card", "voided", 1_000),
        ("bank_transfer", "captured", TOTAL - 1_000),
        ("gift_card", "captured", 1_000),
    ]
    await check(db)


async def test_goods_gone_after_payment_leave_nothing_on_hold_of_the_card(
    db: Database, checkout: Checkout
) -> None:
    mug = await a_product(db, on_hand=1, price=2_000)
    card = await a_gift_card(db, 1_000)
    placed = await buy(checkout, mug.variant_id, card)
    await pass_time(db)
    await commands.expire_reservations(checkout)
    await change_on_hand(db, mug.variant_id, on_hand=0)

    assert await pay(checkout, placed) == "refund_requested"

    assert await balance_of(db, card) == 1_000


async def test_a_part_given_up_is_not_asked_for_and_a_card_pays_no_more_than_is_due(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 3_000)
    answer = await commands.place_order(
        checkout, a_placement((lamp, 2), gift_cards=(card.wish(),))
    )
    placed = await look_at(checkout, OrderId(told(answer).order_id))
    assert parts(placed) == [
        ("gift_card", "authorized", 3_000),
        ("bank_transfer", "requires_action", 1_490),
    ]

    after = await commands.cancel_part(
        checkout,
        order_id=placed.order.id,
        lines=((placed.lines[0].id, 1),),
        reason=CancelReason.BUYER,
        actor=BUYER,
    )

    # One lamp and the shipping are less than the card was to pay.
    assert after.order.status is OrderStatus.PAID
    assert parts(after) == [
        ("gift_card", "voided", 3_000),
        ("bank_transfer", "voided", 1_490),
        ("gift_card", "captured", TOTAL),
    ]
    assert await balance_of(db, card) == 3_000 - TOTAL
    await check(db)


async def test_a_part_given_up_leaves_less_to_pay_with_money(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    answer = await commands.place_order(
        checkout, a_placement((lamp, 2), gift_cards=(card.wish(),))
    )
    placed = await look_at(checkout, OrderId(told(answer).order_id))

    after = await commands.cancel_part(
        checkout,
        order_id=placed.order.id,
        lines=((placed.lines[0].id, 1),),
        reason=CancelReason.BUYER,
        actor=BUYER,
    )

    assert parts(after) == [
        ("gift_card", "authorized", 1_000),
        ("bank_transfer", "voided", 3_490),
        ("bank_transfer", "requires_action", TOTAL - 1_000),
    ]
    assert await pay(checkout, placed) == "paid"  # the first transfer was under way
    now = await look_at(checkout, placed.order.id)
    assert [row.amount_minor for row in now.refunds] == [2_000]
    assert await pay(checkout, after) == "refund_requested"  # and so was the second
    await check(db)


# --- what goes back ------------------------------------------------------------------------------


async def sold_by_both(checkout: Checkout, lamp: VariantId, card: BuiltGiftCard) -> PlacedOrder:
    placed = await buy(checkout, lamp, card)
    assert await pay(checkout, placed) == "paid"
    return await look_at(checkout, placed.order.id)


async def give_back(checkout: Checkout, placed: PlacedOrder, **facts: Any) -> PlacedOrder:
    amount = facts.pop("amount", None)
    wish = Wish() if amount is None else Wish(amount=Money(amount, "EUR"))
    return await commands.refund_order(
        checkout, order_id=placed.order.id, wish=wish, reason="sorry", actor=STAFF, **facts
    )


async def test_a_refund_goes_to_the_money_first_and_then_to_the_card_at_once(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    sold = await sold_by_both(checkout, lamp, card)
    assert await documents.issue_due(db, limit=10) == 1

    back = await give_back(checkout, sold, amount=1_700)

    assert [(row.amount_minor, row.state.value) for row in back.refunds] == [
        (1_490, "requested"),
        (210, "succeeded"),
    ]
    assert await balance_of(db, card) == 210
    assert ("refund", "gift_card_liability", -210) in await journals(db)
    assert await documents.issue_due(db, limit=10) == 1
    await check(db)


async def test_a_canceled_sale_is_on_the_card_again_and_says_both(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db)
    placed = await buy(checkout, lamp, card)

    after = await cancel(checkout, placed, CancelReason.BUYER)

    assert after.order.status is OrderStatus.REFUNDED
    assert await balance_of(db, card) == 5_000
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT to_status FROM order_events WHERE order_id = $1 ORDER BY seq", after.order.id
        )
    assert [row[0] for row in rows] == ["pending_payment", "paid", "canceled", "refunded"]
    await documents.issue_due(db, limit=10)
    await check(db)


async def test_money_becomes_store_credit_that_pays_its_owner(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, 1_000)
    sold = await sold_by_both(checkout, lamp, card)

    back = await give_back(checkout, sold, is_store_credit=True)

    assert [(row.amount_minor, row.state.value) for row in back.refunds] == [
        (1_490, "succeeded"),
        (1_000, "succeeded"),
    ]
    assert await balance_of(db, card) == 1_000
    async with db.connection() as connection:
        credit = await connection.raw.fetchrow(
            "SELECT id, owner_email, balance_minor, last_four FROM gift_cards"
            " WHERE kind = 'store_credit'"
        )
        event = await connection.raw.fetchval(
            "SELECT payload FROM outbox WHERE topic = 'store_credit.issued'"
        )
    assert tuple(credit)[1:3] == ("mara@example.com", 1_490)
    code = checkout.context.seals.find("gift-card", credit["id"], event["sealed_code"])
    assert code is not None
    assert code.endswith(credit["last_four"])
    owned = BuiltGiftCard(GiftCardId(credit["id"]), code.replace("-", ""))
    spent = await buy(checkout, lamp, owned.wish(400))
    with pytest.raises(GiftCardNotUsable):
        await buy(checkout, lamp, owned, email="bob@example.com")

    # What goes back again is added to the credit that there is.
    assert await pay(checkout, spent) == "paid"
    await give_back(checkout, await look_at(checkout, spent.order.id), is_store_credit=True)

    assert await balance_of(db, owned) == 1_490 - 400 + TOTAL
    await documents.issue_due(db, limit=10)
    await check(db)


async def test_units_that_are_not_sent_become_store_credit_too(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    answer = await commands.place_order(checkout, a_placement((lamp, 2)))
    placed = await look_at(checkout, OrderId(told(answer).order_id))
    await pay(checkout, placed)

    back = await commands.refund_order(
        checkout,
        order_id=placed.order.id,
        wish=Wish(lines=((placed.lines[0].id, 1),)),
        reason="sorry",
        actor=STAFF,
        is_restocked=True,
        is_store_credit=True,
    )

    assert [(row.amount_minor, row.state.value) for row in back.refunds] == [(2_000, "succeeded")]
    assert [row.balance_minor for row in back.cards] == [2_000]
    await check(db)


# --- time and staff ------------------------------------------------------------------------------


async def test_a_card_is_empty_when_its_time_is_over(db: Database) -> None:
    card = await a_gift_card(db, 1_000, expires_at=await soon(db))
    lasting = await a_gift_card(db, 1_000)
    assert await gift_cards.expire_cards(db) == 0
    await pass_time(db, timedelta(hours=2))

    assert await gift_cards.expire_cards(db) == 1
    assert await gift_cards.expire_cards(db) == 0

    assert await balance_of(db, card) == 0
    assert await balance_of(db, lasting) == 1_000
    await check(db)


async def test_what_goes_back_to_an_old_card_can_be_used_for_a_month(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    card = await a_gift_card(db, expires_at=await soon(db))
    placed = await buy(checkout, lamp, card)
    await pass_time(db, timedelta(hours=2))
    assert await gift_cards.expire_cards(db) == 1

    await give_back(checkout, placed, amount=1_000)

    await pass_time(db, timedelta(days=29))
    assert await gift_cards.expire_cards(db) == 0
    await buy(checkout, lamp, card.wish(400))
    await pass_time(db, timedelta(days=2))
    assert await gift_cards.expire_cards(db) == 1
    assert await balance_of(db, card) == 0
    await check(db)


async def test_staff_adjust_within_what_is_there(db: Database) -> None:
    card = await a_gift_card(db, 1_000)
    facts: dict[str, Any] = {"card_id": card.id, "reason": "sorry", "actor": "staff"}

    await gift_cards.adjust_card(db, amount_minor=500, **facts)
    with pytest.raises(GiftCardBalanceTooLow):
        await gift_cards.adjust_card(db, amount_minor=-1_501, **facts)
    changed = await gift_cards.adjust_card(db, amount_minor=-1_500, **facts)

    assert changed.balance_minor == 0
    assert [row[:2] for row in await entries_of(db, card)] == [
        ("issue", 1_000),
        ("adjust", 500),
        ("adjust", -1_500),
    ]
    await check(db)


_PUT = (
    "INSERT INTO gift_card_entries"
    " (id, gift_card_id, kind, amount_minor, reference, actor, balance_minor, created_at)"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gift_cards SET balance_minor = balance_minor + 1",
        "UPDATE gift_card_entries SET amount_minor = amount_minor + 1",
        "DELETE FROM gift_card_entries",
        f"{_PUT} SELECT gen_random_uuid(), id, 'adjust', -9999, id, 'x', 0, now() FROM gift_cards",
        f"{_PUT} SELECT gen_random_uuid(), id, 'issue', 1, id, 'x', 0, now() FROM gift_cards",
    ],
)
async def test_the_database_refuses_a_wrong_balance(db: Database, statement: str) -> None:
    card = await a_gift_card(db)

    async with db.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.raw.execute(statement)

    assert await balance_of(db, card) == 5_000


async def test_a_batch_without_cards_asks_for_none(
    checkout: Checkout, lamp: VariantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def watch(method: str) -> None:
        plain = getattr(Connection, method)

        async def noted(self: Connection, statement: Any, *values: Any) -> Any:
            asked.append(statement.name)
            return await plain(self, statement, *values)

        monkeypatch.setattr(Connection, method, noted)

    watch("all")
    watch("run")
    placed = await buy(checkout, lamp)
    assert await pay(checkout, placed) == "paid"

    assert "payments.insert_payments" in asked
    assert [name for name in asked if "card" in name or "purse" in name or "credit" in name] == []


async def test_nobody_pays_the_rest_by_gift_card(
    db: Database, checkout: Checkout, lamp: VariantId
) -> None:
    with pytest.raises(ProviderUnknown):
        await commands.place_order(checkout, a_placement(lamp, provider="gift_card"))


# --- the decision --------------------------------------------------------------------------------

SKUS = [VariantId(UUID(int=11)), VariantId(UUID(int=12))]
HASHES = [bytes([number]) * 32 for number in range(4)]


@given(st.randoms(use_true_random=False))
def test_decisions_equal_those_of_serving_one_at_a_time(chance: random.Random) -> None:
    stock = {sku: chance.randint(0, 6) for sku in SKUS}
    cards = {
        code: Purse(
            GiftCardId(UUID(bytes=code[:16])),
            GiftCardKind.GIFT_CARD,
            code,
            "0000",
            "EUR",
            chance.randint(0, 9),
            None,
            is_open=chance.random() < 0.9,
            is_lasting=True,
        )
        for code in HASHES[:3]
    }
    requests = [
        rules.Request(
            ((chance.choice(SKUS), chance.randint(1, 2)),),
            paying=rules.Paying(
                due_minor=chance.randint(1, 12),
                currency="EUR",
                email="ada@example.com",
                wishes=tuple(
                    CardWish(code, chance.choice([None, None, 2]))
                    for code in chance.sample(HASHES, chance.choice([0, 1, 1, 2]))
                ),
                expected_minor=chance.choice([None, None, None, 0, 3]),
            ),
        )
        for _ in range(12)
    ]
    before = sum(card.balance_minor for card in cards.values())

    decided = rules.admit(_levels(stock), {}, requests, cards=cards.values())

    one_at_a_time = []
    paid = 0
    for request in requests:
        decision = rules.admit(_levels(stock), {}, [request], cards=cards.values())[0]
        if isinstance(decision, (Admitted, rules.WithCards)):
            for sku, quantity in request.lines:
                stock[sku] -= quantity
        if isinstance(decision, rules.WithCards):
            for part in decision.parts:
                card = cards[part.purse.code_hash]
                left = card.balance_minor - part.amount_minor
                cards[card.code_hash] = _with(card, left)
                paid += part.amount_minor
        one_at_a_time.append(decision)
    assert decided == one_at_a_time
    assert sum(card.balance_minor for card in cards.values()) == before - paid
    assert all(card.balance_minor >= 0 for card in cards.values())


def _levels(stock: dict[VariantId, int]) -> dict[VariantId, tuple[StockLevel, ...]]:
    place = LocationId(UUID(int=99))
    return {sku: (StockLevel(sku, place, count, 0, 0, 0),) for sku, count in stock.items()}


def _with(card: Purse, balance_minor: int) -> Purse:
    import msgspec

    return msgspec.structs.replace(card, balance_minor=balance_minor)
