"""How things look in the sandbox's JSON."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from surehold.sandbox.model import Dispute, Payment, Refund, ReportLine, StoredEvent


def payment(
    row: Payment,
    refunds: tuple[Refund, ...],
    disputes: tuple[Dispute, ...],
    *,
    shown_currency: str | None = None,
) -> dict[str, Any]:
    """A payment with its totals. ``shown_currency`` is a lie that a test asked for."""
    currency = shown_currency or row.currency
    card = None
    if row.card_last4 is not None:
        card = {"brand": row.card_brand, "last4": row.card_last4}
    failure = None
    if row.failure_code is not None:
        failure = {"code": row.failure_code, "message": row.failure_message}
    return {
        "object": "payment",
        "id": row.id,
        "merchant_reference": row.merchant_reference,
        "state": row.state,
        "livemode": False,
        "currency": currency,
        "amount": row.amount,
        "totals": {
            "requested": row.amount,
            "authorized": row.authorized,
            "captured": row.captured,
            "refunded": row.refunded,
            "disputed": row.disputed,
        },
        "description": row.description,
        "customer": msgspec.json.decode(row.customer),
        "return_url": row.return_url,
        "cancel_url": row.cancel_url,
        "notify_url": row.notify_url,
        "expires_at": row.expires_at,
        "capture_before": row.capture_before,
        "honored_until": row.honored_until,
        "card": card,
        "failure": failure,
        "refunds": [refund(each) | {"currency": currency} for each in refunds],
        "disputes": [dispute(each) | {"currency": currency} for each in disputes],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def refund(row: Refund) -> dict[str, Any]:
    """A refund."""
    return {"object": "refund", "livemode": False, **msgspec.structs.asdict(row)}


def dispute(row: Dispute) -> dict[str, Any]:
    """A dispute. One that was answered is under review; an inquiry is closed, not won."""
    state: str = row.state
    if state == "open" and row.evidence is not None:
        state = "answered"
    elif state == "won" and row.stage == "inquiry":
        state = "closed"
    known = msgspec.structs.asdict(row) | {"state": state}
    return {"object": "dispute", "livemode": False, **known}


def event(
    event_id: str, type_: str, created: int, subject: dict[str, Any], *, related: dict[str, Any]
) -> bytes:
    """The bytes of one event: made once, stored, signed and sent as they are."""
    return msgspec.json.encode(
        {
            "id": event_id,
            "type": type_,
            "created": created,
            "livemode": False,
            "data": {"object": subject, **related},
        }
    )


def stored_event(row: StoredEvent) -> dict[str, Any]:
    """An event read back from the book."""
    return cast("dict[str, Any]", msgspec.json.decode(row.body))


def report_line(row: ReportLine) -> dict[str, Any]:
    """One line of the settlement report."""
    return msgspec.structs.asdict(row)


def error(kind: str, code: str, message: str, param: str | None) -> dict[str, Any]:
    """The one shape of every error."""
    return {"error": {"type": kind, "code": code, "message": message, "param": param}}
