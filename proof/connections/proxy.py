"""Our own way to PostgreSQL, which can be made bad: slow, silent, cut, or cut at a commit.

One server on a loopback port; each connection of the program's gets one to PostgreSQL. It reads
the protocol, so that it can carry a COMMIT out and lose the answer, or lose the COMMIT.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from proof.connections import wire

LOSE_ANSWER: Final = "lose the answer"
CUT_BEFORE: Final = "cut before the commit"
_CHUNK_BYTES: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)


class Weather(msgspec.Struct):
    """How the way is at the moment. Zero and false are fine weather."""

    #: Each answer of the server's is this late.
    delay_seconds: float = 0
    #: At most this much per second and direction.
    bytes_per_second: int = 0
    #: Takes everything and passes nothing on.
    is_silent: bool = False
    #: Takes no new connections.
    is_closed: bool = False


class Proxy:
    """The way to one PostgreSQL server. It is a ``Trouble`` too: its places are the commits."""

    kinds: Sequence[str] = (LOSE_ANSWER, CUT_BEFORE)

    def __init__(self, url: str) -> None:
        self._upstream = urlsplit(url)
        self.port = 0
        self.weather = Weather()
        self.struck = 0
        #: What was committed through here, and what was cut, over all time.
        self.commits = 0
        self.answers_lost = 0
        self.commits_cut = 0
        self._is_watching = False
        self._seen = 0
        self._target: tuple[int, str] | None = None
        self._is_lasting = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._change = asyncio.Event()

    @property
    def url(self) -> str:
        """The database's address through here."""
        place = self._upstream
        who = f"{place.username}:{quote(place.password or '', safe='')}"
        return f"postgresql://{who}@127.0.0.1:{self.port}{place.path}"

    @property
    def connections(self) -> int:
        """How many are open now, from the program's side."""
        return len(self._tasks)

    def arm(self, place: str | None = None, kind: str = "", *, is_lasting: bool = False) -> None:
        """Count commits from here on, and cut at one; a lasting cut at every one after it, too."""
        self._target = None if place is None else (int(place.rpartition(" ")[2]), kind)
        self._is_lasting = is_lasting
        self._seen = 0
        self.struck = 0
        self._is_watching = True

    def rest(self) -> list[str]:
        """Cut no more; the commits that were seen."""
        self._is_watching = False
        return [f"commit {number + 1}" for number in range(self._seen)]

    def become(self, **weather: Any) -> None:
        """Change the weather for connections old and new; what is not named is fine."""
        self.weather = Weather(**weather)
        before, self._change = self._change, asyncio.Event()
        before.set()

    def reset_all(self) -> int:
        """Reset every connection, as a router that forgot them; returns how many."""
        writers = list(self._writers)
        for writer in writers:
            _reset(writer)
        return len(writers) // 2

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection's life."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self.weather.is_closed:
                _reset(writer)
                return
            await self._join(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # Either end has gone, or we have, which is what this is about.
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def close(self) -> None:
        """End every connection."""
        self.reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await self._read_head(reader, writer)
        up_reader, up_writer = await self._connect()
        self._writers.add(up_writer)
        try:
            await self._pass_weather(len(head))
            up_writer.write(head)
            await up_writer.drain()
            watch = wire.CommitWatch()
            ways = (
                asyncio.create_task(self._ask(reader, up_writer, writer, watch)),
                asyncio.create_task(self._answer(up_reader, writer, up_writer, watch)),
            )
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._writers.discard(up_writer)
            up_writer.close()

    async def _read_head(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """The first message. Whoever asks for encryption first is told that there is none."""
        while True:
            size = struct.unpack("!I", await reader.readexactly(4))[0]
            rest = await reader.readexactly(size - 4)
            if wire.first_code(rest) not in {wire.TLS, wire.GSS}:
                return struct.pack("!I", size) + rest
            await self._pass_weather(1)
            writer.write(b"N")
            await writer.drain()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        place = self._upstream
        query = parse_qs(place.query)
        host = place.hostname or query["host"][0]
        port = place.port or int(query["port"][0])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        watch: wire.CommitWatch,
    ) -> None:
        """The program's words to the server."""
        framer = wire.Framer()
        while data := await reader.read(_CHUNK_BYTES):
            await self._pass_weather(len(data), is_answer=False)
            for kind, body, whole in framer.feed(data):
                watch.hear(kind, body)
                if wire.is_commit(kind, body) and self._cuts(self._seen + 1, CUT_BEFORE):
                    self._seen += 1
                    self.commits_cut += 1
                    _reset(writer)
                    return
                up_writer.write(whole)
            await up_writer.drain()

    async def _answer(
        self,
        up_reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_writer: asyncio.StreamWriter,
        watch: wire.CommitWatch,
    ) -> None:
        """The server's answers to the program."""
        framer = wire.Framer()
        while data := await up_reader.read(_CHUNK_BYTES):
            await self._pass_weather(len(data))
            for kind, body, whole in framer.feed(data):
                if watch.is_kept(kind, body):
                    self.commits += 1
                    if self._is_watching:
                        self._seen += 1
                    if self._cuts(self._seen, LOSE_ANSWER):
                        self.answers_lost += 1
                        _reset(writer)
                        _reset(up_writer)
                        return
                writer.write(whole)
            await writer.drain()

    def _cuts(self, number: int, kind: str) -> bool:
        if not self._is_watching or self._target is None or self._target[1] != kind:
            return False
        at = self._target[0]
        cuts = number == at or (self._is_lasting and number > at)
        self.struck += cuts
        return cuts

    async def _pass_weather(self, size: int, *, is_answer: bool = True) -> None:
        while self.weather.is_silent:
            await self._change.wait()
        if is_answer and self.weather.delay_seconds:
            await asyncio.sleep(self.weather.delay_seconds)
        if self.weather.bytes_per_second:
            await asyncio.sleep(size / self.weather.bytes_per_second)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once and rudely: what was not sent is lost, and the other end hears a reset."""
    raw = writer.get_extra_info("socket")
    with suppress(OSError):
        if raw is not None and raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@asynccontextmanager
async def a_proxy(url: str) -> AsyncIterator[Proxy]:
    """A way to the server of this address, in fine weather."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = int(server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
