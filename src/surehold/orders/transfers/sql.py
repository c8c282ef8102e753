"""Statements of awaited transfers. Files are written under their payment's lock."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import PaymentId
from surehold.orders.transfers.model import Awaited, Proof, ProofKind

_PROOF: Final = """id, payment_id, kind, octet_length(content) AS size_bytes, actor, added_at"""
_AWAITED: Final = """payment.id AS payment_id, orders.id AS order_id,
           orders.number AS order_number, orders.email, payment.currency,
           payment.requested_minor AS amount_minor,
           (SELECT count(*)
              FROM transfer_proofs
             WHERE transfer_proofs.payment_id = payment.id)::int AS proofs,
           payment.review_reason, payment.created_at"""


class PaymentRow(msgspec.Struct, frozen=True):
    """Whether a transfer is awaited for a payment."""

    id: PaymentId
    state: str
    is_awaited: bool


LOCK_PAYMENT: Final = query(
    """
    /* orders.lock_payment_of_proofs */
    SELECT id, state,
           state = 'requires_action' AND next_action ->> 'type' = 'instructions' AS is_awaited
      FROM payments
     WHERE id = $1
       FOR SHARE
    """,
    PaymentRow,
)

# The first place that is free; none is free: no row.
INSERT_PROOF: Final = command(
    """
    /* orders.insert_proof */
    INSERT INTO transfer_proofs (id, payment_id, position, kind, content, source_hash, actor,
                                 added_at)
    SELECT $1, $2, place, $3, $4, $5, $6, store_now()
      FROM generate_series(1, 3) AS place
     WHERE NOT EXISTS (SELECT
                         FROM transfer_proofs
                        WHERE payment_id = $2
                          AND position = place)
     ORDER BY place
     LIMIT 1
        ON CONFLICT DO NOTHING
    """
)

FIND_SAME_PROOF: Final = query(
    f"""
    /* orders.find_same_proof */
    SELECT {_PROOF}
      FROM transfer_proofs
     WHERE payment_id = $1
       AND source_hash = $2
    """,
    Proof,
)

LIST_PROOFS: Final = query(
    f"""
    /* orders.list_proofs */
    SELECT {_PROOF}
      FROM transfer_proofs
     WHERE payment_id = $1
     ORDER BY position
    """,
    Proof,
)


class ContentRow(msgspec.Struct, frozen=True):
    """The bytes of a file, and what it is."""

    kind: ProofKind
    content: bytes


FIND_PROOF_CONTENT: Final = query(
    """
    /* orders.find_proof_content */
    SELECT kind, content
      FROM transfer_proofs
     WHERE id = $1
       AND payment_id = $2
    """,
    ContentRow,
)

#: Before every payment.
FIRST: Final = UUID(int=0)

PRUNE_PROOFS: Final = command(
    """
    /* orders.prune_proofs */
    DELETE FROM transfer_proofs
     WHERE id IN (SELECT id
                    FROM transfer_proofs
                   WHERE added_at <= (SELECT store_now()) - $1::interval
                   ORDER BY added_at
                   LIMIT $2)
    """
)

LIST_AWAITED: Final = query(
    f"""
    /* orders.list_awaited */
    SELECT {_AWAITED}
      FROM payments AS payment
      JOIN orders ON orders.id = payment.order_id
     WHERE payment.state = 'requires_action'
       AND payment.next_action ->> 'type' = 'instructions'
       AND payment.id > $1
     ORDER BY payment.id
     LIMIT $2
    """,
    Awaited,
)

LIST_AWAITED_OF: Final = query(
    f"""
    /* orders.list_awaited_of */
    SELECT {_AWAITED}
      FROM orders
      JOIN payments AS payment ON payment.order_id = orders.id
     WHERE orders.number = $1
       AND payment.state = 'requires_action'
       AND payment.next_action ->> 'type' = 'instructions'
     ORDER BY payment.id
    """,
    Awaited,
)


class NamedRow(msgspec.Struct, frozen=True):
    """A payment of the order that a transfer names."""

    order_number: str
    payment_id: PaymentId


# Of several payments of one order the one that was captured, or else the last.
LIST_NAMED: Final = query(
    """
    /* orders.list_payments_by_order_number */
    SELECT orders.number AS order_number, payments.id AS payment_id
      FROM orders
      JOIN payments ON payments.order_id = orders.id
     WHERE orders.number = ANY($3::text[])
       AND payments.provider = $1
       AND payments.account = $2
     ORDER BY payments.captured_minor > 0, payments.id
    """,
    NamedRow,
)
