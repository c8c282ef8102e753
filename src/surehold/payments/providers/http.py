"""The one HTTP client for providers: bounded in time and size, and honest about what is unknown.

A call is never made while a transaction is open, follows no redirect, and is repeated here only
where the first try cannot have been carried out or changes nothing. What came of it is one of
three things: an answer, ``Unavailable`` (nothing happened), ``OutcomeUnknown`` (it may have).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, TypeVar

import httpx2
import msgspec

from surehold.db import is_transaction_open
from surehold.kernel import clock
from surehold.payments.providers.failures import (
    ConfigurationFault,
    OutcomeUnknown,
    ProviderFailure,
    Unavailable,
)

Shape = TypeVar("Shape")

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 5.0
#: The read limit is per chunk; this one is for the whole call, slow drip included.
CALL_SECONDS: Final = 10.0
#: Bytes of one answer.
MAX_BYTES: Final = 262_144
#: After so many calls in a row that nobody answered, nobody is asked for a while.
FAILURES_MAX: Final = 10
PAUSE_SECONDS: Final = 5.0

_NOT_REACHED: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_NOT_SENT: Final = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
#: A connection that was kept open and had been closed at the other end: a read may be repeated.
_DROPPED: Final = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)


class OpenTransaction(RuntimeError):
    """A provider was about to be called inside a transaction: a bug, so nothing is sent."""


async def _refuse_in_transaction(_: httpx2.Request) -> None:
    if is_transaction_open():
        raise OpenTransaction("commit before a provider is asked")


@cache
def _world_certificates() -> ssl.SSLContext:
    """Whom everybody trusts, read once: it takes a while."""
    return httpx2.create_ssl_context(trust_env=False)


def provider_client(certificates: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
    """Connections for one provider, whose certificates may be others than the world's."""
    return httpx2.AsyncClient(
        verify=certificates or _world_certificates(),
        trust_env=False,
        follow_redirects=False,
        event_hooks={"request": [_refuse_in_transaction]},
    )


class Answer(msgspec.Struct, frozen=True):
    """What a provider answered. ``lost``: how to say that an answer means nothing certain."""

    status: int
    body: bytes
    lost: type[ProviderFailure]

    @property
    def is_success(self) -> bool:
        """Whether the provider says that it did what was asked."""
        return self.status in (200, 201)

    def read(self, shape: type[Shape]) -> Shape:
        """The body as a value.

        Raises:
            Unavailable, OutcomeUnknown: It is nothing of this shape.
        """
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (ValueError, RecursionError) as error:
            raise self.lost("the answer cannot be read") from error

    def find(self, shape: type[Shape]) -> Shape | None:
        """The body as a value, or ``None``: a proxy's error page is nothing of the provider's."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (ValueError, RecursionError):
            return None


class ProviderHttp:
    """The way to one account. Holds connections, and how long nobody has answered."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        client: httpx2.AsyncClient | None = None,
        sign: Callable[[httpx2.Request], None] | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._client = client or provider_client()
        # Called before every try, so that each has a time and a number of its own.
        self._sign = sign
        self._breaker = _Breaker()

    async def read(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for something. A dropped connection is tried once more: nothing changes by it.

        Raises:
            Unavailable: No answer.
        """
        request = self._client.build_request(
            "GET",
            self._base_url + path,
            params=parameters,
            headers={**self._headers, **(headers or {})},
        )
        return await self._call(request, lost=Unavailable, repeatable=(*_NOT_REACHED, *_DROPPED))

    async def query(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Ask for something by POST, where a provider reads so: as harmless as ``read``.

        Raises:
            Unavailable: No answer.
        """
        request = self._client.build_request(
            "POST", self._base_url + path, content=body, headers={**self._headers, **headers}
        )
        return await self._call(request, lost=Unavailable, repeatable=(*_NOT_REACHED, *_DROPPED))

    async def send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Ask for something to be done, with exactly these bytes.

        Tried once more only where no connection was made.

        Raises:
            Unavailable: It was not carried out.
            OutcomeUnknown: It may have been.
        """
        request = self._client.build_request(
            method, self._base_url + path, content=body, headers={**self._headers, **headers}
        )
        return await self._call(request, lost=OutcomeUnknown, repeatable=_NOT_REACHED)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _call(
        self,
        request: httpx2.Request,
        *,
        lost: type[ProviderFailure],
        repeatable: tuple[type[Exception], ...],
    ) -> Answer:
        self._breaker.check()
        request.extensions["timeout"] = httpx2.Timeout(
            READ_SECONDS, connect=CONNECT_SECONDS
        ).as_dict()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                try:
                    status, body = await self._exchange(request)
                except repeatable:
                    status, body = await self._exchange(request)
        except _NOT_REACHED as error:
            self._breaker.note(is_answered=False)
            raise Unavailable(f"not reached: {type(error).__name__}") from error
        except _NOT_SENT as error:
            raise ConfigurationFault(f"not sent: {error}") from error
        except (httpx2.HTTPError, TimeoutError) as error:
            self._breaker.note(is_answered=False)
            raise lost(f"no answer: {type(error).__name__}") from error
        self._breaker.note(is_answered=status < 500)
        if body is None:
            raise lost("the answer is too large")
        return Answer(status, body, lost)

    async def _exchange(self, request: httpx2.Request) -> tuple[int, bytes | None]:
        """Send once; the body is ``None`` above the limit."""
        if self._sign is not None:
            self._sign(request)
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MAX_BYTES:
                    return response.status_code, None
                chunks.append(chunk)
            return response.status_code, b"".join(chunks)
        finally:
            await response.aclose()


class _Breaker:
    """Spares buyers the wait for a provider that is down; one call in each pause tries again."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def check(self) -> None:
        now = clock.monotonic_seconds()
        if now < self._until:
            raise Unavailable("not asked: it has not answered for a while")
        if self._failures >= FAILURES_MAX:
            self._until = now + PAUSE_SECONDS  # this call goes; the others wait for what it finds

    def note(self, *, is_answered: bool) -> None:
        if is_answered:
            self._failures, self._until = 0, 0.0
            return
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._until = clock.monotonic_seconds() + PAUSE_SECONDS
