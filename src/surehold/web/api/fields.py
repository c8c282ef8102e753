"""The kinds of fields that requests are made of, with their limits and checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from email_validator import EmailNotValidError, validate_email
from msgspec import Meta

from surehold.addresses import rules as addresses
from surehold.addresses.countries import COUNTRIES
from surehold.addresses.model import AddressFault
from surehold.kernel.errors import Fault
from surehold.kernel.money import MAX_MINOR, is_currency
from surehold.orders.model import Address

MAX_LINES: Final = 100
MAX_QUANTITY: Final = 999
MAX_EMAIL: Final = 254
#: The longest of an address's optional fields.
_MAX_NOTE: Final = 200

#: An address that needs no second look: plain characters, single dots and hyphens, a lower-case
#: domain with a plain ending. Whatever matches, the library takes as it is; a test proves it.
PLAIN_EMAIL: Final = re.compile(
    r"(?=[^@]{1,64}@)(?![^@]*@.*[a-z0-9-]{64})"
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+(?!(?:arpa|invalid|local|localhost|onion)$)[a-z]{2,24}"
).fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]").search


def normalize_email(text: str) -> str:
    """The address as we keep it: its domain in lower case.

    Raises:
        ValueError: No such address can exist. Whether it does is for a letter to find out.
    """
    if PLAIN_EMAIL(text):
        return text
    try:
        found = validate_email(
            text, check_deliverability=False, test_environment=True, strict=True
        )
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return found.normalized


def _email_fault(text: str) -> tuple[str, str] | None:
    try:
        normalize_email(text)
    except ValueError as error:
        return "invalid_email", str(error)
    return None


def _country_fault(text: str) -> tuple[str, str] | None:
    if text in COUNTRIES:
        return None
    return "invalid_country", "A country code of ISO 3166-1 alpha-2, such as DE."


def _currency_fault(text: str) -> tuple[str, str] | None:
    if is_currency(text):
        return None
    return "invalid_currency", "An ISO 4217 code such as EUR."


def _line_fault(text: str) -> tuple[str, str] | None:
    """One line of text with something on it."""
    if not text.strip():
        return "blank", "There must be something on it."
    return _optional_line_fault(text)


def _optional_line_fault(text: str) -> tuple[str, str] | None:
    if _CONTROL(text):
        return "invalid_text", "One line of text, without control characters."
    return None


def is_line(text: str | None) -> bool:
    """Whether a text, where there is one, is one line; the quick look at what was decoded."""
    return text is None or text.isprintable()


Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=MAX_EMAIL,
        description="Where the order is confirmed to.",
        examples=["buyer@example.com"],
        extra_json_schema={"format": "idn-email"},
        extra={"check": _email_fault},
    ),
]
Country = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=2,
        description="ISO 3166-1 alpha-2.",
        examples=["DE"],
        extra={"check": _country_fault},
    ),
]
CurrencyCode = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=3,
        description="ISO 4217.",
        examples=["EUR"],
        extra={"check": _currency_fault},
    ),
]
Line200 = Annotated[str, Meta(min_length=1, max_length=200, extra={"check": _line_fault})]
Line100 = Annotated[str, Meta(min_length=1, max_length=100, extra={"check": _line_fault})]
Note200 = Annotated[str, Meta(max_length=200, extra={"check": _optional_line_fault})]
Note100 = Annotated[str, Meta(max_length=100, extra={"check": _optional_line_fault})]
Note40 = Annotated[str, Meta(max_length=40, extra={"check": _optional_line_fault})]
Note20 = Annotated[str, Meta(max_length=20, extra={"check": _optional_line_fault})]
Code = Annotated[
    str, Meta(min_length=1, max_length=50, pattern="^[A-Za-z0-9_-]+$", examples=["standard"])
]
#: Where a payment is confirmed, when its provider asks there.
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$", examples=["+251911234567"])]
Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY, description="Whole units.")]
Minor = Annotated[int, Meta(ge=0, le=MAX_MINOR, description="Minor units: cents, fils, yen.")]


class MoneyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units of an ISO 4217 currency."""

    amount: Minor
    currency: CurrencyCode


class AddressBody(Address, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where goods or an invoice go."""

    name: Line200
    line1: Line200
    city: Line100
    country: Country
    line2: Note200 | None = None
    region: Note100 | None = None
    postal_code: Note20 | None = None
    phone: Note40 | None = None
    company: Note200 | None = None

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What the country makes of its region, postal code and telephone number."""
        country = raw.get("country")
        if not isinstance(country, str) or country not in COUNTRIES:
            return
        region, postal_code = raw.get("region"), raw.get("postal_code")
        for one in _country_faults(country, region, postal_code, raw.get("phone")):
            # What has no value of the right kind has its fault already.
            if raw.get(one.field) is None or _is_note(raw.get(one.field)):
                yield Fault(f"{at}/{one.field}", one.kind.value, one.detail)


def _country_faults(
    country: str, region: Any, postal_code: Any, phone: Any
) -> Iterator[AddressFault]:
    yield from addresses.judge(
        country,
        region if _is_note(region) else None,
        postal_code if _is_note(postal_code) else None,
    ).faults
    if _is_note(phone) and phone.strip():
        fault = addresses.judge_phone(country, phone).fault
        if fault is not None:
            yield fault


def _is_note(value: Any) -> bool:
    """Whether an optional field was given and is a line that we would keep."""
    return isinstance(value, str) and len(value) <= _MAX_NOTE and not _CONTROL(value)


def settle_address(address: Address) -> Address:
    """An address without faults as its country writes it, with its telephone number in E.164.

    An address that is written so already is the answer itself.
    """
    verdict = addresses.judge(address.country, address.region, address.postal_code)
    phone = address.phone
    if phone is not None:
        phone = addresses.judge_phone(address.country, phone).number if phone.strip() else None
    if (
        verdict.region == address.region
        and verdict.postal_code == address.postal_code
        and phone == address.phone
    ):
        return address
    return msgspec.structs.replace(
        address, region=verdict.region, postal_code=verdict.postal_code, phone=phone
    )


def is_address_fine(address: Address) -> bool:
    """The quick look at a decoded address: no faults, for certain. The hot path asks."""
    return (
        address.country in COUNTRIES
        and not address.name.isspace()
        and not address.line1.isspace()
        and not address.city.isspace()
        and address.name.isprintable()
        and address.line1.isprintable()
        and address.city.isprintable()
        and is_line(address.line2)
        and is_line(address.region)
        and is_line(address.postal_code)
        and is_line(address.phone)
        and is_line(address.company)
        and not addresses.judge(address.country, address.region, address.postal_code).faults
        and (
            address.phone is None
            or addresses.judge_phone(address.country, address.phone).fault is None
        )
    )


class LineBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of one variant."""

    variant_id: UUID
    quantity: Quantity


class LineUnitsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of one order line."""

    line_id: UUID
    quantity: Quantity


class PaymentMethodBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the buyer pays: one of the store's providers."""

    provider: Annotated[Code, Meta(examples=["sandbox", "bank_transfer"])]


Lines = Annotated[tuple[LineBody, ...], Meta(min_length=1, max_length=MAX_LINES)]
Units = Annotated[tuple[LineUnitsBody, ...], Meta(min_length=1, max_length=MAX_LINES)]


def basket_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
    """What is wrong between the fields that name a basket: a cart, or lines, never both."""
    lines = raw.get("lines")
    if raw.get("cart_id") is None and lines is None:
        yield Fault(f"{at}/lines", "missing", "Name a cart_id, or send lines.")
    elif raw.get("cart_id") is not None and lines is not None:
        yield Fault(f"{at}/lines", "cart_or_lines", "Name a cart_id or send lines, not both.")
    if isinstance(lines, list):
        yield from sum_faults(lines, f"{at}/lines")


def sum_faults(lines: list[Any], at: str) -> Iterator[Fault]:
    """Lines of the same variant are summed; the sum has the limit of one line."""
    sums: dict[Any, int] = {}
    for index, line in enumerate(lines[:MAX_LINES]):
        if not isinstance(line, dict):
            continue
        variant_id, quantity = line.get("variant_id"), line.get("quantity")
        if not isinstance(variant_id, str) or type(quantity) is not int or quantity < 1:
            continue
        key = variant_id.lower().replace("-", "")
        before = sums.get(key, 0)
        sums[key] = before + quantity
        if before and before <= MAX_QUANTITY < before + quantity:
            yield Fault(
                f"{at}/{index}/quantity",
                "out_of_range",
                f"All lines of one variant come to {MAX_QUANTITY} at most.",
            )
