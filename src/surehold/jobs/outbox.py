"""Announcing: events are rows of the same commit as the fact. Read at least once, in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from surehold.db import Database, Transaction
from surehold.jobs import sql
from surehold.kernel.ids import new_id


class Event(msgspec.Struct, frozen=True):
    """A fact, past tense: what it is about and what a subscriber needs to know of it."""

    topic: str
    subject_id: UUID
    payload: dict[str, Any]


Subscriber = Callable[[Event], Awaitable[None]]


async def record(tx: Transaction, events: Sequence[Event], *, now: datetime) -> None:
    """Announce facts with the commit that makes them true."""
    if not events:
        return
    await tx.run(
        sql.RECORD,
        [new_id() for _ in events],
        [event.topic for event in events],
        [event.subject_id for event in events],
        [event.payload for event in events],
        now,
    )


async def publish(db: Database, *, subscribers: Sequence[Subscriber], limit: int = 200) -> int:
    """Hand waiting facts to every subscriber and mark them; returns how many.

    A subscriber that raises stops the batch and leaves it waiting, so subscribers are idempotent.
    """
    async with db.transaction() as tx:
        rows = await tx.all(sql.TAKE, limit)
        for row in rows:
            event = Event(row.topic, row.subject_id, row.payload)
            for subscriber in subscribers:
                await subscriber(event)
        if rows:
            await tx.run(sql.PUBLISHED, [row.id for row in rows])
    return len(rows)


async def prune(tx: Transaction) -> int:
    """Forget facts that everybody knew a month ago; returns how many."""
    return await tx.run(sql.PRUNE_OUTBOX)
