"""``python -m proof.walk``."""

from __future__ import annotations

import sys

from proof.walk.run import main

if __name__ == "__main__":
    sys.exit(main())
