"""Identifiers. Every id is a UUIDv7 made here: ordered by time, so indexes grow at one end.

Customers never see an id: they see an order *number*, which is random and counts nothing.
"""

from __future__ import annotations

import secrets
from typing import Final, NewType
from uuid import UUID

from asyncpg.pgproto import pgproto
from uuid_utils import uuid7

ProductId = NewType("ProductId", UUID)
VariantId = NewType("VariantId", UUID)
CategoryId = NewType("CategoryId", UUID)
VendorId = NewType("VendorId", UUID)
LocationId = NewType("LocationId", UUID)
ReservationId = NewType("ReservationId", UUID)
TransferId = NewType("TransferId", UUID)
CountId = NewType("CountId", UUID)
CartId = NewType("CartId", UUID)
CartLineId = NewType("CartLineId", UUID)
QuoteId = NewType("QuoteId", UUID)
PromotionId = NewType("PromotionId", UUID)
CouponId = NewType("CouponId", UUID)
RedemptionId = NewType("RedemptionId", UUID)
TaxRateId = NewType("TaxRateId", UUID)
SpecialPriceId = NewType("SpecialPriceId", UUID)
ShippingZoneId = NewType("ShippingZoneId", UUID)
ShippingMethodId = NewType("ShippingMethodId", UUID)
OrderId = NewType("OrderId", UUID)
OrderLineId = NewType("OrderLineId", UUID)
PaymentId = NewType("PaymentId", UUID)
OperationId = NewType("OperationId", UUID)
RefundId = NewType("RefundId", UUID)
DisputeId = NewType("DisputeId", UUID)
PaymentReviewId = NewType("PaymentReviewId", UUID)
FraudAssessmentId = NewType("FraudAssessmentId", UUID)
DisputeEventId = NewType("DisputeEventId", UUID)
FulfillmentId = NewType("FulfillmentId", UUID)
NoteId = NewType("NoteId", UUID)
DraftOrderId = NewType("DraftOrderId", UUID)
CancellationId = NewType("CancellationId", UUID)
OrderChangeId = NewType("OrderChangeId", UUID)
ReturnId = NewType("ReturnId", UUID)
ReturnLineId = NewType("ReturnLineId", UUID)
ReturnPhotoId = NewType("ReturnPhotoId", UUID)
TransferProofId = NewType("TransferProofId", UUID)
WebhookEventId = NewType("WebhookEventId", UUID)
GiftCardId = NewType("GiftCardId", UUID)
AccountId = NewType("AccountId", UUID)
SessionId = NewType("SessionId", UUID)
LetterId = NewType("LetterId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
SavedAddressId = NewType("SavedAddressId", UUID)
ReviewId = NewType("ReviewId", UUID)

#: Crockford's alphabet: no letter that is mistaken for a digit when read over the telephone.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE_DIGITS: Final = 26
_REFERENCE_SHIFTS: Final = tuple(range(_REFERENCE_DIGITS * 5 - 10, -1, -10))
#: Two digits for ten bits: half the steps, for the lane writes these for every order.
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def new_id() -> UUID:
    """A new id, later than every earlier one of this process.

    It is of the database driver's own kind of UUID, which is made, hashed and sent much faster
    than the library's, and equal to it.
    """
    made: UUID = pgproto.UUID(uuid7().bytes)
    return made


def new_order_number() -> str:
    """A short number for people, such as ``SH-7K4M92QX``: forty random bits, no count of sales."""
    bits = int.from_bytes(secrets.token_bytes(5), "big")
    return "SH-" + "".join([_PAIRS[bits >> shift & 1023] for shift in (30, 20, 10, 0)])


def merchant_reference(value: UUID) -> str:
    """Our reference at a provider: ``SH`` and the id in 26 letters and digits.

    Letters and digits only is the one shape that every provider accepts.
    """
    number = value.int
    return "SH" + "".join([_PAIRS[number >> shift & 1023] for shift in _REFERENCE_SHIFTS])


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
