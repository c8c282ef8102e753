"""A strict PayPal: tokens, orders that are approved and then taken, refunds, disputes.

It repeats its answer to a key, a decline too, but no other refusal. Source: PayPal's API
specifications, as ``docs/providers/paypal.md`` tells of them.
"""

from __future__ import annotations

import base64
import re
import uuid
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import httpx2
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.paypal import PayPal
from surehold.sandbox.http import Request, Response, json_response
from tests.fakes.harness import Fake, Refused, route, routed
from tests.fakes.paypal_certificates import signing

SECRET_KEY: Final = "EFakeSecret_paypal"
PUBLIC_KEY: Final = "AFakeClient_paypal"
WEBHOOK_ID: Final = "8PT597110X687430LKGECATA"
CERTIFICATE: Final = "/v1/notifications/certs/CERT-360caa42-fca2a594"

_ORDER_FIELDS: Final = {"intent", "purchase_units", "payment_source"}
_UNIT_FIELDS: Final = {"custom_id", "invoice_id", "description", "amount"}
_EXPERIENCE_FIELDS: Final = {"return_url", "cancel_url", "user_action", "shipping_preference"}
_REFUND_FIELDS: Final = {"amount", "custom_id", "note_to_payer"}
_WHOLE: Final = {"JPY", "HUF", "TWD"}
_TAKEN: Final = {"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"}
#: What the suite calls the states of a dispute: status, stage and outcome here.
_DISPUTES: Final = {
    "warning_needs_response": ("WAITING_FOR_SELLER_RESPONSE", "INQUIRY", None),
    "needs_response": ("WAITING_FOR_SELLER_RESPONSE", "CHARGEBACK", None),
    "under_review": ("UNDER_REVIEW", "CHARGEBACK", None),
    "arbitration": ("UNDER_REVIEW", "ARBITRATION", None),
    "won": ("RESOLVED", "CHARGEBACK", "RESOLVED_SELLER_FAVOUR"),
    "paid_out": ("RESOLVED", "CHARGEBACK", "RESOLVED_WITH_PAYOUT"),
    "lost": ("RESOLVED", "CHARGEBACK", "RESOLVED_BUYER_FAVOUR"),
    "other": ("OTHER", "CHARGEBACK", None),
}


def _no(issue: str, *, status: int = 422, name: str = "UNPROCESSABLE_ENTITY") -> Refused:
    return Refused(
        status,
        {
            "name": name,
            "message": "The requested action could not be performed.",
            "debug_id": "f1d3b1a6e2c94",
            "details": [{"issue": issue, "description": f"{issue} it is."}],
            "links": [],
        },
    )


def _missing() -> Refused:
    return _no("INVALID_RESOURCE_ID", status=404, name="RESOURCE_NOT_FOUND")


@routed
class FakePayPal(Fake):
    """PayPal, as far as the adapter asks it."""

    name = "paypal"
    currency = "EUR"
    public_key = PUBLIC_KEY

    def __init__(
        self,
        *,
        secrets: tuple[str, ...] = (WEBHOOK_ID,),
        secret_key: str = SECRET_KEY,
        notify_url: str | None = None,
        is_live: bool = False,
    ) -> None:
        super().__init__(secrets=secrets, notify_url=notify_url)
        self.secret_key = secret_key
        self.is_live = is_live
        #: The only one that opens anything now; each new one ends those before it.
        self.token = ""
        self.tokens_given = 0
        #: Authorizations whose time is about to be over, and what their orders say then.
        self.forgotten: dict[str, str] = {}
        self.can_read_disputes = True
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        #: By key: what was sent, and the answer.
        self._kept: dict[str, tuple[str, bytes, Response]] = {}
        self._certificate_address = f"http://127.0.0.1:1{CERTIFICATE}"

    # --- what every fake has -------------------------------------------------------------------

    @staticmethod
    def adapter(account: AccountConfig, client: httpx2.AsyncClient | None = None) -> PayPal:
        return PayPal(account, pinned=(signing().leaf,), client=client)

    def settings(self, base_url: str) -> dict[str, str]:
        del base_url
        return {"PUBLIC_KEY": self.public_key, "CERTIFICATES": signing().pem.decode()}

    @staticmethod
    def handle_of(action: Any) -> str:
        return str(action["url"]).rpartition("token=")[2]

    def authorize(self, request: Request) -> None:
        self._certificate_address = f"{request.base_url}{CERTIFICATE}"
        given = request.headers.get("authorization")
        if request.path.startswith("/v1/notifications/certs/"):
            if given is not None:
                raise _no("AUTHORIZATION_NOT_EXPECTED", status=400)
            return
        if request.path == "/v1/oauth2/token":
            pair = f"{self.public_key}:{self.secret_key}".encode()
            if given != f"Basic {base64.b64encode(pair).decode()}":
                raise Refused(401, {"error": "invalid_client", "error_description": "Wrong."})
            return
        if not self.token or given != f"Bearer {self.token}":
            raise Refused(401, {"error": "invalid_token", "error_description": "Token expired."})

    def broken(self, status: int) -> Any:
        return {"name": f"STATUS_{status}", "message": "broken", "debug_id": "x", "details": []}

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        time = datetime.fromtimestamp(self.now() if at is None else at, UTC)
        webhook_id = self.secrets[0] if secret is None else secret
        return self.sign_as(
            body,
            webhook_id,
            transmission_id=str(uuid.uuid4()),
            transmission_time=time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def sign_as(
        self, body: bytes, webhook_id: str, *, transmission_id: str, transmission_time: str
    ) -> dict[str, str]:
        """The headers of one transmission."""
        signed = f"{transmission_id}|{transmission_time}|{webhook_id}|{zlib.crc32(body)}".encode()
        mark = signing().key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return {
            "PayPal-Transmission-Id": transmission_id,
            "PayPal-Transmission-Time": transmission_time,
            "PayPal-Transmission-Sig": base64.b64encode(mark).decode(),
            "PayPal-Cert-Url": self._certificate_address,
            "PayPal-Auth-Algo": "SHA256withRSA",
        }

    # --- the API -------------------------------------------------------------------------------

    @route("token", "POST", "/v1/oauth2/token")
    def give_token(self, request: Request) -> Any:
        if request.body != b"grant_type=client_credentials":
            raise Refused(400, {"error": "unsupported_grant_type"})
        self.tokens_given += 1
        self.token = f"A21AAfake{self.tokens_given:08d}"
        return {"access_token": self.token, "token_type": "Bearer", "expires_in": 32400}

    @route("certificate", "GET", "/v1/notifications/certs/{name}")
    def show_certificate(self, _: Request, name: str) -> Any:
        if not CERTIFICATE.endswith(name):
            raise _missing()
        return Response(body=signing().pem, content_type="application/x-pem-file")

    @route("create", "POST", "/v2/checkout/orders")
    def create(self, request: Request) -> Any:
        def work(sent: dict[str, Any]) -> Any:
            (unit,) = sent["purchase_units"]
            experience = sent["payment_source"]["paypal"]["experience_context"]
            unknown = (set(unit) - _UNIT_FIELDS) | (set(experience) - _EXPERIENCE_FIELDS)
            if unknown or sent["intent"] not in {"CAPTURE", "AUTHORIZE"}:
                raise _no("INVALID_PARAMETER_SYNTAX", status=400, name="INVALID_REQUEST")
            if any(
                re.fullmatch(r"[A-Za-z0-9_.,-]{1,127}", unit[name]) is None
                for name in ("custom_id", "invoice_id")
            ):
                raise _no("INVALID_PARAMETER_SYNTAX", status=400, name="INVALID_REQUEST")
            if any(row["invoice_id"] == unit["invoice_id"] for row in self._paid()):
                raise _no("DUPLICATE_INVOICE_ID")
            _amount(unit["amount"])
            order_id = self.next_id("")[-16:] + "O"
            self.orders[order_id] = {
                "id": order_id,
                "intent": sent["intent"],
                "status": "PAYER_ACTION_REQUIRED",
                "custom_id": unit["custom_id"],
                "invoice_id": unit["invoice_id"],
                "amount": _amount(unit["amount"]),
                "currency": unit["amount"]["currency_code"],
                "authorizations": [],
                "captures": [],
                "changes": 0,
                "next": "COMPLETED",
            }
            return self._shown(self.orders[order_id], request)

        return self._once(request, _ORDER_FIELDS, work)

    @route("read", "GET", "/v2/checkout/orders/{order}")
    def get_order(self, request: Request, order: str) -> Any:
        return self._shown(self._find(order), request)

    @route("take", "POST", "/v2/checkout/orders/{order}/capture")
    def take(self, request: Request, order: str) -> Any:
        def work(_: dict[str, Any]) -> Any:
            found = self._find(order)
            self._check_takeable(found, "CAPTURE", "ORDER_ALREADY_CAPTURED")
            self._capture(found, found["amount"], found["next"])
            found["status"] = "COMPLETED"
            self._tell("CHECKOUT.ORDER.COMPLETED", self._shown(found, request))
            return self._shown(found, request)

        return self._once(request, set(), work)

    @route("take", "POST", "/v2/checkout/orders/{order}/authorize")
    def hold(self, request: Request, order: str) -> Any:
        def work(_: dict[str, Any]) -> Any:
            found = self._find(order)
            self._check_takeable(found, "AUTHORIZE", "ORDER_ALREADY_AUTHORIZED")
            held = {
                "id": self.next_id("")[-16:] + "A",
                "status": "CREATED",
                "amount": self._money(found, found["amount"]),
                "custom_id": found["custom_id"],
                "expiration_time": _written_time(self.now() + 29 * 86_400),
            }
            found["authorizations"].append(held)
            found["status"] = "COMPLETED"
            about = held | self._belongs(found)
            self._tell("PAYMENT.AUTHORIZATION.CREATED", about)
            return self._shown(found, request)

        return self._once(request, set(), work)

    @route("capture", "POST", "/v2/payments/authorizations/{held}/capture")
    def capture(self, request: Request, held: str) -> Any:
        def work(sent: dict[str, Any]) -> Any:
            found, authorization = self._find_held(held)
            if authorization["status"] not in {"CREATED", "PARTIALLY_CAPTURED"}:
                raise _no("AUTHORIZATION_ALREADY_CAPTURED")
            wanted = _amount(sent["amount"])
            if wanted > found["amount"] - self._sum_captured(found):
                raise _no("MAX_CAPTURE_AMOUNT_EXCEEDED")
            made = self._capture(found, wanted, "COMPLETED")
            is_over = sent["final_capture"]
            authorization["status"] = "CAPTURED" if is_over else "PARTIALLY_CAPTURED"
            return made | {"final_capture": is_over}

        return self._once(request, {"amount", "final_capture"}, work)

    @route("renew", "POST", "/v2/payments/authorizations/{held}/reauthorize")
    def reauthorize(self, request: Request, held: str) -> Any:
        def work(sent: dict[str, Any]) -> Any:
            found, authorization = self._find_held(held)
            if authorization["status"] != "CREATED":
                raise _no("AUTHORIZATION_ALREADY_CAPTURED")
            if not found.get("_is_unsure"):
                raise _no("REAUTHORIZATION_TOO_SOON")
            if _amount(sent["amount"]) != found["amount"]:
                raise _no("MAX_AUTHORIZATION_AMOUNT_EXCEEDED")
            found["_is_unsure"] = False
            again = authorization | {"id": self.next_id("")[-16:] + "A"}
            found["authorizations"].append(again)
            self._tell("PAYMENT.AUTHORIZATION.CREATED", again | self._belongs(found))
            return again

        return self._once(request, {"amount"}, work)

    @route("cancel", "POST", "/v2/payments/authorizations/{held}/void")
    def void(self, request: Request, held: str) -> Any:
        def work(_: dict[str, Any]) -> Any:
            found, authorization = self._find_held(held)
            if authorization["id"] in self.forgotten:
                authorization["status"] = self.forgotten[authorization["id"]]
                raise _missing()
            if authorization["status"] == "VOIDED":
                raise _no("PREVIOUSLY_VOIDED")
            if authorization["status"] != "CREATED":
                raise _no("PREVIOUSLY_CAPTURED")
            authorization["status"] = "VOIDED"
            self._tell("PAYMENT.AUTHORIZATION.VOIDED", authorization | self._belongs(found))
            return Response(status=204)

        return self._once(request, set(), work)

    @route("read", "GET", "/v2/payments/captures/{capture}")
    def get_capture(self, _: Request, capture: str) -> Any:
        found, row = self._find_capture(capture)
        return row | self._belongs(found)

    @route("refund", "POST", "/v2/payments/captures/{capture}/refund")
    def refund(self, request: Request, capture: str) -> Any:
        def work(sent: dict[str, Any]) -> Any:
            found, row = self._find_capture(capture)
            amount = _amount(sent["amount"])
            if sent["amount"]["currency_code"] != row["amount"]["currency_code"]:
                raise _no("REFUND_CAPTURE_CURRENCY_MISMATCH")
            return self._refund(found, row, amount, sent.get("custom_id"))

        return self._once(request, _REFUND_FIELDS, work)

    @route("dispute", "GET", "/v1/customer/disputes")
    def list_disputes(self, request: Request) -> Any:
        if not self.can_read_disputes:
            raise _no("PERMISSION_DENIED", status=403, name="NOT_AUTHORIZED")
        wanted = request.query.get("disputed_transaction_id")
        rows = [row for row in reversed(self.disputes.values()) if _is_about(row, wanted)]
        told = ("dispute_id", "status", "dispute_amount", "reason")
        return {"items": [{name: row[name] for name in told} for row in rows], "links": []}

    @route("dispute", "GET", "/v1/customer/disputes/{dispute}")
    def get_dispute(self, _: Request, dispute: str) -> Any:
        if dispute not in self.disputes:
            raise _missing()
        return self.disputes[dispute]

    # --- the buyer, the dashboard and the bank -------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None) -> Any:
        """The buyer approves; with an amount in hundredths, PayPal has another one in its book."""
        found = self._approve(payment, "COMPLETED")
        if amount is not None:
            found["amount"] = Decimal(amount).scaleb(-2)
        return {}

    def on_forget(self, payment: str, status: str) -> Any:
        """The time of what is held is over before it is let go; its order says what it came to."""
        for held in self._find(payment)["authorizations"]:
            self.forgotten[held["id"]] = status
        return self.on_show(payment)

    def on_decline(self, payment: str) -> Any:
        """The buyer approves a card that will be declined; another may be chosen afterwards."""
        self._approve(payment, "INSTRUMENT_DECLINED")
        return {}

    def on_decline_capture(self, payment: str) -> Any:
        """The buyer approves; the order completes, and its capture is declined."""
        self._approve(payment, "DECLINED")
        return {}

    def on_unsure(self, payment: str) -> Any:
        """The time is over in which PayPal honors what is held."""
        self._find(payment)["_is_unsure"] = True
        return {}

    def on_lapse(self, payment: str) -> Any:
        """Nobody captured what was held: after 29 days it is let go."""
        found = self._find(payment)
        for row in found["authorizations"]:
            row["status"] = "VOIDED"
        self._tell("PAYMENT.AUTHORIZATION.VOIDED",
                   found["authorizations"][-1] | self._belongs(found))  # fmt: skip
        return {}

    def on_pend(self, payment: str) -> Any:
        """The buyer approves, and PayPal looks at the capture for days."""
        self._approve(payment, "PENDING")
        return {}

    def on_clear(self, payment: str) -> Any:
        """PayPal has looked."""
        found = self._find(payment)
        for row in found["captures"]:
            row["status"] = "COMPLETED"
            self._tell("PAYMENT.CAPTURE.COMPLETED", row | self._belongs(found))
        return {}

    def on_expire(self, payment: str) -> Any:
        """Nobody approved in time, and PayPal forgets the order."""
        del self.orders[payment]
        return {}

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A person gives money back in the dashboard."""
        found = self._find(payment)
        row = found["captures"][0]
        left = Decimal(row["amount"]["value"]) - self._sum_refunded(row["id"])
        wanted = left if amount is None else Decimal(amount).scaleb(-2)
        return self._refund(found, row, wanted, None)

    def on_refund_fails(self, refund: str) -> Any:
        """The bank does not take it."""
        found = self.refunds[refund]
        found["status"] = "FAILED"
        order, row = self._find_capture(found["_capture"])
        self._relabel_capture(row)
        self._tell("PAYMENT.CAPTURE.REFUNDED", _public(found) | self._belongs(order))
        return {}

    def on_reverse(self, payment: str) -> Any:
        """PayPal takes a capture back by itself, and lists no refund."""
        found = self._find(payment)
        found["captures"][0]["status"] = "REFUNDED"
        about = _public(self._a_refund(found["captures"][0], found["amount"], None))
        self._tell("PAYMENT.CAPTURE.REVERSED", about | self._belongs(found))
        return {}

    def on_dispute(self, payment: str, amount: int, status: str = "needs_response") -> Any:
        """The buyer asks PayPal for the money back, or first asks us a question."""
        found = self._find(payment)
        dispute_id = f"PP-D-{len(self.disputes) + 1}"
        self.disputes[dispute_id] = {
            "dispute_id": dispute_id,
            "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "dispute_amount": self._money(found, Decimal(amount).scaleb(-2)),
            "seller_response_due_date": "2026-12-01T10:00:00.000Z",
            "disputed_transactions": [
                {
                    "seller_transaction_id": found["captures"][0]["id"],
                    "custom": found["custom_id"],
                    "invoice_number": found["invoice_id"],
                }
            ],
        }
        self._move_dispute("CREATED", dispute_id, status)
        return {"dispute": dispute_id}

    def on_close_dispute(self, dispute: str, status: str) -> Any:
        """The dispute goes on, or is ``won`` or ``lost``."""
        self._move_dispute("RESOLVED" if status in {"won", "lost"} else "UPDATED", dispute, status)
        return {}

    def on_show(self, payment: str) -> Any:
        """The book, in hundredths."""
        found = self._find(payment)
        back = sum(self._sum_refunded(row["id"]) for row in found["captures"])
        return {
            "captured": int(self._sum_captured(found).scaleb(2)),
            "refunded": int(Decimal(back).scaleb(2)),
        }

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        found = self._find(payment)
        found["currency"] = currency.upper()
        for row in found["captures"]:
            row["amount"] = row["amount"] | {"currency_code": currency.upper()}
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _once(self, request: Request, fields: set[str], work: Any) -> Any:
        """Work at most once for a key; what was answered is answered again, with 200."""
        key = request.headers.get("paypal-request-id", "")
        if request.headers.get("content-type") != "application/json" or not 0 < len(key) <= 108:
            raise _no("PAYPAL_REQUEST_ID_REQUIRED", status=400, name="INVALID_REQUEST")
        if request.headers.get("prefer") != "return=representation":
            raise _no("PREFER_IT", status=400, name="INVALID_REQUEST")
        kept = self._kept.get(key)
        if kept is not None:
            if kept[:2] != (request.path, request.body):
                raise _no("DUPLICATE_REQUEST_ID")
            answer = kept[2]
            return msgspec.structs.replace(answer, status=200) if answer.status == 201 else answer
        sent = msgspec.json.decode(request.body or b"{}")
        if set(sent) - fields:
            raise _no("INVALID_PARAMETER_SYNTAX", status=400, name="INVALID_REQUEST")
        try:
            made = work(sent)
        except KeyError:
            raise _no("MISSING_REQUIRED_PARAMETER", status=400, name="INVALID_REQUEST") from None
        except Refused as refusal:
            if "INSTRUMENT_DECLINED" in str(refusal):
                answer = json_response(refusal.body, status=refusal.status)
                self._kept[key] = (request.path, request.body, answer)
            raise
        answer = made if isinstance(made, Response) else json_response(made, status=201)
        self._kept[key] = (request.path, request.body, answer)
        return answer

    def _find(self, order: str) -> dict[str, Any]:
        if order not in self.orders:
            raise _missing()
        return self.orders[order]

    def _find_held(self, held: str) -> tuple[dict[str, Any], dict[str, Any]]:
        for order in self.orders.values():
            for row in order["authorizations"]:
                if row["id"] == held:
                    return order, row
        raise _missing()

    def _find_capture(self, capture: str) -> tuple[dict[str, Any], dict[str, Any]]:
        for order in self.orders.values():
            for row in order["captures"]:
                if row["id"] == capture:
                    return order, row
        raise _missing()

    def _paid(self) -> list[dict[str, Any]]:
        return [row for row in self.orders.values() if row["captures"]]

    def _approve(self, payment: str, then: str) -> dict[str, Any]:
        found = self._find(payment)
        if found["status"] not in {"PAYER_ACTION_REQUIRED", "APPROVED"}:
            raise _no("ORDER_ALREADY_CAPTURED")
        found |= {"status": "APPROVED", "next": then, "changes": found["changes"] + 1}
        unit = {"custom_id": found["custom_id"], "amount": self._money(found, found["amount"])}
        about = {"id": payment, "status": "APPROVED", "purchase_units": [unit]}
        self._tell("CHECKOUT.ORDER.APPROVED", about)
        return found

    def _check_takeable(self, found: dict[str, Any], intent: str, done: str) -> None:
        if found["intent"] != intent:
            raise _no("ACTION_DOES_NOT_MATCH_INTENT")
        if found["status"] == "COMPLETED":
            raise _no(done)
        if found["status"] != "APPROVED":
            raise _no("ORDER_NOT_APPROVED")
        if found["next"] == "INSTRUMENT_DECLINED":
            found["status"] = "PAYER_ACTION_REQUIRED"
            raise _no("INSTRUMENT_DECLINED")

    def _capture(self, found: dict[str, Any], amount: Decimal, status: str) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": self.next_id("")[-16:] + "C",
            "status": status,
            "amount": self._money(found, amount),
            "custom_id": found["custom_id"],
            "invoice_id": found["invoice_id"],
        }
        if status == "PENDING":
            made["status_details"] = {"reason": "PENDING_REVIEW"}
        found["captures"].append(made)
        found["changes"] += 1
        self._tell(f"PAYMENT.CAPTURE.{status}", made | self._belongs(found))
        return made

    def _refund(
        self, found: dict[str, Any], row: dict[str, Any], amount: Decimal, reference: str | None
    ) -> dict[str, Any]:
        left = Decimal(row["amount"]["value"]) - self._sum_refunded(row["id"])
        if not left:
            raise _no("CAPTURE_FULLY_REFUNDED")
        if amount > left:
            raise _no("REFUND_AMOUNT_EXCEEDED")
        made = self._a_refund(row, amount, reference)
        self.refunds[made["id"]] = made
        self._relabel_capture(row)
        self._tell("PAYMENT.CAPTURE.REFUNDED", _public(made) | self._belongs(found))
        return _public(made)

    def _a_refund(
        self, row: dict[str, Any], amount: Decimal, reference: str | None
    ) -> dict[str, Any]:
        currency = row["amount"]["currency_code"]
        made = {
            "id": self.next_id("")[-16:] + "R",
            "status": "COMPLETED",
            "amount": {"currency_code": currency, "value": _written(amount, currency)},
            "links": [
                {"rel": "up", "href": f"https://api-m.paypal.com/v2/payments/captures/{row['id']}"}
            ],
            "_capture": row["id"],
        }
        return made if reference is None else made | {"custom_id": reference}

    def _relabel_capture(self, row: dict[str, Any]) -> None:
        back = self._sum_refunded(row["id"])
        is_all = back == Decimal(row["amount"]["value"])
        row["status"] = "REFUNDED" if is_all else "PARTIALLY_REFUNDED" if back else "COMPLETED"

    def _sum_refunded(self, capture: str) -> Decimal:
        return sum(
            (
                Decimal(row["amount"]["value"])
                for row in self.refunds.values()
                if row["_capture"] == capture and row["status"] != "FAILED"
            ),
            Decimal(0),
        )

    def _sum_captured(self, found: dict[str, Any]) -> Decimal:
        rows = [row for row in found["captures"] if row["status"] in _TAKEN]
        return sum((Decimal(row["amount"]["value"]) for row in rows), Decimal(0))

    def _money(self, found: dict[str, Any], amount: Decimal) -> dict[str, str]:
        return {
            "currency_code": found["currency"],
            "value": _written(amount, found["currency"]),
        }

    def _belongs(self, found: dict[str, Any]) -> dict[str, Any]:
        return {"supplementary_data": {"related_ids": {"order_id": found["id"]}}}

    def _shown(self, found: dict[str, Any], request: Request) -> dict[str, Any]:
        ids = {row["id"] for row in found["captures"]}
        refunds = [_public(row) for row in self.refunds.values() if row["_capture"] in ids]
        payments = {
            "authorizations": list(found["authorizations"]),
            "captures": [dict(row) for row in found["captures"]],
            "refunds": refunds,
        }
        page = f"{request.base_url}/checkoutnow?token={found['id']}"
        return {
            "id": found["id"],
            "intent": found["intent"],
            "status": found["status"],
            "payment_source": {"paypal": {}},
            "purchase_units": [
                {
                    "reference_id": "default",
                    "custom_id": found["custom_id"],
                    "invoice_id": found["invoice_id"],
                    "amount": self._money(found, found["amount"]),
                    "payments": {name: rows for name, rows in payments.items() if rows},
                }
            ],
            "update_time": f"2026-11-21T10:00:{found['changes']:02d}Z",
            "links": [
                {"rel": "self", "href": f"{request.base_url}/v2/checkout/orders/{found['id']}"},
                {"rel": "payer-action", "href": page},
            ],
        }

    def _move_dispute(self, verb: str, dispute_id: str, word: str) -> None:
        status, stage, outcome = _DISPUTES[word]
        found = self.disputes[dispute_id]
        found |= {"status": status, "dispute_life_cycle_stage": stage}
        if outcome is not None:
            found["dispute_outcome"] = {"outcome_code": outcome}
        self._tell(f"CUSTOMER.DISPUTE.{verb}", dict(found))

    def _tell(self, kind: str, about: dict[str, Any]) -> None:
        self.announce(kind, self.an_event(kind, about))

    def an_event(self, kind: str, about: dict[str, Any]) -> dict[str, Any]:
        """The body of a webhook."""
        return {
            "id": self.next_id("WH-"),
            "event_version": "1.0",
            "create_time": "2026-11-21T10:00:00.000Z",
            "resource_type": kind.split(".")[1].lower(),
            "event_type": kind,
            "summary": "Something happened",
            "resource": about,
            "links": [],
        }


def _amount(sent: dict[str, Any]) -> Decimal:
    digits = "" if sent["currency_code"] in _WHOLE else r"(\.[0-9]{2})"
    if re.fullmatch(r"[0-9]{1,9}" + digits, sent["value"]) is None:
        raise _no("DECIMAL_PRECISION")
    return Decimal(sent["value"])


def _written(amount: Decimal, currency: str) -> str:
    return f"{amount:.0f}" if currency in _WHOLE else f"{amount:.2f}"


def _written_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_about(dispute: dict[str, Any], capture: str | None) -> bool:
    return any(row["seller_transaction_id"] == capture for row in dispute["disputed_transactions"])


def _public(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_")}
