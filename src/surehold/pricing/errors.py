"""The pricing room's failures.

DomainError
├── NotForSale               409
├── PriceChanged             409
├── QuoteExpired             409
├── CouponNotApplicable      409
├── CouponExhausted          409
├── NothingToPay             409
├── EntryExists              409
├── EntryNotFound            404
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
    """The quote is over, or is for another basket, address, coupon or VAT id. Ask for another."""

    kind = Kind.CONFLICT
    code = "quote_expired"
    title = "The quote has expired"


class CouponNotApplicable(DomainError):
    """The coupon gives nothing off this basket. Nothing was placed.

    Facts: ``coupon`` and ``reason``, the code of the explanation that a quote gives.
    """

    kind = Kind.CONFLICT
    code = "coupon_not_applicable"
    title = "The coupon does not apply"


class CouponExhausted(DomainError):
    """The coupon was used as often as it may be, by all or by this buyer. Nothing was placed.

    Facts: ``coupon``, and ``limit``: ``total`` or ``per_buyer``.
    """

    kind = Kind.CONFLICT
    code = "coupon_exhausted"
    title = "The coupon is used up"

    def __init__(self, coupon: str, *, limit: str) -> None:
        words = "by this buyer " if limit == "per_buyer" else ""
        super().__init__(
            f"The coupon {coupon} was used {words}as often as it may be.",
            coupon=coupon,
            limit=limit,
        )


class NothingToPay(DomainError):
    """Discounts leave nothing to pay, and an order asks for one minor unit at least."""

    kind = Kind.CONFLICT
    code = "nothing_to_pay"
    title = "Nothing is left to pay"


class EntryExists(DomainError):
    """The price book has such an entry: a code, or a place and class, has one only."""

    kind = Kind.CONFLICT
    code = "entry_exists"
    title = "There is one already"


class EntryNotFound(DomainError):
    """The price book has no such entry."""

    kind = Kind.NOT_FOUND
    code = "entry_not_found"
    title = "No such entry in the price book"


class ShippingMethodUnknown(DomainError):
    """Nothing is sent this way, not in this currency, not there, or not so much."""

    kind = Kind.INVALID
    code = "shipping_method_unknown"
    title = "No such shipping method"
