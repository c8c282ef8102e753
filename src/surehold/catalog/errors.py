"""The catalog room's failures.

DomainError
├── ProductNotFound     404
├── VariantNotFound     404
├── CategoryNotFound    404
├── VendorNotFound      404
├── SlugTaken           409
└── SkuTaken            409
"""

from __future__ import annotations

from collections.abc import Sequence

from surehold.kernel.errors import DomainError, Kind


class ProductNotFound(DomainError):
    """No such product is for sale."""

    kind = Kind.NOT_FOUND
    code = "product_not_found"
    title = "No such product"


class VariantNotFound(DomainError):
    """No such variant, sold or not."""

    kind = Kind.NOT_FOUND
    code = "variant_not_found"
    title = "No such variant"


class CategoryNotFound(DomainError):
    """No such category."""

    kind = Kind.NOT_FOUND
    code = "category_not_found"
    title = "No such category"


class VendorNotFound(DomainError):
    """No such vendor."""

    kind = Kind.NOT_FOUND
    code = "vendor_not_found"
    title = "No such vendor"


class SlugTaken(DomainError):
    """Another vendor, category or product of the store has this slug. Nothing was added.

    Facts: ``slugs``.
    """

    kind = Kind.CONFLICT
    code = "slug_taken"
    title = "This slug is taken"

    def __init__(self, slugs: Sequence[str]) -> None:
        super().__init__(f"Taken already: {', '.join(slugs)}.", slugs=list(slugs))
        self.slugs = tuple(slugs)


class SkuTaken(DomainError):
    """Another variant of the store has this stock code. Nothing was added.

    Facts: ``skus``.
    """

    kind = Kind.CONFLICT
    code = "sku_taken"
    title = "This stock code is taken"

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(f"Taken already: {', '.join(skus)}.", skus=list(skus))
        self.skus = tuple(skus)
