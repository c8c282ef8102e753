"""Where the proof gets between the program and PostgreSQL: before, around and after a statement.

Every connection of a ``Database`` is made of its ``connection_class``. The proof puts a class
there that hands each statement to a watcher first, BEGIN and COMMIT among them, and the queue's
too. A statement of the program is a beat by its own name (``orders.lock_orders``), so a new one is
a new place to stop at from the day that it is written. Production has no watcher and pays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

import asyncpg

from surehold.db import Database

T = TypeVar("T")

_NAMED: Final = re.compile(r"\s*/\* (?P<name>[a-z_]+\.[a-z_0-9]+) \*/")
_WORD: Final = re.compile(r"[A-Z]+", re.IGNORECASE)


class Watcher(Protocol):
    """Decides what becomes of a statement: carries it out, delays it, raises, ends the process."""

    async def __call__(
        self, connection: asyncpg.Connection[Any], beat: str, carry_out: Callable[[], Awaitable[T]]
    ) -> T:
        """Carry the statement out, once, and return what it returned; or do worse."""
        ...


def beat_of(text: str) -> str:
    """What a statement is called: its own name, or its first word (``BEGIN``, ``COMMIT``)."""
    named = _NAMED.match(text)
    if named is not None:
        return named["name"]
    word = _WORD.search(text)
    return word[0].upper() if word else "?"


def watched(watcher: Watcher) -> type[asyncpg.Connection[Any]]:
    """A class of connections whose statements all pass a watcher."""

    class Watched(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
        """One connection under watch. ``values`` are those of the statement under way."""

        values: Any = ()

        async def execute(self, query: str, *args: Any, **more: Any) -> Any:
            plain = super().execute
            if args:  # Goes through _execute, below.
                return await plain(query, *args, **more)
            self.values = ()
            return await watcher(self, beat_of(query), lambda: plain(query, **more))

        async def _execute(self, query: str, *args: Any, **more: Any) -> Any:
            plain = super()._execute
            self.values = args[0] if args else ()
            return await watcher(self, beat_of(query), lambda: plain(query, *args, **more))

        async def _executemany(self, query: str, *args: Any, **more: Any) -> Any:
            plain = super()._executemany
            self.values = args[0] if args else ()
            return await watcher(self, beat_of(query), lambda: plain(query, *args, **more))

    return Watched


class Watch:
    """A ``Database`` class whose connections are under watch: one per actor, if need be."""

    def __init__(self, watcher: Watcher) -> None:
        self.database: type[Database] = type(
            "WatchedDatabase", (Database,), {"connection_class": watched(watcher)}
        )


@contextmanager
def everywhere(watcher: Watcher) -> Iterator[None]:
    """Watch every connection that this process opens from here on."""
    before = Database.connection_class
    Database.connection_class = watched(watcher)
    try:
        yield
    finally:
        Database.connection_class = before
