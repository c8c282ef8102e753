"""What a document says, and what a refund takes back of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.db.shop import ShopSettings
from surehold.kernel.ids import new_id
from surehold.orders.documents import rules
from surehold.orders.documents.model import Content, DocumentKind, Seller, TaxRow
from surehold.orders.model import (
    Address,
    FulfillmentStatus,
    Order,
    OrderLine,
    OrderStatus,
    PaymentStatus,
    Share,
)
from surehold.pricing.rules import TaxRule

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOME = Address(name="Ada Buyer", line1="1 Long Street", city="Dublin", country="IE")
AMOUNTS = st.integers(min_value=1, max_value=10**9)
RATES = st.sampled_from(["0.20", "0.19", "0.07", "0.055", "0"])


def an_order(
    wanted: list[tuple[int, int, str]], *, shipping: int, shipping_rate: str, is_included: bool
) -> tuple[Order, tuple[OrderLine, ...]]:
    """An order of (quantity, unit price, tax rate), summed as pricing sums it."""
    lines = []
    for position, (quantity, price, rate) in enumerate(wanted):
        net, tax, gross = TaxRule(rate, is_included=is_included).split(quantity * price)
        ids: list[Any] = [new_id() for _ in range(5)]
        lines.append(
            OrderLine(
                ids[0],
                ids[1],
                position,
                ids[2],
                ids[3],
                ids[4],
                f"SKU{position}",
                "Lamp",
                [],
                None,
                quantity,
                price,
                0,
                quantity * price,
                rate,
                net,
                tax,
                gross,
            )
        )
    _, shipping_tax, _ = TaxRule(shipping_rate, is_included=is_included).split(shipping)
    subtotal = sum(line.total_minor for line in lines)
    tax = sum(line.tax_minor for line in lines) + shipping_tax
    nothing: dict[str, Any] = dict.fromkeys(
        ("cart_id", "billing_address", "canceled_at", "cancel_reason", "archived_at")
    )
    order = Order(
        id=new_id(),  # type: ignore[arg-type]  # any id does
        number="S1",
        email="ada@example.com",
        currency="EUR",
        subtotal_minor=subtotal,
        discount_minor=0,
        shipping_minor=shipping,
        shipping_tax_minor=shipping_tax,
        tax_minor=tax,
        total_minor=subtotal + shipping + (0 if is_included else tax),
        is_tax_included=is_included,
        paid_minor=0,
        refunded_minor=0,
        shipping_method="standard",
        shipping_address=HOME,
        provider="sandbox",
        status=OrderStatus.PAID,
        payment_status=PaymentStatus.PAID,
        fulfillment_status=FulfillmentStatus.UNFULFILLED,
        placed_at=NOON,
        extensions_used=0,
        version=1,
        changed_by="",
        change_reason="",
        updated_at=NOON,
        **nothing,
    )
    return order, tuple(lines)


def written(order: Order, lines: tuple[OrderLine, ...]) -> Content:
    return rules.content_of(order, lines, ShopSettings(), provider="sandbox", sold_at=NOON)


@given(
    wanted=st.lists(st.tuples(st.integers(1, 99), AMOUNTS, RATES), min_size=1, max_size=8),
    shipping=st.integers(0, 10**6),
    shipping_rate=RATES,
    is_included=st.booleans(),
)
def test_the_tax_table_comes_to_the_order_to_the_minor_unit(
    wanted: list[tuple[int, int, str]],
    shipping: int,
    shipping_rate: str,
    *,
    is_included: bool,
) -> None:
    order, lines = an_order(
        wanted, shipping=shipping, shipping_rate=shipping_rate, is_included=is_included
    )

    content = written(order, lines)

    net, tax = rules.net_and_tax(content)
    assert (net + tax, tax) == (order.total_minor, order.tax_minor)
    rates = [row.rate for row in content.taxes]
    assert len(rates) == len(set(rates))


def test_shipping_joins_the_rate_that_it_was_taxed_at() -> None:
    order, lines = an_order(
        [(1, 11900, "0.19"), (2, 535, "0.07")],
        shipping=595,
        shipping_rate="0.19",
        is_included=True,
    )

    content = written(order, lines)

    assert content.taxes == (TaxRow("0.19", 10500, 1995), TaxRow("0.07", 1000, 70))


def test_shipping_at_a_rate_of_its_own_has_a_row_of_its_own() -> None:
    order, lines = an_order(
        [(1, 10700, "0.07")], shipping=11900, shipping_rate="0.19", is_included=True
    )

    content = written(order, lines)

    assert content.taxes == (TaxRow("0.07", 10000, 700), TaxRow(None, 10000, 1900))


def an_invoice(*taxes: tuple[int, int]) -> Content:
    return Content(
        seller=Seller("Shop", "", "", ""),
        order_number="S1",
        placed_at=NOON,
        sold_at=NOON,
        billed_to=HOME,
        shipped_to=HOME,
        email="ada@example.com",
        provider="sandbox",
        shipping_method="standard",
        is_tax_included=True,
        lines=(),
        taxes=tuple(TaxRow(str(index), net, tax) for index, (net, tax) in enumerate(taxes)),
        subtotal_minor=0,
        discount_minor=0,
        shipping_minor=0,
    )


@given(
    taxes=st.lists(st.tuples(AMOUNTS, st.integers(0, 10**8)), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
)
def test_credit_notes_of_a_whole_refund_come_to_the_invoice(
    taxes: list[tuple[int, int]], cuts: list[int]
) -> None:
    invoice = an_invoice(*taxes)
    left = sum(net + tax for net, tax in taxes)
    notes: list[tuple[TaxRow, ...]] = []

    amounts = []
    for cut in cuts:
        amounts.append(min(cut, left))
        left -= amounts[-1]
    amounts.append(left)
    for amount in filter(None, amounts):
        note = rules.credit(invoice, notes, number="INV-2026-000001", amount_minor=amount)
        assert sum(rules.net_and_tax(note)) == amount
        assert all(row.net_minor >= 0 and row.tax_minor >= 0 for row in note.taxes)
        notes.append(note.taxes)

    assert [
        (
            sum(rows[index].net_minor for rows in notes),
            sum(rows[index].tax_minor for rows in notes),
        )
        for index in range(len(taxes))
    ] == taxes


def test_a_note_of_known_parts_takes_back_these() -> None:
    order, lines = an_order(
        [(2, 11900, "0.19"), (1, 10700, "0.07")],
        shipping=1190,
        shipping_rate="0.19",
        is_included=True,
    )
    invoice = written(order, lines)
    parts = rules.parts_of(
        order,
        lines,
        [Share(lines[0].id, 1, 10000, 1900), Share(lines[1].id, 0, 1000, 70)],
        shipping_minor=595,
        shipping_tax_minor=95,
    )

    note = rules.credit(invoice, [], number="INV-2026-000001", amount_minor=13565, of=parts)

    assert note.taxes == (TaxRow("0.19", 10500, 1995), TaxRow("0.07", 1000, 70))
    assert [(line.quantity, line.total_minor) for line in note.lines] == [(1, 11900), (0, 1070)]
    assert (note.subtotal_minor, note.shipping_minor) == (12970, 595)


def test_parts_that_earlier_notes_took_as_a_share_of_others_are_spread() -> None:
    order, lines = an_order(
        [(1, 11900, "0.19"), (1, 10700, "0.07")],
        shipping=0,
        shipping_rate="0",
        is_included=True,
    )
    invoice = written(order, lines)
    parts = rules.parts_of(
        order,
        lines,
        [Share(lines[0].id, 1, 10000, 1900)],
        shipping_minor=0,
        shipping_tax_minor=0,
    )

    note = rules.credit(
        invoice,
        [(TaxRow("0.19", 5000, 950), TaxRow("0.07", 0, 0))],
        number="INV-2026-000001",
        amount_minor=11900,
        of=parts,
    )

    assert note.taxes == (TaxRow("0.19", 3574, 679), TaxRow("0.07", 7147, 500))
    assert note.lines == ()


@pytest.mark.parametrize("amount", [0, -1, 120])
def test_no_more_is_credited_than_is_left(amount: int) -> None:
    with pytest.raises(ValueError, match="cannot be credited"):
        rules.credit(
            an_invoice((100, 19)),
            [(TaxRow("0", 0, 1),)],
            number="INV-2026-000001",
            amount_minor=amount,
        )


def test_a_series_ends_with_the_year_where_the_shop_is() -> None:
    eve = datetime(2026, 12, 31, 22, tzinfo=UTC)

    series = {
        zone: rules.series_of(DocumentKind.INVOICE, ShopSettings(time_zone=zone), now=eve)
        for zone in ("UTC", "Africa/Addis_Ababa")
    }

    assert series == {"UTC": "INV-2026", "Africa/Addis_Ababa": "INV-2027"}
    in_another_zone = eve.astimezone(timezone(timedelta(hours=5)))
    assert rules.series_of(DocumentKind.CREDIT_NOTE, ShopSettings(), now=in_another_zone) == (
        "CRN-2026"
    )


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        ShopSettings(time_zone="Mars/Olympus")


def test_a_number_grows_past_a_million() -> None:
    assert rules.number_of("INV-2026", 1_234_567) == "INV-2026-1234567"
