"""``surehold demo``: everything that a shop needs, on this machine, with nothing to set up.

The parent starts the database, brings the tables and the demo catalog up to date, and then
watches three children: the imaginary payment provider, the web server and the worker. When it is
told to stop, or when one of them ends by itself, it stops the rest and leaves nothing running.
A fourth child fills in the past of a new shop, and ends when that is done.
"""

from __future__ import annotations

import asyncio
import fcntl
import http.client
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from pydantic import SecretStr

from surehold import processes, server
from surehold.app import database_of
from surehold.cli import environment
from surehold.cli.console import ExitCode, Failure, aside, out
from surehold.config import DEMO_PREFIX, Config, Mode
from surehold.db import embedded
from surehold.db.migrate import migrate
from surehold.demo.history import add_known_buyer, before_history, is_without_past
from surehold.demo.load import add_admin, load_demo
from surehold.demo.people import BUYER
from surehold.demo.plan import ORDERS
from surehold.identity.engine import identity_of
from surehold.kernel import clock

commands = typer.Typer()

HOST: Final = "127.0.0.1"
SECRETS_FILE: Final = "demo.json"
LOCK_FILE: Final = "demo.lock"
BOOK_FILE: Final = "sandbox.sqlite"
#: Who may everything in the demo; no mail goes there.
ADMIN: Final = "admin@northline.example"
#: A child that does not answer after this has failed to start.
READY_SECONDS: Final = 30


class DemoSecrets(msgspec.Struct, frozen=True):
    """What one demo keeps to itself: made once per data folder, useless anywhere else."""

    secret_key: str
    staff_secret: str
    cron_secret: str
    sandbox_api_key: str
    sandbox_control_key: str
    sandbox_webhook_secret: str
    #: Of the demo's admin; kept so that a second start can print it again.
    admin_password: str
    #: Of a buyer whose orders are in many states.
    buyer_password: str
    #: Payments remember where their page is, so the provider keeps its place.
    sandbox_port: int


class Demo(msgspec.Struct, frozen=True):
    """One demo: where its data are, where it listens, and which application it serves."""

    folder: Path
    port: int
    application: str
    #: How many orders its past has.
    orders: int = ORDERS

    @property
    def address(self) -> str:
        """Where buyers find it."""
        return f"http://{HOST}:{self.port}"


@commands.command(epilog="Example: surehold demo --port 8000 --data ./shop")
def demo(
    *,
    port: Annotated[int, typer.Option(help="Port of the shop.", min=1, max=65_535)] = 8000,
    data: environment.DataOption = None,
    orders: Annotated[
        int,
        typer.Option(help="How many orders its last 90 days have; 0: no past.", min=0, max=5_000),
    ] = ORDERS,
    application: Annotated[str, typer.Option(hidden=True)] = server.APPLICATION,
) -> None:
    """Run the demo shop with everything it needs; Ctrl-C stops all of it.

    Safe to run twice: the data stay in the data folder, and only one demo runs on it at a time.
    """
    config = Config()
    if config.mode is Mode.PRODUCTION:
        raise Failure("The demo does not run in production mode; see surehold serve.")
    one = Demo(
        environment.data_dir(config, data).expanduser().resolve(), port, application, orders
    )
    with processes.signals() as told, _only_one(one):
        server.bind(HOST, port).close()
        kept = load_secrets(one.folder)
        with _stoppable(told), environment.with_database(config, one.folder) as config:
            raise typer.Exit(_run(one, config, told, kept))


def _run(one: Demo, config: Config, told: processes.Signals, kept: DemoSecrets) -> int:
    """Prepare, start, announce, watch, stop."""
    with aside.status("Preparing the shop"):
        products, has_past = asyncio.run(_prepare(config, kept))
    shared, provider = environments(one, config, kept)
    children: list[processes.Child] = []
    history: processes.Child | None = None

    def start_worker() -> None:
        children.append(processes.start("worker", "surehold.cli", "worker", environment=shared))

    try:
        with aside.status("Starting the payment provider, the web server and the worker"):
            children.append(
                processes.start(
                    "payment provider",
                    "surehold.sandbox",
                    f"--port={kept.sandbox_port}",
                    f"--book={one.folder / BOOK_FILE}",
                    environment=provider,
                )
            )
            if has_past or not one.orders:
                start_worker()
            children.append(
                processes.start(
                    "web server",
                    "surehold.cli",
                    "serve",
                    f"--port={one.port}",
                    f"--application={one.application}",
                    environment=shared,
                )
            )
            _wait_until_ready(children, told, (kept.sandbox_port, one.port))
        is_filling = not has_past and one.orders > 0
        if not told.is_stopping:
            announce(one, kept, products, is_filling=is_filling)
        if is_filling:
            history = _start_history(one, shared)
        return _watch(children, told, history=history, after_history=start_worker)
    finally:
        with aside.status("Stopping"):
            _stop([*children, *([history] if history else [])], told)


async def _prepare(config: Config, kept: DemoSecrets) -> tuple[int, bool]:
    """Bring everything up to date; how many products there are, and whether there is a past."""
    await migrate(environment.url_of(config), schema=config.store)
    config = config.model_copy(update={"secret_keys": (SecretStr(kept.secret_key),)})
    db = database_of(config, name="demo")
    # The shop had opened, and its buyer was known, before the first order.
    async with before_history(db) as then:
        products = (await load_demo(then)).counts.products
        await add_known_buyer(identity_of(config, then), password=kept.buyer_password)
    async with db:
        await add_admin(identity_of(config, db), email=ADMIN, password=kept.admin_password)
        return products, not await is_without_past(db)


def _start_history(one: Demo, shared: dict[str, str]) -> processes.Child:
    """Begin to fill in the last 90 days.

    The worker waits until that is done: it lives in the present, where what is held in the past
    is long over.
    """
    arguments = ("seed", "--history", f"--orders={one.orders}")
    return processes.start("history", "surehold.cli", *arguments, environment=shared)


def _wait_until_ready(
    children: list[processes.Child], told: processes.Signals, ports: tuple[int, ...]
) -> None:
    deadline = clock.monotonic_seconds() + READY_SECONDS
    for port in ports:
        while not told.is_stopping and not _find_dead(children) and not _answers(port):
            if clock.monotonic_seconds() > deadline:
                raise Failure(f"Nothing answers on port {port} after {READY_SECONDS} seconds.")
            time.sleep(processes.POLL_SECONDS)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health/live")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _watch(
    children: list[processes.Child],
    told: processes.Signals,
    *,
    history: processes.Child | None,
    after_history: Callable[[], None],
) -> int:
    while not told.is_stopping:
        if history is not None and history.exit_code is not None:
            # However it ended: the shop is open, and what is there by then stays.
            history = None
            after_history()
        dead = _find_dead(children)
        if dead is not None:
            aside.print(f"The {dead.name} ended by itself (exit code {dead.exit_code}).")
            return ExitCode.PROBLEM
        time.sleep(processes.POLL_SECONDS)
    return ExitCode.DONE


def _find_dead(children: list[processes.Child]) -> processes.Child | None:
    return next((child for child in children if child.exit_code is not None), None)


def _stop(children: list[processes.Child], told: processes.Signals) -> None:
    """The newest first: buyers, then the work they left, then the provider it needs."""
    for child in reversed(children):
        child.stop(is_hurried=lambda: told.is_hurried)


def environments(
    one: Demo, config: Config, kept: DemoSecrets
) -> tuple[dict[str, str], dict[str, str]]:
    """What the shop's processes see, and what the provider's process sees."""
    shop = {
        **os.environ,
        "SUREHOLD_MODE": Mode.DEMO.value,
        "SUREHOLD_DATABASE_URL": environment.url_of(config),
        "SUREHOLD_DATA_DIR": str(one.folder),
        "SUREHOLD_BASE_URL": one.address,
        "SUREHOLD_SECRET_KEYS": f'["{kept.secret_key}"]',
        "SUREHOLD_STAFF_SECRET": kept.staff_secret,
        "SUREHOLD_CRON_SECRET": kept.cron_secret,
        "SUREHOLD_SANDBOX_URL": f"http://{HOST}:{kept.sandbox_port}",
        "SUREHOLD_SANDBOX_API_KEY": kept.sandbox_api_key,
        "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": f'["{kept.sandbox_webhook_secret}"]',
    }
    shop.setdefault("SUREHOLD_LOG_LEVEL", "warning")
    provider = {
        name: value for name, value in os.environ.items() if not name.startswith("SUREHOLD_")
    }
    provider |= {
        "SUREHOLD_MODE": Mode.DEMO.value,
        "SUREHOLD_SANDBOX_API_KEY": kept.sandbox_api_key,
        "SUREHOLD_SANDBOX_CONTROL_KEY": kept.sandbox_control_key,
        "SUREHOLD_SANDBOX_WEBHOOK_SECRETS": kept.sandbox_webhook_secret,
        "SUREHOLD_SANDBOX_MERCHANT_NAME": config.store_name,
    }
    return shop, provider


def load_secrets(folder: Path) -> DemoSecrets:
    """The secrets of this data folder, made when there are none; nobody else may read them."""
    path = folder / SECRETS_FILE
    with suppress(FileNotFoundError):
        kept = _read(path)
        if _is_free(kept.sandbox_port):
            return kept
        return _save(path, msgspec.structs.replace(kept, sandbox_port=_free_port()))
    names = [name for name in DemoSecrets.__struct_fields__ if name != "sandbox_port"]
    made: dict[str, object] = {name: f"{DEMO_PREFIX}{secrets.token_urlsafe(24)}" for name in names}
    return _save(path, msgspec.convert({**made, "sandbox_port": _free_port()}, DemoSecrets))


def _read(path: Path) -> DemoSecrets:
    """What was kept. A secret that an earlier version did not have is made now."""
    raw = msgspec.json.decode(path.read_bytes())
    lacking = set(DemoSecrets.__struct_fields__) - set(raw)
    if not lacking:
        return msgspec.convert(raw, DemoSecrets)
    made = {name: f"{DEMO_PREFIX}{secrets.token_urlsafe(24)}" for name in lacking}
    return _save(path, msgspec.convert({**raw, **made}, DemoSecrets))


def _save(path: Path, kept: DemoSecrets) -> DemoSecrets:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(kept)))
    draft.replace(path)
    return kept


def _is_free(port: int) -> bool:
    try:
        server.bind(HOST, port).close()
    except server.AddressInUse:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _only_one(one: Demo) -> Iterator[None]:
    """Hold the data folder for one demo.

    Raises:
        Failure: Another one holds it.
    """
    # As root the embedded server runs as another account, which must be able to pass.
    folder = one.folder
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                f"A demo is running on {folder} already: {lock.read().strip()}.",
                details=["stop it with Ctrl-C, or give this one a folder of its own: --data"],
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {one.address}")
        lock.flush()
        yield


@contextmanager
def _stoppable(told: processes.Signals) -> Iterator[None]:
    """What fails because somebody wanted us to stop has not failed."""
    try:
        yield
    except (typer.Exit, Failure):
        raise
    except Exception:
        if not told.is_stopping:
            raise
        raise typer.Exit(ExitCode.DONE) from None


def announce(one: Demo, kept: DemoSecrets, products: int, *, is_filling: bool) -> None:
    """Where everything is, and what to try first."""
    flag = "" if one.folder == embedded.default_data_dir() else f" --data {one.folder}"
    lines = (
        ("Shop", one.address),
        ("API", f"{one.address}/api/openapi.json"),
        ("Staff secret", kept.staff_secret),
        ("Cron secret", kept.cron_secret),
        ("Admin", f"{ADMIN}  password {kept.admin_password}"),
        ("Buyer", f"{BUYER.email}  password {kept.buyer_password}"),
        ("Mails", str(one.folder / "mails")),
        ("Payment provider", f"http://{HOST}:{kept.sandbox_port}  (imaginary money)"),
        ("Data", str(one.folder)),
        ("", ""),
        ("To try", "buy something; pay with card 4242 4242 4242 4242, any date and code"),
        ("", f"surehold verify{flag}"),
        ("", f"surehold db psql{flag}"),
        ("", "Ctrl-C stops everything; the data stay."),
    )
    out.print(f"Surehold's demo shop is open, with {products} products.\n")
    if is_filling:
        out.print(f"Its last 90 days are being filled in: {one.orders} orders, about a minute.\n")
    for name, text in lines:
        out.print(f"  {name:<18}{text}".rstrip(), markup=False)
