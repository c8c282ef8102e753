"""The adapter to Flutterwave: what is asked, and what the answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import httpx2
import msgspec

from surehold.kernel.ids import parse_merchant_reference
from surehold.kernel.money import Money
from surehold.payments.model import PaymentState, Redirect
from surehold.payments.providers import signatures
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.failures import (
    ConfigurationFault,
    NotFound,
    OutcomeUnknown,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.flutterwave.settings import KEYS, Proof
from surehold.payments.providers.flutterwave.wire import (
    AMOUNTS,
    STATES,
    Begun,
    Event,
    Kind,
    Listed,
    Meta,
    Refunded,
    Refunds,
    Sent,
    Transaction,
    Verified,
    check_reference,
    read_answer,
    read_money,
    read_refund,
    write_number,
)
from surehold.payments.providers.http import ProviderHttp
from surehold.payments.providers.port import (
    NOTHING,
    Capabilities,
    CreateRequest,
    CreateResult,
    HoldKind,
    NoOptions,
    NormalizedEvent,
    ProviderRefundState,
    ProviderSnapshot,
    RefundRequest,
    RefundSnapshot,
    Rehearsal,
)
from surehold.payments.providers.references import to_letters

#: Minutes that a page may be open.
SESSION_MAXIMUM: Final = 1440
#: How many pages of refunds are read.
PAGES_MAX: Final = 10

_HASH_HEADER: Final = "verif-hash"
_SIGNATURE_HEADER: Final = "flutterwave-signature"
_JSON: Final = {"content-type": "application/json"}
_PAGE: Final = "https://checkout.flutterwave.com"
_TEST_PAGE: Final = "https://checkout-v2.dev-flutterwave.com"


class Flutterwave(NoOptions):
    """Flutterwave v3 behind the port. Holds keys and connections, no state."""

    name = "flutterwave"

    def __init__(
        self,
        account: AccountConfig,
        *,
        webhook_proof: Proof = "hash",
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.account = account.account
        self.capabilities = Capabilities(
            title="Card, bank or mobile money",
            explanation="You choose on Flutterwave's page, then come back here.",
            hold_kind=HoldKind.REDIRECT,
            can_cancel_unpaid=False,
            has_keys=False,
            begins_again=True,
            ends_refunds_at_once=False,
            signs_time=False,
            proves_body=webhook_proof == "signature",
            has_event_ids=False,
            tells_refunds=False,
            tells_mode=False,
            amounts=AMOUNTS,
            page_origins=account.page_origins(_PAGE, *(() if account.is_live else (_TEST_PAGE,))),
        )
        self._config = account
        self._proof = webhook_proof
        headers = {"authorization": f"Bearer {account.secret_key.get_secret_value()}"}
        self._http = ProviderHttp(account.base_url, headers, client=client)

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send. The page is open for as long as the hold."""
        minutes = int((request.expires_at - request.requested_at).total_seconds() // 60)
        phone = request.customer.phone
        customer = {
            "email": request.customer.email,
            "name": request.customer.name,
            **({"phonenumber": phone} if phone else {}),
        }
        return msgspec.json.encode(
            {
                "tx_ref": request.merchant_reference,
                "amount": write_number(request.amount),
                # Left out, it would be naira.
                "currency": request.amount.currency,
                "redirect_url": request.return_url,
                "customer": customer,
                "session_duration": max(1, min(minutes, SESSION_MAXIMUM)),
                "customizations": {"title": request.description},
            }
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. Asked again, it is another page, and the first is nobody's."""
        del idempotency_key
        self._check_mode()
        tx_ref = str(msgspec.json.decode(body)["tx_ref"])
        answer = await self._http.send("POST", "/payments", body, _JSON)
        link = read_answer(answer, Begun).data.link
        return CreateResult(tx_ref, PaymentState.REQUIRES_ACTION, Redirect(link))

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Verify the payment. Without a transaction nobody has tried to pay it yet."""
        tx_ref = check_reference(provider_payment_id)
        try:
            transaction = await self._verify(tx_ref)
        except NotFound:
            if parse_merchant_reference(tx_ref) is None:
                raise  # none of ours: we never made a page for it
            return self._unpaid(tx_ref)
        return await self._snapshot(transaction)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Verify by our reference; ``None`` while nobody has tried to pay."""
        try:
            transaction = await self._verify(check_reference(merchant_reference))
        except NotFound:
            return None
        return await self._snapshot(transaction)

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Look for a last time: a page closes by its own time, and by nothing else."""
        del idempotency_key
        found = await self.fetch(provider_payment_id)
        if found.state in (PaymentState.REQUIRES_ACTION, PaymentState.FAILED):
            return msgspec.structs.replace(found, state=PaymentState.VOIDED)
        return found

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send; our reference is its comment."""
        return msgspec.json.encode(
            {
                "amount": write_number(request.amount),
                "comments": to_letters(request.refund_reference),
            }
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back, unless it is on its way already.

        Flutterwave would refund the same again. So every refund is looked at first; one of this
        amount that bears no reference may be ours, and is never sent a second time.

        Raises:
            StateConflict: Nothing was paid, or there is such a refund: a person must look.
        """
        del idempotency_key
        sent = msgspec.json.decode(body, type=Sent)
        transaction = await self._verify(check_reference(provider_payment_id))
        if STATES.get(transaction.status) is not PaymentState.CAPTURED:
            raise StateConflict("nothing was paid")
        listed = await self._list(transaction)
        done = [row for row in listed if row.comments == sent.comments]
        if done:
            return read_refund(done[0], transaction.currency)
        if any(row.comments is None and row.amount_refunded == sent.amount for row in listed):
            raise StateConflict(
                "a refund of this amount is there, and does not say whose it is",
                code="refund_not_told_apart",
            )
        answer = await self._http.send(
            "POST", f"/transactions/{transaction.id}/refund", body, _JSON
        )
        made = read_answer(answer, Refunded).data
        if made.tx_id != transaction.id:
            raise OutcomeUnknown("the answer is about another payment")
        return read_refund(made, transaction.currency, reference=sent.comments)

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Read a refund of ours; we wrote its reference on it."""
        found = await self.list_refunds(provider_payment_id)
        return next((row for row in found if row.refund_reference == refund_reference), None)

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Every refund of a payment, those of the dashboard too."""
        try:
            transaction = await self._verify(check_reference(provider_payment_id))
        except NotFound:
            return ()
        listed = await self._list(transaction)
        return tuple(read_refund(row, transaction.currency) for row in listed)

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify that the sender knows the word, or the body's signature; then read the hint.

        Raises:
            WebhookRefused: No valid proof, or no event.
        """
        del received_at
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        self._check_proof(raw_body, headers)
        try:
            if not msgspec.json.decode(raw_body, type=Kind).event.startswith("charge."):
                return ()
            event = msgspec.json.decode(raw_body, type=Event)
        except (ValueError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        told = event.data
        signatures.check_told(event.event, told.tx_ref, told.status)
        fact = repr((event.event, told.id, told.tx_ref, told.status))
        return (
            NormalizedEvent(
                dedup_key=hashlib.sha256(fact.encode()).hexdigest(),
                kind=event.event,
                provider_payment_id=told.tx_ref,
                merchant_reference=told.tx_ref,
                is_live=self._config.is_live,
            ),
        )

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Tell of a transaction that nobody has."""
        about = {"id": at, "tx_ref": name, "status": "pending"}
        told = {"event": "charge.completed", "data": about}
        return signatures.rehearse(
            self._config.webhook_secrets,
            told,
            lambda word, body: {self._proof_header: self._mark(word, body).decode("latin-1")},
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    def _check_mode(self) -> None:
        """Nothing that Flutterwave answers says of which mode it is; only the key does."""
        if not self._config.secret_key.get_secret_value().startswith(KEYS[self._config.mode]):
            raise ConfigurationFault("the key is of the other mode", code="wrong_mode")

    def _check_proof(self, raw_body: bytes, headers: Mapping[str, str]) -> None:
        """Compare with every live secret, so that time tells nothing about which one matched."""
        given = signatures.get_header(headers, self._proof_header).encode("latin-1", "replace")
        is_proven = False
        for secret in self._config.webhook_secrets:
            word = secret.value.get_secret_value().encode()
            is_proven |= hmac.compare_digest(self._mark(word, raw_body), given)
        if not is_proven:
            raise WebhookRefused("signature does not match")

    @property
    def _proof_header(self) -> str:
        return _SIGNATURE_HEADER if self._proof == "signature" else _HASH_HEADER

    def _mark(self, word: bytes, body: bytes) -> bytes:
        """What proves a body: its signature, or the word alone, whichever the account has."""
        if self._proof == "signature":
            return base64.b64encode(hmac.new(word, body, hashlib.sha256).digest())
        return word

    async def _verify(self, tx_ref: str) -> Transaction:
        """The transaction of a reference; ``NotFound`` while there is none."""
        self._check_mode()
        parameters = {"tx_ref": tx_ref}
        answer = await self._http.read("/transactions/verify_by_reference", parameters)
        found = read_answer(answer, Verified).data
        if found.tx_ref != tx_ref:
            raise Unavailable("the answer is about another payment")
        return found

    async def _list(self, transaction: Transaction) -> list[Listed]:
        """Every refund of a transaction, oldest first."""
        found: list[Listed] = []
        for page in range(1, PAGES_MAX + 1):
            parameters = {"id": str(transaction.id), "page": str(page)}
            listed = read_answer(await self._http.read("/refunds", parameters), Refunds)
            found += listed.data or ()
            if page >= (listed.meta or Meta()).page_info.total_pages:
                own = [row for row in found if row.tx_id == transaction.id]
                return sorted(own, key=lambda row: row.id)
        raise Unavailable("the list of refunds does not end")

    def _unpaid(self, tx_ref: str) -> ProviderSnapshot:
        return ProviderSnapshot(
            provider_payment_id=tx_ref,
            merchant_reference=tx_ref,
            state=PaymentState.REQUIRES_ACTION,
            requested=None,
            authorized=NOTHING,
            captured=NOTHING,
            refunded=NOTHING,
            disputed=NOTHING,
            is_live=self._config.is_live,
        )

    async def _snapshot(self, found: Transaction) -> ProviderSnapshot:
        amount = read_money(found.amount, found.currency)
        nothing = Money(0, amount.currency)
        state = STATES.get(found.status, PaymentState.UNKNOWN)
        is_paid = state is PaymentState.CAPTURED
        captured = amount if is_paid else nothing
        refunds: tuple[RefundSnapshot, ...] = ()
        if is_paid:
            refunds = tuple(read_refund(row, found.currency) for row in await self._list(found))
        returned = sum(
            row.amount.amount for row in refunds if row.state is not ProviderRefundState.FAILED
        )
        is_failed = state is PaymentState.FAILED
        return ProviderSnapshot(
            provider_payment_id=found.tx_ref,
            merchant_reference=found.tx_ref,
            state=state,
            requested=amount,
            authorized=captured,
            captured=captured,
            refunded=Money(returned, amount.currency),
            disputed=nothing,
            is_live=self._config.is_live,
            method=found.payment_type,
            failure_code=found.status if is_failed else None,
            failure_message=found.processor_response if is_failed else None,
            refunds=refunds,
        )
