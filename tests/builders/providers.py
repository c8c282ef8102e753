"""A remote provider in memory: it does what a test tells it, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from surehold.kernel.money import Money
from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.model import PaymentState, Redirect
from surehold.payments.providers.disputes import DisputeSnapshot
from surehold.payments.providers.failures import (
    NotFound,
    ProviderFailure,
    StateConflict,
)
from surehold.payments.providers.port import (
    Capabilities,
    CaptureRequest,
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
    RenewalRequest,
)

_CAPABILITIES: Final = Capabilities(
    title="Pretend card",
    explanation="A test pays.",
    hold_kind=HoldKind.CARD,
    can_capture_later=True,
    authorization=AuthorizationLife(timedelta(days=7)),
    can_read_disputes=True,
    reopens_disputes_days=30,
)


class PretendProvider(NoOptions):
    """Payments that a test captures by hand; ``fail_next`` loses or refuses the next answer."""

    name = "pretend"
    account = "test"
    capabilities = _CAPABILITIES

    def __init__(self, **able: Any) -> None:
        self.capabilities = msgspec.structs.replace(self.capabilities, **able)
        self.payments: dict[str, ProviderSnapshot] = {}
        #: The idempotency keys of every call that had one.
        self.keys: list[str] = []
        #: What each key of ``cancel`` was answered first, and is answered ever after.
        self._closed: dict[str, ProviderSnapshot] = {}
        #: Raised after the next call has been carried out, as a lost answer is.
        self.fail_next: ProviderFailure | None = None
        #: Raised by the next refund, which is not carried out.
        self.refuse_next: ProviderFailure | None = None
        #: Raised by every look-up by reference.
        self.fail_reads: ProviderFailure | None = None

    def pay(self, provider_payment_id: str) -> None:
        """The buyer pays."""
        self._put(
            provider_payment_id,
            state=PaymentState.CAPTURED,
            captured=self.payments[provider_payment_id].requested,
        )

    def take(self, provider_payment_id: str, minor: int) -> None:
        """So much of what is held is taken, and the rest is let go."""
        taken = Money(minor, self.payments[provider_payment_id].captured.currency)
        self._put(provider_payment_id, state=PaymentState.CAPTURED, captured=taken)

    def authorize(self, provider_payment_id: str, until: datetime | None = None) -> None:
        """The buyer's bank holds the money, perhaps until an instant that it names."""
        self._put(
            provider_payment_id,
            state=PaymentState.AUTHORIZED,
            authorized=self.payments[provider_payment_id].requested,
            capture_before=until,
        )

    def lapse(self, provider_payment_id: str) -> None:
        """The buyer's bank holds it no more."""
        nothing = Money(0, self.payments[provider_payment_id].requested.currency)
        self._put(provider_payment_id, state=PaymentState.VOIDED, authorized=nothing)

    def dispute(self, provider_payment_id: str, *disputes: DisputeSnapshot) -> None:
        """These are the disputes of a payment now."""
        before = self.payments[provider_payment_id]
        away = sum(row.amount.amount for row in disputes if row.is_money_away)
        disputed = Money(away, before.captured.currency)
        self._put(provider_payment_id, disputes=disputes, disputed=disputed)

    def prepare_create(self, request: CreateRequest) -> bytes:
        return msgspec.json.encode(
            {
                "reference": request.merchant_reference,
                "amount": request.amount.amount,
                "currency": request.amount.currency,
            }
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        self.keys.append(idempotency_key)
        sent = json.loads(body)
        payment_id = f"pp_{sent['reference']}"
        nothing = Money(0, sent["currency"])
        self.payments.setdefault(
            payment_id,
            ProviderSnapshot(
                provider_payment_id=payment_id,
                merchant_reference=sent["reference"],
                state=PaymentState.REQUIRES_ACTION,
                requested=Money(sent["amount"], sent["currency"]),
                authorized=nothing,
                captured=nothing,
                refunded=nothing,
                disputed=nothing,
                is_live=False,
            ),
        )
        self._lose()
        url = f"https://pay.example/{payment_id}"
        return CreateResult(payment_id, PaymentState.REQUIRES_ACTION, Redirect(url))

    def prepare_capture(self, request: CaptureRequest) -> bytes:
        return msgspec.json.encode({"amount": request.amount.amount})

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        self.keys.append(idempotency_key)
        refusal, self.refuse_next = self.refuse_next, None
        if refusal is not None:
            raise refusal
        before = self.payments[provider_payment_id]
        amount = json.loads(body)["amount"]
        is_whole = before.requested is not None and amount == before.requested.amount
        assert is_whole or self.capabilities.can_capture_partially
        if before.state is not PaymentState.AUTHORIZED:
            raise StateConflict("nothing is held", code="not_authorized")
        self.take(provider_payment_id, amount)
        self._lose()
        return self.payments[provider_payment_id]

    def prepare_renewal(self, request: RenewalRequest) -> bytes:
        return msgspec.json.encode({"number": request.number, "amount": request.amount.amount})

    async def renew(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        self.keys.append(idempotency_key)
        refusal, self.refuse_next = self.refuse_next, None
        if refusal is not None:
            raise refusal
        assert json.loads(body)["number"] <= len(self.keys)
        self._lose()
        return self.payments[provider_payment_id]

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        self._lose()
        if provider_payment_id not in self.payments:
            raise NotFound("no such payment")
        return self.payments[provider_payment_id]

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        self._lose()
        if self.fail_reads is not None:
            raise self.fail_reads
        return self.payments.get(f"pp_{merchant_reference}")

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        self.keys.append(idempotency_key)
        if provider_payment_id not in self.payments:
            raise NotFound("no such payment", code="unknown_payment")
        if idempotency_key in self._closed:
            return self._closed[idempotency_key]
        before = self.payments[provider_payment_id]
        if before.state is not PaymentState.CAPTURED:
            self.lapse(provider_payment_id)
        self._closed[idempotency_key] = self.payments[provider_payment_id]
        return self._closed[idempotency_key]

    def prepare_refund(self, request: RefundRequest) -> bytes:
        return msgspec.json.encode(
            {
                "payment": request.provider_payment_id,
                "reference": request.refund_reference,
                "amount": request.amount.amount,
                "currency": request.amount.currency,
            }
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        self.keys.append(idempotency_key)
        refusal, self.refuse_next = self.refuse_next, None
        if refusal is not None:
            raise refusal
        sent = json.loads(body)
        assert sent["payment"] == provider_payment_id
        before = self.payments[sent["payment"]]
        amount = Money(sent["amount"], sent["currency"])
        refund = RefundSnapshot(
            f"pr_{sent['reference']}",
            sent["reference"],
            amount,
            ProviderRefundState.SUCCEEDED,
            RefundOrigin.US,
        )
        if refund not in before.refunds:
            self.payments[sent["payment"]] = msgspec.structs.replace(
                before,
                refunded=Money(before.refunded.amount + amount.amount, amount.currency),
                refunds=(*before.refunds, refund),
            )
        self._lose()
        return refund

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        found = await self.list_refunds(provider_payment_id)
        return next((row for row in found if row.refund_reference == refund_reference), None)

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        return (await self.fetch(provider_payment_id)).refunds

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        return (await self.fetch(provider_payment_id)).disputes

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        del raw_body, headers, received_at  # It sends none, so there is nothing to read.
        return ()

    async def close(self) -> None:
        """It has no connections."""

    def _put(self, provider_payment_id: str, **facts: Any) -> None:
        before = self.payments[provider_payment_id]
        self.payments[provider_payment_id] = msgspec.structs.replace(before, **facts)

    def _lose(self) -> None:
        failure, self.fail_next = self.fail_next, None
        if failure is not None:
            raise failure
