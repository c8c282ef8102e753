"""A cart does what its model says. ``python -m proof.inputs.machines`` runs longer."""

from __future__ import annotations

from proof.inputs import machines

RUNS, STEPS = 30, 25


def test_a_cart_does_what_its_buyer_was_told(fresh_url: str) -> None:
    (finding,) = machines.run(only="cart", runs=RUNS, steps=STEPS, database_url=fresh_url)

    assert finding.violations == ()
    assert finding.figures["runs"] == RUNS
