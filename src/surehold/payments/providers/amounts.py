"""How a provider counts money: by its own table, never by ISO's, and exactly or not at all.

A provider may write yen with two digits, or krónur in hundreds. What it cannot carry is refused
before anything is sent; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from surehold.kernel.money import Money, exponent

#: Longest text that is read as an amount; no currency needs more.
_LONGEST: Final = 24


class NotCarried(ValueError):
    """An amount that the provider cannot write, or that it wrote in a way that means nothing."""


class Amounts(msgspec.Struct, frozen=True):
    """A provider's table: digits after the point for each currency that it takes.

    ``steps``: its own smallest units, of which an amount must be a multiple. ``largest`` and
    ``smallest`` bound an amount in those units.

    >>> table = Amounts({"JPY": 2, "USD": 2})
    >>> table.to_units(Money(100, "JPY")), table.to_decimal(Money(1999, "USD"))
    (10000, '19.99')
    """

    exponents: Mapping[str, int]
    steps: Mapping[str, int] = {}
    smallest: int = 1
    largest: int = 2**53 - 1

    def can_carry(self, money: Money) -> bool:
        """Whether the provider can write exactly this amount."""
        try:
            self.to_units(money)
        except NotCarried:
            return False
        return True

    def to_units(self, money: Money) -> int:
        """The amount in the provider's smallest units.

        Raises:
            NotCarried: It cannot write this amount.
        """
        digits = self._digits(money.currency) - exponent(money.currency)
        units, rest = money.amount, 0
        if digits >= 0:
            units *= int(10**digits)
        else:
            units, rest = divmod(units, 10**-digits)
        if rest or units % self.steps.get(money.currency, 1):
            raise NotCarried(f"{money.amount} {money.currency} cannot be written")
        if not self.smallest <= units <= self.largest:
            raise NotCarried(f"{money.amount} {money.currency} is outside the limits")
        return units

    def from_units(self, units: int, currency: str) -> Money:
        """What the provider means by so many of its smallest units.

        Raises:
            NotCarried: An unknown currency, or a part of our smallest unit.
        """
        digits = self._digits(currency) - exponent(currency)
        if digits <= 0:
            return Money(units * 10**-digits, currency)
        whole, rest = divmod(units, 10**digits)
        if rest:
            raise NotCarried(f"{units} units of {currency} are no whole amount")
        return Money(whole, currency)

    def to_decimal(self, money: Money) -> str:
        """The amount in major units, with all the digits that the provider writes.

        Raises:
            NotCarried: It cannot write this amount.
        """
        return f"{Decimal(self.to_units(money)).scaleb(-self._digits(money.currency)):f}"

    def from_decimal(self, written: str | int | Decimal, currency: str) -> Money:
        """What the provider means by an amount in major units: ``400``, ``"400.00"``.

        Raises:
            NotCarried: No number, an unknown currency, or more decimals than it has.
        """
        text = str(written)
        try:
            value = Decimal(text) if len(text) <= _LONGEST else Decimal("NaN")
        except InvalidOperation:
            value = Decimal("NaN")
        units = value.scaleb(self._digits(currency)) if value.is_finite() else value
        if not units.is_finite() or units != units.to_integral_value():
            raise NotCarried(f"{text[:_LONGEST]!r} is no amount of {currency}")
        return self.from_units(int(units), currency)

    def _digits(self, currency: str) -> int:
        digits = self.exponents.get(currency)
        if digits is None:
            raise NotCarried(f"{currency} is not taken")
        return digits
