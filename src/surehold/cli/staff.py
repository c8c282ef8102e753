"""``surehold staff``: who works in the shop. The first admin comes from here."""

from __future__ import annotations

import asyncio
import getpass
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec
import typer
from pydantic import SecretStr

from surehold.app import database_of
from surehold.cli import environment
from surehold.cli.console import ExitCode, Failure, out, say_json, say_table
from surehold.config import Config
from surehold.identity import commands, queries, rules
from surehold.identity.engine import Identity, identity_of
from surehold.identity.model import AccountKind, Principal, StaffMember
from surehold.identity.permissions import EVERYTHING
from surehold.kernel.ids import AccountId, VendorId
from surehold.kernel.page import MAX_LIMIT

group = typer.Typer(
    no_args_is_help=True,
    help="Add, list, disable and reset whoever works in the shop.",
    epilog="Example: surehold staff add ada@example.com --admin",
)

_R = TypeVar("_R")
_Work: TypeAlias = Callable[[Identity], Awaitable[_R]]
_NOBODY: Final = AccountId(UUID(int=0))
_LINE: Final = "{:<10}{}"

EmailArgument = Annotated[str, typer.Argument(help="The e-mail address of the account.")]
PasswordOption = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input, one line."),
]


class Made(msgspec.Struct, frozen=True):
    """An account, and the password that was made for it, if one was; shown this once."""

    member: StaffMember
    password: str | None


@group.command(name="add", epilog="Example: surehold staff add ada@example.com --admin")
def add(
    email: EmailArgument,
    *,
    name: Annotated[str, typer.Option(help="What they are called.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="May everything.")] = False,
    role: Annotated[list[str] | None, typer.Option(help="A role; may be repeated.")] = None,
    vendor: Annotated[UUID | None, typer.Option(help="Works for this vendor, by id.")] = None,
    password_stdin: PasswordOption = False,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
) -> None:
    """Add somebody who works here. Without --password-stdin a password is made and shown once."""
    kind = AccountKind.STAFF
    if admin or vendor is not None:
        if admin and vendor is not None:
            raise Failure("An admin is no vendor's.", code=ExitCode.USAGE)
        kind = AccountKind.ADMIN if admin else AccountKind.VENDOR
    given = _read_password(is_given=password_stdin)
    password = given or secrets.token_urlsafe(15)

    async def work(identity: Identity) -> StaffMember:
        async with identity.db.transaction() as tx:
            await commands.found_roles(tx, actor=_shell().label)
        return await commands.add_member(
            identity,
            principal=_shell(),
            email=email,
            name=name,
            kind=kind,
            roles=role or (),
            vendor_id=None if vendor is None else VendorId(vendor),
            password=password,
        )

    member = _with_identity(data, work)
    _say(Made(member, None if given else password), as_json=as_json)


@group.command(name="list", epilog="Example: surehold staff list --json")
def list_staff(
    *, as_json: environment.JsonOption = False, data: environment.DataOption = None
) -> None:
    """List whoever works here, closed accounts too."""

    async def work(identity: Identity) -> list[StaffMember]:
        found: list[StaffMember] = []
        cursor: str | None = None
        async with identity.db.connection() as connection:
            while True:
                page = await queries.list_members(connection, cursor=cursor, limit=MAX_LIMIT)
                found += page.items
                cursor = page.next_cursor
                if cursor is None:
                    return found

    members = _with_identity(data, work)
    if as_json:
        say_json(members)
        return
    rows = [
        [
            one.email,
            one.name,
            one.kind.value,
            ", ".join(one.roles),
            "yes" if one.has_totp else "no",
            "closed" if one.disabled_at else "open",
        ]
        for one in members
    ]
    say_table("Staff", ["address", "name", "kind", "roles", "second factor", "account"], rows)


@group.command(name="disable", epilog="Example: surehold staff disable ada@example.com")
def disable(
    email: EmailArgument,
    *,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
) -> None:
    """Close an account, with its sessions and keys. The last admin's stays open."""

    async def work(identity: Identity) -> StaffMember:
        return await commands.disable_member(
            identity, principal=_shell(), account_id=await _id_of(identity, email)
        )

    _say(Made(_with_identity(data, work), None), as_json=as_json)


@group.command(name="reset", epilog="Example: surehold staff reset ada@example.com --remove-totp")
def reset(
    email: EmailArgument,
    *,
    remove_totp: Annotated[
        bool, typer.Option("--remove-totp", help="Take the second factor off: it was lost.")
    ] = False,
    password_stdin: PasswordOption = False,
    as_json: environment.JsonOption = False,
    data: environment.DataOption = None,
) -> None:
    """Set a new password, open the account if it was closed, and end every session."""
    given = _read_password(is_given=password_stdin)
    password = given or secrets.token_urlsafe(15)

    async def work(identity: Identity) -> StaffMember:
        account_id = await _id_of(identity, email)
        await commands.reset_member(
            identity,
            principal=_shell(),
            account_id=account_id,
            password=password,
            is_factor_removed=remove_totp,
        )
        return await commands.enable_member(identity, principal=_shell(), account_id=account_id)

    member = _with_identity(data, work)
    _say(Made(member, None if given else password), as_json=as_json)


def _shell() -> Principal:
    """Whoever may run commands on this machine has the database; they may everything."""
    return Principal(
        _NOBODY,
        AccountKind.ADMIN,
        "",
        "",
        None,
        EVERYTHING,
        known_as=f"cli:{getpass.getuser()}",
    )


def _read_password(*, is_given: bool) -> str | None:
    if not is_given:
        return None
    line = typer.get_text_stream("stdin").readline().rstrip("\r\n")
    if not line:
        raise Failure("There is no password on standard input.", code=ExitCode.USAGE)
    return line


def _with_identity(data: Path | None, work: _Work[_R]) -> _R:
    async def run(config: Config) -> _R:
        if not config.secret_keys:
            # Nothing here seals or signs: a password is always given, so no letter is written.
            keys = (SecretStr(secrets.token_urlsafe(32)),)
            config = config.model_copy(update={"secret_keys": keys})
        async with database_of(config, name="staff") as db:
            return await work(identity_of(config, db))

    with environment.with_database(Config(), data) as config:
        asyncio.run(environment.check_migrated(config))
        return asyncio.run(run(config))


async def _id_of(identity: Identity, email: str) -> AccountId:
    try:
        key = rules.read_mailbox(email).key
    except ValueError as error:
        raise Failure(str(error), code=ExitCode.USAGE) from None
    async with identity.db.connection() as connection:
        found = await queries.find_account_by_email(connection, key=key)
    if found is None or found.kind is AccountKind.CUSTOMER:
        raise Failure(f"Nobody with the address {email} works here.", code=ExitCode.USAGE)
    return found.id


def _say(made: Made, *, as_json: bool) -> None:
    if as_json:
        say_json(made)
        return
    member = made.member
    kind = member.kind.value
    lines = [("Address", member.email), ("Kind", kind), ("Roles", ", ".join(member.roles))]
    lines.append(("Account", "closed" if member.disabled_at else "open"))
    if made.password is not None:
        lines.append(("Password", f"{made.password}  (shown this once)"))
    for name, text in lines:
        out.print(_LINE.format(name, text).rstrip(), markup=False)
