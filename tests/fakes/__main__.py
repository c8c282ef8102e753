"""Run a fake by hand: ``python -m tests.fakes stripe --port 9001 --notify http://127.0.0.1:8000``.

It prints the settings that make it the shop's provider. Its dashboard is under ``/control``:
``curl -d '{"payment": "cs_…"}' …/control/pay``.
"""

from __future__ import annotations

import argparse
import shlex
import sys

import uvicorn

from tests.fakes import FAKES
from tests.support.provided import settings_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("provider", choices=sorted(FAKES))
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--notify", default="http://127.0.0.1:8000", help="the store's address")
    chosen = parser.parse_args()
    fake = FAKES[chosen.provider](notify_url=f"{chosen.notify}/webhooks/{chosen.provider}")
    for name, value in settings_of(fake, f"http://127.0.0.1:{chosen.port}").items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()
    uvicorn.run(fake, host="127.0.0.1", port=chosen.port, log_level="warning")


main()
