"""``python -m proof.simulation``."""

from __future__ import annotations

import sys

from proof.simulation.main import main

if __name__ == "__main__":
    sys.exit(main())
