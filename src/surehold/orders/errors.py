"""The orders room's failures.

DomainError
├── OrderNotFound            404
├── OrderNotCancelable       409
├── OrderNotFulfillable      409
├── OrderDisputed            409
├── OrderHeld                409
├── UnitsNotOpen             409
├── UnitsNotOnHand           409
├── FulfillmentNotFound      404
├── FulfillmentNotMovable    409
├── StatusOutOfReach         409
├── ReturnNotFound           404
├── ReturnNotPossible        409
├── UnitsNotReturnable       409
├── ReturnWindowOver         409
└── UnitsNotReceived         409
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


class OrderNotFulfillable(DomainError):
    """The order owns nothing to send, or its money is going back. Facts: ``order_status``."""

    kind = Kind.CONFLICT
    code = "order_not_fulfillable"
    title = "Nothing of this order can be sent now"


class OrderDisputed(DomainError):
    """The buyer's bank holds its money back: nothing is sent until that is decided."""

    kind = Kind.CONFLICT
    code = "order_disputed"
    title = "The payment of this order is disputed"


class OrderHeld(DomainError):
    """A person looks into its payment: nothing is sent, changed or given up until then."""

    kind = Kind.CONFLICT
    code = "order_held"
    title = "This order is being checked"


class UnitsNotOpen(DomainError):
    """More was asked for than is left to send. Facts: ``lines``, each with what is open."""

    kind = Kind.CONFLICT
    code = "units_not_open"
    title = "So many units are not left to send"


class UnitsNotOnHand(DomainError):
    """What was sold is not on the shelf yet, so it can be neither packed nor sent.

    Facts: ``variants``, with how many were asked for and how many of these are there.
    """

    kind = Kind.CONFLICT
    code = "units_not_on_hand"
    title = "These units are not on the shelf"


class FulfillmentNotFound(DomainError):
    """No such fulfillment, or not one that the caller may see. Nobody learns which."""

    kind = Kind.NOT_FOUND
    code = "fulfillment_not_found"
    title = "No such fulfillment"


class FulfillmentNotMovable(DomainError):
    """The parcel has come too far for this, or not far enough. Facts: ``fulfillment_state``."""

    kind = Kind.CONFLICT
    code = "fulfillment_not_movable"
    title = "This cannot happen to the parcel now"


class StatusOutOfReach(DomainError):
    """No command brings the order to this status now. Facts: ``order_status``, ``reachable``."""

    kind = Kind.CONFLICT
    code = "status_not_reachable"
    title = "The order cannot come to this status now"


class ReturnNotFound(DomainError):
    """No such return of this order."""

    kind = Kind.NOT_FOUND
    code = "return_not_found"
    title = "No such return"


class ReturnNotPossible(DomainError):
    """The return is not so far, or further. Facts: ``return_state``."""

    kind = Kind.CONFLICT
    code = "return_not_possible"
    title = "This cannot happen to the return now"


class UnitsNotReturnable(DomainError):
    """More units than were sent and are not coming back already.

    Facts: ``lines``, each with ``line_id``, ``requested`` and ``available``.
    """

    kind = Kind.CONFLICT
    code = "units_not_returnable"
    title = "Not so many units can be returned"


class ReturnWindowOver(DomainError):
    """The order was delivered longer ago than this store takes goods back. Facts: ``days``."""

    kind = Kind.CONFLICT
    code = "return_window_over"
    title = "The time to return has ended"


class UnitsNotReceived(DomainError):
    """More units than were asked for, or judged otherwise than were received.

    Facts: ``lines``, each with ``line_id``, ``requested`` and ``available``.
    """

    kind = Kind.CONFLICT
    code = "units_not_received"
    title = "These are not the units of the return"
