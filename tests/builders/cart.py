"""Carts for tests, made by the commands that the store uses itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from surehold.cart import commands as carts
from surehold.cart.model import Cart
from surehold.db import Database
from surehold.kernel.ids import CartId, VariantId


class BuiltCart(msgspec.Struct, frozen=True):
    """A cart and what opens it."""

    cart: Cart
    token: str

    @property
    def id(self) -> CartId:
        return self.cart.id

    @property
    def token_hash(self) -> bytes:
        return carts.hash_token(self.token)


async def a_cart(
    db: Database, *, currency: str = "USD", lines: Sequence[tuple[VariantId, int]] = ()
) -> BuiltCart:
    """A cart with these variants and quantities in it."""
    cart, token = await carts.create_cart(db, currency=currency)
    for variant_id, quantity in lines:
        cart = await carts.add_line(db, token=token, variant_id=variant_id, quantity=quantity)
    return BuiltCart(cart, token)
