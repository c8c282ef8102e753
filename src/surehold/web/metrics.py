"""Figures of one process for Prometheus, counted with plain integers.

The client library's counters take a lock each; one event loop needs none, so requests are counted
here for a fraction of a microsecond and turned into the library's families when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from surehold.checkout.engine import Checkout

BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
#: The route of a request that met none.
UNMATCHED: Final = "unmatched"
_BOUNDS: Final = (*(str(bound) for bound in BUCKETS_SECONDS), "+Inf")


class Metrics:
    """What this process has answered, and what its lanes and its pool are doing."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: dict[tuple[str, str], list[int]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._webhooks: Counter[tuple[str, str]] = Counter()
        #: Checkouts that were answered with an order, the repeated ones included.
        self.orders_placed = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request. ``route`` is a template, never an address with ids in it."""
        self._requests[method, route, status] += 1
        key = (method, route)
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = [0] * len(_BOUNDS)
            self._seconds[key] = 0.0
        buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self._seconds[key] += seconds

    def count_webhook(self, provider: str, verdict: str) -> None:
        """One delivery. ``provider`` is one of ours, never a name from outside."""
        self._webhooks[provider, verdict] += 1

    def expose(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The families, for the registry."""
        requests = CounterMetricFamily(
            "surehold_http_requests",
            "Answered requests of the JSON side.",
            labels=("method", "route", "status"),
        )
        for (method, route, status), count in self._requests.items():
            requests.add_metric((method, route, str(status)), count)
        yield requests
        latency = HistogramMetricFamily(
            "surehold_http_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            labels=("method", "route"),
        )
        for key, counts in self._buckets.items():
            latency.add_metric(key, _cumulated(counts), self._seconds[key])
        yield latency
        webhooks = CounterMetricFamily(
            "surehold_webhooks", "Webhook deliveries.", labels=("provider", "verdict")
        )
        for labels, count in self._webhooks.items():
            webhooks.add_metric(labels, count)
        yield webhooks
        yield CounterMetricFamily(
            "surehold_orders_placed",
            "Checkouts that were answered with an order, repeated ones included.",
            value=self.orders_placed,
        )
        yield from self._collect_lanes()
        yield from self._collect_pool()

    def _collect_lanes(self) -> Iterator[Metric]:
        lanes = (self._checkout.placing, self._checkout.settling)
        for name, about in (
            ("batches", "Transactions of the lane."),
            ("requests", "Requests that its transactions carried out."),
            ("refused_busy", "Requests that were told to come back."),
            ("reruns", "Requests that were run again alone."),
        ):
            counter = CounterMetricFamily(f"surehold_lane_{name}", about, labels=("lane",))
            for lane in lanes:
                counter.add_metric((lane.name,), getattr(lane.figures, name))
            yield counter
        for name, about in (
            ("batch_limit", "Largest batch that the lane takes now."),
            ("largest_batch", "Largest batch so far."),
        ):
            gauge = GaugeMetricFamily(f"surehold_lane_{name}", about, labels=("lane",))
            for lane in lanes:
                gauge.add_metric((lane.name,), getattr(lane.figures, name))
            yield gauge
        waiting = GaugeMetricFamily(
            "surehold_lane_waiting", "Requests that wait for a batch.", labels=("lane",)
        )
        for lane in lanes:
            waiting.add_metric((lane.name,), lane.waiting_count)
        yield waiting

    def _collect_pool(self) -> Iterator[Metric]:
        idle, used = self._checkout.db.pool_sizes
        family = GaugeMetricFamily(
            "surehold_pool_connections", "Connections of the pool.", labels=("state",)
        )
        family.add_metric(("idle",), idle)
        family.add_metric(("used",), used)
        yield family


def _cumulated(counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    found: list[tuple[str, float]] = []
    for bound, count in zip(_BOUNDS, counts, strict=True):
        total += count
        found.append((bound, total))
    return found
