"""Whole journeys, from an empty cart to a paid order, by many buyers at once.

A process of its own, as the load client: ``python -m bench.journey`` reads its plan as JSON from
standard input and writes what it saw to standard output.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import uvloop

POLL_SECONDS: Final = 0.02
#: A buyer who is not told that the order is paid in this time is a failure.
PATIENCE_SECONDS: Final = 10
CREATED: Final = 201
_API: Final = "/api/v1"


class Plan(msgspec.Struct, frozen=True):
    """How many buy how long. ``checkout`` is the body of a checkout without its basket."""

    host: str
    port: int
    buyers: int
    seconds: float
    variant_ids: tuple[str, ...]
    checkout: dict[str, Any]


class Journeys(msgspec.Struct, frozen=True):
    """What became of the buyers."""

    paid: int
    failed: int
    seconds: float
    per_s: float
    p50_ms: float
    p99_ms: float
    first_problem: str | None


class JourneyBroke(RuntimeError):
    """A buyer got an answer that ends the journey."""


class _Client:
    """One keep-alive connection to one server."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes]:
        """One request; its status and its body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(
            int(line.partition(":")[2])
            for line in head.split("\r\n")
            if line.startswith("content-length:")
        )
        answer = await reader.readexactly(length)
        if "connection: close" in head:
            self.close()
        return int(head[9:12]), answer

    async def json(
        self, method: str, path: str, body: Any = None, *, expected: int, **headers: str
    ) -> Any:
        """A request to the API and its answer.

        Raises:
            JourneyBroke: The status is another one.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        if content:
            headers["Content_Type"] = "application/json"
        status, answer = await self.ask(method, _API + path, content, **headers)
        if status != expected:
            raise JourneyBroke(f"{method} {path}: {status} {answer[:1_000]!r}")
        return msgspec.json.decode(answer)

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _buy(shop: _Client, provider: _Client, plan: Plan, variant_id: str) -> None:
    """One journey, as the storefront's pages would make it."""
    item = {"variant_id": variant_id, "quantity": 1, "currency": plan.checkout["currency"]}
    cart = await shop.json("POST", "/cart", item, expected=CREATED)
    opened = {"X_Cart_Token": cart["token"]}
    basket = {"cart_id": cart["id"], "shipping_method": plan.checkout["shipping_method"]}
    quote = await shop.json("POST", "/checkout/quote", basket, expected=CREATED, **opened)
    checkout = {
        **plan.checkout,
        "cart_id": cart["id"],
        "quote_id": quote["id"],
        "expected_total": quote["total"],
    }
    del checkout["currency"]
    placed = await shop.json(
        "POST",
        "/checkout",
        checkout,
        expected=CREATED,
        Idempotency_Key=str(uuid4()),
        **opened,
    )
    page = urlsplit(placed["payment"]["next_action"]["url"]).path
    await provider.ask("GET", page)
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    status, answer = await provider.ask("POST", page, b"test_card=success", **form)
    if status != 303:
        raise JourneyBroke(f"The provider's page: {status} {answer[:1_000]!r}")
    order = placed["order"]
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while time.perf_counter() < deadline:
        found = await shop.json(
            "GET", f"/orders/{order['id']}", expected=200, X_Order_Token=order["access_token"]
        )
        if found["payment_status"] == "paid":
            return
        await asyncio.sleep(POLL_SECONDS)
    raise JourneyBroke(f"Order {order['number']} is still {found['payment_status']}.")


async def run(plan: Plan, provider_address: tuple[str, int]) -> Journeys:
    """Have every buyer buy again and again until the time is over."""
    taken: list[float] = []
    problems: list[str] = []
    began = time.perf_counter()
    choose = random.Random(1).choice  # noqa: S311 - it chooses a product

    async def buyer() -> None:
        shop, provider = _Client(plan.host, plan.port), _Client(*provider_address)
        while time.perf_counter() - began < plan.seconds:
            since = time.perf_counter()
            try:
                await _buy(shop, provider, plan, choose(plan.variant_ids))
            except (JourneyBroke, OSError, EOFError, KeyError) as error:
                problems.append(repr(error))
                shop.close()
                provider.close()
            else:
                taken.append(time.perf_counter() - since)
        shop.close()
        provider.close()

    await asyncio.gather(*(buyer() for _ in range(plan.buyers)))
    seconds = time.perf_counter() - began
    taken.sort()

    def percentile(fraction: float) -> float:
        return 1_000 * taken[int(fraction * (len(taken) - 1))] if taken else 0.0

    return Journeys(
        paid=len(taken),
        failed=len(problems),
        seconds=seconds,
        per_s=len(taken) / seconds,
        p50_ms=percentile(0.50),
        p99_ms=percentile(0.99),
        first_problem=problems[0] if problems else None,
    )


def plan_of(body: Mapping[str, Any], **where: Any) -> Plan:
    """A plan from the body of a checkout of lines."""
    kept = {name: value for name, value in body.items() if name not in {"lines", "expected_total"}}
    return Plan(checkout={**kept, "payment_method": {"provider": "sandbox"}}, **where)


def main() -> None:
    """Read the plan, carry it out, write what was seen."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(run(plan, (sys.argv[1], int(sys.argv[2]))))
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
