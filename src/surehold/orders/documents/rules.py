"""What a document says, worked out from the order and its settings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from surehold.db.shop import ShopSettings
from surehold.kernel.money import round_minor, split_minor
from surehold.orders.documents.model import Content, DocumentKind, DocumentLine, Seller, TaxRow
from surehold.orders.model import Order, OrderLine, Share

_DIGITS: Final = 6


def series_of(kind: DocumentKind, settings: ShopSettings, *, now: datetime) -> str:
    """The series of a document that is issued now: its prefix and the year where the shop is."""
    prefix = {
        DocumentKind.INVOICE: settings.invoice_prefix,
        DocumentKind.CREDIT_NOTE: settings.credit_note_prefix,
        DocumentKind.PACKING_SLIP: settings.packing_slip_prefix,
    }[kind]
    return f"{prefix}-{now.astimezone(settings.zone).year}"


def number_of(series: str, seq: int) -> str:
    """How people write the place in a series.

    >>> number_of("INV-2026", 7)
    'INV-2026-000007'
    """
    return f"{series}-{seq:0{_DIGITS}}"


def content_of(
    order: Order,
    lines: Sequence[OrderLine],
    settings: ShopSettings,
    *,
    provider: str,
    sold_at: datetime,
) -> Content:
    """An order's document: its lines, and its tax by rate. The sums are the order's own."""
    return Content(
        seller=Seller(
            settings.seller_name,
            settings.seller_address,
            settings.seller_vat_id,
            settings.seller_email,
        ),
        order_number=order.number,
        placed_at=order.placed_at,
        sold_at=sold_at,
        billed_to=order.billing_address or order.shipping_address,
        shipped_to=order.shipping_address,
        email=order.email,
        provider=provider,
        shipping_method=order.shipping_method,
        is_tax_included=order.is_tax_included,
        lines=tuple(_line(line) for line in lines),
        taxes=_taxes(order, lines),
        subtotal_minor=order.subtotal_minor,
        discount_minor=order.discount_minor,
        shipping_minor=order.shipping_minor,
    )


def without(
    order: Order, lines: Sequence[OrderLine], canceled: Sequence[Share]
) -> tuple[Order, tuple[OrderLine, ...]]:
    """An order and its lines as they are without these units, their sums brought along."""
    if not canceled:
        return order, tuple(lines)
    gone = {share.line_id: share for share in canceled}
    kept = tuple(
        _without(line, gone.get(line.id), is_tax_included=order.is_tax_included)
        for line in lines
        if line.id not in gone or gone[line.id].quantity < line.quantity
    )
    less = msgspec.structs.replace(
        order,
        subtotal_minor=sum(line.total_minor for line in kept),
        discount_minor=sum(line.discount_minor for line in kept),
        tax_minor=order.tax_minor - sum(share.tax_minor for share in canceled),
        total_minor=order.total_minor - sum(share.gross_minor for share in canceled),
    )
    return less, kept


def _without(line: OrderLine, share: Share | None, *, is_tax_included: bool) -> OrderLine:
    if share is None:
        return line
    quantity = line.quantity - share.quantity
    net_minor, tax_minor = line.net_minor - share.net_minor, line.tax_minor - share.tax_minor
    total_minor = quantity * line.unit_price_minor
    priced_minor = net_minor + tax_minor if is_tax_included else net_minor
    return msgspec.structs.replace(
        line,
        quantity=quantity,
        total_minor=total_minor,
        discount_minor=total_minor - priced_minor,
        net_minor=net_minor,
        tax_minor=tax_minor,
        gross_minor=net_minor + tax_minor,
    )


def credit(
    invoice: Content, credited: Sequence[Sequence[TaxRow]], *, number: str, amount_minor: int
) -> Content:
    """What a refund takes back of an invoice, as net and tax of each rate.

    The refund is spread over what earlier credit notes have left of each amount, so that no part
    is ever taken back twice, and the parts of all of them come to the invoice's when everything
    went back. ``number`` is the invoice's.

    Raises:
        ValueError: More would go back than is left.
    """
    left = [part for row in invoice.taxes for part in (row.net_minor, row.tax_minor)]
    for rows in credited:
        gone = [part for row in rows for part in (row.net_minor, row.tax_minor)]
        left = [part - taken for part, taken in zip(left, gone, strict=True)]
    if not 0 < amount_minor <= sum(left):
        raise ValueError(f"{amount_minor} of {sum(left)} cannot be credited")
    parts = split_minor(amount_minor, tuple(left))
    is_whole = not credited and amount_minor == sum(left)
    return msgspec.structs.replace(
        invoice,
        lines=invoice.lines if is_whole else (),
        taxes=tuple(
            TaxRow(row.rate, parts[2 * index], parts[2 * index + 1])
            for index, row in enumerate(invoice.taxes)
        ),
        subtotal_minor=invoice.subtotal_minor if is_whole else 0,
        discount_minor=invoice.discount_minor if is_whole else 0,
        shipping_minor=invoice.shipping_minor if is_whole else 0,
        invoice_number=number,
    )


def net_and_tax(content: Content) -> tuple[int, int]:
    """What the tax table comes to."""
    return (
        sum(row.net_minor for row in content.taxes),
        sum(row.tax_minor for row in content.taxes),
    )


def _line(line: OrderLine) -> DocumentLine:
    return DocumentLine(
        line.sku,
        line.name,
        tuple(line.options),
        line.quantity,
        line.unit_price_minor,
        line.discount_minor,
        line.total_minor,
        line.tax_rate,
        line.net_minor,
        line.tax_minor,
        line.gross_minor,
    )


def _taxes(order: Order, lines: Sequence[OrderLine]) -> tuple[TaxRow, ...]:
    """Net and tax by rate, the highest first; shipping joins the rate that it was taxed at."""
    sums: dict[Decimal, tuple[int, int]] = {}
    for line in lines:
        rate = Decimal(line.tax_rate)
        net, tax = sums.get(rate, (0, 0))
        sums[rate] = (net + line.net_minor, tax + line.tax_minor)
    shipping_net = order.shipping_minor
    if order.is_tax_included:
        shipping_net -= order.shipping_tax_minor
    own: list[TaxRow] = []
    if order.shipping_minor:
        rate_of_shipping = _shipping_rate(shipping_net, order.shipping_tax_minor, sums)
        if rate_of_shipping is None:
            own = [TaxRow(None, shipping_net, order.shipping_tax_minor)]
        else:
            net, tax = sums[rate_of_shipping]
            sums[rate_of_shipping] = (net + shipping_net, tax + order.shipping_tax_minor)
    rows = [TaxRow(format(rate.normalize(), "f"), *sums[rate]) for rate in sorted(sums)[::-1]]
    return (*rows, *own)


def _shipping_rate(
    net_minor: int, tax_minor: int, sums: dict[Decimal, tuple[int, int]]
) -> Decimal | None:
    """The rate of the lines that gives shipping's tax: an order does not say it.

    Tax that was taken out of a price may be off by one from the rate applied to its net.
    """
    for rate in sorted(sums, reverse=True):
        if abs(round_minor(net_minor * rate) - tax_minor) <= (1 if rate else 0):
            return rate
    return None
