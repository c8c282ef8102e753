"""What others may read of documents."""

from __future__ import annotations

from uuid import UUID

from surehold.db import Connection
from surehold.kernel.ids import OrderId
from surehold.orders.documents import sql
from surehold.orders.documents.errors import DocumentNotFound
from surehold.orders.documents.model import Document, DocumentSummary


async def get_document(
    connection: Connection, *, order_id: OrderId, document_id: UUID
) -> Document:
    """One document of an order.

    Raises:
        DocumentNotFound: The order has none with this id.
    """
    found = await connection.find(sql.FIND_DOCUMENT, order_id, document_id)
    if found is None:
        raise DocumentNotFound("This order has no document with this id.")
    return found


async def list_documents(
    connection: Connection, *, order_id: OrderId
) -> tuple[DocumentSummary, ...]:
    """Every document of an order, oldest first."""
    return tuple(await connection.all(sql.LIST_DOCUMENTS, order_id))
