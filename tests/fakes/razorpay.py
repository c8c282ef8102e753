"""A strict Razorpay: orders, the attempts to pay them, refunds with keys, disputes of the account.

Its amounts are Razorpay's units, whatever ours are. Source: ``docs/providers/razorpay.md``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, Final

import httpx2
import msgspec

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.razorpay import Razorpay
from surehold.sandbox.http import Request
from tests.fakes.harness import Fake, Refused, route, routed

KEY_ID: Final = "rzp_test_fake"
KEY_SECRET: Final = "rzp-fake-secret"
WEBHOOK_SECRET: Final = "rzp-fake-webhook-secret"

_ORDER_FIELDS: Final = {
    "amount", "currency", "receipt", "unique_receipt", "notes", "payment", "partial_payment",
}  # fmt: skip
_OPTION_FIELDS: Final = {"automatic_expiry_period", "manual_expiry_period", "refund_speed"}
_REFUND_FIELDS: Final = {"amount", "speed", "receipt", "notes"}
_DISPUTES: Final = {
    "needs_response": ("open", "chargeback", "created"),
    "warning_needs_response": ("open", "retrieval", "created"),
    "under_review": ("under_review", "chargeback", "under_review"),
    "won": ("won", "chargeback", "won"),
    "lost": ("lost", "chargeback", "lost"),
}


def _no(
    description: str, *, status: int = 400, field: str | None = None, code: str | None = None
) -> Refused:
    error = {
        "code": code or "BAD_REQUEST_ERROR",
        "description": description,
        "source": "business",
        "step": "payment_initiation",
        "reason": "input_validation_failed",
        "metadata": {},
        "field": field,
    }
    return Refused(status, {"error": error})


@routed
class FakeRazorpay(Fake):
    """Razorpay, as far as the adapter asks it."""

    name = "razorpay"
    currency = "INR"
    api_path = "/v1"
    public_key = KEY_ID

    def __init__(
        self,
        *,
        secrets: tuple[str, ...] = (WEBHOOK_SECRET,),
        secret_key: str = KEY_SECRET,
        notify_url: str | None = None,
    ) -> None:
        super().__init__(secrets=secrets, notify_url=notify_url)
        self.secret_key = secret_key
        #: Refunds stay ``pending`` until somebody says otherwise.
        self.is_slow_to_refund = False
        self.orders: dict[str, dict[str, Any]] = {}
        self.attempts: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        #: By key: what was sent, and the refund.
        self._kept: dict[str, tuple[bytes, str]] = {}

    # --- what every fake has -------------------------------------------------------------------

    @staticmethod
    def adapter(account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Razorpay:
        return Razorpay(account, client=client)

    @staticmethod
    def handle_of(action: Any) -> str:
        return str(dict(action["fields"])["order_id"])

    def authorize(self, request: Request) -> None:
        right = base64.b64encode(f"{KEY_ID}:{self.secret_key}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {right}":
            raise _no("Authentication failed", status=401)

    def broken(self, status: int) -> Any:
        return _no(f"status {status}", code="SERVER_ERROR").body

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        del at  # it signs no time
        key = (secret or self.secrets[0]).encode()
        return {
            "X-Razorpay-Signature": hmac.new(key, body, hashlib.sha256).hexdigest(),
            # The same for every delivery of one event, and not in its body.
            "x-razorpay-event-id": f"evt_{hashlib.sha256(body).hexdigest()[:14]}",
        }

    # --- the API -------------------------------------------------------------------------------

    @route("create", "POST", "/v1/orders")
    def create_order(self, request: Request) -> Any:
        sent = _read(request, _ORDER_FIELDS)
        if type(sent.get("amount")) is not int or sent["amount"] < 100:
            raise _no("The amount must be atleast INR 1.00", field="amount")
        if not (isinstance(sent.get("currency"), str) and sent["currency"].isupper()):
            raise _no("The currency is not supported", field="currency")
        receipt = sent.get("receipt")
        if not isinstance(receipt, str) or not 0 < len(receipt) <= 40:
            raise _no("The receipt may not be greater than 40 characters.", field="receipt")
        _check_notes(sent.get("notes", {}))
        capture = _check_capture(sent["payment"])
        if sent.get("unique_receipt") is True:
            for order in self.orders.values():
                if order["receipt"] == receipt:
                    if order["_sent"] != request.body:
                        raise _no("Receipt has been used with other values.", field="receipt")
                    return _shown(order)
        order_id = self.next_id("order_")
        self.orders[order_id] = {
            "id": order_id,
            "entity": "order",
            "amount": sent["amount"],
            "amount_paid": 0,
            "amount_due": sent["amount"],
            "currency": sent["currency"],
            "receipt": receipt,
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": sent.get("notes") or [],
            "created_at": self.now(),
            "_capture": capture,
            "_sent": request.body,
        }
        return _shown(self.orders[order_id])

    @route("find", "GET", "/v1/orders")
    def list_orders(self, request: Request) -> Any:
        receipt = request.query.get("receipt")
        return _collection([row for row in self.orders.values() if row["receipt"] == receipt])

    @route("read", "GET", "/v1/orders/{order}")
    def get_order(self, _: Request, order: str) -> Any:
        return _shown(self._find(self.orders, order))

    @route("read", "GET", "/v1/orders/{order}/payments")
    def list_attempts(self, _: Request, order: str) -> Any:
        self._find(self.orders, order)
        return _collection(reversed(self._attempts_of(order)))

    @route("read", "GET", "/v1/payments/{payment}")
    def get_attempt(self, _: Request, payment: str) -> Any:
        return _shown(self._find(self.attempts, payment))

    @route("capture", "POST", "/v1/payments/{payment}/capture")
    def capture(self, request: Request, payment: str) -> Any:
        sent = _read(request, {"amount", "currency"})
        found = self._find(self.attempts, payment)
        if found["status"] == "captured":
            raise _no("This payment has already been captured")
        if found["status"] != "authorized":
            raise _no("Only payments which have been authorized can be captured")
        if sent != {"amount": found["amount"], "currency": found["currency"]}:
            raise _no("Capture amount must be equal to the amount authorized", field="amount")
        self._take(found)
        return _shown(found)

    @route("refund", "POST", "/v1/payments/{payment}/refund")
    def refund(self, request: Request, payment: str) -> Any:
        sent = _read(request, _REFUND_FIELDS)
        key = request.headers.get("x-refund-idempotency", "")
        if len(key) < 10 or not key.replace("-", "").replace("_", "").isalnum():
            raise _no("The idempotency key is not valid.")
        if key in self._kept:
            body, refund = self._kept[key]
            if body != request.body:
                raise _no("Different request body for the same idempotency key.", status=409)
            return _shown(self.refunds[refund])
        if sent.get("speed") not in ("normal", "optimum"):
            raise _no("The selected speed is invalid.", field="speed")
        _check_notes(sent.get("notes", {}))
        found = self._find(self.attempts, payment)
        made = self._refund(found, sent.get("amount"), sent.get("receipt"))
        self._kept[key] = (request.body, made["id"])
        return _shown(made)

    @route("read", "GET", "/v1/payments/{payment}/refunds")
    def list_refunds(self, request: Request, payment: str) -> Any:
        self._find(self.attempts, payment)
        rows = [row for row in self.refunds.values() if row["payment_id"] == payment]
        return _page(rows, request)

    @route("read", "GET", "/v1/disputes")
    def list_disputes(self, request: Request) -> Any:
        since = int(request.query.get("from", "0"))
        return _page(
            [row for row in self.disputes.values() if row["created_at"] >= since], request
        )

    # --- the buyer, the dashboard and the bank -------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None) -> Any:
        """The buyer pays; with an amount, Razorpay has another one in its book."""
        order = self.orders[payment]
        if order["status"] == "paid":
            raise _no("The order is already paid.")
        made = self._attempt(order, "authorized")
        made["amount"] = amount or made["amount"]
        self._tell("payment.authorized", payment=made)
        if order["_capture"] == "automatic":
            self._take(made)
        return {"payment": made["id"]}

    def on_decline(self, payment: str) -> Any:
        """The bank says no; the buyer may try again on the same order."""
        made = self._attempt(self.orders[payment], "failed")
        made |= {
            "error_code": "BAD_REQUEST_ERROR",
            "error_description": "Your payment has been declined by the bank",
            "error_source": "bank",
            "error_step": "payment_authorization",
            "error_reason": "payment_declined",
        }
        self._tell("payment.failed", payment=made)
        return {"payment": made["id"]}

    def from_page_pay(
        self, key: str, order_id: str, amount: int, currency: str, outcome: str
    ) -> Any:
        """The buyer presses in the window of Razorpay's script: proof, or why not."""
        order = self.orders.get(order_id)
        if key != KEY_ID or order is None:
            raise _no("The id provided does not exist")
        if (amount, currency) != (order["amount"], order["currency"]):
            raise _no("Your payment amount is different from your order amount.")
        if outcome == "decline":
            self.on_decline(order_id)
            return {"error": {"description": self._attempts_of(order_id)[-1]["error_description"]}}
        self.on_pay(order_id)
        return self.on_return(order_id)

    def on_silence(self, payment: str) -> Any:
        """The buyer has pressed, and the bank says nothing."""
        return {"payment": self._attempt(self.orders[payment], "created")["id"]}

    def on_late(self, payment: str) -> Any:
        """Days later the bank says of the last attempt that it was good after all."""
        found = self._attempts_of(payment)[-1]
        found |= {"status": "authorized", "error_code": None, "error_description": None,
                  "error_reason": None}  # fmt: skip
        self._tell("payment.authorized", payment=found)
        if self.orders[payment]["_capture"] == "automatic":
            self._take(found)
        return {}

    def on_lapse(self, payment: str) -> Any:
        """Nobody captured what was held: it goes back by itself."""
        found = self._attempts_of(payment)[-1]
        found |= {"status": "refunded", "amount_refunded": found["amount"]}
        return {}

    def on_return(self, payment: str) -> Any:
        """What the buyer's browser brings back."""
        attempt = self._attempts_of(payment)[-1]["id"]
        signed = f"{payment}|{attempt}".encode()
        return {
            "razorpay_payment_id": attempt,
            "razorpay_order_id": payment,
            "razorpay_signature": hmac.new(
                self.secret_key.encode(), signed, hashlib.sha256
            ).hexdigest(),
        }

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A person gives money back in the dashboard."""
        return _shown(self._refund(self._taken(payment), amount, None))

    def on_refund_done(self, refund: str) -> Any:
        """The bank has it."""
        self.refunds[refund]["status"] = "processed"
        self._tell("refund.processed", refund=self.refunds[refund])
        return {}

    def on_refund_fails(self, refund: str) -> Any:
        """The bank does not take it."""
        found = self.refunds[refund]
        found["status"] = "failed"
        taken = self.attempts[found["payment_id"]]
        taken["amount_refunded"] -= found["amount"]
        taken |= {"status": "captured", "refund_status": "partial" if taken["amount_refunded"]
                  else None}  # fmt: skip
        self._tell("refund.failed", refund=found)
        return {}

    def on_dispute(self, payment: str, amount: int, status: str = "needs_response") -> Any:
        """The buyer's bank asks for the money back, or first asks a question."""
        dispute_id = self.next_id("disp_")
        taken = self._taken(payment)
        self.disputes[dispute_id] = {
            "id": dispute_id,
            "entity": "dispute",
            "payment_id": taken["id"],
            "amount": amount,
            "currency": taken["currency"],
            "amount_deducted": 0,
            "reason_code": "goods_or_services_not_received_or_partially_received",
            "respond_by": self.now() + 7 * 86400,
            "created_at": self.now(),
        }
        self.on_close_dispute(dispute_id, status)
        return {"dispute": dispute_id}

    def on_close_dispute(self, dispute: str, status: str) -> Any:
        """The dispute is ``won`` or ``lost``; money leaves when it is lost."""
        found = self.disputes[dispute]
        word, phase, event = _DISPUTES[status]
        found |= {"status": word, "phase": phase}
        found["amount_deducted"] = found["amount"] if word == "lost" else 0
        self._tell(f"payment.dispute.{event}", dispute=found)
        return {}

    def on_show(self, payment: str) -> Any:
        """The book."""
        rows = [row for row in self._attempts_of(payment) if row["captured"]]
        return {
            "captured": sum(row["amount"] for row in rows),
            "refunded": sum(row["amount_refunded"] for row in rows),
        }

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        for row in (self.orders[payment], *self._attempts_of(payment)):
            row["currency"] = currency.upper()
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _find(self, book: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
        if name not in book:
            raise _no("The id provided does not exist")
        return book[name]

    def _attempts_of(self, order: str) -> list[dict[str, Any]]:
        return [row for row in self.attempts.values() if row["order_id"] == order]

    def _taken(self, order: str) -> dict[str, Any]:
        return next(row for row in self._attempts_of(order) if row["captured"])

    def _attempt(self, order: dict[str, Any], status: str) -> dict[str, Any]:
        attempt_id = self.next_id("pay_")
        order |= {"status": "attempted", "attempts": order["attempts"] + 1}
        self.attempts[attempt_id] = {
            "id": attempt_id,
            "entity": "payment",
            "amount": order["amount"],
            "currency": order["currency"],
            "status": status,
            "order_id": order["id"],
            "captured": False,
            "amount_refunded": 0,
            "refund_status": None,
            "method": "upi",
            "notes": order["notes"],
            "fee": None,
            "tax": None,
            "error_code": None,
            "error_description": None,
            "error_source": None,
            "error_step": None,
            "error_reason": None,
            "created_at": self.now(),
        }
        return self.attempts[attempt_id]

    def _take(self, attempt: dict[str, Any]) -> None:
        attempt |= {"status": "captured", "captured": True, "fee": 236, "tax": 36}
        order = self.orders[attempt["order_id"]]
        order |= {"status": "paid", "amount_paid": attempt["amount"], "amount_due": 0}
        self._tell("payment.captured", payment=attempt)
        self._tell("order.paid", payment=attempt, order=order)

    def _refund(self, attempt: dict[str, Any], amount: Any, receipt: str | None) -> dict[str, Any]:
        if not attempt["captured"]:
            raise _no("The payment status should be captured for action to be taken")
        left = attempt["amount"] - attempt["amount_refunded"]
        wanted = left if amount is None else amount
        if not left:
            raise _no("The payment has been fully refunded already")
        if type(wanted) is not int or not 0 < wanted <= left:
            raise _no("The total refund amount is greater than the refund payment amount")
        refund_id = self.next_id("rfnd_")
        self.refunds[refund_id] = {
            "id": refund_id,
            "entity": "refund",
            "payment_id": attempt["id"],
            "amount": wanted,
            "currency": attempt["currency"],
            "status": "pending" if self.is_slow_to_refund else "processed",
            "receipt": receipt,
            "notes": [],
            "speed_requested": "normal",
            "speed_processed": "normal",
            "acquirer_data": {"arn": None},
            "created_at": self.now(),
        }
        attempt["amount_refunded"] += wanted
        is_whole = attempt["amount_refunded"] == attempt["amount"]
        attempt["refund_status"] = "full" if is_whole else "partial"
        attempt["status"] = "refunded" if is_whole else "captured"
        self._tell("refund.created", refund=self.refunds[refund_id])
        if not self.is_slow_to_refund:
            self._tell("refund.processed", refund=self.refunds[refund_id])
        return self.refunds[refund_id]

    def _tell(self, kind: str, **about: dict[str, Any]) -> None:
        """An event carries what it is about, and the payment that this belongs to."""
        for row in (about.get("refund"), about.get("dispute")):
            if row is not None:
                about["payment"] = self.attempts[row["payment_id"]]
        self.announce(kind, self.an_event(kind, about))

    def an_event(self, kind: str, about: dict[str, Any]) -> dict[str, Any]:
        """The body of a webhook."""
        return {
            "entity": "event",
            "account_id": "acc_fake",
            "event": kind,
            "contains": list(about),
            "payload": {name: {"entity": _shown(row)} for name, row in about.items()},
            "created_at": self.now(),
        }


def _read(request: Request, fields: set[str]) -> dict[str, Any]:
    if request.headers.get("content-type") != "application/json":
        raise _no("Send JSON")
    sent: dict[str, Any] = msgspec.json.decode(request.body)
    unknown = sorted(set(sent) - fields)
    if unknown:
        raise _no(f"{unknown[0]} is/are not required and should not be sent")
    return sent


def _check_notes(notes: Any) -> None:
    if len(notes) > 15 or any(
        not isinstance(value, str) or len(value) > 256 for value in notes.values()
    ):
        raise _no("The notes are not valid", field="notes")


def _check_capture(payment: Any) -> str:
    options = payment["capture_options"]
    minutes = [value for name, value in options.items() if name.endswith("_period")]
    if (
        payment["capture"] not in ("automatic", "manual")
        or set(options) - _OPTION_FIELDS
        or not all(type(value) is int and 12 <= value <= 7200 for value in minutes)
    ):
        raise _no("The capture settings are not valid", field="payment")
    return str(payment["capture"])


def _collection(rows: Any) -> Any:
    items = [_shown(row) for row in rows]
    return {"entity": "collection", "count": len(items), "items": items}


def _page(rows: list[dict[str, Any]], request: Request) -> Any:
    """Newest first, ten at a time unless told otherwise."""
    first, count = int(request.query.get("skip", "0")), int(request.query.get("count", "10"))
    return _collection(rows[::-1][first : first + count])


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_")}
