"""Settlement: the work of the second lane. Whatever happens to a placed order happens here.

One batch is one transaction: lock the orders, their payments, holds and allocations, then the
stock rows, each in key order; let the rules decide every request in arrival order, in memory;
write the sum of it with one statement per table, the counters last.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from surehold.cart import commands as cart
from surehold.checkout import rules
from surehold.checkout.case import Case, Stock, Writes
from surehold.checkout.engine import Context, Keep
from surehold.checkout.lane import LetNext
from surehold.checkout.model import BUYER, UNCHANGED, Actor, provider_actor
from surehold.db import Connection, Transaction, clock, idempotency, shop
from surehold.db.database import transaction_on
from surehold.db.idempotency import NewKey
from surehold.db.shop import ShopSettings
from surehold.inventory import commands as inventory
from surehold.jobs import outbox
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId, PaymentId, RefundId
from surehold.orders import commands as orders
from surehold.orders import queries as order_queries
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import CancelReason
from surehold.payments import commands as payments
from surehold.payments import queries as payment_queries
from surehold.payments.errors import PaymentNotFound
from surehold.payments.model import NoAction, Operation, Payment, PaymentState
from surehold.payments.providers.port import CreateResult, ProviderSnapshot, RefundSnapshot
from surehold.payments.states import EVENT_FOR, OPEN, PAYMENT, OperationEvent

#: Where the keys of extensions are kept.
EXTENSIONS: Final = "extend-reservation"
DONE: Final = 200

#: A webhook usually comes sooner; after this the worker asks.
FIRST_CHECK: Final = timedelta(seconds=30)


#: What the answer to a creation may say of a payment; everything else is read, with its amounts.
BEGINNINGS: Final = frozenset({PaymentState.REQUIRES_ACTION, PaymentState.PENDING})


class TakeEvidence(msgspec.Struct, frozen=True):
    """A provider says where a payment stands; a person does for a local one."""

    order_id: OrderId
    payment_id: PaymentId
    snapshot: ProviderSnapshot
    actor: Actor | None = None
    #: The question that this answers, where one was asked.
    operation: Operation | None = None


class RecordCreate(msgspec.Struct, frozen=True):
    """A provider answered, refused or lost the creation of a payment."""

    order_id: OrderId
    operation: Operation
    result: CreateResult | None
    event: OperationEvent
    failure_code: str | None = None
    failure_message: str | None = None


class RecordRefund(msgspec.Struct, frozen=True):
    """A provider answered, refused or lost a refund."""

    order_id: OrderId
    refund_id: RefundId
    operation: Operation
    snapshot: RefundSnapshot | None
    event: OperationEvent
    failure_code: str | None = None


class RecordLoss(msgspec.Struct, frozen=True):
    """A question about a payment ended without an answer that changes the payment."""

    order_id: OrderId
    operation: Operation
    event: OperationEvent
    failure_code: str | None


class ExpireHolds(msgspec.Struct, frozen=True):
    """The holds of an order may be over."""

    order_id: OrderId


class CancelOrder(msgspec.Struct, frozen=True):
    """Somebody gives the order up. ``only_unpaid``: nothing happens once money came."""

    order_id: OrderId
    reason: CancelReason
    actor: Actor
    only_unpaid: bool = False


class RetryPayment(msgspec.Struct, frozen=True):
    """The buyer pays (again), perhaps another way."""

    order_id: OrderId
    provider: str


class ExtendHold(msgspec.Struct, frozen=True):
    """The buyer asks for more time. Twice with one key is once; ``keep`` is for one order only."""

    order_id: OrderId
    keep: Keep


Settlement = (
    TakeEvidence
    | RecordCreate
    | RecordRefund
    | RecordLoss
    | ExpireHolds
    | CancelOrder
    | RetryPayment
    | ExtendHold
)


class Outcome(msgspec.Struct, frozen=True):
    """What came of a request, and the payment that it began or touched."""

    effect: str
    payment_id: PaymentId | None = None
    count: int = 0


class SettlementWork:
    """The work of the settlement lane."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, raw: asyncpg.Connection[Any], requests: Sequence[Settlement], _: LetNext
    ) -> Sequence[Outcome | DomainError]:
        """One outcome or refusal per request, in order, from one transaction."""
        settings = await shop.load(Connection(raw))
        async with transaction_on(raw) as tx:
            ids = sorted({request.order_id for request in requests})
            cases, writes, stock, now = await self._load(tx, ids, settings)
            kept = await _find_kept(tx, requests)
            outcomes: list[Outcome | DomainError] = []
            for request in requests:
                case = cases.get(request.order_id)
                if case is None:
                    outcomes.append(OrderNotFound("There is no order with this id."))
                    continue
                try:
                    outcomes.append(self._decide(case, request, kept))
                except DomainError as refusal:
                    outcomes.append(refusal)
            await _write(tx, cases, writes, stock, now)
        return outcomes

    async def _load(
        self, tx: Transaction, ids: Sequence[OrderId], settings: ShopSettings
    ) -> tuple[dict[OrderId, Case], Writes, Stock, datetime]:
        found = await orders.lock_orders(tx, ids=ids)
        locked_payments = await payments.lock_payments(tx, order_ids=ids)
        holds = await inventory.lock_reservations(tx, holder_ids=ids)
        allocations = await inventory.lock_allocations(tx, order_ids=ids)
        lines = await order_queries.list_lines(tx, order_ids=ids)
        refunds = await payment_queries.list_refunds(tx, order_ids=ids)
        variant_ids = {line.variant_id for rows in lines.values() for line in rows}
        levels, now = await inventory.lock_stock(tx, variant_ids=variant_ids)
        now = now or await clock.now(tx)
        stock, writes = Stock(dict(levels)), Writes()
        cases = {
            order_id: Case(
                order,
                lines=lines.get(order_id, ()),
                payments=[row for row in locked_payments if row.order_id == order_id],
                reservations=[row for row in holds if row.holder_id == order_id],
                allocations=[row for row in allocations if row.order_id == order_id],
                refunds=[row for row in refunds if row.order_id == order_id],
                stock=stock,
                writes=writes,
                settings=settings,
                now=now,
            )
            for order_id, order in found.items()
        }
        return cases, writes, stock, now

    def _decide(self, case: Case, request: Settlement, kept: set[str]) -> Outcome:
        match request:
            case TakeEvidence():
                return self._take_evidence(case, request)
            case RecordCreate():
                return self._record_create(case, request)
            case RecordRefund():
                rules.end_operation(case, request.operation, request.event, request.failure_code)
                refund = case.refund(request.refund_id)
                if request.event is OperationEvent.LOSE:
                    return Outcome("unknown", refund.payment_id)
                effect = rules.record_refund(
                    case, refund, request.snapshot, failure_code=request.failure_code
                )
                return Outcome(effect, refund.payment_id)
            case RecordLoss():
                rules.end_operation(case, request.operation, request.event, request.failure_code)
                return Outcome(request.event.value, request.operation.payment_id)
            case ExpireHolds():
                return Outcome("expired", count=rules.expire_holds(case))
            case CancelOrder():
                return self._cancel(case, request)
            case RetryPayment():
                return self._retry(case, request)
            case ExtendHold():
                return self._extend(case, request.keep, kept)

    def _take_evidence(self, case: Case, request: TakeEvidence) -> Outcome:
        payment = case.payments.get(request.payment_id)
        if payment is None:
            raise PaymentNotFound("There is no payment with this id.")
        if request.operation is not None:
            rules.end_operation(case, request.operation, OperationEvent.SUCCEED, None)
        effect = rules.settle(
            case,
            payment,
            request.snapshot,
            actor=request.actor or provider_actor(payment.provider),
            providers=self._context.providers,
        )
        return Outcome(effect, payment.id)

    def _record_create(self, case: Case, request: RecordCreate) -> Outcome:
        """Beat 3 of beginning a payment. A later fact than this answer is left alone."""
        payment = case.payment(request.operation.payment_id)
        rules.end_operation(case, request.operation, request.event, request.failure_code)
        after = payment
        if request.result is not None:
            after = _begun(payment, request.result, now=case.now)
        elif request.event is OperationEvent.DECLINE:
            after = _refused(payment, request.failure_code, request.failure_message)
        elif PAYMENT.find_next(payment.state, EVENT_FOR[PaymentState.UNKNOWN]) is not None:
            after = msgspec.structs.replace(payment, state=PaymentState.UNKNOWN)
        if after is not payment:
            case.put_payment(after)
            case.change_order(
                actor=provider_actor(payment.provider).name,
                reason=f"payment {after.state.value}",
            )
            case.relabel()
        is_orphan = case.order.canceled_at is not None
        if is_orphan and request.result is not None and after.state is not PaymentState.CAPTURED:
            rules.give_up_payment(case, after, providers=self._context.providers)
        return Outcome(after.state.value, payment.id)

    def _cancel(self, case: Case, request: CancelOrder) -> Outcome:
        if request.only_unpaid and (
            case.order.paid_minor or any(row.review_reason for row in case.payments.values())
        ):
            return Outcome(UNCHANGED)
        effect = rules.cancel(
            case, reason=request.reason, actor=request.actor, providers=self._context.providers
        )
        return Outcome(effect)

    def _retry(self, case: Case, request: RetryPayment) -> Outcome:
        """Join the open payment of the same provider while its hold lives, else begin another."""
        joined = next(
            (row for row in reversed(case.open_payments) if row.provider == request.provider), None
        )
        if joined is not None and not (case.is_whole_held and not case.is_hold_over):
            joined = None
        if joined is not None and _is_unasked(joined):
            # Whoever began it stopped before the provider had answered: go on from there.
            return Outcome("joined", joined.id)
        rules.check_payable(case)
        if joined is not None:
            return Outcome("joined", joined.id)
        ttl = self._hold_time(case, request.provider)
        rules.hold_again(case, ttl=ttl)
        for payment in case.open_payments:
            rules.give_up_payment(case, payment, providers=self._context.providers)
        payment, operation = self._context.begin_payment(
            case.order,
            provider_name=request.provider,
            settings=case.settings,
            expires_at=min(row.expires_at for row in case.active),
            now=case.now,
        )
        case.add_payment(payment)
        if operation is not None:
            case.writes.operations.append(operation)
        case.change_order(actor=BUYER.name, reason="paying again", provider=request.provider)
        case.relabel()
        return Outcome("begun", payment.id)

    def _extend(self, case: Case, keep: Keep, kept: set[str]) -> Outcome:
        """Give more time, unless it was given for this key."""
        if keep.key in kept:
            return Outcome(UNCHANGED)
        rules.extend(case, ttl=self._hold_time(case, case.order.provider))
        answer = keep.render(case.placed)
        case.writes.keys.append(NewKey(keep.key, keep.request_hash, case.order.id, answer))
        kept.add(keep.key)
        return Outcome("extended")

    def _hold_time(self, case: Case, provider: str) -> timedelta:
        kind = self._context.providers.get(provider).capabilities.hold_kind
        return rules.hold_time(kind, case.settings)


def _is_unasked(payment: Payment) -> bool:
    """Whether no provider has answered for it yet, nor lost its answer."""
    return payment.state is PaymentState.PENDING and payment.provider_payment_id is None


def _begun(payment: Payment, result: CreateResult, *, now: datetime) -> Payment:
    known = msgspec.structs.replace(
        payment, provider_payment_id=result.provider_payment_id, next_check_at=now
    )
    if result.state not in BEGINNINGS:
        # Decided already: the worker reads what it came to, amounts and all, unless a webhook was
        # faster and nothing is left to read.
        return known if payment.state in OPEN else payment
    # Evidence may have come before a lost answer was asked for again: the state is the same, but
    # only the answer says what the buyer must do.
    is_known = payment.state is result.state
    if not is_known and PAYMENT.find_next(payment.state, EVENT_FOR[result.state]) is None:
        return payment
    return msgspec.structs.replace(
        payment,
        state=result.state,
        provider_payment_id=result.provider_payment_id,
        next_action=result.next_action,
        next_check_at=now + FIRST_CHECK,
    )


def _refused(payment: Payment, code: str | None, message: str | None) -> Payment:
    if PAYMENT.find_next(payment.state, EVENT_FOR[PaymentState.FAILED]) is None:
        return payment
    return msgspec.structs.replace(
        payment,
        state=PaymentState.FAILED,
        next_action=NoAction(),
        next_check_at=None,
        failure_code=code,
        failure_message=message,
    )


async def _find_kept(tx: Transaction, requests: Sequence[Settlement]) -> set[str]:
    """The keys of these requests whose work is done. Their orders are locked, so it stays so."""
    keys = [request.keep.key for request in requests if isinstance(request, ExtendHold)]
    if not keys:
        return set()
    return set(await idempotency.find(tx, scope=EXTENSIONS, keys=keys))


async def _write(
    tx: Transaction, cases: dict[OrderId, Case], writes: Writes, stock: Stock, now: datetime
) -> None:
    """Everything that the rules decided, parents before children, counters last.

    What there is nothing of costs no trip.
    """
    order_changes = [row for row in (case.order_change for case in cases.values()) if row]
    payment_changes = [row for case in cases.values() for row in case.payment_changes]
    await orders.update_orders(tx, changes=order_changes, now=now)
    await payments.update_payments(tx, changes=payment_changes, now=now)
    await payments.insert_payments(tx, payments=list(writes.payments.values()), now=now)
    await payments.insert_refunds(tx, refunds=writes.refunds, now=now)
    await payments.end_refunds(tx, refunds=writes.refunds_ended, now=now)
    await payments.insert_operations(tx, operations=writes.operations, now=now)
    await payments.end_operations(tx, operations=writes.operations_ended, now=now)
    await payments.post_journals(tx, journals=writes.journals, now=now)
    await inventory.insert_reservations(tx, reservations=writes.reservations)
    await inventory.prolong_reservations(
        tx, reservations=list(writes.reservations_prolonged.values())
    )
    await inventory.end_reservations(tx, reservations=writes.reservations_ended, now=now)
    await inventory.insert_allocations(tx, allocations=writes.allocations, now=now)
    await inventory.release_allocations(tx, allocations=writes.allocations_released)
    await cart.take_ordered(tx, taken=writes.taken_from_carts)
    await outbox.record(tx, writes.events, now=now)
    if writes.keys:
        await idempotency.insert(tx, scope=EXTENSIONS, status=DONE, keys=writes.keys, now=now)
    await inventory.change_stock(tx, changes=stock.changes)
