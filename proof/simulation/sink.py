"""Where the provider's webhooks arrive: taken at once, and kept for the courier to carry on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

_ANSWER: Final = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Sink:
    """The least that a webhook's sender takes for a web server."""

    def __init__(self) -> None:
        self._taken: list[tuple[bytes, dict[str, str]]] = []
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> None:
        """Listen on this machine."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def close(self) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()

    def take(self) -> list[tuple[bytes, dict[str, str]]]:
        """Bodies and headers that arrived since the last call."""
        taken, self._taken = self._taken, []
        return taken

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")[1:-2]
                pairs = (line.partition(":") for line in lines)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self._taken.append((body, headers))
                writer.write(_ANSWER)
                await writer.drain()
        writer.close()
