"""Sweeping: what was left half done, or came of age, is finished here.

Every sweep is safe to run from many workers at once: rows are claimed with a lease, and the
settlement lane decides under locks. Each takes a bounded number and says how many it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog

from surehold.cart import commands as cart
from surehold.checkout.commands.ask import ask, check_payment
from surehold.checkout.commands.inbox import process_webhook
from surehold.checkout.engine import Checkout
from surehold.checkout.model import SYSTEM, UNCHANGED, Swept
from surehold.checkout.settlements import CancelOrder, ExpireHolds, ReachStatus
from surehold.db import clock, idempotency, shop, windows
from surehold.db.database import PASSING
from surehold.inventory import commands as inventory
from surehold.inventory import queries as inventory_queries
from surehold.inventory.errors import ReservationNotFound
from surehold.jobs import outbox
from surehold.kernel.ids import OrderId, PaymentId
from surehold.orders import queries as orders
from surehold.orders.documents import commands as documents
from surehold.orders.errors import OrderNotCancelable, OrderNotFound, StatusOutOfReach
from surehold.orders.model import CancelReason, OrderStatus
from surehold.orders.photos import commands as photos
from surehold.orders.transfers import commands as transfers
from surehold.payments import commands as payments
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.providers.failures import (
    ProviderFailure,
)
from surehold.payments.reconciliation import queries as reconciliation
from surehold.pricing import commands as pricing

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: How many of a kind one sweep takes.
BATCH: Final = 200
#: How many providers' answers one sweep waits for at the same time.
CONCURRENCY: Final = 16


async def expire_reservations(checkout: Checkout) -> int:
    """Free the stock of holds whose time is over; returns how many holds ended."""
    async with checkout.db.connection() as connection:
        holders = await inventory_queries.list_holders_due(connection, limit=BATCH)

    async def expire(holder_id: Any) -> int:
        try:
            outcome = await checkout.settling.submit(ExpireHolds(OrderId(holder_id)))
        except OrderNotFound:
            try:
                return await inventory.expire(checkout.db, holder_id=holder_id)
            except ReservationNotFound:
                return 0
        return outcome.count

    return sum(await _each(expire(holder_id) for holder_id in holders))


async def cancel_unpaid_orders(checkout: Checkout) -> int:
    """Give up orders that nobody paid for in the store's time; returns how many."""
    async with checkout.db.connection() as connection:
        settings = await shop.load(connection)
        ids = await orders.list_unpaid(
            connection, older_than=timedelta(hours=settings.unpaid_cancel_hours), limit=BATCH
        )

    async def cancel(order_id: OrderId) -> int:
        request = CancelOrder(order_id, CancelReason.UNPAID, SYSTEM, only_unpaid=True)
        try:
            outcome = await checkout.settling.submit(request)
        except OrderNotCancelable:
            return 0
        return int(outcome.effect == "canceled")

    return sum(await _each(cancel(order_id) for order_id in ids))


async def archive_old_orders(checkout: Checkout) -> int:
    """Put away orders that have been over for the store's time; returns how many."""
    async with checkout.db.connection() as connection:
        settings = await shop.load(connection)
        ids = await orders.list_to_archive(
            connection, older_than=timedelta(days=settings.archive_after_days), limit=BATCH
        )

    async def archive(order_id: OrderId) -> int:
        request = ReachStatus(order_id, OrderStatus.ARCHIVED, SYSTEM, "over for long")
        try:
            outcome = await checkout.settling.submit(request)
        except StatusOutOfReach:
            return 0  # something happened to it meanwhile
        return int(outcome.effect != UNCHANGED)

    return sum(await _each(archive(order_id) for order_id in ids))


async def ask_due_operations(checkout: Checkout) -> int:
    """Ask providers what was never asked or never answered; returns how many questions."""
    operations = await payments.claim_operations(checkout.db, limit=BATCH)
    await _each(ask(checkout, operation) for operation in operations)
    return len(operations)


async def check_due_payments(checkout: Checkout) -> int:
    """Ask providers what became of undecided payments; returns how many were to be looked at.

    One that could not be looked at is due again within minutes, however seldom its turn comes.
    """

    async def check(payment_id: PaymentId) -> None:
        try:
            await check_payment(checkout, payment_id)
        except Exception:
            await payments.check_soon(checkout.db, payment_id=payment_id)
            raise

    due = await payments.claim_checks(checkout.db, limit=BATCH)
    for payment_id, check_count in due:
        if check_count > payments.CHECKS_WITHIN_HOURS:
            log.warning("payment_undecided", payment=str(payment_id), checks=check_count)
    await _each(check(payment_id) for payment_id, _ in due)
    return len(due)


async def look_into_differences(checkout: Checkout) -> int:
    """Ask providers again about payments of which their reports say otherwise; returns how many.

    A dispute or a refund that nobody told of is found so. What is a person's stays a person's.
    """
    count, after = 0, UUID(int=0)
    while True:
        async with checkout.db.connection() as connection:
            found = await reconciliation.list_doubtful(connection, after=after, limit=BATCH)
        if not found:
            return count
        after = found[-1][0]
        doubtful = {one for _, one in found if one is not None}
        await _each(check_payment(checkout, one) for one in doubtful)
        count += len(doubtful)


async def process_due_webhooks(checkout: Checkout) -> int:
    """Act on inbox events that nobody finished; returns how many."""
    events = await payments.claim_webhooks(checkout.db, limit=BATCH)
    await _each(process_webhook(checkout, event) for event in events)
    return len(events)


async def report_abandoned_carts(checkout: Checkout) -> int:
    """Announce carts that were left, once each; returns how many were decided about.

    A cart from which an order was ever placed is passed over, whatever became of the order.
    """
    async with checkout.db.transaction() as tx:
        settings = await shop.load(tx)
        silent = await cart.lock_silent(
            tx, silence=timedelta(hours=settings.abandoned_cart_hours), limit=BATCH
        )
        ordered = await orders.list_ordered_carts(tx, cart_ids=[row.cart_id for row in silent])
        await cart.decide_silent(tx, silent=silent, ordered=ordered, now=await clock.now(tx))
    return len(silent)


async def issue_documents(checkout: Checkout) -> int:
    """Write down what was sold and what went back; returns how many documents."""
    return await documents.issue_due(checkout.db, limit=BATCH)


async def expire_gift_cards(checkout: Checkout) -> int:
    """Take what is left off gift cards whose time is over; returns how many."""
    return await gift_cards.expire_cards(checkout.db, limit=BATCH)


async def prune(checkout: Checkout) -> int:
    """Forget what is past its use: keys, quotes, facts, carts, wishes; returns how many."""
    async with checkout.db.transaction() as tx:
        return (
            await idempotency.prune(tx)
            + await windows.prune(tx)
            + await pricing.prune_quotes(tx)
            + await outbox.prune(tx)
            + await cart.prune_carts(tx)
            + await cart.prune_wishlists(tx)
            + await cart.prune_alerts(tx)
            + await photos.prune_photos(tx)
            + await transfers.prune_proofs(tx)
        )


async def sweep(checkout: Checkout) -> Swept:
    """Everything above, once, in an order that lets payments win over expiry."""
    webhooks = await process_due_webhooks(checkout)
    asked = await ask_due_operations(checkout)
    checked = await check_due_payments(checkout)
    expired = await expire_reservations(checkout)
    canceled = await cancel_unpaid_orders(checkout)
    issued = await issue_documents(checkout)
    archived = await archive_old_orders(checkout)
    cards_expired = await expire_gift_cards(checkout)
    pruned = await prune(checkout)
    return Swept(
        holds_expired=expired,
        orders_canceled=canceled,
        orders_archived=archived,
        gift_cards_expired=cards_expired,
        operations_asked=asked,
        payments_checked=checked,
        webhooks_processed=webhooks,
        documents_issued=issued,
        pruned=pruned,
    )


async def _each(work: Iterable[Awaitable[T]]) -> list[T]:
    """Carry out a few at a time. One that cannot be done is logged and due; it stops no other."""
    gate = asyncio.Semaphore(CONCURRENCY)
    done: list[T] = []

    async def one(item: Awaitable[T]) -> None:
        async with gate:
            try:
                done.append(await item)
            except (ProviderFailure, *PASSING) as failure:
                log.info("sweep_left_for_later", reason=repr(failure))
            except Exception:
                log.exception("sweep_stumbled")

    await asyncio.gather(*(one(item) for item in work))
    return done
