"""What every permission means, in a sentence; the roles that a new store has; the one check.

``docs/permissions.md`` is made from this file; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from surehold.identity.errors import GrantTooWide, NotPermitted, TotpRequired
from surehold.kernel import permissions
from surehold.kernel.permissions import Permission as Permission  # noqa: PLC0414 - passed on

if TYPE_CHECKING:
    from surehold.identity.model import Principal


P = Permission
SENTENCES: Final = MappingProxyType(
    {
        P.CATALOG_WRITE: "Add, change, import and withdraw products, categories and vendors.",
        P.REVIEWS_WRITE: "Read what buyers say of products, publish and reject it.",
        P.PRICING_READ: "See promotions, coupons, taxes, shipping and special prices.",
        P.PRICING_WRITE: "Change promotions, coupons, taxes, shipping and special prices.",
        P.INVENTORY_READ: "See stock, movements, transfers and counts.",
        P.INVENTORY_WRITE: "Receive, adjust, move and count stock; set back-order terms.",
        P.ORDERS_READ: "See everybody's orders, their buyers and their timelines.",
        P.ORDERS_WRITE: "Cancel orders or parts of them, extend holds, write notes.",
        P.DRAFTS_WRITE: "Write orders for buyers, with prices of their own.",
        P.FULFILLMENTS_WRITE: "Pack, ship and deliver parcels.",
        P.RETURNS_WRITE: "Approve, receive and inspect what comes back.",
        P.PAYMENTS_CONFIRM: "Say that a transfer or cash has arrived.",
        P.REFUNDS_WRITE: "Give money back.",
        P.DISPUTES_READ: "See disputes, and what was said to them.",
        P.DISPUTES_WRITE: "Answer and accept disputes, and write down what a provider told.",
        P.RECONCILIATION_READ: "See providers' reports, and where they and the books differ.",
        P.RECONCILIATION_WRITE: "Take in providers' reports, and settle differences.",
        P.COMMISSION_WRITE: "Set what the shop keeps of vendors' sales.",
        P.VENDOR_PAYOUTS_READ: "See what vendors are owed and were paid.",
        P.VENDOR_PAYOUTS_WRITE: "Propose payouts to vendors, and cancel them.",
        P.VENDOR_PAYOUTS_APPROVE: "Approve payouts to vendors.",
        P.VENDOR_PAYOUTS_PAY: "Say that payouts to vendors were paid.",
        P.GIFT_CARDS_READ: "See gift cards, store credit and their entries.",
        P.GIFT_CARDS_WRITE: "Issue, adjust and disable gift cards and store credit.",
        P.DOCUMENTS_READ: "See invoices, credit notes and packing slips.",
        P.DOCUMENTS_WRITE: "Issue documents by hand.",
        P.PRIVACY_WRITE: "Hand out and erase what is kept about a person.",
        P.SETTINGS_WRITE: "Change the settings of the shop.",
        P.STAFF_READ: "See who works here and with which roles.",
        P.STAFF_WRITE: "Add and disable staff, grant roles and change what they permit.",
        P.AUDIT_READ: "See who of the staff did what, when and from where.",
    }
)
EVERYTHING: Final = frozenset(Permission)
#: What a vendor's staff may have, whatever their roles permit: the rest is the whole shop's.
FOR_VENDORS: Final = frozenset({P.ORDERS_READ, P.FULFILLMENTS_WRITE})

#: Roles of a new store: code, name, what it permits. From then on they are rows.
NEW_STORE_ROLES: Final = (
    (
        "warehouse",
        "Warehouse",
        (
            P.INVENTORY_READ,
            P.INVENTORY_WRITE,
            P.ORDERS_READ,
            P.FULFILLMENTS_WRITE,
            P.DOCUMENTS_READ,
        ),
    ),
    (
        "support",
        "Customer support",
        (
            P.ORDERS_READ,
            P.ORDERS_WRITE,
            P.DRAFTS_WRITE,
            P.RETURNS_WRITE,
            P.INVENTORY_READ,
            P.DOCUMENTS_READ,
        ),
    ),
    (
        "merchandiser",
        "Merchandising",
        (P.CATALOG_WRITE, P.REVIEWS_WRITE, P.PRICING_READ, P.PRICING_WRITE, P.INVENTORY_READ),
    ),
    (
        "accountant",
        "Accounting",
        (
            P.ORDERS_READ,
            P.PAYMENTS_CONFIRM,
            P.REFUNDS_WRITE,
            P.DISPUTES_READ,
            P.DISPUTES_WRITE,
            P.RECONCILIATION_READ,
            P.RECONCILIATION_WRITE,
            P.VENDOR_PAYOUTS_READ,
            P.VENDOR_PAYOUTS_WRITE,
            P.VENDOR_PAYOUTS_PAY,
            P.GIFT_CARDS_READ,
            P.GIFT_CARDS_WRITE,
            P.DOCUMENTS_READ,
            P.DOCUMENTS_WRITE,
        ),
    ),
)


def authorize(principal: Principal, permission: Permission) -> None:
    """Let only who has the permission pass. Commands ask, not only routes.

    Raises:
        TotpRequired: The permission is there, once a second factor is set up or shown.
        NotPermitted: It is not.
    """
    if principal.needs_totp:
        raise TotpRequired("Set up a second factor, and sign in with it.")
    if permission in principal.permissions:
        return
    wanted, grantor = permission.value, Permission.STAFF_WRITE.value
    who = "This key" if principal.key_id is not None else "You"
    raise NotPermitted(
        f"{who} may not: {wanted} is needed. Whoever has {grantor} can grant it by a role"
        + ("; a key also needs it among its scopes." if principal.key_id is not None else "."),
        permission=wanted,
        granted_by=grantor,
    )


def act_as(principal: Principal) -> None:
    """Have the commands of this request ask what the principal may."""
    permissions.sent_by_staff(partial(authorize, principal))


def check_shop_wide(principal: Principal, permission: Permission) -> None:
    """Let no vendor's staff pass: what is asked for is the whole shop's.

    Raises:
        NotPermitted: The caller works for one vendor.
    """
    if principal.vendor_id is not None:
        raise NotPermitted(
            "This is the whole shop's; vendors' staff work on what is their vendor's.",
            permission=permission.value,
            granted_by=None,
        )


def check_grant(principal: Principal, wanted: Iterable[Permission]) -> None:
    """Nobody hands on what they do not have.

    Raises:
        GrantTooWide: Facts: ``missing``, what the grantor lacks.
    """
    missing = sorted(one.value for one in set(wanted) - principal.permissions)
    if missing:
        raise GrantTooWide("You cannot grant what you do not have.", missing=missing)


def known(names: Iterable[str]) -> frozenset[Permission]:
    """The permissions of these names. A name that this program does not know permits nothing."""
    values = {one.value: one for one in Permission}
    return frozenset(values[name] for name in names if name in values)
