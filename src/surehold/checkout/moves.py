"""The moves of one row in a batch, each a line of its own in the row's history.

A batch may hold several decisions about one order, and the database knows of none of the short
cuts that they would add up to.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Generic, TypeVar

import msgspec

from surehold.orders.model import Fulfillment, Order

Row = TypeVar("Row")
Versioned = TypeVar("Versioned", Order, Fulfillment)


class Moves(Generic[Row]):
    """One row as it was read, and after each decision that moved it.

    ``label``: what of a row its history tells of.
    """

    def __init__(self, before: Row, label: Callable[[Row], object]) -> None:
        self._steps = [before]
        self._label = label

    def end_step(self, row: Row) -> None:
        """One decision is over, and left the row like this."""
        if self._label(row) != self._label(self._steps[-1]):
            self._steps.append(row)

    def pairs(self, last: Row) -> list[tuple[Row, Row]]:
        """The moves as (before, after); facts that changed without a move go with the last one."""
        steps = list(self._steps)
        if last != steps[-1]:
            steps[1:] = [*steps[1:-1], last]
        return list(pairwise(steps))


def whole(row: object) -> object:
    """The label of a row whose every change is a move."""
    return row


def chained(moves: list[tuple[Versioned, Versioned]]) -> list[tuple[Versioned, Versioned]]:
    """Each move one version above the one before."""
    return [
        (
            msgspec.structs.replace(before, version=moves[0][0].version + place),
            msgspec.structs.replace(after, version=moves[0][0].version + place + 1),
        )
        for place, (before, after) in enumerate(moves)
    ]
