"""What is known of a picture."""

from __future__ import annotations

from datetime import datetime

import msgspec

from surehold.kernel.ids import ReturnId, ReturnLineId, ReturnPhotoId

#: So many pictures of one line of a return.
PHOTOS_MAX = 5


class Picture(msgspec.Struct, frozen=True):
    """Pixels as a JPEG, and their size."""

    width: int
    height: int
    content: bytes


class Photo(msgspec.Struct, frozen=True):
    """One picture without its bytes. ``position`` is its place among those of its line."""

    id: ReturnPhotoId
    return_id: ReturnId
    return_line_id: ReturnLineId
    position: int
    width: int
    height: int
    actor: str
    added_at: datetime
