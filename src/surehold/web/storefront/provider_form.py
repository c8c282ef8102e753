"""The payment service's own form on the payment page, where the shop chose that.

What is typed there goes to the service alone: not one field of it is ours.
"""

from __future__ import annotations

from typing import Any

from surehold.orders.model import Order
from surehold.payments.model import ClientSecret, JsCheckout, Payment
from surehold.web.storefront.order_access import order_url
from surehold.web.storefront.parts import Store
from surehold.web.storefront.views import ProviderForm


def find_form(
    store: Store, order: Order, payment: Payment | None, language: str
) -> ProviderForm | None:
    """The form of a payment that waits for one; ``None`` when its service is met elsewhere."""
    if payment is None:
        return None
    provider = store.checkout.context.providers.find_remote(payment.provider)
    script = None if provider is None else provider.capabilities.page_script
    if provider is None or script is None:
        return None
    pay_url = f"{order_url(order.number)}/pay"
    options: dict[str, Any]
    match payment.next_action:
        case ClientSecret(publishable_key=key, secret=secret):
            options = {"key": key, "secret": secret, "language": language, "then": pay_url}
        case JsCheckout(key=key, provider_order_id=provider_order, prefill=known):
            amounts = provider.capabilities.amounts
            assert amounts is not None
            options = {
                "key": key,
                "order_id": provider_order,
                "amount": amounts.to_units(payment.requested),
                "currency": payment.currency,
                "name": store.config.store_name,
                "description": order.number,
                "prefill": dict(known),
                "then": f"{pay_url}/return",
            }
        case _:
            return None
    return ProviderForm(provider=payment.provider, script=script.address, options=options)
