"""What staff may read of awaited transfers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from surehold.db import Connection
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import PaymentId, TransferProofId
from surehold.kernel.page import DEFAULT_LIMIT, Page, decode_cursor, encode_cursor
from surehold.orders.transfers import sql
from surehold.orders.transfers.errors import ProofNotFound
from surehold.orders.transfers.model import Awaited, Proof, ProofKind


async def list_awaited(
    connection: Connection,
    *,
    order_number: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Awaited]:
    """Transfers that staff look for, the oldest first; of one order, when its number is said.

    Raises:
        InvalidInput: The cursor is not one.
    """
    if order_number is not None:
        return Page(tuple(await connection.all(sql.LIST_AWAITED_OF, order_number)))
    seen = sql.FIRST if cursor is None else _read_cursor(cursor)
    rows = await connection.all(sql.LIST_AWAITED, seen, limit + 1)
    if len(rows) <= limit:
        return Page(tuple(rows))
    return Page(tuple(rows[:limit]), encode_cursor(str(rows[limit - 1].payment_id)))


async def find_named(
    connection: Connection, *, provider: str, account: str, order_numbers: Sequence[str]
) -> dict[str, PaymentId]:
    """The payments of orders that transfers name, by the orders' numbers."""
    rows = await connection.all(sql.LIST_NAMED, provider, account, list(order_numbers))
    return {row.order_number: row.payment_id for row in rows}


async def list_proofs(connection: Connection, *, payment_id: PaymentId) -> tuple[Proof, ...]:
    """What was shown of a payment."""
    return tuple(await connection.all(sql.LIST_PROOFS, payment_id))


async def get_content(
    connection: Connection, *, payment_id: PaymentId, proof_id: TransferProofId
) -> tuple[ProofKind, bytes]:
    """What a file is, and its bytes: a JPEG or a PDF.

    Raises:
        ProofNotFound: There is none with this id of this payment.
    """
    row = await connection.find(sql.FIND_PROOF_CONTENT, proof_id, payment_id)
    if row is None:
        raise ProofNotFound("There is no proof with this id.")
    return row.kind, row.content


def _read_cursor(cursor: str) -> UUID:
    fault = Fault("/cursor", "invalid_cursor", "Send a next_cursor as it came.")
    keys = decode_cursor(cursor, count=1)
    try:
        return UUID("" if keys is None else keys[0])
    except ValueError:
        raise InvalidInput((fault,)) from None
