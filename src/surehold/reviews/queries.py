"""What others may read of reviews: everybody what is published, staff all of it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import AccountId, ProductId, ReviewId
from surehold.kernel.page import DEFAULT_LIMIT, MAX_LIMIT, Page, decode_cursor, encode_cursor
from surehold.reviews import rules, sql
from surehold.reviews.errors import ReviewNotFound
from surehold.reviews.model import (
    Opinion,
    PublicReview,
    Ratings,
    Review,
    ReviewEvent,
    ReviewState,
)

_INVALID_CURSOR: Final = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")


async def read_opinion(connection: Connection, *, product_id: ProductId, newest: int) -> Opinion:
    """What is said of a product: its stars, and so many of the newest reviews."""
    row = await connection.one(sql.READ_OPINION, product_id, newest)
    one, two, three, four, five = (row.by_star.get(str(stars), 0) for stars in rules.STARS)
    return Opinion(Ratings((one, two, three, four, five)), row.newest)


async def list_published(
    connection: Connection,
    *,
    product_id: ProductId,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[PublicReview]:
    """The published reviews of a product, newest first.

    Raises:
        InvalidInput: The cursor or the limit is not one.
    """
    after = _after(cursor, limit)
    rows = await connection.all(sql.LIST_PUBLISHED, product_id, after, limit + 1)
    return Page(tuple(rows[:limit]), _next([row.id for row in rows], limit))


async def list_by_state(
    connection: Connection,
    *,
    state: ReviewState,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Review]:
    """Reviews for staff, the oldest first.

    Raises:
        InvalidInput: The cursor or the limit is not one.
    """
    after = _after(cursor, limit)
    rows = await connection.all(sql.LIST_BY_STATE, state.value, after, limit + 1)
    return Page(tuple(rows[:limit]), _next([row.id for row in rows], limit))


async def find_own(
    connection: Connection, *, product_id: ProductId, account_id: AccountId
) -> Review | None:
    """What an account said of a product, whatever became of it."""
    return await connection.find(sql.FIND_OWN, product_id, account_id)


async def get_review(connection: Connection, *, review_id: ReviewId) -> Review:
    """One review, for staff.

    Raises:
        ReviewNotFound: There is none.
    """
    found = await connection.find(sql.FIND, review_id)
    if found is None:
        raise ReviewNotFound("There is no review with this id.")
    return found


async def list_events(connection: Connection, *, review_id: ReviewId) -> tuple[ReviewEvent, ...]:
    """What became of a review, in order."""
    return tuple(await connection.all(sql.LIST_EVENTS, review_id))


def _after(cursor: str | None, limit: int) -> UUID | None:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput((Fault("/limit", "out_of_range", f"From 1 to {MAX_LIMIT}."),))
    if cursor is None:
        return None
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID((keys or ("",))[0])
    except ValueError:
        raise InvalidInput((_INVALID_CURSOR,)) from None


def _next(ids: list[ReviewId], limit: int) -> str | None:
    return encode_cursor(str(ids[limit - 1])) if len(ids) > limit else None
