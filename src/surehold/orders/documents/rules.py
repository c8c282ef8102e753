"""What a document says, worked out from the order and its settings. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from surehold.db.shop import ShopSettings
from surehold.kernel.ids import OrderChangeId
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


def without_added(
    order: Order, lines: Sequence[OrderLine], changes: Container[OrderChangeId | None]
) -> tuple[Order, tuple[OrderLine, ...]]:
    """An order as it was before these changes added lines; what others added is as if ordered."""
    kept = tuple(line for line in lines if line.change_id not in changes)
    more = [line for line in kept if line.change_id is not None]
    if not more:
        return order, kept
    return msgspec.structs.replace(
        order,
        subtotal_minor=order.subtotal_minor + sum(line.total_minor for line in more),
        tax_minor=order.tax_minor + sum(line.tax_minor for line in more),
        total_minor=order.total_minor + sum(line.gross_minor for line in more),
    ), kept


def only_added(
    order: Order, lines: Sequence[OrderLine], change_id: OrderChangeId
) -> tuple[Order, tuple[OrderLine, ...]]:
    """What one change added, as if it were an order that costs nothing to send."""
    added = tuple(line for line in lines if line.change_id == change_id)
    tax_minor = sum(line.tax_minor for line in added)
    return msgspec.structs.replace(
        order,
        subtotal_minor=sum(line.total_minor for line in added),
        discount_minor=0,
        shipping_minor=0,
        shipping_tax_minor=0,
        tax_minor=tax_minor,
        total_minor=sum(line.gross_minor for line in added),
    ), added


def merged(invoices: Sequence[Content]) -> Content:
    """All invoices of an order as one: the first, with the lines and the taxes of all."""
    first = invoices[0]
    if len(invoices) == 1:
        return first
    sums: dict[str | None, tuple[int, int]] = {}
    for row in (row for invoice in invoices for row in invoice.taxes):
        net, tax = sums.get(row.rate, (0, 0))
        sums[row.rate] = (net + row.net_minor, tax + row.tax_minor)
    return msgspec.structs.replace(
        first,
        lines=tuple(line for invoice in invoices for line in invoice.lines),
        taxes=tuple(TaxRow(rate, *parts) for rate, parts in sums.items()),
        subtotal_minor=sum(invoice.subtotal_minor for invoice in invoices),
        discount_minor=sum(invoice.discount_minor for invoice in invoices),
        shipping_minor=sum(invoice.shipping_minor for invoice in invoices),
    )


def credit(
    invoice: Content,
    credited: Sequence[Sequence[TaxRow]],
    *,
    number: str,
    amount_minor: int,
    of: Parts | None = None,
) -> Content:
    """What a refund takes back of an invoice, as net and tax of each rate.

    A refund ``of`` known parts takes back these. Any other, and one whose parts were taken back
    already as a share of something else, is spread over what earlier credit notes have left of
    each amount. So no part is ever taken back twice, and the parts of all notes come to the
    invoice's when everything went back. ``number`` is the invoice's.

    Raises:
        ValueError: More would go back than is left.
    """
    places = {row.rate: 2 * place for place, row in enumerate(invoice.taxes)}
    left = [part for row in invoice.taxes for part in (row.net_minor, row.tax_minor)]
    for row in (row for rows in credited for row in rows):
        left[places[row.rate]] -= row.net_minor
        left[places[row.rate] + 1] -= row.tax_minor
    if not 0 < amount_minor <= sum(left):
        raise ValueError(f"{amount_minor} of {sum(left)} cannot be credited")
    if not credited and amount_minor == sum(left):
        return msgspec.structs.replace(invoice, invoice_number=number)
    parts = None if of is None else of.by_row(invoice)
    is_known = parts is not None and all(
        0 <= part <= rest for part, rest in zip(parts, left, strict=True)
    )
    if of is None or parts is None or not is_known:
        of, parts = Parts(), split_minor(amount_minor, tuple(left))
    return msgspec.structs.replace(
        invoice,
        lines=of.lines,
        taxes=tuple(
            TaxRow(row.rate, parts[2 * index], parts[2 * index + 1])
            for index, row in enumerate(invoice.taxes)
        ),
        subtotal_minor=sum(line.total_minor for line in of.lines),
        discount_minor=0,
        shipping_minor=of.shipping_minor if invoice.is_tax_included else of.shipping_net_minor,
        invoice_number=number,
    )


class Parts(msgspec.Struct, frozen=True):
    """What a refund is of: units and money of lines, and shipping (gross, its tax within)."""

    lines: tuple[DocumentLine, ...] = ()
    shipping_minor: int = 0
    shipping_tax_minor: int = 0
    #: The rate of the row that shipping stands in; ``None`` where it has a row of its own.
    shipping_rate: str | None = None

    @property
    def shipping_net_minor(self) -> int:
        """Without its tax."""
        return self.shipping_minor - self.shipping_tax_minor

    def by_row(self, invoice: Content) -> tuple[int, ...] | None:
        """Net and tax of each row of an invoice, one after the other, if it has these rates."""
        taken: list[tuple[str | None, int, int]] = [
            (_rate(line.tax_rate), line.net_minor, line.tax_minor) for line in self.lines
        ]
        if self.shipping_minor:
            taken.append((self.shipping_rate, self.shipping_net_minor, self.shipping_tax_minor))
        sums = {row.rate: (0, 0) for row in invoice.taxes}
        for rate, net_minor, tax_minor in taken:
            if rate not in sums:
                return None
            net, tax = sums[rate]
            sums[rate] = (net + net_minor, tax + tax_minor)
        return tuple(part for row in sums.values() for part in row)


def parts_of(
    order: Order,
    lines: Sequence[OrderLine],
    shares: Sequence[Share],
    *,
    shipping_minor: int,
    shipping_tax_minor: int,
) -> Parts:
    """These shares of an order's lines, and so much of its shipping, as a document says it.

    A line's amount is what goes back, after any discount; 0 units are money alone.
    """
    known = {line.id: line for line in lines}
    priced = {
        share.line_id: share.gross_minor if order.is_tax_included else share.net_minor
        for share in shares
    }
    rate = _rate_of_shipping(order, _by_rate(lines))
    return Parts(
        tuple(
            msgspec.structs.replace(
                _line(known[share.line_id]),
                quantity=share.quantity,
                discount_minor=0,
                total_minor=priced[share.line_id],
                net_minor=share.net_minor,
                tax_minor=share.tax_minor,
                gross_minor=share.gross_minor,
            )
            for share in shares
        ),
        shipping_minor,
        shipping_tax_minor,
        None if rate is None else _rate(rate),
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
    sums = _by_rate(lines)
    own: list[TaxRow] = []
    if order.shipping_minor:
        shipping_net, shipping_tax = _shipping_net(order), order.shipping_tax_minor
        rate = _rate_of_shipping(order, sums)
        if rate is None:
            own = [TaxRow(None, shipping_net, shipping_tax)]
        else:
            net, tax = sums[rate]
            sums[rate] = (net + shipping_net, tax + shipping_tax)
    return (*(TaxRow(_rate(rate), *sums[rate]) for rate in sorted(sums)[::-1]), *own)


def _by_rate(lines: Sequence[OrderLine]) -> dict[Decimal, tuple[int, int]]:
    sums: dict[Decimal, tuple[int, int]] = {}
    for line in lines:
        rate = Decimal(line.tax_rate)
        net, tax = sums.get(rate, (0, 0))
        sums[rate] = (net + line.net_minor, tax + line.tax_minor)
    return sums


def _rate(rate: Decimal | str) -> str:
    """A rate as a tax table writes it."""
    return format(Decimal(rate).normalize(), "f")


def _shipping_net(order: Order) -> int:
    return order.shipping_minor - (order.shipping_tax_minor if order.is_tax_included else 0)


def _rate_of_shipping(order: Order, sums: dict[Decimal, tuple[int, int]]) -> Decimal | None:
    return _shipping_rate(_shipping_net(order), order.shipping_tax_minor, sums)


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
