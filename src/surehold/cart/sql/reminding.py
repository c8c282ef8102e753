"""Statements of carts that were left: where to write, whom not to, and the way back."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.cart.model import Contact
from surehold.db import command, query
from surehold.kernel.ids import CartId

# A cart that was reported stays so: it is reported once. One that was passed over waits again.
SAVE_CONTACT: Final = command(
    """
    /* cart.save_contact */
    INSERT INTO cart_contacts (cart_id, email, email_hash, state, given_at)
    VALUES ($1, $2, $3, 'waiting', store_now())
    ON CONFLICT (cart_id) DO UPDATE
       SET email = excluded.email,
           email_hash = excluded.email_hash,
           state = CASE WHEN cart_contacts.state = 'reported' THEN 'reported'
                        ELSE 'waiting' END,
           decided_at = CASE WHEN cart_contacts.state = 'reported'
                             THEN cart_contacts.decided_at END,
           given_at = excluded.given_at
    """
)

DELETE_CONTACT: Final = command(
    """
    /* cart.delete_contact */
    DELETE FROM cart_contacts
     WHERE cart_id = $1
       AND state <> 'reported'
    """
)

FIND_CONTACT: Final = query(
    """
    /* cart.find_contact */
    SELECT contact.cart_id, contact.email, contact.email_hash, contact.state,
           EXISTS (SELECT FROM reminder_refusals AS refused
                    WHERE refused.email_hash = contact.email_hash) AS is_refused
      FROM cart_contacts AS contact
     WHERE contact.cart_id = $1
    """,
    Contact,
)


class SilentRow(msgspec.Struct, frozen=True):
    """A cart that has been silent for long enough, and whether a reminder of it makes sense."""

    cart_id: CartId
    has_lines: bool
    is_refused: bool


# The contacts' rows are locked, so two workers never decide about the same one; a cart that is
# being changed is skipped, for it is not silent.
LOCK_SILENT: Final = query(
    """
    /* cart.lock_silent */
    SELECT contact.cart_id,
           EXISTS (SELECT FROM cart_lines WHERE cart_lines.cart_id = carts.id) AS has_lines,
           EXISTS (SELECT FROM reminder_refusals AS refused
                    WHERE refused.email_hash = contact.email_hash) AS is_refused
      FROM cart_contacts AS contact
      JOIN carts ON carts.id = contact.cart_id
     WHERE contact.state = 'waiting'
       AND greatest(carts.updated_at, contact.given_at) < store_now() - $1::interval
     ORDER BY contact.cart_id
     LIMIT $2
       FOR NO KEY UPDATE OF contact, carts SKIP LOCKED
    """,
    SilentRow,
)

DECIDE: Final = command(
    """
    /* cart.decide */
    UPDATE cart_contacts AS contact
       SET state = CASE WHEN decided.is_reported THEN 'reported' ELSE 'passed' END,
           decided_at = $3
      FROM unnest($1::uuid[], $2::bool[]) AS decided (cart_id, is_reported)
     WHERE contact.cart_id = decided.cart_id
       AND contact.state = 'waiting'
    """
)

REFUSE_REMINDERS: Final = command(
    """
    /* cart.refuse_reminders */
    INSERT INTO reminder_refusals (email_hash, refused_at)
    VALUES ($1, store_now())
    ON CONFLICT (email_hash) DO NOTHING
    """
)

# The oldest go when there are too many: a link can be followed for ever.
ADD_TOKEN: Final = command(
    """
    /* cart.add_token */
    WITH dropped AS (
        DELETE FROM cart_tokens
         WHERE token_hash IN (
               SELECT token_hash
                 FROM cart_tokens
                WHERE cart_id = $1
                ORDER BY created_at DESC
               OFFSET $3::int - 1)
    ), touched AS (
        UPDATE carts SET updated_at = store_now() WHERE id = $1
    )
    INSERT INTO cart_tokens (token_hash, cart_id, created_at)
    VALUES ($2, $1, store_now())
    """
)
