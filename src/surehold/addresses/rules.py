"""Whether an address can be written on a parcel, and how its country writes it. Pure.

Verdicts are kept, a bounded number of each kind: a checkout asks twice per address, and most
buyers live where others do.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import phonenumbers

from surehold.addresses.formats import Rules, compact, fold, name_of, rules_of
from surehold.addresses.model import (
    AddressFault,
    CountryFormat,
    FaultKind,
    PhoneVerdict,
    Verdict,
)

KEPT: Final = 4_096
#: Countries whose English names take an article inside a sentence.
_WITH_ARTICLE: Final = frozenset(
    {"AE", "BS", "CD", "CF", "DO", "GB", "GM", "KM", "MV", "NL", "PH", "UM", "US", "VG", "VI"}
)


def format_of(country: str) -> CountryFormat:
    """What the addresses of one of ``COUNTRIES`` are made of."""
    return rules_of(country).format


def name_in_text(country: str) -> str:
    """The country's name inside an English sentence.

    >>> name_in_text("IE"), name_in_text("NL")
    ('Ireland', 'the Netherlands')
    """
    name = name_of(country)
    return f"the {name}" if country in _WITH_ARTICLE else name


@lru_cache(maxsize=KEPT)
def judge(country: str, region: str | None, postal_code: str | None) -> Verdict:
    """What one of ``COUNTRIES`` makes of a region and a postal code.

    What a country does not use is kept as it was given, without the spaces around it.

    >>> judge("CA", "Ontario", "k1a0b1")
    Verdict(region='ON', postal_code='K1A 0B1', faults=())
    """
    rules = rules_of(country)
    region, postal_code = _trimmed(region), _trimmed(postal_code)
    faults: list[AddressFault] = []
    region, is_known = _read_region(rules, region, faults)
    postal_code = _read_postal_code(rules, postal_code, faults)
    if is_known and not faults and region is not None and postal_code is not None:
        faults += _elsewhere(rules, region, postal_code)
    return Verdict(region, postal_code, tuple(faults))


@lru_cache(maxsize=KEPT)
def judge_phone(country: str, text: str) -> PhoneVerdict:
    """A telephone number as it is dialed from anywhere. Without ``+`` it is the country's own.

    >>> judge_phone("IE", "091 123 456").number
    '+35391123456'
    """
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return PhoneVerdict(None, _invalid_phone(country))
    if not phonenumbers.is_valid_number(number):
        return PhoneVerdict(None, _invalid_phone(country))
    return PhoneVerdict(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _trimmed(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split()) or None


def _read_region(
    rules: Rules, region: str | None, faults: list[AddressFault]
) -> tuple[str | None, bool]:
    """The region's code, and whether it is one of the country's own."""
    form = rules.format
    what = _lower(form.region_label)
    if region is None:
        if form.is_region_required:
            example = f", such as {_written(rules)}" if form.regions else ""
            detail = f"Addresses in {name_in_text(form.code)} name the {what}{example}."
            faults.append(AddressFault("region", FaultKind.MISSING, detail))
        return None, False
    if not form.regions:
        return region, False
    code = rules.regions.get(fold(region)) or rules.regions.get(
        fold(region.removeprefix(f"{form.code}-"))
    )
    if code is None:
        detail = (
            f"No {what} in {name_in_text(form.code)} is called this. One is {_written(rules)}."
        )
        faults.append(AddressFault("region", FaultKind.UNKNOWN_REGION, detail))
        return region, False
    return code, True


def _read_postal_code(
    rules: Rules, postal_code: str | None, faults: list[AddressFault]
) -> str | None:
    form = rules.format
    what = _article(_lower(form.postal_code_label))
    if postal_code is None:
        if form.is_postal_code_required:
            detail = (
                f"Addresses in {name_in_text(form.code)} have {what}, such as {_examples(form)}."
            )
            faults.append(AddressFault("postal_code", FaultKind.MISSING, detail))
        return None
    if rules.postal_code is None:
        return postal_code
    for text in _spellings(rules, postal_code):
        if rules.postal_code.fullmatch(text):
            return text
    detail = (
        f"{what[:1].upper()}{what[1:]} in {name_in_text(form.code)} looks like {_examples(form)}."
    )
    faults.append(AddressFault("postal_code", FaultKind.INVALID_POSTAL_CODE, detail))
    return postal_code


def _spellings(rules: Rules, postal_code: str) -> Iterator[str]:
    """Ways to write it: as the country's examples are written, plain, and as it was typed.

    The country's letters in front are taken off where they are no part of it (``D-10115``), and
    put there where they are (``LV-1073``).
    """
    plain = compact(postal_code)
    code = rules.format.code
    rest = plain.removeprefix(code[0])
    without = (plain.removeprefix(code), rest if rest.isdecimal() else plain)
    for text in (plain, *without, code + plain):
        for example in rules.layouts.get(len(text), ()):
            yield _laid_out(text, example)
        yield text
    yield postal_code.upper()


def _laid_out(text: str, example: str) -> str:
    """The letters and digits of a text with the separators of an example of its length."""
    letters = iter(text)
    return "".join(next(letters) if sign.isalnum() else sign for sign in example)


def _elsewhere(rules: Rules, region: str, postal_code: str) -> Iterator[AddressFault]:
    begins = rules.beginnings.get(region)
    if begins is None or begins.match(postal_code) or begins.match(compact(postal_code)):
        return
    name = next(known.name for known in rules.format.regions if known.code == region)
    detail = f"{rules.format.postal_code_label} {postal_code} is not in {name}."
    yield AddressFault("postal_code", FaultKind.POSTAL_CODE_ELSEWHERE, detail)


def _invalid_phone(country: str) -> AddressFault:
    form = format_of(country)
    detail = (
        f"No telephone has this number. Write it as it is dialed in {name_in_text(country)}, "
        f"or in full, beginning with +{form.calling_code} or another country's code."
    )
    return AddressFault("phone", FaultKind.INVALID_PHONE, detail)


def _lower(label: str) -> str:
    """A label inside a sentence: ``ZIP code`` keeps its capitals, and so does ``Eircode``."""
    if label[:2].isupper() or label == "Eircode":
        return label
    return label[:1].lower() + label[1:]


def _article(what: str) -> str:
    return f"an {what}" if what[0] in "aeioAEIO" else f"a {what}"


def _examples(form: CountryFormat) -> str:
    return " or ".join(form.postal_code_examples[:2])


def _written(rules: Rules) -> str:
    """One of the country's regions, as it is written."""
    first = rules.format.regions[0]
    return first.name if first.code == first.name else f"{first.code} ({first.name})"
