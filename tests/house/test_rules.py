"""The house rules hold for the whole program, and each of them is seen to fire."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.house import rules, sql_rules
from tests.house.rules import RULES, Rule
from tests.house.source import ROOT, Fault, Source, files, sources
from tests.house.sql_rules import SQL_RULES

ALL: Final = (*RULES, *SQL_RULES)
SOURCES: Final = sources()


def faults(rule: Rule, path: str, text: str) -> list[Fault]:
    return list(rule(Source(path, text)))


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__)
def test_the_program_keeps_the_rule(rule: Rule) -> None:
    found = [f"src/surehold/{source.path}:{fault}" for source in SOURCES for fault in rule(source)]

    assert not found, "\n".join(["", *found])


def test_tests_and_tools_say_why_they_silence_a_check() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{fault}"
        for path in files(ROOT / "tests", ROOT / "tools")
        if path.parent.name != "house"  # Its examples are meant to be wrong.
        for rule in (rules.argued_silence, rules.owned_todo)
        for fault in rule(Source(path.name, path.read_text(encoding="utf-8")))
    ]

    assert not found, "\n".join(["", *found])


EXCEPTIONS: Final[tuple[tuple[Rule, dict[Any, str]], ...]] = (
    (rules.no_float, rules.FLOATS_THAT_ARE_TIME),
    (rules.one_clock, rules.CLOCK_READERS),
    (rules.american, rules.OTHER_PEOPLES_WORDS),
    (rules.short_file, rules.LONG_FILES),
    (rules.short_functions, rules.LONG_FUNCTIONS),
    (sql_rules.sql_in_its_place, sql_rules.SQL_PLACES),
    (sql_rules.constants_only, sql_rules.BUILDERS),
    (sql_rules.writes_its_own, sql_rules.WRITES_ELSEWHERE),
    (sql_rules.reads_below, sql_rules.EXTRA_READS),
)


@pytest.mark.parametrize(
    ("rule", "table", "entry"),
    [(rule, table, entry) for rule, table in EXCEPTIONS for entry in table],
)
def test_every_exception_is_still_needed(
    monkeypatch: pytest.MonkeyPatch, rule: Rule, table: dict[Any, str], entry: Any
) -> None:
    assert table[entry], "an exception has a reason"

    monkeypatch.delitem(table, entry)

    assert any(fault for source in SOURCES for fault in rule(source)), (
        f"{entry} needs no exception"
    )


# Each rule: where, what breaks it, and what does not.

BROKEN: Final = [
    (rules.no_float, "pricing/rules.py", "RATE = 0.2"),
    (rules.no_float, "pricing/rules.py", "def f(x):\n    return float(x)"),
    (
        rules.no_float,
        "orders/rules.py",
        "def f(total: int, count: int):\n    return total / count",
    ),
    (rules.no_float, "kernel/money.py", "def f(x: int):\n    x /= 2"),
    (rules.no_float, "checkout/lane.py", "FEE = 0.5"),
    (rules.one_clock, "orders/rules.py", "from datetime import datetime\nX = datetime.now()"),
    (rules.one_clock, "orders/rules.py", "import datetime as d\nX = d.datetime.utcnow()"),
    (rules.one_clock, "jobs/queue.py", "from time import time as clock\nX = clock()"),
    (rules.one_clock, "sandbox/book.py", "import time\nX = time.time()"),
    (rules.one_clock, "db/embedded/server.py", "import time\nX = time.time()"),
    (rules.named_for_what_it_holds, "orders/utils.py", ""),
    (rules.named_for_what_it_holds, "web/helpers/money.py", ""),
    (rules.documented, "orders/commands.py", "async def cancel_order(db):\n    pass"),
    (rules.documented, "orders/commands/cancel.py", "async def cancel_order(db):\n    pass"),
    (rules.documented, "orders/queries.py", "def find_order(db):\n    pass"),
    (rules.american, "orders/rules.py", "is_cancelled = True"),
    (rules.american, "orders/rules.py", "class FulfilmentStatus: ..."),
    (rules.american, "orders/rules.py", "# The favourite colour."),
    (rules.american, "orders/rules.py", "is_authorised = True"),
    (rules.owned_todo, "orders/rules.py", "x = 1  # TODO: later"),
    (rules.argued_silence, "orders/rules.py", "x = 1  # noqa"),
    (rules.argued_silence, "orders/rules.py", "x = 1  # noqa: S311"),
    (rules.argued_silence, "orders/rules.py", "x = f()  # type: ignore[arg-type]"),
    (rules.short_file, "orders/rules.py", "x = 1\n" * 501),
    (rules.short_functions, "orders/rules.py", "def f():\n" + "    x = 1\n" * 70),
    (sql_rules.sql_in_its_place, "orders/commands.py", 'X = "SELECT 1"'),
    (sql_rules.sql_in_its_place, "orders/rules.py", 'X = f"""\n  DELETE FROM {T}\n"""'),
    (sql_rules.sql_in_its_place, "web/api/orders.py", 'X = "/* orders.x */ WITH a AS (SELECT 1)"'),
    (sql_rules.named_statements, "orders/sql.py", 'X = query("SELECT 1", Row)'),
    (sql_rules.named_statements, "orders/sql.py", 'X = command("/* cart.add */ SELECT 1")'),
    (sql_rules.writes_its_own, "checkout/sql.py", 'X = "UPDATE orders SET status = $1"'),
    (sql_rules.writes_its_own, "checkout/sql.py", 'X = "INSERT INTO payments (id) VALUES ($1)"'),
    (sql_rules.writes_its_own, "orders/sql.py", 'X = "DELETE\\n FROM reservations"'),
    (
        sql_rules.writes_its_own,
        "orders/sql.py",
        'X = "WITH a AS (UPDATE stock_levels SET on_hand = 1) SELECT 1"',
    ),
    (sql_rules.reads_below, "payments/sql.py", 'X = "SELECT id FROM orders"'),
    (sql_rules.reads_below, "inventory/sql.py", 'X = "SELECT 1 FROM variants JOIN payments ON a"'),
    (sql_rules.constants_only, "orders/sql.py", 'def f(x):\n    return f"SELECT {x}"'),
    (sql_rules.constants_only, "orders/sql.py", 'def f(x):\n    return "SELECT " + x'),
    (sql_rules.constants_only, "orders/sql.py", 'def f(x):\n    return "SELECT %s" % x'),
    (sql_rules.constants_only, "orders/sql.py", 'def f(x):\n    return "SELECT {}".format(x)'),
    (sql_rules.asks_the_store_clock, "orders/sql.py", 'X = "SELECT id WHERE at < now()"'),
    (sql_rules.asks_the_store_clock, "orders/sql.py", 'X = "SELECT CURRENT_TIMESTAMP"'),
]

KEPT: Final = [
    (rules.no_float, "pricing/rules.py", 'RATE = Decimal("0.2")\nHALF = 7 // 2'),
    (rules.no_float, "web/format.py", "WIDTH = 0.5"),
    (rules.no_float, "checkout/lane.py", "class Lane:\n  def _adapt(self, s: float): ..."),
    (rules.one_clock, "kernel/clock.py", "import time\nX = time.time()"),
    (rules.one_clock, "db/embedded/server.py", "import time\nX = time.monotonic()"),
    (rules.one_clock, "orders/rules.py", "from surehold.kernel import clock\nX = clock.now()"),
    (rules.documented, "orders/commands.py", "async def _load(db):\n    pass"),
    (rules.documented, "orders/rules.py", "def cancel(order):\n    pass"),
    (rules.american, "orders/rules.py", "except asyncio.CancelledError: # canceled"),
    (rules.american, "orders/rules.py", "# Optimistic parallelism, once authorized."),
    (rules.owned_todo, "orders/rules.py", 'x = "TODO"  # TODO(#12): later'),
    (rules.argued_silence, "orders/rules.py", "x = 1  # noqa: S311 - picks a color"),
    (
        rules.argued_silence,
        "orders/rules.py",
        "x = f()  # type: ignore[arg-type]  # typed too narrowly there",
    ),
    (sql_rules.sql_in_its_place, "orders/sql.py", 'X = "SELECT 1"'),
    (sql_rules.sql_in_its_place, "web/api/orders.py", 'X = "Update your address"'),
    (sql_rules.sql_in_its_place, "orders/commands.py", 'def f():\n    """SELECT nothing."""'),
    (sql_rules.named_statements, "orders/sql.py", 'X = query(f"/* orders.x */ {Y}", Row)'),
    (sql_rules.writes_its_own, "orders/sql.py", 'X = "SELECT id FROM payments FOR UPDATE"'),
    (
        sql_rules.writes_its_own,
        "orders/sql.py",
        'X = "INSERT INTO orders SELECT 1 ON CONFLICT DO UPDATE SET id = 1 -- UPDATE payments"',
    ),
    (sql_rules.reads_below, "orders/sql.py", 'X = "SELECT id FROM payments JOIN variants ON a"'),
    (sql_rules.constants_only, "orders/sql.py", '_C = "id"\nX = f"SELECT {_C}"'),
    (sql_rules.asks_the_store_clock, "orders/sql.py", 'X = "SELECT store_now()"'),
]


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_a_broken_rule_is_seen(rule: Rule, path: str, text: str) -> None:
    assert faults(rule, path, text)


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_a_kept_rule_is_left_alone(rule: Rule, path: str, text: str) -> None:
    assert not faults(rule, path, text)


def test_every_rule_is_seen_to_fire() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(ALL)
