"""Orders that are held when their money comes: what is asked, refused, and found later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.case import Case
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor, PlacedOrder
from surehold.checkout.rules import ChangeWish, record_refund, settle
from surehold.checkout.rules.reviewing import list_decisions, review
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.db.shop import ShopSettings
from surehold.kernel.fraud_settings import FraudSettings
from surehold.kernel.ids import OrderChangeId, new_id
from surehold.kernel.money import Money
from surehold.orders.errors import OrderHeld
from surehold.orders.fraud import queries
from surehold.orders.fraud.model import AssessedOrder, Past
from surehold.orders.model import CancelReason, OrderStatus
from surehold.payments.errors import ReviewNotPossible
from surehold.payments.model import PaymentState, ReviewDecision
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.payments.providers.registry import Providers
from tests.builders.cases import TOTAL, a_case, evidence
from tests.builders.catalog import a_product
from tests.builders.fraud import a_held_order, ask_for_signals
from tests.builders.fulfillments import open_parcels
from tests.builders.orders import STAFF, a_checkout, a_placement, look_at, ship
from tests.builders.providers import PretendProvider
from tests.builders.trust import (
    an_authorized_order,
    an_open_order,
    capture_later,
    check,
    provider_id,
)
from tests.support.placing import counters
from tests.support.shop import make_due

PROVIDERS = Providers([PretendProvider()])


class Shop:
    """A shop with a card provider, and one thing to sell."""

    def __init__(self, db: Database, checkout: Checkout, card: PretendProvider) -> None:
        self.db, self.checkout, self.card = db, checkout, card
        self.lamp: Any = None

    async def order(self) -> PlacedOrder:
        return await an_open_order(self.checkout, (self.lamp, 1))

    async def pay(self, placed: PlacedOrder) -> PlacedOrder:
        self.card.pay(provider_id(placed))
        return await check(self.checkout, placed)

    async def held(self) -> PlacedOrder:
        return await a_held_order(self.checkout, self.card, (self.lamp, 1))

    async def decide(self, placed: PlacedOrder, decision: ReviewDecision) -> PlacedOrder:
        assert placed.payment is not None
        await commands.review_payment(
            self.checkout,
            payment_id=placed.payment.id,
            decision=decision,
            note="looked at",
            actor=STAFF,
        )
        return await look_at(self.checkout, placed.order.id)

    async def ask(self) -> None:
        await make_due(self.db)
        await commands.ask_due_operations(self.checkout)

    async def assessments(self) -> tuple[AssessedOrder, ...]:
        async with self.db.connection() as connection:
            return (await queries.list_assessments(connection)).items

    async def check(self) -> None:
        async with self.db.connection() as connection:
            assert await check_invariants(connection) == {}


@pytest.fixture
async def shop(db: Database) -> AsyncIterator[Shop]:
    card = PretendProvider()
    async with a_checkout(db, providers=Providers([card])) as checkout:
        opened = Shop(db, checkout, card)
        opened.lamp = (await a_product(db, on_hand=9)).variant_id
        yield opened
        await opened.check()


@contextmanager
def listened(lane: Any) -> Iterator[list[str]]:
    """What a lane says to the server, from now on."""
    said: list[str] = []

    def note(record: Any) -> None:
        said.append(record.query)

    raws: list[asyncpg.Connection[Any]] = [one._connection for one in lane._runners]
    for raw in raws:
        raw.add_query_logger(note)
    try:
        yield said
    finally:
        for raw in raws:
            raw.remove_query_logger(note)


async def test_off_costs_no_statement_and_on_costs_one_when_nothing_is_odd(shop: Shop) -> None:
    async def spend() -> tuple[int, list[str]]:
        with listened(shop.checkout.placing) as placing:
            placed = await shop.order()
        with listened(shop.checkout.settling) as settling:
            await shop.pay(placed)
            await check(shop.checkout, placed)  # of what is paid nothing is asked
        return len(placing), settling

    await ask_for_signals(shop.db)
    await spend()  # what is said once, when a connection is new
    _, odd = await spend()
    await ask_for_signals(shop.db, large_amounts={})
    placing_on, usual = await spend()
    await ask_for_signals(shop.db, is_on=False)
    placing, quiet = await spend()

    assert placing_on == placing
    assert (len(usual) - len(quiet), len(odd) - len(quiet)) == (1, 2)
    assert sum("read_past_of_orders" in one for one in quiet + usual + odd) == 2


async def test_the_past_is_counted_by_mailbox_network_and_declines(shop: Shop) -> None:
    await ask_for_signals(shop.db, large_amounts={}, hold_at=500)
    first = a_placement([(shop.lamp, 1)], provider="pretend")
    for machine, email in (("192.0.2.9", "ADA@example.com"), ("198.51.100.1", "bo@example.com")):
        other = a_placement([(shop.lamp, 1)], provider="pretend")
        changes = {"client_address": machine, "email": email}
        await commands.place_order(shop.checkout, msgspec.structs.replace(other, **changes))
    declined = await an_open_order(shop.checkout, (shop.lamp, 1))
    shop.card._put(provider_id(declined), state=PaymentState.FAILED, failure_code="no")
    await check(shop.checkout, declined)

    placed = msgspec.structs.replace(first, client_address="192.0.2.7")
    told = await commands.place_order(shop.checkout, placed)
    found = msgspec.json.decode(told.body)["order"]["id"]
    async with shop.db.connection() as connection:
        (past,) = (await queries.read_past(connection, order_ids=[found])).values()

    assert (past.email_hour, past.address_hour, past.network_hour) == (2, 3, 1)
    assert (past.email_day, past.address_day, past.network_day) == (2, 3, 1)
    assert (past.email_declines, past.order_declines, past.is_first) == (1, 0, True)


async def test_a_card_that_was_declined_first_is_judged_when_it_pays(shop: Shop) -> None:
    await ask_for_signals(shop.db, large_amounts={}, declines=1, hold_at=35)
    placed = await shop.order()
    shop.card._put(provider_id(placed), state=PaymentState.FAILED, failure_code="no")
    await check(shop.checkout, placed)

    after = await shop.pay(placed)

    assert after.payment is not None
    assert (after.payment.state, after.payment.is_suspected) == (PaymentState.CAPTURED, True)
    (found,) = await shop.assessments()
    assert [one.name.value for one in found.signals] == ["order_declines", "first_order"]


async def test_an_authorization_is_held_and_rejecting_it_takes_no_money(shop: Shop) -> None:
    await ask_for_signals(shop.db)
    await capture_later(shop.db)
    placed = await an_authorized_order(shop.checkout, shop.card, (shop.lamp, 1))
    assert placed.payment is not None
    assert (placed.payment.state, placed.payment.is_suspected) == (PaymentState.AUTHORIZED, True)
    with pytest.raises(ReviewNotPossible):
        await shop.decide(placed, ReviewDecision.REFUND)

    after = await shop.decide(placed, ReviewDecision.REJECT)
    assert after.order.status is OrderStatus.CANCELED
    assert await counters(shop.db, shop.lamp) == (9, 0, 0)
    await shop.ask()
    await check(shop.checkout, placed)

    ended = await look_at(shop.checkout, placed.order.id)
    assert ended.payment is not None
    assert (ended.payment.state, ended.payment.captured_minor) == (PaymentState.VOIDED, 0)


async def test_an_authorization_that_was_let_go_on_is_captured_and_not_judged_again(
    shop: Shop,
) -> None:
    await ask_for_signals(shop.db)
    await capture_later(shop.db)
    placed = await an_authorized_order(shop.checkout, shop.card, (shop.lamp, 1))

    await shop.decide(placed, ReviewDecision.ACCEPT)
    await ship(shop.checkout, placed.order.id)
    await shop.ask()

    ended = await look_at(shop.checkout, placed.order.id)
    assert ended.payment is not None
    assert (ended.payment.state, ended.payment.review_reason) == (PaymentState.CAPTURED, None)
    assert [(row.decision, row.is_open) for row in await shop.assessments()] == [
        (ReviewDecision.ACCEPT, False)
    ]


async def test_a_held_authorization_that_lapses_is_nobodys_to_decide(shop: Shop) -> None:
    await ask_for_signals(shop.db)
    await capture_later(shop.db)
    placed = await an_authorized_order(shop.checkout, shop.card, (shop.lamp, 1))

    shop.card.lapse(provider_id(placed))
    lapsed = await check(shop.checkout, placed)

    assert lapsed.payment is not None
    assert lapsed.payment.review_reason == "authorization_lapsed"
    with pytest.raises(ReviewNotPossible):
        await shop.decide(placed, ReviewDecision.ACCEPT)


async def test_the_database_sends_nothing_of_what_is_held_whatever_the_code_does(
    shop: Shop,
) -> None:
    placed = await shop.pay(await shop.order())
    await open_parcels(shop.checkout, placed)

    async with shop.db.connection() as connection:
        begun = connection.raw.transaction()
        await begun.start()
        await connection.raw.execute("UPDATE payments SET review_reason = 'fraud_signals'")
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="held for review"):
            await connection.raw.execute("UPDATE fulfillments SET state = 'shipped'")
        await begun.rollback()


async def test_a_held_order_is_not_changed_or_given_up_in_part(shop: Shop) -> None:
    await ask_for_signals(shop.db)
    before = await shop.held()
    order_id, line_id = before.order.id, before.lines[0].id

    with pytest.raises(OrderHeld):
        await commands.cancel_part(
            shop.checkout,
            order_id=order_id,
            lines=((line_id, 1),),
            reason=CancelReason.STAFF,
            actor=STAFF,
        )
    with pytest.raises(OrderHeld):
        await commands.change_order(
            shop.checkout,
            order_id=order_id,
            change_id=OrderChangeId(new_id()),
            wish=ChangeWish(give_up=((line_id, 1),)),
            reason="smaller",
            actor=STAFF,
        )

    assert await look_at(shop.checkout, order_id) == before


async def test_what_the_bank_says_of_a_held_order_gives_it_up_and_ends_the_hold(
    shop: Shop,
) -> None:
    await ask_for_signals(shop.db)
    placed = await shop.held()
    assert placed.payment is not None
    amount = placed.payment.requested
    for state in (DisputeState.NEEDS_RESPONSE, DisputeState.LOST):
        told = DisputeSnapshot("dp", amount, DisputeStage.CHARGEBACK, state, "fraudulent")
        shop.card.dispute(provider_id(placed), told)
        seen = await check(shop.checkout, placed)
        if state is DisputeState.NEEDS_RESPONSE:
            with pytest.raises(ReviewNotPossible):
                await shop.decide(placed, ReviewDecision.REJECT)

    assert seen.payment is not None
    assert (seen.order.status, seen.payment.review_reason) == (OrderStatus.REFUNDED, None)
    assert await counters(shop.db, shop.lamp) == (9, 0, 0)


async def test_money_that_went_back_at_the_provider_meanwhile_is_found_when_it_goes_on(
    shop: Shop,
) -> None:
    await ask_for_signals(shop.db)
    placed = await shop.held()
    assert placed.payment is not None
    currency = placed.payment.currency
    shop.card._put(provider_id(placed), refunded=Money(100, currency))
    await check(shop.checkout, placed)

    after = await shop.decide(placed, ReviewDecision.ACCEPT)

    assert after.payment is not None
    assert after.payment.review_reason == "refunded_at_provider"


# --- without a database --------------------------------------------------------------------------


def a_suspected_case(**past: Any) -> Case:
    case = a_case(email="m@mailinator.com")
    case.settings = ShopSettings(fraud_signals=FraudSettings(is_on=True, hold_at=40))
    none = dict.fromkeys(Past.__struct_fields__[1:9], 0)
    case.past = Past(case.order.id, **none, is_first=False, **past)
    return case


def settle_once(case: Case, state: PaymentState = PaymentState.CAPTURED) -> str:
    payment = next(iter(case.payments.values()))
    word = evidence(payment, state)
    bank = Actor("provider:pretend")
    effect = settle(case, payment, word, actor=bank, providers=PROVIDERS)
    case.end_step()
    return effect


def test_a_payment_is_judged_once_and_who_was_not_decided_about_is_held_again() -> None:
    case = a_suspected_case()
    assert settle_once(case) == "held_for_review"
    assert settle_once(case) == "held_for_review"
    assert len(case.writes.assessments) == 1
    assert case.is_suspected

    again = a_suspected_case()
    payment = next(iter(again.payments.values()))
    assert again.past is not None
    known = {"judged": (payment.id,), "undecided": (payment.id,)}
    again.past = msgspec.structs.replace(again.past, **known)
    assert settle_once(again) == "held_for_review"
    assert again.writes.assessments == []

    decided = a_suspected_case()
    payment = next(iter(decided.payments.values()))
    assert decided.past is not None
    decided.past = msgspec.structs.replace(decided.past, judged=(payment.id,))
    assert settle_once(decided) == "paid"
    assert not decided.is_suspected


def test_a_refund_that_fails_while_an_order_is_held_is_found_when_it_goes_on() -> None:
    case = a_suspected_case()
    payment = next(iter(case.payments.values()))
    case.put_payment(msgspec.structs.replace(payment, requested_minor=TOTAL + 100))
    assert settle_once(case) == "held_for_review"
    (excess,) = case.refunds.values()
    record_refund(case, excess, None, failure_code="closed")
    assert case.payment(payment.id).review_reason == "fraud_signals"

    effect = review(
        case,
        case.payment(payment.id),
        ReviewDecision.ACCEPT,
        None,
        note="fine",
        actor=STAFF,
        providers=PROVIDERS,
    )

    assert effect == "accepted"
    assert case.payment(payment.id).review_reason == "refund_failed: closed"
    assert list_decisions(case, case.payment(payment.id)) == (ReviewDecision.REFUND,)
