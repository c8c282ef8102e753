"""What the database knows of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, frozen=True):
    """One entry of the audit log."""

    seq: int
    happened_at: datetime
    actor: str
    action: str
    subject: str
    address: str
    request_id: str
    content: dict[str, Any]
    digest: bytes
