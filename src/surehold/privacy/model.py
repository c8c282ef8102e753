"""What the privacy room knows: entries of the register, exports and erasures."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from surehold.kernel.ids import AccountId


class Fate(enum.Enum):
    """What an erasure does with a column."""

    BLANKED = "blanked"
    DELETED = "row deleted"
    KEPT_FOR_THE_BOOKS = "kept while the law wants it, then blanked"
    RUNS_OUT = "left: it runs out by itself"
    STAYS = "left: it is the shop's or its staff's"


class Entry(msgspec.Struct, frozen=True):
    """Personal data of one table. ``exported_as``: the section of an export that shows it."""

    table: str
    columns: tuple[str, ...]
    about: str
    why: str
    kept: str
    fate: Fate
    exported_as: str | None = None


class ErasureState(enum.Enum):
    """How far an erasure has come."""

    RUNNING = "running"
    #: Done, and gone over once more later: for what providers still sent.
    ERASED = "erased"
    DONE = "done"


class Person(msgspec.Struct, frozen=True):
    """Whom something is asked about: an address, and the account that has it, if there is one."""

    email: str
    email_key: str
    account_id: AccountId | None


class Erasure(msgspec.Struct, frozen=True):
    """One erasure. ``counts``: rows changed or deleted so far, by step."""

    id: UUID
    state: ErasureState
    account_id: AccountId | None
    step: int
    counts: dict[str, int]
    orders: int
    requested_by: str
    requested_at: datetime
    erased_at: datetime | None
    again_at: datetime | None


class Obstacle(msgspec.Struct, frozen=True):
    """What has to end before a person can be erased; ``reference`` is what buyers call it."""

    kind: str
    reference: str


class NewExport(msgspec.Struct, frozen=True):
    """An export that was asked for. ``token`` opens it once, and is nowhere else."""

    id: UUID
    token: str
    expires_at: datetime


class ExportProgress(msgspec.Struct, frozen=True):
    """How far an export is, and until when it may be taken."""

    is_ready: bool
    expires_at: datetime


class PersonalExport(msgspec.Struct, frozen=True):
    """An export that is to be made."""

    id: UUID
    account_id: AccountId | None
    email: str
    email_key: str
    requested_at: datetime


class Row(msgspec.Struct, frozen=True):
    """One row of a section of an export."""

    row: Any
