"""What is announced of authorizations: goods are about to go for money that may not come."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.payments.authorizations.model import Authorization
from surehold.payments.model import Payment


def lapsing(payment: Payment, held: Authorization, *, reason: str) -> Event:
    """The hold comes to its end: capture it if the goods will be sent."""
    return _event("payment.authorization_lapsing", payment, held, reason)


def lapsed(payment: Payment, held: Authorization | None) -> Event:
    """The bank let the money go, and goods were trusted to it: the buyer is to pay again."""
    return _event("payment.authorization_lapsed", payment, held, "authorization_lapsed")


def capture_refused(payment: Payment, held: Authorization | None, *, reason: str) -> Event:
    """The bank would not give the money: try again, or let the buyer pay another way."""
    return _event("payment.capture_refused", payment, held, reason)


def _event(topic: str, payment: Payment, held: Authorization | None, reason: str) -> Event:
    return Event(
        topic,
        payment.id,
        {
            "order_id": str(payment.order_id),
            "provider": payment.provider,
            "amount_minor": payment.requested_minor,
            "currency": payment.currency,
            "reason": reason,
            "capture_before": held.capture_before.isoformat() if held else None,
        },
    )
