"""Telling open pages that something changed: one reading for all who look, a stream for each.

A page that somebody looks at follows a stream of server-sent events. An event says only that there
is something new; the page then asks for it, as it does every few seconds where it gets no stream.
A process keeps ``STREAMS_MAX`` of them, so that in a flash sale buyers still find a connection.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

import structlog
from litestar import Response
from litestar.response import Stream

from surehold.db.database import PASSING
from surehold.kernel import clock
from surehold.web.storefront.parts import NO_STORE, Store
from surehold.web.storefront.visit import Visit

log = structlog.get_logger(__name__)

#: How old a feed's answer may be. Adding to the cart and paying ask the database itself.
FRESH_MS: Final = 3_000
#: A reading may be older than the page that follows: the first look waits until none is.
SETTLED_SECONDS: Final = FRESH_MS / 1_000
#: What nobody asked about for so long is not read again.
WATCHED_MS: Final = 60_000
WATCHED_MAX: Final = 1_000
#: A quarter of the connections that a process takes.
STREAMS_MAX: Final = 500
#: A stream ends by itself, and its page comes back, perhaps to another process.
STREAM_SECONDS: Final = 600
#: How often a stream looks.
LOOK_SECONDS: Final = 1.0
#: A line that says nothing, so that nobody on the way takes the silence for an end.
SILENCE_SECONDS: Final = 20
#: Pages come back this much later, not all at once.
RETRY_MS: Final = (2_000, 6_000)
EVENT_STREAM: Final = "text/event-stream"
LAST_EVENT_ID: Final = b"last-event-id"

Key = TypeVar("Key", bound=Hashable)
Told = TypeVar("Told")
Answer: TypeAlias = Response[bytes] | Stream


class Feed(Generic[Key, Told]):
    """What is true of everything that somebody looks at in one process: one reading for them all.

    However many look, the database is asked once in ``FRESH_MS``, about all of it together.
    ``read`` answers for every key.
    """

    def __init__(self, read: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Told]]]) -> None:
        self._read = read
        self._asked_ms: dict[Key, int] = {}
        self._told: dict[Key, Told] = {}
        self._read_ms = -FRESH_MS
        self._reading = asyncio.Lock()

    async def look(self, key: Key) -> Told:
        """What is true of one of them, at most ``FRESH_MS`` old."""
        self._asked_ms.pop(key, None)
        self._asked_ms[key] = _now_ms()
        async with self._reading:
            if _now_ms() - self._read_ms >= FRESH_MS:
                since = _now_ms() - WATCHED_MS
                watched = [one for one, at_ms in self._asked_ms.items() if at_ms >= since]
                self._asked_ms = {one: self._asked_ms[one] for one in watched[-WATCHED_MAX:]}
                self._told = dict(await self._read(list(self._asked_ms)))
                self._read_ms = _now_ms()
            if key not in self._told:
                self._told |= await self._read([key])
            return self._told[key]


class Streams:
    """The streams of one process."""

    def __init__(self) -> None:
        #: How many are open now.
        self.count = 0

    def follow(
        self, store: Store, visit: Visit, look: Callable[[], Awaitable[str]], *, seen: str
    ) -> Answer:
        """A stream with an event whenever ``look`` says something else than the last time.

        ``seen`` is what the page shows; a browser that comes back says itself what it was told
        last. With too many streams the answer is 204, after which browsers do not ask again.
        """
        if self.count >= STREAMS_MAX:
            return store.answer(visit, "", status=204, cache=NO_STORE)
        seen = visit.headers.get(LAST_EVENT_ID, seen.encode()).decode("latin-1")
        page = store.answer(visit, "", cache=NO_STORE, headers={"x-accel-buffering": "no"})
        return Stream(
            self._tell(look, seen), media_type=EVENT_STREAM, headers=page.headers,
            cookies=page.cookies,
        )  # fmt: skip

    async def _tell(self, look: Callable[[], Awaitable[str]], seen: str) -> AsyncIterator[bytes]:
        self.count += 1
        try:
            least_ms, most_ms = RETRY_MS
            yield b"retry: %d\n\n" % (least_ms + secrets.randbelow(most_ms - least_ms))
            spoke_ms = _now_ms()
            ends_ms = spoke_ms + 1_000 * STREAM_SECONDS
            await asyncio.sleep(SETTLED_SECONDS)
            while _now_ms() < ends_ms:
                mark = await look()
                if mark != seen:
                    seen, spoke_ms = mark, _now_ms()
                    yield f"id: {mark}\ndata: {mark}\n\n".encode()
                elif _now_ms() - spoke_ms >= 1_000 * SILENCE_SECONDS:
                    spoke_ms = _now_ms()
                    yield b":\n\n"
                await asyncio.sleep(LOOK_SECONDS)
        except PASSING as error:
            # It cannot be read now; the page comes back, or asks by itself.
            log.info("stream_ended", reason=type(error).__name__)
        finally:
            self.count -= 1


def _now_ms() -> int:
    return round(1000 * clock.monotonic_seconds())
