"""What the API answers for orders and payments. Other programs rely on these shapes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import msgspec

from surehold.checkout.engine import Render
from surehold.checkout.model import PlacedOrder
from surehold.identity.tokens import OrderAccess
from surehold.inventory.model import Backorder
from surehold.kernel.ids import (
    FulfillmentId,
    LocationId,
    OrderChangeId,
    OrderId,
    OrderLineId,
    PaymentId,
    ProductId,
    RefundId,
    ReturnId,
    ReturnLineId,
    VariantId,
    VendorId,
)
from surehold.kernel.money import Money
from surehold.orders.carriers import CARRIERS, tracking_url
from surehold.orders.model import Address, Fulfillment, Order, OrderLine, Return, ReturnLine
from surehold.payments.model import NextAction, Payment, PaymentState, Refund
from surehold.pricing.model import Adjustment


class LineShape(msgspec.Struct, frozen=True):
    """One order line. Amounts in minor units."""

    id: OrderLineId
    variant_id: VariantId
    product_id: ProductId
    vendor_id: VendorId
    sku: str
    name: str
    options: list[str]
    image: str | None
    quantity: int
    unit_price: Money
    total: Money
    net: Money
    tax: Money
    gross: Money
    discount: Money
    tax_rate: str
    #: Units that were given up, and units whose money went back or is on its way.
    canceled_quantity: int
    refunded_quantity: int
    #: Units that are not there yet, and the day for which they were promised, if any was.
    waiting_quantity: int
    promised_on: date | None
    #: The change that added it; what the order was placed with has none.
    change_id: OrderChangeId | None = None


class AdjustmentShape(msgspec.Struct, frozen=True):
    """What a promotion took off one line (its position, from 0), or off shipping (null)."""

    promotion: str
    coupon: str | None
    line: int | None
    amount: Money


class CardPartShape(msgspec.Struct, frozen=True):
    """What a gift card pays of an order: `authorized` until the rest came, then `captured`.

    ``balance`` is what is on the card by now.
    """

    payment_id: PaymentId
    last_four: str
    state: str
    amount: Money
    refunded: Money
    balance: Money


class OrderShape(msgspec.Struct, frozen=True):
    """One order as its buyer may see it. ``access_token`` opens it for a guest."""

    id: OrderId
    number: str
    access_token: str
    status: str
    payment_status: str
    fulfillment_status: str
    email: str
    currency: str
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    #: Gross of what was given up in parts, and of what changes added: what is to be paid is
    #: ``total`` with ``added`` less ``canceled``.
    canceled: Money
    added: Money
    is_tax_included: bool
    paid: Money
    refunded: Money
    shipping_method: str
    shipping_address: Address
    billing_address: Address | None
    lines: tuple[LineShape, ...]
    reserved_until: datetime | None
    placed_at: datetime
    canceled_at: datetime | None
    cancel_reason: str | None
    coupon: str | None
    adjustments: tuple[AdjustmentShape, ...]
    #: What gift cards pay, or paid; and what is left to pay with money.
    gift_cards: tuple[CardPartShape, ...]
    to_pay: Money


class PaymentShape(msgspec.Struct, frozen=True):
    """One payment, and what the buyer must do next.

    ``terms``: when its money is taken: `now`, `on_shipment` or `on_delivery`.
    """

    id: PaymentId
    order_id: OrderId
    provider: str
    state: str
    amount: Money
    captured: Money
    refunded: Money
    next_action: NextAction
    failure_code: str | None
    failure_message: str | None
    is_under_review: bool
    terms: str


class ParcelLineShape(msgspec.Struct, frozen=True):
    """So many units of one order line."""

    line_id: OrderLineId
    quantity: int


class FulfillmentShape(msgspec.Struct, frozen=True):
    """One parcel, or what is to become one. ``tracking_url`` is the carrier's own page."""

    id: FulfillmentId
    order_id: OrderId
    state: str
    location_id: LocationId
    vendor_id: VendorId | None
    carrier: str | None
    carrier_name: str | None
    tracking_number: str | None
    tracking_url: str | None
    reason: str
    lines: tuple[ParcelLineShape, ...]
    created_at: datetime
    packed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None


class MoneyBack(msgspec.Struct, frozen=True):
    """Money that went back, or is on its way."""

    id: RefundId
    payment_id: PaymentId
    state: str
    amount: Money
    reason: str
    created_at: datetime
    ended_at: datetime | None


class CheckoutShape(msgspec.Struct, frozen=True):
    """The answer of a checkout."""

    order: OrderShape
    payment: PaymentShape | None


class ReturnLineShape(msgspec.Struct, frozen=True):
    """One line of a return. ``received_quantity`` is null until the parcel was opened."""

    id: ReturnLineId
    line_id: OrderLineId
    quantity: int
    reason: str
    note: str | None
    received_quantity: int | None
    sellable_quantity: int
    damaged_quantity: int


class ReturnShape(msgspec.Struct, frozen=True):
    """One return."""

    id: ReturnId
    order_id: OrderId
    state: str
    note: str | None
    answer: str | None
    lines: tuple[ReturnLineShape, ...]
    created_at: datetime
    updated_at: datetime


_encode: Final = msgspec.json.Encoder().encode


def line_shape(line: OrderLine, currency: str, waits: Backorder | None = None) -> LineShape:
    """One order line for the wire, and what of it is not there yet."""
    return LineShape(
        line.id,
        line.variant_id,
        line.product_id,
        line.vendor_id,
        line.sku,
        line.name,
        line.options,
        line.image,
        line.quantity,
        Money(line.unit_price_minor, currency),
        Money(line.total_minor, currency),
        Money(line.net_minor, currency),
        Money(line.tax_minor, currency),
        Money(line.gross_minor, currency),
        Money(line.discount_minor, currency),
        line.tax_rate,
        line.canceled_quantity,
        line.refunded_quantity,
        0 if waits is None else waits.waiting_quantity,
        None if waits is None else waits.promised_on,
        line.change_id,
    )


def adjustment_shapes(
    adjustments: tuple[Adjustment, ...], currency: str
) -> tuple[AdjustmentShape, ...]:
    """What promotions took off, for the wire."""
    if not adjustments:
        return ()
    return tuple(
        AdjustmentShape(row.name, row.coupon_code, row.line, Money(row.amount_minor, currency))
        for row in adjustments
    )


def payment_shape(payment: Payment) -> PaymentShape:
    """One payment for the wire."""
    currency = payment.currency
    return PaymentShape(
        payment.id,
        payment.order_id,
        payment.provider,
        payment.state.value,
        Money(payment.requested_minor, currency),
        Money(payment.captured_minor, currency),
        Money(payment.refunded_minor, currency),
        payment.next_action,
        payment.failure_code,
        payment.failure_message,
        payment.review_reason is not None,
        payment.terms.value,
    )


def fulfillment_shape(row: Fulfillment) -> FulfillmentShape:
    """One parcel for the wire."""
    carrier = CARRIERS.get(row.carrier or "")
    units: dict[OrderLineId, int] = {}
    for line in row.lines:
        units[line.order_line_id] = units.get(line.order_line_id, 0) + line.quantity
    return FulfillmentShape(
        row.id,
        row.order_id,
        row.state.value,
        row.location_id,
        row.vendor_id,
        row.carrier,
        carrier.name if carrier else None,
        row.tracking_number,
        tracking_url(row.carrier, row.tracking_number),
        row.change_reason,
        tuple(ParcelLineShape(line_id, quantity) for line_id, quantity in units.items()),
        row.created_at,
        row.packed_at,
        row.shipped_at,
        row.delivered_at,
    )


def money_back(row: Refund) -> MoneyBack:
    """One refund for the wire."""
    return MoneyBack(
        row.id,
        row.payment_id,
        row.state.value,
        Money(row.amount_minor, row.currency),
        row.reason,
        row.created_at,
        row.ended_at,
    )


def _card_parts(placed: PlacedOrder) -> tuple[CardPartShape, ...]:
    if not placed.cards:
        return ()
    cards = {card.id: card for card in placed.cards}
    return tuple(
        CardPartShape(
            row.id,
            cards[row.gift_card_id].last_four,
            row.state.value,
            Money(row.requested_minor, row.currency),
            Money(row.refunded_minor, row.currency),
            Money(cards[row.gift_card_id].balance_minor, row.currency),
        )
        for row in placed.payments
        if row.gift_card_id is not None and row.state is not PaymentState.VOIDED
    )


def order_shape(placed: PlacedOrder, *, token: str) -> OrderShape:
    """One order for the wire."""
    order: Order = placed.order
    currency = order.currency
    return OrderShape(
        id=order.id,
        number=order.number,
        access_token=token,
        status=order.status.value,
        payment_status=order.payment_status.value,
        fulfillment_status=order.fulfillment_status.value,
        email=order.email,
        currency=currency,
        subtotal=Money(order.subtotal_minor, currency),
        discount=Money(order.discount_minor, currency),
        shipping=Money(order.shipping_minor, currency),
        tax=Money(order.tax_minor, currency),
        total=Money(order.total_minor, currency),
        canceled=Money(order.canceled_minor, currency),
        added=Money(order.added_minor, currency),
        is_tax_included=order.is_tax_included,
        paid=Money(order.paid_minor, currency),
        refunded=Money(order.refunded_minor, currency),
        shipping_method=order.shipping_method,
        shipping_address=order.shipping_address,
        billing_address=order.billing_address,
        lines=tuple(
            line_shape(line, currency, placed.backorders.get(line.id)) for line in placed.lines
        ),
        reserved_until=placed.reserved_until,
        placed_at=order.placed_at,
        canceled_at=order.canceled_at,
        cancel_reason=order.cancel_reason.value if order.cancel_reason else None,
        coupon=order.coupon_code,
        adjustments=adjustment_shapes(order.adjustments, currency),
        gift_cards=_card_parts(placed),
        to_pay=Money(placed.to_pay_minor, currency),
    )


def return_shape(row: Return, lines: tuple[ReturnLine, ...]) -> ReturnShape:
    """One return for the wire."""
    return ReturnShape(
        row.id,
        row.order_id,
        row.state.value,
        row.note,
        row.answer,
        tuple(
            ReturnLineShape(
                line.id,
                line.order_line_id,
                line.quantity,
                line.reason.value,
                line.note,
                line.received_quantity,
                line.sellable_quantity,
                line.damaged_quantity,
            )
            for line in lines
        ),
        row.created_at,
        row.updated_at,
    )


def checkout_shape(placed: PlacedOrder, access: OrderAccess) -> CheckoutShape:
    """An order and its payment for the wire."""
    return CheckoutShape(
        order_shape(placed, token=access.token(placed.order.id)),
        payment_shape(placed.payment) if placed.payment else None,
    )


def renderer(access: OrderAccess) -> Render:
    """How the checkout lane turns an order into the body that is stored and sent."""

    def render(placed: PlacedOrder) -> bytes:
        return _encode(checkout_shape(placed, access))

    return render
