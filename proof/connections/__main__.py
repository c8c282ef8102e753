"""``python -m proof.connections``."""

import sys

from proof.connections.run import main

sys.exit(main())
