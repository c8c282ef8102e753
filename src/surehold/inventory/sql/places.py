"""Statements about the places where stock is kept."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.inventory.model import Location
from surehold.kernel.ids import LocationId

_COLUMNS: Final = """id, code, name, country, priority, region, postal_code, ships_to, is_active,
           version"""

INSERT_LOCATION: Final = command(
    """
    /* inventory.insert_location */
    INSERT INTO locations
           (id, code, name, country, priority, region, postal_code, ships_to, is_active,
            changed_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    """
)

# Guarded by the version that the caller has seen: of two at once the second changes nothing.
CHANGE_LOCATION: Final = command(
    """
    /* inventory.change_location */
    UPDATE locations
       SET code = $3, name = $4, country = $5, priority = $6, region = $7, postal_code = $8,
           ships_to = $9, is_active = $10, changed_by = $11, version = version + 1
     WHERE id = $1
       AND version = $2
    """
)

FIND_LOCATION: Final = query(
    f"""
    /* inventory.find_location */
    SELECT {_COLUMNS}
      FROM locations
     WHERE id = $1
    """,
    Location,
)

LIST_LOCATIONS: Final = query(
    f"""
    /* inventory.list_locations */
    SELECT {_COLUMNS}
      FROM locations
     ORDER BY priority, id
    """,
    Location,
)


class CodeRow(msgspec.Struct, frozen=True):
    """A location under the name that people use."""

    code: str
    id: LocationId


FIND_CODES: Final = query(
    """
    /* inventory.find_codes */
    SELECT code, id
      FROM locations
     WHERE code = ANY($1::text[])
    """,
    CodeRow,
)
