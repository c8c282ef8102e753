"""Every case over every provider, over real HTTP."""

from __future__ import annotations

import pytest

from tests.payments.contract import table
from tests.payments.contract.cases import CASES, Case
from tests.payments.contract.rig import NAMES, a_rig, capabilities_of


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("name", NAMES)
async def test_contract(name: str, case: Case) -> None:
    if not case.needs(capabilities_of(name)):
        pytest.skip("not among its capabilities")
    async with a_rig(name) as rig:
        await case.run(rig)


def test_the_table_in_the_documentation_is_this_one() -> None:
    assert table.between(table.PAGE.read_text(encoding="utf-8"))[1] == table.render(), (
        "run python -m tests.payments.contract.table"
    )


def test_every_case_is_run_by_somebody_and_no_two_share_a_name() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert [c.id for c in CASES if not any(c.needs(capabilities_of(n)) for n in NAMES)] == []
