"""What the store keeps of vendors' sales: laws, whatever the amounts and however taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from surehold.kernel.ids import CategoryId, OrderLineId, VendorId
from surehold.orders.vendor_accounts import rules
from surehold.orders.vendor_accounts.model import (
    BatchState,
    CommissionRule,
    SoldLine,
    Statement,
)
from surehold.orders.vendor_accounts.states import BATCH, BatchEventKind
from surehold.payments import ledger

NOW = datetime(2026, 11, 21, tzinfo=UTC)
VENDOR, OTHER = VendorId(UUID(int=1)), VendorId(UUID(int=2))
LAMPS = CategoryId(UUID(int=3))
#: Of currencies with no, two and three digits: a yen is as much as a fils is not.
NETS = st.integers(0, 10**9)
RATES = st.integers(0, 1_000_000).map(lambda parts: f"{parts / 1_000_000:.6f}")


def a_rule(**changes: Any) -> CommissionRule:
    rule = CommissionRule(
        id=uuid4(),
        vendor_id=None,
        vendor=None,
        category_id=None,
        category=None,
        rate="0.1",
        fixed_minor=0,
        currency=None,
        starts_at=NOW - timedelta(days=1),
        ends_at=None,
        created_by="test",
        created_at=NOW,
        ended_by=None,
    )
    return msgspec.structs.replace(rule, **changes)


def a_line(net_minor: int, **changes: Any) -> SoldLine:
    line = SoldLine(
        id=OrderLineId(uuid4()),
        vendor_id=VENDOR,
        category_ids=(),
        quantity=1,
        net_minor=net_minor,
        change_id=None,
        is_later=False,
        rule_id=None,
        sold_net_minor=0,
        sold_commission_minor=0,
        back_net_minor=0,
        back_commission_minor=0,
    )
    return msgspec.structs.replace(line, **changes)


def test_the_most_specific_rule_in_force_counts() -> None:
    everybody = a_rule()
    of_lamps = a_rule(category_id=LAMPS)
    of_vendor = a_rule(vendor_id=VENDOR)
    of_both = a_rule(vendor_id=VENDOR, category_id=LAMPS)
    in_euros = a_rule(vendor_id=VENDOR, currency="EUR")
    later = a_rule(vendor_id=VENDOR, currency="EUR", starts_at=NOW - timedelta(hours=1))
    tomorrow = a_rule(vendor_id=VENDOR, category_id=LAMPS, starts_at=NOW + timedelta(days=1))
    over = a_rule(vendor_id=VENDOR, category_id=LAMPS, ends_at=NOW, ended_by="test")
    known = [of_vendor, everybody, later, in_euros, of_lamps, tomorrow, over]
    lamp, vase = a_line(1, category_ids=(LAMPS,)), a_line(1)
    foreign = a_line(1, vendor_id=OTHER)

    def chosen(line: SoldLine, currency: str, among: list[CommissionRule]) -> CommissionRule:
        found = rules.choose(among, line, currency=currency, at=NOW)
        assert found is not None
        return found

    assert chosen(lamp, "EUR", [*known, of_both]) is of_both
    assert chosen(lamp, "EUR", known) is later
    assert chosen(lamp, "USD", known) is of_vendor
    assert chosen(vase, "USD", known) is of_vendor
    assert chosen(msgspec.structs.replace(lamp, vendor_id=OTHER), "USD", known) is of_lamps
    assert chosen(foreign, "USD", known) is everybody
    assert rules.choose([of_vendor], foreign, currency="USD", at=NOW) is None


@settings(max_examples=200)
@given(
    nets=st.lists(NETS, min_size=1, max_size=5),
    rate=RATES,
    fixed=st.integers(0, 500),
    quantity=st.integers(1, 9),
    cuts=st.lists(st.integers(0, 100), max_size=6),
)
def test_whatever_is_taken_back_bit_by_bit_takes_all_of_its_commission(
    nets: list[int], rate: str, fixed: int, quantity: int, cuts: list[int]
) -> None:
    rule = a_rule(rate=rate, fixed_minor=fixed, currency="EUR")
    lines = [a_line(net, quantity=quantity) for net in nets]
    sold = rules.sell(lines, {VENDOR: sum(nets)}, [rule], currency="EUR", at=NOW)

    (part,) = rules.parts_of(sold)
    assert part.net_minor == sum(nets)
    assert 0 <= part.commission_minor <= part.net_minor
    book = ledger.commission(
        sale_journal_id=uuid4(), order_id=uuid4(), currency="EUR", parts=(part,)
    )
    assert sum(entry.amount_minor for entry in book.entries) == 0

    now = [
        msgspec.structs.replace(
            line,
            rule_id=rule.id,
            sold_net_minor=row.net_minor,
            sold_commission_minor=row.commission_minor,
        )
        for line, row in zip(lines, sold, strict=True)
    ]
    for cut in [*cuts, 100]:
        shares = {
            line.id: (line.sold_net_minor - line.back_net_minor) * cut // 100 for line in now
        }
        back = rules.take_back(now, shares, {VENDOR: sum(shares.values())})
        found = {row.line_id: row for row in back}
        now = [
            msgspec.structs.replace(
                line,
                back_net_minor=line.back_net_minor - found[line.id].net_minor,
                back_commission_minor=line.back_commission_minor - found[line.id].commission_minor,
            )
            if line.id in found
            else line
            for line in now
        ]
        for line in now:
            assert 0 <= line.back_commission_minor <= line.sold_commission_minor
    for line in now:
        assert line.back_net_minor == line.sold_net_minor
        if line.sold_net_minor:
            assert line.back_commission_minor == line.sold_commission_minor


@given(nets=st.lists(st.integers(1, 10**6), min_size=1, max_size=5), data=st.data())
def test_money_without_lines_is_spread_over_what_is_left_to_the_last_unit(
    nets: list[int], data: st.DataObject
) -> None:
    lines = [
        a_line(net, rule_id=UUID(int=9), sold_net_minor=net, sold_commission_minor=net // 7)
        for net in nets
    ]
    amount = data.draw(st.integers(1, sum(nets)))

    back = rules.take_back(lines, {}, {VENDOR: amount})

    assert sum(row.net_minor for row in back) == -amount
    assert all(abs(row.commission_minor) <= abs(row.net_minor) for row in back)


def test_of_another_vendors_lines_nothing_is_taken() -> None:
    own, foreign = a_line(100), a_line(50, vendor_id=OTHER)
    rule = a_rule(vendor_id=OTHER, rate="1")

    sold = rules.sell([own, foreign], {VENDOR: 100, OTHER: 50}, [rule], currency="JPY", at=NOW)

    assert [(row.vendor_id, row.net_minor, row.commission_minor) for row in sold] == [
        (OTHER, 50, 50)
    ]


def test_a_rule_counts_from_its_first_instant_and_not_at_its_last() -> None:
    line = a_line(1_000, quantity=3)
    rule = a_rule(starts_at=NOW, fixed_minor=10, currency="EUR")
    over = msgspec.structs.replace(rule, ends_at=NOW + timedelta(days=1), ended_by="test")

    assert rules.choose([rule], line, currency="EUR", at=NOW) is rule
    assert rules.choose([over], line, currency="EUR", at=NOW + timedelta(days=1)) is None
    assert rules.commission_of(rule, net_minor=1_000, quantity=3) == 130


def test_what_was_commissioned_is_neither_sold_again_nor_taken_back_twice() -> None:
    rule = a_rule()
    done = a_line(
        1_000, rule_id=rule.id, sold_net_minor=1_000, sold_commission_minor=100,
        back_net_minor=600, back_commission_minor=60,
    )  # fmt: skip
    fresh, own = a_line(1_000), a_line(400, vendor_id=OTHER)

    sold = rules.sell([done, fresh], {VENDOR: 2_000}, [rule], currency="EUR", at=NOW)
    back = rules.take_back([done, fresh], {}, {VENDOR: 700})
    over = rules.take_back([done, own], {done.id: 900, own.id: 400}, {VENDOR: 900, OTHER: 400})

    assert [(row.line_id, row.net_minor) for row in sold] == [(fresh.id, 1_000)]
    # Spread over what is left, 400 and 1,000: of the line without a rule nothing is commissioned.
    assert [(row.line_id, row.net_minor, row.commission_minor) for row in back] == [
        (done.id, -200, -20)
    ]
    assert [(row.line_id, row.net_minor, row.commission_minor) for row in over] == [
        (done.id, -400, -40)
    ]


def test_a_statement_of_nothing_is_nothing() -> None:
    assert rules.statement_of("EUR", {}) == Statement("EUR", 0, 0, 0, 0, 0, 0, 0)


def test_a_statement_adds_up() -> None:
    sums = {
        (True, "commission", "vendor_payable"): -500,
        (True, "commission", "vendor_sales"): 600,
        (False, "commission", "vendor_sales"): 1_000,
        (False, "commission", "commission_income"): -100,
        (False, "commission", "vendor_payable"): -900,
        (False, "commission_reversal", "vendor_sales"): -200,
        (False, "commission_reversal", "commission_income"): 20,
        (False, "commission_reversal", "vendor_payable"): 180,
        (False, "vendor_payout", "vendor_payable"): 1_300,
    }

    found = rules.statement_of("EUR", sums)

    assert found == Statement("EUR", 500, 1_000, 100, 200, 20, 1_300, -80)


def test_a_batch_is_approved_then_paid_or_given_up_before() -> None:
    S, E = BatchState, BatchEventKind  # noqa: N806  # as the table names them
    allowed = {
        (S.PROPOSED, E.APPROVE): S.APPROVED,
        (S.PROPOSED, E.CANCEL): S.CANCELED,
        (S.APPROVED, E.PAY): S.PAID,
        (S.APPROVED, E.CANCEL): S.CANCELED,
    }

    found = {(state, event): BATCH.find_next(state, event) for state in S for event in E}

    assert found == {**dict.fromkeys(found), **allowed}
