"""What each country makes of an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.addresses.countries import COUNTRIES
from surehold.addresses.model import FaultKind
from surehold.addresses.rules import KEPT, format_of, judge, judge_phone

countries = st.sampled_from(sorted(COUNTRIES))
texts = st.one_of(st.none(), st.text(max_size=20), st.from_regex(r"[A-Z0-9 -]{1,9}"))


@pytest.mark.parametrize(
    ("country", "region", "postal_code", "written"),
    [
        ("CA", "ontario", "k1a0b1", ("ON", "K1A 0B1")),
        ("US", "California", "94103 3456", ("CA", "94103-3456")),
        ("US", "US-CA", " 94103 ", ("CA", "94103")),
        ("GB", "Kent", "sw1a1aa", ("Kent", "SW1A 1AA")),
        ("GB", None, "bfpo61", (None, "BFPO 61")),
        ("IE", "dublin", "d6wxy00", ("Co. Dublin", "D6W XY00")),
        ("NL", None, "1012js", (None, "1012 JS")),
        ("DE", None, "D-10115", (None, "10115")),
        ("LV", None, "1073", (None, "LV-1073")),
        ("PT", None, "2725079", (None, "2725-079")),
        ("JP", "tokyo", "1540023", ("東京都", "154-0023")),
        ("ES", "madrid", "28013", ("M", "28013")),
        ("FR", "", "75 001", (None, "75001")),
        ("PA", None, "0801", (None, "0801")),
        ("AE", "Dubai", None, ("إمارة دبيّ", None)),
    ],
)
def test_an_address_is_written_as_its_country_writes_it(
    country: str, region: str | None, postal_code: str, written: tuple[str | None, str]
) -> None:
    verdict = judge(country, region, postal_code)

    assert (verdict.region, verdict.postal_code, verdict.faults) == (*written, ())


@pytest.mark.parametrize(
    ("country", "region", "postal_code", "faults"),
    [
        ("US", None, None, [("region", FaultKind.MISSING), ("postal_code", FaultKind.MISSING)]),
        (
            "US",
            "Ontario",
            "K1A 0B1",
            [
                ("region", FaultKind.UNKNOWN_REGION),
                ("postal_code", FaultKind.INVALID_POSTAL_CODE),
            ],
        ),
        ("US", "CA", "10001", [("postal_code", FaultKind.POSTAL_CODE_ELSEWHERE)]),
        ("DE", None, "1011", [("postal_code", FaultKind.INVALID_POSTAL_CODE)]),
        ("DE", None, "  ", [("postal_code", FaultKind.MISSING)]),
        ("IE", "Connacht", None, [("region", FaultKind.UNKNOWN_REGION)]),
        ("IE", None, "NONSENSE", [("postal_code", FaultKind.INVALID_POSTAL_CODE)]),
        ("IE", None, "GALWAY1", [("postal_code", FaultKind.INVALID_POSTAL_CODE)]),
        ("IT", None, "00184", [("region", FaultKind.MISSING)]),
    ],
)
def test_what_is_wrong_names_its_field(
    country: str, region: str | None, postal_code: str | None, faults: list[object]
) -> None:
    verdict = judge(country, region, postal_code)

    assert [(fault.field, fault.kind) for fault in verdict.faults] == faults


def test_a_sentence_says_what_is_wanted() -> None:
    assert [fault.detail for fault in judge("US", "Narnia", "x").faults] == [
        "No state in the United States is called this. One is AL (Alabama).",
        "A ZIP code in the United States looks like 95014 or 22162-1010.",
    ]
    assert judge("US", "CA", "10001").faults[0].detail == "ZIP code 10001 is not in California."


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_every_country_takes_its_own_examples_and_regions(country: str) -> None:
    form = format_of(country)

    for example in form.postal_code_examples:
        verdict = judge(country, None, example.lower().replace(" ", ""))
        assert verdict.postal_code == example
        assert "postal_code" not in {fault.field for fault in verdict.faults}
    for region in form.regions:
        for text in (region.code, region.name, region.name.upper()):
            assert judge(country, text, None).region == region.code
    assert {"city"} <= set(form.order) <= {"city", "region", "postal_code"}


@given(countries, texts, texts)
def test_what_was_written_so_once_is_written_so_for_ever(
    country: str, region: str | None, postal_code: str | None
) -> None:
    once = judge(country, region, postal_code)

    assert judge(country, once.region, once.postal_code) == once


def test_verdicts_are_kept_in_a_bounded_number() -> None:
    for number in range(KEPT + 100):
        judge("DE", None, f"{number:05}")
        judge_phone("DE", f"030 {number:07}")

    assert judge.cache_info().currsize == judge_phone.cache_info().currsize == KEPT


@pytest.mark.parametrize(
    ("country", "text", "number"),
    [
        ("US", "(415) 555-2671", "+14155552671"),
        ("IE", "091 123 456", "+35391123456"),
        ("IE", "+49 30 901820", "+4930901820"),
        ("US", "555-0123", None),
        ("IE", "+353 1", None),
        ("DE", "call me", None),
        ("AQ", "1", None),
    ],
)
def test_a_number_is_kept_as_it_is_dialed_from_anywhere(
    country: str, text: str, number: str | None
) -> None:
    verdict = judge_phone(country, text)

    assert verdict.number == number
    assert (verdict.fault is None) == (number is not None)
