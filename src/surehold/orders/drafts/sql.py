"""Statements of drafts. They are locked in id order, before the stock."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import DraftOrderId
from surehold.orders.drafts.model import Draft, DraftEvent

# Whether a sent draft's link is over follows from the time.
_COLUMNS: Final = """draft.id,
           CASE WHEN draft.state = 'sent' AND draft.link_expires_at <= store_now()
                THEN 'expired' ELSE draft.state END AS state,
           draft.version, draft.content, draft.link_expires_at, draft.order_id,
           orders.number AS order_number, draft.changed_by, draft.created_at, draft.updated_at"""

FIND: Final = query(
    f"""
    /* orders.find_draft */
    SELECT {_COLUMNS}
      FROM draft_orders AS draft
      LEFT JOIN orders ON orders.id = draft.order_id
     WHERE draft.id = $1
    """,
    Draft,
)

FIND_BY_LINK: Final = query(
    f"""
    /* orders.find_draft_by_link */
    SELECT {_COLUMNS}
      FROM draft_orders AS draft
      LEFT JOIN orders ON orders.id = draft.order_id
     WHERE draft.token_hash = $1
    """,
    Draft,
)

# $1: the state that is stored; $2: whether its link is over, null where that is all one.
LIST: Final = query(
    f"""
    /* orders.list_drafts */
    SELECT {_COLUMNS}
      FROM draft_orders AS draft
      LEFT JOIN orders ON orders.id = draft.order_id
     WHERE ($1::text IS NULL OR draft.state = $1)
       AND ($2::boolean IS NULL OR (draft.link_expires_at <= store_now()) = $2)
       AND draft.id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY draft.id DESC
     LIMIT $4
    """,
    Draft,
)

LIST_EVENTS: Final = query(
    """
    /* orders.list_draft_events */
    SELECT seq, from_state, to_state, content, actor, reason, happened_at
      FROM draft_order_events
     WHERE draft_id = $1
     ORDER BY seq
    """,
    DraftEvent,
)

INSERT: Final = command(
    """
    /* orders.insert_draft */
    INSERT INTO draft_orders
           (id, state, content, changed_by, change_reason, created_at, updated_at)
    VALUES ($1, 'open', $2, $3, 'written', $4, $4)
    """
)


class DraftIdRow(msgspec.Struct, frozen=True):
    """One draft's id."""

    id: DraftOrderId


# Whoever works on one of these waits here; what has become of it is read afterwards, anew.
LOCK: Final = query(
    """
    /* orders.lock_drafts */
    SELECT id
      FROM draft_orders
     WHERE id = ANY($1::uuid[])
     ORDER BY id
       FOR NO KEY UPDATE
    """,
    DraftIdRow,
)

READ: Final = query(
    f"""
    /* orders.read_drafts */
    SELECT {_COLUMNS}
      FROM draft_orders AS draft
      LEFT JOIN orders ON orders.id = draft.order_id
     WHERE draft.id = ANY($1::uuid[])
    """,
    Draft,
)

# Which of these are opened by this link: their own, last one.
LIST_LINKED: Final = query(
    """
    /* orders.list_linked_drafts */
    SELECT draft.id
      FROM unnest($1::uuid[], $2::bytea[]) AS wanted (id, token_hash)
      JOIN draft_orders AS draft
        ON draft.id = wanted.id
       AND draft.token_hash = wanted.token_hash
    """,
    DraftIdRow,
)

CHANGE: Final = command(
    """
    /* orders.change_draft */
    UPDATE draft_orders
       SET content = $3,
           changed_by = $4,
           change_reason = 'changed',
           updated_at = store_now()
     WHERE id = $1
       AND version = $2
    """
)

SEND: Final = command(
    """
    /* orders.send_draft */
    UPDATE draft_orders
       SET state = 'sent',
           token_hash = $3,
           link_expires_at = store_now() + $4::interval,
           changed_by = $5,
           change_reason = CASE WHEN token_hash IS NULL THEN 'sent' ELSE 'sent again' END,
           updated_at = store_now()
     WHERE id = $1
       AND version = $2
    """
)

CANCEL: Final = command(
    """
    /* orders.cancel_draft */
    UPDATE draft_orders
       SET state = 'canceled',
           changed_by = $3,
           change_reason = 'canceled',
           updated_at = store_now()
     WHERE id = $1
       AND version = $2
    """
)

# Each as it was read: the same version, still to be placed, and by a link that is its last one
# and not over. Locked in id order first, so that two batches cannot cross. What is second changes
# no row, and its batch begins anew.
PLACE: Final = command(
    """
    /* orders.place_drafts */
    WITH wanted AS (
        SELECT draft.id, new.order_id, new.version, new.token_hash, new.actor
          FROM draft_orders AS draft
          JOIN unnest($1::uuid[], $2::uuid[], $3::int[], $4::bytea[], $5::text[])
               AS new (id, order_id, version, token_hash, actor)
            ON new.id = draft.id
         ORDER BY draft.id
           FOR NO KEY UPDATE OF draft
    )
    UPDATE draft_orders AS draft
       SET state = 'placed',
           order_id = wanted.order_id,
           changed_by = wanted.actor,
           change_reason = 'placed',
           updated_at = $6
      FROM wanted
     WHERE draft.id = wanted.id
       AND draft.version = wanted.version
       AND draft.state IN ('open', 'sent')
       AND (wanted.token_hash IS NULL
            OR (draft.token_hash = wanted.token_hash
                AND draft.link_expires_at > store_now()))
    """
)
