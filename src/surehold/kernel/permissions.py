"""Every permission there is, and the question for it at the door of a command.

Routes say what they ask of their caller, and one guard asks it. A command does not rely on that:
it names its permission itself, before it does anything, so that a route that says the wrong one
moves nothing. Who is asked is whoever sent the request that this task works on. The store's own
work, which is the worker's, the lanes' and the command line's, was sent by nobody, and is not
asked.

This lies below every room, because commands of every room ask. What a permission means, and who
has which, is identity's.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec


class Permission(enum.Enum):
    """What somebody may do. The value is public and stable; ``read`` never changes anything."""

    CATALOG_WRITE = "catalog.write"
    REVIEWS_WRITE = "reviews.write"
    PRICING_READ = "pricing.read"
    PRICING_WRITE = "pricing.write"
    INVENTORY_READ = "inventory.read"
    INVENTORY_WRITE = "inventory.write"
    ORDERS_READ = "orders.read"
    ORDERS_WRITE = "orders.write"
    DRAFTS_WRITE = "drafts.write"
    FULFILLMENTS_WRITE = "fulfillments.write"
    RETURNS_WRITE = "returns.write"
    PAYMENTS_CONFIRM = "payments.confirm"
    REFUNDS_WRITE = "refunds.write"
    DISPUTES_READ = "disputes.read"
    DISPUTES_WRITE = "disputes.write"
    RECONCILIATION_READ = "reconciliation.read"
    RECONCILIATION_WRITE = "reconciliation.write"
    COMMISSION_WRITE = "commission.write"
    VENDOR_PAYOUTS_READ = "vendor_payouts.read"
    VENDOR_PAYOUTS_WRITE = "vendor_payouts.write"
    VENDOR_PAYOUTS_APPROVE = "vendor_payouts.approve"
    VENDOR_PAYOUTS_PAY = "vendor_payouts.pay"
    GIFT_CARDS_READ = "gift_cards.read"
    GIFT_CARDS_WRITE = "gift_cards.write"
    DOCUMENTS_READ = "documents.read"
    DOCUMENTS_WRITE = "documents.write"
    PRIVACY_WRITE = "privacy.write"
    SETTINGS_WRITE = "settings.write"
    STAFF_READ = "staff.read"
    STAFF_WRITE = "staff.write"
    AUDIT_READ = "audit.read"


#: Returns, or raises the refusal of whoever may not.
Check = Callable[[Permission], None]


class _Sender(msgspec.Struct, frozen=True):
    """Whoever sent a request, as commands know them."""

    check: Check
    is_staff: bool


_sender: ContextVar[_Sender | None] = ContextVar("surehold_sender", default=None)


@contextmanager
def sent_by_anybody(refuse: Check) -> Iterator[None]:
    """Begin a request of which nothing is proven yet: what is staff's alone is refused to it."""
    token = _sender.set(_Sender(refuse, is_staff=False))
    try:
        yield
    finally:
        _sender.reset(token)


def sent_by_staff(check: Check) -> None:
    """Have what this task does from now on checked against somebody who works here."""
    _sender.set(_Sender(check, is_staff=True))


def require(permission: Permission) -> None:
    """Let only staff with the permission pass; for commands that are staff's alone.

    Raises:
        TotpRequired, NotPermitted: Somebody of the staff asks, and may not.
        Unauthenticated: A request asks, and nobody of the staff sent it.
    """
    sender = _sender.get()
    if sender is not None:
        sender.check(permission)


def require_of_staff(permission: Permission) -> None:
    """Let everybody pass but staff without the permission; for what buyers do themselves, too.

    What a buyer may is theirs by the token or the account that their route has seen.

    Raises:
        TotpRequired, NotPermitted: Somebody of the staff asks, and may not.
    """
    sender = _sender.get()
    if sender is not None and sender.is_staff:
        sender.check(permission)
