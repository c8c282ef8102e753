"""One order in memory, as the settlement lane has it in hand: for rules that need no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from surehold.checkout.batch import CouponUses, Stock, Writes
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.db.shop import ShopSettings
from surehold.identity.tokens import OrderAccess, Seals
from surehold.inventory.model import Reservation, ReservationState, StockLevel
from surehold.kernel.ids import (
    CartId,
    LocationId,
    OrderId,
    OrderLineId,
    PaymentId,
    ProductId,
    ReservationId,
    VariantId,
    VendorId,
    new_id,
)
from surehold.kernel.money import Money
from surehold.orders.model import (
    Address,
    FulfillmentStatus,
    Order,
    OrderLine,
    OrderStatus,
    PaymentStatus,
)
from surehold.payments.model import Payment, PaymentState, Redirect
from surehold.payments.providers.port import Provider, ProviderSnapshot
from surehold.payments.providers.registry import Providers

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
#: 2 units at 10.00 and shipping of 4.90, with a tax of 20 % within.
TOTAL: Final = 2490


def a_case(*, on_hand: int = 10, coupon_uses: CouponUses | None = None, **facts: Any) -> Case:
    """An order of 2 units, held for a quarter of an hour, whose card payment waits for its buyer.

    ``facts`` are facts of the order.
    """
    order_id, line_id = OrderId(new_id()), OrderLineId(new_id())
    variant_id, location_id = VariantId(new_id()), LocationId(new_id())
    order = Order(
        id=order_id,
        number="SH-TEST",
        cart_id=CartId(new_id()),
        email="mara@example.com",
        currency="EUR",
        subtotal_minor=2000,
        discount_minor=0,
        shipping_minor=490,
        shipping_tax_minor=82,
        tax_minor=415,
        total_minor=TOTAL,
        is_tax_included=True,
        paid_minor=0,
        refunded_minor=0,
        shipping_method="standard",
        shipping_address=Address("M", "1", "G", "IE"),
        billing_address=None,
        provider="pretend",
        status=OrderStatus.PENDING_PAYMENT,
        payment_status=PaymentStatus.PENDING,
        fulfillment_status=FulfillmentStatus.UNFULFILLED,
        placed_at=NOW,
        canceled_at=None,
        cancel_reason=None,
        archived_at=None,
        extensions_used=0,
        version=1,
        changed_by="buyer",
        change_reason="placed",
        updated_at=NOW,
    )
    line = OrderLine(
        id=line_id,
        order_id=order_id,
        position=1,
        product_id=ProductId(new_id()),
        variant_id=variant_id,
        vendor_id=VendorId(new_id()),
        sku="A",
        name="A",
        options=[],
        image=None,
        quantity=2,
        unit_price_minor=1000,
        discount_minor=0,
        total_minor=2000,
        tax_rate="0.2",
        net_minor=1667,
        tax_minor=333,
        gross_minor=2000,
    )
    hold = Reservation(
        id=ReservationId(new_id()),
        holder_id=order_id,
        order_line_id=line_id,
        variant_id=variant_id,
        location_id=location_id,
        quantity=2,
        state=ReservationState.ACTIVE,
        expires_at=NOW + timedelta(minutes=15),
        is_grace_used=False,
        created_at=NOW,
        ended_at=None,
        end_reason=None,
    )
    level = StockLevel(variant_id, location_id, on_hand, 0, 2, 0)
    return Case(
        msgspec.structs.replace(order, **facts),
        lines=(line,),
        payments=(a_payment(order_id),),
        reservations=(hold,),
        allocations=(),
        refunds=(),
        fulfillments=(),
        refund_lines={},
        stock=Stock({variant_id: (level,)}),
        writes=Writes(),
        settings=ShopSettings(),
        now=NOW,
        coupon_uses=coupon_uses,
    )


def a_context(*providers: Provider) -> Context:
    """What settlements decide with; no database, for none of them asks it."""
    return Context(
        db=None,  # type: ignore[arg-type]  # rules ask no database
        providers=Providers(providers),
        access=OrderAccess(("a secret",)),
        base_url="https://shop.example",
        render=lambda _: b"",
        seals=Seals(("a secret",)),
    )


def a_payment(order_id: OrderId, **facts: Any) -> Payment:
    """A card payment of the whole order that waits for its buyer."""
    payment = Payment(
        id=PaymentId(new_id()),
        order_id=order_id,
        provider="pretend",
        account="test",
        provider_payment_id="pp",
        state=PaymentState.REQUIRES_ACTION,
        currency="EUR",
        requested_minor=TOTAL,
        authorized_minor=0,
        captured_minor=0,
        refunded_minor=0,
        disputed_minor=0,
        next_action=Redirect("https://pay.example/pp"),
        failure_code=None,
        failure_message=None,
        review_reason=None,
        check_count=0,
        next_check_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    return msgspec.structs.replace(payment, **facts)


def evidence(payment: Payment, state: PaymentState, **facts: Any) -> ProviderSnapshot:
    """What the provider says of a payment; captured is all of it or nothing."""
    nothing, all_of_it = Money(0, "EUR"), Money(payment.requested_minor, "EUR")
    told: dict[str, Any] = {
        "provider_payment_id": "pp",
        "merchant_reference": payment.merchant_reference,
        "state": state,
        "requested": all_of_it,
        "authorized": all_of_it if state is PaymentState.AUTHORIZED else nothing,
        "captured": all_of_it if state is PaymentState.CAPTURED else nothing,
        "refunded": nothing,
        "disputed": nothing,
        "is_live": False,
    }
    return ProviderSnapshot(**{**told, **facts})
