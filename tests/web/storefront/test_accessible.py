"""axe finds nothing on any page, and the HTML of every state of every page is valid."""

from __future__ import annotations

from functools import cache

import html5lib
import pytest

from surehold.web import assets, templating
from surehold.web.storefront.account.samples import account_samples
from surehold.web.storefront.samples import samples
from tests.web.storefront.conftest import Served
from tests.web.storefront.test_real_browser import open_page
from tests.web.storefront.test_real_browser import pytestmark as in_a_browser
from tools.inspect_pages import inspect

SAMPLES = {sample.name: sample for sample in (*samples(), *account_samples())}
ENVIRONMENT = templating.build_environment(assets.AssetIndex().url)


@cache
def rendered(name: str) -> str:
    sample = SAMPLES[name]
    return ENVIRONMENT.get_template(sample.template).render(
        page=sample.shell, view=sample.view, csrf_token="a-token"
    )


def richest() -> list[str]:
    """Of each template the state that has the most to say."""
    found: dict[str, str] = {}
    for name, sample in SAMPLES.items():
        kept = found.get(sample.template)
        if kept is None or len(rendered(name)) > len(rendered(kept)):
            found[sample.template] = name
    return list(found.values())


class TestInABrowser:
    pytestmark = in_a_browser

    async def test_axe_finds_nothing(self, served: Served) -> None:
        async with open_page(served, has_scripts=True) as (page, _):
            assert await inspect(page, richest(), themes=("light",), widths=(1280,)) == []
            assert await inspect(page, richest()[::3], themes=("dark",), widths=(390,)) == []


@pytest.mark.parametrize("name", SAMPLES)
def test_html_is_valid(name: str) -> None:
    parser = html5lib.HTMLParser()

    parser.parse(rendered(name))

    assert parser.errors == []
