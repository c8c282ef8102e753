"""A cart and its lines: made, added to, changed, emptied, accepted, ordered from, forgotten."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from surehold.cart import rules, sql
from surehold.cart.errors import CartLineNotFound, CartNotFound
from surehold.cart.model import Cart, Problem
from surehold.db import Connection, Database, Transaction
from surehold.kernel.ids import CartId, CartLineId, VariantId, new_id
from surehold.pricing.errors import NotForSale

KEPT_FOR: Final = timedelta(days=90)
PRUNE_BATCH: Final = 1_000

_TOKEN_BYTES: Final = 32


class CartContent(msgspec.Struct, frozen=True):
    """What a checkout takes from a cart: per line the variant, units and the price last seen."""

    currency: str
    lines: tuple[tuple[VariantId, int, int], ...]
    coupon_code: str | None = None


class Accepted(msgspec.Struct, frozen=True):
    """The cart after its changes were accepted, and the problems that this has solved."""

    cart: Cart
    changes: tuple[Problem, ...]


def hash_token(token: str) -> bytes:
    """What is stored of a cart's token: it opens the cart, and cannot be read back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


async def create_cart(db: Database, *, currency: str) -> tuple[Cart, str]:
    """Make an empty cart; returns it and the token that opens it, which is told only now.

    Raises:
        InvalidInput: There is no such currency.
    """
    rules.check_currency(currency)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    async with db.transaction() as tx:
        await tx.run(sql.INSERT_CART, CartId(new_id()), hash_token(token), currency)
        return await _read(tx, token), token


async def add_line(
    db: Database,
    *,
    token: str,
    variant_id: VariantId,
    quantity: int,
    cart_id: CartId | None = None,
) -> Cart:
    """Put units of a variant into a cart, on top of what it has of them.

    Raises:
        InvalidInput: The quantity is not from 1 to 999.
        CartNotFound: No such cart, or not with this token.
        NotForSale: The variant cannot be bought in the cart's currency.
        CartFull: The cart would have over 100 lines, or the line over 999 units.
        InsufficientStock: Fewer are available than the line would have; nothing was added.
    """
    rules.check_quantity(quantity)

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        offer = await tx.one(sql.READ_OFFER, cart.id, variant_id, cart.currency)
        price_minor = rules.admit(
            offer,
            variant_id=variant_id,
            currency=cart.currency,
            quantity=offer.quantity + quantity,
        )
        line_id = CartLineId(new_id())
        await tx.run(sql.ADD_TO_LINE, line_id, cart.id, variant_id, quantity, price_minor)

    return await change_cart(db, token, cart_id, work)


async def change_line(
    db: Database,
    *,
    token: str,
    line_id: CartLineId,
    quantity: int,
    cart_id: CartId | None = None,
) -> Cart:
    """Set how many units a line has. What the buyer saw as its price stays as it was.

    Raises:
        InvalidInput: The quantity is not from 1 to 999.
        CartNotFound: No such cart, or not with this token.
        CartLineNotFound: The cart has no such line.
        NotForSale: The variant cannot be bought in the cart's currency any more.
        InsufficientStock: Fewer are available; the line is as it was.
    """
    rules.check_quantity(quantity)

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        line = await tx.find(sql.FIND_LINE, cart.id, line_id)
        if line is None:
            raise CartLineNotFound("The cart has no such line.")
        offer = await tx.one(sql.READ_OFFER, cart.id, line.variant_id, cart.currency)
        rules.admit(offer, variant_id=line.variant_id, currency=cart.currency, quantity=quantity)
        await tx.run(sql.SET_QUANTITY, cart.id, line_id, quantity)

    return await change_cart(db, token, cart_id, work)


async def remove_line(
    db: Database, *, token: str, line_id: CartLineId, cart_id: CartId | None = None
) -> Cart:
    """Take a line out of a cart.

    Raises:
        CartNotFound: No such cart, or not with this token.
        CartLineNotFound: The cart has no such line, perhaps since another tab removed it.
    """

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        if not await tx.run(sql.DELETE_LINE, cart.id, line_id):
            raise CartLineNotFound("The cart has no such line.")

    return await change_cart(db, token, cart_id, work)


async def clear_cart(db: Database, *, token: str, cart_id: CartId | None = None) -> Cart:
    """Take every line out of a cart; an empty cart stays as it is.

    Raises:
        CartNotFound: No such cart, or not with this token.
    """

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        await tx.run(sql.DELETE_LINES, cart.id)

    return await change_cart(db, token, cart_id, work)


async def change_currency(
    db: Database, *, token: str, currency: str, cart_id: CartId | None = None
) -> Cart:
    """Count a cart in another currency; the prices last seen become those of today.

    Raises:
        InvalidInput: There is no such currency.
        CartNotFound: No such cart, or not with this token.
        NotForSale: Lists what has no price in the new currency; the cart is as it was.
    """
    rules.check_currency(currency)

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        if currency == cart.currency:
            return
        missing = await tx.all(sql.LIST_UNPRICED, cart.id, currency)
        if missing:
            raise NotForSale([row.variant_id for row in missing], currency=currency)
        await tx.run(sql.CHANGE_CURRENCY, cart.id, currency)

    return await change_cart(db, token, cart_id, work)


async def accept_changes(db: Database, *, token: str, cart_id: CartId | None = None) -> Accepted:
    """Agree to today's prices, and to fewer units where fewer are left.

    What is sold out, withdrawn or without a price stays in the cart with its problem: it is
    removed by the buyer, never by us. Accepting twice changes nothing the second time.

    Raises:
        CartNotFound: No such cart, or not with this token.
    """
    solved: list[Problem] = []

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        solved.clear()  # the command may run again after a deadlock
        before = await _read(tx, token)
        accepted = rules.accept(before)
        if not accepted:
            return
        await tx.run(
            sql.ACCEPT_CHANGES,
            cart.id,
            [line.id for line in accepted],
            [line.quantity for line in accepted],
            [line.price_minor for line in accepted],
        )
        solved.extend(problem for line in accepted for problem in line.solved)

    after = await change_cart(db, token, cart_id, work)
    return Accepted(after, tuple(solved))


async def set_coupon(
    db: Database, *, token: str, code: str | None, cart_id: CartId | None = None
) -> Cart:
    """Keep a coupon's code with a cart, as it is kept, or forget it; what it gives is not asked.

    Raises:
        CartNotFound: No such cart, or not with this token.
    """

    async def work(tx: Transaction, cart: sql.LockedCartRow) -> None:
        await tx.run(sql.SET_COUPON, cart.id, code)

    return await change_cart(db, token, cart_id, work)


async def load_lines(
    connection: Connection, *, carts: Sequence[tuple[CartId, bytes]]
) -> dict[CartId, CartContent]:
    """What is in these carts, each named with the hash of its token.

    Unknown carts and carts with another token are left out; an empty cart has no lines.
    """
    rows = await connection.all(
        sql.LOAD_LINES,
        [cart_id for cart_id, _ in carts],
        [token_hash for _, token_hash in carts],
    )
    return {
        row.cart_id: CartContent(
            row.currency,
            tuple(
                (VariantId(variant_id), quantity, seen_price_minor)
                for variant_id, quantity, seen_price_minor in zip(
                    row.variant_ids, row.quantities, row.seen_prices_minor, strict=True
                )
            ),
            row.coupon_code,
        )
        for row in rows
    }


async def take_ordered(tx: Transaction, *, taken: Sequence[tuple[CartId, VariantId, int]]) -> None:
    """Take what was ordered out of the carts it came from.

    What was added meanwhile stays; a line that comes to nothing goes. Carts and lines that are
    gone are no fault. Locks the carts, in id order.
    """
    sums: dict[tuple[CartId, VariantId], int] = {}
    for cart_id, variant_id, quantity in taken:
        sums[cart_id, variant_id] = sums.get((cart_id, variant_id), 0) + quantity
    if not sums:
        return
    await tx.all(sql.LOCK_CARTS, list({cart_id for cart_id, _ in sums}))
    await tx.run(
        sql.TAKE_ORDERED,
        [cart_id for cart_id, _ in sums],
        [variant_id for _, variant_id in sums],
        list(sums.values()),
    )


async def prune_carts(tx: Transaction) -> int:
    """Forget carts untouched for 90 days, a thousand at a time; returns how many went."""
    return await tx.run(sql.PRUNE_CARTS, KEPT_FOR, PRUNE_BATCH)


async def change_cart(
    db: Database,
    token: str,
    cart_id: CartId | None,
    work: Callable[[Transaction, sql.LockedCartRow], Awaitable[None]],
) -> Cart:
    """Lock the cart, do the work, and read the cart as it is then.

    Raises:
        CartNotFound: No such cart, or not with this token.
    """

    async def locked(tx: Transaction) -> Cart:
        cart = await tx.find(sql.LOCK_CART, hash_token(token), cart_id)
        if cart is None:
            raise CartNotFound("There is no cart with this id and token.")
        await work(tx, cart)
        return await _read(tx, token)

    return await db.retrying(locked)


async def _read(tx: Transaction, token: str) -> Cart:
    return rules.appraise(await tx.one(sql.READ_CART, hash_token(token), None))
