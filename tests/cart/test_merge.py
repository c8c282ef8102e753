"""Two carts become one: what is summed, capped, left behind and told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.cart import commands as carts
from surehold.cart import queries, rules
from surehold.cart.errors import CartNotFound
from surehold.cart.model import Cart, Meeting, MergeNoteKind
from surehold.db import Database
from surehold.kernel.ids import CartId, VariantId, new_id
from tests.builders.cart import BuiltCart, a_cart
from tests.builders.catalog import a_product, change_on_hand, change_price, withdraw


async def read(db: Database, cart: BuiltCart) -> Cart:
    async with db.connection() as connection:
        return await queries.get_cart(connection, token=cart.token)


def content(cart: Cart) -> list[tuple[VariantId, int, int]]:
    return [(line.variant_id, line.quantity, line.seen_price_minor) for line in cart.lines]


async def test_units_are_summed_and_the_other_cart_is_empty(db: Database) -> None:
    mug, lamp = await a_product(db, price=1900), await a_product(db, price=4200)
    mine = await a_cart(db, lines=[(mug.variant_id, 2)])
    other = await a_cart(db, lines=[(lamp.variant_id, 1), (mug.variant_id, 3)])
    await change_price(db, mug.variant_id, currency="USD", price=2000)

    merged = await carts.merge_carts(db, into=mine.id, other=other.id)

    # What the first buyer saw stays, so that the change is told and not slipped in.
    assert content(merged.cart) == [(mug.variant_id, 5, 1900), (lamp.variant_id, 1, 4200)]
    assert merged.notes == ()
    assert merged.cart == await read(db, mine)
    assert (await read(db, other)).lines == ()


async def test_merging_again_or_with_itself_changes_nothing(db: Database) -> None:
    mug = await a_product(db, on_hand=4)
    mine = await a_cart(db, lines=[(mug.variant_id, 3)])
    other = await a_cart(db, lines=[(mug.variant_id, 3)])
    once = await carts.merge_carts(db, into=mine.id, other=other.id)

    again = await carts.merge_carts(db, into=mine.id, other=other.id)
    itself = await carts.merge_carts(db, into=mine.id, other=mine.id)

    assert [(note.kind, note.requested, note.quantity, note.available) for note in once.notes] == [
        (MergeNoteKind.CAPPED, 6, 4, 4)
    ]
    assert again.notes == itself.notes == ()
    assert content(again.cart) == content(itself.cart) == content(once.cart)


async def test_a_line_never_comes_to_over_999(db: Database) -> None:
    mug = await a_product(db, on_hand=5000)
    mine = await a_cart(db, lines=[(mug.variant_id, 900)])
    other = await a_cart(db, lines=[(mug.variant_id, 900)])

    merged = await carts.merge_carts(db, into=mine.id, other=other.id)

    assert content(merged.cart) == [(mug.variant_id, 999, 1999)]
    assert [(note.kind, note.requested, note.quantity) for note in merged.notes] == [
        (MergeNoteKind.CAPPED, 1800, 999)
    ]


async def test_a_full_cart_leaves_the_rest_in_the_other(db: Database) -> None:
    many = await a_product(db, sizes=[str(index) for index in range(102)])
    mine = await a_cart(db, lines=[(row, 1) for row in many.variant_ids[:99]])
    other = await a_cart(db, lines=[(row, 1) for row in many.variant_ids[98:]])

    merged = await carts.merge_carts(db, into=mine.id, other=other.id)

    assert len(merged.cart.lines) == 100
    assert [(note.kind, note.variant_id) for note in merged.notes] == [
        (MergeNoteKind.CART_FULL, row) for row in many.variant_ids[100:]
    ]
    left = await read(db, other)
    assert [line.variant_id for line in left.lines] == list(many.variant_ids[100:])


async def test_a_cart_keeps_its_currency(db: Database) -> None:
    both = await a_product(db, price={"USD": 1900, "EUR": 1700})
    euro = await a_product(db, currencies=("EUR",))
    mine = await a_cart(db, currency="USD")
    other = await a_cart(db, currency="EUR", lines=[(both.variant_id, 2), (euro.variant_id, 1)])

    merged = await carts.merge_carts(db, into=mine.id, other=other.id)

    assert merged.cart.currency == "USD"
    assert content(merged.cart) == [(both.variant_id, 2, 1900)]
    assert [(note.kind, note.variant_id) for note in merged.notes] == [
        (MergeNoteKind.NOT_FOR_SALE, euro.variant_id)
    ]
    assert [line.variant_id for line in (await read(db, other)).lines] == [euro.variant_id]


async def test_what_is_sold_out_or_withdrawn_comes_over_with_its_problem(db: Database) -> None:
    gone, none = await a_product(db), await a_product(db)
    mine = await a_cart(db)
    other = await a_cart(db, lines=[(gone.variant_id, 2), (none.variant_id, 3)])
    await withdraw(db, gone.variant_id)
    await change_on_hand(db, none.variant_id, on_hand=0)

    merged = await carts.merge_carts(db, into=mine.id, other=other.id)

    assert [
        (line.quantity, line.problem.kind.value) for line in merged.cart.lines if line.problem
    ] == [
        (2, "gone"),
        (3, "too_few"),
    ]
    assert (await read(db, other)).lines == ()


async def test_what_was_kept_for_later_comes_over_too(db: Database) -> None:
    mug = await a_product(db)
    mine = await a_cart(db, lines=[(mug.variant_id, 2)])
    other = await a_cart(db, lines=[(mug.variant_id, 5)])
    for cart in (mine, other):
        line_id = (await read(db, cart)).lines[0].id
        await carts.save_line(db, token=cart.token, line_id=line_id)

    merged = await carts.merge_carts(db, into=mine.id, other=other.id)

    assert [(line.variant_id, line.quantity) for line in merged.cart.saved] == [
        (mug.variant_id, 5)
    ]
    assert (await read(db, other)).saved == ()


async def test_an_unknown_cart_is_refused_and_nothing_moves(db: Database) -> None:
    mug = await a_product(db)
    mine = await a_cart(db, lines=[(mug.variant_id, 2)])
    before = await read(db, mine)

    for into, other in ((mine.id, CartId(new_id())), (CartId(new_id()), mine.id)):
        with pytest.raises(CartNotFound):
            await carts.merge_carts(db, into=into, other=other)

    assert await read(db, mine) == before


meetings = st.builds(
    Meeting,
    variant_id=st.builds(lambda: VariantId(new_id())),
    own=st.integers(0, 999),
    theirs=st.integers(1, 999),
    their_seen_minor=st.integers(1, 10**6),
    price_minor=st.one_of(st.none(), st.integers(1, 10**6)),
    available=st.integers(-5, 2500),
)


@given(st.lists(meetings, max_size=6), st.booleans(), st.integers(0, 100))
def test_no_unit_is_lost_untold(rows: list[Meeting], same: bool, count: int) -> None:  # noqa: FBT001 - hypothesis fills it in
    count = max(count, sum(row.own > 0 for row in rows))

    lines, notes = rules.merge(rows, is_same_currency=same, line_count=count)

    moved = {line.variant_id: line for line in lines}
    told = {note.variant_id: note for note in notes}
    assert count + sum(row.own == 0 and row.variant_id in moved for row in rows) <= max(100, count)
    for row in rows:
        if row.variant_id not in moved:
            assert told[row.variant_id].kind is not MergeNoteKind.CAPPED
            assert told[row.variant_id].quantity == row.own
            continue
        quantity = moved[row.variant_id].quantity
        assert 1 <= quantity <= 999
        assert quantity <= max(row.available, 0) or quantity == (row.own or row.theirs)
        if quantity < row.own + row.theirs:
            assert told[row.variant_id].quantity == quantity
            assert told[row.variant_id].requested == row.own + row.theirs
        else:
            assert row.variant_id not in told
