"""What the fakes of banks have in common: a book, prompts on telephones, and no published page.

Each bank has its words, its proof and its way to write an amount, written here a second time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import httpx2
import msgspec

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.bank import SHIPPED, Bank, Customership, read_terms
from surehold.sandbox.http import Request
from tests.fakes.harness import Fake, Refused, route

MERCHANT_ID: Final = "M-4711"
KEY_ID: Final = "key-1"
_REFERENCE: Final = re.compile(r"SH[0-9A-Z]{26}")


def _no(status: int, code: str, message: str, **more: str) -> Refused:
    return Refused(status, {"code": code, "message": message, "trace_id": "t-1", **more})


class FakeBank(Fake):
    """A bank's in-house gateway, as far as the adapter asks it."""

    currency = "ETB"
    #: The contract's words, in the order of its own page; a bank's words for them.
    words: ClassVar[dict[str, str]] = {}
    phone_form: ClassVar[str] = r"\+251[79][0-9]{8}"
    sends_event_ids: ClassVar[bool] = True
    #: Where its pages are; without, it asks the telephone.
    page: ClassVar[str] = ""

    def __init__(
        self,
        *,
        secrets: tuple[str, ...] | None = None,
        secret_key: str | None = None,
        notify_url: str | None = None,
    ) -> None:
        super().__init__(secrets=secrets or (f"{self.name}-callback",), notify_url=notify_url)
        self.secret_key = secret_key or f"{self.name}-secret"
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.nonces: set[str] = set()

    @classmethod
    def adapter(cls, account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Bank:
        terms = read_terms((SHIPPED / f"{cls.name}.toml").read_text(encoding="utf-8"))
        return Bank(account, terms, Customership(MERCHANT_ID, KEY_ID), client=client)

    def settings(self, base_url: str) -> dict[str, str]:
        del base_url
        return {"MERCHANT_ID": MERCHANT_ID, "KEY_ID": KEY_ID}

    @staticmethod
    def handle_of(action: Any) -> str:
        found = _REFERENCE.search(action["message"])
        assert found is not None
        return found[0]

    def word(self, name: str) -> str:
        return self.words.get(name, name)

    def written(self, amount: Decimal) -> str:
        return f"{amount:.2f}"

    def read(self, text: str) -> Decimal:
        if re.fullmatch(r"[0-9]+\.[0-9]{2}", text) is None or not Decimal(text):
            raise _no(422, "INVALID_AMOUNT", "amount is not valid", field=self.word("amount"))
        return Decimal(text)

    def authorize(self, request: Request) -> None:
        given = request.headers
        at, nonce = given.get("x-timestamp", "0"), given.get("x-nonce", "")
        target = request.path + (f"?{urlencode(request.query)}" if request.query else "")
        text = f"{at}.{nonce}.{request.method}.{target}.".encode() + request.body
        mark = hmac.new(self.secret_key.encode(), text, hashlib.sha256).hexdigest()
        if given.get("x-key-id") != KEY_ID or given.get("x-signature") != f"v1={mark}":
            raise _no(401, "SIGNATURE", "signature does not match")
        if abs(self.now() - int(at)) > 300:
            raise _no(401, "TIMESTAMP", "timestamp is too far away")
        if nonce in self.nonces:
            raise _no(401, "NONCE", "nonce was used before")
        self.nonces.add(nonce)

    def broken(self, status: int) -> Any:
        return {"code": f"E{status}", "message": f"status {status}", "trace_id": "t-1"}

    # --- the API -------------------------------------------------------------------------------

    @route("create", "POST", "/payments")
    def create(self, request: Request) -> Any:
        names = (
            "merchant_id", "merchant_reference", "amount", "currency", "customer_phone",
            "description", "notify_url", "return_url", "expires_at",
        )  # fmt: skip
        sent = self._sent(request, names)
        reference = sent[self.word("merchant_reference")]
        if sent[self.word("merchant_id")] != MERCHANT_ID:
            raise _no(401, "MERCHANT", "not a merchant of ours")
        if re.fullmatch(self.phone_form, sent[self.word("customer_phone")]) is None:
            raise _no(422, "PHONE", "not a telephone", field=self.word("customer_phone"))
        amount = self.read(sent[self.word("amount")])
        if sent[self.word("currency")] != "ETB":
            raise _no(422, "CURRENCY", "only ETB", field=self.word("currency"))
        known = self.payments.get(reference)
        if known is not None and known["sent"] != request.body:
            raise _no(409, "REFERENCE_USED", "reference was used with another body")
        if known is None:
            self.payments[reference] = {
                "sent": request.body,
                "reference": reference,
                "bank": self.next_id("B"),
                "amount": amount,
                "currency": "ETB",
                "status": "AWAITING_CUSTOMER",
            }
        bank = self.payments[reference]["bank"]
        how = {"redirect_url": f"{self.page}/pay/{bank}"} if self.page else {"prompt": "ussd"}
        return {
            self.word("provider_reference"): bank,
            self.word("status"): self.payments[reference]["status"],
            **{self.word(name): value for name, value in how.items()},
        }

    @route("read", "GET", "/payments/{reference}")
    def query(self, _: Request, reference: str) -> Any:
        return self._shown(self._find(reference))

    @route("refund", "POST", "/payments/{reference}/refunds")
    def refund(self, request: Request, reference: str) -> Any:
        sent = self._sent(
            request, ("merchant_reference", "refund_reference", "amount", "currency", "reason")
        )
        payment, number = self._find(reference), sent[self.word("refund_reference")]
        if number not in self.refunds:
            self._refund(payment, self.read(sent[self.word("amount")]), number)
        elif self.refunds[number]["sent"] != request.body:
            raise _no(409, "REFUND_USED", "reference was used with another body")
        self.refunds[number]["sent"] = request.body
        return {
            self.word("refund_reference"): number,
            self.word("status"): self.refunds[number]["status"],
        }

    # --- the buyer, the bank's clerks ----------------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None) -> Any:
        """The buyer types a PIN; with an amount in hundredths, another one than was asked for."""
        found = self.payments[payment]
        if amount is not None:
            found["amount"] = Decimal(amount).scaleb(-2)
        self._move(found, "PAID", "payment.paid")
        return {}

    def on_decline(self, payment: str) -> Any:
        """A wrong PIN, or too little money."""
        self._move(self.payments[payment], "FAILED", "payment.failed")
        return {}

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A clerk gives money back."""
        found = self.payments[payment]
        wanted = self._left(found) if amount is None else Decimal(amount).scaleb(-2)
        self._refund(found, wanted, self.next_id("C"))
        return {}

    def on_refund_fails(self, refund: str) -> Any:
        """The account does not take it."""
        self.refunds[refund]["status"] = "FAILED"
        self._label(self.payments[self.refunds[refund]["of"]])
        return {}

    def on_reverse(self, payment: str) -> Any:
        """The bank takes it back by itself."""
        self._move(self.payments[payment], "REVERSED", "payment.reversed")
        return {}

    def on_show(self, payment: str) -> Any:
        """The book, in hundredths."""
        found = self.payments[payment]
        is_paid = found["status"] in {"PAID", "PARTIALLY_REFUNDED", "REFUNDED"}
        return {
            "captured": int(found["amount"].scaleb(2)) if is_paid else 0,
            "refunded": int((found["amount"] - self._left(found)).scaleb(2)),
        }

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        self.payments[payment]["currency"] = currency.upper()
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _sent(self, request: Request, names: tuple[str, ...]) -> dict[str, str]:
        if request.headers.get("content-type") != "application/json":
            raise _no(400, "CONTENT_TYPE", "send JSON")
        sent: dict[str, str] = msgspec.json.decode(request.body)
        wanted = {self.word(name) for name in names}
        if set(sent) != wanted:
            odd = sorted(set(sent) ^ wanted)
            raise _no(422, "FIELDS", "a field too many, or too few", field=odd[0])
        if not all(isinstance(value, str) for value in sent.values()):
            raise _no(422, "TYPES", "every value is a text")
        return sent

    def _find(self, reference: str) -> dict[str, Any]:
        if reference not in self.payments:
            raise _no(404, "NOT_FOUND", "no such payment")
        return self.payments[reference]

    def _shown(self, found: dict[str, Any]) -> dict[str, str]:
        is_paid = found["status"] not in {"AWAITING_CUSTOMER", "FAILED", "CANCELLED"}
        back = found["amount"] - self._left(found) if is_paid else Decimal(0)
        return {
            self.word("provider_reference"): found["bank"],
            self.word("merchant_reference"): found["reference"],
            self.word("amount"): self.written(found["amount"]),
            self.word("currency"): found["currency"],
            self.word("status"): found["status"],
            self.word("refunded_amount"): self.written(back),
        }

    def _move(self, found: dict[str, Any], status: str, event: str) -> None:
        found["status"] = status
        self._tell(found, event)

    def _tell(self, found: dict[str, Any], event: str, **more: str) -> None:
        self.announce(event, self.an_event(found, event, **more))

    def an_event(self, found: dict[str, Any], event: str, **more: str) -> dict[str, str]:
        """The fields of a callback."""
        numbered = {"event_id": self.next_id("evt"), "event": event}
        return {
            **(numbered if self.sends_event_ids else {}),
            "created_at": str(self.now()),
            self.word("merchant_id"): MERCHANT_ID,
            **{
                self.word(name): value
                for name, value in (
                    ("provider_reference", found["bank"]),
                    ("merchant_reference", found["reference"]),
                    ("amount", self.written(found["amount"])),
                    ("currency", found["currency"]),
                    ("status", found["status"]),
                    *more.items(),
                )
            },
        }

    def _left(self, found: dict[str, Any]) -> Decimal:
        back = sum(
            row["amount"]
            for row in self.refunds.values()
            if row["of"] == found["reference"] and row["status"] != "FAILED"
        )
        left: Decimal = found["amount"] - back
        return left

    def _label(self, found: dict[str, Any]) -> None:
        left = self._left(found)
        found["status"] = "PARTIALLY_REFUNDED" if left else "REFUNDED"
        if left == found["amount"]:
            found["status"] = "PAID"

    def _refund(self, found: dict[str, Any], amount: Decimal, number: str) -> None:
        if found["status"] not in {"PAID", "PARTIALLY_REFUNDED"}:
            raise _no(409, "STATE", "nothing was paid")
        if amount > self._left(found):
            raise _no(422, "TOO_MUCH", "more than is left", field=self.word("amount"))
        self.refunds[number] = {
            "of": found["reference"],
            "amount": amount,
            "status": "SUCCEEDED",
            "sent": b"",
        }
        self._label(found)
        self._tell(found, "refund.succeeded", refund_reference=number)
