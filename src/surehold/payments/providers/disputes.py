"""A dispute as a provider tells of it, and what the store says to it."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.kernel.money import Money


class DisputeStage(enum.Enum):
    """How far a dispute has gone. An inquiry moves no money."""

    INQUIRY = "inquiry"
    CHARGEBACK = "chargeback"
    PRE_ARBITRATION = "pre_arbitration"
    ARBITRATION = "arbitration"


class DisputeState(enum.Enum):
    """Where a dispute stands. ``closed``: an inquiry that came to nothing."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


class DisputeSnapshot(msgspec.Struct, frozen=True):
    """One dispute as the provider has it."""

    provider_dispute_id: str
    amount: Money
    stage: DisputeStage
    state: DisputeState
    reason: str
    respond_by: datetime | None = None
    #: What the provider took for it; zero where it does not say.
    fee_minor: int = 0

    @property
    def is_money_away(self) -> bool:
        """Whether the provider has taken the amount, or keeps it until the end."""
        is_over = self.state in (DisputeState.WON, DisputeState.CLOSED)
        return self.stage is not DisputeStage.INQUIRY and not is_over


class DisputeAnswer(msgspec.Struct, frozen=True):
    """What the store says to a dispute: its evidence in words; without, that it gives in."""

    provider_dispute_id: str
    evidence: str | None
