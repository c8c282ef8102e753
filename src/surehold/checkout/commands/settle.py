"""Settlement: the work of the second lane. Whatever happens to a placed order happens here.

One batch is one transaction: lock the orders, their payments, holds and allocations, then the
stock rows, each in key order; let every request decide in arrival order, in memory; write the sum
of it with one statement per table, the counters last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, TypeVar

import asyncpg

from surehold.cart import commands as cart
from surehold.checkout.batch import CouponUses, Stock, Writes
from surehold.checkout.cards import CardBook
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.lane import LetNext
from surehold.checkout.model import UNCHANGED
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.db import Connection, Transaction, audit, clock, idempotency, shop
from surehold.db.database import transaction_on
from surehold.db.idempotency import NewKey
from surehold.db.shop import ShopSettings
from surehold.inventory import commands as inventory
from surehold.jobs import outbox
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId, PaymentId, VariantId
from surehold.orders import commands as orders
from surehold.orders import queries as order_queries
from surehold.orders.changes import commands as changes
from surehold.orders.changes import queries as change_queries
from surehold.orders.changes.model import OrderChange
from surehold.orders.errors import OrderNotFound
from surehold.orders.fraud import commands as fraud
from surehold.orders.fraud import queries as fraud_queries
from surehold.orders.fraud.model import Past
from surehold.orders.model import Order
from surehold.payments import commands as payments
from surehold.payments import queries as payment_queries
from surehold.payments.authorizations import commands as authorizations
from surehold.payments.authorizations import queries as authorization_queries
from surehold.payments.authorizations.model import Authorization
from surehold.payments.cash import commands as cash
from surehold.payments.disputes import commands as disputes
from surehold.payments.disputes import queries as dispute_queries
from surehold.payments.disputes.model import Dispute
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.model import Payment, PaymentState, PaymentTerms, Refund
from surehold.pricing import commands as coupons
from surehold.pricing import queries as pricing_queries
from surehold.pricing.model import UsedCoupon
from surehold.pricing.rules import Use

T = TypeVar("T")


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
            returning = {row.order_id for row in requests if row.reads_returns}
            credited = {row.order_id for row in requests if row.gives_credit}
            added = {variant_id for row in requests for variant_id in row.adds}
            paying = {row.order_id for row in requests if row.brings_money}
            cases, writes, stock, now = await self._load(
                tx, ids, settings, credited=credited, added=added, paying=paying
            )
            returning |= {one for one, case in cases.items() if case.is_exchanging}
            await _load_returns(tx, [cases[one] for one in sorted(returning & cases.keys())])
            asking = {row.order_id for row in requests if row.reads_waiting}
            await _load_waiting(tx, [cases[one] for one in sorted(asking & cases.keys())])
            await _load_reported_fees(tx, requests, cases)
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
            audit.accept(tx, [not isinstance(one, DomainError) for one in outcomes])
        return outcomes

    async def _load(
        self,
        tx: Transaction,
        ids: Sequence[OrderId],
        settings: ShopSettings,
        *,
        credited: Collection[OrderId],
        added: Collection[VariantId],
        paying: Collection[OrderId],
    ) -> tuple[dict[OrderId, Case], Writes, Stock, datetime]:
        found = await orders.lock_orders(tx, ids=ids)
        locked_payments = await payments.lock_payments(tx, order_ids=ids)
        holds = await inventory.lock_reservations(tx, holder_ids=ids)
        allocations = await inventory.lock_allocations(tx, order_ids=ids)
        lines = await order_queries.list_lines(tx, order_ids=ids)
        refunds = await payment_queries.list_refunds(tx, order_ids=ids)
        # Nothing of an order is in a parcel before staff have begun to work on it.
        begun = [order.id for order in found.values() if order.processing_at is not None]
        parcels = await orders.lock_fulfillments(tx, order_ids=begun) if begun else []
        refund_lines = await payment_queries.list_refund_lines(tx, refunds=refunds)
        disputed = await _load_disputes(tx, locked_payments)
        held = await _load_authorizations(tx, locked_payments)
        known_changes = await _load_changes(tx, found.values())
        pasts = await _load_pasts(tx, locked_payments, paying, settings)
        variant_ids = {line.variant_id for rows in lines.values() for line in rows}
        variant_ids |= {line.variant_id for row in known_changes for line in row.content.lines}
        variant_ids.update(added)
        levels, now = await inventory.lock_stock(tx, variant_ids=variant_ids)
        coupon_uses = await _load_coupon_uses(tx, found.values())
        owing = {row.order_id for row in known_changes if row.is_exchange_to_come}
        buyers = {found[one].email.lower() for one in owing.union(credited) if one in found}
        cards = await self._load_cards(tx, locked_payments, refunds, buyers)
        now = now or await clock.now(tx)
        stock, writes = Stock(dict(levels)), Writes()
        cases = {
            order_id: Case(
                order,
                lines=lines.get(order_id, ()),
                payments=[row for row in locked_payments if row.order_id == order_id],
                reservations=[row for row in holds if row.holder_id == order_id],
                allocations=[row for row in allocations if row.order_id == order_id],
                refunds=(own := [row for row in refunds if row.order_id == order_id]),
                refund_lines={row.id: refund_lines.get(row.id, ()) for row in own},
                fulfillments=[row for row in parcels if row.order_id == order_id],
                stock=stock,
                writes=writes,
                settings=settings,
                now=now,
                coupon_uses=coupon_uses,
                cards=cards,
                changes=[row for row in known_changes if row.order_id == order_id],
                disputes=[row for row in disputed if row.order_id == order_id],
                past=pasts.get(order_id),
                authorizations=[
                    held[row.id]
                    for row in locked_payments
                    if row.order_id == order_id and row.id in held
                ],
            )
            for order_id, order in found.items()
        }
        return cases, writes, stock, now

    async def _load_cards(
        self,
        tx: Transaction,
        found: Iterable[Payment],
        refunds: Iterable[Refund],
        buyers: Collection[str],
    ) -> CardBook:
        """The cards that pay for these orders, and their buyers' credit; none cost no trip."""
        ids = {row.gift_card_id for row in found if row.gift_card_id is not None}
        ids |= {row.store_credit_id for row in refunds if row.store_credit_id is not None}
        locked = await gift_cards.lock_cards(tx, ids=ids, owners=buyers)
        return CardBook(locked, seals=self._context.seals)

    def _decide(self, case: Case, request: Settlement, kept: set[tuple[str, str]]) -> Outcome:
        """Let a request decide, unless its work was done for its key."""
        keep = request.kept
        if keep is None:
            outcome = request.decide(case, self._context)
            case.end_step()
            return outcome
        if (keep.scope, keep.key) in kept:
            return Outcome(UNCHANGED)
        outcome = request.decide(case, self._context)
        case.end_step()
        key = NewKey(keep.key, keep.request_hash, case.order.id, keep.render(case.placed))
        case.writes.keys.setdefault((keep.scope, keep.status), []).append(key)
        kept.add((keep.scope, keep.key))
        return outcome


async def _load_changes(tx: Transaction, found: Iterable[Order]) -> list[OrderChange]:
    """What was changed of these orders, whose locks guard it; of most nothing was."""
    ids = [order.id for order in found if order.change_count]
    return await change_queries.list_changes(tx, order_ids=ids) if ids else []


async def _load_pasts(
    tx: Transaction,
    found: Iterable[Payment],
    paying: Collection[OrderId],
    settings: ShopSettings,
) -> dict[OrderId, Past]:
    """What other orders say of those that are paid now, in a store that asks for it."""
    if not settings.fraud_signals.is_on:
        return {}
    ids = {
        payment.order_id
        for payment in found
        if payment.order_id in paying
        and payment.state is not PaymentState.CAPTURED
        and not payment.is_secured
    }
    return await fraud_queries.read_past(tx, order_ids=ids)


async def _load_disputes(tx: Transaction, found: Iterable[Payment]) -> list[Dispute]:
    """The disputes of these payments, whose orders' locks guard them; most have none."""
    ids = [payment.id for payment in found if payment.dispute_moves]
    return await dispute_queries.list_of_payments(tx, payment_ids=ids) if ids else []


async def _load_authorizations(
    tx: Transaction, found: Iterable[Payment]
) -> dict[PaymentId, Authorization]:
    """What banks hold for these payments, whose orders' locks guard it; most are paid at once."""
    ids = [payment.id for payment in found if payment.terms is PaymentTerms.ON_SHIPMENT]
    rows = await authorization_queries.list_of_payments(tx, payment_ids=ids) if ids else ()
    return {row.payment_id: row for row in rows}


async def _load_reported_fees(
    tx: Transaction, requests: Sequence[Settlement], cases: Mapping[OrderId, Case]
) -> None:
    """Read what reports booked of disputes whose fees people write down; most write down none.

    Whoever takes a report in holds the payments' locks, too: one of the two comes second.
    """
    asked = {(row.order_id, found) for row in requests if (found := row.writes_fee_of) is not None}
    if not asked:
        return
    fees = await dispute_queries.list_reported_fees(tx, payment_ids=[one for _, one in asked])
    for order_id, _ in asked:
        if order_id in cases:
            cases[order_id].reported_fees = fees


async def _load_coupon_uses(tx: Transaction, found: Iterable[Order]) -> CouponUses:
    """What these orders use of coupons, locked after the stock; without one it costs no trip."""
    ids = [order.id for order in found if order.coupon_code is not None]
    if not ids:
        return CouponUses()
    redemptions = await pricing_queries.list_redemptions(tx, order_ids=ids)
    uses = [Use(UsedCoupon(row.coupon_id, ""), row.buyer) for row in redemptions]
    limits = await coupons.lock_coupons(tx, uses=uses)
    return CouponUses(redemptions, limits.values())


async def _find_kept(tx: Transaction, requests: Sequence[Settlement]) -> set[tuple[str, str]]:
    """The keys of these requests whose work is done. Their orders are locked, so it stays so."""
    asked: dict[str, list[str]] = {}
    for request in requests:
        if (keep := request.kept) is not None:
            asked.setdefault(keep.scope, []).append(keep.key)
    return {
        (scope, key)
        for scope, keys in asked.items()
        for key in await idempotency.find(tx, scope=scope, keys=keys)
    }


async def _write(
    tx: Transaction, cases: dict[OrderId, Case], writes: Writes, stock: Stock, now: datetime
) -> None:
    """Everything that the rules decided, parents before children, counters last.

    What there is nothing of costs no trip.
    """
    for steps in _rounds(case.order_changes for case in cases.values()):
        await orders.update_orders(tx, changes=steps, now=now)
    book = next(iter(cases.values())).cards if cases else CardBook()
    await gift_cards.insert_cards(tx, cards=book.issued, now=now)
    for paid in _rounds(row for case in cases.values() for row in case.payment_changes):
        await payments.update_payments(tx, changes=paid, now=now)
    await payments.insert_payments(tx, payments=list(writes.payments.values()), now=now)
    await authorizations.save_authorizations(
        tx,
        authorizations=[row for case in cases.values() for row in case.authorization_changes],
    )
    await disputes.save_disputes(
        tx, disputes=list(writes.disputes.values()), events=writes.dispute_events, now=now
    )
    await fraud.insert_assessments(tx, assessments=writes.assessments, now=now)
    await payments.insert_reviews(tx, reviews=writes.reviews, now=now)
    # A refund that failed makes room for the next; one to a gift card ends as it begins.
    begun = {row.id for row in writes.refunds}
    ended = [row for row in writes.refunds_ended if row.id not in begun]
    await payments.end_refunds(tx, refunds=ended, now=now)
    await _write_changes(tx, cases, writes, now)
    await orders.insert_cancellations(tx, cancellations=writes.cancellations, now=now)
    await payments.post_journals(tx, journals=writes.journals, now=now)
    await cash.insert_collections(tx, collections=writes.collections)
    await inventory.insert_reservations(tx, reservations=writes.reservations)
    await inventory.prolong_reservations(
        tx, reservations=list(writes.reservations_prolonged.values())
    )
    await inventory.end_reservations(tx, reservations=writes.reservations_ended, now=now)
    await inventory.insert_allocations(tx, allocations=writes.allocations, now=now)
    await inventory.save_promises(tx, promises=writes.promises, now=now)
    await orders.insert_fulfillments(tx, fulfillments=list(writes.fulfillments.values()))
    for moves in _rounds(row for case in cases.values() for row in case.fulfillment_changes):
        await orders.update_fulfillments(tx, changes=moves, now=now)
    await inventory.ship_allocations(tx, departures=writes.departures, now=now)
    # Only what was sent can come back, whoever sent it a moment before.
    await _write_returns(tx, cases, writes, now)
    await payments.insert_refunds(tx, refunds=writes.refunds, now=now)
    await payments.insert_refund_lines(tx, lines=writes.refund_lines)
    at_once = [row for row in writes.refunds_ended if row.id in begun]
    await payments.end_refunds(tx, refunds=at_once, now=now)
    await payments.insert_operations(tx, operations=writes.operations, now=now)
    await payments.end_operations(tx, operations=list(writes.operations_ended.values()), now=now)
    await inventory.release_allocations(tx, allocations=list(writes.allocations_released.values()))
    await cart.take_ordered(tx, taken=writes.taken_from_carts)
    await outbox.record(tx, writes.events + book.events, now=now)
    for (scope, status), keys in sorted(writes.keys.items()):
        await idempotency.insert(tx, scope=scope, status=status, keys=keys, now=now)
    await inventory.change_stock(tx, changes=stock.changes)
    await inventory.take_back(tx, units=writes.taken_back)
    for uses in {id(case.coupon_uses): case.coupon_uses for case in cases.values()}.values():
        await coupons.release_coupons(tx, redemptions=uses.released)
        await coupons.redeem_coupons(tx, redemptions=uses.redeemed)
    await gift_cards.insert_entries(tx, entries=book.entries, now=now)


def _rounds(chains: Iterable[Sequence[T]]) -> Iterator[list[T]]:
    """The first link of every chain, then the second of those that have one, and so on."""
    for links in zip_longest(*chains):
        yield [link for link in links if link is not None]


async def _load_returns(tx: Transaction, cases: Sequence[Case]) -> None:
    """Read what comes back of these orders, whose locks guard it."""
    if not cases:
        return
    ids = [case.order.id for case in cases]
    returns, lines = await order_queries.list_returns(tx, order_ids=ids)
    for case in cases:
        own = [row for row in returns if row.order_id == case.order.id]
        case.read_returns(own, {row.id: lines[row.id] for row in own})


async def _load_waiting(tx: Transaction, cases: Sequence[Case]) -> None:
    """Read what of these orders is not there yet, where a level owes more than it has.

    What others of the batch give up counts from the next batch on: until then it waits.
    """
    short = [
        case
        for case in cases
        if any(
            level.available < 0
            for line in case.lines
            for level in case.stock.levels.get(line.variant_id, ())
        )
    ]
    if not short:
        return
    rows = await inventory.list_waiting(tx, order_ids=[case.order.id for case in short])
    for case in short:
        case.read_waiting(row for row in rows if row.order_id == case.order.id)


async def _write_changes(
    tx: Transaction, cases: dict[OrderId, Case], writes: Writes, now: datetime
) -> None:
    """A change that came to its end makes room for the next, which may come to its own."""
    moves = [move for case in cases.values() for move in case.change_moves]
    await changes.update_changes(
        tx, moves=[move for move in moves if move[0].id not in writes.changes], now=now
    )
    await changes.insert_changes(tx, changes=list(writes.changes.values()), now=now)
    await changes.update_changes(
        tx, moves=[move for move in moves if move[0].id in writes.changes], now=now
    )
    await changes.insert_added_lines(tx, lines=writes.added_lines)


async def _write_returns(
    tx: Transaction, cases: dict[OrderId, Case], writes: Writes, now: datetime
) -> None:
    new = {
        line.id: line for line in writes.return_lines.values() if line.return_id in writes.returns
    }
    # A return that was given up frees its units for the next.
    await orders.update_returns(
        tx,
        changes=[row for case in cases.values() for row in case.return_changes],
        lines=[line for line in writes.return_lines.values() if line.id not in new],
        now=now,
    )
    await orders.insert_returns(
        tx, returns=list(writes.returns.values()), lines=list(new.values()), now=now
    )
