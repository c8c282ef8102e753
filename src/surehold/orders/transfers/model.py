"""What is known of transfers that are awaited."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Final

import msgspec

from surehold.kernel.ids import OrderId, PaymentId, TransferProofId

#: So many files may be shown for one payment.
PROOFS_MAX: Final = 3


class ProofKind(enum.Enum):
    """A picture, kept as a JPEG of our own; or a PDF as it came."""

    IMAGE = "image"
    PDF = "pdf"


class Proof(msgspec.Struct, frozen=True):
    """One file without its bytes."""

    id: TransferProofId
    payment_id: PaymentId
    kind: ProofKind
    size_bytes: int
    actor: str
    added_at: datetime


class Awaited(msgspec.Struct, frozen=True):
    """A payment by transfer that staff look for in the bank's statements."""

    payment_id: PaymentId
    order_id: OrderId
    order_number: str
    email: str
    currency: str
    amount_minor: int
    proofs: int
    review_reason: str | None
    created_at: datetime
