"""The payments room's failures.

DomainError
├── PaymentNotFound          404
├── RefundNotFound           404
├── RefundNotConfirmable     409
├── ProviderUnknown          422
├── CurrencyNotSupported     422
├── AmountNotSupported       422
├── CashOnDeliveryNotOffered 422
├── PaymentInProgress        409
├── PaymentNotCapturable     409
├── PaymentNotCollectable    409
├── ReviewNotPossible        409
├── WebhookProofInvalid      422, answered 400 on the webhook route
└── PaymentNotConfirmable    409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class PaymentNotFound(DomainError):
    """No such payment, or not one that the caller may see."""

    kind = Kind.NOT_FOUND
    code = "payment_not_found"
    title = "No such payment"


class RefundNotFound(DomainError):
    """No such refund of this order."""

    kind = Kind.NOT_FOUND
    code = "refund_not_found"
    title = "No such refund"


class RefundNotConfirmable(DomainError):
    """Only money that people pay out (a transfer, cash) is confirmed by hand, and once."""

    kind = Kind.CONFLICT
    code = "refund_not_confirmable"
    title = "This refund cannot be confirmed by hand"


class ProviderUnknown(DomainError):
    """This store does not take payments this way. Facts: ``provider``, ``available``."""

    kind = Kind.INVALID
    code = "provider_unknown"
    title = "No such payment method"


class CurrencyNotSupported(DomainError):
    """This provider does not take this currency. Facts: ``provider``, ``currency``."""

    kind = Kind.INVALID
    code = "currency_not_supported"
    title = "This payment method does not take this currency"


class AmountNotSupported(DomainError):
    """The provider cannot take exactly this amount. Facts: ``provider``, ``amount``."""

    kind = Kind.INVALID
    code = "amount_not_supported"
    title = "This payment method does not take this amount"


class CashOnDeliveryNotOffered(DomainError):
    """Not sent unpaid to this country, or not for so much.

    Facts: ``countries`` and ``limit``, which is ``None`` in a currency that is not collected.
    """

    kind = Kind.INVALID
    code = "cash_on_delivery_not_offered"
    title = "This order cannot be paid on delivery"


class PaymentInProgress(DomainError):
    """An earlier payment of this order is not decided yet; paying again could charge twice."""

    kind = Kind.CONFLICT
    code = "payment_in_progress"
    title = "A payment is under way"


class WebhookProofInvalid(DomainError):
    """The message carries no valid proof of its sender; nothing of it was kept."""

    kind = Kind.INVALID
    code = "webhook_proof_invalid"
    title = "The webhook's signature does not hold"


class PaymentNotCapturable(DomainError):
    """No bank holds money for this payment that may be taken. Facts: ``payment_state``."""

    kind = Kind.CONFLICT
    code = "payment_not_capturable"
    title = "There is nothing to capture"


class PaymentNotCollectable(DomainError):
    """Nothing is to be collected at the door for this payment. Facts: ``payment_state``."""

    kind = Kind.CONFLICT
    code = "payment_not_collectable"
    title = "There is nothing to collect"


class PaymentNotConfirmable(DomainError):
    """Only money that people watch for (a transfer, cash) is confirmed by hand."""

    kind = Kind.CONFLICT
    code = "payment_not_confirmable"
    title = "This payment cannot be confirmed by hand"


class ReviewNotPossible(DomainError):
    """Nobody is asked about this payment, or this decision does not settle why it is held.

    Facts: ``reason`` (``None``: it is not held) and ``allowed``.
    """

    kind = Kind.CONFLICT
    code = "review_not_possible"
    title = "This cannot be decided about the payment"
