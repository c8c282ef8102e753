"""Issuing documents: a number without a gap, a copy that never changes, once."""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from surehold.db import Database, Transaction, clock, shop
from surehold.db.database import PASSING
from surehold.jobs import outbox
from surehold.jobs.outbox import Event
from surehold.kernel.ids import OrderId, PaymentId, RefundId, new_id
from surehold.orders import commands as orders
from surehold.orders import queries as order_queries
from surehold.orders.documents import rules, sql
from surehold.orders.documents.errors import DocumentNotDue
from surehold.orders.documents.model import Content, Document, DocumentKind
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import Order
from surehold.payments.errors import RefundNotFound
from surehold.payments.model import RefundState

log = structlog.get_logger(__name__)

SYSTEM: Final = "system"


class Issued(msgspec.Struct, frozen=True):
    """A document, and whether it was made just now."""

    document: Document
    is_new: bool


async def issue(
    db: Database,
    *,
    order_id: OrderId,
    kind: DocumentKind,
    actor: str,
    refund_id: RefundId | None = None,
    language: str | None = None,
) -> Issued:
    """Write down what was sold, sent, or taken back. The second time it is there, and stays.

    The invoice and the packing slip are of an order that was sold, a credit note is of one of its
    refunds (``refund_id``). ``language`` is the buyer's unless given.

    Raises:
        OrderNotFound: There is no such order.
        RefundNotFound: The order has no such refund.
        DocumentNotDue: Nothing was sold, or the refund took nothing back of what was.
    """

    async def work(tx: Transaction) -> Issued:
        return await _issue(
            tx, order_id=order_id, kind=kind, actor=actor, refund_id=refund_id, language=language
        )

    return await db.retrying(work)


async def issue_due(db: Database, *, limit: int) -> int:
    """Issue what sales and refunds are waiting for, the oldest first; returns how many.

    One that cannot be issued is logged and stays due; it keeps no other from being issued.
    """
    async with db.connection() as connection:
        now = await clock.now(connection)
        due = await connection.all(sql.LIST_DUE, limit)
    count = failed = 0
    for row in due:
        try:
            issued = await issue(
                db, order_id=row.order_id, kind=row.kind, refund_id=row.refund_id, actor=SYSTEM
            )
        except PASSING:
            raise
        except Exception:
            failed += 1
            log.exception("document_not_issued", order=str(row.order_id), kind=row.kind.value)
        else:
            count += issued.is_new
    if not failed and len(due) < limit:
        async with db.transaction() as tx:
            await tx.run(sql.COVER, now)
    return count


async def _issue(
    tx: Transaction,
    *,
    order_id: OrderId,
    kind: DocumentKind,
    actor: str,
    refund_id: RefundId | None,
    language: str | None,
) -> Issued:
    # Whoever asks for the same document waits here, and then finds it.
    order = (await orders.lock_orders(tx, ids=[order_id])).get(order_id)
    if order is None:
        raise OrderNotFound("There is no order with this id.")
    known = await tx.all(sql.LIST_WHOLE, order_id)
    for document in known:
        if (document.kind, document.refund_id) == (kind, refund_id):
            return Issued(document, is_new=False)
    sale = await tx.find(sql.FIND_SALE, order_id)
    if sale is None:
        raise DocumentNotDue("Nothing of this order was sold yet.", document_kind=kind.value)
    language = language or sale.language
    if refund_id is None:
        content = await _content(tx, order, sale, kind)
    else:
        invoice = next((row for row in known if row.kind is DocumentKind.INVOICE), None)
        if invoice is None:  # what is corrected comes first
            content = await _content(tx, order, sale, DocumentKind.INVOICE)
            invoice = await _write(
                tx, order, DocumentKind.INVOICE, content, actor=actor, language=language
            )
        content = await _credit(
            tx, order, invoice, known, sale_payment_id=sale.payment_id, refund_id=refund_id
        )
    document = await _write(
        tx, order, kind, content, actor=actor, language=language, refund_id=refund_id
    )
    return Issued(document, is_new=True)


async def _content(
    tx: Transaction, order: Order, sale: sql.SaleRow, kind: DocumentKind
) -> Content:
    """What was sold is invoiced; what is canceled by now is not packed."""
    lines = (await order_queries.list_lines(tx, order_ids=[order.id]))[order.id]
    is_slip = kind is DocumentKind.PACKING_SLIP
    canceled = await tx.all(sql.LIST_CANCELED, order.id, is_slip)
    order, lines = rules.without(order, lines, canceled)
    settings = await shop.load(tx)
    return rules.content_of(order, lines, settings, provider=sale.provider, sold_at=sale.sold_at)


async def _credit(
    tx: Transaction,
    order: Order,
    invoice: Document,
    known: list[Document],
    *,
    sale_payment_id: PaymentId,
    refund_id: RefundId,
) -> Content:
    refund = await tx.find(sql.FIND_REFUND, refund_id)
    if refund is None or refund.order_id != invoice.order_id:
        raise RefundNotFound("This order has no refund with this id.")
    kind = DocumentKind.CREDIT_NOTE.value
    if refund.state is not RefundState.SUCCEEDED:
        raise DocumentNotDue("This refund has not reached the buyer.", document_kind=kind)
    is_of_sale = refund.payment_id == sale_payment_id or refund.is_by_card
    if not is_of_sale or refund.is_excess:
        raise DocumentNotDue(
            "This refund gave back money that came beside the sale.", document_kind=kind
        )
    credited = [row.content.taxes for row in known if row.kind is DocumentKind.CREDIT_NOTE]
    return rules.credit(
        invoice.content,
        credited,
        number=invoice.number,
        amount_minor=refund.amount_minor,
        of=await _parts(tx, order, refund_id, refund),
    )


async def _parts(
    tx: Transaction, order: Order, refund_id: RefundId, refund: sql.RefundRow
) -> rules.Parts | None:
    """What a refund is of, where that is known to the minor unit."""
    shares = await tx.all(sql.LIST_SHARES, refund_id)
    if sum(share.gross_minor for share in shares) + refund.shipping_minor != refund.amount_minor:
        return None
    lines = (await order_queries.list_lines(tx, order_ids=[order.id]))[order.id]
    return rules.parts_of(
        order,
        lines,
        shares,
        shipping_minor=refund.shipping_minor,
        shipping_tax_minor=refund.shipping_tax_minor,
    )


async def _write(
    tx: Transaction,
    order: Order,
    kind: DocumentKind,
    content: Content,
    *,
    actor: str,
    language: str,
    refund_id: RefundId | None = None,
) -> Document:
    """Take the next number of the series and write the document under it."""
    now = await clock.now(tx)
    series = rules.series_of(kind, await shop.load(tx), now=now)
    place = await tx.one(sql.TAKE_NUMBER, series, now)
    net_minor, tax_minor = rules.net_and_tax(content)
    document = Document(
        id=new_id(),
        order_id=order.id,
        kind=kind,
        refund_id=refund_id,
        series=series,
        seq=place.seq,
        number=rules.number_of(series, place.seq),
        language=language,
        currency=order.currency,
        net_minor=net_minor,
        tax_minor=tax_minor,
        total_minor=net_minor + tax_minor,
        content=content,
        issued_by=actor,
        issued_at=place.issued_at,
    )
    values = msgspec.structs.asdict(document)
    await tx.run(sql.INSERT_DOCUMENT, *{**values, "kind": kind.value}.values())
    announced = {"document_id": str(document.id), "number": document.number, "email": order.email}
    event = Event(f"document.{kind.value}_issued", order.id, announced)
    await outbox.record(tx, [event], now=place.issued_at)
    return document
