"""Keeping pictures of what comes back, and letting go of them."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import msgspec

from surehold.db import Database, Transaction, shop
from surehold.kernel.ids import OrderId, ReturnId, ReturnLineId, ReturnPhotoId, new_id
from surehold.kernel.permissions import Permission, require_of_staff
from surehold.orders.errors import ReturnNotFound, ReturnNotPossible
from surehold.orders.model import ReturnState
from surehold.orders.photos import sql
from surehold.orders.photos.errors import PhotoNotFound, PhotosFull
from surehold.orders.photos.model import PHOTOS_MAX, Photo
from surehold.orders.photos.pictures import redraw

_PRUNE_LIMIT: Final = 500
#: No photo of a return in such a state is added or taken away.
PHOTOS_END: Final = frozenset({ReturnState.REJECTED, ReturnState.CANCELED, ReturnState.COMPLETED})
#: One process decodes two pictures at a time: each may take 400 MB for a moment.
DARKROOM: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="darkroom")


class Added(msgspec.Struct, frozen=True):
    """A picture, and whether it was not there before."""

    photo: Photo
    is_new: bool


async def add_photo(
    db: Database,
    *,
    order_id: OrderId,
    return_id: ReturnId,
    line_id: ReturnLineId,
    raw: bytes,
    actor: str,
) -> Added:
    """Draw a picture anew and keep it with a line of a return that is not over.

    The same bytes sent again are the picture that is there.

    Raises:
        PhotoNotReadable, PhotoTooLarge: Of the bytes.
        ReturnNotFound: The order has no such return, or the return no such line.
        ReturnNotPossible: The return is over.
        PhotosFull: The line has five already.
    """
    require_of_staff(Permission.RETURNS_WRITE)
    picture = await asyncio.get_running_loop().run_in_executor(DARKROOM, redraw, raw)
    source_hash = hashlib.sha256(raw).digest()

    async def work(tx: Transaction) -> Added:
        await _lock_open(tx, order_id, return_id)
        if not (await tx.one(sql.HAS_LINE, line_id, return_id)).is_there:
            raise ReturnNotFound("The return has no line with this id.")
        same = await tx.find(sql.FIND_SAME, line_id, source_hash)
        if same is not None:
            return Added(same, is_new=False)
        count = await tx.run(
            sql.INSERT,
            new_id(),
            line_id,
            picture.width,
            picture.height,
            picture.content,
            source_hash,
            actor,
            return_id,
        )
        if not count:
            raise PhotosFull(f"A line has {PHOTOS_MAX} photos at most.", limit=PHOTOS_MAX)
        added = await tx.find(sql.FIND_SAME, line_id, source_hash)
        assert added is not None
        return Added(added, is_new=True)

    return await db.retrying(work)


async def remove_photo(
    db: Database, *, order_id: OrderId, return_id: ReturnId, photo_id: ReturnPhotoId
) -> None:
    """Let go of a picture for good.

    Raises:
        ReturnNotFound, PhotoNotFound: As named.
        ReturnNotPossible: The return is over; its pictures go with their time.
    """
    require_of_staff(Permission.RETURNS_WRITE)

    async def work(tx: Transaction) -> None:
        await _lock_open(tx, order_id, return_id)
        if not await tx.run(sql.DELETE, photo_id, return_id):
            raise PhotoNotFound("There is no photo with this id.")

    await db.retrying(work)


async def prune_photos(tx: Transaction) -> int:
    """Delete some of the pictures that are older than the store keeps them; returns how many."""
    days = (await shop.load(tx)).return_photo_days
    return await tx.run(sql.PRUNE, timedelta(days=days), _PRUNE_LIMIT)


async def _lock_open(tx: Transaction, order_id: OrderId, return_id: ReturnId) -> None:
    found = await tx.find(sql.LOCK_RETURN, return_id, order_id)
    if found is None:
        raise ReturnNotFound("There is no return with this id.")
    if found.state in PHOTOS_END:
        raise ReturnNotPossible("The return is over.", return_state=found.state.value)
