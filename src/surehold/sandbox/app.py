"""The sandbox as one ASGI application: routing, refusals, and the faults it was told to have."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

import msgspec

from surehold.sandbox import shapes
from surehold.sandbox.api import Api
from surehold.sandbox.bank import Bank
from surehold.sandbox.book import Book
from surehold.sandbox.control import Control
from surehold.sandbox.http import (
    CallerGone,
    Delivery,
    Receive,
    Request,
    Response,
    Route,
    Scope,
    Send,
    find_route,
    json_response,
    read_request,
    send_response,
)
from surehold.sandbox.misbehave import BEFORE_WORK, Area, Fault, Misbehavior
from surehold.sandbox.model import Refusal
from surehold.sandbox.pages import Pages
from surehold.sandbox.settings import Settings
from surehold.sandbox.webhooks import Sender

_HUGE_BYTES: Final = 2_000_000
_SLOW_SECONDS: Final = 10.0
_HTML: Final = "text/html; charset=utf-8"
_log: Final = logging.getLogger(__name__)


def create_app(settings: Settings) -> Sandbox:
    """A sandbox with its book open; webhooks leave once the server has started it.

    Raises:
        SandboxRefusesToStart: In production mode, or without its secrets.
    """
    settings.check()
    book = Book(settings.book_path, synchronous=settings.synchronous)
    return Sandbox(Bank(settings, book, Misbehavior()))


class Sandbox:
    """The ASGI application. ``bank`` is there for tests that run it in their own process."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._pages = Pages(bank)
        self._routes = (
            *Api(bank).routes,
            *Control(bank).routes,
            *self._pages.routes,
            Route("GET", "/health", Area.EXEMPT, _health),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            with contextlib.suppress(CallerGone):
                response = await self._respond(scope, receive)
                await send_response(response, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Run the sender from start to shutdown."""
        await receive()
        sender = asyncio.create_task(Sender(self.bank).run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sender
        self.bank.book.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        try:
            request = await read_request(scope, receive)
            route, parameters = find_route(self._routes, request)
            return self._answer(route, request, parameters)
        except Refusal as refusal:
            return self._refuse(scope["path"], refusal)
        except CallerGone:
            raise
        except Exception:  # noqa: BLE001  # the edge: logged once, answered 500
            _log.exception("sandbox: %s %s failed", scope["method"], scope["path"])
            return self._refuse(scope["path"], _our_fault())

    def _answer(self, route: Route, request: Request, parameters: dict[str, str]) -> Response:
        """Answer, with the fault that is due. Refusals suffer from it like results do."""
        fault = self.bank.misbehavior.take_answer_fault(route.area)
        if fault is Fault.LOSE_BEFORE_WORK:
            return self._lost()
        if fault in BEFORE_WORK:
            return self._refuse(request.path, _REFUSALS[fault])
        try:
            response = route.handler(request, parameters)
        except Refusal as refusal:
            response = self._refuse(request.path, refusal)
        return response if fault is None else self._spoil(response, fault, request.path)

    def _spoil(self, response: Response, fault: Fault, path: str) -> Response:
        """What reaches the caller after the work was done."""
        slow_seconds = self.bank.misbehavior.conduct.hang_seconds or _SLOW_SECONDS
        match fault:
            case Fault.LOSE:
                return self._lost()
            case Fault.SLOW:
                return msgspec.structs.replace(response, hang_seconds=slow_seconds)
            case Fault.DRIP:
                return msgspec.structs.replace(
                    response, hang_seconds=slow_seconds, delivery=Delivery.DRIPPING
                )
            case Fault.TRUNCATE:
                body = response.body or b"no more than half of this arrives"
                return msgspec.structs.replace(response, body=body, delivery=Delivery.TRUNCATED)
            case Fault.HALF_JSON:
                body = response.body[: len(response.body) // 2]
                return msgspec.structs.replace(response, body=body)
            case Fault.WRONG_TYPE:
                body = b"<!doctype html><title>OK</title><p>It works!"
                return Response(body=body, content_type=_HTML)
            case Fault.GATEWAY:
                body = b"<!doctype html><title>504 Gateway Time-out</title>"
                return Response(status=504, body=body, content_type=_HTML)
            case Fault.HUGE:
                body = b'{"padding": "' + b"x" * _HUGE_BYTES + b'"}'
                return Response(status=response.status, body=body)
            case Fault.REDIRECT:
                return Response(status=302, headers=(("location", "/health"),))
            case _:
                return self._refuse(path, _our_fault())

    def _lost(self) -> Response:
        hang_seconds = self.bank.misbehavior.conduct.hang_seconds
        return Response(delivery=Delivery.LOST, hang_seconds=hang_seconds)

    def _refuse(self, path: str, refusal: Refusal) -> Response:
        if path.startswith("/pay/"):
            return self._pages.refused(refusal)
        shape = shapes.error(refusal.kind, refusal.code, refusal.message, refusal.param)
        response = json_response(shape, status=refusal.status)
        if refusal.status == 429:
            return msgspec.structs.replace(response, headers=(("retry-after", "1"),))
        return response


def _our_fault() -> Refusal:
    return Refusal(500, "internal_error", "Something broke at the sandbox.", kind="api_error")


def _health(_request: Request, _: dict[str, str]) -> Response:
    return json_response({"status": "ok"})


_REFUSALS: Final = {
    Fault.ERROR: _our_fault(),
    Fault.RATE_LIMIT: Refusal(429, "rate_limited", "Too many calls.", kind="rate_limit_error"),
    Fault.FORBID: Refusal(403, "forbidden", "Not allowed.", kind="authentication_error"),
    Fault.DECLINE: Refusal(402, "do_not_honor", "The bank declined.", kind="card_error"),
}
