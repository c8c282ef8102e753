"""What a document says. Amounts are minor units of the document's currency."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

import msgspec

from surehold.kernel.ids import OrderChangeId, OrderId, RefundId
from surehold.orders.model import Address


class DocumentKind(enum.Enum):
    """What a document is for."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PACKING_SLIP = "packing_slip"


class Seller(msgspec.Struct, frozen=True):
    """The shop as it signs. ``address`` is as many lines as it has."""

    name: str
    address: str
    vat_id: str
    email: str


class DocumentLine(msgspec.Struct, frozen=True):
    """What was sold: ``total_minor`` is before the discount, ``gross_minor`` after it."""

    sku: str
    name: str
    options: tuple[str, ...]
    quantity: int
    unit_price_minor: int
    discount_minor: int
    total_minor: int
    tax_rate: str
    net_minor: int
    tax_minor: int
    gross_minor: int


class TaxRow(msgspec.Struct, frozen=True):
    """What is taxed at one rate, shipping included; no ``rate``: shipping at a rate of its own."""

    rate: str | None
    net_minor: int
    tax_minor: int

    @property
    def gross_minor(self) -> int:
        """Tax included."""
        return self.net_minor + self.tax_minor


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a document shows, as it was when it was issued.

    The ``lines`` of a credit note are what goes back of them; it has none when money was given
    back that is of no line alone.
    """

    seller: Seller
    order_number: str
    placed_at: datetime
    sold_at: datetime
    billed_to: Address
    shipped_to: Address
    email: str
    provider: str
    shipping_method: str
    is_tax_included: bool
    lines: tuple[DocumentLine, ...]
    taxes: tuple[TaxRow, ...]
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    #: A credit note names the invoice that it corrects.
    invoice_number: str | None = None


class Document(msgspec.Struct, frozen=True):
    """One document. ``number`` is its series and its place in it."""

    id: UUID
    order_id: OrderId
    kind: DocumentKind
    refund_id: RefundId | None
    series: str
    seq: int
    number: str
    language: str
    currency: str
    net_minor: int
    tax_minor: int
    total_minor: int
    content: Content
    issued_by: str
    issued_at: datetime
    #: What it was issued for, or after: an applied change of the order.
    change_id: OrderChangeId | None = None


class DocumentSummary(msgspec.Struct, frozen=True):
    """One document of a list."""

    id: UUID
    kind: DocumentKind
    number: str
    refund_id: RefundId | None
    language: str
    currency: str
    total_minor: int
    issued_by: str
    issued_at: datetime
    change_id: OrderChangeId | None = None
