"""Every pair of statuses: allowed or refused, by the code and by the database.

Each allowed one is made by a command here, or waits for one that is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import asyncpg
import msgspec
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.model import SYSTEM
from surehold.checkout.rules import Wish
from surehold.checkout.settlements import CancelOrder
from surehold.db import Database
from surehold.kernel.money import Money
from surehold.orders.errors import StatusOutOfReach
from surehold.orders.model import CancelReason, OrderStatus
from surehold.orders.states import MOVES, FulfillmentEvent
from surehold.payments.model import PaymentState
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.cash_on_delivery import CashOnDelivery
from surehold.payments.providers.disputes import DisputeSnapshot, DisputeStage, DisputeState
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product, change_on_hand
from tests.builders.fulfillments import reach
from tests.builders.orders import (
    STAFF,
    a_checkout,
    a_paid_order,
    a_placed_order,
    begin_payment,
    look_at,
    pay,
)
from tests.builders.providers import PretendProvider
from tests.builders.trust import (
    a_due_order,
    capture_later,
    offer_cash,
    provider_id,
    refuse,
    set_up,
)
from tests.support.placing import count_rows
from tests.support.shop import make_due

S = OrderStatus
D = DisputeState
OPEN: Final = D.NEEDS_RESPONSE
Pair = tuple[OrderStatus, OrderStatus]


class Ground:
    """A shop with one variant, a provider that can be told what to do, and transfers."""

    def __init__(self, db: Database, checkout: Checkout, pretend: PretendProvider) -> None:
        self.db, self.checkout, self.pretend = db, checkout, pretend
        self.variant_id: Any = None

    async def paid(self) -> Any:
        return (await a_paid_order(self.checkout, [(self.variant_id, 1)])).order.id

    async def by_card(self) -> Any:
        placed = await a_placed_order(self.checkout, [(self.variant_id, 1)], provider="pretend")
        return await begin_payment(self.checkout, placed)

    async def capture(self, begun: Any) -> None:
        self.pretend.pay(f"pp_{begun.payment.merchant_reference}")
        await commands.check_payment(self.checkout, begun.payment.id)

    async def decline(self, begun: Any) -> None:
        reference = f"pp_{begun.payment.merchant_reference}"
        before = self.pretend.payments[reference]
        self.pretend.payments[reference] = msgspec.structs.replace(
            before, state=PaymentState.FAILED
        )
        await commands.check_payment(self.checkout, begun.payment.id)

    async def cancel(self, order_id: Any, reason: CancelReason = CancelReason.STAFF) -> None:
        await self.checkout.settling.submit(CancelOrder(order_id, reason, SYSTEM))

    async def refund(self) -> None:
        await make_due(self.db)
        await commands.ask_due_operations(self.checkout)

    async def empty_shelf(self) -> None:
        async with self.db.connection() as connection:
            await connection.raw.execute(
                "UPDATE reservations SET expires_at = store_now() WHERE state = 'active'"
            )
        await commands.expire_reservations(self.checkout)
        await a_paid_order(self.checkout, [(self.variant_id, 10)])


async def _along(ground: Ground, *statuses: OrderStatus) -> Any:
    order_id = await ground.paid()
    await reach(ground.checkout, order_id, *statuses)
    return order_id


async def _canceled_after(ground: Ground, *statuses: OrderStatus) -> None:
    await ground.cancel(await _along(ground, *statuses))


async def _archived_and_paid_late(ground: Ground) -> None:
    placed = await a_placed_order(ground.checkout, [(ground.variant_id, 1)])
    await ground.cancel(placed.order.id, CancelReason.UNPAID)
    await reach(ground.checkout, placed.order.id, S.ARCHIVED)
    assert await pay(ground.checkout, placed) == "paid"


async def _declined_then(ground: Ground, what: str) -> None:
    begun = await ground.by_card()
    await ground.decline(begun)
    if what == "again":
        await commands.retry_payment(
            ground.checkout, order_id=begun.order.id, provider="bank_transfer"
        )
    elif what == "canceled":
        await ground.cancel(begun.order.id)
    else:
        await ground.capture(begun)


async def _disputed(ground: Ground, *on: OrderStatus, amount: int | None = None) -> None:
    """A dispute is opened, won, opened again, lost, and won after all."""
    begun = await ground.by_card()
    await ground.capture(begun)
    await reach(ground.checkout, begun.order.id, *on)
    name = f"pp_{begun.payment.merchant_reference}"
    for state in (OPEN, D.WON, OPEN, D.LOST, D.WON):
        stage, due = DisputeStage.CHARGEBACK, begun.payment.requested
        told = DisputeSnapshot(
            "dp", Money(amount or due.amount, due.currency), stage, state, "fraudulent"
        )
        ground.pretend.dispute(name, told)
        await commands.check_payment(ground.checkout, begun.payment.id)


async def _won_after_it_was_put_away(ground: Ground, *on: OrderStatus) -> None:
    """A dispute is lost, the order is put away, and the store has won after all."""
    begun = await ground.by_card()
    await ground.capture(begun)
    await reach(ground.checkout, begun.order.id, *on)
    for state in (D.LOST, D.WON):
        stage, due = DisputeStage.CHARGEBACK, begun.payment.requested
        told = DisputeSnapshot("dp", due, stage, state, "fraudulent")
        ground.pretend.dispute(f"pp_{begun.payment.merchant_reference}", told)
        await commands.check_payment(ground.checkout, begun.payment.id)
        if state is D.LOST:
            await reach(ground.checkout, begun.order.id, S.ARCHIVED)


async def _won_while_it_is_paid_back(ground: Ground, on: OrderStatus) -> None:
    """All is on its way back as staff wish, its bank takes it meanwhile, and gives it back."""
    begun = await ground.by_card()
    await ground.capture(begun)
    await reach(ground.checkout, begun.order.id, on)
    await commands.refund_order(
        ground.checkout, order_id=begun.order.id, wish=Wish(), reason="late", actor=STAFF
    )
    for state in (D.LOST, D.WON):
        stage, due = DisputeStage.CHARGEBACK, begun.payment.requested
        told = DisputeSnapshot("dp", due, stage, state, "fraudulent")
        ground.pretend.dispute(f"pp_{begun.payment.merchant_reference}", told)
        await commands.check_payment(ground.checkout, begun.payment.id)


async def _paid_twice_after_it_was_put_away(ground: Ground) -> None:
    """All of a paid order went back, it was put away, and its other payment comes, too."""
    begun = await ground.by_card()
    placed = await commands.retry_payment(
        ground.checkout, order_id=begun.order.id, provider="bank_transfer"
    )
    await pay(ground.checkout, placed)
    await commands.refund_order(
        ground.checkout, order_id=begun.order.id, wish=Wish(), reason="late", actor=STAFF
    )
    paid_back = await look_at(ground.checkout, begun.order.id)
    await commands.confirm_refund(
        ground.checkout,
        order_id=begun.order.id,
        refund_id=paid_back.refunds[0].id,
        actor=STAFF,
    )
    await ground.refund()
    await reach(ground.checkout, begun.order.id, S.ARCHIVED)
    await ground.capture(begun)


async def _sold_out(ground: Ground, *, is_declined: bool) -> None:
    begun = await ground.by_card()
    if is_declined:
        await ground.decline(begun)
    await ground.empty_shelf()
    await ground.capture(begun)
    await ground.refund()


async def _canceled_by_card(ground: Ground) -> None:
    begun = await ground.by_card()
    await ground.capture(begun)
    await ground.cancel(begun.order.id)
    await ground.refund()
    await reach(ground.checkout, begun.order.id, S.ARCHIVED)


async def _paid_again_after_a_refund(ground: Ground, *, is_sold_out: bool) -> None:
    placed = await a_placed_order(ground.checkout, [(ground.variant_id, 1)])
    by_card = await commands.retry_payment(
        ground.checkout, order_id=placed.order.id, provider="pretend"
    )
    if is_sold_out:
        await ground.empty_shelf()
        await ground.capture(by_card)
        await change_on_hand(ground.db, ground.variant_id, on_hand=20)
    else:
        await ground.capture(by_card)
        await ground.cancel(placed.order.id)
    await ground.refund()
    await pay(ground.checkout, placed)


async def _revived(ground: Ground) -> None:
    placed = await a_placed_order(ground.checkout, [(ground.variant_id, 1)])
    await ground.cancel(placed.order.id, CancelReason.UNPAID)
    await pay(ground.checkout, placed)


async def _put_away(ground: Ground) -> None:
    placed = await a_placed_order(ground.checkout, [(ground.variant_id, 1)])
    await ground.cancel(placed.order.id)
    await reach(ground.checkout, placed.order.id, S.ARCHIVED)


async def _packed_and_unpacked(ground: Ground) -> None:
    order_id = await _along(ground, S.READY_FOR_SHIPMENT)
    placed = await look_at(ground.checkout, order_id)
    await commands.move_fulfillment(
        ground.checkout,
        fulfillment_id=placed.fulfillments[0].id,
        event=FulfillmentEvent.CANCEL,
        actor=STAFF,
    )


async def _refused_at_the_door(ground: Ground, *statuses: OrderStatus) -> None:
    placed = await a_due_order(ground.checkout, (ground.variant_id, 1))
    await reach(ground.checkout, placed.order.id, S.SHIPPED, *statuses)
    await refuse(ground.checkout, placed)


async def _trusted_late(ground: Ground) -> None:
    """Authorized after it was given up, and after it was put away."""
    for is_archived in (False, True):
        begun = await _begun_later(ground)
        await ground.cancel(begun.order.id, CancelReason.UNPAID)
        if is_archived:
            async with ground.db.connection() as connection:
                await connection.raw.execute(
                    "UPDATE payments SET state = 'voided' WHERE id = $1", begun.payment.id
                )
            await reach(ground.checkout, begun.order.id, S.ARCHIVED)
        ground.pretend.authorize(provider_id(begun))
        await commands.check_payment(ground.checkout, begun.payment.id)


async def _begun_later(ground: Ground, order_id: Any = None) -> Any:
    """A payment that is to be authorized, of a new order or one that is there."""
    await capture_later(ground.db)
    if order_id is None:
        begun = await ground.by_card()
    else:
        begun = await commands.retry_payment(
            ground.checkout, order_id=order_id, provider="pretend"
        )
    await set_up(ground.db, capture={})
    return begun


async def _trusted_after_a_refund(ground: Ground) -> None:
    """Late money finds nothing left and goes back; then another payment is sure, and all is."""
    first = await ground.by_card()
    await ground.decline(first)
    later = await _begun_later(ground, first.order.id)
    await ground.empty_shelf()
    await ground.capture(first)
    await ground.refund()
    await change_on_hand(ground.db, ground.variant_id, on_hand=20)
    ground.pretend.authorize(provider_id(later))
    await commands.check_payment(ground.checkout, later.payment.id)


async def _lapsed(ground: Ground, on: tuple[OrderStatus, ...], then: str) -> None:
    """An authorization lapses while staff work on the order; it is paid again, or not."""
    if then == "another pays":
        first = await ground.by_card()
        await ground.decline(first)
        begun = await _begun_later(ground, first.order.id)
    elif then == "another is open":
        transfer = await a_placed_order(ground.checkout, [(ground.variant_id, 1)])
        begun = await _begun_later(ground, transfer.order.id)
        async with ground.db.connection() as connection:
            await connection.raw.execute(
                "UPDATE payments SET state = 'requires_action' WHERE id = $1",
                transfer.payment.id,
            )
    else:
        begun = await _begun_later(ground)
    ground.pretend.authorize(provider_id(begun))
    await commands.check_payment(ground.checkout, begun.payment.id)
    await reach(ground.checkout, begun.order.id, *on)
    ground.pretend.lapse(provider_id(begun))
    await commands.check_payment(ground.checkout, begun.payment.id)
    if then == "authorized again":
        again = await _begun_later(ground, begun.order.id)
        ground.pretend.authorize(provider_id(again))
        await commands.check_payment(ground.checkout, again.payment.id)
    elif then == "another pays":
        await ground.capture(first)


async def _revived_after_work_began(ground: Ground, on: OrderStatus, *, is_captured: bool) -> None:
    """Staff worked on it, its authorization lapsed, it was given up; then its money comes late."""
    begun = await _begun_later(ground)
    ground.pretend.authorize(provider_id(begun))
    await commands.check_payment(ground.checkout, begun.payment.id)
    await reach(ground.checkout, begun.order.id, on)
    ground.pretend.lapse(provider_id(begun))
    await commands.check_payment(ground.checkout, begun.payment.id)
    for parcel in (await look_at(ground.checkout, begun.order.id)).fulfillments:
        await commands.move_fulfillment(
            ground.checkout,
            fulfillment_id=parcel.id,
            event=FulfillmentEvent.CANCEL,
            actor=STAFF,
        )
    await ground.cancel(begun.order.id, CancelReason.UNPAID)
    if is_captured:
        await ground.capture(begun)
    else:
        ground.pretend.authorize(provider_id(begun))
        await commands.check_payment(ground.checkout, begun.payment.id)


#: What people, providers and time do; each makes some of the moves.
STORIES: Final[tuple[Callable[[Ground], Awaitable[Any]], ...]] = (
    lambda g: _along(g, S.CONFIRMED, S.PROCESSING, S.READY_FOR_SHIPMENT, S.SHIPPED, S.IN_TRANSIT),
    lambda g: _along(g, S.SHIPPED, S.IN_TRANSIT, S.DELIVERED, S.ARCHIVED),
    lambda g: _along(g, S.SHIPPED, S.DELIVERED),
    lambda g: _along(g, S.PROCESSING, S.SHIPPED),
    lambda g: _along(g, S.READY_FOR_SHIPMENT),
    lambda g: _along(g, S.CONFIRMED, S.READY_FOR_SHIPMENT),
    lambda g: _along(g, S.CONFIRMED, S.SHIPPED),
    _canceled_after,
    lambda g: _canceled_after(g, S.CONFIRMED),
    lambda g: _canceled_after(g, S.PROCESSING),
    lambda g: _canceled_after(g, S.READY_FOR_SHIPMENT),
    _packed_and_unpacked,
    _trusted_late,
    _trusted_after_a_refund,
    _refused_at_the_door,
    lambda g: _refused_at_the_door(g, S.IN_TRANSIT),
    *(
        lambda g, on=on, then=then: _lapsed(g, on, then)
        for on in ((), (S.PROCESSING,), (S.READY_FOR_SHIPMENT,))
        for then in ("failed", "authorized again", "another is open", "another pays")
    ),
    lambda g: _declined_then(g, "again"),
    lambda g: _declined_then(g, "canceled"),
    lambda g: _declined_then(g, "paid"),
    lambda g: _sold_out(g, is_declined=False),
    *(
        lambda g, on=on, amount=amount: _disputed(g, *on, amount=amount)
        for on in (
            (),
            (S.CONFIRMED,),
            (S.PROCESSING,),
            (S.READY_FOR_SHIPMENT,),
            (S.SHIPPED,),
            (S.SHIPPED, S.IN_TRANSIT),
            (S.SHIPPED, S.DELIVERED),
        )
        for amount in (None, 1)
    ),
    _canceled_by_card,
    lambda g: _won_after_it_was_put_away(g, S.SHIPPED),
    lambda g: _won_after_it_was_put_away(g, S.SHIPPED, S.IN_TRANSIT),
    lambda g: _won_while_it_is_paid_back(g, S.PROCESSING),
    lambda g: _won_while_it_is_paid_back(g, S.READY_FOR_SHIPMENT),
    _paid_twice_after_it_was_put_away,
    _revived,
    _put_away,
    _archived_and_paid_late,
    lambda g: _paid_again_after_a_refund(g, is_sold_out=False),
    lambda g: _paid_again_after_a_refund(g, is_sold_out=True),
)


#: Statuses of an order that is paid.
PAID: Final = (
    *(S.PAID, S.CONFIRMED, S.PROCESSING, S.READY_FOR_SHIPMENT),
    *(S.SHIPPED, S.IN_TRANSIT, S.DELIVERED),
)
#: What the stories of disputes make: all or a part of the money is held back, given back or lost.
BY_DISPUTE: Final = {
    *((S.DISPUTED, status) for status in (*PAID, S.PARTIALLY_REFUNDED, S.REFUNDED)),
    *((status, S.DISPUTED) for status in PAID),
    *((S.PARTIALLY_REFUNDED, status) for status in PAID),
    *((status, S.REFUNDED) for status in PAID[2:6]),
}
#: What the stories of refunds of everything make.
BY_REFUND: Final = {
    (S.PAID, S.REFUNDED),
    (S.ARCHIVED, S.PARTIALLY_REFUNDED),
    (S.PARTIALLY_REFUNDED, S.REFUNDED),
}


def _waiting_for() -> dict[Pair, str]:
    """Allowed moves that no command makes yet, and which one will."""
    found = {
        pair: "while it is disputed it is refunded, canceled or put away as well"
        for pair in MOVES
        if S.DISPUTED in pair
    }
    found |= {
        pair: "refunds of a part, and what of them comes back"
        for pair in MOVES
        if S.PARTIALLY_REFUNDED in pair and pair not in found
    }
    # An order grew dearer before it was paid; its first payment comes, and is too little.
    for source in (S.PENDING_PAYMENT, S.PAYMENT_FAILED):
        for target in (S.REFUNDED, S.PARTIALLY_REFUNDED):
            found[source, target] = "money that is not needed goes back; proof.rules finds its way"
    for source in (S.IN_TRANSIT, S.DELIVERED):
        found[source, S.SHIPPED] = "an exchange after a refund failed; proof.rules finds its way"
    # A refund of everything that is not a cancellation.
    for source in PAID:
        found[source, S.REFUNDED] = "a refund of everything without a cancellation"
    return {pair: why for pair, why in found.items() if pair not in BY_DISPUTE | BY_REFUND}


async def _moves_made(db: Database) -> set[Pair]:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(
            "SELECT DISTINCT from_status, to_status FROM order_events"
            " WHERE from_status IS NOT NULL"
        )
    return {(S(row["from_status"]), S(row["to_status"])) for row in rows}


@pytest.mark.parametrize("is_captured", [True, False])
@pytest.mark.parametrize("on", [S.PROCESSING, S.READY_FOR_SHIPMENT])
async def test_what_is_revived_begins_anew(
    db: Database, on: OrderStatus, *, is_captured: bool
) -> None:
    pretend = PretendProvider()
    async with a_checkout(db, providers=Providers([pretend])) as checkout:
        ground = Ground(db, checkout, pretend)
        ground.variant_id = (await a_product(db, on_hand=10)).variant_id
        await _revived_after_work_began(ground, on, is_captured=is_captured)
    async with db.connection() as connection:
        (row,) = await connection.raw.fetch("SELECT status, processing_at FROM orders")

    assert tuple(row) == ("confirmed", None)


async def test_every_allowed_move_is_made_by_a_command(db: Database) -> None:
    pretend = PretendProvider()
    providers = Providers([pretend, BankTransfer(), CashOnDelivery()])
    await offer_cash(db)
    async with a_checkout(db, providers=providers) as checkout:
        ground = Ground(db, checkout, pretend)
        for story in STORIES:
            ground.variant_id = (await a_product(db, on_hand=10)).variant_id
            await story(ground)
    made = await _moves_made(db)

    waiting = _waiting_for()
    assert (
        sorted((source.value, target.value) for source, target in MOVES - made - waiting.keys())
        == []
    )
    assert made & waiting.keys() == set(), "made by now: strike it off"


@pytest.fixture
async def order(db: Database) -> Any:
    """A paid order whose status is set by hand below."""
    async with a_checkout(db) as checkout:
        product = await a_product(db)
        return (await a_paid_order(checkout, [(product.variant_id, 1)])).order


async def test_the_database_refuses_each_move_outside_the_table(db: Database, order: Any) -> None:
    for source, target in itertools.product(S, S):
        async with db.connection() as connection:
            transaction = connection.raw.transaction()
            await transaction.start()
            await connection.raw.execute("SET LOCAL session_replication_role = replica")
            await connection.raw.execute("UPDATE orders SET status = $1", source.value)
            await connection.raw.execute("SET LOCAL session_replication_role = origin")
            by_hand = connection.raw.execute("UPDATE orders SET status = $1", target.value)
            if source is target or (source, target) in MOVES:
                assert await by_hand == "UPDATE 1"
                last = await connection.raw.fetchrow(
                    "SELECT from_status, to_status, reason FROM order_events"
                    " ORDER BY seq DESC LIMIT 1"
                )
                assert last is not None
                expected = (
                    ("pending_payment", "paid", "payment captured")
                    if source is target
                    else (source.value, target.value, "changed by hand")
                )
                assert tuple(last) == expected
            else:
                with pytest.raises(
                    asyncpg.IntegrityConstraintViolationError, match="does not lead to"
                ):
                    await by_hand
            await transaction.rollback()


@pytest.mark.parametrize("status", S)
async def test_a_status_that_is_out_of_reach_changes_nothing(
    db: Database, status: OrderStatus
) -> None:
    async with a_checkout(db) as checkout:
        product = await a_product(db)
        placed = await a_placed_order(checkout, [(product.variant_id, 1)])
        if status in (S.PENDING_PAYMENT, S.CANCELED):
            assert await reach(checkout, placed.order.id, status) == (
                "unchanged" if status is S.PENDING_PAYMENT else "canceled"
            )
            return
        before = await count_rows(db)

        with pytest.raises(StatusOutOfReach) as refused:
            await reach(checkout, placed.order.id, status)

        assert refused.value.facts == {
            "order_status": "pending_payment",
            "reachable": ["canceled"],
        }
        assert await count_rows(db) == before


async def test_what_is_over_for_long_is_archived(db: Database) -> None:
    async with a_checkout(db) as checkout:
        product = await a_product(db, on_hand=30)
        young, old, at_work = [
            (await a_paid_order(checkout, [(product.variant_id, 1)])).order.id for _ in range(3)
        ]
        for order_id in (young, old):
            await reach(checkout, order_id, S.SHIPPED, S.DELIVERED)
        refunding = (await a_paid_order(checkout, [(product.variant_id, 1)])).order.id
        await commands.cancel_order(
            checkout, order_id=refunding, reason=CancelReason.STAFF, actor=STAFF
        )
        await _age(db, [old, at_work, refunding], timedelta(days=91))

        assert await commands.archive_old_orders(checkout) == 1
        assert await commands.archive_old_orders(checkout) == 0

        statuses = [
            (await look_at(checkout, order_id)).order.status
            for order_id in (young, old, at_work, refunding)
        ]
    # Money on its way back is waited for.
    assert statuses == [S.DELIVERED, S.ARCHIVED, S.PAID, S.CANCELED]


async def _age(db: Database, order_ids: list[Any], by: timedelta) -> None:
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE orders SET updated_at = updated_at - $2::interval WHERE id = ANY($1)",
            order_ids,
            by,
        )
