"""What others may read of carts. A wrong token and a missing cart look the same."""

from __future__ import annotations

from surehold.cart import rules, sql
from surehold.cart.commands import hash_token
from surehold.cart.errors import CartNotFound
from surehold.cart.model import Cart, Problem
from surehold.db import Connection
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

    Raises:
        CartNotFound: No such cart, or not with this token.
    """
    return (await get_cart(connection, token=token, cart_id=cart_id)).problems
