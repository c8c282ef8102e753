"""Believable views of the account's pages in every state, for ``/ui`` and the tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec

from surehold.web.storefront.account.views import (
    AddressCard,
    AddressesView,
    AddressView,
    CopyView,
    DataView,
    EntryKind,
    EntryView,
    OpenView,
    OwnOrdersView,
    OwnOrderView,
    SecurityView,
    SessionView,
)
from surehold.web.storefront.samples import ADDRESS, NOW, Sample, eur, shell
from surehold.web.storefront.views import (
    AddressFormat,
    CheckoutForm,
    CountryChoice,
    FieldFault,
    Shell,
)

_EMAIL: Final = "mara@example.com"
_TOKEN: Final = "I4KLi5W4S19KlXCapJ0oql3N9v0wRh3v9J0m8df6nto"  # noqa: S105 - opens nothing
_COUNTRIES: Final = (CountryChoice("DE", "Germany"), CountryChoice("IE", "Ireland"))


def account_samples() -> tuple[Sample, ...]:
    """Every page of the account in every state."""
    return (*_entry_samples(), *_own_samples())


def _frame() -> Shell:
    return msgspec.structs.replace(shell(path="/account"), is_signed_in=True)


def _entry_samples() -> Iterator[Sample]:
    frame = shell(path="/account/sign-in")
    wrong = FieldFault(
        "password", "Password", "The email and the password do not belong together."
    )
    code = FieldFault("code", "Code", "Enter the code of your authenticator, or a recovery code.")
    short = FieldFault("password", "Password", "At least 10 characters.")
    link, reset = EntryKind.LINK, EntryKind.RESET
    for name, page, view in (
        ("sign-in", "sign_in", EntryView(next="/account")),
        ("sign-in-wrong", "sign_in", EntryView(email=_EMAIL, faults=(wrong,))),
        ("sign-in-code", "sign_in", EntryView(email=_EMAIL, needs_code=True, faults=(code,))),
        ("sign-in-wait", "sign_in", EntryView(email=_EMAIL, wait_seconds=320)),
        ("sign-in-by-email", "ask", EntryView(kind=link)),
        ("sign-in-by-link", "confirm", EntryView(kind=link, token=_TOKEN, next="/account")),
        ("register", "register", EntryView()),
        ("register-faults", "register", EntryView(email=_EMAIL, name="Mara", faults=(short,))),
        ("register-sent", "sent", EntryView(email=_EMAIL)),
        ("register-confirm", "confirm", EntryView(token=_TOKEN)),
        ("reset-ask", "ask", EntryView(kind=reset, email=_EMAIL)),
        ("reset-sent", "sent", EntryView(kind=reset, email=_EMAIL)),
        ("reset-set", "reset", EntryView(kind=reset, token=_TOKEN)),
        ("reset-void", "confirm", EntryView(kind=reset, is_void=True)),
        ("email-confirm", "confirm", EntryView(kind=EntryKind.EMAIL, token=_TOKEN)),
    ):
        yield Sample(f"account-{name}", f"store/account/{page}.html", view, frame)


def _own_samples() -> Iterator[Sample]:
    frame = _frame()
    states = ("pending_payment", "in_transit", "delivered", "partially_refunded", "canceled")
    rows = tuple(
        OwnOrderView(
            number=f"SH-1048{index}",
            url=f"/orders/SH-1048{index}",
            status=status,
            placed_at=NOW - timedelta(days=9 * index),
            units=1 + index,
            total=eur(11840 - 1000 * index),
        )
        for index, status in enumerate(states)
    )
    orders = OwnOrdersView(
        name="Mara Quinn", email=_EMAIL, orders=rows, next_url="/account?cursor=abc"
    )
    empty = msgspec.structs.replace(orders, orders=(), next_url=None)
    yield Sample("account-orders", "store/account/orders.html", orders, frame)
    yield Sample("account-orders-empty", "store/account/orders.html", empty, frame)
    work = (
        "Mara Quinn",
        "Northline Ltd",
        "Unit 7, Docklands Park",
        "Dublin",
        "Ireland",
    )
    cards = AddressesView((AddressCard("a1", ADDRESS, is_default=True), AddressCard("a2", work)))
    yield Sample("account-addresses", "store/account/addresses.html", cards, frame)
    none = AddressesView(())
    yield Sample("account-addresses-empty", "store/account/addresses.html", none, frame)
    address = AddressView(
        form=CheckoutForm(name="Mara Quinn", country="IE"),
        address=AddressFormat(postal_label="Eircode"),
        countries=_COUNTRIES,
        action_url="/account/addresses",
        faults=(FieldFault("line1", "Address", "Enter the street and house number."),),
    )
    yield Sample("account-address", "store/account/address.html", address, frame)
    security = SecurityView(
        email=_EMAIL,
        has_password=True,
        sessions=(
            SessionView(
                id="s1",
                device="Firefox on Linux",
                address="192.0.2.7",
                last_used_at=NOW,
                is_current=True,
            ),
            SessionView(
                id="s2",
                device="Safari on iPhone",
                address="198.51.100.20",
                last_used_at=NOW - timedelta(days=2),
                is_current=False,
            ),
        ),
    )
    yield Sample("account-security", "store/account/security.html", security, frame)
    bare = msgspec.structs.replace(security, has_password=False)
    yield Sample("account-security-no-password", "store/account/security.html", bare, frame)
    yield from _data_samples(frame)


def _data_samples(frame: Shell) -> Iterator[Sample]:
    """What is kept: to be asked for, on its way, there; and what stands in the way of its end."""
    data = DataView(email=_EMAIL, has_password=True, document_years=10)
    yield Sample("account-data", "store/account/data.html", data, frame)
    until = NOW + timedelta(hours=72)
    waiting = msgspec.structs.replace(data, copy=CopyView(is_ready=False, expires_at=until))
    yield Sample("account-data-waiting", "store/account/data.html", waiting, frame)
    ready = msgspec.structs.replace(data, copy=CopyView(is_ready=True, expires_at=until))
    yield Sample("account-data-ready", "store/account/data.html", ready, frame)
    still = (
        OpenView("Order SH-7K4M92QX is not finished", "/orders/SH-7K4M92QX"),
        OpenView("Store credit ending in 4417 is not spent"),
    )
    refused = msgspec.structs.replace(data, still_open=still)
    yield Sample("account-data-open", "store/account/data.html", refused, frame)
