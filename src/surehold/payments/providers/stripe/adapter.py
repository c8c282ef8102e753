"""The adapter to Stripe: what is asked, and what the answers mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlencode

import httpx2
import msgspec

from surehold.kernel.money import Money
from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.model import ClientSecret, NextAction, NoAction, PaymentState, Redirect
from surehold.payments.providers import signatures
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.disputes import DisputeAnswer, DisputeSnapshot, DisputeState
from surehold.payments.providers.failures import (
    ConfigurationFault,
    InvalidRequest,
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
)
from surehold.payments.providers.stripe.script import page_script
from surehold.payments.providers.stripe.settings import Page
from surehold.payments.providers.stripe.wire import (
    AMOUNTS,
    INTENT_STATES,
    Charge,
    Dispute,
    Disputes,
    Error,
    Event,
    Intent,
    Intents,
    Kind,
    Metadata,
    Refund,
    Refunds,
    Session,
    describe_method,
    read_capture_before,
    read_dispute,
    read_failure,
    read_money,
    read_refund,
)

Shape = TypeVar("Shape")

API_VERSION: Final = "2026-10-28.endive"
#: A session must live for half an hour from when Stripe hears of it; a question that was lost is
#: asked again with the same bytes, so there is room for that.
SESSION_MINIMUM: Final = timedelta(minutes=60)
#: A day is the most that Stripe allows; a longer hold outlives its session.
SESSION_MAXIMUM: Final = timedelta(hours=23)
#: What most cards allow; a charge says of itself until when.
AUTHORIZATION: Final = AuthorizationLife(timedelta(days=7))
#: How many of a list are read: pages of a hundred.
PAGES_MAX: Final = 10

_SIGNATURE_HEADER: Final = "stripe-signature"
_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9_]{1,255}")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9]{1,64}")
_FORM: Final = "application/x-www-form-urlencoded"


class Stripe(NoOptions):
    """Stripe behind the port. Holds keys and connections, no state."""

    name = "stripe"

    def __init__(
        self,
        account: AccountConfig,
        *,
        page: Page = "hosted",
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.account = account.account
        self.capabilities = Capabilities(
            title="Card or wallet",
            explanation="You pay on Stripe's page, then come back here."
            if page == "hosted"
            else "You pay here; Stripe takes the details.",
            hold_kind=HoldKind.REDIRECT if page == "hosted" else HoldKind.CARD,
            can_capture_later=True,
            can_capture_partially=True,
            authorization=AUTHORIZATION,
            can_read_disputes=True,
            reopens_disputes_days=120,
            can_answer_disputes=True,
            stays_open_after_decline=True,
            amounts=AMOUNTS,
            page_origins=account.page_origins("https://checkout.stripe.com"),
            page_script=page_script(account) if page == "element" else None,
        )
        self._config = account
        self._page = page
        headers = {
            "authorization": f"Bearer {account.secret_key.get_secret_value()}",
            "stripe-version": API_VERSION,
        }
        self._http = ProviderHttp(account.base_url, headers, client=client)

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send: of a session, or of an intent."""
        units = str(AMOUNTS.to_units(request.amount))
        currency = request.amount.currency.lower()
        capture = [("capture_method", "manual")] if request.is_captured_later else []
        intent = [
            *capture,
            ("description", request.description),
            ("metadata[merchant_reference]", request.merchant_reference),
            ("receipt_email", request.customer.email),
        ]
        if self._page == "element":
            return _encode(
                [
                    ("amount", units),
                    ("currency", currency),
                    ("automatic_payment_methods[enabled]", "true"),
                    *intent,
                ]
            )
        expires_at = min(
            max(request.expires_at, request.requested_at + SESSION_MINIMUM),
            request.requested_at + SESSION_MAXIMUM,
        )
        return _encode(
            [
                ("mode", "payment"),
                ("client_reference_id", request.merchant_reference),
                ("customer_email", request.customer.email),
                ("success_url", request.return_url),
                ("cancel_url", request.cancel_url),
                ("expires_at", str(int(expires_at.timestamp()))),
                # The buyer pays what was agreed, in the currency of the order.
                ("adaptive_pricing[enabled]", "false"),
                ("line_items[0][quantity]", "1"),
                ("line_items[0][price_data][currency]", currency),
                ("line_items[0][price_data][unit_amount]", units),
                ("line_items[0][price_data][product_data][name]", request.description),
                *((f"payment_intent_data{_nested(name)}", value) for name, value in intent),
            ]
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. Stripe keeps its answer to the key for a day."""
        sent = parse_qs(body.decode())
        if "mode" not in sent:
            intent = await self._post("/v1/payment_intents", body, Intent, key=idempotency_key)
            self._check_mode(is_live=intent.livemode)
            _check_same(intent.metadata, sent["metadata[merchant_reference]"][0])
            state = INTENT_STATES.get(intent.status, PaymentState.UNKNOWN)
            action: NextAction = NoAction()
            if state is PaymentState.REQUIRES_ACTION and intent.client_secret:
                action = ClientSecret(self._config.public_key, intent.client_secret)
            return CreateResult(intent.id, state, action)
        session = await self._post("/v1/checkout/sessions", body, Session, key=idempotency_key)
        self._check_mode(is_live=session.livemode)
        if session.client_reference_id != sent["client_reference_id"][0]:
            raise OutcomeUnknown("the answer is about another payment")
        if session.status == "open" and session.url:
            return CreateResult(session.id, PaymentState.REQUIRES_ACTION, Redirect(session.url))
        return CreateResult(session.id, PaymentState.UNKNOWN, NoAction())

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Read the payment: by its session, its intent, or a charge of it."""
        path = _path_part(provider_payment_id)
        if path.startswith(("ch_", "py_")):
            charge = await self._get(f"/v1/charges/{path}", Charge)
            if charge.payment_intent is None:
                raise NotFound("the charge is of no payment of ours")
            path = _path_part(charge.payment_intent)
        if path.startswith("cs_"):
            parameters = {"expand[]": "payment_intent.latest_charge"}
            session = await self._get(f"/v1/checkout/sessions/{path}", Session, parameters)
            if session.id != path:
                raise Unavailable("the answer is about another payment")
            return await self._of_session(session)
        parameters = {"expand[]": "latest_charge"}
        intent = await self._get(f"/v1/payment_intents/{path}", Intent, parameters)
        if intent.id != path:
            raise Unavailable("the answer is about another payment")
        return await self._of_intent(intent)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Search for an intent. The index lags by about a minute, and knows no open sessions."""
        if _REFERENCE.fullmatch(merchant_reference) is None:
            return None
        parameters = {
            "query": f"metadata['merchant_reference']:'{merchant_reference}'",
            "expand[]": "data.latest_charge",
        }
        found = (await self._get("/v1/payment_intents/search", Intents, parameters)).data
        if not found:
            return None
        snapshot = await self._of_intent(found[0])
        if len(found) > 1 or snapshot.merchant_reference != merchant_reference:
            raise Unavailable("the answer is about another payment")
        return snapshot

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Expire a session or void an intent; one that was paid is read and returned as it is."""
        path = _path_part(provider_payment_id)
        try:
            if path.startswith("cs_"):
                session = await self._post(
                    f"/v1/checkout/sessions/{path}/expire", b"", Session, key=idempotency_key
                )
                if session.id != path:
                    raise OutcomeUnknown("the answer is about another payment")
                return await self._of_session(session)
            await self._post(
                f"/v1/payment_intents/{path}/cancel",
                b"cancellation_reason=abandoned",
                Intent,
                key=idempotency_key,
            )
        except (StateConflict, InvalidRequest):
            pass  # too late, or done before: what it is now says which
        return await self.fetch(path)

    def prepare_capture(self, request: CaptureRequest) -> bytes:
        """The exact body that ``capture`` will send."""
        pairs = [("amount_to_capture", str(AMOUNTS.to_units(request.amount)))]
        if not request.is_final:
            pairs.append(("final_capture", "false"))
        return _encode(pairs)

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Take authorized money; the rest is let go unless the account may capture more often."""
        path = _path_part(provider_payment_id)
        url = f"/v1/payment_intents/{path}/capture"
        intent = await self._post(url, body, Intent, key=idempotency_key)
        if intent.id != path:
            raise OutcomeUnknown("the answer is about another payment")
        return await self.fetch(path)

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send."""
        return _encode(
            [
                ("payment_intent", request.provider_payment_id),
                ("amount", str(AMOUNTS.to_units(request.amount))),
                ("metadata[refund_reference]", request.refund_reference),
                ("metadata[reason]", request.reason[:500]),
            ]
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back. Stripe may say that it has, and days later that it could not."""
        refund = await self._post("/v1/refunds", body, Refund, key=idempotency_key)
        if refund.payment_intent != provider_payment_id:
            raise OutcomeUnknown("the answer is about another payment")
        return read_refund(refund)

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Read a refund of ours; we wrote its reference on it."""
        found = await self.list_refunds(provider_payment_id)
        return next((row for row in found if row.refund_reference == refund_reference), None)

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Every refund of a payment, those of the dashboard too."""
        parameters = {"payment_intent": _path_part(provider_payment_id), "limit": "100"}
        found: list[Refund] = []
        for _ in range(PAGES_MAX):
            page = await self._get("/v1/refunds", Refunds, parameters)
            found += page.data
            if not page.has_more or not page.data:
                return tuple(read_refund(row) for row in reversed(found))
            parameters["starting_after"] = page.data[-1].id
        raise Unavailable("the list of refunds does not end")

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        """Every dispute of a payment."""
        parameters = {"payment_intent": _path_part(provider_payment_id), "limit": "100"}
        page = await self._get("/v1/disputes", Disputes, parameters)
        return tuple(read_dispute(row) for row in reversed(page.data))

    def prepare_answer(self, answer: DisputeAnswer) -> bytes:
        """What ``answer_dispute`` will send, and about which dispute."""
        return msgspec.json.encode(answer)

    async def answer_dispute(self, body: bytes, *, idempotency_key: str) -> None:
        """Hand the evidence to the bank at once, as one text; or close the dispute: it is lost.

        Either can be done while Stripe waits for it, and once.
        """
        said = msgspec.json.decode(body, type=DisputeAnswer)
        path = f"/v1/disputes/{_path_part(said.provider_dispute_id)}"
        sent = b"" if said.evidence is None else write_evidence(said.evidence)
        try:
            await self._post(path if sent else f"{path}/close", sent, Dispute, key=idempotency_key)
        except InvalidRequest as refusal:
            found = read_dispute(await self._get(path, Dispute, {}))
            if found.state is DisputeState.NEEDS_RESPONSE:
                raise
            raise StateConflict(refusal.detail, code=found.state.value) from refusal

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify the signature over the raw bytes, then read the one event.

        Raises:
            WebhookRefused: No valid proof, or not an event of this account's mode.
        """
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        value = signatures.get_header(headers, _SIGNATURE_HEADER)
        at, marks = signatures.read_timed(value, received_at=received_at, has_v0=True)
        signed = at.encode() + b"." + raw_body
        if not signatures.is_signed(self._config.webhook_secrets, signed, marks, digest="sha256"):
            raise WebhookRefused("signature does not match")
        try:
            if not _is_ours(msgspec.json.decode(raw_body, type=Kind).type):
                return ()
            event = msgspec.json.decode(raw_body, type=Event)
            occurred_at = datetime.fromtimestamp(event.created, UTC)
        except (ValueError, OverflowError, OSError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        if event.livemode != self._config.is_live:
            raise WebhookRefused("event of the other mode")
        about, metadata = event.data.object, event.data.object.metadata or Metadata()
        payment_id = about.payment_intent or about.charge or about.id
        if about.object == "checkout.session":
            payment_id = about.id
        reference = about.client_reference_id or metadata.merchant_reference
        signatures.check_told(event.id, event.type, payment_id, reference)
        return (
            NormalizedEvent(
                dedup_key=event.id,
                kind=event.type,
                provider_payment_id=payment_id,
                merchant_reference=reference,
                is_live=event.livemode,
                occurred_at=occurred_at,
            ),
        )

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Tell of an intent that nobody has."""
        told = {
            "id": f"evt_{name}",
            "type": "payment_intent.created",
            "created": at,
            "livemode": self._config.is_live,
            "data": {"object": {"id": name, "object": "payment_intent"}},
        }
        prove = signatures.by_timed_mark(_SIGNATURE_HEADER, at=at)
        return signatures.rehearse(self._config.webhook_secrets, told, prove)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _of_session(self, session: Session) -> ProviderSnapshot:
        self._check_mode(is_live=session.livemode)
        intent = session.payment_intent
        if isinstance(intent, Intent) and (
            session.status == "complete" or intent.amount_received or intent.amount_capturable
        ):
            return await self._of_intent(intent)
        states = {"open": PaymentState.REQUIRES_ACTION, "expired": PaymentState.VOIDED}
        currency = (session.currency or "").upper()
        requested = read_money(session.amount_total or 0, currency)
        nothing = Money(0, currency)
        return ProviderSnapshot(
            provider_payment_id=session.id,
            merchant_reference=session.client_reference_id or "",
            state=states.get(session.status or "", PaymentState.UNKNOWN),
            requested=requested,
            authorized=nothing,
            captured=nothing,
            refunded=nothing,
            disputed=nothing,
            is_live=session.livemode,
        )

    async def _of_intent(self, intent: Intent) -> ProviderSnapshot:
        self._check_mode(is_live=intent.livemode)
        currency = intent.currency.upper()
        charge = intent.latest_charge if isinstance(intent.latest_charge, Charge) else None
        captured = intent.amount_received
        state = INTENT_STATES.get(intent.status, PaymentState.UNKNOWN)
        refunds: Sequence[RefundSnapshot] = ()
        disputes: Sequence[DisputeSnapshot] = ()
        if captured:
            refunds = await self.list_refunds(intent.id)
        if charge is not None and charge.disputed:
            disputes = await self.list_disputes(intent.id)
        disputed = sum(row.amount.amount for row in disputes if row.is_money_away)
        error = intent.last_payment_error or Error()
        return ProviderSnapshot(
            provider_payment_id=intent.id,
            merchant_reference=(intent.metadata or Metadata()).merchant_reference or "",
            state=state,
            requested=read_money(intent.amount, currency),
            authorized=read_money(intent.amount_capturable + captured, currency),
            captured=read_money(captured, currency),
            refunded=read_money(charge.amount_refunded if charge else 0, currency),
            disputed=Money(disputed, currency),
            is_live=intent.livemode,
            method=describe_method(charge),
            failure_code=error.decline_code or error.code,
            failure_message=error.message,
            refunds=tuple(refunds),
            disputes=tuple(disputes),
            capture_before=read_capture_before(charge)
            if state is PaymentState.AUTHORIZED
            else None,
        )

    def _check_mode(self, *, is_live: bool) -> None:
        if is_live != self._config.is_live:
            raise ConfigurationFault("the account answers in the other mode", code="wrong_mode")

    async def _get(
        self, path: str, shape: type[Shape], parameters: Mapping[str, str] | None = None
    ) -> Shape:
        return _read(await self._http.read(path, parameters), shape)

    async def _post(self, path: str, body: bytes, shape: type[Shape], *, key: str) -> Shape:
        headers = {"content-type": _FORM, "idempotency-key": key}
        return _read(await self._http.send("POST", path, body, headers), shape)


def write_evidence(text: str) -> bytes:
    """What the store says to a dispute, handed to the bank at once."""
    return _encode([("evidence[uncategorized_text]", text), ("submit", "true")])


def _encode(pairs: Sequence[tuple[str, str]]) -> bytes:
    return urlencode(pairs).encode()


def _nested(name: str) -> str:
    """A field's name inside another: ``metadata[a]`` is ``[metadata][a]`` there."""
    head, bracket, rest = name.partition("[")
    return f"[{head}]{bracket}{rest}"


def _is_ours(kind: str) -> bool:
    return kind.startswith(("checkout.session.", "payment_intent.", "charge.", "refund."))


def _path_part(provider_id: str) -> str:
    if _PATH_SAFE.fullmatch(provider_id) is None:
        raise NotFound("not an id of this provider")
    return provider_id


def _check_same(metadata: Metadata | None, reference: str) -> None:
    if metadata is None or metadata.merchant_reference != reference:
        raise OutcomeUnknown("the answer is about another payment")


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    if not answer.is_success:
        raise read_failure(answer)
    return answer.read(shape)
