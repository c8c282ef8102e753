"""What is sent, and how far it got."""

from __future__ import annotations

import enum
from uuid import UUID

import msgspec


class MailState(enum.Enum):
    """``dropped``: when it was to be sent there was nothing to say any more."""

    WAITING = "waiting"
    SENT = "sent"
    DROPPED = "dropped"
    FAILED = "failed"


class Mail(msgspec.Struct, frozen=True):
    """One mail as it leaves: the same words as text and as HTML. ``id`` is the same each time."""

    id: UUID
    kind: str
    to: str
    subject: str
    text: str
    html: str


class DueMail(msgspec.Struct, frozen=True):
    """A mail whose turn it is: which fact it tells of, and the how-many-eth attempt this is."""

    id: UUID
    topic: str
    subject_id: UUID
    attempts: int
