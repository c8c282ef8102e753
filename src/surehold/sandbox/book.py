"""The sandbox's own durable book, in SQLite: every SQL statement and its row mapping.

What was committed here survives ``kill -9`` of the sandbox and of the shop. One connection, used
by one thread; a transaction contains no waiting, so two requests never interleave inside one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

from surehold.sandbox.model import (
    Attempt,
    Delivery,
    Dispute,
    Payment,
    Refund,
    ReportLine,
    SettlementLine,
    StoredAnswer,
    StoredEvent,
)
from surehold.sandbox.rows import HoldRows

Row = TypeVar("Row")

MAX_ROWS: Final = 100
_SCHEMA: Final = Path(__file__).with_name("schema.sql")

_PAYMENT: Final = """
    SELECT p.id, p.merchant_reference, p.state, p.amount, p.currency, p.description, p.customer,
           p.return_url, p.cancel_url, p.notify_url, p.expires_at, p.card, p.card_brand,
           p.card_last4, p.is_challenged, p.settle_at, p.failure_code, p.failure_message,
           p.created_at, p.updated_at,
           (SELECT coalesce(sum(c.amount), 0) FROM captures c
             WHERE c.payment_id = p.id) AS captured,
           (SELECT coalesce(sum(r.amount), 0) FROM refunds r
             WHERE r.payment_id = p.id AND r.state = 'succeeded') AS refunded,
           (SELECT coalesce(sum(r.amount), 0) FROM refunds r
             WHERE r.payment_id = p.id AND r.state = 'pending') AS refunding,
           (SELECT coalesce(sum(d.amount), 0) FROM disputes d
              LEFT JOIN dispute_terms t ON t.dispute_id = d.id
             WHERE d.payment_id = p.id AND d.state <> 'won'
               AND coalesce(t.stage, '') <> 'inquiry') AS disputed,
           EXISTS (SELECT 1 FROM manual_captures m WHERE m.payment_id = p.id) AS is_manual,
           h.capture_before, h.honored_until
      FROM payments p
      LEFT JOIN holds h ON h.payment_id = p.id AND h.ended_at IS NULL
"""
_REFUND: Final = """
    SELECT r.id, r.payment_id AS payment, r.refund_reference, r.amount, p.currency, r.reason,
           r.state, r.origin, r.failure_code, r.created_at, r.updated_at
      FROM refunds r
      JOIN payments p ON p.id = r.payment_id
"""
_DISPUTE: Final = """
    SELECT d.id, d.payment_id AS payment, d.amount, p.currency, d.reason, d.state,
           coalesce(t.stage, 'chargeback') AS stage, coalesce(t.fee, 0) AS fee,
           coalesce(t.respond_by, d.created_at) AS respond_by, t.evidence,
           d.created_at, d.updated_at
      FROM disputes d
      JOIN payments p ON p.id = d.payment_id
      LEFT JOIN dispute_terms t ON t.dispute_id = d.id
"""
#: Captures, refunds and disputes as one signed list: what a bank would pay out.
_REPORT: Final = """
    SELECT type, id, payment, merchant_reference, refund_reference, amount, currency, created_at
      FROM (
        SELECT 'capture' AS type, c.id, c.payment_id AS payment, p.merchant_reference,
               NULL AS refund_reference, c.amount, p.currency, c.created_at
          FROM captures c JOIN payments p ON p.id = c.payment_id
         UNION ALL
        SELECT 'refund', r.id, r.payment_id, p.merchant_reference, r.refund_reference,
               -r.amount, p.currency, r.updated_at
          FROM refunds r JOIN payments p ON p.id = r.payment_id
         WHERE r.state = 'succeeded'
         UNION ALL
        SELECT 'dispute', d.id, d.payment_id, p.merchant_reference, NULL,
               -d.amount, p.currency, d.created_at
          FROM disputes d JOIN payments p ON p.id = d.payment_id
         WHERE NOT EXISTS (SELECT 1 FROM dispute_terms t
                            WHERE t.dispute_id = d.id AND t.stage = 'inquiry')
         UNION ALL
        SELECT 'dispute_fee', d.id, d.payment_id, p.merchant_reference, NULL, -t.fee,
               p.currency, d.created_at
          FROM dispute_terms t
          JOIN disputes d ON d.id = t.dispute_id
          JOIN payments p ON p.id = d.payment_id
         WHERE t.fee > 0
         UNION ALL
        SELECT 'dispute_reversal', d.id, d.payment_id, p.merchant_reference, NULL,
               d.amount, p.currency, d.updated_at
          FROM disputes d JOIN payments p ON p.id = d.payment_id
         WHERE d.state = 'won'
           AND NOT EXISTS (SELECT 1 FROM dispute_terms t
                            WHERE t.dispute_id = d.id AND t.stage = 'inquiry'))
     WHERE created_at >= ? AND created_at < ?
     ORDER BY created_at, id, type
"""
#: What moved, with what it cost (of each thousand captured twenty-nine), and what was paid out.
_SETTLEMENT: Final = f"""
    SELECT type, id, payment, reference, gross, fee, gross - fee AS net, currency, payout,
           created_at
      FROM (
        SELECT line.type, line.id, line.payment,
               coalesce(line.refund_reference,
                        iif(line.type = 'refund', NULL, line.merchant_reference)) AS reference,
               line.amount AS gross, iif(line.type = 'capture', line.amount * 29 / 1000, 0) AS fee,
               line.currency, part.payout_id AS payout, line.created_at
          FROM ({_REPORT}) AS line
          LEFT JOIN payout_lines AS part ON part.type = line.type AND part.line_id = line.id
         UNION ALL
        SELECT 'payout', id, NULL, NULL, -amount, 0, currency, id, created_at
          FROM payouts
         WHERE created_at >= ? AND created_at < ?)
     ORDER BY created_at, type = 'payout', id, type
"""


class Book(HoldRows):
    """One open book. ``path`` is a file or ``:memory:``.

    ``synchronous``: with ``off`` a commit does not wait for the disk. It is handed to the
    operating system all the same, so it outlives this process, though not the machine.
    """

    def __init__(self, path: str, *, synchronous: Literal["full", "off"] = "full") -> None:
        super().__init__(path)
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("PRAGMA busy_timeout=5000")
        self._connection.executescript(_SCHEMA.read_text(encoding="utf-8"))

    # Payments

    def insert_payment(self, payment: Payment) -> bool:
        """Write a new payment; false when the merchant reference is taken."""
        is_new = self._run(
            """
            INSERT INTO payments (id, merchant_reference, state, amount, currency, description,
                                  customer, return_url, cancel_url, notify_url, expires_at,
                                  created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (merchant_reference) DO NOTHING
            """,
            payment.id, payment.merchant_reference, payment.state, payment.amount,
            payment.currency, payment.description, payment.customer, payment.return_url,
            payment.cancel_url, payment.notify_url, payment.expires_at,
            payment.created_at, payment.updated_at,
        ) == 1  # fmt: skip
        if is_new and payment.is_manual:
            self._run("INSERT INTO manual_captures (payment_id) VALUES (?)", payment.id)
        return is_new

    def find_payment(self, payment_id: str) -> Payment | None:
        return self._one(Payment, _PAYMENT + "WHERE p.id = ?", payment_id)

    def find_payment_by_reference(self, merchant_reference: str) -> Payment | None:
        return self._one(Payment, _PAYMENT + "WHERE p.merchant_reference = ?", merchant_reference)

    def list_unsettled(self, now: float) -> tuple[Payment, ...]:
        """Open payments whose session or whose slow bank is due, or whose hold is over."""
        return self._all(
            Payment,
            _PAYMENT
            + """
            WHERE p.id IN (
                  SELECT id FROM payments WHERE state = 'requires_action' AND expires_at <= ?
                   UNION ALL
                  SELECT id FROM payments WHERE state = 'processing' AND settle_at <= ?
                   UNION ALL
                  SELECT payment_id FROM holds WHERE ended_at IS NULL AND capture_before <= ?)
            ORDER BY p.id LIMIT ?
            """,
            now,
            now,
            now,
            MAX_ROWS,
        )

    def save_payment(self, payment: Payment) -> None:
        """Write what may change of a payment."""
        self._run(
            """
            UPDATE payments
               SET state = ?, card = ?, card_brand = ?, card_last4 = ?, is_challenged = ?,
                   settle_at = ?, failure_code = ?, failure_message = ?, updated_at = ?
             WHERE id = ?
            """,
            payment.state, payment.card, payment.card_brand, payment.card_last4,
            payment.is_challenged, payment.settle_at, payment.failure_code,
            payment.failure_message, payment.updated_at, payment.id,
        )  # fmt: skip

    def insert_capture(self, capture_id: str, payment_id: str, amount: int, now: int) -> None:
        self._run(
            "INSERT INTO captures (id, payment_id, amount, created_at) VALUES (?, ?, ?, ?)",
            capture_id, payment_id, amount, now,
        )  # fmt: skip

    # Refunds and disputes

    def insert_refund(self, refund: Refund, *, settle_at: float) -> bool:
        """Write a refund if that much is left to give back; false if not, and nothing written."""
        return self._run(
            """
            INSERT INTO refunds (id, payment_id, refund_reference, amount, reason, state, origin,
                                 settle_at, created_at, updated_at)
            SELECT ?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8, ?8
             WHERE (SELECT coalesce(sum(amount), 0) FROM captures WHERE payment_id = ?2)
                 - (SELECT coalesce(sum(amount), 0) FROM refunds
                     WHERE payment_id = ?2 AND state <> 'failed') >= ?4
            """,
            refund.id, refund.payment, refund.refund_reference, refund.amount, refund.reason,
            refund.origin, settle_at, refund.created_at,
        ) == 1  # fmt: skip

    def find_refund(self, refund_id: str) -> Refund | None:
        return self._one(Refund, _REFUND + "WHERE r.id = ?", refund_id)

    def find_refund_by_reference(self, refund_reference: str) -> Refund | None:
        return self._one(Refund, _REFUND + "WHERE r.refund_reference = ?", refund_reference)

    def list_refunds(self, payment_id: str) -> tuple[Refund, ...]:
        return self._all(Refund, _REFUND + "WHERE r.payment_id = ? ORDER BY r.rowid", payment_id)

    def list_due_refunds(self, now: float) -> tuple[Refund, ...]:
        return self._all(
            Refund,
            _REFUND + "WHERE r.state = 'pending' AND r.settle_at <= ? ORDER BY r.id LIMIT ?",
            now,
            MAX_ROWS,
        )

    def save_refund(self, refund: Refund) -> None:
        self._run(
            "UPDATE refunds SET state = ?, failure_code = ?, updated_at = ? WHERE id = ?",
            refund.state, refund.failure_code, refund.updated_at, refund.id,
        )  # fmt: skip

    def insert_dispute(self, dispute: Dispute) -> None:
        self._run(
            """
            INSERT INTO disputes (id, payment_id, amount, reason, state, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            dispute.id, dispute.payment, dispute.amount, dispute.reason, dispute.state,
            dispute.created_at, dispute.updated_at,
        )  # fmt: skip
        self._run(
            """
            INSERT INTO dispute_terms (dispute_id, stage, fee, respond_by, evidence)
            VALUES (?, ?, ?, ?, ?)
            """,
            dispute.id, dispute.stage, dispute.fee, dispute.respond_by, dispute.evidence,
        )  # fmt: skip

    def find_dispute(self, dispute_id: str) -> Dispute | None:
        return self._one(Dispute, _DISPUTE + "WHERE d.id = ?", dispute_id)

    def list_disputes(self, payment_id: str) -> tuple[Dispute, ...]:
        return self._all(Dispute, _DISPUTE + "WHERE d.payment_id = ? ORDER BY d.rowid", payment_id)

    def save_dispute(self, dispute: Dispute) -> None:
        self._run(
            "UPDATE disputes SET state = ?, updated_at = ? WHERE id = ?",
            dispute.state, dispute.updated_at, dispute.id,
        )  # fmt: skip
        self._run(
            "UPDATE dispute_terms SET stage = ?, evidence = ? WHERE dispute_id = ?",
            dispute.stage, dispute.evidence, dispute.id,
        )  # fmt: skip

    def list_report(self, *, created_from: int, created_until: int) -> tuple[ReportLine, ...]:
        return self._all(ReportLine, _REPORT, created_from, created_until)

    def list_settlement(
        self, *, created_from: int, created_until: int
    ) -> tuple[SettlementLine, ...]:
        return self._all(
            SettlementLine, _SETTLEMENT,
            created_from, created_until, created_from, created_until,
        )  # fmt: skip

    def insert_payout(
        self, payout_id: str, currency: str, lines: Sequence[SettlementLine], now: int
    ) -> None:
        """Write a payout of these lines; each is paid out once."""
        self._run(
            "INSERT INTO payouts (id, currency, amount, created_at) VALUES (?, ?, ?, ?)",
            payout_id, currency, sum(line.net for line in lines), now,
        )  # fmt: skip
        for line in lines:
            self._run(
                "INSERT INTO payout_lines (type, line_id, payout_id) VALUES (?, ?, ?)",
                line.type, line.id, payout_id,
            )  # fmt: skip

    # Events and their deliveries

    def insert_event(
        self, event_id: str, type_: str, payment_id: str, body: bytes, now: int
    ) -> int:
        cursor = self._connection.execute(
            "INSERT INTO events (id, type, payment_id, body, created_at) VALUES (?, ?, ?, ?, ?)",
            (event_id, type_, payment_id, body, now),
        )
        return int(cursor.lastrowid or 0)

    def find_event(self, event_id: str) -> StoredEvent | None:
        return self._one(
            StoredEvent,
            "SELECT seq, id, type, payment_id, body, created_at FROM events WHERE id = ?",
            event_id,
        )

    def list_events(self, *, after_seq: int, created_from: int) -> tuple[StoredEvent, ...]:
        return self._all(
            StoredEvent,
            """
            SELECT seq, id, type, payment_id, body, created_at FROM events
             WHERE seq > ? AND created_at >= ? ORDER BY seq LIMIT ?
            """,
            after_seq, created_from, MAX_ROWS,
        )  # fmt: skip

    def insert_delivery(
        self, event_seq: int, *, state: str, due_at: float, rank: int, signature: str
    ) -> None:
        self._run(
            """
            INSERT INTO deliveries (event_seq, state, due_at, rank, signature)
            VALUES (?, ?, ?, ?, ?)
            """,
            event_seq, state, due_at, rank, signature,
        )  # fmt: skip

    def find_reordered_due_at(self, payment_id: str) -> float | None:
        """When the newest-first batch of this payment goes out, if one is gathering."""
        row = self._connection.execute(
            """
            SELECT min(d.due_at) FROM deliveries d JOIN events e ON e.seq = d.event_seq
             WHERE e.payment_id = ? AND d.state = 'waiting' AND d.rank < 0 AND d.attempts = 0
            """,
            (payment_id,),
        ).fetchone()
        return None if row[0] is None else float(row[0])

    _DELIVERY: Final = """
        SELECT d.seq, e.id AS event_id, e.type, e.payment_id, p.notify_url, d.state, d.due_at,
               d.signature, d.attempts
          FROM deliveries d
          JOIN events e ON e.seq = d.event_seq
          JOIN payments p ON p.id = e.payment_id
    """

    def list_due_deliveries(self, now: float) -> tuple[Delivery, ...]:
        return self._all(
            Delivery,
            self._DELIVERY
            + "WHERE d.state = 'waiting' AND d.due_at <= ? ORDER BY d.due_at, d.rank LIMIT ?",
            now, MAX_ROWS,
        )  # fmt: skip

    def list_deliveries(self, payment_id: str | None) -> tuple[Delivery, ...]:
        """The newest deliveries first, of one payment or of all."""
        return self._all(
            Delivery,
            self._DELIVERY + "WHERE e.payment_id = coalesce(?, e.payment_id)"
            " ORDER BY d.seq DESC LIMIT ?",
            payment_id, MAX_ROWS,
        )  # fmt: skip

    def save_attempt(self, attempt: Attempt, *, state: str, due_at: float) -> None:
        """Log one try and what becomes of the delivery."""
        self._run(
            "UPDATE deliveries SET state = ?, due_at = ?, attempts = attempts + 1 WHERE seq = ?",
            state, due_at, attempt.delivery_seq,
        )  # fmt: skip
        self._run(
            """
            INSERT INTO attempts (delivery_seq, at, status, error, duration_ms)
            VALUES (?, ?, ?, ?, ?)
            """,
            attempt.delivery_seq, attempt.at, attempt.status, attempt.error, attempt.duration_ms,
        )  # fmt: skip

    def list_attempts(self, delivery_seq: int) -> tuple[Attempt, ...]:
        return self._all(
            Attempt,
            """
            SELECT delivery_seq, at, status, error, duration_ms FROM attempts
             WHERE delivery_seq = ? ORDER BY rowid
            """,
            delivery_seq,
        )

    def release_withheld(
        self, now: float, *, payment_id: str | None = None, event_id: str | None = None
    ) -> int:
        """Let withheld deliveries go, of one event, one payment or all; says how many."""
        return self._run(
            """
            UPDATE deliveries SET state = 'waiting', due_at = ?1
             WHERE state = 'withheld'
               AND (?2 IS NULL OR event_seq = (SELECT seq FROM events WHERE id = ?2))
               AND (?3 IS NULL OR event_seq IN (SELECT seq FROM events WHERE payment_id = ?3))
            """,
            now, event_id, payment_id,
        )  # fmt: skip

    def advance_deliveries(self, seconds: float) -> int:
        """Bring every waiting delivery nearer, in its order; says how many."""
        return self._run(
            "UPDATE deliveries SET due_at = due_at - ? WHERE state = 'waiting'", seconds
        )

    def count_deliveries(self) -> dict[str, int]:
        """How many deliveries are in each state, and how often one was tried."""
        rows = self._connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
        counts = {str(state): int(count) for state, count in rows}
        attempts = self._connection.execute("SELECT count(*) FROM attempts").fetchone()[0]
        return counts | {"attempts": int(attempts)}

    # Idempotency keys and the clock

    def find_answer(self, key: str) -> StoredAnswer | None:
        return self._one(
            StoredAnswer,
            "SELECT request_hash, status, body, created_at FROM idempotency_keys WHERE key = ?",
            key,
        )

    def save_answer(self, key: str, answer: StoredAnswer) -> None:
        """Remember an answer; an outdated one under the same key is overwritten."""
        self._run(
            """
            INSERT INTO idempotency_keys (key, request_hash, status, body, created_at)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (key) DO UPDATE
               SET request_hash = excluded.request_hash, status = excluded.status,
                   body = excluded.body, created_at = excluded.created_at
            """,
            key, answer.request_hash, answer.status, answer.body, answer.created_at,
        )  # fmt: skip

    def clock_offset_seconds(self) -> int:
        row = self._connection.execute(
            "SELECT value FROM facts WHERE name = 'clock_offset_seconds'"
        ).fetchone()
        return 0 if row is None else int(row[0])

    def set_clock_offset_seconds(self, seconds: int) -> None:
        self._run(
            """
            INSERT INTO facts (name, value) VALUES ('clock_offset_seconds', ?)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """,
            seconds,
        )
