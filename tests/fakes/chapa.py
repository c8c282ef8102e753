"""A strict Chapa: amounts in text, one handle, 404 for what is not paid yet, weak webhooks.

Source: developer.chapa.co, as ``docs/providers/chapa.md`` tells it.
"""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx2
import msgspec

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.chapa import Chapa
from surehold.sandbox.http import Request
from tests.fakes.harness import Fake, Refused, route, routed

SECRET_KEY: Final = "CHASECK_TEST-fake"
WEBHOOK_SECRET: Final = "chapa-fake-secret"

_FIELDS: Final = {
    "amount", "currency", "tx_ref", "email", "first_name", "last_name", "phone_number",
    "callback_url", "return_url", "customization", "meta",
}  # fmt: skip
_REFUND_FIELDS: Final = {"amount", "reason", "reference", "meta[currency]"}


def _no(message: Any, *, status: int = 400) -> Refused:
    return Refused(status, {"message": message, "status": "failed", "data": None})


@routed
class FakeChapa(Fake):
    """Chapa, as far as the adapter asks it."""

    name = "chapa"
    currency = "ETB"
    api_path = "/v1"

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
        self.transactions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}

    @staticmethod
    def adapter(account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Chapa:
        return Chapa(account, client=client)

    def authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.secret_key}":
            raise _no("Invalid API Key or User doesn't exist", status=401)

    def broken(self, status: int) -> Any:
        return {"message": f"status {status}", "status": "failed", "data": None}

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        del at  # it signs no time
        key = (secret or self.secrets[0]).encode()
        return {
            "x-chapa-signature": hmac.new(key, body, hashlib.sha256).hexdigest(),
            "chapa-signature": hmac.new(key, key, hashlib.sha256).hexdigest(),
        }

    # --- the API -------------------------------------------------------------------------------

    @route("create", "POST", "/v1/transaction/initialize")
    def initialize(self, request: Request) -> Any:
        if request.headers.get("content-type") != "application/json":
            raise _no("Send JSON")
        sent = msgspec.json.decode(request.body)
        faults = {name: ["The field is not known."] for name in set(sent) - _FIELDS}
        faults |= {
            name: [f"The {name} field is required."]
            for name in ("amount", "currency", "tx_ref")
            if not isinstance(sent.get(name), str)
        }
        phone = sent.get("phone_number", "0900123456")
        if not (phone.isdigit() and len(phone) == 10 and phone[:2] in {"09", "07"}):
            faults["phone_number"] = ["The phone number is not valid."]
        if len(sent.get("customization", {}).get("title", "")) > 16:
            faults["customization.title"] = ["At most 16 characters."]
        if faults:
            raise _no(faults)
        amount = _amount(sent["amount"])
        if sent["currency"] not in {"ETB", "USD"}:
            raise _no({"currency": ["Currency not supported"]})
        if sent["tx_ref"] in self.transactions:
            raise _no("Transaction reference has been used before")
        self.transactions[sent["tx_ref"]] = {
            "tx_ref": sent["tx_ref"],
            "amount": amount,
            "currency": sent["currency"],
            "status": "initialised",
            "reference": self.next_id("AP"),
            "updated_at": self.now(),
        }
        url = f"{request.base_url}/checkout/{sent['tx_ref']}"
        return {"message": "Hosted Link", "status": "success", "data": {"checkout_url": url}}

    @route("read", "GET", "/v1/transaction/verify/{tx_ref}")
    def verify(self, _: Request, tx_ref: str) -> Any:
        found = self.transactions.get(tx_ref)
        if found is None:
            raise _no("Invalid transaction or Transaction not found", status=404)
        if found["status"] == "initialised":
            raise _no("Payment not paid yet", status=404)
        data = {
            "first_name": "Mara",
            "currency": found["currency"],
            # A number here, a text in webhooks.
            "amount": msgspec.Raw(f"{found['amount']:.2f}".encode()),
            "charge": 0,
            "mode": "live" if self.is_live else "test",
            "method": "telebirr",
            "type": "API",
            "status": found["status"],
            "reference": found["reference"],
            "tx_ref": tx_ref,
        }
        return {"message": "Payment details", "status": "success", "data": data}

    @route("cancel", "PUT", "/v1/transaction/cancel/{tx_ref}")
    def cancel(self, _: Request, tx_ref: str) -> Any:
        found = self.transactions.get(tx_ref)
        if found is None:
            raise _no("Transaction not found", status=404)
        if found["status"] != "initialised":
            raise _no("Payment link already expired")
        self._move(found, "cancelled")
        return {"message": "Transaction cancelled", "status": "success", "data": None}

    @route("refund", "POST", "/v1/refund/{reference}")
    def refund(self, request: Request, reference: str) -> Any:
        found = next(
            (row for row in self.transactions.values() if row["reference"] == reference), None
        )
        if found is None:
            raise _no("Transaction not found", status=404)
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        unknown = sorted(set(form) - _REFUND_FIELDS)
        if unknown:
            raise _no({unknown[0]: ["The field is not known."]})
        if form["reference"] in self.refunds:
            raise _no("Refund reference has been used before")
        amount = _amount(form["amount"]) if "amount" in form else self._left(found)
        made = self._refund(found, amount, form["reference"])
        return {"message": "Refund initiated", "status": "success", "data": self._shown(made)}

    @route("read", "GET", "/v1/refund/{reference}/verify")
    def verify_refund(self, _: Request, reference: str) -> Any:
        found = self.refunds.get(reference)
        if found is None:
            raise _no("Refund not found", status=404)
        data = self._shown(found)
        return {"message": "Refund verified successfully", "status": "success", "data": data}

    # --- the buyer, the dashboard and the bank -------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None) -> Any:
        """The buyer pays; with an amount in hundredths, another one than was asked for."""
        found = self.transactions[payment]
        if found["status"] not in {"initialised", "failed"}:
            raise _no("Payment link already expired")
        if amount is not None:
            found["amount"] = Decimal(amount).scaleb(-2)
        self._move(found, "success")
        self._tell("charge.success", found)
        return {}

    def on_decline(self, payment: str) -> Any:
        """The wallet says no; the buyer may try again on the same page."""
        self._move(self.transactions[payment], "failed")
        self._tell("charge.failed/cancelled", self.transactions[payment])
        return {}

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A person gives money back in the dashboard."""
        found = self.transactions[payment]
        wanted = self._left(found) if amount is None else Decimal(amount).scaleb(-2)
        return self._shown(self._refund(found, wanted, self.next_id("MR")))

    def on_refund_fails(self, refund: str) -> Any:
        """The wallet does not take it."""
        self.refunds[refund]["status"] = "failed"
        return {}

    def on_reverse(self, payment: str) -> Any:
        """Chapa takes it back by itself."""
        self._move(self.transactions[payment], "reversed")
        self._tell("charge.reversed", self.transactions[payment])
        return {}

    def on_show(self, payment: str) -> Any:
        """The book, in hundredths."""
        found = self.transactions[payment]
        is_paid = found["status"] in {"success", "refunded", "reversed"}
        return {
            "captured": int(found["amount"].scaleb(2)) if is_paid else 0,
            "refunded": int((found["amount"] - self._left(found)).scaleb(2)),
        }

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        self.transactions[payment]["currency"] = currency.upper()
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _move(self, found: dict[str, Any], status: str) -> None:
        found |= {"status": status, "updated_at": self.now()}

    def _left(self, found: dict[str, Any]) -> Decimal:
        back = sum(
            row["amount"]
            for row in self.refunds.values()
            if row["tx_ref"] == found["tx_ref"] and row["status"] != "failed"
        )
        left: Decimal = found["amount"] - back
        return left

    def _refund(self, found: dict[str, Any], amount: Decimal, reference: str) -> dict[str, Any]:
        if found["status"] not in {"success", "refunded"}:
            raise _no("Only successful transactions can be refunded")
        if amount > self._left(found):
            raise _no("Refund amount exceeds what is left of the transaction")
        self.refunds[reference] = {
            "ref_id": reference,
            "tx_ref": found["tx_ref"],
            "amount": amount,
            "currency": found["currency"],
            "status": "refunded",
        }
        self._move(found, "refunded")
        self._tell("charge.refunded", found)
        return self.refunds[reference]

    def _shown(self, refund: dict[str, Any]) -> dict[str, Any]:
        return {
            "ref_id": refund["ref_id"],
            "amount": msgspec.Raw(str(refund["amount"]).encode()),
            "currency": refund["currency"],
            "status": refund["status"],
        }

    def _tell(self, kind: str, found: dict[str, Any]) -> None:
        self.announce(kind, self.an_event(kind, found))

    def an_event(self, kind: str, found: dict[str, Any]) -> dict[str, Any]:
        """The body of a webhook."""
        return {
            "event": kind,
            "type": "API",
            "tx_ref": found["tx_ref"],
            "reference": found["reference"],
            "amount": f"{found['amount']:.2f}",
            "charge": "0.00",
            "currency": found["currency"],
            "status": "success" if kind == "charge.success" else found["status"],
            "mode": "live" if self.is_live else "test",
            "payment_method": "telebirr",
            "created_at": "2026-11-21T10:00:00.000000Z",
            "updated_at": str(found["updated_at"]),
            "meta": None,
        }


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise _no({"amount": ["The amount must be a number."]}) from None
    if not 0 < amount <= Decimal("9999999.99") or amount != round(amount, 2):
        raise _no({"amount": ["The amount is not valid."]})
    return amount
