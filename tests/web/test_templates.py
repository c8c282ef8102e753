"""Every page in every state renders, works without scripts, and breaks no rule of the policy."""

from __future__ import annotations

import itertools
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from surehold.web import assets, templating
from surehold.web.storefront import samples
from surehold.web.storefront.account.samples import account_samples
from surehold.web.storefront.views import PayState, Theme

SAMPLES = (*samples.samples(), *account_samples())
PAGES = {sample.name: sample for sample in SAMPLES}
BLOCKS = {
    "store/home.html": "results",
    "store/category.html": "results",
    "store/search.html": "results",
    "store/product.html": "buy",
    "store/cart.html": "cart",
    "store/cart_added.html": "drawer",
    "store/checkout.html": "checkout",
    "store/pay.html": "payment",
    "store/order.html": "tracking",
    "store/track.html": "lookup",
    "store/return_new.html": "form",
}
#: The one place outside to which a form of ours leads: a provider's own page.
PROVIDER = "https://bank.example/pay"
VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "use"})
ENVIRONMENT = templating.build_environment(assets.AssetIndex().url)


class Element(msgspec.Struct):
    """One start tag: its name, attributes, and the names of the elements around it."""

    tag: str
    attributes: dict[str, str | None]
    around: tuple[str, ...]
    form: int


class Page(HTMLParser):
    """The elements of a page, with its nesting checked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self._forms = 0
        self.feed(html)
        if self._open:
            self.faults.append(f"never closed: {self._open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self._forms += 1
            if "form" in self._open:
                self.faults.append("a form inside a form")
        form = self._forms if "form" in self._open or tag == "form" else 0
        self.elements.append(Element(tag, dict(attrs), tuple(self._open), form))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-3:]}")
            return
        self._open.pop()

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]


@cache
def render(name: str, theme: Theme = Theme.LIGHT) -> str:
    sample = PAGES[name]
    shell = msgspec.structs.replace(sample.shell, theme=theme)
    return templating.render_page(
        ENVIRONMENT, sample.template, page=shell, view=sample.view, csrf_token="token-1"
    )


@cache
def read(html: str) -> Page:
    """A page is drawn and read once for all that is asked of it."""
    return Page(html)


@pytest.fixture(params=sorted(PAGES))
def html(request: pytest.FixtureRequest) -> str:
    return render(str(request.param))


def test_tags_are_closed_in_order(html: str) -> None:
    assert read(html).faults == []


def test_one_main_one_heading_one_title(html: str) -> None:
    page = read(html)

    assert len(page.all("main")) == 1
    assert len(page.all("h1")) == 1
    assert len([element for element in page.all("title") if "head" in element.around]) == 1


def test_headings_skip_no_level(html: str) -> None:
    levels = [
        int(element.tag[1])
        for element in read(html).all("h1", "h2", "h3", "h4")
        if "main" in element.around
    ]

    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


def test_ids_are_unique(html: str) -> None:
    ids = [value for element in read(html).elements if (value := element.attributes.get("id"))]

    assert [value for value in set(ids) if ids.count(value) > 1] == []


def test_nothing_breaks_the_content_policy(html: str) -> None:
    page = read(html)

    for element in page.elements:
        assert "style" not in element.attributes, element
        assert not [name for name in element.attributes if name.startswith(("on", "hx-on"))], (
            element
        )
        assert not [
            value
            for value in element.attributes.values()
            if value and value.strip().startswith(("js:", "javascript:"))
        ]
    assert page.all("style", "base", "iframe") == []
    for element in page.all("script"):
        assert (element.attributes.get("src") or "").startswith("/assets/"), element
    assert not re.search(r"<script[^>]*>[^<]", html)
    for element in page.all("img", "link", "script"):
        address = element.attributes.get("src") or element.attributes.get("href") or ""
        assert address.startswith(("/assets/", "/media/")), element


def _is_ours(form: Element) -> bool:
    return (form.attributes.get("action") or "").startswith("/")


def test_every_form_works_without_scripts(html: str) -> None:
    page = read(html)

    for element in page.all("form"):
        assert element.attributes.get("method") in ("get", "post"), element
        assert _is_ours(element) or element.attributes.get("action") == PROVIDER, element
    for number, form in enumerate(page.all("form"), start=1):
        inside = [element for element in page.elements if element.form == number]
        fields = [element.attributes.get("name") for element in inside if element.tag == "input"]
        is_proven = form.attributes["method"] == "post" and _is_ours(form)
        assert ("csrf_token" in fields) == is_proven, form
        submits = [
            e
            for e in inside
            if e.tag == "button" and e.attributes.get("type", "submit") == "submit"
        ]
        is_search = form.attributes.get("role") == "search"
        assert submits or is_search, form


def test_htmx_only_quickens_what_works_anyway(html: str) -> None:
    for element in read(html).elements:
        if "hx-get" in element.attributes and element.tag == "a":
            assert element.attributes["href"] == element.attributes["hx-get"]
        if "hx-post" in element.attributes and element.tag == "form":
            assert element.attributes["action"] == element.attributes["hx-post"]
        if "hx-post" in element.attributes and element.tag != "form":
            assert element.form, element


def test_every_field_has_a_label(html: str) -> None:
    page = read(html)
    labeled = {element.attributes.get("for") for element in page.all("label")}

    for element in page.all("input", "select", "textarea"):
        if element.attributes.get("type") in ("hidden", "submit"):
            continue
        has_label = (
            element.attributes.get("id") in labeled
            or "label" in element.around
            or "aria-label" in element.attributes
        )
        assert has_label, element


def test_every_reference_finds_its_target(html: str) -> None:
    page = read(html)
    ids = {element.attributes.get("id") for element in page.elements}

    for element in page.elements:
        for name in ("aria-describedby", "aria-labelledby", "for", "form"):
            for target in (element.attributes.get(name) or "").split():
                assert target in ids, (name, target)
        address = element.attributes.get("href") or ""
        if element.tag == "a" and address.startswith("#"):
            assert address[1:] in ids, address


def test_every_picture_has_words_and_a_size(html: str) -> None:
    for element in read(html).all("img"):
        assert "alt" in element.attributes, element
        assert element.attributes.get("width"), element
        assert element.attributes.get("height"), element


def test_buttons_and_links_have_names(html: str) -> None:
    for tag, inner in re.findall(r"<(a|button)\b([^>]*>.*?)</\1>", html, re.DOTALL):
        attributes, _, content = inner.partition(">")
        if 'aria-hidden="true"' in attributes:
            continue
        words = re.sub(r"<[^>]+>", "", content).strip()
        assert words or "aria-label=" in attributes or re.search(r'alt="[^"]+"', content), (
            tag,
            inner[:120],
        )


def test_words_stay_calm(html: str) -> None:
    text = re.sub(r"<[^>]+>", " ", html).lower()

    assert "oops" not in text
    assert "!" not in text.replace("<!doctype", "")
    assert "hurry" not in text
    assert "none" not in re.sub(r"\s+", " ", text).split()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_block_for_htmx_renders_alone(name: str) -> None:
    sample = PAGES[name]
    if sample.template not in BLOCKS:
        return
    shell = msgspec.structs.replace(sample.shell, is_fragment=True)

    html = templating.render_block(
        ENVIRONMENT,
        sample.template,
        BLOCKS[sample.template],
        page=shell,
        view=sample.view,
        csrf_token="token-1",
    )

    assert "<html" not in html
    assert html.strip()


@pytest.mark.parametrize(
    ("theme", "shown"), [(Theme.LIGHT, False), (Theme.DARK, True), (Theme.SYSTEM, False)]
)
def test_theme_is_rendered_by_the_server(theme: Theme, shown: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    tag = render("home", theme).split(">", 2)[1]

    assert (' class="dark"' in tag) is shown
    assert f'data-theme="{theme.value}"' in tag


def test_every_payment_state_has_a_sample() -> None:
    shown = {sample.view.state for sample in SAMPLES if sample.template == "store/pay.html"}

    assert shown == set(PayState)


@pytest.mark.parametrize(
    "state",
    [
        "pending",
        "unknown",
        "review",
        "late-refunded",
        "canceled",
        "paid",
        "late-confirmed",
        "cash",
    ],
)
def test_no_pay_button_while_money_may_be_moving_or_all_is_settled(state: str) -> None:
    html = render(f"pay-{state}")

    assert 'action="/orders/SH-10482/pay"' not in html


@pytest.mark.parametrize("state", ["pending", "unknown"])
def test_the_clock_is_hidden_while_a_payment_is_being_confirmed(state: str) -> None:
    html = render(f"pay-{state}")

    assert "<hold-timer" not in html
    assert 'hx-trigger="load delay:' in html
    assert '<noscript><meta http-equiv="refresh"' in html


@pytest.mark.parametrize("state", ["declined", "provider-down", "hold-ended"])
def test_a_failure_says_that_nothing_was_taken(state: str) -> None:
    html = render(f"pay-{state}")

    assert "No money was taken." in html or "Nothing was charged." in html


def test_unknown_is_called_neither_failed_nor_paid() -> None:
    main = re.sub(
        r"<[^>]+>", " ", render("pay-unknown").partition("<main")[2].partition("</main>")[0]
    ).lower()

    assert "failed" not in main
    assert "declined" not in main
    assert not re.search(r"\bpaid\b", main)


def test_the_checkout_asks_at_most_eight_text_fields_and_one_country() -> None:
    page = read(render("checkout"))
    fields = [e for e in page.all("input") if e.attributes.get("type") in ("text", "email", "tel")]
    # The codes of a gift card and a coupon are brought along, not asked for, and folded away.
    brought = [e for e in fields if e.attributes["name"] in {"gift_card", "coupon"}]
    assert ["details" in e.around for e in brought] == [True, True]
    fields = [e for e in fields if e not in brought]

    assert len(fields) <= 8
    assert len(page.all("select")) == 1
    assert all(e.attributes.get("autocomplete") for e in fields)


def test_the_total_stands_on_the_button() -> None:
    assert re.search(
        r"<button[^>]*>.*?Pay <span class=\"money\">€118\.40</span>", render("checkout"), re.DOTALL
    )


def test_typed_text_is_escaped() -> None:
    view = msgspec.structs.replace(
        samples.catalog(), query='"><script>x</script>', cards=(), total_count=0
    )

    html = templating.render_page(
        ENVIRONMENT,
        "store/search.html",
        page=samples.shell(query="<b>"),
        view=view,
        csrf_token="t",
    )

    assert "<script>x" not in html
    assert 'value="&lt;b&gt;"' in html


def test_a_payment_by_form_goes_where_the_provider_says_with_what_it_wants() -> None:
    page = read(render("pay-redirect-by-form"))
    (form,) = [e for e in page.all("form") if e.attributes["action"] == PROVIDER]
    fields = [
        (e.attributes["name"], e.attributes["value"])
        for e in page.all("input")
        if e.form == form.form
    ]

    assert form.attributes["method"] == "post"
    # Nothing of ours goes along: the proof that a form is ours is nobody else's business.
    assert fields == [("reference", "SH-10482"), ("note", 'a "quoted" <note>')]


def test_every_template_is_shown_by_a_sample() -> None:
    pages = {
        path.relative_to(templating.FOLDER).as_posix()
        for path in Path(templating.FOLDER, "store").rglob("*.html")
    }

    assert {name for name in pages if not name.endswith("_base.html")} == {
        sample.template for sample in SAMPLES
    }


def test_the_api_reference_names_its_document_and_no_other_host() -> None:
    html = templating.render_page(
        ENVIRONMENT, "api_docs.html", store_name="Northline", openapi_url="/api/openapi.json"
    )

    assert 'data-url="/api/openapi.json"' in html
    assert "//" not in html.replace("<!doctype html>", "")
    assert not re.search(r"<script[^>]*>[^<]", html)
