"""A tiny application for tests of what runs applications: its lifespan leaves a trace."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from surehold.config import Config
from surehold.web.limits import read_body
from surehold.web.problems import BodyTooLarge
from surehold.web.requests import is_whole

#: A folder; each process writes a file there when it has begun and when it has drained.
TRACE_VARIABLE = "SUREHOLD_TEST_TRACE"


class Application:
    """Answers its process number; ``/slow`` takes a second, ``/body`` says how much came.

    ``/limited`` takes ten bytes. ``/whole`` says whether the server said, before anything was
    read, that all of it was there. ``/stream`` goes on until nobody is there.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["path"] == "/limited":
            await _limited(scope, receive, send)
            return
        is_said_whole = is_whole(scope)
        size = 0
        while True:
            message = await receive()
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        if scope["path"] == "/stream":
            await _stream(receive, send)
            return
        if scope["path"] == "/slow":
            await asyncio.sleep(1)
        if scope["path"] == "/exit":
            os._exit(9)
        answers = {"/body": size, "/whole": is_said_whole}
        text = str(answers.get(scope["path"], os.getpid())).encode()
        headers = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        if os.environ.get("SUREHOLD_TEST_FAILS_TO_START"):
            sys.exit(3)
        _trace("begun")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        _trace("drained")
        await send({"type": "lifespan.shutdown.complete"})


async def _stream(receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"data: begun\n\n", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def _limited(scope: Any, receive: Any, send: Any) -> None:
    status, headers = 200, [(b"content-length", b"0")]
    try:
        await read_body(receive, dict(scope["headers"]), limit=10)
    except BodyTooLarge as error:
        status = error.status
        headers += [(name.encode(), value.encode()) for name, value in error.headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def create_app(config: Config) -> Application:
    """What ``surehold.app:create_app`` is to the shop."""
    return Application(config)


def _trace(what: str) -> None:
    folder = os.environ.get(TRACE_VARIABLE)
    if folder:
        (Path(folder) / f"{what}-{os.getpid()}").touch()
