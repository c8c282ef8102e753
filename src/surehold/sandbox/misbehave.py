"""The misbehave switch: every way in which a payment provider can let a shop down.

One ``Conduct`` describes how the sandbox behaves from now on; the empty one is good behavior.
It lives in memory: a restarted sandbox behaves.
"""

from __future__ import annotations

import enum
import random
from typing import Annotated, Final, Literal

import msgspec

from surehold.sandbox.cards import TestCard

Charge = Literal["once", "twice", "one_short"]
Signature = Literal["good", "wrong", "stale", "none"]
Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class Area(enum.Enum):
    """Which answers a fault may fall on. ``page`` is a buyer pressing a button."""

    CREATE = "create"
    CANCEL = "cancel"
    REFUND = "refund"
    READ = "read"
    PAGE = "page"
    EXEMPT = "exempt"


class Fault(enum.Enum):
    """What goes wrong with one answer. See ``BEFORE_WORK`` for what had an effect."""

    ERROR = "error"
    RATE_LIMIT = "rate_limit"
    FORBID = "forbid"
    DECLINE = "decline"
    ERROR_AFTER_WORK = "error_after_work"
    TRUNCATE = "truncate"
    WRONG_TYPE = "wrong_type"
    HUGE = "huge"
    REDIRECT = "redirect"
    LOSE = "lose"
    SLOW = "slow"


#: These answer without doing anything; all others happen after the work was committed.
BEFORE_WORK: Final = frozenset({Fault.ERROR, Fault.RATE_LIMIT, Fault.FORBID, Fault.DECLINE})


class PlannedFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next ``calls`` answers in an area go wrong in this way."""

    fault: Fault
    on: Literal["any", "create", "cancel", "refund", "read", "page"] = "any"
    calls: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class Chances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probabilities, each from 0 to 1, drawn from one seeded sequence."""

    lost_answer_rate: Rate = 0
    error_rate: Rate = 0
    rate_limit_rate: Rate = 0
    duplicate_rate: Rate = 0
    drop_rate: Rate = 0
    delay_rate: Rate = 0
    delay_up_to_seconds: Seconds = 5
    charge_twice_rate: Rate = 0
    wrong_amount_rate: Rate = 0


class Conduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to behave. ``answers`` are used up in order; the rest holds until changed."""

    answers: tuple[PlannedFault, ...] = ()
    hang_seconds: Seconds = 0
    charge: Charge = "once"
    shown_currency: str | None = None
    webhook_copies: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    webhook_delay_seconds: Seconds = 0
    webhook_reorder_seconds: Seconds = 0
    drop_webhooks: bool = False
    withhold_webhooks: bool = False
    webhook_signature: Signature = "good"
    report_skew_minor: int = 0
    seed: int = 0
    chances: Chances = Chances()


class PlannedDelivery(msgspec.Struct, frozen=True):
    """One copy of an event to send. ``reorder_seconds`` above zero: newest first."""

    state: Literal["waiting", "withheld", "dropped"]
    delay_seconds: float
    reorder_seconds: float
    signature: Signature


class Misbehavior:
    """The present conduct, what is left of its planned faults, and its dice."""

    def __init__(self, conduct: Conduct | None = None) -> None:
        self.set(conduct or Conduct())

    def set(self, conduct: Conduct) -> None:
        """Behave like this from now on; the old plan and the old dice are forgotten."""
        self.conduct = conduct
        self._dice = random.Random(conduct.seed)  # noqa: S311  # chance to be repeated, not secrets
        self._left = [planned.calls for planned in conduct.answers]

    def take_answer_fault(self, area: Area) -> Fault | None:
        """The fault for this answer, using up one planned call."""
        if area is Area.EXEMPT:
            return None
        for index, planned in enumerate(self.conduct.answers):
            if self._left[index] > 0 and planned.on in ("any", area.value):
                self._left[index] -= 1
                return planned.fault
        chances = self.conduct.chances
        for rate, fault in (
            (chances.lost_answer_rate, Fault.LOSE),
            (chances.error_rate, Fault.ERROR),
            (chances.rate_limit_rate, Fault.RATE_LIMIT),
        ):
            if self._happens(rate):
                return fault
        return None

    def charge(self, card: TestCard | None) -> Charge:
        """How often and how much to capture."""
        if card is not None and card.charge != "once":
            return card.charge
        if self.conduct.charge != "once":
            return self.conduct.charge
        if self._happens(self.conduct.chances.charge_twice_rate):
            return "twice"
        if self._happens(self.conduct.chances.wrong_amount_rate):
            return "one_short"
        return "once"

    def plan_deliveries(self, card: TestCard | None) -> tuple[PlannedDelivery, ...]:
        """The copies of one event, and what becomes of each."""
        conduct, chances = self.conduct, self.conduct.chances
        copies = conduct.webhook_copies
        dropped = conduct.drop_webhooks or self._happens(chances.drop_rate)
        delay_seconds = conduct.webhook_delay_seconds
        if self._happens(chances.duplicate_rate):
            copies += 1
        if self._happens(chances.delay_rate):
            delay_seconds += self._dice.uniform(0, chances.delay_up_to_seconds)
        if card is not None:
            dropped = dropped or card.webhook_copies == 0
            copies = max(copies, card.webhook_copies)
            delay_seconds = max(delay_seconds, card.webhook_delay_seconds)
        state: Literal["waiting", "withheld", "dropped"] = "waiting"
        if dropped:
            state = "dropped"
        elif conduct.withhold_webhooks:
            state = "withheld"
        planned = PlannedDelivery(
            state=state,
            delay_seconds=delay_seconds,
            reorder_seconds=conduct.webhook_reorder_seconds,
            signature=conduct.webhook_signature,
        )
        return (planned,) * copies

    def _happens(self, rate: float) -> bool:
        # A zero rate draws nothing, so that one seed gives one story for one set of rates.
        return rate > 0 and self._dice.random() < rate
