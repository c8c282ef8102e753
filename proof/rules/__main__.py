"""``python -m proof.rules``."""

from __future__ import annotations

import sys

from proof.rules.run import main

if __name__ == "__main__":
    sys.exit(main())
