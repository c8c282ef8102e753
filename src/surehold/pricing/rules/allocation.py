"""Dividing what is taken off a basket over its lines, so that the parts add up."""

from __future__ import annotations

from collections.abc import Sequence

from surehold.kernel.money import split_minor


def allocate(amount_minor: int, over: Sequence[int]) -> tuple[int, ...]:
    """Divide an amount over what lines are worth; no line gets more than it is worth.

    Leftover units go to the largest remainders, earlier lines first. The amount is at most the sum
    of what it is divided over, or the parts would have to exceed it.

    >>> allocate(100, [300, 300, 300])
    (34, 33, 33)
    >>> allocate(5, [0, 5, 0])
    (0, 5, 0)
    """
    assert 0 <= amount_minor <= sum(over), "more is taken off than there is"
    if not amount_minor:
        return (0,) * len(over)
    return split_minor(amount_minor, tuple(over))


def divide_half_up(amount: int, divisor: int) -> int:
    """Divide non-negative whole numbers, rounding half up."""
    return (2 * amount + divisor) // (2 * divisor)
