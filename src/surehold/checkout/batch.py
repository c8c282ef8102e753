"""What the cases of one batch share: locked stock, coupons, and everything there is to write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from surehold.db.idempotency import NewKey
from surehold.inventory.commands import TakenBack
from surehold.inventory.model import (
    Allocation,
    BackorderPromise,
    Departure,
    Reservation,
    StockChange,
    StockLevel,
)
from surehold.jobs.outbox import Event
from surehold.kernel.ids import (
    CartId,
    DisputeId,
    FulfillmentId,
    OperationId,
    OrderChangeId,
    OrderId,
    PaymentId,
    RedemptionId,
    ReturnId,
    ReturnLineId,
    VariantId,
    new_id,
)
from surehold.orders.changes.model import OrderChange
from surehold.orders.fraud.model import Assessment
from surehold.orders.model import Cancellation, Fulfillment, OrderLine, Return, ReturnLine
from surehold.payments.cash.model import Collection
from surehold.payments.disputes.model import Dispute, DisputeEvent
from surehold.payments.model import (
    Journal,
    Operation,
    Payment,
    PaymentReview,
    Refund,
    RefundLine,
)
from surehold.pricing.model import CouponLimits, Redemption, UsedCoupon
from surehold.pricing.rules import Use, Uses


class Stock:
    """The locked stock rows of one batch, changed in memory as cases take and give back."""

    def __init__(self, levels: dict[VariantId, tuple[StockLevel, ...]]) -> None:
        self._levels = levels
        self._places = 0
        self.changes: list[StockChange] = []

    @property
    def levels(self) -> dict[VariantId, tuple[StockLevel, ...]]:
        """Every level as it stands now, best location first."""
        return self._levels

    def next_place(self, now: datetime) -> datetime:
        """The instant at which the next to take units stands in their queues.

        No two of a batch have the same: who was decided first is served first.
        """
        self._places += 1
        return now + timedelta(microseconds=self._places)

    def apply(self, change: StockChange) -> None:
        """Add to one level's counters."""
        self.changes.append(change)
        self._levels[change.variant_id] = tuple(
            msgspec.structs.replace(
                level,
                reserved=level.reserved + change.reserved,
                allocated=level.allocated + change.allocated,
                on_hand=level.on_hand + change.on_hand,
            )
            if level.location_id == change.location_id
            else level
            for level in self._levels[change.variant_id]
        )


class CouponUses:
    """The coupons that the orders of one batch use, changed in memory as they are given back."""

    def __init__(
        self, redemptions: Iterable[Redemption] = (), limits: Iterable[CouponLimits] = ()
    ) -> None:
        rows = tuple(redemptions)
        #: The last use of each order, ended or not.
        self._last = {row.order_id: row for row in rows}
        self._limits = {row.id: row for row in limits}
        self._counters = Uses(self._limits.values())
        self.released: list[Redemption] = []
        self.redeemed: list[Redemption] = []

    def release(self, order_id: OrderId, *, reason: str, now: datetime) -> None:
        """Give back what an order uses; what it gave back already stays given back."""
        row = self._last.get(order_id)
        if row is None or row.ended_at is not None:
            return
        self._last[order_id] = msgspec.structs.replace(row, ended_at=now, end_reason=reason)
        self._counters.count(self._use(row), -1)
        if row in self.redeemed:
            self.redeemed.remove(row)
        else:
            self.released.append(self._last[order_id])

    def redeem_again(self, order_id: OrderId, *, now: datetime) -> bool:
        """Whether the order uses its coupon, taken again where it was given back and is left."""
        row = self._last.get(order_id)
        if row is None or row.ended_at is None:
            return True
        use = self._use(row)
        if self._counters.find_gone(use) is not None:
            return False
        self._counters.count(use, 1)
        again = Redemption(RedemptionId(new_id()), row.coupon_id, order_id, row.buyer, now)
        self._last[order_id] = again
        self.redeemed.append(again)
        return True

    def _use(self, row: Redemption) -> Use:
        return Use(UsedCoupon(row.coupon_id, self._limits[row.coupon_id].code), row.buyer)


class Writes:
    """Everything a batch of cases will write, room by room."""

    def __init__(self) -> None:
        self.payments: dict[PaymentId, Payment] = {}
        self.operations: list[Operation] = []
        #: The latest of each: the same question may be answered twice in a batch.
        self.operations_ended: dict[OperationId, tuple[Operation, str | None]] = {}
        self.refunds: list[Refund] = []
        self.refunds_ended: list[Refund] = []
        self.journals: list[Journal] = []
        self.disputes: dict[DisputeId, Dispute] = {}
        self.dispute_events: list[DisputeEvent] = []
        self.reviews: list[PaymentReview] = []
        self.assessments: list[Assessment] = []
        self.collections: list[Collection] = []
        self.reservations: list[Reservation] = []
        self.reservations_ended: list[Reservation] = []
        self.reservations_prolonged: dict[UUID, Reservation] = {}
        self.allocations: list[Allocation] = []
        #: What was taken before it was there.
        self.promises: list[BackorderPromise] = []
        #: Fulfillments as they were opened.
        self.fulfillments: dict[FulfillmentId, Fulfillment] = {}
        self.departures: list[Departure] = []
        self.allocations_released: dict[UUID, Allocation] = {}
        self.cancellations: list[Cancellation] = []
        #: Changes of orders as they began, and the lines of those that were applied.
        self.changes: dict[OrderChangeId, OrderChange] = {}
        self.added_lines: list[OrderLine] = []
        self.refund_lines: list[RefundLine] = []
        self.returns: dict[ReturnId, Return] = {}
        self.return_lines: dict[ReturnLineId, ReturnLine] = {}
        self.taken_back: list[TakenBack] = []
        self.taken_from_carts: list[tuple[CartId, VariantId, int]] = []
        self.events: list[Event] = []
        #: Keys with their answers, by scope and HTTP status.
        self.keys: dict[tuple[str, int], list[NewKey]] = {}
