"""Exact amounts: whole minor units of one currency.

There is no default currency and no float. Rounding happens only where a caller names it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final

import msgspec
from iso4217 import Currency

#: Largest amount that fits PostgreSQL's ``bigint``; sums are checked against it at the edge.
MAX_MINOR: Final = 2**63 - 1


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met in one sum or comparison."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in minor units (cents, fils, yen) and its ISO 4217 currency.

    >>> Money(1999, "USD") + Money(1, "USD")
    Money(amount=2000, currency='USD')
    """

    amount: int
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, count: int) -> Money:
        if not isinstance(count, int):
            raise TypeError(
                "money is multiplied by whole counts only; name the rounding otherwise"
            )
        return Money(self.amount * count, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} is not {other.currency}")
        return other.amount

    def split(self, weights: tuple[int, ...]) -> tuple[Money, ...]:
        """Divide over weights so that the parts add up to the whole.

        Leftover units go to the largest remainders, earlier parts first on a tie.

        >>> [part.amount for part in Money(100, "USD").split((1, 1, 1))]
        [34, 33, 33]
        """
        return tuple(Money(part, self.currency) for part in split_minor(self.amount, weights))


def split_minor(amount_minor: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """Divide whole minor units over non-negative weights; the parts add up to the whole.

    Raises:
        ValueError: No weights, a negative weight, or weights that sum to zero.
    """
    total = sum(weights)
    if not weights or total <= 0 or min(weights) < 0:
        raise ValueError("split needs non-negative weights with a positive sum")
    sign = -1 if amount_minor < 0 else 1
    whole = abs(amount_minor)
    parts = [whole * weight // total for weight in weights]
    remainders = [whole * weight % total for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in order[: whole - sum(parts)]:
        parts[index] += 1
    return tuple(sign * part for part in parts)


def round_minor(amount: Decimal) -> int:
    """Round an exact amount of minor units half up, away from zero: the mode tax offices print.

    >>> round_minor(Decimal("2.5")), round_minor(Decimal("-2.5"))
    (3, -3)
    """
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@lru_cache(maxsize=256)
def exponent(currency: str) -> int:
    """Digits after the decimal point.

    Raises:
        ValueError: Not an ISO 4217 code that money is counted in.

    Source: ISO 4217, list one.
    """
    digits = Currency(currency).exponent
    if digits is None:
        raise ValueError(f"{currency} has no minor unit")
    return int(digits)


@lru_cache(maxsize=256)
def is_currency(code: str) -> bool:
    """Whether the code is an ISO 4217 currency that amounts can be counted in."""
    try:
        exponent(code)
    except ValueError:
        return False
    return True


def to_major(money: Money) -> Decimal:
    """The amount in major units, exactly, for people and for providers that count so."""
    return Decimal(money.amount).scaleb(-exponent(money.currency))


def from_major(amount: Decimal, currency: str) -> Money:
    """Read an amount in major units.

    Raises:
        ValueError: More decimals than the currency has; nothing is rounded silently.
    """
    minor = amount.scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{amount} has more decimals than {currency}")
    return Money(int(minor), currency)
