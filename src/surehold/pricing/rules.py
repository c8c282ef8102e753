"""From prices to a quote: exact arithmetic on whole minor units, rounded at one named place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from surehold.catalog.model import Sellable
from surehold.db.shop import ShopSettings
from surehold.kernel.ids import VariantId
from surehold.pricing.errors import NotForSale, ShippingMethodUnknown
from surehold.pricing.model import Quote, QuoteLine

STANDARD: Final = "standard"


class TaxRule(msgspec.Struct, frozen=True):
    """One rate for everything that is sold, within the prices or on top of them."""

    rate: str
    is_included: bool

    def split(self, amount_minor: int) -> tuple[int, int, int]:
        """Net, tax and gross of an amount as shown to buyers.

        The tax is rounded half up to a whole minor unit, once per line.

        >>> TaxRule("0.23", is_included=True).split(11840)
        (9626, 2214, 11840)
        >>> TaxRule("0.0825", is_included=False).split(1000)
        (1000, 83, 1083)
        """
        over, under = _ratio(self.rate)
        if self.is_included:
            tax = _divide_half_up(amount_minor * over, under + over)
            return amount_minor - tax, tax, amount_minor
        tax = _divide_half_up(amount_minor * over, under)
        return amount_minor, tax, amount_minor + tax


@lru_cache(maxsize=64)
def _ratio(rate: str) -> tuple[int, int]:
    return Decimal(rate).as_integer_ratio()


def _divide_half_up(amount: int, divisor: int) -> int:
    """Divide non-negative whole numbers, rounding half up."""
    return (2 * amount + divisor) // (2 * divisor)


def shipping_minor(settings: ShopSettings, *, method: str, currency: str, subtotal: int) -> int:
    """What sending costs: a price per currency, nothing from a certain subtotal on.

    Raises:
        ShippingMethodUnknown: Nothing is sent this way, or not in this currency.
    """
    price = settings.shipping_standard.get(currency)
    if method != STANDARD or price is None:
        raise ShippingMethodUnknown(
            f"There is no shipping method {method!r} in {currency}.", shipping_method=method
        )
    free_from = settings.shipping_free_from.get(currency)
    return 0 if free_from is not None and subtotal >= free_from else price


def quote(
    lines: Sequence[tuple[VariantId, int]],
    *,
    sellable: Mapping[tuple[VariantId, str], Sellable],
    currency: str,
    shipping_method: str,
    settings: ShopSettings,
) -> Quote:
    """Price a basket. Every total is the sum of its parts.

    Raises:
        NotForSale: Lists every variant that cannot be bought in this currency.
        ShippingMethodUnknown: Nothing is sent this way.
    """
    tax = TaxRule(settings.tax_rate, settings.is_tax_included)
    priced: list[QuoteLine] = []
    missing: list[VariantId] = []
    subtotal = tax_total = 0
    for variant_id, quantity in lines:
        item = sellable.get((variant_id, currency))
        if item is None:
            missing.append(variant_id)
            continue
        total = item.price_minor * quantity
        net, tax_minor, gross = tax.split(total)
        subtotal += total
        tax_total += tax_minor
        priced.append(
            QuoteLine(
                variant_id,
                item.product_id,
                item.vendor_id,
                item.slug,
                item.sku,
                item.name,
                item.options,
                item.image,
                quantity,
                item.price_minor,
                total,
                net,
                tax_minor,
                gross,
            )
        )
    if missing:
        raise NotForSale(missing, currency=currency)
    shipping = shipping_minor(
        settings, method=shipping_method, currency=currency, subtotal=subtotal
    )
    _, shipping_tax, _ = tax.split(shipping)
    tax_total += shipping_tax
    added_tax = 0 if tax.is_included else tax_total
    return Quote(
        currency=currency,
        lines=tuple(priced),
        subtotal_minor=subtotal,
        discount_minor=0,
        shipping_minor=shipping,
        shipping_tax_minor=shipping_tax,
        tax_minor=tax_total,
        total_minor=subtotal + shipping + added_tax,
        is_tax_included=tax.is_included,
        tax_rate=settings.tax_rate,
        shipping_method=shipping_method,
    )
