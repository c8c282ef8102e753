"""A document as text in places: what PDF and HTML both lay out. Numbers are formatted here."""

from __future__ import annotations

import copy
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec
from babel import Locale
from babel.dates import format_date
from babel.numbers import NumberPattern, format_decimal

from surehold.orders.documents.model import Document, DocumentKind, DocumentLine
from surehold.orders.model import Address
from surehold.web.documents.words import Words, language_of, words_in
from surehold.web.format import format_money, parse_locale

_TITLES: Final = {
    DocumentKind.INVOICE: "Invoice",
    DocumentKind.CREDIT_NOTE: "Credit note",
    DocumentKind.PACKING_SLIP: "Packing slip",
}
#: How people call what a provider collects by; another one goes by its own name.
_METHODS: Final = {
    "sandbox": "Card",
    "stripe": "Card",
    "bank_transfer": "Bank transfer",
    "cash_on_delivery": "Cash on delivery",
    "gift_card": "Gift card",
}


class Pair(msgspec.Struct, frozen=True):
    """A label and what it says. ``is_strong`` where the eye should end."""

    label: str
    value: str
    is_strong: bool = False


class Party(msgspec.Struct, frozen=True):
    """Somebody's address under its heading."""

    label: str
    lines: tuple[str, ...]


class Column(msgspec.Struct, frozen=True):
    """A heading of the table. The first column is the wide one; numbers stand at the right."""

    label: str
    is_number: bool = True


class Row(msgspec.Struct, frozen=True):
    """One line of a table: a name with what is said under it, and the other cells."""

    name: str
    details: tuple[str, ...]
    cells: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """Headings and rows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that stands on a document, in its language."""

    language: str
    title: str
    number: str
    date: str
    seller: str
    seller_lines: tuple[str, ...]
    facts: tuple[Pair, ...]
    parties: tuple[Party, ...]
    items: Table
    totals: tuple[Pair, ...]
    taxes: Table | None
    notes: tuple[str, ...]
    #: Has ``{page}`` and ``{pages}`` to fill in.
    page_of: str


def sheet_of(document: Document, *, zone: tzinfo, language: str | None = None) -> Sheet:
    """Lay out a document's text. ``language`` is the document's own unless given."""
    return _Writer(document, language_of(language or document.language), zone).sheet()


class _Writer:
    """One document in one language."""

    def __init__(self, document: Document, language: str, zone: tzinfo) -> None:
        self._document = document
        self._content = document.content
        self._language = language
        self._zone = zone
        self._say: Words = words_in(language)

    def sheet(self) -> Sheet:
        document, say = self._document, self._say
        is_slip = document.kind is DocumentKind.PACKING_SLIP
        seller = self._content.seller
        contact = [seller.email]
        if seller.vat_id and not is_slip:
            contact.append(f"{say('VAT ID')}: {seller.vat_id}")
        return Sheet(
            language=self._language,
            title=say(_TITLES[document.kind]),
            number=document.number,
            date=self._day(document.issued_at),
            seller=seller.name,
            seller_lines=tuple(filter(None, [*seller.address.splitlines(), *contact])),
            facts=self._facts(),
            parties=self._parties(),
            items=self._packed() if is_slip else self._sold(),
            totals=self._units() if is_slip else self._totals(),
            taxes=None if is_slip else self._taxes(),
            notes=self._notes(),
            page_of=say("Page {page} of {pages}"),
        )

    def _facts(self) -> tuple[Pair, ...]:
        document, content, say = self._document, self._content, self._say
        facts = [Pair(say("Date"), self._day(document.issued_at))]
        if content.invoice_number is not None:
            facts.append(Pair(say("For invoice"), content.invoice_number))
        facts += [
            Pair(say("Order"), content.order_number),
            Pair(say("Order date"), self._day(content.placed_at)),
        ]
        if document.kind is DocumentKind.INVOICE:
            facts.append(Pair(say("Paid on"), self._day(content.sold_at)))
        if document.kind is not DocumentKind.PACKING_SLIP:
            method = _METHODS.get(content.provider)
            facts.append(Pair(say("Payment method"), say(method) if method else content.provider))
        return tuple(facts)

    def _parties(self) -> tuple[Party, ...]:
        content, say = self._content, self._say
        shipped = Party(say("Shipped to"), self._address(content.shipped_to))
        if self._document.kind is DocumentKind.PACKING_SLIP:
            return (shipped,)
        billed = Party(say("Billed to"), (*self._address(content.billed_to), content.email))
        return (billed,) if self._document.kind is DocumentKind.CREDIT_NOTE else (billed, shipped)

    def _address(self, address: Address) -> tuple[str, ...]:
        town = " ".join(filter(None, [address.postal_code, address.city]))
        country = parse_locale(self._language).territories.get(address.country, address.country)
        return tuple(
            filter(
                None,
                [
                    address.company,
                    address.name,
                    address.line1,
                    address.line2,
                    town,
                    address.region,
                    country,
                ],
            )
        )

    def _sold(self) -> Table:
        say, content = self._say, self._content
        if not content.lines:
            return self._refund()
        # What goes back of a line may be its discounted part, or money without a unit.
        has_price = all(
            line.quantity * line.unit_price_minor == line.total_minor for line in content.lines
        )
        has_discount = any(line.discount_minor for line in content.lines)
        columns = [
            Column(say("Item"), is_number=False),
            Column(say("Qty")),
            *([Column(say("Unit price"))] if has_price else []),
            *([Column(say("Discount"))] if has_discount else []),
            Column(say("Tax")),
            Column(say("Amount")),
        ]
        rows = [
            Row(
                line.name,
                _details(line),
                (
                    self._count(line.quantity) if line.quantity else "–",
                    *([self._money(line.unit_price_minor)] if has_price else []),
                    *([self._less(line.discount_minor)] if has_discount else []),
                    self._percent(line.tax_rate),
                    self._money(line.total_minor - line.discount_minor),
                ),
            )
            for line in content.lines
        ]
        return Table(tuple(columns), tuple(rows))

    def _refund(self) -> Table:
        say = self._say
        what = say("Refund for invoice {number}").format(number=self._content.invoice_number)
        amount = self._money(self._document.total_minor)
        columns = (Column(say("Item"), is_number=False), Column(say("Amount")))
        return Table(columns, (Row(what, (), (amount,)),))

    def _packed(self) -> Table:
        say = self._say
        columns = (Column(say("Item"), is_number=False), Column(say("Qty")))
        rows = tuple(
            Row(line.name, _details(line), (self._count(line.quantity),))
            for line in self._content.lines
        )
        return Table(columns, rows)

    def _units(self) -> tuple[Pair, ...]:
        units = sum(line.quantity for line in self._content.lines)
        return (Pair(self._say("Total units"), self._count(units), is_strong=True),)

    def _totals(self) -> tuple[Pair, ...]:
        document, content, say = self._document, self._content, self._say
        is_note = document.kind is DocumentKind.CREDIT_NOTE
        pairs = []
        if content.lines:
            pairs.append(Pair(say("Subtotal"), self._money(content.subtotal_minor)))
            if content.discount_minor:
                pairs.append(Pair(say("Discount"), self._less(content.discount_minor)))
            pairs.append(Pair(say("Shipping"), self._money(content.shipping_minor)))
            if not content.is_tax_included:
                pairs.append(Pair(say("Tax"), self._money(document.tax_minor)))
        total = self._money(document.total_minor)
        pairs.append(Pair(say("Total refunded" if is_note else "Total"), total, is_strong=True))
        return tuple(pairs)

    def _taxes(self) -> Table:
        say = self._say
        columns = (
            Column(say("Tax rate"), is_number=False),
            Column(say("Net")),
            Column(say("Tax")),
            Column(say("Gross")),
        )
        rows = tuple(
            Row(
                say("Shipping") if row.rate is None else self._percent(row.rate),
                (),
                tuple(map(self._money, (row.net_minor, row.tax_minor, row.gross_minor))),
            )
            for row in self._content.taxes
        )
        return Table(columns, rows)

    def _notes(self) -> tuple[str, ...]:
        kind, say = self._document.kind, self._say
        if kind is DocumentKind.PACKING_SLIP:
            return (say("Thank you for your order."),)
        included = [say("Prices include tax.")] if self._content.is_tax_included else []
        if kind is DocumentKind.CREDIT_NOTE:
            return (say("This amount was returned the way it was paid."),)
        return (*included, say("Paid in full. Nothing is due."), say("Thank you for your order."))

    def _money(self, minor: int) -> str:
        return format_money(minor, self._document.currency, self._language)

    def _less(self, minor: int) -> str:
        return self._money(-minor) if minor else "–"

    def _count(self, number: int) -> str:
        return str(format_decimal(number, locale=parse_locale(self._language)))

    def _percent(self, rate: str) -> str:
        pattern = _percent_pattern(self._language)
        return str(pattern.apply(Decimal(rate), parse_locale(self._language)))

    def _day(self, instant: datetime) -> str:
        local = instant.astimezone(self._zone).date()
        return str(format_date(local, "medium", locale=parse_locale(self._language)))


def _details(line: DocumentLine) -> tuple[str, ...]:
    return tuple(filter(None, [" / ".join(line.options), line.sku]))


@lru_cache(maxsize=16)
def _percent_pattern(language: str) -> NumberPattern:
    """A rate has as many decimals as it needs, three at most."""
    locale: Locale = parse_locale(language)
    pattern: NumberPattern = copy.copy(locale.percent_formats[None])
    pattern.frac_prec = (0, 3)
    return pattern
