"""The provider of the explorer: in this process, in memory, and on a script.

It speaks the real port, and keeps a book whose report ``proof.oracle`` compares with ours. The
sandbox provider would do as well but for its HTTP and its file, whose answers come when they come:
a schedule must be the same every time.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

import msgspec

from proof.explorer.scheduler import Gate
from surehold.kernel.ids import merchant_reference
from surehold.kernel.money import Money
from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.model import PaymentState
from surehold.payments.providers.disputes import DisputeSnapshot
from surehold.payments.providers.failures import (
    OutcomeUnknown,
    ProviderFailure,
    StateConflict,
    WebhookRefused,
)
from surehold.payments.providers.port import (
    CreateResult,
    NormalizedEvent,
    ProviderRefundState,
    ProviderSnapshot,
    RefundSnapshot,
)
from tests.builders.providers import PretendProvider

T = TypeVar("T")

NAME: Final = PretendProvider.name
#: How long its banks hold money, and how long that is sure.
HELD: Final = timedelta(days=7)
HONORED: Final = timedelta(days=3)
_SIGNER: Final = b"the pretend card"


class Book:
    """What really happened to the money, whoever asked."""

    def __init__(self) -> None:
        self.payments: dict[str, ProviderSnapshot] = {}

    def capture(self, payment_id: str, *, percent: int = 100) -> None:
        """The buyer pays, unless the payment was given up first."""
        before = self.payments[payment_id]
        if before.state in (PaymentState.REQUIRES_ACTION, PaymentState.AUTHORIZED):
            amount = before.requested.amount * percent // 100
            captured = Money(amount, before.requested.currency)
            self._put(before, state=PaymentState.CAPTURED, captured=captured)

    def authorize(self, payment_id: str) -> None:
        """The buyer's bank holds the money, unless the payment was given up first."""
        before = self.payments[payment_id]
        if before.state is PaymentState.REQUIRES_ACTION:
            self._put(before, state=PaymentState.AUTHORIZED, authorized=before.requested)

    def lapse(self, payment_id: str) -> None:
        """The buyer's bank holds it no more, unless it was taken first."""
        before = self.payments[payment_id]
        if before.state is PaymentState.AUTHORIZED:
            nothing = Money(0, before.requested.currency)
            self._put(before, state=PaymentState.VOIDED, authorized=nothing)

    def decline(self, payment_id: str) -> None:
        """The buyer's bank says no."""
        before = self.payments[payment_id]
        if before.state is PaymentState.REQUIRES_ACTION:
            self._put(before, state=PaymentState.FAILED, failure_code="card_declined")

    def dispute(self, payment_id: str, told: DisputeSnapshot) -> None:
        """The buyer's bank asks for money back that was taken, or decides."""
        before = self.payments[payment_id]
        if before.captured.amount:
            away = told.amount.amount if told.is_money_away else 0
            disputed = Money(away, before.captured.currency)
            self._put(before, disputes=(told,), disputed=disputed)

    def finish_refunds(self) -> None:
        """Refunds that were under way have arrived."""
        for before in tuple(self.payments.values()):
            done = tuple(
                msgspec.structs.replace(row, state=ProviderRefundState.SUCCEEDED)
                for row in before.refunds
            )
            self._put(before, refunds=done)

    def kept_minor(self, payment_id: str) -> int:
        """What was taken and not given back, in minor units; nothing, when more was."""
        row = self.payments.get(payment_id)
        if row is None:
            return 0
        return max(row.captured.amount - row.refunded.amount - row.disputed.amount, 0)

    def is_disputed(self, payment_id: str) -> bool:
        """Whether its buyer's bank ever asked for it."""
        return payment_id in self.payments and bool(self.payments[payment_id].disputes)

    def report(self) -> list[dict[str, Any]]:
        """Every movement of money, as the lines that ``proof.oracle`` reads."""
        lines = []
        for row in self.payments.values():
            common = {
                "payment": row.provider_payment_id,
                "merchant_reference": row.merchant_reference,
                "currency": row.requested.currency,
                "refund_reference": None,
            }
            if row.captured.amount:
                lines.append(
                    {
                        **common,
                        "type": "capture",
                        "id": row.provider_payment_id,
                        "amount": row.captured.amount,
                    }
                )
            lines += [
                {
                    **common,
                    "type": "refund",
                    "id": refund.provider_refund_id,
                    "refund_reference": refund.refund_reference,
                    "amount": -refund.amount.amount,
                }
                for refund in row.refunds
            ]
            lines += [
                {
                    **common,
                    "type": "dispute",
                    "id": dispute.provider_dispute_id,
                    "amount": -dispute.amount.amount,
                }
                for dispute in row.disputes
                if dispute.is_money_away
            ]
        return lines

    def forget(self) -> None:
        """The store was emptied, too."""
        self.payments.clear()

    def _put(self, before: ProviderSnapshot, **facts: Any) -> None:
        self.payments[before.provider_payment_id] = msgspec.structs.replace(before, **facts)


class Card(PretendProvider):
    """One process's way to the provider. What goes wrong for it goes wrong for nobody else."""

    def __init__(self, book: Book, gate: Gate | None = None) -> None:
        super().__init__(authorization=AuthorizationLife(HELD, honored=HONORED))
        self.payments = book.payments
        self._gate = gate
        #: What becomes of the next calls, in order: raised before or after they are carried out.
        self.mishaps: deque[Mishap] = deque()
        #: Whether the provider takes its time to send money back.
        self.is_slow_to_refund = False

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        plain = super().create
        return await self._pass("create", lambda: plain(body, idempotency_key=idempotency_key))

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        plain = super().fetch
        return await self._pass("fetch", lambda: plain(provider_payment_id))

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        plain = super().find_by_reference
        return await self._pass("find", lambda: plain(merchant_reference))

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        plain = super().cancel
        return await self._pass(
            "cancel", lambda: plain(provider_payment_id, idempotency_key=idempotency_key)
        )

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        plain = super().capture
        return await self._pass(
            "capture",
            lambda: plain(
                body, provider_payment_id=provider_payment_id, idempotency_key=idempotency_key
            ),
        )

    async def renew(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        del body, idempotency_key

        async def hold_on() -> ProviderSnapshot:
            held = self.payments[provider_payment_id]
            if held.state is not PaymentState.AUTHORIZED:
                raise StateConflict("nothing is held", code="not_authorized")
            return held

        return await self._pass("renew", hold_on)

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        return await self._pass(
            "refund", lambda: self._refund(body, provider_payment_id, idempotency_key)
        )

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        del received_at
        if headers.get("signature") != _sign(raw_body):
            raise WebhookRefused("not signed by us")
        return (msgspec.json.decode(raw_body, type=NormalizedEvent),)

    async def _refund(self, body: bytes, payment_id: str, key: str) -> RefundSnapshot:
        """Give back once per reference, at once or in a while."""
        sent = json.loads(body)
        before = self.payments[sent["payment"]]
        known = {row.refund_reference: row for row in before.refunds}
        found = known.get(sent["reference"])
        if found is not None:
            return found
        done = await super().refund(body, provider_payment_id=payment_id, idempotency_key=key)
        if not self.is_slow_to_refund:
            return done
        pending = msgspec.structs.replace(done, state=ProviderRefundState.PENDING)
        after = self.payments[sent["payment"]]
        self.payments[sent["payment"]] = msgspec.structs.replace(
            after, refunds=tuple(pending if row == done else row for row in after.refunds)
        )
        return pending

    async def _pass(self, name: str, carry_out: Callable[[], Awaitable[T]]) -> T:
        async def call() -> T:
            mishap = self.mishaps.popleft() if self.mishaps else None
            if mishap is not None and not mishap.is_done:
                raise mishap.failure
            answer = await carry_out()
            if mishap is not None:
                raise mishap.failure
            return answer

        return await (call() if self._gate is None else self._gate.call(f"provider.{name}", call))


class Mishap(msgspec.Struct, frozen=True):
    """A call that goes wrong. ``is_done``: it was carried out, and only the answer is lost."""

    failure: ProviderFailure
    is_done: bool


def lost(*, is_done: bool = True) -> Mishap:
    """Nobody knows whether the call arrived."""
    return Mishap(OutcomeUnknown("no answer"), is_done)


def a_webhook(payment_id: str, *, number: int = 1) -> tuple[bytes, dict[str, str]]:
    """A message about a payment: its body and its headers. ``number`` tells messages apart."""
    body = msgspec.json.encode(
        NormalizedEvent(
            dedup_key=f"{payment_id}-{number}",
            kind="payment.changed",
            provider_payment_id=payment_id,
            merchant_reference=payment_id.removeprefix("pp_"),
            is_live=False,
        )
    )
    return body, {"signature": _sign(body)}


def provider_id_of(payment_id: Any) -> str:
    """What the provider calls one of our payments."""
    return f"pp_{merchant_reference(payment_id)}"


def _sign(body: bytes) -> str:
    return hashlib.sha256(_SIGNER + body).hexdigest()
