"""T6: an event that nobody can do anything about is given up, and holds nothing else up."""

from __future__ import annotations

from surehold.checkout import commands
from surehold.checkout.commands.inbox import ATTEMPTS_MAX
from surehold.db import Database
from surehold.payments import commands as payments
from surehold.payments.providers.port import (
    NormalizedEvent,
)
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_placed_order, begin_payment
from tests.builders.providers import PretendProvider
from tests.support.shop import make_due


async def test_T6_a_webhook_of_nothing_we_know_is_dead_after_its_last_attempt(
    db: Database,
) -> None:
    event = NormalizedEvent("event-1", "payment.captured", "pp_nowhere", None, is_live=False)
    await payments.store_webhook(
        db, provider="pretend", account="test", event=event, raw_body=b"{}"
    )

    async with a_checkout(db, providers=Providers([PretendProvider()])) as checkout:
        for _ in range(ATTEMPTS_MAX):
            await make_due(db)
            assert await commands.process_due_webhooks(checkout) == 1
        await make_due(db)
        assert await commands.process_due_webhooks(checkout) == 0

    async with db.connection() as connection:
        row = await connection.raw.fetchrow("SELECT state, outcome, attempts FROM webhook_events")
    assert row is not None
    assert tuple(row) == ("dead", "payment_not_known", ATTEMPTS_MAX)


async def test_T6_a_webhook_that_breaks_its_reader_dies_and_holds_nothing_up(
    db: Database,
) -> None:
    pretend = PretendProvider()
    product = await a_product(db, on_hand=5)
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        placed = await a_placed_order(checkout, [(product.variant_id, 1)], provider="pretend")
        payment = (await begin_payment(checkout, placed)).payment
        assert payment is not None
        other = await a_placed_order(checkout, [(product.variant_id, 2)], provider="pretend")
        event = NormalizedEvent(
            "event-1", "payment.captured", payment.provider_payment_id, None, is_live=False
        )
        await payments.store_webhook(
            db, provider="pretend", account="test", event=event, raw_body=b"{}"
        )
        async with db.connection() as connection:
            await connection.raw.execute(
                'UPDATE payments SET next_action = \'{"type": "nonsense"}\' WHERE id = $1',
                payment.id,
            )
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = store_now(), is_grace_used = true"
                " WHERE holder_id = $1",
                other.order.id,
            )

        expired = 0
        for _ in range(ATTEMPTS_MAX):
            await make_due(db)
            expired += (await commands.sweep(checkout)).holds_expired

    async with db.connection() as connection:
        state = await connection.raw.fetchval("SELECT state FROM webhook_events")
    assert state == "dead"
    assert expired == 1
