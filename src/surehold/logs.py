"""Logs: one event a line, for a person or for a machine, and never with a secret in it.

Everything goes to standard error: ours through structlog, that of libraries through the same
processors. What a request binds (its id) is on every line that it causes.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import Processor

MASK: Final = "***"
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
#: Shorter ones are words that logs use for other things.
_SECRET_LENGTH_MIN: Final = 8
_SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:secret|secrets|password|passwd|token|cookie|authorization|api_key|credentials)$",
    re.IGNORECASE,
)
_URL_PASSWORD: Final = re.compile(r"(?P<start>\w+://[^:/@\s]*:)[^@/\s]+@")
#: Libraries that speak at a level of their own.
_QUIET: Final = {"uvicorn": 30, "pgqueuer": 30, "httpx": 30, "httpcore": 30, "asyncio": 30}


class UnknownLogLevel(ValueError):
    """There is no log level of this name."""


def set_up(*, level: str, as_json: bool, secrets: Iterable[str] = ()) -> None:
    """Configure logging of this process; the last call counts.

    Args:
        secrets: Values that are masked wherever they appear.

    Raises:
        UnknownLogLevel: The level is not debug, info, warning, error or critical.
    """
    number = _LEVELS.get(level.lower())
    if number is None:
        raise UnknownLogLevel(f"{level!r} is none of {', '.join(_LEVELS)}")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Masking(secrets),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        # Tests and long commands set logging up again; a cached logger would not notice.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name, floor in _QUIET.items():
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(number, floor))


class Masking:
    """A processor that leaves no secret in an event, whatever it is called or part of."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted(
            {re.escape(value) for value in secrets if len(value) >= _SECRET_LENGTH_MIN},
            key=len,
            reverse=True,
        )
        self._known = re.compile("|".join(known)) if known else None

    def __call__(
        self, _: object, __: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Mask by name, then by value."""
        for name, value in event.items():
            event[name] = MASK if _SECRET_NAME.search(name) and value else self.masked(value)
        return event

    def masked(self, value: Any) -> Any:
        """The value with every secret in it replaced."""
        if isinstance(value, str):
            text = _URL_PASSWORD.sub(rf"\g<start>{MASK}@", value)
            return text if self._known is None else self._known.sub(MASK, text)
        if isinstance(value, dict):
            return {
                key: MASK if _SECRET_NAME.search(str(key)) and item else self.masked(item)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.masked(item) for item in value]
        return value
