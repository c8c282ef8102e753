"""Writing drafts. The lane makes orders of them; the rest happens here, under the draft's lock."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from surehold.db import Database, Statement, Transaction, clock, shop
from surehold.jobs import outbox
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import DraftOrderId, new_id
from surehold.kernel.permissions import Permission, require
from surehold.orders.drafts import queries, rules, sql
from surehold.orders.drafts.errors import DraftOrderNotFound
from surehold.orders.drafts.events import draft_canceled, draft_sent
from surehold.orders.drafts.model import Draft, DraftContent, DraftPlaced, DraftRef, DraftState

_TOKEN_BYTES: Final = 24

#: Writes down, in the transaction that writes a draft, what was written.
KeepDraft = Callable[[Transaction, Draft], Awaitable[None]]


class Sent(msgspec.Struct, frozen=True):
    """A draft, and the token of its link, which is told once and kept nowhere."""

    draft: Draft
    token: str


class ChangedMeanwhile(Exception):
    """A draft is not as it was read any more. Roll back."""


async def create_draft(
    db: Database, *, content: DraftContent, actor: str, keep: KeepDraft | None = None
) -> Draft:
    """Write a draft. Each call writes one; ``keep`` comes before the commit."""
    require(Permission.DRAFTS_WRITE)

    async def work(tx: Transaction) -> Draft:
        draft_id = DraftOrderId(new_id())
        await tx.run(sql.INSERT, draft_id, content, actor, await clock.now(tx))
        draft = await queries.get_draft(tx, draft_id=draft_id)
        if keep is not None:
            await keep(tx, draft)
        return draft

    return await db.retrying(work)


async def change_draft(
    db: Database, *, draft_id: DraftOrderId, version: int, content: DraftContent, actor: str
) -> Draft:
    """Put another content in the place of the one that was read. A link that was sent stays.

    The same content again changes nothing, whatever the version.

    Raises:
        DraftOrderNotFound, DraftOrderPlaced, DraftOrderCanceled: As named.
        DraftOrderChanged: Somebody wrote another version meanwhile.
    """
    require(Permission.DRAFTS_WRITE)

    async def work(tx: Transaction) -> Draft:
        draft = await _lock(tx, draft_id)
        rules.check_open(draft)
        if draft.content == content:
            return draft
        rules.check_version(draft, version)
        return await _write(tx, draft, sql.CHANGE, content, actor)

    return await db.retrying(work)


async def send_draft(db: Database, *, draft_id: DraftOrderId, actor: str) -> Sent:
    """Make the link by which the buyer pays, for the store's time. An earlier one opens nothing.

    Raises:
        DraftOrderNotFound, DraftOrderPlaced, DraftOrderCanceled: As named.
    """
    require(Permission.DRAFTS_WRITE)
    token = secrets.token_urlsafe(_TOKEN_BYTES)

    async def work(tx: Transaction) -> Sent:
        draft = await _lock(tx, draft_id)
        rules.check_open(draft)
        ttl = timedelta(days=(await shop.load(tx)).draft_link_days)
        sent = await _write(tx, draft, sql.SEND, queries.hash_token(token), ttl, actor)
        await outbox.record(tx, [draft_sent(sent)], now=sent.updated_at)
        return Sent(sent, token)

    return await db.retrying(work)


async def cancel_draft(db: Database, *, draft_id: DraftOrderId, actor: str) -> Draft:
    """Take a draft back. Its link says so. Canceling twice changes nothing.

    Raises:
        DraftOrderNotFound: There is none with this id.
        DraftOrderPlaced: It is an order, which is canceled as one.
    """
    require(Permission.DRAFTS_WRITE)

    async def work(tx: Transaction) -> Draft:
        draft = await _lock(tx, draft_id)
        if draft.state is DraftState.CANCELED:
            return draft
        rules.check_open(draft)
        canceled = await _write(tx, draft, sql.CANCEL, actor)
        await outbox.record(tx, [draft_canceled(canceled)], now=canceled.updated_at)
        return canceled

    return await db.retrying(work)


async def place_drafts(tx: Transaction, *, placed: Sequence[DraftPlaced], now: datetime) -> None:
    """Say of drafts which order they became, in the transaction that writes the orders.

    Raises:
        ChangedMeanwhile: Not all of them are as they were read.
    """
    if not placed:
        return
    count = await tx.run(
        sql.PLACE,
        [row.draft.id for row in placed],
        [row.order_id for row in placed],
        [row.draft.version for row in placed],
        [row.draft.token_hash for row in placed],
        [row.draft.actor for row in placed],
        now,
    )
    if count != len(placed):
        raise ChangedMeanwhile


async def find_refusals(
    tx: Transaction, *, wanted: Iterable[DraftRef]
) -> dict[DraftRef, DomainError]:
    """Lock drafts, in id order, and say which of these placings cannot be carried out, and why."""
    asked = tuple(wanted)
    if not asked:
        return {}
    locked = {row.id: row for row in await _lock_all(tx, [row.id for row in asked])}
    hashes = [row.token_hash for row in asked]
    linked = {row.id for row in await tx.all(sql.LIST_LINKED, [row.id for row in asked], hashes)}
    found = {}
    for one in asked:
        refusal = rules.find_refusal(locked.get(one.id), one, is_link=one.id in linked)
        if refusal is not None:
            found[one] = refusal
    return found


async def _lock(tx: Transaction, draft_id: DraftOrderId) -> Draft:
    found = await _lock_all(tx, [draft_id])
    if not found:
        raise DraftOrderNotFound("There is no draft order with this id.")
    return found[0]


async def _lock_all(tx: Transaction, ids: list[DraftOrderId]) -> list[Draft]:
    await tx.all(sql.LOCK, ids)
    return await tx.all(sql.READ, ids)


async def _write(
    tx: Transaction, draft: Draft, statement: Statement[None], *values: object
) -> Draft:
    changed = await tx.run(statement, draft.id, draft.version, *values)
    assert changed == 1, "a draft changed under its lock"
    return await queries.get_draft(tx, draft_id=draft.id)
