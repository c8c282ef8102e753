"""How each provider writes money: exact, by its own table, and back again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.kernel.money import Money
from surehold.payments.providers.amounts import Amounts, NotCarried
from surehold.payments.providers.chapa import AMOUNTS as CHAPA
from surehold.payments.providers.flutterwave.wire import AMOUNTS as FLUTTERWAVE
from surehold.payments.providers.paypal.wire import AMOUNTS as PAYPAL
from surehold.payments.providers.paystack.wire import AMOUNTS as PAYSTACK
from surehold.payments.providers.razorpay.wire import AMOUNTS as RAZORPAY
from surehold.payments.providers.stripe.wire import AMOUNTS as STRIPE

BY_NAME = {
    "stripe": STRIPE,
    "chapa": CHAPA,
    "razorpay": RAZORPAY,
    "paystack": PAYSTACK,
    "flutterwave": FLUTTERWAVE,
    "paypal": PAYPAL,
}

#: Provider, our minor units, currency, the provider's units; ``None``: it cannot write them.
GOLDEN: list[tuple[str, int, str, int | None]] = [
    ("stripe", 1999, "USD", 1999),
    ("stripe", 100, "JPY", 100),
    ("stripe", 100, "XOF", 100),
    # Two digits by ISO, none at Stripe: only whole ones can be written.
    ("stripe", 1200, "MGA", 12),
    ("stripe", 1250, "MGA", None),
    # No digits by ISO, two at Stripe, which must be zeros.
    ("stripe", 500, "ISK", 50_000),
    # Three digits, of which the last must be zero.
    ("stripe", 1230, "KWD", 1230),
    ("stripe", 1234, "KWD", None),
    ("stripe", 118_40, "HUF", 118_40),
    ("stripe", 118_40, "ETB", 118_40),
    ("stripe", 1000, "UGX", None),
    ("stripe", 99_999_999, "EUR", 99_999_999),
    ("stripe", 100_000_000, "EUR", None),
    ("stripe", 0, "EUR", None),
    ("stripe", -1, "EUR", None),
    ("chapa", 40_000, "ETB", 40_000),
    ("chapa", 999_999_999, "ETB", 999_999_999),
    ("chapa", 1_000_000_000, "ETB", None),
    ("chapa", 100, "EUR", None),
]


@pytest.mark.parametrize(("provider", "minor", "currency", "units"), GOLDEN)
def test_amounts_are_written_by_the_providers_own_table(
    provider: str, minor: int, currency: str, units: int | None
) -> None:
    table, money = BY_NAME[provider], Money(minor, currency)

    assert table.can_carry(money) is (units is not None)
    if units is None:
        with pytest.raises(NotCarried):
            table.to_units(money)
        return
    assert table.to_units(money) == units
    assert table.from_units(units, currency) == money


@given(st.sampled_from(sorted(BY_NAME)), st.data())
def test_what_is_written_reads_back_as_the_same_amount(name: str, data: st.DataObject) -> None:
    table = BY_NAME[name]
    currency = data.draw(st.sampled_from(sorted(table.exponents)))
    money = Money(data.draw(st.integers(1, 99_999_999)), currency)
    if not table.can_carry(money):
        return

    assert table.from_units(table.to_units(money), currency) == money
    assert table.from_decimal(table.to_decimal(money), currency) == money


@pytest.mark.parametrize("written", ["400.00", "400", 400, Decimal("400.0"), "4E2"])
def test_decimals_are_read_whatever_they_are_written_as(written: str | int | Decimal) -> None:
    assert CHAPA.from_decimal(written, "ETB") == Money(40_000, "ETB")


@pytest.mark.parametrize("written", ["0.001", "", "NaN", "Infinity", "4,00", "1" * 30, "0x10"])
def test_what_is_no_amount_is_refused(written: str) -> None:
    with pytest.raises(NotCarried):
        CHAPA.from_decimal(written, "ETB")


def test_a_part_of_our_smallest_unit_is_no_amount() -> None:
    with pytest.raises(NotCarried):
        STRIPE.from_units(50_050, "ISK")
    with pytest.raises(NotCarried):
        Amounts({"EUR": 2}).from_units(1, "USD")
