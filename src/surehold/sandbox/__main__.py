"""``python -m surehold.sandbox``: the sandbox with the settings of the environment."""

from __future__ import annotations

import argparse
import sys

import msgspec

from surehold.sandbox.server import run
from surehold.sandbox.settings import SandboxRefusesToStart, from_environment


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and serve; 2 when the sandbox refuses to start."""
    parser = argparse.ArgumentParser(
        prog="python -m surehold.sandbox",
        description="The imaginary payment provider. Secrets come from SUREHOLD_SANDBOX_API_KEY, "
        "SUREHOLD_SANDBOX_CONTROL_KEY and SUREHOLD_SANDBOX_WEBHOOK_SECRETS.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8020)
    parser.add_argument("--book", help="SQLite file that keeps the payments")
    given = parser.parse_args(arguments)
    try:
        settings = from_environment()
        if given.book:
            settings = msgspec.structs.replace(settings, book_path=given.book)
        run(given.host, given.port, settings)
    except SandboxRefusesToStart as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
