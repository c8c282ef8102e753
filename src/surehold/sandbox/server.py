"""Run the sandbox as its own process."""

from __future__ import annotations

from typing import Final

import uvicorn

from surehold.sandbox.app import create_app
from surehold.sandbox.settings import Settings

_KEEP_ALIVE_SECONDS: Final = 30


def run(host: str, port: int, settings: Settings, *, log_level: str = "warning") -> None:
    """Serve until told to stop. Keeps its truth in ``settings.book_path``.

    Raises:
        SandboxRefusesToStart: In production mode, or without its secrets.
    """
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        log_level=log_level,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
    )
