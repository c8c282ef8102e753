"""Requests as bytes: a client that sends what no client library would agree to send."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

#: The server closed the connection without a word, as it may do to nonsense.
NO_ANSWER: Final = 0
SECONDS: Final = 20


class Request(msgspec.Struct, frozen=True):
    """One request. ``is_chunked`` sends the body in pieces, ``length`` lies about its length."""

    raw: bytes
    headers: tuple[tuple[str, str], ...]
    method: str = "POST"
    target: str = "/webhooks/sandbox"
    is_chunked: bool = False
    length: int | None = None


def to_bytes(request: Request, host: str) -> bytes:
    """A request as it goes over the wire. No header value can end its own line."""
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {host}"]
    for name, value in request.headers:
        lines.append(f"{name}: {value}".replace("\r", "\x0b").replace("\n", "\x0b"))
    if request.is_chunked:
        lines.append("Transfer-Encoding: chunked")
        body = _chunked(request.raw)
    else:
        length = len(request.raw) if request.length is None else request.length
        lines.append(f"Content-Length: {length}")
        body = request.raw
    head = "\r\n".join((*lines, "", ""))
    return head.encode("latin-1", "replace") + body


def _chunked(raw: bytes, size: int = 100) -> bytes:
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Connection:
    """One connection, opened again whenever the server has had enough of it."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: Request) -> tuple[int, bytes]:
        """Send; status and body of the answer. ``NO_ANSWER`` when there is none."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._ask(to_bytes(request, f"{self._host}:{self._port}"), request)
        except (OSError, EOFError):
            await self.close()
            return NO_ANSWER, b""

    async def close(self) -> None:
        """Hang up."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()

    async def _ask(self, sent: bytes, request: Request) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            await self.close()
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._writer.write(sent)
        if request.length is not None and request.length > len(request.raw):
            self._writer.write_eof()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        length = int(headers.get("content-length", "0"))
        is_bodiless = request.method == "HEAD"
        body = b"" if is_bodiless else await self._reader.readexactly(length)
        # After a lie about its length a connection is out of step.
        if headers.get("connection") == "close" or request.length is not None:
            await self.close()
        return int(lines[0].split(" ")[1]), body
