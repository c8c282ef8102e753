"""What a route asks of its caller, the commands behind it ask as well.

Both are read off the program: the routes of the application, and from each of its handlers every
function that the code of the one before names.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from litestar.routes import HTTPRoute

from surehold.checkout import jobs as checkout_jobs
from surehold.checkout.commands.inbox import Inbox
from surehold.checkout.commands.place_draft import place_draft
from surehold.checkout.commands.place_order import PlacementWork
from surehold.checkout.commands.settle import SettlementWork
from surehold.checkout.commands.take_back import move_return
from surehold.db import shop
from surehold.identity.permissions import authorize
from surehold.jobs import worker
from surehold.kernel.permissions import Permission, require, require_of_staff
from surehold.notifications import jobs as notification_jobs
from surehold.privacy import jobs as privacy_jobs
from surehold.web.api.identity.caller import SAFE
from surehold.web.application import create_router
from surehold.web.assets import AssetIndex
from surehold.web.openapi import OPT, Described
from surehold.web.storefront.application import HANDLERS as PAGES

ASKING: Final = (require, require_of_staff, authorize)
#: Staff's alone or not by what they are given: the token of a link, what is done with a return.
SOMETIMES: Final = {place_draft, move_return}
#: What the worker does.
JOBS: Final = (checkout_jobs, notification_jobs, privacy_jobs, worker)
#: Beside the permission of its route: what brings an order to a status may be work on parcels.
MORE: Final = {
    ("PUT", "/api/v1/orders/{order_id:str}/status"): {Permission.FULFILLMENTS_WRITE},
    ("POST", "/api/v1/orders/bulk"): {Permission.FULFILLMENTS_WRITE},
}


@cache
def routes() -> tuple[tuple[tuple[str, str], Described, Callable[..., Any]], ...]:
    """Every route: what it is called, what it says of itself, and what it does."""
    return tuple(
        ((method, route.path), handler.opt[OPT], handler.fn)
        for route in create_router(AssetIndex()).routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods - {"OPTIONS", "HEAD"}
    )


@cache
def named(function: FunctionType) -> tuple[Any, ...]:
    """Whatever a function's code names: by itself, or as a part of a module or a class."""
    found = [cell.cell_contents for cell in function.__closure__ or ()]
    for code in _codes(function.__code__):
        value: Any = None
        for step in dis.get_instructions(code):
            if step.opname == "LOAD_GLOBAL":
                value = function.__globals__.get(step.argval)
            elif step.opname in {"LOAD_ATTR", "LOAD_METHOD"}:
                is_open = isinstance(value, (ModuleType, type))
                value = getattr(value, step.argval, None) if is_open else None
            else:
                value = None
            found.append(value)
    return tuple(one for one in found if one is not None)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions inside it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def reached(start: Iterable[Any], *, within: str = "surehold.") -> set[FunctionType]:
    """Every function of ours that these lead to; what lies elsewhere is not entered."""
    found: set[FunctionType] = set()
    waiting = list(start)
    while waiting:
        one = inspect.unwrap(waiting.pop())
        if isinstance(one, FunctionType) and one not in found and one not in ASKING:
            if one.__module__.startswith("surehold."):
                found.add(one)
            if one.__module__.startswith(within):
                waiting += named(one)
    return found


def doors(handler: Any) -> set[FunctionType]:
    """The commands that a route's handler calls."""
    found = reached([handler], within="surehold.web.")
    return {one for one in found if is_command(one)}


def is_command(function: FunctionType) -> bool:
    is_public = inspect.iscoroutinefunction(function) and not function.__name__.startswith("_")
    return is_public and (".commands" in function.__module__ or function is shop.change)


def asked_by(door: FunctionType) -> set[Permission]:
    """The permissions that a command asks for itself, or by a private function beside it."""
    beside = [
        one
        for one in named(door)
        if isinstance(one, FunctionType)
        and one.__module__ == door.__module__
        and one.__name__.startswith("_")
    ]
    return {
        permission
        for function in (door, *beside)
        if asks(function)
        for permission in named(function)
        if isinstance(permission, Permission)
    }


def asks(function: FunctionType, by: tuple[Any, ...] = ASKING) -> bool:
    """Whether the function asks for a permission."""
    return any(one in by for one in named(function) if isinstance(one, FunctionType))


def functions_of(*places: Any) -> Iterator[Any]:
    """What modules and classes define."""
    return (one for place in places for one in vars(place).values())


def test_what_a_route_asks_every_command_behind_it_asks_and_nothing_else() -> None:
    wrong = {}
    for name, said, handler in routes():
        if said.permission is None:
            continue
        behind = {one.__name__: asked_by(one) for one in doors(handler)}
        forgetful = {command for command, asked in behind.items() if said.permission not in asked}
        others = {one for asked in behind.values() for one in asked} - {said.permission}
        is_writing = name[0] not in SAFE
        if (is_writing and (forgetful or not behind)) or others - MORE.get(name, set()):
            wrong[name] = forgetful, others
    assert not wrong


def test_what_is_staffs_alone_is_behind_no_route_for_others() -> None:
    others = [handler for _, said, handler in routes() if said.permission is None]
    behind = reached([*others, *(page.fn for page in PAGES)])

    assert len(others) > 60
    assert {one for one in behind if asks(one, (require,))} == SOMETIMES


def test_the_stores_own_work_asks_nobody() -> None:
    """It may run in a task that a request of staff began."""
    own = reached(functions_of(PlacementWork, SettlementWork, Inbox, *JOBS))

    assert len(own) > 300
    assert not [one.__qualname__ for one in own if asks(one)]


def test_a_command_asks_for_what_the_commands_that_call_it_ask() -> None:
    """Else whoever may do the one would be stopped in the middle of it by the other."""
    wrong = {}
    for door in {one for _, _, handler in routes() for one in doors(handler)}:
        own = asked_by(door)
        for inner in reached([door]) - {door}:
            if own and is_command(inner) and not asked_by(inner) <= own:
                wrong[door.__name__] = inner.__name__
    assert not wrong
