"""One store to buy in, made by its seed, and what it promises to whom: looked up by hand here."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import msgspec

from surehold.catalog import commands as catalog
from surehold.catalog.model import NewProduct, NewVariant, ProductStatus
from surehold.db import Database, shop
from surehold.inventory import commands as inventory
from surehold.kernel.ids import (
    CouponId,
    PromotionId,
    ShippingMethodId,
    ShippingZoneId,
    SpecialPriceId,
    TaxRateId,
    VariantId,
    new_id,
)
from surehold.orders.model import Address
from surehold.pricing import commands as pricing
from surehold.pricing.model import (
    Coupon,
    Effect,
    Entry,
    MethodKind,
    Promotion,
    RateBasis,
    ShippingMethod,
    ShippingRate,
    ShippingZone,
    SpecialPrice,
    TaxRate,
)
from tests.builders.catalog import a_category, a_location, a_vendor

#: Digits after the point: 2, 0 and 3. What 100 cents are about worth in each.
CURRENCIES: Final = {"EUR": 100, "JPY": 160, "KWD": 330}
VARIANTS: Final = 40
PLACES: Final = ("main", "annex", "depot")
CLASSES: Final = ("standard", "reduced", "zero", "books")
HOME: Final = "DE"
#: By country and region, then by class. A class without a rate has the standard one.
TAXES: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("DE", ""): {"standard": "0.19", "reduced": "0.07", "zero": "0", "shipping": "0.19"},
    ("FR", ""): {"standard": "0.2", "reduced": "0.055", "shipping": "0.1"},
    ("IE", ""): {"standard": "0.23", "reduced": "0.135"},
    ("JP", ""): {"standard": "0.1", "reduced": "0.08"},
    ("KW", ""): {"standard": "0"},
    ("US", ""): {"standard": "0"},
    ("US", "CA"): {"standard": "0.0725", "books": "0.086254"},
}
ADDRESSES: Final = (
    Address("Ada Kern", "Lange Gasse 1", "Berlin", "DE", postal_code="10115"),
    Address("Bo Roux", "4 rue Haute", "Lyon", "FR", postal_code="69001"),
    Address("Cleo Walsh", "12 Quay Street", "Galway", "IE", postal_code="H91 X2KP"),
    Address("Dan Mori", "2-1 Marunouchi", "Tokyo", "JP", region="13", postal_code="100-0005"),
    Address("Eva Saleh", "Block 3", "Kuwait City", "KW"),
    Address("Flo Reyes", "9 Pine St", "Oakland", "US", region="CA", postal_code="94607"),
    Address("Gus Hale", "8 Elm St", "Albany", "US", region="NY", postal_code="12203"),
)
#: Valid ids, and whether the buyer owes the tax when goods go to another country of the union.
VAT_IDS: Final = {"FR40303265045": True, "DE136695976": False}
UNION: Final = frozenset({"FR", "IE"})
COUPONS: Final = ("TENTH", "ONCE", "SENT", "ALL", "NO-SUCH")
#: The zone of a country; all others are the world.
ZONES: Final = {"DE": "home", "FR": "union", "IE": "union"}
WORLD: Final = "world"
_EARLIER, _LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)


class Way(msgspec.Struct, frozen=True):
    """A way to get the goods: steps of (from, cents), and what is free from so many cents."""

    code: str
    basis: RateBasis
    steps: tuple[tuple[int, int], ...]
    free_from: int | None = None
    max_value: int | None = None
    kind: MethodKind = MethodKind.DELIVERY


WAYS: Final[Mapping[str, tuple[Way, ...]]] = {
    "home": (
        Way("standard", RateBasis.WEIGHT, ((0, 490), (2_000, 795), (10_000, 1_499)), 30_000),
        Way("express", RateBasis.PRICE, ((0, 1_290), (10_000, 990), (50_000, 0))),
        Way("pickup", RateBasis.COUNT, (), kind=MethodKind.PICKUP),
    ),
    "union": (
        Way("standard", RateBasis.COUNT, ((0, 899), (4, 1_399), (12, 2_199)), 60_000),
        Way("small", RateBasis.WEIGHT, ((0, 349),), max_value=1_000),
    ),
    WORLD: (Way("standard", RateBasis.PRICE, ((0, 2_499), (20_000, 1_999))),),
}


class Goods(msgspec.Struct, frozen=True):
    """One variant as it is offered: ``prices`` and ``specials`` by currency, minor units.

    A special is (from so many units, price), and holds now.
    """

    variant_id: VariantId
    tax_class: str
    weight_grams: int
    prices: dict[str, int]
    specials: dict[str, tuple[tuple[int, int], ...]]

    def unit_price(self, currency: str, quantity: int) -> int:
        """The lowest price that so many units have."""
        found = [self.prices[currency]]
        found += [price for least, price in self.specials.get(currency, ()) if least <= quantity]
        return min(found)


class Shop(msgspec.Struct, frozen=True):
    """What the seed made of the store."""

    seed: int
    is_tax_included: bool
    is_rounded_per_total: bool
    goods: dict[VariantId, Goods]
    opening: dict[VariantId, int]

    def tax_rate(self, address: Address, tax_class: str) -> Decimal:
        """The rate of a class at a place, a region's before its country's."""
        found: dict[str, str] = {}
        for region in ("", address.region or ""):
            found |= TAXES.get((address.country, region), {})
        return Decimal(found.get(tax_class, found["standard"]))

    def is_exempt(self, address: Address, vat_id: str | None) -> bool:
        """Whether the buyer owes the tax."""
        return VAT_IDS.get(vat_id or "", False) and address.country in UNION

    def tax(self, amount: int, rate: Decimal) -> int:
        """The tax within, or on top of, an amount as buyers are shown it."""
        return half_up(amount * rate / (1 + rate) if self.is_tax_included else amount * rate)


def half_up(amount: Decimal) -> int:
    """The nearest whole number; halves away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def in_currency(cents: int, currency: str) -> int:
    """About as much in another currency's minor units."""
    return cents * CURRENCIES[currency] // 100


def sending_price(
    address: Address, code: str, currency: str, *, grams: int, units: int, goods: int
) -> int:
    """What a way of sending costs there, before any promotion."""
    way = next(way for way in WAYS[ZONES.get(address.country, WORLD)] if way.code == code)
    free_from = way.free_from
    if free_from is not None and goods >= in_currency(free_from, currency):
        return 0
    value = {RateBasis.WEIGHT: grams, RateBasis.PRICE: goods, RateBasis.COUNT: units}[way.basis]
    reached = [cents for least, cents in way.steps if _from_value(way, least, currency) <= value]
    return in_currency(reached[-1], currency) if reached else 0


def _from_value(way: Way, value: int, currency: str) -> int:
    return in_currency(value, currency) if way.basis is RateBasis.PRICE else value


async def open_shop(db: Database, seed: int, *, carts: int) -> Shop:
    """Make the store of a seed. ``carts``: how many will come, for what there are limits of."""
    dice = random.Random(f"{seed}:shop")
    is_included, per_total = seed % 2 == 0, seed // 2 % 2 == 1
    async with db.transaction() as tx:
        for key, value in (
            ("is_tax_included", is_included),
            ("tax_rounding", "total" if per_total else "line"),
            ("is_split_allowed", seed // 4 % 2 == 0),
            ("shop_country", HOME),
        ):
            await shop.change(tx, key=key, value=value, actor="carts")
        places = [await a_location(tx, code=code) for code in PLACES]
        toys = await a_category(tx, slug="toys")
        goods: list[Goods] = []
        openings: list[inventory.Opening] = []
        for number in range(VARIANTS):
            one = _some_goods(dice)
            new = NewProduct(
                slug=f"thing-{number}",
                name=f"Thing {number}",
                vendor_id=await a_vendor(tx, slug=dice.choice(("northline", "harbor", "mill"))),
                variants=(
                    NewVariant(
                        f"T-{number}",
                        one.prices,
                        weight_grams=one.weight_grams,
                        tax_class=one.tax_class,
                    ),
                ),
                category_ids=(toys,) if number % 3 == 0 else (),
                status=ProductStatus.ACTIVE,
            )
            added = await catalog.add_product(tx, product=new)
            variant_id = added.variant_ids[0]
            goods.append(msgspec.structs.replace(one, variant_id=variant_id))
            most = max(9, carts) if number else 5
            openings += [
                inventory.Opening(variant_id, place, dice.randint(0, most), 2) for place in places
            ]
        await inventory.open_stock(tx, openings=openings, reference="opening", actor="carts")
    opening: dict[VariantId, int] = {}
    for row in openings:
        opening[row.variant_id] = opening.get(row.variant_id, 0) + row.on_hand
    for entry in _entries(goods, toys, carts=carts):
        await pricing.create_entry(db, entry=entry, actor="carts")
    return Shop(seed, is_included, per_total, {one.variant_id: one for one in goods}, opening)


def _some_goods(dice: random.Random) -> Goods:
    cents = dice.choice((1, 3, 99, 250, 1_000, 1_999, 4_950, 33_333, dice.randint(1, 20_000)))
    prices = {currency: max(1, in_currency(cents, currency)) for currency in CURRENCIES}
    specials: dict[str, tuple[tuple[int, int], ...]] = {}
    if cents > 90 and dice.random() < 0.4:
        currency = dice.choice(tuple(CURRENCIES))
        price = prices[currency]
        specials[currency] = ((1, price - 1), (3, price * 9 // 10), (6, price * 7 // 10))
    return Goods(
        VariantId(new_id()),
        dice.choice(CLASSES),
        dice.choice((0, 40, 400, 2_500)),
        prices,
        specials,
    )


def _entries(goods: list[Goods], toys: Any, *, carts: int) -> list[Entry]:
    found: list[Entry] = []
    for (country, region), rates in TAXES.items():
        found += [
            TaxRate(TaxRateId(new_id()), country, rate, region, tax_class)
            for tax_class, rate in rates.items()
        ]
    for one in goods:
        for currency, specials in one.specials.items():
            found += [
                SpecialPrice(
                    SpecialPriceId(new_id()), one.variant_id, currency, price, least, _EARLIER
                )
                for least, price in specials
            ]
            found.append(  # Over: nobody gets it.
                SpecialPrice(
                    SpecialPriceId(new_id()), one.variant_id, currency, 1, 1, None, _EARLIER
                )
            )
            found.append(
                SpecialPrice(SpecialPriceId(new_id()), one.variant_id, currency, 1, 1, _LATER)
            )
    return [*found, *_ways(), *_promotions(goods, toys, carts=carts)]


def _ways() -> list[Entry]:
    found: list[Entry] = []
    for name, ways in WAYS.items():
        countries = [country for country, zone in ZONES.items() if zone == name]
        zone = ShippingZone(ShippingZoneId(new_id()), name, countries)
        found.append(zone)
        for position, way in enumerate(ways):
            free_from = way.free_from
            found.append(
                ShippingMethod(
                    ShippingMethodId(new_id()),
                    zone.id,
                    way.code,
                    way.code,
                    kind=way.kind,
                    basis=way.basis,
                    max_value=way.max_value,
                    free_from={}
                    if free_from is None
                    else {one: in_currency(free_from, one) for one in CURRENCIES},
                    position=position,
                    rates=tuple(
                        ShippingRate(one, _from_value(way, least, one), in_currency(cents, one))
                        for one in CURRENCIES
                        for least, cents in way.steps
                    ),
                )
            )
    return found


def _promotions(goods: list[Goods], toys: Any, *, carts: int) -> list[Entry]:
    found: list[Entry] = []

    def a_promotion(name: str, effect: Effect, **facts: Any) -> Promotion:
        promotion = Promotion(PromotionId(new_id()), name, effect, **facts)
        found.append(promotion)
        return promotion

    def in_each(cents: int) -> dict[str, int]:
        return {currency: in_currency(cents, currency) for currency in CURRENCIES}

    some = [one.variant_id for one in goods]
    a_promotion("Toys", Effect.PERCENT, rate="0.15", category_ids=[toys], priority=10)
    a_promotion("Much", Effect.FIXED, amounts=in_each(777), minimums=in_each(9_000), priority=8)
    a_promotion(
        "Third free",
        Effect.BUY_X_GET_Y,
        rate="1",
        buy_quantity=2,
        get_quantity=1,
        variant_ids=some[1::5],
        priority=6,
    )
    a_promotion(
        "Alone",
        Effect.PERCENT,
        rate="0.333333",
        variant_ids=some[2::7],
        priority=20,
        is_stackable=False,
    )
    a_promotion("Sent free", Effect.FREE_SHIPPING, minimums=in_each(45_000), priority=2)
    unlocked: dict[str, tuple[Promotion, dict[str, int]]] = {
        "TENTH": (
            a_promotion("Tenth", Effect.PERCENT, rate="0.1", is_automatic=False),
            {"limit_total": max(2, carts // 12)},
        ),
        "ONCE": (
            a_promotion(
                "Once",
                Effect.FIXED,
                amounts=in_each(1_001),
                variant_ids=some[::2],
                is_automatic=False,
            ),
            {"limit_per_buyer": 1},
        ),
        "SENT": (a_promotion("Sent", Effect.FREE_SHIPPING, is_automatic=False), {}),
        "ALL": (a_promotion("All", Effect.PERCENT, rate="1", is_automatic=False), {}),
    }
    found += [
        Coupon(CouponId(new_id()), promotion.id, code, **limits)
        for code, (promotion, limits) in unlocked.items()
    ]
    return found
