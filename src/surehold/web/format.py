"""Amounts and instants as people read them, in their locale.

Digits of a currency come from ISO 4217, layout from Babel: Babel's own digits are wrong for
some currencies. Amounts stay whole minor units until ``Decimal`` shifts the point; never a float.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date as babel_date
from babel.dates import format_datetime as babel_datetime
from babel.dates import format_interval, format_skeleton, format_time, format_timedelta
from babel.lists import format_list as babel_list
from babel.numbers import NumberPattern

from surehold.kernel.money import Money, exponent, to_major

FALLBACK: Final = Locale("en")
#: Below this age an instant is told as "4 min ago", from it on as a date and time.
RELATIVE_UNTIL: Final = timedelta(hours=24)
_CODE_MEETS_DIGIT: Final = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_HYPHEN: Final = "-"
_MINUS: Final = "\N{MINUS SIGN}"


@lru_cache(maxsize=256)
def parse_locale(tag: str) -> Locale:
    """The locale of a language tag; without its region when Babel has never heard of the two.

    >>> str(parse_locale("de-AT")), str(parse_locale("de-IE")), str(parse_locale("xx"))
    ('de_AT', 'de', 'en')
    """
    for known in (tag.replace("-", "_"), tag.partition("-")[0]):
        with suppress(UnknownLocaleError, ValueError):
            return Locale.parse(known)
    return FALLBACK


def format_money(minor: int, currency: str, locale: str, *, with_code: bool = False) -> str:
    r"""Lay out minor units of a currency; the code follows when a page shows several currencies.

    >>> format_money(11840, "EUR", "en-IE"), format_money(-500, "EUR", "en-IE")
    ('€118.40', '−€5.00')
    >>> format_money(1234, "JPY", "en"), format_money(1234, "KWD", "en", with_code=True)
    ('¥1,234', 'KWD\xa01.234')

    Raises:
        ValueError: Not an ISO 4217 code that money is counted in.
    """
    text = _money_pattern(locale, exponent(currency)).apply(
        to_major(Money(minor, currency)),
        parse_locale(locale),
        currency=currency,
        currency_digits=False,
    )
    if minor < 0:
        text = text.replace(_HYPHEN, _MINUS)
    # A currency without a symbol here shows its code; CLDR wants a space that Babel leaves out.
    text = _CODE_MEETS_DIGIT.sub("\N{NO-BREAK SPACE}", text)
    return f"{text}\N{NO-BREAK SPACE}{currency}" if with_code and currency not in text else text


@lru_cache(maxsize=512)
def _money_pattern(locale: str, digits: int) -> NumberPattern:
    pattern: NumberPattern = copy.copy(parse_locale(locale).currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


def format_datetime(instant: datetime, locale: str, zone: tzinfo = UTC) -> str:
    """Day, month and time, as in "20 Nov, 14:32"; ``exact_time`` has the year too."""
    local = instant.astimezone(zone)
    day = format_skeleton("MMMd", local, tzinfo=zone, locale=parse_locale(locale))
    return f"{day}, {format_time(local, 'short', tzinfo=zone, locale=parse_locale(locale))}"


def exact_time(instant: datetime, locale: str, zone: tzinfo = UTC) -> str:
    """The whole value with its zone, for ``title`` attributes."""
    return babel_datetime(
        instant.astimezone(zone), "long", tzinfo=zone, locale=parse_locale(locale)
    )


def relative_time(now: datetime, then: datetime, locale: str, zone: tzinfo = UTC) -> str:
    """The distance ("4 min ago", "in 4 min") within 24 hours, else the date and time.

    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> relative_time(noon, noon - timedelta(minutes=4), "en-IE")
    '4 min ago'
    """
    distance = then - now
    if abs(distance) >= RELATIVE_UNTIL:
        return format_datetime(then, locale, zone)
    return format_timedelta(
        distance, add_direction=True, format="short", locale=parse_locale(locale)
    )


def format_day(day: date, locale: str) -> str:
    """Weekday, day and month, as in "Wed 25 Nov"; without the comma that some locales add.

    >>> format_day(date(2026, 11, 25), "en-IE")
    'Wed 25 Nov'
    """
    return format_skeleton("MMMEd", day, locale=parse_locale(locale)).replace(",", "")


def format_days(first: date, last: date, locale: str) -> str:
    """A span of days said once where it can be, as in "Wed 25 – Fri 27 Nov".

    >>> format_days(date(2026, 11, 25), date(2026, 11, 27), "en-IE")
    'Wed 25 – Fri 27 Nov'
    """
    if first == last:
        return format_day(first, locale)
    # CLDR puts thin spaces around the dash; fonts differ in whether they have them.
    span = format_interval(first, last, "MMMEd", locale=parse_locale(locale))
    return span.replace("\N{THIN SPACE}", " ").replace(",", "")


def format_long_day(day: date, locale: str) -> str:
    """The day with its year, as in "25 November 2026"."""
    return babel_date(day, "long", locale=parse_locale(locale))


def format_list(names: Sequence[str], locale: str) -> str:
    """Names as one phrase.

    >>> format_list(["Lamp", "Mug", "Tray"], "en-IE"), format_list(["Lampe", "Becher"], "de")
    ('Lamp, Mug and Tray', 'Lampe und Becher')
    """
    return babel_list(names, locale=parse_locale(locale))


def format_clock(seconds: int) -> str:
    """A time left as minutes and seconds; hours are counted as minutes, below zero is zero.

    >>> format_clock(872), format_clock(-3)
    ('14:32', '0:00')
    """
    whole = max(seconds, 0)
    return f"{whole // 60}:{whole % 60:02d}"
