"""Runs the journeys: the shop, the imaginary provider and the buyers, each in its own process."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from bench import journey, web
from bench.store import SKUS, Bench, State, environment_of, variant_id
from surehold import processes
from surehold.config import Mode

BUYERS: Final = 32
_API_KEY: Final = "bench-api-key-of-this-run"
_HOOK_SECRET: Final = "bench-webhook-secret-of-this-run"  # noqa: S105 - it guards no money
_CONTROL_KEY: Final = "bench-control-key-of-this-run"


def measure(bench: Bench, *, seconds: float, folder: Path) -> tuple[journey.Journeys, State]:
    """Let buyers buy from a fresh store.

    Raises:
        web.HttpFailed: A process did not start or failed.
    """
    bench.fresh()
    provider_port = _free_port()
    provider = processes.start(
        "payment provider",
        "surehold.sandbox",
        f"--port={provider_port}",
        f"--book={folder / 'sandbox.sqlite'}",
        environment=environment_of(
            {
                "SUREHOLD_MODE": Mode.TEST.value,
                "SUREHOLD_SANDBOX_API_KEY": _API_KEY,
                "SUREHOLD_SANDBOX_CONTROL_KEY": _CONTROL_KEY,
                "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": _HOOK_SECRET,
            }
        ),
    )
    try:
        web.wait_until_ready(provider, provider_port, "/health")
        more = {
            "SUREHOLD_SANDBOX_URL": f"http://{web.HOST}:{provider_port}",
            "SUREHOLD_SANDBOX_API_KEY": _API_KEY,
            "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": f'["{_HOOK_SECRET}"]',
        }
        with web.serving(bench, more=more) as port:
            plan = journey.plan_of(
                msgspec.json.decode(web.bodies(1)[0]),
                host=web.HOST,
                port=port,
                buyers=BUYERS,
                seconds=seconds,
                variant_ids=tuple(str(variant_id(number)) for number in range(1, SKUS + 1)),
            )
            seen = _send(plan, provider_port)
    finally:
        provider.stop(is_hurried=lambda: False)
    return seen, bench.state()


def _send(plan: journey.Plan, provider_port: int) -> journey.Journeys:
    done = subprocess.run(
        [sys.executable, "-m", "bench.journey", web.HOST, str(provider_port)],
        input=msgspec.json.encode(plan),
        capture_output=True,
        check=False,
        timeout=plan.seconds + 4 * journey.PATIENCE_SECONDS,
    )
    if done.returncode != 0:
        raise web.HttpFailed(f"The buyers failed: {done.stderr[-2_000:].decode()}")
    return msgspec.json.decode(done.stdout, type=journey.Journeys)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((web.HOST, 0))
        return int(probe.getsockname()[1])
