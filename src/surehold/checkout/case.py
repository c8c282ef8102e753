"""One order while its fate is decided: the facts as read under lock, and what to write.

Rules change a case; nothing is written until every case of the batch is decided. A case is
values only: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from surehold.checkout.facts import CaseFacts
from surehold.checkout.moves import Moves, chained, whole
from surehold.inventory import rules as inventory
from surehold.inventory.model import (
    Allocation,
    BackorderKind,
    Departure,
    Reservation,
    StockChange,
    WaitingUnits,
)
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import (
    OrderLineId,
    PaymentId,
    RefundId,
    ReservationId,
    ReturnId,
    new_id,
)
from surehold.orders import rules as orders
from surehold.orders.changes.events import order_change_moved
from surehold.orders.changes.model import ChangeState, OrderChange
from surehold.orders.events import order_status_changed
from surehold.orders.model import (
    Cancellation,
    Fulfillment,
    FulfillmentState,
    Order,
    Return,
    ReturnLine,
    ReturnState,
    Share,
)
from surehold.payments.model import (
    Payment,
    PaymentState,
    Refund,
    RefundLine,
    RefundState,
)
from surehold.payments.states import OPEN


class Case(CaseFacts):
    """One order and everything that hangs on it, and what may be done to it."""

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

    def revive(self, *, actor: str, reason: str, **facts: object) -> None:
        """Change facts of an order that goes on; one that was given up begins anew.

        Its goods went back to the shelf then, and nobody works on it any more.
        """
        self.change_order(
            actor=actor,
            reason=reason,
            processing_at=None if self.order.canceled_at else self.order.processing_at,
            canceled_at=None,
            cancel_reason=None,
            **facts,
        )

    def commit_holds(
        self, rows: Iterable[Reservation] | None = None, *, reason: str = "paid"
    ) -> None:
        """Turn active holds, unless said all of the order's, into units that the order owns."""
        for row in self.active if rows is None else tuple(rows):
            ended = inventory.ended(row, ReservationEvent.COMMIT, reason=reason, now=self.now)
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

    def empty_cart(self) -> None:
        """Take what was bought out of the cart that it came from: once, before it is confirmed."""
        if self.order.cart_id is not None and self.order.confirmed_at is None:
            self.writes.taken_from_carts += [
                (self.order.cart_id, line.variant_id, line.quantity)
                for line in self.lines
                if line.change_id is None
            ]

    def sell(self, *, owed_minor: int) -> None:
        """The order is a sale from now on, if it was none, of which so much is owed."""
        self.order = msgspec.structs.replace(
            self.order, sold_at=self.order.sold_at or self.now, owed_minor=owed_minor
        )

    def hold(self, rows: Iterable[Reservation]) -> None:
        """Hold units anew."""
        for row in rows:
            self.reservations[row.id] = row
            self.writes.reservations.append(row)
            self.stock.apply(StockChange(row.variant_id, row.location_id, reserved=row.quantity))

    def promise(self, takes: Iterable[inventory.Take]) -> None:
        """Write down what of ``due_lines`` was taken before it was there: last in its queue."""
        taken = [take for take in takes if take.waiting]
        self.writes.promises += inventory.list_promises(self.due_lines, taken)
        for take in taken:
            line = self.due_lines[take.line]
            # The terms are the database's to add, and nobody is shown them before they are.
            self.waiting_units[line.id, take.location_id] = WaitingUnits(
                self.order.id,
                line.id,
                take.location_id,
                take.waiting,
                BackorderKind.BACKORDER,
                promised_on=None,
            )

    def free_holds(self, event: ReservationEvent, *, reason: str) -> int:
        """Let go of every active hold; returns how many."""
        rows = self.active
        for row in rows:
            self._end_hold(row, event, reason=reason)
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
            self._release(row, row.open_quantity)

    def free_units(self, line_id: OrderLineId, quantity: int, *, reason: str) -> None:
        """Let go of so many units of one line, held or owned, where they are; the last had first.

        What is in a parcel stays in it. A hold ends and the rest of it is held anew until the same
        instant, in the same place of the queue: a hold never changes. Nothing is held any more of
        an unpaid order whose time was over.
        """
        for row in reversed(self.active):
            freed = min(quantity, row.quantity) if row.order_line_id == line_id else 0
            if not freed:
                continue
            quantity -= freed
            self._wait_less(row, freed)
            self._end_hold(row, ReservationEvent.RELEASE, reason=reason)
            if row.quantity > freed:
                rest = row.quantity - freed
                again = {"id": ReservationId(new_id()), "quantity": rest}
                self.hold([msgspec.structs.replace(row, **again)])
        unplanned = self.unplanned
        for owned in reversed(tuple(self.allocations.values())):
            freed = min(quantity, unplanned[owned.id]) if owned.order_line_id == line_id else 0
            quantity -= freed
            self._wait_less(owned, freed)
            self._release(owned, freed)
        assert not quantity or not self.is_bought, "more units were to be let go than there are"

    def cancel_units(self, cancellation: Cancellation) -> None:
        """Write down what was given up of the lines and of the total."""
        shares = {share.line_id: share for share in cancellation.shares}
        self.writes.cancellations.append(cancellation)
        self.lines = tuple(line.with_canceled(shares.get(line.id)) for line in self.lines)
        self.order = msgspec.structs.replace(
            self.order, canceled_minor=self.order.canceled_minor + cancellation.gross_minor
        )

    def begin_change(self, change: OrderChange) -> None:
        """Write a change down: one that was applied as it began, or waits for its payment."""
        self.changes[change.id] = change
        self._changes_before[change.id] = change
        self.writes.changes[change.id] = change
        self.writes.events.append(order_change_moved(self.order, change))
        count = self.order.change_count + 1
        self.order = msgspec.structs.replace(self.order, change_count=count)

    def put_change(self, change: OrderChange) -> None:
        """Keep what became of a change."""
        self.changes[change.id] = msgspec.structs.replace(change, updated_at=self.now)
        self.writes.events.append(order_change_moved(self.order, change))

    def drop_change(
        self, change: OrderChange, state: ChangeState, *, actor: str, reason: str
    ) -> int:
        """Give a change up and let go of what it holds; returns how many holds ended."""
        rows = self.holds_of(change)
        is_over = any(row.expires_at <= self.now for row in rows)
        event = ReservationEvent.EXPIRE if is_over else ReservationEvent.RELEASE
        for row in rows:
            self._end_hold(row, event, reason=reason)
        self.put_change(
            msgspec.structs.replace(change, state=state, changed_by=actor, change_reason=reason)
        )
        return len(rows)

    def add_lines(self, change: OrderChange) -> None:
        """Let the order have what a change adds, after the lines that it has."""
        first = max(line.position for line in self.lines) + 1
        added = tuple(
            msgspec.structs.replace(line, position=first + place)
            for place, line in enumerate(change.content.lines)
        )
        self.lines += added
        self.writes.added_lines += added
        gross_minor = self.order.added_minor + change.added_minor
        self.order = msgspec.structs.replace(self.order, added_minor=gross_minor)

    def add_refund(self, refund: Refund, lines: tuple[RefundLine, ...] = ()) -> None:
        """Ask for money to go back, of these lines."""
        self.refunds[refund.id] = refund
        self.writes.refunds.append(refund)
        if lines:
            self.refund_lines[refund.id] = lines
            self.writes.refund_lines += lines
            self._count_refunded(lines, sign=1)

    def add_return(self, made: Return, lines: tuple[ReturnLine, ...]) -> None:
        """Goods are to come back."""
        self.returns[made.id] = made
        self.return_lines[made.id] = lines
        self.writes.returns[made.id] = made
        self.writes.return_lines |= {line.id: line for line in lines}
        self._count_returned(lines, sign=1)

    def put_return(self, after: Return) -> None:
        """Keep what happened to a return. One that is given up frees its units."""
        self.returns[after.id] = after
        if after.state in (ReturnState.REJECTED, ReturnState.CANCELED):
            self._count_returned(self.return_lines[after.id], sign=-1)

    def put_return_lines(self, return_id: ReturnId, lines: tuple[ReturnLine, ...]) -> None:
        """Keep what came of a return's lines."""
        before = self.return_lines[return_id]
        self._count_returned(before, sign=-1)
        self._count_returned(lines, sign=1)
        self.return_lines[return_id] = lines
        self.writes.return_lines |= {line.id: line for line in lines}

    def end_refund(self, refund: Refund) -> None:
        """Keep a refund's end. One that failed gives its lines back to what may be refunded."""
        self.refunds[refund.id] = refund
        self.writes.refunds_ended.append(refund)
        if refund.state is RefundState.FAILED:
            self._count_refunded(self.refund_lines.get(refund.id, ()), sign=-1)

    def give_coupon_back(self, *, reason: str) -> None:
        """Let the coupon be used by somebody else. Twice changes nothing."""
        self.coupon_uses.release(self.order.id, reason=reason, now=self.now)

    def take_coupon_again(self) -> bool:
        """Use the coupon of the order again, if it was given back; whether that could be done."""
        return self.coupon_uses.redeem_again(self.order.id, now=self.now)

    def add_fulfillment(self, fulfillment: Fulfillment) -> None:
        """Plan to send some units."""
        self.fulfillments[fulfillment.id] = fulfillment
        self._fulfillment_moves[fulfillment.id] = Moves(fulfillment, whole)
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

    def prolong(
        self,
        until: datetime,
        *,
        is_grace_used: bool | None = None,
        rows: Iterable[Reservation] | None = None,
    ) -> None:
        """Hold longer, unless said everything of the order's lines."""
        for row in self.active if rows is None else tuple(rows):
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
        """Close one decision: each move that it made is a line of its own in a history."""
        self._order_moves.end_step(self.order)
        for payment_id, moves in self._payment_moves.items():
            moves.end_step(self.payments[payment_id])
        for fulfillment_id, steps in self._fulfillment_moves.items():
            steps.end_step(self.fulfillments[fulfillment_id])

    @property
    def order_changes(self) -> list[tuple[Order, Order]]:
        """The order's moves as (before, after)."""
        return chained(self._order_moves.pairs(self.order))

    @property
    def payment_changes(self) -> list[list[tuple[Payment, Payment]]]:
        """Of each payment, its moves as (before, after)."""
        return [moves.pairs(self.payments[key]) for key, moves in self._payment_moves.items()]

    @property
    def fulfillment_changes(self) -> list[list[tuple[Fulfillment, Fulfillment]]]:
        """Of each fulfillment, its moves as (before, after)."""
        return [
            chained(moves.pairs(self.fulfillments[key]))
            for key, moves in self._fulfillment_moves.items()
        ]

    def payment(self, payment_id: PaymentId) -> Payment:
        """One of the order's payments."""
        return self.payments[payment_id]

    def refund(self, refund_id: RefundId) -> Refund:
        """One of the order's refunds."""
        return self.refunds[refund_id]

    def _end_hold(self, row: Reservation, event: ReservationEvent, *, reason: str) -> None:
        ended = inventory.ended(row, event, reason=reason, now=self.now)
        self.reservations[row.id] = ended
        self.writes.reservations_ended.append(ended)
        self.stock.apply(StockChange(row.variant_id, row.location_id, reserved=-row.quantity))

    def _release(self, row: Allocation, quantity: int) -> None:
        if not quantity:
            return
        after = msgspec.structs.replace(row, released_quantity=row.released_quantity + quantity)
        self.allocations[row.id] = after
        self.writes.allocations_released[row.id] = after
        self.stock.apply(StockChange(row.variant_id, row.location_id, allocated=-quantity))

    def _wait_less(self, row: Reservation | Allocation, freed: int) -> None:
        """The last units of a place in the queue are given up first, and these are what waits."""
        if row.order_line_id is None:
            return
        key = (row.order_line_id, row.location_id)
        waits = self.waiting_units.get(key)
        if waits is not None:
            left = max(waits.waiting - freed, 0)
            self.waiting_units[key] = msgspec.structs.replace(waits, waiting=left)

    def _count_returned(self, lines: Iterable[ReturnLine], *, sign: int) -> None:
        counted = {row.order_line_id: sign * row.coming_quantity for row in lines}
        self.lines = tuple(
            msgspec.structs.replace(
                line, returned_quantity=line.returned_quantity + counted.get(line.id, 0)
            )
            for line in self.lines
        )

    def _count_refunded(self, lines: Iterable[RefundLine], *, sign: int) -> None:
        counted = {
            row.order_line_id: Share(
                row.order_line_id, sign * row.quantity, sign * row.net_minor, sign * row.tax_minor
            )
            for row in lines
        }
        self.lines = tuple(line.with_refunded(counted.get(line.id)) for line in self.lines)

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

    @property
    def _returning_minor(self) -> int:
        """What is on its way back without being a part of the sale. Of a canceled order all is."""
        if self.order.canceled_at is not None:
            return 0
        return sum(
            row.amount_minor
            for row in self.refunds.values()
            if row.state is RefundState.REQUESTED and not row.is_of_sale
        )

    def _money_facts(self) -> orders.MoneyFacts:
        payments = self.payments.values()
        # What a card is to pay waits for the money: only how that stands says how the order does.
        waiting = [row for row in payments if row.gift_card_id is None] or list(payments)
        latest = max(waiting, key=lambda row: row.id, default=None)
        is_owed = self.order.owed_minor > 0
        return orders.MoneyFacts(
            paid_minor=sum(row.captured_minor for row in payments),
            refunded_minor=sum(row.refunded_minor for row in payments),
            disputed_minor=sum(row.disputed_minor for row in payments),
            lost_minor=sum(row.lost_minor for row in payments),
            returning_minor=self._returning_minor,
            authorized_minor=sum(
                row.authorized_minor for row in waiting if row.gift_card_id is None
            ),
            is_under_way=any(row.state in OPEN for row in waiting),
            is_failed=latest is not None
            and latest.state in (PaymentState.FAILED, PaymentState.VOIDED),
            # Once sold and paid for, an order needs no other payment, though its bank holds it.
            is_secured=self.security is not None and (is_owed or not self.is_sold),
            is_owed=is_owed,
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
