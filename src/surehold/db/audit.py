"""The audit log: who of the staff did what, when and from where, each entry chained to the last.

An entry is written by the transaction that does the work, as its last statement but COMMIT: the
log is locked for one round trip, and whoever holds it waits for nothing else. Only staff pass
here; what buyers do takes no part in it. Commands that know what was before say so (``change``);
of every other request of staff the entry holds what was sent, without secrets and without prose.

A digest cannot tell that the newest entries were cut off. Each one is therefore logged as well,
and logs leave the machine.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from surehold.db.model import AuditEntry
from surehold.db.sql import auditing as sql
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import new_id
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor

if TYPE_CHECKING:
    from surehold.db.database import Connection, Transaction

log = logging.getLogger(__name__)

MASK: Final = "***"
#: What is sent and never kept: secrets, and what says who somebody is. People can be forgotten;
#: the log cannot.
_MASKED: Final = re.compile(
    r"(?:^|_)(?:secret|password|token|code|key|iban|number|pin|email|phone|name|note|text|reason"
    r"|line1|line2|city|region|postal_code|company|vat_id|message|answer|holder|search)s?$",
    re.IGNORECASE,
)
#: Words of machines: ids, states, codes, instants, decimals.
_WORD: Final = re.compile(r"[A-Za-z0-9_.:+/-]{1,64}")
_SENT_MAX: Final = 4_000
_LINKS_AT_ONCE: Final = 5_000
_INVALID_CURSOR: Final = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")


class NewEntry(msgspec.Struct, frozen=True):
    """What is to be written down; the log adds when, and its place in the chain."""

    actor: str
    action: str
    subject: str
    content: dict[str, Any]
    address: str = ""
    request_id: str = ""


class Asked:
    """Something that staff ask for, while it is worked on; it is written down once."""

    __slots__ = (
        "action",
        "actor",
        "address",
        "is_kept",
        "is_private",
        "request_id",
        "sent",
        "subject",
    )

    def __init__(
        self,
        *,
        actor: str,
        action: str,
        subject: str,
        address: str,
        request_id: str,
        is_private: bool = False,
    ) -> None:
        self.actor = actor
        self.action = action
        self.subject = subject
        self.address = address
        self.request_id = request_id
        #: Whether nothing of what is sent is kept: passwords are sent here.
        self.is_private = is_private
        self.sent: Any = None
        self.is_kept = False

    @property
    def entry(self) -> NewEntry:
        """The entry for what no command describes in its own words."""
        content = {} if self.sent is None else {"sent": self.sent}
        return NewEntry(
            self.actor, self.action, self.subject, content, self.address, self.request_id
        )


class Break(msgspec.Struct, frozen=True):
    """The first entry that does not follow from the one before, and what is wrong with it."""

    seq: int
    fault: str


_asked: ContextVar[Asked | None] = ContextVar("surehold_asked", default=None)
_batch: ContextVar[Sequence[Asked | None]] = ContextVar("surehold_asked_batch", default=())


@contextmanager
def nobody_asks() -> Iterator[None]:
    """Begin a request: whoever was asking in this task before asks no more."""
    token = _asked.set(None)
    try:
        yield
    finally:
        _asked.reset(token)


def ask(asked: Asked) -> None:
    """Have what this task writes from now on told as asked for by somebody of the staff."""
    _asked.set(asked)


def find_asked() -> Asked | None:
    """What staff ask for in this task."""
    return _asked.get()


@contextmanager
def batch(asked: Sequence[Asked | None]) -> Iterator[None]:
    """Work on several requests at once, some of them of staff: a lane's part."""
    token = _batch.set(asked)
    try:
        yield
    finally:
        _batch.reset(token)


def accept(tx: Transaction, is_accepted: Sequence[bool]) -> None:
    """Say which requests of the batch were not refused."""
    for asked, is_in in zip(_batch.get(), is_accepted, strict=False):
        if is_in and asked is not None and not asked.is_kept and asked not in tx.asked:
            tx.asked.append(asked)


def note_sent(value: Any) -> None:
    """Keep what staff sent, masked; what is long by its size alone."""
    asked = _asked.get()
    if asked is None or asked.is_private:
        return
    masked = _masked(value)
    size = len(msgspec.json.encode(masked))
    asked.sent = masked if size <= _SENT_MAX else {"bytes": size}


def change(
    tx: Transaction,
    *,
    actor: str,
    action: str,
    subject: str,
    before: Any,
    after: Any,
    address: str = "",
) -> None:
    """Have the transaction tell what it changes, in the words of its command.

    ``address``: where from, when nobody who is known asks.
    """
    asked = _asked.get()
    tx.entries.append(
        NewEntry(
            actor,
            action,
            subject,
            {"before": _masked(before), "after": _masked(after)},
            address if asked is None else asked.address,
            "" if asked is None else asked.request_id,
        )
    )


async def write(tx: Transaction) -> None:
    """Write down what the transaction has to tell, if it wrote anything: its last statements."""
    own = _asked.get()
    if own is not None and not own.is_kept and own not in tx.asked:
        tx.asked.append(own)
    entries = tx.entries or [asked.entry for asked in tx.asked]
    if not entries:
        return
    if await tx.find(sql.LOCK_LOG) is None:
        tx.asked.clear()
        return
    for entry in entries:
        await _append(tx, entry)


def committed(tx: Transaction) -> None:
    """What was written down stays so: it is told once, and the machine's own log has it too."""
    for asked in tx.asked:
        asked.is_kept = True
    # By the standard library: silent in commands of the shell, whose output programs read.
    for seq, digest in tx.links:
        log.info("audited seq=%d digest=%s", seq, digest.hex())


async def record(tx: Transaction, asked: Asked) -> None:
    """Write down what no transaction of its own has told: it is told after it was done."""
    asked.is_kept = True
    await tx.one(sql.LOCK_LOG_ANYWAY)
    await _append(tx, asked.entry)


async def _append(tx: Transaction, entry: NewEntry) -> None:
    made = await tx.one(
        sql.APPEND,
        new_id(),
        _text(entry.actor, 200),
        _text(entry.action, 200),
        _text(entry.subject, 500),
        _text(entry.address, 64),
        _text(entry.request_id, 64),
        entry.content,
    )
    tx.links.append((made.seq, made.digest))


async def list_entries(
    connection: Connection,
    *,
    actor: str | None = None,
    action: str | None = None,
    from_: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[AuditEntry]:
    """Entries that match everything that is asked, newest first. The instants are half-open.

    Raises:
        InvalidInput: The cursor is not one.
    """
    start = "actor" if actor is not None else "action" if action is not None else "newest"
    rows = await connection.all(
        sql.LIST[start], actor, action, from_, until, _read_seq(cursor), limit + 1
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].seq)))


async def iterate(
    connection: Connection, *, limit: int, **wanted: Any
) -> AsyncIterator[AuditEntry]:
    """The newest entries that match, at most so many, a page at a time."""
    cursor: str | None = None
    while limit > 0:
        page = await list_entries(connection, cursor=cursor, limit=min(limit, 500), **wanted)
        for row in page.items:
            yield row
        limit -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


async def verify(connection: Connection) -> tuple[int, bytes | None, Break | None]:
    """Follow the whole chain: how many links hold, the last digest, the first that does not."""
    seen, digest = 0, None
    while True:
        rows = await connection.all(sql.FOLLOW, seen, _LINKS_AT_ONCE)
        for row in rows:
            if row.seq != seen + 1:
                return seen, digest, Break(seen + 1, "it is missing")
            if row.previous != (digest or bytes(32)):
                return seen, digest, Break(row.seq, "it follows another entry than the one before")
            if row.digest != row.computed:
                return seen, digest, Break(row.seq, "it is not what was written")
            seen, digest = row.seq, row.digest
        if len(rows) < _LINKS_AT_ONCE:
            return seen, digest, None


def _masked(value: Any) -> Any:
    """A value without secrets and without prose.

    >>> _masked({"email": "mara@example.com", "lines": [{"quantity": 2, "note": "blue"}]})
    {'email': '***', 'lines': [{'quantity': 2, 'note': '***'}]}
    """
    if isinstance(value, dict):
        return {
            _text(str(key), 64): MASK
            if item is not None and not isinstance(item, bool) and _MASKED.search(str(key))
            else _masked(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(item) for item in value]
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else MASK
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return str(value)
    return value


def _text(value: str, length: int) -> str:
    return value.replace("\0", "")[:length]


def _read_seq(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    keys = decode_cursor(cursor, count=1)
    if keys is None or not keys[0].isascii() or not keys[0].isdigit() or len(keys[0]) > 18:
        raise InvalidInput((_INVALID_CURSOR,))
    return int(keys[0])
