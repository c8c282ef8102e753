"""Vendors are not paid for what a person still looks into; what is taken back counts at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.db import Database
from surehold.kernel.money import Money
from surehold.orders.vendor_accounts import commands as vendor_accounts
from surehold.orders.vendor_accounts.errors import NothingToPayOut, PayoutNotCovered
from surehold.orders.vendor_accounts.model import NewRule, WholeBatch
from surehold.payments.model import ReviewDecision
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.fraud import a_held_order, ask_for_signals
from tests.builders.orders import STAFF, a_checkout
from tests.builders.providers import PretendProvider


@asynccontextmanager
async def a_held_sale(db: Database) -> AsyncIterator[tuple[Checkout, PlacedOrder]]:
    """A sale of 20.00, of which a tenth is the store's, whose payment a person looks into."""
    await vendor_accounts.add_rule(db, new=NewRule("0.1"), actor="test")
    await ask_for_signals(db)
    lamp, card = await a_product(db, price=2_000, on_hand=9), PretendProvider()
    async with a_checkout(db, providers=Providers([card])) as checkout:
        placed = await a_held_order(checkout, card, (lamp.variant_id, 1))
        assert await vendor_accounts.post_due_commissions(db, limit=9) == 1
        yield checkout, placed


async def propose(db: Database) -> WholeBatch:
    minimum = Money(1, "USD")
    return await vendor_accounts.propose_payouts(db, minimum=minimum, hold_days=0, actor="test")


async def accept(checkout: Checkout, placed: PlacedOrder) -> None:
    assert placed.payment is not None
    await commands.review_payment(
        checkout,
        payment_id=placed.payment.id,
        decision=ReviewDecision.ACCEPT,
        note="known",
        actor=STAFF,
    )


async def test_an_order_that_is_held_is_paid_out_when_that_is_decided(db: Database) -> None:
    async with a_held_sale(db) as (checkout, placed):
        with pytest.raises(NothingToPayOut):
            await propose(db)
        await accept(checkout, placed)

        (payout,) = (await propose(db)).payouts
        assert payout.amount_minor == 1_500  # nine tenths of the net


async def test_a_batch_is_not_approved_with_an_order_that_came_to_be_held(db: Database) -> None:
    async with a_held_sale(db) as (checkout, placed):
        await accept(checkout, placed)
        batch_id = (await propose(db)).batch.id
        await hold(db, "refund_failed: account_closed")
        with pytest.raises(PayoutNotCovered):
            await vendor_accounts.approve_payouts(db, batch_id=batch_id, actor="test")
        await hold(db, None)

        approved = await vendor_accounts.approve_payouts(db, batch_id=batch_id, actor="test")
        assert approved.batch.state.value == "approved"


async def hold(db: Database, reason: str | None) -> None:
    """A person is to look at every payment, or at none."""
    async with db.connection() as connection:
        await connection.raw.execute("UPDATE payments SET review_reason = $1", reason)
