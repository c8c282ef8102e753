"""Which region's dates and amounts a visitor reads.

The pages are in English for now, so a reader from Germany gets English words with German figures:
"en-DE". When a translation comes, its language joins the table.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

FALLBACK: Final = "en"
#: What the store formats for; Babel knows every one of them.
LOCALES: Final = frozenset(
    f"en-{region}"
    for region in [
        "US",
        "GB",
        "IE",
        "CA",
        "AU",
        "NZ",
        "DE",
        "AT",
        "CH",
        "FR",
        "ES",
        "IT",
        "NL",
        "BE",
        "PT",
        "DK",
        "SE",
        "FI",
        "NO",
        "PL",
        "CZ",
    ]
) | {FALLBACK}
#: The region that a language without one is read in.
_HOME: Final = MappingProxyType(
    {
        "de": "DE", "fr": "FR", "es": "ES", "it": "IT", "nl": "NL", "pt": "PT", "da": "DK",
        "sv": "SE", "fi": "FI", "nb": "NO", "no": "NO", "pl": "PL", "cs": "CZ",
    }
)  # fmt: skip
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}))?(?:-[A-Za-z0-9]{1,8})*\s*"
    r"(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?"
)
_MAX_HEADER: Final = 500


def choose_locale(accept_language: str) -> str:
    """The locale for an Accept-Language header.

    >>> choose_locale("de-AT,de;q=0.9,en;q=0.8"), choose_locale("fr"), choose_locale("ja")
    ('en-AT', 'en-FR', 'en')
    """
    wanted: list[tuple[int, str, str]] = []
    for part in accept_language[:_MAX_HEADER].split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            continue
        weight = _thousandths(found[3])
        if weight:
            wanted.append((weight, found[1].lower(), (found[2] or "").upper()))
    # The sort is stable: what comes first wins among equals.
    for _, language, region in sorted(wanted, key=lambda row: -row[0]):
        locale = f"en-{region or _HOME.get(language, '')}".rstrip("-")
        if locale in LOCALES and (language == "en" or language in _HOME):
            return locale
        if language == "en":
            return FALLBACK
    return FALLBACK


def region_of(locale: str) -> str | None:
    """The country in a locale.

    >>> region_of("en-IE"), region_of("en")
    ('IE', None)
    """
    return locale.partition("-")[2] or None


def _thousandths(quality: str | None) -> int:
    if quality is None:
        return 1000
    whole, _, part = quality.partition(".")
    return min(int(whole) * 1000 + int(f"{part:0<3}"), 1000)
