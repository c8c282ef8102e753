"""Reviews over HTTP: what is said of a product, saying it, and what staff decide."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.catalog import queries as catalog
from surehold.catalog.errors import ProductNotFound
from surehold.identity.permissions import Permission
from surehold.kernel.ids import ProductId, ReviewId
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.reviews import commands, queries, rules
from surehold.reviews.errors import AlreadyReviewed, ReviewNotFound
from surehold.reviews.model import PublicReview, Ratings, Review, ReviewEvent, ReviewState
from surehold.reviews.rules import Words
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Line200
from surehold.web.api.identity.caller import authenticate
from surehold.web.api.identity.shapes import BY_ACCOUNT, KNOWN_ERRORS
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json, read_query
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id

_STATE = Literal["pending", "published", "rejected"]


class ReviewShape(msgspec.Struct, frozen=True):
    """A published review. ``is_verified``: whoever wrote it had bought the product."""

    id: ReviewId
    stars: int
    title: str
    body: str
    author: str
    is_verified: bool
    created_at: datetime


class RatingShape(msgspec.Struct, frozen=True):
    """How many published reviews there are, their average to one decimal, and each star's."""

    count: int
    average: str | None
    by_star: tuple[int, int, int, int, int]


class ReviewList(msgspec.Struct, frozen=True):
    """One page of reviews, newest first, and the ratings of all of them."""

    rating: RatingShape
    items: tuple[ReviewShape, ...]
    next_cursor: str | None


class WrittenShape(msgspec.Struct, frozen=True):
    """A review as its writer and staff see it."""

    id: ReviewId
    product_id: ProductId
    product_slug: str
    product_name: str
    stars: int
    title: str
    body: str
    author: str
    is_verified: bool
    state: ReviewState
    reason: str
    created_at: datetime
    updated_at: datetime


class WrittenList(msgspec.Struct, frozen=True):
    """One page of reviews in one state, the oldest first."""

    items: tuple[WrittenShape, ...]
    next_cursor: str | None


class ReviewEventShape(msgspec.Struct, frozen=True):
    """One line of a review's history."""

    seq: int
    from_state: ReviewState | None
    to_state: ReviewState
    actor: str
    reason: str
    happened_at: datetime


class ReviewDetail(msgspec.Struct, frozen=True):
    """A review and what became of it."""

    review: WrittenShape
    history: tuple[ReviewEventShape, ...]


class ReviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a buyer thinks. ``author`` is the name that stands beside it."""

    stars: Annotated[int, Meta(ge=1, le=5)]
    title: Annotated[str, Meta(min_length=1, max_length=rules.MAX_TITLE)]
    body: Annotated[str, Meta(min_length=1, max_length=rules.MAX_BODY)]
    author: Annotated[str, Meta(min_length=1, max_length=rules.MAX_AUTHOR)]


class RefusedReviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why nobody reads it."""

    reason: Line200


class ReviewQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class StateQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which reviews, and which page of them."""

    state: _STATE = "pending"
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


_BODY: Final = Reader(ReviewBody)
_REASON: Final = Reader(RefusedReviewBody)
_PAGE: Final = Reader(ReviewQuery)
_STATES: Final = Reader(StateQuery)
_EXAMPLE: Final = {
    "stars": 4,
    "title": "Bright enough to read by",
    "body": "It has stood on the porch since May. The loop is stiff at first.",
    "author": "Mara",
}


def rating_shape(ratings: Ratings) -> RatingShape:
    """The stars of a product."""
    mean = rules.average(ratings)
    return RatingShape(ratings.count, None if mean is None else str(mean), ratings.by_star)


def _public(row: PublicReview) -> ReviewShape:
    return ReviewShape(*(getattr(row, name) for name in ReviewShape.__struct_fields__))


def _written(row: Review) -> WrittenShape:
    return WrittenShape(*(getattr(row, name) for name in WrittenShape.__struct_fields__))


def _event(row: ReviewEvent) -> ReviewEventShape:
    return ReviewEventShape(*(getattr(row, name) for name in ReviewEventShape.__struct_fields__))


def _review_id(text: str) -> ReviewId:
    found = parse_id(text)
    if found is None:
        raise ReviewNotFound("There is no review with this id.")
    return ReviewId(found)


async def _product_id(parts: Parts, slug: str) -> ProductId:
    async with parts.db.connection() as connection:
        found = await catalog.get_product(
            connection, currency=parts.config.default_currency, slug=slug
        )
    return found.id


@get(
    "/products/{slug:str}/reviews",
    opt=describe(
        tag="catalog",
        summary="List the reviews of a product",
        about="Those that staff have published, newest first.",
        query=ReviewQuery,
        answer=ReviewList,
        errors=(ProductNotFound,),
    ),
)
async def list_reviews(
    request: ApiRequest, parts: NamedDependency[Parts], slug: FromPath[str]
) -> ApiResponse:
    """What is said of it."""
    query = read_query(request, _PAGE)
    product_id = await _product_id(parts, slug)
    async with parts.db.connection() as connection:
        page = await queries.list_published(
            connection, product_id=product_id, cursor=query.cursor, limit=query.limit
        )
        opinion = await queries.read_opinion(connection, product_id=product_id, newest=0)
    return answer(
        ReviewList(
            rating_shape(opinion.ratings), tuple(map(_public, page.items)), page.next_cursor
        )
    )


@post(
    "/products/{slug:str}/reviews",
    opt=describe(
        tag="account",
        summary="Review a product",
        about="One review per account and product, from 1 to 5 stars, whether it was bought or "
        "not: `is_verified` says whether the account has a paid order with it. Nobody reads it "
        "before staff have. It stays as it was written, so a second one is refused.",
        body=ReviewBody,
        body_example=_EXAMPLE,
        answer=WrittenShape,
        status=201,
        errors=(*KNOWN_ERRORS, ProductNotFound, AlreadyReviewed),
        security=BY_ACCOUNT,
    ),
)
async def write(
    request: ApiRequest, parts: NamedDependency[Parts], slug: FromPath[str]
) -> ApiResponse:
    """Say what one thinks."""
    principal = await authenticate(request, parts)
    body, _ = await read_json(request, _BODY)
    written = await commands.write_review(
        parts.db,
        product_id=await _product_id(parts, slug),
        account_id=principal.account_id,
        words=Words(body.stars, body.title, body.body, body.author),
    )
    return answer(_written(written), status=201)


@get(
    "/reviews",
    opt=describe(
        tag="catalog",
        summary="List reviews to read",
        about="Staff only. Those of one state, `pending` unless said, the oldest first.",
        query=StateQuery,
        answer=WrittenList,
        errors=(Unauthenticated,),
        permission=Permission.REVIEWS_WRITE,
        security=(STAFF,),
    ),
)
async def list_written(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What waits for staff, or what staff decided."""
    query = read_query(request, _STATES)
    async with parts.db.connection() as connection:
        page = await queries.list_by_state(
            connection, state=ReviewState(query.state), cursor=query.cursor, limit=query.limit
        )
    return answer(WrittenList(tuple(map(_written, page.items)), page.next_cursor))


@get(
    "/reviews/{review_id:str}",
    opt=describe(
        tag="catalog",
        summary="Read a review and its history",
        about="Staff only.",
        answer=ReviewDetail,
        errors=(Unauthenticated, ReviewNotFound),
        permission=Permission.REVIEWS_WRITE,
        security=(STAFF,),
    ),
)
async def read(parts: NamedDependency[Parts], review_id: FromPath[str]) -> ApiResponse:
    """One review."""
    found = _review_id(review_id)
    async with parts.db.connection() as connection:
        review = await queries.get_review(connection, review_id=found)
        history = await queries.list_events(connection, review_id=found)
    return answer(ReviewDetail(_written(review), tuple(map(_event, history))))


@post(
    "/reviews/{review_id:str}/publish",
    status_code=200,
    opt=describe(
        tag="catalog",
        summary="Publish a review",
        about="Staff only. Everybody reads it from now on, and its stars count. Twice changes "
        "nothing; one that was rejected may be published after all.",
        answer=WrittenShape,
        errors=(Unauthenticated, ReviewNotFound),
        permission=Permission.REVIEWS_WRITE,
        security=(STAFF,),
    ),
)
async def publish(
    request: ApiRequest, parts: NamedDependency[Parts], review_id: FromPath[str]
) -> ApiResponse:
    """Let everybody read it."""
    review = await commands.publish_review(
        parts.db, review_id=_review_id(review_id), actor=actor_of(request).name
    )
    return answer(_written(review))


@post(
    "/reviews/{review_id:str}/reject",
    status_code=200,
    opt=describe(
        tag="catalog",
        summary="Reject a review, or take it down",
        about="Staff only. Nobody reads it (any more), and its stars do not count. Twice keeps "
        "the first reason.",
        body=RefusedReviewBody,
        body_example={"reason": "It names a person"},
        answer=WrittenShape,
        errors=(Unauthenticated, ReviewNotFound),
        permission=Permission.REVIEWS_WRITE,
        security=(STAFF,),
    ),
)
async def reject(
    request: ApiRequest, parts: NamedDependency[Parts], review_id: FromPath[str]
) -> ApiResponse:
    """Let nobody read it."""
    body, _ = await read_json(request, _REASON)
    review = await commands.reject_review(
        parts.db, review_id=_review_id(review_id), actor=actor_of(request).name, reason=body.reason
    )
    return answer(_written(review))


HANDLERS: Final = (list_reviews, write, list_written, read, publish, reject)
