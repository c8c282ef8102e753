"""How a provider writes its settlement report: which column is what, and in which form."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

#: What a report may say of a row. ``reference`` is what the store called it, ``object_id`` what
#: the provider calls the refund or dispute, ``direction`` whether money came or went.
ReportField = Literal[
    "row_id",
    "kind",
    "payment_id",
    "object_id",
    "reference",
    "payout_id",
    "gross",
    "fee",
    "net",
    "currency",
    "direction",
    "occurred_at",
]
#: What a row is of. ``fee`` is one by itself; most come with what they are for.
RowKind = Literal["charge", "refund", "dispute", "dispute_reversal", "fee", "payout", "adjustment"]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Rate = Annotated[str, msgspec.Meta(pattern=r"^0(\.\d{1,6})?$")]


class ReportMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One provider's form. Words and columns are the provider's own; case counts in neither."""

    columns: dict[ReportField, Word]
    #: The provider's words, and what they mean.
    kinds: dict[Word, RowKind] = {}
    #: What a row is whose kind no column says.
    default_kind: RowKind | None = None
    #: Words of rows that move nothing.
    skipped: tuple[Word, ...] = ()
    #: Whole minor units, or decimal major ones.
    amounts: Literal["minor", "major"] = "major"
    #: ``iso``, ``unix``, or a form such as ``%d/%m/%Y %H:%M``. Times without a zone are UTC.
    date_format: Word = "iso"
    #: Most write a fee as what it costs; some write it as what is taken off.
    is_fee_negative: bool = False
    #: Kinds of which money leaves and no sign says so.
    outward_kinds: tuple[RowKind, ...] = ()
    #: Words of ``direction`` by which money leaves.
    debit_words: tuple[Word, ...] = ()
    default_currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")] | None = None
    #: How long after it moved something may be missing from a report.
    delay_hours: Annotated[int, msgspec.Meta(ge=0, le=24 * 60)] = 0
    #: The most that a charge should cost: so much of it, and so much more by currency.
    fee_rate_max: Rate | None = None
    fee_fixed_max: dict[str, Annotated[int, msgspec.Meta(ge=0)]] = {}
