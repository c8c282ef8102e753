"""What is agreed with one bank, as data: read from TOML, checked whole, and never guessed."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Final, Literal

import msgspec

from surehold.kernel.money import Money, exponent
from surehold.payments.providers.amounts import Amounts

AmountFormat = Literal["major_2dp", "major_trim", "minor"]
PhoneFormat = Literal["+251", "251", "0"]
RequestProof = Literal["hmac_sha256_request", "bearer"]
Profile = Literal[
    "hmac_sha256_ts_raw",
    "hmac_sha256_raw",
    "hmac_sha512_raw",
    "hmac_sha256_sorted_kv",
    "sha256_sorted_kv_with_key",
    "rsa_pss_sha256_sorted_kv",
    "static_secret",
]
#: What a bank's word for a payment may mean.
Standing = Literal[
    "created",
    "awaiting_customer",
    "processing",
    "paid",
    "failed",
    "canceled",
    "expired",
    "partially_refunded",
    "refunded",
    "reversed",
]
RefundStanding = Literal["pending", "succeeded", "failed"]
Refusal = Literal["amount", "conflict", "not_found", "configuration", "declined"]

#: What we call the fields of requests, answers and callbacks; a contract says what the bank does.
FIELDS: Final = frozenset(
    {
        "merchant_id", "merchant_reference", "amount", "currency", "customer_phone", "description",
        "notify_url", "return_url", "expires_at", "provider_reference", "status", "redirect_url",
        "prompt", "refunded_amount", "failure_code", "refund_reference", "reason", "event_id",
        "event", "code", "message", "field",
    }
)  # fmt: skip


class Paths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to ask; ``{reference}`` is ours. Without a query, nothing could be believed."""

    create: str
    query: str
    #: Empty: an unpaid payment ends by its own time.
    cancel: str = ""
    #: Empty: money is given back by hand, at the bank.
    refund: str = ""


class Headers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of headers, in lower case, both ways."""

    key_id: str = "x-key-id"
    timestamp: str = "x-timestamp"
    nonce: str = "x-nonce"
    event_id: str = "x-event-id"
    signature: str = "x-signature"


class Callback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a bank proves what it sends.

    ``signature_field``: of the body; empty: the header ``signature``. ``key_field``: the secret's
    name among the sorted fields.
    """

    profile: Profile
    signature_field: str = ""
    key_field: str = "key"
    encoding: Literal["hex", "base64"] = "hex"

    @property
    def is_timed(self) -> bool:
        """Whether a time is signed, and bounds how long a stolen message is good."""
        return self.profile == "hmac_sha256_ts_raw"


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that only the bank knows: its name, and what to ask."""

    name: str
    ask: str


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bank's contract. What is left out is as in ``docs/providers/bank-contract.md``."""

    name: str
    title: str
    explanation: str
    paths: Paths
    callback: Callback
    statuses: dict[str, Standing]
    refund_statuses: dict[str, RefundStanding]
    facts: tuple[Fact, ...]
    #: Digits after the point, by currency.
    currencies: dict[str, int] = msgspec.field(default_factory=lambda: {"ETB": 2})
    largest_minor: int = 10_000_000_000
    #: Ours to the bank's; what is not named is called the same, what is empty does not exist.
    fields: dict[str, str] = {}
    #: Fields that every creation carries besides.
    constants: dict[str, str] = {}
    headers: Headers = Headers()
    amount_format: AmountFormat = "major_2dp"
    phone_format: PhoneFormat = "+251"
    request_proof: RequestProof = "hmac_sha256_request"
    #: The bank's codes for a refusal that a status alone does not explain.
    refusals: dict[str, Refusal] = {}
    events: tuple[str, ...] = ("payments and refunds",)

    def __post_init__(self) -> None:
        faults = [f"no field of ours is called {name}" for name in set(self.fields) - FIELDS]
        if not self.name.isidentifier() or self.name != self.name.lower():
            faults.append(f"{self.name} is no name for settings and addresses")
        faults += [
            f"{path} does not say where the {{reference}} goes"
            for path in (self.paths.query, self.paths.cancel, self.paths.refund)
            if path and "{reference}" not in path
        ]
        if not self.paths.query:
            faults.append("without a query nothing could be believed")
        needed = ("merchant_reference", "amount", "currency", "status", "refunded_amount")
        faults += [f"the bank must tell {name}" for name in needed if not self.theirs(name)]
        if self.callback.is_timed and not self.theirs("event_id"):
            faults.append("what signs an event's id must have one")
        if faults:
            raise ValueError("; ".join(sorted(faults)))

    def theirs(self, name: str) -> str:
        """What the bank calls one of our fields; empty when it has none such."""
        assert name in FIELDS, name
        return self.fields.get(name, name)

    @property
    def amounts(self) -> Amounts:
        """How the bank counts."""
        return Amounts(self.currencies, largest=self.largest_minor)

    def write_amount(self, money: Money) -> str:
        """An amount as the bank writes it.

        Raises:
            NotCarried: It cannot.
        """
        if self.amount_format == "minor":
            return str(self.amounts.to_units(money))
        text = self.amounts.to_decimal(money)
        return text.rstrip("0").rstrip(".") if self.amount_format == "major_trim" else text

    def read_amount(self, written: str, currency: str) -> Money:
        """What the bank means. Any currency is read, so that a wrong one is seen and not lost.

        Raises:
            ValueError: No amount, or no currency.
        """
        currency = currency.upper()
        digits = self.currencies[currency] if currency in self.currencies else exponent(currency)
        table = Amounts({currency: digits})
        if self.amount_format == "minor":
            return table.from_decimal(Decimal(written).scaleb(-digits), currency)
        return table.from_decimal(written, currency)


def read_terms(text: str) -> Terms:
    """A contract from TOML.

    Raises:
        ValueError: What is wrong with it.
    """
    return msgspec.convert(tomllib.loads(text), Terms)
