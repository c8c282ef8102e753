"""What the store says of an order and a form, in English and in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest

from surehold.addresses import rules as addresses
from surehold.web import translations
from surehold.web.storefront import checkout_form, pay_state
from surehold.web.storefront.address_words import address_words
from surehold.web.storefront.destinations import DESTINATIONS, LABELS
from surehold.web.storefront.views import CheckoutForm

_TYPED = CheckoutForm(
    email="ada@example.com",
    name="Ada",
    line1="1 Main Street",
    city="Cork",
    shipping_method="standard",
    provider="sandbox",
    saved="new",
)


class _Marked:
    """A language in which every message stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"[{message}]"

    def ngettext(self, one: str, many: str, number: int) -> str:
        return f"[{one if number == 1 else many}]"


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(translations, "in_language", lambda _: _Marked())
    translations.read_as("de")
    yield
    translations.read_as("en")


def _wrong_addresses(country: str) -> Iterator[CheckoutForm]:
    known = [region.code for region in addresses.format_of(country).regions]
    for region in ("", "Nowhere", *known[:1], *known[-1:]):
        for postal_code in ("", "??", *addresses.format_of(country).postal_code_examples[:2]):
            yield msgspec.structs.replace(
                _TYPED, country=country, region=region, postal_code=postal_code, phone="12"
            )


@pytest.mark.parametrize("country", DESTINATIONS)
def test_what_a_country_calls_its_fields_is_marked_for_translation(country: str) -> None:
    form = addresses.format_of(country)

    assert {form.city_label, form.postal_code_label, form.region_label} <= LABELS


@pytest.mark.parametrize("country", DESTINATIONS)
def test_a_fault_of_an_address_is_told_in_the_words_of_its_rules(country: str) -> None:
    told = 0
    for typed in _wrong_addresses(country):
        found = addresses.judge(country, typed.region, typed.postal_code).faults
        phone = addresses.judge_phone(country, typed.phone).fault
        assert phone is not None
        for one in (*found, phone):
            words = address_words(typed, one.field, one.kind.value, one.detail)
            assert words == one.detail
            told += 1
    assert told >= 8


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("country", DESTINATIONS)
def test_no_fault_of_a_form_is_told_in_english_to_others(country: str) -> None:
    empty = CheckoutForm(country=country, email="ada", gift_card="12", line2="x" * 201)
    for typed in (empty, *_wrong_addresses(country)):
        faults = checkout_form.find_faults(typed)
        assert faults
        for fault in faults:
            assert re.fullmatch(r"\[.*\]", fault.message), fault
            assert re.fullmatch(r"\[.*\]", fault.label), fault


@pytest.mark.usefixtures("marked")
def test_a_payment_that_came_to_nothing_is_told_to_its_reader() -> None:
    assert pay_state.describe_decline(None) == (
        "[The payment was not finished]",
        "[It was canceled or took too long.]",
    )
