"""The REST API under ``/v1``: strict about what it takes, one error shape for every refusal."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from surehold.kernel.money import is_currency
from surehold.sandbox import holds, shapes
from surehold.sandbox.bank import Bank, new_id
from surehold.sandbox.http import Handler, Request, Response, Route, json_response
from surehold.sandbox.misbehave import Area
from surehold.sandbox.model import (
    Payment,
    Refusal,
    ReportLine,
    SettlementLine,
    StoredAnswer,
    missing,
)

Input = TypeVar("Input")

MAX_AMOUNT: Final = 999_999_999_999
MAX_SESSION_SECONDS: Final = 31 * 86_400
IDEMPOTENCY_SECONDS: Final = 86_400
MAX_KEY_LETTERS: Final = 255
_MAX_UNIX: Final = 253_402_300_799

#: Starts with a letter or digit, so that no reference can become a formula in the CSV report.
Reference = Annotated[
    str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]*\Z", min_length=1, max_length=64)
]
Amount = Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class CustomerInput(msgspec.Struct, forbid_unknown_fields=True):
    """Who pays."""

    email: Annotated[str, msgspec.Meta(min_length=3, max_length=254)]
    name: Text
    phone: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class CreateInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /v1/payments``."""

    amount: Amount
    currency: str
    merchant_reference: Reference
    customer: CustomerInput
    return_url: Url
    cancel_url: Url
    notify_url: Url
    expires_at: int
    description: Text
    #: ``manual``: the money is held, until it is captured or canceled.
    capture_method: Literal["automatic", "manual"] = "automatic"


class CaptureInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /v1/payments/{id}/capture``."""

    amount: Amount


class RenewInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /v1/payments/{id}/renew``; the same number is one renewal."""

    number: Annotated[int, msgspec.Meta(ge=1, le=1_000)]


class RefundInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /v1/refunds``."""

    payment: str
    amount: Amount
    refund_reference: Reference
    reason: Text


class EvidenceInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /v1/disputes/{id}/answer``."""

    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=5_000)]


class EmptyInput(msgspec.Struct, forbid_unknown_fields=True):
    """A body with nothing to say."""


class Api:
    """The API of one bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        key = bank.settings.api_key
        self.routes = tuple(
            Route(method, path, area, guarded(key, handler))
            for method, path, area, handler in (
                ("POST", "/v1/payments", Area.CREATE, self.create_payment),
                ("GET", "/v1/payments", Area.READ, self.list_payments),
                ("GET", "/v1/payments/{id}", Area.READ, self.get_payment),
                ("POST", "/v1/payments/{id}/capture", Area.CAPTURE, self.capture_payment),
                ("POST", "/v1/payments/{id}/renew", Area.RENEW, self.renew_payment),
                ("POST", "/v1/payments/{id}/cancel", Area.CANCEL, self.cancel_payment),
                ("POST", "/v1/refunds", Area.REFUND, self.create_refund),
                ("GET", "/v1/refunds", Area.READ, self.list_refunds),
                ("GET", "/v1/refunds/{id}", Area.READ, self.get_refund),
                ("POST", "/v1/disputes/{id}/answer", Area.REFUND, self.answer_dispute),
                ("POST", "/v1/disputes/{id}/accept", Area.REFUND, self.accept_dispute),
                ("GET", "/v1/events", Area.READ, self.list_events),
                ("GET", "/v1/report", Area.READ, self.report),
                ("GET", "/v1/settlement", Area.READ, self.settlement),
            )
        )

    def create_payment(self, request: Request, _: dict[str, str]) -> Response:
        given = read_body(request, CreateInput)
        now = self._bank.now()
        _check_create(given, now)

        def work() -> dict[str, Any]:
            payment = self._bank.create_payment(_new_payment(given, now))
            return self._payment(payment, request)

        return self._once(request, work, status=201)

    def get_payment(self, _request: Request, parameters: dict[str, str]) -> Response:
        with self._bank.book.transaction():
            payment = self._bank.get_payment(parameters["id"])
        return json_response(self._payment(payment, _request))

    def list_payments(self, request: Request, _: dict[str, str]) -> Response:
        reference = _only_query(request, "merchant_reference")
        with self._bank.book.transaction():
            payment = self._bank.find_payment_by_reference(reference)
        found = [] if payment is None else [self._payment(payment, request)]
        return json_response({"object": "list", "data": found})

    def capture_payment(self, request: Request, parameters: dict[str, str]) -> Response:
        given = read_body(request, CaptureInput)

        def work() -> dict[str, Any]:
            held = self._bank.get_payment(parameters["id"])
            return self._payment(self._bank.capture_held(held, given.amount), request)

        return self._once(request, work)

    def renew_payment(self, request: Request, parameters: dict[str, str]) -> Response:
        given = read_body(request, RenewInput)

        def work() -> dict[str, Any]:
            held = self._bank.get_payment(parameters["id"])
            return self._payment(holds.renew(self._bank, held, given.number), request)

        return self._once(request, work)

    def cancel_payment(self, request: Request, parameters: dict[str, str]) -> Response:
        read_body(request, EmptyInput)

        def work() -> dict[str, Any]:
            payment = self._bank.cancel(self._bank.get_payment(parameters["id"]))
            return self._payment(payment, request)

        return self._once(request, work)

    def create_refund(self, request: Request, _: dict[str, str]) -> Response:
        given = read_body(request, RefundInput)

        def work() -> dict[str, Any]:
            refund = self._bank.refund(
                self._bank.get_payment(given.payment),
                amount=given.amount,
                refund_reference=given.refund_reference,
                reason=given.reason,
                origin="api",
            )
            return shapes.refund(refund)

        return self._once(request, work, status=201)

    def get_refund(self, _request: Request, parameters: dict[str, str]) -> Response:
        return json_response(shapes.refund(self._bank.get_refund(parameters["id"])))

    def list_refunds(self, request: Request, _: dict[str, str]) -> Response:
        payment_id = _only_query(request, "payment")
        if self._bank.book.find_payment(payment_id) is None:
            raise missing("payment")
        refunds = self._bank.book.list_refunds(payment_id)
        return json_response({"object": "list", "data": [shapes.refund(row) for row in refunds]})

    def answer_dispute(self, request: Request, parameters: dict[str, str]) -> Response:
        given = read_body(request, EvidenceInput)
        return self._answer(request, parameters["id"], given.evidence)

    def accept_dispute(self, request: Request, parameters: dict[str, str]) -> Response:
        read_body(request, EmptyInput)
        return self._answer(request, parameters["id"], None)

    def _answer(self, request: Request, dispute_id: str, evidence: str | None) -> Response:
        def work() -> dict[str, Any]:
            return shapes.dispute(self._bank.answer_dispute(dispute_id, evidence=evidence))

        return self._once(request, work)

    def list_events(self, request: Request, _: dict[str, str]) -> Response:
        """Events after an event id, or from a unix second on; oldest first."""
        _check_query(request, {"since"})
        since = request.query.get("since", "")
        after_seq, created_from = 0, 0
        if since.isascii() and since.isdigit() and len(since) <= 12:
            created_from = int(since)
        elif since:
            event = self._bank.book.find_event(since)
            if event is None:
                raise Refusal(400, "bad_since", "No such event.", param="since")
            after_seq = event.seq
        rows = self._bank.book.list_events(after_seq=after_seq, created_from=created_from)
        return json_response(
            {
                "object": "list",
                "data": [shapes.stored_event(row) for row in rows],
                "next": rows[-1].id if rows else None,
            }
        )

    def report(self, request: Request, _: dict[str, str]) -> Response:
        """Captures, refunds and disputes as signed amounts, JSON or CSV."""
        _check_query(request, {"from", "until", "format"})
        lines = list(
            self._bank.book.list_report(
                created_from=_seconds(request, "from", 0),
                created_until=_seconds(request, "until", _MAX_UNIX),
            )
        )
        skew = self._bank.misbehavior.conduct.report_skew_minor
        if lines and skew:
            lines[0] = msgspec.structs.replace(lines[0], amount=lines[0].amount + skew)
        rows = [shapes.report_line(line) for line in lines]
        if request.query.get("format", "json") == "csv":
            return csv_response(ReportLine, rows)
        totals: dict[str, int] = {}
        for line in lines:
            totals[line.currency] = totals.get(line.currency, 0) + line.amount
        return json_response({"object": "report", "lines": rows, "net": totals})

    def settlement(self, request: Request, _: dict[str, str]) -> Response:
        """What moved, what it cost and what was paid out, as CSV: what bookkeepers import."""
        _check_query(request, {"from", "until"})
        lines = list(
            self._bank.book.list_settlement(
                created_from=_seconds(request, "from", 0),
                created_until=_seconds(request, "until", _MAX_UNIX),
            )
        )
        skew = self._bank.misbehavior.conduct.report_skew_minor
        if lines and skew:
            first = lines[0]
            lines[0] = msgspec.structs.replace(
                first, gross=first.gross + skew, net=first.net + skew
            )
        return csv_response(SettlementLine, [msgspec.structs.asdict(line) for line in lines])

    def _payment(self, payment: Payment, request: Request) -> dict[str, Any]:
        base = self._bank.settings.public_url or request.base_url
        shown = self._bank.payment_object(payment)
        return shown | {"hosted_url": f"{base.rstrip('/')}/pay/{payment.id}"}

    def _once(
        self, request: Request, work: Callable[[], dict[str, Any]], *, status: int = 200
    ) -> Response:
        """Do the work once per idempotency key; the first result is replayed for a day.

        A refusal is not stored: nothing happened, so the key may be used again.
        """
        key = request.headers.get("idempotency-key", "")
        if not key or len(key) > MAX_KEY_LETTERS or not key.isascii() or not key.isprintable():
            raise Refusal(
                400,
                "idempotency_key_missing",
                f"POST needs an Idempotency-Key of 1 to {MAX_KEY_LETTERS} characters.",
            )
        bank, digest = self._bank, hashlib.sha256(request.path.encode() + b"\n" + request.body)
        with bank.book.transaction():
            now = bank.now()
            stored = bank.book.find_answer(key)
            if stored is not None and stored.created_at > now - IDEMPOTENCY_SECONDS:
                if not hmac.compare_digest(stored.request_hash, digest.hexdigest()):
                    raise Refusal(
                        422,
                        "idempotency_key_reused",
                        "This key was used with another request.",
                        kind="idempotency_error",
                    )
                replayed = (("idempotent-replayed", "true"),)
                return Response(status=stored.status, body=stored.body, headers=replayed)
            body = msgspec.json.encode(work())
            bank.book.save_answer(key, StoredAnswer(digest.hexdigest(), status, body, now))
        return Response(status=status, body=body)


def guarded(key: str, handler: Handler) -> Handler:
    """The handler behind a bearer key."""

    def checked(request: Request, parameters: dict[str, str]) -> Response:
        _require_bearer(request, key)
        return handler(request, parameters)

    return checked


def _require_bearer(request: Request, key: str) -> None:
    """Refuse a request without the secret key.

    Raises:
        Refusal: 401.
    """
    given = request.headers.get("authorization", "").encode("latin-1")
    if not hmac.compare_digest(given, b"Bearer " + key.encode()):
        raise Refusal(
            401,
            "unauthorized",
            "Send the secret key as a bearer token.",
            kind="authentication_error",
        )


def read_body(request: Request, shape: type[Input]) -> Input:
    """Decode the body; an empty one counts as ``{}``.

    Raises:
        Refusal: 400, naming the field.
    """
    try:
        return msgspec.json.decode(request.body or b"{}", type=shape)
    except msgspec.ValidationError as error:
        message = str(error)
        # msgspec says where: "… - at `$.customer.email`", or names a missing or unknown field.
        found = re.search(r"`\$\.?([^`]*)`\Z", message)
        named = re.search(r"(?:field|required field) `([^`]+)`", message)
        parts = [match[1] for match in (found, named) if match and match[1]]
        raise Refusal(400, "bad_parameter", message, param=".".join(parts) or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, "bad_json", "The body is not valid JSON.") from error


def _check_create(given: CreateInput, now: int) -> None:
    if not is_currency(given.currency):
        raise Refusal(400, "bad_currency", "Not an ISO 4217 currency.", param="currency")
    if not now < given.expires_at <= now + MAX_SESSION_SECONDS:
        raise Refusal(
            400, "bad_expiry", "Must be within the next 31 days, in unix seconds.",
            param="expires_at",
        )  # fmt: skip
    for param in ("return_url", "cancel_url", "notify_url"):
        if not _is_web_address(getattr(given, param)):
            raise Refusal(400, "bad_url", "Must be an absolute http(s) address.", param=param)


def _is_web_address(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parts.netloc) is not None
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False


def _new_payment(given: CreateInput, now: int) -> Payment:
    return Payment(
        id=new_id("pay"),
        merchant_reference=given.merchant_reference,
        state="requires_action",
        amount=given.amount,
        currency=given.currency,
        description=given.description,
        customer=msgspec.json.encode(given.customer).decode(),
        return_url=given.return_url,
        cancel_url=given.cancel_url,
        notify_url=given.notify_url,
        expires_at=given.expires_at,
        card=None,
        card_brand=None,
        card_last4=None,
        is_challenged=False,
        settle_at=None,
        failure_code=None,
        failure_message=None,
        created_at=now,
        updated_at=now,
        captured=0,
        refunded=0,
        refunding=0,
        disputed=0,
        is_manual=given.capture_method == "manual",
    )


def _check_query(request: Request, known: set[str]) -> None:
    for name in request.query.keys() - known:
        raise Refusal(400, "unknown_parameter", "No such parameter.", param=name)


def _only_query(request: Request, name: Literal["merchant_reference", "payment"]) -> str:
    _check_query(request, {name})
    if not request.query.get(name):
        raise Refusal(400, "missing_parameter", "This parameter is required.", param=name)
    return request.query[name]


def _seconds(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Refusal(400, "bad_parameter", "Must be unix seconds.", param=name)
    return int(text)


def csv_response(shape: type[msgspec.Struct], rows: list[dict[str, Any]]) -> Response:
    """Rows as CSV, a column for each field of the shape."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=shape.__struct_fields__)
    writer.writeheader()
    writer.writerows(rows)
    return Response(body=out.getvalue().encode(), content_type="text/csv; charset=utf-8")
