"""What is wrong with an address, in the reader's language.

The ``addresses`` room words its faults in English. A fault is told anew from its code and the
country's own format; what no table here has keeps its English sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from surehold.addresses import rules as addresses
from surehold.addresses.model import CountryFormat, FaultKind
from surehold.web.storefront.destinations import country_name
from surehold.web.storefront.views import CheckoutForm
from surehold.web.translations import SOURCE, gettext, gettext_noop, language_of, reader

#: A sentence by its code and by what the country calls the field.
_SENTENCES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        (FaultKind.MISSING.value, "Province"): gettext_noop(
            "Addresses in %(country)s name the province, such as %(example)s."
        ),
        (FaultKind.MISSING.value, "State"): gettext_noop(
            "Addresses in %(country)s name the state, such as %(example)s."
        ),
        (FaultKind.MISSING.value, "Postcode"): gettext_noop(
            "Addresses in %(country)s have a postcode, such as %(example)s."
        ),
        (FaultKind.MISSING.value, "ZIP code"): gettext_noop(
            "Addresses in %(country)s have a ZIP code, such as %(example)s."
        ),
        (FaultKind.MISSING.value, "PIN code"): gettext_noop(
            "Addresses in %(country)s have a PIN code, such as %(example)s."
        ),
        (FaultKind.UNKNOWN_REGION.value, "Province"): gettext_noop(
            "No province in %(country)s is called this. One is %(example)s."
        ),
        (FaultKind.UNKNOWN_REGION.value, "State"): gettext_noop(
            "No state in %(country)s is called this. One is %(example)s."
        ),
        (FaultKind.INVALID_POSTAL_CODE.value, "Postcode"): gettext_noop(
            "A postcode in %(country)s looks like %(example)s."
        ),
        (FaultKind.INVALID_POSTAL_CODE.value, "ZIP code"): gettext_noop(
            "A ZIP code in %(country)s looks like %(example)s."
        ),
        (FaultKind.INVALID_POSTAL_CODE.value, "PIN code"): gettext_noop(
            "A PIN code in %(country)s looks like %(example)s."
        ),
        (FaultKind.INVALID_POSTAL_CODE.value, "Eircode"): gettext_noop(
            "An Eircode in %(country)s looks like %(example)s."
        ),
        (FaultKind.POSTAL_CODE_ELSEWHERE.value, "Postcode"): gettext_noop(
            "Postcode %(code)s is not in %(region)s."
        ),
        (FaultKind.POSTAL_CODE_ELSEWHERE.value, "ZIP code"): gettext_noop(
            "ZIP code %(code)s is not in %(region)s."
        ),
        (FaultKind.POSTAL_CODE_ELSEWHERE.value, "PIN code"): gettext_noop(
            "PIN code %(code)s is not in %(region)s."
        ),
    }
)


def address_words(typed: CheckoutForm, field: str, code: str, detail: str) -> str:
    """The sentence of a fault that the country found in one of its fields."""
    form = addresses.format_of(typed.country)
    if code == FaultKind.INVALID_PHONE.value:
        return phone_words(form.code)
    label = form.region_label if field == "region" else form.postal_code_label
    sentence = _SENTENCES.get((code, label))
    if sentence is None:
        return detail
    if code == FaultKind.POSTAL_CODE_ELSEWHERE.value:
        verdict = addresses.judge(form.code, typed.region, typed.postal_code)
        names = {region.code: region.name for region in form.regions}
        return gettext(sentence, code=verdict.postal_code, region=names[verdict.region or ""])
    example = _region(form) if field == "region" else _postal_codes(form)
    return gettext(sentence, country=_country(form.code), example=example)


def phone_words(country: str) -> str:
    """That a number is none of this country's, and none in full."""
    form = addresses.format_of(country)
    return gettext(
        "No telephone has this number. Write it as it is dialed in %(country)s, or in full, "
        "beginning with +%(calling_code)s or another country's code.",
        country=_country(form.code),
        calling_code=form.calling_code,
    )


def _country(code: str) -> str:
    """The country's name inside a sentence."""
    if language_of(reader()) == SOURCE:
        return addresses.name_in_text(code)
    return country_name(code, reader())


def _region(form: CountryFormat) -> str:
    first = form.regions[0]
    return first.name if first.code == first.name else f"{first.code} ({first.name})"


def _postal_codes(form: CountryFormat) -> str:
    examples = form.postal_code_examples[:2]
    if len(examples) == 1:
        return examples[0]
    return gettext("%(one)s or %(other)s", one=examples[0], other=examples[1])
