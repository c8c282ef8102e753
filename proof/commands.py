"""Which command that writes money or stock is exercised where.

The convention: every step of the simulation and every actor of the explorer carries the decorator
``exercises`` with the very commands that it calls, as they are imported:

    @exercises(commands.place_order)
    async def place_from_a_cart(world: World) -> None: ...

    @exercises(commands.cancel_order, commands.retry_payment)
    class Regret: ...

The harness is read from where the decorated thing stands (``proof.simulation``,
``proof.explorer``), so nothing else has to be said. A class of commands (``Inbox``) is named
whole. What opens a transaction of its own below a command is a command, too: name it where it is
called. The house test ``tests/house/test_registry.py`` works out from the source which commands
write money or stock, and fails for one that is in no step or in no actor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

Step = TypeVar("Step", bound=Callable[..., Any])

SIMULATION: Final = "simulation"
EXPLORER: Final = "explorer"
HARNESSES: Final = (SIMULATION, EXPLORER)


class Use(msgspec.Struct, frozen=True, order=True):
    """A step or an actor that calls a command."""

    harness: str
    name: str


_uses: Final[dict[str, set[Use]]] = {}


def name_of(command: Callable[..., Any]) -> str:
    """What a command is called here: its module and its name, ``surehold.….ask.ask``."""
    return f"{command.__module__}.{command.__qualname__}"


def exercises(*commands: Callable[..., Any]) -> Callable[[Step], Step]:
    """Enter a step or an actor as calling these commands.

    Raises:
        ValueError: No command, or something that is no command of the program's.
    """
    foreign = [name_of(command) for command in commands if not _is_ours(command)]
    if foreign or not commands:
        raise ValueError(f"name the program's own commands, not {foreign or 'none'}")

    def enter(step: Step) -> Step:
        harness = step.__module__.split(".")[1:2]
        use = Use(harness[0] if harness else "", f"{step.__module__}.{step.__qualname__}")
        for command in commands:
            _uses.setdefault(name_of(command), set()).add(use)
        return step

    return enter


def uses() -> dict[str, frozenset[Use]]:
    """Every command that was named so far, with who calls it. Import the harnesses first."""
    return {name: frozenset(found) for name, found in sorted(_uses.items())}


def _is_ours(command: Callable[..., Any]) -> bool:
    return command.__module__.startswith("surehold.")
