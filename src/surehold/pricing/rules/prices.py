"""What one unit costs now, when so many are bought."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from surehold.pricing.model import SpecialPrice


def is_open(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> bool:
    """Whether an instant lies in a half-open window; an open end never comes."""
    return (starts_at is None or starts_at <= now) and (ends_at is None or now < ends_at)


def unit_price(
    base_minor: int, specials: Iterable[SpecialPrice], *, quantity: int, now: datetime
) -> int:
    """The lowest of the base price and of every special price that applies."""
    return min(
        base_minor,
        *(
            row.amount_minor
            for row in specials
            if row.min_quantity <= quantity and is_open(row.starts_at, row.ends_at, now)
        ),
        base_minor,
    )
