"""What is announced of disputes: somebody has days, not weeks, to answer one."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.payments.disputes.model import Dispute


def dispute_moved(dispute: Dispute) -> Event:
    """A dispute was opened, went a stage further, or was decided."""
    return Event(
        f"dispute.{dispute.state.value}",
        dispute.id,
        {
            "order_id": str(dispute.order_id),
            "payment_id": str(dispute.payment_id),
            "stage": dispute.stage.value,
            "reason": dispute.reason,
            "amount_minor": dispute.amount_minor,
            "currency": dispute.currency,
            "respond_by": dispute.respond_by.isoformat() if dispute.respond_by else None,
        },
    )
