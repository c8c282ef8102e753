"""The adapter to PayPal: what is asked, and what the answers mean."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import httpx2
import msgspec
import structlog
from cryptography import x509

from surehold.kernel import clock
from surehold.kernel.money import Money
from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.model import NoAction, PaymentState, Redirect
from surehold.payments.providers import signatures
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.disputes import DisputeSnapshot
from surehold.payments.providers.failures import (
    ConfigurationFault,
    Declined,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    StateConflict,
    Unavailable,
    Unsupported,
    WebhookRefused,
)
from surehold.payments.providers.http import Answer, ProviderHttp, provider_client
from surehold.payments.providers.paypal.proof import Certificates
from surehold.payments.providers.paypal.wire import (
    AMOUNTS,
    APPROVED,
    EXPIRED,
    Capture,
    Dispute,
    Disputes,
    Event,
    Kind,
    Only,
    Order,
    Refund,
    Token,
    find_failure,
    is_ours,
    path_part,
    read_capture_before,
    read_dispute,
    read_failure,
    read_money,
    read_refund,
    read_refunds,
    read_state,
    read_subject,
    sum_held,
    sum_returned,
    write_money,
)
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
    RenewalRequest,
)

Shape = TypeVar("Shape")

log = structlog.get_logger(__name__)

#: A token is given up so long before its end.
TOKEN_MARGIN_SECONDS: Final = 120
#: PayPal takes keys up to this length.
KEY_LENGTH: Final = 108

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,8192}")
_FORM: Final = "application/x-www-form-urlencoded"
_PAGES: Final = {True: "https://www.paypal.com", False: "https://www.sandbox.paypal.com"}


class _Kept(msgspec.Struct, frozen=True):
    """What is kept of a renewal."""

    number: int
    amount: msgspec.Raw


class PayPal(NoOptions):
    """PayPal behind the port. Holds keys, connections, a token and certificates, no state.

    ``pinned``: what webhooks are signed with; ``roots``: whom a certificate must come from that
    PayPal shows instead. ``None``: whoever this machine trusts.
    """

    name = "paypal"
    capabilities = Capabilities(
        title="PayPal",
        explanation="You approve at PayPal, then come back here.",
        hold_kind=HoldKind.REDIRECT,
        can_find_by_reference=False,
        can_cancel_unpaid=False,
        can_capture_later=True,
        can_capture_partially=True,
        authorization=AuthorizationLife(timedelta(days=29), honored=timedelta(days=3)),
        can_read_disputes=True,
        reopens_disputes_days=120,
        signs_time=False,
        shares_secret=False,
        tells_mode=False,
        keys_tell_mode=False,
        stays_open_after_decline=True,
        amounts=AMOUNTS,
    )

    def __init__(
        self,
        account: AccountConfig,
        *,
        pinned: Sequence[x509.Certificate] = (),
        roots: Sequence[x509.Certificate] | None = None,
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.account = account.account
        origins = account.page_origins(_PAGES[account.is_live])
        self.capabilities = msgspec.structs.replace(self.capabilities, page_origins=origins)
        self._config = account
        client = client or provider_client()
        self._http = ProviderHttp(
            account.base_url, {"prefer": "return=representation"}, client=client
        )
        self._certificates = Certificates(
            account.base_url, pinned=pinned, roots=roots, client=client
        )
        self._token, self._token_until = "", clock.monotonic_seconds()
        self._token_lock = asyncio.Lock()

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send.

        Our reference is the order's ``custom_id``, which PayPal repeats on all that comes of it,
        and its invoice number, of which PayPal takes each but once.
        """
        experience = {
            "return_url": request.return_url,
            "cancel_url": request.cancel_url,
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        return msgspec.json.encode(
            {
                "intent": "AUTHORIZE" if request.is_captured_later else "CAPTURE",
                "purchase_units": [
                    {
                        "custom_id": request.merchant_reference,
                        "invoice_id": request.merchant_reference,
                        "description": request.description[:127],
                        "amount": write_money(request.amount),
                    }
                ],
                "payment_source": {"paypal": {"experience_context": experience}},
            }
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. PayPal keeps its answer to the key for six hours.

        Later the same bytes make another order, which does no harm: nobody has seen the first.
        """
        reference = msgspec.json.decode(body)["purchase_units"][0]["custom_id"]
        order = await self._post("/v2/checkout/orders", body, Order, key=idempotency_key)
        if len(order.purchase_units) != 1 or order.purchase_units[0].custom_id != reference:
            raise OutcomeUnknown("the answer is about another payment")
        page = order.find_link("payer-action", "approve")
        if page is not None and read_state(order) is PaymentState.REQUIRES_ACTION:
            return CreateResult(order.id, PaymentState.REQUIRES_ACTION, Redirect(page))
        return CreateResult(order.id, PaymentState.UNKNOWN, NoAction())

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Read the order, by its id or by a capture's; one that was approved is taken first."""
        order = await self._find(path_part(provider_payment_id))
        if order.status != APPROVED:
            return await self._snapshot(order)
        refusal = await self._take(order)
        return await self._snapshot(await self._read_order(order.id), refusal)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Refuse: PayPal finds nothing by our reference. The same key finds what was begun."""
        del merchant_reference
        raise Unsupported("orders are not found by reference")

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Let go of what is held, after a last look; what nobody approved is given up by us alone.

        PayPal cannot close an order. One that is approved after all is taken, and is late.
        """
        found = await self.fetch(provider_payment_id)
        if found.state is PaymentState.REQUIRES_ACTION:
            return msgspec.structs.replace(found, state=PaymentState.VOIDED)
        if found.state is not PaymentState.AUTHORIZED:
            return found
        order = await self._find(path_part(found.provider_payment_id))
        for held in order.unit.payments.authorizations:
            path = f"/v2/payments/authorizations/{path_part(held.id)}/void"
            answer = await self._send("POST", path, b"", key=f"{idempotency_key}-{held.id}")
            if answer.status != 204 and not answer.is_success:
                failure = read_failure(answer)
                # One that PayPal knows no more was taken, let go, or ended by its age: the order
                # says which.
                if not isinstance(failure, (StateConflict, NotFound)):
                    raise failure
        after = await self.fetch(order.id)
        if after.state is PaymentState.AUTHORIZED:
            raise OutcomeUnknown("what is held is not let go, and the order says that it is there")
        return after

    def prepare_capture(self, request: CaptureRequest) -> bytes:
        """The exact body that ``capture`` will send."""
        return msgspec.json.encode(
            {"amount": write_money(request.amount), "final_capture": request.is_final}
        )

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Take authorized money; the rest stays open until a final capture."""
        order = await self._find(path_part(provider_payment_id))
        held = order.unit.payments.authorizations
        if not held:
            raise StateConflict("nothing is held")
        path = f"/v2/payments/authorizations/{path_part(held[-1].id)}/capture"
        await self._post(path, body, Only, key=idempotency_key)
        return await self.fetch(order.id)

    def prepare_renewal(self, request: RenewalRequest) -> bytes:
        """What ``renew`` will send, and the how manieth renewal it is."""
        return msgspec.json.encode(
            {"number": request.number, "amount": write_money(request.amount)}
        )

    async def renew(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Authorize again what is held, which PayPal lists after the ones before.

        So a renewal whose answer was lost is seen, and not asked for under another address.
        """
        order = await self._find(path_part(provider_payment_id))
        held, kept = order.unit.payments.authorizations, msgspec.json.decode(body, type=_Kept)
        if not held:
            raise StateConflict("nothing is held")
        if len(held) <= kept.number:
            path = f"/v2/payments/authorizations/{path_part(held[-1].id)}/reauthorize"
            sent = msgspec.json.encode({"amount": kept.amount})
            await self._post(path, sent, Only, key=idempotency_key)
        return await self.fetch(order.id)

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send."""
        return msgspec.json.encode(
            {
                "amount": write_money(request.amount),
                "custom_id": request.refund_reference,
                "note_to_payer": request.reason[:255],
            }
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back, from the largest capture: the same one whenever it is asked again."""
        order = await self._find(path_part(provider_payment_id))
        if not order.taken:
            raise StateConflict("nothing was taken")
        largest = max(order.taken, key=lambda row: read_money(row.amount).amount)
        path = f"/v2/payments/captures/{path_part(largest.id)}/refund"
        refund = await self._post(path, body, Refund, key=idempotency_key)
        if refund.custom_id != msgspec.json.decode(body)["custom_id"]:
            raise OutcomeUnknown("the answer is about another refund")
        return read_refund(refund)

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Read a refund of ours; we wrote its reference on it."""
        found = await self.list_refunds(provider_payment_id)
        return next((row for row in found if row.refund_reference == refund_reference), None)

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Every refund of a payment, those of the dashboard and PayPal's own too."""
        return read_refunds(await self._find(path_part(provider_payment_id)))

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        """Every dispute of a payment."""
        order = await self._find(path_part(provider_payment_id))
        return await self._disputes_of(order.taken)

    async def load_proof(self, headers: Mapping[str, str]) -> None:
        """Have the certificate of a message at hand.

        Raises:
            WebhookRefused: It is not PayPal's, or cannot be had now: PayPal sends it again.
        """
        await self._certificates.load(headers)

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify the signature, then read the one event.

        The signed time bounds nothing: PayPal sends a message again for three days.

        Raises:
            WebhookRefused: No valid proof, or no event.
        """
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        webhook_ids = self._config.webhook_secrets
        self._certificates.check(raw_body, headers, webhook_ids, received_at=received_at)
        try:
            if not is_ours(msgspec.json.decode(raw_body, type=Kind).event_type):
                return ()
            event = msgspec.json.decode(raw_body, type=Event)
        except (ValueError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        payment_id, reference = read_subject(event)
        signatures.check_told(event.id, event.event_type, payment_id, reference)
        if payment_id is None and reference is None:
            return ()
        return (
            NormalizedEvent(
                dedup_key=event.id,
                kind=event.event_type,
                provider_payment_id=payment_id,
                merchant_reference=reference,
                is_live=self._config.is_live,
                occurred_at=event.create_time,
            ),
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _find(self, name: str) -> Order:
        """The order of this id; or the one that a capture of this id belongs to."""
        try:
            return await self._read_order(name)
        except NotFound:
            capture = await self._get(f"/v2/payments/captures/{name}", Capture)
        order_id = capture.supplementary_data.related_ids.order_id
        if order_id is None:
            raise NotFound("the capture is of no order of ours")
        return await self._read_order(path_part(order_id))

    async def _read_order(self, order_id: str) -> Order:
        order = await self._get(f"/v2/checkout/orders/{order_id}", Order)
        if order.id != order_id:
            raise Unavailable("the answer is about another payment")
        return order

    async def _take(self, order: Order) -> ProviderFailure | None:
        """Take what a buyer has approved, or hold it; what it was refused for, if it was.

        PayPal takes an order once, whatever the key. The key keeps two that look at the same
        moment from getting two answers; another approval, after a decline, is another moment.
        """
        verb = "authorize" if order.intent == "AUTHORIZE" else "capture"
        key = f"{verb}-{order.id}-{order.update_time}"[:KEY_LENGTH]
        try:
            await self._post(f"/v2/checkout/orders/{order.id}/{verb}", b"", Only, key=key)
        except (Declined, StateConflict) as refusal:
            return refusal
        return None

    async def _snapshot(
        self, order: Order, refusal: ProviderFailure | None = None
    ) -> ProviderSnapshot:
        requested, taken = read_money(order.unit.amount), order.taken
        currency, state = requested.currency, read_state(order)
        captured = sum(read_money(row.amount).amount for row in taken)
        refunds = read_refunds(order)
        disputes = await self._read_disputes(taken)
        code, message = find_failure(order), None
        if refusal is not None and state in (PaymentState.PENDING, PaymentState.REQUIRES_ACTION):
            # Declined: the buyer may go back to the same page and choose another way.
            is_over = refusal.code == EXPIRED
            state = PaymentState.VOIDED if is_over else PaymentState.REQUIRES_ACTION
            code, message = refusal.code, refusal.detail
        return ProviderSnapshot(
            provider_payment_id=order.id,
            merchant_reference=order.unit.custom_id or "",
            state=state,
            requested=requested,
            authorized=Money(sum_held(order) or captured, currency),
            captured=Money(captured, currency),
            refunded=Money(sum_returned(refunds), currency),
            disputed=Money(
                sum(row.amount.amount for row in disputes if row.is_money_away), currency
            ),
            is_live=self._config.is_live,
            method=next(iter(order.payment_source), None),
            failure_code=code,
            failure_message=message,
            refunds=refunds,
            disputes=disputes,
            capture_before=read_capture_before(order)
            if state is PaymentState.AUTHORIZED
            else None,
        )

    async def _read_disputes(self, taken: Sequence[Capture]) -> tuple[DisputeSnapshot, ...]:
        """The disputes, if this account may read them; a payment is read without them, too."""
        try:
            return await self._disputes_of(taken)
        except ConfigurationFault as fault:
            log.warning("paypal_disputes_not_readable", reason=fault.detail)
            return ()

    async def _disputes_of(self, taken: Sequence[Capture]) -> tuple[DisputeSnapshot, ...]:
        found: list[DisputeSnapshot] = []
        for capture in taken:
            parameters = {"disputed_transaction_id": capture.id, "page_size": "50"}
            listed = await self._get("/v1/customer/disputes", Disputes, parameters)
            for row in reversed(listed.items):
                path = f"/v1/customer/disputes/{path_part(row.dispute_id)}"
                found.append(read_dispute(await self._get(path, Dispute)))
        return tuple(found)

    async def _get(
        self, path: str, shape: type[Shape], parameters: Mapping[str, str] | None = None
    ) -> Shape:
        token = await self._bearer()
        answer = await self._http.read(path, parameters, {"authorization": token})
        if answer.status == 401:
            token = await self._bearer(stale=token)
            answer = await self._http.read(path, parameters, {"authorization": token})
        return _read(answer, shape)

    async def _post(self, path: str, body: bytes, shape: type[Shape], *, key: str) -> Shape:
        return _read(await self._send("POST", path, body, key=key), shape)

    async def _send(self, method: str, path: str, body: bytes, *, key: str) -> Answer:
        """Ask; a token that is refused was carried nowhere, and is replaced once."""
        headers = {"content-type": "application/json", "paypal-request-id": key}
        token = await self._bearer()
        answer = await self._http.send(method, path, body, {**headers, "authorization": token})
        if answer.status != 401:
            return answer
        token = await self._bearer(stale=token)
        return await self._http.send(method, path, body, {**headers, "authorization": token})

    async def _bearer(self, *, stale: str = "") -> str:
        """The header that opens the API: as it is kept, or another than the stale one.

        Raises:
            ConfigurationFault: PayPal does not know the client id, or not this secret.
            Unavailable: It does not answer; nothing was asked for.
        """
        async with self._token_lock:
            if self._token != stale and clock.monotonic_seconds() < self._token_until:
                return self._token
            pair = f"{self._config.public_key}:{self._config.secret_key.get_secret_value()}"
            headers = {
                "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                "content-type": _FORM,
            }
            body = b"grant_type=client_credentials"
            asked_at = clock.monotonic_seconds()
            try:
                answer = await self._http.send("POST", "/v1/oauth2/token", body, headers)
                if answer.status in (400, 401):
                    raise ConfigurationFault("PayPal does not know this client id and secret")
                token = _read(answer, Token)
            except OutcomeUnknown as failure:
                raise Unavailable(f"no token: {failure.detail}") from failure
            if _TOKEN.fullmatch(token.access_token) is None:
                raise Unavailable("no token: the answer cannot be read")
            self._token = f"Bearer {token.access_token}"
            self._token_until = asked_at + token.expires_in - TOKEN_MARGIN_SECONDS
            return self._token


def _read(answer: Answer, shape: type[Shape]) -> Shape:
    if not answer.is_success:
        raise read_failure(answer)
    return answer.read(shape)
