"""Being told by letter when something can be bought again, and ending that.

The answer is the same for every address, whether it waited before or may wait for no more.
"""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from surehold.cart import commands as carts
from surehold.catalog.errors import ProductNotFound
from surehold.identity.commands.letters import read_mailbox
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import VariantId
from surehold.notifications.commands import STOP_ALERTS, STOP_PATH
from surehold.web.storefront.account.entry import check_email, read_email
from surehold.web.storefront.parts import NO_STORE, Page, Store, product_url
from surehold.web.storefront.product import product_view
from surehold.web.storefront.views import AlertStopView, BannerView
from surehold.web.storefront.visit import StoreRequest, Visit
from surehold.web.translations import gettext, language_of
from surehold.web.validation import parse_id

_MAX_TOKEN: Final = 100
_HASH_BYTES: Final = 32
_MAX_SKU: Final = 64


@post("/p/{slug:str}/alerts")
async def ask(request: StoreRequest, store: NamedDependency[Store], slug: FromPath[str]) -> Page:
    """Write once to an address, or to whoever is signed in, when the variant is back."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    typed, sku = read_email(form), form.get("sku", "")[:_MAX_SKU]
    async with store.open(visit) as connection:
        view = await product_view(store, connection, visit, slug=slug, sku=sku)
    variant_id = parse_id(view.variant_id)
    if view.sku != sku or variant_id is None:
        raise ProductNotFound("It has no such variant.")
    if view.alert is None:
        visit.leave_notice(BannerView(tone="info", title=gettext("It can be bought right now")))
        return store.go(visit, product_url(slug, sku))
    principal = visit.principal
    email = typed if principal is None else principal.email
    try:
        check_email(email)
        mailbox = read_mailbox(email)
    except InvalidInput:
        words = gettext("Enter an address such as name@example.com.")
        wrong = msgspec.structs.replace(view.alert, email=typed, fault=words)
        view = msgspec.structs.replace(view, alert=wrong)
        return store.page(visit, "store/product.html", view, status=422, cache=NO_STORE)
    await carts.ask_alert(
        store.db,
        variant_id=VariantId(variant_id),
        email=mailbox.email,
        email_key=mailbox.key,
        language=language_of(visit.locale),
    )
    visit.leave_notice(
        BannerView(
            tone="ok",
            title=gettext("We write to you when it is back"),
            text=gettext("One letter to %(email)s, once. Nothing is held for you.", email=email),
        )
    )
    return store.go(visit, product_url(slug, sku))


@get(STOP_PATH)
async def show_stop(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """The button of a letter's link; mail programs open links by themselves."""
    visit = store.greet(request)
    async with store.open(visit):
        pass
    token = visit.query.get("token", "")
    if _read_token(store, token) is None:
        return _page(store, visit, AlertStopView(is_void=True), status=404)
    return _page(store, visit, AlertStopView(token=token))


@post(STOP_PATH)
async def stop(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Write to the letter's address about nothing else that it waits for. Twice is once."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    async with store.open(visit):
        pass
    email_hash = _read_token(store, form.get("token", ""))
    if email_hash is None:
        return _page(store, visit, AlertStopView(is_void=True), status=404)
    await carts.stop_alerts(store.db, email_hash=email_hash)
    return _page(store, visit, AlertStopView(is_done=True))


def _read_token(store: Store, token: str) -> bytes | None:
    """The hash of the address that a letter of ours went to."""
    if len(token) > _MAX_TOKEN or not token.isascii():
        return None
    found = store.links.find(STOP_ALERTS, token)
    return found if found is not None and len(found) == _HASH_BYTES else None


def _page(store: Store, visit: Visit, view: AlertStopView, *, status: int = 200) -> Page:
    return store.page(
        visit,
        "store/alert_stop.html",
        view,
        status=status,
        path="/",
        cache=NO_STORE,
        headers={"x-robots-tag": "noindex"},
    )
