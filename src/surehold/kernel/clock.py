"""The only reader of this server's clock. It labels logs and signs requests; it never decides.

Instants that decide (is this hold over?) come from the database: see ``db/clock.py``.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The current instant, in UTC."""
    return datetime.now(UTC)


def unix_seconds() -> int:
    """Whole seconds since 1970, for signatures."""
    return int(time.time())


def monotonic_seconds() -> float:
    """A clock that only goes forward, for measuring how long something took."""
    return time.monotonic()
