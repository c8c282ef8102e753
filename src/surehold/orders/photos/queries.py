"""What others may read of pictures: always of one return of one order."""

from __future__ import annotations

from surehold.db import Connection
from surehold.kernel.ids import OrderId, ReturnId, ReturnPhotoId
from surehold.orders.errors import ReturnNotFound
from surehold.orders.photos import sql
from surehold.orders.photos.errors import PhotoNotFound
from surehold.orders.photos.model import Photo


async def list_photos(
    connection: Connection, *, order_id: OrderId, return_id: ReturnId
) -> tuple[Photo, ...]:
    """The pictures of a return, line by line.

    Raises:
        ReturnNotFound: The order has no such return.
    """
    if await connection.find(sql.FIND_RETURN, return_id, order_id) is None:
        raise ReturnNotFound("There is no return with this id.")
    return tuple(await connection.all(sql.LIST, return_id))


async def get_content(
    connection: Connection, *, order_id: OrderId, return_id: ReturnId, photo_id: ReturnPhotoId
) -> bytes:
    """The bytes of a picture, a JPEG.

    Raises:
        PhotoNotFound: There is none with this id in this return of this order.
    """
    row = await connection.find(sql.FIND_CONTENT, photo_id, return_id, order_id)
    if row is None:
        raise PhotoNotFound("There is no photo with this id.")
    return row.content
