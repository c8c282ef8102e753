"""State machines as data: a table from (state, event) to state. It answers; it never acts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

S = TypeVar("S", bound=enum.Enum)
E = TypeVar("E", bound=enum.Enum)


class ForbiddenTransition(Exception):
    """An event met a state that does not allow it. Always our bug: callers check first."""

    def __init__(self, state: enum.Enum, event: enum.Enum) -> None:
        super().__init__(f"{state.value} does not allow {event.value}")
        self.state = state
        self.event = event


class Machine(msgspec.Struct, Generic[S, E], frozen=True):
    """One machine. States without a row are final."""

    initial: S
    table: Mapping[tuple[S, E], S]

    def find_next(self, state: S, event: E) -> S | None:
        """The state after the event, or ``None`` when the event is not allowed."""
        return self.table.get((state, event))

    def next(self, state: S, event: E) -> S:
        """The state after the event.

        Raises:
            ForbiddenTransition: The table has no such row.
        """
        after = self.table.get((state, event))
        if after is None:
            raise ForbiddenTransition(state, event)
        return after

    def is_final(self, state: S) -> bool:
        """Whether no event leads out of the state."""
        return not any(source is state for source, _ in self.table)
