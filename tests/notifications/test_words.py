"""The same letters in every language: to the paragraph, the link and the place in a sentence."""

from __future__ import annotations

import string
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import Any, Final

import pytest

from surehold.identity.model import LetterKind
from surehold.kernel.ids import new_id
from surehold.notifications.mailers import message_of
from surehold.notifications.model import Mail
from surehold.notifications.words import LANGUAGES, catalog, write_mail
from surehold.web import translations

KINDS: Final = (*(kind.value for kind in LetterKind), "back_in_stock")
ADDRESS: Final = "http://shop.test/account/sign-in?token=Vn0yO2&x=1"
STOP: Final = "http://shop.test/alerts/stop?token=abc"
#: Who is meant, and a product, as nobody should be called.
FACTS: Final = {
    "name": "<b>Zoë & {0}",
    "store": "Northline",
    "new_email": "new@example.com",
    "product": "Lamp <i>, “Größe” 5",
}


class _Reader(HTMLParser):
    """What a mail program shows of an HTML mail, piece by piece, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.language: str | None = None
        self.pieces: list[str] = []
        self.links: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.language = dict(attrs)["lang"]
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.pieces.append(" ".join(data.split()))


def a_mail(kind: str, language: str, **facts: str) -> Mail:
    has_link = "link" in catalog("en")[kind]
    return write_mail(
        new_id(),
        kind,
        to="mara@example.com",
        address=ADDRESS if has_link else None,
        language=language,
        stop_address=STOP if kind == "back_in_stock" else None,
        **(FACTS | facts),
    )


def shape(entry: Any) -> Any:
    """What must be the same in every language: names, how many of them, and the places."""
    if isinstance(entry, dict):
        return {key: shape(value) for key, value in entry.items()}
    if isinstance(entry, list):
        return [shape(value) for value in entry]
    assert entry == entry.strip() != ""
    return sorted({name for _, name, *_ in string.Formatter().parse(entry) if name is not None})


def test_mails_are_written_in_the_languages_of_the_pages() -> None:
    assert set(LANGUAGES) == set(translations.LANGUAGES)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_says_the_same_letters(language: str) -> None:
    words, english = catalog(language), catalog("en")

    assert shape(words) == shape(english)
    assert {key for key, value in words.items() if isinstance(value, dict)} == set(KINDS)
    if language != "en":
        same = [kind for kind in KINDS if words[kind]["subject"] == english[kind]["subject"]]
        assert same == [], "not translated"


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_text_and_html_say_the_same(language: str) -> None:
    words = catalog(language)
    for kind in KINDS:
        mail = a_mail(kind, language)
        shown = _Reader(mail.html)
        lines = [" ".join(line.split()) for line in mail.text.splitlines() if line.strip()]
        button, links = words[kind].get("link"), []
        if button is not None:
            # Without buttons it leads to the address; HTML has both, in case one does not work.
            at = lines.index(ADDRESS)
            assert lines[at - 1] == " ".join(words["link_in_text"].format(link=button).split())
            lines[at - 1 : at] = [button, " ".join(words["link_hint"].split())]
            links.append(ADDRESS)
        if STOP in lines:
            assert lines.pop() == STOP
            links.append(STOP)

        assert shown.pieces == [" ".join(mail.subject.split()), *lines]
        assert shown.links == links
        assert shown.language == language
        assert " ".join(words["greeting"].format(**FACTS).split()) == lines[0]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_subject_is_one_line_and_arrives_as_it_is(language: str) -> None:
    mail = a_mail("back_in_stock", language, product="Lamp\r\nBcc: eve@example.com, “Größe” 5")
    message = message_from_bytes(
        message_of(mail, sender="Northline <hello@northline.example>").as_bytes(),
        policy=policy.default,
    )

    assert "Lamp Bcc: eve@example.com, “Größe” 5" in mail.subject
    assert mail.subject.splitlines() == [mail.subject]
    assert ("\N{NO-BREAK SPACE}" in mail.subject) == (language == "fr")
    assert message["Subject"] == mail.subject
    assert message["Bcc"] is None


@pytest.mark.parametrize(
    ("asked", "greeting", "written"),
    [
        ("de-AT", "Guten Tag,", "de"),
        ("am", "ሰላም፣", "am"),
        ("xx", "Hello,", "en"),
        ("pt-BR", "Hello,", "en"),
        ("../en", "Hello,", "en"),
    ],
)
def test_a_language_that_mails_have_not_is_english(
    asked: str, greeting: str, written: str
) -> None:
    mail = write_mail(
        new_id(),
        "password_changed",
        to="a@b.test",
        address=None,
        name="",
        language=asked,
        store="Northline",
    )

    assert mail.text.startswith(f"{greeting}\n\n")
    assert f'<html lang="{written}">' in mail.html
