"""A strict Stripe: sessions, intents, refunds and disputes, with idempotency keys that are kept.

Its amounts are Stripe's units, whatever ours are. Source: the ``stripe`` 16.1.0 package.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx2

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.stripe import Stripe
from surehold.sandbox.http import Request, Response, json_response
from tests.fakes.harness import Fake, Refused, route, routed

API_VERSION: Final = "2026-10-28.endive"
SECRET_KEY: Final = "sk_test_fake"
PUBLIC_KEY: Final = "pk_test_fake"
WEBHOOK_SECRET: Final = "whsec_fake"

_SESSION_FIELDS: Final = {
    "mode", "client_reference_id", "customer_email", "success_url", "cancel_url", "expires_at",
    "adaptive_pricing[enabled]", "line_items[0][quantity]",
    "line_items[0][price_data][currency]", "line_items[0][price_data][unit_amount]",
    "line_items[0][price_data][product_data][name]", "payment_intent_data[capture_method]",
    "payment_intent_data[description]", "payment_intent_data[metadata][merchant_reference]",
    "payment_intent_data[receipt_email]",
}  # fmt: skip
_INTENT_FIELDS: Final = {
    "amount", "currency", "automatic_payment_methods[enabled]", "capture_method", "description",
    "metadata[merchant_reference]", "receipt_email",
}  # fmt: skip
_REFUND_FIELDS: Final = {
    "payment_intent", "amount", "metadata[refund_reference]", "metadata[reason]",
}  # fmt: skip
_CAPTURE_FIELDS: Final = {"amount_to_capture", "final_capture"}
_UNPAID: Final = {"requires_payment_method", "requires_confirmation", "requires_action"}


def _no(
    message: str, *, status: int = 400, kind: str = "invalid_request_error", **more: str
) -> Refused:
    return Refused(status, {"error": {"type": kind, "message": message, **more}})


@routed
class FakeStripe(Fake):
    """Stripe, as far as the adapter asks it."""

    name = "stripe"
    currency = "EUR"
    public_key = PUBLIC_KEY

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
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.charges: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        #: By key: what was sent, and the answer.
        self._kept: dict[str, tuple[str, bytes, Response]] = {}

    # --- what every fake has -------------------------------------------------------------------

    @staticmethod
    def adapter(account: AccountConfig, client: httpx2.AsyncClient | None = None) -> Stripe:
        return Stripe(account, client=client)

    def authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.secret_key}":
            raise _no("Invalid API Key provided", status=401, kind="authentication_error")
        if request.headers.get("stripe-version") != API_VERSION:
            raise _no("Invalid Stripe API version")

    def broken(self, status: int) -> Any:
        return {"error": {"type": "api_error", "message": f"status {status}"}}

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        at = self.now() if at is None else at
        keys = self.secrets if secret is None else (secret,)
        signed = str(at).encode() + b"." + body
        marks = [hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in keys]
        return {"Stripe-Signature": ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])}

    # --- the API -------------------------------------------------------------------------------

    @route("create", "POST", "/v1/checkout/sessions")
    def create_session(self, request: Request) -> Any:
        def work(form: dict[str, str]) -> Any:
            if form.get("mode") != "payment":
                raise _no("Missing required param: mode.", param="mode")
            currency = form["line_items[0][price_data][currency]"]
            amount = self._amount(form["line_items[0][price_data][unit_amount]"], currency)
            left = int(form["expires_at"]) - self.now()
            if not 30 * 60 <= left <= 24 * 3600:
                raise _no("The `expires_at` timestamp must be 30 minutes to 24 hours from now.",
                          param="expires_at")  # fmt: skip
            session_id = self.next_id("cs_test_")
            self.sessions[session_id] = {
                "id": session_id,
                "object": "checkout.session",
                "status": "open",
                "payment_status": "unpaid",
                "client_reference_id": form["client_reference_id"],
                "amount_total": amount,
                "currency": currency,
                "livemode": self.is_live,
                "payment_intent": None,
                "url": f"{request.base_url}/pay/{session_id}",
                "expires_at": int(form["expires_at"]),
                "_capture": form.get("payment_intent_data[capture_method]", "automatic"),
                "_reference": form["payment_intent_data[metadata][merchant_reference]"],
            }
            return _shown(self.sessions[session_id])

        return self._once(request, _SESSION_FIELDS, work)

    @route("create", "POST", "/v1/payment_intents")
    def create_intent(self, request: Request) -> Any:
        def work(form: dict[str, str]) -> Any:
            amount = self._amount(form["amount"], form["currency"])
            return _shown(
                self._new_intent(
                    amount,
                    form["currency"],
                    form["metadata[merchant_reference]"],
                    form.get("capture_method", "automatic"),
                )
            )

        return self._once(request, _INTENT_FIELDS, work)

    @route("read", "GET", "/v1/checkout/sessions/{session}")
    def get_session(self, request: Request, session: str) -> Any:
        found = self._find(self.sessions, session, "checkout.session")
        shown = _shown(found)
        if request.query.get("expand[]") == "payment_intent.latest_charge":
            intent = found["payment_intent"]
            shown["payment_intent"] = self._expanded(self.intents[intent]) if intent else None
        return shown

    @route("find", "GET", "/v1/payment_intents/search")
    def search(self, request: Request) -> Any:
        head, _, rest = request.query.get("query", "").partition(":")
        if head != "metadata['merchant_reference']" or rest[:1] + rest[-1:] != "''":
            raise _no("We were unable to parse your search query.", param="query")
        found = [
            self._expanded(row)
            for row in self.intents.values()
            if row["metadata"]["merchant_reference"] == rest[1:-1]
        ]
        return {"object": "search_result", "data": found, "has_more": False}

    @route("read", "GET", "/v1/payment_intents/{intent}")
    def get_intent(self, request: Request, intent: str) -> Any:
        found = self._find(self.intents, intent, "payment_intent")
        is_expanded = request.query.get("expand[]") == "latest_charge"
        return self._expanded(found) if is_expanded else _shown(found)

    @route("read", "GET", "/v1/charges/{charge}")
    def get_charge(self, _: Request, charge: str) -> Any:
        return _shown(self._find(self.charges, charge, "charge"))

    @route("cancel", "POST", "/v1/checkout/sessions/{session}/expire")
    def expire(self, request: Request, session: str) -> Any:
        def work(_: dict[str, str]) -> Any:
            found = self._find(self.sessions, session, "checkout.session")
            if found["status"] != "open":
                raise _no('Only Checkout Sessions with a status in ["open"] can be expired.')
            self._expire(found)
            return _shown(found)

        return self._once(request, set(), work)

    @route("cancel", "POST", "/v1/payment_intents/{intent}/cancel")
    def cancel(self, request: Request, intent: str) -> Any:
        def work(_: dict[str, str]) -> Any:
            found = self._find(self.intents, intent, "payment_intent")
            # Of an open session the intent cannot be canceled; what it holds can be let go.
            left = _UNPAID if found["_session"] is None else set()
            if found["status"] not in {*left, "requires_capture"}:
                raise _no("You cannot cancel this PaymentIntent.",
                          code="payment_intent_unexpected_state")  # fmt: skip
            found["status"] = "canceled"
            found["amount_capturable"] = 0
            self._tell("payment_intent.canceled", found)
            return _shown(found)

        return self._once(request, {"cancellation_reason"}, work)

    @route("capture", "POST", "/v1/payment_intents/{intent}/capture")
    def capture(self, request: Request, intent: str) -> Any:
        def work(form: dict[str, str]) -> Any:
            found = self._find(self.intents, intent, "payment_intent")
            if found["status"] != "requires_capture":
                raise _no("This PaymentIntent could not be captured.",
                          code="payment_intent_unexpected_state")  # fmt: skip
            amount = int(form.get("amount_to_capture", found["amount_capturable"]))
            if not 0 < amount <= found["amount_capturable"]:
                raise _no("The requested capture amount is greater than the amount you can "
                          "capture for this charge.", param="amount_to_capture")  # fmt: skip
            self._take(found, amount)
            return _shown(found)

        return self._once(request, _CAPTURE_FIELDS, work)

    @route("refund", "POST", "/v1/refunds")
    def refund(self, request: Request) -> Any:
        def work(form: dict[str, str]) -> Any:
            intent = self._find(self.intents, form["payment_intent"], "payment_intent")
            metadata = {
                name: form[f"metadata[{name}]"]
                for name in ("refund_reference", "reason")
                if f"metadata[{name}]" in form
            }
            return _shown(self._refund(intent, form.get("amount"), metadata))

        return self._once(request, _REFUND_FIELDS, work)

    @route("read", "GET", "/v1/refunds")
    def list_refunds(self, request: Request) -> Any:
        return self._list(self.refunds, request)

    @route("read", "GET", "/v1/disputes")
    def list_disputes(self, request: Request) -> Any:
        return self._list(self.disputes, request)

    @route("read", "GET", "/v1/disputes/{dispute}")
    def get_dispute(self, _: Request, dispute: str) -> Any:
        return _shown(self._find(self.disputes, dispute, "dispute"))

    @route("dispute", "POST", "/v1/disputes/{dispute}")
    def submit_evidence(self, request: Request, dispute: str) -> Any:
        def work(form: dict[str, str]) -> Any:
            found = self._open_dispute(dispute)
            if (
                form["submit"] != "true"
                or not 0 < len(form["evidence[uncategorized_text]"]) <= 20_000
            ):
                raise _no("Invalid evidence.", param="evidence")
            return self._move_dispute(found, "under_review", "updated")

        return self._once(request, {"evidence[uncategorized_text]", "submit"}, work)

    @route("dispute", "POST", "/v1/disputes/{dispute}/close")
    def give_in(self, request: Request, dispute: str) -> Any:
        def work(_: dict[str, str]) -> Any:
            return self._move_dispute(self._open_dispute(dispute), "lost", "closed")

        return self._once(request, set(), work)

    def _open_dispute(self, dispute: str) -> dict[str, Any]:
        found = self._find(self.disputes, dispute, "dispute")
        if not found["status"].endswith("needs_response"):
            raise _no("This dispute is already closed, or was answered.")
        return found

    def _move_dispute(self, found: dict[str, Any], status: str, kind: str) -> Any:
        found["status"] = status
        self._tell(f"charge.dispute.{kind}", found)
        return _shown(found)

    # --- the buyer, the dashboard and the bank -------------------------------------------------

    def on_pay(self, payment: str, amount: int | None = None) -> Any:
        """The buyer pays; with an amount, Stripe has another one in its book."""
        intent = self._attempt(payment)
        if intent["status"] not in _UNPAID:
            raise _no("This payment is over.")
        charge_id = self.next_id("ch_")
        self.charges[charge_id] = {
            "id": charge_id,
            "object": "charge",
            "payment_intent": intent["id"],
            "amount_refunded": 0,
            "disputed": False,
            "metadata": dict(intent["metadata"]),
            "payment_method_details": {
                "type": "card",
                "card": {"brand": "visa", "last4": "4242"},
            },
        }
        intent["latest_charge"] = charge_id
        intent["amount"] = amount or intent["amount"]
        session = self.sessions.get(intent["_session"] or "")
        if session is not None:
            session |= {"status": "complete", "payment_status": "paid"}
        if intent["capture_method"] == "manual":
            card = self.charges[charge_id]["payment_method_details"]["card"]
            card["capture_before"] = self.now() + 7 * 86_400
            intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
            self._tell("payment_intent.amount_capturable_updated", intent)
        else:
            self._take(intent, intent["amount"])
        if session is not None:
            self._tell("checkout.session.completed", session)
        return {"payment_intent": intent["id"]}

    def from_page_confirm(self, key: str, client_secret: str, card: str) -> Any:
        """The buyer presses: what Stripe's script says, with what only a browser knows."""
        if key != self.public_key:
            raise _no("Invalid API Key provided", status=401, kind="authentication_error")
        found = [one for one in self.intents.values() if one["client_secret"] == client_secret]
        if not found:
            raise _no("The client secret matches no payment.")
        intent = found[0]
        if intent["status"] not in _UNPAID:
            raise _no("This payment is over.", code="payment_intent_unexpected_state")
        if card == "4000000000009995":
            self.on_decline(intent["id"])
            return {"error": intent["last_payment_error"]}
        self.on_pay(intent["id"])
        return {"payment_intent": {"id": intent["id"]}}

    def on_lapse(self, payment: str) -> Any:
        """Nobody captured what was held: the bank lets it go."""
        intent = self._attempt(payment)
        intent |= {"status": "canceled", "amount_capturable": 0,
                   "cancellation_reason": "automatic"}  # fmt: skip
        self._tell("payment_intent.canceled", intent)
        return {}

    def on_decline(self, payment: str) -> Any:
        """The bank says no; the buyer may try again."""
        intent = self._attempt(payment)
        intent["last_payment_error"] = {
            "type": "card_error",
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds.",
        }
        self._tell("payment_intent.payment_failed", intent)
        return {}

    def on_expire(self, payment: str) -> Any:
        """The session's time is over."""
        self._expire(self.sessions[payment])
        return {}

    def on_refund(self, payment: str, amount: int | None = None) -> Any:
        """A person gives money back in the dashboard."""
        return _shown(self._refund(self._intent(payment), amount, {}))

    def on_refund_fails(self, refund: str) -> Any:
        """Days later the bank sends the money back to us."""
        found = self.refunds[refund]
        found |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        charge = self.charges[self.intents[found["payment_intent"]]["latest_charge"]]
        charge["amount_refunded"] -= found["amount"]
        self._tell("refund.failed", found)
        return {}

    def on_dispute(self, payment: str, amount: int, status: str = "needs_response") -> Any:
        """The buyer's bank asks for the money back, or first asks a question."""
        intent = self._intent(payment)
        dispute_id = self.next_id("dp_")
        self.disputes[dispute_id] = {
            "id": dispute_id,
            "object": "dispute",
            "amount": amount,
            "currency": intent["currency"],
            "status": status,
            "reason": "fraudulent",
            "livemode": self.is_live,
            "payment_intent": intent["id"],
            "charge": intent["latest_charge"],
            "evidence_details": {"due_by": self.now() + 7 * 86400},
        }
        self.charges[intent["latest_charge"]]["disputed"] = True
        self._tell("charge.dispute.created", self.disputes[dispute_id])
        return {"dispute": dispute_id}

    def on_close_dispute(self, dispute: str, status: str) -> Any:
        """The dispute is ``won`` or ``lost``."""
        self.disputes[dispute]["status"] = status
        self._tell("charge.dispute.closed", self.disputes[dispute])
        return {}

    def on_show(self, payment: str) -> Any:
        """The book."""
        intent = self._intent(payment)
        charge = self.charges.get(intent["latest_charge"] or "", {})
        return {
            "captured": intent["amount_received"],
            "refunded": charge.get("amount_refunded", 0),
        }

    def on_relabel(self, payment: str, currency: str) -> Any:
        """Say from now on that it was another currency."""
        self._intent(payment)["currency"] = currency
        return {}

    # --- inside --------------------------------------------------------------------------------

    def _once(self, request: Request, fields: set[str], work: Any) -> Any:
        """Work at most once for a key; its result is kept, a refusal of its input is not."""
        key = request.headers.get("idempotency-key", "")
        if request.headers.get("content-type") != "application/x-www-form-urlencoded" or not key:
            raise _no("Send a form, with a key.")
        kept = self._kept.get(key)
        if kept is not None:
            if kept[:2] != (request.path, request.body):
                raise _no("Keys for idempotent requests can only be used with the same "
                          "parameters they were first used with.",
                          kind="idempotency_error")  # fmt: skip
            return kept[2]
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        unknown = sorted(set(form) - fields)
        if unknown:
            raise _no(f"Received unknown parameter: {unknown[0]}", code="parameter_unknown",
                      param=unknown[0])  # fmt: skip
        try:
            answer = json_response(work(form))
        except KeyError as missing:
            raise _no(f"Missing required param: {missing}.", code="parameter_missing") from None
        self._kept[key] = (request.path, request.body, answer)
        return answer

    def _amount(self, text: str, currency: str) -> int:
        if currency != currency.lower() or len(currency) != 3:
            raise _no("Invalid currency", param="currency")
        if not text.isdigit() or not 50 <= int(text) <= 99_999_999:
            raise _no("Amount must be at least 50.", code="amount_too_small", param="amount")
        return int(text)

    def _find(self, book: dict[str, dict[str, Any]], name: str, kind: str) -> dict[str, Any]:
        if name not in book:
            raise _no(f"No such {kind}: '{name}'", status=404, code="resource_missing")
        return book[name]

    def _intent(self, payment: str) -> dict[str, Any]:
        """The intent of a payment that is known by either of its names."""
        if payment in self.intents:
            return self.intents[payment]
        return self.intents[self.sessions[payment]["payment_intent"]]

    def _attempt(self, payment: str) -> dict[str, Any]:
        """The intent that somebody tries to pay; of a session it is made now."""
        session = self.sessions.get(payment)
        if session is None:
            return self.intents[payment]
        if session["status"] != "open":
            raise _no("This session is over.")
        if session["payment_intent"] is None:
            made = self._new_intent(
                session["amount_total"],
                session["currency"],
                session["_reference"],
                session["_capture"],
                session=payment,
            )
            session["payment_intent"] = made["id"]
        return self.intents[session["payment_intent"]]

    def _new_intent(
        self,
        amount: int,
        currency: str,
        reference: str,
        capture: str,
        *,
        session: str | None = None,
    ) -> dict[str, Any]:
        intent_id = self.next_id("pi_")
        self.intents[intent_id] = {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "amount_capturable": 0,
            "currency": currency,
            "status": "requires_payment_method",
            "capture_method": capture,
            "livemode": self.is_live,
            "metadata": {"merchant_reference": reference},
            "latest_charge": None,
            "last_payment_error": None,
            "client_secret": f"{intent_id}_secret_x",
            "_session": session,
        }
        return self.intents[intent_id]

    def _take(self, intent: dict[str, Any], amount: int) -> None:
        intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
        self._tell("payment_intent.succeeded", intent)

    def _expire(self, session: dict[str, Any]) -> None:
        session["status"] = "expired"
        self._tell("checkout.session.expired", session)

    def _refund(
        self, intent: dict[str, Any], amount: Any, metadata: dict[str, str]
    ) -> dict[str, Any]:
        charge = self.charges.get(intent["latest_charge"] or "")
        if charge is None or not intent["amount_received"]:
            raise _no("This PaymentIntent does not have a successful charge to refund.",
                      code="payment_intent_unexpected_state")  # fmt: skip
        left = intent["amount_received"] - charge["amount_refunded"]
        wanted = left if amount is None else int(amount)
        if not left:
            raise _no("Charge has already been refunded.", code="charge_already_refunded")
        if not 0 < wanted <= left:
            raise _no("Refund amount is greater than unrefunded amount on charge.", param="amount")
        refund_id = self.next_id("re_")
        self.refunds[refund_id] = {
            "id": refund_id,
            "object": "refund",
            "amount": wanted,
            "currency": intent["currency"],
            "status": "succeeded",
            "payment_intent": intent["id"],
            "charge": charge["id"],
            "metadata": metadata,
            "failure_reason": None,
        }
        charge["amount_refunded"] += wanted
        self._tell("refund.created", self.refunds[refund_id])
        self._tell("charge.refunded", charge)
        return self.refunds[refund_id]

    def _list(self, book: dict[str, dict[str, Any]], request: Request) -> Any:
        """Newest first, in pages."""
        rows = [
            row
            for row in reversed(book.values())
            if row["payment_intent"] == request.query.get("payment_intent")
        ]
        after = request.query.get("starting_after")
        ids = [row["id"] for row in rows]
        first = ids.index(after) + 1 if after else 0
        limit = int(request.query.get("limit", "10"))
        page = rows[first : first + limit]
        has_more = first + limit < len(rows)
        return {"object": "list", "data": [_shown(row) for row in page], "has_more": has_more}

    def _expanded(self, intent: dict[str, Any]) -> dict[str, Any]:
        shown = _shown(intent)
        if intent["latest_charge"]:
            shown["latest_charge"] = _shown(self.charges[intent["latest_charge"]])
        return shown

    def _tell(self, kind: str, about: dict[str, Any]) -> None:
        self.announce(kind, self.an_event(kind, _shown(about)))

    def an_event(self, kind: str, about: dict[str, Any]) -> dict[str, Any]:
        """The body of a webhook."""
        return {
            "id": self.next_id("evt_"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "livemode": self.is_live,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            "data": {"object": about},
        }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_")}
