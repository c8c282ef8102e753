"""What stands on a document: words, amounts and dates in the buyer's language."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from babel.messages.pofile import read_po

from surehold.db.shop import ShopSettings
from surehold.kernel.ids import OrderId, RefundId, new_id
from surehold.orders.documents.model import (
    Content,
    Document,
    DocumentKind,
    DocumentLine,
    Seller,
    TaxRow,
)
from surehold.orders.model import Address
from surehold.web.documents import page, pdf, words
from surehold.web.documents.sheet import Sheet, sheet_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVIL = "<svg onload=alert(1)> #panic() $x$ *b* \\ =cmd()"


def a_document(
    kind: DocumentKind = DocumentKind.INVOICE,
    *,
    currency: str = "EUR",
    language: str = "en",
    buyer: str = "Mara Quinn",
    lines: int = 1,
) -> Document:
    line = DocumentLine(
        "LMP-1", "Lamp", ("Brass",), 1234, 100, 0, 123400, "0.055", 116967, 6433, 123400
    )
    home = Address(name=buyer, line1="12 Quay Street", city="Galway", country="IE")
    settings = ShopSettings()
    content = Content(
        seller=Seller(settings.seller_name, settings.seller_address, "IE6388047V", "a@b.example"),
        order_number="7KQ2",
        placed_at=NOON,
        sold_at=NOON,
        billed_to=home,
        shipped_to=home,
        email="mara@example.com",
        provider="bank_transfer",
        shipping_method="standard",
        is_tax_included=True,
        lines=(line,) * lines,
        taxes=(TaxRow("0.055", 116967, 6433),),
        subtotal_minor=123400,
        discount_minor=0,
        shipping_minor=0,
        invoice_number="INV-2026-000001" if kind is DocumentKind.CREDIT_NOTE else None,
    )
    refund_id = RefundId(new_id()) if kind is DocumentKind.CREDIT_NOTE else None
    return Document(
        new_id(),
        OrderId(new_id()),
        kind,
        refund_id,
        "INV-2026",
        7,
        "INV-2026-000007",
        language,
        currency,
        116967,
        6433,
        123400,
        content,
        "system",
        NOON,
    )


def a_sheet(**changes: Any) -> Sheet:
    return sheet_of(a_document(**changes), zone=UTC)


@pytest.mark.parametrize(
    ("language", "currency", "total", "title", "date", "rate", "quantity"),
    [
        ("en", "EUR", "€1,234.00", "Invoice", "Nov 21, 2026", "5.5%", "1,234"),
        ("de-AT", "EUR", "1.234,00\xa0€", "Rechnung", "21.11.2026", "5,5\xa0%", "1.234"),
        ("fr", "KWD", "123,400\xa0KWD", "Facture", "21 nov. 2026", "5,5\xa0%", "1\u202f234"),
        ("en", "JPY", "¥123,400", "Invoice", "Nov 21, 2026", "5.5%", "1,234"),
        ("am", "ETB", "ብር\xa01,234.00", "ደረሰኝ", "21 ኖቬም 2026", "5.5%", "1,234"),
        ("hi", "INR", "₹1,234.00", "चालान", "21 नव॰ 2026", "5.5%", "1,234"),
        ("xx", "EUR", "€1,234.00", "Invoice", "Nov 21, 2026", "5.5%", "1,234"),
    ],
)
def test_amounts_and_dates_are_laid_out_in_the_language(
    language: str, currency: str, total: str, title: str, date: str, rate: str, quantity: str
) -> None:
    sheet = a_sheet(language=language, currency=currency)

    assert (sheet.title, sheet.date) == (title, date)
    assert sheet.totals[-1].value == total
    assert sheet.items.rows[0].cells[0] == quantity
    assert sheet.items.rows[0].cells[2] == rate
    assert sheet.taxes is not None
    assert sheet.taxes.rows[0].name == rate


def test_another_language_may_be_asked_for() -> None:
    sheet = sheet_of(a_document(language="de"), zone=UTC, language="fr")

    assert (sheet.language, sheet.title) == ("fr", "Facture")


def test_a_packing_slip_says_no_amount() -> None:
    slip = a_sheet(kind=DocumentKind.PACKING_SLIP)

    assert slip.taxes is None
    assert slip.totals[0].value == "1,234"
    assert "€" not in msgspec.json.encode(slip).decode()
    assert "mara@example.com" not in msgspec.json.encode(slip).decode()


def test_a_credit_note_names_its_invoice() -> None:
    note = a_sheet(kind=DocumentKind.CREDIT_NOTE)

    assert ("For invoice", "INV-2026-000001") in [(fact.label, fact.value) for fact in note.facts]
    assert note.totals[-1].label == "Total refunded"


@pytest.mark.parametrize("language", words.LANGUAGES[1:])
def test_every_catalog_says_everything_and_fills_the_same_places(language: str) -> None:
    source = (words.LOCALES.parent / "sheet.py").read_text("utf-8")
    tables = source[source.index("_TITLES") : source.index("class Pair")]
    spoken = set(re.findall(r'say\(["\']([^"\']+)["\']', source)) | set(
        re.findall(r': "([^"]+)"', tables)
    )
    spoken |= {"Total"}  # said in the other branch of an expression
    with (words.LOCALES / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language, abort_invalid=True)
    said = {str(message.id): str(message.string) for message in catalog if message.id}

    assert said.keys() == spoken
    for message, text in said.items():
        assert text
        assert sorted(re.findall(r"{\w+}", message)) == sorted(re.findall(r"{\w+}", text))


def test_five_languages_are_spoken() -> None:
    assert words.LANGUAGES == ("en", "am", "de", "fr", "hi")


def test_what_a_buyer_typed_is_text_on_the_page() -> None:
    shown = page.render(a_sheet(buyer=EVIL)).decode()

    assert "<svg" not in shown
    assert "&lt;svg onload=alert(1)&gt;" in shown
    assert "<script" not in shown
    assert 'lang="en"' in shown


def test_the_same_document_is_the_same_pdf() -> None:
    pytest.importorskip("typst")
    sheet = a_sheet()

    first, second = (pdf.compile_sheet(sheet, issued_at=NOON) for _ in range(2))

    assert first.startswith(b"%PDF-")
    assert first == second


@pytest.mark.parametrize("text", [EVIL, "\u202eabc", "x" * 3000, '"}]\n#"', "日本語 العربية"])
def test_what_a_buyer_typed_breaks_no_pdf(text: str) -> None:
    pytest.importorskip("typst")

    assert pdf.compile_sheet(a_sheet(buyer=text), issued_at=NOON).startswith(b"%PDF-")


@pytest.mark.parametrize(("language", "script"), [("am", b"Ethiopic"), ("hi", b"Devanagari")])
def test_the_pdf_has_the_letters_of_the_language(language: str, script: bytes) -> None:
    pytest.importorskip("typst")

    made = pdf.compile_sheet(a_sheet(language=language), issued_at=NOON)

    assert b"NotoSans" + script in made


def test_the_fonts_are_those_that_were_written_down() -> None:
    rows = re.findall(
        r"^\| (\S+) \| \S+ \| \d+ \| `([0-9a-f]{32})` \|$",
        (pdf.FONTS / "VENDORED.md").read_text("utf-8"),
        re.MULTILINE,
    )
    found = {
        path.relative_to(pdf.FONTS).as_posix(): hashlib.sha512(path.read_bytes()).hexdigest()[:32]
        for path in pdf.FONTS.rglob("*")
        if path.is_file() and path.name != "VENDORED.md"
    }

    assert dict(rows) == found
