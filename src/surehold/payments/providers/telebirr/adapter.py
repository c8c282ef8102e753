"""The adapter to Telebirr: what is asked, and what the answers mean."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

import httpx2
import msgspec

from surehold.kernel import clock
from surehold.kernel.money import Money
from surehold.payments.model import PaymentState, Redirect
from surehold.payments.providers import signatures, sorted_fields
from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.failures import (
    NotFound,
    OutcomeUnknown,
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
    ProviderRefundState,
    ProviderSnapshot,
    RefundOrigin,
    RefundRequest,
    RefundSnapshot,
)
from surehold.payments.providers.references import from_letters, to_letters
from surehold.payments.providers.telebirr import wire
from surehold.payments.providers.telebirr.settings import Merchant

#: An order may stay open for so long, in whole minutes.
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(minutes=120)
#: A token is not used in its last minute; one that names no times is good for a short while.
TOKEN_MARGIN: Final = timedelta(minutes=1)
TOKEN_LIFETIME: Final = timedelta(minutes=10)

_JSON: Final = {"content-type": "application/json"}
_SIGN_TYPE: Final = "SHA256WithRSA"
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_UNTITLED: Final = re.compile(r"[^A-Za-z0-9]+")


class Telebirr(NoOptions):
    """Telebirr behind the port. Holds keys, connections and a token, no state."""

    name = "telebirr"
    capabilities = Capabilities(
        title="Telebirr",
        explanation="You pay on Telebirr's page with your telephone, then come back here.",
        hold_kind=HoldKind.REDIRECT,
        has_keys=False,
        can_cancel_unpaid=False,
        can_list_refunds=False,
        can_find_refunds=False,
        tells_refunds=False,
        tells_late_money=False,
        signs_time=False,
        shares_secret=False,
        has_event_ids=False,
        tells_mode=False,
        keys_tell_mode=False,
        amounts=wire.AMOUNTS,
    )

    def __init__(
        self,
        account: AccountConfig,
        merchant: Merchant,
        *,
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.account = account.account
        origins = (merchant.page_origin,)
        self.capabilities = msgspec.structs.replace(self.capabilities, page_origins=origins)
        self._is_live = account.is_live
        self._merchant = merchant
        self._key = sorted_fields.read_private_key(
            merchant.private_key.get_secret_value(), is_checked=True
        )
        self._their_keys = tuple(
            sorted_fields.read_public_key(secret.value.get_secret_value())
            for secret in account.webhook_secrets
        )
        self._http = ProviderHttp(account.base_url, {"x-app-key": merchant.app_id}, client=client)
        self._token = _Token(self._http, account.secret_key.get_secret_value())

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact fields of the order; the envelope around them is made when they are sent."""
        time = min(max(request.expires_at - request.requested_at, SHORTEST), LONGEST)
        return msgspec.json.encode(
            {
                "notify_url": request.notify_url,
                "redirect_url": request.return_url,
                "appid": self._merchant.merchant_app_id,
                "merch_code": self._merchant.short_code,
                "merch_order_id": request.merchant_reference,
                "trade_type": "Checkout",
                "title": _plain(request.description),
                "total_amount": wire.AMOUNTS.to_decimal(request.amount),
                "trans_currency": request.amount.currency,
                # Never longer than the stock is held.
                "timeout_express": f"{time // timedelta(minutes=1)}m",
                "business_type": "BuyGoods",
                "payee_identifier": self._merchant.short_code,
                "payee_identifier_type": "04",
                "payee_type": "5000",
            }
        )

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Begin collecting. Telebirr has no keys: an order number that it knows is a conflict.

        Then an earlier asking got through and its page is lost: nobody can pay there.
        """
        del idempotency_key
        content = _fields(body)
        answer = await self._send("/payment/v1/merchant/preOrder", "payment.preorder", content)
        reply = wire.read_reply(answer)
        reference = content["merch_order_id"]
        if not reply.prepay_id or reply.merch_order_id not in (None, reference):
            raise OutcomeUnknown("the answer is about another payment")
        page = Redirect(self._page_url(reply.prepay_id))
        return CreateResult(reference, PaymentState.REQUIRES_ACTION, page)

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Ask what became of an order. One whose time is over is asked about twice.

        The last payment and the end of its time may meet.
        """
        if _REFERENCE.fullmatch(provider_payment_id) is None:
            raise NotFound("not an order of ours")
        found = await self._query(provider_payment_id)
        if found.status in wire.CLOSED:
            found = await self._query(provider_payment_id)
        return self._snapshot(found, provider_payment_id)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Ask by our order number, which is the only name that we use."""
        try:
            return await self.fetch(merchant_reference)
        except NotFound:
            return None

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Read it: Telebirr has no such call, and an unpaid order ends by its own time."""
        del idempotency_key
        return await self.fetch(provider_payment_id)

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact fields of the refund."""
        return msgspec.json.encode(
            {
                "appid": self._merchant.merchant_app_id,
                "merch_code": self._merchant.short_code,
                "merch_order_id": request.provider_payment_id,
                "refund_request_no": to_letters(request.refund_reference),
                "refund_reason": _plain(request.reason)[:128],
                self._merchant.refund_amount_field: wire.AMOUNTS.to_decimal(request.amount),
                "trans_currency": request.amount.currency,
            }
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back. Our number makes it one: sent again, the first one stands.

        Telebirr then says only that it has it, and the order says whether it is still on its way.
        """
        del idempotency_key
        content = _fields(body)
        answer = await self._send("/payment/v1/merchant/refund", "payment.refund", content)
        status = (wire.read_reply(answer).refund_status or "").strip().lower()
        state = wire.REFUND_STATES.get(status, ProviderRefundState.PENDING)
        if status == wire.DUPLICATED:
            order = await self._query(provider_payment_id)
            # Of several refunds it does not say which one failed: that is for a person to find.
            is_open = order.status in {wire.REFUNDING, wire.REFUND_FAILED}
            state = ProviderRefundState.PENDING if is_open else ProviderRefundState.SUCCEEDED
        return RefundSnapshot(
            provider_refund_id=content["refund_request_no"],
            refund_reference=from_letters(content["refund_request_no"]),
            amount=wire.AMOUNTS.from_decimal(
                content.get("actual_amount") or content["refund_amount"],
                content["trans_currency"],
            ),
            state=state,
            origin=RefundOrigin.US,
            failure_code=status if state is ProviderRefundState.FAILED else None,
        )

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Nothing: a refund cannot be asked about, only sent again under its number."""
        del provider_payment_id, refund_reference
        return None

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify the sorted fields with Telebirr's key, then read the hint. No time is signed.

        Raises:
            WebhookRefused: No valid proof, or of another merchant.
        """
        del headers, received_at
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        if not self._their_keys:
            raise WebhookRefused("no public key to verify with")
        try:
            told = sorted_fields.read(raw_body, unsigned=wire.UNSIGNED - {"sign"})
        except (ValueError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        signed = sorted_fields.join(told, without=wire.UNSIGNED)
        if not sorted_fields.is_signed(self._their_keys, signed, told.get("sign", "")):
            raise WebhookRefused("signature does not match")
        ours = (self._merchant.merchant_app_id, self._merchant.short_code)
        if (told.get("appid"), told.get("merch_code")) != ours:
            raise WebhookRefused("event of another merchant")
        reference, status = told.get("merch_order_id", ""), told.get("trade_status", "")
        signatures.check_told(reference, status)
        facts = (
            reference,
            status.lower(),
            *(told.get(name) for name in ("payment_order_id", "trans_id", "total_amount")),
        )
        return (
            NormalizedEvent(
                dedup_key=hashlib.sha256(repr(facts).encode()).hexdigest(),
                kind=status,
                provider_payment_id=reference,
                merchant_reference=reference,
                is_live=self._is_live,
            ),
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _query(self, reference: str) -> wire.Content:
        content = {
            "appid": self._merchant.merchant_app_id,
            "merch_code": self._merchant.short_code,
            "merch_order_id": reference,
        }
        path, method = "/payment/v1/merchant/queryOrder", "payment.queryorder"
        answer = await self._send(path, method, content, is_read=True)
        found = wire.read_reply(answer)
        if found.merch_order_id not in (None, reference):
            raise Unavailable("the answer is about another payment")
        return found

    async def _send(
        self, path: str, method: str, content: Mapping[str, str], *, is_read: bool = False
    ) -> Answer:
        """Send the fields in an envelope of now; once more with a new token where one is asked."""
        refused: str | None = None
        while True:
            token = await self._token.get(instead_of=refused)
            body, headers = self._seal(method, content), {**_JSON, "authorization": token}
            if is_read:
                answer = await self._http.query(path, body, headers)
            else:
                answer = await self._http.send("POST", path, body, headers)
            if answer.status != 401 or refused is not None:
                return answer
            refused = token

    def _seal(self, method: str, content: Mapping[str, str]) -> bytes:
        head = {
            "timestamp": str(clock.unix_seconds()),
            "nonce_str": secrets.token_hex(16),
            "method": method,
            "version": "1.0",
        }
        signed = sorted_fields.join({**head, **content}, without=wire.UNSIGNED)
        mark = sorted_fields.sign(self._key, signed)
        return msgspec.json.encode(
            {**head, "biz_content": content, "sign": mark, "sign_type": _SIGN_TYPE}
        )

    def _page_url(self, prepay_id: str) -> str:
        fields = {
            "appid": self._merchant.merchant_app_id,
            "merch_code": self._merchant.short_code,
            "nonce_str": secrets.token_hex(16),
            "prepay_id": prepay_id,
            "timestamp": str(clock.unix_seconds()),
        }
        mark = sorted_fields.sign(self._key, sorted_fields.join(fields))
        more = {**fields, "sign": mark, "sign_type": _SIGN_TYPE}
        query = urlencode({**more, "version": "1.0", "trade_type": "Checkout"}, quote_via=quote)
        return f"{self._merchant.web_url.rstrip('?')}?{query}"

    def _snapshot(self, found: wire.Content, reference: str) -> ProviderSnapshot:
        state = wire.STATES.get(found.status, PaymentState.UNKNOWN)
        amount = wire.read_amount(found)
        is_paid = state is PaymentState.CAPTURED
        if is_paid and amount is None:
            raise Unavailable("the answer names no amount")
        nothing = NOTHING if amount is None else Money(0, amount.currency)
        captured = amount if is_paid and amount is not None else nothing
        return ProviderSnapshot(
            provider_payment_id=reference,
            merchant_reference=reference,
            state=state,
            requested=amount,
            authorized=captured,
            captured=captured,
            # Said of a part, too; what of it is ours, we know.
            refunded=captured if found.status == wire.REFUNDED else nothing,
            disputed=nothing,
            is_live=self._is_live,
            method="telebirr" if is_paid else None,
            failure_code=found.status if state is PaymentState.FAILED else None,
        )


class _Token:
    """The token of an account: asked for by one caller at a time, and kept while it is good."""

    def __init__(self, http: ProviderHttp, app_secret: str) -> None:
        self._http = http
        self._app_secret = app_secret
        self._lock = asyncio.Lock()
        self._value = ""
        self._until = clock.monotonic_seconds()

    async def get(self, *, instead_of: str | None = None) -> str:
        """A token that is good, and not the one that was refused.

        Raises:
            ProviderFailure: There is none. Nothing was begun, so it is safe to ask again.
        """
        async with self._lock:
            is_refused = self._value == instead_of
            if self._value and not is_refused and clock.monotonic_seconds() < self._until:
                return self._value
            body = msgspec.json.encode({"appSecret": self._app_secret})
            answer = await self._http.query("/payment/v1/token", body, _JSON)
            if not answer.is_success:
                raise wire.read_failure(answer)
            found = answer.read(wire.Token)
            self._value = found.token
            self._until = clock.monotonic_seconds() + _lifetime(found).total_seconds()
            return self._value


def _lifetime(token: wire.Token) -> timedelta:
    """How long a token is good, by the distance of its two times, whichever clock they are of."""
    try:
        begins, ends = (
            datetime.strptime(text or "", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            for text in (token.effective_date, token.expiration_date)
        )
    except ValueError:
        return TOKEN_LIFETIME
    return ends - begins - TOKEN_MARGIN


def _fields(body: bytes) -> dict[str, str]:
    return msgspec.json.decode(body, type=dict[str, str])


def _plain(text: str) -> str:
    """Letters, digits and spaces: more is not taken."""
    return _UNTITLED.sub(" ", text).strip() or "order"
