"""Placements, and what the database holds of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec

from surehold.checkout.model import Answer, Placement
from surehold.db import Database
from surehold.kernel.ids import VariantId
from surehold.orders.model import Address

ADDRESS = Address(
    name="Mara Quinn", line1="12 Quay Street", city="Galway", country="IE", postal_code="H91 X2KP"
)


def a_placement(
    *lines: VariantId | tuple[VariantId, int],
    key: str | None = None,
    provider: str = "bank_transfer",
    body: str = "the body",
    **changes: Any,
) -> Placement:
    """A placement of these variants, one unit each unless said otherwise."""
    wanted = tuple(line if isinstance(line, tuple) else (line, 1) for line in lines)
    placement = Placement(
        key=key or uuid4().hex,
        request_hash=hashlib.sha256(body.encode()).digest(),
        email="mara@example.com",
        shipping_address=ADDRESS,
        billing_address=None,
        shipping_method="standard",
        provider=provider,
        lines=wanted,
        currency="EUR",
    )
    return msgspec.structs.replace(placement, **changes)


class Told(msgspec.Struct, frozen=True):
    """What a buyer was told."""

    order_id: UUID
    number: str
    payment_id: UUID
    total_minor: int
    status: str
    body: dict[str, Any]


def told(answer: Answer) -> Told:
    """Read an answer as its buyer would."""
    body = msgspec.json.decode(answer.body)
    return Told(
        UUID(body["order"]["id"]),
        body["order"]["number"],
        UUID(body["payment"]["id"]),
        body["order"]["total"]["amount"],
        body["order"]["status"],
        body,
    )


#: Every table that a checkout or a settlement writes.
WRITTEN = (
    "orders",
    "order_lines",
    "order_events",
    "reservations",
    "allocations",
    "payments",
    "payment_events",
    "payment_operations",
    "refunds",
    "ledger_journals",
    "ledger_entries",
    "outbox",
    "idempotency_keys",
)


async def count_rows(db: Database, tables: Sequence[str] = WRITTEN) -> dict[str, int]:
    """How many rows each table has; tables without any are left out."""
    counts = {}
    async with db.connection() as connection:
        for table in tables:
            count = await connection.raw.fetchval(f"SELECT count(*) FROM {table}")
            if count:
                counts[table] = count
    return counts


async def counters(db: Database, variant_id: VariantId) -> tuple[int, int, int]:
    """On hand, allocated and reserved of one variant, over all locations."""
    async with db.connection() as connection:
        row = await connection.raw.fetchrow(
            "SELECT sum(on_hand)::int, sum(allocated)::int, sum(reserved)::int"
            "  FROM stock_levels WHERE variant_id = $1",
            variant_id,
        )
    assert row is not None
    return row[0], row[1], row[2]
