"""What the commands of this room work with, built once per process by the program's assembly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from surehold.checkout import rules
from surehold.checkout.lane import Lane
from surehold.checkout.model import Placed, PlacedOrder, Placement
from surehold.db import Database
from surehold.db.shop import ShopSettings
from surehold.identity.tokens import OrderAccess, Seals
from surehold.kernel.ids import OperationId, PaymentId, merchant_reference, new_id
from surehold.kernel.money import Money
from surehold.orders.model import Order
from surehold.payments.commands import LEASE, create_key
from surehold.payments.errors import ProviderUnknown
from surehold.payments.model import (
    NextAction,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
    PaymentTerms,
    Wait,
)
from surehold.payments.providers.port import (
    CreateRequest,
    Customer,
    Provider,
)
from surehold.payments.providers.registry import Providers
from surehold.pricing.queries import Books

if TYPE_CHECKING:
    from surehold.checkout.case import Case
    from surehold.checkout.settlements.model import Outcome, Settlement

#: What a buyer is told to do while a provider has not answered.
WAIT: Final = Wait(poll_after_seconds=2)

#: Turns an order into the body of the answer; the wire format belongs to ``web``.
Render = Callable[[PlacedOrder], bytes]


class Checkout:
    """Everything a checkout command needs: the parts and the two lanes of this process."""

    def __init__(
        self,
        context: Context,
        *,
        placing: Lane[Placement, Placed],
        settling: Lane[Settlement, Outcome],
    ) -> None:
        self.context = context
        self.placing = placing
        self.settling = settling

    @property
    def db(self) -> Database:
        """The store's database."""
        return self.context.db

    async def open(self) -> None:
        """Begin to work."""
        await self.placing.open()
        await self.settling.open()

    async def close(self) -> None:
        """Drain both lanes: placements first, for their payments settle in the other."""
        await self.placing.close()
        await self.settling.close()


class Context(msgspec.Struct, frozen=True):
    """The parts that every checkout command needs."""

    db: Database
    providers: Providers
    access: OrderAccess
    #: The public address of the store, without a slash at its end.
    base_url: str
    render: Render
    #: What hides the codes of gift cards until their owners' letters are written.
    seals: Seals
    books: Books = msgspec.field(default_factory=Books)

    def pay_url(self, order: Order, path: str = "") -> str:
        """Where a buyer pays, and comes back to from a provider; below it, what ``path`` names."""
        token = self.access.token(order.id)
        return f"{self.base_url}/orders/{order.number}/pay{path}?token={token}"

    def hold_time(self, case: Case, provider: str) -> timedelta:
        """How long an order holds its stock for a way of paying.

        Raises:
            ProviderUnknown: This store does not have the provider.
        """
        kind = self.providers.get(provider).capabilities.hold_kind
        return rules.hold_time(kind, case.settings)

    def can_collect(self, provider: str, order: Order, amount_minor: int) -> bool:
        """Whether a provider can collect exactly so much of an order.

        Raises:
            ProviderUnknown: This store does not have it.
        """
        due = Money(amount_minor, order.currency)
        return self.providers.get(provider).capabilities.takes(due)

    def check_collectable(self, provider: str, order: Order, amount_minor: int) -> None:
        """Refuse a way of paying that cannot collect so much of an order now.

        Raises:
            ProviderUnknown: This store does not have it, or it collects at the door alone.
            CurrencyNotSupported, AmountNotSupported: It cannot collect this.
        """
        found = self.providers.get_for(provider, due=Money(amount_minor, order.currency))
        if found.capabilities.is_paid_on_delivery:
            raise ProviderUnknown("A difference is paid before it is sent.")

    def check_offered(
        self, provider: str, to: Order | Placement, *, due: Money, settings: ShopSettings
    ) -> None:
        """Refuse a way of paying that the store does not offer for this order.

        Raises:
            ProviderUnknown: This store does not have the provider.
            CashOnDeliveryNotOffered: Not to this country, or not for so much.
        """
        if self.providers.get(provider).capabilities.is_paid_on_delivery:
            rules.check_on_delivery(due, to.shipping_address.country, settings)

    def begin_payment(
        self,
        order: Order,
        *,
        amount_minor: int,
        provider_name: str,
        settings: ShopSettings,
        expires_at: datetime,
        now: datetime,
        is_at_once: bool = False,
        phone: str | None = None,
    ) -> tuple[Payment, Operation | None]:
        """One new payment of so much, and the question to ask when the provider is remote.

        ``is_at_once``: the money is taken now, whatever the store does with whole orders.
        ``phone``: where it is confirmed, if not with the number that goods are sent to. Pure. A
        local provider has answered by the time this returns.

        Raises:
            ProviderUnknown: This store does not have the provider.
            CurrencyNotSupported, AmountNotSupported: It cannot collect what is due.
        """
        due = Money(amount_minor, order.currency)
        provider = self.providers.get_for(provider_name, due=due)
        payment_id = PaymentId(new_id())
        state: PaymentState = PaymentState.PENDING
        provider_payment_id: str | None = None
        next_action: NextAction = WAIT
        terms = PaymentTerms.NOW if is_at_once else _terms_of(provider, settings)
        next_check_at: datetime | None = None
        local = self.providers.find_local(provider_name)
        if local is not None:
            begun = local.begin(
                merchant_reference=merchant_reference(payment_id),
                order_number=order.number,
                due=due,
                settings=settings,
            )
            state, next_action = begun.state, begun.next_action
            provider_payment_id = begun.provider_payment_id
            if terms is PaymentTerms.ON_DELIVERY:
                next_check_at = now + LEASE  # the worker confirms the order if we die
        payment = Payment(
            id=payment_id,
            order_id=order.id,
            provider=provider.name,
            account=provider.account,
            provider_payment_id=provider_payment_id,
            state=state,
            currency=order.currency,
            requested_minor=amount_minor,
            authorized_minor=0,
            captured_minor=0,
            refunded_minor=0,
            disputed_minor=0,
            next_action=next_action,
            failure_code=None,
            failure_message=None,
            review_reason=None,
            check_count=0,
            next_check_at=next_check_at,
            created_at=now,
            updated_at=now,
            terms=terms,
        )
        if local is not None:
            return payment, None
        request = self._create_request(order, payment, expires_at=expires_at, phone=phone)
        return payment, self._create_operation(payment, request)

    def _create_operation(self, payment: Payment, request: CreateRequest) -> Operation:
        remote = self.providers.find_remote(payment.provider)
        assert remote is not None
        return Operation(
            id=OperationId(new_id()),
            payment_id=payment.id,
            refund_id=None,
            kind=OperationKind.CREATE,
            state=OperationState.PENDING,
            idempotency_key=create_key(payment.id),
            request=remote.prepare_create(request),
            attempts=0,
        )

    def _create_request(
        self, order: Order, payment: Payment, *, expires_at: datetime, phone: str | None
    ) -> CreateRequest:
        address = order.shipping_address
        pay_url = self.pay_url(order)
        return CreateRequest(
            merchant_reference=payment.merchant_reference,
            amount=Money(payment.requested_minor, payment.currency),
            customer=Customer(order.email, address.name, phone or address.phone),
            return_url=pay_url,
            cancel_url=pay_url,
            notify_url=f"{self.base_url}/webhooks/{payment.provider}",
            requested_at=payment.created_at,
            expires_at=expires_at,
            description=order.number,
            post_url=self.pay_url(order, "/return"),
            is_captured_later=payment.terms is PaymentTerms.ON_SHIPMENT,
        )


def _terms_of(provider: Provider, settings: ShopSettings) -> PaymentTerms:
    """When a provider's money is taken, as the store has it now."""
    capabilities = provider.capabilities
    if capabilities.is_paid_on_delivery:
        return PaymentTerms.ON_DELIVERY
    is_later = settings.capture.get(provider.name) == "on_shipment"
    if is_later and capabilities.can_capture_later:
        return PaymentTerms.ON_SHIPMENT
    return PaymentTerms.NOW
