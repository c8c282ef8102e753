"""Orders of what is not there yet: what is promised, served in order, and sent once there."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import PlacedOrder
from surehold.checkout.settlements import Keep, TakeEvidence
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory import commands as inventory
from surehold.inventory.errors import InsufficientStock, UnitsPromised
from surehold.inventory.model import Backorder, BackorderKind
from surehold.kernel.ids import LocationId, OrderId, VariantId
from surehold.kernel.money import Money
from surehold.orders.errors import UnitsNotOnHand
from surehold.orders.model import CancelReason
from surehold.payments.model import PaymentState
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from tests.builders.catalog import a_product
from tests.builders.fulfillments import a_parcel
from tests.builders.orders import STAFF, a_paid_order, a_placed_order, look_at, pay
from tests.support.placing import a_placement, count_rows, counters, told

DAY: Final = date(2030, 12, 12)


async def sell_ahead(db: Database, variant_id: VariantId, limit: int = 20) -> None:
    wish = inventory.BackorderWish(BackorderKind.PREORDER, limit, promised_on=DAY)
    await inventory.set_backorders(db, variant_id=variant_id, wish=wish, actor="test")


async def arrive(db: Database, variant_id: VariantId, quantity: int) -> None:
    async with db.connection() as connection:
        place = await connection.raw.fetchval("SELECT id FROM locations WHERE code = 'main'")
    arrivals = [inventory.Arrival(variant_id, LocationId(place), quantity)]
    await inventory.receive_stock(db, arrivals=arrivals, reference=f"D{quantity}", actor="test")


async def waits(checkout: Checkout, placed: PlacedOrder) -> list[int]:
    found = (await look_at(checkout, placed.order.id)).backorders
    return [
        0 if (row := found.get(line.id)) is None else row.waiting_quantity for line in placed.lines
    ]


async def check(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_a_buyer_is_promised_what_is_not_there(db: Database, checkout: Checkout) -> None:
    lamp = await a_product(db, on_hand=2)
    mug = await a_product(db, on_hand=5)
    await sell_ahead(db, lamp.variant_id)

    answer = await commands.place_order(
        checkout, a_placement((lamp.variant_id, 3), (mug.variant_id, 1))
    )

    lines = told(answer).body["order"]["lines"]
    assert [(line["waiting_quantity"], line["promised_on"]) for line in lines] == [
        (1, "2030-12-12"),
        (0, None),
    ]
    assert await counters(db, lamp.variant_id) == (2, 0, 3)
    assert (await count_rows(db, ["backorder_promises"])) == {"backorder_promises": 1}
    placed = await look_at(checkout, OrderId(told(answer).order_id))
    assert placed.backorders == {placed.lines[0].id: Backorder(1, BackorderKind.PREORDER, DAY)}
    await check(db)


async def test_an_ordinary_order_is_promised_nothing_and_asks_nothing(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=2)
    await sell_ahead(db, product.variant_id)
    async with db.transaction() as tx:
        await tx.raw.execute("ALTER TABLE backorder_terms RENAME TO out_of_reach")
    try:
        answer = await commands.place_order(checkout, a_placement((product.variant_id, 2)))
    finally:
        async with db.transaction() as tx:
            await tx.raw.execute("ALTER TABLE out_of_reach RENAME TO backorder_terms")

    assert answer.status == 201
    assert await count_rows(db, ["backorder_promises"]) == {}


async def test_beyond_the_limit_nothing_is_sold(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, on_hand=1)
    await sell_ahead(db, product.variant_id, limit=2)
    await a_placed_order(checkout, [(product.variant_id, 2)])

    with pytest.raises(InsufficientStock) as refused:
        await commands.place_order(checkout, a_placement((product.variant_id, 2)))

    assert refused.value.facts["shortages"][0]["available"] == 1
    assert await counters(db, product.variant_id) == (1, 0, 2)


async def test_a_hold_that_lapsed_goes_to_the_end_and_is_promised_anew(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=1)
    await sell_ahead(db, product.variant_id)
    first = await a_placed_order(checkout, [(product.variant_id, 2)])
    second = await a_placed_order(checkout, [(product.variant_id, 1)])
    async with db.transaction() as tx:
        await tx.raw.execute(
            "UPDATE reservations SET expires_at = store_now() WHERE holder_id = $1", first.order.id
        )
    assert await commands.expire_reservations(checkout) == 1
    assert await inventory.tell_backorders(db) == 1
    assert await waits(checkout, second) == [0]

    assert await pay(checkout, first) == "paid"

    assert await waits(checkout, first) == [2]
    assert (await look_at(checkout, first.order.id)).backorders[first.lines[0].id] == Backorder(
        2, BackorderKind.PREORDER, DAY
    )
    await check(db)


async def test_units_are_sent_to_the_first_and_not_to_the_next(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=0)
    await sell_ahead(db, product.variant_id)
    orders = [await a_paid_order(checkout, [(product.variant_id, 2)]) for _ in range(3)]
    await arrive(db, product.variant_id, 3)

    assert [await waits(checkout, placed) for placed in orders] == [[0], [1], [2]]
    for placed, there in zip(orders[1:], (1, 0), strict=True):
        with pytest.raises(UnitsNotOnHand) as refused:
            await a_parcel(checkout, placed, 2)
        assert refused.value.facts["variants"][0]["on_hand"] == there
    assert (await a_parcel(checkout, orders[1])).units == 1
    assert (await a_parcel(checkout, orders[0])).units == 2
    await commands.cancel_order(
        checkout, order_id=orders[0].order.id, reason=CancelReason.STAFF, actor=STAFF
    )
    assert [await waits(checkout, placed) for placed in orders[1:]] == [[0], [1]]
    await check(db)


async def test_a_part_that_waits_is_given_up_before_what_is_there(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=2)
    await sell_ahead(db, product.variant_id)
    placed = await a_paid_order(checkout, [(product.variant_id, 3)])
    seen: list[dict[str, Any]] = []

    def render(after: PlacedOrder) -> bytes:
        seen.append({str(key): row.waiting_quantity for key, row in after.backorders.items()})
        return msgspec.json.encode(seen[-1])

    await commands.cancel_part(
        checkout,
        order_id=placed.order.id,
        lines=[(placed.lines[0].id, 1)],
        reason=CancelReason.BUYER,
        actor=STAFF,
        keep=Keep(commands.PARTS, f"{placed.order.id}:a", b"", render),
    )

    assert seen == [{}]
    assert await waits(checkout, placed) == [0]
    assert (await a_parcel(checkout, placed)).units == 2
    await check(db)


async def test_what_is_owed_cannot_leave_the_shelf(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, on_hand=2)
    await sell_ahead(db, product.variant_id)
    await a_paid_order(checkout, [(product.variant_id, 3)])

    adjustment = inventory.Adjustment(product.variant_id, "main", -1)
    with pytest.raises(UnitsPromised) as refused:
        await inventory.adjust_stock(db, adjustment=adjustment, reference="r", actor="test")

    assert refused.value.facts["promised"][0]["promised"] == 2
    assert await counters(db, product.variant_id) == (2, 3, 0)


async def test_two_who_pay_late_at_once_stand_in_the_order_of_their_decisions(
    db: Database, checkout: Checkout
) -> None:
    lamp = await a_product(db, on_hand=2)
    await sell_ahead(db, lamp.variant_id)
    placed = [await a_placed_order(checkout, [(lamp.variant_id, 1)]) for _ in range(2)]
    for one in placed:
        await commands.cancel_order(
            checkout, order_id=one.order.id, reason=CancelReason.UNPAID, actor=STAFF
        )
    await a_paid_order(checkout, [(lamp.variant_id, 1)])
    first, second = placed
    paid = [_paid(one) for one in (second, first)]

    async with db.connection() as connection:
        outcomes = await commands.SettlementWork(checkout.context)(
            connection.raw, paid, lambda: None
        )

    assert [getattr(one, "effect", one) for one in outcomes] == ["paid", "paid"]
    assert (await waits(checkout, second), await waits(checkout, first)) == ([0], [1])
    await check(db)


def _paid(placed: PlacedOrder) -> TakeEvidence:
    """What staff say of a transfer that came."""
    payment = placed.payment
    assert payment is not None
    nothing = Money(0, payment.currency)
    snapshot = ProviderSnapshot(
        provider_payment_id=payment.provider_payment_id or payment.merchant_reference,
        merchant_reference=payment.merchant_reference,
        state=PaymentState.CAPTURED,
        requested=payment.requested,
        authorized=nothing,
        captured=payment.requested,
        refunded=nothing,
        disputed=nothing,
        is_live=True,
    )
    return TakeEvidence(placed.order.id, payment.id, snapshot, STAFF)
