"""The kinds of fields that prices are asked with: coupons and VAT ids."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from surehold.pricing import rules as pricing


def _coupon_fault(text: str) -> tuple[str, str] | None:
    if pricing.is_code(pricing.normalize_code(text)):
        return None
    return "invalid_coupon", "1 to 50 letters, digits, _ and -."


def _vat_id_fault(text: str) -> tuple[str, str] | None:
    if pricing.normalize_vat_id(text) is not None:
        return None
    return (
        "invalid_vat_id",
        "A VAT id of the European Union with its country, such as DE136695976.",
    )


CouponCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        description="In capitals or not.",
        examples=["SPRING-10"],
        extra={"check": _coupon_fault},
    ),
]
VatId = Annotated[
    str,
    Meta(
        min_length=4,
        max_length=30,
        description="Of a business. Its form and check digits are checked; it owes the tax itself "
        "when it and the address are in another country of the union than the store.",
        examples=["FR40303265045"],
        extra={"check": _vat_id_fault},
    ),
]
