"""Identifiers: ordered inside, uncountable outside."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.kernel.ids import (
    merchant_reference,
    new_id,
    new_order_number,
    parse_merchant_reference,
)

REFERENCE = merchant_reference(UUID(int=2**127 + 1))


def test_ids_are_version_seven_and_never_equal() -> None:
    ids = [new_id() for _ in range(1000)]

    assert {value.version for value in ids} == {7}
    assert len(set(ids)) == 1000


def test_ids_are_ordered_by_their_making() -> None:
    ids = [new_id() for _ in range(1000)]

    assert ids == sorted(ids)


def test_order_numbers_have_eight_letters_that_are_read_aloud_safely() -> None:
    numbers = {new_order_number() for _ in range(1000)}

    assert len(numbers) == 1000
    assert all(re.fullmatch(r"SH-[0-9A-HJKMNP-TV-Z]{8}", number) for number in numbers)


@given(value=st.uuids())
def test_a_merchant_reference_leads_back_to_its_id(value: UUID) -> None:
    reference = merchant_reference(value)

    assert parse_merchant_reference(reference) == value
    assert re.fullmatch(r"SH[0-9A-Z]{26}", reference)


@given(left=st.uuids(), right=st.uuids())
def test_references_are_ordered_as_their_ids(left: UUID, right: UUID) -> None:
    assert (left < right) == (merchant_reference(left) < merchant_reference(right))


@given(text=st.text())
def test_any_text_is_a_reference_of_ours_or_nothing(text: str) -> None:
    value = parse_merchant_reference(text)

    assert value is None or merchant_reference(value) == text


@pytest.mark.parametrize(
    "reference",
    [
        "",
        REFERENCE[:-1],
        REFERENCE + "0",
        "XX" + REFERENCE[2:],
        REFERENCE.lower(),
        REFERENCE[:-1] + "U",
        "SH" + "Z" * 26,
    ],
)
def test_what_is_not_ours_is_nothing(reference: str) -> None:
    assert parse_merchant_reference(reference) is None
