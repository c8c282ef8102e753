"""For whoever runs the store: health, metrics, and the sweep on demand."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg
import msgspec
import structlog
from litestar import Response, get, post
from litestar.di import NamedDependency

from surehold.checkout.commands import sweep
from surehold.checkout.model import Swept
from surehold.config import Config
from surehold.db import Connection, health, urgent
from surehold.db.database import CONNECTION_LOST
from surehold.db.migrate import MigrationChanged, list_pending
from surehold.kernel import clock
from surehold.kernel.errors import Busy
from surehold.web import metrics
from surehold.web.api.access import check_bearer
from surehold.web.api.parts import Parts
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, headers_of
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import CRON, describe
from surehold.web.rates import is_in

log = structlog.get_logger(__name__)

#: A readiness probe asks often; one that waits longer than this has its answer.
PROBE_SECONDS: Final = 2
#: A database that takes longer for one short question, twice, is not well.
SLOW_SECONDS: Final = 0.15
#: What proxies add to what they pass on.
_PASSED_ON: Final = (b"x-forwarded-for", b"x-real-ip", b"forwarded", b"via")
_UNREACHABLE: Final = (*CONNECTION_LOST, asyncpg.PostgresError, TimeoutError, Busy)


class LiveShape(msgspec.Struct, frozen=True):
    """This process answers."""

    status: str


class ReadyShape(msgspec.Struct, frozen=True):
    """Whether this process can serve buyers; why it cannot, or not as it should."""

    status: str
    reasons: tuple[str, ...]


@get(
    "/health/live",
    opt=describe(tag="operations", summary="Is the process alive?", answer=LiveShape),
)
async def live() -> ApiResponse:
    """Answer, and nothing else."""
    return answer(LiveShape("ok"))


@get(
    "/health/ready",
    opt=describe(
        tag="operations",
        summary="Can the process serve buyers?",
        about="The database answers, its migrations are complete and the lanes are open; else "
        "503 with `reasons`: `database_unreachable`, `migrations_pending`, `lane_closed: …`. "
        "`degraded` (200) serves, but some are told to come back: `database_slow`, "
        "`pool_exhausted`.",
        answer=ReadyShape,
        also={503: "It cannot, for these reasons."},
    ),
)
async def ready(parts: NamedDependency[Parts]) -> ApiResponse:
    """Look at everything that a checkout needs."""
    # Asked before the probe, which takes none of the connections that it counts.
    strains = ["pool_exhausted"] if parts.db.is_exhausted else []
    reasons = [*await _database_reasons(parts, strains), *_lane_reasons(parts)]
    if reasons:
        return answer(ReadyShape("unavailable", tuple(reasons)), status=503)
    return answer(ReadyShape("degraded" if strains else "ok", tuple(strains)))


async def _database_reasons(parts: Parts, strains: list[str]) -> list[str]:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            with urgent():
                async with parts.db.connection() as connection:
                    # Once more: the first time the server has to be told what is meant.
                    if await _is_slow(connection) and await _is_slow(connection):
                        strains.append("database_slow")
            if not parts.is_migrated:
                # Once complete they stay complete for this program, so this is asked until then.
                settings = parts.db.settings
                pending = await list_pending(settings.url, schema=settings.schema)
                parts.is_migrated = not pending
    except MigrationChanged:
        return ["migrations_differ"]
    except (*_UNREACHABLE, RuntimeError) as error:
        log.warning("not_ready", error=repr(error))
        return ["database_unreachable"]
    return [] if parts.is_migrated else ["migrations_pending"]


async def _is_slow(connection: Connection) -> bool:
    began = clock.monotonic_seconds()
    await health.get_server_facts(connection)
    return clock.monotonic_seconds() - began > SLOW_SECONDS


def _lane_reasons(parts: Parts) -> list[str]:
    lanes = (parts.checkout.placing, parts.checkout.settling)
    return [f"lane_closed: {lane.name}" for lane in lanes if not lane.is_open]


@get(
    "/metrics",
    opt=describe(
        tag="operations",
        summary="Figures for Prometheus",
        about="Read from this machine and from the networks of `SUREHOLD_METRICS_NETWORKS`; from "
        "anywhere with `SUREHOLD_METRICS_SECRET` as `Authorization: Bearer …`. A request that a "
        "proxy passed on comes from where the proxy says, if it is one of ours, and else from "
        "anywhere.",
        answer=str,
        answer_type=metrics.CONTENT_TYPE,
        errors=(Unauthenticated,),
    ),
)
async def show_metrics(request: ApiRequest, parts: NamedDependency[Parts]) -> Response[bytes]:
    """Requests, latencies, lanes, pool, webhooks; for whoever runs the store."""
    if not _is_near(request, parts.config):
        check_bearer(headers_of(request), parts.config.metrics_secret)
    return Response(parts.metrics.expose(), media_type=metrics.CONTENT_TYPE)


def _is_near(request: ApiRequest, config: Config) -> bool:
    """Whether a request comes from a network that may read the figures, as far as we can know."""
    client = request.scope["client"]
    # Of a proxy that is not named as ours we see the address, and not whom it speaks for.
    is_passed_on = any(name in headers_of(request) for name in _PASSED_ON)
    if client is None or (is_passed_on and not config.trusted_proxies):
        return False
    return is_in(client[0], config.metrics_networks)


_CLEANUP: Final = describe(
    tag="operations",
    summary="Sweep now",
    about="Frees expired holds, cancels what nobody paid for, asks providers about undecided "
    "payments, acts on waiting webhooks and forgets what is past its use; answers how many of "
    "each. Safe to call at any time, from anywhere, at once.",
    answer=Swept,
    errors=(Unauthenticated, Busy),
    security=(CRON,),
)


@get("/cron/cleanup", opt=_CLEANUP)
async def get_cleanup(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """For schedulers that can only GET."""
    return await _clean_up(request, parts)


@post("/cron/cleanup", status_code=200, opt=_CLEANUP)
async def post_cleanup(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """What the worker does by itself, now."""
    return await _clean_up(request, parts)


async def _clean_up(request: ApiRequest, parts: Parts) -> ApiResponse:
    check_bearer(headers_of(request), parts.config.cron_secret)
    return answer(await sweep(parts.checkout))


HANDLERS: Final = (live, ready, show_metrics, get_cleanup, post_cleanup)
