"""What a buyer keeps for another day: saved lines of a cart, and a list of wishes.

Neither holds any stock, and nothing of it has a price that was promised.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from surehold.cart import rules, sql
from surehold.cart.commands.lines import add_line, change_cart, hash_token
from surehold.cart.errors import (
    CartFull,
    CartLineNotFound,
    WishlistFull,
    WishlistNotFound,
    WishNotFound,
)
from surehold.cart.model import Cart, Wishlist
from surehold.cart.sql import later
from surehold.db import Database, Transaction
from surehold.kernel.ids import CartId, CartLineId, VariantId, new_id
from surehold.pricing.errors import NotForSale

WISHES_KEPT_FOR: Final = timedelta(days=365)
PRUNE_BATCH: Final = 1_000

_TOKEN_BYTES: Final = 32


async def save_line(
    db: Database, *, token: str, line_id: CartLineId, cart_id: CartId | None = None
) -> Cart:
    """Keep a line for later: it leaves the lines, and no checkout takes it.

    Units of a variant that was saved before are added to them, up to 999.

    Raises:
        CartNotFound: No such cart, or not with this token.
        CartLineNotFound: The cart has no such line, perhaps since it was saved already.
        CartFull: The cart keeps 100 other variants for later.
    """

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        line = await tx.find(later.TAKE_LINE, cart.id, line_id)
        if line is None:
            raise CartLineNotFound("The cart has no such line.")
        saved = await tx.one(later.COUNT_SAVED, cart.id, line.variant_id)
        if saved.count >= rules.MAX_LINES:
            raise CartFull(
                f"A cart keeps at most {rules.MAX_LINES} lines for later.", limit=rules.MAX_LINES
            )
        await tx.run(later.SAVE_LINE, cart.id, line.variant_id, line.quantity)

    return await change_cart(db, token, cart_id, work)


async def restore_saved(
    db: Database, *, token: str, variant_id: VariantId, cart_id: CartId | None = None
) -> Cart:
    """Put what was kept for later back among the lines, on top of what they have of it.

    Raises:
        CartNotFound: No such cart, or not with this token.
        CartLineNotFound: It is not kept for later, perhaps since it was put back already.
        NotForSale, CartFull, InsufficientStock: As for adding; it stays kept for later.
    """

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        saved = await _take_saved(tx, cart.id, variant_id)
        offer = await tx.one(sql.READ_OFFER, cart.id, variant_id, cart.currency)
        price_minor = rules.admit(
            offer,
            variant_id=variant_id,
            currency=cart.currency,
            quantity=offer.quantity + saved.quantity,
        )
        await tx.run(sql.ADD_TO_LINE, new_id(), cart.id, variant_id, saved.quantity, price_minor)

    return await change_cart(db, token, cart_id, work)


async def drop_saved(
    db: Database, *, token: str, variant_id: VariantId, cart_id: CartId | None = None
) -> Cart:
    """Keep something for later no more.

    Raises:
        CartNotFound: No such cart, or not with this token.
        CartLineNotFound: It is not kept for later.
    """

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        await _take_saved(tx, cart.id, variant_id)

    return await change_cart(db, token, cart_id, work)


async def _take_saved(
    tx: Transaction, cart_id: CartId, variant_id: VariantId
) -> later.QuantityRow:
    saved = await tx.find(later.TAKE_SAVED, cart_id, variant_id)
    if saved is None:
        raise CartLineNotFound("The cart keeps no such line for later.")
    return saved


async def create_wishlist(db: Database, *, variant_id: VariantId) -> tuple[Wishlist, str]:
    """Begin a list of wishes with one; returns it and the token that opens it, told only now.

    Raises:
        NotForSale: It is not sold; nothing was made.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    async with db.transaction() as tx:
        wishlist_id = new_id()
        await tx.run(later.INSERT_WISHLIST, wishlist_id, hash_token(token))
        await _add_wish(tx, wishlist_id, variant_id)
        return await tx.one(later.READ_WISHLIST, hash_token(token)), token


async def add_wish(db: Database, *, token: str, variant_id: VariantId) -> Wishlist:
    """Put a variant on the list; what is on it already stays where it is.

    Raises:
        WishlistNotFound: No such list, or not with this token.
        NotForSale: It is not sold.
        WishlistFull: The list has 200 others.
    """

    async def work(tx: Transaction, wishlist_id: UUID) -> None:
        await _add_wish(tx, wishlist_id, variant_id)

    return await _change_wishlist(db, token, work)


async def remove_wish(db: Database, *, token: str, variant_id: VariantId) -> Wishlist:
    """Take a variant off the list.

    Raises:
        WishlistNotFound: No such list, or not with this token.
        WishNotFound: It is not on it, perhaps since another tab took it off.
    """

    async def work(tx: Transaction, wishlist_id: UUID) -> None:
        if not await tx.run(later.DELETE_WISH, wishlist_id, variant_id):
            raise WishNotFound("The list has no such wish.")

    return await _change_wishlist(db, token, work)


async def move_wish_to_cart(
    db: Database, *, token: str, variant_id: VariantId, cart_token: str, quantity: int
) -> tuple[Wishlist, Cart]:
    """Put units of a wish into a cart, then take it off the list.

    Two steps, each whole: if the second is not reached, the wish is in the cart and still on the
    list, and taking it off is all that is left to do.

    Raises:
        WishlistNotFound, WishNotFound: No such list with this token, or no such wish on it.
        InvalidInput, CartNotFound, NotForSale, CartFull, InsufficientStock: As for adding to a
            cart; the wish stays on the list.
    """
    async with db.connection() as connection:
        wishlist = await connection.find(later.READ_WISHLIST, hash_token(token))
    if wishlist is None:
        raise WishlistNotFound("There is no list of wishes with this token.")
    if variant_id not in {wish.variant_id for wish in wishlist.lines}:
        raise WishNotFound("The list has no such wish.")
    cart = await add_line(db, token=cart_token, variant_id=variant_id, quantity=quantity)
    return await remove_wish(db, token=token, variant_id=variant_id), cart


async def prune_wishlists(tx: Transaction) -> int:
    """Forget lists untouched for a year, a thousand at a time; returns how many went."""
    return await tx.run(later.PRUNE_WISHLISTS, WISHES_KEPT_FOR, PRUNE_BATCH)


async def _add_wish(tx: Transaction, wishlist_id: UUID, variant_id: VariantId) -> None:
    offer = await tx.one(later.READ_WISH_OFFER, wishlist_id, variant_id)
    if not offer.is_for_sale:
        raise NotForSale([variant_id], currency=None)
    if offer.count >= rules.MAX_WISHES:
        raise WishlistFull(
            f"A list has at most {rules.MAX_WISHES} wishes.", limit=rules.MAX_WISHES
        )
    await tx.run(later.ADD_WISH, wishlist_id, variant_id)


async def _change_wishlist(
    db: Database, token: str, work: Callable[[Transaction, UUID], Awaitable[None]]
) -> Wishlist:
    """Lock the list, do the work, and read the list as it is then."""

    async def locked(tx: Transaction) -> Wishlist:
        found = await tx.find(later.LOCK_WISHLIST, hash_token(token))
        if found is None:
            raise WishlistNotFound("There is no list of wishes with this token.")
        await work(tx, found.id)
        return await tx.one(later.READ_WISHLIST, hash_token(token))

    return await db.retrying(locked)
