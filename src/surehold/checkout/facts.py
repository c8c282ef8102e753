"""What is known of one order while its fate is decided, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import TypeVar
from uuid import UUID

import msgspec

from surehold.checkout.batch import CouponUses, Stock, Writes
from surehold.checkout.cards import CardBook
from surehold.checkout.model import PlacedOrder, reserved_until
from surehold.checkout.moves import Moves, whole
from surehold.db.shop import ShopSettings
from surehold.inventory import rules as inventory
from surehold.inventory.model import (
    Allocation,
    Reservation,
    ReservationState,
    WaitingUnits,
)
from surehold.kernel.ids import (
    LocationId,
    OrderChangeId,
    OrderLineId,
    PaymentId,
    RefundId,
    ReturnId,
    VariantId,
)
from surehold.orders.changes.model import ChangeState, OrderChange
from surehold.orders.fraud.model import Past
from surehold.orders.model import (
    Fulfillment,
    Order,
    OrderLine,
    Return,
    ReturnLine,
)
from surehold.orders.states import WAITING
from surehold.payments.authorizations import rules as authorization_rules
from surehold.payments.authorizations.model import Authorization, CaptureState
from surehold.payments.disputes.model import Dispute
from surehold.payments.gift_cards.model import Purse
from surehold.payments.model import (
    Payment,
    PaymentState,
    Refund,
    RefundLine,
    RefundState,
    find_main,
)
from surehold.payments.states import OPEN

Key = TypeVar("Key")
Row = TypeVar("Row")


class CaseFacts:
    """One order and everything that hangs on it, as read under lock and changed since."""

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
        refund_lines: Mapping[RefundId, tuple[RefundLine, ...]],
        stock: Stock,
        writes: Writes,
        settings: ShopSettings,
        now: datetime,
        coupon_uses: CouponUses | None = None,
        cards: CardBook | None = None,
        changes: Iterable[OrderChange] = (),
        disputes: Iterable[Dispute] = (),
        past: Past | None = None,
        authorizations: Iterable[Authorization] = (),
    ) -> None:
        self.order = order
        self.lines = lines
        self.payments = {payment.id: payment for payment in payments}
        self.reservations = {row.id: row for row in reservations}
        self.allocations = {row.id: row for row in allocations}
        self.refunds = {row.id: row for row in refunds}
        self.fulfillments = {row.id: row for row in fulfillments}
        self.refund_lines = dict(refund_lines)
        self.disputes = {row.id: row for row in disputes}
        #: What banks hold for the order's payments, or held.
        self.authorizations = {row.payment_id: row for row in authorizations}
        #: What is owed and not there yet, by line and location.
        self.waiting_units: dict[tuple[OrderLineId, LocationId], WaitingUnits] = {}
        #: Disputes whose fees a provider's report had booked, which only a few requests ask for.
        self.reported_fees: frozenset[tuple[PaymentId, str]] = frozenset()
        self.returns: dict[ReturnId, Return] = {}
        self.return_lines: dict[ReturnId, tuple[ReturnLine, ...]] = {}
        self.stock = stock
        self.writes = writes
        self.settings = settings
        self.now = now
        self.coupon_uses = coupon_uses or CouponUses()
        self.cards = cards or CardBook()
        self.changes: dict[OrderChangeId, OrderChange] = {row.id: row for row in changes}
        #: What other orders say of this one; read when its money may come, where that is asked.
        self.past = past
        self._order_moves = Moves(order, attrgetter("status"))
        self._payment_moves = {
            row.id: Moves(row, attrgetter("state")) for row in self.payments.values()
        }
        self._authorizations_before = dict(self.authorizations)
        self._changes_before = dict(self.changes)
        self._fulfillment_moves = {row.id: Moves(row, whole) for row in self.fulfillments.values()}
        self._returns_before: dict[ReturnId, Return] = {}

    def read_returns(
        self,
        returns: Iterable[Return],
        lines: Mapping[ReturnId, tuple[ReturnLine, ...]],
    ) -> None:
        """Know what comes back of the order, which only a few requests ask for."""
        self.returns = {row.id: row for row in returns}
        self.return_lines = dict(lines)
        self._returns_before = dict(self.returns)

    def read_waiting(self, rows: Iterable[WaitingUnits]) -> None:
        """Know what the order waits for, which only a few requests ask for."""
        self.waiting_units = {(row.order_line_id, row.location_id): row for row in rows}

    # --- what the facts say -----------------------------------------------------------------

    @property
    def active(self) -> tuple[Reservation, ...]:
        """The holds of the order's lines that still hold."""
        added = self._unapplied_lines
        return tuple(
            row
            for row in self.reservations.values()
            if row.state is ReservationState.ACTIVE and row.order_line_id not in added
        )

    @property
    def open_change(self) -> OrderChange | None:
        """The change that waits for its payment; there is one at most."""
        return next(
            (row for row in self.changes.values() if row.state is ChangeState.AWAITING_PAYMENT),
            None,
        )

    @property
    def is_exchanging(self) -> bool:
        """Whether a payment that may come at any time settles one of the order's returns."""
        return any(row.is_exchange_to_come for row in self.changes.values())

    def change_paid_by(self, payment_id: PaymentId) -> OrderChange | None:
        """The change whose difference a payment is for."""
        return next((row for row in self.changes.values() if row.payment_id == payment_id), None)

    def holds_of(self, change: OrderChange) -> tuple[Reservation, ...]:
        """What is held of the lines that a change adds."""
        added = {line.id for line in change.content.lines}
        return tuple(
            row
            for row in self.reservations.values()
            if row.state is ReservationState.ACTIVE and row.order_line_id in added
        )

    @property
    def _unapplied_lines(self) -> frozenset[OrderLineId | None]:
        """Lines that changes would add, which the order does not have (yet)."""
        return frozenset(
            line.id
            for change in self.changes.values()
            if change.state is not ChangeState.APPLIED
            for line in change.content.lines
        )

    @property
    def is_whole_held(self) -> bool:
        """Whether every line, but for what was canceled of it, is covered by active holds."""
        held: dict[OrderLineId | None, int] = {}
        for row in self.active:
            held[row.order_line_id] = held.get(row.order_line_id, 0) + row.quantity
        return all(held.get(line.id, 0) >= line.due_quantity for line in self.lines)

    @property
    def due_lines(self) -> tuple[OrderLine, ...]:
        """The lines of which something is still to be had."""
        return tuple(line for line in self.lines if line.due_quantity)

    @property
    def wanted(self) -> tuple[tuple[VariantId, int], ...]:
        """What is still to be had, line by line of ``due_lines``."""
        return tuple((line.variant_id, line.due_quantity) for line in self.due_lines)

    @property
    def is_hold_over(self) -> bool:
        """Whether some hold is past its time and only waits to be swept."""
        return any(row.expires_at <= self.now for row in self.active)

    @property
    def return_changes(self) -> list[tuple[Return, Return]]:
        """Each return that was there and changed, as (before, after)."""
        return _moved(self._returns_before, self.returns)

    @property
    def change_moves(self) -> list[tuple[OrderChange, OrderChange]]:
        """Each change of the order that came further, as (before, after)."""
        return _moved(self._changes_before, self.changes)

    @property
    def authorization_changes(self) -> list[Authorization]:
        """Each authorization that is new or changed. It is over when its payment is not held."""
        rows = (
            msgspec.structs.replace(
                row,
                ended_at=None
                if self.payments[row.payment_id].state is PaymentState.AUTHORIZED
                else row.ended_at or self.now,
            )
            for row in self.authorizations.values()
        )
        return [row for row in rows if row != self._authorizations_before.get(row.payment_id)]

    @property
    def open_payments(self) -> tuple[Payment, ...]:
        """Payments of money that are not decided, oldest first."""
        return tuple(
            row for row in self.payments.values() if row.state in OPEN and row.gift_card_id is None
        )

    @property
    def security(self) -> Payment | None:
        """The payment that the order's goods are trusted to before its money is here."""
        if not self.is_bought:
            return None
        return next((row for row in reversed(self.payments.values()) if row.is_secured), None)

    @property
    def is_suspected(self) -> bool:
        """Whether nothing of it may leave or be given up before a person has decided."""
        return any(row.is_suspected for row in self.payments.values())

    @property
    def is_paid_for(self) -> bool:
        """Whether goods may leave: their money is kept, or what is owed of it is sure to come."""
        trusted = self.security
        is_here = self.kept_minor > 0 and not self.order.owed_minor
        if is_here or trusted is None:
            return is_here
        held = self.authorizations.get(trusted.id)
        return held is None or authorization_rules.is_sure(held, self.now)

    def is_refused(self, payment: Payment) -> bool:
        """Whether its bank holds money, and would not give it when it was asked."""
        held = self.authorizations.get(payment.id)
        is_held = payment.state is PaymentState.AUTHORIZED
        return is_held and held is not None and held.capture_state is CaptureState.REFUSED

    @property
    def card_parts(self) -> tuple[Payment, ...]:
        """The parts that gift cards are to pay, which wait for the rest; oldest first."""
        return tuple(
            row
            for row in self.payments.values()
            if row.state is PaymentState.AUTHORIZED and row.gift_card_id is not None
        )

    @property
    def placed(self) -> PlacedOrder:
        """The order as its buyer will see it once everything is written."""
        return PlacedOrder(
            order=self.order,
            lines=self.lines,
            payment=find_main(tuple(self.payments.values())),
            reserved_until=reserved_until(self.active),
            payments=tuple(self.payments.values()),
            refunds=tuple(self.refunds.values()),
            refund_lines=tuple(line for lines in self.refund_lines.values() for line in lines),
            returns=tuple(self.returns.values()),
            return_lines=tuple(line for lines in self.return_lines.values() for line in lines),
            fulfillments=tuple(self.fulfillments.values()),
            backorders=inventory.sum_waiting(self.waiting_units.values()),
            cards=self._known_cards,
            changes=tuple(self.changes.values()),
        )

    @property
    def _known_cards(self) -> tuple[Purse, ...]:
        """The cards that pay for the order, and the credit that refunds of it became."""
        ids = {row.gift_card_id for row in self.payments.values() if row.gift_card_id}
        ids |= {row.store_credit_id for row in self.refunds.values() if row.store_credit_id}
        found = (self.cards.find(card_id) for card_id in sorted(ids))
        return tuple(card for card in found if card is not None)

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
    def sendable(self) -> dict[UUID, int]:
        """By allocation: units in no fulfillment that are there for the order."""
        left = self.unplanned
        for row in self.allocations.values():
            waits = self.waiting_units.get((row.order_line_id, row.location_id))
            if waits is not None:
                left[row.id] = max(left[row.id] - waits.waiting, 0)
        return left

    @property
    def kept_minor(self) -> int:
        """What was collected and is neither refunded nor on its way back."""
        return sum(
            self.refundable_minor(row)
            for row in self.payments.values()
            if row.state is PaymentState.CAPTURED
        )

    @property
    def excess_minor(self) -> int:
        """What is kept beyond what is due: all of it once the order was given up."""
        if self.order.canceled_at is not None:
            return self.kept_minor
        back = sum(
            row.amount_minor
            for row in self.refunds.values()
            if row.is_of_sale and row.state is not RefundState.FAILED
        )
        return self.kept_minor - (self.order.due_minor - back)

    @property
    def delivered_at(self) -> datetime | None:
        """When the last parcel reached the buyer."""
        return max(
            (row.delivered_at for row in self.fulfillments.values() if row.delivered_at),
            default=None,
        )

    @property
    def is_bought(self) -> bool:
        """Whether the order owns its units, or they were sent."""
        return any(row.quantity > row.released_quantity for row in self.allocations.values())

    @property
    def is_sold(self) -> bool:
        """Whether the order is, or was, a sale: its money came, or goods were sent unpaid."""
        return self.order.sold_at is not None

    def refundable_minor(self, payment: Payment) -> int:
        """What of a payment is neither refunded, nor on its way back, nor at its buyer's bank."""
        gone = payment.disputed_minor + payment.lost_minor
        gone += sum(
            row.amount_minor
            for row in self.refunds.values()
            if row.payment_id == payment.id and row.state.value != "failed"
        )
        return max(payment.captured_minor - gone, 0)

    def admit(
        self, wanted: inventory.Lines | None = None
    ) -> inventory.Admitted | inventory.Refused:
        """Whether units (``self.wanted``) could be taken of what is left now, and from where."""
        return inventory.admit(
            self.stock.levels,
            (self.wanted if wanted is None else wanted,),
            destinations=(self.order.shipping_address,),
            is_split_allowed=self.settings.is_split_allowed,
        )[0]


def _moved(before: Mapping[Key, Row], now: Mapping[Key, Row]) -> list[tuple[Row, Row]]:
    return [(row, now[key]) for key, row in before.items() if now[key] != row]
