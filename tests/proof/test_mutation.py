"""Mutants are small and always the same; they live in the program; survivors are argued."""

from __future__ import annotations

from collections import Counter

import msgspec

from proof.mutation.mutate import Source
from proof.mutation.plant import Living
from proof.mutation.run import MODULES, load_argued
from surehold.kernel import money
from surehold.payments.model import PaymentState
from surehold.payments.states import PAYMENT, PaymentEvent

TEXT = '''
LIMITS = {"one": 1, "two": 2}
CLOSED = frozenset({A, B})


@cached
def grow(size: int = 3, *, is_big: bool = True) -> int:
    """Grow."""
    assert size > 0
    if size <= 2 and not is_big:
        raise TooSmall(size=size + 1)
    while size:
        size -= 1
        report(size)
    return max(size, 5)
'''


def test_mutants_are_one_small_mistake_each() -> None:
    made = [f"{one.where}: {one.before} => {one.after}" for one in Source("a.py", TEXT).mutants]

    assert made == [
        "LIMITS: 'one': 1 => (no such row)",
        "LIMITS: 'one': 1 => 'one': 2",
        "LIMITS: 'two': 2 => (no such row)",
        "LIMITS: 'two': 2 => 'two': 1",
        "LIMITS: 1 => 2",
        "LIMITS: 2 => 3",
        "CLOSED: A => (no such element)",
        "CLOSED: B => (no such element)",
        "grow: size <= 2 and (not is_big) => not is_big",
        "grow: size <= 2 and (not is_big) => size <= 2",
        "grow: size <= 2 and (not is_big) => not (size <= 2 and (not is_big))",
        "grow: size <= 2 and (not is_big) => size < 2 and (not is_big)",
        "grow: size <= 2 and (not is_big) => size <= 3 and (not is_big)",
        "grow: size <= 2 and (not is_big) => size <= 2 and is_big",
        "grow: raise TooSmall(size=size + 1) => pass",
        "grow: raise TooSmall(size=size + 1) => raise TooSmall(size=size - 1)",
        "grow: raise TooSmall(size=size + 1) => raise TooSmall(size=size + 2)",
        "grow: size => not size",
        "grow: size -= 1 => pass",
        "grow: size -= 1 => size += 1",
        "grow: size -= 1 => size -= 2",
        "grow: report(size) => pass",
        "grow: return max(size, 5) => return min(size, 5)",
        "grow: return max(size, 5) => return max(size, 6)",
    ]


def _number(source: Source, after: str) -> int:
    return next(n for n, one in enumerate(source.mutants) if one.after == after)


def test_a_mutant_of_a_function_lives_wherever_the_function_is_known() -> None:
    source = Source("kernel/money.py")
    known, kept = money.split_minor, money.split_minor.__code__

    Living(["kernel/money.py"]).plant(source, _number(source, "parts[index] -= 1"))

    try:
        assert known(100, (1, 1, 1)) == (32, 33, 33)
    finally:
        known.__code__ = kept


def test_a_mutant_of_a_table_lives_wherever_the_table_is_known() -> None:
    source = Source("payments/states.py")
    kept, forgotten = PAYMENT.table, (PaymentState.PENDING, PaymentEvent.LOSE)
    number = next(n for n, one in enumerate(source.mutants) if "PE.LOSE" in one.before)

    Living(["payments/states.py"]).plant(source, number)

    try:
        assert set(kept) - set(PAYMENT.table) == {forgotten}
    finally:
        msgspec.structs.force_setattr(PAYMENT, "table", kept)


def test_every_mutant_is_known_by_a_name_of_its_own() -> None:
    keys = Counter(one.key for module in MODULES for one in Source(module).mutants)

    assert [key for key, times in keys.items() if times > 1] == []


def test_every_argued_survivor_is_still_a_mutant() -> None:
    argued = Counter(one.key for one in load_argued())
    made = {one.key for module in {key[0] for key in argued} for one in Source(module).mutants}

    assert [key for key, times in argued.items() if times > 1 or key not in made] == []
