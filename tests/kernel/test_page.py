"""Cursors name the last row that was seen, and nothing else opens as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.kernel.page import decode_cursor, encode_cursor

words = st.text(st.characters(exclude_categories=["Cs"]))


@given(keys=st.lists(words, max_size=5))
def test_a_cursor_leads_back_to_its_keys(keys: list[str]) -> None:
    cursor = encode_cursor(*keys)

    assert decode_cursor(cursor, count=len(keys)) == tuple(keys)
    assert cursor.isascii()
    assert not set(cursor) & set("+/= &?")


@given(keys=st.lists(words, max_size=5), count=st.integers(0, 6))
def test_a_cursor_of_another_list_is_refused(keys: list[str], count: int) -> None:
    if count != len(keys):
        assert decode_cursor(encode_cursor(*keys), count=count) is None


@given(text=st.text())
def test_any_text_opens_as_keys_or_as_nothing(text: str) -> None:
    keys = decode_cursor(text, count=1)

    assert keys is None or all(isinstance(key, str) for key in keys)


@pytest.mark.parametrize("cursor", ["", "!", "a", "bnVsbA", "WzFd", "W1tdXQ", "e30", "é", "/w"])
def test_what_we_did_not_make_is_nothing(cursor: str) -> None:
    assert decode_cursor(cursor, count=1) is None
