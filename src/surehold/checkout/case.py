"""One order while its fate is decided: the facts as read under lock, and what to write.

Rules change a case; nothing is written until every case of the batch is decided. A case is
values only: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import TypeVar
from uuid import UUID

import msgspec

from surehold.checkout.batch import CouponUses, Stock, Writes
from surehold.checkout.model import PlacedOrder, reserved_until
from surehold.db.shop import ShopSettings
from surehold.inventory import rules as inventory
from surehold.inventory.model import (
    Allocation,
    Departure,
    Reservation,
    ReservationState,
    StockChange,
)
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import (
    OrderLineId,
    PaymentId,
    RefundId,
)
from surehold.orders import rules as orders
from surehold.orders.events import order_status_changed
from surehold.orders.model import Fulfillment, FulfillmentState, Order, OrderLine
from surehold.orders.states import WAITING
from surehold.payments.model import (
    Payment,
    PaymentState,
    Refund,
)
from surehold.payments.states import OPEN


class Case:
    """One order and everything that hangs on it."""

    def __init__(
        self,
        order: Order,
        *,
        lines: tuple[OrderLine, ...],
        payments: Iterable[Payment],
        reservations: Iterable[Reservation],
        allocations: Iterable[Allocation],
        refunds: Iterable[Refund],
        fulfillments: Iterable[Fulfillment],
        stock: Stock,
        writes: Writes,
        settings: ShopSettings,
        now: datetime,
        coupon_uses: CouponUses | None = None,
    ) -> None:
        self.order = order
        self.lines = lines
        self.payments = {payment.id: payment for payment in payments}
        self.reservations = {row.id: row for row in reservations}
        self.allocations = {row.id: row for row in allocations}
        self.refunds = {row.id: row for row in refunds}
        self.fulfillments = {row.id: row for row in fulfillments}
        self.stock = stock
        self.writes = writes
        self.settings = settings
        self.now = now
        self.coupon_uses = coupon_uses or CouponUses()
        #: The order after each decision that moved it, beginning with what was read.
        self._order_steps = [order]
        self._payments_before = dict(self.payments)
        self._fulfillment_steps = {row.id: [row] for row in self.fulfillments.values()}

    # --- what the facts say -----------------------------------------------------------------

    @property
    def active(self) -> tuple[Reservation, ...]:
        """The holds that still hold."""
        return tuple(
            row for row in self.reservations.values() if row.state is ReservationState.ACTIVE
        )

    @property
    def is_whole_held(self) -> bool:
        """Whether every line is covered by active holds."""
        held: dict[OrderLineId | None, int] = {}
        for row in self.active:
            held[row.order_line_id] = held.get(row.order_line_id, 0) + row.quantity
        return all(held.get(line.id, 0) >= line.quantity for line in self.lines)

    @property
    def is_hold_over(self) -> bool:
        """Whether some hold is past its time and only waits to be swept."""
        return any(row.expires_at <= self.now for row in self.active)

    @property
    def open_payments(self) -> tuple[Payment, ...]:
        """Payments that are not decided, oldest first."""
        return tuple(row for row in self.payments.values() if row.state in OPEN)

    @property
    def is_sold(self) -> bool:
        """Whether the order owns its stock."""
        return any(row.open_quantity for row in self.allocations.values())

    @property
    def placed(self) -> PlacedOrder:
        """The order as its buyer will see it once everything is written."""
        return PlacedOrder(
            order=self.order,
            lines=self.lines,
            payment=next(reversed(self.payments.values()), None),
            reserved_until=reserved_until(tuple(self.reservations.values())),
            payments=tuple(self.payments.values()),
            refunds=tuple(self.refunds.values()),
            fulfillments=tuple(self.fulfillments.values()),
        )

    @property
    def has_shipped(self) -> bool:
        """Whether anything of the order has left the shelf."""
        return any(row.shipped_quantity for row in self.allocations.values())

    @property
    def waiting(self) -> tuple[Fulfillment, ...]:
        """What is to be packed or sent, oldest first."""
        return tuple(row for row in self.fulfillments.values() if row.state in WAITING)

    @property
    def unplanned(self) -> dict[UUID, int]:
        """By allocation: units that the order owns and that are in no fulfillment."""
        left = {row.id: row.open_quantity for row in self.allocations.values()}
        for fulfillment in self.waiting:
            for line in fulfillment.lines:
                left[line.allocation_id] -= line.quantity
        return left

    @property
    def kept_minor(self) -> int:
        """What was collected and is neither refunded nor on its way back."""
        return sum(
            self.refundable_minor(row)
            for row in self.payments.values()
            if row.state is PaymentState.CAPTURED
        )

    def refundable_minor(self, payment: Payment) -> int:
        """What of a payment is neither refunded nor on its way back."""
        on_the_way = sum(
            row.amount_minor
            for row in self.refunds.values()
            if row.payment_id == payment.id and row.state.value != "failed"
        )
        return payment.captured_minor - on_the_way

    def admit(self) -> inventory.Admitted | inventory.Refused:
        """Whether every line could be taken of what is left now, and from where."""
        wanted = tuple((line.variant_id, line.quantity) for line in self.lines)
        return inventory.admit(
            self.stock.levels,
            (wanted,),
            destinations=(self.order.shipping_address,),
            is_split_allowed=self.settings.is_split_allowed,
        )[0]

    # --- what rules may do ------------------------------------------------------------------

    def put_payment(self, payment: Payment) -> None:
        """Keep a payment's new facts."""
        self.payments[payment.id] = payment
        if payment.id in self.writes.payments:
            self.writes.payments[payment.id] = payment

    def add_payment(self, payment: Payment) -> None:
        """Begin another payment."""
        self.payments[payment.id] = payment
        self.writes.payments[payment.id] = payment

    def change_order(self, *, actor: str, reason: str, **facts: object) -> None:
        """Change facts of the order; the labels follow in ``relabel``."""
        self.order = msgspec.structs.replace(
            self.order, changed_by=actor, change_reason=reason, **facts
        )

    def commit_holds(self) -> None:
        """Turn every active hold into units that the order owns."""
        for row in self.active:
            ended = inventory.ended(row, ReservationEvent.COMMIT, reason="paid", now=self.now)
            self.reservations[row.id] = ended
            self.writes.reservations_ended.append(ended)
            self._allocate(ended)
            self.stock.apply(
                StockChange(
                    row.variant_id, row.location_id, reserved=-row.quantity, allocated=row.quantity
                )
            )

    def own_afresh(self, rows: Iterable[Reservation]) -> None:
        """Own units that were taken after the holds had ended."""
        for row in rows:
            self.reservations[row.id] = row
            self.writes.reservations.append(row)
            self._allocate(row)
            self.stock.apply(StockChange(row.variant_id, row.location_id, allocated=row.quantity))

    def hold(self, rows: Iterable[Reservation]) -> None:
        """Hold units anew."""
        for row in rows:
            self.reservations[row.id] = row
            self.writes.reservations.append(row)
            self.stock.apply(StockChange(row.variant_id, row.location_id, reserved=row.quantity))

    def free_holds(self, event: ReservationEvent, *, reason: str) -> int:
        """Let go of every active hold; returns how many."""
        rows = self.active
        for row in rows:
            ended = inventory.ended(row, event, reason=reason, now=self.now)
            self.reservations[row.id] = ended
            self.writes.reservations_ended.append(ended)
            self.stock.apply(StockChange(row.variant_id, row.location_id, reserved=-row.quantity))
        return len(rows)

    def free_allocations(self) -> None:
        """Give back what the order owns and has not shipped, to where it came from.

        What waits to be packed or sent is not sent any more.
        """
        for fulfillment in self.waiting:
            self.put_fulfillment(
                msgspec.structs.replace(
                    fulfillment,
                    state=FulfillmentState.CANCELED,
                    changed_by="system",
                    change_reason="the order is given up",
                )
            )
        for row in self.allocations.values():
            if not row.open_quantity:
                continue
            self.writes.allocations_released.append(row)
            self.stock.apply(
                StockChange(row.variant_id, row.location_id, allocated=-row.open_quantity)
            )
            self.allocations[row.id] = msgspec.structs.replace(
                row, released_quantity=row.quantity - row.shipped_quantity
            )

    def give_coupon_back(self, *, reason: str) -> None:
        """Let the coupon be used by somebody else. Twice changes nothing."""
        self.coupon_uses.release(self.order.id, reason=reason, now=self.now)

    def take_coupon_again(self) -> bool:
        """Use the coupon of the order again, if it was given back; whether that could be done."""
        return self.coupon_uses.redeem_again(self.order.id, now=self.now)

    def add_fulfillment(self, fulfillment: Fulfillment) -> None:
        """Plan to send some units."""
        self.fulfillments[fulfillment.id] = fulfillment
        self._fulfillment_steps[fulfillment.id] = [fulfillment]
        self.writes.fulfillments[fulfillment.id] = fulfillment

    def put_fulfillment(self, fulfillment: Fulfillment) -> None:
        """Keep a fulfillment's new facts."""
        self.fulfillments[fulfillment.id] = fulfillment

    def ship(self, fulfillment: Fulfillment, *, actor: str) -> None:
        """Let a fulfillment's units leave the shelf where they are owned."""
        for line in fulfillment.lines:
            row = self.allocations[line.allocation_id]
            self.allocations[row.id] = msgspec.structs.replace(
                row, shipped_quantity=row.shipped_quantity + line.quantity
            )
            self.writes.departures.append(
                Departure(
                    row.id,
                    row.variant_id,
                    row.location_id,
                    line.quantity,
                    reference=str(fulfillment.id),
                    actor=actor,
                )
            )
            self.stock.apply(
                StockChange(
                    row.variant_id,
                    row.location_id,
                    allocated=-line.quantity,
                    on_hand=-line.quantity,
                )
            )

    def prolong(self, until: datetime, *, is_grace_used: bool | None = None) -> None:
        """Hold longer."""
        for row in self.active:
            longer = inventory.prolonged(row, until=until, is_grace_used=is_grace_used)
            self.reservations[row.id] = longer
            self.writes.reservations_prolonged[row.id] = longer

    def relabel(self) -> None:
        """Bring totals and labels up to date with the facts, and announce a new status."""
        before = self.order
        self.order = orders.relabel(before, self._money_facts(), self._goods_facts())
        if self.order.status is not before.status:
            self.writes.events.append(order_status_changed(before, self.order))

    # --- what to write ----------------------------------------------------------------------

    def end_step(self) -> None:
        """Close one decision: each move that it made is a line of its own in a history.

        A batch may hold several decisions about one order, and the database knows of none of the
        short cuts that they would add up to.
        """
        if self.order.status is not self._order_steps[-1].status:
            self._order_steps.append(self.order)
        for row in self.fulfillments.values():
            steps = self._fulfillment_steps[row.id]
            if row != steps[-1]:
                steps.append(row)

    @property
    def order_changes(self) -> list[tuple[Order, Order]]:
        """The order's moves as (before, after); facts without a move go with the last one."""
        steps = list(self._order_steps)
        if self.order != steps[-1]:
            steps[1:] = [*steps[1:-1], self.order]
        return _chained(steps)

    @property
    def fulfillment_changes(self) -> list[list[tuple[Fulfillment, Fulfillment]]]:
        """Of each fulfillment, its moves as (before, after)."""
        return [_chained(steps) for steps in self._fulfillment_steps.values()]

    @property
    def payment_changes(self) -> list[tuple[Payment, Payment]]:
        """Each payment that changed, as (before, after)."""
        return [
            (before, self.payments[payment_id])
            for payment_id, before in self._payments_before.items()
            if self.payments[payment_id] != before
        ]

    def payment(self, payment_id: PaymentId) -> Payment:
        """One of the order's payments."""
        return self.payments[payment_id]

    def refund(self, refund_id: RefundId) -> Refund:
        """One of the order's refunds."""
        return self.refunds[refund_id]

    def _allocate(self, row: Reservation) -> None:
        assert row.order_line_id is not None
        allocation = Allocation(
            id=row.id,  # one allocation comes of one reservation
            reservation_id=row.id,
            order_id=self.order.id,
            order_line_id=row.order_line_id,
            variant_id=row.variant_id,
            location_id=row.location_id,
            quantity=row.quantity,
            released_quantity=0,
            shipped_quantity=0,
            created_at=self.now,
        )
        self.allocations[allocation.id] = allocation
        self.writes.allocations.append(allocation)

    def _money_facts(self) -> orders.MoneyFacts:
        payments = self.payments.values()
        latest = max(payments, key=lambda row: row.id, default=None)
        return orders.MoneyFacts(
            paid_minor=sum(row.captured_minor for row in payments),
            refunded_minor=sum(row.refunded_minor for row in payments),
            disputed_minor=sum(row.disputed_minor for row in payments),
            authorized_minor=sum(row.authorized_minor for row in payments),
            is_under_way=any(row.state in OPEN for row in payments),
            is_failed=latest is not None
            and latest.state in (PaymentState.FAILED, PaymentState.VOIDED),
        )

    def _goods_facts(self) -> orders.FulfillmentFacts:
        rows = self.allocations.values()
        return orders.FulfillmentFacts(
            owned_units=sum(row.quantity - row.released_quantity for row in rows),
            sent_units=sum(row.shipped_quantity for row in rows),
            parcels=tuple(
                (row.state, row.units)
                for row in self.fulfillments.values()
                if row.state is not FulfillmentState.CANCELED
            ),
            is_in_processing=self.order.processing_at is not None,
        )


_Versioned = TypeVar("_Versioned", Order, Fulfillment)


def _chained(steps: list[_Versioned]) -> list[tuple[_Versioned, _Versioned]]:
    """Neighbors as (before, after), each step one version above the one before."""
    first = steps[0].version
    numbered = [
        msgspec.structs.replace(step, version=first + place) for place, step in enumerate(steps)
    ]
    return list(pairwise(numbered))
