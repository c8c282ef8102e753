"""What the provider's own book of holds says of the store: none is kept, or trusted, in vain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from proof.simulation.provider import HeldMoney
from surehold.kernel.ids import OrderId, PaymentId, parse_merchant_reference

#: Why a person looks at money that was held: each is a promise that they were told.
LAPSED: Final = "authorization_lapsed"
TOLD: Final = (LAPSED, "capture_failed")
_AT_THE_DOOR: Final = "on_delivery"
#: Money of an order of which none is here.
_AWAITED: Final = ("pending", "authorized", "failed")

LIST_TRUSTED: Final = """
    /* proof.list_trusted */
    SELECT payment.id, payment.order_id, payment.state, payment.terms,
           coalesce(payment.review_reason, '') AS review_reason,
           orders.status, orders.payment_status, orders.canceled_at IS NOT NULL AS is_canceled,
           EXISTS (SELECT FROM allocations
                    WHERE order_id = orders.id AND quantity > released_quantity) AS owns_goods
      FROM payments AS payment
      JOIN orders ON orders.id = payment.order_id
     WHERE payment.gift_card_id IS NULL
"""
# What was paid otherwise before a parcel left needs no hold.
LIST_SENT: Final = """
    /* proof.list_sent */
    SELECT parcel.id, parcel.order_id, parcel.shipped_at
      FROM fulfillments AS parcel
     WHERE parcel.shipped_at IS NOT NULL
       AND NOT EXISTS (
            SELECT FROM ledger_journals AS journal
              JOIN payments AS payment ON payment.id = journal.reference
             WHERE journal.order_id = parcel.order_id
               AND journal.kind = 'capture'
               AND payment.gift_card_id IS NULL
               AND journal.posted_at < parcel.shipped_at)
"""


class Trusted(msgspec.Struct, frozen=True):
    """One payment of money as the store has it, with its order."""

    id: PaymentId
    order_id: OrderId
    state: str
    terms: str
    review_reason: str
    status: str
    payment_status: str
    is_canceled: bool
    #: Goods are its own, or have left for it.
    owns_goods: bool

    @property
    def is_in_vain(self) -> bool:
        """Whether its order has goods, and not all of their money."""
        is_awaited = self.payment_status in _AWAITED
        return self.owns_goods and is_awaited and not self.is_canceled

    @property
    def is_over(self) -> bool:
        """Whether nobody is to pay for its order any more."""
        return self.is_canceled or self.payment_status == "paid"


class SentParcel(msgspec.Struct, frozen=True):
    """A parcel that left before its order's money was here."""

    id: UUID
    order_id: OrderId
    shipped_at: datetime


def judge_holds(
    holds: Sequence[HeldMoney],
    payments: Iterable[Trusted],
    parcels: Iterable[SentParcel],
) -> list[tuple[str, OrderId]]:
    """What the store has promised of money that is held, and has not kept. At rest only.

    - The bank holds nothing any more for an order that is over, or is paid otherwise.
    - Nothing has left for money whose time was over by the bank's own word.
    - Goods that are trusted to money which is gone are told to a person, who is asked nothing of
      an order that is over.
    """
    by_order: dict[OrderId, list[Trusted]] = {}
    known: dict[UUID, Trusted] = {}
    parcels = list(parcels)
    for payment in payments:
        by_order.setdefault(payment.order_id, []).append(payment)
        known[payment.id] = payment
    of_order: dict[OrderId, list[HeldMoney]] = {}
    found = []
    for hold in holds:
        payment_id = parse_merchant_reference(hold.merchant_reference)
        payment = known[payment_id] if payment_id is not None else None
        assert payment is not None, hold
        of_order.setdefault(payment.order_id, []).append(hold)
        if hold.ended_at is None and not _is_wanted(payment):
            text = (
                f"the bank holds money for payment {payment.id}, which is {payment.state}, of an"
                f" order that is {payment.status} and {payment.payment_status}"
            )
            found.append((text, payment.order_id))
    for parcel in parcels:
        held = of_order.get(parcel.order_id, [])
        if held and not _was_sure(parcel, held, by_order[parcel.order_id]):
            text = f"parcel {parcel.id} left at {parcel.shipped_at}, and nobody held its money"
            found.append((text, parcel.order_id))
    for order_id, held in of_order.items():
        rows = by_order[order_id]
        is_held = any(hold.ended_at is None for hold in held)
        if rows[0].is_in_vain and not is_held and not _is_told(rows):
            text = f"goods are trusted to order {order_id}, nobody holds its money or was told"
            found.append((text, order_id))
        if rows[0].is_over and any(row.review_reason == LAPSED for row in rows):
            found.append((f"somebody is to look at order {order_id}, which is over", order_id))
    return found


def _is_wanted(payment: Trusted) -> bool:
    """Whether money may be held for it still."""
    is_awaited = bool(payment.review_reason) or payment.payment_status in _AWAITED
    return payment.state == "authorized" and not payment.is_canceled and is_awaited


def _was_sure(parcel: SentParcel, held: Iterable[HeldMoney], payments: Iterable[Trusted]) -> bool:
    """Whether money was to come for a parcel when it left: from a bank, or at the door."""
    at = parcel.shipped_at
    is_held = any(hold.begun_at <= at.timestamp() and at < hold.ends_at for hold in held)
    return is_held or any(row.terms == _AT_THE_DOOR for row in payments)


def _is_told(payments: Iterable[Trusted]) -> bool:
    """Whether a person was asked to look, or somebody collects the money at the door."""
    return any(row.review_reason or row.terms == _AT_THE_DOOR for row in payments)
