"""What the store keeps about whoever is signed in: a copy of it, and the end of it.

A copy is made by a job. What opens it is in a cookie of the browser that asked, and nowhere else:
whoever takes over a session without the password finds no copy in the account.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency

from surehold.identity import queries
from surehold.identity.errors import InvalidCredentials, TooManyAttempts
from surehold.identity.model import Principal
from surehold.privacy import commands
from surehold.privacy import queries as privacy
from surehold.privacy.errors import ExportNotFound, ExportNotReady, NotACustomer, StillOpen
from surehold.web.openapi import JSON
from surehold.web.storefront.account.orders import account_page, find_principal, go_and_sign_in
from surehold.web.storefront.account.security import WRONG, read_current
from surehold.web.storefront.account.views import CopyView, DataView, OpenView
from surehold.web.storefront.order_access import order_url
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.views import BannerView, FieldFault
from surehold.web.storefront.visit import DATA_PATH, StoreRequest, Visit
from surehold.web.translations import gettext, gettext_noop

DATA: Final = DATA_PATH
#: What has to end first, in the words of a buyer, by the obstacle's kind.
_OPEN: Final = MappingProxyType(
    {
        "order": gettext_noop("Order %(number)s is not finished"),
        "refund": gettext_noop("A refund for order %(number)s is under way"),
        "payment": gettext_noop("A payment for order %(number)s is not settled"),
        "return": gettext_noop("A return of order %(number)s is under way"),
        "change": gettext_noop("A change of order %(number)s waits to be paid"),
        "store_credit": gettext_noop("Store credit ending in %(number)s is not spent"),
        "draft_order": gettext_noop("An order that the store prepared for you is open"),
    }
)
_OF_NO_ORDER: Final = frozenset({"store_credit", "draft_order"})
_FILE: Final = 'attachment; filename="personal-data.json"'


@get("/account/data")
async def show(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Ask for a copy, or wait for it, or take it; and the end of the account."""
    visit = store.greet(request)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    return await _page(store, visit, principal)


@post("/account/data/export")
async def order_copy(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Order a copy, for who knows the password. An earlier one is void."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    try:
        made = await commands.export_own(
            store.identity,
            principal=principal,
            password=read_current(form.get("export_password", "")),
        )
    except InvalidCredentials:
        return await _refuse(store, visit, principal, "export_password")
    except NotACustomer:
        return await _page(store, visit, principal, is_staff=True, status=409)
    except TooManyAttempts as refusal:
        return await _wait(store, visit, principal, refusal)
    visit.keep_copy(made.token, seconds=int(commands.EXPORT_LIFETIME.total_seconds()))
    return store.go(visit, DATA)


@post("/account/data/export/fetch")
async def take_copy(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Hand the copy out, once; it is deleted here. One that is not there is said so."""
    visit = store.greet(request)
    await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    try:
        content = await _take(store, visit, principal)
    except ExportNotFound:
        visit.forget_copy()
        visit.leave_notice(
            BannerView(
                tone="info",
                title=gettext("There is no such copy any more"),
                text=gettext("It was taken or is too old. Ask for another one."),
            )
        )
        return store.go(visit, DATA)
    except ExportNotReady:
        return store.go(visit, DATA)
    visit.forget_copy()
    return Response(
        content,
        status_code=200,
        media_type=JSON,
        headers={
            "cache-control": NO_STORE,
            "content-disposition": _FILE,
            "x-content-type-options": "nosniff",
            "x-request-id": visit.request_id,
        },
        cookies=visit.cookies,
    )


@post("/account/data/erase")
async def erase(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Close the account and begin to erase it, for who knows the password; then nobody is in."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    try:
        await commands.erase_own(
            store.identity,
            principal=principal,
            password=read_current(form.get("erase_password", "")),
        )
    except InvalidCredentials:
        return await _refuse(store, visit, principal, "erase_password")
    except StillOpen as refusal:
        still = tuple(_open(row) for row in refusal.facts["open"])
        return await _page(store, visit, principal, still_open=still, status=409)
    except NotACustomer:
        return await _page(store, visit, principal, is_staff=True, status=409)
    except TooManyAttempts as refusal:
        return await _wait(store, visit, principal, refusal)
    visit.forget_session()
    visit.forget_copy()
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("Your account is closed"),
            text=gettext("You are signed out everywhere. What we keep about you is being erased."),
        )
    )
    return store.go(visit, "/")


async def _take(store: Store, visit: Visit, principal: Principal) -> bytes:
    """The copy that this browser asked for, once.

    Raises:
        ExportNotFound: It was taken, is too old, or is of somebody who was signed in here before.
        ExportNotReady: It is being made.
    """
    async with store.db.connection() as connection:
        found = await privacy.find_export(
            connection, account_id=principal.account_id, token=visit.copy_token
        )
    if found is None:
        raise ExportNotFound("Ask for another one.")
    return await commands.take_export(store.db, token=visit.copy_token)


def _open(row: Any) -> OpenView:
    """One thing that has to end first; an order can be looked at."""
    kind, reference = row["kind"], row["reference"]
    return OpenView(
        gettext(_OPEN[kind], number=reference),
        None if kind in _OF_NO_ORDER else order_url(reference),
    )


async def _refuse(store: Store, visit: Visit, principal: Principal, field: str) -> Page:
    fault = FieldFault(field, gettext("Password"), gettext(WRONG))
    return await _page(store, visit, principal, faults=(fault,), status=422)


async def _wait(
    store: Store, visit: Visit, principal: Principal, refusal: TooManyAttempts
) -> Page:
    return await _page(
        store, visit, principal, wait_seconds=refusal.retry_after_seconds, status=429
    )


async def _page(
    store: Store,
    visit: Visit,
    principal: Principal,
    *,
    faults: tuple[FieldFault, ...] = (),
    still_open: tuple[OpenView, ...] = (),
    is_staff: bool = False,
    wait_seconds: int | None = None,
    status: int = 200,
) -> Page:
    async with store.db.connection() as connection:
        account = await queries.get_account(connection, account_id=principal.account_id)
        found = await privacy.find_export(
            connection, account_id=principal.account_id, token=visit.copy_token
        )
    view = DataView(
        email=account.email,
        has_password=account.has_password,
        copy=None if found is None else CopyView(found.is_ready, found.expires_at),
        document_years=store.signs.settings.document_retention_years,
        still_open=still_open,
        is_staff=is_staff,
        faults=faults,
        wait_seconds=wait_seconds,
    )
    return account_page(store, visit, "data", view, status=status)
