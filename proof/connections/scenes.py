"""What is asked of a shop while its database fails: one scene for each command that writes.

A scene sets its own stage, asks once, and may be asked again with the same words. What it did is
told by the tables: how many rows each has more, and in which states.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

import msgspec

from surehold.db import Database
from surehold.db.database import Settings
from surehold.jobs import outbox
from surehold.jobs.worker import PASSING
from surehold.payments import commands as payments
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.failures import (
    OutcomeUnknown,
)
from surehold.payments.providers.port import (
    NormalizedEvent,
)
from tests.builders.catalog import a_product
from tests.builders.providers import PretendProvider
from tests.support.api import CRON, STAFF, Answer, Api, a_body, a_key, an_api, order_token
from tests.support.shop import make_due

#: Short, so that a proof of many failures is over soon; what they mean is not changed.
SETTINGS: Final = {"pool_max": 4, "acquire_timeout_seconds": 2, "connect_timeout_seconds": 2}


class TalkingProvider(PretendProvider):
    """The provider in memory, which also sends webhooks: a body says which payment it is about."""

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Read a body of ours; every one is genuine."""
        del headers, received_at
        sent = json.loads(raw_body)
        payment = sent["payment"]
        return (NormalizedEvent(sent["id"], "payment.captured", payment, None, is_live=False),)


class Stage:
    """A shop in this process, over whatever connections its database gives out."""

    def __init__(self, api: Api, provider: TalkingProvider, plain: Database) -> None:
        self.api = api
        self.provider = provider
        #: Reads the tables past every fault.
        self.plain = plain

    @property
    def db(self) -> Database:
        """The shop's own database."""
        return self.api.db

    async def settle_down(self) -> None:
        """Wait for what the shop does after it has answered."""
        while self.api.inbox._tasks:
            await self.api.inbox.close()


class Said(msgspec.Struct, frozen=True):
    """What came back: a status as HTTP has it, and for a refusal its name."""

    status: int
    code: str = ""
    is_told_when: bool = True

    @property
    def is_done(self) -> bool:
        """Whether it was carried out."""
        return 200 <= self.status < 300

    @property
    def is_clean_refusal(self) -> bool:
        """Whether it says that it cannot now, and when to come again."""
        return self.status == 503 and self.is_told_when


#: Asks the same question each time that it is called.
Ask = Callable[[], Awaitable[Said]]


class Scene(msgspec.Struct, frozen=True):
    """One command. ``prepare`` sets the stage for one question and returns it."""

    name: str
    prepare: Callable[[Stage], Awaitable[Ask]]
    #: What may change twice when the question is asked twice.
    repeats: frozenset[str] = frozenset()


@asynccontextmanager
async def a_stage(
    url: str,
    *,
    plain_url: str | None = None,
    database: type[Database] = Database,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """A shop whose database is at ``url``, made of ``database``; judged at ``plain_url``."""
    provider = TalkingProvider()
    limits = {**SETTINGS, **settings}
    async with (
        Database(Settings(url=plain_url or url, pool_max=2)) as plain,
        database(Settings(url=url, **limits)) as db,
        an_api(db, providers=(BankTransfer(), provider)) as api,
    ):
        yield Stage(api, provider, plain)


_ROWS: Final = (
    *("orders", "order_lines", "order_events", "reservations", "allocations", "payments"),
    *("payment_operations", "refunds", "ledger_journals", "ledger_entries", "outbox"),
    *("idempotency_keys", "carts", "cart_lines", "quotes", "webhook_events"),
)
_COUNTS: Final = " UNION ALL ".join(
    [f"SELECT '{table}', count(*) FROM {table}" for table in _ROWS]
    + [
        f"SELECT '{table} ' || {column}, count(*) FROM {table} GROUP BY {column}"
        for table, column in (
            ("orders", "status"),
            ("payments", "state"),
            ("reservations", "state"),
            ("refunds", "state"),
            ("webhook_events", "state"),
        )
    ]
    + [
        "SELECT 'units held', coalesce(sum(reserved), 0) FROM stock_levels",
        "SELECT 'units owned', coalesce(sum(allocated), 0) FROM stock_levels",
        "SELECT 'units in carts', coalesce(sum(quantity), 0) FROM cart_lines",
        "SELECT 'extensions', coalesce(sum(extensions_used), 0) FROM orders",
        "SELECT 'captured', coalesce(sum(captured_minor), 0) FROM payments",
        "SELECT 'published', count(*) FROM outbox WHERE published_at IS NOT NULL",
    ]
)


async def measure(stage: Stage) -> Counter[str]:
    """What the tables hold, as counts."""
    async with stage.plain.connection() as connection:
        rows = await connection.raw.fetch(_COUNTS)
    return Counter({name: int(count) for name, count in rows})


def change(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    """What has become more or less."""
    names = sorted(before.keys() | after.keys())
    return {name: after[name] - before[name] for name in names if after[name] != before[name]}


def _said(answer: Answer) -> Said:
    if answer.status < 400:
        return Said(answer.status)
    return Said(answer.status, answer.code, "retry-after" in answer.headers)


def _http(stage: Stage, method: str, path: str, **more: Any) -> Ask:
    async def ask() -> Said:
        said = _said(await stage.api(method, path, **more))
        await stage.settle_down()
        return said

    return ask


async def _order(stage: Stage, provider: str = "bank_transfer") -> Any:
    product = await a_product(stage.db)
    return await stage.api.buy((product.variant_id, 2), payment_method={"provider": provider})


async def _cart(stage: Stage) -> tuple[Any, dict[str, str]]:
    product = await a_product(stage.db)
    body = {"variant_id": str(product.variant_id), "quantity": 2, "currency": "EUR"}
    cart = (await stage.api.post("/cart", body)).body
    return cart, {"X-Cart-Token": cart["token"]}


async def _provider_payment(stage: Stage, placed: Any) -> str:
    async with stage.plain.connection() as connection:
        found = await connection.raw.fetchval(
            "SELECT provider_payment_id FROM payments WHERE id = $1", placed["payment"]["id"]
        )
    return str(found)


async def _place(stage: Stage) -> Ask:
    product = await a_product(stage.db)
    body = a_body((product.variant_id, 2))
    return _http(stage, "POST", "/checkout", json=body, headers=a_key())


async def _place_remote(stage: Stage) -> Ask:
    product = await a_product(stage.db)
    body = a_body((product.variant_id, 2), payment_method={"provider": "pretend"})
    return _http(stage, "POST", "/checkout", json=body, headers=a_key())


async def _place_cart(stage: Stage) -> Ask:
    cart, token = await _cart(stage)
    body = a_body(lines=..., cart_id=cart["id"])
    return _http(stage, "POST", "/checkout", json=body, headers={**token, **a_key()})


async def _begin_cart(stage: Stage) -> Ask:
    product = await a_product(stage.db)
    return _http(stage, "POST", "/cart", json={"variant_id": str(product.variant_id)})


async def _add_line(stage: Stage) -> Ask:
    _, token = await _cart(stage)
    product = await a_product(stage.db)
    body = {"variant_id": str(product.variant_id)}
    return _http(stage, "POST", "/cart", json=body, headers=token)


async def _change_line(stage: Stage) -> Ask:
    cart, token = await _cart(stage)
    path = f"/cart/items/{cart['items'][0]['id']}"
    return _http(stage, "PUT", path, json={"quantity": 3}, headers=token)


async def _clear_cart(stage: Stage) -> Ask:
    _, token = await _cart(stage)
    return _http(stage, "DELETE", "/cart", headers=token)


async def _quote(stage: Stage) -> Ask:
    product = await a_product(stage.db)
    body = {
        "lines": [{"variant_id": str(product.variant_id), "quantity": 1}],
        "currency": "EUR",
        "shipping_method": "standard",
    }
    return _http(stage, "POST", "/checkout/quote", json=body)


async def _reserve(stage: Stage) -> Ask:
    product = await a_product(stage.db)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}]}
    return _http(stage, "POST", "/inventory/reserve", json=body, headers={**STAFF, **a_key()})


async def _release(stage: Stage) -> Ask:
    product = await a_product(stage.db)
    body = {"lines": [{"variant_id": str(product.variant_id), "quantity": 2}]}
    held = await stage.api.post("/inventory/reserve", body, headers={**STAFF, **a_key()})
    path = f"/inventory/reserve?reservation_id={held.body['id']}"
    return _http(stage, "DELETE", path, headers=STAFF)


async def _cancel(stage: Stage) -> Ask:
    placed = await _order(stage)
    path = f"/orders/{placed['order']['id']}/cancel"
    return _http(stage, "POST", path, headers={**order_token(placed), **a_key()})


async def _cancel_paid(stage: Stage) -> Ask:
    placed = await _order(stage, "pretend")
    stage.provider.pay(await _provider_payment(stage, placed))
    payment = placed["payment"]["id"]
    await stage.api.post(f"/payments/{payment}/verify", headers=order_token(placed))
    path = f"/orders/{placed['order']['id']}/cancel"
    return _http(stage, "POST", path, headers={**order_token(placed), **a_key()})


async def _retry_payment(stage: Stage) -> Ask:
    placed = await _order(stage)
    path = f"/orders/{placed['order']['id']}/retry-payment"
    body = {"payment_method": {"provider": "pretend"}}
    return _http(stage, "POST", path, json=body, headers={**order_token(placed), **a_key()})


async def _extend(stage: Stage) -> Ask:
    placed = await _order(stage)
    path = f"/orders/{placed['order']['id']}/extend-reservation"
    return _http(stage, "POST", path, headers={**order_token(placed), **a_key()})


async def _confirm(stage: Stage) -> Ask:
    placed = await _order(stage)
    path = f"/payments/{placed['payment']['id']}/confirm"
    body = {"received": placed["order"]["total"]}
    return _http(stage, "POST", path, json=body, headers={**STAFF, **a_key()})


async def _verify(stage: Stage) -> Ask:
    placed = await _order(stage, "pretend")
    stage.provider.pay(await _provider_payment(stage, placed))
    path = f"/payments/{placed['payment']['id']}/verify"
    return _http(stage, "POST", path, headers=order_token(placed))


async def _webhook(stage: Stage) -> Ask:
    """A delivery, and what the shop does about it behind its answer; then another, and a sweep."""
    placed = await _order(stage, "pretend")
    payment = await _provider_payment(stage, placed)
    stage.provider.pay(payment)
    body = json.dumps({"id": f"event-{payment}", "payment": payment}).encode()
    deliver = _http(stage, "POST", "/webhooks/pretend", content=body)
    sweep = _http(stage, "POST", "/cron/cleanup", headers=CRON)
    times = count(1)

    async def ask() -> Said:
        said = await deliver()
        if next(times) == 1 or not said.is_done:
            return said
        await make_due(stage.plain)
        return await sweep()

    return ask


async def _sweep(stage: Stage) -> Ask:
    """A hold that ended, a question that nobody answered, and a message that nobody read."""
    ended = await _order(stage)
    stage.provider.fail_next = OutcomeUnknown("the answer was lost")
    await _order(stage, "pretend")
    paid = await _order(stage, "pretend")
    payment = await _provider_payment(stage, paid)
    stage.provider.pay(payment)
    async with stage.plain.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET expires_at = created_at, is_grace_used = true"
            " WHERE holder_id = $1",
            ended["order"]["id"],
        )
    event = NormalizedEvent(payment, "payment.captured", payment, None, is_live=False)
    await payments.store_webhook(
        stage.plain, provider="pretend", account="test", event=event, raw_body=b"{}"
    )
    clean_up = _http(stage, "POST", "/cron/cleanup", headers=CRON)

    async def ask() -> Said:
        await make_due(stage.plain)
        return await clean_up()

    return ask


async def _publish(stage: Stage) -> Ask:
    """What the worker does: a failure that passes by itself is left for later, not an error."""
    await _order(stage)

    async def ask() -> Said:
        try:
            await outbox.publish(stage.db, subscribers=())
        except PASSING as failure:
            return Said(503, type(failure).__name__)
        return Said(200)

    return ask


#: By name, every command that writes.
SCENES: Final = {
    scene.name: scene
    for scene in (
        Scene("place", _place),
        Scene("place at a provider", _place_remote),
        Scene("place a cart", _place_cart),
        # A cart that nobody heard of is nobody's; the visitor fills the next one.
        Scene("begin a cart", _begin_cart, frozenset({"carts", "cart_lines", "units in carts"})),
        Scene("add to a cart", _add_line, frozenset({"units in carts"})),
        Scene("change a line", _change_line),
        Scene("empty a cart", _clear_cart),
        Scene("save a quote", _quote, frozenset({"quotes"})),
        Scene("reserve", _reserve),
        Scene("release", _release),
        Scene("cancel", _cancel),
        Scene("cancel what is paid", _cancel_paid),
        Scene("pay another way", _retry_payment),
        Scene("extend", _extend),
        Scene("confirm", _confirm),
        Scene("verify", _verify),
        Scene("webhook", _webhook),
        Scene("sweep", _sweep),
        Scene("publish", _publish),
    )
}
