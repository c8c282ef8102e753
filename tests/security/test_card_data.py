"""No card's data come here: nothing asks for them or keeps them, and every script is known."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import asyncpg
import pytest

from surehold.web import assets, templating
from surehold.web.storefront.account.samples import account_samples
from surehold.web.storefront.samples import Sample, samples

SAMPLES = (*samples(), *account_samples())
PAYING = [row for row in SAMPLES if row.template in {"store/checkout.html", "store/pay.html"}]
ENVIRONMENT = templating.build_environment(assets.AssetIndex().url)
PAGE = Path(__file__).parents[2] / "docs" / "security.md"
_LISTED = re.compile(r"^\| `((?:js|vendor)/[\w.-]+\.js)` \|", re.MULTILINE)
_HASHED = re.compile(r"^/assets/(.+)\.[0-9a-f]{8}(\.\w+)$")
#: How columns are called that hold a card's number, its end, or the code on its back.
_OF_A_CARD = re.compile(
    r"(^|_)(pan|cvc|cvv|csc|card_number|expiry|exp_month|exp_year|track\d?)($|_)"
)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: set[str] = set()
        self.fields: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            found = _HASHED.fullmatch(given.get("src") or "")
            assert found, attrs
            self.scripts.add(found[1] + found[2])
        if tag in {"input", "select", "textarea"}:
            self.fields.append(f"{given.get('name')} {given.get('autocomplete')}".lower())


def read(sample: Sample) -> _Reader:
    reader = _Reader()
    reader.feed(
        ENVIRONMENT.get_template(sample.template).render(
            page=sample.shell, view=sample.view, csrf_token="a-token"
        )
    )
    return reader


def test_every_script_of_the_checkout_and_the_payment_is_listed() -> None:
    loaded = set().union(*(read(sample).scripts for sample in PAYING))

    assert loaded == set(_LISTED.findall(PAGE.read_text("utf-8")))


@pytest.mark.parametrize("name", [sample.name for sample in SAMPLES])
def test_no_page_asks_for_a_card(name: str) -> None:
    sample = next(row for row in SAMPLES if row.name == name)

    assert [field for field in read(sample).fields if "cc-" in field] == []
    assert [row for row in read(sample).fields if _OF_A_CARD.search(row.split()[0])] == []


async def test_no_column_is_for_a_card(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        columns = await connection.fetch(
            """SELECT table_name || '.' || column_name AS name, column_name
                 FROM information_schema.columns
                WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"""
        )
    finally:
        await connection.close()

    assert len(columns) > 500
    assert [row["name"] for row in columns if _OF_A_CARD.search(row["column_name"])] == []
