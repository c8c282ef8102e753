"""The web server: uvicorn with the limits that it lacks, in one process or in several.

Several processes share one listening socket; each has a loop, a pool and lanes of its own. A
process that dies is replaced, one that cannot start stops all. On SIGTERM no more connections are
taken, requests under way are answered, and the application's lifespan drains the lanes.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, cast

import msgspec
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from surehold import logs, processes
from surehold.config import Config
from surehold.payments.providers.kinds import list_kinds
from surehold.web.requests import WHOLE_BODY

log = structlog.get_logger(__name__)

APPLICATION: Final = "surehold.app:create_app"
#: Read by the processes that ``run`` starts.
APPLICATION_VARIABLE: Final = "SUREHOLD_APPLICATION"
URL_VARIABLE: Final = "SUREHOLD_DATABASE_URL"
PROCESSES_VARIABLE: Final = "SUREHOLD_WEB_PROCESSES"

HEAD_SECONDS: Final = 10
BODY_SECONDS: Final = 30
KEEP_ALIVE_SECONDS: Final = 5
DRAIN_SECONDS: Final = 15
HEAD_BYTES_MAX: Final = 32_768
CONCURRENCY_MAX: Final = 2_000
BACKLOG: Final = 2_048
#: What a browser sends that follows a stream, and nobody else.
STREAMED: Final = (b"accept", b"text/event-stream")
_EXTENSIONS: Final[dict[str, dict[object, object]]] = {WHOLE_BODY: {}}
#: A process that ends sooner than this could not start.
START_SECONDS: Final = 3


class AddressInUse(RuntimeError):
    """Something else listens there."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection with limits on the time and the size of what it may send.

    uvicorn waits for ever for the rest of a head or of a body. Here a head, the silence before it
    included, has ``HEAD_SECONDS`` and ``HEAD_BYTES_MAX``, and a body has ``BODY_SECONDS``.

    A request that comes whole, as nearly all do, touches no timer: a deadline is a number, and
    the timer that looks at it is set only when it would look too late.
    """

    _due_at: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _is_in_head = True
    _is_refused = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A head is due."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._arm(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._due_at = None
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes between two requests begin the next head, even if they say nothing."""
        if self._is_refused:
            return
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._is_in_head:
            if self._due_at is None:
                self._arm(BODY_SECONDS)
        elif self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._head_bytes and self._due_at is None:
            self._arm(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole; a body is due."""
        self._due_at = None
        self._is_in_head = False
        self._head_bytes = 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > HEAD_BYTES_MAX:
            self._refuse(b"431 Request Header Fields Too Large")
        if not self._is_refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; the next one may take its time within uvicorn's own limit."""
        self._due_at = None
        self._is_in_head = True
        if not self._is_refused:
            self.scope["extensions"] = _EXTENSIONS
            super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: what is under way is answered, but a stream would never be over."""
        super().shutdown()
        cycle: Any = self.cycle  # none before the first request, whatever its type says
        if cycle is not None and not cycle.response_complete and STREAMED in self.headers:
            self.transport.close()

    def _arm(self, seconds: float) -> None:
        self._due_at = due_at = self.loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due_at:
                return
            self._timer.cancel()
        self._timer = self.loop.call_at(due_at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due_at is None:
            return
        if self._due_at > self.loop.time():
            self._timer = self.loop.call_at(self._due_at, self._look)
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: bytes) -> None:
        self._is_refused = True
        self._due_at = None
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self.transport.close()


class Listening(msgspec.Struct, frozen=True):
    """Where and how to serve. ``application`` names a function that takes the settings."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    application: str = APPLICATION


def run(listening: Listening, config: Config) -> int:
    """Serve until told to stop; returns the exit code.

    Raises:
        AddressInUse: Something else listens there.
    """
    with bind(listening.host, listening.port) as listener:
        if listening.workers == 1:
            return serve(listener, listening.application, config)
        return _supervise(listener, listening, config)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens, shared by all processes.

    Raises:
        AddressInUse: Something else listens there, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressInUse(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


def serve(listener: socket.socket, application: str, config: Config) -> int:
    """One process of the server; returns the exit code."""
    logs.set_up(level=config.log_level, as_json=config.log_json, secrets=config_secrets(config))
    module, _, name = application.partition(":")
    create = getattr(importlib.import_module(module), name)
    server = _Server(
        uvicorn.Config(
            create(config),
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # Whom to believe about addresses is ``trusted_proxies`` of the settings, nobody else.
            proxy_headers=False,
            limit_concurrency=CONCURRENCY_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    server.run(sockets=[listener])
    return 0


def config_secrets(config: Config) -> list[str]:
    """Every secret of the settings, for masking."""
    found: list[str] = []
    for value in dict(config).values():
        for item in value if isinstance(value, tuple) else (value,):
            reveal = getattr(item, "get_secret_value", None)
            if reveal is not None:
                found.append(str(reveal()))
    for kind in list_kinds():
        found += kind.settings().list_secrets() if kind.settings is not None else ()
    return found


class _Server(uvicorn.Server):
    """uvicorn, which would end itself by the signal that asked it to stop: here it returns."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _supervise(listener: socket.socket, listening: Listening, config: Config) -> int:
    """Keep as many processes as were asked for, until told to stop."""
    environment = {
        **os.environ,
        APPLICATION_VARIABLE: listening.application,
        PROCESSES_VARIABLE: str(listening.workers),
    }
    if config.database_url is not None:  # It may be an embedded one, which no setting names.
        environment[URL_VARIABLE] = config.database_url.get_secret_value()

    def start(index: int) -> processes.Child:
        return processes.start(
            f"web-{index}",
            "surehold.server",
            str(listener.fileno()),
            environment=environment,
            kept_open=(listener.fileno(),),
        )

    with processes.signals() as told:
        children = [start(index) for index in range(listening.workers)]
        code = 0
        while not told.is_stopping and code == 0:
            time.sleep(processes.POLL_SECONDS)
            for index, child in enumerate(children):
                if child.exit_code is None or told.is_stopping:
                    continue
                log.error("process_died", process=child.name, exit_code=child.exit_code)
                if child.age_seconds < START_SECONDS:
                    code = 3
                    break
                children[index] = start(index)
        for child in children:
            if child.exit_code is None:
                child.process.terminate()
        for child in children:
            child.stop(is_hurried=lambda: told.is_hurried)
        return code


def main() -> int:
    """One process of several, started by ``run`` with the number of the open socket."""
    settings: dict[str, Any] = {}
    listener = socket.socket(fileno=int(sys.argv[1]))
    application = os.environ.get(APPLICATION_VARIABLE, APPLICATION)
    return serve(listener, application, Config(**settings))


if __name__ == "__main__":
    sys.exit(main())
