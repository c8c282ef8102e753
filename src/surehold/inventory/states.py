"""The life of a reservation, as data."""

from __future__ import annotations

import enum
from typing import Final

from surehold.inventory.model import ReservationState
from surehold.kernel.states import Machine


class ReservationEvent(enum.Enum):
    """What can happen to a reservation."""

    COMMIT = "commit"
    RELEASE = "release"
    EXPIRE = "expire"


S, E = ReservationState, ReservationEvent

RESERVATION: Final = Machine(
    initial=S.ACTIVE,
    table={
        (S.ACTIVE, E.COMMIT): S.COMMITTED,
        (S.ACTIVE, E.RELEASE): S.RELEASED,
        (S.ACTIVE, E.EXPIRE): S.EXPIRED,
    },
)
