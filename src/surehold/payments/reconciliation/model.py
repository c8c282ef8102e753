"""What is known of settlement reports. Amounts are minor units, and what the store gains."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from surehold.kernel.csv_table import CellProblem
from surehold.kernel.ids import OrderId, PaymentId, RefundId


class RowKind(enum.Enum):
    """What moved. ``fee``: one by itself; most come with what they are for."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"
    FEE = "fee"
    PAYOUT = "payout"
    ADJUSTMENT = "adjustment"


class Cause(enum.Enum):
    """The likely cause of a difference."""

    #: The provider says something of a payment that nobody here knows.
    MISSING_HERE = "missing_here"
    #: It is in the books, it is old enough, and no report has it.
    MISSING_THERE = "missing_there"
    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    #: Several charges for one payment come to more than was booked.
    CAPTURED_TWICE = "captured_twice"
    #: Somebody gave money back at the provider's own desk.
    REFUND_UNKNOWN = "refund_unknown"
    DISPUTE_DIFFERS = "dispute_differs"
    FEE_UNEXPECTED = "fee_unexpected"
    #: It moved there, and here it is open, failed or given up.
    STATE_DIFFERS = "state_differs"
    #: A payout is not the sum of what it is said to hold.
    PAYOUT_DIFFERS = "payout_differs"
    ADJUSTMENT_UNKNOWN = "adjustment_unknown"


class DifferenceState(enum.Enum):
    """``explained``: by a later report or by the books; ``resolved``: by a person, with a note."""

    OPEN = "open"
    EXPLAINED = "explained"
    RESOLVED = "resolved"


class ReportRow(msgspec.Struct, frozen=True):
    """One row of a file, read. ``line`` counts as in a spreadsheet: the header is 1."""

    line: int
    kind: RowKind
    provider_row_id: str
    provider_payment_id: str | None
    provider_object_id: str | None
    #: Our own id in it: of a payment, or of a refund.
    reference: UUID | None
    payout_id: str | None
    currency: str
    gross_minor: int
    fee_minor: int
    occurred_at: datetime
    #: The order that a buyer's transfer names, where it names one.
    order_number: str | None = None

    @property
    def net_minor(self) -> int:
        """What the store's balance at the provider changed by."""
        return self.gross_minor - self.fee_minor


class Report(msgspec.Struct, frozen=True):
    """A file that was taken in."""

    id: UUID
    provider: str
    account: str
    row_count: int
    #: Whatever moved in between is expected to be in it.
    covered_from: datetime
    covered_until: datetime
    actor: str
    imported_at: datetime


class Imported(msgspec.Struct, frozen=True):
    """What came of a file, or would. ``report`` is none where it was only looked at."""

    report: Report | None
    #: Whether the very file was here before; then nothing was done.
    is_known: bool
    row_count: int
    #: Rows that no earlier file held.
    new_count: int
    difference_count: int
    explained_count: int
    problems: tuple[CellProblem, ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """A row, and what the books say of it."""

    id: UUID
    provider: str
    account: str
    kind: RowKind
    currency: str
    gross_minor: int
    fee_minor: int
    net_minor: int
    payment_id: PaymentId | None
    payment_currency: str | None
    #: Captured and suspended of the payment, in the row's currency; none where nothing was.
    booked_minor: int | None
    disputed_minor: int | None
    refund_id: RefundId | None
    refund_state: str | None
    refund_currency: str | None
    refund_minor: int | None
    #: All rows of the same thing together, and whether this one is the last of them.
    said_minor: int
    said_count: int
    is_last: bool
    #: What the rows of this payout come to, and how many they are.
    paid_out_minor: int
    paid_out_count: int
    #: Of a dispute whose fee was written down by hand: what is booked of it, what all rows that
    #: name it say, and whether this one is the last of those.
    fee_booked_minor: int | None = None
    fee_said_minor: int | None = None
    is_last_fee: bool = False


class Finding(msgspec.Struct, frozen=True):
    """A difference, and what was compared where there was something to compare."""

    cause: Cause
    expected_minor: int | None
    found_minor: int | None


class Missing(msgspec.Struct, frozen=True):
    """Something in the books that no report has."""

    payment_id: PaymentId
    refund_id: RefundId | None
    currency: str
    amount_minor: int


class Difference(msgspec.Struct, frozen=True):
    """A difference that was found, and what became of it."""

    id: UUID
    provider: str
    account: str
    cause: Cause
    row_id: UUID | None
    payment_id: PaymentId | None
    refund_id: RefundId | None
    order_id: OrderId | None
    #: What the provider calls it, and the kind of row, where a row says it.
    provider_row_id: str | None
    kind: RowKind | None
    currency: str
    expected_minor: int | None
    found_minor: int | None
    state: DifferenceState
    note: str | None
    ended_by: str | None
    found_at: datetime
    ended_at: datetime | None
