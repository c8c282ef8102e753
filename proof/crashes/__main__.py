"""``python -m proof.crashes``."""

import sys

from proof.crashes.run import main

sys.exit(main())
