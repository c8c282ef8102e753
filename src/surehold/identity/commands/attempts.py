"""Counting attempts, shared by all processes.

An attempt is counted before anything is checked. The counts are by what guesses have in common:
an account and an address together, an address, an account. A device that signed in before has a
count of its own and passes by the others, so nobody can lock somebody else out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from surehold.db import Database, Transaction
from surehold.identity import rules
from surehold.identity.errors import TooManyAttempts
from surehold.identity.rules import Limit
from surehold.identity.secrets import hash_parts
from surehold.identity.sql import attempts as sql

_BATCH: Final = 1_000


class Count(msgspec.Struct, frozen=True):
    """One thing that attempts have in common."""

    limit: Limit
    key: bytes


def count_of(limit: Limit, *parts: str) -> Count:
    """What attempts with these parts have in common under a limit."""
    return Count(limit, hash_parts(limit.name, *parts))


async def take(db: Database, counts: Sequence[Count]) -> None:
    """Count one attempt, under all of the limits or none.

    Raises:
        TooManyAttempts: One of them is blocked; nothing was counted.
    """
    keys, free = _columns(counts)

    async def work(tx: Transaction) -> None:
        taken = await tx.all(sql.TAKE, keys, free, rules.FORGOTTEN_AFTER)
        if len(taken) < len(keys):
            wait = (await tx.one(sql.LONGEST_WAIT, keys)).wait
            seconds = 1 if wait is None else max(1, math.ceil(wait.total_seconds()))
            raise TooManyAttempts(
                f"Wait {seconds} seconds before the next attempt.", retry_after_seconds=seconds
            )
        await tx.run(sql.BLOCK, keys, free, rules.FIRST_DELAY, rules.LONGEST_DELAY)

    await db.retrying(work)


async def succeed(db: Database, counts: Sequence[Count]) -> None:
    """Forget the narrowest count, and take this one attempt off the others."""
    async with db.connection() as connection:
        await connection.run(sql.FORGET, [counts[0].key])
    await give_back(db, counts[1:])


async def give_back(db: Database, counts: Sequence[Count]) -> None:
    """Take one attempt off each: it was no guess."""
    if counts:
        async with db.connection() as connection:
            await connection.run(sql.GIVE_BACK, *_columns(counts))


async def prune_attempts(db: Database) -> int:
    """Forget counts of yesterday; returns how many."""
    async with db.connection() as connection:
        return await connection.run(sql.PRUNE, _BATCH)


def _columns(counts: Sequence[Count]) -> tuple[list[bytes], list[int]]:
    # In the order of the keys: whoever counts several waits in that order.
    ordered = sorted(counts, key=lambda count: count.key)
    return [one.key for one in ordered], [one.limit.free for one in ordered]
