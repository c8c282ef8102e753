"""What is written of fraud signals: with the payment that they were found of, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from surehold.db import Transaction
from surehold.orders.fraud import sql
from surehold.orders.fraud.model import Assessment


async def insert_assessments(
    tx: Transaction, *, assessments: Sequence[Assessment], now: datetime
) -> None:
    """Write down what was found. The database refuses a second assessment of a payment."""
    if not assessments:
        return
    await tx.run(
        sql.INSERT_ASSESSMENTS,
        [row.id for row in assessments],
        [row.payment_id for row in assessments],
        [row.order_id for row in assessments],
        [row.score for row in assessments],
        [row.hold_at for row in assessments],
        [row.is_held for row in assessments],
        # As text: a list of lists would be taken for an array of two dimensions.
        [msgspec.json.encode(row.signals).decode() for row in assessments],
        now,
    )
