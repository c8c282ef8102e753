"""What goes back for units, amounts and shipping: every split adds up, whatever the steps."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.checkout.errors import NothingToRefund, RefundExceedsPaid, UnitsNotRefundable
from surehold.checkout.rules import Wish, is_left, plan_refund
from surehold.checkout.rules.refunding import list_rooms, share_of_units
from surehold.kernel.errors import InvalidInput
from surehold.kernel.ids import (
    OrderId,
    OrderLineId,
    PaymentId,
    ProductId,
    RefundId,
    VariantId,
    VendorId,
    new_id,
)
from surehold.kernel.money import Money, exponent, round_minor
from surehold.orders.model import (
    Address,
    FulfillmentStatus,
    Order,
    OrderLine,
    OrderStatus,
    PaymentStatus,
)
from surehold.payments.model import (
    NoAction,
    Payment,
    PaymentState,
    Refund,
    RefundLine,
    RefundState,
)

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ORDER = OrderId(new_id())
CURRENCIES = ("JPY", "EUR", "KWD")


def a_line(quantity: int, gross: int, tax: int) -> OrderLine:
    return OrderLine(
        id=OrderLineId(new_id()),
        order_id=ORDER,
        position=1,
        product_id=ProductId(new_id()),
        variant_id=VariantId(new_id()),
        vendor_id=VendorId(new_id()),
        sku="A",
        name="A",
        options=[],
        image=None,
        quantity=quantity,
        unit_price_minor=1,
        discount_minor=0,
        total_minor=quantity,
        tax_rate="0.2",
        net_minor=gross - tax,
        tax_minor=tax,
        gross_minor=gross,
    )


def a_payment(captured: int, currency: str = "EUR") -> Payment:
    return Payment(
        id=PaymentId(new_id()),
        order_id=ORDER,
        provider="pretend",
        account="test",
        provider_payment_id="pp",
        state=PaymentState.CAPTURED,
        currency=currency,
        requested_minor=captured,
        authorized_minor=0,
        captured_minor=captured,
        refunded_minor=0,
        disputed_minor=0,
        next_action=NoAction(),
        failure_code=None,
        failure_message=None,
        review_reason=None,
        check_count=0,
        next_check_at=None,
        created_at=NOW,
        updated_at=NOW,
    )


class Facts:
    """A sold order whose shipping has its tax within."""

    is_bought = True

    def __init__(
        self,
        lines: tuple[OrderLine, ...],
        *,
        shipping: tuple[int, int] = (0, 0),
        captured: tuple[int, ...] | None = None,
        currency: str = "EUR",
    ) -> None:
        self.lines = lines
        total = sum(line.gross_minor for line in lines) + shipping[0]
        rows = [a_payment(amount, currency) for amount in captured or (total,)]
        self.payments = {row.id: row for row in rows}
        self.refunds: dict[Any, Any] = {}
        self.order = Order(
            id=ORDER,
            number="SH-TEST",
            cart_id=None,
            email="mara@example.com",
            currency=currency,
            subtotal_minor=total - shipping[0],
            discount_minor=0,
            shipping_minor=shipping[0],
            shipping_tax_minor=shipping[1],
            tax_minor=sum(line.tax_minor for line in lines) + shipping[1],
            total_minor=total,
            is_tax_included=True,
            paid_minor=total,
            refunded_minor=0,
            shipping_method="standard",
            shipping_address=Address("M", "1", "G", "IE"),
            billing_address=None,
            provider="pretend",
            status=OrderStatus.PAID,
            payment_status=PaymentStatus.PAID,
            fulfillment_status=FulfillmentStatus.UNFULFILLED,
            placed_at=NOW,
            canceled_at=None,
            cancel_reason=None,
            archived_at=None,
            extensions_used=0,
            version=2,
            changed_by="test",
            change_reason="test",
            updated_at=NOW,
        )

    def refundable_minor(self, payment: Payment) -> int:
        return payment.captured_minor


@st.composite
def amounts(draw: st.DrawFn) -> tuple[str, int, int, int]:
    """A currency, a quantity, and a gross with the tax of some rate within it."""
    currency = draw(st.sampled_from(CURRENCIES))
    gross = draw(st.integers(0, 10 ** (exponent(currency) + 4)))
    rate = draw(st.decimals("0", "0.5", places=3))
    tax = gross - round_minor(Decimal(gross) / (1 + rate))
    return currency, draw(st.integers(1, 60)), gross, tax


@given(amounts(), st.data())
def test_all_units_of_a_line_in_any_steps_come_to_its_gross(
    drawn: tuple[str, int, int, int], data: st.DataObject
) -> None:
    _, quantity, gross, tax = drawn
    line = a_line(quantity, gross, tax)
    shares = []

    while line.left_quantity:
        share = share_of_units(line, data.draw(st.integers(1, line.left_quantity)))
        shares.append(share)
        line = msgspec.structs.replace(
            line,
            refunded_quantity=line.refunded_quantity + share.quantity,
            refunded_net_minor=line.refunded_net_minor + share.net_minor,
            refunded_tax_minor=line.refunded_tax_minor + share.tax_minor,
        )

    assert min(min(share.net_minor, share.tax_minor) for share in shares) >= 0
    assert sum(share.gross_minor for share in shares) == gross
    assert sum(share.tax_minor for share in shares) == tax
    assert sum(share.quantity for share in shares) == quantity


def test_units_one_by_one_differ_by_one_minor_unit_at_most() -> None:
    line = a_line(3, 100, 17)
    parts = []

    for _ in range(3):
        share = share_of_units(line, 1)
        parts.append((share.gross_minor, share.tax_minor))
        line = msgspec.structs.replace(
            line,
            refunded_quantity=line.refunded_quantity + 1,
            refunded_net_minor=line.refunded_net_minor + share.net_minor,
            refunded_tax_minor=line.refunded_tax_minor + share.tax_minor,
        )

    assert parts == [(33, 6), (34, 6), (33, 5)]


@given(
    st.lists(amounts(), min_size=1, max_size=5),
    amounts(),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
    st.data(),
)
def test_an_amount_is_split_over_all_and_over_the_payments_exactly(
    drawn: list[tuple[str, int, int, int]],
    shipping: tuple[str, int, int, int],
    captured: list[int],
    data: st.DataObject,
) -> None:
    lines = tuple(a_line(quantity, gross, tax) for _, quantity, gross, tax in drawn)
    facts = Facts(lines, shipping=shipping[2:], captured=tuple(captured))
    most = min(facts.order.total_minor, sum(captured))
    if not most:
        return
    wanted = data.draw(st.integers(1, most))

    planned = plan_refund(facts, Wish(amount=Money(wanted, "EUR")))

    assert sum(row.amount_minor for row in planned) == wanted
    by_id = {line.id: line for line in lines}
    for row in planned:
        assert 0 < row.amount_minor <= facts.payments[row.payment_id].captured_minor
        assert 0 <= row.shipping_tax_minor <= row.shipping_minor
        assert all(share.quantity == 0 for share in row.shares)
        assert all(min(share.net_minor, share.tax_minor) >= 0 for share in row.shares)
    for line_id, line in by_id.items():
        mine = [share for row in planned for share in row.shares if share.line_id == line_id]
        assert sum(share.net_minor for share in mine) <= line.net_minor
        assert sum(share.tax_minor for share in mine) <= line.tax_minor


@given(
    st.lists(amounts(), min_size=1, max_size=5),
    amounts(),
    st.lists(st.integers(0, 100), min_size=1, max_size=4),
)
def test_all_is_everything_with_all_its_tax_newest_payment_first(
    drawn: list[tuple[str, int, int, int]],
    shipping: tuple[str, int, int, int],
    cuts: list[int],
) -> None:
    lines = tuple(a_line(quantity, gross, tax) for _, quantity, gross, tax in drawn)
    total = sum(line.gross_minor for line in lines) + shipping[2]
    if not total:
        return
    captured = (*(total * cut // 400 or 1 for cut in cuts), total)
    facts = Facts(lines, shipping=shipping[2:], captured=captured)

    planned = plan_refund(facts, Wish())

    shares = [share for row in planned for share in row.shares]
    assert sum(row.amount_minor for row in planned) == total
    assert (
        sum(share.tax_minor for share in shares) + sum(row.shipping_tax_minor for row in planned)
        == sum(line.tax_minor for line in lines) + shipping[3]
    )
    assert sum(share.quantity for share in shares) == sum(line.quantity for line in lines)
    assert [row.payment_id for row in planned] == list(reversed(facts.payments))[: len(planned)]


def test_what_does_not_fit_into_one_payment_comes_from_the_next() -> None:
    line = a_line(2, 100, 20)
    facts = Facts((line,), shipping=(10, 2), captured=(90, 30))
    older, newer = facts.payments

    first, second = plan_refund(facts, Wish())

    assert (first.payment_id, first.amount_minor) == (newer, 30)
    assert [(row.quantity, row.net_minor, row.tax_minor) for row in first.shares] == [(2, 24, 6)]
    assert (second.payment_id, second.amount_minor) == (older, 80)
    assert [(row.quantity, row.net_minor, row.tax_minor) for row in second.shares] == [(0, 56, 14)]
    assert (second.shipping_minor, second.shipping_tax_minor) == (10, 2)


def test_a_payment_that_somebody_looks_into_gives_nothing() -> None:
    facts = Facts((a_line(1, 100, 20),), captured=(100, 100))
    older, newer = facts.payments.values()
    facts.payments[newer.id] = msgspec.structs.replace(newer, review_reason="refunded_at_provider")

    assert [row.payment_id for row in plan_refund(facts, Wish())] == [older.id]

    facts.payments[newer.id] = msgspec.structs.replace(newer, review_reason="refund_failed: old")
    assert [row.payment_id for row in plan_refund(facts, Wish())] == [older.id]
    facts.payments[older.id] = msgspec.structs.replace(older, disputed_minor=1)
    assert [row.payment_id for row in plan_refund(facts, Wish())] == [newer.id]


def test_refusals_say_what_is_left() -> None:
    line = a_line(2, 100, 20)
    facts = Facts((line,), shipping=(10, 2))

    with pytest.raises(UnitsNotRefundable) as short:
        plan_refund(facts, Wish(lines=((line.id, 1), (line.id, 2))))
    assert short.value.facts == {
        "lines": [{"line_id": str(line.id), "requested": 3, "available": 2}]
    }
    with pytest.raises(RefundExceedsPaid) as beyond:
        plan_refund(facts, Wish(amount=Money(111, "EUR")))
    assert beyond.value.facts == {"refundable": {"amount": 110, "currency": "EUR"}}
    with pytest.raises(InvalidInput) as currency:
        plan_refund(facts, Wish(amount=Money(1, "USD")))
    assert [fault.pointer for fault in currency.value.faults] == ["/amount/currency"]
    with pytest.raises(InvalidInput) as unknown:
        plan_refund(facts, Wish(lines=((OrderLineId(new_id()), 1), (OrderLineId(new_id()), 1))))
    assert [fault.pointer for fault in unknown.value.faults] == [
        "/lines/0/line_id",
        "/lines/1/line_id",
    ]
    assert {fault.code for fault in unknown.value.faults} == {"unknown_line"}
    facts.is_bought = False
    with pytest.raises(NothingToRefund):
        plan_refund(facts, Wish())


def back(facts: Facts, **changes: Any) -> Refund:
    """A refund of the sale, shipping and all."""
    refund = Refund(
        id=RefundId(new_id()),
        payment_id=next(iter(facts.payments)),
        order_id=ORDER,
        state=RefundState.REQUESTED,
        currency="EUR",
        amount_minor=110,
        reason="late",
        requested_by="staff:1",
        provider_refund_id=None,
        failure_code=None,
        created_at=NOW,
        ended_at=None,
        is_of_sale=True,
        shipping_minor=10,
        shipping_tax_minor=2,
    )
    return msgspec.structs.replace(refund, **changes)


def test_money_comes_only_from_what_was_collected_and_from_the_payment_that_is_named() -> None:
    facts = Facts((a_line(1, 100, 20),), captured=(100, 100))
    older, newer = facts.payments.values()

    assert [(row.id, room) for row, room in list_rooms(facts)] == [
        (newer.id, 100),
        (older.id, 100),
    ]
    assert [row.id for row, _ in list_rooms(facts, older.id)] == [older.id]
    assert [row.payment_id for row in plan_refund(facts, Wish(payment_id=older.id))] == [older.id]
    for changes in (
        {"state": PaymentState.AUTHORIZED},
        {"disputed_minor": 1},
        {"review_reason": "disputed"},
        {"captured_minor": 0},
    ):
        facts.payments[newer.id] = msgspec.structs.replace(newer, **changes)
        assert [row.id for row, _ in list_rooms(facts)] == [older.id]
    facts.payments[newer.id] = msgspec.structs.replace(newer, captured_minor=1)
    assert [room for _, room in list_rooms(facts)] == [1, 100]


def test_one_minor_unit_goes_back_and_nothing_does_not() -> None:
    facts = Facts((a_line(1, 1, 0),))
    assert [row.amount_minor for row in plan_refund(facts, Wish())] == [1]
    facts.order = msgspec.structs.replace(facts.order, canceled_at=NOW)
    with pytest.raises(NothingToRefund):
        plan_refund(facts, Wish())

    free = Facts((a_line(1, 0, 0),), captured=(5,))
    with pytest.raises(NothingToRefund):
        plan_refund(free, Wish())


def test_no_more_goes_back_than_the_payments_have() -> None:
    facts = Facts((a_line(1, 100, 20),), captured=(99,))

    with pytest.raises(RefundExceedsPaid) as beyond:
        plan_refund(facts, Wish())
    assert beyond.value.facts == {"refundable": {"amount": 99, "currency": "EUR"}}


def test_shipping_that_failed_to_go_back_is_still_there() -> None:
    facts = Facts((a_line(1, 100, 20),), shipping=(10, 2))
    gone = back(facts)

    facts.refunds = {gone.id: gone}
    (rest,) = plan_refund(facts, Wish())
    assert (rest.amount_minor, rest.shipping_minor, rest.shipping_tax_minor) == (100, 0, 0)
    failed = msgspec.structs.replace(gone, state=RefundState.FAILED)
    facts.refunds = {gone.id: failed}
    (whole,) = plan_refund(facts, Wish())
    assert (whole.amount_minor, whole.shipping_minor, whole.shipping_tax_minor) == (110, 10, 2)


def test_a_failed_refund_is_tried_again_while_all_of_it_is_left() -> None:
    line = a_line(2, 100, 20)
    facts = Facts((line,), shipping=(10, 2))
    part = RefundLine(RefundId(new_id()), line.id, 2, 80, 20)

    assert is_left(facts, back(facts), [part])
    for changes in ({"shipping_minor": 11}, {"shipping_tax_minor": 3}):
        assert not is_left(facts, back(facts, **changes), [part])
    for more in ({"quantity": 3}, {"net_minor": 81}, {"tax_minor": 21}):
        assert not is_left(facts, back(facts), [msgspec.structs.replace(part, **more)])
    facts.order = msgspec.structs.replace(facts.order, canceled_at=NOW)
    assert not is_left(facts, back(facts), [part])
    assert is_left(facts, back(facts, is_of_sale=False), [])


def test_what_is_asked_of_one_line_asks_nothing_of_another() -> None:
    gone = msgspec.structs.replace(
        a_line(1, 100, 20), refunded_quantity=1, refunded_net_minor=80, refunded_tax_minor=20
    )
    kept = a_line(1, 100, 20)

    (planned,) = plan_refund(Facts((gone, kept)), Wish(lines=((kept.id, 1),)))

    assert [(row.line_id, row.quantity) for row in planned.shares] == [(kept.id, 1)]


def test_an_amount_of_one_is_of_one_line_and_an_amount_of_nothing_is_refused() -> None:
    first, second = a_line(1, 100, 0), a_line(1, 100, 0)

    (planned,) = plan_refund(Facts((first, second)), Wish(amount=Money(1, "EUR")))
    assert [(row.line_id, row.net_minor) for row in planned.shares] == [(first.id, 1)]

    free = Facts((a_line(1, 0, 0),), captured=(5,))
    with pytest.raises(NothingToRefund):
        plan_refund(free, Wish(amount=Money(0, "EUR")))


def test_units_that_cost_nothing_go_back_with_the_others() -> None:
    paid, free = a_line(1, 100, 20), a_line(3, 0, 0)

    (planned,) = plan_refund(Facts((paid, free)), Wish())

    assert [(row.line_id, row.quantity) for row in planned.shares] == [(paid.id, 1), (free.id, 3)]


def test_what_is_left_of_a_line_comes_before_the_next_line() -> None:
    first, second = a_line(1, 100, 0), a_line(1, 100, 0)

    newer, older = plan_refund(Facts((first, second), captured=(150, 50)), Wish())

    assert [(row.line_id, row.net_minor) for row in newer.shares] == [(first.id, 50)]
    assert [(row.line_id, row.net_minor) for row in older.shares] == [
        (first.id, 50),
        (second.id, 100),
    ]
