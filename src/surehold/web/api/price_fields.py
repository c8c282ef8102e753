"""The kinds of fields that prices are asked with and paid by: coupons, VAT ids, gift cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from surehold.kernel.errors import Fault
from surehold.kernel.money import MAX_MINOR
from surehold.payments.gift_cards import codes
from surehold.payments.gift_cards.model import CardWish
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


def _gift_card_fault(text: str) -> tuple[str, str] | None:
    if codes.find_code(text) is not None:
        return None
    return "invalid_gift_card", "20 letters and digits, such as 7K4M-92QX-7K4M-92QX-7K4M."


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
GiftCardCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        description="With or without hyphens, in capitals or not.",
        examples=["7K4M-92QX-7K4M-92QX-7K4M"],
        extra={"check": _gift_card_fault},
    ),
]


class GiftCardBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card that is to pay: so much, in minor units of the order, or as much as it has."""

    code: GiftCardCode
    amount: Annotated[int, Meta(ge=1, le=MAX_MINOR, description="Minor units.")] | None = None


GiftCards = Annotated[tuple[GiftCardBody, ...], Meta(max_length=5)]


def gift_card_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
    """One card is named once, however its code is written."""
    given = raw.get("gift_cards")
    seen: set[str] = set()
    for index, card in enumerate(given if isinstance(given, list) else ()):
        text = card.get("code") if isinstance(card, Mapping) else None
        code = codes.find_code(text) if isinstance(text, str) else None
        if code in seen:
            where = f"{at}/gift_cards/{index}/code"
            yield Fault(where, "repeated", "This card is named already.")
        elif code is not None:
            seen.add(code)


def are_gift_cards_fine(cards: tuple[GiftCardBody, ...] | None) -> bool:
    """The quick look at decoded cards: no faults, for certain."""
    if cards is None:
        return True
    found = {codes.find_code(card.code) for card in cards}
    return None not in found and len(found) == len(cards)


def wishes_of(cards: tuple[GiftCardBody, ...] | None) -> tuple[CardWish, ...]:
    """What cards without faults are to pay."""
    return tuple(
        CardWish(codes.hash_code(code), card.amount)
        for card in cards or ()
        if (code := codes.find_code(card.code)) is not None
    )


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
