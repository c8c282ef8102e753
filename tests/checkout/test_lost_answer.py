"""A provider took the payment and its answer was lost: nobody guesses, and nobody is stuck."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.model import BUYER, PlacedOrder
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.money import Money
from surehold.orders.model import CancelReason
from surehold.payments.model import PaymentState, Redirect
from surehold.payments.providers.failures import (
    InvalidRequest,
    OutcomeUnknown,
    Unavailable,
)
from surehold.payments.providers.port import (
    RefundSnapshot,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_placed_order, begin_payment, look_at
from tests.builders.providers import PretendProvider
from tests.support.clock import open_shifted
from tests.support.placing import counters
from tests.support.shop import make_due


async def test_p1_evidence_before_the_answer_does_not_hide_what_the_buyer_must_do(
    db: Database,
) -> None:
    pretend = PretendProvider()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        pretend.fail_next = OutcomeUnknown("the answer was lost")
        lost = await begin_payment(checkout, placed)
        assert lost.payment is not None
        assert lost.payment.state is PaymentState.UNKNOWN
        await commands.check_payment(checkout, lost.payment.id)

        asked_again = await begin_payment(checkout, placed)

        assert asked_again == await look_at(checkout, placed.order.id)
        assert asked_again.payment is not None
        assert asked_again.payment.state is PaymentState.REQUIRES_ACTION
        assert isinstance(asked_again.payment.next_action, Redirect)
        assert len(set(pretend.keys)) == 1
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


@pytest.mark.parametrize(
    ("is_paid", "ends_as"), [(False, PaymentState.VOIDED), (True, PaymentState.CAPTURED)]
)
async def test_p1_a_refusal_after_a_lost_answer_is_not_the_whole_truth(
    db: Database, *, is_paid: bool, ends_as: PaymentState
) -> None:
    pretend = PretendProvider()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        pretend.fail_next = OutcomeUnknown("the answer was lost")
        lost = await begin_payment(checkout, placed)
        assert lost.payment is not None
        if is_paid:
            pretend.pay(f"pp_{lost.payment.merchant_reference}")
        pretend.fail_next = InvalidRequest("the time to pay is over")

        refused = await begin_payment(checkout, placed)

        assert refused.payment is not None
        assert refused.payment.state is ends_as
        assert refused.order.paid_minor == (placed.order.total_minor if is_paid else 0)
        assert pretend.payments[f"pp_{lost.payment.merchant_reference}"].state is ends_as
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_p1_a_refusal_that_nobody_can_check_stays_unknown(db: Database) -> None:
    pretend = PretendProvider()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        pretend.fail_next = OutcomeUnknown("the answer was lost")
        await begin_payment(checkout, placed)
        pretend.fail_next = InvalidRequest("the time to pay is over")
        pretend.fail_reads = Unavailable("not reached")

        unsure = await begin_payment(checkout, placed)

        assert unsure.payment is not None
        assert unsure.payment.state is PaymentState.UNKNOWN


async def test_P9_a_provider_that_was_asked_for_another_amount_is_not_believed(
    db: Database,
) -> None:
    pretend = PretendProvider()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        begun = (await begin_payment(checkout, placed)).payment
        assert begun is not None
        name = f"pp_{begun.merchant_reference}"
        pretend.payments[name] = msgspec.structs.replace(
            pretend.payments[name], requested=Money(begun.requested_minor + 1, begun.currency)
        )

        await commands.check_payment(checkout, begun.id)

        after = (await look_at(checkout, placed.order.id)).payment
        assert after is not None
        assert after.review_reason == "amount_mismatch"


async def now_of(db: Database) -> datetime:
    async with db.connection() as connection:
        found: datetime = await connection.raw.fetchval("SELECT store_now()")
    return found


async def _sweep_later(
    db: Database, placed: PlacedOrder, minutes: int
) -> tuple[int, PlacedOrder, tuple[datetime, datetime]]:
    """The sweep so many minutes from now: what it ended, the order then, and when it came by."""
    async with (
        open_shifted(db.settings, timedelta(minutes=minutes)) as later,
        a_checkout(later, providers=Providers([PretendProvider()])) as checkout,
    ):
        before = await now_of(later)
        ended = await commands.expire_reservations(checkout)
        return ended, await look_at(checkout, placed.order.id), (before, await now_of(later))


async def test_a_payment_in_flight_earns_its_hold_one_grace_period_and_no_second(
    db: Database,
) -> None:
    pretend = PretendProvider()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        pretend.fail_next = OutcomeUnknown("the answer was lost")
        await begin_payment(checkout, placed)

    ended, held, (before, after) = await _sweep_later(db, placed, 16)

    grace = timedelta(minutes=10)
    assert ended == 0
    assert held.reserved_until is not None
    assert before + grace <= held.reserved_until <= after + grace
    assert await counters(db, product.variant_id) == (10, 0, 1)
    assert (await _sweep_later(db, placed, 25))[0] == 0
    assert (await _sweep_later(db, placed, 27))[0] == 1
    assert await counters(db, product.variant_id) == (10, 0, 0)


async def test_a_payment_that_waits_for_its_buyer_earns_no_grace(db: Database) -> None:
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([PretendProvider()])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        await begin_payment(checkout, placed)

    ended, over, _ = await _sweep_later(db, placed, 16)

    assert (ended, over.reserved_until) == (1, None)
    assert await counters(db, product.variant_id) == (10, 0, 0)


class _ShortRefunds(PretendProvider):
    """Says of every refund that it was one minor unit smaller."""

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        given = await super().refund(
            body, provider_payment_id=provider_payment_id, idempotency_key=idempotency_key
        )
        short = Money(given.amount.amount - 1, given.amount.currency)
        return msgspec.structs.replace(given, amount=short)


async def test_P9_a_refund_of_another_amount_waits_for_a_person(db: Database) -> None:
    pretend = _ShortRefunds()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        begun = (await begin_payment(checkout, placed)).payment
        assert begun is not None
        pretend.pay(f"pp_{begun.merchant_reference}")
        await commands.check_payment(checkout, begun.id)
        await commands.cancel_order(
            checkout, order_id=placed.order.id, reason=CancelReason.BUYER, actor=BUYER
        )

        await make_due(db)
        assert await commands.ask_due_operations(checkout) == 1

        after = (await look_at(checkout, placed.order.id)).payment
        assert after is not None
        assert after.refunded_minor == 0
        assert after.review_reason == "refund_failed: amount_mismatch"


class Forgetful(PretendProvider):
    """It knows no key of yesterday; whoever asks for its first refund dies of the answer."""

    asked = 0

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        self.asked += 1
        sent = await super().refund(
            body, provider_payment_id=provider_payment_id, idempotency_key=idempotency_key
        )
        if self.asked == 1:
            raise asyncio.CancelledError
        return sent


async def test_a_refund_whose_worker_died_long_ago_is_looked_for_before_it_is_sent(
    db: Database,
) -> None:
    forgetful = Forgetful()
    product = await a_product(db)
    async with a_checkout(db, providers=Providers([forgetful])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        begun = await begin_payment(checkout, placed)
        assert begun.payment is not None
        forgetful.pay(f"pp_{begun.payment.merchant_reference}")
        await commands.check_payment(checkout, begun.payment.id)
        order_id = placed.order.id
        await commands.cancel_order(
            checkout, order_id=order_id, reason=CancelReason.BUYER, actor=BUYER
        )
        await make_due(db)
        with pytest.raises(asyncio.CancelledError):
            await commands.ask_due_operations(checkout)
        await make_due(db)
        await commands.ask_due_operations(checkout)
        after = await look_at(checkout, order_id)

        assert after.order.refunded_minor == placed.order.total_minor
        assert forgetful.asked == 1
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}
