"""Bank transfer: the buyer sends the money, staff confirm that it came."""

from __future__ import annotations

from typing import Final

from surehold.config import Config
from surehold.db.shop import ShopSettings
from surehold.payments.model import Instructions, PaymentState
from surehold.payments.providers.account import ProviderKind
from surehold.payments.providers.port import Capabilities, CreateResult, HoldKind

_CAPABILITIES: Final = Capabilities(
    title="Bank transfer",
    explanation="You send the amount from your bank; we hold your items until it arrives.",
    hold_kind=HoldKind.TRANSFER,
    is_local=True,
)


class BankTransfer:
    """A local provider: nothing leaves the building."""

    name = "bank_transfer"
    account = "main"
    capabilities = _CAPABILITIES

    def begin(
        self, *, merchant_reference: str, order_number: str, settings: ShopSettings
    ) -> CreateResult:
        """Where to send the money, and the reference that lets staff find it."""
        return CreateResult(
            provider_payment_id=merchant_reference,
            state=PaymentState.REQUIRES_ACTION,
            next_action=Instructions(
                lines=(
                    ("Account holder", settings.transfer_account_name),
                    ("IBAN", settings.transfer_iban),
                    ("Bank", settings.transfer_bank),
                ),
                reference=order_number,
            ),
        )


def _open(config: Config) -> BankTransfer | None:
    return BankTransfer() if config.bank_transfer else None


KIND: Final = ProviderKind("bank_transfer", _open)
