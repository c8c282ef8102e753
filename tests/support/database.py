"""Emptying a database between two tests."""

from __future__ import annotations

from typing import Final

import asyncpg

#: Filled by migrations and never written by the program.
CONSTANT_TABLES: Final = (
    "schema_migrations",
    "order_status_moves",
    "order_change_state_moves",
    "return_state_moves",
)

# Every table with a row in it, in every schema that is ours, in one statement. A lock time-out
# here means that the test left a transaction open.
_EMPTY: Final = """
DO $$
DECLARE
    place   record;
    found   boolean;
    filled  text[] := '{}';
BEGIN
    SET LOCAL lock_timeout = '5s';
    FOR place IN
        SELECT format('%I.%I', nspname, relname) AS name
          FROM pg_class
          JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE relkind = 'r'
           AND nspname NOT IN ('pg_catalog', 'information_schema')
           AND relname <> ALL (CONSTANT_TABLES)
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || place.name || ')' INTO found;
        IF found THEN
            filled := filled || place.name;
        END IF;
    END LOOP;
    IF cardinality(filled) > 0 THEN
        EXECUTE 'TRUNCATE ' || array_to_string(filled, ', ') || ' RESTART IDENTITY CASCADE';
    END IF;
END
$$
""".replace("CONSTANT_TABLES", f"'{{{','.join(CONSTANT_TABLES)}}}'")


async def empty(url: str) -> None:
    """Delete every row but the constant ones."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_EMPTY)
    finally:
        await connection.close()
