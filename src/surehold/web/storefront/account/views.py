"""What the templates of the account are given; the rest of their contract is in ``views``.

| template | view |
|---|---|
| store/account/sign_in.html, register.html, ask.html, reset.html, confirm.html | EntryView |
| store/account/sent.html | EntryView |
| store/account/orders.html | OwnOrdersView |
| store/account/addresses.html | AddressesView |
| store/account/address.html | AddressView |
| store/account/security.html | SecurityView |
| store/account/data.html | DataView |
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from surehold.web.storefront.views import (
    AddressFormat,
    CheckoutForm,
    CountryChoice,
    FieldFault,
    MoneyView,
)


class Faulty(msgspec.Struct, frozen=True, kw_only=True):
    """A form, and what is wrong with what was typed into it."""

    faults: tuple[FieldFault, ...] = ()

    def fault(self, field: str) -> str | None:
        """The sentence about a field, if anything is wrong with it."""
        return next((fault.message for fault in self.faults if fault.field == field), None)


class EntryKind(enum.Enum):
    """What a letter is asked for, or what its link does."""

    REGISTRATION = "registration"
    RESET = "reset"
    LINK = "link"
    EMAIL = "email"


class EntryView(Faulty, frozen=True, kw_only=True):
    """One step of coming in. ``next`` is where it leads; ``token`` is of a letter's link.

    ``needs_code`` asks for the second factor. ``wait_seconds`` is set when too many attempts
    failed; ``is_void`` when the link opens nothing any more.
    """

    kind: EntryKind = EntryKind.REGISTRATION
    email: str = ""
    name: str = ""
    next: str = ""
    token: str = ""
    needs_code: bool = False
    wait_seconds: int | None = None
    is_void: bool = False


class OwnOrderView(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a buyer's orders."""

    number: str
    url: str
    status: str
    placed_at: datetime
    units: int
    total: MoneyView


class OwnOrdersView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a buyer's orders, newest first."""

    name: str
    email: str
    orders: tuple[OwnOrderView, ...]
    next_url: str | None = None
    is_first: bool = True


class AddressCard(msgspec.Struct, frozen=True):
    """A saved address, as it is written where it leads."""

    id: str
    lines: tuple[str, ...]
    is_default: bool = False


class AddressesView(msgspec.Struct, frozen=True):
    """A buyer's addresses, the default first; ``may_add`` until there are as many as may be."""

    addresses: tuple[AddressCard, ...]
    may_add: bool = True


class AddressView(Faulty, frozen=True, kw_only=True):
    """The form of one address; ``id`` is empty for one that is not kept yet."""

    form: CheckoutForm
    address: AddressFormat
    countries: tuple[CountryChoice, ...]
    action_url: str
    id: str = ""
    is_default: bool = False


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody is signed in."""

    id: str
    device: str
    address: str
    last_used_at: datetime
    is_current: bool


class SecurityView(Faulty, frozen=True, kw_only=True):
    """E-mail, password and sessions. ``wait_seconds``: too many wrong passwords were typed."""

    email: str
    has_password: bool
    sessions: tuple[SessionView, ...]
    new_email: str = ""
    wait_seconds: int | None = None


class CopyView(msgspec.Struct, frozen=True):
    """A copy of what is kept that this browser asked for; it waits for so long."""

    is_ready: bool
    expires_at: datetime


class OpenView(msgspec.Struct, frozen=True):
    """What has to end before an account can; ``url`` shows it, where there is a page of it."""

    words: str
    url: str | None = None


class DataView(Faulty, frozen=True, kw_only=True):
    """What is kept: the copy, if one was asked for, and what an erasure takes and leaves.

    ``still_open`` is why nothing was erased; ``is_staff``: the account is of somebody who works
    here. ``document_years``: how long invoices are kept.
    """

    email: str
    has_password: bool
    document_years: int
    copy: CopyView | None = None
    still_open: tuple[OpenView, ...] = ()
    is_staff: bool = False
    wait_seconds: int | None = None
