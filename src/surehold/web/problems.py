"""Every refusal as RFC 9457 problem details; the only place that knows status codes.

ProtocolRefusal                what is wrong with the request as HTTP, before anybody reads it
├── MalformedJson              400
├── BadRequest                 400
├── RouteNotFound              404
├── MethodNotAllowed           405
├── NotAcceptable              406
├── BodyTooSlow                408
├── BodyTooLarge               413
├── UnsupportedMediaType       415
├── TooManyRequests            429
├── InternalFault              500, our bug: logged once, and nothing of it is told
└── StoreUnavailable           503, the database is away
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

import msgspec
import structlog
from litestar.exceptions import HTTPException

from surehold.db.database import PASSING
from surehold.kernel.errors import Busy, DomainError, InvalidInput, Kind

log = structlog.get_logger(__name__)

PROBLEM: Final = "application/problem+json"
#: A problem's type is a name, not a place: it is the same for every store.
TYPE_PREFIX: Final = "urn:surehold:problem:"

STATUS: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        Kind.INVALID: 422,
        Kind.UNAUTHENTICATED: 401,
        Kind.DECLINED: 402,
        Kind.FORBIDDEN: 403,
        Kind.NOT_FOUND: 404,
        Kind.CONFLICT: 409,
        Kind.RATE_LIMITED: 429,
        Kind.UNAVAILABLE: 503,
    }
)

#: Members that RFC 9457 or this module speaks for; a fact of the same name is sent as current_….
RESERVED: Final = frozenset({"type", "title", "status", "detail", "instance", "code", "errors"})


class ProtocolRefusal(Exception):
    """The request cannot be taken as it came. Subclasses set status, code and title."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})


class MalformedJson(ProtocolRefusal):
    """The body is not JSON in UTF-8."""

    status = 400
    code = "malformed_json"
    title = "The body is not JSON"


class BadRequest(ProtocolRefusal):
    """The request breaks a rule of HTTP, or ended before its body did."""

    status = 400
    code = "bad_request"
    title = "The request is not well formed"


class RouteNotFound(ProtocolRefusal):
    """Nothing is served at this address."""

    status = 404
    code = "route_not_found"
    title = "Nothing is here"


class MethodNotAllowed(ProtocolRefusal):
    """The address exists and takes other methods: ``Allow`` lists them."""

    status = 405
    code = "method_not_allowed"
    title = "This address does not take this method"


class NotAcceptable(ProtocolRefusal):
    """It can be had in none of the forms that ``Accept`` names."""

    status = 406
    code = "not_acceptable"
    title = "Not available in this form"


class BodyTooSlow(ProtocolRefusal):
    """The body did not arrive in time."""

    status = 408
    code = "body_too_slow"
    title = "The body took too long"


class BodyTooLarge(ProtocolRefusal):
    """The body is larger than this address takes."""

    status = 413
    code = "body_too_large"
    title = "The body is too large"


class UnsupportedMediaType(ProtocolRefusal):
    """Bodies are ``application/json``, in UTF-8 and not compressed."""

    status = 415
    code = "unsupported_media_type"
    title = "This media type is not taken"


class TooManyRequests(ProtocolRefusal):
    """Ask less often: ``Retry-After`` says when."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"


class InternalFault(ProtocolRefusal):
    """A fault of ours. It is in the log under the request's id."""

    status = 500
    code = "internal_error"
    title = "Something went wrong on our side"


class StoreUnavailable(ProtocolRefusal):
    """The database cannot be reached; nothing was begun that a retry would repeat."""

    status = 503
    code = "unavailable"
    title = "The store cannot answer right now"


class Reply(msgspec.Struct, frozen=True):
    """An answer that is ready to be sent."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


_FRAMEWORK: Final[Mapping[int, type[ProtocolRefusal]]] = MappingProxyType(
    {
        kind.status: kind
        for kind in (
            BadRequest,
            RouteNotFound,
            MethodNotAllowed,
            BodyTooLarge,
            UnsupportedMediaType,
            TooManyRequests,
        )
    }
)
_FRAMEWORK_DETAIL: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "The request is not well formed.",
        404: "There is nothing at this address.",
        405: "Use one of the methods in the Allow header.",
        413: "Send less at once.",
        415: "Send application/json.",
        429: "Wait a little and ask again.",
    }
)


def problem_of(error: Exception, *, request_id: str, status: int | None = None) -> Reply:
    """Any failure as a problem document. What nobody foresaw is logged here, once.

    ``status`` overrides the table where a route has promised another one.
    """
    if isinstance(error, DomainError):
        return _of_domain(error, request_id, STATUS[error.kind] if status is None else status)
    refusal = error if isinstance(error, ProtocolRefusal) else _as_refusal(error, request_id)
    return Reply(
        refusal.status,
        _document(refusal, refusal.status, request_id, {}),
        (("content-type", PROBLEM), *refusal.headers.items()),
    )


def _of_domain(error: DomainError, request_id: str, status: int) -> Reply:
    more = dict(error.facts)
    headers = [("content-type", PROBLEM)]
    if isinstance(error, InvalidInput):
        more["errors"] = error.faults
    elif isinstance(error, Busy):
        headers.append(("retry-after", str(error.retry_after_seconds)))
    elif error.kind is Kind.RATE_LIMITED:
        headers.append(("retry-after", str(error.facts["retry_after_seconds"])))
    elif error.kind is Kind.UNAUTHENTICATED:
        headers.append(("www-authenticate", 'Bearer realm="surehold"'))
    body = _document(error, status, request_id, more)
    return Reply(status, body, tuple(headers))


def _as_refusal(error: Exception, request_id: str) -> ProtocolRefusal:
    if isinstance(error, HTTPException) and error.status_code < 500:
        kind = _FRAMEWORK.get(error.status_code, BadRequest)
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        return kind(_FRAMEWORK_DETAIL[kind.status], headers=headers)
    if isinstance(error, PASSING):
        log.warning("database_unavailable", request_id=request_id, error=repr(error))
        return StoreUnavailable("Try again shortly.", headers={"retry-after": "2"})
    log.error("request_failed", request_id=request_id, exc_info=error)
    return InternalFault("It has been noted under this request's id.")


def _document(
    error: DomainError | ProtocolRefusal, status: int, request_id: str, more: Mapping[str, Any]
) -> bytes:
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + error.code,
        "title": error.title,
        "status": status,
        "detail": error.detail,
        "instance": request_id,
        "code": error.code,
    }
    for name, value in more.items():
        is_ours = name == "errors" or name not in RESERVED
        document[name if is_ours else f"current_{name}"] = value
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        # Half of a surrogate pair that came in by a header or an address: escaped, it can be told.
        return json.dumps(msgspec.to_builtins(document, str_keys=True)).encode()
