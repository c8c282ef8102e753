"""When something is to be done about money that a bank holds, to the instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from surehold.kernel.ids import PaymentId, new_id
from surehold.payments.authorizations.model import Authorization, AuthorizationLife, CaptureState
from surehold.payments.authorizations.rules import (
    begun,
    decide_at,
    is_sure,
    is_to_decide,
    is_to_renew,
    next_look,
)

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
BEGUN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
WEEK = Authorization(PaymentId(new_id()), BEGUN, BEGUN + 7 * DAY)
LONG = msgspec.structs.replace(
    WEEK, capture_before=BEGUN + 29 * DAY, honored_until=BEGUN + 3 * DAY
)


def with_(held: Authorization, **facts: object) -> Authorization:
    return msgspec.structs.replace(held, **facts)


def test_an_authorization_that_begins_again_keeps_its_counts_and_nothing_else() -> None:
    before = with_(
        WEEK, renewal_count=2, capture_count=3, capture_minor=5, told_at=BEGUN, ended_at=BEGUN,
        capture_state=CaptureState.REFUSED,
    )  # fmt: skip
    fresh = with_(WEEK, begun_at=BEGUN + DAY)

    assert begun(None, fresh, life=AuthorizationLife(7 * DAY)) == fresh
    again = begun(before, fresh, life=AuthorizationLife(29 * DAY, honored=3 * DAY))
    assert again == with_(
        fresh,
        renewal_count=2,
        capture_count=3,
        capture_minor=5,
        honored_until=BEGUN + 4 * DAY,
    )


def test_it_is_decided_about_from_four_fifths_of_its_life_to_its_end() -> None:
    at, end = BEGUN + 5.6 * DAY, BEGUN + 7 * DAY

    assert decide_at(WEEK) == at
    seen = [is_to_decide(WEEK, now) for now in (at - TICK, at, end - TICK, end)]
    assert seen == [False, True, True, False]
    assert not is_to_decide(with_(WEEK, told_at=at), at)


@pytest.mark.parametrize("state", [CaptureState.ASKED, CaptureState.REFUSED])
def test_nothing_is_decided_or_renewed_of_what_was_asked_for(state: CaptureState) -> None:
    assert not is_to_decide(with_(WEEK, capture_state=state), BEGUN + 6 * DAY)
    assert not is_to_renew(with_(LONG, capture_state=state), BEGUN + 4 * DAY)


def test_it_is_renewed_from_when_it_is_not_sure_any_more_to_its_end() -> None:
    instants = (
        BEGUN + 3 * DAY - TICK,
        BEGUN + 3 * DAY,
        BEGUN + 29 * DAY - TICK,
        BEGUN + 29 * DAY,
    )

    assert [is_to_renew(LONG, now) for now in instants] == [False, True, True, False]
    assert not is_to_renew(WEEK, BEGUN + 6 * DAY)


def test_goods_leave_for_it_until_it_lapses_or_is_refused() -> None:
    end = BEGUN + 7 * DAY

    assert [is_sure(WEEK, now) for now in (end - TICK, end)] == [True, False]
    assert is_sure(with_(WEEK, capture_state=CaptureState.ASKED), BEGUN)
    assert not is_sure(with_(WEEK, capture_state=CaptureState.REFUSED), BEGUN)


@pytest.mark.parametrize(
    ("held", "after", "look"),
    [
        (WEEK, 0 * DAY, 1 * DAY),
        (WEEK, 5 * DAY, 5.6 * DAY),
        (WEEK, 5.6 * DAY, 6.6 * DAY),
        (WEEK, 6.5 * DAY, 7 * DAY),
        (WEEK, 7 * DAY, 8 * DAY),
        (LONG, 2.5 * DAY, 3 * DAY),
        (LONG, 3 * DAY, 4 * DAY),
    ],
)
def test_it_is_looked_at_within_a_day_and_whenever_something_is_due(
    held: Authorization, after: timedelta, look: timedelta
) -> None:
    assert next_look(held, BEGUN + after) == BEGUN + look
