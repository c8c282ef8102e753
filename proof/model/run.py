"""Run the protocol model through spin: what holds, and that every mutant of it is refuted.

``python -m proof.model.run`` by itself, ``run()`` for the proof. It writes into a temporary folder
and starts nothing but ``spin``, ``gcc`` and what they made.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

HERE: Final = Path(__file__).parent
MODEL: Final = HERE / "protocol.pml"
MUTANTS: Final = HERE / "mutants.toml"
PROGRAMS: Final = ("spin", "gcc")
#: Deeper than any run was ever seen to go: a search that was cut off counts as a failure.
DEPTH: Final = 1_000_000
MEMORY_MB: Final = 6_000
LIMIT_SECONDS: Final = 600
SLOTS: Final = 2

_PLAIN: Final = {"EARLY": 0, "SLOW": 0, "LATE": 0, "CANCELS": 0, "READERS": 1}
_SMALL: Final = {"ORDERS": 1, "ATTEMPTS": 1, "RIVALS": 1, "EARLY": 0, "READERS": 1}
_TWO_PAYMENTS: Final = {"ORDERS": 1, "ATTEMPTS": 2, **_PLAIN}
#: What mutants are run in, and the quick form.
SMALL: Final = {
    "one_order": _SMALL,
    "two_readers": {**_SMALL, "RIVALS": 0, "EARLY": 1, "READERS": 2},
    "two_payments": _TWO_PAYMENTS,
}
#: The whole of it.
WHOLE: Final = {
    "two_orders": {"ORDERS": 2, "ATTEMPTS": 1, **_PLAIN},
    "two_payments_canceled": {**_TWO_PAYMENTS, "CANCELS": 1},
    "two_payments_late": {**_TWO_PAYMENTS, "LATE": 1},
    "one_order": {"ORDERS": 1, "ATTEMPTS": 1, "RIVALS": 1, "NEWS": 2},
}
#: What is claimed for the end of every story. Faults end some time, or nothing need ever be done.
_LIVE: Final = {"ORDERS": 1, "ATTEMPTS": 1, "EARLY": 0, "READERS": 1}
LIVE: Final = {
    "money_is_answered": ("money_is_answered", {**_LIVE, "FAULTS": 1}),
    "comes_to_rest": ("comes_to_rest", {**_LIVE, "FAULTS": 1}),
    "provider_down": ("hold_ends", {**_LIVE, "DOWN": 1}),
}


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mistake, as a change of the model's text; the fields are explained in mutants.toml."""

    name: str
    mistake: str
    replace: tuple[tuple[str, str], ...]
    refuted_by: str | None = None
    equivalent: str | None = None
    run: str = "one_order"
    slow: bool = False
    assumption: bool = False


class Run(msgspec.Struct, frozen=True):
    """One search. ``refuted`` names the property that fell, ``None`` when the search was whole."""

    name: str
    states: int
    transitions: int
    depth: int
    seconds: float
    refuted: str | None = None


class Result(msgspec.Struct, frozen=True):
    """What came of the model. Counts are sums over the runs of the model itself; no mutant counts.

    ``failures`` says everything that is not as it should be; ``skipped`` why nothing was run.
    """

    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    runs: tuple[Run, ...] = ()
    mutants_killed: int = 0
    mutants_total: int = 0
    killed_by: dict[str, str] = {}
    equivalent: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    skipped: str | None = None

    @property
    def is_good(self) -> bool:
        """Nothing failed. What was skipped failed nothing."""
        return not self.failures


class SpinFailure(RuntimeError):
    """The search could not be made, or was cut off: this says nothing about the protocol."""


def find_missing() -> tuple[str, ...]:
    """The programs that the model needs and this machine does not have."""
    return tuple(name for name in PROGRAMS if shutil.which(name) is None)


def load_mutants() -> tuple[Mutant, ...]:
    """Every mutant, in the order of the file."""
    table = tomllib.loads(MUTANTS.read_text(encoding="utf-8"))
    return tuple(msgspec.convert(table["mutant"], type=list[Mutant]))


def mutate(text: str, mutant: Mutant) -> str:
    """The model with one mistake in it.

    Raises:
        SpinFailure: The text to be replaced is not there, or not once.
    """
    for old, new in mutant.replace:
        if text.count(old) != 1:
            raise SpinFailure(f"mutant {mutant.name}: {text.count(old)} times in the model: {old}")
        text = text.replace(old, new)
    return text


def show_line(line: str) -> None:
    """Print at once, into a file or a pipe as well."""
    print(line, flush=True)


def run(
    *, is_quick: bool = False, show: Callable[[str], None] = show_line, only: Sequence[str] = ()
) -> Result:
    """Search the model, then every mutant. ``is_quick``: small configurations only.

    ``only`` names mutants; the model itself is not searched then.
    """
    missing = find_missing()
    if missing:
        reason = f"not installed: {', '.join(missing)}"
        show(f"model skipped, {reason}")
        return Result(skipped=reason)
    begun = time.monotonic()
    text = MODEL.read_text(encoding="utf-8")
    mutants = [one for one in load_mutants() if _is_wanted(one, only, is_quick=is_quick)]
    work: list[tuple[str, Callable[[], Run]]] = []
    if not only:
        for name, settings in (SMALL if is_quick else WHOLE).items():
            work.append((name, _searching(name, text, settings, is_big=not is_quick)))
        work += [
            (name, _searching(name, text, settings, claim=claim))
            for name, (claim, settings) in LIVE.items()
        ]
    work += [(mutant.name, _mutated(text, mutant)) for mutant in mutants]
    done: list[Run | SpinFailure] = []
    with ThreadPoolExecutor(SLOTS) as slots:
        futures = [(name, slots.submit(_carefully, one)) for name, one in work]
        for name, future in futures:
            done.append(future.result())
            show(_line(name, done[-1]))
    count = len(work) - len(mutants)
    return _judge(
        done[:count], tuple(zip(mutants, done[count:], strict=True)), time.monotonic() - begun
    )


def _is_wanted(mutant: Mutant, only: Sequence[str], *, is_quick: bool) -> bool:
    return mutant.name in only if only else not (is_quick and mutant.slow)


def _judge(
    runs: Sequence[Run | SpinFailure],
    mutated: Sequence[tuple[Mutant, Run | SpinFailure]],
    seconds: float,
) -> Result:
    failures = [str(one) for one in runs if isinstance(one, SpinFailure)]
    whole = tuple(one for one in runs if isinstance(one, Run))
    failures += [f"the model: {one.name} refutes {one.refuted}" for one in whole if one.refuted]
    killed: dict[str, str] = {}
    for mutant, found in mutated:
        if isinstance(found, SpinFailure):
            failures.append(str(found))
        elif found.refuted is not None:
            killed[mutant.name] = found.refuted
        if isinstance(found, Run) and found.refuted != mutant.refuted_by:
            failures.append(
                f"mutant {mutant.name}: refuted by {found.refuted}, not {mutant.refuted_by}"
            )
    return Result(
        states=sum(one.states for one in whole),
        transitions=sum(one.transitions for one in whole),
        depth=max((one.depth for one in whole), default=0),
        seconds=round(seconds, 1),
        runs=whole,
        mutants_killed=len(killed),
        mutants_total=sum(mutant.equivalent is None for mutant, _ in mutated),
        killed_by=killed,
        equivalent=tuple(mutant.name for mutant, _ in mutated if mutant.equivalent),
        failures=tuple(failures),
    )


def _searching(
    name: str,
    text: str,
    settings: Mapping[str, int],
    *,
    claim: str | None = None,
    is_big: bool = False,
) -> Callable[[], Run]:
    return lambda: search(name, text, settings, claim=claim, is_big=is_big)


def _mutated(text: str, mutant: Mutant) -> Callable[[], Run]:
    def work() -> Run:
        claim, settings = LIVE.get(mutant.run) or (None, SMALL[mutant.run])
        return search(mutant.name, mutate(text, mutant), settings, claim=claim)

    return work


def _carefully(work: Callable[[], Run]) -> Run | SpinFailure:
    try:
        return work()
    except SpinFailure as failure:
        return failure


def search(
    name: str,
    text: str,
    settings: Mapping[str, int],
    *,
    claim: str | None = None,
    is_big: bool = False,
) -> Run:
    """Every state that the model can come to, or the first that breaks a property.

    Without a ``claim``: assertions and end states. With one: that claim, under weak fairness.

    Raises:
        SpinFailure: A program failed, or the search was cut off.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="surehold-model-") as folder:
        Path(folder, MODEL.name).write_text(text, encoding="utf-8")
        _call(
            name, folder, "spin", *(f"-D{key}={value}" for key, value in settings.items()), "-a",
            MODEL.name,
        )  # fmt: skip
        # Compiling for speed takes longer than most of these searches.
        kind = ("-DNFAIR=3",) if claim else ("-DSAFETY", "-DNOCLAIM")
        _call(
            name, folder, "gcc", "-O1" if is_big else "-O0", "-w", f"-DMEMLIM={MEMORY_MB}", *kind,
            "-o", "pan", "pan.c",
        )  # fmt: skip
        asked = ("-a", "-f", "-N", claim) if claim else ()
        said = _call(name, folder, "./pan", f"-m{DEPTH}", *asked)
    return _read(name, said, time.monotonic() - begun, claim=claim)


def _call(name: str, folder: str, program: str, *arguments: str) -> str:
    path = program if program.startswith(".") else shutil.which(program)
    assert path is not None, "find_missing was asked first"
    try:
        done = subprocess.run(
            [path, *arguments], cwd=folder, capture_output=True, text=True, check=False,
            timeout=LIMIT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SpinFailure(f"{name}: {program} took over {LIMIT_SECONDS} s") from error
    if done.returncode != 0:
        raise SpinFailure(f"{name}: {program} failed: {(done.stdout + done.stderr)[-400:]}")
    return done.stdout


_COUNTS: Final = {
    "errors": re.compile(r"errors: (\d+)"),
    "depth": re.compile(r"depth reached (\d+)"),
    "states": re.compile(r"(\d+|[\d.]+e\+\d+) states, stored"),
    "transitions": re.compile(r"(\d+|[\d.]+e\+\d+) transitions"),
}
#: Properties are written ``name || rule``, with a name that is never true.
_FALLEN: Final = re.compile(r"assertion violated \(*(\w+)\|\|")


def _read(name: str, said: str, seconds: float, *, claim: str | None) -> Run:
    found = {key: pattern.search(said) for key, pattern in _COUNTS.items()}
    if any(match is None for match in found.values()) or "max search depth too small" in said:
        raise SpinFailure(f"{name}: the search was cut off: {said[-400:]}")
    count = {key: int(float(match[1])) for key, match in found.items() if match is not None}
    refuted = None
    if count["errors"]:
        fallen = _FALLEN.search(said)
        refuted = fallen[1] if fallen is not None else (claim or "valid_end_states")
    elif "Search not completed" in said:
        raise SpinFailure(f"{name}: the search was cut off: {said[-400:]}")
    return Run(
        name, count["states"], count["transitions"], count["depth"], round(seconds, 1), refuted
    )


def _line(name: str, found: Run | SpinFailure) -> str:
    if isinstance(found, SpinFailure):
        return f"  {name}: {found}"
    told = f"refuted by {found.refuted}" if found.refuted else "holds"
    return f"  {name}: {told}; {found.states:,} states, depth {found.depth:,}, {found.seconds} s"


def main() -> int:
    """The command line; the exit code is 1 when a property fell or a mutant survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small configurations only")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, too")
    parser.add_argument("--mutant", action="append", default=[], help="only this one; repeatable")
    given = parser.parse_args()
    result = run(is_quick=given.quick, only=given.mutant)
    if result.skipped is not None:
        return 0
    print(
        f"model: {result.states:,} states, {result.transitions:,} transitions, "
        f"depth {result.depth:,}; {result.mutants_killed} of {result.mutants_total} mutants "
        f"refuted, {len(result.equivalent)} equivalent; {result.seconds} s"
    )
    for failure in result.failures:
        print(f"FAILED {failure}")
    if given.json:
        print(msgspec.json.format(msgspec.json.encode(result)).decode())
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
