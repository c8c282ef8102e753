"""What a visitor chooses for all pages: the currency, the language and the light."""

from __future__ import annotations

from typing import Final

from litestar import post
from litestar.di import NamedDependency

from surehold.cart import commands as carts
from surehold.cart.errors import CartNotFound
from surehold.identity import commands as identities
from surehold.pricing.errors import NotForSale
from surehold.web.format import format_list
from surehold.web.languages import LANGUAGE_COOKIE
from surehold.web.storefront.parts import Page, Store
from surehold.web.storefront.shown import full_name
from surehold.web.storefront.views import BannerView, Theme
from surehold.web.storefront.visit import (
    CURRENCY_COOKIE,
    THEME_COOKIE,
    StoreRequest,
    local_path,
)
from surehold.web.translations import LANGUAGES, gettext

_KEPT_SECONDS: Final = 365 * 24 * 60 * 60


@post("/currency")
async def choose_currency(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Show prices in another currency; the cart comes along, or nothing changes."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    target = local_path(form.get("next", "/"))
    currency = form.get("currency", "")
    if currency not in store.currencies:
        return store.go(visit, target)
    if visit.cart_token is not None:
        try:
            await carts.change_currency(store.db, token=visit.cart_token, currency=currency)
        except CartNotFound:
            pass
        except NotForSale as refusal:
            async with store.open(visit):
                lines = visit.cart.lines if visit.cart else ()
            names = [
                full_name(line.name, line.options)
                for line in lines
                if line.variant_id in refusal.variant_ids
            ]
            visit.leave_notice(
                BannerView(
                    tone="warn",
                    title=gettext(
                        "Not everything in your cart is sold in %(currency)s", currency=currency
                    ),
                    text=gettext(
                        "Remove %(names)s first. Your cart is as it was.",
                        names=format_list(names, visit.locale),
                    ),
                )
            )
            return store.go(visit, target)
    visit.keep(CURRENCY_COOKIE, currency, seconds=_KEPT_SECONDS)
    return store.go(visit, target)


@post("/language")
async def choose_language(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Read the pages in another language; figures stay those of the reader's region.

    Whoever is signed in is written to in it as well.
    """
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    language = form.get("language", "")
    if language in LANGUAGES:
        visit.keep(LANGUAGE_COOKIE, language, seconds=_KEPT_SECONDS)
        if visit.session_token:
            async with store.open(visit):
                pass
        if visit.principal is not None:
            await identities.keep_language(
                store.db, account_id=visit.principal.account_id, language=language
            )
    return store.go(visit, local_path(form.get("next", "/")))


@post("/theme")
async def choose_theme(request: StoreRequest, store: NamedDependency[Store]) -> Page:
    """Light, dark, or as the device has it."""
    visit = store.greet(request)
    form = await store.read_form(request, visit)
    theme = form.get("theme", "")
    if theme in {choice.value for choice in Theme}:
        visit.keep(THEME_COOKIE, theme, seconds=_KEPT_SECONDS)
    return store.go(visit, local_path(form.get("next", "/")))
