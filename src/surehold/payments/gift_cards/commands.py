"""Everything that changes a balance: staff issue and adjust, time expires; paying is in checkout.

A card is locked before it is changed, in id order, after everything else. Whatever changes a
balance is one entry, which the database adds to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

import asyncpg

from surehold.db import Connection, Database, Transaction, clock
from surehold.jobs import outbox
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import GiftCardId, new_id
from surehold.kernel.permissions import Permission, require
from surehold.payments import commands as payments
from surehold.payments import ledger
from surehold.payments.gift_cards import sql
from surehold.payments.gift_cards.errors import (
    GiftCardBalanceTooLow,
    GiftCardNotFound,
    StoreCreditExists,
)
from surehold.payments.gift_cards.events import gift_card_issued
from surehold.payments.gift_cards.model import EntryKind, GiftCard, NewEntry, NewGiftCard, Purse
from surehold.payments.model import Journal

#: Writes down, in the transaction that changes a card, what became of it.
KeepCard = Callable[[Transaction, GiftCard], Awaitable[None]]


class SpentMeanwhile(Exception):
    """Somebody else used, or ended, a card that this transaction had counted on."""


async def read_purses(connection: Connection, *, hashes: Collection[bytes]) -> list[Purse]:
    """Cards by code, without a lock. Whoever decides by it must ``spend``, which looks again."""
    return await connection.all(sql.READ_PURSES, list(hashes)) if hashes else []


async def lock_purses(tx: Transaction, *, hashes: Collection[bytes]) -> list[Purse]:
    """Lock cards by code, in id order; after stock and coupons, always. None cost no trip."""
    return await tx.all(sql.LOCK_PURSES, list(hashes)) if hashes else []


async def lock_cards(
    tx: Transaction, *, ids: Collection[GiftCardId], owners: Collection[str] = ()
) -> list[Purse]:
    """Lock these cards, and the credit that these buyers have. None cost no trip."""
    wanted = set(ids)
    if owners:
        wanted |= {row.id for row in await tx.all(sql.FIND_CREDIT, list(owners))}
    return await tx.all(sql.LOCK_CARDS, list(wanted)) if wanted else []


async def spend(tx: Transaction, *, entries: Sequence[NewEntry], now: datetime) -> None:
    """Take from cards that had it when they were read; they are locked from here, in id order.

    Raises:
        SpentMeanwhile: Not all of them have it any more. Roll back.
    """
    if not entries:
        return
    taken: Counter[GiftCardId] = Counter()
    for entry in entries:
        taken[entry.gift_card_id] -= entry.amount_minor
    for card in await lock_cards(tx, ids=taken):
        if not card.is_open or card.balance_minor < taken[card.id]:
            raise SpentMeanwhile
    await insert_entries(tx, entries=entries, now=now)


async def insert_cards(tx: Transaction, *, cards: Sequence[NewGiftCard], now: datetime) -> None:
    """Write new cards, empty; their first entries fill them."""
    if not cards:
        return
    await tx.run(
        sql.INSERT_CARDS,
        [row.id for row in cards],
        [row.kind.value for row in cards],
        [row.code_hash for row in cards],
        [row.last_four for row in cards],
        [row.currency for row in cards],
        [row.initial_minor for row in cards],
        [row.owner_email for row in cards],
        [row.expires_at for row in cards],
        [row.reason for row in cards],
        [row.actor for row in cards],
        now,
    )


async def insert_entries(tx: Transaction, *, entries: Sequence[NewEntry], now: datetime) -> None:
    """Change the balances of locked cards.

    Raises:
        asyncpg.CheckViolationError: A balance would be negative.
        asyncpg.UniqueViolationError: The fact was booked before.
    """
    if not entries:
        return
    rows = sorted(entries, key=lambda row: row.gift_card_id)
    await tx.run(
        sql.INSERT_ENTRIES,
        [row.id or new_id() for row in rows],
        [row.gift_card_id for row in rows],
        [row.kind.value for row in rows],
        [row.amount_minor for row in rows],
        [row.reference for row in rows],
        [row.order_id for row in rows],
        [row.payment_id for row in rows],
        [row.refund_id for row in rows],
        [row.reason for row in rows],
        [row.actor for row in rows],
        now,
    )


async def issue_card(
    db: Database, *, card: NewGiftCard, sealed_code: str, keep: KeepCard | None = None
) -> GiftCard:
    """Issue a card: its balance is what it begins with, and the store owes it.

    Each call issues. ``keep`` comes before the commit; when it raises, nothing is issued. The
    code is in nobody's log: the event carries it sealed, for the letter to its owner.

    Raises:
        InvalidInput: Its time is over already.
        StoreCreditExists: The owner has store credit in this currency; adjust that.
    """
    require(Permission.GIFT_CARDS_WRITE)

    async def work(tx: Transaction) -> GiftCard:
        now = await clock.now(tx)
        if card.expires_at is not None and card.expires_at <= now:
            raise InvalidInput((Fault("/expires_at", "past", "Its time would be over."),))
        try:
            await insert_cards(tx, cards=[card], now=now)
        except asyncpg.UniqueViolationError:
            raise StoreCreditExists("This buyer has store credit in this currency.") from None
        entry = NewEntry(card.id, EntryKind.ISSUE, card.initial_minor, card.id, card.actor)
        journal = ledger.gift_card_issue(
            reference=card.id, currency=card.currency, amount_minor=card.initial_minor
        )
        await _book(tx, entry, journal, now)
        await outbox.record(tx, [gift_card_issued(card, sealed_code=sealed_code)], now=now)
        made = await _get(tx, card.id)
        if keep is not None:
            await keep(tx, made)
        return made

    return await db.retrying(work)


async def adjust_card(
    db: Database,
    *,
    card_id: GiftCardId,
    amount_minor: int,
    reason: str,
    actor: str,
    keep: KeepCard | None = None,
) -> GiftCard:
    """Put something on a card, or take it off. Each call counts.

    ``keep`` comes before the commit; when it raises, nothing changes.

    Raises:
        GiftCardNotFound: There is none with this id.
        GiftCardBalanceTooLow: There is less on it than is to be taken off.
    """
    require(Permission.GIFT_CARDS_WRITE)

    async def work(tx: Transaction) -> GiftCard:
        card = await _lock(tx, card_id)
        if card.balance_minor + amount_minor < 0:
            raise GiftCardBalanceTooLow(
                "There is less on the card.",
                pointer="/delta",
                available={"amount": card.balance_minor, "currency": card.currency},
            )
        entry_id = new_id()
        entry = NewEntry(
            card.id, EntryKind.ADJUST, amount_minor, entry_id, actor, reason=reason, id=entry_id
        )
        journal = ledger.gift_card_adjust(
            reference=entry_id, currency=card.currency, amount_minor=amount_minor
        )
        await _book(tx, entry, journal, await clock.now(tx))
        changed = await _get(tx, card.id)
        if keep is not None:
            await keep(tx, changed)
        return changed

    return await db.retrying(work)


async def disable_card(db: Database, *, card_id: GiftCardId, actor: str) -> GiftCard:
    """Let a card pay nothing any more; what is on it stays. Twice changes nothing.

    An order that it pays a part of already goes on.

    Raises:
        GiftCardNotFound: There is none with this id.
    """
    require(Permission.GIFT_CARDS_WRITE)

    async def work(tx: Transaction) -> GiftCard:
        await _lock(tx, card_id)
        await tx.run(sql.DISABLE_CARD, card_id, actor)
        return await _get(tx, card_id)

    return await db.retrying(work)


async def expire_cards(db: Database, *, limit: int = 200) -> int:
    """Take what is left off cards whose time is over; returns how many.

    Somebody who pays with such a card at this moment goes first, and the next run finds the rest.
    """

    async def work(tx: Transaction) -> int:
        rows = await tx.all(sql.LOCK_EXPIRED, limit)
        now = await clock.now(tx)
        entries, journals = [], []
        for row in rows:
            entry_id = new_id()
            left = -row.balance_minor
            entries.append(
                NewEntry(row.id, EntryKind.EXPIRE, left, entry_id, "system", id=entry_id)
            )
            journals.append(
                ledger.gift_card_expire(
                    reference=entry_id, currency=row.currency, amount_minor=row.balance_minor
                )
            )
        await insert_entries(tx, entries=entries, now=now)
        await payments.post_journals(tx, journals=journals, now=now)
        return len(rows)

    return await db.retrying(work)


async def _book(tx: Transaction, entry: NewEntry, journal: Journal, now: datetime) -> None:
    await insert_entries(tx, entries=[entry], now=now)
    await payments.post_journals(tx, journals=[journal], now=now)


async def _lock(tx: Transaction, card_id: GiftCardId) -> Purse:
    found = await lock_cards(tx, ids=[card_id])
    if not found:
        raise GiftCardNotFound("There is no gift card with this id.")
    return found[0]


async def _get(tx: Transaction, card_id: GiftCardId) -> GiftCard:
    return await tx.one(sql.FIND_CARD, card_id)
