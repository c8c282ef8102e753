"""What is known of disputes. Amounts are minor units of the currency."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.kernel.ids import DisputeEventId, DisputeId, OrderId, PaymentId
from surehold.payments.providers.disputes import DisputeStage, DisputeState


class AnswerState(enum.Enum):
    """What became of what the store says. ``by_hand``: people send it at the provider."""

    NONE = "none"
    BY_HAND = "by_hand"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"


class Dispute(msgspec.Struct, frozen=True):
    """One dispute of one payment, as the provider last told of it."""

    id: DisputeId
    payment_id: PaymentId
    order_id: OrderId
    provider: str
    account: str
    provider_dispute_id: str
    stage: DisputeStage
    state: DisputeState
    currency: str
    amount_minor: int
    #: Where the amount is: held back until it is decided, or gone for good; else it is here.
    away_minor: int
    lost_minor: int
    #: Of what is gone: what bought nothing any more, since its sale was taken back.
    unearned_minor: int
    fee_minor: int
    reason: str
    respond_by: datetime | None
    answer_state: AnswerState
    answer: str | None
    is_accepted: bool
    answered_by: str | None
    answered_at: datetime | None
    #: How often something was sent to its provider; the number ends the key of each sending.
    answer_count: int
    version: int
    opened_at: datetime
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it is not decided."""
        return self.state in (DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW)


class DisputeEvent(msgspec.Struct, frozen=True):
    """One thing that happened to a dispute; its journals carry this id."""

    id: DisputeEventId
    dispute_id: DisputeId
    seq: int
    from_state: DisputeState | None
    to_state: DisputeState
    stage: DisputeStage
    amount_minor: int
    reason: str
    actor: str
    happened_at: datetime
