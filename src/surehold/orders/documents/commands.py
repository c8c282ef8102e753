"""Issuing documents: a number without a gap, a copy that never changes, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
import structlog

from surehold.db import Database, Transaction, clock, shop
from surehold.db.database import PASSING
from surehold.jobs import outbox
from surehold.jobs.outbox import Event
from surehold.kernel.ids import OrderChangeId, OrderId, RefundId, new_id
from surehold.kernel.permissions import Permission, require
from surehold.orders import commands as orders
from surehold.orders import queries as order_queries
from surehold.orders.documents import rules, sql
from surehold.orders.documents.errors import DocumentNotDue
from surehold.orders.documents.model import Content, Document, DocumentKind
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import Order, OrderLine
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
    change_id: OrderChangeId | None = None,
) -> Issued:
    """Write down what was sold, sent, or taken back. The second time it is there, and stays.

    The invoice and the packing slip are of an order that was sold, a credit note is of one of its
    refunds (``refund_id``). What a change (``change_id``) added to a sale has an invoice of its
    own, and what was given up for it a credit note; a packing slip is one after each change.
    ``language`` is the buyer's unless given.

    Raises:
        OrderNotFound: There is no such order.
        RefundNotFound: The order has no such refund.
        DocumentNotDue: Nothing was sold, or the refund or the change took or added nothing.
    """
    require(Permission.DOCUMENTS_WRITE)
    return await db.retrying(
        partial(
            _issue,
            order_id=order_id,
            kind=kind,
            actor=actor,
            refund_id=refund_id,
            language=language,
            change_id=change_id,
        )
    )


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
            issued = await db.retrying(
                partial(
                    _issue,
                    order_id=row.order_id,
                    kind=row.kind,
                    actor=SYSTEM,
                    refund_id=row.refund_id,
                    language=None,
                    change_id=row.change_id,
                )
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
    change_id: OrderChangeId | None,
) -> Issued:
    # Whoever asks for the same document waits here, and then finds it.
    order = (await orders.lock_orders(tx, ids=[order_id])).get(order_id)
    if order is None:
        raise OrderNotFound("There is no order with this id.")
    known = await tx.all(sql.LIST_WHOLE, order_id)
    changes = await tx.all(sql.LIST_APPLIED, order_id) if order.change_count else []
    if kind is DocumentKind.PACKING_SLIP and changes:
        change_id = changes[-1].id  # what is packed is what it left
    for document in known:
        if (document.kind, document.refund_id, document.change_id) == (kind, refund_id, change_id):
            return Issued(document, is_new=False)
    sale = await tx.find(sql.FIND_SALE, order_id)
    if sale is None:
        raise DocumentNotDue("Nothing of this order was sold yet.", document_kind=kind.value)
    issuing = _Issuing(
        tx,
        order,
        sale,
        changes=changes,
        known=known,
        actor=actor,
        language=language or sale.language,
    )
    if kind is DocumentKind.INVOICE:
        document = await issuing.invoice(change_id)
    elif kind is DocumentKind.PACKING_SLIP:
        content = await issuing.content_of_order(kind)
        document = await issuing.write(kind, content, change_id=change_id)
    elif change_id is not None:
        document = await issuing.credit_swap(change_id)
    else:
        document = await issuing.credit_refund(refund_id)
    return Issued(document, is_new=True)


class _Issuing:
    """What is known of an order whose documents are written, under its lock."""

    def __init__(
        self,
        tx: Transaction,
        order: Order,
        sale: sql.SaleRow,
        *,
        changes: Sequence[sql.ChangeRow],
        known: Sequence[Document],
        actor: str,
        language: str,
    ) -> None:
        self._tx = tx
        self._order = order
        self._sale = sale
        self._changes = {row.id: row for row in changes}
        self._known = known
        self._actor = actor
        self._language = language

    async def invoice(self, change_id: OrderChangeId | None) -> Document:
        """What was sold, or what a change added to it.

        Raises:
            DocumentNotDue: The change added nothing to a sale.
        """
        if change_id is None:
            content = await self.content_of_order(DocumentKind.INVOICE)
        else:
            change = self._find_change(change_id, DocumentKind.INVOICE)
            order, lines = rules.only_added(self._order, await self._lines(), change_id)
            content = await self._content(order, lines, sold_at=change.applied_at)
        return await self.write(DocumentKind.INVOICE, content, change_id=change_id)

    async def content_of_order(self, kind: DocumentKind) -> Content:
        """What was sold is invoiced; what is canceled by now is not packed."""
        is_slip = kind is DocumentKind.PACKING_SLIP
        later = {row.id for row in self._changes.values() if row.is_sold and not is_slip}
        order, lines = rules.without_added(self._order, await self._lines(), later)
        canceled = await self._tx.all(sql.LIST_CANCELED, order.id, is_slip)
        order, lines = rules.without(order, lines, canceled)
        return await self._content(order, lines, sold_at=self._sale.sold_at)

    async def credit_swap(self, change_id: OrderChangeId) -> Document:
        """What was given up for what a change added.

        Raises:
            DocumentNotDue: Nothing was, of a sale.
        """
        change = self._find_change(change_id, DocumentKind.CREDIT_NOTE)
        if not change.given_up_minor:
            raise DocumentNotDue("This change gave nothing up.", document_kind="credit_note")
        shares = await self._tx.all(sql.LIST_SWAPPED, change.cancellation_id)
        parts = rules.parts_of(
            self._order, await self._lines(), shares, shipping_minor=0, shipping_tax_minor=0
        )
        content = await self._credit(change.given_up_minor, parts)
        return await self.write(DocumentKind.CREDIT_NOTE, content, change_id=change_id)

    async def credit_refund(self, refund_id: RefundId | None) -> Document:
        """What a refund took back of what was sold.

        Raises:
            RefundNotFound: The order has no such refund.
            DocumentNotDue: It has not reached the buyer, or is of no sale.
        """
        refund = await self._tx.find(sql.FIND_REFUND, refund_id)
        if refund_id is None or refund is None or refund.order_id != self._order.id:
            raise RefundNotFound("This order has no refund with this id.")
        kind = DocumentKind.CREDIT_NOTE.value
        if refund.state is not RefundState.SUCCEEDED:
            raise DocumentNotDue("This refund has not reached the buyer.", document_kind=kind)
        is_of_sale = refund.payment_id == self._sale.payment_id or refund.is_of_part
        if not is_of_sale or refund.is_excess:
            raise DocumentNotDue(
                "This refund gave back money that came beside the sale.", document_kind=kind
            )
        parts = await _parts(self._tx, self._order, refund_id, refund)
        content = await self._credit(refund.amount_minor, parts)
        return await self.write(DocumentKind.CREDIT_NOTE, content, refund_id=refund_id)

    async def _credit(self, amount_minor: int, parts: rules.Parts | None) -> Content:
        """Correct the invoices, which come first: that of the sale, and those of its changes."""
        later = [row.id for row in self._changes.values() if row.is_sold and row.added_minor]
        invoices = [await self._find_invoice(change_id) for change_id in (None, *later)]
        credited = [
            row.content.taxes for row in self._known if row.kind is DocumentKind.CREDIT_NOTE
        ]
        return rules.credit(
            rules.merged([row.content for row in invoices]),
            credited,
            number=", ".join(row.number for row in invoices),
            amount_minor=amount_minor,
            of=parts,
        )

    async def _find_invoice(self, change_id: OrderChangeId | None) -> Document:
        for row in self._known:
            if row.kind is DocumentKind.INVOICE and row.change_id == change_id:
                return row
        return await self.invoice(change_id)

    def _find_change(self, change_id: OrderChangeId, kind: DocumentKind) -> sql.ChangeRow:
        change = self._changes.get(change_id)
        if change is None or not change.is_sold or not change.added_minor:
            raise DocumentNotDue(
                "No such change added anything to a sale.", document_kind=kind.value
            )
        return change

    async def _lines(self) -> tuple[OrderLine, ...]:
        lines = await order_queries.list_lines(self._tx, order_ids=[self._order.id])
        return lines[self._order.id]

    async def _content(
        self, order: Order, lines: Sequence[OrderLine], *, sold_at: datetime
    ) -> Content:
        settings = await shop.load(self._tx)
        return rules.content_of(
            order, lines, settings, provider=self._sale.provider, sold_at=sold_at
        )

    async def write(
        self,
        kind: DocumentKind,
        content: Content,
        *,
        refund_id: RefundId | None = None,
        change_id: OrderChangeId | None = None,
    ) -> Document:
        """Take the next number of the series and write the document under it."""
        tx, order = self._tx, self._order
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
            language=self._language,
            currency=order.currency,
            net_minor=net_minor,
            tax_minor=tax_minor,
            total_minor=net_minor + tax_minor,
            content=content,
            issued_by=self._actor,
            issued_at=place.issued_at,
            change_id=change_id,
        )
        values = msgspec.structs.asdict(document)
        await tx.run(sql.INSERT_DOCUMENT, *{**values, "kind": kind.value}.values())
        announced = {
            "document_id": str(document.id),
            "number": document.number,
            "email": order.email,
        }
        event = Event(f"document.{kind.value}_issued", order.id, announced)
        await outbox.record(tx, [event], now=place.issued_at)
        return document


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
