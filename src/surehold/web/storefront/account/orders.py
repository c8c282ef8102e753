"""A buyer's own orders."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency

from surehold.identity.model import Principal
from surehold.kernel.errors import InvalidInput
from surehold.orders import queries as orders
from surehold.orders.model import OrderSummary
from surehold.web.api.identity.saved import claim_by_email
from surehold.web.storefront.account.entry import HOME, SIGN_IN
from surehold.web.storefront.account.views import OwnOrdersView, OwnOrderView
from surehold.web.storefront.order_access import order_url
from surehold.web.storefront.parts import NO_STORE, Page, Store
from surehold.web.storefront.views import MoneyView
from surehold.web.storefront.visit import StoreRequest, Visit

#: Orders on one page.
SHOWN = 10


@get("/account")
async def show(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The orders, newest first; those of a guest with the account's address come by themselves."""
    visit = store.greet(request)
    principal = await find_principal(store, visit)
    if principal is None:
        return go_and_sign_in(store, visit)
    cursor = visit.query.get("cursor")
    await claim_by_email(store.db, principal)
    async with store.db.connection() as connection:
        try:
            page = await orders.list_own_orders(
                connection, account_id=principal.account_id, cursor=cursor, limit=SHOWN
            )
        except InvalidInput:  # somebody's edited address: the first page is always right
            return store.go(visit, HOME)
    view = OwnOrdersView(
        name=principal.name,
        email=principal.email,
        orders=tuple(_row(row) for row in page.items),
        next_url=f"{HOME}?{urlencode({'cursor': page.next_cursor})}" if page.next_cursor else None,
        is_first=cursor is None,
    )
    return account_page(store, visit, "orders", view)


def _row(order: OrderSummary) -> OwnOrderView:
    return OwnOrderView(
        number=order.number,
        url=order_url(order.number),
        status=order.status.value,
        placed_at=order.placed_at,
        units=order.units,
        total=MoneyView(order.total_minor, order.currency),
    )


async def find_principal(store: Store, visit: Visit) -> Principal | None:
    """Who is signed in, with the visitor's cart read for the frame of the page."""
    async with store.open(visit):
        pass
    return visit.principal


def go_and_sign_in(store: Store, visit: Visit) -> Page:
    """To the form, and back here afterwards; what was posted is not sent again."""
    target = visit.here if visit.method == "GET" else HOME
    return store.go(visit, f"{SIGN_IN}?{urlencode({'next': target})}")


def account_page(
    store: Store, visit: Visit, name: str, view: object, *, status: int = 200
) -> Page:
    """A page of the account; nobody keeps it."""
    return store.page(
        visit, f"store/account/{name}.html", view, status=status, path=HOME, cache=NO_STORE
    )
