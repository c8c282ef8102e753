"""Amounts and instants in words: exact digits, the locale's layout, never a float."""

from __future__ import annotations

import ast
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from surehold.web import format as formatting

NBSP = "\N{NO-BREAK SPACE}"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "expected"),
    [
        (11840, "EUR", "en-IE", "€118.40"),
        (11840, "EUR", "de", f"118,40{NBSP}€"),
        (1999, "USD", "en-US", "$19.99"),
        (1999, "USD", "en-IE", "US$19.99"),
        (1234567, "JPY", "en-US", "¥1,234,567"),
        (5000, "KRW", "en-US", "₩5,000"),
        (1234, "KWD", "en-US", f"KWD{NBSP}1.234"),
        (1500, "TND", "de", f"1,500{NBSP}TND"),
        (0, "EUR", "en-IE", "€0.00"),
        (5, "EUR", "en-IE", "€0.05"),
        # Babel believes that these have no decimals; ISO 4217 says two.
        (12345, "HUF", "en-US", f"HUF{NBSP}123.45"),
        (12345, "COP", "en-US", f"COP{NBSP}123.45"),
        # More digits than a float can hold.
        (9007199254740993, "EUR", "en-IE", "€90,071,992,547,409.93"),
    ],
)
def test_amount_has_the_digits_of_its_currency(
    minor: int, currency: str, locale: str, expected: str
) -> None:
    assert formatting.format_money(minor, currency, locale) == expected


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("en-IE", "−€5.00"), ("de", f"−5,00{NBSP}€"), ("fr", f"−5,00{NBSP}€")],
)
def test_negative_amount_has_a_minus_sign_not_a_hyphen(locale: str, expected: str) -> None:
    assert formatting.format_money(-500, "EUR", locale) == expected


def test_code_follows_when_asked_and_only_once() -> None:
    assert formatting.format_money(1000, "EUR", "en-IE", with_code=True) == f"€10.00{NBSP}EUR"
    assert formatting.format_money(1000, "KWD", "en-IE", with_code=True) == f"KWD{NBSP}1.000"


def test_unknown_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="ZZZ"):
        formatting.format_money(1, "ZZZ", "en")


def test_unknown_locale_reads_as_english() -> None:
    assert formatting.format_money(100, "EUR", "xx-YY") == "€1.00"


def test_no_float_in_the_module() -> None:
    tree = ast.parse(Path(formatting.__file__).read_text(encoding="utf-8"))

    floats = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "float"]

    assert floats == []
    assert names == []


def test_instant_is_told_in_the_zone_asked_for() -> None:
    instant = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)

    assert formatting.format_datetime(instant, "en-IE") == "20 Nov, 14:32"
    assert (
        formatting.format_datetime(instant, "en-IE", ZoneInfo("Europe/Berlin")) == "20 Nov, 15:32"
    )
    assert formatting.exact_time(instant, "en-IE") == "20 November 2026, 14:32:00 UTC"


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (timedelta(minutes=-4), "4 min ago"),
        (timedelta(hours=-5), "5 hr ago"),
        (timedelta(minutes=4), "in 4 min"),
        (timedelta(hours=-24), "19 Nov, 12:00"),
        (timedelta(days=4), "24 Nov, 12:00"),
    ],
)
def test_relative_within_a_day_and_dated_beyond(distance: timedelta, expected: str) -> None:
    assert formatting.relative_time(NOON, NOON + distance, "en-IE") == expected


def test_days_are_said_once_where_they_can_be() -> None:
    first = date(2026, 11, 25)

    assert formatting.format_days(first, first, "en-IE") == "Wed 25 Nov"
    assert formatting.format_days(first, date(2026, 11, 27), "en-IE") == "Wed 25 – Fri 27 Nov"
    assert formatting.format_long_day(first, "en-IE") == "25 November 2026"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(872, "14:32"), (60, "1:00"), (9, "0:09"), (0, "0:00"), (-1, "0:00")]
)
def test_clock_never_goes_below_zero(seconds: int, expected: str) -> None:
    assert formatting.format_clock(seconds) == expected
