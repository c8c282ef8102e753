"""Cash on delivery: the order is confirmed at once, and whoever brings it collects the money."""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.db.shop import ShopSettings
from surehold.kernel.money import Money
from surehold.payments.model import CASH_ON_DELIVERY, NoAction, PaymentState
from surehold.payments.providers.account import ProviderKind
from surehold.payments.providers.port import (
    Capabilities,
    CreateResult,
    HoldKind,
)

_CAPABILITIES: Final = Capabilities(
    title="Cash on delivery",
    explanation="You pay in cash when your order is brought to you.",
    hold_kind=HoldKind.CARD,
    is_local=True,
    is_paid_on_delivery=True,
)


class CashOnDelivery:
    """A local provider: nothing leaves the building but the goods."""

    name = CASH_ON_DELIVERY
    account = "main"
    capabilities = _CAPABILITIES

    def begin(
        self, *, merchant_reference: str, order_number: str, due: Money, settings: ShopSettings
    ) -> CreateResult:
        """There is nothing to do before the goods are at the door."""
        del order_number, due, settings
        return CreateResult(
            provider_payment_id=merchant_reference,
            state=PaymentState.REQUIRES_ACTION,
            next_action=NoAction(),
        )


def _open(config: Config) -> CashOnDelivery | None:
    return CashOnDelivery() if config.cash_on_delivery else None


KIND: Final = ProviderKind(CASH_ON_DELIVERY, _open)
