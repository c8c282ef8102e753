"""The pricing room's failures.

DomainError
├── NotForSale               409
├── PriceChanged             409
├── QuoteExpired             409
└── ShippingMethodUnknown    422
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surehold.kernel.errors import DomainError, Kind
from surehold.kernel.ids import VariantId


class NotForSale(DomainError):
    """Some variants cannot be bought in this currency: unknown, withdrawn or without a price.

    Facts: ``variant_ids`` and ``currency``, which is null where none was asked for.
    """

    kind = Kind.CONFLICT
    code = "not_for_sale"
    title = "Not for sale"

    def __init__(self, variant_ids: Sequence[VariantId], *, currency: str | None) -> None:
        where = "" if currency is None else f" in {currency}"
        super().__init__(
            f"{len(variant_ids)} of the items cannot be bought{where}.",
            variant_ids=[str(variant_id) for variant_id in variant_ids],
            currency=currency,
        )
        self.variant_ids = tuple(variant_ids)


class PriceChanged(DomainError):
    """The buyer expected another total. Nothing was placed.

    Facts: ``expected`` and ``actual`` totals, and ``lines`` with the price of each line now (and
    the price the buyer saw, where that is known).
    """

    kind = Kind.CONFLICT
    code = "price_changed"
    title = "The price has changed"

    def __init__(
        self,
        *,
        currency: str,
        expected_minor: int,
        expected_currency: str,
        actual_minor: int,
        lines: Sequence[dict[str, Any]],
    ) -> None:
        super().__init__(
            "The total is not what you expected; nothing was placed.",
            expected={"amount": expected_minor, "currency": expected_currency},
            actual={"amount": actual_minor, "currency": currency},
            lines=list(lines),
        )


class QuoteExpired(DomainError):
    """The quote does not exist or its time is over: ask for a new one."""

    kind = Kind.CONFLICT
    code = "quote_expired"
    title = "The quote has expired"


class ShippingMethodUnknown(DomainError):
    """Nothing is sent this way, or not in this currency."""

    kind = Kind.INVALID
    code = "shipping_method_unknown"
    title = "No such shipping method"
