"""A strict Telebirr: tokens, envelopes signed with RSA-PSS, order numbers that are used once.

Its keys are made when they are first needed; a shop's private one is the shop's only here. Source:
the developer pages of Ethio telecom, as ``docs/providers/telebirr.md`` tells them.
"""

from __future__ import annotations

import base64
import contextlib
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.telebirr import Merchant, Telebirr
from surehold.sandbox.http import Request
from tests.fakes.harness import Fake, Refused, route, routed

APP_SECRET: Final = "telebirr-fake-app-secret"
APP_KEY: Final = "c4182ef8-9249-458a-985e-06d191f4d505"
APP_ID: Final = "1072905731584000"
SHORT_CODE: Final = "200001"

_ORDER_FIELDS: Final = {
    "notify_url", "redirect_url", "appid", "merch_code", "merch_order_id", "trade_type", "title",
    "total_amount", "trans_currency", "timeout_express", "business_type", "payee_identifier",
    "payee_identifier_type", "payee_type",
}  # fmt: skip
_QUERY_FIELDS: Final = {"appid", "merch_code", "merch_order_id"}
_REFUND_FIELDS: Final = {
    *_QUERY_FIELDS, "refund_request_no", "refund_reason", "actual_amount", "trans_currency",
}  # fmt: skip
_ENVELOPE: Final = {
    "timestamp", "nonce_str", "method", "version", "biz_content", "sign", "sign_type",
}  # fmt: skip
_NOT_SIGNED: Final = {
    "sign", "sign_type", "header", "refund_info", "openType", "raw_request", "biz_content",
    "wallet_reference_data",
}  # fmt: skip
_TOKEN_SECONDS: Final = 3600
_CLOCK_SECONDS: Final = 60


@lru_cache(maxsize=64)
def key_of(name: str) -> rsa.RSAPrivateKey:
    """The key of this name; another one in every process."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(name: str) -> str:
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key_of(name).private_bytes(serialization.Encoding.PEM, *form).decode()


def public_pem(name: str) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key_of(name).public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def text_of(fields: dict[str, Any]) -> str:
    """What is signed: the second writing of the rule."""
    kept = [(key, str(value)) for key, value in fields.items() if key not in _NOT_SIGNED]
    return "&".join(f"{key}={value}" for key, value in sorted(kept) if value)


def mark_of(name: str, text: str) -> str:
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    return base64.b64encode(key_of(name).sign(text.encode(), pss, hashes.SHA256())).decode()


def _is_mark(name: str, text: str, mark: str) -> bool:
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    with contextlib.suppress(InvalidSignature, ValueError):
        signature = base64.b64decode(mark, validate=True)
        key_of(name).public_key().verify(signature, text.encode(), pss, hashes.SHA256())
        return True
    return False


def _no(code: str, message: str) -> Refused:
    """Refused, and HTTP says that all is well."""
    return Refused(200, {"result": "FAIL", "code": code, "msg": message})


def _gateway(status: int, code: str, message: str) -> Refused:
    return Refused(status, {"errorCode": code, "errorMsg": message})


@routed
class FakeTelebirr(Fake):
    """Telebirr, as far as the adapter asks it."""

    name = "telebirr"
    currency = "ETB"
    api_path = "/apiaccess/payment/gateway"

    def __init__(
        self,
        *,
        secrets: tuple[str, ...] = ("telebirr-now",),
        secret_key: str = APP_SECRET,
        notify_url: str | None = None,
        words: str = "new",
    ) -> None:
        super().__init__(secrets=secrets, notify_url=notify_url)
        self.secret_key = secret_key
        #: ``old``: the notifications' other vocabulary.
        self.words = words
        self.may_refund = True
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, int] = {}

    @staticmethod
    def adapter(account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Telebirr:
        at = urlsplit(account.base_url)
        merchant = Merchant(
            app_id=APP_KEY,
            merchant_app_id=APP_ID,
            short_code=SHORT_CODE,
            private_key=SecretStr(private_pem("merchant")),
            web_url=f"{at.scheme}://{at.netloc}/payment/web/paygate",
        )
        return Telebirr(account, merchant, client=client)

    @staticmethod
    def told(secret: str) -> str:
        return public_pem(secret) if secret else ""

    def settings(self, base_url: str) -> dict[str, str]:
        return {
            "APP_ID": APP_KEY,
            "MERCHANT_APP_ID": APP_ID,
            "SHORT_CODE": SHORT_CODE,
            "PRIVATE_KEY": private_pem("merchant"),
            "WEB_URL": f"{base_url}/payment/web/paygate",
        }

    @staticmethod
    def handle_of(action: Any) -> str:
        return parse_qs(urlsplit(action["url"]).query)["prepay_id"][0]

    def authorize(self, request: Request) -> None:
        if request.path.endswith("/paygate"):
            return  # a browser's page
        if request.headers.get("x-app-key") != APP_KEY:
            raise _gateway(401, "401", "app key not valid")
        if request.path.endswith("/token"):
            return
        until = self.tokens.get(request.headers.get("authorization", ""), 0)
        if self.now() >= until:
            raise _gateway(401, "60320010", "token not valid")

    def broken(self, status: int) -> Any:
        return {"errorCode": str(status), "errorMsg": f"status {status}"}

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
        fields["sign"] = mark_of(secret or self.secrets[0], text_of(fields))
        return msgspec.json.encode({**fields, "sign_type": "SHA256WithRSA"})

    # --- the API -------------------------------------------------------------------------------

    @route("token", "POST", "/apiaccess/payment/gateway/payment/v1/token")
    def token(self, request: Request) -> Any:
        if msgspec.json.decode(request.body) != {"appSecret": self.secret_key}:
            raise _gateway(401, "401", "app secret not valid")
        token = f"Bearer {self.next_id('tok')}"
        self.tokens[token] = self.now() + _TOKEN_SECONDS
        return {
            "token": token,
            "effectiveDate": "20261121130000",
            "expirationDate": "20261121140000",
        }

    @route("create", "POST", "/apiaccess/payment/gateway/payment/v1/merchant/preOrder")
    def pre_order(self, request: Request) -> Any:
        sent = self._open(request, "payment.preorder", _ORDER_FIELDS)
        if re.fullmatch(r"[A-Za-z0-9_]{1,64}", sent["merch_order_id"]) is None:
            raise _no("60320001", "merch_order_id has illegal characters")
        if re.fullmatch(r"[A-Za-z0-9 ]+", sent["title"]) is None:
            raise _no("60320001", "title has illegal characters")
        minutes = re.fullmatch(r"([0-9]+)m", sent["timeout_express"])
        if minutes is None or not 1 <= int(minutes[1]) <= 120:
            raise _no("60320001", "timeout_express is not valid")
        if (sent["trade_type"], sent["trans_currency"]) != ("Checkout", "ETB"):
            raise _no("60320001", "trade_type or trans_currency is not valid")
        if sent["merch_order_id"] in self.orders:
            raise _no("60320004", "duplicate merch_order_id")
        self.orders[sent["merch_order_id"]] = order = {
            "merch_order_id": sent["merch_order_id"],
            "prepay_id": self.next_id("pre"),
            "amount": _amount(sent["total_amount"]),
            "currency": "ETB",
            "status": "WAIT_PAY",
            "payment_order_id": self.next_id("po"),
            "trans_id": "",
        }
        return _yes({key: order[key] for key in ("merch_order_id", "prepay_id")})

    @route("read", "POST", "/apiaccess/payment/gateway/payment/v1/merchant/queryOrder")
    def query_order(self, request: Request) -> Any:
        sent = self._open(request, "payment.queryorder", _QUERY_FIELDS)
        order = self._order(sent["merch_order_id"])
        told = {
            "merch_order_id": order["merch_order_id"],
            "order_status": order["status"],
            "payment_order_id": order["payment_order_id"],
            "trans_id": order["trans_id"],
            "total_amount": f"{order['amount']:.2f}",
            "trans_currency": order["currency"],
            "trans_time": "",
        }
        if order["status"] == "ORDER_CLOSED" and order.pop("pays_meanwhile", False):
            self._end(order, "PAY_SUCCESS")
        return _yes(told)

    @route("refund", "POST", "/apiaccess/payment/gateway/payment/v1/merchant/refund")
    def refund(self, request: Request) -> Any:
        if not self.may_refund:
            raise _gateway(404, "404", "can not find api")
        sent = self._open(request, "payment.refund", _REFUND_FIELDS)
        order, number = self._order(sent["merch_order_id"]), sent["refund_request_no"]
        if number in self.refunds:
            return _yes({"refund_status": "REFUND_DUPLICATED"})
        made = self._refund(order, _amount(sent["actual_amount"]), number)
        return _yes(
            {
                "refund_order_id": made["refund_order_id"],
                "refund_amount": f"{made['amount']:.2f}",
                "refund_status": made["status"],
            }
        )

    @route("page", "GET", "/payment/web/paygate")
    def paygate(self, request: Request) -> Any:
        """What the page checks before it shows itself."""
        signed = ("appid", "merch_code", "nonce_str", "prepay_id", "timestamp")
        if set(request.query) != {*signed, "sign", "sign_type", "version", "trade_type"}:
            raise _gateway(400, "60320001", "parameters are not valid")
        text = "&".join(f"{name}={request.query[name]}" for name in signed)
        if not _is_mark("merchant", text, request.query["sign"]):
            raise _gateway(400, "60320002", "verify sign failed")
        order = next(
            row for row in self.orders.values() if row["prepay_id"] == request.query["prepay_id"]
        )
        return {"amount": f"{order['amount']:.2f}", "status": order["status"]}

    # --- the buyer, the portal and the wallet --------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None) -> Any:
        """The buyer types a PIN; with an amount in hundredths, another one than was asked for."""
        order = self._of(payment)
        if order["status"] not in {"WAIT_PAY", "PAYING", "PAY_FAILED", "ORDER_CLOSED"}:
            raise _no("60320005", "order is over")
        if amount is not None:
            order["amount"] = Decimal(amount).scaleb(-2)
        self._end(order, "PAY_SUCCESS")
        return {}

    def on_decline(self, payment: str) -> Any:
        """Too little in the wallet."""
        self._end(self._of(payment), "PAY_FAILED")
        return {}

    def on_close(self, payment: str, *, pays_meanwhile: bool = False) -> Any:
        """Its time is over, and nobody is told; a payment may meet the end of it."""
        self._of(payment).update(status="ORDER_CLOSED", pays_meanwhile=pays_meanwhile)
        return {}

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A person gives money back in the portal; nobody is told."""
        order = self._of(payment)
        wanted = self._left(order) if amount is None else Decimal(amount).scaleb(-2)
        return {"refund": self._refund(order, wanted, self.next_id("MR"))["refund_order_id"]}

    def on_refund_fails(self, refund: str) -> Any:
        """The wallet does not take it."""
        self.refunds[refund]["status"] = "REFUND_FAILED"
        return {}

    def on_show(self, payment: str) -> Any:
        """The book, in hundredths."""
        order = self._of(payment)
        is_paid = order["status"] in {"PAY_SUCCESS", "REFUNDING", "REFUND_SUCCESS"}
        return {
            "captured": int(order["amount"].scaleb(2)) if is_paid else 0,
            "refunded": int((order["amount"] - self._left(order)).scaleb(2)),
        }

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        self._of(payment)["currency"] = currency.upper()
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _open(self, request: Request, method: str, fields: set[str]) -> dict[str, str]:
        """What is in the envelope, if it is one."""
        envelope = msgspec.json.decode(request.body)
        if set(envelope) != _ENVELOPE or (envelope["method"], envelope["version"]) != (
            method, "1.0",
        ):  # fmt: skip
            raise _no("60320001", "parameters are not valid")
        sent: dict[str, str] = envelope["biz_content"]
        if not all(isinstance(value, str) for value in (*sent.values(), envelope["timestamp"])):
            raise _no("60320001", "every value is a text")
        if set(sent) != fields:
            raise _no("60320001", f"parameters are not valid: {sorted(set(sent) ^ fields)}")
        if re.fullmatch(r"[A-Za-z0-9]{1,32}", envelope["nonce_str"]) is None:
            raise _no("60320001", "nonce_str is not valid")
        if abs(self.now() - int(envelope["timestamp"])) > _CLOCK_SECONDS:
            raise _no("60320003", "timestamp is not valid")
        if not _is_mark("merchant", text_of({**envelope, **sent}), envelope["sign"]):
            raise _no("60320002", "verify sign failed")
        if (sent["appid"], sent["merch_code"]) != (APP_ID, SHORT_CODE):
            raise _no("60320006", "appid or merch_code not valid")
        return sent

    def _of(self, payment: str) -> dict[str, Any]:
        """An order by its number, or by what its page's address calls it."""
        return next(
            order
            for number, order in self.orders.items()
            if payment in {number, order["prepay_id"]}
        )

    def _order(self, number: str) -> dict[str, Any]:
        if number not in self.orders:
            raise _no("60320007", "order does not exist")
        return self.orders[number]

    def _end(self, order: dict[str, Any], status: str) -> None:
        order |= {"status": status, "trans_id": self.next_id("TX")}
        old = {"PAY_SUCCESS": "Completed", "PAY_FAILED": "Failure"}
        self.announce(status, self.an_event(order, old[status] if self.words == "old" else status))

    def an_event(self, order: dict[str, Any], status: str) -> dict[str, Any]:
        """The fields of a notification."""
        return {
            "notify_url": "http://shop.test/webhooks/telebirr",
            "appid": APP_ID,
            "notify_time": str(self.now() * 1000),
            "merch_code": SHORT_CODE,
            "merch_order_id": order["merch_order_id"],
            "payment_order_id": order["payment_order_id"],
            "total_amount": f"{order['amount']:.2f}",
            "trans_id": order["trans_id"],
            "trans_currency": order["currency"],
            "trade_status": status,
            "trans_end_time": str(self.now()),
            "callback_info": "",
        }

    def _left(self, order: dict[str, Any]) -> Decimal:
        number = order["merch_order_id"]
        back = sum(
            row["amount"]
            for row in self.refunds.values()
            if row["order"] == number and row["status"] != "REFUND_FAILED"
        )
        left: Decimal = order["amount"] - back
        return left

    def _refund(self, order: dict[str, Any], amount: Decimal, number: str) -> dict[str, Any]:
        if order["status"] not in {"PAY_SUCCESS", "REFUND_SUCCESS"}:
            raise _no("60320021", "the original order is not completed")
        if amount > self._left(order):
            raise _no("60320025", "the platform refused: the amount exceeds the order's")
        self.refunds[number] = {
            "order": order["merch_order_id"],
            "refund_order_id": self.next_id("RF"),
            "amount": amount,
            "status": "REFUND_SUCCESS",
        }
        order["status"] = "REFUND_SUCCESS"
        return self.refunds[number]


def _yes(content: dict[str, Any]) -> Any:
    return {
        "result": "SUCCESS",
        "code": "0",
        "msg": "success",
        "nonce_str": "x",
        "sign_type": "SHA256WithRSA",
        "biz_content": content,
    }


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise _no("60320001", "total_amount is not valid") from None
    if re.fullmatch(r"[0-9]+(\.[0-9]{1,2})?", text) is None or not 0 < amount <= 10**8:
        raise _no("60320001", "total_amount is not valid")
    return amount
