"""The checkout room's failures.

DomainError
├── NothingToOrder            422
├── HoldOver                  409
├── ExtensionRefused          409
└── OrderNotPayable           409
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
