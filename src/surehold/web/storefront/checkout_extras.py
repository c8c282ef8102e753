"""What a buyer brings to the checkout: their addresses, a coupon, a gift card. Changes nothing."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import Connection
from surehold.identity import queries as identities
from surehold.orders.model import Address
from surehold.payments.gift_cards import codes
from surehold.payments.gift_cards import commands as gift_cards
from surehold.payments.gift_cards.model import CardWish
from surehold.payments.gift_cards.rules import CardRefused, Purses
from surehold.pricing.model import Quote
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

#: An address that is typed, and none of the saved ones.
NEW: Final = "new"
_ADDRESS: Final = frozenset(Address.__struct_fields__)


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
    reasons = [row.detail for row in said if not row.is_applied]
    return CouponView(
        code=code,
        is_applied=quote.coupon is not None,
        saving=MoneyView(saving, quote.currency) if saving else None,
        reason=reasons[0] if reasons else "It gives nothing for what is in the cart.",
    )


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
