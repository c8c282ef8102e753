"""The failures of changes.

DomainError
├── OrderChangeNotFound      404
├── OrderNotChangeable       409
├── ChangeAwaitsPayment      409
├── ChangeNotCancelable      409
├── DifferenceChanged        409
└── TaxDiffers               409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class OrderChangeNotFound(DomainError):
    """No such change of this order."""

    kind = Kind.NOT_FOUND
    code = "order_change_not_found"
    title = "No such change of this order"


class OrderNotChangeable(DomainError):
    """Something was sent, or the order is canceled or over. Facts: ``order_status``."""

    kind = Kind.CONFLICT
    code = "order_not_changeable"
    title = "This order cannot be changed any more"


class ChangeAwaitsPayment(DomainError):
    """Another change waits to be paid: cancel it first. Facts: ``change_id``."""

    kind = Kind.CONFLICT
    code = "change_awaits_payment"
    title = "Another change of this order waits for its payment"


class ChangeNotCancelable(DomainError):
    """It does not wait to be paid. Facts: ``change_state``."""

    kind = Kind.CONFLICT
    code = "change_not_cancelable"
    title = "This change cannot be canceled"


class DifferenceChanged(DomainError):
    """The change comes to another amount than was expected.

    Facts: ``expected`` and ``difference``.
    """

    kind = Kind.CONFLICT
    code = "difference_changed"
    title = "The difference has changed"


class TaxDiffers(DomainError):
    """Today's prices are with tax and the order's without, or the other way round.

    An order of a business abroad was priced without tax for its VAT id: name it.
    """

    kind = Kind.CONFLICT
    code = "tax_differs"
    title = "The prices of the order are taxed in another way"
