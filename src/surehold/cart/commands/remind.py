"""Carts that were left: where their buyers are written to, once, and the way back into them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from surehold.cart import rules, sql
from surehold.cart.commands.lines import change_cart, hash_token
from surehold.cart.errors import CartNotFound
from surehold.cart.events import cart_abandoned
from surehold.cart.model import Cart
from surehold.cart.sql import reminding
from surehold.cart.sql.reminding import SilentRow
from surehold.db import Database, Transaction
from surehold.jobs import outbox
from surehold.kernel.ids import CartId

#: Browsers that may have followed one cart's link; the oldest forget it.
MAX_TOKENS: Final = 20

_TOKEN_BYTES: Final = 32


def hash_email(email: str) -> bytes:
    """What is kept of an address that wants no reminders; capitals make no other address."""
    return hashlib.sha256(email.strip().casefold().encode()).digest()


async def set_contact(
    db: Database, *, token: str, email: str | None, cart_id: CartId | None = None
) -> Cart:
    """Remember where the buyer of a cart may be written to, or forget it (``None``).

    A cart that was reported as abandoned is never reported again, whatever its address.

    Raises:
        CartNotFound: No such cart, or not with this token.
    """

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        if email is None:
            await tx.run(reminding.DELETE_CONTACT, cart.id)
        else:
            await tx.run(reminding.SAVE_CONTACT, cart.id, email, hash_email(email))

    return await change_cart(db, token, cart_id, work)


async def lock_silent(tx: Transaction, *, silence: timedelta, limit: int) -> tuple[SilentRow, ...]:
    """Carts with an address that nobody has touched for so long and nobody has decided about.

    They stay locked until the end of the transaction; what another worker has locked is left out.
    """
    return tuple(await tx.all(reminding.LOCK_SILENT, silence, limit))


async def decide_silent(
    tx: Transaction, *, silent: Sequence[SilentRow], ordered: Collection[CartId], now: datetime
) -> int:
    """Announce the abandoned ones among locked carts, once each; returns how many.

    Passed over are carts without lines, carts that became an order, and addresses that want no
    reminders.
    """
    if not silent:
        return 0
    reported = [
        row.has_lines and not row.is_refused and row.cart_id not in ordered for row in silent
    ]
    await tx.run(reminding.DECIDE, [row.cart_id for row in silent], reported, now)
    events = [
        cart_abandoned(row.cart_id)
        for row, is_reported in zip(silent, reported, strict=True)
        if is_reported
    ]
    await outbox.record(tx, events, now=now)
    return len(events)


async def restore_cart(db: Database, *, cart_id: CartId) -> tuple[Cart, str]:
    """Open a cart in another browser; returns it as it stands now, and a token of its own.

    The browser that had the cart keeps it. Whoever calls has seen the cart's link.

    Raises:
        CartNotFound: It was forgotten since.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)

    async def work(tx: Transaction) -> Cart:
        if not await tx.all(sql.LOCK_CARTS, [cart_id]):
            raise CartNotFound("This cart was forgotten since; carts are kept for 90 days.")
        await tx.run(reminding.ADD_TOKEN, cart_id, hash_token(token), MAX_TOKENS)
        return rules.appraise(await tx.one(sql.READ_CART_BY_ID, cart_id))

    return await db.retrying(work), token


async def refuse_reminders(tx: Transaction, *, email_hash: bytes) -> None:
    """Send this address no reminder, whatever cart it is given with. Twice is once."""
    await tx.run(reminding.REFUSE_REMINDERS, email_hash)
