"""The cart of somebody who signs in: what they had before, and what this browser has."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from surehold.cart.commands.lines import hash_token
from surehold.cart.commands.merge import merge_carts
from surehold.cart.commands.remind import restore_cart
from surehold.cart.sql import own
from surehold.db import Database


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
