"""One store of the walk with a bank of its own, and how what happens there reaches it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx2

from proof.simulation.provider import API_KEY, Delivery, InThisProcess
from proof.walk.script import Fact
from surehold.checkout import commands
from surehold.checkout.commands import Inbox
from surehold.checkout.engine import Checkout
from surehold.checkout.model import Actor
from surehold.db import Database
from surehold.db.database import Settings
from surehold.kernel.ids import OrderId, PaymentId, merchant_reference
from surehold.payments.errors import ReviewNotPossible
from surehold.payments.providers.registry import Providers
from surehold.payments.providers.sandbox import SandboxProvider
from surehold.payments.reconciliation import commands as reconciliation
from surehold.payments.reconciliation.commands import ReportFile
from tests.builders.catalog import a_product
from tests.builders.orders import a_checkout, a_placed_order, begin_payment
from tests.support.shop import WEBHOOK_SECRET, make_due

STAFF: Final = Actor("staff:walk")
#: Sweeps until nothing more can come of anything that was said.
_ROUNDS: Final = 4
#: Parts of a captured payment that are disputed or given back.
_PART_MINOR: Final = 300
_UNBALANCED: Final = """
    /* proof.find_unbalanced */
    SELECT currency, sum(amount_minor)::bigint AS minor
      FROM ledger_entries GROUP BY currency HAVING sum(amount_minor) <> 0
"""
_HELD: Final = """
    /* proof.list_held */
    SELECT id FROM payments WHERE review_reason IS NOT NULL ORDER BY order_id, id
"""
_WATCHED: Final = """
    /* proof.is_watched */
    SELECT next_check_at IS NOT NULL FROM payments WHERE id = $1
"""
#: Everything that must be the same, by the place of the order.
_BOOKS: Final = """
    /* proof.read_books */
    SELECT orders.status, orders.payment_status, orders.fulfillment_status, orders.paid_minor,
           orders.refunded_minor, orders.canceled_minor, orders.cancel_reason,
           (SELECT jsonb_agg(jsonb_build_array(state, captured_minor, refunded_minor,
                                               disputed_minor, lost_minor, review_reason)
                             ORDER BY id)
              FROM payments WHERE payments.order_id = orders.id) AS payments,
           (SELECT jsonb_agg(jsonb_build_array(state, away_minor, lost_minor, unearned_minor)
                             ORDER BY amount_minor, state, away_minor)
              FROM disputes WHERE disputes.order_id = orders.id) AS disputes,
           (SELECT jsonb_object_agg(account, minor)
              FROM (SELECT account, sum(amount_minor) AS minor
                      FROM ledger_entries
                      JOIN ledger_journals ON ledger_journals.id = journal_id
                     WHERE ledger_journals.order_id = orders.id
                     GROUP BY account
                    HAVING sum(amount_minor) <> 0) AS sums) AS ledger,
           (SELECT jsonb_agg(jsonb_build_array(state, quantity) ORDER BY id)
              FROM reservations WHERE holder_id = orders.id) AS holds,
           (SELECT coalesce(sum(quantity - released_quantity), 0)
              FROM allocations WHERE allocations.order_id = orders.id)::int AS owned
      FROM orders
     WHERE orders.id = $1
"""


#: Whatever the worker has to finish, in its order.
_SWEEPS: Final = (
    commands.process_due_webhooks,
    commands.ask_due_operations,
    commands.check_due_payments,
)


class Store:
    """A store, its bank, and its orders in the order in which they were placed."""

    def __init__(self, db: Database, checkout: Checkout, bank: InThisProcess) -> None:
        self.db = db
        self.checkout = checkout
        self.bank = bank
        self.inbox = Inbox(checkout)
        self.orders: list[OrderId] = []
        self.payments: list[PaymentId] = []
        self._at_bank: list[str] = []
        #: The latest dispute of an order, as the bank calls it.
        self._disputes: dict[int, str] = {}

    async def sell(self, orders: int) -> None:
        """Place so many orders, each with a payment that the bank knows."""
        goods = await a_product(self.db, price=2_000, on_hand=orders + 10)
        for _ in range(orders):
            placed = await a_placed_order(
                self.checkout, [(goods.variant_id, 1)], provider="sandbox"
            )
            begun = await begin_payment(self.checkout, placed)
            assert begun.payment is not None
            self.orders.append(placed.order.id)
            self.payments.append(begun.payment.id)
            self._at_bank.append(begun.payment.provider_payment_id or "")
        self.bank.take_webhooks()

    async def happen(self, fact: Fact) -> list[Delivery]:
        """Let it happen at the bank, if the bank lets it; returns what the bank says of it."""
        reference = merchant_reference(self.payments[fact.order])
        try:
            await self._do(fact, reference)
        except httpx2.HTTPStatusError:
            return []
        return self.bank.take_webhooks()

    async def _do(self, fact: Fact, reference: str) -> None:
        match fact.what:
            case "won" | "lost" as outcome:
                if fact.order in self._disputes:
                    path = f"disputes/{self._disputes[fact.order]}/close"
                    await self.bank.control(path, {"outcome": outcome})
            case "reopen":
                if fact.order in self._disputes:
                    await self.bank.control(f"disputes/{self._disputes[fact.order]}/reopen", {})
            case "dispute" | "dispute_part":
                await self._dispute(fact, reference)
            case "refund_part":
                await self._step("refund", reference, _PART_MINOR)
            case what:
                await self._step(what, reference, None)

    async def _dispute(self, fact: Fact, reference: str) -> None:
        amount = _PART_MINOR if fact.what == "dispute_part" else None
        await self._step("dispute", reference, amount)
        rows = self.bank.application.bank.book.list_disputes(self._at_bank[fact.order])
        if rows:
            self._disputes[fact.order] = rows[-1].id

    async def _step(self, do: str, reference: str, amount: int | None) -> None:
        one: dict[str, Any] = {"do": do, "merchant_reference": reference}
        if amount is not None:
            one["amount"] = amount
        await self.bank.control("batch", {"steps": [one]})

    async def hear(self, delivery: Delivery) -> None:
        """One delivery arrives, and is acted upon before anything else happens."""
        await self.inbox.receive(
            provider_name="sandbox", raw_body=delivery.body, headers=delivery.headers
        )
        await self.inbox.close()  # It finishes what was begun, and takes more afterwards.

    async def sweep(self) -> None:
        """The worker comes by, and every lease has run out."""
        await make_due(self.db)
        for finish in _SWEEPS:
            while await finish(self.checkout):
                pass  # A round takes so many at a time.

    async def look(self, order: int) -> None:
        """Days go by until the bank's next word about an order: if it is watched, it is looked at.

        What a bank decides and takes back before anybody has looked was never seen.
        """
        async with self.db.connection() as connection:
            watched = await connection.raw.fetchval(_WATCHED, self.payments[order])
        if watched:
            await commands.check_payment(self.checkout, self.payments[order])

    async def come_to_rest(self) -> None:
        """Sweep until all is said, take the bank's report in, and let people decide."""
        for _ in range(_ROUNDS):
            await self.sweep()
        report = (await self.bank.settlement()).splitlines()
        if len(report) > 1:
            file = ReportFile("sandbox", "sandbox", b"\n".join(report))
            await reconciliation.import_report(self.db, file=file, actor=STAFF.name)
            await commands.look_into_differences(self.checkout)
        async with self.db.connection() as connection:
            held = await connection.raw.fetch(_HELD)
        for row in held:
            # More may be gone at the bank than is left to be booked: that stays a person's.
            with suppress(ReviewNotPossible):
                await self._decide(row["id"])
                await self._decide(row["id"])
        for _ in range(_ROUNDS):
            await self.sweep()

    async def _decide(self, payment_id: PaymentId) -> None:
        asked = await commands.preview_review(self.checkout, payment_id=payment_id)
        for decision in (asked.allowed or ())[:1]:
            await commands.review_payment(
                self.checkout,
                payment_id=payment_id,
                decision=decision,
                note="walked",
                actor=STAFF,
            )

    async def find_unbalanced(self) -> list[str]:
        """Currencies whose books do not add up to nothing."""
        async with self.db.connection() as connection:
            rows = await connection.raw.fetch(_UNBALANCED)
        return [f"{row['currency']} {row['minor']}" for row in rows]

    async def read_books(self) -> list[dict[str, Any]]:
        """How every order ended, by its place."""
        async with self.db.connection() as connection:
            rows = [await connection.raw.fetchrow(_BOOKS, one) for one in self.orders]
        return [dict(row) for row in rows if row is not None]


@asynccontextmanager
async def open_store(url: str, folder: Path) -> AsyncIterator[Store]:
    """A store on a migrated database of its own, with a bank of its own."""
    bank = InThisProcess(folder, seed=1, refund_seconds=0)
    await bank.open()
    provider = SandboxProvider(
        bank.url,
        API_KEY,
        (WEBHOOK_SECRET,),
        client=httpx2.AsyncClient(transport=bank.transport(), trust_env=False),
    )
    try:
        async with (
            Database(Settings(url=url)) as db,
            a_checkout(db, providers=Providers([provider])) as checkout,
        ):
            store = Store(db, checkout, bank)
            yield store
            await store.inbox.close()
    finally:
        await bank.close()


class Post:
    """A bad post office: copies, loses, delays and shuffles."""

    def __init__(self, dice: random.Random, *, loss: float) -> None:
        self._dice = dice
        self._loss = loss
        self._bag: list[Delivery] = []
        #: What was delivered at least once, and may come again.
        self._known: list[Delivery] = []
        self.lost = 0
        #: Orders of which something was lost.
        self.unheard: set[int] = set()

    def take(self, deliveries: list[Delivery], *, of: int) -> None:
        """Take what the bank sends about an order; some of it never arrives."""
        for delivery in deliveries:
            if self._dice.random() < self._loss:
                self.lost += 1
                self.unheard.add(of)
            else:
                self._bag.append(delivery)

    def bring(self) -> Delivery | None:
        """Anything that is under way, or a copy of what came before."""
        if self._bag and (not self._known or self._dice.random() < 0.4):
            found = self._bag.pop(self._dice.randrange(len(self._bag)))
            self._known.append(found)
            return found
        return self._dice.choice(self._known) if self._known else None

    def bring_the_rest(self) -> Delivery | None:
        """What is still under way, in any order."""
        return self._bag.pop(self._dice.randrange(len(self._bag))) if self._bag else None

    @property
    def is_empty(self) -> bool:
        """Whether everything that was not lost has come."""
        return not self._bag
