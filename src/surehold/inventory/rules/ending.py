"""What becomes of a reservation. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from surehold.inventory.model import Reservation, ReservationState
from surehold.inventory.states import RESERVATION, ReservationEvent


def ended(
    reservation: Reservation, event: ReservationEvent, *, reason: str, now: datetime
) -> Reservation:
    """The reservation after its end.

    Raises:
        ForbiddenTransition: It had ended before.
    """
    return msgspec.structs.replace(
        reservation,
        state=RESERVATION.next(reservation.state, event),
        ended_at=now,
        end_reason=reason,
    )


def prolonged(
    reservation: Reservation, *, until: datetime, is_grace_used: bool | None = None
) -> Reservation:
    """The active reservation with a later end, never an earlier one."""
    assert reservation.state is ReservationState.ACTIVE
    grace = reservation.is_grace_used if is_grace_used is None else is_grace_used
    later = max(until, reservation.expires_at)
    return msgspec.structs.replace(reservation, expires_at=later, is_grace_used=grace)
