"""``python -m surehold.cli``."""

from surehold.cli import main

main()
