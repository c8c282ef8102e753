"""What others may read of carts. A wrong token and a missing cart look the same."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from surehold.cart import rules, sql
from surehold.cart.commands import hash_token
from surehold.cart.errors import CartNotFound, WishlistNotFound
from surehold.cart.model import Cart, Contact, Problem, StockAlert, Wishlist
from surehold.cart.sql import alerts, later, reminding
from surehold.db import Connection, shop
from surehold.kernel.ids import CartId


async def find_cart(
    connection: Connection, *, token: str, cart_id: CartId | None = None
) -> Cart | None:
    """The cart that this token opens, if it also is the one that was named."""
    facts = await connection.find(sql.READ_CART, hash_token(token), cart_id)
    return None if facts is None else rules.appraise(facts)


async def get_cart(connection: Connection, *, token: str, cart_id: CartId | None = None) -> Cart:
    """The cart that this token opens, with today's prices, stock and problems.

    Raises:
        CartNotFound: No such cart, or not with this token.
    """
    cart = await find_cart(connection, token=token, cart_id=cart_id)
    if cart is None:
        raise CartNotFound("There is no cart with this id and token.")
    return cart


async def validate_cart(
    connection: Connection, *, token: str, cart_id: CartId | None = None
) -> tuple[Problem, ...]:
    """Everything that stands between this cart and the checkout; nothing when all is well.

    A price that has moved by no more than the setting ``price_tolerance`` stands in nobody's way.

    Raises:
        CartNotFound: No such cart, or not with this token.
    """
    cart = await get_cart(connection, token=token, cart_id=cart_id)
    settings = await shop.load(connection)
    return rules.beyond(cart.problems, tolerance=Decimal(settings.price_tolerance))


async def find_contact(connection: Connection, *, cart_id: CartId) -> Contact | None:
    """Where the buyer of a cart may be written to, and whether reminders were refused."""
    return await connection.find(reminding.FIND_CONTACT, cart_id)


async def get_wishlist(connection: Connection, *, token: str) -> Wishlist:
    """The list of wishes that this token opens, with today's prices and stock.

    Raises:
        WishlistNotFound: No such list, or not with this token.
    """
    wishlist = await connection.find(later.READ_WISHLIST, hash_token(token))
    if wishlist is None:
        raise WishlistNotFound("There is no list of wishes with this token.")
    return wishlist


async def find_alert(connection: Connection, *, alert_id: UUID) -> StockAlert | None:
    """Who is to be told of which variant; nobody once the letter is sent, or is not wanted."""
    return await connection.find(alerts.FIND, alert_id)
