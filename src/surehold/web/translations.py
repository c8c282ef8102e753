"""The words of pages in the reader's language, from gettext catalogs that are read as written.

English is the source; ``locales/<language>.po`` has the others, and `make messages` brings them up
to date. Code says ``gettext("Add to cart")`` where it speaks, or ``gettext_noop`` where it keeps a
sentence that a template says later with ``_``. Who reads is known to the request's own context.
"""

from __future__ import annotations

import gettext as catalogs
import io
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES: Final = Path(__file__).with_name("locales")
SOURCE: Final = "en"
#: Every language that pages are written in, as themselves, in the order of the menu.
LANGUAGES: Final = {
    "en": "English",
    "am": "አማርኛ",
    "de": "Deutsch",
    "fr": "Français",
    "hi": "हिन्दी",
}
_reader: ContextVar[str] = ContextVar("surehold_reader", default=SOURCE)


def read_as(locale: str) -> None:
    """From here on, within this request, speak to a reader of this locale."""
    _reader.set(locale)


def reader() -> str:
    """The locale that this request speaks in."""
    return _reader.get()


def language_of(locale: str) -> str:
    """The language of a locale; English when pages are not written in it.

    >>> language_of("de-AT"), language_of("am"), language_of("xx")
    ('de', 'am', 'en')
    """
    language = locale.partition("-")[0]
    return language if language in LANGUAGES else SOURCE


def gettext(message: str, /, **values: Any) -> str:
    """The message in the reader's language, its ``%(name)s`` places filled from ``values``."""
    if not message:
        return ""  # to gettext, the empty message is the head of the catalog
    said = in_language(language_of(_reader.get())).gettext(message)
    return said % values if values else said


def ngettext(one: str, many: str, number: int, /, **values: Any) -> str:
    """The message that fits the number, which also fills ``%(num)s``."""
    said = in_language(language_of(_reader.get())).ngettext(one, many, number)
    return said % {"num": number, **values}


def gettext_noop(message: str) -> str:
    """The message as it is: kept now, said later."""
    return message


@lru_cache(maxsize=16)
def in_language(language: str) -> catalogs.NullTranslations:
    """The catalog of a language; what it lacks is said in English."""
    if language == SOURCE:
        return catalogs.NullTranslations()
    with (LOCALES / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return catalogs.GNUTranslations(compiled)
