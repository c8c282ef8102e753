"""A strict Paystack: hosted pages, references that are used once, refunds, disputes.

Its amounts are hundredths, whatever ours are. Source: ``docs/providers/paystack.md``.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

import httpx2
import msgspec

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.paystack import Paystack
from surehold.sandbox.http import Request
from tests.fakes.harness import Fake, Refused, route, routed

SECRET_KEY: Final = "sk_test_paystack_fake"
PUBLIC_KEY: Final = "pk_test_paystack_fake"

_FIELDS: Final = {
    "email", "amount", "currency", "reference", "callback_url", "channels", "metadata",
}  # fmt: skip
_REFUND_FIELDS: Final = {"transaction", "amount", "currency", "customer_note", "merchant_note"}
_CURRENCIES: Final = {"NGN", "GHS", "ZAR", "KES", "USD", "XOF", "EGP", "RWF"}
_PAID: Final = {"success", "reversed"}
_DISPUTES: Final = {
    "needs_response": ("awaiting-merchant-feedback", None),
    "under_review": ("awaiting-bank-feedback", None),
    "won": ("resolved", "declined"),
    "lost": ("resolved", "merchant-accepted"),
}


def _no(message: str, *, status: int = 400, code: str = "invalid_params") -> Refused:
    return Refused(
        status,
        {
            "status": False,
            "message": message,
            "meta": {"nextStep": "Ensure that the value(s) you're passing are valid."},
            "type": "validation_error",
            "code": code,
        },
    )


@routed
class FakePaystack(Fake):
    """Paystack, as far as the adapter asks it."""

    name = "paystack"
    currency = "NGN"
    public_key = PUBLIC_KEY

    def __init__(
        self,
        *,
        secrets: tuple[str, ...] = (SECRET_KEY,),
        secret_key: str = SECRET_KEY,
        notify_url: str | None = None,
        is_live: bool = False,
    ) -> None:
        super().__init__(secrets=secrets, notify_url=notify_url)
        self.secret_key = secret_key
        self.is_live = is_live
        #: Refunds stay ``pending`` until somebody says otherwise.
        self.is_slow_to_refund = False
        self.transactions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[int, dict[str, Any]] = {}
        self.disputes: dict[int, dict[str, Any]] = {}

    # --- what every fake has -------------------------------------------------------------------

    @staticmethod
    def adapter(account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Paystack:
        return Paystack(account, client=client)

    def authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.secret_key}":
            raise _no("Invalid key", status=401, code="invalid_Key")

    def broken(self, status: int) -> Any:
        return {"status": False, "message": f"status {status}", "type": "api_error"}

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        del at  # it signs no time
        key = (secret or self.secrets[0]).encode()
        return {"x-paystack-signature": hmac.new(key, body, hashlib.sha512).hexdigest()}

    # --- the API -------------------------------------------------------------------------------

    @route("create", "POST", "/transaction/initialize")
    def initialize(self, request: Request) -> Any:
        sent = _read(request, _FIELDS)
        if "@" not in sent.get("email", ""):
            raise _no("Invalid Email Address Passed")
        if type(sent.get("amount")) is not int or sent["amount"] < 1:
            raise _no("Invalid Amount Sent")
        if sent.get("currency") not in _CURRENCIES:
            raise _no(
                "Currency not supported by merchant", status=403, code="unsupported_currency"
            )
        reference = sent.get("reference", "")
        if (
            not reference
            or not reference.replace("-", "").replace(".", "").replace("=", "").isalnum()
        ):
            raise _no("Invalid reference", code="invalid_reference")
        if not all(isinstance(one, str) for one in sent.get("channels", [])):
            raise _no("Invalid channels")
        if reference in self.transactions:
            raise _no("Duplicate Transaction Reference", code="duplicate_reference")
        self.transactions[reference] = {
            "id": self._number(),
            "domain": "live" if self.is_live else "test",
            "status": "abandoned",
            "reference": reference,
            "amount": sent["amount"],
            "requested_amount": sent["amount"],
            "currency": sent["currency"],
            "gateway_response": "The transaction was not completed",
            "message": None,
            "channel": "card",
            "fees": None,
            "paid_at": None,
            "metadata": sent.get("metadata", ""),
            "authorization": {},
            "customer": {"id": 1, "email": sent["email"], "customer_code": "CUS_fake"},
        }
        code = f"ac_{reference[-12:].lower()}"
        return _yes(
            "Authorization URL created",
            {
                "authorization_url": f"{request.base_url}/{reference}",
                "access_code": code,
                "reference": reference,
            },
        )

    @route("read", "GET", "/transaction/verify/{reference}")
    def verify(self, _: Request, reference: str) -> Any:
        return _yes("Verification successful", self._find(reference))

    @route("refund", "POST", "/refund")
    def refund(self, request: Request) -> Any:
        sent = _read(request, _REFUND_FIELDS)
        found = self._find(str(sent.get("transaction")))
        if sent.get("currency", found["currency"]) != found["currency"]:
            raise _no("Refund currency must be the transaction's")
        made = self._refund(found, sent.get("amount"), sent.get("merchant_note"))
        shown = made | {"transaction": {"id": found["id"], "reference": found["reference"]}}
        return _yes("Refund has been queued for processing", shown)

    @route("read", "GET", "/refund")
    def list_refunds(self, request: Request) -> Any:
        return self._page(self.refunds, request)

    @route("read", "GET", "/dispute")
    def list_disputes(self, request: Request) -> Any:
        return self._page(self.disputes, request)

    # --- the buyer, the dashboard and the bank -------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None, fees: int = 150) -> Any:
        """The buyer pays; with an amount, another one than was asked for."""
        found = self.transactions[payment]
        if found["status"] in _PAID:
            raise _no("This transaction is over")
        found |= {
            "status": "success",
            "amount": amount or found["amount"],
            "fees": fees,
            "gateway_response": "Successful",
            "paid_at": "2026-11-21T10:00:00.000Z",
            "authorization": {"channel": "card", "brand": "visa", "last4": "4081"},
        }
        self._tell("charge.success", found)
        return {}

    def on_decline(self, payment: str) -> Any:
        """The bank says no, and nobody tells; the buyer may try again on the same page."""
        self.transactions[payment] |= {"status": "failed", "gateway_response": "Declined"}
        return {}

    def on_begin(self, payment: str, status: str = "ongoing") -> Any:
        """The buyer is at it: ``ongoing``; or the bank is: ``processing``, ``queued``."""
        self.transactions[payment]["status"] = status
        return {}

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A person gives money back in the dashboard."""
        note = f"Refund for transaction {payment} by mara@example.com"
        return self._refund(self.transactions[payment], amount, note)

    def on_refund_moves(self, refund: str, status: str) -> Any:
        """``processing``, ``processed``, or ``needs-attention``."""
        self._move(self.refunds[int(refund)], status)
        return {}

    def on_refund_fails(self, refund: str) -> Any:
        """The bank does not take it: the money is the merchant's again."""
        found = self.refunds[int(refund)]
        self._move(found, "failed")
        self._of(found["transaction"])["status"] = "success"
        return {}

    def on_dispute(self, payment: str, amount: int, status: str = "needs_response") -> Any:
        """The buyer's bank asks for the money back."""
        found, dispute = self.transactions[payment], self._number()
        self.disputes[dispute] = {
            "id": dispute,
            "refund_amount": amount,
            "currency": found["currency"],
            "category": "chargeback",
            "dueAt": "2026-11-28T10:00:00.000Z",
            "domain": found["domain"],
            "transaction": {
                "id": found["id"],
                "domain": found["domain"],
                "reference": payment,
                "amount": found["amount"],
            },
        }
        self._set_dispute(dispute, status, "create")
        return {"dispute": dispute}

    def on_close_dispute(self, dispute: int, status: str) -> Any:
        """The dispute is ``won`` or ``lost``."""
        self._set_dispute(dispute, status, "resolve")
        return {}

    def on_show(self, payment: str) -> Any:
        """The book."""
        found = self.transactions[payment]
        captured = found["amount"] if found["status"] in _PAID else 0
        return {"captured": captured, "refunded": captured - self._left(found) if captured else 0}

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        self.transactions[payment]["currency"] = currency.upper()
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _number(self) -> int:
        return int(self.next_id("4")[-9:]) + 4_000_000_000

    def _find(self, reference: str) -> dict[str, Any]:
        if reference not in self.transactions:
            raise _no("Transaction reference not found.", code="transaction_not_found")
        return self.transactions[reference]

    def _of(self, transaction_id: int) -> dict[str, Any]:
        return next(row for row in self.transactions.values() if row["id"] == transaction_id)

    def _left(self, found: dict[str, Any]) -> int:
        back = sum(
            row["amount"]
            for row in self.refunds.values()
            if row["transaction"] == found["id"] and row["status"] != "failed"
        )
        left: int = found["amount"] - back
        return left

    def _refund(self, found: dict[str, Any], amount: Any, note: str | None) -> dict[str, Any]:
        if found["status"] not in _PAID:
            raise _no("Transaction has not been paid", code="transaction_not_successful")
        left = self._left(found)
        wanted = left if amount is None else amount
        if not left:
            raise _no("Transaction has been fully reversed", code="transaction_reversed")
        if type(wanted) is not int or not 0 < wanted <= left:
            raise _no("Refund amount cannot be more than what is left of the transaction")
        refund = self._number()
        self.refunds[refund] = {
            "id": refund,
            "integration": 123456,
            "domain": found["domain"],
            "transaction": found["id"],
            "dispute": None,
            "amount": wanted,
            "deducted_amount": 0,
            "currency": found["currency"],
            "channel": None,
            "status": "pending",
            "merchant_note": note,
            "customer_note": None,
        }
        self._move(self.refunds[refund], "pending")
        if not self.is_slow_to_refund:
            self._move(self.refunds[refund], "processed")
        if not self._left(found):
            found["status"] = "reversed"
        return self.refunds[refund]

    def _move(self, refund: dict[str, Any], status: str) -> None:
        refund["status"] = status
        self._tell_refund(refund)

    def _set_dispute(self, dispute: int, status: str, event: str) -> None:
        word, resolution = _DISPUTES[status]
        found = self.disputes[dispute] | {"status": word, "resolution": resolution}
        self.disputes[dispute] = found
        self.announce(f"charge.dispute.{event}", self.an_event(f"charge.dispute.{event}", found))

    def _page(self, book: dict[int, dict[str, Any]], request: Request) -> Any:
        """Newest first, fifty at a time unless told otherwise."""
        wanted = request.query.get("transaction")
        count, page = int(request.query.get("perPage", "50")), int(request.query.get("page", "1"))
        rows = []
        for row in reversed(book.values()):
            about = row["transaction"]
            number = about["id"] if isinstance(about, dict) else about
            if wanted in (None, str(number)):
                rows.append(row)
        first = (page - 1) * count
        meta = {"total": len(rows), "perPage": count, "page": page}
        return {**_yes("Retrieved", rows[first : first + count]), "meta": meta}

    def _tell(self, kind: str, found: dict[str, Any]) -> None:
        self.announce(kind, self.an_event(kind, found))

    def _tell_refund(self, refund: dict[str, Any]) -> None:
        found = self._of(refund["transaction"])
        about = {
            "status": refund["status"],
            "transaction_reference": found["reference"],
            "refund_reference": None if refund["status"] == "pending" else f"TRF_{refund['id']}",
            "amount": str(refund["amount"]),
            "currency": refund["currency"],
            "processor": "instant-transfer",
            "customer": {"email": found["customer"]["email"]},
            "integration": 123456,
            "domain": refund["domain"],
        }
        self._tell(f"refund.{refund['status']}", about)

    def an_event(self, kind: str, about: dict[str, Any]) -> dict[str, Any]:
        """The body of a webhook."""
        return {"event": kind, "data": about}


def _yes(message: str, data: Any) -> dict[str, Any]:
    return {"status": True, "message": message, "data": data}


def _read(request: Request, fields: set[str]) -> dict[str, Any]:
    if request.headers.get("content-type") != "application/json":
        raise _no("Send JSON")
    sent: dict[str, Any] = msgspec.json.decode(request.body)
    unknown = sorted(set(sent) - fields)
    if unknown:
        raise _no(f'"{unknown[0]}" is not allowed')
    return sent
