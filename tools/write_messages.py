"""Bring the catalogs of the pages' words up to date with what templates and code say.

New messages come in without a translation, changed ones too, and what nobody says any more goes.
A test fails while a catalog lacks a translation.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from surehold.web.translations import LANGUAGES, LOCALES, SOURCE

WEB: Final = LOCALES.parent
#: Who says a message: the names of functions, and which arguments are the message.
KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "Status": (1,),
}
_READERS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
_OPTIONS: Final = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
_LEFT_OUT: Final = ("assets", "documents", "api")


def said() -> Catalog:
    """Every message of the pages, with the files that say it."""
    catalog = Catalog()
    for file, message, comments in sorted(_found(), key=lambda row: (row[0], str(row[1]))):
        catalog.add(message, locations=[(file, 0)], auto_comments=comments)
    return catalog


def _found() -> Iterator[tuple[str, str | tuple[str, ...], list[str]]]:
    rows = extract_from_dir(
        WEB,
        _READERS,
        _OPTIONS,
        keywords=KEYWORDS,
        comment_tags=("Translators:",),
        directory_filter=lambda folder: Path(folder).name not in _LEFT_OUT,
    )
    for file, _, message, comments, _ in rows:
        yield file, message, comments


def updated(language: str) -> str:
    """The text of a catalog with exactly what is said now."""
    path = LOCALES / f"{language}.po"
    kept = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            kept = read_po(file, locale=language, abort_invalid=True)
    kept.update(said(), no_fuzzy_matching=True)
    kept.obsolete.clear()
    for message in kept:
        message.user_comments.clear()  # the line at the top, which is read as the first message's
    text = io.BytesIO()
    write_po(text, kept, width=100, omit_header=True, include_lineno=False, sort_by_file=True)
    return (
        f"# {LANGUAGES[language]}: the words of the store's pages.\n\n{text.getvalue().decode()}"
    )


def main() -> int:
    """Write every catalog, and say what waits for its translation."""
    for language in LANGUAGES:
        if language == SOURCE:
            continue
        path = LOCALES / f"{language}.po"
        path.write_text(updated(language), encoding="utf-8")
        with path.open("rb") as file:
            rows = [row for row in read_po(file, locale=language) if row.id]
        waiting = sum(not _is_said(row.string) for row in rows)
        print(f"{path.name}: {len(rows)} messages, {waiting} to translate")
    return 0


def _is_said(text: str | tuple[str, ...] | list[str]) -> bool:
    return bool(text) if isinstance(text, str) else all(text)


if __name__ == "__main__":
    sys.exit(main())
