"""What ``surehold doctor --send-test-event`` does: it plays every provider to the store itself.

An event about nothing is signed with the store's own webhook secret and sent, twice, to the
address that is registered at the provider, so that it goes through whatever stands in front of the
store. It must be answered, and lie in the inbox once. Nothing but the inbox knows of it.
"""

from __future__ import annotations

import enum
import secrets
import socket
import ssl
from collections.abc import Iterable, Iterator
from typing import Final

import httpx2
import msgspec

from surehold.db import Database
from surehold.kernel import clock
from surehold.payments import queries as payments
from surehold.payments.errors import ProviderUnknown
from surehold.payments.providers.failures import (
    ProviderFailure,
    Unavailable,
)
from surehold.payments.providers.http import Answer, ProviderHttp
from surehold.payments.providers.port import (
    Rehearsal,
    RemoteProvider,
)
from surehold.payments.providers.references import REHEARSED
from surehold.payments.providers.registry import Providers


class Verdict(enum.Enum):
    """How one check ended."""

    OK = "ok"
    WARNING = "warning"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    detail: str


class _Refusal(msgspec.Struct, frozen=True):
    """As much of an answer as says whether this program gave it."""

    code: str


#: Told twice, as every provider may: it is kept once.
TIMES: Final = 2
_UNPROVEN: Final = frozenset({400, 401})


async def send_test_events(
    db: Database,
    providers: Providers,
    base_url: str,
    *,
    client: httpx2.AsyncClient | None = None,
) -> list[Check]:
    """Send what each provider would send to this store, and look for it in the inbox of ``db``."""
    checks: list[Check] = []
    for provider in _remotes(providers):
        address = f"{base_url.rstrip('/')}/webhooks/{provider.name}"
        way = ProviderHttp(address, {}, client=client)
        try:
            checks += await _send_all(db, provider, address, way)
        finally:
            if client is None:
                await way.close()
    return checks


def _remotes(providers: Providers) -> Iterator[RemoteProvider]:
    found = (providers.find_remote(provider.name) for provider in providers)
    return (provider for provider in found if provider is not None)


async def _send_all(
    db: Database, provider: RemoteProvider, address: str, way: ProviderHttp
) -> list[Check]:
    """One event by each live secret; without one that we could sign with, one without proof."""
    at = clock.unix_seconds()
    events = provider.rehearse(f"{REHEARSED}{secrets.token_hex(8)}", at=at)
    if not events:
        return [await _send_unproven(provider, address, way)]
    return [
        Check(f"test event: {provider.name}", verdict, f"{address}, secret {one.secret}: {detail}")
        for one in events
        for verdict, detail in [await _send(db, provider, way, one, at=at)]
    ]


async def _send(
    db: Database, provider: RemoteProvider, way: ProviderHttp, one: Rehearsal, *, at: int
) -> tuple[Verdict, str]:
    (event,) = provider.parse_webhook(one.body, one.headers, received_at=at)
    before = await _count(db, provider, event.dedup_key)
    for _ in range(TIMES):
        try:
            answer = await way.send("POST", "", one.body, one.headers)
        except ProviderFailure as failure:
            return Verdict.FAIL, _explain_failure(failure)
        if answer.status != 200:
            return Verdict.FAIL, _explain_refusal(answer, one.secret)
    came = await _count(db, provider, event.dedup_key) - before
    if came == TIMES:
        return Verdict.OK, "arrived, twice, and was kept once"
    return Verdict.FAIL, (
        "answered with 200, but it is not in this store's inbox: SUREHOLD_BASE_URL leads to "
        "another store, or the server there works on another database"
    )


async def _count(db: Database, provider: RemoteProvider, dedup_key: str) -> int:
    async with db.connection() as connection:
        found = await payments.find_delivered(
            connection,
            provider=provider.name,
            account=provider.account,
            dedup_key=dedup_key,
        )
    return 0 if found is None else found.seen_count


async def _send_unproven(provider: RemoteProvider, address: str, way: ProviderHttp) -> Check:
    """See that the address is there, and believes nothing without proof."""
    name, title = f"test event: {provider.name}", provider.capabilities.title
    try:
        answer = await way.send("POST", "", b"{}", {"content-type": "application/json"})
    except ProviderFailure as failure:
        return Check(name, Verdict.FAIL, f"{address}: {_explain_failure(failure)}")
    if answer.status in _UNPROVEN:
        detail = (
            f"{address}: reached, and it refuses what is not signed. Only {title} can sign: "
            "whether its own messages are believed, a payment there shows"
        )
        return Check(name, Verdict.OK, detail)
    if answer.status == 200:
        detail = "answered with 200 to a message without any proof: this is not the store"
    else:
        detail = _explain_refusal(answer, "")
    return Check(name, Verdict.FAIL, f"{address}: {detail}")


def _explain_refusal(answer: Answer, secret: str) -> str:
    """What an answer that is not 200 says of what stands between the provider and the store."""
    told = answer.find(_Refusal)
    code, status = None if told is None else told.code, answer.status
    if code == ProviderUnknown.code:
        return "the server that runs does not have this provider: start it anew with its settings"
    if status == 404:
        return "404, and not by the store: a proxy in front of it does not pass /webhooks/ on"
    if status in _UNPROVEN and code is not None:
        return (
            f"refused with {status}: the server that runs does not know this secret ({secret}); "
            "start it anew after a change, and compare the two clocks"
        )
    if status in (401, 403, 405):
        return f"refused with {status}, and not by the store: a proxy keeps providers out"
    if 300 <= status < 400:
        return f"redirected with {status}: providers do not follow; register where it leads"
    if status >= 500:
        return f"answered with {status}: the store, or what is in front of it, cannot keep it now"
    return f"answered with {status}: not what a store says to a provider"


def _explain_failure(failure: ProviderFailure) -> str:
    """Why nothing was answered, and what to do about it."""
    causes = tuple(_list_causes(failure))
    if _has(causes, socket.gaierror):
        return "there is no such host: SUREHOLD_BASE_URL is misspelt, or its name is not set up"
    if _has(causes, ssl.SSLError):
        return "its certificate is not one that providers trust"
    if _has(causes, httpx2.TimeoutException, TimeoutError):
        return "no answer in time: a firewall swallows it, or the server is overwhelmed"
    if isinstance(failure, Unavailable):
        return "the connection is refused: nothing listens there; surehold serve"
    return f"no whole answer: {failure}"


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and whatever it came of."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _has(causes: Iterable[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes)
