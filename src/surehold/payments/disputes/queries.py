"""What others may read of disputes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import DisputeId, PaymentId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.payments.disputes import sql
from surehold.payments.disputes.errors import DisputeNotFound
from surehold.payments.disputes.model import Dispute, DisputeEvent
from surehold.payments.providers.disputes import DisputeState

_INVALID_CURSOR: Final = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")


async def list_of_payments(
    connection: Connection, *, payment_ids: Sequence[PaymentId]
) -> list[Dispute]:
    """Every dispute of these payments, oldest first."""
    return await connection.all(sql.LIST_OF_PAYMENTS, list(payment_ids))


async def list_reported_fees(
    connection: Connection, *, payment_ids: Collection[PaymentId]
) -> frozenset[tuple[PaymentId, str]]:
    """Disputes of these payments, by the provider's ids, whose fees its reports had booked."""
    rows = await connection.all(sql.LIST_REPORTED_FEES, list(payment_ids))
    return frozenset((row.payment_id, row.provider_dispute_id) for row in rows)


async def get_dispute(
    connection: Connection, *, dispute_id: DisputeId
) -> tuple[Dispute, tuple[DisputeEvent, ...]]:
    """One dispute and what happened to it, oldest first.

    Raises:
        DisputeNotFound: There is none with this id.
    """
    found = await connection.find(sql.FIND, dispute_id)
    if found is None:
        raise DisputeNotFound("There is no dispute with this id.")
    return found, tuple(await connection.all(sql.LIST_EVENTS, dispute_id))


async def list_disputes(
    connection: Connection,
    *,
    state: DisputeState | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Dispute]:
    """Disputes, newest first; of one state when it is named.

    Raises:
        InvalidInput: The cursor is not one.
    """
    seen = None if cursor is None else _read_cursor(cursor)
    rows = (
        await connection.all(sql.LIST, seen, limit + 1)
        if state is None
        else await connection.all(sql.LIST_IN_STATE, state.value, seen, limit + 1)
    )
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].id)))


def _read_cursor(cursor: str) -> UUID:
    keys = decode_cursor(cursor, count=1)
    try:
        if keys is not None:
            return UUID(keys[0])
    except ValueError:
        pass
    raise InvalidInput((_INVALID_CURSOR,))
