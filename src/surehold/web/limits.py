"""How much may come in, how long it may take, and what every answer tells browsers.

Sizes are counted while reading, whatever Content-Length says. The time limits on headers and on
idle connections are the server's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from litestar.types import Receive

from surehold.web.problems import BadRequest, BodyTooLarge, BodyTooSlow, UnsupportedMediaType

JSON_LIMIT_BYTES: Final = 1024 * 1024
CHECKOUT_LIMIT_BYTES: Final = 64 * 1024
WEBHOOK_LIMIT_BYTES: Final = 256 * 1024
#: A picture as a telephone takes it, and the time that it takes to send over a poor line.
PHOTO_LIMIT_BYTES: Final = 8 * 1024 * 1024
PHOTO_SECONDS: Final = 60
BODY_SECONDS: Final = 10
QUERY_LIMIT_BYTES: Final = 4 * 1024
#: So much of a body that is too large is taken and thrown away, for so long: a client that still
#: sends when the connection closes hears of a broken connection instead of our answer.
DRAIN_BYTES: Final = 16 * 1024 * 1024
DRAIN_SECONDS: Final = 5

#: Headers of every answer of the JSON side, as the server takes them.
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_STORE: Final = (b"cache-control", b"no-store")

_IDENTITY: Final = frozenset({b"", b"identity"})


async def read_body(
    receive: Receive,
    headers: Mapping[bytes, bytes],
    *,
    limit: int,
    is_there: bool = False,
    seconds: float | None = None,
) -> bytes:
    """The whole body. One that ``is_there`` already needs no clock; others ``BODY_SECONDS``.

    Raises:
        BodyTooLarge: It is, or says that it will be, larger than the limit.
        BodyTooSlow: It did not arrive in time.
        BadRequest: The client went away.
    """
    announced = headers.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced[:19]) > limit:
        # Who asks before sending, or has very much to send, is told at once.
        if int(announced[:19]) <= limit + DRAIN_BYTES and b"expect" not in headers:
            await _drain(receive)
        raise _too_large(limit)
    if is_there:
        return await _read(receive, limit)
    seconds = BODY_SECONDS if seconds is None else seconds
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit)
    except TimeoutError:
        raise BodyTooSlow(
            f"The whole body must arrive within {seconds} seconds.",
            headers={"connection": "close"},
        ) from None


async def _read(receive: Receive, limit: int) -> bytes:
    message: Any = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise BadRequest("The body ended early.")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            if message.get("more_body", False):
                await _drain(receive)
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


async def _drain(receive: Receive) -> None:
    """Take and forget what is left of a body, within reason."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while size <= DRAIN_BYTES:
                message: Any = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _too_large(limit: int) -> BodyTooLarge:
    # What is left of the body may not have been read, so the connection cannot be used again.
    return BodyTooLarge(f"At most {limit} bytes are taken here.", headers={"connection": "close"})


def check_is_json(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that does not claim to be JSON in UTF-8, uncompressed.

    Raises:
        UnsupportedMediaType: It claims something else, or nothing.
    """
    content_type = headers.get(b"content-type", b"")
    if content_type != b"application/json":
        kind, _, parameters = content_type.lower().partition(b";")
        charset = parameters.strip().removeprefix(b"charset=").strip(b'" ')
        if kind.strip() != b"application/json" or charset not in {b"", b"utf-8", b"utf8"}:
            raise UnsupportedMediaType("Send the body as application/json, in UTF-8.")
    if headers.get(b"content-encoding", b"") not in _IDENTITY:
        raise UnsupportedMediaType("Send the body uncompressed.")
