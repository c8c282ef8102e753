"""The price book over HTTP, for staff: one set of routes for each kind of entry.

Entering checks every field and lists every fault; what an entry must be as a whole is checked by
the pricing room, with the same pointers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta

from surehold.identity.permissions import Permission
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import new_id
from surehold.kernel.money import MAX_MINOR
from surehold.kernel.page import DEFAULT_LIMIT
from surehold.pricing import commands, queries
from surehold.pricing.errors import EntryExists, EntryNotFound
from surehold.pricing.model import (
    Coupon,
    Entry,
    Promotion,
    ShippingMethod,
    ShippingZone,
    SpecialPrice,
    TaxRate,
)
from surehold.pricing.rules import normalize_code
from surehold.web.api.access import actor_of
from surehold.web.api.catalog import Cursor, Limit
from surehold.web.api.fields import Country, CurrencyCode, Line200, Note100
from surehold.web.api.parts import Parts
from surehold.web.api.price_fields import CouponCode
from surehold.web.api.wire import ApiRequest, ApiResponse, answer, read_json, read_query
from surehold.web.errors import Unauthenticated
from surehold.web.openapi import STAFF, describe
from surehold.web.validation import Reader, parse_id

#: Until people have names: whoever knows the staff secret.
_LIST_MAX: Final = 1_000

_INSTANT: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$"


def _instant_fault(text: str) -> tuple[str, str] | None:
    try:
        # The first and the last day of all have no hour in UTC for every offset.
        datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return "invalid_instant", "An instant such as 2026-12-01T00:00:00Z."
    return None


Instant = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=_INSTANT,
        description="RFC 3339, with its offset from UTC.",
        examples=["2026-12-01T00:00:00Z"],
        extra={"check": _instant_fault},
    ),
]
Positive = Annotated[int, Meta(ge=1, le=MAX_MINOR, description="Minor units.")]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Position = Annotated[int, Meta(ge=-(2**31 - 1), le=2**31 - 1)]
Rate = Annotated[str, Meta(max_length=8, pattern=r"^[01](\.[0-9]{1,6})?$", examples=["0.19"])]
TaxClass = Annotated[str, Meta(pattern="^[a-z0-9_-]{1,40}$", examples=["standard"])]
Ids = Annotated[tuple[UUID, ...], Meta(max_length=_LIST_MAX)]
Prefix = Annotated[str, Meta(min_length=1, max_length=20)]


class AmountBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in one currency; of a list, one for each."""

    currency: CurrencyCode
    amount: Annotated[int, Meta(ge=0, le=MAX_MINOR, description="Minor units.")]


Amounts = Annotated[tuple[AmountBody, ...], Meta(max_length=50)]


class PriceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A unit price for a time, or from so many units on; the lowest that applies counts."""

    variant_id: UUID
    currency: CurrencyCode
    amount_minor: Positive
    min_quantity: Count = 1
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    is_active: bool = True


class TaxRateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rate of a class in a country, or in a region of it. Sending has the class `shipping`."""

    country: Country
    rate: Rate
    tax_class: TaxClass = "standard"
    region: Note100 = ""
    is_active: bool = True


class ZoneBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places sent to alike. No countries: everywhere. The closest one counts."""

    name: Line200
    countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()
    regions: Annotated[tuple[Prefix, ...], Meta(max_length=_LIST_MAX)] = ()
    postal_prefixes: Annotated[tuple[Prefix, ...], Meta(max_length=_LIST_MAX)] = ()
    is_active: bool = True


class RateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price from so many grams, minor units or units on."""

    currency: CurrencyCode
    from_value: Annotated[int, Meta(ge=0, le=MAX_MINOR)]
    amount_minor: Annotated[int, Meta(ge=0, le=MAX_MINOR)]


class MethodBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to get the goods in one zone, with a rate for each currency in which it is offered."""

    zone_id: UUID
    code: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,50}$", examples=["express"])]
    name: Line200
    kind: Annotated[str, Meta(pattern="^(delivery|pickup)$")] = "delivery"
    basis: Annotated[str, Meta(pattern="^(weight|price|count)$")] = "count"
    max_value: Positive | None = None
    free_from: Amounts = ()
    position: Position = 0
    rates: Annotated[tuple[RateBody, ...], Meta(max_length=_LIST_MAX)] = ()
    is_active: bool = True


class PromotionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reduction and its conditions.

    `percent` and `buy_x_get_y` have a `rate` (the part that is taken off), `fixed` has `amounts`,
    `buy_x_get_y` both quantities. Without products, categories and variants it is for everything.
    One that `is_first_order` is for a buyer who has paid for no order yet, by e-mail address.
    """

    name: Line200
    effect: Annotated[str, Meta(pattern="^(percent|fixed|free_shipping|buy_x_get_y)$")]
    rate: Rate | None = None
    amounts: Amounts = ()
    buy_quantity: Count | None = None
    get_quantity: Count | None = None
    minimums: Amounts = ()
    product_ids: Ids = ()
    category_ids: Ids = ()
    variant_ids: Ids = ()
    priority: Position = 0
    is_stackable: bool = True
    is_automatic: bool = True
    is_first_order: bool = False
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    is_active: bool = True


class CouponEntryBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code that unlocks a promotion that is not automatic, for so many orders and buyers."""

    promotion_id: UUID
    code: CouponCode
    limit_total: Count | None = None
    limit_per_buyer: Count | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    is_active: bool = True


class EntriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class PriceShape(PriceBody, frozen=True, kw_only=True):
    """A unit price for a time, or from so many units on."""

    id: UUID


class TaxRateShape(TaxRateBody, frozen=True, kw_only=True):
    """The rate of a class in a country, or in a region of it."""

    id: UUID


class ZoneShape(ZoneBody, frozen=True, kw_only=True):
    """Places sent to alike."""

    id: UUID


class MethodShape(MethodBody, frozen=True, kw_only=True):
    """A way to get the goods in one zone."""

    id: UUID


class PromotionShape(PromotionBody, frozen=True, kw_only=True):
    """A reduction and its conditions."""

    id: UUID


class CouponShape(CouponEntryBody, frozen=True, kw_only=True):
    """A code, and how many orders use it now."""

    id: UUID
    used: int


S = TypeVar("S")


class EntryList(msgspec.Struct, Generic[S], frozen=True):
    """One page of entries, the oldest first."""

    items: tuple[S, ...]
    next_cursor: str | None


_ENTRIES: Final = Reader(EntriesQuery)
#: Fields that are amounts by currency.
_BY_CURRENCY: Final = ("amounts", "minimums", "free_from")


def _entry(kind: type[Entry], body: msgspec.Struct, entry_id: UUID) -> Entry:
    """What was sent, as the pricing room knows it.

    Raises:
        InvalidInput: A currency is named twice.
    """
    facts: dict[str, Any] = msgspec.to_builtins(body)
    faults = []
    for name in _BY_CURRENCY:
        rows = facts.get(name, [])
        amounts: dict[str, int] = {}
        for index, row in enumerate(rows):
            if row["currency"] in amounts:
                at = f"/{name}/{index}/currency"
                faults.append(Fault(at, "repeated", "It has an amount already."))
            amounts[row["currency"]] = row["amount"]
        if name in facts:
            facts[name] = amounts
    if faults:
        raise InvalidInput(tuple(faults))
    if "code" in facts and kind is Coupon:
        facts["code"] = normalize_code(facts["code"])
    return msgspec.convert({**facts, "id": str(entry_id)}, kind)


def _shape(shape: type[S], entry: Entry) -> S:
    facts: dict[str, Any] = msgspec.to_builtins(entry)
    for name in _BY_CURRENCY:
        if name in facts:
            facts[name] = [
                {"currency": currency, "amount": amount}
                for currency, amount in sorted(facts[name].items())
            ]
    return msgspec.convert(facts, shape)


def _entry_id(text: str) -> UUID:
    found = parse_id(text)
    if found is None:
        raise EntryNotFound("There is no such entry in the price book.")
    return found


class _Kind(msgspec.Struct, frozen=True):
    """One kind of entry: where it is, what it is called, its types, and one as an example."""

    path: str
    one: str
    many: str
    kind: type[Any]
    body: type[Any]
    shape: type[Any]
    example: dict[str, Any]


def _readers(kind: _Kind) -> tuple[HTTPRouteHandler, ...]:
    @get(
        kind.path,
        opt=describe(
            tag="pricing",
            summary=f"List {kind.many}",
            query=EntriesQuery,
            answer=EntryList[kind.shape],  # type: ignore[name-defined]  # made here
            errors=(Unauthenticated,),
            permission=Permission.PRICING_READ,
            security=(STAFF,),
        ),
    )
    async def list_entries(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
        query = read_query(request, _ENTRIES)
        async with parts.db.connection() as connection:
            page = await queries.list_entries(
                connection, kind.kind, cursor=query.cursor, limit=query.limit
            )
        items = tuple(_shape(kind.shape, row) for row in page.items)
        return answer(EntryList(items, page.next_cursor))

    @get(
        f"{kind.path}/{{entry_id:str}}",
        opt=describe(
            tag="pricing",
            summary=f"Read {kind.one}",
            answer=kind.shape,
            errors=(EntryNotFound, Unauthenticated),
            permission=Permission.PRICING_READ,
            security=(STAFF,),
        ),
    )
    async def get_entry(parts: NamedDependency[Parts], entry_id: FromPath[str]) -> ApiResponse:
        async with parts.db.connection() as connection:
            entry = await queries.get_entry(connection, kind.kind, id=_entry_id(entry_id))
        return answer(_shape(kind.shape, entry))

    return list_entries, get_entry


def _writers(kind: _Kind) -> tuple[HTTPRouteHandler, ...]:
    reader: Reader[Any] = Reader(kind.body)

    @post(
        kind.path,
        opt=describe(
            tag="pricing",
            summary=f"Enter {kind.one}",
            body=kind.body,
            body_example=kind.example,
            answer=kind.shape,
            status=201,
            errors=(EntryExists, Unauthenticated),
            permission=Permission.PRICING_WRITE,
            security=(STAFF,),
        ),
    )
    async def create_entry(request: ApiRequest, parts: NamedDependency[Parts]) -> ApiResponse:
        body, _ = await read_json(request, reader)
        entry = _entry(kind.kind, body, new_id())
        kept = await commands.create_entry(parts.db, entry=entry, actor=actor_of(request).name)
        return answer(_shape(kind.shape, kept), status=201)

    @put(
        f"{kind.path}/{{entry_id:str}}",
        opt=describe(
            tag="pricing",
            summary=f"Change {kind.one}",
            about="The whole entry: what is left out has its default. Promised quotes and placed "
            "orders keep what they were promised.",
            body=kind.body,
            body_example=kind.example,
            answer=kind.shape,
            errors=(EntryExists, EntryNotFound, Unauthenticated),
            permission=Permission.PRICING_WRITE,
            security=(STAFF,),
        ),
    )
    async def change_entry(
        request: ApiRequest, parts: NamedDependency[Parts], entry_id: FromPath[str]
    ) -> ApiResponse:
        body, _ = await read_json(request, reader)
        entry = _entry(kind.kind, body, _entry_id(entry_id))
        kept = await commands.change_entry(parts.db, entry=entry, actor=actor_of(request).name)
        return answer(_shape(kind.shape, kept))

    @delete(
        f"{kind.path}/{{entry_id:str}}",
        status_code=200,
        opt=describe(
            tag="pricing",
            summary=f"Take {kind.one} out of use",
            about="It is kept, inactive. Twice changes nothing.",
            answer=kind.shape,
            errors=(EntryNotFound, Unauthenticated),
            permission=Permission.PRICING_WRITE,
            security=(STAFF,),
        ),
    )
    async def deactivate_entry(
        request: ApiRequest, parts: NamedDependency[Parts], entry_id: FromPath[str]
    ) -> ApiResponse:
        kept = await commands.deactivate_entry(
            parts.db, kind.kind, id=_entry_id(entry_id), actor=actor_of(request).name
        )
        return answer(_shape(kind.shape, kept))

    return create_entry, change_entry, deactivate_entry


_ID: Final = "0192f0c4-7a1e-7c3b-9d52-0b8a4f6e2d10"
_KINDS: Final = (
    _Kind(
        "/pricing/prices",
        "a price for a time or a quantity",
        "prices for a time or a quantity",
        SpecialPrice,
        PriceBody,
        PriceShape,
        {"variant_id": _ID, "currency": "EUR", "amount_minor": 1499, "min_quantity": 3},
    ),
    _Kind(
        "/pricing/tax-rates",
        "a tax rate",
        "tax rates",
        TaxRate,
        TaxRateBody,
        TaxRateShape,
        {"country": "IE", "rate": "0.23"},
    ),
    _Kind(
        "/pricing/shipping-zones",
        "a shipping zone",
        "shipping zones",
        ShippingZone,
        ZoneBody,
        ZoneShape,
        {"name": "Ireland", "countries": ["IE"]},
    ),
    _Kind(
        "/pricing/shipping-methods",
        "a shipping method",
        "shipping methods",
        ShippingMethod,
        MethodBody,
        MethodShape,
        {
            "zone_id": _ID,
            "code": "parcel",
            "name": "Parcel",
            "basis": "weight",
            "free_from": [{"currency": "EUR", "amount": 15000}],
            "rates": [
                {"currency": "EUR", "from_value": 0, "amount_minor": 490},
                {"currency": "EUR", "from_value": 5000, "amount_minor": 990},
            ],
        },
    ),
    _Kind(
        "/pricing/promotions",
        "a promotion",
        "promotions",
        Promotion,
        PromotionBody,
        PromotionShape,
        {"name": "10% off", "effect": "percent", "rate": "0.10", "is_automatic": False},
    ),
    _Kind(
        "/pricing/coupons",
        "a coupon",
        "coupons",
        Coupon,
        CouponEntryBody,
        CouponShape,
        {"promotion_id": _ID, "code": "SPRING-10", "limit_total": 100, "limit_per_buyer": 1},
    ),
)

HANDLERS: Final = tuple(
    handler for kind in _KINDS for handler in (*_readers(kind), *_writers(kind))
)
