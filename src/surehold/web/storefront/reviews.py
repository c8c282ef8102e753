"""What is said of a product: the part of its page, the page of all of it, and the form."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.catalog import queries as catalog
from surehold.catalog.model import ProductDetail
from surehold.db import Connection
from surehold.identity.model import Principal
from surehold.kernel.errors import Fault, InvalidInput
from surehold.reviews import commands, queries, rules
from surehold.reviews.errors import AlreadyReviewed
from surehold.reviews.model import Opinion, PublicReview, Ratings, Review
from surehold.reviews.rules import Words
from surehold.web.errors import Unauthenticated
from surehold.web.storefront.parts import NO_STORE, Page, Store, product_url
from surehold.web.storefront.views import (
    BannerView,
    FieldFault,
    OpinionView,
    RatingView,
    ReviewForm,
    ReviewsPage,
    ReviewView,
    StarRow,
)
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop

#: So many on the product's own page, and on each page of all of them.
NEWEST: Final = 3
PAGE_SIZE: Final = 20
_NO_FAULTS: Final = ReviewForm()
_LABELS: Final = {
    "stars": gettext_noop("Stars"),
    "title": gettext_noop("In a few words"),
    "body": gettext_noop("What should others know?"),
    "author": gettext_noop("Name that others see"),
}
_REQUIRED: Final = {
    "stars": gettext_noop("Choose from 1 to 5 stars"),
    "title": gettext_noop("Say it in a few words"),
    "body": gettext_noop("Write a sentence or two"),
    "author": gettext_noop("Enter a name that others may see"),
}
_LIMITS: Final = {"title": rules.MAX_TITLE, "body": rules.MAX_BODY, "author": rules.MAX_AUTHOR}


def reviews_url(slug: str) -> str:
    """The address of all reviews of a product."""
    return f"{product_url(slug)}/reviews"


def opinion_view(slug: str, opinion: Opinion) -> OpinionView:
    """What the product's own page says of it."""
    return OpinionView(
        reviews_url(slug), _rating(opinion.ratings), tuple(map(_review, opinion.newest))
    )


def _rating(ratings: Ratings) -> RatingView | None:
    mean = rules.average(ratings)
    if mean is None:
        return None
    rows = tuple(
        StarRow(stars, count)
        for stars, count in reversed(list(zip(rules.STARS, ratings.by_star, strict=True)))
    )
    return RatingView(str(mean), int(mean * 10), ratings.count, rows)


def _review(row: PublicReview | Review) -> ReviewView:
    paragraphs = tuple(part for part in row.body.splitlines() if part.strip())
    return ReviewView(
        row.stars, row.title, paragraphs, row.author, row.created_at, row.is_verified
    )


@get("/p/{slug:str}/reviews")
async def show(request: StoreRequest, store: NamedDependency[Store], slug: FromPath[str]) -> Page:
    """Every review of a product."""
    visit = store.greet(request)
    async with store.open(visit) as connection:
        view = await _view(connection, visit, slug)
    return store.page(visit, "store/reviews.html", view, cache=NO_STORE)


@post("/p/{slug:str}/reviews")
async def write(request: StoreRequest, store: NamedDependency[Store], slug: FromPath[str]) -> Page:
    """Say what one thinks; staff read it first."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    async with store.open(visit) as connection:
        found = await catalog.get_product(connection, currency=visit.currency, slug=slug)
    writer = visit.principal
    if writer is None:
        raise Unauthenticated("Sign in to review a product. Nothing was sent.")
    stars = form.get("stars", "")
    words = Words(
        int(stars) if stars in set("12345") else 0,
        form.get("title", ""),
        form.get("body", ""),
        form.get("author", ""),
    )
    try:
        await commands.write_review(
            store.db, product_id=found.id, account_id=writer.account_id, words=words
        )
    except InvalidInput as refusal:
        typed = ReviewForm(
            stars=stars[:1], title=words.title, body=words.body, author=words.author
        )
        return await _refuse(store, visit, found, typed, refusal)
    except AlreadyReviewed:
        visit.leave_notice(
            BannerView(
                tone="info",
                title=gettext("You have reviewed this product"),
                text=gettext("Your review is as you first wrote it."),
            )
        )
    else:
        visit.leave_notice(
            BannerView(
                tone="ok",
                title=gettext("Thank you for your review"),
                text=gettext("We read every review before it is shown."),
            )
        )
    return store.go(visit, reviews_url(found.slug))


async def _refuse(
    store: Store, visit: Visit, found: ProductDetail, typed: ReviewForm, refusal: InvalidInput
) -> Page:
    """The form with what was typed, and what is wrong with each field."""
    wrong = {
        (field := fault.pointer.removeprefix("/")): _tell(field, fault) for fault in refusal.faults
    }
    async with store.open(visit) as connection:
        view = await _view(
            connection,
            visit,
            found.slug,
            form=typed,
            errors=ReviewForm(**wrong),
            faults=tuple(
                FieldFault(name, gettext(_LABELS[name]), text) for name, text in wrong.items()
            ),
        )
    return store.page(visit, "store/reviews.html", view, status=422, cache=NO_STORE)


def _tell(field: str, fault: Fault) -> str:
    """What is wrong with one field."""
    if fault.code in {"required", "out_of_range"}:
        return gettext(_REQUIRED[field])
    if fault.code == "too_long":
        return gettext("At most %(most)s characters.", most=_LIMITS[field])
    return gettext("It contains characters that cannot be stored.")


async def _view(
    connection: Connection,
    visit: Visit,
    slug: str,
    *,
    form: ReviewForm | None = None,
    errors: ReviewForm = _NO_FAULTS,
    faults: tuple[FieldFault, ...] = (),
) -> ReviewsPage:
    """The page. A cursor that does not fit (an old link) begins with the newest."""
    found = await catalog.get_product(connection, currency=visit.currency, slug=slug)
    cursor = visit.query.get("cursor")
    try:
        page = await queries.list_published(
            connection, product_id=found.id, cursor=cursor, limit=PAGE_SIZE
        )
    except InvalidInput:
        page = await queries.list_published(connection, product_id=found.id, limit=PAGE_SIZE)
    opinion = await queries.read_opinion(connection, product_id=found.id, newest=0)
    writer = visit.principal
    own = None
    if writer is not None:
        own = await queries.find_own(connection, product_id=found.id, account_id=writer.account_id)
    url = reviews_url(found.slug)
    return ReviewsPage(
        name=found.name,
        url=url,
        product_url=product_url(found.slug),
        rating=_rating(opinion.ratings),
        reviews=tuple(map(_review, page.items)),
        next_url=None if page.next_cursor is None else f"{url}?cursor={page.next_cursor}",
        can_write=writer is not None and own is None,
        own=None if own is None else _review(own),
        own_state="" if own is None else own.state.value,
        own_reason="" if own is None else own.reason,
        form=form or ReviewForm(author=_first_name(writer)),
        errors=errors,
        faults=faults,
        max_title=rules.MAX_TITLE,
        max_body=rules.MAX_BODY,
        max_author=rules.MAX_AUTHOR,
    )


def _first_name(writer: Principal | None) -> str:
    return "" if writer is None else writer.name.partition(" ")[0][: rules.MAX_AUTHOR]
