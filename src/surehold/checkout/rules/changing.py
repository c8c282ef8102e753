"""Changing a placed order before anything of it was sent: units given up, lines added.

What a change comes to is worked out once. Where nothing more is owed for it, it is applied in the
same step; else its lines are held, beside those of the order, until the difference is paid.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.errors import NothingLeft, RefundExceedsPaid, UnitsNotCancelable
from surehold.checkout.model import PAID, SYSTEM, Actor
from surehold.checkout.rules.canceling import cancelable_units, check_undisturbed, give_up_payment
from surehold.checkout.rules.refunding import Units, list_rooms, share_of_units, sum_units
from surehold.checkout.rules.returning import Cause, return_money
from surehold.checkout.rules.selling import add_to_sale, credit_shares
from surehold.checkout.rules.suspecting import check_not_held
from surehold.inventory import rules as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import Reservation, ReservationState, Shortage
from surehold.kernel.ids import (
    CancellationId,
    OrderChangeId,
    OrderLineId,
    ReservationId,
    VariantId,
    new_id,
)
from surehold.kernel.money import Money
from surehold.orders.changes.errors import (
    ChangeAwaitsPayment,
    DifferenceChanged,
    OrderNotChangeable,
    TaxDiffers,
)
from surehold.orders.changes.model import ChangeContent, ChangeState, OrderChange
from surehold.orders.model import Cancellation, OrderLine, OrderStatus
from surehold.payments.model import Payment
from surehold.payments.providers.registry import Providers
from surehold.payments.states import IN_FLIGHT, OPEN
from surehold.pricing.model import Quote

#: Statuses of an order that waits for its money, and of one that is paid and was not sent.
UNPAID: Final = frozenset({OrderStatus.PENDING_PAYMENT, OrderStatus.PAYMENT_FAILED})
UNSENT: Final = frozenset(
    {
        OrderStatus.PAID,
        OrderStatus.CONFIRMED,
        OrderStatus.PROCESSING,
        OrderStatus.READY_FOR_SHIPMENT,
        OrderStatus.PARTIALLY_REFUNDED,
    }
)
#: What the buyer is told of money that comes back.
LESS_IS_DUE: Final = "order_changed"
TOO_LATE: Final = "order_change_not_possible"


class ChangeWish(msgspec.Struct, frozen=True):
    """What staff want changed: units of lines given up, units of variants added.

    ``provider`` collects the difference, unless said as the order was paid. ``vat_id`` as in a
    checkout. ``expected`` is the difference that they were shown; ``None`` asks for no comparison.
    """

    give_up: Units = ()
    add: tuple[tuple[VariantId, int], ...] = ()
    provider: str | None = None
    vat_id: str | None = None
    expected: Money | None = None


class PlannedChange(msgspec.Struct, frozen=True):
    """A change as it could be made now, and where its units are."""

    change: OrderChange
    takes: tuple[inventory.Take, ...]


def plan_change(
    case: Case,
    change_id: OrderChangeId,
    wish: ChangeWish,
    quote: Quote | None,
    *,
    reason: str,
    actor: Actor,
) -> PlannedChange:
    """Work a change out; ``quote`` prices what it adds. Nothing changes.

    Raises:
        OrderNotChangeable: Something was sent, or the order is canceled or over.
        ChangeAwaitsPayment: Another change waits to be paid.
        PaymentInProgress: The order is unpaid, and a payment of it is not decided.
        InvalidInput: Lists every line that the order does not have.
        UnitsNotCancelable: Lists every line with fewer units left.
        TaxDiffers: What is added is taxed in another way than the order.
        NothingLeft: Nothing would be left to pay.
        InsufficientStock: Lists what is short; what is not there yet cannot be added.
        RefundExceedsPaid: More would go back than can.
        DifferenceChanged: It comes to another amount than was expected.
    """
    is_sold = _check_changeable(case)
    units = sum_units(case.lines, wish.give_up, at="/give_up")
    short = [
        {"line_id": str(line.id), "requested": units[line.id], "available": available}
        for line in case.lines
        if line.id in units and units[line.id] > (available := cancelable_units(case, line))
    ]
    if short:
        raise UnitsNotCancelable("Fewer units of these lines can be given up.", lines=short)
    shares = tuple(share_of_units(line, units[line.id]) for line in case.lines if line.id in units)
    lines = () if quote is None else lines_of(case, change_id, quote)
    change = OrderChange(
        id=change_id,
        order_id=case.order.id,
        state=ChangeState.APPLIED,
        content=ChangeContent(lines, shares, reason),
        given_up_minor=sum(share.gross_minor for share in shares),
        added_minor=sum(line.gross_minor for line in lines),
        is_sold=is_sold,
        payment_id=None,
        cancellation_id=None,
        changed_by=actor.name,
        change_reason=reason,
        created_at=case.now,
        updated_at=case.now,
    )
    _check_left(case, change, units)
    takes = take_units(case, lines)
    back_minor = -change.difference_minor if is_sold else 0
    room = sum(left for _, left in list_rooms(case)) if back_minor > 0 else 0
    if back_minor > room:
        raise RefundExceedsPaid(
            "More would go back than is left of what was paid.",
            refundable={"amount": room, "currency": case.order.currency},
        )
    _check_expected(case, change, wish.expected)
    return PlannedChange(change, takes)


def apply_change(case: Case, planned: PlannedChange, *, actor: Actor, providers: Providers) -> str:
    """Make a change that the buyer owes nothing more for now: at once, money back and all."""
    change = _applied(planned.change)
    until = min((row.expires_at for row in case.active), default=case.now)
    is_held = case.is_whole_held and not case.is_hold_over
    case.begin_change(change)
    _exchange(case, change, actor=actor)
    if change.is_sold:
        case.own_afresh(reservations_of(case, change, planned.takes, ReservationState.COMMITTED))
        add_to_sale(case, change)
    elif is_held:
        case.hold(
            reservations_of(case, change, planned.takes, ReservationState.ACTIVE, until=until)
        )
    case.change_order(actor=actor.name, reason=change.change_reason)
    case.relabel()
    if change.is_sold and change.difference_minor < 0:
        _return_difference(case, change, actor=actor, providers=providers)
        case.change_order(actor=actor.name, reason=change.change_reason)
        case.relabel()
    return ChangeState.APPLIED.value


def await_payment(
    case: Case, planned: PlannedChange, payment: Payment, *, ttl: timedelta, actor: Actor
) -> str:
    """Hold what a change adds until its difference is paid; the order stays as it is."""
    change = msgspec.structs.replace(
        planned.change, state=ChangeState.AWAITING_PAYMENT, payment_id=payment.id
    )
    case.add_payment(payment)
    case.begin_change(change)
    case.hold(
        reservations_of(case, change, planned.takes, ReservationState.ACTIVE, until=case.now + ttl)
    )
    case.change_order(actor=actor.name, reason=change.change_reason)
    case.relabel()
    return ChangeState.AWAITING_PAYMENT.value


def take_difference(
    case: Case, change: OrderChange, payment: Payment, *, actor: Actor, providers: Providers
) -> str:
    """The difference came: make the change, late or not, if all of it can still be had.

    Otherwise all of this payment goes back, and the order stays as it is.
    """
    if change.state not in (ChangeState.AWAITING_PAYMENT, ChangeState.LAPSED):
        cause = Cause(TOO_LATE, actor)
        return return_money(case, payment, cause=cause, providers=providers)
    holds = case.holds_of(change)
    takes: tuple[inventory.Take, ...] = ()
    is_possible = _is_possible(case, change)
    if is_possible and not holds:
        try:
            takes = take_units(case, change.content.lines)
        except InsufficientStock:
            is_possible = False
    if not is_possible:
        if change.state is ChangeState.AWAITING_PAYMENT:
            case.drop_change(change, ChangeState.LAPSED, actor=SYSTEM.name, reason=TOO_LATE)
        cause = Cause(TOO_LATE, actor)
        return return_money(case, payment, cause=cause, providers=providers)
    after = _applied(msgspec.structs.replace(change, changed_by=actor.name, change_reason="paid"))
    case.put_change(after)
    _exchange(case, after, actor=actor)
    if holds:
        case.commit_holds(holds)
    else:
        case.own_afresh(reservations_of(case, after, takes, ReservationState.COMMITTED))
    add_to_sale(case, after)
    case.change_order(actor=actor.name, reason="order changed")
    case.relabel()
    return PAID


def lapse_change(case: Case, *, providers: Providers) -> int:
    """Let a change go whose time is over; a payment in flight earns one grace period.

    Returns how many holds ended.
    """
    change = case.open_change
    if change is None:
        return 0
    due = [row for row in case.holds_of(change) if row.expires_at <= case.now]
    if not due:
        return 0
    assert change.payment_id is not None
    is_in_flight = case.payment(change.payment_id).state in IN_FLIGHT
    if is_in_flight and not any(row.is_grace_used for row in due):
        grace = timedelta(minutes=case.settings.grace_minutes)
        case.prolong(case.now + grace, is_grace_used=True, rows=due)
        return 0
    return drop_change(
        case, change, ChangeState.LAPSED, actor=SYSTEM, reason="time is over", providers=providers
    )


def drop_change(
    case: Case,
    change: OrderChange,
    state: ChangeState,
    *,
    actor: Actor,
    reason: str,
    providers: Providers,
) -> int:
    """Give a change up that waits for its payment, which nobody can make any more."""
    count = case.drop_change(change, state, actor=actor.name, reason=reason)
    assert change.payment_id is not None
    payment = case.payment(change.payment_id)
    if payment.state in OPEN:
        give_up_payment(case, payment, providers=providers)
    case.change_order(actor=actor.name, reason=f"order change {state.value}")
    case.relabel()
    return count


def follow_payment(case: Case, payment: Payment, *, actor: Actor) -> None:
    """A payment failed or was given up: if a change waits for it, the change lapses."""
    change = case.open_change
    if change is not None and change.payment_id == payment.id:
        case.drop_change(change, ChangeState.LAPSED, actor=actor.name, reason="it was not paid")


# --- parts ---------------------------------------------------------------------------------------


def _check_changeable(case: Case) -> bool:
    """Whether the order is a sale. It is paid and nothing was sent, or it waits for its money."""
    check_not_held(case)
    order = case.order
    is_sold = case.is_sold
    statuses = UNSENT if is_sold else UNPAID
    is_trusted = case.is_bought and not is_sold  # its goods are its own, and not its money
    if (
        order.canceled_at is not None
        or order.status not in statuses
        or case.has_shipped
        or is_trusted
    ):
        raise OrderNotChangeable(
            f"Order {order.number} is {order.status.value} and cannot be changed.",
            order_status=order.status.value,
        )
    waiting = case.open_change
    if waiting is not None:
        raise ChangeAwaitsPayment(
            "Another change of this order waits for its payment.", change_id=str(waiting.id)
        )
    if not is_sold:
        check_undisturbed(case)
    return is_sold


def _check_left(case: Case, change: OrderChange, units: dict[OrderLineId, int]) -> None:
    is_all = all(units.get(line.id, 0) == line.due_quantity for line in case.lines)
    left_minor = case.order.due_minor + change.difference_minor
    if (is_all and not change.content.lines) or left_minor <= 0:
        raise NothingLeft("Nothing would be left to pay; cancel the whole order.")


def _check_expected(case: Case, change: OrderChange, expected: Money | None) -> None:
    actual = Money(change.difference_minor, case.order.currency)
    if expected is None or expected == actual:
        return
    raise DifferenceChanged(
        "The change comes to another amount now.",
        expected={"amount": expected.amount, "currency": expected.currency},
        difference={"amount": actual.amount, "currency": actual.currency},
    )


def lines_of(case: Case, change_id: OrderChangeId, quote: Quote) -> tuple[OrderLine, ...]:
    """The lines of a quote as they become lines of the order."""
    if quote.is_tax_included is not case.order.is_tax_included:
        raise TaxDiffers("The prices of today are taxed in another way than those of the order.")
    return tuple(
        OrderLine(
            id=OrderLineId(new_id()),
            order_id=case.order.id,
            position=place,
            product_id=line.product_id,
            variant_id=line.variant_id,
            vendor_id=line.vendor_id,
            sku=line.sku,
            name=line.name,
            options=line.options,
            image=line.image,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            discount_minor=0,
            total_minor=line.total_minor,
            tax_rate=line.tax_rate or quote.tax_rate,
            net_minor=line.net_minor,
            tax_minor=line.tax_minor,
            gross_minor=line.gross_minor,
            change_id=change_id,
        )
        for place, line in enumerate(quote.lines)
    )


def take_units(case: Case, lines: tuple[OrderLine, ...]) -> tuple[inventory.Take, ...]:
    """Units for the lines of a change that are on hand and nobody's.

    Raises:
        InsufficientStock: Lists what is short, or would have to be waited for.
    """
    if not lines:
        return ()
    outcome = case.admit([(line.variant_id, line.quantity) for line in lines])
    if isinstance(outcome, inventory.Refused):
        raise InsufficientStock(outcome.shortages)
    waiting: dict[VariantId, int] = {}
    wanted: dict[VariantId, int] = {}
    for take in outcome.takes:
        waiting[take.variant_id] = waiting.get(take.variant_id, 0) + take.waiting
        wanted[take.variant_id] = wanted.get(take.variant_id, 0) + take.quantity
    short = tuple(
        Shortage(variant_id, wanted[variant_id], wanted[variant_id] - units)
        for variant_id, units in waiting.items()
        if units
    )
    if short:
        raise InsufficientStock(short)
    return outcome.takes


def reservations_of(
    case: Case,
    change: OrderChange,
    takes: Iterable[inventory.Take],
    state: ReservationState,
    *,
    until: datetime | None = None,
) -> list[Reservation]:
    """Units as they are held for a change until an instant, or owned at once."""
    at = case.stock.next_place(case.now)
    is_held = state is ReservationState.ACTIVE
    return [
        Reservation(
            id=ReservationId(new_id()),
            holder_id=case.order.id,
            order_line_id=change.content.lines[take.line].id,
            variant_id=take.variant_id,
            location_id=take.location_id,
            quantity=take.quantity,
            state=state,
            expires_at=until or case.now,
            is_grace_used=False,
            created_at=at,
            ended_at=None if is_held else at,
            end_reason=None if is_held else "order changed",
        )
        for take in takes
    ]


def _applied(change: OrderChange) -> OrderChange:
    """A change as it is once it was made; what it gave up has an id of its own."""
    given_up = CancellationId(new_id()) if change.content.given_up else None
    return msgspec.structs.replace(change, state=ChangeState.APPLIED, cancellation_id=given_up)


def _is_possible(case: Case, change: OrderChange) -> bool:
    """Whether a change still is what it was when it was agreed."""
    order = case.order
    if order.canceled_at is not None or case.has_shipped or order.status not in UNSENT:
        return False
    lines = {line.id: line for line in case.lines}
    return all(
        share.quantity <= cancelable_units(case, lines[share.line_id])
        and share == share_of_units(lines[share.line_id], share.quantity)
        for share in change.content.given_up
    )


def _exchange(case: Case, change: OrderChange, *, actor: Actor) -> None:
    """Take from the order what is given up, and give it what is added; units and sums."""
    shares = change.content.given_up
    if change.cancellation_id is not None:
        cancellation = Cancellation(
            id=change.cancellation_id,
            order_id=case.order.id,
            reason=LESS_IS_DUE,
            actor=actor.name,
            is_sold=change.is_sold,
            shares=shares,
        )
        for share in shares:
            case.free_units(share.line_id, share.quantity, reason=LESS_IS_DUE)
        case.cancel_units(cancellation)
        if change.is_sold:
            credit_shares(case, cancellation.id, shares)
    case.add_lines(change)


def _return_difference(
    case: Case, change: OrderChange, *, actor: Actor, providers: Providers
) -> None:
    """What was paid and is not due any more goes back, from the newest payment first.

    What a swap gave up is credited by the change, so this money is no part of the sale any more.
    """
    cause = Cause(
        LESS_IS_DUE,
        actor,
        cancellation_id=change.cancellation_id,
        is_excess=change.is_swap,
    )
    rest = -change.difference_minor
    for payment, room in list_rooms(case):
        amount = min(rest, room)
        return_money(case, payment, amount_minor=amount, cause=cause, providers=providers)
        rest -= amount
