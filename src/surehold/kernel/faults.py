"""Named places where a test may end the process, to prove that stopping there loses nothing.

Unarmed, ``fault`` does nothing. ``SUREHOLD_FAULT=name`` arms one place: the process that reaches
it dies as by a power cut, with no clean-up. A production server refuses to start armed.
"""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "SUREHOLD_FAULT"
_armed: Final = os.environ.get(VARIABLE, "")


def fault(name: str) -> None:
    """A place where a process may die."""
    if _armed and name == _armed:
        os.kill(os.getpid(), signal.SIGKILL)


def is_armed() -> bool:
    """Whether this process will die somewhere."""
    return bool(_armed)
