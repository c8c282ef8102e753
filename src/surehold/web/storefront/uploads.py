"""A form with files, as browsers send it: its fields, and the bytes of what was chosen."""

from __future__ import annotations

import io
from typing import Final

import msgspec
from multipart import MultipartError, MultipartParser, MultipartPart, parse_options_header

from surehold.web.limits import PHOTO_LIMIT_BYTES, PHOTO_SECONDS, read_body
from surehold.web.problems import BadRequest, UnsupportedMediaType
from surehold.web.storefront.errors import FormNotOurs
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext

_KIND: Final = "multipart/form-data"
#: What the fields around a file may take.
_AROUND_BYTES: Final = 16 * 1024
_AROUND_PARTS: Final = 7
#: What the files of one form may take together: five photos of a telephone, and never five times
#: the largest that there may be.
FORM_LIMIT_BYTES: Final = 3 * PHOTO_LIMIT_BYTES


class Upload(msgspec.Struct, frozen=True):
    """The bytes of a file, none when nothing was chosen; ``name`` is what its owner calls it."""

    raw: bytes
    name: str = ""


async def read_upload(request: StoreRequest, visit: Visit, *, name: str) -> Upload:
    """The file of a form of ours. Nothing of it is written to the disk.

    Raises:
        UnsupportedMediaType, BodyTooLarge, BodyTooSlow, BadRequest: It is no such form.
        FormNotOurs: It lacks the proof that we gave it to this browser.
    """
    parts = await _read_parts(request, visit, limit=PHOTO_LIMIT_BYTES, files=1)
    return next((_upload(part) for part in parts if part.name == name), Upload(b""))


async def read_uploads(
    request: StoreRequest, visit: Visit, *, name: str, most: int
) -> tuple[Upload, ...]:
    """The files of one field of a form of ours, as they were chosen, none if nothing was.

    Raises:
        UnsupportedMediaType, BodyTooLarge, BodyTooSlow, BadRequest: It is no such form, or has
            more than twice as many files as there may be.
        FormNotOurs: It lacks the proof that we gave it to this browser.
    """
    parts = await _read_parts(request, visit, limit=FORM_LIMIT_BYTES, files=2 * most)
    return tuple(_upload(part) for part in parts if part.name == name and part.size)


async def _read_parts(
    request: StoreRequest, visit: Visit, *, limit: int, files: int
) -> list[MultipartPart]:
    given = visit.headers.get(b"content-type", b"").decode("latin-1")
    kind, options = parse_options_header(given)
    boundary = options.get("boundary", "")
    if kind.lower() != _KIND or not boundary:
        raise UnsupportedMediaType("Send the form as a browser does.")
    most = limit + _AROUND_BYTES
    body = await read_body(request.receive, visit.headers, limit=most, seconds=PHOTO_SECONDS)
    parser = MultipartParser(
        io.BytesIO(body),
        boundary,
        content_length=len(body),
        part_limit=_AROUND_PARTS + files,
        spool_limit=most,
        memory_limit=most,
        disk_limit=0,
    )
    try:
        parts: list[MultipartPart] = parser.parts()
    except MultipartError:
        raise BadRequest("The form could not be read.") from None
    token = next((part.raw for part in parts if part.name == "csrf_token"), b"")
    if not visit.is_csrf_token(token.decode("latin-1")):
        raise FormNotOurs(
            gettext(
                "The page was open for too long, or cookies are off. Go back, reload, try again."
            )
        )
    return parts


def _upload(part: MultipartPart) -> Upload:
    return Upload(part.raw, part.filename or "")
