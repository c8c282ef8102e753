"""Facts that drafts announce. The link itself is told to nobody but whoever sent it."""

from __future__ import annotations

from surehold.jobs.outbox import Event
from surehold.orders.drafts.model import Draft


def draft_sent(draft: Draft) -> Event:
    """A payment link was made."""
    return Event(
        "draft_order.sent",
        draft.id,
        {"email": draft.content.email, "version": draft.version},
    )


def draft_canceled(draft: Draft) -> Event:
    """Staff have taken a draft back."""
    return Event(
        "draft_order.canceled",
        draft.id,
        {"email": draft.content.email, "version": draft.version},
    )
