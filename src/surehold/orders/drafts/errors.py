"""The failures of drafts.

DomainError
├── DraftOrderNotFound       404
├── DraftOrderPlaced         409
├── DraftOrderCanceled       409
├── DraftOrderChanged        409
└── DraftLinkExpired         409
"""

from __future__ import annotations

from surehold.kernel.errors import DomainError, Kind


class DraftOrderNotFound(DomainError):
    """No such draft, or not by this link: a newer one was sent. Nobody learns which."""

    kind = Kind.NOT_FOUND
    code = "draft_order_not_found"
    title = "No such draft order"


class DraftOrderPlaced(DomainError):
    """It is an order already. Facts: ``order_number``."""

    kind = Kind.CONFLICT
    code = "draft_order_placed"
    title = "This draft is an order already"


class DraftOrderCanceled(DomainError):
    """Staff have taken it back."""

    kind = Kind.CONFLICT
    code = "draft_order_canceled"
    title = "This draft order was canceled"


class DraftOrderChanged(DomainError):
    """Somebody wrote another version since this one was read. Facts: ``version``, the one now."""

    kind = Kind.CONFLICT
    code = "draft_order_changed"
    title = "The draft order has changed"


class DraftLinkExpired(DomainError):
    """The link is over; staff can send another."""

    kind = Kind.CONFLICT
    code = "draft_link_expired"
    title = "The link has expired"
