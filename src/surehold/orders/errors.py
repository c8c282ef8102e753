"""The orders room's failures.

DomainError
├── OrderNotFound            404
└── OrderNotCancelable       409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class OrderNotFound(DomainError):
    """No such order, or not one that the caller may see. Nobody learns which."""

    kind = Kind.NOT_FOUND
    code = "order_not_found"
    title = "No such order"


class OrderNotCancelable(DomainError):
    """The order has gone too far to cancel. Facts: ``order_status``."""

    kind = Kind.CONFLICT
    code = "order_not_cancelable"
    title = "This order cannot be canceled any more"
