"""A cart and some orders as state machines: ``python -m proof.inputs.machines --runs 400``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console

from proof.inputs.cart_machine import CartMachine
from proof.inputs.order_machine import OrderMachine
from proof.inputs.world import Machine, run_machine
from proof.report import Finding, show

MACHINES: Final[dict[str, tuple[type[Machine], str]]] = {
    "cart": (CartMachine, "A cart beside its model"),
    "order": (OrderMachine, "Orders and their money beside their model"),
}


def run(
    *,
    only: str | None = None,
    runs: int = 400,
    steps: int = 40,
    seed: int = 7,
    database_url: str | None = None,
) -> tuple[Finding, ...]:
    """Let the machines run so many times each. Begins no loop of the caller's.

    ``database_url`` is a migrated and empty database; without one a server is started for each.
    """
    return tuple(
        run_machine(
            kind,
            harness=f"inputs-{name}-machine",
            title=title,
            again=f"python -m proof.inputs.machines --only {name} --runs {runs} --steps {steps}",
            runs=runs,
            steps=steps,
            seed_number=seed,
            database_url=database_url,
        )
        for name, (kind, title) in MACHINES.items()
        if only in {None, name}
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them, print what came of it, and say by the exit code whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(MACHINES))
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args(arguments)
    findings = run(only=chosen.only, runs=chosen.runs, steps=chosen.steps, seed=chosen.seed)
    for finding in findings:
        show(finding, Console())
    return 0 if all(finding.is_pass for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
