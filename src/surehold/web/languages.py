"""Which language, and which region's dates and amounts, whoever asks reads.

A locale is a language that pages are written in and, where it is known, the reader's region:
"de-AT", or "en-IT" for a reader from Italy, who gets English words with Italian figures.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from surehold.web.translations import LANGUAGES, SOURCE

#: What a browser keeps of the choice in the menu.
LANGUAGE_COOKIE: Final = "surehold_language"
#: The regions that figures and dates are laid out for.
REGIONS: Final = frozenset(
    [
        "US", "GB", "IE", "CA", "AU", "NZ", "DE", "AT", "CH", "FR", "ES", "IT", "NL", "BE", "PT",
        "DK", "SE", "FI", "NO", "PL", "CZ", "LU", "ET", "IN", "KE", "NG", "ZA",
    ]
)  # fmt: skip
#: The region that a language without one is read in.
_HOME: Final = MappingProxyType(
    {
        "am": "ET", "de": "DE", "fr": "FR", "hi": "IN", "es": "ES", "it": "IT", "nl": "NL",
        "pt": "PT", "da": "DK", "sv": "SE", "fi": "FI", "nb": "NO", "no": "NO", "pl": "PL",
        "cs": "CZ",
    }
)  # fmt: skip
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}))?(?:-[A-Za-z0-9]{1,8})*\s*"
    r"(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?"
)
_MAX_HEADER: Final = 500


def choose_locale(accept_language: str, language: str = "") -> str:
    """The locale for an Accept-Language header, and for the language that was chosen here.

    >>> choose_locale("de-AT,de;q=0.9,en;q=0.8"), choose_locale("fr"), choose_locale("ja")
    ('de-AT', 'fr-FR', 'en')
    >>> choose_locale("it"), choose_locale("de-AT", "am"), choose_locale("", "hi")
    ('en-IT', 'am-AT', 'hi-IN')
    >>> choose_locale("it-IT,it;q=0.9,de;q=0.8"), choose_locale("it,en-US;q=0.5")
    ('de-IT', 'en-IT')
    """
    wanted = _wanted(accept_language)
    if language in LANGUAGES:
        own = [region for tongue, region in wanted if tongue == language]
        regions = [*own, *(region for _, region in wanted), _HOME.get(language, "")]
        return _tag(language, next((region for region in regions if region in REGIONS), ""))
    region = ""
    for tongue, home in wanted:
        if tongue in LANGUAGES:
            return _tag(tongue, region or home)
        if not region and home in REGIONS and tongue in _HOME:
            region = home
    return _tag(SOURCE, region)


def find_language(accept_language: str, language: str = "") -> str | None:
    """The language that is asked for, chosen here or by a header, where pages are written in it.

    ``None`` asks for none of them: pages speak English then, and a letter may know better.

    >>> find_language("de-AT,en;q=0.5"), find_language("de", "am"), find_language("ja,fr;q=0.3")
    ('de', 'am', 'fr')
    >>> find_language("ja"), find_language("*"), find_language("", "xx")
    (None, None, None)
    """
    if language in LANGUAGES:
        return language
    return next((tongue for tongue, _ in _wanted(accept_language) if tongue in LANGUAGES), None)


def region_of(locale: str) -> str | None:
    """The country in a locale.

    >>> region_of("en-IE"), region_of("en")
    ('IE', None)
    """
    return locale.partition("-")[2] or None


def _wanted(accept_language: str) -> list[tuple[str, str]]:
    """The languages of a header with their regions, the most wanted first."""
    found: list[tuple[int, str, str]] = []
    for part in accept_language[:_MAX_HEADER].split(","):
        match = _RANGE.fullmatch(part)
        weight = 0 if match is None else _thousandths(match[3])
        if match is not None and weight:
            language = match[1].lower()
            found.append((weight, language, (match[2] or _HOME.get(language, "")).upper()))
    # The sort is stable: what comes first wins among equals.
    return [row[1:] for row in sorted(found, key=lambda row: -row[0])]


def _tag(language: str, region: str) -> str:
    return f"{language}-{region}" if region in REGIONS else language


def _thousandths(quality: str | None) -> int:
    if quality is None:
        return 1000
    whole, _, part = quality.partition(".")
    return min(int(whole) * 1000 + int(f"{part:0<3}"), 1000)
