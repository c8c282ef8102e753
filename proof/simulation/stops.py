"""Where and how an operation is stopped: at a beat, a statement or a call to the provider."""

from __future__ import annotations

import asyncio
import enum
import random
from typing import Any, Final

import msgspec

#: Beats that are no statement: just before a provider is called, and just after it answered.
BEFORE_CALL: Final = "provider.before"
AFTER_CALL: Final = "provider.after"
COMMIT: Final = "COMMIT"
#: A plan that no beat has met after so many is forgotten.
BEATS_MAX: Final = 400


class Kind(enum.Enum):
    """What happens at the beat."""

    #: The client went away: the task of the operation is canceled.
    CANCEL = "canceled by its client"
    #: The connection breaks before the statement is sent.
    LOSE = "connection lost before a statement"
    #: The statement is carried out, and the connection breaks before its answer comes.
    LOSE_ANSWER = "connection lost before an answer"
    #: An administrator ends the server's side of the connection.
    BACKEND = "backend terminated"
    #: The server says that this one was chosen to end a deadlock.
    DEADLOCK = "deadlock reported"
    #: The whole process dies as by a power cut.
    POWER = "process killed"


#: What is drawn, how often, and at which beat (``None``: any).
_DRAWN: Final[tuple[tuple[int, Kind, str | None], ...]] = (
    (16, Kind.CANCEL, None),
    (10, Kind.CANCEL, COMMIT),
    (8, Kind.CANCEL, BEFORE_CALL),
    (10, Kind.CANCEL, AFTER_CALL),
    (10, Kind.LOSE, None),
    (10, Kind.LOSE, COMMIT),
    (14, Kind.LOSE_ANSWER, COMMIT),
    (4, Kind.LOSE_ANSWER, None),
    (4, Kind.BACKEND, None),
    (6, Kind.DEADLOCK, None),
    (3, Kind.POWER, None),
    (2, Kind.POWER, COMMIT),
    (2, Kind.POWER, AFTER_CALL),
    (1, Kind.POWER, BEFORE_CALL),
)


class Stop(msgspec.Struct):
    """One planned stop. ``after`` counts the matching beats that still go by."""

    kind: Kind
    at: str | None
    after: int
    task: asyncio.Task[Any] | None = None
    age: int = 0

    def is_due(self, beat: str) -> bool:
        """Whether it is this beat; counts it."""
        self.age += 1
        if self.at is not None and beat != self.at:
            return False
        # The server ends a transaction of which it reports this. A COMMIT that is never sent would
        # leave it open, which no server does.
        if self.kind is Kind.DEADLOCK and "." not in beat:
            return False
        self.after -= 1
        return self.after < 0


def draw(dice: random.Random) -> Stop:
    """One way of being stopped."""
    [(_, kind, at)] = dice.choices(_DRAWN, weights=[row[0] for row in _DRAWN])
    return Stop(kind, at, dice.randrange(12 if at is None else 2))
