"""The checkout room's failures.

DomainError
├── NothingToOrder            422
├── HoldOver                  409
├── ExtensionRefused          409
├── OrderNotPayable           409
├── UnitsNotCancelable        409
├── NothingLeft               409
├── ToPayChanged              409
├── UnitsNotRefundable        409
├── NothingToRefund           409
├── RefundExceedsPaid         409
└── RefundNotRetryable        409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class NothingToOrder(DomainError):
    """The basket is empty."""

    kind = Kind.INVALID
    code = "nothing_to_order"
    title = "The basket is empty"


class HoldOver(DomainError):
    """The items are no longer held: pay again to have them held anew."""

    kind = Kind.CONFLICT
    code = "hold_over"
    title = "The holding time has ended"


class ExtensionRefused(DomainError):
    """The holding time was extended as often as this store allows. Facts: ``extensions_max``."""

    kind = Kind.CONFLICT
    code = "extension_refused"
    title = "The holding time cannot be extended again"


class OrderNotPayable(DomainError):
    """The order is paid, canceled or over. Facts: ``order_status``."""

    kind = Kind.CONFLICT
    code = "order_not_payable"
    title = "This order does not need paying"


class UnitsNotCancelable(DomainError):
    """More units than are neither canceled, paid back nor in a parcel.

    Facts: ``lines``, each with ``line_id``, ``requested`` and ``available``.
    """

    kind = Kind.CONFLICT
    code = "units_not_cancelable"
    title = "Not so many units can be canceled"


class NothingLeft(DomainError):
    """Nothing would be left to pay of the order; cancel the whole of it."""

    kind = Kind.CONFLICT
    code = "nothing_left"
    title = "Nothing would be left of the order"


class ToPayChanged(DomainError):
    """Gift cards leave another amount to pay than the buyer was shown; nothing was placed.

    Facts: ``expected`` and ``to_pay``.
    """

    kind = Kind.CONFLICT
    code = "to_pay_changed"
    title = "Another amount is left to pay"


class UnitsNotRefundable(DomainError):
    """More units than are neither canceled nor paid back.

    Facts: ``lines``, each with ``line_id``, ``requested`` and ``available``.
    """

    kind = Kind.CONFLICT
    code = "units_not_refundable"
    title = "Not so many units can be refunded"


class NothingToRefund(DomainError):
    """The order is not paid, is canceled, or all that was asked for has gone back already."""

    kind = Kind.CONFLICT
    code = "nothing_to_refund"
    title = "There is nothing to refund"


class RefundExceedsPaid(DomainError):
    """More than is left of what was paid, refunds under way counted. Facts: ``refundable``."""

    kind = Kind.CONFLICT
    code = "refund_exceeds_paid"
    title = "So much cannot be refunded"


class RefundNotRetryable(DomainError):
    """Only a refund that failed is tried again. Facts: ``refund_state``."""

    kind = Kind.CONFLICT
    code = "refund_not_retryable"
    title = "This refund cannot be tried again"
