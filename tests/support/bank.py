"""A shop and its bank in this process: the web application, the sandbox, real HTTP both ways.

Webhooks are withheld until a test lets them go, so that it decides what is heard, and when.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from proof.oracle import reconcile
from surehold.checkout import commands
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from surehold.kernel.ids import PaymentId
from surehold.orders.documents import commands as documents
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.sandbox import SandboxProvider
from tests.sandbox.conftest import API_KEY, CONTROL_KEY, SECRETS, opened, serving
from tests.sandbox.conftest import Shop as Bank
from tests.support.api import Answer, Api, a_key, an_api, order_token
from tests.support.shop import free_port, make_due


class Standing(msgspec.Struct, frozen=True):
    """Where one order and its money stand: everything that must not depend on the order of events.

    ``journals`` are the kinds of postings, sorted; amounts are minor units.
    """

    status: str
    payment_states: tuple[str, ...]
    review_reasons: tuple[str | None, ...]
    paid: int
    refunded: int
    journals: tuple[str, ...]


def unpaid(*payment_states: str, status: str = "pending_payment") -> Standing:
    """An order for which nothing was booked, with payments in these states."""
    return Standing(status, payment_states, (None,) * len(payment_states), 0, 0, ())


def payment_id_of(placed: Any) -> PaymentId:
    """The payment that a placed order began with."""
    return PaymentId(UUID(placed["payment"]["id"]))


async def list_operations(db: Database) -> list[tuple[str, str]]:
    """Kind and state of everything that the shop ever asked a provider, oldest first."""
    async with db.connection() as connection:
        rows = await connection.raw.fetch("SELECT kind, state FROM payment_operations ORDER BY id")
    return [(row["kind"], row["state"]) for row in rows]


class Bazaar:
    """One shop, its bank, and what buyers, time and the weather do to both."""

    def __init__(self, db: Database, api: Api, bank: Bank) -> None:
        self.db = db
        self.api = api
        self.bank = bank

    async def buy(self, variant_id: UUID, **changes: Any) -> Any:
        """Place an order of one unit; returns the document."""
        method = {"payment_method": {"provider": "sandbox"}}
        return await self.api.buy(variant_id, **(method | changes))

    async def charge(self, placed: Any, **how: Any) -> str:
        """The bank takes the money of an order; returns its id for the payment."""
        payment_id = await self.find_at_bank(placed)
        await self.bank.control(f"payments/{payment_id}/capture", how)
        return payment_id

    async def find_at_bank(self, placed: Any) -> str:
        """The bank's id of the payment that an order began with."""
        async with self.db.connection() as connection:
            found = await connection.raw.fetchval(
                "SELECT provider_payment_id FROM payments WHERE id = $1",
                payment_id_of(placed),
            )
        assert found is not None, "the bank has not answered yet"
        return str(found)

    async def cancel(self, placed: Any) -> Answer:
        """The buyer gives the order up."""
        return await self.api.post(
            f"/orders/{placed['order']['id']}/cancel",
            {},
            headers={**order_token(placed), **a_key()},
        )

    async def pay_again(self, placed: Any, provider: str) -> Answer:
        """The buyer pays another way."""
        return await self.api.post(
            f"/orders/{placed['order']['id']}/retry-payment",
            {"payment_method": {"provider": provider}},
            headers={**order_token(placed), **a_key()},
        )

    async def misbehave(self, *, withhold_webhooks: bool = True, **conduct: Any) -> None:
        """How the bank behaves from now on."""
        await self.bank.misbehave(withhold_webhooks=withhold_webhooks, **conduct)

    async def hear(self) -> None:
        """Every withheld webhook arrives, and is acted upon."""
        await self.bank.control("release")
        await self.settle()

    async def wait_heard(self) -> None:
        """Wait until every webhook on its way has arrived and was acted upon once."""
        async with asyncio.timeout(30):
            while any(row["state"] == "waiting" for row in await self.bank.deliveries()):
                await asyncio.sleep(0.01)
            while self.api.inbox._tasks:
                await asyncio.sleep(0.005)

    async def settle(self) -> None:
        """Wait for webhooks on their way, then do what the worker does until nothing is due."""
        await self.wait_heard()
        # A refund takes one round to send and one to hear of; a lost answer one more.
        for _ in range(3):
            await make_due(self.db)
            await commands.sweep(self.api.checkout)

    async def look(self, placed: Any) -> Standing:
        """Where an order stands."""
        order_id = UUID(placed["order"]["id"])
        async with self.db.connection() as connection:
            order = await connection.raw.fetchrow(
                "SELECT status, paid_minor, refunded_minor FROM orders WHERE id = $1", order_id
            )
            payments = await connection.raw.fetch(
                "SELECT state, review_reason FROM payments WHERE order_id = $1 ORDER BY id",
                order_id,
            )
            journals = await connection.raw.fetch(
                "SELECT kind FROM ledger_journals WHERE order_id = $1 ORDER BY kind", order_id
            )
        assert order is not None
        return Standing(
            status=order["status"],
            payment_states=tuple(row["state"] for row in payments),
            review_reasons=tuple(row["review_reason"] for row in payments),
            paid=order["paid_minor"],
            refunded=order["refunded_minor"],
            journals=tuple(row["kind"] for row in journals),
        )

    async def report(self) -> list[dict[str, Any]]:
        """Every movement of money in the bank's own book."""
        answer = await self.bank.client.get(
            "/control/report", headers={"authorization": f"Bearer {CONTROL_KEY}"}
        )
        lines: list[dict[str, Any]] = answer.json()["lines"]
        return lines

    async def moved(self) -> list[tuple[str, int]]:
        """Kind and amount of every movement, sorted."""
        return sorted((line["type"], line["amount"]) for line in await self.report())

    async def check(self, *, at_rest: bool = True) -> None:
        """The shop is sound, and its books agree with the bank's."""
        await documents.issue_due(self.db, limit=1_000)
        await outbox.publish(self.db, subscribers=())
        report = await self.report()
        async with self.db.connection() as connection:
            assert await check_invariants(connection, at_rest=at_rest) == {}
            assert await reconcile(connection, report) == []


@asynccontextmanager
async def a_bazaar(db: Database, **bank_settings: Any) -> AsyncIterator[Bazaar]:
    """A shop that sells by card and by transfer, and a bank that withholds its webhooks."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    async with opened(f"{base_url}/webhooks/sandbox", **bank_settings) as bank:
        await bank.misbehave(withhold_webhooks=True)
        provider = SandboxProvider(str(bank.client.base_url), API_KEY, SECRETS)
        async with (
            an_api(db, providers=(provider, BankTransfer()), base_url=base_url) as api,
            serving(api.application, port=port),
        ):
            yield Bazaar(db, api, bank)
            await provider.close()
