"""What tax is within or upon an amount, and who owes it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from surehold.pricing.rules.allocation import allocate, divide_half_up

#: Countries whose businesses owe the tax on what they buy from another of them.
_UNION: Final = frozenset(code.upper() for code in vat.MEMBER_STATES) - {"XI"}


class TaxRule(msgspec.Struct, frozen=True):
    """One rate, within the prices or on top of them."""

    rate: str
    is_included: bool

    def tax(self, amount_minor: int) -> int:
        """The tax of an amount as shown to buyers, rounded half up to a whole minor unit."""
        over, under = _ratio(self.rate)
        if self.is_included:
            return divide_half_up(amount_minor * over, under + over)
        return divide_half_up(amount_minor * over, under)

    def split(self, amount_minor: int) -> tuple[int, int, int]:
        """Net, tax and gross of an amount as shown to buyers.

        >>> TaxRule("0.23", is_included=True).split(11840)
        (9626, 2214, 11840)
        >>> TaxRule("0.0825", is_included=False).split(1000)
        (1000, 83, 1083)
        """
        tax = self.tax(amount_minor)
        if self.is_included:
            return amount_minor - tax, tax, amount_minor
        return amount_minor, tax, amount_minor + tax

    def without(self, amount_minor: int) -> int:
        """An amount as shown to buyers, without the tax that is within it.

        >>> TaxRule("0.19", is_included=True).without(11900)
        10000
        """
        return amount_minor - self.tax(amount_minor) if self.is_included else amount_minor


@lru_cache(maxsize=256)
def _ratio(rate: str) -> tuple[int, int]:
    return Decimal(rate).as_integer_ratio()


def taxes(amounts: Sequence[int], rules: Sequence[TaxRule], *, per_total: bool) -> list[int]:
    """The tax of each amount.

    Rounded once per amount; or ``per_total``, once per rate over all of its amounts, and divided
    over them again so that they add up to it.
    """
    if not per_total:
        return [rule.tax(amount) for amount, rule in zip(amounts, rules, strict=True)]
    parts = [0] * len(amounts)
    for rule in dict.fromkeys(rules):
        places = [index for index, other in enumerate(rules) if other == rule]
        shares = [amounts[index] for index in places]
        for index, part in zip(places, allocate(rule.tax(sum(shares)), shares), strict=True):
            parts[index] = part
    return parts


@lru_cache(maxsize=1024)
def normalize_vat_id(text: str) -> str | None:
    """A VAT id of the European Union as it is kept, or ``None`` when its form is not valid.

    The form and the check digits only: whether it is in use is known to the tax offices.

    >>> normalize_vat_id(" de 136,695 976 "), normalize_vat_id("DE136695978")
    ('DE136695976', None)
    """
    try:
        return str(vat.validate(text))
    except ValidationError:
        return None


def is_reverse_charge(vat_id: str, *, shop_country: str, country: str) -> bool:
    """Whether the buyer owes the tax instead of the store.

    A business of another country of the union than the store's, to which goods leave the store's
    country for another one of the union.

    Source: Directive 2006/112/EC, articles 138 and 196.

    >>> is_reverse_charge("FR40303265045", shop_country="DE", country="FR")
    True
    >>> is_reverse_charge("DE136695976", shop_country="DE", country="FR")
    False
    """
    home = "GR" if vat_id.startswith("EL") else vat_id[:2]
    return (
        shop_country in _UNION
        and country in _UNION
        and home in _UNION
        and shop_country not in {home, country}
    )
