from __future__ import annotations

import enum
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from proof.model import run as model
from surehold.inventory.model import ReservationState
from surehold.orders.model import CancelReason
from surehold.payments.model import OperationState, PaymentState, RefundState

PAGE = Path(__file__).parents[2] / "docs" / "proof-model.md"
TEXT = model.MODEL.read_text(encoding="utf-8")
ENUMS: dict[str, type[enum.Enum]] = {
    "P": PaymentState,
    "O": OperationState,
    "R": RefundState,
    "H": ReservationState,
    "C": CancelReason,
}


def table(heading: str) -> list[list[str]]:
    """The rows of the first table after a line of the page."""
    rows = PAGE.read_text(encoding="utf-8").split(heading, 1)[1].split("\n\n")[1].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def find(dotted: str) -> Any:
    """What a dotted name stands for: a module's, or a class's in it."""
    parts = dotted.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(dotted)


def members(letter: str) -> set[str]:
    """The model's names with a letter in front, without it; ``NONE`` is no member."""
    return set(re.findall(rf"\b{letter}_([A-Z_]+)\b", TEXT)) - {"NONE"}


STEPS = table("## What stands for what")
CODE = [name for row in STEPS for name in re.findall(r"`(surehold[\w.]+)`", row[1])]


@pytest.mark.parametrize("dotted", CODE)
def test_everything_that_the_page_names_in_the_code_exists(dotted: str) -> None:
    assert find(dotted) is not None


def test_everything_that_the_page_names_in_the_model_is_there() -> None:
    named = [name for row in STEPS for name in re.findall(r"`(\w+)`", row[0])]

    missing = [name for name in named if not re.search(rf"\b{name}\b", TEXT)]

    assert len(named) >= 20
    assert not missing


def test_every_step_of_the_model_is_on_the_page() -> None:
    told = " ".join(row[0] for row in STEPS)
    of_itself = {"watch", "check_payment_at_rest", "check_order_at_rest", "tell"}
    parts_of = {"cancel_payment", "call_create", "call_void", "call_refund"}

    steps = set(re.findall(r"^(?:inline|proctype) (\w+)", TEXT, re.MULTILINE))

    assert steps - of_itself - parts_of == {step for step in steps if f"`{step}`" in told}


@pytest.mark.parametrize("letter", ENUMS)
def test_the_model_and_the_page_know_every_member_of_an_enum(letter: str) -> None:
    left_out = {
        name
        for row in table("Left out, and why:")
        for name in re.findall(rf"`{letter}_([A-Z_]+)`", row[0])
    }

    assert members(letter) | left_out == set(ENUMS[letter].__members__)
    assert not members(letter) & left_out


def test_every_property_is_refuted_by_some_mutant() -> None:
    hidden = re.search(r"^hidden byte ([^;]+);", TEXT, re.MULTILINE)
    assert hidden is not None
    properties = {name.strip() for name in hidden[1].split(",")}
    claims = set(re.findall(r"^ltl (\w+)", TEXT, re.MULTILINE))

    refuting = {mutant.refuted_by for mutant in model.load_mutants()} - {None}

    assert refuting <= properties | claims
    assert properties - refuting == set()


def test_a_mutant_changes_the_model_and_is_refuted_or_says_why_not() -> None:
    mutants = model.load_mutants()

    changed = {model.mutate(TEXT, mutant) for mutant in mutants}

    assert len(changed | {TEXT}) == len(mutants) + 1
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    assert all((mutant.refuted_by is None) != (mutant.equivalent is None) for mutant in mutants)


def test_a_mutant_whose_text_is_gone_says_so() -> None:
    stale = model.Mutant("stale", "none", replace=(("no such line", ""),))

    with pytest.raises(model.SpinFailure, match="stale: 0 times"):
        model.mutate(TEXT, stale)


def test_without_its_programs_the_model_is_skipped_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model, "PROGRAMS", ("no-such-program",))

    result = model.run(show=lambda _: None)

    assert result.skipped == "not installed: no-such-program"
    assert not result.runs


@pytest.mark.skipif(bool(model.find_missing()), reason="spin or gcc is not installed")
def test_the_protocol_holds_and_every_mutant_is_refuted() -> None:
    result = model.run(is_quick=True, show=lambda _: None)

    assert result.failures == ()
    assert [one.name for one in result.runs] == [*model.SMALL, *model.LIVE]
    assert result.mutants_killed == result.mutants_total >= 15
    assert result.states > 1_000_000
