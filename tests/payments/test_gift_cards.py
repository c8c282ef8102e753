"""Codes that people can read, texts that a table cannot, and lists that an index begins."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.db import Database
from surehold.identity.tokens import Seals
from surehold.kernel.ids import new_id
from surehold.payments.gift_cards import codes, sql
from tests.builders.gift_cards import a_gift_card

SEALS = Seals(("first-secret", "second-secret"))
CODE = "7K4M-92QX-7K4M-92QX-7K4M"


def test_a_code_has_a_hundred_random_bits_and_is_read_as_it_is_shown() -> None:
    made = {codes.new_code() for _ in range(500)}

    assert len(made) == 500
    assert {len(code) for code in made} == {20}
    assert all(codes.find_code(codes.show(code)) == code for code in made)
    # Five bits a letter: in so many letters each of the 32 comes up.
    assert len(set("".join(made))) == 32


@pytest.mark.parametrize(
    "text", ["", "7K4M", CODE + "7", CODE[:-1] + "U", CODE[:-1] + "İ", CODE[:-1] + "\x00"]
)
def test_what_is_no_code_is_none(text: str) -> None:
    assert codes.find_code(text) is None


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_code_or_none(text: str) -> None:
    code = codes.find_code(text)

    assert code is None or codes.find_code(codes.show(code)) == code


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64))
def test_a_sealed_text_is_found_by_its_subject_alone(text: str) -> None:
    subject, other = UUID(int=1), UUID(int=2)

    sealed = SEALS.seal("gift-card", subject, text)

    assert text not in sealed or len(text) < 3
    assert SEALS.find("gift-card", subject, sealed) == text
    assert SEALS.find("gift-card", other, sealed) is None
    assert SEALS.find("letter", subject, sealed) is None


def test_a_secret_that_was_turned_still_opens_and_one_that_is_gone_does_not() -> None:
    subject = new_id()
    old = Seals(("second-secret",)).seal("gift-card", subject, CODE)

    assert SEALS.find("gift-card", subject, old) == CODE
    assert Seals(("first-secret",)).find("gift-card", subject, old) is None
    with pytest.raises(ValueError, match="at least one secret"):
        Seals(())


@pytest.mark.parametrize(
    ("start", "values", "index"),
    [
        ("newest", (None, None, None, None, 10), "gift_cards_pkey"),
        ("email", ("ada@example.com", None, None, None, 10), "gift_cards_owner"),
        ("last_four", (None, "7K4M", None, None, 10), "gift_cards_last_four"),
    ],
)
async def test_a_list_begins_at_an_index(
    db: Database, start: str, values: tuple[object, ...], index: str
) -> None:
    for number in range(3):
        await a_gift_card(db, owner_email=f"b{number}@example.com")

    async with db.connection() as connection:
        raw: asyncpg.Connection[asyncpg.Record] = connection.raw
        await raw.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        rows = await raw.fetch(f"EXPLAIN {sql.LIST[start].text}", *values)
        await raw.execute("RESET enable_seqscan; RESET enable_bitmapscan")

    assert index in "\n".join(row[0] for row in rows)
