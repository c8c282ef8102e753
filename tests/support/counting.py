"""What a handler makes the database and the processor do, counted."""

from __future__ import annotations

from typing import Any, ClassVar

import asyncpg

from surehold.db import Database
from surehold.identity.passwords import HashingSettings, Passwords


class Counted(asyncpg.Connection):  # type: ignore[type-arg]  # it cannot be subscripted
    """A connection that notes the names of the statements it is given."""

    seen: ClassVar[list[str]] = []

    async def fetch(self, query: str, *args: Any, **more: Any) -> Any:
        self.seen.append(query.partition("*/")[0])
        return await super().fetch(query, *args, **more)

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        self.seen.append(query.partition("*/")[0])
        return await super().fetchrow(query, *args, **more)

    async def execute(self, query: str, *args: Any, **more: Any) -> Any:
        self.seen.append(query.partition("*/")[0])
        return await super().execute(query, *args, **more)


class CountedDatabase(Database):
    connection_class = Counted


class CountedPasswords(Passwords):
    """Notes what each hash costs that is made: its kind, memory, passes and lanes."""

    def __init__(self, settings: HashingSettings) -> None:
        super().__init__(settings)
        self.made: list[str] = []

    async def hash(self, password: str) -> str:
        made = await super().hash(password)
        self.made.append(_cost(made))
        return made

    def _verify(self, kept: str, password: str) -> bool:
        self.made.append(_cost(kept))
        return super()._verify(kept, password)


def _cost(made: str) -> str:
    """All of a hash but its salt and itself."""
    return made.rsplit("$", 2)[0]
