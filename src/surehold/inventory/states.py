"""The lives of reservations, transfers and stock counts, as data."""

from __future__ import annotations

import enum
from typing import Final

from surehold.inventory.model import CountState, ReservationState, TransferState
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


class TransferEvent(enum.Enum):
    """What can happen to a transfer."""

    DISPATCH = "dispatch"
    FINISH = "finish"
    CANCEL = "cancel"


TRANSFER: Final = Machine(
    initial=TransferState.DRAFT,
    table={
        (TransferState.DRAFT, TransferEvent.DISPATCH): TransferState.IN_TRANSIT,
        (TransferState.DRAFT, TransferEvent.CANCEL): TransferState.CANCELED,
        (TransferState.IN_TRANSIT, TransferEvent.FINISH): TransferState.RECEIVED,
        (TransferState.IN_TRANSIT, TransferEvent.CANCEL): TransferState.CANCELED,
    },
)


class CountEvent(enum.Enum):
    """What can happen to a stock count."""

    APPLY = "apply"
    CANCEL = "cancel"


COUNT: Final = Machine(
    initial=CountState.OPEN,
    table={
        (CountState.OPEN, CountEvent.APPLY): CountState.APPLIED,
        (CountState.OPEN, CountEvent.CANCEL): CountState.CANCELED,
    },
)
