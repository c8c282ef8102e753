"""Statements of documents. The order is locked first, its series' counter last."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import (
    CancellationId,
    OrderChangeId,
    OrderId,
    PaymentId,
    RefundId,
)
from surehold.orders.documents.model import Document, DocumentKind, DocumentSummary
from surehold.orders.model import Share
from surehold.payments.model import RefundState

_COLUMNS: Final = """id, order_id, kind, refund_id, series, seq, number, language, currency,
           net_minor, tax_minor, total_minor, content, issued_by, issued_at, change_id"""


class SaleRow(msgspec.Struct, frozen=True):
    """The first sale of an order, and the language of its buyer."""

    language: str
    payment_id: PaymentId
    provider: str
    sold_at: datetime


FIND_SALE: Final = query(
    """
    /* orders.find_sale */
    SELECT orders.language, payments.id AS payment_id, payments.provider,
           journal.posted_at AS sold_at
      FROM orders
      JOIN ledger_journals AS journal
        ON journal.order_id = orders.id
       AND journal.kind = 'sale'
      JOIN payments ON payments.id = journal.reference
     WHERE orders.id = $1
     ORDER BY journal.posted_at, journal.id
     LIMIT 1
    """,
    SaleRow,
)


class RefundRow(msgspec.Struct, frozen=True):
    """Money that went, or goes, back. What cards and differences paid was of the sale."""

    order_id: OrderId
    payment_id: PaymentId
    state: RefundState
    amount_minor: int
    is_excess: bool
    shipping_minor: int
    shipping_tax_minor: int
    is_of_part: bool


LIST_CANCELED: Final = query(
    """
    /* orders.list_canceled_of_document */
    SELECT part.order_line_id AS line_id, sum(part.quantity)::int AS quantity,
           sum(part.net_minor)::bigint AS net_minor, sum(part.tax_minor)::bigint AS tax_minor
      FROM cancellations
      JOIN cancellation_lines AS part ON part.cancellation_id = cancellations.id
     WHERE cancellations.order_id = $1
       AND ($2::boolean OR NOT cancellations.is_sold)
     GROUP BY part.order_line_id
    """,
    Share,
)

FIND_REFUND: Final = query(
    """
    /* orders.find_refund */
    SELECT refunds.order_id, refunds.payment_id, refunds.state, refunds.amount_minor,
           refunds.is_excess, refunds.shipping_minor, refunds.shipping_tax_minor,
           payments.gift_card_id IS NOT NULL
           OR EXISTS (SELECT
                        FROM order_changes
                       WHERE order_changes.payment_id = payments.id
                         AND order_changes.state = 'applied') AS is_of_part
      FROM refunds
      JOIN payments ON payments.id = refunds.payment_id
     WHERE refunds.id = $1
    """,
    RefundRow,
)

# A refund of goods has lines of its own; one of a cancellation is for what was given up.
LIST_SHARES: Final = query(
    """
    /* orders.list_shares_of_refund */
    SELECT order_line_id AS line_id, quantity, net_minor, tax_minor
      FROM refund_lines
     WHERE refund_id = $1
     UNION ALL
    SELECT part.order_line_id, part.quantity, part.net_minor, part.tax_minor
      FROM refunds
      JOIN cancellation_lines AS part ON part.cancellation_id = refunds.cancellation_id
     WHERE refunds.id = $1
    """,
    Share,
)


class ChangeRow(msgspec.Struct, frozen=True):
    """A change that was applied, and when."""

    id: OrderChangeId
    is_sold: bool
    given_up_minor: int
    added_minor: int
    cancellation_id: CancellationId | None
    applied_at: datetime


LIST_APPLIED: Final = query(
    """
    /* orders.list_applied_changes */
    SELECT id, is_sold, given_up_minor, added_minor, cancellation_id, updated_at AS applied_at
      FROM order_changes
     WHERE order_id = $1
       AND state = 'applied'
     ORDER BY updated_at, id
    """,
    ChangeRow,
)

# What was given up for what a change added.
LIST_SWAPPED: Final = query(
    """
    /* orders.list_swapped_shares */
    SELECT order_line_id AS line_id, quantity, net_minor, tax_minor
      FROM cancellation_lines
     WHERE cancellation_id = $1
    """,
    Share,
)

LIST_WHOLE: Final = query(
    f"""
    /* orders.list_whole_documents */
    SELECT {_COLUMNS}
      FROM documents
     WHERE order_id = $1
     ORDER BY id
    """,
    Document,
)

FIND_DOCUMENT: Final = query(
    f"""
    /* orders.find_document */
    SELECT {_COLUMNS}
      FROM documents
     WHERE order_id = $1
       AND id = $2
    """,
    Document,
)

LIST_DOCUMENTS: Final = query(
    """
    /* orders.list_documents */
    SELECT id, kind, number, refund_id, language, currency, total_minor, issued_by, issued_at,
           change_id
      FROM documents
     WHERE order_id = $1
     ORDER BY id
    """,
    DocumentSummary,
)


class NextRow(msgspec.Struct, frozen=True):
    """The next place in a series, and the instant that goes with it."""

    seq: int
    issued_at: datetime


# The row stays locked until the document is there. An instant never goes back within a series.
TAKE_NUMBER: Final = query(
    """
    /* orders.take_document_number */
    INSERT INTO document_series AS kept (series, last_seq, last_issued_at)
    VALUES ($1, 1, $2)
    ON CONFLICT (series) DO UPDATE
       SET last_seq = kept.last_seq + 1,
           last_issued_at = greatest(kept.last_issued_at, excluded.last_issued_at)
    RETURNING last_seq AS seq, last_issued_at AS issued_at
    """,
    NextRow,
)

INSERT_DOCUMENT: Final = command(
    """
    /* orders.insert_document */
    INSERT INTO documents
           (id, order_id, kind, refund_id, series, seq, number, language, currency, net_minor,
            tax_minor, total_minor, content, issued_by, issued_at, change_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    """
)


class DueRow(msgspec.Struct, frozen=True):
    """A sale or a refund that has no document yet."""

    order_id: OrderId
    kind: DocumentKind
    refund_id: RefundId | None
    change_id: OrderChangeId | None


# A journal is dated inside its transaction and seen at its end, so what is looked at begins a
# while before what was covered; no transaction lasts as long. Each is asked about by itself: the
# planner does not know how few they are, and EXISTS would gather all sales there ever were.
LIST_DUE: Final = query(
    """
    /* orders.list_due_documents */
    SELECT journal.order_id,
           CASE WHEN journal.kind IN ('sale', 'sale_addition')
                THEN 'invoice' ELSE 'credit_note' END AS kind,
           CASE journal.kind WHEN 'refund' THEN journal.reference END AS refund_id,
           CASE journal.kind
           WHEN 'sale_addition' THEN journal.reference
           WHEN 'sale_credit' THEN (
                SELECT id FROM order_changes
                 WHERE order_changes.cancellation_id = journal.reference
                 LIMIT 1)
           END AS change_id
      FROM ledger_journals AS journal
     WHERE journal.posted_at >= coalesce(
               (SELECT covered_until FROM document_progress), '-infinity')
               - interval '10 minutes'
       AND CASE journal.kind
           WHEN 'sale' THEN (
                SELECT true FROM documents
                 WHERE documents.order_id = journal.order_id
                   AND documents.kind = 'invoice'
                   AND documents.change_id IS NULL
                 LIMIT 1) IS NULL
           WHEN 'sale_addition' THEN (
                SELECT true FROM documents
                 WHERE documents.change_id = journal.reference
                   AND documents.kind = 'invoice'
                 LIMIT 1) IS NULL
           WHEN 'sale_credit' THEN (
                SELECT (SELECT true FROM documents
                         WHERE documents.change_id = swapped.id
                           AND documents.kind = 'credit_note'
                         LIMIT 1) IS NULL
                  FROM order_changes AS swapped
                 WHERE swapped.cancellation_id = journal.reference
                   AND swapped.added_minor > 0
                 LIMIT 1)
           WHEN 'refund' THEN (
                SELECT true FROM documents
                 WHERE documents.refund_id = journal.reference
                 LIMIT 1) IS NULL
                AND (
                SELECT true FROM refunds
                  JOIN payments ON payments.id = refunds.payment_id
                  JOIN ledger_journals AS sale
                    ON sale.kind = 'sale'
                   AND sale.order_id = refunds.order_id
                   AND (sale.reference = refunds.payment_id
                        OR payments.gift_card_id IS NOT NULL
                        OR EXISTS (SELECT FROM order_changes AS paid
                                    WHERE paid.payment_id = payments.id
                                      AND paid.state = 'applied'))
                 WHERE refunds.id = journal.reference
                   AND NOT refunds.is_excess
                 LIMIT 1)
           ELSE false END
     ORDER BY journal.posted_at, journal.id
     LIMIT (SELECT $1::int)
    """,
    DueRow,
)

COVER: Final = command(
    """
    /* orders.cover_documents */
    INSERT INTO document_progress AS kept (covered_until)
    VALUES ($1)
    ON CONFLICT (is_only) DO UPDATE
       SET covered_until = greatest(kept.covered_until, excluded.covered_until)
    """
)
