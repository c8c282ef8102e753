"""The processes of the explorer: the actors' seats, and the stage hand who sets and clears up.

Every seat is a process of the store: a pool, lanes and a way to the provider of its own. The stage
hand is one more, whom nobody schedules.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import asyncpg

from proof.explorer.card import Book, Card
from proof.explorer.scheduler import QuietLoop, Scheduler
from proof.seam import Watch
from surehold.app import checkout_of
from surehold.checkout.engine import Checkout
from surehold.checkout.lane import LaneSettings
from surehold.db import Database
from surehold.db.database import Settings
from surehold.kernel.ids import LocationId, VariantId
from surehold.orders.vendor_accounts import commands as vendor_accounts
from surehold.orders.vendor_accounts.model import NewRule
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_location, a_product
from tests.builders.orders import a_config
from tests.builders.trust import offer_cash, set_up
from tests.support.server import SCHEMA

SEATS: Final = ("A", "B", "C")
#: Who waits at the gate waits for us, not for the store: nothing may run out of patience.
_PATIENCE_MS: Final = 600_000
_LANE: Final = LaneSettings(wait_max_ms=_PATIENCE_MS, cycle_target_ms=_PATIENCE_MS)
#: Every seat's connections are there from the beginning: connecting takes as long as it takes.
_POOL: Final = 4
#: Schedules between two emptyings. A small database answers quickly.
FRESH_EVERY: Final = 50

#: What schedules write; what is sold stays.
_EMPTY: Final = """
    /* proof.empty */
    TRUNCATE backorder_promises, backorder_terms,
             documents, document_series, document_progress, stock_levels, stock_movements,
             reservations, allocations, orders, order_lines, returns, return_lines,
             return_events, cancellations, cancellation_lines, refund_lines,
             order_events, payments, payment_operations, payment_events, refunds, ledger_journals,
             ledger_entries, webhook_events, idempotency_keys, outbox, carts, cart_lines,
             cart_tokens, cart_saved_lines, cart_contacts,
             stock_transfers, stock_transfer_lines, stock_counts, stock_count_lines,
             low_stock_alerts, fulfillments, fulfillment_lines, fulfillment_events, order_notes,
             draft_orders, draft_order_events, return_photos,
             gift_cards, gift_card_entries, order_changes, order_change_events,
             cash_collections, cash_deposits, transfer_proofs, disputes, dispute_events,
             payment_reviews, payment_authorizations, fraud_assessments, settlement_reports,
             settlement_rows,
             settlement_differences,
             commissions, commission_lines, commission_progress,
             vendor_payout_batches, vendor_payouts, vendor_payout_events
"""
_PIDS: Final = """
    /* proof.pids */
    SELECT pid
      FROM pg_stat_activity
     WHERE datname = current_database()
       AND application_name LIKE 'seat %'
"""


class Seat:
    """One process of the store, and the chance of the actor who sits in it."""

    def __init__(self, name: str, checkout: Checkout, card: Card) -> None:
        self.name = name
        self.checkout = checkout
        self.card = card
        self.begin(0)

    def begin(self, seed: float) -> None:
        """Another schedule: its actor's chance, and a provider that answers."""
        self.seed = seed
        self.chance = random.Random(seed)
        self.card.mishaps.clear()
        self.card.is_slow_to_refund = False

    @property
    def db(self) -> Database:
        """The process's own pool."""
        return self.checkout.db


class World:
    """Everything that one schedule after the other takes place in."""

    def __init__(
        self,
        scheduler: Scheduler,
        book: Book,
        seats: dict[str, Seat],
        hand: Seat,
        referee: asyncpg.Connection[Any],
    ) -> None:
        self.scheduler = scheduler
        self.book = book
        self.seats = seats
        self.hand = hand
        #: Looks and never touches; keeps the plans of long queries.
        self.referee = referee
        self._made: list[tuple[VariantId, ...]] = []
        self._shelves: list[tuple[VariantId, ...]] = []

    async def next_variants(self) -> tuple[VariantId, ...]:
        """Two variants that nobody ever bought, in the order of their ids; no stock is kept."""
        if not self._made:
            for _ in range(FRESH_EVERY):
                made = await a_product(self.hand.db, on_hand=None, sizes=("S", "M"))
                self._made.append(tuple(sorted(made.variant_ids)))
            for seat in self.seats.values():
                # New products are a new price book: each process reads it once, and not meanwhile.
                async with seat.db.connection() as connection:
                    await seat.checkout.context.books.load(connection)
        if not self._shelves:
            await self.referee.execute(_EMPTY)
            self.book.forget()
            self._shelves = list(self._made)
        return self._shelves.pop()

    def start_afresh(self) -> None:
        """Empty the store before the next schedule: this one left a mess."""
        self._shelves.clear()

    async def find_location(self) -> LocationId:
        """Where the stock is kept."""
        async with self.hand.db.transaction() as tx:
            place = await a_location(tx, code="main")
            await a_location(tx, code="annex")
            return place


@asynccontextmanager
async def open_world(
    url: str, loop: QuietLoop, *, seats: Iterable[str] = SEATS
) -> AsyncIterator[World]:
    """Every process, working on one migrated database that is ours alone."""
    async with AsyncExitStack() as stack:
        monitor = await asyncpg.connect(url)
        stack.push_async_callback(monitor.close)
        # Who gives in at a deadlock is for the seed to say, not for PostgreSQL's clock.
        await monitor.execute(
            "DO $$ BEGIN EXECUTE format("
            "'ALTER DATABASE %I SET deadlock_timeout = %L', current_database(), '60s'); END $$"
        )
        referee = await asyncpg.connect(
            url,
            max_cacheable_statement_size=0,
            server_settings={
                "search_path": SCHEMA,
                "timezone": "UTC",
                "plan_cache_mode": "force_generic_plan",
            },
        )
        stack.push_async_callback(referee.close)
        scheduler, book = Scheduler(loop, monitor), Book()
        hand = await stack.enter_async_context(_open_seat(url, "hand", Card(book), Database))
        found = {}
        for name in seats:
            gate = scheduler.gate_of(name)
            watched = Watch(gate).database
            found[name] = await stack.enter_async_context(
                _open_seat(url, name, Card(book, gate), watched)
            )
        scheduler.know(row["pid"] for row in await monitor.fetch(_PIDS))
        await offer_cash(hand.db)
        await set_up(hand.db, lapsing_authorizations="capture")
        await vendor_accounts.add_rule(hand.db, new=NewRule("0.125"), actor="proof")
        yield World(scheduler, book, found, hand, referee)


@asynccontextmanager
async def _open_seat(
    url: str, name: str, card: Card, database_class: type[Database]
) -> AsyncIterator[Seat]:
    settings = Settings(
        url=url,
        pool_min=_POOL,
        pool_max=_POOL,
        statement_timeout_ms=_PATIENCE_MS,
        lock_timeout_ms=_PATIENCE_MS,
        idle_in_transaction_timeout_ms=_PATIENCE_MS,
        application_name=f"seat {name}",
    )
    async with database_class(settings) as db:
        checkout = checkout_of(
            a_config(),
            db,
            providers=Providers([card, BankTransfer(), CashOnDelivery()]),
            lane_settings=_LANE,
        )
        await checkout.open()
        try:
            yield Seat(name, checkout, card)
        finally:
            await checkout.close()
