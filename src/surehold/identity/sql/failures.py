"""Statements about failed sign-ins of whoever works here."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.db import command, query
from surehold.identity.model import AccountKind
from surehold.kernel.ids import AccountId

# Of buyers, and of whom there is no account, it writes nothing, with the same work. $2 to $4 count
# a wrong password, a wrong code, and an attempt that had to wait.
NOTE: Final = command(
    """
    /* identity.note_failed_sign_in */
    INSERT INTO failed_sign_ins AS failed
           (account_id, wrong, second_factor, blocked, first_at, last_at, address)
    SELECT accounts.id, $2, $3, $4, clock.now, clock.now, $5
      FROM accounts
     CROSS JOIN (SELECT store_now() AS now) AS clock
     WHERE accounts.email_key = $1
       AND accounts.kind <> 'customer'
        ON CONFLICT (account_id) DO UPDATE
       SET wrong = least(failed.wrong + excluded.wrong, 1000000000),
           second_factor = least(failed.second_factor + excluded.second_factor, 1000000000),
           blocked = least(failed.blocked + excluded.blocked, 1000000000),
           last_at = greatest(failed.first_at, excluded.last_at),
           address = excluded.address
    """
)


class FailedRow(msgspec.Struct, frozen=True):
    """What failed since it was told last."""

    account_id: AccountId
    kind: AccountKind
    wrong: int
    second_factor: int
    blocked: int
    first_at: datetime
    last_at: datetime
    address: str


# $1: for so long they are gathered. Whoever is failing right now waits for this transaction.
TAKE: Final = query(
    """
    /* identity.take_failed_sign_ins */
    WITH taken AS (
        DELETE FROM failed_sign_ins
         WHERE account_id IN (
               SELECT account_id
                 FROM failed_sign_ins
                WHERE first_at <= (SELECT store_now()) - $1::interval
                ORDER BY first_at
                LIMIT $2
                  FOR UPDATE SKIP LOCKED)
        RETURNING account_id, wrong, second_factor, blocked, first_at, last_at, address
    )
    SELECT taken.account_id, accounts.kind, taken.wrong, taken.second_factor, taken.blocked,
           taken.first_at, taken.last_at, taken.address
      FROM taken
      JOIN accounts ON accounts.id = taken.account_id
     ORDER BY taken.first_at, taken.account_id
    """,
    FailedRow,
)
