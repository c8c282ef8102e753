"""Money: exact, of one currency, and the parts always add up to the whole."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.kernel.money import (
    MAX_MINOR,
    CurrencyMismatch,
    Money,
    exponent,
    from_major,
    is_currency,
    round_minor,
    split_minor,
    to_major,
)

# One currency for each count of decimals there is.
CURRENCIES = {"JPY": 0, "USD": 2, "KWD": 3, "CLF": 4}

amounts = st.integers(min_value=-(2**63), max_value=2**63 - 1)
currencies = st.sampled_from(sorted(CURRENCIES))
weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=40).filter(any).map(tuple)


@given(amount=amounts, shares=weights)
def test_parts_add_up_to_the_whole(amount: int, shares: tuple[int, ...]) -> None:
    assert sum(split_minor(amount, shares)) == amount


@given(amount=amounts, shares=weights)
def test_no_part_is_a_unit_or_more_away_from_its_exact_share(
    amount: int, shares: tuple[int, ...]
) -> None:
    total = sum(shares)

    for part, share in zip(split_minor(amount, shares), shares, strict=True):
        assert abs(part * total - amount * share) < total


@given(amount=amounts, shares=weights)
def test_a_weight_of_nothing_gets_nothing(amount: int, shares: tuple[int, ...]) -> None:
    parts = split_minor(amount, shares)

    assert all(part == 0 for part, share in zip(parts, shares, strict=True) if share == 0)


@given(amount=amounts, shares=weights)
def test_splitting_a_debt_mirrors_splitting_a_credit(amount: int, shares: tuple[int, ...]) -> None:
    assert split_minor(-amount, shares) == tuple(-part for part in split_minor(amount, shares))


def test_leftover_units_go_to_the_largest_remainders_earlier_first() -> None:
    assert split_minor(100, (1, 1, 1)) == (34, 33, 33)
    assert split_minor(101, (1, 1, 1)) == (34, 34, 33)
    assert split_minor(10, (1, 2, 4)) == (1, 3, 6)
    assert split_minor(-100, (1, 1, 1)) == (-34, -33, -33)
    assert split_minor(9, (3, 4)) == (4, 5)  # 27/7 leaves 6, 36/7 leaves 1
    assert split_minor(5, (0, 1)) == (0, 5)


@pytest.mark.parametrize("shares", [(), (0,), (0, 0), (1, -1), (2, -1)])
def test_weights_that_share_nothing_are_refused(shares: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split_minor(100, shares)


@given(amount=amounts, currency=currencies, shares=weights)
def test_money_splits_in_its_currency(amount: int, currency: str, shares: tuple[int, ...]) -> None:
    parts = Money(amount, currency).split(shares)

    assert {part.currency for part in parts} == {currency}
    assert sum(parts, Money(0, currency)) == Money(amount, currency)


@pytest.mark.parametrize(("currency", "digits"), CURRENCIES.items())
def test_currencies_have_their_own_number_of_decimals(currency: str, digits: int) -> None:
    assert exponent(currency) == digits
    assert is_currency(currency)


@pytest.mark.parametrize("code", ["usd", "US", "USDD", "ABC", "XXX", "XAU"])
def test_what_money_is_not_counted_in_is_no_currency(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(ValueError, match=code):
        exponent(code)


@given(amount=amounts, currency=currencies)
def test_major_units_lead_back_to_the_same_money(amount: int, currency: str) -> None:
    money = Money(amount, currency)

    assert from_major(to_major(money), currency) == money


@pytest.mark.parametrize(
    ("money", "major"),
    [
        (Money(1999, "USD"), "19.99"),
        (Money(-1, "USD"), "-0.01"),
        (Money(1999, "JPY"), "1999"),
        (Money(1999, "KWD"), "1.999"),
    ],
)
def test_major_units_are_exact(money: Money, major: str) -> None:
    assert str(to_major(money)) == major


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.001", "USD"), ("0.1", "JPY"), ("1.9999", "KWD")]
)
def test_more_decimals_than_the_currency_has_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more decimals"):
        from_major(Decimal(amount), currency)


@given(left=amounts, right=amounts, currency=currencies)
def test_sums_and_comparisons_are_those_of_the_amounts(
    left: int, right: int, currency: str
) -> None:
    one, other = Money(left, currency), Money(right, currency)

    assert (one + other).amount == left + right
    assert (one - other).amount == left - right
    assert (one < other, one <= other, one > other, one >= other, one == other) == (
        left < right,
        left <= right,
        left > right,
        left >= right,
        left == right,
    )


def test_a_debt_and_so_many_times_an_amount_are_exact() -> None:
    assert -Money(5, "EUR") == Money(-5, "EUR")
    assert Money(199, "EUR") * 3 == Money(597, "EUR")


def test_the_largest_amount_is_the_databases() -> None:
    assert MAX_MINOR == 9_223_372_036_854_775_807


def test_two_currencies_never_meet() -> None:
    dollars, euros = Money(1, "USD"), Money(1, "EUR")

    for meet in (
        lambda: dollars + euros,
        lambda: dollars - euros,
        lambda: dollars < euros,
        lambda: dollars <= euros,
        lambda: dollars > euros,
    ):
        with pytest.raises(CurrencyMismatch):
            meet()
    assert dollars != euros


@pytest.mark.parametrize("factor", [1.5, Decimal("1.5"), Money(2, "USD"), "2"])
def test_money_is_multiplied_by_whole_counts_only(factor: object) -> None:
    with pytest.raises(TypeError):
        Money(100, "USD") * factor  # type: ignore[operator]  # the point of the test


def test_money_cannot_be_divided() -> None:
    with pytest.raises(TypeError):
        Money(100, "USD") / 3  # type: ignore[operator]  # the point of the test


@given(
    amount=st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15
    )
)
def test_rounding_moves_by_half_a_unit_at_most(amount: Decimal) -> None:
    assert abs(amount - round_minor(amount)) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("2.4999", 2)]
)
def test_halves_are_rounded_away_from_zero(amount: str, rounded: int) -> None:
    assert round_minor(Decimal(amount)) == rounded


@given(amount=amounts, currency=currencies)
def test_money_crosses_the_wire_unchanged(amount: int, currency: str) -> None:
    money = Money(amount, currency)

    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money


def test_a_wire_amount_in_decimals_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"amount": 19.99, "currency": "USD"}', type=Money)
