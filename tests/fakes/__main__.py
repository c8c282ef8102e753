"""Run a fake by hand: ``python -m tests.fakes stripe --port 9001 --notify http://127.0.0.1:8000``.

Its dashboard is under ``/control``: ``curl -d '{"payment": "cs_…"}' …/control/pay``.
"""

from __future__ import annotations

import argparse

import uvicorn

from tests.fakes import FAKES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("provider", choices=sorted(FAKES))
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--notify", default="http://127.0.0.1:8000", help="the store's address")
    chosen = parser.parse_args()
    fake = FAKES[chosen.provider](notify_url=f"{chosen.notify}/webhooks/{chosen.provider}")
    uvicorn.run(fake, host="127.0.0.1", port=chosen.port, log_level="warning")


main()
