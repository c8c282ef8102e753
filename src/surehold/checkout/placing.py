"""What one batch of placements is decided by, and what it writes, table by table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import asyncpg
import msgspec

from surehold.checkout import drafting
from surehold.checkout.cards import redemption
from surehold.checkout.lane import LetNext
from surehold.checkout.model import BUYER
from surehold.checkout.replay import SCOPE
from surehold.db import Connection, Transaction, idempotency
from surehold.db.database import transaction_on
from surehold.db.idempotency import NewKey
from surehold.inventory import commands as inventory
from surehold.inventory.model import (
    BackorderPromise,
    BackorderTerms,
    Reservation,
    StockChange,
)
from surehold.jobs import outbox
from surehold.jobs.outbox import Event
from surehold.kernel.ids import OrderId, VariantId
from surehold.orders import commands as orders
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts.model import DraftPlaced
from surehold.orders.fraud.model import Origin
from surehold.orders.model import Order, OrderLine
from surehold.payments import commands as payments
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.gift_cards.model import NewEntry, Purse
from surehold.payments.model import Operation, Payment
from surehold.pricing import commands as coupons
from surehold.pricing.model import Redemption
from surehold.pricing.rules import Use

CREATED: Final = 201


class Seen(msgspec.Struct, frozen=True):
    """What a batch is decided by: the counters as they were read, or locked.

    ``terms`` are those on which some of it is sold before it is there.
    """

    levels: inventory.StockView
    limits: coupons.LimitsView
    cards: Sequence[Purse]
    now: datetime | None
    terms: Mapping[VariantId, BackorderTerms] = MappingProxyType({})


class Wanted(msgspec.Struct, frozen=True):
    """What a batch wants some of. What it wants nothing of costs no trip."""

    variant_ids: Collection[VariantId]
    uses: Sequence[Use]
    card_hashes: Collection[bytes]

    async def read(self, connection: Connection) -> Seen:
        """The counters without a lock: whoever decides by them must look again."""
        levels, now = await inventory.read_stock(connection, variant_ids=self.variant_ids)
        limits = await coupons.read_coupons(connection, uses=self.uses)
        cards = await gift_cards.read_purses(connection, hashes=self.card_hashes)
        return Seen(levels, limits, cards, now)

    async def lock(self, tx: Transaction) -> Seen:
        """The counters under their locks, in the order in which everybody takes these."""
        levels, now = await inventory.lock_stock(tx, variant_ids=self.variant_ids)
        limits = await coupons.lock_coupons(tx, uses=self.uses)
        cards = await gift_cards.lock_purses(tx, hashes=self.card_hashes)
        terms = await inventory.read_terms(tx, inventory.list_backorderable(levels.values()))
        return Seen(levels, limits, cards, now, terms)


class Rows:
    """What one batch writes, table by table."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        #: Where they come from, in a store that asks for fraud signals.
        self.origins: dict[OrderId, Origin] = {}
        self.lines: list[OrderLine] = []
        self.reservations: list[Reservation] = []
        self.payments: list[Payment] = []
        self.operations: list[Operation] = []
        self.events: list[Event] = []
        self.keys: list[NewKey] = []
        self.redemptions: list[Redemption] = []
        #: What is taken before it is there.
        self.promises: list[BackorderPromise] = []
        self.drafts: list[DraftPlaced] = []
        self.card_entries: list[NewEntry] = []

    def pay(
        self, by_card: Sequence[Payment], payment: Payment | None, operation: Operation | None
    ) -> None:
        """Add what cards pay of an order, and how the rest begins to be paid."""
        self.payments += by_card
        self.card_entries += [redemption(row, actor=BUYER.name) for row in by_card]
        if payment is not None:
            self.payments.append(payment)
        if operation is not None:
            self.operations.append(operation)

    @property
    def placed_at(self) -> datetime:
        """When all of them were placed."""
        return self.orders[0].placed_at

    @property
    def taken(self) -> list[StockChange]:
        """What the holds take, by stock row."""
        return [
            StockChange(row.variant_id, row.location_id, reserved=row.quantity)
            for row in self.reservations
        ]


async def take_at_once(raw: asyncpg.Connection[Any], rows: Rows, let_next: LetNext) -> bool:
    """Write, and take what is wanted if it is still there; whether it was. Else nothing is."""
    try:
        async with transaction_on(raw) as tx:
            await _write(tx, rows, let_next)
            await inventory.take_stock(tx, changes=rows.taken)
            await coupons.use_coupons(tx, redemptions=rows.redemptions)
            await gift_cards.spend(tx, entries=rows.card_entries, now=rows.placed_at)
            await _write_keys(tx, rows)
    except (
        inventory.TakenMeanwhile,
        coupons.UsedMeanwhile,
        gift_cards.SpentMeanwhile,
        drafts.ChangedMeanwhile,
    ):
        return False
    return True


async def take_locked(tx: Transaction, rows: Rows, let_next: LetNext) -> None:
    """Write, and take what is wanted; the caller holds all the locks."""
    await _write(tx, rows, let_next)
    await _write_keys(tx, rows)
    await inventory.change_stock(tx, changes=rows.taken)
    await coupons.redeem_coupons(tx, redemptions=rows.redemptions)
    await gift_cards.insert_entries(tx, entries=rows.card_entries, now=rows.placed_at)


async def _write(tx: Transaction, rows: Rows, let_next: LetNext) -> None:
    """Everything but the keys and the counters."""
    now = rows.placed_at
    await orders.insert_orders(tx, orders=rows.orders, origins=rows.origins, now=now)
    await orders.insert_lines(tx, lines=rows.lines)
    await inventory.insert_holds(tx, holds=rows.reservations, now=now)
    await inventory.save_promises(tx, promises=rows.promises, now=now)
    await payments.insert_payments(tx, payments=rows.payments, now=now)
    await payments.insert_operations(tx, operations=rows.operations, now=now)
    # What is left is mostly the server's work: time for this process to read the next batch.
    let_next()
    await outbox.record(tx, rows.events, now=now)
    await drafting.write(tx, rows.drafts, now=now)


async def _write_keys(tx: Transaction, rows: Rows) -> None:
    """Under the lock of the stock, so that one key in two processes cannot cross with it."""
    await idempotency.insert(tx, scope=SCOPE, status=CREATED, keys=rows.keys, now=rows.placed_at)
