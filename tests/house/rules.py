"""Rules about the code itself. Each takes one file and says what is wrong with it, and why.

Every exception stands in a table here with its reason. An exception that nothing needs any more
is a fault, too: ``test_rules.py`` sees to both.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Final

from tests.house.source import Fault, Source

Rule = Callable[[Source], Iterator[Fault]]

# --- no float near money -------------------------------------------------------------------------

MONEY_ROOMS: Final = {"cart", "checkout", "inventory", "orders", "payments", "pricing"}
NO_FLOAT: Final = (
    "no float in a money path: 0.1 + 0.2 is not 0.3. Amounts are whole minor units, rates are "
    "Decimal, dividing is `split`. A time-out goes into FLOATS_THAT_ARE_TIME."
)
#: (file, name): floats there are time on a clock, not money.
FLOATS_THAT_ARE_TIME: Final[dict[tuple[str, str], str]] = {
    ("checkout/lane.py", "Lane._adapt"): "how long a batch took",
    ("checkout/lane.py", "Lane._take"): "how long somebody has waited",
    ("checkout/lane.py", "_Waiter.__init__"): "since when somebody waits",
    ("payments/providers/http.py", "CALL_SECONDS"): "a time-out",
    ("payments/providers/http.py", "CONNECT_SECONDS"): "a time-out",
    ("payments/providers/http.py", "PAUSE_SECONDS"): "a pause",
    ("payments/providers/http.py", "READ_SECONDS"): "a time-out",
    ("payments/providers/http.py", "_Breaker.__init__"): "when a pause ends",
    ("payments/providers/http.py", "_Breaker.note"): "when a pause ends",
}


def no_float(source: Source) -> Iterator[Fault]:
    """Amounts are exact."""
    if source.room not in MONEY_ROOMS and source.path != "kernel/money.py":
        return
    for name, node in source.named_nodes:
        is_float = (
            (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (isinstance(node, ast.Name) and node.id == "float")
            or (isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div))
        )
        if is_float and (source.path, name) not in FLOATS_THAT_ARE_TIME:
            yield Fault(node.lineno, NO_FLOAT)


# --- one clock -----------------------------------------------------------------------------------

ONE_CLOCK: Final = (
    "only kernel/clock.py reads this machine's clock, and only db/clock.py the one that decides. "
    "Take `now` as a parameter, so that a test can choose it and two servers cannot disagree."
)
_CLOCKS: Final = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "time.gmtime",
    "time.localtime",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.time",
    "time.time_ns",
}
#: (start of the path, clock): why it may be read there.
CLOCK_READERS: Final[dict[tuple[str, str], str]] = {
    ("db/embedded/", "time.monotonic"): "waits for a process, before there is any database",
}


def one_clock(source: Source) -> Iterator[Fault]:
    """Time comes in from the edge."""
    if source.path == "kernel/clock.py":
        return
    names = imported_names(source)
    for node in source.nodes:
        if not isinstance(node, (ast.Attribute, ast.Name)):
            continue
        dotted = dotted_name(node, names)
        is_allowed = any(
            source.path.startswith(start) and dotted == clock for start, clock in CLOCK_READERS
        )
        if dotted in _CLOCKS and not is_allowed:
            yield Fault(node.lineno, ONE_CLOCK)


def imported_names(source: Source) -> dict[str, str]:
    """What each imported name stands for, whatever it is called here."""
    names = {}
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted_name(node: ast.expr, names: dict[str, str]) -> str:
    """The full name that an expression such as ``dt.now`` stands for."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        return f"{dotted_name(node.value, names)}.{node.attr}"
    return ""


# --- names of files, docstrings, words -----------------------------------------------------------

VAGUE_FILE: Final = (
    "a file called utils, helpers, services or base says where code was put, not what it is. "
    "Name it after what it holds."
)
_VAGUE: Final = {"base", "common", "helper", "helpers", "misc", "service", "services", "util"}


def named_for_what_it_holds(source: Source) -> Iterator[Fault]:
    """A newcomer finds it in one guess."""
    if {*PurePosixPath(source.path).with_suffix("").parts} & (_VAGUE | {"utils"}):
        yield Fault(1, VAGUE_FILE)


NO_DOCSTRING: Final = (
    "a public command or query says in its docstring what it does, what happens the second time "
    "and what it raises: other rooms call it without reading it."
)


def documented(source: Source) -> Iterator[Fault]:
    """What others call is explained."""
    if source.name not in {"commands", "queries"}:
        return
    for node in source.tree.body:
        if (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ):
            yield Fault(node.lineno, NO_DOCSTRING)


BRITISH: Final = "American spelling, so that one search finds every use of a word"
_BRITISH: Final = re.compile(
    r"cancell(?:ed|ing)|catalogue|fulfilment|colour|behaviour|centre|favourite|honour|labell"
    r"|modelled|licence|grey|judgement|neighbour"
    r"|(?:author|custom|initial|maxim|minim|normal|optim|organ|parallel|recogn|serial|summar"
    r"|synchron|util)is(?:e|ing|ation|able)",
    re.IGNORECASE,
)
# Names that Python and others chose; we cannot spell them otherwise.
_THEIRS: Final = re.compile(
    r"CancelledError|\.cancelled\(\)|AUTHORISATION|charge\.failed/cancelled"
)
#: Start of a path: why other people's words stand there.
OTHER_PEOPLES_WORDS: Final[dict[str, str]] = {
    "payments/providers/chapa/wire.py": "Chapa writes its states so",
    "payments/providers/paypal/wire.py": "PayPal writes the states of refunds so",
}


def american(source: Source) -> Iterator[Fault]:
    """One word, one spelling."""
    if source.path.startswith(tuple(OTHER_PEOPLES_WORDS)):
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        found = _BRITISH.search(_THEIRS.sub("", line))
        if found is not None:
            yield Fault(number, f"{BRITISH}: {found.group()}")


UNOWNED_TODO: Final = "a TODO carries an issue number, TODO(#12), or it is forgotten: do it now"
_TODO: Final = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")


def owned_todo(source: Source) -> Iterator[Fault]:
    """Nothing is put off without a place to look for it."""
    for line, comment in source.comments():
        if _TODO.search(comment):
            yield Fault(line, UNOWNED_TODO)


SILENCED: Final = (
    "silencing a check needs the rule's name and, after it, the reason: "
    "`# noqa: S311 - picks a color` or `# type: ignore[attr-defined]  # set by the plugin`"
)
_SILENCE: Final = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma: no cover)")
_ARGUED: Final = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*|type:\s*ignore\[[a-z-]+(?:,\s*[a-z-]+)*\]"
    r"|pragma: no cover)\s*(?:#|-|:|—)\s*\S+ \S+"
)


def argued_silence(source: Source) -> Iterator[Fault]:
    """An exception explains itself."""
    for line, comment in source.comments():
        silences = len(_SILENCE.findall(comment))
        if silences and not _ARGUED.search(comment):
            yield Fault(line, SILENCED)


# --- size ----------------------------------------------------------------------------------------

MAX_FILE_LINES: Final = 500
MAX_FUNCTION_LINES: Final = 70
#: Files that may be longer, and why.
LONG_FILES: Final[dict[str, str]] = {
    "web/storefront/views.py": "what templates are given, in one place to look it up",
    "web/storefront/samples.py": "data: one sample for every state of every page",
}
#: (file, function) that may be longer, and why.
LONG_FUNCTIONS: Final[dict[tuple[str, str], str]] = {
    ("web/storefront/samples.py", "product"): "data: one literal",
}


def short_file(source: Source) -> Iterator[Fault]:
    """A file is read in one sitting."""
    lines = source.text.count("\n")
    if lines > MAX_FILE_LINES and source.path not in LONG_FILES:
        yield Fault(
            1, f"{lines} lines; past {MAX_FILE_LINES} a file becomes a package, split by verb"
        )


def short_functions(source: Source) -> Iterator[Fault]:
    """A function fits on a screen."""
    for node in source.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES and (source.path, node.name) not in LONG_FUNCTIONS:
                yield Fault(
                    node.lineno,
                    f"{node.name} has {lines} lines; a function fits on a screen "
                    f"({MAX_FUNCTION_LINES}): keep the branching, push loops down",
                )


RULES: Final[tuple[Rule, ...]] = (
    no_float,
    one_clock,
    named_for_what_it_holds,
    documented,
    american,
    owned_todo,
    argued_silence,
    short_file,
    short_functions,
)
