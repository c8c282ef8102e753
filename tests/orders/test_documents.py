"""Documents follow the ledger: what was sold is invoiced, what went back of it is credited."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.checkout.rules import Wish
from surehold.db import Database, shop
from surehold.db.invariants import check_invariants
from surehold.kernel.ids import OrderId, RefundId
from surehold.orders.documents import commands as documents
from surehold.orders.documents import queries
from surehold.orders.documents.errors import DocumentNotDue, DocumentNotFound
from surehold.orders.documents.model import Document, DocumentKind
from surehold.orders.errors import OrderNotFound
from surehold.orders.model import CancelReason
from surehold.payments.errors import RefundNotFound
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.registry import Providers
from tests.builders.catalog import a_product
from tests.builders.orders import (
    STAFF,
    a_checkout,
    a_paid_order,
    a_placed_order,
    begin_payment,
    look_at,
)
from tests.builders.providers import PretendProvider
from tests.support.shop import make_due

LIMIT = 100


async def _count(db: Database) -> int:
    async with db.connection() as connection:
        return int(await connection.raw.fetchval("SELECT count(*) FROM documents"))


async def _documents(db: Database, order_id: OrderId) -> list[Document]:
    async with db.connection() as connection:
        rows = await queries.list_documents(connection, order_id=order_id)
        return [
            await queries.get_document(connection, order_id=order_id, document_id=row.id)
            for row in rows
        ]


async def _sound(db: Database) -> None:
    async with db.connection() as connection:
        broken = await check_invariants(connection, at_rest=True)
    assert set(broken) <= {"OUT2"}


async def test_the_worker_invoices_a_paid_order_once(db: Database) -> None:
    lamp = await a_product(db, price=1999)
    async with a_checkout(db) as checkout:
        paid = await a_paid_order(checkout, [(lamp.variant_id, 2)])
        await a_placed_order(checkout, [(lamp.variant_id, 1)])

    counts = [await documents.issue_due(db, limit=LIMIT) for _ in range(2)]

    assert counts == [1, 0]
    (invoice,) = await _documents(db, paid.order.id)
    assert (invoice.kind, invoice.issued_by) == (DocumentKind.INVOICE, "system")
    assert (invoice.total_minor, invoice.tax_minor) == (4588, 764)
    assert (invoice.total_minor, invoice.tax_minor) == (
        paid.order.total_minor,
        paid.order.tax_minor,
    )
    (line,) = invoice.content.lines
    assert (line.sku, line.quantity, line.unit_price_minor) == (lamp.sku, 2, 1999)
    assert (line.net_minor, line.tax_minor, line.gross_minor) == (3332, 666, 3998)
    assert invoice.content.shipping_minor == 590
    assert invoice.content.provider == "bank_transfer"
    await _sound(db)


async def test_what_is_asked_for_twice_is_there_the_second_time(db: Database) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        paid = await a_paid_order(checkout, [(lamp.variant_id, 1)])

    first, second = [
        await documents.issue(
            db, order_id=paid.order.id, kind=DocumentKind.PACKING_SLIP, actor=actor
        )
        for actor in ("staff:one", "staff:two")
    ]

    assert (first.is_new, second.is_new) == (True, False)
    assert first.document == second.document
    assert await documents.issue_due(db, limit=LIMIT) == 1


@pytest.mark.parametrize("kind", [DocumentKind.INVOICE, DocumentKind.PACKING_SLIP])
async def test_an_unpaid_order_has_nothing_to_write_down(db: Database, kind: DocumentKind) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        waiting = await a_placed_order(checkout, [(lamp.variant_id, 1)])

    with pytest.raises(DocumentNotDue):
        await documents.issue(db, order_id=waiting.order.id, kind=kind, actor="staff:test")
    with pytest.raises(OrderNotFound):
        await documents.issue(db, order_id=OrderId(uuid4()), kind=kind, actor="staff:test")

    assert await _count(db) == 0


async def _bought_by_card(checkout: Checkout, pretend: PretendProvider, lines: Any) -> OrderId:
    placed = await a_placed_order(checkout, lines, provider="pretend")
    begun = await begin_payment(checkout, placed)
    assert begun.payment is not None
    pretend.pay(f"pp_{begun.payment.merchant_reference}")
    await commands.check_payment(checkout, begun.payment.id)
    return placed.order.id


async def _cancel(checkout: Checkout, order_id: OrderId) -> None:
    await commands.cancel_order(
        checkout, order_id=order_id, reason=CancelReason.STAFF, actor=STAFF
    )


async def _refund_id(db: Database, order_id: OrderId) -> RefundId:
    async with db.connection() as connection:
        return RefundId(
            await connection.raw.fetchval("SELECT id FROM refunds WHERE order_id = $1", order_id)
        )


async def test_a_refunded_sale_has_its_invoice_and_a_credit_note(db: Database) -> None:
    lamp = await a_product(db, price=1999)
    pretend = PretendProvider()
    async with a_checkout(db, providers=Providers([pretend, BankTransfer()])) as checkout:
        order_id = await _bought_by_card(checkout, pretend, [(lamp.variant_id, 1)])
        await _cancel(checkout, order_id)
        refund_id = await _refund_id(db, order_id)
        with pytest.raises(DocumentNotDue, match="has not reached the buyer"):
            await documents.issue(
                db,
                order_id=order_id,
                kind=DocumentKind.CREDIT_NOTE,
                refund_id=refund_id,
                actor="staff:test",
            )
        assert await _count(db) == 0
        await make_due(db)
        swept = await commands.sweep(checkout)
    assert swept.documents_issued == 2

    assert await documents.issue_due(db, limit=LIMIT) == 0
    invoice, note = await _documents(db, order_id)
    assert [invoice.kind, note.kind] == [DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE]
    assert (note.refund_id, note.number[:4]) == (refund_id, "CRN-")
    assert note.content.invoice_number == invoice.number
    assert (note.net_minor, note.tax_minor) == (invoice.net_minor, invoice.tax_minor)
    assert note.content.lines == invoice.content.lines
    await _sound(db)


async def test_a_note_names_the_units_that_went_back_and_their_own_tax(db: Database) -> None:
    lamp = await a_product(db, price=1000)
    pretend = PretendProvider()
    async with a_checkout(db, providers=Providers([pretend, BankTransfer()])) as checkout:
        order_id = await _bought_by_card(checkout, pretend, [(lamp.variant_id, 4)])
        [line] = (await look_at(checkout, order_id)).lines
        await commands.cancel_part(
            checkout,
            order_id=order_id,
            lines=((line.id, 1),),
            reason=CancelReason.STAFF,
            actor=STAFF,
        )
        wish = Wish(lines=((line.id, 2),), has_shipping=True)
        placed = await commands.refund_order(
            checkout, order_id=order_id, wish=wish, reason="sorry", actor=STAFF
        )
        await make_due(db)
        await commands.sweep(checkout)

    given_up, refunded = (
        row for row in await _documents(db, order_id) if row.kind is DocumentKind.CREDIT_NOTE
    )
    assert [(row.quantity, row.net_minor, row.tax_minor) for row in given_up.content.lines] == [
        (1, 833, 167)
    ]
    [shares] = placed.refund_lines
    [sent_back] = refunded.content.lines
    assert (sent_back.quantity, sent_back.net_minor, sent_back.tax_minor) == (
        2,
        shares.net_minor,
        shares.tax_minor,
    )
    assert refunded.content.shipping_minor == placed.order.shipping_minor
    assert refunded.tax_minor == shares.tax_minor + placed.order.shipping_tax_minor
    await _sound(db)


async def test_money_that_was_never_a_sale_goes_back_without_a_note(db: Database) -> None:
    lamp = await a_product(db)
    pretend = PretendProvider()
    async with a_checkout(db, providers=Providers([pretend, BankTransfer()])) as checkout:
        placed = await a_placed_order(checkout, [(lamp.variant_id, 1)], provider="pretend")
        begun = await begin_payment(checkout, placed)
        await _cancel(checkout, placed.order.id)
        assert begun.payment is not None
        pretend.pay(f"pp_{begun.payment.merchant_reference}")
        await commands.check_payment(checkout, begun.payment.id)
        await make_due(db)
        swept = await commands.sweep(checkout)

    assert swept.documents_issued == 0
    assert await _count(db) == 0
    await _sound(db)


async def test_a_refund_of_another_order_is_not_found(db: Database) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        paid = await a_paid_order(checkout, [(lamp.variant_id, 1)])

    with pytest.raises(RefundNotFound):
        await documents.issue(
            db,
            order_id=paid.order.id,
            kind=DocumentKind.CREDIT_NOTE,
            refund_id=RefundId(uuid4()),
            actor="staff:test",
        )

    assert await _count(db) == 0


async def test_a_document_keeps_what_the_shop_was_called_then(db: Database) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        paid = await a_paid_order(checkout, [(lamp.variant_id, 1)])
        await documents.issue_due(db, limit=LIMIT)
        async with db.transaction() as tx:
            await shop.change(tx, key="seller_name", value="Southline Ltd", actor="staff:test")
        again = await documents.issue(
            db, order_id=paid.order.id, kind=DocumentKind.INVOICE, actor="staff:test"
        )
        later = await a_paid_order(checkout, [(lamp.variant_id, 1)])
        await documents.issue_due(db, limit=LIMIT)

    assert again.document.content.seller.name == "Northline Ltd"
    (fresh,) = await _documents(db, later.order.id)
    assert (fresh.content.seller.name, fresh.seq) == ("Southline Ltd", 2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET total_minor = 1",
        "DELETE FROM documents",
        "UPDATE documents SET language = 'de'",
    ],
)
async def test_the_database_changes_no_document(db: Database, statement: str) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        await a_paid_order(checkout, [(lamp.variant_id, 1)])
    await documents.issue_due(db, limit=LIMIT)

    async with db.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await connection.raw.execute(statement)

    assert await _count(db) == 1


async def test_a_document_of_another_order_is_not_found(db: Database) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        paid, other = [await a_paid_order(checkout, [(lamp.variant_id, 1)]) for _ in range(2)]
    await documents.issue_due(db, limit=LIMIT)
    (invoice,) = await _documents(db, paid.order.id)

    async with db.connection() as connection:
        with pytest.raises(DocumentNotFound):
            await queries.get_document(connection, order_id=other.order.id, document_id=invoice.id)


async def test_what_is_covered_is_not_looked_at_again(db: Database) -> None:
    lamp = await a_product(db)
    async with a_checkout(db) as checkout:
        await a_paid_order(checkout, [(lamp.variant_id, 1)])
    await documents.issue_due(db, limit=1)  # as many as were asked for: there may be more
    async with db.connection() as connection:
        assert await connection.raw.fetchval("SELECT count(*) FROM document_progress") == 0

    await documents.issue_due(db, limit=1)

    async with db.connection() as connection:
        is_covered = await connection.raw.fetchval(
            "SELECT covered_until > (SELECT max(posted_at) FROM ledger_journals)"
            " FROM document_progress"
        )
    assert is_covered is True
