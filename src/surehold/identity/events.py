"""Facts that the identity room announces. They carry ids and who did it, never a secret."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from surehold.jobs.outbox import Event

#: Somebody is to be written to. The letter may not be there: who is asked about does not show.
LETTER_WRITTEN: Final = "identity.letter_written"
EMAIL_VERIFIED: Final = "identity.email_verified"
EMAIL_CHANGED: Final = "identity.email_changed"
PASSWORD_CHANGED: Final = "identity.password_changed"  # noqa: S105 - a topic, no secret
TOKEN_REUSED: Final = "identity.token_reused"  # noqa: S105 - a topic, no secret
FACTOR_ADDED: Final = "identity.factor_added"
FACTOR_REMOVED: Final = "identity.factor_removed"
KEY_CREATED: Final = "identity.key_created"
KEY_REVOKED: Final = "identity.key_revoked"
STAFF_ADDED: Final = "identity.staff_added"
STAFF_DISABLED: Final = "identity.staff_disabled"
STAFF_ENABLED: Final = "identity.staff_enabled"
STAFF_RESET: Final = "identity.staff_reset"
ROLES_GRANTED: Final = "identity.roles_granted"
ROLE_CHANGED: Final = "identity.role_changed"


def fact(topic: str, subject_id: UUID, **payload: Any) -> Event:
    """One fact about an account, a letter, a key or a role."""
    return Event(topic, subject_id, payload)
