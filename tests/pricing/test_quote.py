"""Baskets priced by a book: every total is the sum of its parts, whatever the book says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.catalog.model import Sellable
from surehold.db.shop import ShopSettings
from surehold.kernel.ids import (
    CouponId,
    ProductId,
    PromotionId,
    ShippingMethodId,
    ShippingZoneId,
    SpecialPriceId,
    TaxRateId,
    VariantId,
    VendorId,
)
from surehold.kernel.money import split_minor
from surehold.pricing import rules
from surehold.pricing.errors import NotForSale, NothingToPay, ShippingMethodUnknown
from surehold.pricing.model import (
    Coupon,
    Destination,
    Effect,
    MethodKind,
    Promotion,
    Quote,
    RateBasis,
    ShippingMethod,
    ShippingRate,
    ShippingZone,
    SpecialPrice,
    TaxRate,
    UsedCoupon,
)
from surehold.pricing.rules.allocation import allocate
from surehold.pricing.rules.quote import parcel_of
from surehold.pricing.rules.shipping import Parcel
from surehold.pricing.rules.tax import TaxRule, is_reverse_charge, normalize_vat_id, taxes

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
#: Two digits, none, three.
CURRENCIES: Final = ("EUR", "JPY", "KWD")


def variant(number: int) -> VariantId:
    return VariantId(UUID(int=number))


def shelf(prices: list[int], currency: str = "EUR", **facts: Any) -> dict[Any, Sellable]:
    return {
        (variant(number), currency): Sellable(
            variant(number),
            ProductId(UUID(int=100 + number)),
            VendorId(UUID(int=1)),
            f"p{number}",
            f"SKU{number}",
            f"Product {number}",
            [],
            None,
            currency,
            price,
            400,
            facts.get("tax_class", "standard"),
        )
        for number, price in enumerate(prices)
    }


def promotion(number: int = 1, **facts: Any) -> Promotion:
    given: dict[str, Any] = {"effect": Effect.PERCENT, "rate": "0.10", **facts}
    return Promotion(id=PromotionId(UUID(int=number)), name=f"P{number}", **given)


def book(**parts: Any) -> Any:
    given = dict.fromkeys(("prices", "tax_rates", "zones", "methods", "promotions"), ())
    return rules.bind_book(UUID(int=9), **{**given, **parts})


def price(
    lines: list[tuple[int, int]],
    *,
    parts: dict[str, Any] | None = None,
    settings: ShopSettings | None = None,
    currency: str = "EUR",
    **more: Any,
) -> Quote:
    """Price lines of (unit price, quantity)."""
    terms = rules.Terms(settings or ShopSettings(), book(**(parts or {})))
    return rules.quote(
        [(variant(number), count) for number, (_, count) in enumerate(lines)],
        sellable=shelf([unit for unit, _ in lines], currency, **more.pop("facts", {})),
        currency=currency,
        terms=terms,
        now=NOW,
        **more,
    )


def check_sums(quote: Quote) -> None:
    """What the database and MON1 ask of an order."""
    lines = quote.lines
    assert all(line.total_minor == line.quantity * line.unit_price_minor for line in lines)
    assert all(line.gross_minor == line.net_minor + line.tax_minor for line in lines)
    assert all(0 <= line.discount_minor <= line.total_minor for line in lines)
    assert all(min(line.net_minor, line.tax_minor, line.unit_price_minor) >= 0 for line in lines)
    assert quote.subtotal_minor == sum(line.total_minor for line in lines)
    assert quote.discount_minor == sum(line.discount_minor for line in lines)
    assert quote.tax_minor == sum(line.tax_minor for line in lines) + quote.shipping_tax_minor
    after = quote.subtotal_minor - quote.discount_minor
    assert after == sum(
        line.gross_minor if quote.is_tax_included else line.net_minor for line in lines
    )
    added = 0 if quote.is_tax_included else quote.tax_minor
    assert quote.total_minor == after + quote.shipping_minor + added
    assert 0 <= quote.shipping_tax_minor <= quote.tax_minor
    assert quote.shipping_minor >= 0
    for index, line in enumerate(lines):
        taken = sum(row.amount_minor for row in quote.adjustments if row.line == index)
        assert taken == line.discount_minor
    assert all(row.amount_minor > 0 for row in quote.adjustments)


RATES = st.sampled_from(["0", "0.05", "0.07", "0.1", "0.19", "0.2", "0.0825", "0.255", "0.999999"])
AMOUNTS = st.integers(0, 20_000)


@st.composite
def promotions(draw: st.DrawFn, number: int, currency: str) -> Promotion:
    effect = draw(st.sampled_from(Effect))
    is_bundle = effect is Effect.BUY_X_GET_Y
    has_rate = is_bundle or effect is Effect.PERCENT
    targets = draw(st.lists(st.integers(0, 3), max_size=2, unique=True))
    return promotion(
        number,
        effect=effect,
        rate=draw(st.sampled_from(["0.01", "0.333333", "0.5", "1"])) if has_rate else None,
        amounts={currency: draw(st.integers(1, 30_000))} if effect is Effect.FIXED else {},
        buy_quantity=draw(st.integers(1, 3)) if is_bundle else None,
        get_quantity=draw(st.integers(1, 2)) if is_bundle else None,
        minimums=draw(st.sampled_from([{}, {currency: 500}])),
        variant_ids=[variant(target) for target in targets],
        priority=draw(st.integers(-2, 2)),
        is_stackable=draw(st.booleans()),
    )


@st.composite
def priced_baskets(draw: st.DrawFn) -> Quote:
    currency = draw(st.sampled_from(CURRENCIES))
    lines = draw(
        st.lists(st.tuples(st.integers(1, 10_000), st.integers(1, 12)), min_size=1, max_size=4)
    )
    settings = ShopSettings(
        tax_rate=draw(RATES),
        is_tax_included=draw(st.booleans()),
        tax_rounding=draw(st.sampled_from(["line", "total"])),
        shipping_standard={currency: draw(AMOUNTS)},
        shipping_free_from=draw(st.sampled_from([{}, {currency: 9_000}])),
    )
    kinds = draw(st.integers(0, 4))
    book_rows = [draw(promotions(number, currency)) for number in range(kinds)]
    reduced = TaxRate(
        id=TaxRateId(UUID(int=1)), country="FR", tax_class="reduced", rate=draw(RATES)
    )
    special = SpecialPrice(
        id=SpecialPriceId(UUID(int=1)),
        variant_id=variant(0),
        currency=currency,
        amount_minor=draw(st.integers(1, 10_000)),
        min_quantity=draw(st.integers(1, 3)),
    )
    return price(
        lines,
        parts={"promotions": book_rows, "tax_rates": [reduced], "prices": [special]},
        settings=settings,
        currency=currency,
        destination=Destination(draw(st.sampled_from(["FR", "US", "DE"]))),
        vat_id=draw(st.sampled_from([None, "FR40303265045", "DE136695976"])),
        facts={"tax_class": draw(st.sampled_from(["standard", "reduced"]))},
    )


@given(priced_baskets())
def test_every_total_is_the_sum_of_its_parts_and_nothing_is_negative(quote: Quote) -> None:
    check_sums(quote)


@given(priced_baskets())
def test_a_stored_quote_is_read_as_it_was(quote: Quote) -> None:
    assert msgspec.json.decode(msgspec.json.encode(quote), type=Quote) == quote


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8), st.integers(0, 80_000))
def test_parts_add_up_and_no_line_gives_more_than_it_has(worth: list[int], wanted: int) -> None:
    amount = min(wanted, sum(worth))

    parts = allocate(amount, worth)

    assert sum(parts) == amount
    assert all(0 <= part <= most for part, most in zip(parts, worth, strict=True))
    assert not amount or parts == split_minor(amount, tuple(worth))


# --- promotions ----------------------------------------------------------------------------------


def told(quote: Quote) -> list[tuple[str, bool, int]]:
    return [(row.code, row.is_applied, row.amount_minor) for row in quote.explanations]


def test_a_percentage_is_rounded_once_and_divided() -> None:
    quote = price([(333, 1), (333, 1), (334, 1)], parts={"promotions": [promotion(rate="0.105")]})

    assert [line.discount_minor for line in quote.lines] == [35, 35, 35]
    assert quote.discount_minor == 105
    assert told(quote) == [("applied", True, 105)]


def test_a_fixed_amount_takes_no_more_than_there_is() -> None:
    fixed = promotion(effect=Effect.FIXED, rate=None, amounts={"EUR": 5_000})

    quote = price([(1_000, 1), (500, 2)], parts={"promotions": [fixed]})

    assert [line.discount_minor for line in quote.lines] == [1_000, 1_000]
    assert quote.total_minor == 490


def test_of_two_bought_the_cheapest_third_is_got() -> None:
    bundle = promotion(effect=Effect.BUY_X_GET_Y, rate="1", buy_quantity=2, get_quantity=1)

    quote = price([(900, 3), (400, 3), (700, 1)], parts={"promotions": [bundle]})

    assert [line.discount_minor for line in quote.lines] == [0, 800, 0]


def test_free_shipping_is_taken_off_shipping() -> None:
    free = promotion(effect=Effect.FREE_SHIPPING, rate=None)

    quote = price([(1_000, 1)], parts={"promotions": [free]})

    assert (quote.shipping_minor, quote.discount_minor, quote.total_minor) == (0, 0, 1_000)
    assert [(row.line, row.amount_minor) for row in quote.adjustments] == [(None, 490)]


def test_stackable_ones_add_up_and_one_that_stands_alone_waits() -> None:
    rows = [
        promotion(1, priority=3, rate="0.50"),
        promotion(2, priority=2, rate="0.50"),
        promotion(3, priority=1, is_stackable=False),
    ]

    quote = price([(1_000, 1)], parts={"promotions": rows})

    assert told(quote) == [
        ("applied", True, 500),
        ("applied", True, 250),
        ("not_combinable", False, 0),
    ]


def test_one_that_stands_alone_ends_the_taking() -> None:
    rows = [promotion(1, priority=3, is_stackable=False), promotion(2, priority=2)]

    quote = price([(1_000, 1)], parts={"promotions": rows})

    assert told(quote) == [("applied", True, 100), ("not_combinable", False, 0)]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"minimums": {"EUR": 1_001}}, "minimum_not_reached"),
        ({"minimums": {"USD": 1}}, "wrong_currency"),
        ({"effect": Effect.FIXED, "rate": None, "amounts": {"USD": 1}}, "wrong_currency"),
        ({"starts_at": NOW + HOUR}, "not_started"),
        ({"ends_at": NOW}, "over"),
        ({"variant_ids": [variant(7)]}, "no_matching_items"),
        ({"category_ids": [UUID(int=5)]}, "no_matching_items"),
        ({"effect": Effect.BUY_X_GET_Y, "buy_quantity": 1, "get_quantity": 1}, "too_few_items"),
        ({"rate": "0.0001"}, "nothing_left"),
    ],
)
def test_why_a_promotion_does_not_apply_is_said(facts: dict[str, Any], code: str) -> None:
    quote = price([(1_000, 1)], parts={"promotions": [promotion(**facts)]})

    assert told(quote) == [(code, False, 0)]
    assert (quote.discount_minor, quote.adjustments) == (0, ())


def coupon(**facts: Any) -> Coupon:
    return Coupon(
        id=CouponId(UUID(int=1)), promotion_id=PromotionId(UUID(int=1)), code="TEN", **facts
    )


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (None, "coupon_unknown"),
        (coupon(is_active=False), "coupon_unknown"),
        (coupon(starts_at=NOW + HOUR), "coupon_not_started"),
        (coupon(ends_at=NOW), "coupon_over"),
        (coupon(limit_total=3, used=3), "coupon_exhausted"),
        (coupon(limit_total=3, used=2), "applied"),
    ],
)
def test_why_a_coupon_does_or_does_not_apply_is_said(found: Coupon | None, code: str) -> None:
    locked = promotion(is_automatic=False)

    quote = price([(1_000, 1)], parts={"promotions": [locked]}, asked=rules.Asked("TEN", found))

    assert [(row.code, row.coupon_code) for row in quote.explanations] == [(code, "TEN")]
    assert (quote.coupon is not None) == (code == "applied")
    assert quote.discount_minor == (100 if code == "applied" else 0)


def test_a_locked_promotion_is_not_spoken_of_without_its_coupon() -> None:
    quote = price([(1_000, 1)], parts={"promotions": [promotion(is_automatic=False)]})

    assert (quote.explanations, quote.discount_minor) == ((), 0)


def test_a_code_that_nobody_gave_out_is_answered_where_nothing_is_ever_taken_off() -> None:
    quote = price([(1_000, 1)], asked=rules.Asked("TEN", None))

    assert [(row.code, row.coupon_code) for row in quote.explanations] == [
        ("coupon_unknown", "TEN")
    ]


def test_an_order_of_nothing_is_refused() -> None:
    rows = [promotion(1, rate="1"), promotion(2, effect=Effect.FREE_SHIPPING, rate=None)]
    quote = price([(1_000, 1)], parts={"promotions": rows})

    assert quote.total_minor == 0
    with pytest.raises(NothingToPay):
        rules.check_payable(quote)


# --- special prices ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "facts", "unit"),
    [
        (1, {}, 800),
        (1, {"min_quantity": 2}, 1_000),
        (2, {"min_quantity": 2}, 800),
        (1, {"starts_at": NOW}, 800),
        (1, {"starts_at": NOW + HOUR}, 1_000),
        (1, {"ends_at": NOW}, 1_000),
        (1, {"ends_at": NOW + HOUR}, 800),
        (1, {"amount_minor": 1_200}, 1_000),
        (1, {"currency": "USD"}, 1_000),
    ],
)
def test_the_lowest_price_that_applies_counts(
    count: int, facts: dict[str, Any], unit: int
) -> None:
    given = {"currency": "EUR", "amount_minor": 800, **facts}
    special = SpecialPrice(id=SpecialPriceId(UUID(int=1)), variant_id=variant(0), **given)

    quote = price([(1_000, count)], parts={"prices": [special]})

    assert quote.lines[0].unit_price_minor == unit


# --- taxes ---------------------------------------------------------------------------------------


def rate(number: int, value: str, **facts: Any) -> TaxRate:
    return TaxRate(id=TaxRateId(UUID(int=number)), **{"country": "IE", "rate": value, **facts})


@pytest.mark.parametrize(
    ("destination", "tax_class", "expected"),
    [
        (Destination("IE"), "standard", "0.23"),
        (Destination("IE"), "books", "0"),
        (Destination("IE"), "unheard-of", "0.23"),
        (Destination("IE", "ie-d"), "standard", "0.3"),
        (Destination("IE", "D"), "books", "0"),
        (Destination("US"), "standard", "0.20"),
    ],
)
def test_the_place_and_the_class_say_the_rate(
    destination: Destination, tax_class: str, expected: str
) -> None:
    rates = [rate(1, "0.23"), rate(2, "0", tax_class="books"), rate(3, "0.3", region="D")]

    quote = price(
        [(1_000, 1)],
        parts={"tax_rates": rates},
        destination=destination,
        facts={"tax_class": tax_class},
    )

    assert quote.lines[0].tax_rate == expected


def test_tax_may_be_rounded_once_per_total() -> None:
    lines = [(105, 1)] * 3  # 0.0825 of each is 8.6625
    settings = ShopSettings(tax_rate="0.0825", is_tax_included=False, shipping_standard={"EUR": 0})
    once = msgspec.structs.replace(settings, tax_rounding="total")

    per_line, per_total = price(lines, settings=settings), price(lines, settings=once)

    assert [line.tax_minor for line in per_line.lines] == [9, 9, 9]
    assert [line.tax_minor for line in per_total.lines] == [9, 9, 8]
    assert per_total.tax_minor == 26


@pytest.mark.parametrize(
    ("vat_id", "country", "is_exempt"),
    [
        ("FR40303265045", "FR", True),
        ("FR40303265045", "DE", False),  # fetched at home
        ("FR40303265045", "US", False),  # an export, not a reverse charge
        ("DE136695976", "FR", False),
        ("EL094259216", "GR", True),
        (None, "FR", False),
    ],
)
def test_a_business_elsewhere_in_the_union_owes_the_tax_itself(
    vat_id: str | None, country: str, *, is_exempt: bool
) -> None:
    settings = ShopSettings(tax_rate="0.19", shipping_standard={"EUR": 595})

    quote = price(
        [(11_900, 2)], settings=settings, destination=Destination(country), vat_id=vat_id
    )

    assert quote.is_tax_exempt is is_exempt
    assert (quote.tax_rate, quote.is_tax_included) == (
        ("0", False) if is_exempt else ("0.19", True)
    )
    if is_exempt:
        assert (quote.lines[0].unit_price_minor, quote.shipping_minor) == (10_000, 0)
        assert (quote.tax_minor, quote.total_minor) == (0, 20_000)
    else:
        assert quote.total_minor == 23_800


def test_a_promise_is_kept_only_where_the_same_holds() -> None:
    terms = rules.Terms(ShopSettings(), book(tax_rates=[rate(1, "0.23")]))
    promised = price(
        [(1_000, 1)], parts={"tax_rates": [rate(1, "0.23")]}, destination=Destination("IE")
    )

    def is_kept(country: str, vat_id: str | None = None) -> bool:
        return rules.is_promise_kept(
            promised, terms, destination=Destination(country), vat_id=vat_id
        )

    assert is_kept("IE")
    assert not is_kept("US")
    assert not is_kept("IE", "FR40303265045")


# --- shipping ------------------------------------------------------------------------------------


def zone(number: int, **facts: Any) -> ShippingZone:
    return ShippingZone(id=ShippingZoneId(UUID(int=number)), name=f"Z{number}", **facts)


def method(number: int, zone_id: int, amount: int, **facts: Any) -> ShippingMethod:
    given: dict[str, Any] = {
        "code": "parcel",
        "name": "Parcel",
        "rates": (ShippingRate("EUR", 0, amount),),
        **facts,
    }
    return ShippingMethod(
        id=ShippingMethodId(UUID(int=number)), zone_id=ShippingZoneId(UUID(int=zone_id)), **given
    )


ZONES: Final = {
    "zones": [
        zone(1),
        zone(2, countries=["DE", "AT"]),
        zone(3, countries=["DE"], postal_prefixes=["2749"]),
        zone(4, countries=["US"], regions=["HI"]),
    ],
    "methods": [method(n, n, 100 * n) for n in (1, 2, 3, 4)],
}


@pytest.mark.parametrize(
    ("destination", "price_minor"),
    [
        (Destination("IE"), 100),
        (Destination("AT", None, "1010"), 200),
        (Destination("DE", None, "27 498"), 300),
        (Destination("DE", None, "10115"), 200),
        (Destination("US", "US-HI"), 400),
        (Destination("US", "ny"), 100),
    ],
)
def test_the_closest_zone_says_the_price(destination: Destination, price_minor: int) -> None:
    quote = price([(1_000, 1)], parts=ZONES, destination=destination, shipping_method="parcel")

    assert quote.shipping_minor == price_minor


@pytest.mark.parametrize(
    ("facts", "count", "price_minor"),
    [
        ({"basis": RateBasis.COUNT}, 2, 500),
        ({"basis": RateBasis.COUNT}, 3, 900),
        ({"basis": RateBasis.WEIGHT}, 1, 900),
        ({"basis": RateBasis.PRICE, "free_from": {"EUR": 2_000}}, 1, 900),
        ({"basis": RateBasis.PRICE, "free_from": {"EUR": 2_000}}, 2, 0),
        ({"max_value": 2}, 3, None),
        ({"max_value": 2, "basis": RateBasis.COUNT}, 2, 500),
        ({"max_value": 2, "basis": RateBasis.COUNT}, 3, None),
        ({"rates": ()}, 1, None),
        ({"kind": MethodKind.PICKUP, "basis": RateBasis.COUNT}, 2, 500),
        ({"kind": MethodKind.PICKUP, "rates": ()}, 3, 0),
        ({"rates": (ShippingRate("USD", 0, 1),)}, 1, None),
    ],
)
def test_rates_go_by_weight_price_or_count(
    facts: dict[str, Any], count: int, price_minor: int | None
) -> None:
    steps = (ShippingRate("EUR", 0, 500), ShippingRate("EUR", 3, 900))
    parts = {"zones": [zone(1)], "methods": [method(1, 1, 0, **{"rates": steps, **facts})]}

    if price_minor is None:
        with pytest.raises(ShippingMethodUnknown):
            price([(1_000, count)], parts=parts, shipping_method="parcel")
    else:
        quote = price([(1_000, count)], parts=parts, shipping_method="parcel")
        assert quote.shipping_minor == price_minor


def test_nothing_is_sent_where_no_zone_is() -> None:
    parts = {"zones": [zone(2, countries=["DE"])], "methods": [method(2, 2, 200)]}

    with pytest.raises(ShippingMethodUnknown):
        price([(1_000, 1)], parts=parts, destination=Destination("IE"))


def test_what_is_not_offered_is_not_on_the_list() -> None:
    parts = {
        "zones": [zone(1)],
        "methods": [
            method(1, 1, 500),
            method(2, 1, 0, code="heavy", max_value=0),
            method(3, 1, 0, code="shop", name="Shop", kind=MethodKind.PICKUP, rates=()),
        ],
    }
    terms = rules.Terms(ShopSettings(), book(**parts))
    parcel = Parcel(1, 400, 1_000)

    offered = rules.list_options(
        terms, rules.find_area(terms, None), currency="EUR", parcel=parcel
    )

    assert [(row.code, row.price_minor, row.kind) for row in offered] == [
        ("parcel", 500, MethodKind.DELIVERY),
        ("shop", 0, MethodKind.PICKUP),
    ]


def test_shipping_is_free_for_goods_that_cost_enough_after_their_discounts() -> None:
    settings = ShopSettings(shipping_free_from={"EUR": 1_000})

    assert price([(1_000, 1)], settings=settings).shipping_minor == 0
    off = price([(1_000, 1)], settings=settings, parts={"promotions": [promotion()]})
    assert (off.discount_minor, off.shipping_minor) == (100, 490)
    elsewhere = ShopSettings(shipping_standard={}, shipping_free_from={"EUR": 1})
    with pytest.raises(ShippingMethodUnknown):
        price([(1_000, 1)], settings=elsewhere)


def test_tax_is_of_what_is_left_after_the_discount() -> None:
    quote = price([(1_000, 1)], parts={"promotions": [promotion()]})

    (line,) = quote.lines
    assert (line.net_minor, line.tax_minor, line.gross_minor) == (750, 150, 900)
    assert (quote.shipping_tax_minor, quote.tax_minor, quote.total_minor) == (82, 232, 1_390)


def test_each_rate_has_a_total_of_its_own() -> None:
    one = TaxRule("0.0825", is_included=False)
    other = TaxRule("0.5", is_included=False)

    assert taxes([105, 105, 1, 105], [one, one, other, one], per_total=True) == [9, 9, 1, 8]
    assert taxes([105, 105, 1, 105], [one, one, other, one], per_total=False) == [9, 9, 1, 9]


def test_a_rate_within_the_price_or_upon_it() -> None:
    assert TaxRule("0.23", is_included=True).split(11_840) == (9_626, 2_214, 11_840)
    assert TaxRule("0.0825", is_included=False).split(1_000) == (1_000, 83, 1_083)


def test_a_vat_id_is_kept_in_one_form_or_is_none() -> None:
    assert normalize_vat_id(" de 136,695 976 ") == "DE136695976"
    assert normalize_vat_id("DE136695978") is None


@pytest.mark.parametrize(
    ("vat_id", "shop_country"), [("FR40303265045", "US"), ("XI110305878", "DE")]
)
def test_the_buyer_owes_the_tax_within_the_union_only(vat_id: str, shop_country: str) -> None:
    assert is_reverse_charge("FR40303265045", shop_country="DE", country="FR")
    assert not is_reverse_charge(vat_id, shop_country=shop_country, country="FR")


def test_tax_upon_the_prices_is_a_part_of_the_total() -> None:
    quote = price([(1_000, 1)], settings=ShopSettings(is_tax_included=False))

    (line,) = quote.lines
    assert (line.net_minor, line.tax_minor, line.gross_minor) == (1_000, 200, 1_200)
    assert (quote.tax_minor, quote.total_minor) == (298, 1_788)


def test_the_smallest_amount_can_be_paid() -> None:
    quote = price([(1_000, 1)])

    rules.check_payable(msgspec.structs.replace(quote, total_minor=1))
    with pytest.raises(NothingToPay):
        rules.check_payable(msgspec.structs.replace(quote, total_minor=0))


def test_everything_that_is_not_for_sale_is_named() -> None:
    terms = rules.Terms(ShopSettings(), book())
    lines = [(variant(7), 1), (variant(0), 1), (variant(8), 1)]

    with pytest.raises(NotForSale) as refused:
        rules.quote(lines, sellable=shelf([1_000]), currency="EUR", terms=terms, now=NOW)

    assert all(str(variant(number)) in str(refused.value.facts) for number in (7, 8))
    assert str(variant(0)) not in str(refused.value.facts)


def test_free_shipping_names_the_coupon_that_gave_it() -> None:
    rows = [
        promotion(2, priority=2),
        promotion(1, effect=Effect.FREE_SHIPPING, rate=None, is_automatic=False),
    ]

    quote = price([(1_000, 1)], parts={"promotions": rows}, asked=rules.Asked("TEN", coupon()))

    assert [(row.coupon_code, row.line, row.amount_minor) for row in quote.adjustments] == [
        (None, 0, 100),
        ("TEN", None, 490),
    ]
    assert quote.coupon == UsedCoupon(CouponId(UUID(int=1)), "TEN")


def test_a_promise_is_of_one_zone_one_tax_and_one_buyer() -> None:
    parts = {"zones": [zone(1), zone(2, countries=["AT"])], "methods": ZONES["methods"][:2]}
    settings = ShopSettings(shop_country="DE")
    terms = rules.Terms(settings, book(**parts))
    vat_id = "FR40303265045"

    def is_kept(promised_to: str, country: str, promised: str | None, vat_id: str | None) -> bool:
        quote = price(
            [(1_000, 1)],
            parts=parts,
            settings=settings,
            destination=Destination(promised_to),
            vat_id=promised,
        )
        return rules.is_promise_kept(quote, terms, destination=Destination(country), vat_id=vat_id)

    assert is_kept("IE", "FR", None, None)
    assert not is_kept("IE", "AT", None, None)
    assert is_kept("IE", "FR", vat_id, vat_id)
    assert is_kept("IE", "FR", vat_id, None)
    assert not is_kept("IE", "FR", None, vat_id)
    assert not is_kept("IE", "US", vat_id, vat_id)


def test_what_would_be_sent_is_counted_weighed_and_worth_what_is_left() -> None:
    quote = price([(1_000, 2), (500, 3)], parts={"promotions": [promotion()]})

    assert parcel_of(quote, shelf([1_000, 500])) == Parcel(5, 2_000, 3_150)


@pytest.mark.parametrize(
    ("facts", "off"),
    [
        ({}, [100, 50]),
        ({"product_ids": [ProductId(UUID(int=101))]}, [0, 50]),
        ({"variant_ids": [variant(0)]}, [100, 0]),
        ({"variant_ids": [variant(0)], "product_ids": [ProductId(UUID(int=101))]}, [100, 50]),
        ({"minimums": {"EUR": 1_500}}, [100, 50]),
        ({"minimums": {"EUR": 1_501}}, [0, 0]),
    ],
)
def test_a_promotion_is_for_its_products_and_variants_and_from_its_minimum(
    facts: dict[str, Any], off: list[int]
) -> None:
    quote = price([(1_000, 1), (500, 1)], parts={"promotions": [promotion(**facts)]})

    assert [line.discount_minor for line in quote.lines] == off


def test_a_coupon_unlocks_its_own_promotion_and_no_other() -> None:
    rows = [
        promotion(1, effect=Effect.FREE_SHIPPING, rate=None, is_automatic=False),
        promotion(2, is_automatic=False),
    ]

    quote = price([(1_000, 1)], parts={"promotions": rows}, asked=rules.Asked("TEN", coupon()))

    assert [(row.detail, row.coupon_code) for row in quote.explanations] == [
        ("Shipping is free.", "TEN")
    ]
    assert quote.discount_minor == 0


def test_a_coupon_that_took_nothing_off_is_not_used_whatever_else_was_taken() -> None:
    rows = [promotion(2), promotion(1, is_automatic=False)]
    used_up = coupon(limit_total=1, used=1)

    quote = price([(1_000, 1)], parts={"promotions": rows}, asked=rules.Asked("TEN", used_up))

    assert (quote.discount_minor, quote.coupon) == (100, None)


def test_of_each_set_so_many_are_got_and_nothing_of_other_lines() -> None:
    bundle = promotion(
        effect=Effect.BUY_X_GET_Y,
        rate="1",
        buy_quantity=1,
        get_quantity=2,
        variant_ids=[variant(0)],
    )

    quote = price([(100, 6), (50, 1)], parts={"promotions": [bundle]})

    assert [line.discount_minor for line in quote.lines] == [400, 0]


def test_what_is_missing_to_a_minimum_is_said() -> None:
    quote = price([(1_000, 1)], parts={"promotions": [promotion(minimums={"EUR": 1_250})]})

    assert quote.explanations[0].detail == "The goods must come to 2.50 EUR more."


def test_an_amount_for_one_product_takes_nothing_off_another() -> None:
    fixed = promotion(
        effect=Effect.FIXED, rate=None, amounts={"EUR": 5_000}, variant_ids=[variant(0)]
    )

    quote = price([(1_000, 1), (500, 1)], parts={"promotions": [fixed]})

    assert [line.discount_minor for line in quote.lines] == [1_000, 0]
