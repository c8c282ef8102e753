"""What is kept for another day: saved lines and lists of wishes."""

from __future__ import annotations

import pytest

from surehold.cart import commands as carts
from surehold.cart import queries
from surehold.cart.errors import CartLineNotFound, WishlistFull, WishlistNotFound, WishNotFound
from surehold.cart.model import Cart, Wishlist
from surehold.db import Database
from surehold.inventory.errors import InsufficientStock
from surehold.kernel.ids import VariantId, new_id
from surehold.pricing.errors import NotForSale
from tests.builders.cart import BuiltCart, a_cart
from tests.builders.catalog import a_product, change_on_hand, withdraw
from tests.support.placing import count_rows


async def read(db: Database, cart: BuiltCart) -> Cart:
    async with db.connection() as connection:
        return await queries.get_cart(connection, token=cart.token)


async def wishes(db: Database, token: str) -> Wishlist:
    async with db.connection() as connection:
        return await queries.get_wishlist(connection, token=token)


async def saved(db: Database, variant_id: VariantId, quantity: int) -> BuiltCart:
    cart = await a_cart(db, lines=[(variant_id, quantity)])
    line_id = (await read(db, cart)).lines[0].id
    await carts.save_line(db, token=cart.token, line_id=line_id)
    return cart


async def test_a_saved_line_is_neither_priced_nor_checked_out(db: Database) -> None:
    mug = await a_product(db, price=1900)
    cart = await saved(db, mug.variant_id, 3)

    after = await read(db, cart)
    async with db.connection() as connection:
        taken = await carts.load_lines(connection, carts=[(cart.id, cart.token_hash)])

    assert (after.lines, after.subtotal_minor, after.item_count) == ((), 0, 0)
    assert [(line.variant_id, line.quantity, line.is_for_sale) for line in after.saved] == [
        (mug.variant_id, 3, True)
    ]
    assert taken[cart.id].lines == ()


async def test_it_comes_back_on_top_of_what_is_there(db: Database) -> None:
    mug = await a_product(db, on_hand=10)
    cart = await saved(db, mug.variant_id, 3)
    await carts.add_line(db, token=cart.token, variant_id=mug.variant_id, quantity=2)

    after = await carts.restore_saved(db, token=cart.token, variant_id=mug.variant_id)
    with pytest.raises(CartLineNotFound):
        await carts.restore_saved(db, token=cart.token, variant_id=mug.variant_id)

    assert [line.quantity for line in after.lines] == [5]
    assert after.saved == ()
    assert await read(db, cart) == after


async def test_what_cannot_come_back_stays_kept(db: Database) -> None:
    mug, gone = await a_product(db), await a_product(db)
    cart = await saved(db, mug.variant_id, 3)
    other = await saved(db, gone.variant_id, 1)
    await change_on_hand(db, mug.variant_id, on_hand=2)
    await withdraw(db, gone.variant_id)

    with pytest.raises(InsufficientStock) as short:
        await carts.restore_saved(db, token=cart.token, variant_id=mug.variant_id)
    with pytest.raises(NotForSale):
        await carts.restore_saved(db, token=other.token, variant_id=gone.variant_id)

    assert short.value.shortages[0].available == 2
    assert [line.quantity for line in (await read(db, cart)).saved] == [3]
    assert [line.is_for_sale for line in (await read(db, other)).saved] == [False]


async def test_what_is_kept_no_more_is_gone(db: Database) -> None:
    mug = await a_product(db)
    cart = await saved(db, mug.variant_id, 3)

    after = await carts.drop_saved(db, token=cart.token, variant_id=mug.variant_id)
    with pytest.raises(CartLineNotFound):
        await carts.drop_saved(db, token=cart.token, variant_id=mug.variant_id)

    assert (after.lines, after.saved) == ((), ())


async def test_a_line_cannot_be_saved_twice(db: Database) -> None:
    mug = await a_product(db)
    cart = await a_cart(db, lines=[(mug.variant_id, 3)])
    line_id = (await read(db, cart)).lines[0].id
    await carts.save_line(db, token=cart.token, line_id=line_id)

    with pytest.raises(CartLineNotFound):
        await carts.save_line(db, token=cart.token, line_id=line_id)

    assert [line.quantity for line in (await read(db, cart)).saved] == [3]


async def test_a_wish_is_on_the_list_once(db: Database) -> None:
    mug, lamp = await a_product(db, price=1900), await a_product(db)
    _, token = await carts.create_wishlist(db, variant_id=mug.variant_id)

    await carts.add_wish(db, token=token, variant_id=lamp.variant_id)
    after = await carts.add_wish(db, token=token, variant_id=mug.variant_id)
    left = await carts.remove_wish(db, token=token, variant_id=lamp.variant_id)
    with pytest.raises(WishNotFound):
        await carts.remove_wish(db, token=token, variant_id=lamp.variant_id)

    assert [wish.variant_id for wish in after.lines] == [mug.variant_id, lamp.variant_id]
    assert after.lines[0].prices == {"EUR": 1900, "USD": 1900}
    assert [wish.variant_id for wish in left.lines] == [mug.variant_id]


async def test_what_is_not_sold_cannot_be_wished_for(db: Database) -> None:
    gone = await a_product(db)
    await withdraw(db, gone.variant_id)

    for variant_id in (gone.variant_id, VariantId(new_id())):
        with pytest.raises(NotForSale):
            await carts.create_wishlist(db, variant_id=variant_id)

    assert await count_rows(db, ("wishlists", "wishlist_lines")) == {}


async def test_a_list_has_at_most_200_wishes(db: Database) -> None:
    sizes = [str(index) for index in range(100)]
    many = [*(await a_product(db, sizes=sizes)).variant_ids]
    many += (await a_product(db, sizes=sizes)).variant_ids
    _, token = await carts.create_wishlist(db, variant_id=many[0])
    for variant_id in many[1:]:
        await carts.add_wish(db, token=token, variant_id=variant_id)
    another = await a_product(db)

    with pytest.raises(WishlistFull) as refused:
        await carts.add_wish(db, token=token, variant_id=another.variant_id)
    await carts.add_wish(db, token=token, variant_id=many[0])

    assert refused.value.facts == {"limit": 200}
    assert len((await wishes(db, token)).lines) == 200


async def test_a_wish_moves_into_the_cart_or_stays(db: Database) -> None:
    mug = await a_product(db, on_hand=2)
    _, token = await carts.create_wishlist(db, variant_id=mug.variant_id)
    cart = await a_cart(db)

    with pytest.raises(InsufficientStock):
        await carts.move_wish_to_cart(
            db, token=token, variant_id=mug.variant_id, cart_token=cart.token, quantity=3
        )
    stayed = await wishes(db, token)
    list_after, cart_after = await carts.move_wish_to_cart(
        db, token=token, variant_id=mug.variant_id, cart_token=cart.token, quantity=2
    )
    with pytest.raises(WishNotFound):
        await carts.move_wish_to_cart(
            db, token=token, variant_id=mug.variant_id, cart_token=cart.token, quantity=1
        )

    assert [wish.variant_id for wish in stayed.lines] == [mug.variant_id]
    assert list_after.lines == ()
    assert [line.quantity for line in cart_after.lines] == [2]


async def test_another_token_opens_no_list(db: Database) -> None:
    mug = await a_product(db)
    await carts.create_wishlist(db, variant_id=mug.variant_id)

    with pytest.raises(WishlistNotFound):
        await wishes(db, "wrong")
    with pytest.raises(WishlistNotFound):
        await carts.add_wish(db, token="wrong", variant_id=mug.variant_id)
