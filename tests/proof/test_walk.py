"""P4: the bank's messages in any order, copied, or never: the same books in the end."""

from __future__ import annotations

from proof.walk.run import run
from proof.walk.script import write


def test_a_short_walk_ends_with_the_books_of_the_same_facts_told_in_order() -> None:
    found = run(events=300, orders=14, seed=5)

    assert found.violations == ()
    assert found.figures["deliveries"] >= 300
    assert int(found.figures["lost on the way"]) > 0


def test_a_script_is_the_same_for_its_seed_and_tells_of_every_order() -> None:
    script = write(orders=20, facts=100, seed=1)

    assert script == write(orders=20, facts=100, seed=1) != write(orders=20, facts=100, seed=2)
    assert len(script) == 100
    assert {fact.order for fact in script} == set(range(20))
