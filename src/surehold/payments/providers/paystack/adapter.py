"""The adapter to Paystack: what is asked, and what the answers mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeVar

import httpx2
import msgspec

from surehold.kernel.money import Money
from surehold.payments.model import ClientSecret, NextAction, PaymentState, Redirect
from surehold.payments.providers import signatures
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.disputes import DisputeSnapshot
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    StateConflict,
    Unavailable,
    WebhookRefused,
)
from surehold.payments.providers.http import Answer, ProviderHttp
from surehold.payments.providers.paystack.settings import Page
from surehold.payments.providers.paystack.wire import (
    AMOUNTS,
    STATES,
    Begun,
    Dispute,
    Event,
    Kind,
    Refund,
    Reply,
    Transaction,
    count_collected,
    describe_method,
    digest,
    read_dispute,
    read_failure,
    read_money,
    read_refund,
    sum_back,
)
from surehold.payments.providers.port import (
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

Shape = TypeVar("Shape")
Row = TypeVar("Row")

#: How many of a list are read: pages of a hundred.
PAGES_MAX: Final = 10
PAGE_ROWS: Final = 100

_SIGNATURE_HEADER: Final = "x-paystack-signature"
_MARK: Final = re.compile(r"[0-9a-f]{128}")
_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9=-][A-Za-z0-9.=-]{0,99}")
_JSON: Final = {"content-type": "application/json"}


class Paystack(NoOptions):
    """Paystack behind the port. Holds keys and connections, no state."""

    name = "paystack"

    def __init__(
        self,
        account: AccountConfig,
        *,
        page: Page = "hosted",
        channels: tuple[str, ...] = (),
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.account = account.account
        self.capabilities = Capabilities(
            title="Card, bank or mobile money",
            explanation="You pay on Paystack's page, then come back here."
            if page == "hosted"
            else "You pay here; Paystack takes the details.",
            hold_kind=HoldKind.REDIRECT if page == "hosted" else HoldKind.CARD,
            can_cancel_unpaid=False,
            has_keys=False,
            can_read_disputes=True,
            reopens_disputes_days=120,
            has_inquiries=False,
            signs_time=False,
            has_event_ids=False,
            tells_declines=False,
            amounts=AMOUNTS,
            page_origins=account.page_origins("https://checkout.paystack.com"),
        )
        self._config = account
        self._page = page
        self._channels = channels
        headers = {"authorization": f"Bearer {account.secret_key.get_secret_value()}"}
        self._http = ProviderHttp(account.base_url, headers, client=client)

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send."""
        return msgspec.json.encode(
            {
                "email": request.customer.email,
                "amount": AMOUNTS.to_units(request.amount),
                "currency": request.amount.currency,
                "reference": request.merchant_reference,
                "callback_url": request.return_url,
                **({"channels": self._channels} if self._channels else {}),
                # Told again in every webhook: nothing that opens the buyer's order.
                "metadata": {"order": request.description},
            }
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. Paystack has no keys: a reference that it knows is a conflict.

        Then an earlier asking got through and its page is lost: nobody can pay there.
        """
        del idempotency_key
        reference = str(msgspec.json.decode(body)["reference"])
        begun = await self._post("/transaction/initialize", body, Begun)
        if begun.reference != reference:
            raise OutcomeUnknown("the answer is about another payment")
        action: NextAction = Redirect(begun.authorization_url)
        if self._page == "popup":
            action = ClientSecret(self._config.public_key, begun.access_code)
        return CreateResult(reference, PaymentState.REQUIRES_ACTION, action)

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Verify the payment, and read what went back of it."""
        return await self._snapshot(await self._verify(provider_payment_id))

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Verify by our reference, which is its name at Paystack as well."""
        try:
            return await self.fetch(merchant_reference)
        except NotFound:
            return None

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Look for a last time: a page cannot be closed, it ends by the account's own time."""
        del idempotency_key
        found = await self.fetch(provider_payment_id)
        if found.state in (PaymentState.REQUIRES_ACTION, PaymentState.FAILED):
            return msgspec.structs.replace(found, state=PaymentState.VOIDED)
        return found

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send."""
        return msgspec.json.encode(
            {
                "transaction": request.provider_payment_id,
                "amount": AMOUNTS.to_units(request.amount),
                "currency": request.amount.currency,
                "customer_note": request.reason[:250],
                "merchant_note": request.refund_reference,
            }
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back. There are no keys: one that was asked for before is read.

        Whoever asks holds the only lease on the question, so nobody else asks in between.
        """
        del idempotency_key
        sent = msgspec.json.decode(body)
        paid = await self._verify(provider_payment_id)
        if STATES.get(paid.status) is not PaymentState.CAPTURED:
            raise StateConflict("nothing was paid")
        before = await self._list_refunds(paid)
        for found in before:
            if found.refund_reference == sent["merchant_note"]:
                return found
        try:
            made = await self._post("/refund", body, Refund)
        except InvalidRequest as refusal:
            back = sum_back(await self._list_refunds(paid))
            left = read_money(count_collected(paid), paid.currency).amount - back
            if read_money(sent["amount"], paid.currency).amount > left:
                raise AmountRefused(refusal.detail, code=refusal.code) from refusal
            raise
        if made.transaction_id not in (None, paid.id):
            raise OutcomeUnknown("the answer is about another payment")
        return read_refund(made)

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Read a refund of ours; our reference is in the merchant's note."""
        found = await self.list_refunds(provider_payment_id)
        return next((row for row in found if row.refund_reference == refund_reference), None)

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Every refund of a payment, those of the dashboard too."""
        return await self._list_refunds(await self._verify(provider_payment_id))

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        """Every dispute of a payment."""
        return await self._list_disputes(await self._verify(provider_payment_id))

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify the mark over the raw bytes, then read the hint. No time is signed.

        Raises:
            WebhookRefused: No valid proof, or not an event of this account's mode.
        """
        del received_at
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        mark = signatures.get_header(headers, _SIGNATURE_HEADER)
        if _MARK.fullmatch(mark) is None:
            raise WebhookRefused("signature malformed")
        secrets = self._config.webhook_secrets
        if not signatures.is_signed(secrets, raw_body, [mark], digest="sha512"):
            raise WebhookRefused("signature does not match")
        try:
            kind = msgspec.json.decode(raw_body, type=Kind).event
            if not kind.startswith(("charge.", "refund.")):
                return ()
            about = msgspec.json.decode(raw_body, type=Event).data
        except (ValueError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        # The key that signs says the mode as well; an event may leave it out, not gainsay it.
        domain = about.named.domain if about.domain is None else about.domain
        if domain not in (None, self._config.mode.value):
            raise WebhookRefused("event of the other mode")
        reference = about.transaction_reference or about.named.reference or about.reference
        if reference is None:
            raise WebhookRefused("event about nothing")
        signatures.check_told(kind, reference)
        return (
            NormalizedEvent(
                dedup_key=digest(kind, about, raw_body),
                kind=kind,
                provider_payment_id=reference,
                merchant_reference=reference,
                is_live=self._config.is_live,
            ),
        )

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Tell of a transaction that nobody has."""
        del at  # nothing that Paystack signs has a time
        about = {"reference": name, "status": "success", "domain": self._config.mode.value}
        told = {"event": "charge.success", "data": about}
        prove = signatures.by_mark(_SIGNATURE_HEADER, digest="sha512")
        return signatures.rehearse(self._config.webhook_secrets, told, prove)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _verify(self, reference: str) -> Transaction:
        path = _path_part(reference)
        found = await self._get(f"/transaction/verify/{path}", Transaction)
        if found.reference != reference:
            raise Unavailable("the answer is about another payment")
        if found.domain != self._config.mode.value:
            raise ConfigurationFault("the account answers in the other mode", code="wrong_mode")
        return found

    async def _snapshot(self, found: Transaction) -> ProviderSnapshot:
        state = STATES.get(found.status, PaymentState.UNKNOWN)
        is_paid = state is PaymentState.CAPTURED
        currency = found.currency
        captured = read_money(count_collected(found) if is_paid else 0, currency)
        refunds = await self._list_refunds(found) if is_paid else ()
        disputes = await self._list_disputes(found) if is_paid else ()
        back = sum_back(refunds)
        if found.status == "reversed":
            back = max(back, captured.amount)
        requested = found.amount if found.requested_amount is None else found.requested_amount
        disputed = sum(row.amount.amount for row in disputes if row.is_money_away)
        is_failed = state is PaymentState.FAILED
        return ProviderSnapshot(
            provider_payment_id=found.reference,
            merchant_reference=found.reference,
            state=state,
            requested=read_money(requested, currency),
            authorized=captured,
            captured=captured,
            refunded=Money(back, currency),
            disputed=Money(disputed, currency),
            is_live=self._config.is_live,
            method=describe_method(found) if is_paid else None,
            failure_code="declined" if is_failed else None,
            failure_message=found.gateway_response if is_failed else None,
            refunds=refunds,
            disputes=disputes,
        )

    async def _list_refunds(self, paid: Transaction) -> tuple[RefundSnapshot, ...]:
        rows = await self._list("/refund", paid, tuple[Refund, ...])
        return tuple(read_refund(row) for row in rows if row.transaction_id == paid.id)

    async def _list_disputes(self, paid: Transaction) -> tuple[DisputeSnapshot, ...]:
        rows = await self._list("/dispute", paid, tuple[Dispute, ...])
        return tuple(read_dispute(row, paid) for row in rows if row.transaction.id == paid.id)

    async def _list(self, path: str, paid: Transaction, shape: type[tuple[Row, ...]]) -> list[Row]:
        """Everything of one transaction, oldest first; Paystack begins with the newest."""
        found: list[Row] = []
        for page in range(1, PAGES_MAX + 1):
            parameters = {
                "transaction": str(paid.id),
                "perPage": str(PAGE_ROWS),
                "page": str(page),
            }
            rows = _read(await self._http.read(path, parameters), shape)
            found += rows
            if len(rows) < PAGE_ROWS:
                return found[::-1]
        raise Unavailable("the list does not end")

    async def _get(self, path: str, shape: type[Shape]) -> Shape:
        return _read(await self._http.read(path), shape)

    async def _post(self, path: str, body: bytes, shape: type[Shape]) -> Shape:
        return _read(await self._http.send("POST", path, body, _JSON), shape)


def _path_part(reference: str) -> str:
    if _PATH_SAFE.fullmatch(reference) is None:
        raise NotFound("not a reference of this provider")
    return reference


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    if not answer.is_success:
        raise read_failure(answer)
    reply = answer.read(Reply)
    if not reply.status:
        raise answer.lost("an answer that says no, as if it said yes")
    return Answer(answer.status, bytes(reply.data), answer.lost).read(shape)
