"""Health, metrics and the sweep on demand."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from surehold.db import Database, migrate
from surehold.web.application import create_web
from tests.builders.catalog import a_product
from tests.support.api import CRON, STAFF, Api, _router, a_config, an_api
from tests.support.placing import counters

PROXIED = {"trusted_proxies": ("127.0.0.1",)}
METRICS = {"metrics_secret": SecretStr("the-metrics-secret-of-a-test")}


async def test_a_process_that_answers_is_alive(api: Api) -> None:
    answer = await api.get("/health/live")

    assert (answer.status, answer.body) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"


async def test_a_process_that_can_serve_is_ready(api: Api) -> None:
    answer = await api.get("/health/ready")

    assert (answer.status, answer.body) == (200, {"status": "ok", "reasons": []})


async def test_a_process_with_closed_lanes_is_not_ready(api: Api) -> None:
    await api.checkout.close()

    answer = await api.get("/health/ready")

    assert answer.status == 503
    assert answer.body == {
        "status": "unavailable",
        "reasons": ["lane_closed: placing", "lane_closed: settling"],
    }


async def test_a_process_without_its_database_is_not_ready(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Database) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(Database, "_acquire", refuse)

    answer = await api.get("/health/ready")

    assert (answer.status, answer.body["reasons"]) == (503, ["database_unreachable"])
    assert (await api.get("/health/live")).status == 200


async def test_a_process_ahead_of_its_database_is_not_ready(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = migrate.list_migrations()
    newest = migrate.Migration(len(shipped) + 1, "next", "-- nothing")
    monkeypatch.setattr(migrate, "list_migrations", lambda: (*shipped, newest))

    answer = await api.get("/health/ready")

    assert (answer.status, answer.body["reasons"]) == (503, ["migrations_pending"])


async def test_a_process_behind_its_database_is_not_ready(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = migrate.list_migrations()
    monkeypatch.setattr(migrate, "list_migrations", lambda: shipped[:-1])

    answer = await api.get("/health/ready")

    assert (answer.status, answer.body["reasons"]) == (503, ["migrations_differ"])


async def test_figures_tell_requests_lanes_and_pool(api: Api) -> None:
    product = await a_product(api.db)
    await api.buy(product.variant_id)
    await api.get(f"/products/{product.slug}")
    await api.get("/nowhere")

    answer = await api.get("/metrics")

    assert answer.type.startswith("text/plain; version=")
    text = answer.raw.decode()
    for line in (
        'surehold_http_requests_total{method="POST",route="/api/v1/checkout",status="201"} 1.0',
        'method="GET",route="/api/v1/products/{product}",status="200"} 1.0',
        'surehold_http_requests_total{method="ANY",route="unmatched",status="404"} 1.0',
        'surehold_http_request_seconds_count{method="POST",route="/api/v1/checkout"} 1.0',
        'surehold_lane_requests_total{lane="placing"} 1.0',
        'surehold_lane_waiting{lane="placing"} 0.0',
        "surehold_orders_placed_total 1.0",
        'surehold_pool_connections{state="used"} 0.0',
    ):
        assert line in text


@pytest.mark.parametrize(
    ("peer", "headers", "settings", "status"),
    [
        ("127.0.0.1", {}, {}, 200),
        ("::1", {}, {}, 200),
        ("203.0.113.5", {}, {}, 401),
        ("10.1.2.3", {}, {"metrics_networks": ("10.0.0.0/8",)}, 200),
        ("127.0.0.1", {}, {"metrics_networks": ("10.0.0.0/8",)}, 401),
        # A proxy on this machine that nobody named: whom it speaks for is not known.
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, {}, 401),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, {}, 401),
        (
            "127.0.0.1",
            {"X-Forwarded-For": "203.0.113.5"},
            {"trusted_proxies": ("127.0.0.1",)},
            401,
        ),
        ("203.0.113.5", {"X-Forwarded-For": "127.0.0.1"}, {"trusted_proxies": ("10.0.0.1",)}, 401),
        ("203.0.113.5", {"Authorization": "Bearer "}, {}, 401),
        ("203.0.113.5", {"Authorization": "Bearer a-wrong-one"}, METRICS, 401),
        ("203.0.113.5", {"Authorization": "Bearer the-metrics-secret-of-a-test"}, METRICS, 200),
    ],
)
async def test_figures_are_for_this_machine_and_whoever_has_the_secret(
    api: Api, peer: str, headers: dict[str, str], settings: Any, status: int
) -> None:
    web = create_web(a_config(**settings), api.checkout, api.inbox, router=_router())
    transport = httpx2.ASGITransport(app=web, client=(peer, 1234))

    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        answer = await client.get("/metrics", headers=headers)

    assert answer.status_code == status
    assert ("surehold_lane_waiting" in answer.text) is (status == 200)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_sweep_frees_what_nobody_paid_for(db: Database, url: str, method: str) -> None:
    product = await a_product(db, on_hand=3)
    async with an_api(db) as api:
        await api.buy((product.variant_id, 2))
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE reservations SET expires_at = created_at, is_grace_used = true"
        )

    async with an_api(db) as api:
        answer = await api(method, "/cron/cleanup", headers=CRON)
        again = await api(method, "/cron/cleanup", headers=CRON)

    assert answer.status == 200
    assert answer.body["holds_expired"] == 1
    assert again.body["holds_expired"] == 0
    assert await counters(db, product.variant_id) == (3, 0, 0)


@pytest.mark.parametrize("headers", [{}, STAFF, {"Authorization": "Bearer"}])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_only_the_scheduler_sweeps(api: Api, method: str, headers: dict[str, str]) -> None:
    answer = await api(method, "/cron/cleanup", headers=headers)

    assert answer.refusal == (401, "unauthenticated")


async def test_an_empty_secret_opens_nothing(db: Database) -> None:
    async with an_api(db, cron_secret="", staff_secret="") as api:
        for path, code in (("/cron/cleanup", "unauthenticated"), ("/inventory", "session_over")):
            for token in ("Bearer ", "Bearer"):
                answer = await api.get(path, headers={"Authorization": token})
                assert answer.refusal == (401, code)
