"""The demo catalog is whole: what it refers to exists, and what exists is referred to."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "src" / "surehold" / "demo"
IMAGES = DEMO / "images"
MAX_IMAGE_BYTES = 12_000
SVG = "{http://www.w3.org/2000/svg}"
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SKU = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")

CATALOG: dict[str, Any] = tomllib.loads((DEMO / "catalog.toml").read_text(encoding="utf-8"))
PRODUCTS: list[dict[str, Any]] = CATALOG["products"]
VARIANTS = [variant for product in PRODUCTS for variant in product["variants"]]

each_product = pytest.mark.parametrize("product", PRODUCTS, ids=[p["slug"] for p in PRODUCTS])
each_picture = pytest.mark.parametrize("path", sorted(IMAGES.glob("*.svg")), ids=lambda p: p.stem)


def repeated(values: list[str]) -> list[str]:
    """Return the values that occur more than once."""
    return [value for value, count in Counter(values).items() if count > 1]


@pytest.mark.parametrize("kind", ["vendors", "categories", "products"])
def test_slugs_are_unique_and_well_formed(kind: str) -> None:
    slugs = [entry["slug"] for entry in CATALOG[kind]]

    assert repeated(slugs) == []
    assert [slug for slug in slugs if not SLUG.fullmatch(slug)] == []


def test_skus_are_unique_and_upper_case() -> None:
    skus = [variant["sku"] for variant in VARIANTS]

    assert repeated(skus) == []
    assert [sku for sku in skus if not SKU.fullmatch(sku)] == []


def test_every_reference_resolves_and_nothing_is_empty() -> None:
    vendors = {vendor["slug"] for vendor in CATALOG["vendors"]}
    categories = {category["slug"] for category in CATALOG["categories"]}

    assert {product["vendor"] for product in PRODUCTS} == vendors
    assert {slug for product in PRODUCTS for slug in product["categories"]} == categories
    assert {c["parent"] for c in CATALOG["categories"] if "parent" in c} <= categories


def test_category_positions_are_distinct() -> None:
    positions = [category["position"] for category in CATALOG["categories"]]

    assert sorted(positions) == list(range(1, len(positions) + 1))


@each_product
def test_product_has_words(product: dict[str, Any]) -> None:
    sentences = re.findall(r"[.](?: |$)", product["description"])

    assert 1 <= len(product["name"]) <= 64
    assert 1 <= len(product["fact"]) <= 60
    assert 2 <= len(sentences) <= 4
    assert "\n" not in product["description"]
    assert "!" not in product["name"] + product["fact"] + product["description"]
    assert {len(detail) for detail in product["details"]} == {2}


@each_product
def test_variants_answer_every_option_once(product: dict[str, Any]) -> None:
    options = [tuple(variant["options"]) for variant in product["variants"]]

    assert len(product["option_names"]) <= 2
    assert {len(chosen) for chosen in options} == {len(product["option_names"])}
    assert len(set(options)) == len(options)


@each_product
def test_variants_have_whole_positive_prices_in_every_currency(product: dict[str, Any]) -> None:
    for variant in product["variants"]:
        assert sorted(variant["prices"]) == sorted(CATALOG["store"]["currencies"])
        assert [p for p in variant["prices"].values() if type(p) is not int or p <= 0] == []
        assert variant["on_hand"] >= 0
        assert variant["weight_grams"] > 0
        assert variant["low_stock_threshold"] >= 0


def test_catalog_shows_the_cases_the_store_must_handle() -> None:
    stock = {v["sku"]: v["on_hand"] for v in VARIANTS}
    dollars = [v["prices"]["USD"] for v in VARIANTS]
    sold_out = [p["slug"] for p in PRODUCTS if not any(v["on_hand"] for v in p["variants"])]

    assert len(PRODUCTS) >= 44
    assert {len(p["option_names"]) for p in PRODUCTS} == {0, 1, 2}
    assert sum(1 <= count <= 3 for count in stock.values()) >= 8
    assert sum(count == 0 for count in stock.values()) >= 4
    assert sold_out == ["brass-compass"]
    assert stock["SUMMIT-WATCH-LE"] == 20
    assert min(dollars) < 500
    assert max(dollars) > 90_000
    assert max(len(p["name"]) for p in PRODUCTS) >= 58
    assert all(v["prices"]["EUR"] != v["prices"]["USD"] for v in VARIANTS)


def test_pictures_on_disk_are_exactly_those_of_the_catalog() -> None:
    files = [image["file"] for product in PRODUCTS for image in product["images"]]

    assert repeated(files) == []
    assert sorted(files) == sorted(path.name for path in IMAGES.iterdir())
    assert sum(len(product["images"]) >= 2 for product in PRODUCTS) >= 12
    assert all(product["images"] for product in PRODUCTS)


def test_pictures_say_what_they_show() -> None:
    alts = [image["alt"] for product in PRODUCTS for image in product["images"]]

    assert repeated(alts) == []
    assert [alt for alt in alts if not 15 <= len(alt) <= 125] == []


@each_picture
def test_picture_is_self_contained_and_has_the_declared_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own files
    nodes = list(root.iter())
    ids = [node.attrib["id"] for node in nodes if "id" in node.attrib]
    attributes = {name for node in nodes for name in node.attrib}
    links = [node.attrib["href"].removeprefix("#") for node in nodes if "href" in node.attrib]
    paints = re.findall(r"url\(([^)]*)\)", text)

    assert len(text.encode()) < MAX_IMAGE_BYTES
    assert (root.tag, root.attrib["viewBox"]) == (f"{SVG}svg", "0 0 800 1000")
    assert (root.attrib["width"], root.attrib["height"]) == ("800", "1000")
    assert {node.tag for node in nodes} <= {
        SVG + tag
        for tag in (
            *("svg", "title", "defs", "g", "path", "use", "clipPath"),
            *("linearGradient", "radialGradient", "stop"),
            *("filter", "feTurbulence", "feColorMatrix", "feComposite", "feGaussianBlur"),
        )
    }
    assert [name for name in attributes if name == "style" or name.startswith(("on", "{"))] == []
    assert text.count("http") == 1  # the namespace
    assert repeated(ids) == []
    assert {paint.removeprefix("#") for paint in paints} | set(links) == set(ids)


def test_ids_differ_between_pictures() -> None:
    ids = [
        name
        for path in IMAGES.glob("*.svg")
        for name in re.findall(r' id="([^"]*)"', path.read_text(encoding="utf-8"))
    ]

    assert repeated(ids) == []


def test_catalog_declares_the_size_of_its_pictures() -> None:
    sizes = {
        (image["width"], image["height"]) for product in PRODUCTS for image in product["images"]
    }

    assert sizes == {(800, 1000)}


def test_generator_reproduces_the_pictures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.draw_products", str(tmp_path)]

    subprocess.run(command, cwd=ROOT, check=True)

    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in IMAGES.iterdir()}
    assert sorted(drawn) == sorted(kept)
    assert [name for name in drawn if drawn[name] != kept[name]] == []
