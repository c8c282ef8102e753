"""What the orders room knows. Amounts are minor units of the order's currency."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.kernel.ids import CartId, OrderId, OrderLineId, ProductId, VariantId, VendorId
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


class CancelReason(enum.Enum):
    """Why an order was canceled."""

    BUYER = "canceled_by_buyer"
    STAFF = "canceled_by_staff"
    UNPAID = "unpaid"
    SOLD_OUT_AFTER_PAYMENT = "sold_out_after_payment"


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


class OrderEvent(msgspec.Struct, frozen=True):
    """One line of an order's history."""

    order_id: OrderId
    seq: int
    from_status: OrderStatus | None
    to_status: OrderStatus
    actor: str
    reason: str
    happened_at: datetime
