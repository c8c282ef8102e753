"""What the program logged: counted, and read for failures that no caller heard of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_NAME: Final = re.compile(r"\w+")

#: Why work in the background may fail here: what the simulation does to it, or a call that was
#: lost. Two processes may insert the same key; the lane then looks again.
_EXPECTED: Final = frozenset(
    {
        "Busy",
        "CancelledError",
        "CannotConnectNowError",
        "AdminShutdownError",
        "ConnectionDoesNotExistError",
        "ConnectionResetError",
        "DeadlockDetectedError",
        "InterfaceError",
        "InternalClientError",
        "LockNotAvailableError",
        "OutcomeUnknown",
        "QueryCanceledError",
        "RateLimited",
        "TimeoutError",
        "Unavailable",
        "UniqueViolationError",
    }
)
_UNEXPECTED_MAX: Final = 5


class LogWatch:
    """The last processor of the program's log: it prints nothing and forgets nothing bad."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.unexpected: list[str] = []

    def __call__(
        self, _: Any, level: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        name = str(event.get("event"))
        if level != "debug":
            self.counts[name] += 1
        reason = event.get("error") or event.get("reason") or ""
        first = _NAME.match(str(reason))
        is_bad = level in {"error", "critical"} and name != "webhook_dead"
        if "error" in event:
            is_bad |= first is None or first[0] not in _EXPECTED
        if is_bad and len(self.unexpected) < _UNEXPECTED_MAX:
            self.unexpected.append(f"the program logged {level} {dict(event)}")
        raise structlog.DropEvent
