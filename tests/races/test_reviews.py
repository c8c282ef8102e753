"""Two tabs of one buyer, and two members of staff, at the same moment."""

from __future__ import annotations

import asyncio

from surehold.db import Database
from surehold.reviews import commands, queries
from surehold.reviews.errors import AlreadyReviewed
from surehold.reviews.model import Review
from surehold.reviews.rules import Words
from tests.builders.accounts import a_customer, an_identity, sign_in
from tests.builders.catalog import a_product


async def test_of_two_tabs_one_writes_and_staff_count_it_once(db: Database) -> None:
    lamp = await a_product(db)
    identity = an_identity(db)
    await a_customer(identity)
    account = (await sign_in(identity)).account
    words = [Words(stars, "Bright", "It is.", "Mara") for stars in (1, 2, 3, 4, 5)]

    answers = await asyncio.gather(
        *(
            commands.write_review(db, product_id=lamp.product_id, account_id=account.id, words=one)
            for one in words
        ),
        return_exceptions=True,
    )
    (written,) = [one for one in answers if isinstance(one, Review)]
    await asyncio.gather(
        *(commands.publish_review(db, review_id=written.id, actor=f"{n}") for n in range(5))
    )

    assert sum(isinstance(one, AlreadyReviewed) for one in answers) == 4
    async with db.connection() as connection:
        opinion = await queries.read_opinion(connection, product_id=lamp.product_id, newest=5)
        history = await queries.list_events(connection, review_id=written.id)
    assert [row.stars for row in opinion.newest] == [written.stars]
    assert opinion.ratings.count == 1
    assert len(history) == 2
