"""The provider of a simulated shop: the sandbox, in a process of its own or in this one.

Either way it is the same program with the same book on disk, spoken to in HTTP, and its webhooks
are signed by its own code. In a process of its own it is killed now and then; in this one it is
ended and opened again from its book. Every answer may be lost, by its own dice and counted by it.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import msgspec

from proof.simulation.sink import Sink
from surehold.sandbox.app import Sandbox, create_app
from surehold.sandbox.settings import Settings
from surehold.sandbox.webhooks import sign
from tests.support.shop import SECRETS, WEBHOOK_SECRET, Shop

API_KEY: Final = SECRETS["SUREHOLD_SANDBOX_API_KEY"]
CONTROL_KEY: Final = SECRETS["SUREHOLD_SANDBOX_CONTROL_KEY"]
#: How long the shop waits for an answer, instead of the adapter's five seconds.
PATIENCE_SECONDS: Final = 0.25
#: Longer than the shop's patience.
_HANG_SECONDS: Final = 0.6

#: How long the bank of a simulated shop holds money, and for how long it is sure: hours instead of
#: days, so that holds end within a life.
HOLD: Final = timedelta(minutes=100)
HONORED: Final = timedelta(minutes=30)

#: About every fifth answer goes wrong, before or after the work was done.
CHANCES: Final = {
    "lost_answer_rate": 0.07,
    "lost_before_work_rate": 0.05,
    "error_rate": 0.03,
    "error_after_work_rate": 0.03,
    "gateway_rate": 0.02,
    "truncate_rate": 0.01,
    "half_json_rate": 0.01,
    "rate_limit_rate": 0.01,
    "wrong_type_rate": 0.005,
    "slow_rate": 0.005,
    "charge_twice_rate": 0.004,
    "wrong_amount_rate": 0.004,
    "refuse_held_rate": 0.08,
}


class Delivery(msgspec.Struct, frozen=True):
    """One signed webhook as it travels."""

    body: bytes
    headers: dict[str, str]
    #: Sent until it is heard.
    is_lasting: bool = False


class HeldMoney(msgspec.Struct, frozen=True):
    """What the bank holds, or held, for a payment. Instants are whole unix seconds.

    ``number``: of its last renewal; ``ended_as``: captured, canceled or expired.
    """

    payment: str
    merchant_reference: str
    begun_at: int
    capture_before: int
    honored_until: int
    number: int = 0
    ended_at: int | None = None
    ended_as: str | None = None

    @property
    def sure_until(self) -> datetime:
        return datetime.fromtimestamp(self.honored_until, UTC)

    @property
    def ends_at(self) -> datetime:
        return datetime.fromtimestamp(self.capture_before, UTC)

    @property
    def to_decide_at(self) -> datetime:
        """When four fifths of its life are over."""
        seconds = self.begun_at + (self.capture_before - self.begun_at) * 4 / 5
        return datetime.fromtimestamp(seconds, UTC)


class Provider(ABC):
    """What a simulated shop needs of its provider, and what is counted of it."""

    is_own_process: bool

    def __init__(self, folder: Path, *, seed: int, refund_seconds: float) -> None:
        self.folder = folder
        self.url = ""
        self.kills = 0
        #: Calls that the shop made, whatever became of them.
        self.calls = 0
        #: What the provider counted of its own misbehavior, before it was last killed.
        self._counted: Counter[str] = Counter()
        self._seed = seed
        self._refund_seconds = refund_seconds
        self._client: httpx2.AsyncClient

    @abstractmethod
    async def open(self) -> None:
        """Start it."""

    @abstractmethod
    async def close(self) -> None:
        """End it for good."""

    @abstractmethod
    async def kill(self) -> None:
        """End it without warning and start it again from its book."""

    @abstractmethod
    def take_webhooks(self) -> list[Delivery]:
        """Webhooks that were sent since the last call."""

    @abstractmethod
    def transport(self) -> httpx2.AsyncBaseTransport:
        """How the shop reaches it."""

    async def control(self, path: str, body: Any = None) -> Any:
        """Be the bank's own hand. Never lost."""
        method = "GET" if body is None else "POST"
        answer = await self._client.request(
            method,
            f"{self.url}/control/{path}",
            json=body,
            headers={"Authorization": f"Bearer {CONTROL_KEY}"},
        )
        answer.raise_for_status()
        return answer.json()

    async def settlement(self) -> bytes:
        """The bank's settlement report, as CSV. Never lost."""
        answer = await self._client.get(
            f"{self.url}/control/settlement", headers={"Authorization": f"Bearer {CONTROL_KEY}"}
        )
        answer.raise_for_status()
        return answer.content

    async def pay_out(self, currency: str) -> bool:
        """Send what the shop has to its bank; false when there is nothing."""
        answer = await self._client.post(
            f"{self.url}/control/payouts",
            json={"currency": currency},
            headers={"Authorization": f"Bearer {CONTROL_KEY}"},
        )
        return answer.status_code < 300

    async def step(self, do: str, merchant_reference: str) -> str | None:
        """Do one thing to one payment; the code of a refusal, or ``None``."""
        steps = [{"do": do, "merchant_reference": merchant_reference}]
        answer = await self.control("batch", {"steps": steps})
        code: str | None = answer["data"][0]["error"]
        return code

    async def misbehave(self) -> None:
        """Lose answers from here on."""
        await self.control(
            "misbehave",
            {
                "hang_seconds": _HANG_SECONDS,
                "seed": self._seed + self.kills,
                "chances": CHANCES,
            },
        )

    async def set_clock(self, shift: timedelta) -> None:
        """Be so far ahead of this machine, as the store is."""
        await self.control("clock", {"offset_seconds": int(shift.total_seconds())})

    async def list_holds(self) -> list[HeldMoney]:
        """All that it holds or ever held, oldest first."""
        return msgspec.convert((await self.control("holds"))["data"], list[HeldMoney])

    async def list_held(self) -> list[HeldMoney]:
        """What it holds now."""
        return [one for one in await self.list_holds() if one.ended_at is None]

    async def behave(self) -> None:
        """Answer everything from here on."""
        await self.control("misbehave", {})

    async def report(self) -> list[dict[str, Any]]:
        """Every movement of money in its book."""
        lines: list[dict[str, Any]] = (await self.control("report"))["lines"]
        return lines

    async def count(self) -> Counter[str]:
        """What it counted of its own misbehavior, all of its lives together."""
        return self._counted + Counter((await self.control("counters"))["misbehaved"])

    async def _remember_counts(self) -> None:
        self._counted = await self.count()


class InThisProcess(Provider):
    """The sandbox as an application of this process: for most seeds, because it is faster."""

    is_own_process = False

    async def open(self) -> None:
        self.url = "http://sandbox.test"
        self._seen = 0
        self._start()

    async def close(self) -> None:
        await self._client.aclose()
        self._app.bank.book.close()

    async def kill(self) -> None:
        await self._remember_counts()
        await self.close()
        self.kills += 1
        self._start()
        await self.misbehave()

    def take_webhooks(self) -> list[Delivery]:
        self._app.bank.settle_due()
        events = self._app.bank.book.list_events(after_seq=self._seen, created_from=0)
        self._seen = max((event.seq for event in events), default=self._seen)
        now = int(time.time())
        return [
            Delivery(
                event.body,
                {"sandbox-signature": sign(event.body, secrets=(WEBHOOK_SECRET,), at=now)},
            )
            for event in events
        ]

    def transport(self) -> httpx2.AsyncBaseTransport:
        return _Direct(self)

    @property
    def application(self) -> Sandbox:
        """The one that runs now."""
        return self._app

    def _start(self) -> None:
        self._app = create_app(
            Settings(
                api_key=API_KEY,
                control_key=CONTROL_KEY,
                webhook_secrets=(WEBHOOK_SECRET,),
                book_path=str(self.folder / "book.sqlite"),
                synchronous="off",
                refund_seconds=self._refund_seconds,
                hold_seconds=int(HOLD.total_seconds()),
                honored_seconds=int(HONORED.total_seconds()),
            )
        )
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self._app))


class InItsOwnProcess(Provider):
    """The sandbox as in life: a process behind a socket that sends its own webhooks."""

    is_own_process = True

    async def open(self) -> None:
        self._shop = Shop("", self.folder)
        self.url = self._shop.sandbox_url
        self._client = self._shop.client
        self._sink = Sink()
        await self._sink.open(self._shop.port)
        await self._start()

    @property
    def shop_url(self) -> str:
        """Where it sends its webhooks."""
        return self._shop.base_url

    async def close(self) -> None:
        await self._shop.close()
        await self._sink.close()

    async def kill(self) -> None:
        await self._remember_counts()
        self._process.kill()
        self.kills += 1
        await self._start()
        await self.misbehave()

    def take_webhooks(self) -> list[Delivery]:
        return [Delivery(body, headers) for body, headers in self._sink.take()]

    def transport(self) -> httpx2.AsyncBaseTransport:
        return _Impatient(self)

    async def _start(self) -> None:
        self._process = await self._shop.start_sandbox(
            SUREHOLD_SANDBOX_SYNCHRONOUS="off",
            SUREHOLD_SANDBOX_REFUND_SECONDS=str(self._refund_seconds),
            SUREHOLD_SANDBOX_HOLD_SECONDS=str(int(HOLD.total_seconds())),
            SUREHOLD_SANDBOX_HONORED_SECONDS=str(int(HONORED.total_seconds())),
        )


class _Direct(httpx2.AsyncBaseTransport):
    """HTTP to an application of this process; a connection that it drops is a lost one."""

    def __init__(self, provider: InThisProcess) -> None:
        self._provider = provider

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._provider.calls += 1
        inner = httpx2.ASGITransport(self._provider.application)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await inner.handle_async_request(request)
        except ConnectionAbortedError as error:
            raise httpx2.ReadError("the connection was dropped") from error
        except TimeoutError as error:
            raise httpx2.ReadTimeout("no answer in time") from error


class _Impatient(httpx2.AsyncHTTPTransport):
    """Real HTTP with a shorter patience than the adapter's."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(trust_env=False)
        self._provider = provider

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._provider.calls += 1
        request.extensions["timeout"] = httpx2.Timeout(PATIENCE_SECONDS, connect=1).as_dict()
        return await super().handle_async_request(request)
