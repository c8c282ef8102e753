"""What is known of an authorization: how long it lives, and what was asked of it."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import msgspec

from surehold.kernel.ids import OrderId, PaymentId


class AuthorizationLife(msgspec.Struct, frozen=True):
    """How long a provider holds money, where it says nothing else of a payment.

    ``honored``: how long the money is sure to be there. From then on, and until its life is over,
    it is authorized again, as often; ``None``: that cannot be asked for.
    """

    lasts: timedelta
    honored: timedelta | None = None


class CaptureState(enum.Enum):
    """Whether the money was asked for: an answer that is lost is asked for again by itself."""

    NONE = "none"
    ASKED = "asked"
    REFUSED = "refused"


class Authorization(msgspec.Struct, frozen=True):
    """What a buyer's bank holds for one payment. Its payment says how much.

    ``capture_minor`` is what was asked for last, in minor units of the payment's currency.
    """

    payment_id: PaymentId
    begun_at: datetime
    capture_before: datetime
    honored_until: datetime | None = None
    renewal_count: int = 0
    told_at: datetime | None = None
    capture_state: CaptureState = CaptureState.NONE
    capture_count: int = 0
    capture_minor: int | None = None
    ended_at: datetime | None = None


class Held(msgspec.Struct, frozen=True):
    """A payment whose money is held, and until when."""

    payment_id: PaymentId
    order_id: OrderId
    provider: str
    currency: str
    authorized_minor: int
    begun_at: datetime
    capture_before: datetime
    honored_until: datetime | None
    capture_state: CaptureState
    told_at: datetime | None
