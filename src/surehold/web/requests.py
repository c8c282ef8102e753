"""What is known of a request before it is read: its id, and whether it is all there."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

_SANE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}").fullmatch
# Unique without a trip for randomness per request: chance per process, then a count.
_PROCESS: Final = secrets.token_hex(6)
_counter: Final = count(1)

#: Our server's extension of a scope: the whole body is there, nobody need wait for it.
WHOLE_BODY: Final = "surehold.whole_body"


def is_whole(scope: Mapping[str, Any]) -> bool:
    """Whether the server says that the whole body has arrived. Another server never says so."""
    extensions = scope.get("extensions")
    return extensions is not None and WHOLE_BODY in extensions


def request_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The id of a request: the caller's when it is sane, else a new one.

    The answer, the problem document and the log all carry it.
    """
    given = headers.get(b"x-request-id")
    if given is not None and _SANE(given):
        return given.decode("ascii")
    return f"{_PROCESS}-{next(_counter):x}"
