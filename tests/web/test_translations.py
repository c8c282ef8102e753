"""No words in templates but through gettext, and catalogs that say all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from babel.messages.pofile import read_po

from surehold.web import assets, templating
from surehold.web.translations import (
    LANGUAGES,
    LOCALES,
    SOURCE,
    gettext,
    in_language,
    ngettext,
    read_as,
)
from tools import write_messages

ENVIRONMENT = templating.build_environment(assets.AssetIndex().url)
OTHERS = [language for language in LANGUAGES if language != SOURCE]
#: Pages of the workshop, which only developers see.
WORKSHOP = {"gallery.html", "api_docs.html"}
TEMPLATES = sorted(
    path.relative_to(templating.FOLDER).as_posix()
    for path in templating.FOLDER.rglob("*.html")
    if path.name not in WORKSHOP
)
#: Attributes that somebody reads or hears.
READ = {"aria-label", "alt", "placeholder", "title", "label", "aria-description"}
WORD = re.compile(r"[^\W\d_]{2,}")
SENTENCE = re.compile(r"[A-Z][a-z]+\b|[a-z]+ [a-z]+")
#: The classes of a body, which a block hands to the base.
NOT_READ = {"store flow"}
SAYERS = {"_", "gettext", "ngettext"}


class _Words(HTMLParser):
    """The texts of a page that somebody reads, without what only programs read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.found += [value for name, value in attrs if name in READ and value]

    def handle_data(self, data: str) -> None:
        if self._tag not in {"script", "style"}:
            self.found.append(data.strip())


def is_sentence(text: str) -> bool:
    """Not an address, a file, or a name that programs give."""
    return SENTENCE.match(text) is not None and "/" not in text and "." not in text.rstrip(".")


def bare_words(name: str) -> Iterator[str]:
    """What a template says by itself: texts around the code, and sentences inside of it."""
    environment: jinja2.Environment = ENVIRONMENT
    source = (templating.FOLDER / name).read_text("utf-8")
    html, depth, said_at, is_trans, previous = "", 0, 0, False, ""
    for _, kind, value in environment.lex(source):
        if kind == "data" and not is_trans:
            html += value
        elif kind == "name" and value in {"trans", "endtrans"}:
            is_trans = value == "trans"
        elif kind == "operator" and value in {"(", ")"}:
            depth += 1 if value == "(" else -1
            if value == "(" and previous in SAYERS and not said_at:
                said_at = depth
            if depth < said_at:
                said_at = 0
        elif kind == "string" and not said_at and is_sentence(value[1:-1]):
            yield value
        if kind != "whitespace":
            previous = value
    words = _Words()
    words.feed(html)
    yield from (text for text in words.found if WORD.search(text) and text not in NOT_READ)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_no_words_of_its_own(name: str) -> None:
    assert list(bare_words(name)) == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalog_says_exactly_what_is_said(language: str) -> None:
    path = LOCALES / f"{language}.po"
    with path.open("rb") as file:
        rows = [row for row in read_po(file, locale=language, abort_invalid=True) if row.id]

    assert path.read_text("utf-8") == write_messages.updated(language), "run `make messages`"
    for row in rows:
        sources = row.id if isinstance(row.id, tuple) else (row.id,)
        texts = row.string if isinstance(row.string, tuple) else (row.string,)
        for text in texts:
            assert text, row.id
            # In an attribute it would end the value: a translation is trusted as markup.
            assert ('"' in text) == ('"' in sources[-1]), row.id
            assert text == text.strip(), row.id
            assert _places(text) == _places(sources[-1]), row.id
            assert sorted(re.findall(r"</?\w+", text)) == sorted(
                re.findall(r"</?\w+", sources[-1])
            ), row.id


def _places(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s", text))


def test_the_reader_is_known_to_the_request() -> None:
    read_as("xx")
    assert gettext("Not said in any catalog") == "Not said in any catalog"
    assert ngettext("%(num)s day", "%(num)s days", 2) == "2 days"
    assert Path(LOCALES).is_dir()


def test_what_a_catalog_lacks_is_said_in_english() -> None:
    assert in_language("de").gettext("Not said in any catalog") == "Not said in any catalog"
