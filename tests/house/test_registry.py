"""Every command that writes money or stock is exercised by the simulation and the explorer."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Final

import pytest

import proof.commands
import proof.explorer
import proof.simulation
from proof.commands import EXPLORER, HARNESSES, SIMULATION, exercises, uses
from surehold.orders import commands as orders
from tests.house.commands import Program
from tests.house.source import Source, sources

PACKAGES: Final[dict[str, ModuleType]] = {EXPLORER: proof.explorer, SIMULATION: proof.simulation}
#: Command: why it needs no step and no actor.
ELSEWHERE: Final = {
    "surehold.inventory.commands.receiving.open_stock": "puts a variant's first stock on the"
    " shelf: before that nobody can want it, and every scene begins with it",
    "surehold.privacy.commands.carry_on_erasing": "empties words: a trigger compares every other"
    " column, so neither units nor money can follow; tests/races/test_privacy_races.py meets it",
    "surehold.orders.photos.commands.add_photo": "keeps a picture; neither units nor money follow",
    "surehold.orders.photos.commands.remove_photo": "the same",
    "surehold.orders.transfers.commands.show_proof": "the same",
    "surehold.orders.vendor_accounts.commands.add_rule": "says what counts for later sales;"
    " neither units nor money follow",
    "surehold.orders.vendor_accounts.commands.end_rule": "the same",
}
PROGRAM: Final = Program(sources())


def _load(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def missing(commands: list[str], harness: str) -> list[str]:
    """What to add, a sentence per command that a harness leaves out."""
    found = uses()
    return [
        f"{name} writes money or stock and no {harness} exercises it: call it from a step or an"
        f" actor in proof/{harness} and decorate that with @exercises({name.rpartition('.')[2]})"
        for name in commands
        if all(use.harness != harness for use in found.get(name, ()))
    ]


@pytest.mark.parametrize("harness", HARNESSES)
def test_every_command_that_writes_money_or_stock_is_exercised(harness: str) -> None:
    _load(PACKAGES[harness])
    commands = [name for name in PROGRAM.commands_that_write() if name not in ELSEWHERE]

    assert missing(commands, harness) == []


def test_the_commands_are_found_that_everybody_knows() -> None:
    found = set(PROGRAM.commands_that_write())

    assert found >= {
        "surehold.checkout.commands.ask.ask",
        "surehold.checkout.commands.ask.check_payment",
        "surehold.checkout.commands.buy.cancel_order",
        "surehold.checkout.commands.buy.retry_payment",
        "surehold.checkout.commands.inbox.Inbox",
        "surehold.checkout.commands.place_order.place_order",
        "surehold.checkout.commands.sweep.sweep",
        "surehold.inventory.commands.holding.release",
        "surehold.inventory.commands.holding.reserve",
        "surehold.payments.commands.store_webhook",
    }
    assert "surehold.cart.commands.clear_cart" not in found
    assert "surehold.inventory.commands.taking.change_stock" not in found
    assert found >= set(ELSEWHERE)


def test_a_new_command_is_found_through_its_statement() -> None:
    statement = 'X = command("/* inventory.x */ UPDATE stock_levels SET on_hand = 1")'
    command = (
        "from surehold.inventory import sql\n"
        "async def give_away(db): await _write(db)\n"
        "async def _write(db): await db.run(sql.X)\n"
        "async def look(db): await db.run('SELECT')\n"
        "async def join(tx): await _write(tx)\n"
    )
    program = Program(
        [Source("inventory/sql.py", statement), Source("inventory/commands.py", command)]
    )

    found = program.commands_that_write()

    assert found == ["surehold.inventory.commands.give_away"]
    assert missing(found, EXPLORER)[0].endswith("decorate that with @exercises(give_away)")


def test_a_use_is_kept_under_its_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof.commands, "_uses", {})

    async def step() -> None:
        """Nothing."""

    step.__module__ = "proof.explorer.nowhere"
    exercises(orders.insert_lines)(step)

    assert missing(["surehold.orders.commands.insert_lines"], EXPLORER) == []
    assert missing(["surehold.orders.commands.insert_lines"], SIMULATION) != []


def test_only_commands_of_the_program_can_be_exercised() -> None:
    with pytest.raises(ValueError, match="name the program's own commands"):
        exercises(_load)
    with pytest.raises(ValueError, match="none"):
        exercises()
