"""Webhooks: verified, stored once, answered, and only then acted upon.

A webhook is a hint that something is worth reading. What changes an order is the provider's own
answer when it is asked, so a webhook that comes late, twice or in the wrong order does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from surehold.checkout.commands.ask import check_payment
from surehold.checkout.engine import Checkout
from surehold.db import urgent
from surehold.db.database import PASSING
from surehold.kernel import clock
from surehold.kernel.ids import PaymentId, WebhookEventId, parse_merchant_reference
from surehold.payments import commands as payments
from surehold.payments import queries as payment_queries
from surehold.payments.errors import PaymentNotFound, ProviderUnknown, WebhookProofInvalid
from surehold.payments.model import WebhookEvent, WebhookState
from surehold.payments.providers.failures import (
    NotFound,
    ProviderFailure,
    WebhookRefused,
)
from surehold.payments.providers.references import REHEARSED

log = structlog.get_logger(__name__)

#: An event about nothing we know is tried this often, over hours, and then left to a person.
ATTEMPTS_MAX: Final = 10
#: Events of one process that are acted upon at the same time.
CONCURRENCY: Final = 16
#: What came of an event that ``surehold doctor`` sent to see whether it arrives.
REHEARSAL: Final = "test_event"


class Inbox:
    """Takes deliveries of one process and acts on new ones in the background."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(CONCURRENCY)

    async def receive(
        self, *, provider_name: str, raw_body: bytes, headers: Mapping[str, str]
    ) -> int:
        """Verify a delivery and put its events into the inbox; returns how many were new.

        Raises:
            ProviderUnknown: Nobody of this name sends us anything.
            WebhookProofInvalid: The proof does not hold; nothing was kept.
        """
        provider = self._checkout.context.providers.find_remote(provider_name)
        if provider is None:
            raise ProviderUnknown(f"Nothing is received for {provider_name!r}.")
        try:
            await provider.load_proof(headers)
            events = provider.parse_webhook(raw_body, headers, received_at=clock.unix_seconds())
        except WebhookRefused as refusal:
            log.warning("webhook_refused", provider=provider_name, reason=refusal.reason)
            raise WebhookProofInvalid("The signature of this message does not hold.") from refusal
        count = 0
        with urgent():
            for event in events:
                stored = await payments.store_webhook(
                    self._checkout.db,
                    provider=provider.name,
                    account=provider.account,
                    event=event,
                    raw_body=raw_body,
                )
                if stored.is_new:
                    count += 1
                    self._begin(stored.id)
        return count

    async def close(self) -> None:
        """Finish what was begun; what cannot finish in time is left to the worker."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        for task in self._tasks:
            task.cancel()

    def _begin(self, event_id: WebhookEventId) -> None:
        task = asyncio.create_task(self._process(event_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _process(self, event_id: WebhookEventId) -> None:
        async with self._gate:
            try:
                async with self._checkout.db.connection() as connection:
                    event = await payment_queries.find_webhook(connection, event_id=event_id)
                if event is not None:
                    await process_webhook(self._checkout, event)
            except Exception as error:  # noqa: BLE001 - a background task has no caller
                # The event is stored and due: the worker takes it from here.
                log.warning("webhook_left_to_worker", webhook=str(event_id), error=repr(error))


async def process_webhook(checkout: Checkout, event: WebhookEvent) -> str:
    """Read what an event hints at and settle it; returns what came of it.

    An event about nothing we know is parked and tried again, never dropped; so is one that breaks
    whoever reads it, until a person is told. One that was sent to see whether it arrives has.
    """
    if (event.provider_payment_id or "").startswith(REHEARSED):
        await payments.end_webhook(
            checkout.db, event_id=event.id, state=WebhookState.PROCESSED, outcome=REHEARSAL
        )
        return REHEARSAL
    try:
        payment_id = await _find_payment(checkout, event)
        if payment_id is None:
            return await _park(checkout, event, "payment_not_known")
        outcome = await check_payment(checkout, payment_id)
    except PaymentNotFound:
        return await _park(checkout, event, "payment_not_known")
    except (ProviderFailure, *PASSING) as failure:
        return await _park(checkout, event, type(failure).__name__)
    except Exception as error:
        log.exception("webhook_breaks_its_reader", webhook=str(event.id))
        return await _park(checkout, event, type(error).__name__)
    if outcome is None:
        return await _park(checkout, event, "provider_does_not_know_it")
    await payments.end_webhook(
        checkout.db, event_id=event.id, state=WebhookState.PROCESSED, outcome=outcome.effect
    )
    return outcome.effect


async def _find_payment(checkout: Checkout, event: WebhookEvent) -> PaymentId | None:
    if event.provider_payment_id is not None:
        async with checkout.db.connection() as connection:
            payment = await payment_queries.find_payment_at_provider(
                connection,
                provider=event.provider,
                account=event.account,
                provider_payment_id=event.provider_payment_id,
            )
        if payment is not None:
            return payment.id
    reference = event.merchant_reference or await _ask_reference(checkout, event)
    found = None if reference is None else parse_merchant_reference(reference)
    return None if found is None else PaymentId(found)


async def _ask_reference(checkout: Checkout, event: WebhookEvent) -> str | None:
    """Our reference of what an event names by an id that we never saw: a charge, a later intent.

    Raises:
        ProviderFailure: The provider could not be read now; try again later.
    """
    provider = checkout.context.providers.find_remote(event.provider)
    if provider is None or event.provider_payment_id is None:
        return None
    try:
        return (await provider.fetch(event.provider_payment_id)).merchant_reference
    except NotFound:
        return None


async def _park(checkout: Checkout, event: WebhookEvent, reason: str) -> str:
    is_last = event.attempts >= ATTEMPTS_MAX
    state = WebhookState.DEAD if is_last else WebhookState.PARKED
    if is_last:
        log.error("webhook_dead", webhook=str(event.id), reason=reason)
    await payments.end_webhook(checkout.db, event_id=event.id, state=state, outcome=reason)
    return reason
