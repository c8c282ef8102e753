"""Pictures of what comes back, over HTTP: sent as they are, served as we drew them."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.identity.permissions import Permission
from surehold.kernel.ids import OrderId, ReturnId, ReturnLineId, ReturnPhotoId
from surehold.orders.errors import OrderNotFound, ReturnNotFound, ReturnNotPossible
from surehold.orders.photos import commands, queries
from surehold.orders.photos.errors import (
    PhotoNotFound,
    PhotoNotReadable,
    PhotosFull,
    PhotoTooLarge,
)
from surehold.orders.photos.model import Photo
from surehold.web.api.access import actor_of, open_order
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, headers_of
from surehold.web.errors import Unauthenticated
from surehold.web.limits import PHOTO_LIMIT_BYTES, PHOTO_SECONDS, read_body
from surehold.web.openapi import ORDER, STAFF, describe
from surehold.web.problems import BodyTooLarge, BodyTooSlow, UnsupportedMediaType
from surehold.web.validation import parse_id

_JPEG: Final = "image/jpeg"
_TAKEN: Final = (_JPEG, "image/png", "image/webp")
#: A picture is shown as a picture and nothing else, to whoever asked, and kept by nobody.
PHOTO_HEADERS: Final = MappingProxyType(
    {
        "cache-control": "private, no-store",
        "content-disposition": 'inline; filename="photo.jpg"',
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }
)
_PLACE: Final = "/orders/{order_id:str}/returns/{return_id:str}"


class PhotoShape(msgspec.Struct, frozen=True):
    """One picture; its bytes are at ``url``, for whoever may see the order."""

    id: ReturnPhotoId
    return_line_id: ReturnLineId
    position: int
    width: int
    height: int
    url: str
    added_at: datetime


class PhotoList(msgspec.Struct, frozen=True):
    """The pictures of a return, line by line."""

    items: tuple[PhotoShape, ...]
    next_cursor: str | None = None


def _shape(parts: Parts, order_id: OrderId, photo: Photo) -> PhotoShape:
    return PhotoShape(
        photo.id,
        photo.return_line_id,
        photo.position,
        photo.width,
        photo.height,
        f"{parts.config.base_url}/api/v1/orders/{order_id}/returns/{photo.return_id}"
        f"/photos/{photo.id}",
        photo.added_at,
    )


def _return_id(text: str) -> ReturnId:
    found = parse_id(text)
    if found is None:
        raise ReturnNotFound("There is no return with this id.")
    return ReturnId(found)


def _photo_id(text: str) -> ReturnPhotoId:
    found = parse_id(text)
    if found is None:
        raise PhotoNotFound("There is no photo with this id.")
    return ReturnPhotoId(found)


async def _read_picture(request: ApiRequest) -> bytes:
    headers = headers_of(request)
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind not in _TAKEN:
        raise UnsupportedMediaType(f"Send the photo itself, as {', '.join(_TAKEN)}.")
    return await read_body(
        request.receive, headers, limit=PHOTO_LIMIT_BYTES, seconds=PHOTO_SECONDS
    )


@post(
    _PLACE + "/lines/{return_line_id:str}/photos",
    opt=describe(
        tag="orders",
        summary="Add a photo to a line of a return",
        about="The bytes of a JPEG, PNG or WebP of at most 8 MB and 50 million pixels; five per "
        "line, while the return is not over. The photo is drawn anew as a JPEG of at most 2000 "
        "pixels a side: nothing but its pixels is kept, not where it was taken. The same photo "
        "sent again is answered with 200.",
        body=bytes,
        body_type=_JPEG,
        answer=PhotoShape,
        status=201,
        also={200: "It was there before."},
        errors=(
            OrderNotFound,
            Unauthenticated,
            ReturnNotFound,
            ReturnNotPossible,
            PhotosFull,
            PhotoNotReadable,
            PhotoTooLarge,
            BodyTooLarge,
            BodyTooSlow,
            UnsupportedMediaType,
        ),
        permission=Permission.RETURNS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def add(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
    return_line_id: FromPath[str],
) -> ApiResponse:
    """Keep a picture."""
    found, _ = open_order(request, parts, order_id)
    line_id = parse_id(return_line_id)
    if line_id is None:
        raise ReturnNotFound("The return has no line with this id.")
    added = await commands.add_photo(
        parts.db,
        order_id=found,
        return_id=_return_id(return_id),
        line_id=ReturnLineId(line_id),
        raw=await _read_picture(request),
        actor=actor_of(request).name,
    )
    return answer(_shape(parts, found, added.photo), status=201 if added.is_new else 200)


@get(
    _PLACE + "/photos",
    opt=describe(
        tag="orders",
        summary="List the photos of a return",
        answer=PhotoList,
        errors=(OrderNotFound, Unauthenticated, ReturnNotFound),
        permission=Permission.ORDERS_READ,
        security=(ORDER, STAFF),
    ),
)
async def list_all(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
) -> ApiResponse:
    """Its pictures, line by line."""
    found, _ = open_order(request, parts, order_id)
    return await _list(parts, found, _return_id(return_id))


async def _list(parts: Parts, order_id: OrderId, return_id: ReturnId) -> ApiResponse:
    async with parts.db.connection() as connection:
        rows = await queries.list_photos(connection, order_id=order_id, return_id=return_id)
    return answer(PhotoList(tuple(_shape(parts, order_id, row) for row in rows)))


@get(
    _PLACE + "/photos/{photo_id:str}",
    opt=describe(
        tag="orders",
        summary="Look at a photo of a return",
        answer=bytes,
        answer_type=_JPEG,
        errors=(OrderNotFound, Unauthenticated, ReturnNotFound, PhotoNotFound),
        permission=Permission.ORDERS_READ,
        security=(ORDER, STAFF),
    ),
)
async def show(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
    photo_id: FromPath[str],
) -> ApiResponse:
    """The picture itself."""
    found, _ = open_order(request, parts, order_id)
    async with parts.db.connection() as connection:
        content = await queries.get_content(
            connection,
            order_id=found,
            return_id=_return_id(return_id),
            photo_id=_photo_id(photo_id),
        )
    return Response(content, media_type=_JPEG, headers=dict(PHOTO_HEADERS))


@delete(
    _PLACE + "/photos/{photo_id:str}",
    status_code=200,
    opt=describe(
        tag="orders",
        summary="Take a photo of a return away",
        about="While the return is not over; afterwards photos are deleted by themselves, so many "
        "days after they were added (the setting `return_photo_days`).",
        answer=PhotoList,
        errors=(
            OrderNotFound,
            Unauthenticated,
            ReturnNotFound,
            ReturnNotPossible,
            PhotoNotFound,
        ),
        permission=Permission.RETURNS_WRITE,
        security=(ORDER, STAFF),
    ),
)
async def remove(
    request: ApiRequest,
    parts: NamedDependency[Parts],
    order_id: FromPath[str],
    return_id: FromPath[str],
    photo_id: FromPath[str],
) -> ApiResponse:
    """For good; answers those that are left."""
    found, _ = open_order(request, parts, order_id)
    one = _return_id(return_id)
    await commands.remove_photo(
        parts.db, order_id=found, return_id=one, photo_id=_photo_id(photo_id)
    )
    return await _list(parts, found, one)


HANDLERS: Final = (add, list_all, show, remove)
