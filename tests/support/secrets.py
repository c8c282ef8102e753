"""Every secret that more than one test uses. None may stand in anything that is logged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Written out, and compared with the builders by a test: they import half of the program.
SECRETS: Final = (
    "the-staff-secret-of-the-tests",
    "the-cron-secret-of-the-tests",
    "a-secret-of-the-tests",
    "quiet-harbor-lamp-41",
    "$argon2id$",
    "test-" + "k" * 30,
)


def shown_in(texts: Iterable[str]) -> list[str]:
    """The secrets that stand in what a test printed or logged."""
    whole = "\0".join(texts)
    return [secret for secret in SECRETS if secret in whole]
