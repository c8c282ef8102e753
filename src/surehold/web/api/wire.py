"""Between the framework and our handlers: headers, bodies and queries in, JSON out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

from surehold.db import audit
from surehold.kernel.errors import Fault, InvalidInput
from surehold.web.limits import JSON_LIMIT_BYTES, QUERY_LIMIT_BYTES, check_is_json, read_body
from surehold.web.problems import UnsupportedMediaType
from surehold.web.validation import Reader

T = TypeVar("T")

ApiRequest: TypeAlias = Request[Any, Any, State]
ApiResponse: TypeAlias = Response[bytes]

JSON: Final = "application/json"
CSV: Final = "text/csv"
#: A catalog may be kept, but is asked for again before it is shown.
REVALIDATE: Final = "no-cache"
_EMPTY_OBJECT: Final = b"{}"

encode: Final = msgspec.json.Encoder().encode


def headers_of(request: ApiRequest) -> Mapping[bytes, bytes]:
    """The headers of a request by lower-case name; of repeated ones the last."""
    return dict(request.scope["headers"])


async def read_json(
    request: ApiRequest, reader: Reader[T], *, is_optional: bool = False
) -> tuple[T, bytes]:
    """The body of a request, and its bytes. Where it is optional, nothing is an empty object.

    Raises:
        UnsupportedMediaType, BodyTooLarge, BodyTooSlow, BadRequest, MalformedJson: As named.
        InvalidInput: Lists every fault.
    """
    headers = headers_of(request)
    raw = await read_body(request.receive, headers, limit=JSON_LIMIT_BYTES)
    if is_optional and not raw:
        return reader.read(_EMPTY_OBJECT), raw
    check_is_json(headers)
    value = reader.read(raw)
    if audit.find_asked() is not None:
        audit.note_sent(msgspec.json.decode(raw))
    return value, raw


async def read_csv(request: ApiRequest, *, limit: int) -> bytes:
    """The bytes of a table that somebody sends, at most so many.

    Raises:
        UnsupportedMediaType, BodyTooLarge, BodyTooSlow: As named.
    """
    headers = headers_of(request)
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0]
    if kind.strip().lower() != CSV:
        raise UnsupportedMediaType(f"Send the file as {CSV}, in UTF-8.")
    raw = await read_body(request.receive, headers, limit=limit)
    audit.note_sent({"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()})
    return raw


def read_query(request: ApiRequest, reader: Reader[T]) -> T:
    """The query of a request.

    Raises:
        InvalidInput: Lists every fault.
    """
    query = request.scope["query_string"]
    if len(query) > QUERY_LIMIT_BYTES:
        raise InvalidInput(
            (Fault("", "too_long", f"A query has at most {QUERY_LIMIT_BYTES} bytes."),)
        )
    return reader.read_query(query)


def answer(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> ApiResponse:
    """A value as JSON."""
    return answer_bytes(encode(value), status=status, headers=headers)


def answer_bytes(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> ApiResponse:
    """JSON that was encoded before."""
    return Response(body, status_code=status, media_type=JSON, headers=dict(headers or {}))
