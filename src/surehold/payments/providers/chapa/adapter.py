"""The calls of Chapa behind the port."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlencode

import httpx2
import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import PaymentState, Redirect
from surehold.payments.providers import signatures
from surehold.payments.providers.account import (
    AccountConfig,
)
from surehold.payments.providers.chapa.settings import EVENTS
from surehold.payments.providers.chapa.wire import (
    AMOUNTS,
    PAID,
    REFERENCE_USED,
    STATES,
    Begun,
    Event,
    Refund,
    Refunded,
    Refusal,
    Transaction,
    Verified,
    digest_of,
    path_part,
    read_failure,
    read_money,
    refund_of,
    reversal_of,
)
from surehold.payments.providers.failures import (
    ConfigurationFault,
    InvalidRequest,
    NotFound,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.http import Answer, ProviderHttp
from surehold.payments.providers.port import (
    NOTHING,
    Capabilities,
    CreateRequest,
    CreateResult,
    HoldKind,
    NoOptions,
    NormalizedEvent,
    ProviderSnapshot,
    RefundRequest,
    RefundSnapshot,
    Rehearsal,
)
from surehold.payments.providers.references import from_letters, to_letters

Shape = TypeVar("Shape")


_SIGNATURE_HEADER: Final = "x-chapa-signature"
_MARK: Final = re.compile(r"[0-9a-f]{64}")
_ETHIOPIAN: Final = re.compile(r"(?:\+?251|0)([79][0-9]{8})")
_JSON: Final = {"content-type": "application/json"}
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class Chapa(NoOptions):
    """Chapa behind the port. Holds keys and connections, no state."""

    name = "chapa"
    capabilities = Capabilities(
        title="Telebirr, CBE Birr or card",
        explanation="You choose on Chapa's page, then come back here.",
        hold_kind=HoldKind.REDIRECT,
        has_keys=False,
        can_list_refunds=False,
        signs_time=False,
        has_event_ids=False,
        amounts=AMOUNTS,
    )

    def __init__(
        self, account: AccountConfig, *, client: httpx2.AsyncClient | None = None
    ) -> None:
        self.account = account.account
        origins = account.page_origins("https://checkout.chapa.co")
        self.capabilities = msgspec.structs.replace(self.capabilities, page_origins=origins)
        self._config = account
        headers = {"authorization": f"Bearer {account.secret_key.get_secret_value()}"}
        self._http = ProviderHttp(account.base_url, headers, client=client)

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send.

        No ``callback_url``: it would be called without proof, and the webhook says the same.
        """
        first, _, last = request.customer.name.strip().partition(" ")
        phone = _ETHIOPIAN.fullmatch((request.customer.phone or "").replace(" ", ""))
        return msgspec.json.encode(
            {
                "amount": AMOUNTS.to_decimal(request.amount),
                "currency": request.amount.currency,
                "tx_ref": request.merchant_reference,
                "email": request.customer.email,
                "first_name": first,
                "last_name": last.strip() or first,
                **({"phone_number": f"0{phone[1]}"} if phone else {}),
                "return_url": request.return_url,
                "customization": {"title": "Order", "description": request.description},
            }
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. Chapa has no keys: a reference that it knows is a conflict.

        Then an earlier asking got through and its page is lost: nobody can pay there, and whoever
        reads the conflict cancels it.
        """
        del idempotency_key
        tx_ref = str(msgspec.json.decode(body)["tx_ref"])
        answer = await self._http.send("POST", "/transaction/initialize", body, _JSON)
        begun = _read(answer, Begun)
        return CreateResult(
            tx_ref, PaymentState.REQUIRES_ACTION, Redirect(begun.data.checkout_url)
        )

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Verify the payment. Unpaid is 404 in Chapa's words, and not the same as unknown."""
        path = path_part(provider_payment_id)
        answer = await self._http.read(f"/transaction/verify/{path}")
        if answer.status != 404:
            return self._snapshot(_read(answer, Verified).data, path)
        told = answer.find(Refusal)
        if told is None:
            raise Unavailable("HTTP 404 in nobody's words")
        if told.says("not found", "invalid transaction"):
            raise NotFound(told.text)
        return self._unpaid(path, PaymentState.REQUIRES_ACTION)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Verify by our reference, which is the only name that Chapa knows."""
        try:
            return await self.fetch(merchant_reference)
        except NotFound:
            return None

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Close an unpaid page; what was paid, or closed before, is read."""
        del idempotency_key
        path = path_part(provider_payment_id)
        answer = await self._http.send("PUT", f"/transaction/cancel/{path}", b"", {})
        if answer.is_success:
            return self._unpaid(path, PaymentState.VOIDED)
        failure = read_failure(answer)
        if not isinstance(failure, InvalidRequest | StateConflict | NotFound):
            raise failure
        found = await self.fetch(path)
        if found.state is PaymentState.REQUIRES_ACTION:
            # Not paid, and cannot be closed: the page was closed before, or its time is over.
            return self._unpaid(path, PaymentState.VOIDED)
        return found

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send."""
        return urlencode(
            {
                "amount": AMOUNTS.to_decimal(request.amount),
                "reason": request.reason[:250],
                "reference": to_letters(request.refund_reference),
                "meta[currency]": request.amount.currency,
            }
        ).encode()

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back. Our reference makes it one: used twice, the first one is read."""
        del idempotency_key
        path = path_part(provider_payment_id)
        sent = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        reference = sent["reference"]
        verified = await self._http.read(f"/transaction/verify/{path}")
        chapas = _read(verified, Verified).data.reference
        if chapas is None:
            raise StateConflict("nothing was paid")
        answer = await self._http.send("POST", f"/refund/{path_part(chapas)}", body, _FORM)
        amount = read_money(Decimal(sent["amount"]), sent["meta[currency]"])
        if answer.is_success:
            return refund_of(answer.read(Refunded).data, reference, amount)
        failure = read_failure(answer)
        if failure.code != REFERENCE_USED:
            raise failure
        found = await self.find_refund(path, from_letters(reference))
        return found or refund_of(Refund(), reference, amount)

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Verify a refund by our reference. Chapa's answer need not repeat the amount."""
        del provider_payment_id
        reference = path_part(to_letters(refund_reference))
        answer = await self._http.read(f"/refund/{reference}/verify")
        try:
            data = _read(answer, Refunded).data
        except NotFound:
            return None
        if data.amount is None or data.currency is None:
            raise Unavailable("a refund without an amount")
        return refund_of(data, reference, read_money(data.amount, data.currency))

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify the one header that covers the body, then read the hint.

        ``chapa-signature`` is the secret signed with itself: whoever saw it once can send it with
        anything, so it is not looked at. No time is signed, either.

        Raises:
            WebhookRefused: No valid proof, or not an event of this account's mode.
        """
        del received_at
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        mark = signatures.get_header(headers, _SIGNATURE_HEADER)
        if _MARK.fullmatch(mark) is None:
            raise WebhookRefused("signature malformed")
        proven = self._find_proven(raw_body, mark)
        try:
            event = msgspec.json.decode(proven, type=Event)
        except (ValueError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        if event.mode != self._config.mode.value:
            raise WebhookRefused("event of the other mode")
        if event.event.startswith("payout."):
            return ()
        signatures.check_told(event.event, event.tx_ref)
        return (
            NormalizedEvent(
                dedup_key=digest_of(event),
                kind=event.event,
                provider_payment_id=event.tx_ref,
                merchant_reference=event.tx_ref,
                is_live=self._config.is_live,
            ),
        )

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Tell of a payment that nobody has."""
        del at  # nothing that Chapa signs has a time
        told = {"event": EVENTS[0], "tx_ref": name, "mode": self._config.mode.value}
        prove = signatures.by_mark(_SIGNATURE_HEADER, digest="sha256")
        return signatures.rehearse(self._config.webhook_secrets, told, prove)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _find_proven(self, raw_body: bytes, mark: str) -> bytes:
        """The bytes that the mark covers: those that came, or the same values written compactly.

        Chapa's own example signs what it has written again, so both are tried; what is read
        afterwards is what was proven.
        """
        secrets = self._config.webhook_secrets
        if signatures.is_signed(secrets, raw_body, [mark], digest="sha256"):
            return raw_body
        try:
            compact = msgspec.json.encode(msgspec.json.decode(raw_body))
        except (ValueError, RecursionError) as error:
            raise WebhookRefused("signature does not match") from error
        if signatures.is_signed(secrets, compact, [mark], digest="sha256"):
            return compact
        raise WebhookRefused("signature does not match")

    def _unpaid(self, tx_ref: str, state: PaymentState) -> ProviderSnapshot:
        return ProviderSnapshot(
            provider_payment_id=tx_ref,
            merchant_reference=tx_ref,
            state=state,
            requested=None,
            authorized=NOTHING,
            captured=NOTHING,
            refunded=NOTHING,
            disputed=NOTHING,
            is_live=self._config.is_live,
        )

    def _snapshot(self, found: Transaction, tx_ref: str) -> ProviderSnapshot:
        if found.tx_ref != tx_ref:
            raise Unavailable("the answer is about another payment")
        if found.mode != self._config.mode.value:
            raise ConfigurationFault("the account answers in the other mode", code="wrong_mode")
        amount = read_money(found.amount, found.currency)
        nothing = Money(0, amount.currency)
        status = found.status.lower()
        is_paid = status in PAID
        captured = amount if is_paid else nothing
        # Chapa says "refunded" of a part, too, and lists no refunds: what of it is ours, we know.
        is_returned = status in {"refunded", "reversed"}
        return ProviderSnapshot(
            provider_payment_id=tx_ref,
            merchant_reference=tx_ref,
            state=PaymentState.CAPTURED if is_paid else STATES.get(status, PaymentState.UNKNOWN),
            requested=amount,
            authorized=captured,
            captured=captured,
            refunded=amount if is_returned else nothing,
            disputed=nothing,
            is_live=self._config.is_live,
            method=found.method,
            failure_code=status if status.startswith("failed") else None,
            refunds=(reversal_of(found, amount),) if status == "reversed" else (),
        )


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    if not answer.is_success:
        raise read_failure(answer)
    return answer.read(shape)
