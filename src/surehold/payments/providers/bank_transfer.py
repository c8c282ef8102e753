"""Bank transfer: the buyer sends the money, staff confirm that it came."""

from __future__ import annotations

from typing import Final

from stdnum.iso7064 import mod_37_36

from surehold.config import Config
from surehold.db.shop import BankAccount, ShopSettings
from surehold.kernel.money import Money, exponent
from surehold.payments.model import Instructions, PaymentState
from surehold.payments.providers.account import ProviderKind
from surehold.payments.providers.port import (
    Capabilities,
    CreateResult,
    HoldKind,
)

_CAPABILITIES: Final = Capabilities(
    title="Bank transfer",
    explanation="You send the amount from your bank; we hold your items until it arrives.",
    hold_kind=HoldKind.TRANSFER,
    is_local=True,
)
_PREFIX: Final = "SH-"
#: The letters of order numbers; a check letter is one of them, too.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 9
#: What people write instead of a digit, and what they put between.
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})
#: The code that SEPA's banking programs scan, and the most that may be written in it.
_EPC: Final = ("BCD", "002", "1", "SCT")
_EPC_MOST: Final = 99_999_999_999


class BankTransfer:
    """A local provider: nothing leaves the building."""

    name = "bank_transfer"
    account = "main"
    capabilities = _CAPABILITIES

    def begin(
        self, *, merchant_reference: str, order_number: str, due: Money, settings: ShopSettings
    ) -> CreateResult:
        """Where to send the money, and the reference that lets staff find it."""
        account = settings.find_account(due.currency)
        reference = reference_of(order_number)
        return CreateResult(
            provider_payment_id=merchant_reference,
            state=PaymentState.REQUIRES_ACTION,
            next_action=Instructions(
                lines=account.lines,
                reference=reference,
                qr_text=_epc_text(account, due, reference),
            ),
        )


def reference_of(order_number: str) -> str:
    """What the buyer types into the transfer: the order's number, and a letter that checks it.

    >>> reference_of("SH-7K4M92QX")
    '7K4M92QX1'

    Source: ISO/IEC 7064, hybrid systems, over the 32 letters of order numbers.
    """
    letters = order_number.removeprefix(_PREFIX)
    return letters + str(mod_37_36.calc_check_digit(letters, _ALPHABET))


def find_order_number(reference: str) -> str | None:
    """The order that a reference is of, however it was typed; ``None`` for one that is not ours.

    >>> find_order_number("7k4m 92qx 1"), find_order_number("7K4M92QX7")
    ('SH-7K4M92QX', None)
    """
    text = reference.upper().removeprefix(_PREFIX).translate(_MISREAD)
    if len(text) != _LENGTH or not set(text) <= set(_ALPHABET):
        return None
    order_number = _PREFIX + text[:-1]
    return order_number if reference_of(order_number).endswith(text) else None


def _epc_text(account: BankAccount, due: Money, reference: str) -> str | None:
    """What a banking program fills the transfer in from; ``None`` outside SEPA.

    Source: EPC069-12, version 002: BIC, name, IBAN, amount, purpose, structured and free text.
    """
    if due.currency != "EUR" or account.iban is None or due.amount > _EPC_MOST:
        return None
    whole, cents = divmod(due.amount, 10 ** exponent("EUR"))
    iban = account.iban.replace(" ", "")
    amount = f"EUR{whole}.{cents:02}"
    return "\n".join(
        (*_EPC, account.bic or "", account.holder[:70], iban, amount, "", "", reference)
    )


def _open(config: Config) -> BankTransfer | None:
    return BankTransfer() if config.bank_transfer else None


KIND: Final = ProviderKind("bank_transfer", _open)
