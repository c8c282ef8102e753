"""A form with a file, as browsers send it: its fields, and the bytes of the one file."""

from __future__ import annotations

import io
from typing import Final

import msgspec
from multipart import MultipartError, MultipartParser, parse_options_header

from surehold.web.limits import PHOTO_LIMIT_BYTES, PHOTO_SECONDS, read_body
from surehold.web.problems import BadRequest, UnsupportedMediaType
from surehold.web.storefront.errors import FormNotOurs
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext

_KIND: Final = "multipart/form-data"
#: What the fields around a file may take.
_AROUND_BYTES: Final = 16 * 1024
_MAX_PARTS: Final = 8


class Upload(msgspec.Struct, frozen=True):
    """The bytes of a file; none when nothing was chosen."""

    raw: bytes


async def read_upload(request: StoreRequest, visit: Visit, *, name: str) -> Upload:
    """The file of a form of ours. Nothing of it is written to the disk.

    Raises:
        UnsupportedMediaType, BodyTooLarge, BodyTooSlow, BadRequest: It is no such form.
        FormNotOurs: It lacks the proof that we gave it to this browser.
    """
    given = visit.headers.get(b"content-type", b"").decode("latin-1")
    kind, options = parse_options_header(given)
    boundary = options.get("boundary", "")
    if kind.lower() != _KIND or not boundary:
        raise UnsupportedMediaType("Send the form as a browser does.")
    body = await read_body(
        request.receive,
        visit.headers,
        limit=PHOTO_LIMIT_BYTES + _AROUND_BYTES,
        seconds=PHOTO_SECONDS,
    )
    parser = MultipartParser(
        io.BytesIO(body),
        boundary,
        content_length=len(body),
        part_limit=_MAX_PARTS,
        spool_limit=PHOTO_LIMIT_BYTES + _AROUND_BYTES,
        memory_limit=PHOTO_LIMIT_BYTES + _AROUND_BYTES,
        disk_limit=0,
    )
    try:
        parts = {part.name: part.raw for part in parser.parts()}
    except MultipartError:
        raise BadRequest("The form could not be read.") from None
    token = parts.get("csrf_token", b"").decode("latin-1")
    if not visit.is_csrf_token(token):
        raise FormNotOurs(
            gettext(
                "The page was open for too long, or cookies are off. Go back, reload, try again."
            )
        )
    return Upload(parts.get(name, b""))
