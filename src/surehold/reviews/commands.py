"""Writing a review, and deciding about it."""

from __future__ import annotations

from typing import Final

from surehold.db import Database, Transaction
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import AccountId, ProductId, ReviewId, new_id
from surehold.kernel.permissions import Permission, require
from surehold.reviews import rules, sql
from surehold.reviews.errors import AlreadyReviewed, ReviewNotFound
from surehold.reviews.model import Review
from surehold.reviews.rules import Words
from surehold.reviews.states import REVIEW, ReviewEventKind

MAX_REASON: Final = 200


async def write_review(
    db: Database, *, product_id: ProductId, account_id: AccountId, words: Words
) -> Review:
    """Say what an account thinks of a product; nobody reads it before staff have.

    Whether the account bought the product is looked up as it writes. From two tabs at once, one
    review is written and the other is refused.

    Raises:
        InvalidInput: Lists every fault of the words.
        AlreadyReviewed: The account has a review of this product, whatever became of it.
    """
    told = rules.check_words(words)

    async def work(tx: Transaction) -> Review:
        added = await tx.find(
            sql.INSERT,
            ReviewId(new_id()),
            product_id,
            account_id,
            told.stars,
            told.title,
            told.body,
            told.author,
            f"account:{account_id}",
        )
        if added is None:
            raise AlreadyReviewed("You have reviewed this product. Nothing was added.")
        return await tx.one(sql.FIND, added.id)

    return await db.retrying(work)


async def publish_review(db: Database, *, review_id: ReviewId, actor: str) -> Review:
    """Let everybody read a review; one that is published already stays as it is.

    Raises:
        ReviewNotFound: There is none.
    """
    require(Permission.REVIEWS_WRITE)
    return await _decide(db, review_id, ReviewEventKind.PUBLISH, actor, "published")


async def reject_review(db: Database, *, review_id: ReviewId, actor: str, reason: str) -> Review:
    """Let nobody read a review, or nobody any more. One that is rejected keeps its reason.

    Raises:
        InvalidInput: There is no reason, or it is longer than 200 characters.
        ReviewNotFound: There is none.
    """
    require(Permission.REVIEWS_WRITE)
    told = " ".join(reason.split())
    if not 0 < len(told) <= MAX_REASON:
        raise InvalidInput((Fault("/reason", "required", f"1 to {MAX_REASON} characters."),))
    return await _decide(db, review_id, ReviewEventKind.REJECT, actor, told)


async def _decide(
    db: Database, review_id: ReviewId, event: ReviewEventKind, actor: str, reason: str
) -> Review:
    async def work(tx: Transaction) -> Review:
        found = await tx.find(sql.LOCK, review_id)
        if found is None:
            raise ReviewNotFound("There is no review with this id.")
        after = REVIEW.find_next(found.state, event)
        # Decided so already: by another member of staff, or by a second press.
        if after is not None:
            await tx.run(sql.MOVE, review_id, found.state.value, after.value, actor, reason)
        return await tx.one(sql.FIND, review_id)

    return await db.retrying(work)
