"""``surehold settings``: the business rules that a shop owner changes."""

from __future__ import annotations

import asyncio
import getpass
from typing import Annotated, Any

import msgspec
import typer

from surehold.app import database_of
from surehold.cli import environment
from surehold.cli.console import out, say_json, say_table
from surehold.config import Config
from surehold.db import shop
from surehold.db.shop import DEFAULTS, ShopSettings

group = typer.Typer(no_args_is_help=True, help="See and change the shop's settings.")


@group.command(name="list", epilog="Example: surehold settings list --json")
def list_settings(
    *, as_json: environment.JsonOption = False, data: environment.DataOption = None
) -> None:
    """Every setting in force, and what it would be if nobody had changed it."""
    with environment.with_database(Config(), data) as config:
        asyncio.run(environment.check_migrated(config))
        found = asyncio.run(_load(config))
    if as_json:
        say_json(found)
        return
    rows = []
    for name in ShopSettings.__struct_fields__:
        value, default = getattr(found, name), getattr(DEFAULTS, name)
        rows.append((name, _text(value), "" if value == default else _text(default)))
    say_table(f"Settings of {config.store!r}", ("setting", "value", "default"), rows)


@group.command(name="set", epilog="Example: surehold settings set hold_card_minutes 20")
def set_setting(
    key: Annotated[str, typer.Argument(help="The setting's name.")],
    value: Annotated[str, typer.Argument(help="JSON, or plain text.")],
    *,
    data: environment.DataOption = None,
) -> None:
    """Change one setting. Every process follows at once, and the change is written down."""
    with environment.with_database(Config(), data) as config:
        asyncio.run(environment.check_migrated(config))
        found = asyncio.run(_change(config, key, _value(key, value)))
    out.print(f"{key} = {_text(getattr(found, key))}")


async def _load(config: Config) -> ShopSettings:
    async with database_of(config, name="settings") as db, db.connection() as connection:
        return await shop.load(connection)


async def _change(config: Config, key: str, value: Any) -> ShopSettings:
    async with database_of(config, name="settings") as db, db.transaction() as tx:
        return await shop.change(tx, key=key, value=value, actor=f"cli:{getpass.getuser()}")


def _value(key: str, text: str) -> Any:
    """Text for a setting that is text (a rate, a name), else JSON."""
    if isinstance(getattr(DEFAULTS, key, None), str):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
