"""A buyer's addresses: kept, changed, forgotten, and one of them the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.identity import commands, queries
from surehold.identity.errors import SavedAddressNotFound, TooManyKept
from surehold.identity.model import Principal, SavedAddress
from surehold.identity.rules import MAX_ADDRESSES
from surehold.kernel.ids import SavedAddressId
from surehold.orders.model import Address
from surehold.web.languages import region_of
from surehold.web.storefront import checkout_form, destinations
from surehold.web.storefront.account.orders import account_page, find_principal, go_and_sign_in
from surehold.web.storefront.account.views import AddressCard, AddressesView, AddressView
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.shown import address_lines
from surehold.web.storefront.views import AddressFormat, BannerView, CheckoutForm, FieldFault
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext
from surehold.web.validation import parse_id

ADDRESSES = "/account/addresses"


@get("/account/addresses")
async def show(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """All of them, the default first."""
    visit = store.greet(request)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    async with store.db.connection() as connection:
        rows = await queries.list_addresses(connection, account_id=principal.account_id)
    cards = tuple(
        AddressCard(str(row.id), address_lines(read_kept(row), visit.locale), row.is_default)
        for row in rows
    )
    view = AddressesView(cards, may_add=len(rows) < MAX_ADDRESSES)
    return account_page(store, visit, "addresses", view)


@get("/account/addresses/new")
async def show_new(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """An empty form, in the reader's country."""
    visit = store.greet(request)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    country = destinations.guess_country(region_of(visit.locale))
    return _form_page(store, visit, CheckoutForm(name=principal.name, country=country))


@get("/account/addresses/{address_id:str}")
async def show_one(
    request: StoreRequest, store: NamedDependency[Store], address_id: FromPath[str]
) -> Page:
    """The form of one address."""
    visit = store.greet(request)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    async with store.db.connection() as connection:
        kept = await queries.get_address(
            connection, account_id=principal.account_id, address_id=_read_id(address_id)
        )
    return _form_page(store, visit, typed_of(kept), kept=kept)


@post("/account/addresses")
async def add(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Keep one more."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    return await _save(store, visit, principal, form, None)


@post("/account/addresses/{address_id:str}")
async def change(
    request: StoreRequest, store: NamedDependency[Store], address_id: FromPath[str]
) -> Page:
    """Replace one."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    async with store.db.connection() as connection:
        kept = await queries.get_address(
            connection, account_id=principal.account_id, address_id=_read_id(address_id)
        )
    return await _save(store, visit, principal, form, kept)


async def _save(
    store: Store,
    visit: Visit,
    principal: Principal,
    form: Mapping[str, str],
    kept: SavedAddress | None,
) -> Page:
    """Keep what was typed; ``redraw`` only asks for another country's form."""
    typed, is_default = checkout_form.read_typed(form), "is_default" in form
    if "redraw" in form or visit.is_htmx:
        return _form_page(store, visit, typed, kept=kept, is_default=is_default)
    faults = checkout_form.find_address_faults(typed)
    if faults:
        return _form_page(
            store, visit, typed, kept=kept, is_default=is_default, faults=faults, status=422
        )
    try:
        await _keep(store, principal, typed, kept=kept, is_default=is_default)
    except TooManyKept:
        visit.leave_notice(
            BannerView(
                tone="warn",
                title=gettext("There are %(count)s addresses already", count=MAX_ADDRESSES),
                text=gettext("Delete one first. Nothing was changed."),
            )
        )
        return store.go(visit, ADDRESSES)
    visit.leave_notice(BannerView(tone="ok", title=gettext("The address is saved")))
    return store.go(visit, ADDRESSES)


@post("/account/addresses/{address_id:str}/default")
async def make_default(
    request: StoreRequest, store: NamedDependency[Store], address_id: FromPath[str]
) -> Page:
    """Offer this one first."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    async with store.db.connection() as connection:
        kept = await queries.get_address(
            connection, account_id=principal.account_id, address_id=_read_id(address_id)
        )
    await commands.change_address(
        store.db,
        account_id=principal.account_id,
        address_id=kept.id,
        content=kept.content,
        is_default=True,
    )
    return store.go(visit, ADDRESSES)


@post("/account/addresses/{address_id:str}/delete")
async def delete(
    request: StoreRequest, store: NamedDependency[Store], address_id: FromPath[str]
) -> Page:
    """Forget it. Twice is once."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    try:
        await commands.delete_address(
            store.db, account_id=principal.account_id, address_id=_read_id(address_id)
        )
    except SavedAddressNotFound:
        return store.go(visit, ADDRESSES)
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("The address is deleted"),
            text=gettext("Orders keep the one that they were sent to."),
        )
    )
    return store.go(visit, ADDRESSES)


async def _keep(
    store: Store,
    principal: Principal,
    typed: CheckoutForm,
    *,
    kept: SavedAddress | None,
    is_default: bool,
) -> None:
    content: dict[str, Any] = msgspec.to_builtins(checkout_form.address_of(typed))
    if kept is None:
        await commands.save_address(
            store.db, account_id=principal.account_id, content=content, is_default=is_default
        )
        return
    await commands.change_address(
        store.db,
        account_id=principal.account_id,
        address_id=kept.id,
        content=content,
        is_default=is_default or kept.is_default,
    )


def _form_page(
    store: Store,
    visit: Visit,
    typed: CheckoutForm,
    *,
    kept: SavedAddress | None = None,
    is_default: bool = False,
    faults: tuple[FieldFault, ...] = (),
    status: int = 200,
) -> Page:
    place = destinations.DESTINATIONS.get(typed.country)
    view = AddressView(
        form=typed,
        address=AddressFormat() if place is None else place.address,
        countries=destinations.list_countries(visit.locale),
        action_url=ADDRESSES if kept is None else f"{ADDRESSES}/{kept.id}",
        id="" if kept is None else str(kept.id),
        is_default=is_default or (kept is not None and kept.is_default),
        faults=faults,
    )
    return account_page(store, visit, "address", view, status=status)


def read_kept(row: SavedAddress) -> Address:
    """A saved address as orders have them."""
    return msgspec.convert(row.content, Address)


def typed_of(row: SavedAddress) -> CheckoutForm:
    """A saved address as if it had been typed."""
    fields: Mapping[str, str | None] = row.content
    return CheckoutForm(**{name: text for name, text in fields.items() if text})


def _read_id(text: str) -> SavedAddressId:
    found = parse_id(text)
    if found is None:
        raise SavedAddressNotFound("There is no such address.")
    return SavedAddressId(found)
