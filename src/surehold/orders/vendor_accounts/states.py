"""What may become of a batch of payouts, as data."""

from __future__ import annotations

import enum
from typing import Final

from surehold.kernel.states import Machine
from surehold.orders.vendor_accounts.model import BatchState


class BatchEventKind(enum.Enum):
    """What somebody does to a batch."""

    APPROVE = "approve"
    PAY = "pay"
    CANCEL = "cancel"


S, E = BatchState, BatchEventKind
BATCH: Final = Machine(
    initial=S.PROPOSED,
    table={
        (S.PROPOSED, E.APPROVE): S.APPROVED,
        (S.PROPOSED, E.CANCEL): S.CANCELED,
        (S.APPROVED, E.PAY): S.PAID,
        (S.APPROVED, E.CANCEL): S.CANCELED,
    },
)
