"""Goods before money at the door: confirmed, sent and owed, collected once or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.errors import OrderNotPayable
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.checkout.settlements import CancelOrder
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import OrderId, ReturnId, new_id
from surehold.kernel.money import Money
from surehold.orders.errors import OrderNotCancelable
from surehold.orders.model import CancelReason, OrderStatus, PaymentStatus, ReturnReason
from surehold.orders.states import ReturnEvent
from surehold.payments.cash import commands as cash
from surehold.payments.cash import queries as cash_queries
from surehold.payments.cash.errors import CashNotHeld, DepositReferenceUsed
from surehold.payments.errors import (
    CashOnDeliveryNotOffered,
    PaymentNotCollectable,
    PaymentNotConfirmable,
)
from surehold.payments.model import PaymentState
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.fulfillments import reach
from tests.builders.gift_cards import a_gift_card, balance_of
from tests.builders.orders import (
    STAFF,
    a_checkout,
    a_placed_order,
    a_placement,
    look_at,
    pay,
    ship,
)
from tests.builders.providers import PretendProvider
from tests.builders.trust import (
    CASH,
    a_due_order,
    an_open_order,
    check,
    collect,
    offer_cash,
    provider_id,
    refuse,
    set_up,
)
from tests.support.placing import count_rows, counters, told

S, P = OrderStatus, PaymentState
#: Two units at 20.00 and shipping of 5.90.
TOTAL = 4_590


class Shop:
    """A shop that takes cash at the door, transfers and cards."""

    def __init__(self, db: Database, checkout: Checkout, card: PretendProvider) -> None:
        self.db, self.checkout, self.card = db, checkout, card
        self.variant_id: Any = None

    async def order(self, quantity: int = 2) -> PlacedOrder:
        return await a_due_order(self.checkout, (self.variant_id, quantity))

    async def sent(self) -> PlacedOrder:
        placed = await self.order()
        await ship(self.checkout, placed.order.id)
        return await self.look(placed)

    async def look(self, placed: PlacedOrder) -> PlacedOrder:
        return await look_at(self.checkout, placed.order.id)

    async def books(self, placed: PlacedOrder) -> dict[str, int]:
        """What each account has of an order, but for those of sales and taxes."""
        async with self.db.connection() as connection:
            rows = await connection.raw.fetch(
                "SELECT account, sum(amount_minor)::int AS minor FROM ledger_journals AS journal"
                "  JOIN ledger_entries ON journal_id = journal.id WHERE order_id = $1"
                "   AND account NOT IN ('sales', 'shipping_income', 'tax_payable')"
                " GROUP BY account HAVING sum(amount_minor) <> 0",
                placed.order.id,
            )
        return {row["account"]: row["minor"] for row in rows}

    async def is_sound(self) -> None:
        async with self.db.connection() as connection:
            assert await check_invariants(connection) == {}


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    await offer_cash(db)
    card = PretendProvider()
    providers = Providers([card, BankTransfer(), CashOnDelivery()])
    async with a_checkout(db, providers=providers) as checkout:
        made = Shop(db, checkout, card)
        made.variant_id = (await a_product(db, price=2_000, on_hand=10)).variant_id
        yield made
        await made.is_sound()


def labels(placed: PlacedOrder) -> tuple[str, str, str]:
    order = placed.order
    return order.status.value, order.payment_status.value, order.fulfillment_status.value


async def test_an_order_is_confirmed_without_money_and_owns_its_goods(shop: Shop) -> None:
    placed = await shop.order()

    assert labels(placed) == ("confirmed", "pending", "unfulfilled")
    assert placed.payment is not None
    assert (placed.payment.provider, placed.payment.state) == (CASH, P.REQUIRES_ACTION)
    assert placed.reserved_until is None
    assert await counters(shop.db, shop.variant_id) == (10, 2, 0)
    assert (placed.order.sold_at, placed.order.owed_minor) == (None, 0)
    assert await shop.books(placed) == {}
    # The worker has nothing left to do about it, and nobody cancels it for want of money.
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE orders SET placed_at = placed_at - interval '9 days'")
    assert await commands.cancel_unpaid_orders(shop.checkout) == 0
    assert await commands.expire_reservations(shop.checkout) == 0


async def test_what_is_sent_unpaid_is_owed_and_paid_by_what_is_collected(shop: Shop) -> None:
    placed = await shop.sent()

    assert labels(placed) == ("shipped", "pending", "shipped")
    assert placed.order.owed_minor == TOTAL
    assert await shop.books(placed) == {"receivable": TOTAL}

    assert await collect(shop.checkout, placed) == "paid"
    assert await collect(shop.checkout, placed) == "unchanged"

    after = await shop.look(placed)
    assert labels(after) == ("shipped", "paid", "shipped")
    assert (after.order.paid_minor, after.order.owed_minor) == (TOTAL, 0)
    assert await shop.books(placed) == {f"provider_clearing:{CASH}": TOTAL}
    assert await reach(shop.checkout, placed.order.id, S.DELIVERED) == "delivered"


async def test_cash_that_is_brought_before_anything_is_sent_is_the_sale(shop: Shop) -> None:
    placed = await shop.order()

    assert await collect(shop.checkout, placed) == "paid"

    after = await shop.look(placed)
    assert labels(after) == ("confirmed", "paid", "unfulfilled")
    assert await shop.books(placed) == {f"provider_clearing:{CASH}": TOTAL}
    await ship(shop.checkout, placed.order.id)
    assert (await shop.look(placed)).order.owed_minor == 0


@pytest.mark.parametrize(
    ("received", "suspense"),
    [
        (Money(TOTAL - 1, "USD"), ("USD", TOTAL - 1)),
        (Money(TOTAL + 1, "USD"), ("USD", TOTAL + 1)),
        (Money(TOTAL, "EUR"), ("EUR", TOTAL)),
    ],
)
async def test_another_amount_is_held_for_a_person(
    shop: Shop, received: Money, suspense: tuple[str, int]
) -> None:
    placed = await shop.sent()

    assert await collect(shop.checkout, placed, received=received) == "held_for_review"
    assert await collect(shop.checkout, placed) == "held_for_review"

    after = await shop.look(placed)
    assert after.payment is not None
    assert after.payment.review_reason in {"amount_mismatch", "currency_mismatch"}
    assert labels(after) == ("shipped", "pending", "shipped")
    async with shop.db.connection() as connection:
        page = await cash_queries.list_held(connection)
        [row] = await connection.raw.fetch(
            "SELECT currency, -amount_minor FROM ledger_entries WHERE account = 'suspense'"
        )
    assert tuple(row) == suspense
    assert [(one.currency, one.amount_minor) for one in page.items] == [suspense]


async def test_a_second_report_of_another_amount_is_held_and_the_first_stands(shop: Shop) -> None:
    placed = await shop.sent()
    await collect(shop.checkout, placed)

    effect = await collect(shop.checkout, placed, received=Money(TOTAL - 5, "USD"))

    assert effect == "held_for_review"
    after = await shop.look(placed)
    assert after.order.paid_minor == TOTAL
    async with shop.db.connection() as connection:
        page = await cash_queries.list_held(connection)
    assert [one.amount_minor for one in page.items] == [TOTAL]


async def test_a_buyer_who_refuses_owes_nothing_and_the_goods_come_back(shop: Shop) -> None:
    placed = await shop.sent()

    assert await refuse(shop.checkout, placed) == "refused"
    assert await refuse(shop.checkout, placed) == "unchanged"

    after = await shop.look(placed)
    assert labels(after) == ("canceled", "failed", "returned")
    assert after.order.cancel_reason is CancelReason.REFUSED
    assert [row.state.value for row in after.fulfillments] == ["returned_to_sender"]
    assert await shop.books(placed) == {}
    assert await counters(shop.db, shop.variant_id) == (8, 0, 0)

    line_id, return_id = placed.lines[0].id, ReturnId(new_id())
    about: dict[str, Any] = {
        "order_id": placed.order.id,
        "return_id": return_id,
        "actor": STAFF,
    }
    wanted = Wanted(line_id, 2, ReturnReason.OTHER)
    await commands.request_return(shop.checkout, lines=(wanted,), **about)
    await commands.move_return(shop.checkout, event=ReturnEvent.APPROVE, **about)
    await commands.receive_return(shop.checkout, **about)
    await commands.inspect_return(shop.checkout, judged=(Judged(line_id, 2, 0),), **about)
    assert await commands.complete_return(shop.checkout, **about) == "completed"

    assert await counters(shop.db, shop.variant_id) == (10, 0, 0)
    assert (await shop.look(placed)).refunds == ()


async def test_what_was_refused_in_part_was_delivered_in_part_and_is_a_return(shop: Shop) -> None:
    placed = await shop.sent()
    await reach(shop.checkout, placed.order.id, S.DELIVERED)
    before = await count_rows(shop.db)

    with pytest.raises(OrderNotCancelable):
        await refuse(shop.checkout, placed)

    assert await count_rows(shop.db) == before


async def test_cash_that_comes_after_a_refusal_goes_back(shop: Shop) -> None:
    placed = await shop.sent()
    await refuse(shop.checkout, placed)

    assert await collect(shop.checkout, placed) == "refund_requested"

    after = await shop.look(placed)
    assert [(row.amount_minor, row.reason) for row in after.refunds] == [
        (TOTAL, "paid_after_cancel")
    ]


async def test_a_canceled_order_frees_its_goods_and_asks_for_nothing(shop: Shop) -> None:
    placed = await shop.order()

    after = await commands.cancel_order(
        shop.checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=BUYER
    )

    assert labels(after) == ("canceled", "failed", "unfulfilled")
    assert after.payment is not None
    assert after.payment.state is P.VOIDED
    assert await counters(shop.db, shop.variant_id) == (10, 0, 0)
    assert await shop.books(placed) == {}


async def test_less_is_collected_for_less(shop: Shop) -> None:
    placed = await shop.order()

    await commands.cancel_part(
        shop.checkout,
        order_id=placed.order.id,
        lines=((placed.lines[0].id, 1),),
        reason=CancelReason.BUYER,
        actor=BUYER,
    )

    after = await shop.look(placed)
    assert labels(after) == ("confirmed", "pending", "unfulfilled")
    assert [(row.state, row.requested_minor) for row in after.payments] == [
        (P.VOIDED, TOTAL),
        (P.REQUIRES_ACTION, TOTAL - 2_000),
    ]
    assert await counters(shop.db, shop.variant_id) == (10, 1, 0)
    await ship(shop.checkout, placed.order.id)
    assert (await shop.look(placed)).order.owed_minor == TOTAL - 2_000
    assert await collect(shop.checkout, after) == "paid"


async def test_money_that_comes_otherwise_is_not_collected_as_well(shop: Shop) -> None:
    """The card of an earlier attempt pays late, while the parcel is on its way."""
    begun = await an_open_order(shop.checkout, (shop.variant_id, 2))
    by_cash = await commands.retry_payment(shop.checkout, order_id=begun.order.id, provider=CASH)
    assert labels(by_cash) == ("confirmed", "pending", "unfulfilled")
    assert (
        await commands.retry_payment(shop.checkout, order_id=begun.order.id, provider=CASH)
        == by_cash
    )
    await ship(shop.checkout, begun.order.id)
    shop.card.pay(provider_id(begun))

    after = await check(shop.checkout, begun)

    assert labels(after) == ("shipped", "paid", "shipped")
    assert [row.state for row in after.payments] == [P.CAPTURED, P.VOIDED]
    assert await shop.books(begun) == {"provider_clearing:pretend": TOTAL}
    # The courier takes it all the same: it goes back.
    assert await collect(shop.checkout, by_cash) == "refund_requested"


async def test_a_gift_card_pays_its_part_when_the_rest_is_sent(shop: Shop) -> None:
    card = await a_gift_card(shop.db, 1_000, currency="USD")
    placement = msgspec.structs.replace(
        a_placement([(shop.variant_id, 2)], provider=CASH), gift_cards=(card.wish(),)
    )
    answer = await commands.place_order(shop.checkout, placement)
    placed = await look_at(shop.checkout, OrderId(told(answer).order_id))
    assert labels(placed) == ("confirmed", "pending", "unfulfilled")

    await ship(shop.checkout, placed.order.id)

    sent = await shop.look(placed)
    assert (sent.order.owed_minor, sent.order.paid_minor) == (TOTAL - 1_000, 1_000)
    assert await collect(shop.checkout, sent) == "paid"
    assert (await shop.look(placed)).order.payment_status is PaymentStatus.PAID
    assert await balance_of(shop.db, card) == 0


async def test_a_gift_card_has_its_part_again_when_the_order_is_refused(shop: Shop) -> None:
    card = await a_gift_card(shop.db, 1_000, currency="USD")
    placement = msgspec.structs.replace(
        a_placement([(shop.variant_id, 2)], provider=CASH), gift_cards=(card.wish(),)
    )
    answer = await commands.place_order(shop.checkout, placement)
    placed = await look_at(shop.checkout, OrderId(told(answer).order_id))
    await ship(shop.checkout, placed.order.id)

    assert await refuse(shop.checkout, placed) == "refused"

    assert await balance_of(shop.db, card) == 1_000
    assert await shop.books(placed) == {}


async def test_whoever_stops_between_placing_and_confirming_is_finished_by_the_worker(
    shop: Shop,
) -> None:
    placed = await a_placed_order(shop.checkout, [(shop.variant_id, 2)], provider=CASH)
    assert labels(placed) == ("pending_payment", "pending", "unfulfilled")
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE payments SET next_check_at = store_now()")

    assert await commands.check_due_payments(shop.checkout) == 1

    assert labels(await shop.look(placed)) == ("confirmed", "pending", "unfulfilled")
    assert await commands.check_due_payments(shop.checkout) == 0


async def test_holds_that_are_over_confirm_an_order_that_is_paid_at_the_door(shop: Shop) -> None:
    placed = await a_placed_order(shop.checkout, [(shop.variant_id, 2)], provider=CASH)
    async with shop.db.connection() as connection:
        await connection.raw.execute("UPDATE reservations SET expires_at = store_now()")

    await commands.expire_reservations(shop.checkout)

    assert labels(await shop.look(placed)) == ("confirmed", "pending", "unfulfilled")


@pytest.mark.parametrize(
    "settings",
    [
        {"cash_on_delivery_countries": ["ET"]},
        {"cash_on_delivery_limit": {"USD": TOTAL - 1}},
        {"cash_on_delivery_limit": {"EUR": 50_000}},
    ],
    ids=["another country", "too much", "another currency"],
)
async def test_what_is_not_offered_is_not_placed(shop: Shop, settings: dict[str, Any]) -> None:
    other = await a_placed_order(shop.checkout, [(shop.variant_id, 2)])
    await set_up(shop.db, **settings)
    before = await count_rows(shop.db)

    with pytest.raises(CashOnDeliveryNotOffered):
        await shop.order()
    with pytest.raises(CashOnDeliveryNotOffered):
        await commands.retry_payment(shop.checkout, order_id=other.order.id, provider=CASH)

    assert await count_rows(shop.db) == before


async def test_only_cash_is_collected_and_cash_is_not_confirmed(shop: Shop) -> None:
    transfer = await a_placed_order(shop.checkout, [(shop.variant_id, 2)])
    due = await shop.order()
    before = await count_rows(shop.db)

    with pytest.raises(PaymentNotCollectable):
        await collect(shop.checkout, transfer)
    with pytest.raises(PaymentNotCollectable):
        await refuse(shop.checkout, transfer)
    with pytest.raises(PaymentNotConfirmable):
        await pay(shop.checkout, due)
    with pytest.raises(OrderNotPayable):
        await commands.retry_payment(
            shop.checkout, order_id=due.order.id, provider="bank_transfer"
        )

    assert await count_rows(shop.db) == before


async def test_an_order_that_was_given_up_unpaid_stays_so_when_cash_comes_back(shop: Shop) -> None:
    """Late cash takes the goods again, as late money does."""
    placed = await a_placed_order(shop.checkout, [(shop.variant_id, 2)], provider=CASH)
    await shop.checkout.settling.submit(CancelOrder(placed.order.id, CancelReason.UNPAID, STAFF))

    assert await collect(shop.checkout, placed) == "paid"

    assert labels(await shop.look(placed)) == ("paid", "paid", "unfulfilled")


# --- to the bank -------------------------------------------------------------------------------


async def deposit(shop: Shop, *placed: PlacedOrder, counted: int, reference: str = "R-1") -> Any:
    return await cash.deposit_cash(
        shop.db,
        payment_ids=[row.payment.id for row in placed if row.payment is not None],
        counted=Money(counted, "USD"),
        reference=reference,
        actor=STAFF.name,
    )


async def bank(shop: Shop) -> dict[str, int]:
    async with shop.db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT account, sum(amount_minor)::int AS minor FROM ledger_entries"
            " WHERE account IN ('bank', 'cash_differences', 'provider_clearing:cash_on_delivery')"
            " GROUP BY account"
        )
    return {row["account"]: row["minor"] for row in rows}


async def test_collected_cash_goes_to_the_bank_once(shop: Shop) -> None:
    first, second = await shop.sent(), await shop.sent()
    for placed in (first, second):
        await collect(shop.checkout, placed)

    made = await deposit(shop, first, second, counted=2 * TOTAL - 30)

    assert (made.collected_minor, made.counted_minor) == (2 * TOTAL, 2 * TOTAL - 30)
    assert await bank(shop) == {
        "bank": 2 * TOTAL - 30,
        "cash_differences": 30,
        f"provider_clearing:{CASH}": 0,
    }
    assert await deposit(shop, second, first, counted=2 * TOTAL - 30) == made
    before = await count_rows(shop.db)
    with pytest.raises(DepositReferenceUsed):
        await deposit(shop, first, counted=TOTAL)
    with pytest.raises(CashNotHeld) as refused:
        await deposit(shop, first, counted=TOTAL, reference="R-2")
    assert first.payment is not None
    assert refused.value.facts == {"payment_ids": [str(first.payment.id)]}
    assert await count_rows(shop.db) == before
    async with shop.db.connection() as connection:
        assert (await cash_queries.list_held(connection)).items == ()


async def test_cash_of_another_currency_stays_where_it_is(shop: Shop) -> None:
    placed = await shop.sent()
    await collect(shop.checkout, placed)
    assert placed.payment is not None

    with pytest.raises(InvalidInput) as refused:
        await cash.deposit_cash(
            shop.db,
            payment_ids=[placed.payment.id],
            counted=Money(TOTAL, "EUR"),
            reference="R",
            actor="test",
        )

    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/payment_ids/0", "other_currency")
    ]


async def test_the_database_lets_a_collection_be_deposited_and_nothing_else(shop: Shop) -> None:
    placed = await shop.sent()
    await collect(shop.checkout, placed)
    async with shop.db.connection() as connection:
        for statement in (
            "UPDATE cash_collections SET amount_minor = 1",
            "UPDATE cash_collections SET collected_by = 'somebody else'",
            "DELETE FROM cash_collections",
        ):
            with pytest.raises(Exception, match="deposited once"):
                await connection.raw.execute(statement)


async def test_what_couriers_have_is_listed_page_by_page(shop: Shop) -> None:
    for _ in range(3):
        await collect(shop.checkout, await a_due_order(shop.checkout, (shop.variant_id, 1)))
    async with shop.db.connection() as connection:
        first = await cash_queries.list_held(connection, limit=2)
        second = await cash_queries.list_held(connection, cursor=first.next_cursor, limit=2)
        with pytest.raises(InvalidInput):
            await cash_queries.list_held(connection, cursor="nonsense")

    assert (len(first.items), len(second.items), second.next_cursor) == (2, 1, None)
    assert len({row.payment_id for row in (*first.items, *second.items)}) == 3
    assert {row.collected_by for row in first.items} == {"courier:abebe"}
