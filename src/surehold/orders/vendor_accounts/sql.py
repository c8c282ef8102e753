"""Statements of vendors' accounts. An order is locked before what it sold is commissioned."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from surehold.db import command, query
from surehold.kernel.ids import CategoryId, OrderId, OrderLineId, VendorId
from surehold.orders.vendor_accounts.model import (
    Batch,
    BatchEvent,
    CommissionRule,
    Payout,
    SoldLine,
)

_RULE: Final = """rule.id, rule.vendor_id, vendors.slug AS vendor, rule.category_id,
           categories.slug AS category, rule.rate::text AS rate, rule.fixed_minor, rule.currency,
           rule.starts_at, rule.ends_at, rule.created_by, rule.created_at, rule.ended_by"""
_RULE_JOINS: Final = """LEFT JOIN vendors ON vendors.id = rule.vendor_id
      LEFT JOIN categories ON categories.id = rule.category_id"""

# All of them: they are few, and a sale of last month has the rule of last month.
LIST_ALL_RULES: Final = query(
    f"""
    /* orders.list_all_commission_rules */
    SELECT {_RULE}
      FROM commission_rules AS rule
      {_RULE_JOINS}
     ORDER BY rule.id
    """,
    CommissionRule,
)

LIST_RULES: Final = query(
    f"""
    /* orders.list_commission_rules */
    SELECT {_RULE}
      FROM commission_rules AS rule
      {_RULE_JOINS}
     WHERE rule.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
     ORDER BY rule.id
     LIMIT (SELECT $2::int)
    """,
    CommissionRule,
)

FIND_RULE: Final = query(
    f"""
    /* orders.find_commission_rule */
    SELECT {_RULE}
      FROM commission_rules AS rule
      {_RULE_JOINS}
     WHERE rule.id = $1
    """,
    CommissionRule,
)


class NamesRow(msgspec.Struct, frozen=True):
    """A vendor and a category by the names that people type."""

    vendor_id: VendorId | None
    category_id: CategoryId | None


FIND_NAMES: Final = query(
    """
    /* orders.find_commission_names */
    SELECT (SELECT id FROM vendors WHERE slug = $1) AS vendor_id,
           (SELECT id FROM categories WHERE slug = $2) AS category_id
    """,
    NamesRow,
)

INSERT_RULE: Final = command(
    """
    /* orders.insert_commission_rule */
    INSERT INTO commission_rules
           (id, vendor_id, category_id, rate, fixed_minor, currency, starts_at, created_by,
            created_at)
    VALUES ($1, $2, $3, $4::text::numeric, $5, $6, $7, $8, $9)
    """
)

END_RULE: Final = command(
    """
    /* orders.end_commission_rule */
    UPDATE commission_rules
       SET ends_at = greatest(starts_at, store_now()),
           ended_by = $2
     WHERE id = $1
       AND ends_at IS NULL
    """
)


class BehindRow(msgspec.Struct, frozen=True):
    """An order of which something was sold, or taken back, and not commissioned yet."""

    order_id: OrderId


# As documents follow the ledger: a journal is dated inside its transaction and seen at its end, so
# what is looked at begins a while before what was covered.
LIST_BEHIND: Final = query(
    """
    /* orders.list_behind_commissions */
    SELECT journal.order_id
      FROM ledger_journals AS journal
     WHERE journal.posted_at >= greatest($1::timestamptz, coalesce(
               (SELECT covered_until FROM commission_progress), '-infinity')
               - interval '10 minutes')
       AND journal.kind IN ('sale', 'sale_addition', 'sale_credit', 'sale_reversal')
       AND (SELECT true FROM commissions
             WHERE commissions.sale_journal_id = journal.id
             LIMIT 1) IS NULL
     ORDER BY journal.posted_at, journal.id
     LIMIT (SELECT $2::int)
    """,
    BehindRow,
)

COVER: Final = command(
    """
    /* orders.cover_commissions */
    INSERT INTO commission_progress AS kept (covered_until)
    VALUES ($1)
    ON CONFLICT (is_only) DO UPDATE
       SET covered_until = greatest(kept.covered_until, excluded.covered_until)
    """
)


class PendingRow(msgspec.Struct, frozen=True):
    """A journal that is to be commissioned, and the net of one vendor in it; negative: back."""

    id: UUID
    kind: str
    reference: UUID
    currency: str
    posted_at: datetime
    vendor_id: VendorId | None
    net_minor: int


LIST_PENDING: Final = query(
    """
    /* orders.list_pending_commissions */
    SELECT journal.id, journal.kind, journal.reference, orders.currency, journal.posted_at,
           entry.vendor_id, coalesce(-entry.amount_minor, 0)::bigint AS net_minor
      FROM ledger_journals AS journal
      JOIN orders ON orders.id = journal.order_id
      LEFT JOIN ledger_entries AS entry
        ON entry.journal_id = journal.id
       AND entry.account = 'sales'
     WHERE journal.order_id = $1
       AND journal.posted_at >= $2
       AND journal.kind IN ('sale', 'sale_addition', 'sale_credit', 'sale_reversal')
       AND NOT EXISTS (
            SELECT FROM commissions
             WHERE commissions.sale_journal_id = journal.id)
     ORDER BY journal.posted_at, journal.id, entry.position
    """,
    PendingRow,
)

LIST_LINES: Final = query(
    """
    /* orders.list_commissioned_lines */
    SELECT line.id, line.vendor_id,
           ARRAY(SELECT category_id
                   FROM product_categories
                  WHERE product_categories.product_id = line.product_id) AS category_ids,
           (line.quantity - coalesce(unsold.quantity, 0))::int AS quantity,
           (line.net_minor - coalesce(unsold.net_minor, 0))::bigint AS net_minor, line.change_id,
           coalesce(change.is_sold, false) AS is_later, done.rule_id,
           coalesce(done.sold_net_minor, 0)::bigint AS sold_net_minor,
           coalesce(done.sold_commission_minor, 0)::bigint AS sold_commission_minor,
           coalesce(done.back_net_minor, 0)::bigint AS back_net_minor,
           coalesce(done.back_commission_minor, 0)::bigint AS back_commission_minor
      FROM order_lines AS line
      LEFT JOIN order_changes AS change ON change.id = line.change_id
      LEFT JOIN LATERAL (
            SELECT sum(part.quantity) AS quantity, sum(part.net_minor) AS net_minor
              FROM cancellations
              JOIN cancellation_lines AS part ON part.cancellation_id = cancellations.id
             WHERE cancellations.order_id = $1
               AND NOT cancellations.is_sold
               AND part.order_line_id = line.id) AS unsold
        ON true
      LEFT JOIN LATERAL (
            SELECT (array_agg(part.rule_id ORDER BY part.net_minor DESC))[1] AS rule_id,
                   sum(greatest(part.net_minor, 0)) AS sold_net_minor,
                   sum(greatest(part.commission_minor, 0)) AS sold_commission_minor,
                   -sum(least(part.net_minor, 0)) AS back_net_minor,
                   -sum(least(part.commission_minor, 0)) AS back_commission_minor
              FROM commission_lines AS part
             WHERE part.order_line_id = line.id) AS done
        ON true
     WHERE line.order_id = $1
     ORDER BY line.position
    """,
    SoldLine,
)


class SharedRow(msgspec.Struct, frozen=True):
    """The net of one line that a refund or a cancellation took back."""

    line_id: OrderLineId
    net_minor: int


LIST_SHARED: Final = query(
    """
    /* orders.list_shared_of_credit */
    SELECT order_line_id AS line_id, net_minor
      FROM refund_lines
     WHERE refund_id = $1
     UNION ALL
    SELECT order_line_id, net_minor
      FROM cancellation_lines
     WHERE cancellation_id = $1
    """,
    SharedRow,
)

INSERT_COMMISSION: Final = command(
    """
    /* orders.insert_commission */
    INSERT INTO commissions (sale_journal_id, order_id, journal_id, posted_at)
    VALUES ($1, $2, $3, $4)
    """
)

INSERT_COMMISSION_LINES: Final = command(
    """
    /* orders.insert_commission_lines */
    INSERT INTO commission_lines
           (sale_journal_id, order_line_id, vendor_id, rule_id, net_minor, commission_minor)
    SELECT $1, order_line_id, vendor_id, rule_id, net_minor, commission_minor
      FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[])
           AS new (order_line_id, vendor_id, rule_id, net_minor, commission_minor)
    """
)


class VendorRow(msgspec.Struct, frozen=True):
    """A vendor."""

    id: VendorId


FIND_VENDOR: Final = query(
    """
    /* orders.find_vendor_of_account */
    SELECT id
      FROM vendors
     WHERE slug = $1
    """,
    VendorRow,
)


class SumRow(msgspec.Struct, frozen=True):
    """What an account of a vendor moved by, in or before a period."""

    currency: str
    is_before: bool
    kind: str
    account: str
    amount_minor: int


SUM_ACCOUNT: Final = query(
    """
    /* orders.sum_vendor_account */
    SELECT entry.currency, journal.posted_at < $2 AS is_before, journal.kind, entry.account,
           sum(entry.amount_minor)::bigint AS amount_minor
      FROM ledger_entries AS entry
      JOIN ledger_journals AS journal ON journal.id = entry.journal_id
     WHERE entry.vendor_id = $1
       AND entry.account IN ('vendor_payable', 'vendor_sales', 'commission_income')
       AND journal.posted_at < $3
     GROUP BY entry.currency, is_before, journal.kind, entry.account
     ORDER BY entry.currency
    """,
    SumRow,
)


class PayableRow(msgspec.Struct, frozen=True):
    """What a vendor may be paid."""

    vendor_id: VendorId
    amount_minor: int


#: A person looks into a payment of the order, whatever for: its money may go back yet.
_IS_HELD: Final = """EXISTS (
            SELECT FROM payments
             WHERE payments.order_id = journal.order_id
               AND payments.review_reason IS NOT NULL)"""

# What is owed counts once it is old enough and nobody looks into it; what was taken back or paid
# counts at once.
LIST_PAYABLE: Final = query(
    f"""
    /* orders.list_payable_vendors */
    SELECT entry.vendor_id, -sum(entry.amount_minor)::bigint AS amount_minor
      FROM ledger_entries AS entry
      JOIN ledger_journals AS journal ON journal.id = entry.journal_id
     WHERE entry.account = 'vendor_payable'
       AND entry.vendor_id IS NOT NULL
       AND entry.currency = $1
       AND (entry.amount_minor > 0
            OR journal.posted_at <= (SELECT store_now()) - make_interval(days => $2)
           AND NOT {_IS_HELD})
       AND NOT EXISTS (
            SELECT FROM vendor_payouts AS other
             WHERE other.vendor_id = entry.vendor_id
               AND other.currency = entry.currency
               AND other.state = 'open')
     GROUP BY entry.vendor_id
    HAVING -sum(entry.amount_minor) >= $3
     ORDER BY entry.vendor_id
    """,
    PayableRow,
)

INSERT_BATCH: Final = query(
    """
    /* orders.insert_payout_batch */
    INSERT INTO vendor_payout_batches
           (id, currency, state, hold_days, minimum_minor, created_at)
    VALUES ($1, $2, 'proposed', $3, $4, store_now())
    RETURNING id, currency, state, hold_days, minimum_minor, bank_reference, created_at
    """,
    Batch,
)

# A vendor whom somebody proposed a moment ago is in that batch.
INSERT_PAYOUTS: Final = command(
    """
    /* orders.insert_payouts */
    INSERT INTO vendor_payouts (batch_id, vendor_id, currency, amount_minor)
    SELECT $1, vendor_id, $2, amount_minor
      FROM unnest($3::uuid[], $4::bigint[]) AS new (vendor_id, amount_minor)
     ORDER BY vendor_id
        ON CONFLICT (vendor_id, currency) WHERE state = 'open' DO NOTHING
    """
)

_BATCH: Final = "id, currency, state, hold_days, minimum_minor, bank_reference, created_at"

LOCK_BATCH: Final = query(
    f"""
    /* orders.lock_payout_batch */
    SELECT {_BATCH}
      FROM vendor_payout_batches
     WHERE id = $1
       FOR NO KEY UPDATE
    """,
    Batch,
)

FIND_BATCH: Final = query(
    f"""
    /* orders.find_payout_batch */
    SELECT {_BATCH}
      FROM vendor_payout_batches
     WHERE id = $1
    """,
    Batch,
)

LIST_BATCHES: Final = query(
    f"""
    /* orders.list_payout_batches */
    SELECT {_BATCH}
      FROM vendor_payout_batches
     WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
     ORDER BY id DESC
     LIMIT (SELECT $2::int)
    """,
    Batch,
)

MOVE_BATCH: Final = command(
    """
    /* orders.move_payout_batch */
    UPDATE vendor_payout_batches
       SET state = $3,
           bank_reference = $4
     WHERE id = $1
       AND state = $2
    """
)

END_PAYOUTS: Final = command(
    """
    /* orders.end_payouts */
    UPDATE vendor_payouts
       SET state = $2
     WHERE batch_id = $1
       AND state = 'open'
    """
)

INSERT_BATCH_EVENT: Final = command(
    """
    /* orders.insert_payout_event */
    INSERT INTO vendor_payout_events (batch_id, seq, from_state, to_state, actor, at)
    SELECT $1, count(*) + 1, $2, $3, $4, store_now()
      FROM vendor_payout_events
     WHERE batch_id = $1
    """
)

LIST_BATCH_EVENTS: Final = query(
    """
    /* orders.list_payout_events */
    SELECT from_state, to_state, actor, at
      FROM vendor_payout_events
     WHERE batch_id = $1
     ORDER BY seq
    """,
    BatchEvent,
)

LIST_PAYOUTS: Final = query(
    """
    /* orders.list_payouts */
    SELECT payout.vendor_id, vendors.slug AS vendor, vendors.name, payout.amount_minor
      FROM vendor_payouts AS payout
      JOIN vendors ON vendors.id = payout.vendor_id
     WHERE payout.batch_id = $1
     ORDER BY payout.vendor_id
    """,
    Payout,
)


class OwedRow(msgspec.Struct, frozen=True):
    """A vendor of a batch, and what is owed now for orders that nobody looks into."""

    vendor: str
    amount_minor: int
    owed_minor: int


LIST_OWED: Final = query(
    f"""
    /* orders.list_owed_of_batch */
    SELECT vendors.slug AS vendor, payout.amount_minor,
           coalesce((SELECT -sum(entry.amount_minor)
                       FROM ledger_entries AS entry
                       JOIN ledger_journals AS journal ON journal.id = entry.journal_id
                      WHERE entry.vendor_id = payout.vendor_id
                        AND entry.currency = payout.currency
                        AND entry.account = 'vendor_payable'
                        AND (entry.amount_minor > 0 OR NOT {_IS_HELD})), 0)::bigint AS owed_minor
      FROM vendor_payouts AS payout
      JOIN vendors ON vendors.id = payout.vendor_id
     WHERE payout.batch_id = $1
     ORDER BY vendors.slug
    """,
    OwedRow,
)
