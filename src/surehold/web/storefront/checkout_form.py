"""Reading the checkout form: what was typed, what is wrong with it, and what it asks for.

The rules of e-mails, lines, countries and their addresses are the JSON API's own; here what is
missing gets the words of the form.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from surehold.cart.commands import hash_token
from surehold.checkout.model import Placement
from surehold.kernel.errors import Fault
from surehold.kernel.ids import CartId
from surehold.kernel.money import MAX_MINOR
from surehold.orders.model import Address
from surehold.payments.gift_cards import codes
from surehold.payments.gift_cards.model import CardWish
from surehold.web.api.fields import (
    AddressBody,
    Code,
    Email,
    normalize_email,
    settle_address,
)
from surehold.web.storefront.address_words import address_words
from surehold.web.storefront.destinations import DESTINATIONS
from surehold.web.storefront.views import CheckoutForm, FieldFault
from surehold.web.translations import gettext, gettext_noop
from surehold.web.validation import list_faults

#: Longer than any field may be, so that the fault can be told with what was typed.
_KEPT: Final = 300
_MAX_KEY: Final = 64
_SHOUTED: Final = frozenset({"postal_code", "country", "coupon"})

_LABELS: Final = MappingProxyType(
    {
        "email": gettext_noop("Email"),
        "name": gettext_noop("Full name"),
        "country": gettext_noop("Country"),
        "line1": gettext_noop("Address"),
        "line2": gettext_noop("Apartment, floor"),
        "city": gettext_noop("City"),
        "region": gettext_noop("Region"),
        "postal_code": gettext_noop("Postcode"),
        "phone": gettext_noop("Phone"),
        "company": gettext_noop("Company"),
        "shipping_method": gettext_noop("Shipping method"),
        "provider": gettext_noop("Payment"),
        "gift_card": gettext_noop("Gift card"),
        "coupon": gettext_noop("Coupon code"),
    }
)
_NO_COUNTRY: Final = gettext_noop("Choose the country to deliver to.")
_MISSING: Final = MappingProxyType(
    {
        "email": gettext_noop("Enter your email, so that we can send the confirmation."),
        "name": gettext_noop("Enter your full name."),
        "country": _NO_COUNTRY,
        "line1": gettext_noop("Enter the street and house number."),
        "city": gettext_noop("Enter the town or city."),
        "shipping_method": gettext_noop("Choose how we send it."),
        "provider": gettext_noop("Choose how you want to pay."),
    }
)
_FILL: Final = gettext_noop("Fill this in.")
_CHECK: Final = gettext_noop("Check this field.")
#: Fields whose faults are the country's to tell; its sentence says what it wants.
_OF_THE_COUNTRY: Final = frozenset({"phone", "postal_code", "region"})
#: What the checkout asks for beside an address.
_BESIDE_ADDRESS: Final = frozenset({"email", "shipping_method", "provider", "gift_card"})
#: The commonest of what the library says of an e-mail address; the others stay in English.
_OF_EMAILS: Final = frozenset(
    {
        gettext_noop("An email address must have an @-sign."),
        gettext_noop("There must be something before the @-sign."),
        gettext_noop("There must be something after the @-sign."),
        gettext_noop("The email address contains invalid characters before the @-sign."),
        gettext_noop("An email address cannot have two periods in a row."),
        gettext_noop("The part after the @-sign is not valid. It should have a period."),
    }
)
_OF_TEXTS: Final = frozenset(
    {
        gettext_noop("NUL and halves of surrogate pairs are not text."),
        gettext_noop("One line of text, without control characters."),
    }
)
_NUMBER: Final = re.compile(r"[0-9]+").search
_EMPTY_CODES: Final = frozenset({"missing", "blank", "too_short", "wrong_type"})


class _Body(msgspec.Struct, frozen=True):
    """The form as the API would take it."""

    email: Email
    shipping_address: AddressBody
    shipping_method: Code
    provider: Code


def read_typed(form: Mapping[str, str]) -> CheckoutForm:
    """What the buyer typed, without spaces around it."""
    typed: dict[str, str] = {}
    for field in CheckoutForm.__struct_fields__:
        text = " ".join(form.get(field, "")[:_KEPT].split(" ")).strip()
        typed[field] = text.upper() if field in _SHOUTED else text
    # A page without a choice of addresses asks for a typed one.
    return CheckoutForm(**{**typed, "saved": typed["saved"] or "new"})


def find_faults(typed: CheckoutForm) -> tuple[FieldFault, ...]:
    """Everything that is wrong, in the order of the form, one sentence per field."""
    found: dict[str, str] = {}
    for field, words in _form_faults(typed):
        found.setdefault(field, words)
    if typed.gift_card and codes.find_code(typed.gift_card) is None:
        found["gift_card"] = gettext(
            "Enter the 20 letters and digits of the card, or leave this empty."
        )
    if typed.country not in DESTINATIONS:
        found.setdefault("country", gettext(_NO_COUNTRY))
    order = [field for field in _LABELS if field in found]
    return tuple(FieldFault(field, _label(field, typed.country), found[field]) for field in order)


def find_address_faults(typed: CheckoutForm) -> tuple[FieldFault, ...]:
    """What is wrong with the address alone."""
    return tuple(row for row in find_faults(typed) if row.field not in _BESIDE_ADDRESS)


def fault(field: str, message: str, country: str = "") -> FieldFault:
    """One fault that was found later."""
    return FieldFault(field, _label(field, country), message)


def _form_faults(typed: CheckoutForm) -> Iterator[tuple[str, str]]:
    body = {
        "email": typed.email,
        "shipping_method": typed.shipping_method,
        "provider": typed.provider,
        "shipping_address": _address_fields(typed),
    }
    for one in list_faults(msgspec.json.encode(body), _Body):
        field = one.pointer.rpartition("/")[2]
        yield field, _words(typed, field, one)


def _words(typed: CheckoutForm, field: str, one: Fault) -> str:
    if one.code in _EMPTY_CODES and field not in _OF_THE_COUNTRY:
        return gettext(_MISSING.get(field, _FILL))
    if one.code == "invalid_email":
        why = gettext(one.detail) if one.detail in _OF_EMAILS else one.detail
        return gettext("Enter an address such as name@example.com. %(why)s", why=why)
    if one.code == "invalid_country":
        return gettext(_NO_COUNTRY)
    if one.code == "too_long" and (most := _NUMBER(one.detail)):
        return gettext("At most %(most)s characters.", most=most.group())
    if one.code == "invalid_text":
        return gettext(one.detail) if one.detail in _OF_TEXTS else one.detail
    if field in _OF_THE_COUNTRY and typed.country in DESTINATIONS:
        return address_words(typed, field, one.code, one.detail)
    if field in _OF_THE_COUNTRY:
        return one.detail
    return gettext(_MISSING.get(field, _CHECK))


def _label(field: str, country: str) -> str:
    place = DESTINATIONS.get(country)
    if place is not None:
        labels = {
            "city": place.address.city_label,
            "postal_code": place.address.postal_label,
            "region": place.address.region_label,
        }
        if field in labels:
            return gettext(labels[field])
    return gettext(_LABELS[field])


def _address_fields(typed: CheckoutForm) -> dict[str, str]:
    """The address as the country writes it; fields that it does not have are left out."""
    fields = {
        "name": typed.name,
        "line1": typed.line1,
        "city": typed.city,
        "country": typed.country,
    }
    place = DESTINATIONS.get(typed.country)
    used = ("city", "region", "postal_code") if place is None else place.address.order
    optional = {
        "line2": typed.line2,
        "region": typed.region if "region" in used else "",
        "postal_code": typed.postal_code if "postal_code" in used else "",
        "phone": typed.phone,
        "company": typed.company,
    }
    return fields | {name: text for name, text in optional.items() if text}


def read_email(typed: CheckoutForm) -> str | None:
    """The address that was typed, if it is one."""
    try:
        return normalize_email(typed.email) if typed.email else None
    except ValueError:
        return None


def address_of(typed: CheckoutForm) -> Address:
    """The address of a form without faults, as its country writes it."""
    return settle_address(msgspec.convert(_address_fields(typed), Address))


def read_total(form: Mapping[str, str]) -> int | None:
    """The total that the buyer saw, from the form's hidden field."""
    text = form.get("expected_total_minor", "")
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_MINOR)):
        return None
    return int(text)


def read_key(form: Mapping[str, str]) -> str | None:
    """The key that makes two presses one order; ``None`` when it is not one of ours."""
    key = form.get("idempotency_key", "")
    is_plain = key.isascii() and key.replace("-", "").isalnum() and 0 < len(key) <= _MAX_KEY
    return key if is_plain else None


def placement(
    typed: CheckoutForm,
    *,
    key: str,
    cart_id: CartId,
    cart_token: str,
    expected_minor: int,
    currency: str,
    client_address: str | None = None,
) -> Placement:
    """What a form without faults asks for. The same form under the same key is the same order."""
    email = normalize_email(typed.email)
    address = address_of(typed)
    token_hash = hash_token(cart_token)
    code = codes.find_code(typed.gift_card)
    cards = () if code is None else (CardWish(codes.hash_code(code)),)
    asked = (email, address, typed.shipping_method, typed.provider, str(cart_id), cards)
    # The cart's token is part of the question: without it nobody hears the answer again.
    digest = hashlib.sha256(msgspec.json.encode(asked) + token_hash)
    return Placement(
        key=key,
        request_hash=digest.digest(),
        email=email,
        shipping_address=address,
        billing_address=None,
        shipping_method=typed.shipping_method,
        provider=typed.provider,
        cart_id=cart_id,
        cart_token_hash=token_hash,
        expected_total_minor=expected_minor,
        expected_currency=currency,
        gift_cards=cards,
        client_address=client_address,
    )
