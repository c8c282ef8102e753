"""``python -m proof.carts``."""

from __future__ import annotations

import sys

from proof.carts.run import main

if __name__ == "__main__":
    sys.exit(main())
