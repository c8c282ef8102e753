"""Generated carts: a short form of the harness, and its bookkeeper, who can say no."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from proof.carts.books import Seen, find_faults, find_price_faults
from proof.carts.life import Life
from proof.carts.run import run
from proof.carts.shop import ADDRESSES, open_shop
from surehold.db import Database
from tests.builders.orders import a_checkout


def test_some_hundred_carts_add_up_after_every_step(run_folder: Path) -> None:
    finding = run(carts=160, seed=4, per_store=80, jobs=1, run_folder=run_folder)

    figures: Any = finding.figures
    assert finding.violations == ()
    assert (figures["carts"], figures["stores"]) == (160, 2)
    assert figures["orders"] >= 110
    assert figures["orders added up"] >= 5 * figures["orders"]
    # They must have lived: each of these is a way in which nothing could have happened.
    for name in ("give up units", "refund amount", "refund units", "go on with return", "cancel"):
        assert figures[f"step: {name}"] >= 10, name
    for currency in ("EUR", "JPY", "KWD"):
        assert figures[f"orders in {currency}"] >= 20, currency


def _first(field: str, **changes: Any) -> Callable[[Seen], Seen]:
    """A fault in the first row of one kind; a number is added to what is there."""

    def plant(seen: Seen) -> Seen:
        first, *rest = getattr(seen, field)
        values = {
            name: getattr(first, name) + value if isinstance(value, int) else value
            for name, value in changes.items()
        }
        changed = msgspec.structs.replace(first, **values)
        return msgspec.structs.replace(seen, **{field: (changed, *rest)})

    return plant


def _order(**changes: int) -> Callable[[Seen], Seen]:
    def plant(seen: Seen) -> Seen:
        values = {name: getattr(seen.order, name) + more for name, more in changes.items()}
        order = msgspec.structs.replace(seen.order, **values)
        return msgspec.structs.replace(seen, order=order)

    return plant


#: What is planted in an order that was paid, of which a unit was given up and an amount paid back.
FAULTS: Final[tuple[tuple[Callable[[Seen], Seen], str], ...]] = (
    (_order(total_minor=1), "total: "),
    (_order(tax_minor=1), "tax: "),
    (_order(discount_minor=1), "discount: "),
    (_order(canceled_minor=1), "given up of the order: "),
    (_order(paid_minor=1), "paid: "),
    (_order(refunded_minor=1), "sent back: "),
    (_first("lines", net_minor=1), "line gross: "),
    (_first("lines", canceled_tax_minor=1), "given up of a line: "),
    (_first("lines", refunded_quantity=1), "paid back of a line: "),
    (_first("lines", returned_quantity=1), "units come back"),
    (_first("refund_lines", net_minor=1), "refund: "),
    (_first("entries", amount_minor=1), "journals that do not balance: "),
    (_first("entries", currency="USD"), "a posting's currency: "),
    (_first("owned", released_quantity=1), "units held and owned: "),
)


async def test_the_bookkeeper_can_say_no(db: Database) -> None:
    shop = await open_shop(db, 4, carts=20)
    async with a_checkout(db) as checkout:
        life = Life(checkout, shop, 4)
        await life.place()
        for step in (life.pay, life.give_up_units, life.refund_amount, life.confirm_refund):
            await life.take(step)
    seen, about = life.now, {"address": life.address, "vat_id": life.vat_id}
    elsewhere = {**about, "address": next(one for one in ADDRESSES if one != life.address)}
    dearer = _first("lines", unit_price_minor=1)(seen)

    assert life.counts["steps"] == 4
    assert [*find_faults(seen)] == []
    assert [*find_price_faults(seen, shop, **about)] == []
    for plant, words in FAULTS:
        assert any(words in fault for fault in find_faults(plant(seen))), words
    assert any("unit price: " in fault for fault in find_price_faults(dearer, shop, **about))
    assert any("tax at 0." in fault for fault in find_price_faults(seen, shop, **elsewhere))
