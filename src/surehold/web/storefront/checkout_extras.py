"""What a buyer brings to the checkout: their addresses, a coupon, a gift card. Changes nothing."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from surehold.db import Connection
from surehold.identity import queries as identities
from surehold.orders.model import Address
from surehold.payments.gift_cards import codes
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.gift_cards.model import CardWish
from surehold.payments.gift_cards.rules import CardRefused, Purses
from surehold.pricing.model import Explanation, Quote
from surehold.web.storefront.checkout_form import read_email
from surehold.web.storefront.shown import address_lines
from surehold.web.storefront.views import (
    CardPartView,
    CheckoutForm,
    CouponView,
    MoneyView,
    SavedChoice,
    TotalsView,
)
from surehold.web.storefront.visit import Visit
from surehold.web.translations import gettext, gettext_noop

#: An address that is typed, and none of the saved ones.
NEW: Final = "new"
_ADDRESS: Final = frozenset(Address.__struct_fields__)
#: Why a coupon gives nothing, as pricing says it.
_REASONS: Final = frozenset(
    {
        gettext_noop("There is no such coupon."),
        gettext_noop("The coupon cannot be used yet."),
        gettext_noop("The coupon has ended."),
        gettext_noop("The coupon was used as often as it may be."),
        gettext_noop("It has not begun."),
        gettext_noop("It has ended."),
        gettext_noop("It is for a first order: an e-mail address says whether this is one."),
        gettext_noop("It is for a first order, and there was one."),
        gettext_noop("It is not given in this currency."),
        gettext_noop("Nothing in the basket is part of it."),
        gettext_noop("There are too few of the items that it is for."),
        gettext_noop("It cannot be combined with what was taken off already."),
        gettext_noop("Nothing is left that it could reduce."),
    }
)
_AMOUNT: Final = re.compile(r"[0-9.]+ [A-Z]{3}").search


async def with_account(
    connection: Connection, visit: Visit, typed: CheckoutForm
) -> tuple[CheckoutForm, tuple[SavedChoice, ...]]:
    """The form of whoever is signed in: their e-mail, and the saved address that was chosen.

    At first the default one. One that is gone by now is asked for anew, never exchanged.
    """
    if visit.principal is None:
        return msgspec.structs.replace(typed, saved=""), ()
    typed = msgspec.structs.replace(typed, email=visit.principal.email)
    rows = await identities.list_addresses(connection, account_id=visit.principal.account_id)
    kept = {str(row.id): msgspec.convert(row.content, Address) for row in rows}
    wanted = typed.saved or next(iter(kept), NEW)
    choices = tuple(
        SavedChoice(key, address_lines(address, visit.locale)) for key, address in kept.items()
    )
    address = kept.get(wanted)
    if address is None:
        return msgspec.structs.replace(typed, saved=NEW if kept else ""), choices
    fields = {name: getattr(address, name) or "" for name in _ADDRESS}
    return msgspec.structs.replace(typed, saved=wanted, **fields), choices


def coupon_view(quote: Quote, code: str | None) -> CouponView | None:
    """What the cart's coupon gives, or why it gives nothing."""
    if code is None:
        return None
    said = [row for row in quote.explanations if row.coupon_code == code]
    saving = sum(row.amount_minor for row in said if row.is_applied)
    reasons = [_reason(row) for row in said if not row.is_applied]
    return CouponView(
        code=code,
        is_applied=quote.coupon is not None,
        saving=MoneyView(saving, quote.currency) if saving else None,
        reason=reasons[0] if reasons else gettext("It gives nothing for what is in the cart."),
    )


def _reason(row: Explanation) -> str:
    """Why it gives nothing, in the reader's language."""
    if row.code == "minimum_not_reached" and (missing := _AMOUNT(row.detail)):
        return gettext("The goods must come to %(amount)s more.", amount=missing.group())
    return gettext(row.detail) if row.detail in _REASONS else row.detail


async def with_card(
    connection: Connection, typed: CheckoutForm, quote: Quote, totals: TotalsView
) -> tuple[TotalsView, bool]:
    """The sums with what the gift card would pay now, and whether the card is refused."""
    code = codes.find_code(typed.gift_card) if typed.gift_card else None
    if code is None:
        return totals, False
    wish = CardWish(codes.hash_code(code))
    found = await gift_cards.read_purses(connection, hashes=[wish.code_hash])
    planned = Purses(found).plan(
        [wish], due_minor=quote.total_minor, currency=quote.currency, email=read_email(typed)
    )
    if isinstance(planned, CardRefused):
        return totals, True
    rest = quote.total_minor - sum(part.amount_minor for part in planned)
    parts = tuple(
        CardPartView(part.purse.last_four, MoneyView(part.amount_minor, quote.currency))
        for part in planned
    )
    rest_view = MoneyView(rest, quote.currency)
    return msgspec.structs.replace(totals, cards=parts, rest=rest_view), False
