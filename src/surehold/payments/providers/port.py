"""The one port to every payment provider: its operations, its data and its failures.

An adapter translates: the provider's units and words inside, ours outside. It holds no state and
never touches the database. Bodies are prepared by pure functions and stored before they are sent,
so that a repeated call sends the same bytes under the same key.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

from surehold.db.shop import ShopSettings
from surehold.kernel.money import Money
from surehold.payments.model import NextAction, PaymentState


class HoldKind(enum.Enum):
    """How long paying takes with this method; a setting gives each kind its time."""

    CARD = "card"
    REDIRECT = "redirect"
    TRANSFER = "transfer"


class Capabilities(msgspec.Struct, frozen=True):
    """What a provider can do, as data; callers ask here and never by the provider's name."""

    title: str
    explanation: str
    hold_kind: HoldKind
    is_local: bool = False
    can_find_by_reference: bool = True
    can_cancel_unpaid: bool = True
    can_refund_partially: bool = True
    is_for_demo_only: bool = False
    currencies: frozenset[str] | None = None

    def supports(self, currency: str) -> bool:
        """Whether amounts in this currency can be collected."""
        return self.currencies is None or currency in self.currencies


class Customer(msgspec.Struct, frozen=True):
    """Who pays, as far as the provider wants to know."""

    email: str
    name: str
    phone: str | None = None


class CreateRequest(msgspec.Struct, frozen=True):
    """Everything needed to begin collecting one payment."""

    merchant_reference: str
    amount: Money
    customer: Customer
    return_url: str
    cancel_url: str
    notify_url: str
    expires_at: datetime
    description: str


class CreateResult(msgspec.Struct, frozen=True):
    """The provider knows the payment now; ``next_action`` is what the buyer must do."""

    provider_payment_id: str
    state: PaymentState
    next_action: NextAction


class RefundOrigin(enum.Enum):
    """Who began a refund."""

    US = "us"
    DASHBOARD = "dashboard"


class ProviderRefundState(enum.Enum):
    """What the provider says of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundRequest(msgspec.Struct, frozen=True):
    """Give back ``amount`` of one payment; ``refund_reference`` is ours and unique."""

    provider_payment_id: str
    amount: Money
    refund_reference: str
    reason: str


class RefundSnapshot(msgspec.Struct, frozen=True):
    """One refund as the provider has it."""

    provider_refund_id: str
    refund_reference: str | None
    amount: Money
    state: ProviderRefundState
    origin: RefundOrigin
    failure_code: str | None = None


class ProviderSnapshot(msgspec.Struct, frozen=True):
    """One payment as the provider has it, read from the provider: the only proof there is.

    Totals are the truth; ``state`` follows from them.
    """

    provider_payment_id: str
    merchant_reference: str
    state: PaymentState
    requested: Money
    authorized: Money
    captured: Money
    refunded: Money
    disputed: Money
    is_live: bool
    method: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    refunds: tuple[RefundSnapshot, ...] = ()


class NormalizedEvent(msgspec.Struct, frozen=True):
    """A verified webhook event: a hint that something is worth reading again."""

    dedup_key: str
    kind: str
    provider_payment_id: str | None
    merchant_reference: str | None
    is_live: bool
    occurred_at: datetime | None = None


class ProviderFailure(Exception):
    """A call to a provider did not do what was asked. ``is_retryable``: with the same key."""

    is_retryable = False

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class Declined(ProviderFailure):
    """The issuer or wallet said no."""


class InvalidRequest(ProviderFailure):
    """We built the request wrongly, or broke one of the provider's limits."""


class ConfigurationFault(ProviderFailure):
    """A bad key, the wrong mode, a feature not switched on: an operator must look."""


class NotFound(ProviderFailure):
    """The provider knows nothing under this id."""


class StateConflict(ProviderFailure):
    """Not allowed in the payment's present state: read it again."""


class AmountRefused(ProviderFailure):
    """More than is left, or another currency."""


class RateLimited(ProviderFailure):
    """Too many calls; nothing happened."""

    is_retryable = True


class Unavailable(ProviderFailure):
    """The request was never accepted: connection refused, or refused before any work."""

    is_retryable = True


class OutcomeUnknown(ProviderFailure):
    """The request may have been carried out: time-out or reset after sending, a 5xx, nonsense.

    Never repeated blindly: the same key and bytes, or a look-up by reference first.
    """


class WebhookRefused(Exception):
    """A webhook without valid proof: forged, stale, re-encoded or malformed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@runtime_checkable
class LocalProvider(Protocol):
    """A method without a network: people confirm that the money came (transfer, cash)."""

    name: str
    account: str
    capabilities: Capabilities

    def begin(
        self, *, merchant_reference: str, order_number: str, settings: ShopSettings
    ) -> CreateResult:
        """What to tell the buyer. Pure."""
        ...


@runtime_checkable
class RemoteProvider(Protocol):
    """A provider reached over HTTP. Every coroutine raises only ``ProviderFailure`` kinds."""

    name: str
    account: str
    capabilities: Capabilities

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send. Pure."""
        ...

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. The same key and body give the same payment."""
        ...

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Read the payment."""
        ...

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Read the payment by our reference; ``None`` when the provider has none such."""
        ...

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Expire an unpaid payment, and read what became of it: it may have been paid."""
        ...

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send. Pure."""
        ...

    async def refund(self, body: bytes, *, idempotency_key: str) -> RefundSnapshot:
        """Give money back. The same key and body make one refund."""
        ...

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify first, over the raw bytes and in constant time, then read the events.

        Raises:
            WebhookRefused: The proof does not hold; nothing of the body may be used.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


Provider = LocalProvider | RemoteProvider
