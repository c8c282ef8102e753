"""What is known of a country's addresses, and what is said of one of them."""

from __future__ import annotations

import enum

import msgspec


class Region(msgspec.Struct, frozen=True):
    """A region as it is written on an envelope (``CA``, ``Co. Cork``), and its name in English."""

    code: str
    name: str


class CountryFormat(msgspec.Struct, frozen=True):
    """What a country's addresses are made of.

    ``order`` names the fields after the street, out of ``city``, ``region`` and ``postal_code``,
    as they are written. Name, street and city are required everywhere. An empty ``regions`` lets
    any text be the region.
    """

    code: str
    order: tuple[str, ...]
    is_region_required: bool
    is_postal_code_required: bool
    city_label: str
    region_label: str
    postal_code_label: str
    regions: tuple[Region, ...]
    postal_code_examples: tuple[str, ...]
    calling_code: int


class FaultKind(enum.Enum):
    """What is wrong with one field of an address; the codes that callers are told."""

    MISSING = "missing"
    UNKNOWN_REGION = "unknown_region"
    INVALID_POSTAL_CODE = "invalid_postal_code"
    POSTAL_CODE_ELSEWHERE = "postal_code_elsewhere"
    INVALID_PHONE = "invalid_phone"


class AddressFault(msgspec.Struct, frozen=True):
    """One field, what is wrong with it, and a sentence that helps to mend it."""

    field: str
    kind: FaultKind
    detail: str


class Verdict(msgspec.Struct, frozen=True):
    """What a country makes of a region and a postal code: its own way of writing them, or faults.

    A field with a fault is as it was given.
    """

    region: str | None
    postal_code: str | None
    faults: tuple[AddressFault, ...] = ()


class PhoneVerdict(msgspec.Struct, frozen=True):
    """A telephone number in E.164 form, or what is wrong with it."""

    number: str | None
    fault: AddressFault | None = None
