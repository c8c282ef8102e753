"""What a state machine acts on: one store for all its runs, and a loop that it may run at will."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test

from proof.inputs.place import a_database
from proof.report import Finding
from surehold.app import checkout_of
from surehold.checkout.engine import Checkout
from surehold.config import Config, Mode
from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.kernel.ids import LocationId, VariantId, new_id
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.providers import PretendProvider

T = TypeVar("T")

#: So few that runs meet on the same shelf.
VARIANTS: Final = 4
STEPS: Final = 40


class World:
    """A store with a few variants, and what machines do to it by hand."""

    def __init__(
        self,
        runner: asyncio.Runner,
        checkout: Checkout,
        provider: PretendProvider,
        variants: tuple[VariantId, ...],
        location_id: LocationId,
    ) -> None:
        self._runner = runner
        self.checkout = checkout
        self.db: Database = checkout.db
        self.provider = provider
        self.variants = variants
        self.location_id = location_id
        self.counts: Counter[str] = Counter()
        self.steps = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it now."""
        return self._runner.run(work)

    def execute(self, text: str, *values: object) -> None:
        """Change what there is no command for yet."""

        async def work() -> None:
            async with self.db.connection() as connection:
                await connection.raw.execute(text, *values)

        self.run(work())

    def rows(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database holds."""

        async def work() -> list[tuple[Any, ...]]:
            async with self.db.connection() as connection:
                return [tuple(row) for row in await connection.raw.fetch(text, *values)]

        return self.run(work())

    def restock(self, variant_id: VariantId, *, on_hand: int) -> None:
        """Count a shelf again, with the movement that explains the difference."""
        ((before,),) = self.rows(
            "SELECT on_hand FROM stock_levels WHERE variant_id = $1", variant_id
        )
        if before == on_hand:
            return
        self.execute(
            "WITH moved AS (INSERT INTO stock_movements (id, variant_id, location_id, delta,"
            " reason, reference, actor, moved_at)"
            " VALUES ($3, $1, $4, $5, 'correction', 'machine', 'machine', store_now()))"
            " UPDATE stock_levels SET on_hand = $2 WHERE variant_id = $1",
            variant_id,
            on_hand,
            new_id(),
            self.location_id,
            on_hand - before,
        )

    def reprice(self, variant_id: VariantId, currency: str, price: int | None) -> None:
        """Set a price, or take it away."""
        if price is None:
            self.execute(
                "DELETE FROM variant_prices WHERE variant_id = $1 AND currency = $2",
                variant_id,
                currency,
            )
        else:
            self.execute(
                "INSERT INTO variant_prices (variant_id, currency, amount_minor)"
                " VALUES ($1, $2, $3) ON CONFLICT (variant_id, currency)"
                " DO UPDATE SET amount_minor = excluded.amount_minor",
                variant_id,
                currency,
                price,
            )

    def check_invariants(self, *, at_rest: bool = False) -> None:
        """Nothing that must always hold may be broken."""

        async def work() -> dict[str, Any]:
            async with self.db.connection() as connection:
                return await check_invariants(connection, at_rest=at_rest)

        broken = self.run(work())
        assert not broken, f"broken invariants: {broken}"


class Machine(RuleBasedStateMachine):
    """A machine with a world. Every rule says what it does and what came of it."""

    world: ClassVar[World]

    def did(self, what: str) -> None:
        """Count what a step is, before anything can go wrong in it."""
        self.world.steps += 1
        self.world.counts[what] += 1

    def saw(self, what: str) -> None:
        """Count what came of a step."""
        self.world.counts[what] += 1


@contextmanager
def a_world(database_url: str | None = None) -> Iterator[World]:
    """A store, open. Not to be called inside a running loop."""
    with a_database(database_url) as url, asyncio.Runner() as runner:
        db = Database(Settings(url=url))
        provider = PretendProvider()
        config = Config(
            _env_file=None,
            mode=Mode.TEST,
            secret_keys=("a-secret-of-the-proof",),
            base_url="http://shop.test",
        )
        runner.run(db.open())
        checkout = checkout_of(config, db, providers=Providers([provider, BankTransfer()]))
        runner.run(checkout.open())
        try:
            products = [runner.run(a_product(db, price=1000, on_hand=5)) for _ in range(VARIANTS)]
            yield World(
                runner,
                checkout,
                provider,
                tuple(product.variant_id for product in products),
                products[0].location_id,
            )
        finally:
            runner.run(checkout.close())
            runner.run(db.close())


def run_machine(
    kind: type[Machine],
    *,
    harness: str,
    title: str,
    again: str,
    runs: int,
    seed_number: int,
    steps: int = STEPS,
    database_url: str | None = None,
) -> Finding:
    """Let a machine run so many times; the smallest failing run is told step by step."""
    began = time.perf_counter()
    violations: tuple[str, ...] = ()
    with a_world(database_url) as world:
        kind.world = world
        test = get_state_machine_test(
            kind,
            settings=settings(
                max_examples=runs,
                stateful_step_count=steps,
                database=None,
                deadline=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
        try:
            seed(seed_number)(test)()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
            told = "".join(traceback.format_exception(error))
            violations = (f"{told}\n(again: {again} --seed {seed_number})",)
        counts = dict(sorted(world.counts.items()))
    return Finding(
        harness=harness,
        title=title,
        seconds=time.perf_counter() - began,
        figures={"runs": runs, "steps": world.steps, "seed": seed_number, **counts},
        violations=violations,
    )
