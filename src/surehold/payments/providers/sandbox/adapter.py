"""The adapter to Surehold's own imaginary provider, written as for any real one.

Amounts are minor units on both sides, so nothing is converted. A read has no outcome to lose: what
would leave a money call unknown makes a read merely unavailable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx2
import msgspec
from pydantic import SecretStr

from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.model import NoAction, PaymentState, Redirect, Wait
from surehold.payments.providers import signatures
from surehold.payments.providers.account import WebhookSecret
from surehold.payments.providers.disputes import (
    DisputeAnswer,
    DisputeSnapshot,
)
from surehold.payments.providers.failures import (
    NotFound,
    OutcomeUnknown,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.http import Answer, ProviderHttp
from surehold.payments.providers.port import (
    Capabilities,
    CaptureRequest,
    CreateRequest,
    CreateResult,
    HoldKind,
    NoOptions,
    NormalizedEvent,
    ProviderSnapshot,
    RefundRequest,
    RefundSnapshot,
    Rehearsal,
    RenewalRequest,
)
from surehold.payments.providers.sandbox.wire import (
    Dispute,
    Event,
    Found,
    Hosted,
    Payment,
    Refund,
    Said,
    read_failure,
    refund_of,
    snapshot_of,
    state_of,
)

Shape = TypeVar("Shape")

POLL_AFTER_SECONDS: Final = 3

_SIGNATURE_HEADER: Final = "sandbox-signature"
_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9_]{1,80}")


class SandboxProvider(NoOptions):
    """The sandbox behind the port. Holds keys and connections, no state."""

    name = "sandbox"

    def __init__(
        self,
        base_url: str,
        api_key: str,
        webhook_secrets: tuple[str, ...],
        account: str = "sandbox",
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        if not all(webhook_secrets):
            # An empty key signs anything: it must not even be a candidate.
            raise ValueError("a webhook secret is empty")
        self.account = account
        parts = urlsplit(base_url)
        self.capabilities = Capabilities(
            title="Card",
            explanation="You pay on the bank's page, then come back here.",
            hold_kind=HoldKind.REDIRECT,
            is_for_demo_only=True,
            can_capture_later=True,
            can_capture_partially=True,
            authorization=AuthorizationLife(timedelta(days=7), honored=timedelta(days=3)),
            can_read_disputes=True,
            reopens_disputes_days=30,
            can_answer_disputes=True,
            page_origins=(f"{parts.scheme}://{parts.netloc}",),
        )
        self._secrets = tuple(
            WebhookSecret(str(number), SecretStr(secret))
            for number, secret in enumerate(webhook_secrets, start=1)
        )
        headers = {"authorization": f"Bearer {api_key}", "accept": "application/json"}
        self._http = ProviderHttp(base_url, headers, client=client)

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send."""
        later = {"capture_method": "manual"} if request.is_captured_later else {}
        return msgspec.json.encode(
            {
                "amount": request.amount.amount,
                "currency": request.amount.currency,
                "merchant_reference": request.merchant_reference,
                "customer": {
                    "email": request.customer.email,
                    "name": request.customer.name,
                    "phone": request.customer.phone,
                },
                "return_url": request.return_url,
                "cancel_url": request.cancel_url,
                "notify_url": request.notify_url,
                "expires_at": int(request.expires_at.timestamp()),
                "description": request.description,
                **later,
            }
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting; the buyer is sent to the hosted page."""
        payment = await self._post("/v1/payments", body, Hosted, key=idempotency_key)
        if payment.merchant_reference != msgspec.json.decode(body)["merchant_reference"]:
            raise OutcomeUnknown("the answer is about another payment")
        state = state_of(payment)
        match state:
            case PaymentState.REQUIRES_ACTION:
                return CreateResult(payment.id, state, Redirect(payment.hosted_url))
            case PaymentState.PENDING | PaymentState.UNKNOWN:
                return CreateResult(payment.id, state, Wait(POLL_AFTER_SECONDS))
            case _:
                return CreateResult(payment.id, state, NoAction())

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Read the payment."""
        path = f"/v1/payments/{_path_part(provider_payment_id)}"
        payment = await self._get(path, Payment)
        if payment.id != provider_payment_id:
            raise Unavailable("the answer is about another payment")
        return snapshot_of(payment)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Read the payment by our reference; ``None`` when the sandbox has none such."""
        parameters = {"merchant_reference": merchant_reference}
        found = await self._get("/v1/payments", Found, parameters=parameters)
        if not found.data:
            return None
        if len(found.data) > 1 or found.data[0].merchant_reference != merchant_reference:
            raise Unavailable("the answer is about another payment")
        return snapshot_of(found.data[0])

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Close an unpaid session; one that was paid meanwhile is read and returned as it is."""
        path = f"/v1/payments/{_path_part(provider_payment_id)}/cancel"
        try:
            payment = await self._post(path, b"{}", Payment, key=idempotency_key)
        except StateConflict:
            return await self.fetch(provider_payment_id)
        if payment.id != provider_payment_id:
            raise OutcomeUnknown("the answer is about another payment")
        return snapshot_of(payment)

    def prepare_capture(self, request: CaptureRequest) -> bytes:
        """The exact body that ``capture`` will send."""
        return msgspec.json.encode({"amount": request.amount.amount})

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Take what is held."""
        path = f"/v1/payments/{_path_part(provider_payment_id)}/capture"
        payment = await self._post(path, body, Payment, key=idempotency_key)
        if payment.id != provider_payment_id:
            raise OutcomeUnknown("the answer is about another payment")
        return snapshot_of(payment)

    def prepare_renewal(self, request: RenewalRequest) -> bytes:
        """The exact body that ``renew`` will send: the sandbox holds on to all of it."""
        return msgspec.json.encode({"number": request.number})

    async def renew(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Have what is held made sure again; a number that was renewed is answered as it was."""
        path = f"/v1/payments/{_path_part(provider_payment_id)}/renew"
        payment = await self._post(path, body, Payment, key=idempotency_key)
        if payment.id != provider_payment_id:
            raise OutcomeUnknown("the answer is about another payment")
        return snapshot_of(payment)

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send."""
        return msgspec.json.encode(
            {
                "payment": request.provider_payment_id,
                "amount": request.amount.amount,
                "refund_reference": request.refund_reference,
                "reason": request.reason,
            }
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back."""
        refund = await self._post("/v1/refunds", body, Refund, key=idempotency_key)
        if refund.payment != provider_payment_id:
            raise OutcomeUnknown("the answer is about another payment")
        return refund_of(refund)

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Read a refund of ours."""
        found = await self.list_refunds(provider_payment_id)
        return next((row for row in found if row.refund_reference == refund_reference), None)

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Every refund: the payment carries them."""
        return (await self.fetch(provider_payment_id)).refunds

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        """Every dispute: the payment carries them."""
        return (await self.fetch(provider_payment_id)).disputes

    def prepare_answer(self, answer: DisputeAnswer) -> bytes:
        """What ``answer_dispute`` will send, and about which dispute."""
        said = {"dispute": answer.provider_dispute_id, "evidence": answer.evidence}
        return msgspec.json.encode(said)

    async def answer_dispute(self, body: bytes, *, idempotency_key: str) -> None:
        """Send the evidence, or give in."""
        said = msgspec.json.decode(body, type=Said)
        verb = "accept" if said.evidence is None else "answer"
        path = f"/v1/disputes/{_path_part(said.dispute)}/{verb}"
        sent = b"{}" if said.evidence is None else msgspec.json.encode({"evidence": said.evidence})
        found = await self._post(path, sent, Dispute, key=idempotency_key)
        if found.id != said.dispute:
            raise OutcomeUnknown("the answer is about another dispute")

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify the signature over the raw bytes, then read the one event.

        Raises:
            WebhookRefused: No valid proof, or not an event of this test account.
        """
        self._verify(raw_body, headers, received_at)
        try:
            event = msgspec.json.decode(raw_body, type=Event)
            occurred_at = datetime.fromtimestamp(event.created, UTC)
        except (ValueError, OverflowError, OSError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        if event.livemode:
            raise WebhookRefused("live event on a test account")
        payment = event.data.object
        signatures.check_told(event.id, event.type, payment.id, payment.merchant_reference)
        return (
            NormalizedEvent(
                dedup_key=event.id,
                kind=event.type,
                provider_payment_id=event.data.object.id,
                merchant_reference=event.data.object.merchant_reference,
                is_live=False,
                occurred_at=occurred_at,
            ),
        )

    def _verify(self, raw_body: bytes, headers: Mapping[str, str], received_at: int) -> None:
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        value = signatures.get_header(headers, _SIGNATURE_HEADER)
        at, marks = signatures.read_timed(value, received_at=received_at)
        signed = at.encode() + b"." + raw_body
        if not signatures.is_signed(self._secrets, signed, marks, digest="sha256"):
            raise WebhookRefused("signature does not match")

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Tell of a payment that nobody has."""
        data = {"object": {"id": name, "merchant_reference": name}}
        told = {"id": name, "type": "test", "created": at, "livemode": False, "data": data}
        prove = signatures.by_timed_mark(_SIGNATURE_HEADER, at=at)
        return signatures.rehearse(self._secrets, told, prove)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _get(
        self, path: str, shape: type[Shape], *, parameters: Mapping[str, str] | None = None
    ) -> Shape:
        return _read(await self._http.read(path, parameters), shape)

    async def _post(self, path: str, body: bytes, shape: type[Shape], *, key: str) -> Shape:
        headers = {"content-type": "application/json", "idempotency-key": key}
        return _read(await self._http.send("POST", path, body, headers), shape)


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    if not answer.is_success:
        raise read_failure(answer)
    return answer.read(shape)


def _path_part(provider_id: str) -> str:
    if _PATH_SAFE.fullmatch(provider_id) is None:
        raise NotFound("not an id of this provider")
    return provider_id
