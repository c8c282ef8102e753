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

#: From this size on a table is truncated.
GROWN_BYTES: Final = 256 * 1024

# Every table with a row in it, in every schema that is ours, in one statement. Rows are deleted,
# which costs a tenth of truncating the thirty tables of an order: each of those is some files made
# anew. What has grown is truncated, so that no test pays for the dead rows of others. Keys and
# triggers look away. A lock time-out here means that the test left a transaction open.
_EMPTY: Final = """
DO $$
DECLARE
    place   record;
    counter record;
    found   boolean;
    grown   text[] := '{}';
BEGIN
    SET LOCAL lock_timeout = '5s';
    SET LOCAL session_replication_role = replica;
    FOR place IN
        SELECT format('%I.%I', nspname, relname) AS name,
               pg_relation_size(pg_class.oid) > GROWN_BYTES AS has_grown
          FROM pg_class
          JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE relkind = 'r'
           AND nspname NOT IN ('pg_catalog', 'information_schema')
           AND relname <> ALL (CONSTANT_TABLES)
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || place.name || ')' INTO found;
        IF place.has_grown THEN
            grown := grown || place.name;
        ELSIF found THEN
            EXECUTE 'DELETE FROM ' || place.name;
        END IF;
    END LOOP;
    IF cardinality(grown) > 0 THEN
        EXECUTE 'TRUNCATE ' || array_to_string(grown, ', ') || ' CASCADE';
    END IF;
    FOR counter IN
        SELECT format('%I.%I', schemaname, sequencename)::regclass AS name,
               start_value
          FROM pg_sequences
         WHERE last_value IS NOT NULL
    LOOP
        PERFORM setval(counter.name, counter.start_value, false);
    END LOOP;
END
$$
""".replace("CONSTANT_TABLES", f"'{{{','.join(CONSTANT_TABLES)}}}'").replace(
    "GROWN_BYTES", str(GROWN_BYTES)
)


async def empty(url: str) -> None:
    """Delete every row but the constant ones."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_EMPTY)
    finally:
        await connection.close()
