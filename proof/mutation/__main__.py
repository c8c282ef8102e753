"""``python -m proof.mutation``: mutants of some modules, with options of their own."""

import sys

from proof.mutation.run import main

if __name__ == "__main__":
    sys.exit(main())
