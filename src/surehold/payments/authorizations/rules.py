"""When something is to be done about an authorization. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from surehold.payments.authorizations.model import Authorization, AuthorizationLife, CaptureState

#: How often a provider is asked whether it still holds the money.
LOOK_EVERY: Final = timedelta(days=1)


def begun(
    before: Authorization | None,
    fresh: Authorization,
    *,
    life: AuthorizationLife,
) -> Authorization:
    """An authorization that begins now. One that was over keeps the count of what was asked of it.

    The counts are in the keys of what is asked, and no key is used twice.
    """
    honored_until = None if life.honored is None else fresh.begun_at + life.honored
    fresh = msgspec.structs.replace(fresh, honored_until=honored_until)
    if before is None:
        return fresh
    return msgspec.structs.replace(
        fresh,
        renewal_count=before.renewal_count,
        capture_count=before.capture_count,
        capture_minor=before.capture_minor,
    )


def decide_at(held: Authorization) -> datetime:
    """When four fifths of its life are over: somebody captures it, or is told."""
    return held.begun_at + (held.capture_before - held.begun_at) * 4 // 5


def is_to_decide(held: Authorization, now: datetime) -> bool:
    """Whether it comes to its end, and nobody has been told or asked for the money."""
    is_open = held.capture_state is CaptureState.NONE and held.told_at is None
    return is_open and decide_at(held) <= now < held.capture_before


def is_to_renew(held: Authorization, now: datetime) -> bool:
    """Whether it is to be authorized again, for the next time in which it is sure."""
    is_open = held.capture_state is CaptureState.NONE
    is_over = held.honored_until is not None and held.honored_until <= now
    return is_open and is_over and now < held.capture_before


def is_sure(held: Authorization, now: datetime) -> bool:
    """Whether goods may leave for it: it has not lapsed, and its capture was not refused."""
    return held.capture_state is not CaptureState.REFUSED and now < held.capture_before


def next_look(held: Authorization, now: datetime) -> datetime:
    """When to look at it next: within a day, and whenever something is to be done about it."""
    instants = (held.honored_until, decide_at(held), held.capture_before, now + LOOK_EVERY)
    return min(one for one in instants if one is not None and one > now)
