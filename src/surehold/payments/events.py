"""What is announced of payments."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.payments.model import Refund


def refund_found(refund: Refund) -> Event:
    """Money went back that nobody asked for here: staff see what a colleague did elsewhere."""
    return Event(
        "refund.found",
        refund.id,
        {
            "order_id": str(refund.order_id),
            "payment_id": str(refund.payment_id),
            "amount_minor": refund.amount_minor,
            "currency": refund.currency,
            "booked_by": refund.requested_by,
        },
    )
