"""The schema on one page, and the lists in it against the lists in the code."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Final

import asyncpg

from surehold.cart.model import ContactState
from surehold.catalog.model import ProductStatus
from surehold.identity.model import (
    AccountKind,
    ClaimKind,
    EndReason,
    LetterKind,
    Proof,
    SessionKind,
)
from surehold.inventory.model import BackorderKind, CountState, ReservationState, TransferState
from surehold.notifications.model import MailState
from surehold.orders.changes.model import ChangeState
from surehold.orders.documents.model import DocumentKind
from surehold.orders.model import (
    FulfillmentState,
    FulfillmentStatus,
    OrderStatus,
    PaymentStatus,
    ReturnReason,
    ReturnState,
)
from surehold.orders.transfers.model import ProofKind
from surehold.orders.vendor_accounts.model import BatchState
from surehold.payments.authorizations.model import CaptureState
from surehold.payments.disputes.model import AnswerState
from surehold.payments.gift_cards.model import EntryKind, GiftCardKind
from surehold.payments.model import (
    OperationKind,
    OperationState,
    PaymentState,
    PaymentTerms,
    RefundState,
    ReviewDecision,
    WebhookState,
)
from surehold.payments.providers.disputes import DisputeStage, DisputeState
from surehold.payments.reconciliation.model import Cause, DifferenceState, RowKind
from surehold.pricing.model import Effect, MethodKind, RateBasis
from surehold.privacy.model import ErasureState
from surehold.reviews.model import ReviewState
from tests.support.server import SCHEMA
from tools.dump_schema import dump

ROOT: Final = Path(__file__).parents[2]

#: The enum behind each column with a list of values. A new list is entered here, or below.
ENUMS: Final[dict[tuple[str, str], type[enum.Enum]]] = {
    ("backorder_promises", "kind"): BackorderKind,
    ("backorder_terms", "kind"): BackorderKind,
    ("account_letters", "kind"): LetterKind,
    ("account_orders", "claimed_by"): ClaimKind,
    ("accounts", "kind"): AccountKind,
    ("erasures", "state"): ErasureState,
    ("fulfillments", "state"): FulfillmentState,
    ("settlement_rows", "kind"): RowKind,
    ("settlement_differences", "cause"): Cause,
    ("settlement_differences", "state"): DifferenceState,
    ("vendor_payout_batches", "state"): BatchState,
    ("orders", "status"): OrderStatus,
    ("orders", "payment_status"): PaymentStatus,
    ("orders", "fulfillment_status"): FulfillmentStatus,
    ("payments", "state"): PaymentState,
    ("payment_operations", "kind"): OperationKind,
    ("payment_operations", "state"): OperationState,
    ("products", "status"): ProductStatus,
    ("promotions", "effect"): Effect,
    ("refunds", "state"): RefundState,
    ("reservations", "state"): ReservationState,
    ("mails", "state"): MailState,
    ("sessions", "end_reason"): EndReason,
    ("sessions", "kind"): SessionKind,
    ("sessions", "proof"): Proof,
    ("shipping_methods", "basis"): RateBasis,
    ("shipping_methods", "kind"): MethodKind,
    ("return_lines", "reason"): ReturnReason,
    ("returns", "state"): ReturnState,
    ("reviews", "state"): ReviewState,
    ("stock_counts", "state"): CountState,
    ("stock_transfers", "state"): TransferState,
    ("webhook_events", "state"): WebhookState,
    ("cart_contacts", "state"): ContactState,
    ("documents", "kind"): DocumentKind,
    ("order_changes", "state"): ChangeState,
    ("disputes", "answer_state"): AnswerState,
    ("disputes", "stage"): DisputeStage,
    ("disputes", "state"): DisputeState,
    ("gift_card_entries", "kind"): EntryKind,
    ("gift_cards", "kind"): GiftCardKind,
    ("payment_authorizations", "capture_state"): CaptureState,
    ("payments", "terms"): PaymentTerms,
    ("payment_reviews", "decision"): ReviewDecision,
    ("transfer_proofs", "kind"): ProofKind,
}
#: Lists whose values the code writes as words in statements, so that there is no enum to compare.
WORDS: Final = {
    ("draft_orders", "state"),
    ("idempotency_keys", "state"),
    ("ledger_journals", "kind"),
    ("stock_movements", "reason"),
    ("vendor_payouts", "state"),
}

_LIST: Final = re.compile(r"CHECK \((?P<column>\w+) = ANY \(ARRAY\[(?P<values>[^]]*)\]\)\)")
_CHECKS: Final = """
    SELECT relname AS name, pg_get_constraintdef(pg_constraint.oid, true) AS text
      FROM pg_constraint
      JOIN pg_class ON pg_class.oid = conrelid
     WHERE contype = 'c'
       AND connamespace = $1::text::regnamespace
"""


async def lists_of_values(url: str) -> dict[tuple[str, str], set[str]]:
    """The values that each column with a list may have."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(_CHECKS, SCHEMA)
    finally:
        await connection.close()
    found = {}
    for row in rows:
        match = _LIST.fullmatch(row["text"])
        if match is not None:
            values = set(re.findall(r"'([^']*)'", match["values"]))
            found[row["name"], match["column"]] = values
    return found


async def test_schema_sql_is_what_the_migrations_lead_to(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        text = await dump(connection, SCHEMA)
    finally:
        await connection.close()

    assert text == (ROOT / "schema.sql").read_text(encoding="utf-8"), "run `make schema`"


async def test_lists_of_values_equal_the_enums(url: str) -> None:
    in_database = await lists_of_values(url)

    in_code = {place: {member.value for member in found} for place, found in ENUMS.items()}
    assert {place: in_database.get(place) for place in ENUMS} == in_code


async def test_every_list_of_values_is_compared_with_something(url: str) -> None:
    assert set(await lists_of_values(url)) == set(ENUMS) | WORDS
