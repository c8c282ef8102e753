"""Statements of the reviews room."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import ReviewId
from surehold.reviews.model import PublicReview, Review, ReviewEvent, ReviewState


class AddedRow(msgspec.Struct, frozen=True):
    """A review that was added; none where the account has one already."""

    id: ReviewId


# Bought: an order of the account, paid and not called off, has a line of the product.
INSERT: Final = query(
    """
    /* reviews.insert */
    INSERT INTO reviews (id, product_id, account_id, stars, title, body, author, is_verified,
                         state, changed_by, change_reason, created_at, updated_at)
    SELECT $1, $2, $3, $4, $5, $6, $7,
           EXISTS (
               SELECT
                 FROM account_orders AS own
                 JOIN orders ON orders.id = own.order_id
                 JOIN order_lines ON order_lines.order_id = orders.id
                WHERE own.account_id = $3
                  AND orders.paid_minor > 0
                  AND orders.canceled_at IS NULL
                  AND order_lines.product_id = $2),
           'pending', $8, 'written', clock.now, clock.now
      FROM (SELECT store_now() AS now) AS clock
    ON CONFLICT (product_id, account_id) DO NOTHING
    RETURNING id
    """,
    AddedRow,
)

_REVIEW: Final = """reviews.id, reviews.product_id, products.slug AS product_slug,
           products.name AS product_name, reviews.account_id, reviews.stars, reviews.title,
           reviews.body, reviews.author, reviews.is_verified, reviews.state,
           reviews.change_reason AS reason, reviews.created_at, reviews.updated_at
      FROM reviews
      JOIN products ON products.id = reviews.product_id"""

FIND: Final = query(
    f"""
    /* reviews.find */
    SELECT {_REVIEW}
     WHERE reviews.id = $1
    """,
    Review,
)

FIND_OWN: Final = query(
    f"""
    /* reviews.find_own */
    SELECT {_REVIEW}
     WHERE reviews.product_id = $1
       AND reviews.account_id = $2
    """,
    Review,
)


class LockedRow(msgspec.Struct, frozen=True):
    """A review that nobody else decides about until the end of the transaction."""

    state: ReviewState


LOCK: Final = query(
    """
    /* reviews.lock */
    SELECT state
      FROM reviews
     WHERE id = $1
       FOR NO KEY UPDATE
    """,
    LockedRow,
)

MOVE: Final = command(
    """
    /* reviews.move */
    UPDATE reviews
       SET state = $3,
           changed_by = $4,
           change_reason = $5,
           updated_at = store_now()
     WHERE id = $1
       AND state = $2
    """
)

LIST_BY_STATE: Final = query(
    f"""
    /* reviews.list_by_state */
    SELECT {_REVIEW}
     WHERE reviews.state = $1
       AND reviews.id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
     ORDER BY reviews.id
     LIMIT (SELECT $3::int)
    """,
    Review,
)

_PUBLIC: Final = "id, stars, title, body, author, is_verified, created_at"

LIST_PUBLISHED: Final = query(
    f"""
    /* reviews.list_published */
    SELECT {_PUBLIC}
      FROM reviews
     WHERE product_id = $1
       AND state = 'published'
       AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY id DESC
     LIMIT (SELECT $3::int)
    """,
    PublicReview,
)


class OpinionRow(msgspec.Struct, frozen=True):
    """The counts of stars, an object of text, and the newest reviews."""

    by_star: dict[str, int]
    newest: tuple[PublicReview, ...]


# One trip for the product's page.
READ_OPINION: Final = query(
    f"""
    /* reviews.read_opinion */
    SELECT (SELECT coalesce(jsonb_object_agg(stars, count), '{{}}')
              FROM review_counts
             WHERE product_id = $1) AS by_star,
           (SELECT coalesce(jsonb_agg(to_jsonb(recent) ORDER BY recent.id DESC), '[]')
              FROM (SELECT {_PUBLIC}
                      FROM reviews
                     WHERE product_id = $1
                       AND state = 'published'
                     ORDER BY id DESC
                     LIMIT (SELECT $2::int)) AS recent) AS newest
    """,
    OpinionRow,
)

LIST_EVENTS: Final = query(
    """
    /* reviews.list_events */
    SELECT seq, from_state, to_state, actor, reason, happened_at
      FROM review_events
     WHERE review_id = $1
     ORDER BY seq
    """,
    ReviewEvent,
)
