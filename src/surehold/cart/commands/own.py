"""The cart and the wishes of somebody who signs in: what they had, and what this browser has."""

from __future__ import annotations

import secrets
from typing import Final
from uuid import UUID

import asyncpg

from surehold.cart import rules
from surehold.cart.commands.lines import hash_token
from surehold.cart.commands.merge import merge_carts
from surehold.cart.commands.remind import MAX_TOKENS, restore_cart
from surehold.cart.sql import own
from surehold.db import Database, Transaction

_TOKEN_BYTES: Final = 32


async def adopt_cart(db: Database, *, buyer_id: UUID, token: str | None) -> str | None:
    """Make the cart that a browser shows the buyer's; returns the token that opens it from now on.

    Who has none yet keeps this one. Who has one gets what this one has, and a token of it for this
    browser. A cart that is another buyer's stays theirs. ``None``: there is no cart at all.

    Safe at once from two browsers: the buyer has one cart afterwards, with what both had.
    """
    async with db.connection() as connection:
        mine = await connection.find(own.FIND_OWN, buyer_id)
        shown = None
        if token is not None:
            shown = await connection.find(own.FIND_SHOWN, hash_token(token))
        if shown is not None and shown.buyer_id == buyer_id:
            return token
        is_free = shown is not None and shown.buyer_id is None
        if mine is None and shown is not None and is_free:
            try:
                is_adopted = bool(await connection.run(own.ADOPT, shown.id, buyer_id))
            except asyncpg.UniqueViolationError:
                is_adopted = False
            if is_adopted:
                return token
            mine = await connection.find(own.FIND_OWN, buyer_id)
    if mine is None:
        return None
    if shown is not None and is_free:
        await merge_carts(db, into=mine.id, other=shown.id)
    _, given = await restore_cart(db, cart_id=mine.id)
    return given


async def adopt_wishlist(db: Database, *, buyer_id: UUID, token: str | None) -> str | None:
    """Make the list of wishes that a browser shows the buyer's; returns the token that opens it.

    As with the cart: who has none yet keeps this one; who has one gets what this one has, up to
    200 wishes, and a token for this browser. Another buyer's list stays theirs. ``None``: none.

    Safe at once from two browsers: the buyer has one list afterwards, with what both had.
    """
    async with db.connection() as connection:
        mine = await connection.find(own.FIND_OWN_WISHLIST, buyer_id)
        shown = None
        if token is not None:
            shown = await connection.find(own.FIND_SHOWN_WISHLIST, hash_token(token))
        if shown is not None and shown.buyer_id == buyer_id:
            return token
        if mine is None and shown is not None and shown.buyer_id is None:
            try:
                is_adopted = bool(await connection.run(own.ADOPT_WISHLIST, shown.id, buyer_id))
            except asyncpg.UniqueViolationError:
                is_adopted = False
            if is_adopted:
                return token
            mine = await connection.find(own.FIND_OWN_WISHLIST, buyer_id)
    if mine is None:
        return None
    given, ids = secrets.token_urlsafe(_TOKEN_BYTES), {mine.id}
    if shown is not None:
        ids.add(shown.id)
    is_there = await db.retrying(lambda tx: _open_wishlist(tx, mine.id, ids, hash_token(given)))
    return given if is_there else None


async def _open_wishlist(tx: Transaction, into: UUID, ids: set[UUID], token_hash: bytes) -> bool:
    """Put what is nobody's into the list, and open it with one more token; false: it is gone."""
    locked = await tx.all(own.LOCK_WISHLISTS, list(ids))
    if all(row.id != into for row in locked):
        return False
    for row in locked:
        # It may have become somebody's since.
        if row.id != into and row.buyer_id is None:
            await tx.run(own.MERGE_WISHES, into, row.id, rules.MAX_WISHES)
    await tx.run(own.ADD_WISHLIST_TOKEN, into, token_hash, MAX_TOKENS)
    return True
