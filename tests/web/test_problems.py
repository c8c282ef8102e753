"""Every refusal is a problem document, and says no more than it should."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from surehold.db import Database
from surehold.kernel.errors import Busy, DomainError, Fault, InvalidInput, Kind
from surehold.web import limits, problems
from surehold.web.api import checkout_route
from surehold.web.problems import STATUS, BodyTooSlow, problem_of
from tests.builders.catalog import a_product
from tests.support.api import Api, a_body, a_key


def test_every_kind_has_a_status() -> None:
    assert set(STATUS) == set(Kind)


def test_protocol_refusals_have_codes_of_their_own() -> None:
    found = problems.ProtocolRefusal.__subclasses__()
    codes = [kind.code for kind in found]

    assert len(set(codes)) == len(codes) == 11
    assert not set(codes) & {kind.code for kind in DomainError.__subclasses__()}


def test_invalid_input_lists_its_faults() -> None:
    reply = problem_of(InvalidInput((Fault("/a", "missing", "Needed."),)), request_id="r")

    assert reply.status == 422
    assert msgspec.json.decode(reply.body) == {
        "type": "urn:surehold:problem:invalid_input",
        "title": "The input is not valid",
        "status": 422,
        "detail": "1 problem found.",
        "instance": "r",
        "code": "invalid_input",
        "errors": [{"pointer": "/a", "code": "missing", "detail": "Needed."}],
    }


def test_busy_says_when_to_come_back() -> None:
    reply = problem_of(Busy("Full.", retry_after_seconds=7), request_id="r")

    assert reply.status == 503
    assert dict(reply.headers)["retry-after"] == "7"
    assert msgspec.json.decode(reply.body)["retry_after_seconds"] == 7


def test_a_fact_of_a_taken_name_is_sent_beside_it() -> None:
    class Sample(Busy):
        """A failure whose fact is called as a member of RFC 9457."""

    error = Sample("No.")
    error.facts = {"status": "paid", "detail": "d", "lines": [1]}

    document = msgspec.json.decode(problem_of(error, request_id="r").body)

    assert (document["status"], document["current_status"]) == (503, "paid")
    assert (document["detail"], document["current_detail"]) == ("No.", "d")
    assert document["lines"] == [1]


def test_half_a_surrogate_pair_can_be_told() -> None:
    error = Busy("\ud800")

    assert b"\\ud800" in problem_of(error, request_id="r").body


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.InterfaceError("gone"),
        asyncpg.LockNotAvailableError(),
        asyncpg.QueryCanceledError(),
        TimeoutError(),
    ],
)
def test_a_database_that_is_away_is_no_fault_of_ours(error: Exception) -> None:
    with capture_logs() as lines:
        reply = problem_of(error, request_id="r")

    assert (reply.status, dict(reply.headers)["retry-after"]) == (503, "2")
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("database_unavailable", "warning")
    ]


@pytest.mark.parametrize("path", ["/checkout", "/cart", "/checkout/"])
async def test_what_nobody_foresaw_is_logged_once_and_not_told(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(checkout_route, "place_order", explode)
    monkeypatch.setattr(Database, "connection", explode)
    product_id = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"
    body = {"variant_id": product_id} if path == "/cart" else a_body(UUID(product_id))

    with capture_logs() as lines:
        answer = await api.post(path, body, headers={**a_key(), "X-Request-Id": "it.is-me"})

    assert answer.refusal == (500, "internal_error")
    assert b"swordfish" not in answer.raw
    assert b"Traceback" not in answer.raw
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("request_failed", "it.is-me")
    ]


async def test_an_unknown_address_is_a_problem(api: Api) -> None:
    for path in ("/api/v1/nothing", "/nowhere", "/api/v2/products", "/cron/"):
        assert (await api.get(path)).refusal == (404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/cart", {"DELETE", "GET", "OPTIONS", "POST"}),
        ("POST", "/products", {"GET", "OPTIONS"}),
        ("DELETE", "/checkout", {"OPTIONS", "POST"}),
        ("GET", "/webhooks/sandbox", {"OPTIONS", "POST"}),
    ],
)
async def test_another_method_is_told_which_are_taken(
    api: Api, method: str, path: str, allowed: set[str]
) -> None:
    answer = await api(method, path)

    assert answer.refusal == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ("abc-1.2_X", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("a b", False),
        ("a<script>", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/products", "/checkout", "/nothing"])
async def test_a_sane_request_id_is_kept(
    api: Api, given: str, path: str, *, is_kept: bool
) -> None:
    method = "POST" if path == "/checkout" else "GET"

    answer = await api(method, path, headers={"X-Request-Id": given})

    assert (answer.headers["x-request-id"] == given) is is_kept
    assert 1 <= len(answer.headers["x-request-id"]) <= 64


async def test_ids_of_two_requests_differ(api: Api) -> None:
    first, second = await api.get("/health/live"), await api.get("/health/live")

    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/cart", "/checkout/quote"])
async def test_a_body_over_a_megabyte_is_refused(api: Api, path: str) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await api("POST", path, content=b" " * (1024 * 1024 + 1), headers=headers)

    assert answer.refusal == (413, "body_too_large")


async def send_slowly(api: Api, path: str, parts: list[dict[str, Any]]) -> list[Any]:
    """Send a body by messages; after the last one nothing comes any more."""
    sent: list[Any] = []
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"shop.test")],
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("shop.test", 80),
    }
    await api.application(scope, receive, send)
    return sent


PATHS = ["/api/v1/checkout", "/api/v1/cart", "/webhooks/sandbox"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_does_not_come_is_given_up(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)

    sent = await send_slowly(
        api, path, [{"type": "http.request", "body": b"{", "more_body": True}]
    )

    assert sent[0]["status"] == BodyTooSlow.status == 408
    assert msgspec.json.decode(sent[1]["body"])["code"] == "body_too_slow"


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_is_counted_while_it_comes(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(limits, "DRAIN_SECONDS", 0.05)
    part = {"type": "http.request", "body": b" " * 100_000, "more_body": True}

    sent = await send_slowly(api, path, [part] * 11)

    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_client_that_goes_away_is_no_fault_of_ours(api: Api, path: str) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}

    with capture_logs() as lines:
        sent = await send_slowly(api, path, [part, {"type": "http.disconnect"}])

    assert sent[0]["status"] == 400
    assert lines == []


async def test_a_body_in_many_parts_is_one_body(api: Api) -> None:
    product = await a_product(api.db)
    raw = msgspec.json.encode({"variant_id": product.variant_id})
    parts = [
        {"type": "http.request", "body": raw[index : index + 1], "more_body": True}
        for index in range(len(raw))
    ]

    sent = await send_slowly(api, "/api/v1/cart", [*parts, {"type": "http.request"}])

    assert sent[0]["status"] == 201


async def test_what_announces_too_much_is_not_read(api: Api) -> None:
    answer = await api("POST", "/cart", content=b"{}", headers={"Content-Length": "9" * 30})

    assert answer.refusal == (413, "body_too_large")
