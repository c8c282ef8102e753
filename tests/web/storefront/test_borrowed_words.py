"""Sentences of other rooms that pages say in the reader's language are all known to the pages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from surehold.cart import rules as carts
from surehold.cart.errors import CartFull
from surehold.cart.model import Offer
from surehold.identity.rules import password_faults
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import VariantId, new_id
from surehold.payments import providers
from surehold.web.storefront import destinations
from surehold.web.storefront.account import entry
from surehold.web.storefront.cart import cart_full
from surehold.web.storefront.shown import WAYS_TO_PAY

#: What is called the same everywhere.
NAMES = {"PayPal", "Telebirr"}


def _words_of_providers() -> Iterator[object]:
    """What every provider is called, and says of itself, as its code has it."""
    for path in Path(providers.__path__[0]).rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or ast.unparse(call.func) != "Capabilities":
                continue
            for given in call.keywords:
                if given.arg not in {"title", "explanation"}:
                    continue
                choice = given.value
                # Of a choice between two sentences, not what decides it.
                parts = [choice.body, choice.orelse] if isinstance(choice, ast.IfExp) else [choice]
                yield from (part.value for part in parts if isinstance(part, ast.Constant))


def test_the_pages_know_what_every_provider_says_and_nothing_else() -> None:
    assert set(_words_of_providers()) - NAMES == WAYS_TO_PAY


def test_the_pages_know_what_every_country_calls_the_parts_of_an_address() -> None:
    forms = [place.address for place in destinations.DESTINATIONS.values()]

    for form in forms:
        assert {form.city_label, form.postal_label} <= destinations.LABELS
        assert form.region_label in destinations.LABELS


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_too_short"),
        ("long" * 200, "password_too_long"),
        ("password1234", "password_too_common"),
        ("mara@example.com", "password_is_email"),
    ],
)
def test_a_password_is_refused_in_the_words_of_its_rule(password: str, code: str) -> None:
    faults = tuple(password_faults(password, key="mara@example.com", at="/password"))

    (told,) = entry.list_faults(InvalidInput(faults))

    assert [fault.code for fault in faults] == [code]
    assert code in entry.FAULTS
    assert (told.label, told.message) == ("Password", faults[0].detail)


@pytest.mark.parametrize(("line_count", "quantity"), [(carts.MAX_LINES, 1), (1, 1_000)])
def test_a_full_cart_is_told_in_the_words_of_its_rule(line_count: int, quantity: int) -> None:
    offer = Offer(price_minor=100, available=5, quantity=0, line_count=line_count)

    with pytest.raises(CartFull) as refused:
        carts.admit(offer, variant_id=VariantId(new_id()), currency="EUR", quantity=quantity)

    assert cart_full(refused.value) == refused.value.detail
