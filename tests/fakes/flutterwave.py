"""A strict Flutterwave v3: numbers in major units, pages without transactions, a word for proof.

Refunds begin as ``completed``, which is not the end of them. Source: Flutterwave's v3 pages, as
``docs/providers/flutterwave.md`` tells of them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from decimal import Decimal
from typing import Any, Final

import httpx2
import msgspec

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.flutterwave import Flutterwave
from surehold.sandbox.http import Request
from tests.fakes.harness import Fake, Refused, route, routed

SECRET_KEY: Final = "FLWSECK_TEST-fake-X"
WEBHOOK_SECRET: Final = "flutterwave-fake-hash"

_FIELDS: Final = {
    "tx_ref", "amount", "currency", "redirect_url", "customer", "session_duration",
    "max_retry_attempt", "meta", "customizations",
}  # fmt: skip
_CUSTOMER_FIELDS: Final = {"email", "name", "phonenumber"}
_WHOLE: Final = {"RWF", "UGX", "XAF", "XOF"}
_TAKEN: Final = {"EUR", "GBP", "GHS", "KES", "NGN", "TZS", "USD", "ZAR", "ZMW", *_WHOLE}
_PER_PAGE: Final = 10


def _no(message: str, *, status: int = 400) -> Refused:
    return Refused(status, {"status": "error", "message": message, "data": None})


@routed
class FakeFlutterwave(Fake):
    """Flutterwave v3, as far as the adapter asks it."""

    name = "flutterwave"
    currency = "GHS"
    api_path = "/v3"

    def __init__(
        self,
        *,
        secrets: tuple[str, ...] = (WEBHOOK_SECRET,),
        secret_key: str = SECRET_KEY,
        notify_url: str | None = None,
        is_live: bool = False,
    ) -> None:
        super().__init__(secrets=secrets, notify_url=notify_url)
        self.secret_key = secret_key
        self.is_live = is_live
        #: By the last part of their address.
        self.pages: dict[str, dict[str, Any]] = {}
        self.transactions: list[dict[str, Any]] = []
        self.refunds: list[dict[str, Any]] = []
        #: Accounts differ: some refuse a reference that has a page already.
        self.refuses_reuse = False
        #: And lists of refunds may leave out what was written on them.
        self.shows_comments = True

    @staticmethod
    def adapter(account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Flutterwave:
        return Flutterwave(account, client=client)

    def authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.secret_key}":
            raise _no("Invalid authorization key", status=401)

    def broken(self, status: int) -> Any:
        return {"status": "error", "message": f"status {status}", "data": None}

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        del body, at  # neither is signed
        return {"verif-hash": self.secrets[0] if secret is None else secret}

    @staticmethod
    def sign_body(body: bytes, secret: str) -> dict[str, str]:
        """What accounts send that sign the body."""
        mark = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        return {"flutterwave-signature": base64.b64encode(mark).decode()}

    # --- the API -------------------------------------------------------------------------------

    @route("create", "POST", "/v3/payments")
    def create(self, request: Request) -> Any:
        if request.headers.get("content-type") != "application/json":
            raise _no("Send JSON")
        sent = msgspec.json.decode(request.body)
        unknown = (set(sent) - _FIELDS) | (set(sent.get("customer", {})) - _CUSTOMER_FIELDS)
        if unknown:
            raise _no(f"{min(unknown)} is not allowed")
        if not 1 <= sent.get("session_duration", 60) <= 1440:
            raise _no("session_duration must be less than or equal to 1440")
        currency = sent.get("currency", "NGN")
        if currency not in _TAKEN:
            raise _no("This currency is not supported")
        amount = _amount(request.body, currency)
        if any(row["tx_ref"] == sent["tx_ref"] for row in self.transactions) or (
            self.refuses_reuse and any(r["tx_ref"] == sent["tx_ref"] for r in self.pages.values())
        ):
            raise _no("Duplicate transaction reference: it already exists")
        page = self.next_id("flwlnk-")
        self.pages[page] = {"tx_ref": sent["tx_ref"], "amount": amount, "currency": currency}
        link = f"{request.base_url}/v3/hosted/pay/{page}"
        return {"status": "success", "message": "Hosted Link", "data": {"link": link}}

    @route("read", "GET", "/v3/transactions/verify_by_reference")
    def verify(self, request: Request) -> Any:
        found = self._find(request.query.get("tx_ref", ""))
        if found is None:
            raise _no("No transaction was found for this id")
        data = {
            **found,
            "amount": _number(found["amount"], found["currency"]),
            "charged_amount": _number(found["amount"] + Decimal(1), found["currency"]),
            "app_fee": 1,
            "payment_type": "card",
            "processor_response": "Approved" if found["status"] == "successful" else "Declined",
        }
        message = "Transaction fetched successfully"
        return {"status": "success", "message": message, "data": data}

    @route("refund", "POST", "/v3/transactions/{transaction}/refund")
    def refund(self, request: Request, transaction: str) -> Any:
        found = next((row for row in self.transactions if str(row["id"]) == transaction), None)
        if found is None:
            raise _no("Transaction not found", status=404)
        sent = msgspec.json.decode(request.body)
        if set(sent) - {"amount", "comments"}:
            raise _no("That is not allowed")
        amount = _amount(request.body, found["currency"]) if "amount" in sent else None
        made = self._refund(found, amount, sent.get("comments"))
        data = {
            "id": made["id"],
            "tx_id": made["tx_id"],
            "flw_ref": found["flw_ref"],
            "amount_refunded": _number(made["amount"], found["currency"]),
            "status": made["status"],
            "destination": "payment_source",
            "meta": {"source": "availablebalance"},
        }
        return {"status": "success", "message": "Transaction refund initiated", "data": data}

    @route("read", "GET", "/v3/refunds")
    def list_refunds(self, request: Request) -> Any:
        rows = [row for row in self.refunds if str(row["tx_id"]) == request.query.get("id")]
        rows.reverse()
        page, pages = int(request.query.get("page", "1")), max(1, -(-len(rows) // _PER_PAGE))
        shown = rows[(page - 1) * _PER_PAGE : page * _PER_PAGE]
        return {
            "status": "success",
            "message": "Refunds fetched",
            "meta": {
                "page_info": {"total": len(rows), "current_page": page, "total_pages": pages}
            },
            "data": [self._listed(row) for row in shown],
        }

    # --- the buyer, the dashboard and the bank -------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None) -> Any:
        """The buyer pays; with an amount in hundredths, the bank has sent another one."""
        made = self._try(payment, "successful")
        if amount is not None:
            made["amount"] = Decimal(amount).scaleb(-2)
        self._tell(made)
        return {}

    def on_decline(self, payment: str) -> Any:
        """The bank says no; the buyer may try again on the same page."""
        self._tell(self._try(payment, "failed"))
        return {}

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A person gives money back in the dashboard. Nobody is told."""
        found = self._paid(payment)
        wanted = None if amount is None else Decimal(amount).scaleb(-2)
        return {"refund": str(self._refund(found, wanted, None)["id"])}

    def on_refunds_arrive(self, payment: str) -> Any:
        """What was begun is paid out."""
        paid = self._paid(payment)
        for row in self.refunds:
            if row["tx_id"] == paid["id"] and row["status"] == "completed":
                row["status"] = "completed-mpgs"
        return {}

    def on_refund_fails(self, refund: str) -> Any:
        """The bank does not take it."""
        next(row for row in self.refunds if str(row["id"]) == refund)["status"] = "failed"
        return {}

    def on_show(self, payment: str) -> Any:
        """The book, in hundredths."""
        found = self._find(self._reference(payment))
        if found is None or found["status"] != "successful":
            return {"captured": 0, "refunded": 0}
        return {
            "captured": int(found["amount"].scaleb(2)),
            "refunded": int((found["amount"] - self._left(found)).scaleb(2)),
        }

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        self._paid(payment)["currency"] = currency.upper()
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _reference(self, payment: str) -> str:
        """The reference of a payment that is known by its page or by its reference."""
        found: str = self.pages[payment]["tx_ref"] if payment in self.pages else payment
        return found

    def _find(self, tx_ref: str) -> dict[str, Any] | None:
        """The one that succeeded, or the latest try."""
        tries = [row for row in self.transactions if row["tx_ref"] == tx_ref]
        good = [row for row in tries if row["status"] == "successful"]
        return (good or tries or [None])[-1]

    def _paid(self, payment: str) -> dict[str, Any]:
        found = self._find(self._reference(payment))
        assert found is not None
        return found

    def _try(self, payment: str, status: str) -> dict[str, Any]:
        tx_ref = self._reference(payment)
        page = next(row for row in self.pages.values() if row["tx_ref"] == tx_ref)
        before = self._find(tx_ref)
        if before is not None and before["status"] == "successful":
            raise _no("This page is over")
        made = {
            "id": 4_900_000 + len(self.transactions),
            "tx_ref": tx_ref,
            "flw_ref": self.next_id("FLW-MOCK-"),
            "amount": page["amount"],
            "currency": page["currency"],
            "status": status,
        }
        self.transactions.append(made)
        return made

    def _left(self, found: dict[str, Any]) -> Decimal:
        back = sum(
            row["amount"]
            for row in self.refunds
            if row["tx_id"] == found["id"] and row["status"] != "failed"
        )
        left: Decimal = found["amount"] - back
        return left

    def _refund(
        self, found: dict[str, Any], amount: Decimal | None, comments: str | None
    ) -> dict[str, Any]:
        if found["status"] != "successful":
            raise _no("Only successful transactions can be refunded")
        left = self._left(found)
        wanted = left if amount is None else amount
        if not left:
            raise _no("Transaction has already been refunded")
        if wanted > left:
            raise _no("Refund amount is greater than what is left")
        if found["currency"] == "NGN" and wanted < Decimal(100):
            raise _no("Minimum refund amount is NGN 100")
        made = {
            "id": 75_900 + len(self.refunds),
            "tx_id": found["id"],
            "amount": wanted,
            "currency": found["currency"],
            "status": "completed",
            "comments": comments,
        }
        self.refunds.append(made)
        return made

    def _listed(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": row["id"],
            "AmountRefunded": _number(row["amount"], row["currency"]),
            "TransactionId": row["tx_id"],
            "status": row["status"],
            **({"comments": row["comments"]} if self.shows_comments else {}),
            "meta": row.get("meta"),
        }

    def _tell(self, found: dict[str, Any]) -> None:
        self.announce("charge.completed", self.an_event("charge.completed", found))

    def an_event(self, kind: str, found: dict[str, Any]) -> dict[str, Any]:
        """The body of a webhook."""
        return {
            "event": kind,
            "data": {
                **found,
                "amount": _number(found["amount"], found["currency"]),
                "charged_amount": _number(found["amount"] + Decimal(1), found["currency"]),
                "payment_type": "card",
                "created_at": "2026-11-21T10:00:00.000Z",
                "customer": {"id": 1, "name": "Mara Quinn", "email": "mara@example.com"},
            },
        }


class _Amount(msgspec.Struct):
    #: As a float nothing of it would be exact.
    amount: Decimal


def _amount(body: bytes, currency: str) -> Decimal:
    try:
        amount = msgspec.json.decode(body, type=_Amount).amount
    except msgspec.ValidationError:
        raise _no("amount should be a number") from None
    if isinstance(msgspec.json.decode(body)["amount"], str):
        raise _no("amount should be a number")
    if amount <= 0 or amount != round(amount, 0 if currency in _WHOLE else 2):
        raise _no("amount is invalid")
    return amount


def _number(amount: Decimal, currency: str) -> msgspec.Raw:
    """As Flutterwave writes it: a number, sometimes with decimals that say nothing."""
    return msgspec.Raw(f"{amount:.0f}".encode() if currency in _WHOLE else f"{amount:f}".encode())
