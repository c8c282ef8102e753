"""Statements of pictures. Those of a return are written under the return's lock."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.orders.model import ReturnState
from surehold.orders.photos.model import Photo

_COLUMNS: Final = """photo.id, line.return_id, photo.return_line_id, photo.position, photo.width,
           photo.height, photo.actor, photo.added_at"""


class ReturnRow(msgspec.Struct, frozen=True):
    """How far a return has come."""

    state: ReturnState


FIND_RETURN: Final = query(
    """
    /* orders.find_return_of_photos */
    SELECT state
      FROM returns
     WHERE id = $1
       AND order_id = $2
    """,
    ReturnRow,
)

# Two who add to one return take turns, so that each finds the next free place.
LOCK_RETURN: Final = query(
    """
    /* orders.lock_return_of_photos */
    SELECT state
      FROM returns
     WHERE id = $1
       AND order_id = $2
       FOR NO KEY UPDATE
    """,
    ReturnRow,
)

# The first place that is free; none is free: no row. $8: the line must be of the return.
INSERT: Final = command(
    """
    /* orders.insert_photo */
    INSERT INTO return_photos
           (id, return_line_id, position, width, height, content, source_hash, actor, added_at)
    SELECT $1, line.id, place, $3, $4, $5, $6, $7, store_now()
      FROM return_lines AS line
      JOIN generate_series(1, 5) AS place
        ON NOT EXISTS (SELECT
                         FROM return_photos AS photo
                        WHERE photo.return_line_id = line.id
                          AND photo.position = place)
     WHERE line.id = $2
       AND line.return_id = $8
     ORDER BY place
     LIMIT 1
    """
)

FIND_SAME: Final = query(
    f"""
    /* orders.find_same_photo */
    SELECT {_COLUMNS}
      FROM return_photos AS photo
      JOIN return_lines AS line ON line.id = photo.return_line_id
     WHERE photo.return_line_id = $1
       AND photo.source_hash = $2
    """,
    Photo,
)

LIST: Final = query(
    f"""
    /* orders.list_photos */
    SELECT {_COLUMNS}
      FROM return_photos AS photo
      JOIN return_lines AS line ON line.id = photo.return_line_id
     WHERE line.return_id = $1
     ORDER BY line.id, photo.position
    """,
    Photo,
)


class ContentRow(msgspec.Struct, frozen=True):
    """The bytes of a picture."""

    content: bytes


FIND_CONTENT: Final = query(
    """
    /* orders.find_photo_content */
    SELECT photo.content
      FROM return_photos AS photo
      JOIN return_lines AS line ON line.id = photo.return_line_id
      JOIN returns ON returns.id = line.return_id
     WHERE photo.id = $1
       AND returns.id = $2
       AND returns.order_id = $3
    """,
    ContentRow,
)

DELETE: Final = command(
    """
    /* orders.delete_photo */
    DELETE FROM return_photos
     USING return_lines AS line
     WHERE return_photos.id = $1
       AND line.id = return_photos.return_line_id
       AND line.return_id = $2
    """
)

PRUNE: Final = command(
    """
    /* orders.prune_photos */
    DELETE FROM return_photos
     WHERE id IN (SELECT id
                    FROM return_photos
                   WHERE added_at <= (SELECT store_now()) - $1::interval
                   ORDER BY added_at
                   LIMIT $2)
    """
)


class LineRow(msgspec.Struct, frozen=True):
    """A line of the return that is meant."""

    is_there: bool


HAS_LINE: Final = query(
    """
    /* orders.has_return_line */
    SELECT EXISTS (SELECT
                     FROM return_lines
                    WHERE id = $1
                      AND return_id = $2) AS is_there
    """,
    LineRow,
)
