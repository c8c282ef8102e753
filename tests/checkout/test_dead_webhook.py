"""T6: an event that nobody can do anything about is given up, and holds nothing else up."""

from __future__ import annotations

from surehold.checkout import commands
from surehold.checkout.commands.inbox import ATTEMPTS_MAX
from surehold.db import Database
from surehold.payments import commands as payments
from surehold.payments.providers.port import NormalizedEvent
from surehold.payments.providers.registry import Providers
from tests.builders.orders import a_checkout
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
