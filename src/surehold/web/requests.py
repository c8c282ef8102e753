"""The id of a request: the caller's when it is sane, else a new one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from itertools import count
from typing import Final

_SANE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}").fullmatch
# Unique without a trip for randomness per request: chance per process, then a count.
_PROCESS: Final = secrets.token_hex(6)
_counter: Final = count(1)


def request_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The id that the answer, the problem document and the log all carry."""
    given = headers.get(b"x-request-id")
    if given is not None and _SANE(given):
        return given.decode("ascii")
    return f"{_PROCESS}-{next(_counter):x}"
