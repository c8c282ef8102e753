"""What the orders room knows. Amounts are minor units of the order's currency."""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec

from surehold.inventory.model import BackorderKind
from surehold.kernel.ids import (
    CancellationId,
    CartId,
    FulfillmentId,
    LocationId,
    NoteId,
    OrderChangeId,
    OrderId,
    OrderLineId,
    ProductId,
    ReturnId,
    ReturnLineId,
    VariantId,
    VendorId,
)
from surehold.pricing.model import Adjustment


class OrderStatus(enum.Enum):
    """The one label people use. A consequence of facts; nobody sets it by hand."""

    PENDING_PAYMENT = "pending_payment"
    PAYMENT_FAILED = "payment_failed"
    PAID = "paid"
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    READY_FOR_SHIPMENT = "ready_for_shipment"
    SHIPPED = "shipped"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    CANCELED = "canceled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    ARCHIVED = "archived"


class PaymentStatus(enum.Enum):
    """How far an order is paid."""

    NOT_PAID = "not_paid"
    PENDING = "pending"
    AUTHORIZED = "authorized"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    FAILED = "failed"
    DISPUTED = "disputed"


class FulfillmentStatus(enum.Enum):
    """How far an order is sent."""

    UNFULFILLED = "unfulfilled"
    PROCESSING = "processing"
    READY_FOR_SHIPMENT = "ready_for_shipment"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    RETURNED = "returned"


class FulfillmentState(enum.Enum):
    """How far a parcel has come. ``open`` and ``packed`` have not left the shelf."""

    OPEN = "open"
    PACKED = "packed"
    SHIPPED = "shipped"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    CANCELED = "canceled"
    LOST = "lost"
    RETURNED_TO_SENDER = "returned_to_sender"


class CancelReason(enum.Enum):
    """Why an order was canceled."""

    BUYER = "canceled_by_buyer"
    STAFF = "canceled_by_staff"
    UNPAID = "unpaid"
    SOLD_OUT_AFTER_PAYMENT = "sold_out_after_payment"
    REFUSED = "refused_at_the_door"
    DISPUTE_LOST = "dispute_lost"


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where goods or an invoice go. ``country`` is ISO 3166-1 alpha-2."""

    name: str
    line1: str
    city: str
    country: str
    line2: str | None = None
    region: str | None = None
    postal_code: str | None = None
    phone: str | None = None
    company: str | None = None


class OrderLine(msgspec.Struct, frozen=True):
    """One line as it was promised, with the names and prices of that day."""

    id: OrderLineId
    order_id: OrderId
    position: int
    product_id: ProductId
    variant_id: VariantId
    vendor_id: VendorId
    sku: str
    name: str
    options: list[str]
    image: str | None
    quantity: int
    unit_price_minor: int
    discount_minor: int
    total_minor: int
    tax_rate: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    canceled_quantity: int = 0
    canceled_net_minor: int = 0
    canceled_tax_minor: int = 0
    refunded_quantity: int = 0
    refunded_net_minor: int = 0
    refunded_tax_minor: int = 0
    returned_quantity: int = 0
    #: The change that added it; what the order was placed with has none.
    change_id: OrderChangeId | None = None

    @property
    def due_quantity(self) -> int:
        """Units that are still to be had: all but the canceled ones."""
        return self.quantity - self.canceled_quantity

    @property
    def left_quantity(self) -> int:
        """Units that are neither canceled nor refunded."""
        return self.due_quantity - self.refunded_quantity

    @property
    def left_net_minor(self) -> int:
        """Net that is neither canceled nor refunded."""
        return self.net_minor - self.canceled_net_minor - self.refunded_net_minor

    @property
    def left_tax_minor(self) -> int:
        """Tax that is neither canceled nor refunded."""
        return self.tax_minor - self.canceled_tax_minor - self.refunded_tax_minor

    @property
    def left_minor(self) -> int:
        """Gross that is neither canceled nor refunded."""
        return self.left_net_minor + self.left_tax_minor

    def with_canceled(self, share: Share | None) -> OrderLine:
        """The line with so much more of it canceled."""
        if share is None:
            return self
        return msgspec.structs.replace(
            self,
            canceled_quantity=self.canceled_quantity + share.quantity,
            canceled_net_minor=self.canceled_net_minor + share.net_minor,
            canceled_tax_minor=self.canceled_tax_minor + share.tax_minor,
        )

    def with_refunded(self, share: Share | None) -> OrderLine:
        """The line with so much more of it refunded, or less when that failed."""
        if share is None:
            return self
        return msgspec.structs.replace(
            self,
            refunded_quantity=self.refunded_quantity + share.quantity,
            refunded_net_minor=self.refunded_net_minor + share.net_minor,
            refunded_tax_minor=self.refunded_tax_minor + share.tax_minor,
        )


class Share(msgspec.Struct, frozen=True):
    """Units of a line, and the part of its money that goes with them. 0 units: money alone."""

    line_id: OrderLineId
    quantity: int
    net_minor: int
    tax_minor: int

    @property
    def gross_minor(self) -> int:
        """What the buyer pays, or gets back."""
        return self.net_minor + self.tax_minor


class Cancellation(msgspec.Struct, frozen=True):
    """Units of an order that were given up while the rest goes on."""

    id: CancellationId
    order_id: OrderId
    reason: str
    actor: str
    #: The order was a sale by then, so money goes back for them.
    is_sold: bool
    shares: tuple[Share, ...]

    @property
    def gross_minor(self) -> int:
        """What is not owed any more."""
        return sum(share.gross_minor for share in self.shares)


class Order(msgspec.Struct, frozen=True):
    """One order's facts and the labels that follow from them."""

    id: OrderId
    number: str
    cart_id: CartId | None
    email: str
    currency: str
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    shipping_tax_minor: int
    tax_minor: int
    total_minor: int
    is_tax_included: bool
    paid_minor: int
    refunded_minor: int
    shipping_method: str
    shipping_address: Address
    billing_address: Address | None
    provider: str
    status: OrderStatus
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    placed_at: datetime
    canceled_at: datetime | None
    cancel_reason: CancelReason | None
    archived_at: datetime | None
    extensions_used: int
    version: int
    changed_by: str
    change_reason: str
    updated_at: datetime
    coupon_code: str | None = None
    #: What promotions took off, as it was quoted.
    adjustments: tuple[Adjustment, ...] = ()
    confirmed_at: datetime | None = None
    processing_at: datetime | None = None
    canceled_minor: int = 0
    added_minor: int = 0  # gross of the lines of changes
    change_count: int = 0
    #: When its money came or it was sent unpaid, and what of it is still owed.
    sold_at: datetime | None = None
    owed_minor: int = 0

    @property
    def due_minor(self) -> int:
        """What is to be paid: the total and what was added, less what was canceled in parts."""
        return self.total_minor + self.added_minor - self.canceled_minor

    @property
    def shipping_gross_minor(self) -> int:
        """What shipping costs the buyer, tax and all."""
        return self.shipping_minor + (0 if self.is_tax_included else self.shipping_tax_minor)


class FulfillmentLine(msgspec.Struct, frozen=True):
    """So many units of one order line, from one allocation."""

    allocation_id: UUID
    order_line_id: OrderLineId
    quantity: int


class Fulfillment(msgspec.Struct, frozen=True):
    """One parcel, or what is to become one: units of one order from one location.

    ``vendor_id`` is set when all of them are one vendor's.
    """

    id: FulfillmentId
    order_id: OrderId
    location_id: LocationId
    vendor_id: VendorId | None
    state: FulfillmentState
    carrier: str | None
    tracking_number: str | None
    created_at: datetime
    packed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    version: int
    changed_by: str
    change_reason: str
    updated_at: datetime
    lines: tuple[FulfillmentLine, ...]

    @property
    def units(self) -> int:
        """How many units are in it."""
        return sum(line.quantity for line in self.lines)


class OrderNote(msgspec.Struct, frozen=True):
    """What somebody wrote about an order; the buyer sees it when it is visible."""

    id: NoteId
    order_id: OrderId
    text: str
    is_visible: bool
    actor: str
    written_at: datetime


class OrderEvent(msgspec.Struct, frozen=True):
    """One line of an order's history."""

    order_id: OrderId
    seq: int
    from_status: OrderStatus | None
    to_status: OrderStatus
    actor: str
    reason: str
    happened_at: datetime


class Scope(msgspec.Struct, frozen=True):
    """Whose orders are meant: applied in SQL, so that a foreign order is as good as none.

    Nothing set: everybody's, for staff. A vendor's scope holds orders with a line of that vendor,
    and of these only the vendor's lines.
    """

    vendor_id: VendorId | None = None
    email: str | None = None


STAFF_SCOPE = Scope()


class OrderFilter(msgspec.Struct, frozen=True):
    """Which orders are wanted; whatever is unset is not asked. Amounts are minor units.

    ``search`` is a whole order number, e-mail address, SKU or tracking number. The range of
    instants is half-open; the amounts include both ends.
    """

    search: str | None = None
    status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None
    vendor: str | None = None
    currency: str | None = None
    placed_from: datetime | None = None
    placed_until: datetime | None = None
    total_min_minor: int | None = None
    total_max_minor: int | None = None
    needs_review: bool | None = None


class OrderSummary(msgspec.Struct, frozen=True):
    """One order in a list."""

    id: OrderId
    number: str
    email: str
    name: str
    country: str
    status: OrderStatus
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    currency: str
    total_minor: int
    units: int
    needs_review: bool
    placed_at: datetime


class TimelineKind(enum.Enum):
    """What a line of an order's timeline tells of."""

    STATUS = "status"
    PAYMENT = "payment"
    REFUND = "refund"
    FULFILLMENT = "fulfillment"
    NOTE = "note"


class TimelineEntry(msgspec.Struct, frozen=True):
    """One thing that happened to an order. ``subject_id`` is the order, payment, parcel or note.

    ``seq`` counts the lines of one subject. ``text`` is the reason, or what a note says.
    """

    kind: TimelineKind
    subject_id: UUID
    seq: int
    from_state: str | None
    to_state: str | None
    actor: str
    text: str
    carrier: str | None
    tracking_number: str | None
    is_visible: bool
    happened_at: datetime


class ReturnState(enum.Enum):
    """How far goods are on their way back."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    INSPECTED = "inspected"
    COMPLETED = "completed"
    CANCELED = "canceled"


class ReturnReason(enum.Enum):
    """Why a buyer sends something back."""

    DAMAGED = "damaged"
    DEFECTIVE = "defective"
    WRONG_ITEM = "wrong_item"
    NOT_AS_DESCRIBED = "not_as_described"
    DOES_NOT_FIT = "does_not_fit"
    CHANGED_MIND = "changed_mind"
    OTHER = "other"


class ReturnLine(msgspec.Struct, frozen=True):
    """Units of one order line that come back. What was in the parcel is sellable or damaged."""

    id: ReturnLineId
    return_id: ReturnId
    order_line_id: OrderLineId
    quantity: int
    reason: ReturnReason
    note: str | None
    #: ``None`` until the parcel was opened.
    received_quantity: int | None = None
    sellable_quantity: int = 0
    damaged_quantity: int = 0
    #: Where the sellable units were put on the shelf.
    location_id: LocationId | None = None

    @property
    def coming_quantity(self) -> int:
        """Units that came, or are to come."""
        return self.quantity if self.received_quantity is None else self.received_quantity


class Return(msgspec.Struct, frozen=True):
    """Goods on their way back. ``note`` is the buyer's, ``answer`` staff's."""

    id: ReturnId
    order_id: OrderId
    state: ReturnState
    note: str | None
    answer: str | None
    changed_by: str
    change_reason: str
    created_at: datetime
    updated_at: datetime


class WaitingLine(msgspec.Struct, frozen=True):
    """An order line that waits for units that were sold before they were there.

    ``quantity`` were not there when they were taken, ``waiting`` are not there now.
    """

    order_id: OrderId
    number: str
    email: str
    is_paid: bool
    order_line_id: OrderLineId
    variant_id: VariantId
    sku: str
    name: str
    quantity: int
    waiting: int
    kind: BackorderKind
    promised_on: date | None
    since: datetime
