"""The misbehave switch: every way in which a payment provider can let a shop down.

One ``Conduct`` describes how the sandbox behaves from now on; the empty one is good behavior.
It lives in memory, and so do the counters of what it led to: a restarted sandbox behaves.
"""

from __future__ import annotations

import enum
import random
from collections import Counter
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
    CAPTURE = "capture"
    RENEW = "renew"
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
    LOSE_BEFORE_WORK = "lose_before_work"
    ERROR_AFTER_WORK = "error_after_work"
    GATEWAY = "gateway"
    TRUNCATE = "truncate"
    HALF_JSON = "half_json"
    WRONG_TYPE = "wrong_type"
    HUGE = "huge"
    REDIRECT = "redirect"
    LOSE = "lose"
    SLOW = "slow"
    DRIP = "drip"


#: These answer without doing anything; all others happen after the work was committed.
BEFORE_WORK: Final = frozenset(
    {Fault.ERROR, Fault.RATE_LIMIT, Fault.FORBID, Fault.DECLINE, Fault.LOSE_BEFORE_WORK}
)


class PlannedFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next ``calls`` answers in an area go wrong in this way."""

    fault: Fault
    on: Literal["any", "create", "capture", "renew", "cancel", "refund", "read", "page"] = "any"
    calls: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class Chances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probabilities, each from 0 to 1. Every kind has dice of its own, all from the one seed.

    ``duplicate_up_to``: how many copies more a duplicated event may have. ``reorder_seconds``:
    for how long the reordered events of one payment gather before they leave, newest first.
    """

    lost_answer_rate: Rate = 0
    lost_before_work_rate: Rate = 0
    error_rate: Rate = 0
    error_after_work_rate: Rate = 0
    gateway_rate: Rate = 0
    rate_limit_rate: Rate = 0
    truncate_rate: Rate = 0
    half_json_rate: Rate = 0
    wrong_type_rate: Rate = 0
    huge_rate: Rate = 0
    slow_rate: Rate = 0
    drip_rate: Rate = 0
    duplicate_rate: Rate = 0
    duplicate_up_to: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    drop_rate: Rate = 0
    delay_rate: Rate = 0
    delay_up_to_seconds: Seconds = 5
    reorder_rate: Rate = 0
    reorder_seconds: Seconds = 0.5
    charge_twice_rate: Rate = 0
    wrong_amount_rate: Rate = 0
    #: The bank gives nothing of what it holds, or will not hold on to it.
    refuse_held_rate: Rate = 0


#: Which rate leads to which fault, in the order in which the dice are thrown.
ANSWER_RATES: Final = (
    ("lost_answer_rate", Fault.LOSE),
    ("lost_before_work_rate", Fault.LOSE_BEFORE_WORK),
    ("error_rate", Fault.ERROR),
    ("error_after_work_rate", Fault.ERROR_AFTER_WORK),
    ("gateway_rate", Fault.GATEWAY),
    ("rate_limit_rate", Fault.RATE_LIMIT),
    ("truncate_rate", Fault.TRUNCATE),
    ("half_json_rate", Fault.HALF_JSON),
    ("wrong_type_rate", Fault.WRONG_TYPE),
    ("huge_rate", Fault.HUGE),
    ("slow_rate", Fault.SLOW),
    ("drip_rate", Fault.DRIP),
)


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
    """The present conduct, what is left of its planned faults, its dice, and what came of it.

    ``counts``: how often each thing was done since the sandbox started, whatever the conduct:
    ``answer.<fault>``, ``charge.<twice, one_short>``, ``held.refused``, ``webhook.<duplicated,
    dropped, withheld, delayed, reordered, badly_signed>``, each webhook counted once per copy.
    """

    def __init__(self, conduct: Conduct | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.set(conduct or Conduct())

    def set(self, conduct: Conduct) -> None:
        """Behave like this from now on; the old plan and the old dice are forgotten."""
        self.conduct = conduct
        self._dice: dict[str, random.Random] = {}
        self._left = [planned.calls for planned in conduct.answers]

    def take_answer_fault(self, area: Area) -> Fault | None:
        """The fault for this answer, using up one planned call."""
        if area is Area.EXEMPT:
            return None
        fault = self._find_fault(area)
        if fault is not None:
            self.counts[f"answer.{fault.value}"] += 1
        return fault

    def charge(self, card: TestCard | None) -> Charge:
        """How often and how much to capture."""
        charge = self._choose_charge(card)
        if charge != "once":
            self.counts[f"charge.{charge}"] += 1
        return charge

    def refuses_held(self) -> bool:
        """Whether the bank does not stand by what it holds."""
        is_refused = self._happens("refuse_held_rate")
        self.counts["held.refused"] += is_refused
        return is_refused

    def plan_deliveries(self, card: TestCard | None) -> tuple[PlannedDelivery, ...]:
        """The copies of one event, and what becomes of each."""
        conduct, chances = self.conduct, self.conduct.chances
        copies = conduct.webhook_copies
        dropped = conduct.drop_webhooks or self._happens("drop_rate")
        delay_seconds = conduct.webhook_delay_seconds
        reorder_seconds = conduct.webhook_reorder_seconds
        if self._happens("duplicate_rate"):
            copies += self._dice_for("duplicate_rate").randint(1, chances.duplicate_up_to)
        if self._happens("delay_rate"):
            dice = self._dice_for("delay_rate")
            delay_seconds += dice.uniform(0, chances.delay_up_to_seconds)
        if self._happens("reorder_rate"):
            reorder_seconds = max(reorder_seconds, chances.reorder_seconds)
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
            reorder_seconds=reorder_seconds,
            signature=conduct.webhook_signature,
        )
        self._count_deliveries(planned, copies)
        return (planned,) * copies

    def _find_fault(self, area: Area) -> Fault | None:
        for index, planned in enumerate(self.conduct.answers):
            if self._left[index] > 0 and planned.on in ("any", area.value):
                self._left[index] -= 1
                return planned.fault
        return next((fault for name, fault in ANSWER_RATES if self._happens(name)), None)

    def _choose_charge(self, card: TestCard | None) -> Charge:
        if card is not None and card.charge != "once":
            return card.charge
        if self.conduct.charge != "once":
            return self.conduct.charge
        if self._happens("charge_twice_rate"):
            return "twice"
        if self._happens("wrong_amount_rate"):
            return "one_short"
        return "once"

    def _count_deliveries(self, planned: PlannedDelivery, copies: int) -> None:
        counts = self.counts
        if planned.state == "dropped":
            counts["webhook.dropped"] += copies
            return
        counts["webhook.duplicated"] += copies - 1
        for name, is_so in (
            ("withheld", planned.state == "withheld"),
            ("delayed", planned.delay_seconds > 0),
            ("reordered", planned.reorder_seconds > 0),
            ("badly_signed", planned.signature != "good"),
        ):
            if is_so:
                counts[f"webhook.{name}"] += copies

    def _happens(self, rate_name: str) -> bool:
        rate: float = getattr(self.conduct.chances, rate_name)
        # A zero rate draws nothing, so that one seed gives one story for one set of rates.
        return rate > 0 and self._dice_for(rate_name).random() < rate

    def _dice_for(self, rate_name: str) -> random.Random:
        # Dice of its own for every kind: how many answers were asked for in between must not
        # change which webhooks are lost.
        if rate_name not in self._dice:
            seed = f"{self.conduct.seed}:{rate_name}"
            self._dice[rate_name] = random.Random(seed)  # noqa: S311  # chance to be repeated
        return self._dice[rate_name]
