"""What the catalog knows of a thing that can be bought."""

from __future__ import annotations

import enum

import msgspec

from surehold.kernel.csv_table import CellProblem
from surehold.kernel.ids import CategoryId, ProductId, VariantId, VendorId


class ProductStatus(enum.Enum):
    """Buyers see ``active`` products only."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class Sellable(msgspec.Struct, frozen=True):
    """One variant that is for sale, at its price in one currency (minor units)."""

    variant_id: VariantId
    product_id: ProductId
    vendor_id: VendorId
    slug: str
    sku: str
    name: str
    options: list[str]
    image: str | None
    currency: str
    price_minor: int
    weight_grams: int = 0
    tax_class: str = "standard"


class Vendor(msgspec.Struct, frozen=True):
    """Who makes or sends a product."""

    id: VendorId
    slug: str
    name: str
    description: str


class Category(msgspec.Struct, frozen=True):
    """A shelf of the store. ``parent_slug`` is empty on the top shelves."""

    id: CategoryId
    slug: str
    name: str
    description: str
    position: int
    parent_slug: str | None


class CategoryLink(msgspec.Struct, frozen=True):
    """A category as a product names it."""

    slug: str
    name: str


class Image(msgspec.Struct, frozen=True):
    """A picture: its file among the store's media, what is seen on it, its size in pixels."""

    file: str
    alt: str
    width: int
    height: int


class Variant(msgspec.Struct, frozen=True):
    """One thing that is sold; ``options`` answer the product's ``option_names`` in order.

    ``price_minor`` is ``None`` when it is not for sale in the currency that was asked for.
    """

    id: VariantId
    sku: str
    options: tuple[str, ...]
    price_minor: int | None
    weight_grams: int


class ProductDetail(msgspec.Struct, frozen=True):
    """All that is said of one product, with the prices of one currency."""

    id: ProductId
    slug: str
    name: str
    fact: str
    description: str
    details: tuple[tuple[str, str], ...]
    option_names: tuple[str, ...]
    currency: str
    vendor_id: VendorId
    vendor_slug: str
    vendor_name: str
    images: tuple[Image, ...]
    categories: tuple[CategoryLink, ...]
    variants: tuple[Variant, ...]


class ProductSummary(msgspec.Struct, frozen=True):
    """One product in a listing, at its lowest and highest price in one currency.

    ``available`` counts the units of every variant that is for sale in that currency, at every
    location. Listings are made by the inventory room (``inventory.queries.list_shelf``), which
    may read both.
    """

    id: ProductId
    slug: str
    name: str
    fact: str
    vendor_slug: str
    vendor_name: str
    image: Image | None
    price_from_minor: int
    price_to_minor: int
    currency: str
    available: int


class CategoryCount(msgspec.Struct, frozen=True):
    """How many products a listing would show in a category, those of its children included."""

    slug: str
    name: str
    parent_slug: str | None
    count: int


class FacetCount(msgspec.Struct, frozen=True):
    """How many products a listing would show with one filter more, or with another one.

    ``facet`` is all (without a category), here (as it is), in_stock, category, vendor or option;
    ``name`` is an option's, ``value`` what to filter by, ``parent`` the category above.
    """

    facet: str
    name: str
    value: str
    label: str
    parent: str | None
    count: int
    position: int


class CatalogCounts(msgspec.Struct, frozen=True):
    """How much there is of everything, drafts and archived products included."""

    vendors: int
    categories: int
    products: int
    variants: int


class NewVariant(msgspec.Struct, frozen=True):
    """A variant to add. ``prices`` are minor units by currency."""

    sku: str
    prices: dict[str, int]
    options: tuple[str, ...] = ()
    weight_grams: int = 0
    is_active: bool = True
    tax_class: str = "standard"


class NewProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product to add, with everything that belongs to it."""

    slug: str
    name: str
    vendor_id: VendorId
    variants: tuple[NewVariant, ...]
    category_ids: tuple[CategoryId, ...] = ()
    fact: str = ""
    description: str = ""
    details: tuple[tuple[str, str], ...] = ()
    option_names: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    status: ProductStatus = ProductStatus.ACTIVE


class AddedProduct(msgspec.Struct, frozen=True):
    """What was added; ``variant_ids`` in the order of the new product's variants."""

    product_id: ProductId
    variant_ids: tuple[VariantId, ...]


class StoredVariant(msgspec.Struct, frozen=True):
    """A variant as it stands, for whoever changes it. ``prices`` are minor units by currency."""

    id: VariantId
    sku: str
    position: int
    options: tuple[str, ...]
    weight_grams: int
    is_active: bool
    prices: dict[str, int]
    tax_class: str = "standard"


class StoredProduct(msgspec.Struct, frozen=True):
    """A product as it stands, for whoever changes it; every variant, sold or not, in order."""

    id: ProductId
    slug: str
    name: str
    vendor_slug: str
    status: ProductStatus
    fact: str
    description: str
    option_names: tuple[str, ...]
    category_slugs: tuple[str, ...]
    variants: tuple[StoredVariant, ...]


class ChangedVariant(msgspec.Struct, frozen=True):
    """What a variant of a known product becomes; its stock code stays."""

    id: VariantId
    options: tuple[str, ...]
    weight_grams: int
    is_active: bool
    prices: dict[str, int]
    tax_class: str = "standard"


class ChangedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """What a known product becomes. Variants that are not named stay as they are."""

    id: ProductId
    name: str
    vendor_id: VendorId
    status: ProductStatus
    fact: str
    description: str
    option_names: tuple[str, ...]
    category_ids: tuple[CategoryId, ...]
    variants: tuple[ChangedVariant, ...] = ()
    #: Variants to add, each with its position.
    new_variants: tuple[tuple[int, NewVariant], ...] = ()


class ImportChange(msgspec.Struct, frozen=True):
    """One thing that an import does: a cell that becomes another, or something new.

    ``kind`` is product_created, variant_created or changed; only the last has a column.
    """

    row: int
    product: str
    sku: str | None
    kind: str
    column: str | None = None
    before: str | None = None
    after: str | None = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do. ``changes`` and ``problems`` list the first thousand."""

    is_dry_run: bool
    row_count: int
    products_created: int = 0
    products_changed: int = 0
    products_unchanged: int = 0
    variants_created: int = 0
    variants_changed: int = 0
    change_count: int = 0
    changes: tuple[ImportChange, ...] = ()
    problem_count: int = 0
    problems: tuple[CellProblem, ...] = ()
