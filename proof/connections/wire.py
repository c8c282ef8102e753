"""As much of PostgreSQL's protocol as it takes to see a commit pass, in both directions.

Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol", message formats.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

#: The codes that a first message can have in place of a version.
CANCEL: Final = 80877102
TLS: Final = 80877103
GSS: Final = 80877104

QUERY: Final = b"Q"
PARSE: Final = b"P"
BIND: Final = b"B"
COMMAND_COMPLETE: Final = b"C"
#: The rows that were asked for have come; there may be more.
SUSPENDED: Final = b"s"
READY: Final = b"Z"
IDLE: Final = b"I"
_WRITES: Final = re.compile(rb"^\s*(INSERT INTO|UPDATE|DELETE FROM)\b", re.MULTILINE)


class Framer:
    """Cuts a stream into messages: each a type of one byte and a body."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Every message that is whole now: its type, its body, and all its bytes."""
        self._rest += data
        while len(self._rest) >= 5:
            size = 1 + struct.unpack_from("!I", self._rest, 1)[0]
            if len(self._rest) < size:
                return
            whole, self._rest = self._rest[:size], self._rest[size:]
            yield whole[:1], whole[5:], whole


def first_code(message: bytes) -> int:
    """What a first message is: its length has been read off."""
    return int(struct.unpack_from("!I", message, 0)[0])


def is_commit(kind: bytes, body: bytes) -> bool:
    """Whether a message of the program's asks for a commit by that word."""
    return kind == QUERY and body.rstrip(b"\0 ;").upper() == b"COMMIT"


class CommitWatch:
    """Follows one connection and tells the answer that says: it is kept.

    That is the end of COMMIT, and of a statement that writes outside any transaction.
    """

    def __init__(self) -> None:
        self._is_write_by_name: dict[bytes, bool] = {}
        self._is_write = False
        self._is_committing = False
        self._is_done = False
        self._is_idle = True

    def hear(self, kind: bytes, body: bytes) -> None:
        """A message of the program's: which statement it makes, or runs."""
        if kind == PARSE:
            name, text = body.split(b"\0")[:2]
            self._is_write_by_name[name] = _WRITES.search(text) is not None
        elif kind == BIND:
            self._is_write = self._is_write_by_name.get(body.split(b"\0")[1], False)
        elif kind == QUERY:
            self._is_write = False
            self._is_committing = is_commit(kind, body)

    def is_kept(self, kind: bytes, body: bytes) -> bool:
        """Whether this message of the server's tells of something that was just committed."""
        if kind == COMMAND_COMPLETE:
            # A COMMIT of what had failed before ends as ROLLBACK.
            self._is_committing &= body.startswith(b"COMMIT")
        if kind in {COMMAND_COMPLETE, SUSPENDED}:
            self._is_done = True
        if kind != READY:
            return False
        was_idle, self._is_idle = self._is_idle, body == IDLE
        is_kept = self._is_done and self._is_idle
        is_kept &= self._is_committing or (was_idle and self._is_write)
        self._is_done = self._is_committing = self._is_write = False
        return is_kept
