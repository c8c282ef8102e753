"""What exists outside the store: its clients, what each was told, and webhooks under way.

This is the memory that the store is held to in the end. It is kept by the steps themselves, from
the answers that they got and from nothing else.
"""

from __future__ import annotations

import enum
import random
from collections import Counter
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec

from proof.simulation.clock import Clock
from proof.simulation.process import Process, draw_process
from proof.simulation.provider import Delivery, HeldMoney, Provider
from surehold.checkout.model import PlacedOrder, Placement
from surehold.checkout.rules import ChangeWish, Wish
from surehold.kernel.ids import (
    CartId,
    DraftOrderId,
    FulfillmentId,
    GiftCardId,
    LocationId,
    OrderChangeId,
    OrderId,
    OrderLineId,
    PaymentId,
    RefundId,
    TransferId,
    VariantId,
)
from surehold.orders.changes.model import ChangeState
from surehold.orders.model import OrderStatus
from surehold.payments.model import Payment
from surehold.sandbox.model import EventType


class Violated(AssertionError):
    """The store said something that cannot be true. ``ids`` lead to what happened before."""

    def __init__(self, text: str, *ids: object) -> None:
        super().__init__(text)
        self.ids = ids


class Told(enum.Enum):
    """What a client knows of its request."""

    NOTHING = "never asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Back(msgspec.Struct):
    """Money that staff were asked to give back at once, and what they were told."""

    batch_id: UUID
    wish: Wish
    is_restocked: bool
    told: Told = Told.NOTHING
    amount_minor: int = 0
    is_store_credit: bool = False


class Put(msgspec.Struct):
    """Something that staff put on a gift card, or took off it."""

    amount_minor: int
    told: Told = Told.NOTHING


class Gift(msgspec.Struct):
    """A gift card: its code is known to many, and what was put on it to staff."""

    id: GiftCardId
    code_hash: bytes
    currency: str
    puts: list[Put] = []

    @property
    def is_there(self) -> bool:
        """Whether it was told to have been issued."""
        return bool(self.puts) and self.puts[0].told is Told.ACCEPTED

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the most that can ever have been put on it."""
        sure = sum(put.amount_minor for put in self.puts if put.told is Told.ACCEPTED)
        maybe = [put.amount_minor for put in self.puts if put.told is Told.UNKNOWN]
        less = sum(amount for amount in maybe if amount < 0)
        return sure + less, sure + sum(maybe) - less


class Part(msgspec.Struct):
    """Units that were to be given up, under one key."""

    key: str
    lines: tuple[tuple[OrderLineId, int], ...]
    told: Told = Told.NOTHING


class Amendment(msgspec.Struct):
    """A change of an order, and what staff were told of it last."""

    id: OrderChangeId
    wish: ChangeWish
    told: Told = Told.NOTHING
    state: ChangeState | None = None
    #: ``None`` until its price was told.
    difference_minor: int | None = None


class Purchase(msgspec.Struct):
    """One placement and all that its client was told of it."""

    placement: Placement
    told: Told = Told.NOTHING
    #: How often it was sent, whatever came of it.
    tries: int = 0
    #: The answer, byte for byte.
    body: bytes = b""
    order_id: OrderId | None = None
    total_minor: int = 0
    currency: str = ""
    lines: tuple[tuple[VariantId, int], ...] = ()
    #: Payments that the client knows of, oldest first, with their providers.
    payments: list[tuple[PaymentId, str]] = msgspec.field(default_factory=list)
    is_told_paid: bool = False
    #: Canceled for the buyer or by staff, which late money cannot undo.
    is_told_canceled: bool = False
    #: Parcels that were told to have left the shelf, and their units.
    sent: dict[FulfillmentId, int] = msgspec.field(default_factory=dict)
    line_ids: tuple[OrderLineId, ...] = ()
    #: What each payment asks for.
    asked: dict[PaymentId, int] = {}
    backs: list[Back] = []
    parts: list[Part] = []
    amendments: list[Amendment] = []
    refund_ids: tuple[RefundId, ...] = ()
    #: What of the total was told to be given up, and to have gone back: neither ever falls.
    canceled_minor: int = 0
    refunded_minor: int = 0

    @property
    def key(self) -> str:
        return self.placement.key

    @property
    def known_id(self) -> OrderId:
        """The order of an accepted purchase."""
        assert self.order_id is not None
        return self.order_id

    @property
    def ids(self) -> tuple[object, ...]:
        """What leads to it in the trace."""
        return (self.key, *((self.order_id,) if self.order_id else ()))


class Hold(msgspec.Struct):
    """Units held outside any order, as the caller was told."""

    holder_id: UUID
    lines: tuple[tuple[VariantId, int], ...]
    told: Told = Told.NOTHING
    is_told_released: bool = False


class Receipt(msgspec.Struct):
    """Units that the warehouse reported as arrived, under one reference."""

    reference: str
    variant_id: VariantId
    quantity: int
    told: Told = Told.NOTHING

    @property
    def least(self) -> int:
        """The fewest units that this can have added; a correction may take some off."""
        is_sure = self.told is Told.ACCEPTED
        return self.quantity if is_sure else min(self.quantity, 0) * (self.told is Told.UNKNOWN)

    @property
    def most(self) -> int:
        """The most units that this can have added."""
        is_sure = self.told is Told.ACCEPTED
        return self.quantity if is_sure else max(self.quantity, 0) * (self.told is Told.UNKNOWN)


class Offer(msgspec.Struct):
    """An order that staff wrote for a buyer, and what came of it as its clients were told."""

    draft_id: DraftOrderId
    token: str
    purchase: Purchase | None = None
    is_told_canceled: bool = False


class Basket(msgspec.Struct):
    """A cart that a buyer can open, and the money in which it is priced."""

    cart_id: CartId
    token: str
    currency: str


class _Subject(msgspec.Struct, frozen=True):
    id: str


class _Data(msgspec.Struct, frozen=True):
    object: _Subject


class _Event(msgspec.Struct, frozen=True):
    """What a webhook is about."""

    type: str
    data: _Data


_ENDS: Final = frozenset(
    kind.value for kind in (EventType.FAILED, EventType.CANCELED, EventType.EXPIRED)
)
_MONEY: Final = frozenset({EventType.CAPTURED.value, EventType.AUTHORIZED.value})
#: Nobody asks about a dispute that is not known to be open.
_DISPUTED: Final = frozenset({EventType.DISPUTE_OPENED.value, EventType.DISPUTE_UPDATED.value})


class World:
    """Everything around the store of one seed."""

    def __init__(
        self,
        seed: int,
        *,
        provider: Provider,
        variant_ids: tuple[VariantId, ...],
        location_id: LocationId,
        opening_units: int,
        clock: Clock,
        coupon_uses: int = 0,
    ) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.provider = provider
        self.variant_ids = variant_ids
        self.location_id = location_id
        self.opening_units = opening_units
        self.coupon_uses = coupon_uses
        self.clock = clock
        self.processes: list[Process] = []
        self.purchases: list[Purchase] = []
        self.baskets: list[Basket] = []
        self.offers: list[Offer] = []
        self.holds: list[Hold] = []
        self.gifts: list[Gift] = []
        self.receipts: list[Receipt] = []
        #: Differences that staff made by hand, by a count or by a file; never sent twice.
        self.corrections: list[Receipt] = []
        self.transfers: list[TransferId] = []
        self.webhooks: list[Delivery] = []
        #: Payments of which the provider tells nothing when it lets go of them.
        self.untold: set[str] = set()
        #: Payments that had ended at the provider without money.
        self._ended: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()

    def did(self, more: int = 1) -> None:
        """Count further commands of a step: an operation is one command of a client or worker."""
        self.counts["operations"] += more

    def count_holds(self, holds: Iterable[HeldMoney]) -> None:
        """Count what became of money that was held, for people."""
        for hold in holds:
            self.counts[f"holds of money: {hold.ended_as or 'held still'}"] += 1
            self.counts["holds of money: renewed"] += hold.number > 0

    def a_process(self, dice: random.Random) -> Process:
        """One of the processes that are alive."""
        return draw_process(self.processes, dice)

    def a_purchase(self, dice: random.Random, *, told: Told = Told.ACCEPTED) -> Purchase | None:
        """A purchase that is told so: mostly a young one, sometimes any."""
        young = self.purchases if dice.random() < 0.15 else self.purchases[-90:]
        found = [purchase for purchase in young if purchase.told is told]
        return dice.choice(found) if found else None

    def collect_webhooks(self) -> None:
        """Take what the provider has sent since.

        Money that comes after an end that the provider itself had told of is announced until it
        is heard, and so is a dispute that begins. Nobody would look for them otherwise.
        """
        for delivery in self.provider.take_webhooks():
            event = msgspec.json.decode(delivery.body, type=_Event)
            payment_id = event.data.object.id
            if event.type in _ENDS:
                self._ended.add(payment_id)
                if payment_id in self.untold:
                    continue
            is_late = event.type in _MONEY and payment_id in self._ended
            is_lasting = is_late or event.type in _DISPUTED
            self.webhooks.append(msgspec.structs.replace(delivery, is_lasting=is_lasting))


def note_payment(purchase: Purchase, payment: Payment | None) -> None:
    """Remember a payment that the buyer was told of."""
    if payment is None:
        return
    purchase.asked[payment.id] = payment.requested_minor
    known = (payment.id, payment.provider)
    if known not in purchase.payments:
        purchase.payments.append(known)


def note_order(purchase: Purchase, placed: PlacedOrder, *, was_canceled: bool) -> None:
    """Remember what a command said of an order, and refuse what it cannot say.

    ``was_canceled``: whether the buyer had been told so when they asked. What is told meanwhile
    may be newer than what was read for this answer.

    Raises:
        Violated: Something that never changes has changed.
    """
    order = placed.order
    if order.id != purchase.order_id:
        raise Violated(f"{purchase.order_id} was asked for, {order.id} answered", order.id)
    if (order.total_minor, order.currency) != (purchase.total_minor, purchase.currency):
        raise Violated(f"the total of {order.number} is not what was promised", order.id)
    if was_canceled and order.canceled_at is None:
        raise Violated(f"{order.number} was canceled, and is alive again", order.id)
    if order.canceled_minor < purchase.canceled_minor:
        raise Violated(f"a part of {order.number} was given up, and is due again", order.id)
    if order.refunded_minor < purchase.refunded_minor:
        raise Violated(f"money for {order.number} went back, and is here again", order.id)
    purchase.canceled_minor = order.canceled_minor
    purchase.refunded_minor = order.refunded_minor
    purchase.line_ids = tuple(line.id for line in placed.lines)
    purchase.refund_ids = tuple(row.id for row in placed.refunds)
    note_payment(purchase, placed.payment)
    purchase.is_told_paid |= order.status is OrderStatus.PAID
