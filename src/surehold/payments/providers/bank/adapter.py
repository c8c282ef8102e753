"""The adapter to a bank, bent by its contract: what is asked, and what the answers mean."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import httpx2
import msgspec

from surehold.kernel import clock
from surehold.kernel.money import Money
from surehold.payments.model import NextAction, NoAction, PaymentState, PushPrompt, Redirect
from surehold.payments.providers import signatures, sorted_fields
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.bank.proof import prove, sign_callback, sign_request
from surehold.payments.providers.bank.terms import Refusal, Terms
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    Declined,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RateLimited,
    StateConflict,
    Unavailable,
    Unsupported,
    WebhookRefused,
)
from surehold.payments.providers.http import Answer, ProviderHttp
from surehold.payments.providers.port import (
    Capabilities,
    CreateRequest,
    CreateResult,
    HoldKind,
    NoOptions,
    NormalizedEvent,
    ProviderRefundState,
    ProviderSnapshot,
    RefundOrigin,
    RefundRequest,
    RefundSnapshot,
    Rehearsal,
)
from surehold.payments.providers.references import from_letters, to_letters

#: Bytes of one callback.
CALLBACK_BYTES: Final = 65_536
#: Seconds between looks while the buyer holds a telephone.
POLL_SECONDS: Final = 5

_JSON: Final = {"content-type": "application/json"}
_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_ETHIOPIAN: Final = re.compile(r"(?:\+?251|0)([79][0-9]{8})")
_STATES: Final = {
    "created": PaymentState.REQUIRES_ACTION,
    "awaiting_customer": PaymentState.REQUIRES_ACTION,
    "processing": PaymentState.PENDING,
    "paid": PaymentState.CAPTURED,
    "partially_refunded": PaymentState.CAPTURED,
    "refunded": PaymentState.CAPTURED,
    "reversed": PaymentState.CAPTURED,
    "failed": PaymentState.FAILED,
    "canceled": PaymentState.VOIDED,
    "expired": PaymentState.VOIDED,
}
_REFUSALS: Final[Mapping[Refusal, type[ProviderFailure]]] = MappingProxyType(
    {
        "amount": AmountRefused,
        "conflict": StateConflict,
        "not_found": NotFound,
        "configuration": ConfigurationFault,
        "declined": Declined,
    }
)


class Customership(msgspec.Struct, frozen=True):
    """Who we are at a bank: its number for us, its name for our key, and where its pages are."""

    merchant_id: str
    key_id: str
    pages: tuple[str, ...] = ()


class Bank(NoOptions):
    """A bank behind the port, as its contract says. Holds keys and connections, no state."""

    def __init__(
        self,
        account: AccountConfig,
        terms: Terms,
        customership: Customership,
        *,
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.name = terms.name
        self.account = account.account
        self.capabilities = Capabilities(
            title=terms.title,
            explanation=terms.explanation,
            hold_kind=HoldKind.REDIRECT,
            can_cancel_unpaid=bool(terms.paths.cancel),
            can_list_refunds=False,
            can_find_refunds=False,
            signs_time=terms.callback.is_timed,
            shares_secret=terms.callback.profile != "rsa_pss_sha256_sorted_kv",
            has_event_ids=bool(terms.theirs("event_id")),
            tells_mode=False,
            keys_tell_mode=False,
            tells_late_money=bool(terms.paths.cancel),
            asks_phone=True,
            amounts=terms.amounts,
            page_origins=account.page_origins(*customership.pages),
        )
        self._terms = terms
        self._us = customership
        self._secret = account.secret_key.get_secret_value()
        self._secrets = account.webhook_secrets
        self._is_live = account.is_live
        self._http = ProviderHttp(account.base_url, {}, client=client, sign=self._sign)

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send, in the bank's words."""
        ends_at = request.expires_at.replace(second=0, microsecond=0)
        told = {
            "merchant_id": self._us.merchant_id,
            "merchant_reference": request.merchant_reference,
            "amount": self._terms.write_amount(request.amount),
            "currency": request.amount.currency,
            "customer_phone": self._phone(request.customer.phone),
            "description": request.description,
            "notify_url": request.notify_url,
            "return_url": request.return_url,
            # Never later than the stock is held.
            "expires_at": ends_at.isoformat().replace("+00:00", "Z"),
        }
        return msgspec.json.encode({**self._in_their_words(told), **self._terms.constants})

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. Our reference is the key: asked twice, the first answer comes."""
        del idempotency_key
        sent = msgspec.json.decode(body, type=dict[str, str])
        reference = sent[self._terms.theirs("merchant_reference")]
        told = self._read(await self._http.send("POST", self._terms.paths.create, body, _JSON))
        if self._told(told, "merchant_reference") not in (None, reference):
            raise OutcomeUnknown("the answer is about another payment")
        state = self._state(told)
        if state is not PaymentState.REQUIRES_ACTION:
            return CreateResult(reference, state, NoAction())
        phone = sent.get(self._terms.theirs("customer_phone"), "")
        return CreateResult(reference, state, self._next_action(told, reference, phone))

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Ask what became of a payment."""
        path = self._path(self._terms.paths.query, provider_payment_id)
        return self._snapshot(self._read(await self._http.read(path)), provider_payment_id)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Ask by our reference, which is the only name that we use."""
        try:
            return await self.fetch(merchant_reference)
        except NotFound:
            return None

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """End an unpaid payment where the bank can; what it is now is read in any case."""
        del idempotency_key
        if self._terms.paths.cancel:
            path = self._path(self._terms.paths.cancel, provider_payment_id)
            answer = await self._http.send("POST", path, b"", _JSON)
            if not answer.is_success:
                failure = self._failure(answer)
                if not isinstance(failure, InvalidRequest | StateConflict):
                    raise failure
        return await self.fetch(provider_payment_id)

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send; the currency is the payment's."""
        told = {
            "merchant_reference": request.provider_payment_id,
            "refund_reference": to_letters(request.refund_reference),
            "amount": self._terms.write_amount(request.amount),
            "currency": request.amount.currency,
            "reason": request.reason[:250],
        }
        return msgspec.json.encode(self._in_their_words(told))

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back. Our reference makes it one: sent again, the bank says how it stands.

        Raises:
            Unsupported: This bank gives money back by hand.
        """
        del idempotency_key
        if not self._terms.paths.refund:
            raise Unsupported("this bank gives money back by hand")
        sent = msgspec.json.decode(body, type=dict[str, str])
        path = self._path(self._terms.paths.refund, provider_payment_id)
        told = self._read(await self._http.send("POST", path, body, _JSON))
        letters = sent[self._terms.theirs("refund_reference")]
        if self._told(told, "refund_reference") not in (None, letters):
            raise OutcomeUnknown("the answer is about another refund")
        status = self._told(told, "status") or ""
        state = ProviderRefundState(self._terms.refund_statuses.get(status, "pending"))
        return RefundSnapshot(
            provider_refund_id=letters,
            refund_reference=from_letters(letters),
            amount=self._terms.read_amount(
                sent[self._terms.theirs("amount")], sent[self._terms.theirs("currency")]
            ),
            state=state,
            origin=RefundOrigin.US,
            failure_code=status if state is ProviderRefundState.FAILED else None,
        )

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Nothing: the contract has no such question, and sending it again asks the same."""
        del provider_payment_id, refund_reference
        return None

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify as the contract says, then read the hint.

        Raises:
            WebhookRefused: No valid proof, or of another merchant.
        """
        if len(raw_body) > CALLBACK_BYTES:
            raise WebhookRefused("body too large")
        told = prove(
            self._terms,
            self._secrets,
            raw_body,
            headers,
            key_id=self._us.key_id,
            received_at=received_at,
        )
        if self._told(told, "merchant_id") != self._us.merchant_id:
            raise WebhookRefused("event of another merchant")
        reference = self._told(told, "merchant_reference") or ""
        kind = self._told(told, "event") or self._told(told, "status") or ""
        event_id = self._told(told, "event_id")
        if event_id is None and self.capabilities.has_event_ids:
            raise WebhookRefused("event without an id")
        signatures.check_told(reference, kind, event_id)
        return (
            NormalizedEvent(
                dedup_key=event_id if event_id is not None else self._digest(told),
                kind=kind,
                provider_payment_id=reference,
                merchant_reference=reference,
                is_live=self._is_live,
            ),
        )

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Tell of a payment that nobody has; not where the bank signs with a key of its own."""
        told = {
            "event_id": f"{name}{at}",
            "event": "test",
            "merchant_id": self._us.merchant_id,
            "merchant_reference": name,
            "status": "test",
        }
        theirs = self._in_their_words(told)
        signed = [
            sign_callback(self._terms, one, theirs, key_id=self._us.key_id, at=at)
            for one in self._secrets
        ]
        return tuple(one for one in signed if one is not None)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    # --- the bank's words ----------------------------------------------------------------------

    def _in_their_words(self, told: Mapping[str, str]) -> dict[str, str]:
        named = ((self._terms.theirs(name), value) for name, value in told.items())
        return {name: value for name, value in named if name and value}

    def _told(self, told: Mapping[str, str], name: str) -> str | None:
        """One of our fields, in the bank's answer; ``None`` when it is not there, or empty."""
        return told.get(self._terms.theirs(name)) or None

    def _state(self, told: Mapping[str, str]) -> PaymentState:
        standing = self._terms.statuses.get(self._told(told, "status") or "")
        return PaymentState.UNKNOWN if standing is None else _STATES[standing]

    def _phone(self, given: str | None) -> str:
        """The buyer's telephone as the bank writes it; empty when it is none of Ethiopia's."""
        found = _ETHIOPIAN.fullmatch((given or "").replace(" ", ""))
        return "" if found is None else f"{self._terms.phone_format}{found[1]}"

    def _next_action(self, told: Mapping[str, str], reference: str, phone: str) -> NextAction:
        url = self._told(told, "redirect_url")
        if url is None:
            message = f"{self._terms.title}: confirm {reference} with your PIN"
            return PushPrompt(phone, message, POLL_SECONDS)
        if not url.startswith(tuple(f"{page}/" for page in self.capabilities.page_origins)):
            raise ConfigurationFault("the bank's page is at an address that was not agreed upon")
        return Redirect(url)

    def _path(self, pattern: str, reference: str) -> str:
        if _PATH_SAFE.fullmatch(reference) is None:
            raise NotFound("not a payment of ours")
        return pattern.replace("{reference}", reference)

    def _sign(self, request: httpx2.Request) -> None:
        """Prove one try of a call; a second try has a number of its own."""
        names = self._terms.headers
        request.headers[names.key_id] = self._us.key_id
        if self._terms.request_proof == "bearer":
            request.headers["authorization"] = f"Bearer {self._secret}"
            return
        at, nonce = clock.unix_seconds(), secrets.token_hex(16)
        mark = sign_request(
            self._secret,
            at=at,
            nonce=nonce,
            method=request.method,
            target=request.url.raw_path,
            body=request.content,
        )
        request.headers[names.timestamp] = str(at)
        request.headers[names.nonce] = nonce
        request.headers[names.signature] = f"v1={mark}"

    def _read(self, answer: Answer) -> dict[str, str]:
        if not answer.is_success:
            raise self._failure(answer)
        told = _find(answer)
        if told is None:
            raise answer.lost("the answer cannot be read")
        return told

    def _failure(self, answer: Answer) -> ProviderFailure:
        """What a refusal means; only 401, 403 and 429 are believed in anybody else's words."""
        told, status = _find(answer) or {}, answer.status
        code = self._told(told, "code")
        detail = f"HTTP {status}" if code is None else self._told(told, "message") or code
        if status in (401, 403):
            return ConfigurationFault(detail, code=code)
        if status == 429:
            return RateLimited(detail, code=code)
        if code is None or not 400 <= status < 500:
            return answer.lost(detail, code=code)
        if code in self._terms.refusals:
            return _REFUSALS[self._terms.refusals[code]](detail, code=code)
        if self._told(told, "field") == self._terms.theirs("amount"):
            return AmountRefused(detail, code=code)
        kinds: dict[int, type[ProviderFailure]] = {404: NotFound, 409: StateConflict}
        return kinds.get(status, InvalidRequest)(detail, code=code)

    def _snapshot(self, told: Mapping[str, str], reference: str) -> ProviderSnapshot:
        if self._told(told, "merchant_reference") != reference:
            raise Unavailable("the answer is about another payment")
        status = self._told(told, "status") or ""
        standing, state = self._terms.statuses.get(status), self._state(told)
        amount = self._amount(told, "amount")
        nothing = Money(0, amount.currency)
        captured = amount if state is PaymentState.CAPTURED else nothing
        is_told = self._told(told, "refunded_amount") is not None
        refunded = self._amount(told, "refunded_amount") if is_told else nothing
        is_reversed = standing == "reversed"
        return ProviderSnapshot(
            provider_payment_id=reference,
            merchant_reference=reference,
            state=state,
            requested=amount,
            authorized=captured,
            captured=captured,
            refunded=captured if is_reversed else refunded,
            disputed=nothing,
            is_live=self._is_live,
            failure_code=self._told(told, "failure_code"),
            refunds=(_reversal(reference, captured),) if is_reversed else (),
        )

    def _amount(self, told: Mapping[str, str], name: str) -> Money:
        written, currency = self._told(told, name), self._told(told, "currency")
        try:
            return self._terms.read_amount(written or "", currency or "")
        except (ValueError, ArithmeticError) as error:
            raise Unavailable(f"the answer cannot be read: {error}") from error

    def _digest(self, told: Mapping[str, str]) -> str:
        """What tells one event from another where they have no ids: all that is told."""
        names = (
            "merchant_reference", "provider_reference", "event", "status", "amount",
            "refund_reference", "refunded_amount",
        )  # fmt: skip
        facts = tuple(self._told(told, name) for name in names)
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def _find(answer: Answer) -> dict[str, str] | None:
    try:
        return sorted_fields.read_loosely(answer.body)
    except (ValueError, RecursionError):
        return None


def _reversal(reference: str, amount: Money) -> RefundSnapshot:
    """Money that the bank took back without being asked."""
    return RefundSnapshot(
        provider_refund_id=f"{reference}-reversed",
        refund_reference=None,
        amount=amount,
        state=ProviderRefundState.SUCCEEDED,
        origin=RefundOrigin.PROVIDER,
    )
