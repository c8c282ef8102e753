"""How many requests a lane takes at once, from how long the last batch took."""

from __future__ import annotations

from typing import Any, cast

import pytest

from surehold.checkout.lane import Lane, LaneSettings


def a_lane(limit: int = 16) -> Lane[str, str]:
    """One that is not open: a batch of 2 to 64 should take 20 ms at most."""
    settings = LaneSettings(batch_min=2, batch_max=64, cycle_target_ms=20)
    lane: Lane[str, str] = Lane(
        cast("Any", None), name="test", work=cast("Any", None), settings=settings
    )
    assert lane.figures.batch_limit == 16
    lane.figures.batch_limit = limit
    return lane


@pytest.mark.parametrize(
    ("limit", "size", "seconds", "after"),
    [
        (16, 15, 0.001, 16),  # quick, and there was room
        (16, 16, 0.02, 21),  # full
        (60, 60, 0.001, 64),
        (16, 16, 0.021, 12),  # slow
        (16, 8, 0.021, 6),
        (16, 40, 0.021, 12),
        (16, 2, 1.0, 2),
    ],
)
def test_batches_grow_while_they_are_full_and_shrink_when_they_are_slow(
    limit: int, size: int, seconds: float, after: int
) -> None:
    lane = a_lane(limit)

    lane._adapt(size, seconds)

    assert lane.figures.batch_limit == after
