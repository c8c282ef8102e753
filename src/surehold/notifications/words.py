"""Words of mails, from catalogs: one file per language in ``texts``. Pure."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any, Final
from uuid import UUID

from jinja2 import Environment, PackageLoader, StrictUndefined

from surehold.notifications.model import Mail

_TEXTS: Final = resources.files("surehold.notifications") / "texts"
SOURCE: Final = "en"
#: Every language that mails are written in.
LANGUAGES: Final = frozenset(file.name.removesuffix(".toml") for file in _TEXTS.iterdir())
_environment: Final = Environment(
    loader=PackageLoader("surehold.notifications"), autoescape=True, undefined=StrictUndefined
)


def language_of(wanted: str) -> str:
    """The language that a reader of this one is written to in; English when mails have no such.

    >>> language_of("fr"), language_of("de-AT"), language_of("xx")
    ('fr', 'de', 'en')
    """
    language = wanted.partition("-")[0]
    return language if language in LANGUAGES else SOURCE


@lru_cache(maxsize=8)
def catalog(language: str) -> dict[str, Any]:
    """Everything that mails say in one of ``LANGUAGES``."""
    return tomllib.loads((_TEXTS / f"{language}.toml").read_text("utf-8"))


def write_mail(
    mail_id: UUID,
    kind: str,
    *,
    to: str,
    address: str | None,
    name: str,
    language: str,
    stop_address: str | None = None,
    **facts: str,
) -> Mail:
    """A mail of one kind in the words of a language. ``address`` is where its link leads.

    ``stop_address`` is where letters end that nobody has to get.
    """
    language = language_of(language)
    texts = catalog(language)
    own = texts[kind]
    put = {"name": name, **facts}
    greeting = texts["greeting"] if name else texts["greeting_without_name"]
    said = {
        "subject": _line(own["subject"].format(**put)),
        "greeting": greeting.format(**put),
        "paragraphs": [paragraph.format(**put) for paragraph in own["paragraphs"]],
        "closing": texts["closing"].format(**put),
        "link": own.get("link", ""),
        "link_hint": texts["link_hint"],
        "address": address,
        "stop": texts["stop"],
        "stop_address": stop_address,
    }
    html = _environment.get_template("mail.html").render(language=language, **said)
    parts = [said["greeting"], *said["paragraphs"]]
    if address is not None:
        lead = texts["link_in_text"].format(link=said["link"])
        parts.append(f"{lead}\n{address}")
    parts.append(said["closing"])
    if stop_address is not None:
        parts.append(f"{said['stop']}\n{stop_address}")
    text = "\n\n".join(parts) + "\n"
    return Mail(mail_id, kind, to, said["subject"], text, html)


def _line(text: str) -> str:
    """One line: a header takes no more. No-break spaces stay what they are."""
    return " ".join(text.splitlines())
