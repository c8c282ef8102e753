"""The life of a change, as data. The database has the same moves, and refuses others."""

from __future__ import annotations

import enum
from typing import Final

from surehold.kernel.states import Machine
from surehold.orders.changes.model import ChangeState


class ChangeEvent(enum.Enum):
    """What can happen to a change that waits for its payment."""

    APPLY = "apply"
    LAPSE = "lapse"
    CANCEL = "cancel"


C, CE = ChangeState, ChangeEvent

#: A change that costs nothing more begins as applied.
CHANGE: Final = Machine(
    initial=C.AWAITING_PAYMENT,
    table={
        (C.AWAITING_PAYMENT, CE.APPLY): C.APPLIED,
        (C.AWAITING_PAYMENT, CE.LAPSE): C.LAPSED,
        (C.AWAITING_PAYMENT, CE.CANCEL): C.CANCELED,
        (C.LAPSED, CE.APPLY): C.APPLIED,  # paid late, and all of it is still to be had
    },
)
