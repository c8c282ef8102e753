"""Reading the catalog: products with their stock, categories, vendors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from surehold.catalog import queries as catalog
from surehold.catalog.errors import CategoryNotFound, ProductNotFound, VendorNotFound
from surehold.catalog.model import (
    Category,
    CategoryLink,
    Image,
    ProductDetail,
    ProductSummary,
    Variant,
)
from surehold.inventory import queries as inventory
from surehold.kernel.ids import ProductId, VariantId, VendorId
from surehold.kernel.money import MAX_MINOR, Money
from surehold.kernel.page import DEFAULT_LIMIT, MAX_LIMIT
from surehold.web.api.fields import CurrencyCode
from surehold.web.api.parts import Parts
from surehold.web.api.wire import REVALIDATE, ApiRequest, ApiResponse, answer, read_query
from surehold.web.assets import MEDIA_PREFIX
from surehold.web.openapi import describe
from surehold.web.validation import Reader, is_clean, parse_id

Slug = Annotated[str, Meta(min_length=1, max_length=inventory.MAX_SLUG)]
Price = Annotated[int, Meta(ge=0, le=MAX_MINOR)]
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="Items of one page.")]
Cursor = Annotated[
    str, Meta(min_length=1, max_length=1000, description="The next_cursor of the page before.")
]

_HEADERS: Final[Mapping[str, str]] = {"cache-control": REVALIDATE}


class ImageShape(msgspec.Struct, frozen=True):
    """A picture: where it is, what is seen on it, its size in pixels."""

    url: str
    alt: str
    width: int
    height: int


class VendorLink(msgspec.Struct, frozen=True):
    """A vendor as a product names it."""

    slug: str
    name: str


class VariantShape(msgspec.Struct, frozen=True):
    """One thing that is sold. ``price`` is null when it is not for sale in the currency."""

    id: VariantId
    sku: str
    name: str
    options: tuple[str, ...]
    price: Money | None
    available: int
    weight_grams: int


class ProductCard(msgspec.Struct, frozen=True):
    """One product of a list, at its lowest and highest price."""

    id: ProductId
    slug: str
    name: str
    fact: str
    vendor: VendorLink
    image: ImageShape | None
    price_from: Money
    price_to: Money
    currency: str
    available: int
    variants: tuple[VariantShape, ...]


class CategoryFacet(msgspec.Struct, frozen=True):
    """How many products the list would show in a category, those of its children included."""

    slug: str
    name: str
    parent: str | None
    count: int


class Facets(msgspec.Struct, frozen=True):
    """How the whole list divides."""

    categories: tuple[CategoryFacet, ...]


class ProductList(msgspec.Struct, frozen=True):
    """One page of products. ``total`` and ``facets`` come when they are asked for."""

    items: tuple[ProductCard, ...]
    next_cursor: str | None
    total: int | msgspec.UnsetType = msgspec.UNSET
    facets: Facets | msgspec.UnsetType = msgspec.UNSET


class DetailShape(msgspec.Struct, frozen=True):
    """One line of a product's facts."""

    name: str
    value: str


class ProductShape(msgspec.Struct, frozen=True):
    """All that is said of one product, with the prices of one currency."""

    id: ProductId
    slug: str
    name: str
    fact: str
    description: str
    details: tuple[DetailShape, ...]
    option_names: tuple[str, ...]
    currency: str
    vendor_id: VendorId
    vendor: VendorLink
    images: tuple[ImageShape, ...]
    categories: tuple[CategoryLink, ...]
    variants: tuple[VariantShape, ...]


class CategoryShape(msgspec.Struct, frozen=True):
    """A shelf of the store."""

    slug: str
    name: str
    description: str
    parent: str | None


class CategoryList(msgspec.Struct, frozen=True):
    """Every category, in the order in which the store shows them."""

    items: tuple[CategoryShape, ...]
    next_cursor: str | None = None


class VendorShape(msgspec.Struct, frozen=True):
    """Who makes or sends products."""

    id: VendorId
    slug: str
    name: str
    description: str


class VendorList(msgspec.Struct, frozen=True):
    """Every vendor, by name."""

    items: tuple[VendorShape, ...]
    next_cursor: str | None = None


class ProductsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which products, in which order."""

    search: (
        Annotated[
            str,
            Meta(
                max_length=inventory.MAX_SEARCH,
                description="Every word must occur; the last one may be unfinished.",
            ),
        ]
        | None
    ) = None
    category: (
        Annotated[Slug, Meta(description="A category's slug; its children are included.")] | None
    ) = None
    vendor: Annotated[Slug, Meta(description="A vendor's slug.")] | None = None
    in_stock: bool = False
    min_price: Annotated[Price, Meta(description="Minor units.")] | None = None
    max_price: Annotated[Price, Meta(description="Minor units.")] | None = None
    sort: Literal["newest", "price", "-price", "name", "relevance"] | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT
    currency: CurrencyCode | None = None
    facets: bool = False


class CurrencyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices of which currency; unset: the store's first."""

    currency: CurrencyCode | None = None


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


_PRODUCTS_QUERY: Final = Reader(ProductsQuery)
_CURRENCY_QUERY: Final = Reader(CurrencyQuery)
_NO_QUERY: Final = Reader(NoQuery)


def image_shape(image: Image) -> ImageShape:
    """A picture for the wire."""
    return ImageShape(MEDIA_PREFIX + image.file, image.alt, image.width, image.height)


def _variant(
    variant: Variant, product_name: str, currency: str, available: Mapping[VariantId, int]
) -> VariantShape:
    return VariantShape(
        id=variant.id,
        sku=variant.sku,
        name=" / ".join(variant.options) or product_name,
        options=variant.options,
        price=None if variant.price_minor is None else Money(variant.price_minor, currency),
        available=available.get(variant.id, 0),
        weight_grams=variant.weight_grams,
    )


def _card(
    product: ProductSummary, variants: tuple[Variant, ...], available: Mapping[VariantId, int]
) -> ProductCard:
    currency = product.currency
    return ProductCard(
        id=product.id,
        slug=product.slug,
        name=product.name,
        fact=product.fact,
        vendor=VendorLink(product.vendor_slug, product.vendor_name),
        image=image_shape(product.image) if product.image else None,
        price_from=Money(product.price_from_minor, currency),
        price_to=Money(product.price_to_minor, currency),
        currency=currency,
        available=product.available,
        variants=tuple(
            _variant(variant, product.name, currency, available) for variant in variants
        ),
    )


def _product(product: ProductDetail, available: Mapping[VariantId, int]) -> ProductShape:
    currency = product.currency
    return ProductShape(
        id=product.id,
        slug=product.slug,
        name=product.name,
        fact=product.fact,
        description=product.description,
        details=tuple(DetailShape(name, value) for name, value in product.details),
        option_names=product.option_names,
        currency=currency,
        vendor_id=product.vendor_id,
        vendor=VendorLink(product.vendor_slug, product.vendor_name),
        images=tuple(image_shape(image) for image in product.images),
        categories=product.categories,
        variants=tuple(
            _variant(variant, product.name, currency, available) for variant in product.variants
        ),
    )


def _category(category: Category) -> CategoryShape:
    return CategoryShape(category.slug, category.name, category.description, category.parent_slug)


@get(
    "/products",
    opt=describe(
        tag="catalog",
        summary="List and search products",
        about="Sorted by relevance when there is a search, else the newest first. "
        "`facets=true` adds how many products there are in all, and in each category.",
        query=ProductsQuery,
        answer=ProductList,
    ),
)
async def list_products(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """The products that are for sale in a currency."""
    query = read_query(request, _PRODUCTS_QUERY)
    currency = query.currency or parts.config.default_currency
    sort = query.sort or (inventory.RELEVANCE if query.search else inventory.NEWEST)
    total: int | msgspec.UnsetType = msgspec.UNSET
    facets: Facets | msgspec.UnsetType = msgspec.UNSET
    async with parts.db.connection() as connection:
        page = await inventory.list_shelf(
            connection,
            currency=currency,
            search=query.search,
            category=query.category,
            in_stock=query.in_stock,
            vendor=query.vendor,
            min_price_minor=query.min_price,
            max_price_minor=query.max_price,
            sort=sort,
            cursor=query.cursor,
            limit=query.limit,
        )
        variants = await catalog.list_variants(
            connection, product_ids=[product.id for product in page.items], currency=currency
        )
        available = await inventory.available(
            connection, [variant.id for rows in variants.values() for variant in rows]
        )
        if query.facets:
            total = await parts.counts.total(
                connection,
                currency=currency,
                search=query.search,
                category=query.category,
                in_stock=query.in_stock,
                vendor=query.vendor,
                min_price_minor=query.min_price,
                max_price_minor=query.max_price,
            )
            counts = await parts.counts.categories(
                connection,
                currency=currency,
                search=query.search,
                in_stock=query.in_stock,
                vendor=query.vendor,
                min_price_minor=query.min_price,
                max_price_minor=query.max_price,
            )
            facets = Facets(
                tuple(
                    CategoryFacet(row.slug, row.name, row.parent_slug, row.count) for row in counts
                )
            )
    shape = ProductList(
        tuple(_card(product, variants.get(product.id, ()), available) for product in page.items),
        page.next_cursor,
        total,
        facets,
    )
    return answer(shape, headers=_HEADERS)


@get(
    "/products/{product:str}",
    opt=describe(
        tag="catalog",
        summary="Read one product",
        about="By its id or its slug.",
        query=CurrencyQuery,
        answer=ProductShape,
        errors=(ProductNotFound,),
    ),
)
async def get_product(
    request: ApiRequest, parts: NamedDependency[Parts], product: FromPath[str]
) -> ApiResponse:
    """One product with its variants, their prices and what is available of each."""
    query = read_query(request, _CURRENCY_QUERY)
    currency = query.currency or parts.config.default_currency
    product_id = parse_id(product)
    if not is_clean(product) or len(product) > inventory.MAX_SLUG:
        raise ProductNotFound("There is no such product.")
    async with parts.db.connection() as connection:
        found = await catalog.get_product(
            connection,
            currency=currency,
            slug=product if product_id is None else None,
            id=None if product_id is None else ProductId(product_id),
        )
        available = await inventory.available(
            connection, [variant.id for variant in found.variants]
        )
    return answer(_product(found, available), headers=_HEADERS)


@get(
    "/categories",
    opt=describe(tag="catalog", summary="List categories", query=NoQuery, answer=CategoryList),
)
async def list_categories(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Every category."""
    read_query(request, _NO_QUERY)
    async with parts.db.connection() as connection:
        found = await catalog.list_categories(connection)
    return answer(CategoryList(tuple(_category(row) for row in found)), headers=_HEADERS)


@get(
    "/categories/{slug:str}",
    opt=describe(
        tag="catalog",
        summary="Read one category",
        answer=CategoryShape,
        errors=(CategoryNotFound,),
    ),
)
async def get_category(parts: NamedDependency[Parts], slug: FromPath[str]) -> ApiResponse:
    """One category."""
    _check_slug(slug, CategoryNotFound("There is no such category."))
    async with parts.db.connection() as connection:
        found = await catalog.get_category(connection, slug=slug)
    return answer(_category(found), headers=_HEADERS)


@get(
    "/vendors",
    opt=describe(tag="catalog", summary="List vendors", query=NoQuery, answer=VendorList),
)
async def list_vendors(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
    """Every vendor."""
    read_query(request, _NO_QUERY)
    async with parts.db.connection() as connection:
        found = await catalog.list_vendors(connection)
    shapes = tuple(VendorShape(row.id, row.slug, row.name, row.description) for row in found)
    return answer(VendorList(shapes), headers=_HEADERS)


@get(
    "/vendors/{slug:str}",
    opt=describe(
        tag="catalog", summary="Read one vendor", answer=VendorShape, errors=(VendorNotFound,)
    ),
)
async def get_vendor(parts: NamedDependency[Parts], slug: FromPath[str]) -> ApiResponse:
    """One vendor."""
    _check_slug(slug, VendorNotFound("There is no such vendor."))
    async with parts.db.connection() as connection:
        found = await catalog.get_vendor(connection, slug=slug)
    return answer(
        VendorShape(found.id, found.slug, found.name, found.description), headers=_HEADERS
    )


def _check_slug(slug: str, otherwise: CategoryNotFound | VendorNotFound) -> None:
    if not is_clean(slug) or len(slug) > inventory.MAX_SLUG:
        raise otherwise


HANDLERS: Final = (
    list_products,
    get_product,
    list_categories,
    get_category,
    list_vendors,
    get_vendor,
)
