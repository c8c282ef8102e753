"""The adapter to Razorpay: what is asked, and what the answers mean."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx2
import msgspec

from surehold.kernel.money import Money
from surehold.payments.authorizations.model import AuthorizationLife
from surehold.payments.model import JsCheckout, NextAction, NoAction, PaymentState, PostForm
from surehold.payments.providers import signatures
from surehold.payments.providers.account import AccountConfig, WebhookSecret
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
from surehold.payments.providers.http import ProviderHttp
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
from surehold.payments.providers.razorpay.script import page_script
from surehold.payments.providers.razorpay.settings import Page
from surehold.payments.providers.razorpay.wire import (
    AMOUNTS,
    Attempt,
    Attempts,
    Disputes,
    Event,
    Kind,
    Order,
    Orders,
    Refund,
    Refunds,
    read_dispute,
    read_failure,
    read_money,
    read_refund,
    read_state,
)

Shape = TypeVar("Shape")

#: Three days: the shorter of the two windows that Razorpay's pages tell, so nothing lapses before.
CAPTURE_MINUTES: Final = 3 * 24 * 60
#: How many of a list are read: pages of a hundred.
PAGES_MAX: Final = 10
PAGE_ROWS: Final = 100

_SIGNATURE_HEADER: Final = "x-razorpay-signature"
_EVENT_HEADER: Final = "x-razorpay-event-id"
_MARK: Final = re.compile(r"[0-9a-f]{64}")
_PATH_SAFE: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9]{1,40}")
_NOT_IN_KEYS: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NOTE: Final = 256


class _Kept(msgspec.Struct, frozen=True):
    """What is kept of a question: the order's own bytes, and what the buyer's page needs."""

    order: msgspec.Raw
    page: dict[str, str]


class Razorpay(NoOptions):
    """Razorpay behind the port. Holds keys and connections, no state."""

    name = "razorpay"

    def __init__(
        self,
        account: AccountConfig,
        *,
        page: Page = "hosted",
        client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.account = account.account
        self.capabilities = Capabilities(
            title="UPI, card or net banking",
            explanation="You pay on Razorpay's page, then come back here."
            if page == "hosted"
            else "You pay here; Razorpay takes the details.",
            hold_kind=HoldKind.REDIRECT if page == "hosted" else HoldKind.CARD,
            can_cancel_unpaid=False,
            can_capture_later=True,
            authorization=AuthorizationLife(timedelta(minutes=CAPTURE_MINUTES)),
            can_read_disputes=True,
            reopens_disputes_days=120,
            has_signed_return=True,
            signs_time=False,
            tells_mode=False,
            stays_open_after_decline=True,
            amounts=AMOUNTS,
            page_origins=account.page_origins("https://api.razorpay.com"),
            page_script=page_script(account) if page == "script" else None,
        )
        self._config = account
        self._page = page
        pair = f"{account.public_key}:{account.secret_key.get_secret_value()}"
        basic = base64.b64encode(pair.encode()).decode()
        self._http = ProviderHttp(
            account.base_url, {"authorization": f"Basic {basic}"}, client=client
        )

    def prepare_create(self, request: CreateRequest) -> bytes:
        """The exact body that ``create`` will send, and beside it what is for the buyer alone.

        Kept together, so that a repetition gives the same page. An order has no place for it: what
        is written into its notes is told in every webhook, and addresses open the buyer's order.
        """
        page = {
            "description": request.description,
            "callback_url": request.post_url,
            "cancel_url": request.cancel_url,
            "name": request.customer.name,
            "email": request.customer.email,
            "contact": (request.customer.phone or "").replace(" ", ""),
        }
        mode = "manual" if request.is_captured_later else "automatic"
        options = {f"{mode}_expiry_period": CAPTURE_MINUTES, "refund_speed": "normal"}
        order = {
            "amount": AMOUNTS.to_units(request.amount),
            "currency": request.amount.currency,
            "receipt": request.merchant_reference,
            "unique_receipt": True,
            "notes": {
                "merchant_reference": request.merchant_reference,
                "order": request.description[:_LONGEST_NOTE],
            },
            "payment": {"capture": mode, "capture_options": options},
        }
        given = {name: value for name, value in page.items() if value}
        return msgspec.json.encode({"order": order, "page": given})

    async def create(self, body: bytes, *, idempotency_key: str) -> CreateResult:
        """Make an order. There are no keys: the receipt makes it one, and is answered again."""
        del idempotency_key
        kept = msgspec.json.decode(body, type=_Kept)
        order = await self._post("/orders", bytes(kept.order), Order)
        if order.receipt != msgspec.json.decode(kept.order)["receipt"]:
            raise OutcomeUnknown("the answer is about another payment")
        if order.status not in ("created", "attempted"):
            return CreateResult(order.id, PaymentState.UNKNOWN, NoAction())
        action = self._action(order.id, kept.page)
        return CreateResult(order.id, PaymentState.REQUIRES_ACTION, action)

    def _action(self, order_id: str, page: Mapping[str, str]) -> NextAction:
        known = [(name, page[name]) for name in ("name", "email", "contact") if name in page]
        if self._page == "script":
            return JsCheckout(self._config.public_key, order_id, tuple(known))
        links = ("description", "callback_url", "cancel_url")
        return PostForm(
            f"{self._config.base_url}/checkout/embedded",
            (
                ("key_id", self._config.public_key),
                ("order_id", order_id),
                *((name, page[name]) for name in links if name in page),
                *((f"prefill[{name}]", value) for name, value in known),
            ),
        )

    async def fetch(self, provider_payment_id: str) -> ProviderSnapshot:
        """Read the payment: by its order, or by an attempt to pay it."""
        path = _path_part(provider_payment_id)
        if path.startswith("pay_"):
            attempt = await self._get(f"/payments/{path}", Attempt)
            if attempt.order_id is None:
                raise NotFound("the attempt is of no order of ours")
            path = _path_part(attempt.order_id)
        order = await self._get(f"/orders/{path}", Order)
        if order.id != path:
            raise Unavailable("the answer is about another payment")
        return await self._snapshot(order)

    async def find_by_reference(self, merchant_reference: str) -> ProviderSnapshot | None:
        """Read the order by its receipt. Of several the one that somebody pays counts."""
        if _REFERENCE.fullmatch(merchant_reference) is None:
            return None
        found = (await self._get("/orders", Orders, {"receipt": merchant_reference})).items
        ours = [order for order in found if order.receipt == merchant_reference]
        if not ours:
            return None
        return await self._snapshot(max(ours, key=lambda row: (row.amount_paid, row.created_at)))

    async def cancel(self, provider_payment_id: str, *, idempotency_key: str) -> ProviderSnapshot:
        """Look for a last time: an order cannot be closed, and what is held lapses by itself."""
        del idempotency_key
        found = await self.fetch(provider_payment_id)
        if found.state is PaymentState.REQUIRES_ACTION:
            return msgspec.structs.replace(found, state=PaymentState.VOIDED)
        return found

    def verify_return(
        self, provider_payment_id: str, merchant_reference: str, query: Mapping[str, str]
    ) -> bool:
        """Whether the browser brings Razorpay's mark over *our* order and its attempt.

        The order that the browser names is not used. The mark proves that somebody authorized;
        how much, and whether it is captured, is read.
        """
        del merchant_reference
        attempt, mark = query.get("razorpay_payment_id", ""), query.get("razorpay_signature", "")
        if _PATH_SAFE.fullmatch(attempt) is None or _MARK.fullmatch(mark) is None:
            return False
        if query.get("razorpay_order_id", provider_payment_id) != provider_payment_id:
            return False
        secret = WebhookSecret("key", self._config.secret_key)
        signed = f"{provider_payment_id}|{attempt}".encode()
        return signatures.is_signed([secret], signed, [mark], digest="sha256")

    def prepare_capture(self, request: CaptureRequest) -> bytes:
        """The exact body that ``capture`` will send."""
        return _amount_body(request.amount)

    async def capture(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> ProviderSnapshot:
        """Take what is held: all of it or nothing. There are no keys: taken before is read."""
        del idempotency_key
        found = await self.fetch(provider_payment_id)
        if found.state is PaymentState.CAPTURED:
            return found
        attempts = await self._list_attempts(found.provider_payment_id)
        held = next((row for row in attempts if row.status == "authorized"), None)
        if held is None:
            raise StateConflict("nothing is held")
        if msgspec.json.decode(body) != {"amount": held.amount, "currency": held.currency}:
            raise AmountRefused("all of what is held is captured, or nothing", code="not_all")
        try:
            await self._post(f"/payments/{_path_part(held.id)}/capture", body, Attempt)
        except InvalidRequest as refusal:
            found = await self.fetch(found.provider_payment_id)
            if found.state is not PaymentState.CAPTURED:
                raise StateConflict(refusal.detail, code=refusal.code) from refusal
            return found
        return await self.fetch(found.provider_payment_id)

    def prepare_refund(self, request: RefundRequest) -> bytes:
        """The exact body that ``refund`` will send."""
        return msgspec.json.encode(
            {
                "amount": AMOUNTS.to_units(request.amount),
                "speed": "normal",
                "receipt": request.refund_reference,
                "notes": {"reason": request.reason[:_LONGEST_NOTE]},
            }
        )

    async def refund(
        self, body: bytes, *, provider_payment_id: str, idempotency_key: str
    ) -> RefundSnapshot:
        """Give money back. A refusal is explained by what was given back before, not by words."""
        taken = await self._find_taken(provider_payment_id)
        headers = {"x-refund-idempotency": _NOT_IN_KEYS.sub("-", idempotency_key)}
        try:
            refund = await self._post(f"/payments/{taken.id}/refund", body, Refund, headers)
        except InvalidRequest as refusal:
            return await self._explain(body, taken, refusal)
        if refund.payment_id != taken.id:
            raise OutcomeUnknown("the answer is about another payment")
        return read_refund(refund)

    async def _explain(
        self, body: bytes, taken: Attempt, refusal: InvalidRequest
    ) -> RefundSnapshot:
        """Why a refund was refused: it is there, it is too much, or neither."""
        sent = msgspec.json.decode(body)
        for found in await self._list_refunds(taken):
            if found.refund_reference == sent["receipt"]:
                return found
        now = await self._get(f"/payments/{taken.id}", Attempt)
        if sent["amount"] > now.amount - (now.amount_refunded or 0):
            raise AmountRefused(refusal.detail, code=refusal.code) from refusal
        raise refusal

    async def find_refund(
        self, provider_payment_id: str, refund_reference: str
    ) -> RefundSnapshot | None:
        """Read a refund of ours; its receipt is our reference."""
        found = await self.list_refunds(provider_payment_id)
        return next((row for row in found if row.refund_reference == refund_reference), None)

    async def list_refunds(self, provider_payment_id: str) -> tuple[RefundSnapshot, ...]:
        """Every refund of a payment, those of the dashboard too."""
        attempts = await self._list_attempts(_path_part(provider_payment_id))
        return await self._list_all_refunds([row for row in attempts if row.is_taken])

    async def list_disputes(self, provider_payment_id: str) -> tuple[DisputeSnapshot, ...]:
        """Every dispute of a payment. Razorpay lists those of the account; ours are picked out."""
        attempts = await self._list_attempts(_path_part(provider_payment_id))
        return await self._list_disputes([row for row in attempts if row.is_taken])

    def parse_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], *, received_at: int
    ) -> tuple[NormalizedEvent, ...]:
        """Verify the mark over the raw bytes, then read the one event.

        The event's id travels beside the body and is not signed: it tells repetitions apart only
        together with what is, or an old message under a new event's id would have that one
        forgotten. No time is signed, and no mode: each mode has secrets of its own.

        Raises:
            WebhookRefused: No valid proof, or nothing that can be read.
        """
        del received_at
        if len(raw_body) > signatures.MAX_BYTES:
            raise WebhookRefused("body too large")
        mark = signatures.get_header(headers, _SIGNATURE_HEADER)
        if _MARK.fullmatch(mark) is None:
            raise WebhookRefused("signature malformed")
        secrets = self._config.webhook_secrets
        if not signatures.is_signed(secrets, raw_body, [mark], digest="sha256"):
            raise WebhookRefused("signature does not match")
        try:
            if not msgspec.json.decode(raw_body, type=Kind).is_ours:
                return ()
            event = msgspec.json.decode(raw_body, type=Event)
            occurred_at = datetime.fromtimestamp(event.created_at, UTC)
        except (ValueError, OverflowError, OSError, RecursionError) as error:
            raise WebhookRefused("malformed event") from error
        if event.payment_id is None:
            raise WebhookRefused("event about nothing")
        told = [value for name, value in headers.items() if name.lower() == _EVENT_HEADER]
        event_id = told[0] if len(told) == 1 else None
        signatures.check_told(event_id, event.event, event.payment_id, event.reference)
        return (
            NormalizedEvent(
                dedup_key=event.digest if event_id is None else f"{event_id} {event.digest}",
                kind=event.event,
                provider_payment_id=event.payment_id,
                merchant_reference=event.reference,
                is_live=self._config.is_live,
                occurred_at=occurred_at,
            ),
        )

    def rehearse(self, name: str, *, at: int) -> tuple[Rehearsal, ...]:
        """Tell of an order that nobody has."""
        about = {"order": {"entity": {"id": name, "status": "created"}}}
        told = {"event": "order.paid", "created_at": at, "payload": about}
        prove = signatures.by_mark(_SIGNATURE_HEADER, digest="sha256")
        return signatures.rehearse(self._config.webhook_secrets, told, prove)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _snapshot(self, order: Order) -> ProviderSnapshot:
        attempts = await self._list_attempts(order.id)
        taken = [row for row in attempts if row.is_taken]
        refunds = await self._list_all_refunds(taken) if taken else ()
        disputes = await self._list_disputes(taken) if taken else ()
        moved = taken or [row for row in attempts if row.status == "authorized"]
        currency = (moved[0] if moved else order).currency
        if any(row.currency != currency for row in moved):
            raise Unavailable("attempts in several currencies")
        last = max(attempts, key=lambda row: row.created_at, default=None)
        failed = last if last is not None and last.status == "failed" and not moved else None
        disputed = sum(row.amount.amount for row in disputes if row.is_money_away)
        return ProviderSnapshot(
            provider_payment_id=order.id,
            merchant_reference=order.receipt or "",
            state=read_state(order, attempts),
            requested=read_money(order.amount, order.currency),
            authorized=read_money(sum(row.amount for row in moved), currency),
            captured=read_money(sum(row.amount for row in taken), currency),
            refunded=read_money(sum(row.amount_refunded or 0 for row in taken), currency),
            disputed=Money(disputed, currency),
            is_live=self._config.is_live,
            method=moved[0].method if moved else None,
            failure_code=(failed.error_reason or failed.error_code) if failed else None,
            failure_message=failed.error_description if failed else None,
            refunds=refunds,
            disputes=disputes,
        )

    async def _find_taken(self, provider_payment_id: str) -> Attempt:
        """The attempt whose money is ours."""
        attempts = await self._list_attempts(_path_part(provider_payment_id))
        taken = next((row for row in attempts if row.is_taken), None)
        if taken is None:
            raise StateConflict("nothing was paid")
        _path_part(taken.id)
        return taken

    async def _list_attempts(self, order_id: str) -> tuple[Attempt, ...]:
        found = await self._get(f"/orders/{order_id}/payments", Attempts)
        if any(row.order_id != order_id for row in found.items):
            raise Unavailable("the answer is about another payment")
        return found.items

    async def _list_all_refunds(self, taken: Sequence[Attempt]) -> tuple[RefundSnapshot, ...]:
        return tuple([found for row in taken for found in await self._list_refunds(row)])

    async def _list_refunds(self, taken: Attempt) -> tuple[RefundSnapshot, ...]:
        found: list[Refund] = []
        for page in range(PAGES_MAX):
            parameters = {"count": str(PAGE_ROWS), "skip": str(page * PAGE_ROWS)}
            path = f"/payments/{_path_part(taken.id)}/refunds"
            rows = (await self._get(path, Refunds, parameters)).items
            found += rows
            if len(rows) < PAGE_ROWS:
                return tuple(read_refund(row) for row in reversed(found))
        raise Unavailable("the list of refunds does not end")

    async def _list_disputes(self, taken: Sequence[Attempt]) -> tuple[DisputeSnapshot, ...]:
        if not taken:
            return ()
        ids, since = {row.id for row in taken}, min(row.created_at for row in taken)
        found: list[DisputeSnapshot] = []
        for page in range(PAGES_MAX):
            parameters = {
                "from": str(since),
                "count": str(PAGE_ROWS),
                "skip": str(page * PAGE_ROWS),
            }
            rows = (await self._get("/disputes", Disputes, parameters)).items
            found += [read_dispute(row) for row in rows if row.payment_id in ids]
            if len(rows) < PAGE_ROWS:
                return tuple(reversed(found))
        raise Unavailable("the list of disputes does not end")

    def _check_mode(self) -> None:
        """Razorpay's objects do not say whether money is real; the key id does."""
        if not self._config.public_key.startswith(f"rzp_{self._config.mode.value}_"):
            raise ConfigurationFault("the key is of the other mode", code="wrong_mode")

    async def _get(
        self, path: str, shape: type[Shape], parameters: Mapping[str, str] | None = None
    ) -> Shape:
        self._check_mode()
        answer = await self._http.read(path, parameters)
        if answer.is_success:
            return answer.read(shape)
        failure = read_failure(answer)
        # An id that it does not know is a bad request to Razorpay, not a missing page.
        raise NotFound(failure.detail) if isinstance(failure, InvalidRequest) else failure

    async def _post(
        self, path: str, body: bytes, shape: type[Shape], headers: Mapping[str, Any] | None = None
    ) -> Shape:
        self._check_mode()
        sent = {"content-type": "application/json", **(headers or {})}
        answer = await self._http.send("POST", path, body, sent)
        if not answer.is_success:
            raise read_failure(answer)
        return answer.read(shape)


def _amount_body(amount: Money) -> bytes:
    return msgspec.json.encode({"amount": AMOUNTS.to_units(amount), "currency": amount.currency})


def _path_part(provider_id: str) -> str:
    if _PATH_SAFE.fullmatch(provider_id) is None:
        raise NotFound("not an id of this provider")
    return provider_id
