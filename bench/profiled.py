"""The web process under the profiler: ``python -m bench.profiled FD``, as ``surehold.server``.

Writes the statistics when it is told to stop. What is called often looks slower than it is.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import sys
from pathlib import Path
from typing import Final

from bench.web import STATS_VARIABLE
from surehold import server

LINES: Final = 45


def main() -> int:
    """Serve, and keep count of every call."""
    profile = cProfile.Profile()
    try:
        return profile.runcall(server.main)
    finally:
        profile.dump_stats(os.environ[STATS_VARIABLE])


def show(path: Path, *, lines: int = LINES) -> None:
    """Print where the time went, the greediest first."""
    for order in ("tottime", "cumulative"):
        pstats.Stats(str(path), stream=sys.stdout).strip_dirs().sort_stats(order).print_stats(
            lines
        )


if __name__ == "__main__":
    sys.exit(main())
