"""One order while its fate is decided: the facts as read under lock, and what to write.

Rules change a case; nothing is written until every case of the batch is decided. A case is
values only: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from surehold.checkout.model import PlacedOrder, reserved_until
from surehold.db.idempotency import NewKey
from surehold.db.shop import ShopSettings
from surehold.inventory import rules as inventory
from surehold.inventory.model import (
    Allocation,
    Reservation,
    ReservationState,
    StockChange,
    StockLevel,
)
from surehold.inventory.states import ReservationEvent
from surehold.jobs.outbox import Event
from surehold.kernel.ids import (
    CartId,
    OrderId,
    OrderLineId,
    PaymentId,
    RedemptionId,
    RefundId,
    VariantId,
    new_id,
)
from surehold.orders import rules as orders
from surehold.orders.events import order_status_changed
from surehold.orders.model import Order, OrderLine
from surehold.payments.model import (
    Journal,
    Operation,
    Payment,
    PaymentState,
    Refund,
)
from surehold.payments.states import OPEN
from surehold.pricing.model import CouponLimits, Redemption, UsedCoupon
from surehold.pricing.rules import Use, Uses


class Stock:
    """The locked stock rows of one batch, changed in memory as cases take and give back."""

    def __init__(self, levels: dict[VariantId, tuple[StockLevel, ...]]) -> None:
        self._levels = levels
        self.changes: list[StockChange] = []

    @property
    def levels(self) -> dict[VariantId, tuple[StockLevel, ...]]:
        """Every level as it stands now, best location first."""
        return self._levels

    def apply(self, change: StockChange) -> None:
        """Add to one level's counters."""
        self.changes.append(change)
        self._levels[change.variant_id] = tuple(
            msgspec.structs.replace(
                level,
                reserved=level.reserved + change.reserved,
                allocated=level.allocated + change.allocated,
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
        self.operations_ended: list[tuple[Operation, str | None]] = []
        self.refunds: list[Refund] = []
        self.refunds_ended: list[Refund] = []
        self.journals: list[Journal] = []
        self.reservations: list[Reservation] = []
        self.reservations_ended: list[Reservation] = []
        self.reservations_prolonged: dict[UUID, Reservation] = {}
        self.allocations: list[Allocation] = []
        self.allocations_released: list[Allocation] = []
        self.taken_from_carts: list[tuple[CartId, VariantId, int]] = []
        self.events: list[Event] = []
        #: Keys with their answers, by scope and HTTP status.
        self.keys: dict[tuple[str, int], list[NewKey]] = {}


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
        self.stock = stock
        self.writes = writes
        self.settings = settings
        self.now = now
        self.coupon_uses = coupon_uses or CouponUses()
        self._order_before = order
        self._payments_before = dict(self.payments)

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
        """Give back what the order owns and has not shipped, to where it came from."""
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

    def prolong(self, until: datetime, *, is_grace_used: bool | None = None) -> None:
        """Hold longer."""
        for row in self.active:
            longer = inventory.prolonged(row, until=until, is_grace_used=is_grace_used)
            self.reservations[row.id] = longer
            self.writes.reservations_prolonged[row.id] = longer

    def relabel(self) -> None:
        """Bring totals and labels up to date with the facts, and announce a new status."""
        before = self.order
        self.order = orders.relabel(before, self._money_facts())
        if self.order.status is not before.status:
            self.writes.events.append(order_status_changed(before, self.order))

    # --- what to write ----------------------------------------------------------------------

    @property
    def order_change(self) -> tuple[Order, Order] | None:
        """The order (before, after), or ``None`` when nothing about it changed."""
        if self.order == self._order_before:
            return None
        return self._order_before, self.order

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
