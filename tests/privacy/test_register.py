"""The register against the schema, the statements and the page."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from surehold.db import Database
from surehold.privacy.model import Fate
from surehold.privacy.not_personal import NOT_PERSONAL
from surehold.privacy.register import PERSONAL
from surehold.privacy.sql import erasing, exporting, exporting_orders
from tools import write_personal_data

_COLUMNS: Final = """
    SELECT table_name, column_name
      FROM information_schema.columns
     WHERE table_schema = current_schema()
       AND (data_type IN ('text', 'jsonb', 'json', 'bytea', 'ARRAY', 'character', 'inet', 'cidr',
                          'character varying')
            AND udt_name NOT IN ('_uuid', '_int4')
            OR column_name ~ '(^|_)(email|name|phone|address|ip|agent|note|birth|postal)(_|$)')
"""
#: The triggers that let an erasure change columns, and which.
_TRIGGERS: Final = """
    SELECT tgrelid::regclass::text AS name, pg_get_triggerdef(oid) AS text
      FROM pg_trigger
     WHERE tgfoid = 'refuse_all_but'::regproc
"""
_SET: Final = re.compile(r"\bSET (.*?)\n +(?:FROM|WHERE) ", re.DOTALL)
_ASSIGNED: Final = re.compile(r"(?:^|,\s+)([a-z_]+) = ")
BY_TABLE: Final = {step.table: step.statement.text for step in erasing.STEPS}
SECTIONS: Final = {
    **exporting.BY_ACCOUNT,
    **exporting.BY_BOTH,
    **exporting.BY_ADDRESS,
    **exporting_orders.BY_ORDERS,
}
#: Deleted with a row that a step deletes, by a foreign key; or by the erasure's own commands.
ELSEWHERE: Final = {
    *("refresh_tokens", "cart_contacts", "cart_tokens", "erasures", "review_events"),
    "wishlist_tokens",
}


def listed() -> Counter[tuple[str, str]]:
    found = Counter((entry.table, column) for entry in PERSONAL for column in entry.columns)
    for places in NOT_PERSONAL.values():
        for place in places:
            table, _, columns = place.partition(": ")
            found.update((table, column) for column in columns.split())
    return found


async def test_every_column_is_in_the_register_or_argued(db: Database) -> None:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(_COLUMNS)

    assert len(rows) > 200
    mine = {tuple(row) for row in rows}
    assert sorted(mine - set(listed())) == [], "argue these"
    assert sorted(set(listed()) - mine) == [], "there are no such columns"
    assert [place for place, count in listed().items() if count > 1] == []


def test_an_erasure_does_to_each_column_what_the_register_says() -> None:
    for entry in PERSONAL:
        if entry.table in ELSEWHERE:
            continue
        text = BY_TABLE.get(entry.table, "")
        if entry.fate is Fate.DELETED:
            assert f"DELETE FROM {entry.table}\n" in text, entry.table
        elif entry.fate in {Fate.BLANKED, Fate.KEPT_FOR_THE_BOOKS}:
            assert set(entry.columns) <= assigned(text), entry.table
        else:
            assert entry.table not in BY_TABLE, entry.table
    personal = {(entry.table, column) for entry in PERSONAL for column in entry.columns}
    for table, text in BY_TABLE.items():
        # What goes with a token is no text: the instant until when it opened something.
        assert {(table, one) for one in assigned(text) - {"link_expires_at"}} <= personal


def assigned(text: str) -> set[str]:
    """The columns that a statement sets."""
    flat, count = text, 1
    while count:  # Innermost brackets first, until none is left: what is in them sets nothing.
        flat, count = re.subn(r"\([^()]*\)", "", flat)
    found = _SET.search(flat)
    return set() if found is None else set(_ASSIGNED.findall(found[1]))


async def test_the_database_lets_an_erasure_change_what_its_steps_change(db: Database) -> None:
    async with db.connection() as connection:
        rows = await connection.raw.fetch(_TRIGGERS)
        kept = await connection.raw.fetch(
            "SELECT tgrelid::regclass::text AS name FROM pg_trigger"
            " WHERE tgfoid = 'refuse_change'::regproc"
        )
    allowed = {row["name"]: set(re.findall(r"'([a-z_]+)'", row["text"])) for row in rows}

    assert len(allowed) == 21
    assert {table: assigned(BY_TABLE[table]) for table in allowed} == allowed
    # An append-only table that an erasure writes has such a trigger; the others are shut.
    assert {row["name"] for row in kept} & set(BY_TABLE) <= set(allowed)


def test_a_copy_shows_each_column_that_it_promises() -> None:
    promised = {entry.exported_as for entry in PERSONAL} - {None}

    assert promised <= set(SECTIONS)
    for entry in PERSONAL:
        if entry.exported_as is not None:
            text = SECTIONS[entry.exported_as].text
            shown = set(re.findall(r"\w+", text))
            is_whole = f"to_jsonb({entry.table})" in text
            assert entry.table in shown, entry
            assert is_whole or set(entry.columns) <= shown, entry


def test_the_page_is_the_register() -> None:
    assert write_personal_data.PAGE.read_text("utf-8") == write_personal_data.page()
