"""What may be entered into the price book: every fault of an entry, with its pointer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.money import MAX_MINOR, is_currency
from surehold.pricing.model import (
    Coupon,
    Effect,
    Entry,
    MethodKind,
    Promotion,
    ShippingMethod,
    ShippingZone,
    SpecialPrice,
    TaxRate,
)

_RATE: Final = re.compile(r"[01](\.[0-9]{1,6})?")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_CLASS: Final = re.compile(r"[a-z0-9_-]{1,40}")
_METHOD: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_COUPON: Final = re.compile(r"[A-Z0-9_-]{1,50}")
MAX_NAME: Final = 200
_MAX_INT: Final = 2**31 - 1


def check_entry(entry: Entry) -> None:
    """Refuse an entry that cannot be meant.

    Raises:
        InvalidInput: Lists every fault.
    """
    faults = tuple(_faults(entry))
    if faults:
        raise InvalidInput(faults)


def normalize_code(text: str) -> str:
    """A coupon's code as it is kept and looked for: people type it as they like.

    >>> normalize_code(" spring-10 ")
    'SPRING-10'
    """
    return text.strip().upper()


def is_code(text: str) -> bool:
    """Whether a coupon could have this code, once it is normalized."""
    return _COUPON.fullmatch(text) is not None


def _faults(entry: Entry) -> Iterator[Fault]:
    match entry:
        case SpecialPrice():
            yield from _amounts("", {entry.currency: entry.amount_minor}, lowest=1)
            yield from _within("/min_quantity", entry.min_quantity, lowest=1)
            yield from _window(entry)
        case TaxRate():
            yield from _country("/country", entry.country)
            yield from _matches(
                "/tax_class", _CLASS, entry.tax_class, "Letters a-z, 0-9, _ and -."
            )
            yield from _rate("/rate", entry.rate, is_one_allowed=False)
        case ShippingZone():
            yield from _zone(entry)
        case ShippingMethod():
            yield from _method(entry)
        case Promotion():
            yield from _promotion(entry)
        case Coupon():
            yield from _matches("/code", _COUPON, entry.code, "1 to 50 of A-Z, 0-9, _ and -.")
            for name in ("limit_total", "limit_per_buyer"):
                limit = getattr(entry, name)
                if limit is not None:
                    yield from _within(f"/{name}", limit, lowest=1)
            yield from _window(entry)


def _zone(zone: ShippingZone) -> Iterator[Fault]:
    yield from _name(zone.name)
    for index, country in enumerate(zone.countries):
        yield from _country(f"/countries/{index}", country)
    for field in ("regions", "postal_prefixes"):
        texts: list[str] = getattr(zone, field)
        if texts and len(zone.countries) != 1:
            yield Fault(f"/{field}", "one_country", "They are of one country: name it alone.")
        for index, text in enumerate(texts):
            if not text.strip():
                yield Fault(f"/{field}/{index}", "blank", "There must be something in it.")


def _method(method: ShippingMethod) -> Iterator[Fault]:
    yield from _matches("/code", _METHOD, method.code, "1 to 50 letters, digits, _ and -.")
    yield from _name(method.name)
    if method.max_value is not None:
        yield from _within("/max_value", method.max_value, lowest=1, highest=MAX_MINOR)
    yield from _amounts("/free_from", method.free_from)
    if not method.rates and method.kind is MethodKind.DELIVERY:
        yield Fault("/rates", "missing", "Sending has a price, if only 0.")
    seen: set[tuple[str, int]] = set()
    for index, rate in enumerate(method.rates):
        at = f"/rates/{index}"
        yield from _amounts(at, {rate.currency: rate.amount_minor})
        yield from _within(f"{at}/from_value", rate.from_value, lowest=0, highest=MAX_MINOR)
        if (rate.currency, rate.from_value) in seen:
            yield Fault(f"{at}/from_value", "repeated", "Another rate begins there.")
        seen.add((rate.currency, rate.from_value))


def _promotion(promotion: Promotion) -> Iterator[Fault]:
    yield from _name(promotion.name)
    effect = promotion.effect
    is_bundle = effect is Effect.BUY_X_GET_Y
    yield from _needed("/rate", promotion.rate, is_needed=effect is Effect.PERCENT or is_bundle)
    if promotion.rate is not None:
        yield from _rate("/rate", promotion.rate, is_zero_allowed=False)
    amounts = promotion.amounts or None
    yield from _needed("/amounts", amounts, is_needed=effect is Effect.FIXED)
    yield from _amounts("/amounts", promotion.amounts, lowest=1)
    yield from _amounts("/minimums", promotion.minimums)
    for name in ("buy_quantity", "get_quantity"):
        count = getattr(promotion, name)
        yield from _needed(f"/{name}", count, is_needed=is_bundle)
        if count is not None:
            yield from _within(f"/{name}", count, lowest=1)
    yield from _within("/priority", promotion.priority, lowest=-_MAX_INT)
    yield from _window(promotion)


def _needed(at: str, value: object, *, is_needed: bool) -> Iterator[Fault]:
    if is_needed and value is None:
        yield Fault(at, "missing", "This effect needs it.")
    elif value is not None and not is_needed:
        yield Fault(at, "not_for_this_effect", "This effect has no use for it.")


def _amounts(at: str, amounts: Mapping[str, int], *, lowest: int = 0) -> Iterator[Fault]:
    """Amounts by currency; at an entry of one currency, its two fields."""
    is_one = not at or at.startswith("/rates/")
    for currency, amount in amounts.items():
        where = f"{at}/amount_minor" if is_one else f"{at}/{currency}"
        if not is_currency(currency):
            place = f"{at}/currency" if is_one else where
            yield Fault(place, "invalid_currency", "An ISO 4217 code such as EUR.")
        yield from _within(where, amount, lowest=lowest, highest=MAX_MINOR)


def _within(at: str, value: int, *, lowest: int, highest: int = _MAX_INT) -> Iterator[Fault]:
    if not lowest <= value <= highest:
        yield Fault(at, "out_of_range", f"From {lowest} to {highest}.")


def _matches(at: str, pattern: re.Pattern[str], text: str, words: str) -> Iterator[Fault]:
    if pattern.fullmatch(text) is None:
        yield Fault(at, "invalid_format", words)


def _country(at: str, text: str) -> Iterator[Fault]:
    if _COUNTRY.fullmatch(text) is None:
        yield Fault(at, "invalid_country", "A country code of ISO 3166-1 alpha-2, such as DE.")


def _name(text: str) -> Iterator[Fault]:
    if not text.strip():
        yield Fault("/name", "blank", "There must be something in it.")
    elif len(text) > MAX_NAME:
        yield Fault("/name", "too_long", f"At most {MAX_NAME} characters.")


def _rate(
    at: str, text: str, *, is_zero_allowed: bool = True, is_one_allowed: bool = True
) -> Iterator[Fault]:
    if _RATE.fullmatch(text) is None:
        yield Fault(at, "invalid_rate", 'A fraction with up to six digits, such as "0.19".')
        return
    rate = Decimal(text)
    if rate > 1 or (rate == 1 and not is_one_allowed) or (not rate and not is_zero_allowed):
        yield Fault(at, "out_of_range", "A part of the whole, as a fraction.")


def _window(entry: SpecialPrice | Promotion | Coupon) -> Iterator[Fault]:
    starts_at, ends_at = entry.starts_at, entry.ends_at
    for name, at in (("starts_at", starts_at), ("ends_at", ends_at)):
        if at is not None and at.tzinfo is None:
            yield Fault(f"/{name}", "no_time_zone", "An instant says its offset from UTC.")
            return
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        yield Fault("/ends_at", "empty_window", "It ends after it starts.")
