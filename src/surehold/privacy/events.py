"""Facts that the privacy room announces: that something was asked for and done, never of whom."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from surehold.jobs.outbox import Event

EXPORT_REQUESTED: Final = "privacy.export_requested"
EXPORT_TAKEN: Final = "privacy.export_taken"
ERASURE_REQUESTED: Final = "privacy.erasure_requested"
ERASED: Final = "privacy.erased"


def fact(topic: str, subject_id: UUID, **payload: Any) -> Event:
    """One fact about an export or an erasure."""
    return Event(topic, subject_id, payload)
