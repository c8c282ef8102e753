"""What the whole program promises about security: looked for in its source and its document."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.house.source import ROOT, sources
from tests.support.api import Api

PAGE: Final = ROOT / "docs" / "security.md"
#: Who opens connections to elsewhere, and where to: nowhere that a request could name.
OUTBOUND: Final = {
    "payments/providers/http.py": "addresses of providers, out of settings",
    "sandbox/webhooks.py": "the pretend bank, which production refuses to start with",
    "notifications/mailers.py": "the mail server of the settings",
    "cli/demo.py": "the demo, on this machine",
    "db/embedded/server.py": "PostgreSQL, on this machine",
    "server.py": "listens",
}
_OPENS: Final = re.compile(
    r"httpx2\.(?:Async)?Client\(|HTTPS?Connection\(|urlopen\(|create_connection\(|open_connection\("
    r"|socket\.socket\(|aiosmtplib\.(?:SMTP|send)|smtplib\.SMTP|\baiohttp\."
)
#: Fields of requests whose name sounds like an address of the network, and what they are.
ADDRESS_LIKE: Final[dict[str, str]] = {}
_SOUNDS: Final = re.compile(
    r"ur[li]|link|href|callback|webhook|redirect|host|domain|return_to|next"
)
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_L8_nothing_that_a_request_says_is_an_address_to_open() -> None:
    opening = {source.path for source in sources() if _OPENS.search(source_text(source.path))}

    assert opening == set(OUTBOUND)


def source_text(path: str) -> str:
    return (ROOT / "src" / "surehold" / path).read_text(encoding="utf-8")


async def test_L8_no_body_has_a_field_for_an_address_of_the_network(api: Api) -> None:
    document = (await api.get("/api/openapi.json")).body
    bodies: set[str] = set()
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "requestBody" in operation:
                bodies |= fields_of(operation["requestBody"], document, set())

    assert len(bodies) > 100
    assert {name for name in bodies if _SOUNDS.search(name)} == set(ADDRESS_LIKE)


def fields_of(node: Any, document: Any, seen: set[str]) -> set[str]:
    """Every name of a property, however deep."""
    found: set[str] = set()
    if isinstance(node, list):
        for part in node:
            found |= fields_of(part, document, seen)
    elif isinstance(node, dict):
        name = str(node.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            found |= fields_of(document["components"]["schemas"][name], document, seen)
        found |= set(node.get("properties", {}))
        for key, part in node.items():
            if key != "example":
                found |= fields_of(part, document, seen)
    return found


def test_each_test_that_the_page_names_is_there() -> None:
    named = _TEST.findall(PAGE.read_text("utf-8"))

    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or name not in functions_of(ROOT / path)
    ]
    assert missing == []


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_document_is_read_as_it_is_written() -> None:
    document = {"components": {"schemas": {"A": {"properties": {"url": {}}}}}}
    node = msgspec.json.decode(b'{"content": {"x": {"schema": {"$ref": "#/c/A"}}}}')

    assert fields_of(node, document, set()) == {"url"}
