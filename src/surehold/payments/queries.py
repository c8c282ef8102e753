"""What others may read of payments."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.db import Connection
from surehold.kernel.ids import OrderId, PaymentId, RefundId, WebhookEventId
from surehold.payments import sql
from surehold.payments.errors import PaymentNotFound
from surehold.payments.model import (
    Operation,
    OperationKind,
    Payment,
    PaymentReview,
    Refund,
    RefundLine,
    WebhookEvent,
)


async def get_payment(connection: Connection, *, payment_id: PaymentId) -> Payment:
    """One payment.

    Raises:
        PaymentNotFound: There is none with this id.
    """
    payment = await connection.find(sql.FIND_PAYMENT, payment_id)
    if payment is None:
        raise PaymentNotFound("There is no payment with this id.")
    return payment


async def find_payment_at_provider(
    connection: Connection, *, provider: str, account: str, provider_payment_id: str
) -> Payment | None:
    """One payment by the provider's id for it."""
    return await connection.find(
        sql.FIND_PAYMENT_AT_PROVIDER, provider, account, provider_payment_id
    )


async def list_payments(
    connection: Connection, *, order_ids: Sequence[OrderId]
) -> tuple[Payment, ...]:
    """Every payment of these orders, oldest first."""
    return tuple(await connection.all(sql.LIST_PAYMENTS, list(order_ids)))


async def list_reviews(
    connection: Connection, *, payment_id: PaymentId
) -> tuple[PaymentReview, ...]:
    """What people decided about a payment, oldest first."""
    return tuple(await connection.all(sql.LIST_REVIEWS, payment_id))


async def list_refunds(
    connection: Connection, *, order_ids: Sequence[OrderId]
) -> tuple[Refund, ...]:
    """Every refund of these orders, oldest first."""
    return tuple(await connection.all(sql.LIST_REFUNDS, list(order_ids)))


async def list_refund_lines(
    connection: Connection, *, refunds: Sequence[Refund]
) -> dict[RefundId, tuple[RefundLine, ...]]:
    """Which order lines these refunds are of. Those that are of none cost no trip."""
    ids = [row.id for row in refunds if row.is_of_sale]
    found: dict[RefundId, tuple[RefundLine, ...]] = {}
    for line in await connection.all(sql.LIST_REFUND_LINES, ids) if ids else ():
        found[line.refund_id] = (*found.get(line.refund_id, ()), line)
    return found


async def find_operation(
    connection: Connection, *, payment_id: PaymentId, kind: OperationKind
) -> Operation | None:
    """The latest question of a kind about a payment."""
    return await connection.find(sql.FIND_OPERATION, payment_id, kind.value)


async def find_webhook(connection: Connection, *, event_id: WebhookEventId) -> WebhookEvent | None:
    """One inbox event."""
    return await connection.find(sql.FIND_WEBHOOK, event_id)


async def find_delivered(
    connection: Connection, *, provider: str, account: str, dedup_key: str
) -> WebhookEvent | None:
    """The inbox event that a provider's own event became; ``None`` when it never came."""
    return await connection.find(sql.FIND_DELIVERED, provider, account, dedup_key)


async def list_ledger(connection: Connection, *, order_id: OrderId) -> tuple[sql.LedgerRow, ...]:
    """Every ledger entry of one order, oldest first."""
    return tuple(await connection.all(sql.LIST_LEDGER, order_id))
