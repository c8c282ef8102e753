"""Failed sign-ins of whoever works here: counted at once, told to the audit log by the worker.

The log is one chain, and whoever writes to it holds it. If each wrong password did, a stranger
could fill it, and hold it up for everybody; and that it is done for staff alone would show. So a
failure is one statement, the same whoever's address it is, and one row for each account.
"""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import Final

from surehold.db import Database, Transaction, audit
from surehold.identity.model import Place
from surehold.identity.sql import failures as sql

#: Failures of so long are one entry: an account has no more than so many in an hour.
GATHERED_FOR: Final = timedelta(minutes=1)
_BATCH: Final = 100
_MAX_ADDRESS: Final = 64


class Failure(enum.Enum):
    """Why nobody was signed in."""

    WRONG = (1, 0, 0)
    SECOND_FACTOR = (0, 1, 0)
    BLOCKED = (0, 0, 1)


async def note_failure(db: Database, key: str, failure: Failure, place: Place) -> None:
    """Count a sign-in that failed, if it was to an account of whoever works here."""
    async with db.connection() as connection:
        await connection.run(sql.NOTE, key, *failure.value, place.address[:_MAX_ADDRESS])


async def tell_failures(db: Database) -> int:
    """Write down what has failed since, one entry for an account; returns how many."""

    async def work(tx: Transaction) -> int:
        rows = await tx.all(sql.TAKE, GATHERED_FOR, _BATCH)
        for row in rows:
            audit.change(
                tx,
                actor="nobody",
                action="sign_in.fail",
                subject=f"{row.kind.value}:{row.account_id}",
                before=None,
                after={
                    "wrong": row.wrong,
                    "second_factor": row.second_factor,
                    "blocked": row.blocked,
                    "first_at": row.first_at.isoformat(),
                    "last_at": row.last_at.isoformat(),
                },
                address=row.address,
            )
        return len(rows)

    return await db.retrying(work)
