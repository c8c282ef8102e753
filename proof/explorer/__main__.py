"""``python -m proof.explorer``."""

import sys

from proof.explorer.run import main

sys.exit(main())
