"""The statements by which units leave the shelf. The counters change with everybody else's."""

from __future__ import annotations

from typing import Final

from surehold.db import command

SHIP_ALLOCATIONS: Final = command(
    """
    /* inventory.ship_allocations */
    UPDATE allocations
       SET shipped_quantity = allocations.shipped_quantity + sent.quantity
      FROM (SELECT id, sum(quantity)::int AS quantity
              FROM unnest($1::uuid[], $2::int[]) AS sent (id, quantity)
             GROUP BY id) AS sent
     WHERE allocations.id = sent.id
    """
)

# One movement per parcel and stock row: a second one of the same parcel is refused by its index.
RECORD_DEPARTURES: Final = command(
    """
    /* inventory.record_departures */
    INSERT INTO stock_movements
           (id, variant_id, location_id, delta, reason, reference, actor, moved_at)
    SELECT id, variant_id, location_id, -quantity, 'shipped', reference, actor, $7
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[])
           AS gone (id, variant_id, location_id, quantity, reference, actor)
    """
)
