"""Sending webhooks: signed, retried with growing gaps, from the book, so that none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
from itertools import groupby
from typing import Final

import httpx2

from surehold.kernel import clock
from surehold.sandbox.bank import Bank
from surehold.sandbox.model import Attempt, Delivery
from surehold.sandbox.settings import RETRY_GAPS_SECONDS

MAX_PARALLEL: Final = 16
_STALE_SECONDS: Final = 3_600
_log: Final = logging.getLogger(__name__)


def sign(body: bytes, *, secrets: tuple[str, ...], at: int) -> str:
    """The ``Sandbox-Signature`` header: one ``v1`` for every secret in use."""
    signed = b"%d." % at + body
    marks = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])


class Sender:
    """The background task that empties the book's list of deliveries.

    Payments are served side by side; the events of one payment leave in their order, the copies
    of one event together. Order is not promised: a failed event is overtaken by the next.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(MAX_PARALLEL)
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._client = httpx2.AsyncClient(
            timeout=bank.settings.webhook_timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": "surehold-sandbox/1"},
        )
        bank.wake = self._wake.set

    async def run(self) -> None:
        """Work until canceled."""
        try:
            while True:
                self._wake.clear()
                try:
                    self._bank.settle_due()
                    self._start_due()
                except Exception:  # noqa: BLE001  # logged; the loop is the edge here
                    # One bad row must not silence the sandbox for good.
                    _log.exception("sandbox: background round failed")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._bank.settings.tick_seconds):
                        await self._wake.wait()
        finally:
            tasks = tuple(self._serving.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._client.aclose()

    def _start_due(self) -> None:
        due: dict[str, list[Delivery]] = {}
        for delivery in self._bank.book.list_due_deliveries(clock.now().timestamp()):
            if delivery.payment_id not in self._serving:
                due.setdefault(delivery.payment_id, []).append(delivery)
        for payment_id, deliveries in due.items():
            self._serving[payment_id] = asyncio.create_task(self._serve(payment_id, deliveries))

    async def _serve(self, payment_id: str, deliveries: list[Delivery]) -> None:
        try:
            for _, copies in groupby(deliveries, key=lambda delivery: delivery.event_id):
                await asyncio.gather(*(self._deliver(copy) for copy in copies))
        finally:
            del self._serving[payment_id]
            self._wake.set()

    async def _deliver(self, delivery: Delivery) -> None:
        event = self._bank.book.find_event(delivery.event_id)
        assert event is not None, "a delivery without its event"
        began, started = clock.now().timestamp(), clock.monotonic_seconds()
        status, error = None, None
        async with self._slots:
            try:
                status = await self._post(delivery, event.body)
            except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as failure:
                error = type(failure).__name__
        attempt = Attempt(
            delivery_seq=delivery.seq,
            at=began,
            status=status,
            error=error,
            duration_ms=int((clock.monotonic_seconds() - started) * 1000),
        )
        state, due_at = self._judge(delivery, attempt)
        with self._bank.book.transaction():
            self._bank.book.save_attempt(attempt, state=state, due_at=due_at)

    async def _post(self, delivery: Delivery, body: bytes) -> int:
        """Send once; the status that came back. The answer's body is not read."""
        headers = {"content-type": "application/json", "sandbox-event-id": delivery.event_id}
        signature = self._signature(delivery, body)
        if signature is not None:
            headers["sandbox-signature"] = signature
        # The client's limit is per chunk; this one is for the whole exchange.
        async with asyncio.timeout(self._bank.settings.webhook_timeout_seconds):
            request = self._client.stream(
                "POST", delivery.notify_url, content=body, headers=headers
            )
            async with request as response:
                return response.status_code

    def _signature(self, delivery: Delivery, body: bytes) -> str | None:
        # Real time, as the sending is: a bank whose days fly by would be refused as stale.
        secrets, now = self._bank.settings.webhook_secrets, clock.unix_seconds()
        match delivery.signature:
            case "none":
                return None
            case "wrong":
                return sign(body, secrets=("not the secret",), at=now)
            case "stale":
                return sign(body, secrets=secrets, at=now - _STALE_SECONDS)
            case _:
                return sign(body, secrets=secrets, at=now)

    def _judge(self, delivery: Delivery, attempt: Attempt) -> tuple[str, float]:
        """What becomes of a delivery after a try, and when it is due again."""
        if attempt.status is not None and 200 <= attempt.status < 300:
            return "delivered", delivery.due_at
        if delivery.attempts >= len(RETRY_GAPS_SECONDS):
            return "given_up", delivery.due_at
        gap = RETRY_GAPS_SECONDS[delivery.attempts] * self._bank.settings.retry_factor
        return "waiting", clock.now().timestamp() + gap
