"""Identifiers. Every id is a UUIDv7 made here: ordered by time, so indexes grow at one end.

Customers never see an id: they see an order *number*, which is random and counts nothing.
"""

from __future__ import annotations

import secrets
from typing import Final, NewType
from uuid import UUID

from uuid_utils.compat import uuid7

ProductId = NewType("ProductId", UUID)
VariantId = NewType("VariantId", UUID)
CategoryId = NewType("CategoryId", UUID)
VendorId = NewType("VendorId", UUID)
LocationId = NewType("LocationId", UUID)
ReservationId = NewType("ReservationId", UUID)
CartId = NewType("CartId", UUID)
CartLineId = NewType("CartLineId", UUID)
QuoteId = NewType("QuoteId", UUID)
OrderId = NewType("OrderId", UUID)
OrderLineId = NewType("OrderLineId", UUID)
PaymentId = NewType("PaymentId", UUID)
OperationId = NewType("OperationId", UUID)
RefundId = NewType("RefundId", UUID)
WebhookEventId = NewType("WebhookEventId", UUID)

#: Crockford's alphabet: no letter that is mistaken for a digit when read over the telephone.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE_DIGITS: Final = 26

new_id = uuid7


def new_order_number() -> str:
    """A short number for people, such as ``SH-7K4M92QX``: forty random bits, no count of sales."""
    bits = secrets.randbits(40)
    return "SH-" + "".join(_ALPHABET[bits >> shift & 31] for shift in range(35, -1, -5))


def merchant_reference(value: UUID) -> str:
    """Our reference at a provider: ``SH`` and the id in 26 letters and digits.

    Letters and digits only is the one shape that every provider accepts.
    """
    number = value.int
    digits = [_ALPHABET[number >> shift & 31] for shift in range(0, _REFERENCE_DIGITS * 5, 5)]
    return "SH" + "".join(reversed(digits))


def parse_merchant_reference(reference: str) -> UUID | None:
    """The id inside one of our references, or ``None`` when it is not one of ours."""
    if len(reference) != _REFERENCE_DIGITS + 2 or not reference.startswith("SH"):
        return None
    number = 0
    for letter in reference[2:]:
        digit = _ALPHABET.find(letter)
        if digit < 0:
            return None
        number = number << 5 | digit
    return UUID(int=number) if number < 1 << 128 else None
