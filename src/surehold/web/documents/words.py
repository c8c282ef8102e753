"""The words of documents, from gettext catalogs that are read as they are written.

English is the source; ``locales/<language>.po`` has the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from babel.messages.pofile import read_po

LOCALES: Final = Path(__file__).with_name("locales")
SOURCE: Final = "en"
#: Every language that documents are written in.
LANGUAGES: Final = (SOURCE, *sorted(path.stem for path in LOCALES.glob("*.po")))

Words = Callable[[str], str]


def language_of(tag: str) -> str:
    """The language that is nearest to a tag; English when there is no catalog of it.

    >>> language_of("de-AT"), language_of("xx")
    ('de', 'en')
    """
    language = tag.split("-", 1)[0].lower()
    return language if language in LANGUAGES else SOURCE


def words_in(language: str) -> Words:
    """How to say a message in a language; what its catalog lacks is said in English."""
    catalog = _catalog(language)
    return lambda message: catalog.get(message, message)


@lru_cache(maxsize=16)
def _catalog(language: str) -> Mapping[str, str]:
    if language == SOURCE:
        return MappingProxyType({})
    with (LOCALES / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language, abort_invalid=True)
    return MappingProxyType(
        {
            str(message.id): str(message.string)
            for message in catalog
            if message.id and message.string and not message.fuzzy
        }
    )
