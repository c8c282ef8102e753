"""One run: a shop of processes, and a person who does not give up when one of them dies.

The person repeats what got no answer, with the same key and the same bytes, as a good client does,
and remembers what it was told: that is held against the shop in the end.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import msgspec

from proof.crashes.ground import Forked, Ground
from proof.crashes.points import Point
from proof.crashes.store import KILLED, PATIENCE_SECONDS, Store, Violation
from proof.crashes.tripwire import Orders
from proof.oracle import reconcile
from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from surehold.kernel.ids import merchant_reference
from tests.builders.trust import set_up
from tests.support.shop import SECRETS, a_body, make_due

#: What a process that was woken has for what it was about to do.
WAKE_SECONDS: Final = 1.5
_ROUNDS: Final = 3
_UNREAD: Final = "SELECT EXISTS (SELECT FROM webhook_events WHERE state = 'received')"
_LEFT: Final = (
    "SELECT entrypoint, status, now() - heartbeat FROM pgqueuer_schedules WHERE status = 'picked'",
    "SELECT kind, state, attempts, next_attempt_at - store_now() FROM payment_operations",
    "SELECT kind, state, attempts, next_attempt_at - store_now() FROM webhook_events",
    "SELECT state, failure_code, provider_refund_id FROM refunds",
    "SELECT state, captured_minor, refunded_minor, review_reason FROM payments",
    "SELECT status, payment_status, cancel_reason FROM orders",
    "SELECT topic FROM outbox WHERE published_at IS NULL",
    "SELECT pid, state, wait_event, left(query, 60) FROM pg_stat_activity WHERE pid <> 0",
)
_STAFF: Final = {"Authorization": f"Bearer {SECRETS['SUREHOLD_STAFF_SECRET']}"}
_CRON: Final = {"Authorization": f"Bearer {SECRETS['SUREHOLD_CRON_SECRET']}"}


class Told(msgspec.Struct, frozen=True):
    """A request with a key, and its first answer."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    status: int
    answer: bytes


class Story:
    """What happens in one run, told from outside the shop.

    ``victim`` says which process is under watch: the web server or the worker.
    """

    def __init__(
        self,
        store: Store,
        db: Database,
        *,
        variant_id: UUID,
        dies_at: Point | None,
        dies_of: signal.Signals,
    ) -> None:
        self.store = store
        self.db = db
        self.variant_id = variant_id
        self.trace = store.folder / "trace"
        self.retried = 0
        self.told: list[Told] = []
        self._dies_at = dies_at
        self._dies_of = dies_of
        self._sleeper: Forked | None = None
        self._go = store.folder / "go"
        self._web: Forked | None = None
        self._worker: Forked | None = None
        self._victim: Forked | None = None
        self._token: dict[str, str] = {}

    # --- processes ---

    @property
    def was_killed(self) -> bool:
        """Whether the victim died where it was told to, or fell asleep there."""
        if self._victim is None:
            return False
        return self._sleeper is not None or self._victim.exit_code == KILLED

    async def open_shop(self, *, is_victim: bool = True, **sandbox: str) -> None:
        """A bank, and a web server; as the victim it is watched once ``watch`` is called."""
        await self.store.start_sandbox(
            SUREHOLD_SANDBOX_SYNCHRONOUS="off", SUREHOLD_SANDBOX_TICK_SECONDS="0.02", **sandbox
        )
        await self.misbehave()
        self._web = await self.store.start_web(self._orders() if is_victim else None)
        if is_victim:
            self._victim = self._web

    async def start_worker(self) -> None:
        """A worker, the victim, that is watched from its first statement."""
        self.watch()
        await self._hurry()
        self._worker = self._victim = await self.store.start_worker(self._orders())

    @property
    def web(self) -> Forked:
        """The web server of the moment."""
        assert self._web is not None
        return self._web

    async def start_web(self) -> None:
        """A web server that nobody watches."""
        self._web = await self.store.start_web()

    async def kill_web(self) -> None:
        """The web server dies, and nobody starts it again yet."""
        assert self._web is not None
        self._web.kill()

    async def replace_web(self) -> None:
        """A new web server, which is the victim."""
        self.watch()
        self._web = self._victim = await self.store.start_web(self._orders())

    def watch(self) -> None:
        """From here on the victim's places count."""
        self._go.touch()

    def look_away(self) -> None:
        """From here on they do not."""
        self._go.unlink(missing_ok=True)

    async def revive_web(self) -> None:
        """Start the web server again, which must have died the death it was told to."""
        assert self._web is not None
        try:
            code = await self._web.wait_dead(5)
        except TimeoutError:
            raise Violation("no answer from a web server that lives") from None
        if code != KILLED:
            raise Violation(f"the web server ended with {code}:\n{self._web.log()[-2000:]}")
        self._web = await self.store.start_web()

    # --- what people do ---

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: bool = False,
        headers: Mapping[str, str] | None = None,
        statuses: tuple[int, ...] = (200,),
    ) -> Any:
        """Ask until there is an answer; returns it decoded. A text is sent as CSV.

        Raises:
            Violation: Another status than expected, or no answer from a living process.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        sent = {**self._token, **(headers or {})}
        if isinstance(body, str):
            content = body.encode()
            sent["Content-Type"] = "text/csv"
        elif body is not None:
            sent["Content-Type"] = "application/json"
        if key:
            sent["Idempotency-Key"] = uuid4().hex
        response = await self._send(method, path, content, sent)
        if response.status_code not in statuses:
            raise Violation(f"{method} {path}: {response.status_code} {response.text[:500]}")
        if key:
            self.told.append(
                Told(method, path, content, sent, response.status_code, response.content)
            )
        return msgspec.json.decode(response.content) if response.content else None

    async def staff(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """Ask as staff."""
        return await self.ask(method, path, body, headers=_STAFF, **how)

    async def place(
        self,
        provider: str = "sandbox",
        *,
        headers: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Any:
        """Place an order of one unit; what follows is asked with its token.

        A field that is changed to ``None`` is left out.
        """
        body = a_body((str(self.variant_id), 1), provider=provider) | changes
        body = {name: value for name, value in body.items() if value is not None}
        placed = await self.ask(
            "POST", "/api/v1/checkout", body, key=True, headers=headers, statuses=(201,)
        )
        self._token = {"X-Order-Token": placed["order"]["access_token"]}
        return placed

    async def cancel(self, placed: Any) -> Any:
        """The buyer gives an order up."""
        path = f"/api/v1/orders/{placed['order']['id']}/cancel"
        return await self.ask("POST", path, {}, key=True)

    async def sweep(self) -> Any:
        """What the worker does, on demand; all leases have run out.

        What a dead server had claimed is claimed again once its lease is over: one sweep more.
        """
        retried = self.retried
        await make_due(self.db)
        answer = await self.ask("POST", "/cron/cleanup", headers=_CRON)
        if self.retried == retried:
            return answer
        await make_due(self.db)
        return await self.ask("POST", "/cron/cleanup", headers=_CRON)

    # --- what the bank and time do ---

    async def misbehave(self, **conduct: Any) -> None:
        """How the bank behaves; its webhooks wait until they are let go."""
        await self.store.control("misbehave", **{"withhold_webhooks": True, **conduct})

    async def provider_payment(self, placed: Any) -> str:
        """The bank's name of the payment that an order began with."""
        found = await self.value(
            "SELECT provider_payment_id FROM payments WHERE id = $1",
            UUID(placed["payment"]["id"]),
        )
        if found is None:
            raise Violation("the bank's payment is not known")
        return str(found)

    async def capture(self, placed: Any) -> None:
        """The bank takes the money, whether the shop lives or not."""
        await self.store.control(f"payments/{await self.provider_payment(placed)}/capture")

    async def hear(self) -> None:
        """Every webhook arrives, if need be at a server that is started again."""
        await self.store.control("release")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._waiting():
                if self._web is not None and self._web.exit_code is not None:
                    await self.revive_web()
                await self.store.control("deliveries/advance", seconds=86_400)
                await asyncio.sleep(0.02)
            # Acting on one begins after it was answered. What a dead server kept is the worker's.
            while not self.was_killed and await self.value(_UNREAD):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def let_time_pass(self, placed: Any) -> None:
        """An order's holds are over, and so is its time to be paid."""
        order_id = UUID(placed["order"]["id"])
        async with self.db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET is_grace_used = true,"
                " expires_at = expires_at - interval '40 days'"
                " WHERE holder_id = $1 AND state = 'active'",
                order_id,
            )
            await connection.raw.execute(
                "UPDATE orders SET placed_at = placed_at - interval '40 days' WHERE id = $1",
                order_id,
            )

    async def let_leases_end(self) -> None:
        """Whatever somebody may take up again in some seconds may be taken up now."""
        await make_due(self.db)

    async def let_holds_end(self, by: timedelta) -> None:
        """So much time passes for every hold."""
        async with self.db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = expires_at - $1::interval"
                " WHERE state = 'active'",
                by,
            )

    # --- what can be seen ---

    def merchant_reference(self, placed: Any) -> str:
        """What the bank calls the payment by, in our words."""
        return merchant_reference(UUID(placed["payment"]["id"]))

    async def value(self, text: str, *values: Any) -> Any:
        """One value of the shop's tables."""
        async with self.db.connection() as connection:
            return await connection.raw.fetchval(text, *values)

    async def set_up(self, **settings: Any) -> None:
        """Settings of the shop, as its owner has them."""
        await set_up(self.db, **settings)

    async def status(self, placed: Any) -> str:
        """Where an order stands."""
        found = await self.value(
            "SELECT status FROM orders WHERE id = $1", UUID(placed["order"]["id"])
        )
        return str(found)

    async def stock(self) -> tuple[int, int, int]:
        """Units on hand, allocated and reserved."""
        async with self.db.connection() as connection:
            row = await connection.raw.fetchrow(
                "SELECT on_hand, allocated, reserved FROM stock_levels WHERE variant_id = $1",
                self.variant_id,
            )
        assert row is not None
        return tuple(row)

    async def moved(self) -> list[tuple[str, int]]:
        """Kind and amount of every movement of money in the bank's book."""
        return [(row["type"], row["amount"]) for row in await self.store.sandbox_report()]

    def expect(self, what: str, found: object, wanted: object) -> None:
        """State what must be so.

        Raises:
            Violation: It is not.
        """
        if found != wanted:
            raise Violation(f"{what}: {found!r} instead of {wanted!r}")

    async def wait_for(self, what: str, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what the shop does by itself; a worker that died is followed by another."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await is_so():
                    await self._replace_worker()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Violation(f"never came: {what}; {await self._left_over()}") from None

    async def _replace_worker(self) -> None:
        """Another worker, if the one that runs has died or fallen asleep."""
        if self._worker is None:
            return
        if self._worker.is_stopped:
            self._sleeper = self._worker
        elif self._worker.exit_code is None:
            return
        else:
            self.expect("how the worker ended", self._worker.exit_code, KILLED)
        await self._hurry(is_dead=True)
        self._worker = await self.store.start_worker()

    # --- the end ---

    async def wake(self) -> None:
        """Whoever fell asleep goes on where it was, long after others did its work; then it ends.

        Raises:
            Violation: It did not end in good order.
        """
        if self._sleeper is None:
            return
        self._sleeper.signal(signal.SIGCONT)
        await asyncio.sleep(WAKE_SECONDS)
        self._sleeper.signal(signal.SIGTERM)
        code = await self._sleeper.wait_dead(PATIENCE_SECONDS)
        self.expect("how the woken worker ended", code, 0)

    async def wait_for_status(self, placed: Any, wanted: str) -> None:
        """Wait until an order stands there; what a dead server left behind is swept up."""

        async def is_there() -> bool:
            if self.was_killed:
                await self.sweep()
            return await self.status(placed) == wanted

        await self.wait_for(f"status {wanted}", is_there)

    async def settle(self) -> None:
        """Every message arrives, and all that is due is done."""
        for _ in range(_ROUNDS):
            await self.hear()
            await self.sweep()

    async def come_to_rest(self) -> None:
        """The last messages arrive; then nobody dies any more, and all that is due is done."""
        await self.hear()
        self.look_away()
        await self.settle()
        await outbox.publish(self.db, subscribers=())

    async def check(self) -> None:
        """What was told is still so, the shop is sound, and the bank's book agrees.

        Raises:
            Violation: One of these is not the case.
        """
        for told in self.told:
            again = await self._send(told.method, told.path, told.body, told.headers)
            self.expect(
                f"{told.method} {told.path} asked again",
                (again.status_code, again.content),
                (told.status, told.answer),
            )
        report = await self.store.sandbox_report()
        async with self.db.connection() as connection:
            self.expect("invariants", await check_invariants(connection, at_rest=True), {})
            self.expect("the bank's book", await reconcile(connection, report), [])

    def _orders(self) -> Orders:
        return Orders(str(self.trace), str(self._go), self._dies_at, self._dies_of)

    async def _send(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> httpx2.Response:
        url = self.store.base_url + path
        for _ in range(2):
            try:
                return await self.store.client.request(
                    method, url, content=content, headers=headers
                )
            except httpx2.TransportError:
                self.retried += 1
                await self.revive_web()
        return await self.store.client.request(method, url, content=content, headers=headers)

    async def _waiting(self) -> bool:
        answer = await self.store.client.get(
            f"{self.store.sandbox_url}/control/counters",
            headers={"Authorization": f"Bearer {SECRETS['SUREHOLD_SANDBOX_CONTROL_KEY']}"},
        )
        return bool(answer.json()["deliveries"].get("waiting"))

    async def _left_over(self) -> str:
        """What is still to be done, and what the worker said last."""
        async with self.db.connection() as connection:
            rows = [row for text in _LEFT for row in await connection.raw.fetch(text)]
        said = "" if self._worker is None else self._worker.log()[-1_500:]
        return f"{[tuple(row) for row in rows]} {said}"

    async def _hurry(self, *, is_dead: bool = False) -> None:
        """Let every lease run out, and every schedule come due, as if time had passed."""
        await make_due(self.db)
        async with self.db.connection() as connection:
            await connection.raw.execute(
                "UPDATE pgqueuer_schedules SET next_run = now() - interval '1 second'"
            )
            if is_dead:
                await connection.raw.execute(
                    "UPDATE pgqueuer_schedules SET heartbeat = now() - interval '1 hour'"
                )


@asynccontextmanager
async def a_story(
    ground: Ground,
    *,
    dies_at: Point | None = None,
    dies_of: signal.Signals = signal.SIGKILL,
) -> AsyncIterator[Story]:
    """A story in a store of its own, of which nothing is left."""
    url = await ground.copy()
    try:
        with tempfile.TemporaryDirectory(prefix="surehold-crash-") as folder:
            store = Store(url, Path(folder), ground)
            try:
                async with Database(Settings(url=url)) as db:
                    yield Story(
                        store,
                        db,
                        variant_id=ground.variant_id,
                        dies_at=dies_at,
                        dies_of=dies_of,
                    )
            finally:
                await store.close()
    finally:
        await ground.drop(url)
