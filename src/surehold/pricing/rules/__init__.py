"""From prices to a quote: exact arithmetic on whole minor units, rounded at named places."""

from surehold.pricing.rules.coupons import CouponGone, Use, Uses, buyer_of
from surehold.pricing.rules.entries import check_entry, is_code, normalize_code
from surehold.pricing.rules.promotions import Asked
from surehold.pricing.rules.quote import (
    check_payable,
    find_area,
    is_for_first,
    is_promise_kept,
    parcel_of,
    quote,
)
from surehold.pricing.rules.shipping import STANDARD, list_options
from surehold.pricing.rules.tax import TaxRule, normalize_vat_id
from surehold.pricing.rules.terms import EMPTY_BOOK, Terms, bind_book

__all__ = [
    "EMPTY_BOOK",
    "STANDARD",
    "Asked",
    "CouponGone",
    "TaxRule",
    "Terms",
    "Use",
    "Uses",
    "bind_book",
    "buyer_of",
    "check_entry",
    "check_payable",
    "find_area",
    "is_code",
    "is_for_first",
    "is_promise_kept",
    "list_options",
    "normalize_code",
    "normalize_vat_id",
    "parcel_of",
    "quote",
]
