"""What staff set for one basket: the sums stay exact, and promotions leave it alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from surehold.db.shop import ShopSettings
from surehold.pricing import rules
from surehold.pricing.model import Effect, OwnPrice, OwnTerms, Quote
from tests.pricing.test_quote import NOW, book, check_sums, promotion, shelf, variant


def quote(prices: list[int], own: OwnTerms, *promotions: Any, **more: Any) -> Quote:
    return rules.quote(
        [(variant(number), 2) for number in range(len(prices))],
        sellable=shelf(prices),
        currency="EUR",
        terms=rules.Terms(ShopSettings(), book(promotions=promotions)),
        now=NOW,
        own=own,
        **more,
    )


def test_an_own_price_takes_no_part_in_promotions() -> None:
    own = OwnTerms((OwnPrice(variant(0), 700, "agreed"),))

    priced = quote([1000, 1000], own, promotion())

    assert [line.total_minor for line in priced.lines] == [1400, 2000]
    assert [line.discount_minor for line in priced.lines] == [0, 200]
    assert [(row.code, row.is_applied) for row in priced.explanations] == [
        ("applied", True),
        ("own_price", True),
    ]


def test_a_discount_of_staff_goes_off_what_promotions_left() -> None:
    priced = quote([1000, 500], OwnTerms(discount_minor=300, discount_reason="late"), promotion())

    # 20.00 and 10.00 less ten percent, then 3.00 divided as 18 to 9.
    assert [line.discount_minor for line in priced.lines] == [400, 200]
    assert [row.amount_minor for row in priced.adjustments] == [200, 100, 200, 100]
    assert priced.adjustments[-1].promotion_id is None


def test_agreed_shipping_is_what_it_costs_whatever_is_free() -> None:
    free = promotion(effect=Effect.FREE_SHIPPING, rate=None)

    priced = quote([1000], OwnTerms(shipping_minor=250), free)
    given_away = quote([1000], OwnTerms(shipping_minor=0), shipping_method="by-hand")

    assert (priced.shipping_minor, priced.shipping_method) == (250, "agreed")
    assert [(row.code, row.is_applied) for row in priced.explanations] == [
        ("nothing_left", False),
        ("own_shipping", True),
    ]
    assert (given_away.shipping_minor, given_away.shipping_method) == (0, "by-hand")


@given(
    prices=st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    agreed=st.integers(1, 10**6),
    discount=st.integers(0, 10**7),
    shipping=st.none() | st.integers(0, 10**5),
)
def test_every_total_is_the_sum_of_its_parts(
    prices: list[int], agreed: int, discount: int, shipping: int | None
) -> None:
    own = OwnTerms((OwnPrice(variant(0), agreed, "x"),), discount, "y", shipping)

    priced = quote(prices, own, promotion())

    assert priced.lines[0].unit_price_minor == agreed
    check_sums(priced)
