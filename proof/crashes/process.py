"""A process that has imported everything, and becomes a process of the shop by forking.

Importing the program takes a second, a fork of what has imported it takes no time: that is what
makes a run per place affordable. Requests come in as lines of JSON, process ids go out as lines;
when a child has ended, its exit code is written to the file that its request named.

    python -m proof.crashes.process
"""

from __future__ import annotations

import functools
import gc
import os
import select
import signal
import ssl
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final, NoReturn

import msgspec
from litestar import Litestar
from pydantic import SecretStr

import surehold.app
import surehold.cli.serving
import surehold.sandbox.server
from proof.crashes.tripwire import Orders, watched
from surehold import cli
from surehold.checkout import jobs
from surehold.config import Config
from surehold.sandbox.__main__ import main as run_sandbox
from surehold.sandbox.app import create_app as create_sandbox
from surehold.sandbox.settings import Settings
from surehold.web import application
from surehold.web.application import Lifespan
from surehold.web.assets import AssetIndex

#: A schedule of every second runs every other one; the real ones would take minutes per place.
_EVERY_SECOND: Final = "* * * * * *"
_HURRIED: Final = ("EVERY_5_SECONDS", "EVERY_10_SECONDS", "EVERY_MINUTE")


class Wanted(msgspec.Struct, frozen=True):
    """A process of the shop: ``serve``, ``worker`` or ``sandbox`` with its arguments."""

    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: str
    exit_code: str
    orders: Orders | None = None


def main() -> None:
    """Fork a child for every request, until nobody asks any more; then end them all."""
    _warm_up()
    gc.collect()
    gc.freeze()
    children: dict[int, tuple[int, Wanted]] = {}  # by the descriptor that tells of the end
    decoder = msgspec.json.Decoder(Wanted)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin.fileno(), *children], [], [])
        for descriptor in ready:
            if descriptor == sys.stdin.fileno():
                line = sys.stdin.buffer.raw.readline()  # type: ignore[attr-defined]
                if not line:
                    _end(children)
                    return
                wanted = decoder.decode(line)
                pid = _fork(wanted)
                children[os.pidfd_open(pid)] = (pid, wanted)
                print(pid, flush=True)
            else:
                pid, wanted = children.pop(descriptor)
                os.close(descriptor)
                _reap(pid, wanted)


def _warm_up() -> None:
    """Do once what every child would do again, and what has nothing to do with dying.

    The first web application of a process loads half of the program; pressing the assets and
    reading the certificates of the world takes longer than a journey.
    """
    ssl.create_default_context = functools.cache(ssl.create_default_context)
    surehold.app.AssetIndex = functools.cache(surehold.app.AssetIndex)  # type: ignore[misc]
    _share_routes()
    nowhere = SecretStr("postgresql://127.0.0.1:1/nowhere")
    secret = SecretStr("a secret of nobody")
    surehold.app.create_app(
        Config(database_url=nowhere, secret_keys=(secret,), sandbox_url="http://127.0.0.1:1")
    )
    settings = Settings(api_key="a", control_key="b", webhook_secrets=("c",), mode="test")
    create_sandbox(settings).bank.book.close()


def _share_routes() -> None:
    """Make the routes of the JSON side once: what they work with comes with each request."""
    router = application.create_router(surehold.app.AssetIndex())

    def made(index: AssetIndex, *, lifespan: Sequence[Lifespan] = ()) -> Litestar:
        del index  # every child has the same one
        router._lifespan_managers[:] = lifespan  # its maker is given them
        return router

    application.create_router = made


def _fork(wanted: Wanted) -> int:
    pid = os.fork()
    if pid == 0:
        _become(wanted)
    return pid


def _become(wanted: Wanted) -> NoReturn:
    """Be that process from here on, and never come back."""
    code = 1
    try:
        os.setsid()
        output = os.open(wanted.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.environ.update(wanted.environment)
        role, *arguments = wanted.arguments
        program: Callable[[], object]
        if role == "sandbox":
            program = lambda: run_sandbox(arguments)  # noqa: E731 - one of two, called below
        else:
            for name in _HURRIED:
                setattr(jobs, name, _EVERY_SECOND)
            program = lambda: cli.main([role, *arguments])  # noqa: E731
        with nullcontext() if wanted.orders is None else watched(wanted.orders):
            program()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the edge of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap(pid: int, wanted: Wanted) -> None:
    _, status = os.waitpid(pid, 0)
    draft = Path(f"{wanted.exit_code}.draft")
    try:
        draft.write_text(str(os.waitstatus_to_exitcode(status)), "ascii")
        draft.rename(wanted.exit_code)
    except FileNotFoundError:
        return  # whoever asked for it has gone, and its folder, too


def _end(children: dict[int, tuple[int, Wanted]]) -> None:
    for pid, _ in children.values():
        os.kill(pid, signal.SIGKILL)
    for pid, wanted in children.values():
        _reap(pid, wanted)


if __name__ == "__main__":
    main()
