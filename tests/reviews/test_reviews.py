"""Reviews: one of each buyer and product, read by staff first, and stars that add up."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surehold.db import Database, migrations
from surehold.identity import commands as identities
from surehold.identity.model import ClaimKind
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import AccountId, ReviewId, new_id
from surehold.orders import queries as orders
from surehold.reviews import commands, queries, rules
from surehold.reviews.errors import AlreadyReviewed, ReviewNotFound
from surehold.reviews.model import Ratings, ReviewState
from surehold.reviews.rules import Words
from surehold.reviews.states import REVIEW
from tests.builders.accounts import a_customer, an_identity, sign_in
from tests.builders.catalog import BuiltProduct, a_product
from tests.builders.orders import a_checkout, a_paid_order, a_placed_order

WORDS = Words(4, " Bright \n enough ", "It has stood on the porch.\r\n", "Mara")


async def an_account(db: Database, email: str = "ada@example.com") -> AccountId:
    identity = an_identity(db)
    await a_customer(identity, email)
    return (await sign_in(identity, email)).account.id


async def write(
    db: Database, product: BuiltProduct, account: AccountId, stars: int = 4
) -> ReviewId:
    words = Words(stars, "Bright", "It is.", "Mara")
    review = await commands.write_review(
        db, product_id=product.product_id, account_id=account, words=words
    )
    return review.id


async def by_star(db: Database, product: BuiltProduct) -> tuple[int, ...]:
    async with db.connection() as connection:
        found = await queries.read_opinion(connection, product_id=product.product_id, newest=5)
    return found.ratings.by_star


async def test_a_review_waits_for_staff_and_then_counts(db: Database) -> None:
    lamp = await a_product(db)
    account = await an_account(db)

    review = await commands.write_review(
        db, product_id=lamp.product_id, account_id=account, words=WORDS
    )
    before = await by_star(db, lamp)
    await commands.publish_review(db, review_id=review.id, actor="staff")
    await commands.publish_review(db, review_id=review.id, actor="somebody else")
    published = await by_star(db, lamp)
    down = await commands.reject_review(
        db, review_id=review.id, actor="staff", reason=" It names  a person "
    )
    again = await commands.reject_review(db, review_id=review.id, actor="x", reason="other")
    after = await by_star(db, lamp)

    assert (review.title, review.body, review.state) == (
        "Bright enough",
        "It has stood on the porch.",
        ReviewState.PENDING,
    )
    assert (before, published, after) == ((0,) * 5, (0, 0, 0, 1, 0), (0,) * 5)
    assert (down.state, down.reason) == (ReviewState.REJECTED, "It names a person")
    assert again == down
    async with db.connection() as connection:
        history = await queries.list_events(connection, review_id=review.id)
    assert [(row.seq, row.to_state.value, row.actor, row.reason) for row in history] == [
        (1, "pending", f"account:{account}", "written"),
        (2, "published", "staff", "published"),
        (3, "rejected", "staff", "It names a person"),
    ]


async def test_a_second_review_is_refused_and_changes_nothing(db: Database) -> None:
    lamp, mug = await a_product(db), await a_product(db)
    account = await an_account(db)
    first = await write(db, lamp, account)

    with pytest.raises(AlreadyReviewed):
        await write(db, lamp, account, stars=1)
    await write(db, mug, account)

    async with db.connection() as connection:
        own = await queries.find_own(connection, product_id=lamp.product_id, account_id=account)
        waiting = await queries.list_by_state(connection, state=ReviewState.PENDING, limit=1)
        rest = await queries.list_by_state(
            connection, state=ReviewState.PENDING, cursor=waiting.next_cursor
        )
    assert own is not None
    assert (own.id, own.stars) == (first, 4)
    assert [row.product_slug for row in (*waiting.items, *rest.items)] == [lamp.slug, mug.slug]
    assert rest.next_cursor is None


async def test_only_who_has_paid_for_it_is_verified(db: Database) -> None:
    lamp, mug, pot = await a_product(db), await a_product(db), await a_product(db)
    account = await an_account(db)
    async with a_checkout(db) as checkout:
        await a_paid_order(checkout, [(lamp.variant_id, 1)])
        await a_placed_order(checkout, [(mug.variant_id, 1)])
    async with db.connection() as connection:
        found = await orders.list_unclaimed(connection, email="ada@example.com")
    await identities.claim_orders(db, account_id=account, orders=found, by=ClaimKind.EMAIL)
    other = await an_account(db, "ines@example.com")

    written = {
        name: await write(db, product, whose)
        for name, product, whose in (
            ("paid", lamp, account),
            ("unpaid", mug, account),
            ("other", pot, account),
            ("stranger", lamp, other),
        )
    }

    async with db.connection() as connection:
        verified = {
            name: (await queries.get_review(connection, review_id=review)).is_verified
            for name, review in written.items()
        }
    assert len(found) == 2
    assert verified == {"paid": True, "unpaid": False, "other": False, "stranger": False}


async def test_faults_are_listed_and_nothing_is_kept(db: Database) -> None:
    lamp = await a_product(db)
    account = await an_account(db)

    with pytest.raises(InvalidInput) as refusal:
        await commands.write_review(
            db,
            product_id=lamp.product_id,
            account_id=account,
            words=Words(6, " \n", "x" * 4_001, "a\0b"),
        )
    with pytest.raises(ReviewNotFound):
        await commands.publish_review(db, review_id=ReviewId(new_id()), actor="staff")

    assert [(fault.pointer, fault.code) for fault in refusal.value.faults] == [
        ("/stars", "out_of_range"),
        ("/title", "required"),
        ("/body", "too_long"),
        ("/author", "invalid_text"),
    ]
    async with db.connection() as connection:
        assert not (await queries.list_by_state(connection, state=ReviewState.PENDING)).items


async def test_the_database_keeps_words_moves_and_counts(db: Database) -> None:
    lamp = await a_product(db)
    review = await write(db, lamp, await an_account(db))

    async with db.connection() as connection:
        for change in ("stars = 5", "state = 'pending'", "body = 'x'"):
            with pytest.raises(Exception, match=r"stays as it was said|does not lead to"):
                await connection.raw.execute(f"UPDATE reviews SET {change}")
        await commands.publish_review(db, review_id=review, actor="staff")
        await connection.raw.execute("DELETE FROM accounts")
    # Who leaves takes what they said along, and its stars.
    assert await by_star(db, lamp) == (0,) * 5


def test_the_moves_of_the_schema_are_those_of_the_machine() -> None:
    (path,) = Path(migrations.__file__).parent.glob("*_reviews.sql")
    stated = re.findall(r"\('(\w+)', '(\w+)'\)", path.read_text(encoding="utf-8"))

    moves = [(before.value, after.value) for (before, _), after in REVIEW.table.items()]
    assert sorted(stated) == sorted(moves)


@given(st.tuples(*[st.integers(0, 10_000)] * 5))
@settings(max_examples=50)
def test_an_average_lies_between_the_stars_that_were_given(counts: tuple[int, ...]) -> None:
    one, two, three, four, five = counts
    mean = rules.average(Ratings((one, two, three, four, five)))

    given_stars = [stars for stars, count in zip(rules.STARS, counts, strict=True) if count]
    if not given_stars:
        assert mean is None
    else:
        assert mean is not None
        assert min(given_stars) <= mean <= max(given_stars)
        assert mean == mean.quantize(Decimal("0.1"))
