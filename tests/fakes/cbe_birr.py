"""A strict CBE Birr, by its shipped contract: tills, a proof among the fields, no time, no ids."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from surehold.sandbox.http import Request
from tests.fakes.bank_desk import FakeBank, _no
from tests.fakes.harness import inherited, route


@inherited
class FakeCbeBirr(FakeBank):
    """CBE Birr, as far as anybody has seen it."""

    name = "cbe_birr"
    words: ClassVar[dict[str, str]] = {
        "merchant_id": "tillCode",
        "merchant_reference": "transactionId",
        "customer_phone": "phone",
        "notify_url": "callBackURL",
        "return_url": "returnURL",
        "expires_at": "expiresAt",
        "provider_reference": "paymentId",
        "refunded_amount": "refundedAmount",
        "refund_reference": "refundId",
    }
    phone_form = r"251[79][0-9]{8}"
    sends_event_ids = False

    def written(self, amount: Decimal) -> str:
        return f"{amount.normalize():f}"

    def read(self, text: str) -> Decimal:
        if re.fullmatch(r"[1-9][0-9]*(\.[0-9]?[1-9])?|0\.[0-9]?[1-9]", text) is None:
            raise _no(422, "INVALID_AMOUNT", "amount is not valid", field="amount")
        return Decimal(text)

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        del body, secret, at  # the proof is in the body
        return {}

    def seal(self, body: bytes, *, secret: str | None = None) -> bytes:
        try:
            fields = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            return body
        if not isinstance(fields, dict):
            return body
        fields.pop("signature", None)
        mark = mark_of(fields, self.secrets[0] if secret is None else secret)
        return msgspec.json.encode({**fields, "signature": mark})

    @route("cancel", "POST", "/payments/{reference}/cancel")
    def cancel(self, _: Request, reference: str) -> Any:
        found = self._find(reference)
        if found["status"] not in {"AWAITING_CUSTOMER", "CANCELLED"}:
            raise _no(409, "STATE", "too late")
        found["status"] = "CANCELLED"
        return {"status": "CANCELLED"}


def mark_of(fields: dict[str, Any], secret: str) -> str:
    """SHA-256 over the sorted fields that say anything, the secret as one of them."""
    said = {name: value for name, value in {**fields, "key": secret}.items() if value}
    text = "&".join(f"{name}={said[name]}" for name in sorted(said))
    return hashlib.sha256(text.encode()).hexdigest()
