"""A provider on a loopback port, its adapter, and the hands of its buyers and its dashboard.

Every provider that has a fake is driven by one rig; the sandbox, which is a program of its own,
by another with the same hands. Amounts are our minor units.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import httpx2
import msgspec
from pydantic import SecretStr

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.port import (
    Capabilities,
    CreateRequest,
    CreateResult,
    Customer,
    NormalizedEvent,
    RefundRequest,
    RefundSnapshot,
    RemoteProvider,
)
from surehold.payments.providers.sandbox import SandboxProvider
from surehold.sandbox.webhooks import sign
from tests.fakes import FAKES
from tests.fakes.harness import Fake, Message
from tests.sandbox.conftest import API_KEY, CERTIFICATES, SECRETS, Shop, opened, serving

REFERENCE: Final = "SH06A4Q7YH3T5V1W2X3Y4Z5A6B7C"
REFUND: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"
SANDBOX: Final = "sandbox"
NAMES: Final = (*FAKES, SANDBOX)


class Rig(ABC):
    """One provider and everybody around it."""

    name: str
    currency: str
    provider: RemoteProvider

    @abstractmethod
    def adapter(self, **changes: Any) -> RemoteProvider:
        """Another adapter to the same provider: ``key``, ``secrets``, ``mode``, ``base_url``."""

    @abstractmethod
    async def pay(self, payment: str, minor: int | None = None) -> None:
        """The buyer pays; with an amount, the provider books another one."""

    @abstractmethod
    async def decline(self, payment: str) -> None:
        """The buyer's bank says no."""

    @abstractmethod
    async def lapse(self, payment: str) -> None:
        """Nobody captures what is held, until the bank lets it go."""

    async def grow_unsure(self, payment: str) -> None:
        """The time is over in which the provider honors what is held."""
        raise NotImplementedError

    @abstractmethod
    async def refund_by_hand(self, payment: str, minor: int) -> None:
        """A person gives money back at the dashboard."""

    @abstractmethod
    async def fail_refund(self, refund: str) -> None:
        """A refund that had been sent does not arrive."""

    @abstractmethod
    async def dispute(self, payment: str, minor: int, *, is_inquiry: bool = False) -> str:
        """The buyer's bank asks for money back, or first asks a question."""

    @abstractmethod
    async def decide(self, dispute: str, state: str) -> None:
        """A dispute needs a response (again), is won, or is lost."""

    @abstractmethod
    async def relabel(self, payment: str, currency: str) -> None:
        """The provider says another currency from now on."""

    @abstractmethod
    async def fault(self, kind: str, on: str | None = None, calls: int = 1) -> None:
        """Let calls go wrong."""

    @abstractmethod
    async def book(self, payment: str) -> tuple[int, int]:
        """What the provider took and gave back."""

    @abstractmethod
    async def messages(self) -> list[Message]:
        """Every webhook so far."""

    @abstractmethod
    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        """The headers that prove a body."""

    @abstractmethod
    def now(self) -> int:
        """The provider's clock."""

    def message(self, kind: str, body: bytes, **how: Any) -> Message:
        """A body with its proof, wherever that belongs."""
        return Message(kind, body, self.sign(body, **how))

    # --- the same for all ----------------------------------------------------------------------

    @cached_property
    def _asked_at(self) -> dict[str, datetime]:
        return {}

    @property
    def can(self) -> Capabilities:
        return self.provider.capabilities

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def request(
        self, reference: str = REFERENCE, minor: int = 11840, **more: Any
    ) -> CreateRequest:
        # Asked again is asked with the same bytes, which tell the time.
        now = self._asked_at.setdefault(reference, datetime.now(UTC))
        return CreateRequest(
            merchant_reference=reference,
            amount=self.money(minor),
            customer=Customer("mara@example.com", "Mara Quinn", "+251 911 234 567"),
            return_url="http://shop.test/back",
            cancel_url="http://shop.test/back",
            post_url="http://shop.test/back/return",
            notify_url="http://127.0.0.1:1/webhooks",
            requested_at=now,
            expires_at=now + timedelta(minutes=30),
            description="SH-7K4M92QX",
            **more,
        )

    async def create(self, reference: str = REFERENCE, **more: Any) -> CreateResult:
        body = self.provider.prepare_create(self.request(reference, **more))
        return await self.provider.create(body, idempotency_key=f"create-{reference}")

    async def paid(self, reference: str = REFERENCE, **more: Any) -> str:
        """A captured payment, by the name that the provider gives it from then on."""
        begun = await self.create(reference, **more)
        await self.pay(begun.provider_payment_id)
        found = await self.provider.fetch(begun.provider_payment_id)
        assert found.state in {PaymentState.CAPTURED, PaymentState.AUTHORIZED}
        return found.provider_payment_id

    def refund_body(self, payment: str, minor: int, reference: str = REFUND) -> bytes:
        return self.provider.prepare_refund(
            RefundRequest(payment, self.money(minor), reference, "returned")
        )

    async def refund(self, payment: str, minor: int, reference: str = REFUND) -> RefundSnapshot:
        return await self.provider.refund(
            self.refund_body(payment, minor, reference),
            provider_payment_id=payment,
            idempotency_key=f"refund-{reference}",
        )

    def parse(
        self, message: Message, *, by: RemoteProvider | None = None, at: int | None = None
    ) -> tuple[NormalizedEvent, ...]:
        received_at = self.now() if at is None else at
        return (by or self.provider).parse_webhook(
            message.body, message.headers, received_at=received_at
        )


class FakeRig(Rig):
    """One of ``tests/fakes``."""

    def __init__(self, fake: Fake, base_url: str) -> None:
        self.name = fake.name
        self.currency = fake.currency
        self.fake = fake
        self._base_url = base_url
        self.opened: list[RemoteProvider] = []
        self.provider = self.adapter()

    def adapter(self, **changes: Any) -> RemoteProvider:
        secrets = changes.get("secrets", self.fake.secrets)
        account = AccountConfig(
            account="main",
            mode=changes.get("mode", AccountMode.TEST),
            base_url=changes.get("base_url", self._base_url) + self.fake.api_path,
            secret_key=SecretStr(changes.get("key", self.fake.secret_key)),
            webhook_secrets=tuple(
                WebhookSecret(str(number), SecretStr(self.fake.told(value)))
                for number, value in enumerate(secrets)
            ),
            public_key=self.fake.public_key,
        )
        made = self.fake.adapter(account, httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False))
        self.opened.append(made)
        return made

    async def pay(self, payment: str, minor: int | None = None) -> None:
        self.fake.on_pay(payment, minor)

    async def decline(self, payment: str) -> None:
        self.fake.on_decline(payment)

    async def lapse(self, payment: str) -> None:
        hand: Any = self.fake
        hand.on_lapse(payment)

    async def grow_unsure(self, payment: str) -> None:
        hand: Any = self.fake
        hand.on_unsure(payment)

    async def refund_by_hand(self, payment: str, minor: int) -> None:
        self.fake.on_refund(payment, minor)

    async def fail_refund(self, refund: str) -> None:
        self.fake.on_refund_fails(refund)

    async def dispute(self, payment: str, minor: int, *, is_inquiry: bool = False) -> str:
        hand: Any = self.fake
        status = {"status": "warning_needs_response"} if is_inquiry else {}
        made: str = hand.on_dispute(payment, minor, **status)["dispute"]
        return made

    async def decide(self, dispute: str, state: str) -> None:
        hand: Any = self.fake
        hand.on_close_dispute(dispute, state)

    async def relabel(self, payment: str, currency: str) -> None:
        self.fake.on_relabel(payment, currency.lower())

    async def fault(self, kind: str, on: str | None = None, calls: int = 1) -> None:
        self.fake.fault(kind, on=on, calls=calls)

    async def book(self, payment: str) -> tuple[int, int]:
        shown = self.fake.on_show(payment)
        return shown["captured"], shown["refunded"]

    async def messages(self) -> list[Message]:
        return list(self.fake.messages)

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        return self.fake.sign(body, secret=secret, at=at)

    def message(self, kind: str, body: bytes, **how: Any) -> Message:
        return super().message(kind, self.fake.seal(body, secret=how.get("secret")), **how)

    def now(self) -> int:
        return self.fake.now()


class SandboxRig(Rig):
    """The sandbox, moved through its control API."""

    name = SANDBOX
    currency = "EUR"

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._days = 0
        self.opened: list[RemoteProvider] = []
        self.provider = self.adapter()

    def adapter(self, **changes: Any) -> RemoteProvider:
        made = SandboxProvider(
            changes.get("base_url", str(self.shop.client.base_url)),
            changes.get("key", API_KEY),
            changes.get("secrets", SECRETS),
            client=httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False),
        )
        self.opened.append(made)
        return made

    async def pay(self, payment: str, minor: int | None = None) -> None:
        how = {} if minor is None else {"amount": minor}
        await self.shop.control(f"payments/{payment}/capture", how)

    async def decline(self, payment: str) -> None:
        await self.shop.press(payment, "insufficient_funds")

    async def lapse(self, payment: str) -> None:
        await self.shop.control(f"payments/{payment}/expire")

    async def grow_unsure(self, payment: str) -> None:
        del payment
        self._days += 3
        await self.shop.control("clock", {"offset_seconds": self._days * 86_400})

    async def refund_by_hand(self, payment: str, minor: int) -> None:
        await self.shop.control(f"payments/{payment}/refund", {"amount": minor})

    async def fail_refund(self, refund: str) -> None:
        await self.shop.control(f"refunds/{refund}/fail")

    async def dispute(self, payment: str, minor: int, *, is_inquiry: bool = False) -> str:
        stage = "inquiry" if is_inquiry else "chargeback"
        how = {"amount": minor, "stage": stage}
        made: str = (await self.shop.control(f"payments/{payment}/dispute", how)).json()["id"]
        return made

    async def decide(self, dispute: str, state: str) -> None:
        if state != "needs_response":
            with contextlib.suppress(AssertionError):
                await self.shop.control(f"disputes/{dispute}/reopen", {})
            await self.shop.control(f"disputes/{dispute}/close", {"outcome": state})

    async def relabel(self, payment: str, currency: str) -> None:
        del payment
        await self.shop.misbehave(shown_currency=currency)

    async def fault(self, kind: str, on: str | None = None, calls: int = 1) -> None:
        one = {"fault": kind, "calls": calls, **({"on": on} if on else {})}
        await self.shop.misbehave(answers=[one], hang_seconds=2 if kind == "slow" else 0)

    async def book(self, payment: str) -> tuple[int, int]:
        totals = (await self.shop.payment(payment))["totals"]
        return totals["captured"], totals["refunded"]

    async def messages(self) -> list[Message]:
        assert self.shop.app is not None
        events = self.shop.app.bank.book.list_events(after_seq=0, created_from=0)
        return [
            Message(msgspec.json.decode(row.body)["type"], row.body, self.sign(row.body))
            for row in events
        ]

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        secrets = SECRETS if secret is None else (secret,)
        return {"sandbox-signature": sign(body, secrets=secrets, at=at or self.now())}

    def now(self) -> int:
        return int(datetime.now(UTC).timestamp())


@contextlib.asynccontextmanager
async def a_rig(name: str) -> AsyncIterator[Rig]:
    """One provider, listening."""
    rig: FakeRig | SandboxRig
    async with contextlib.AsyncExitStack() as stack:
        if name == SANDBOX:
            rig = SandboxRig(await stack.enter_async_context(opened("http://127.0.0.1:1")))
        else:
            fake = FAKES[name]()
            rig = FakeRig(fake, await stack.enter_async_context(serving(fake)))
        try:
            yield rig
        finally:
            for one in rig.opened:
                await one.close()


def capabilities_of(name: str) -> Capabilities:
    """What a provider can do, without asking it."""
    if name == SANDBOX:
        return SandboxProvider("http://127.0.0.1:1", API_KEY, SECRETS).capabilities
    return FakeRig(FAKES[name](), "http://127.0.0.1:1").provider.capabilities
