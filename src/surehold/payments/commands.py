"""Everything that writes payments, their operations, refunds, the inbox and the ledger.

Beats 1 and 3 are written here, inside the settlement's transaction; beat 2 is in ``ask.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from surehold.db import Database, Transaction
from surehold.kernel.ids import (
    OperationId,
    OrderId,
    PaymentId,
    RefundId,
    WebhookEventId,
    new_id,
)
from surehold.payments import sql
from surehold.payments.model import (
    Journal,
    Operation,
    Payment,
    PaymentReview,
    Refund,
    RefundLine,
    WebhookEvent,
    WebhookState,
)
from surehold.payments.providers.port import (
    NormalizedEvent,
)

#: How long whoever claimed a question has to ask it, before somebody else may; doubles each time.
LEASE: Final = timedelta(seconds=15)
#: How long after a check that came to nothing, with the provider down or us too busy, the next is.
MISSED_CHECK: Final = timedelta(minutes=10)
#: Checks of a payment that follow one another within hours; after these, one a day with an alert.
CHECKS_WITHIN_HOURS: Final = 5


class ConcurrentChange(RuntimeError):
    """A payment was written under us although we hold its lock: a bug, so the batch is refused."""


async def lock_payments(tx: Transaction, *, order_ids: Sequence[OrderId]) -> list[Payment]:
    """Lock every payment of these orders, in id order. The caller holds the orders' locks."""
    return await tx.all(sql.LOCK_PAYMENTS, list(order_ids))


async def insert_payments(tx: Transaction, *, payments: Sequence[Payment], now: datetime) -> None:
    """Write new payments. Those by gift card, which begin with money, are written apart."""
    by_money = [row for row in payments if row.gift_card_id is None]
    by_card = [row for row in payments if row.gift_card_id is not None]
    if by_money:
        await tx.run(
            sql.INSERT_PAYMENTS,
            *_payment_columns(by_money),
            now,
            [row.terms.value for row in by_money],
        )
    if by_card:
        await tx.run(
            sql.INSERT_CARD_PAYMENTS,
            *_payment_columns(by_card),
            now,
            [row.authorized_minor for row in by_card],
            [row.captured_minor for row in by_card],
            [row.refunded_minor for row in by_card],
            [row.gift_card_id for row in by_card],
        )


def _payment_columns(payments: Sequence[Payment]) -> tuple[list[Any], ...]:
    return (
        [row.id for row in payments],
        [row.order_id for row in payments],
        [row.provider for row in payments],
        [row.account for row in payments],
        [row.provider_payment_id for row in payments],
        [row.state.value for row in payments],
        [row.currency for row in payments],
        [row.requested_minor for row in payments],
        [row.next_action for row in payments],
        [row.next_check_at for row in payments],
    )


async def update_payments(
    tx: Transaction, *, changes: Sequence[tuple[Payment, Payment]], now: datetime
) -> None:
    """Write what became of locked payments, each as (before, after).

    Raises:
        ConcurrentChange: One of them left the state it was read in.
    """
    if not changes:
        return
    rows = [after for _, after in changes]
    count = await tx.run(
        sql.UPDATE_PAYMENTS,
        [row.id for row in rows],
        [row.state.value for row in rows],
        [row.provider_payment_id for row in rows],
        [row.authorized_minor for row in rows],
        [row.captured_minor for row in rows],
        [row.refunded_minor for row in rows],
        [row.next_action for row in rows],
        [row.failure_code for row in rows],
        [row.failure_message for row in rows],
        [row.review_reason for row in rows],
        [row.check_count for row in rows],
        [row.next_check_at for row in rows],
        now,
        [before.state.value for before, _ in changes],
        [row.disputed_minor for row in rows],
        [row.lost_minor for row in rows],
        [row.dispute_moves for row in rows],
    )
    if count != len(rows):
        raise ConcurrentChange("a payment changed under its lock")


async def insert_operations(
    tx: Transaction,
    *,
    operations: Sequence[Operation],
    now: datetime,
    first_attempt_after: timedelta = LEASE,
) -> None:
    """Write the intent to ask, before anybody asks.

    Whoever wrote it asks at once; the worker takes over after the first lease.
    """
    if not operations:
        return
    await tx.run(
        sql.INSERT_OPERATIONS,
        [row.id for row in operations],
        [row.payment_id for row in operations],
        [row.refund_id for row in operations],
        [row.kind.value for row in operations],
        [row.idempotency_key for row in operations],
        [row.request for row in operations],
        [now + first_attempt_after for _ in operations],
        now,
    )


async def end_operations(
    tx: Transaction, *, operations: Sequence[tuple[Operation, str | None]], now: datetime
) -> None:
    """Write what is known of the answers: each operation's state, and a failure code or ``None``.

    An ``unknown`` one stays due; an ended one is never written again.
    """
    if not operations:
        return
    await tx.run(
        sql.END_OPERATIONS,
        [row.id for row, _ in operations],
        [row.state.value for row, _ in operations],
        [code for _, code in operations],
        now,
    )


async def claim_operations(db: Database, *, limit: int) -> list[Operation]:
    """Take questions that are due, for the length of a lease."""
    async with db.transaction() as tx:
        return await tx.all(sql.CLAIM_OPERATIONS, limit, LEASE)


async def claim_checks(db: Database, *, limit: int) -> list[tuple[PaymentId, int]]:
    """Take payments whose provider should be asked what became of them."""
    async with db.transaction() as tx:
        rows = await tx.all(sql.CLAIM_CHECKS, limit)
    return [(row.id, row.check_count) for row in rows]


async def check_soon(db: Database, *, payment_id: PaymentId) -> None:
    """Let a payment that could not be looked at be due again before long."""
    async with db.transaction() as tx:
        await tx.run(sql.CHECK_SOON, payment_id, MISSED_CHECK)


async def insert_reviews(
    tx: Transaction, *, reviews: Sequence[PaymentReview], now: datetime
) -> None:
    """Write what people decided about payments."""
    if not reviews:
        return
    await tx.run(
        sql.INSERT_REVIEWS,
        [row.id for row in reviews],
        [row.payment_id for row in reviews],
        [row.reason for row in reviews],
        [row.decision.value for row in reviews],
        [row.note for row in reviews],
        [row.actor for row in reviews],
        now,
    )


async def insert_refunds(tx: Transaction, *, refunds: Sequence[Refund], now: datetime) -> None:
    """Write requested refunds.

    Raises:
        asyncpg.CheckViolationError: More than was captured.
    """
    if not refunds:
        return
    await tx.run(
        sql.INSERT_REFUNDS,
        [row.id for row in refunds],
        [row.payment_id for row in refunds],
        [row.order_id for row in refunds],
        [row.currency for row in refunds],
        [row.amount_minor for row in refunds],
        [row.reason for row in refunds],
        [row.requested_by for row in refunds],
        now,
        [row.batch_id for row in refunds],
        [row.is_of_sale for row in refunds],
        [row.shipping_minor for row in refunds],
        [row.shipping_tax_minor for row in refunds],
        [row.cancellation_id for row in refunds],
        [row.retry_of for row in refunds],
        [row.internal_reason for row in refunds],
        [row.return_id for row in refunds],
        [row.is_excess for row in refunds],
        [row.store_credit_id for row in refunds],
    )


async def insert_refund_lines(tx: Transaction, *, lines: Sequence[RefundLine]) -> None:
    """Write which lines refunds are of; the order's lines count it.

    Raises:
        asyncpg.CheckViolationError: More than a line has left.
    """
    if not lines:
        return
    await tx.run(
        sql.INSERT_REFUND_LINES,
        [row.refund_id for row in lines],
        [row.order_line_id for row in lines],
        [row.quantity for row in lines],
        [row.net_minor for row in lines],
        [row.tax_minor for row in lines],
    )


async def end_refunds(tx: Transaction, *, refunds: Sequence[Refund], now: datetime) -> None:
    """Write what became of requested refunds; each carries its final state."""
    if not refunds:
        return
    await tx.run(
        sql.END_REFUNDS,
        [row.id for row in refunds],
        [row.state.value for row in refunds],
        [row.provider_refund_id for row in refunds],
        [row.failure_code for row in refunds],
        now,
    )


async def post_journals(tx: Transaction, *, journals: Sequence[Journal], now: datetime) -> None:
    """Book facts.

    Raises:
        asyncpg.UniqueViolationError: The fact was booked before.
        asyncpg.CheckViolationError: A journal does not balance.
    """
    if not journals:
        return
    await tx.run(
        sql.INSERT_JOURNALS,
        [row.id for row in journals],
        [row.kind for row in journals],
        [row.reference for row in journals],
        [row.order_id for row in journals],
        now,
    )
    entries = [
        (journal, position, entry)
        for journal in journals
        for position, entry in enumerate(journal.entries)
    ]
    await tx.run(
        sql.INSERT_ENTRIES,
        [journal.id for journal, _, _ in entries],
        [position for _, position, _ in entries],
        [entry.account for _, _, entry in entries],
        [entry.vendor_id for _, _, entry in entries],
        [journal.currency for journal, _, _ in entries],
        [entry.amount_minor for _, _, entry in entries],
    )


class StoredEvent(msgspec.Struct, frozen=True):
    """Where a delivery landed in the inbox."""

    id: WebhookEventId
    is_new: bool
    is_settled: bool


async def store_webhook(
    db: Database, *, provider: str, account: str, event: NormalizedEvent, raw_body: bytes
) -> StoredEvent:
    """Put a verified event into the inbox: once, however often it is sent."""
    async with db.connection() as connection:
        row = await connection.one(
            sql.STORE_WEBHOOK,
            WebhookEventId(new_id()),
            provider,
            account,
            event.dedup_key,
            event.kind,
            event.provider_payment_id,
            event.merchant_reference,
            raw_body,
        )
    settled = row.state in (WebhookState.PROCESSED.value, WebhookState.DEAD.value)
    return StoredEvent(row.id, row.seen_count == 1, settled)


async def claim_webhooks(db: Database, *, limit: int) -> list[WebhookEvent]:
    """Take events that nobody finished, for the length of a lease."""
    async with db.transaction() as tx:
        return await tx.all(sql.CLAIM_WEBHOOKS, limit)


async def end_webhook(
    db: Database, *, event_id: WebhookEventId, state: WebhookState, outcome: str
) -> None:
    """Write what an event came to; a finished one is left as it is."""
    async with db.connection() as connection:
        await connection.run(sql.END_WEBHOOK, event_id, state.value, outcome)


def refund_key(refund_id: RefundId) -> str:
    """The idempotency key of a refund at its provider."""
    return f"refund-{refund_id}"


def create_key(payment_id: PaymentId) -> str:
    """The idempotency key of a payment's creation at its provider."""
    return f"create-{payment_id}"


def capture_key(payment_id: PaymentId, number: int = 1) -> str:
    """The idempotency key of taking what was authorized: another after each refusal."""
    return f"capture-{payment_id}" if number == 1 else f"capture-{payment_id}-{number}"


def renewal_key(payment_id: PaymentId, number: int) -> str:
    """The idempotency key of authorizing again, for the so manieth time."""
    return f"reauthorize-{payment_id}-{number}"


def void_key(operation_id: OperationId) -> str:
    """The idempotency key of giving a payment up.

    Each question has its own: a payment that was given up may be authorized late, and what a key
    was answered once is no word about that.
    """
    return f"void-{operation_id}"
