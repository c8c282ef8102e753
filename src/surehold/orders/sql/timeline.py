"""Statements of what was written and of what happened, in the order in which it did."""

from __future__ import annotations

from typing import Final

from surehold.db import command, query
from surehold.orders.model import TimelineEntry

INSERT_NOTE: Final = command(
    """
    /* orders.insert_note */
    INSERT INTO order_notes (id, order_id, text, is_visible, actor, written_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    """
)

# Each kind is found by its order. $2: only what the buyer may see; $3 to $6: beyond this entry.
LIST_TIMELINE: Final = query(
    """
    /* orders.list_timeline */
    WITH entry AS (
        SELECT 'status' AS kind, order_id AS subject_id, seq, from_status AS from_state,
               to_status AS to_state, actor, reason AS text, NULL::text AS carrier,
               NULL::text AS tracking_number, true AS is_visible, happened_at
          FROM order_events
         WHERE order_id = $1
         UNION ALL
        SELECT 'payment', payments.id, move.seq, move.from_state, move.to_state,
               'provider:' || payments.provider, payments.provider, NULL, NULL, false,
               move.happened_at
          FROM payments
          JOIN payment_events AS move ON move.payment_id = payments.id
         WHERE payments.order_id = $1
         UNION ALL
        SELECT 'refund', id, 1, NULL, 'requested', requested_by, reason, NULL, NULL, true,
               created_at
          FROM refunds
         WHERE order_id = $1
         UNION ALL
        SELECT 'refund', id, 2, 'requested', state, 'system', reason, NULL, NULL, true, ended_at
          FROM refunds
         WHERE order_id = $1
           AND ended_at IS NOT NULL
         UNION ALL
        SELECT 'fulfillment', parcel.id, move.seq, move.from_state, move.to_state, move.actor,
               move.reason, move.carrier, move.tracking_number,
               parcel.shipped_at IS NOT NULL AND move.to_state NOT IN ('open', 'packed'),
               move.happened_at
          FROM fulfillments AS parcel
          JOIN fulfillment_events AS move ON move.fulfillment_id = parcel.id
         WHERE parcel.order_id = $1
         UNION ALL
        SELECT 'note', id, 1, NULL, NULL, actor, text, NULL, NULL, is_visible, written_at
          FROM order_notes
         WHERE order_id = $1
    )
    SELECT kind, subject_id, seq, from_state, to_state, actor, text, carrier, tracking_number,
           is_visible, happened_at
      FROM entry
     WHERE (NOT $2::boolean OR is_visible)
       AND ($3::timestamptz IS NULL
            OR (happened_at, kind, subject_id, seq) > ($3, $4::text, $5::uuid, $6::int))
     ORDER BY happened_at, kind, subject_id, seq
     LIMIT $7
    """,
    TimelineEntry,
)
