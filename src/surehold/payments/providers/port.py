"""The one port to every payment provider: its operations, its data and its failures.

An adapter translates: the provider's units and words inside, ours outside. It holds no state and
never touches the database. Bodies are prepared by pure functions and stored before they are sent,
so that a repeated call sends the same bytes under the same key.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

import msgspec

from surehold.db.shop import ShopSettings
from surehold.kernel.money import Money
from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.model import NextAction, PaymentState
from surehold.payments.providers.amounts import Amounts
from surehold.payments.providers.disputes import DisputeAnswer, DisputeSnapshot
from surehold.payments.providers.failures import Unsupported

#: What a provider says of amounts before any money moved, when it says nothing of them.
NOTHING: Final = Money(0, "XXX")


class HoldKind(enum.Enum):
    """How long paying takes with this method; a setting gives each kind its time."""

    CARD = "card"
    REDIRECT = "redirect"
    TRANSFER = "transfer"


class PageScript(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own script, which takes a payment within a page of ours.

    ``address`` is loaded by that page; the rest are the origins that a browser then lets it load
    more scripts and pictures from, put in frames, and call.
    """

    address: str
    scripts: tuple[str, ...]
    frames: tuple[str, ...]
    calls: tuple[str, ...]
    pictures: tuple[str, ...]


class Capabilities(msgspec.Struct, frozen=True):
    """What a provider can do, as data; callers ask here and never by the provider's name."""

    title: str
    explanation: str
    hold_kind: HoldKind
    is_local: bool = False
    is_for_demo_only: bool = False
    #: Nothing is paid before the goods are at the buyer's door.
    is_paid_on_delivery: bool = False
    can_find_by_reference: bool = True
    #: An unpaid page can be closed and a hold let go; without, both end in their own time.
    can_cancel_unpaid: bool = True
    can_refund_partially: bool = True
    #: Authorize now and capture later; all of it, or a part.
    can_capture_later: bool = False
    can_capture_partially: bool = False
    #: How long money that is captured later is held; of who takes it at once, nothing is.
    authorization: AuthorizationLife | None = None
    #: A repeated call with the same key and body is answered as the first one was; without keys,
    #: our reference makes a payment or a refund one, and the repetition is a conflict.
    has_keys: bool = True
    #: Without keys, and no conflict either: asked again, there is another page to one payment.
    begins_again: bool = False
    #: A refund is sent or refused at once; without, it is pending until the bank has it.
    ends_refunds_at_once: bool = True
    #: Every refund of a payment, those that people began at the provider too.
    can_list_refunds: bool = True
    #: A refund of ours can be read. Without it, it is sent again under its reference, which
    #: makes it one, and ``find_refund`` finds none.
    can_find_refunds: bool = True
    can_read_disputes: bool = False
    #: For so long after it was decided a dispute may be opened again, or go to the next stage.
    #: No provider publishes it; card networks give no stage longer.
    reopens_disputes_days: int = 0
    #: What the store says to a dispute can be sent; without, people send it at the provider.
    can_answer_disputes: bool = False
    #: A dispute may begin as a question that moves no money.
    has_inquiries: bool = True
    #: The browser brings proof back. Without it, what it brings is worth nothing.
    has_signed_return: bool = False
    #: A signed time bounds how long a stolen webhook can be sent again.
    signs_time: bool = True
    #: What proves a message is a secret that the store has as well; without, only the provider
    #: can sign, and the store cannot send itself a message to see whether it would be believed.
    shares_secret: bool = True
    #: The proof is of the body; without, whoever has seen one webhook can send any.
    proves_body: bool = True
    #: Events have ids of their own; without, they are told apart by what they say.
    has_event_ids: bool = True
    #: Objects and events say whether money is real; without, the keys alone do.
    tells_mode: bool = True
    #: A key says of which mode it is; without, the address that takes it does.
    keys_tell_mode: bool = True
    #: A decline is told of; without, it is learnt by reading.
    tells_declines: bool = True
    #: Refunds are told of; without, they are learnt by reading.
    tells_refunds: bool = True
    #: Whether late money is told of in the end. Without, an unpaid payment that cannot be closed
    #: is not given up: it is looked at until its own time is over.
    tells_late_money: bool = True
    #: A declined buyer may try again on the same payment, so that it stays open.
    stays_open_after_decline: bool = False
    #: The buyer confirms on a telephone, whose number it is told.
    asks_phone: bool = False
    #: How the provider counts; ``None``: as we do, and it takes every currency.
    amounts: Amounts | None = None
    #: Where its own pages are: a browser may be sent there, and nowhere else.
    page_origins: tuple[str, ...] = ()
    #: What takes the payment within a page of ours; ``None``: the buyer goes to the provider's.
    page_script: PageScript | None = None

    def supports(self, currency: str) -> bool:
        """Whether amounts in this currency can be collected."""
        return self.amounts is None or currency in self.amounts.exponents

    def takes(self, due: Money) -> bool:
        """Whether exactly this amount can be collected."""
        return self.amounts is None or self.amounts.can_carry(due)


class Customer(msgspec.Struct, frozen=True):
    """Who pays, as far as the provider wants to know."""

    email: str
    name: str
    phone: str | None = None


class CreateRequest(msgspec.Struct, frozen=True):
    """Everything needed to begin collecting one payment.

    ``is_captured_later``: only authorize; the money is taken by ``capture``. ``post_url``: where
    a provider sends the browser back by POST, with proof; ``return_url`` is for all others.
    """

    merchant_reference: str
    amount: Money
    customer: Customer
    return_url: str
    cancel_url: str
    notify_url: str
    requested_at: datetime
    expires_at: datetime
    description: str
    is_captured_later: bool = False
    post_url: str = ""


class CreateResult(msgspec.Struct, frozen=True):
    """The provider knows the payment now; ``next_action`` is what the buyer must do."""

    provider_payment_id: str
    state: PaymentState
    next_action: NextAction


class CaptureRequest(msgspec.Struct, frozen=True):
    """Take ``amount`` of an authorized payment. ``is_final``: the rest is let go."""

    provider_payment_id: str
    amount: Money
    is_final: bool = True


class RenewalRequest(msgspec.Struct, frozen=True):
    """Authorize a payment's ``amount`` again, for the ``number``-th time, from 1."""

    provider_payment_id: str
    amount: Money
    number: int


class RefundOrigin(enum.Enum):
    """Who began a refund: this program, a person at the provider, or the provider itself."""

    US = "us"
    DASHBOARD = "dashboard"
    PROVIDER = "provider"


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

    Totals are the truth; ``state`` follows from them. ``authorized`` is what was ever held or
    taken. ``requested`` is ``None`` where a provider names no amount before money has moved.
    """

    provider_payment_id: str
    merchant_reference: str
    state: PaymentState
    requested: Money | None
    authorized: Money
    captured: Money
    refunded: Money
    disputed: Money
    is_live: bool
    method: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    refunds: tuple[RefundSnapshot, ...] = ()
    disputes: tuple[DisputeSnapshot, ...] = ()
    #: Until when what is held can be captured, where the provider says so.
    capture_before: datetime | None = None

    def __post_init__(self) -> None:
        assert self.requested is not None or not self.captured.amount, "money without an amount"


class NormalizedEvent(msgspec.Struct, frozen=True):
    """A verified webhook event: a hint that something is worth reading again."""

    dedup_key: str
    kind: str
    provider_payment_id: str | None
    merchant_reference: str | None
    is_live: bool
    occurred_at: datetime | None = None


class Rehearsal(msgspec.Struct, frozen=True):
    """An event about nothing, signed as the provider signs. ``secret`` names what signed it."""

    secret: str
    body: bytes
    headers: dict[str, str]


@runtime_checkable
class LocalProvider(Protocol):
    """A method without a network: people confirm that the money came (transfer, cash)."""

    name: str
    account: str
    capabilities: Capabilities

    def begin(
        self, *, merchant_reference: str, order_number: str, due: Money, settings: ShopSettings
    ) -> CreateResult:
        """What to tell the buyer. Pure."""
        ...


@runtime_checkable
class RemoteProvider(Protocol):
    """A provider reached over HTTP. Every coroutine raises only ``ProviderFailure`` kinds.

    What the capabilities exclude raises ``Unsupported`` and sends nothing.
    """

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
        """Expire an unpaid payment, and read what became of it: it may have been paid.

        Where the provider cannot close it, this is a last look: what is unpaid is given up by us
        alone, and money that comes after all is a late success.
        """
        ...

    def verify_return(
        self, provider_payment_id: str, merchant_reference: str, query: Mapping[str, str]
    ) -> bool:
        """Whether a browser that came back brings the provider's own proof of this payment.

        Pure, and never final: what it proves is read at the provider all the same.
        """
        ...

    def prepare_capture(self, request: CaptureRequest) -> bytes:
        """The exact body that ``capture`` will send. Pure."""
        ...

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Take authorized money. The same key and body take it once."""
        ...

    def prepare_renewal(self, request: RenewalRequest) -> bytes:
        """The exact body that ``renew`` will send. Pure."""
        ...

    async def renew(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Authorize again what is still held. The same body is one renewal."""
        ...

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send. Pure."""
        ...

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back. The same key and body make one refund."""
        ...

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Read a refund of ours by our reference; ``None`` when the provider has none such."""
        ...

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Every refund of a payment, whoever began it, oldest first."""
        ...

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        """Every dispute of a payment, oldest first."""
        ...

    def prepare_answer(self, answer: DisputeAnswer) -> bytes:
        """What ``answer_dispute`` will send, and about which dispute. Pure."""
        ...

    async def answer_dispute(self, body: bytes, *, idempotency_key: str) -> None:
        """Say something to a dispute. What comes of it is read with the payment.

        Raises:
            StateConflict: It is decided, or was answered.
        """
        ...

    async def load_proof(self, headers: Mapping[str, str]) -> None:
        """Fetch what ``parse_webhook`` needs for this message, where the provider keeps it.

        Raises:
            WebhookRefused: It is not to be had, or not the provider's.
        """
        ...

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify first, over the raw bytes and in constant time, then read the events.

        Raises:
            WebhookRefused: The proof does not hold; nothing of the body may be used.
        """
        ...

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """An event about a payment called ``name``, by each live secret; ``at`` in Unix seconds.

        Nothing where only the provider can sign. Pure.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class NoOptions:
    """The optional operations of an adapter that has none; it overrides those that it has."""

    def verify_return(
        self, provider_payment_id: str, merchant_reference: str, query: Mapping[str, str]
    ) -> bool:
        """Refuse."""
        del provider_payment_id, merchant_reference, query
        raise Unsupported("returns are not signed")

    def prepare_capture(self, request: CaptureRequest) -> bytes:
        """Refuse."""
        del request
        raise Unsupported("money is taken at once")

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Refuse."""
        del body, provider_payment_id, idempotency_key
        raise Unsupported("money is taken at once")

    def prepare_renewal(self, request: RenewalRequest) -> bytes:
        """Refuse."""
        del request
        raise Unsupported("an authorization has one life")

    async def renew(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Refuse."""
        del body, provider_payment_id, idempotency_key
        raise Unsupported("an authorization has one life")

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Refuse."""
        del provider_payment_id
        raise Unsupported("there is no list of refunds")

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        """Refuse."""
        del provider_payment_id
        raise Unsupported("there is no list of disputes")

    def prepare_answer(self, answer: DisputeAnswer) -> bytes:
        """Refuse."""
        del answer
        raise Unsupported("disputes are answered at the provider")

    async def answer_dispute(self, body: bytes, *, idempotency_key: str) -> None:
        """Refuse."""
        del body, idempotency_key
        raise Unsupported("disputes are answered at the provider")

    async def load_proof(self, headers: Mapping[str, str]) -> None:
        """Nothing: the secrets are enough."""
        del headers

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Nothing: only the provider has the key that signs."""
        del name, at
        return ()


Provider = LocalProvider | RemoteProvider
