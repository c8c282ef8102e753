"""A browser without scripts: it keeps cookies, follows redirects, and sends forms as people do."""

from __future__ import annotations

from fnmatch import fnmatchcase
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2
import msgspec

from tests.sandbox.conftest import CERTIFICATES

MAX_REDIRECTS = 5


class Button(msgspec.Struct):
    """One way to send a form."""

    name: str | None
    value: str
    action: str | None
    text: str = ""


class Form(msgspec.Struct):
    """One form as the page came: where it goes, what it would send, and its buttons."""

    action: str
    method: str
    fields: dict[str, str]
    choices: dict[str, list[str]]
    buttons: list[Button]

    def button(self, text: str = "") -> Button:
        """The button with these words, or the first; a form without any is sent with Enter."""
        if not text and not self.buttons:
            return Button(None, "", None)
        for button in self.buttons:
            if text in button.text:
                return button
        raise AssertionError(f"no button {text!r} among {[row.text for row in self.buttons]}")


class _Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.headings: list[str] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._area: str | None = None
        self._button: Button | None = None
        self._link: str | None = None
        self._skipped: str | None = None
        self._is_heading = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style", "template"}:
            self._skipped = tag
        elif tag == "form":
            method = given.get("method", "get")
            self._form = Form(given.get("action", ""), method, {}, {}, [])
            self.forms.append(self._form)
        elif tag == "a":
            self._link = given.get("href", "")
            self.links.setdefault("", self._link)
        elif tag == "h1":
            self._is_heading = True
            self.headings.append("")
        if self._form is not None:
            self._read_control(tag, given)

    def _read_control(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name = given.get("name", "")
        if tag == "input" and name:
            kind, value = given.get("type", "text"), given.get("value", "")
            if kind in {"radio", "checkbox"}:
                self._form.choices.setdefault(name, []).append(value)
                if "checked" not in given:
                    return
            self._form.fields[name] = value
        elif tag == "textarea":
            self._area = name
            self._form.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self._form.choices.setdefault(self._select, []).append(given.get("value", ""))
            if "selected" in given or self._select not in self._form.fields:
                self._form.fields[self._select] = given.get("value", "")
        elif tag == "button" and given.get("type", "submit") == "submit":
            button = Button(given.get("name"), given.get("value", ""), given.get("formaction"))
            self._form.buttons.append(button)
            self._button = button

    def handle_endtag(self, tag: str) -> None:
        if tag == self._skipped:
            self._skipped = None
        elif tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None
        elif tag == "button":
            self._button = None
        elif tag == "a":
            self._link = None
        elif tag == "h1":
            self._is_heading = False

    def handle_data(self, data: str) -> None:
        if self._skipped is not None:
            return
        self.words.append(data)
        if self._form is not None and self._area is not None:
            self._form.fields[self._area] += data
        if self._button is not None:
            self._button.text += data
        if self._link is not None and data.strip():
            self.links.setdefault(data.strip(), self._link)
        if self._is_heading:
            self.headings[-1] += data


class Page:
    """One answer, read."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.url = str(response.url)
        self.path = urlsplit(self.url).path
        self.html = response.text
        reader = _Reader(self.html)
        self.forms = reader.forms
        self.links = reader.links
        self.headings = [" ".join(row.split()) for row in reader.headings]
        self.text = " ".join(" ".join(reader.words).split())

    @property
    def heading(self) -> str:
        """Its only first heading."""
        assert len(self.headings) == 1, self.headings
        return self.headings[0]

    def form(self, action: str, *, button: str = "") -> Form:
        """The form that goes to an address (``*`` stands for any part of it), with this button."""
        for form in self.forms:
            is_meant = not button or any(button in row.text for row in form.buttons)
            if is_meant and fnmatchcase(form.action, action):
                return form
        raise AssertionError(f"no form to {action} among {[row.action for row in self.forms]}")


class Browser:
    """One visitor. ``app`` answers at ``base_url`` without a network; others over loopback."""

    def __init__(
        self, app: Any, *, base_url: str = "http://shop.test", is_served: bool = False
    ) -> None:
        mounts = {} if is_served else {base_url: httpx2.ASGITransport(app=app)}
        self.base_url = base_url
        self.client = httpx2.AsyncClient(
            mounts=mounts,
            verify=CERTIFICATES,
            trust_env=False,
            timeout=15,
            headers={"accept": "text/html", "accept-language": "en-IE"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    def cookie(self, name: str) -> str | None:
        """What the browser keeps under a name."""
        return next((row.value for row in self.client.cookies.jar if row.name == name), None)

    async def get(self, url: str, **headers: str) -> Page:
        """Open an address and follow where it leads."""
        return await self._follow("GET", urljoin(self.base_url, url), None, headers)

    async def post(self, url: str, fields: dict[str, str] | None = None, **headers: str) -> Page:
        """Send fields, whatever the page offered."""
        return await self._follow("POST", urljoin(self.base_url, url), fields or {}, headers)

    async def submit(
        self,
        page: Page,
        action: str,
        values: dict[str, str] | None = None,
        *,
        button: str = "",
    ) -> Page:
        """Fill in a form of a page and press one of its buttons."""
        form = page.form(action, button=button)
        pressed = form.button(button)
        values = values or {}
        unknown = set(values) - set(form.fields) - set(form.choices)
        assert not unknown, f"the form has no field {unknown}"
        fields = form.fields | values
        if pressed.name:
            fields[pressed.name] = pressed.value
        target = urljoin(page.url, pressed.action or form.action)
        if form.method.lower() == "get":
            return await self.get(f"{target}?{urlencode(fields)}")
        return await self._follow("POST", target, fields, {})

    async def _follow(
        self, method: str, url: str, fields: dict[str, str] | None, headers: dict[str, str]
    ) -> Page:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.request(method, url, data=fields, headers=sent)
        for _ in range(MAX_REDIRECTS):
            if response.status_code != 303:
                return Page(response)
            url = urljoin(url, response.headers["location"])
            response = await self.client.get(url, headers=sent)
        raise AssertionError(f"still redirecting at {url}")
