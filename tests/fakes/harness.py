"""What every fake provider has: routes, strictness, misbehavior, webhooks, and a hand to move it.

A fake keeps its book in memory and speaks real HTTP. It shares no line with the adapter that it
is for: its signatures, its amounts and its words are written a second time.

Under ``/control`` is the dashboard side: ``POST /control/pay {"payment": "…"}`` calls the method
``on_pay``. It is never sabotaged.

Under ``/page`` is what the provider's own script does in a buyer's browser: ``POST /page/confirm``
calls the method ``from_page_confirm``. ``page_script`` is that script, for browsers of tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from typing import Any, Final

import httpx2
import msgspec

from surehold.payments.providers.account import AccountConfig
from surehold.payments.providers.port import (
    RemoteProvider,
)
from surehold.sandbox.http import (
    CallerGone,
    Delivery,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    json_response,
    read_request,
    send_response,
)

#: Faults that come instead of the work; the others come after it.
BEFORE: Final = {"lose_before_work", "error", "rate_limit", "forbid", "gateway", "redirect"}
FAULTS: Final = {*BEFORE, "lose", "error_after_work", "slow", "truncate", "wrong_type", "huge"}
#: Gaps between tries of a webhook; a real provider takes minutes or hours.
RETRIES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_HTML: Final = b"<!doctype html><title>It works!</title>"


class Message(msgspec.Struct, frozen=True):
    """One signed webhook."""

    kind: str
    body: bytes
    headers: dict[str, str]


class Refused(Exception):
    """The provider says no, in its own words."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


class _Fault(msgspec.Struct):
    kind: str
    on: str | None
    calls: int


Handler = Callable[..., Any]


class Fake:
    """One fake provider. A subclass has routes, refusals and signatures of its own."""

    name: str
    #: What contract cases and journeys pay in; the provider must take it.
    currency = "USD"
    #: Between the address and the paths of the API.
    api_path = ""
    secret_key: str
    public_key = ""
    is_live = False
    #: What ``route`` collected: operation, method, pattern, method of this class.
    _routes: tuple[tuple[str, str, re.Pattern[str], str], ...] = ()

    def __init__(self, *, secrets: tuple[str, ...], notify_url: str | None = None) -> None:
        #: The first signs.
        self.secrets = secrets
        self.notify_url = notify_url
        #: Every webhook that was ever due, oldest first.
        self.messages: list[Message] = []
        #: Method and path of every call, the refused ones too.
        self.calls: list[tuple[str, str]] = []
        #: Seconds that this provider's clock is ahead.
        self.clock_offset = 0
        #: Seconds that a ``slow`` answer takes.
        self.hang_seconds = 2.0
        self._faults: list[_Fault] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    # --- what a subclass has -------------------------------------------------------------------

    @staticmethod
    def adapter(
        account: AccountConfig, client: httpx2.AsyncClient | None = None
    ) -> RemoteProvider:
        """What is being tested."""
        raise NotImplementedError

    @staticmethod
    def handle_of(action: Any) -> str:
        """What this fake calls the payment that the buyer is asked to pay: in its address."""
        return str(action["url"]).rpartition("/")[2]

    def authorize(self, request: Request) -> None:
        """Refuse a wrong key."""
        raise NotImplementedError

    def broken(self, status: int) -> Any:
        """The body of a refusal that has nothing to do with the request."""
        raise NotImplementedError

    def sign(
        self, body: bytes, *, secret: str | None = None, at: int | None = None
    ) -> dict[str, str]:
        """The headers that prove a body."""
        raise NotImplementedError

    def seal(self, body: bytes, *, secret: str | None = None) -> bytes:
        """The body with the proof that belongs into it; most prove it in headers."""
        del secret
        return body

    @staticmethod
    def told(secret: str) -> str:
        """What a shop is told of a secret: the secret itself, or what verifies its signatures."""
        return secret

    def settings(self, base_url: str) -> dict[str, str]:
        """What a shop sets besides mode, keys, secrets and address."""
        del base_url
        return {}

    # --- the dashboard's hand ------------------------------------------------------------------

    def fault(self, kind: str, *, on: str | None = None, calls: int = 1) -> None:
        """Let the next calls (of one operation) go wrong."""
        assert kind in FAULTS, kind
        self._faults.append(_Fault(kind, on, calls))

    def on_fault(self, kind: str, on: str | None = None, calls: int = 1) -> Any:
        """``fault`` over HTTP."""
        self.fault(kind, on=on, calls=calls)
        return {}

    def announce(self, kind: str, body: Any) -> None:
        """A webhook is due; with an address it is sent, and sent again until it is heard."""
        raw = self.seal(msgspec.json.encode(body))
        message = Message(kind, raw, self.sign(raw))
        self.messages.append(message)
        if self.notify_url is not None:
            task = asyncio.create_task(self._deliver(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def now(self) -> int:
        """This provider's clock, in whole seconds."""
        return int(time.time()) + self.clock_offset

    def next_id(self, prefix: str) -> str:
        """A new id."""
        self._count += 1
        return f"{prefix}{self._count:016d}"

    # --- HTTP ----------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        with contextlib.suppress(CallerGone):
            request = await read_request(scope, receive)
            await send_response(self._respond(request), receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    def _respond(self, request: Request) -> Response:
        if request.path.startswith("/control/"):
            return self._control(request, "on_")
        if request.path.startswith("/page/"):
            anybody = (("access-control-allow-origin", "*"),)
            return msgspec.structs.replace(self._control(request, "from_page_"), headers=anybody)
        self.calls.append((request.method, request.path))
        for operation, method, pattern, handler in self._routes:
            found = pattern.fullmatch(request.path)
            if found is None or method != request.method:
                continue
            fault = self._take_fault(operation)
            if fault in BEFORE:
                return self._spoilt(fault, None)
            answer = self._carry_out(getattr(self, handler), request, found.groupdict())
            return answer if fault is None else self._spoilt(fault, answer)
        return json_response(self.broken(404), status=404)

    def _carry_out(
        self, handler: Handler, request: Request, parameters: dict[str, str]
    ) -> Response:
        try:
            self.authorize(request)
            answer = handler(request, **parameters)
        except Refused as refusal:
            return json_response(refusal.body, status=refusal.status)
        return answer if isinstance(answer, Response) else json_response(answer)

    def _control(self, request: Request, side: str) -> Response:
        handler = getattr(self, side + request.path.rpartition("/")[2])
        try:
            return json_response(handler(**msgspec.json.decode(request.body or b"{}")))
        except Refused as refusal:
            return json_response(refusal.body, status=refusal.status)

    def _take_fault(self, operation: str) -> str | None:
        for fault in self._faults:
            if fault.on in (None, operation):
                fault.calls -= 1
                if not fault.calls:
                    self._faults.remove(fault)
                return fault.kind
        return None

    def _spoilt(self, fault: str, answer: Response | None) -> Response:
        body = answer.body if answer is not None else b""
        match fault:
            case "lose" | "lose_before_work":
                return Response(delivery=Delivery.LOST)
            case "truncate":
                return Response(body=body, delivery=Delivery.TRUNCATED)
            case "slow":
                return Response(body=body, hang_seconds=self.hang_seconds)
            case "wrong_type":
                return Response(body=_HTML, content_type="text/html")
            case "gateway":
                return Response(status=504, body=_HTML, content_type="text/html")
            case "redirect":
                return Response(status=302, headers=(("location", "http://elsewhere.test/"),))
            case "huge":
                return Response(body=b'{"padding":"' + b"x" * 300_000 + b'"}')
            case _:
                status = {"rate_limit": 429, "forbid": 401}.get(fault, 500)
                return json_response(self.broken(status), status=status)

    async def _deliver(self, message: Message) -> None:
        assert self.notify_url is not None
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            for gap in RETRIES:
                with contextlib.suppress(httpx2.HTTPError):
                    answer = await client.post(
                        self.notify_url,
                        content=message.body,
                        headers={"content-type": "application/json", **self.sign(message.body)},
                    )
                    if answer.status_code == 200:
                        return
                await asyncio.sleep(gap)


def route(operation: str, method: str, path: str) -> Callable[[Handler], Handler]:
    """Answer ``path``, whose ``{parts}`` are parameters; ``operation`` is what faults name."""

    def mark(handler: Handler) -> Handler:
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9_.-]{1,80})", path))
        handler.at = (operation, method, pattern)  # type: ignore[attr-defined]  # read by routed
        return handler

    return mark


def routed(kind: type[Fake]) -> type[Fake]:
    """Collect the routes of a class, in the order of its text: the first that fits answers."""
    found = [(*handler.at, name) for name, handler in vars(kind).items() if hasattr(handler, "at")]
    kind._routes = tuple(found)
    return kind


def inherited(kind: type[Fake]) -> type[Fake]:
    """As ``routed``, with the routes of the classes that it is made from behind its own."""
    found: list[Any] = []
    for part in kind.__mro__:
        found += [
            (*handler.at, name) for name, handler in vars(part).items() if hasattr(handler, "at")
        ]
    kind._routes = tuple(found)
    return kind
