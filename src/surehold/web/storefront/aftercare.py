"""What became of an order's goods, in its buyer's words: parcels, changes, returns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from surehold.kernel.ids import OrderLineId, ReturnId
from surehold.orders.carriers import CARRIERS, tracking_url
from surehold.orders.changes.model import ChangeState, OrderChange
from surehold.orders.model import (
    Fulfillment,
    FulfillmentState,
    OrderLine,
    Return,
    ReturnLine,
    ReturnState,
)
from surehold.orders.photos.commands import PHOTOS_END
from surehold.orders.states import RETURN, SENT, ReturnEvent
from surehold.payments.model import Payment, PaymentState, Redirect
from surehold.web.storefront.shown import full_name
from surehold.web.storefront.views import (
    ChangeView,
    MoneyView,
    ParcelView,
    ReturnView,
    StepState,
    StepView,
)
from surehold.web.translations import gettext, gettext_noop

_F: Final = FulfillmentState
_R: Final = ReturnState

_LATEST: Final = MappingProxyType(
    {
        _F.SHIPPED: gettext_noop("It left us"),
        _F.IN_TRANSIT: gettext_noop("It is on its way"),
        _F.DELIVERED: gettext_noop("It was delivered"),
        _F.LOST: gettext_noop(
            "The carrier cannot find it. We are looking into it and write to you."
        ),
        _F.RETURNED_TO_SENDER: gettext_noop("It came back to us. We write to you."),
    }
)
#: Nothing more happens to such a parcel by itself.
_AT_REST: Final = frozenset({_F.DELIVERED, _F.RETURNED_TO_SENDER})
_RETURN_STEPS: Final = (
    (gettext_noop("Asked"), frozenset({_R.REQUESTED})),
    (gettext_noop("Agreed"), frozenset({_R.APPROVED})),
    (gettext_noop("On its way"), frozenset({_R.IN_TRANSIT})),
    (gettext_noop("Received"), frozenset({_R.RECEIVED})),
    (gettext_noop("Checked"), frozenset({_R.INSPECTED})),
    (gettext_noop("Settled"), frozenset({_R.COMPLETED})),
)
_RETURN_ENDED: Final = frozenset({_R.REJECTED, _R.CANCELED})
RETURN_OVER: Final = _RETURN_ENDED | {_R.COMPLETED}


def tell_parcels(
    parcels: Iterable[Fulfillment], lines: Iterable[OrderLine]
) -> tuple[ParcelView, ...]:
    """Every parcel that has left, oldest first."""
    names = _names(lines)
    return tuple(
        ParcelView(
            carrier=CARRIERS[parcel.carrier].name if parcel.carrier in CARRIERS else "",
            tracking_number=parcel.tracking_number or "",
            tracking_url=tracking_url(parcel.carrier, parcel.tracking_number),
            contents=_contents(parcel, names),
            latest=gettext(_LATEST[parcel.state]),
            latest_at=parcel.delivered_at or parcel.updated_at,
            is_done=parcel.state in _AT_REST,
        )
        for parcel in parcels
        if parcel.state in SENT
    )


def _contents(parcel: Fulfillment, names: Mapping[OrderLineId, str]) -> tuple[str, ...]:
    """A line may be in a parcel from several allocations: said once."""
    units: dict[OrderLineId, int] = {}
    for line in parcel.lines:
        units[line.order_line_id] = units.get(line.order_line_id, 0) + line.quantity
    return tuple(f"{count} × {names[line_id]}" for line_id, count in units.items())


def tell_changes(
    changes: Iterable[OrderChange], lines: Iterable[OrderLine], payments: Sequence[Payment]
) -> tuple[ChangeView, ...]:
    """What was agreed, and what waits to be paid for it. What came to nothing is not told."""
    names = _names(lines)
    by_id = {row.id: row for row in payments}
    told = []
    for change in changes:
        if change.state not in (ChangeState.APPLIED, ChangeState.AWAITING_PAYMENT):
            continue
        currency = payments[0].currency if payments else ""
        payment = by_id.get(change.payment_id) if change.payment_id is not None else None
        is_waiting = change.state is ChangeState.AWAITING_PAYMENT
        told.append(
            ChangeView(
                at=change.created_at,
                added=tuple(
                    f"{line.quantity} × {full_name(line.name, line.options)}"
                    for line in change.content.lines
                ),
                given_up=tuple(
                    f"{share.quantity} × {names[share.line_id]}"
                    for share in change.content.given_up
                    if share.quantity and share.line_id in names
                ),
                reason=change.content.reason,
                difference=MoneyView(change.difference_minor, currency) if currency else None,
                is_waiting=is_waiting,
                pay_url=_pay_url(payment) if is_waiting else None,
            )
        )
    return tuple(told)


def _pay_url(payment: Payment | None) -> str | None:
    if payment is None or payment.state is not PaymentState.REQUIRES_ACTION:
        return None
    return payment.next_action.url if isinstance(payment.next_action, Redirect) else None


def tell_returns(
    returns: Iterable[Return],
    return_lines: Mapping[ReturnId, tuple[ReturnLine, ...]],
    lines: Iterable[OrderLine],
    *,
    url: str,
) -> tuple[ReturnView, ...]:
    """Every return, newest first, with what its buyer can do about it."""
    names = _names(lines)
    told = [
        ReturnView(
            status=row.state.value,
            lines=tuple(
                f"{line.quantity} × {names[line.order_line_id]}" for line in return_lines[row.id]
            ),
            steps=_return_steps(row.state),
            answer=row.answer or "",
            send_url=_url_of(row, ReturnEvent.SEND, url),
            cancel_url=_url_of(row, ReturnEvent.CANCEL, url),
            photos_url=None if is_return_over(row.state) else f"{url}/{row.id}/photos",
        )
        for row in returns
    ]
    return tuple(reversed(told))


def is_return_over(state: ReturnState) -> bool:
    """Whether nothing more becomes of a return, as the commands of photos see it."""
    return state in PHOTOS_END


def _url_of(row: Return, event: ReturnEvent, url: str) -> str | None:
    if RETURN.find_next(row.state, event) is None:
        return None
    return f"{url}/{row.id}/{event.value}"


def _return_steps(state: ReturnState) -> tuple[StepView, ...]:
    if state in _RETURN_ENDED:
        return ()
    reached = next(index for index, (_, states) in enumerate(_RETURN_STEPS) if state in states)
    return tuple(
        StepView(
            gettext(label),
            StepState.DONE
            if index <= reached
            else StepState.CURRENT
            if index == reached + 1
            else StepState.AHEAD,
        )
        for index, (label, _) in enumerate(_RETURN_STEPS)
    )


def count_returnable(
    parcels: Iterable[Fulfillment], lines: Iterable[OrderLine]
) -> dict[OrderLineId, int]:
    """Units of each line that were sent and are not coming back already; lines without are out."""
    sent: dict[OrderLineId, int] = {}
    for parcel in parcels:
        if parcel.state in SENT:
            for row in parcel.lines:
                sent[row.order_line_id] = sent.get(row.order_line_id, 0) + row.quantity
    left = {line.id: sent.get(line.id, 0) - line.returned_quantity for line in lines}
    return {line_id: count for line_id, count in left.items() if count > 0}


def returns_until(parcels: Iterable[Fulfillment], *, days: int) -> datetime | None:
    """When the store's days end, counted from the last delivery; ``None`` before there was one."""
    delivered = [row.delivered_at for row in parcels if row.delivered_at is not None]
    return max(delivered) + timedelta(days=days) if delivered else None


def day_of(instant: datetime | None) -> date | None:
    """The day of an instant, where there is one."""
    return None if instant is None else instant.date()


def _names(lines: Iterable[OrderLine]) -> dict[OrderLineId, str]:
    return {line.id: full_name(line.name, line.options) for line in lines}
