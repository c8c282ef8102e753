"""What may enter the catalog. Pure: every fault of a product is found, not the first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from surehold.catalog.model import Image, NewProduct, NewVariant
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.money import is_currency

MAX_NAME: Final = 200
MAX_FACT: Final = 200
MAX_TEXT: Final = 20_000
MAX_DETAILS: Final = 50
MAX_OPTIONS: Final = 5
MAX_VARIANTS: Final = 200
MAX_IMAGES: Final = 30
MAX_CATEGORIES: Final = 30
MAX_PIXELS: Final = 20_000
MAX_WEIGHT_GRAMS: Final = 10_000_000
MAX_POSITION: Final = 1_000_000

#: A full cart of the dearest things still fits PostgreSQL's ``bigint``, tax included.
MAX_PRICE_MINOR: Final = 10**12

_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_SLUG: Final = 100
_TAX_CLASS: Final = re.compile(r"[a-z0-9_-]{1,40}")
_SKU: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def check_entry(*, slug: str, name: str, description: str, position: int = 0) -> None:
    """What a vendor and a category have in common.

    Raises:
        InvalidInput: Lists every fault.
    """
    faults = [
        *_slug_faults("/slug", slug),
        *_text_faults("/name", name, limit=MAX_NAME, is_required=True),
        *_text_faults("/description", description, limit=MAX_TEXT),
        *_range_faults("/position", position, lowest=-MAX_POSITION, highest=MAX_POSITION),
    ]
    if faults:
        raise InvalidInput(tuple(faults))


def check_products(products: Sequence[NewProduct]) -> None:
    """Products as a batch; pointers begin with the product's index.

    Raises:
        InvalidInput: Lists every fault of every product.
    """
    faults = [
        fault
        for index, product in enumerate(products)
        for fault in product_faults(product, at=f"/{index}")
    ]
    faults += _repeated("", [product.slug for product in products], name="slug")
    skus = [variant.sku for product in products for variant in product.variants]
    faults += _repeated("", skus, name="sku")
    if faults:
        raise InvalidInput(tuple(faults))


def product_faults(product: NewProduct, *, at: str = "") -> list[Fault]:
    """Every fault of one product."""
    return [
        *_slug_faults(f"{at}/slug", product.slug),
        *_text_faults(f"{at}/name", product.name, limit=MAX_NAME, is_required=True),
        *_text_faults(f"{at}/fact", product.fact, limit=MAX_FACT),
        *_text_faults(f"{at}/description", product.description, limit=MAX_TEXT),
        *_count_faults(f"{at}/details", len(product.details), most=MAX_DETAILS),
        *_count_faults(f"{at}/option_names", len(product.option_names), most=MAX_OPTIONS),
        *_count_faults(f"{at}/images", len(product.images), most=MAX_IMAGES),
        *_count_faults(f"{at}/category_ids", len(product.category_ids), most=MAX_CATEGORIES),
        *_count_faults(f"{at}/variants", len(product.variants), most=MAX_VARIANTS, least=1),
        *_detail_faults(f"{at}/details", product.details),
        *_option_name_faults(f"{at}/option_names", product.option_names),
        *_repeated(f"{at}/category_ids", [str(row) for row in product.category_ids], name="id"),
        *(
            fault
            for index, image in enumerate(product.images)
            for fault in _image_faults(f"{at}/images/{index}", image)
        ),
        *_variants_faults(f"{at}/variants", product),
    ]


def _variants_faults(at: str, product: NewProduct) -> Iterator[Fault]:
    for index, variant in enumerate(product.variants):
        yield from _variant_faults(f"{at}/{index}", variant, count=len(product.option_names))
    yield from _repeated(at, [variant.sku for variant in product.variants], name="sku")
    options = Counter(variant.options for variant in product.variants)
    for chosen, times in options.items():
        if times > 1:
            named = " / ".join(chosen) or "no options"
            yield Fault(at, "repeated_options", f"{times} variants have {named}.")


def _variant_faults(at: str, variant: NewVariant, *, count: int) -> Iterator[Fault]:
    if not _SKU.fullmatch(variant.sku):
        yield Fault(
            f"{at}/sku",
            "invalid_sku",
            "A stock code is 1 to 64 letters, digits and . _ / - between them.",
        )
    if len(variant.options) != count:
        yield Fault(
            f"{at}/options",
            "options_mismatch",
            f"{count} options are named, {len(variant.options)} are chosen.",
        )
    for index, option in enumerate(variant.options):
        yield from _text_faults(f"{at}/options/{index}", option, limit=MAX_NAME, is_required=True)
    if not variant.prices:
        yield Fault(f"{at}/prices", "required", "At least one price is required.")
    for currency, amount_minor in variant.prices.items():
        if not is_currency(currency):
            yield Fault(f"{at}/prices", "invalid_currency", f"{currency!r} is not a currency.")
        yield from _range_faults(
            f"{at}/prices/{currency}", amount_minor, lowest=1, highest=MAX_PRICE_MINOR
        )
    yield from _range_faults(
        f"{at}/weight_grams", variant.weight_grams, lowest=0, highest=MAX_WEIGHT_GRAMS
    )
    if not _TAX_CLASS.fullmatch(variant.tax_class):
        yield Fault(
            f"{at}/tax_class", "invalid_tax_class", "A tax class is 1 to 40 of a-z, 0-9, _ and -."
        )


def _image_faults(at: str, image: Image) -> Iterator[Fault]:
    if not _FILE.fullmatch(image.file):
        yield Fault(
            f"{at}/file", "invalid_file", "A file name has letters, digits and . _ - only."
        )
    yield from _text_faults(f"{at}/alt", image.alt, limit=MAX_NAME)
    yield from _range_faults(f"{at}/width", image.width, lowest=1, highest=MAX_PIXELS)
    yield from _range_faults(f"{at}/height", image.height, lowest=1, highest=MAX_PIXELS)


def _detail_faults(at: str, details: Sequence[tuple[str, str]]) -> Iterator[Fault]:
    for index, (label, text) in enumerate(details):
        yield from _text_faults(f"{at}/{index}/0", label, limit=MAX_NAME, is_required=True)
        yield from _text_faults(f"{at}/{index}/1", text, limit=MAX_TEXT, is_required=True)


def _option_name_faults(at: str, names: Sequence[str]) -> Iterator[Fault]:
    for index, name in enumerate(names):
        yield from _text_faults(f"{at}/{index}", name, limit=MAX_NAME, is_required=True)
    yield from _repeated(at, names, name="option")


def _slug_faults(at: str, slug: str) -> Iterator[Fault]:
    if len(slug) > _MAX_SLUG or not _SLUG.fullmatch(slug):
        yield Fault(
            at, "invalid_slug", "A slug is words of a-z and 0-9, joined by -, 100 letters at most."
        )


def _text_faults(at: str, text: str, *, limit: int, is_required: bool = False) -> Iterator[Fault]:
    if is_required and not text.strip():
        yield Fault(at, "required", "This is required.")
    if len(text) > limit:
        yield Fault(at, "too_long", f"At most {limit} characters.")
    if "\0" in text or not _is_storable(text):
        yield Fault(at, "invalid_text", "It contains characters that cannot be stored.")


def _is_storable(text: str) -> bool:
    """Half of a surrogate pair is no character, and PostgreSQL stores UTF-8 only."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _range_faults(at: str, value: int, *, lowest: int, highest: int) -> Iterator[Fault]:
    if not lowest <= value <= highest:
        yield Fault(at, "out_of_range", f"A whole number from {lowest} to {highest}.")


def _count_faults(at: str, count: int, *, most: int, least: int = 0) -> Iterator[Fault]:
    if not least <= count <= most:
        yield Fault(at, "wrong_count", f"From {least} to {most} of them.")


def _repeated(at: str, values: Sequence[str], *, name: str) -> Iterator[Fault]:
    for value, times in Counter(values).items():
        if times > 1:
            yield Fault(at, f"repeated_{name}", f"{value} occurs {times} times.")
