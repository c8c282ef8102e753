"""Orders do what their model says. ``python -m proof.inputs.machines`` runs longer."""

from __future__ import annotations

from proof.inputs import machines

RUNS, STEPS = 25, 25


def test_orders_and_their_money_do_what_was_promised(fresh_url: str) -> None:
    (finding,) = machines.run(only="order", runs=RUNS, steps=STEPS, database_url=fresh_url)

    assert finding.violations == ()
    assert finding.figures["runs"] == RUNS
