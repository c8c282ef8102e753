"""Just enough HTTP for the sandbox, close to the wire, because it must be able to break it."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from surehold.sandbox.misbehave import Area
from surehold.sandbox.model import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES: Final = 65_536
_DRIPS: Final = 50


class CallerGone(Exception):
    """The caller hung up before the request was complete: there is nobody to answer."""


class Delivery(enum.Enum):
    """How an answer travels."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    LOST = "lost"
    DRIPPING = "dripping"


class Request(msgspec.Struct, frozen=True):
    """One request, its body read to the end."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base_url: str

    def form(self) -> dict[str, str]:
        """The fields of a posted form; the first of several with one name counts.

        Raises:
            Refusal: 400 for a body that is not a form.
        """
        try:
            pairs = parse_qsl(self.body.decode("utf-8"), keep_blank_values=True, max_num_fields=50)
        except ValueError as error:
            raise Refusal(400, "bad_form", "The form cannot be read.") from error
        return dict(reversed(pairs))


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    hang_seconds: float = 0


Handler = Callable[[Request, dict[str, str]], Response]


class Route(msgspec.Struct, frozen=True):
    """A method and a path such as ``/v1/payments/{id}``, and who answers it."""

    method: str
    path: str
    area: Area
    handler: Handler

    def match(self, path: str) -> dict[str, str] | None:
        """The path's parameters, or ``None`` when it is another path."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9_.-]{1,80})", self.path)
        found = re.fullmatch(pattern, path)
        return None if found is None else found.groupdict()


def find_route(routes: tuple[Route, ...], request: Request) -> tuple[Route, dict[str, str]]:
    """Who answers the request.

    Raises:
        Refusal: 404, or 405 when only the method is wrong.
    """
    allowed = []
    for route in routes:
        parameters = route.match(request.path)
        if parameters is None:
            continue
        if route.method == request.method:
            return route, parameters
        allowed.append(route.method)
    if allowed:
        raise Refusal(405, "method_not_allowed", f"Use {' or '.join(allowed)}.")
    raise Refusal(404, "not_found", "Nothing lives at this address.")


def json_response(value: Any, *, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(status=status, body=msgspec.json.encode(value))


def see_other(location: str) -> Response:
    """Send the browser on with a GET."""
    return Response(
        status=303,
        content_type="text/plain; charset=utf-8",
        headers=(("location", location),),
    )


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read the request to its end.

    Raises:
        Refusal: 413 above the limit, 400 for a query that cannot be read.
    """
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise Refusal(413, "body_too_large", f"At most {MAX_BODY_BYTES} bytes.")
        if not message.get("more_body", False):
            break
    try:
        query = dict(
            parse_qsl(
                scope["query_string"].decode("ascii"), strict_parsing=False, max_num_fields=20
            )
        )
    except ValueError as error:
        raise Refusal(400, "bad_query", "The query string cannot be read.") from error
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=query,
        headers=headers,
        body=b"".join(chunks),
        base_url=f"{scope['scheme']}://{headers.get('host', 'localhost')}",
    )


async def send_response(response: Response, receive: Receive, send: Send) -> None:
    """Send the answer, or let it be lost on the way."""
    is_dripping = response.delivery is Delivery.DRIPPING
    if response.hang_seconds > 0 and not is_dripping:
        await _wait_for_disconnect(receive, response.hang_seconds)
    if response.delivery is Delivery.LOST:
        await _drop_connection(receive, send)
        return
    headers = [
        (b"content-type", response.content_type.encode("latin-1")),
        (b"content-length", str(len(response.body)).encode("ascii")),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.delivery is Delivery.TRUNCATED:
        half = response.body[: len(response.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # Let the half reach the wire before the connection goes.
        await asyncio.sleep(0.02)
        await _drop_connection(receive, send)
        return
    if is_dripping:
        await _drip(response, receive, send)
        return
    await send({"type": "http.response.body", "body": response.body})


async def _drip(response: Response, receive: Receive, send: Send) -> None:
    """Send the body in small pieces over ``hang_seconds``, or until the caller has hung up."""
    size = max(len(response.body) // _DRIPS, 1)
    gone = asyncio.create_task(_wait_for_disconnect(receive, response.hang_seconds + 1))
    for start in range(0, len(response.body), size):
        if gone.done():
            return
        piece = response.body[start : start + size]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(response.hang_seconds / _DRIPS)
    gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _wait_for_disconnect(receive: Receive, seconds: float) -> None:
    """Wait so long, or until the caller has hung up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass


async def _drop_connection(receive: Receive, send: Send) -> None:
    """Close the connection without (the rest of) an answer.

    ASGI has no word for it. uvicorn's ``send`` belongs to an object that holds the transport;
    under another server the promise of a longer body is broken instead.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    # Not isinstance: uvloop's transports do not inherit from asyncio's.
    if transport is not None and hasattr(transport, "abort"):
        transport.abort()
        await _wait_for_disconnect(receive, 1)
        return
    raise ConnectionAbortedError("the sandbox was told to lose this answer")
