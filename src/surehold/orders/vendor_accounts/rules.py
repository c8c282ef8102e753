"""What the store keeps of a sale, and gives back when the sale is taken back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from surehold.kernel.ids import OrderLineId, VendorId
from surehold.kernel.money import round_minor, split_minor
from surehold.orders.vendor_accounts.model import (
    Commissioned,
    CommissionRule,
    SoldLine,
    Statement,
)
from surehold.payments.ledger import VendorPart


def choose(
    rules: Sequence[CommissionRule], line: SoldLine, *, currency: str, at: datetime
) -> CommissionRule | None:
    """The rule that counts for a line that is sold now; with none, it is the store's own.

    Of those in force the most specific counts: of a vendor before of all, of a category before of
    all, of a currency before of any; of two alike the one that began later.
    """
    fitting = [
        rule
        for rule in rules
        if rule.vendor_id in (None, line.vendor_id)
        and (rule.category_id is None or rule.category_id in line.category_ids)
        and rule.currency in (None, currency)
        and rule.starts_at <= at
        and (rule.ends_at is None or at < rule.ends_at)
    ]
    return max(
        fitting,
        key=lambda rule: (
            rule.vendor_id is not None,
            rule.category_id is not None,
            rule.currency is not None,
            rule.starts_at,
            rule.id,
        ),
        default=None,
    )


def commission_of(rule: CommissionRule, *, net_minor: int, quantity: int) -> int:
    """What the store keeps of a line: half a minor unit is rounded up, and never more than all.

    >>> from surehold.orders.vendor_accounts.model import CommissionRule as Rule
    >>> rule = Rule(None, None, None, None, None, "0.125", 30, "EUR", None, None, "", None, None)
    >>> [commission_of(rule, net_minor=net, quantity=2) for net in (1999, 9)]
    [310, 9]
    """
    share = round_minor(Decimal(net_minor) * Decimal(rule.rate))
    return min(net_minor, share + rule.fixed_minor * quantity)


def taken_back(line: SoldLine, net_minor: int) -> int:
    """The commission that goes back with so much of a line's net.

    It is what the whole of what was taken back comes to, less what went back before: however a
    line is taken back, bit by bit, all of it takes all of the commission with it.
    """
    if not line.sold_net_minor:
        return 0
    whole = _half_up(
        line.sold_commission_minor * (line.back_net_minor + net_minor), line.sold_net_minor
    )
    return whole - line.back_commission_minor


def sell(
    lines: Sequence[SoldLine],
    net_by_vendor: Mapping[VendorId, int],
    rules: Sequence[CommissionRule],
    *,
    currency: str,
    at: datetime,
) -> list[Commissioned]:
    """What a sale of these lines comes to; the vendors' nets are the ledger's own."""
    nets = fitted(lines, {line.id: line.net_minor for line in lines}, net_by_vendor)
    found = []
    for line in lines:
        rule = choose(rules, line, currency=currency, at=at)
        if rule is not None and line.rule_id is None:
            net_minor = nets[line.id]
            kept = commission_of(rule, net_minor=net_minor, quantity=line.quantity)
            found.append(Commissioned(line.id, line.vendor_id, rule.id, net_minor, kept))
    return found


def take_back(
    lines: Sequence[SoldLine],
    shares: Mapping[OrderLineId, int],
    net_by_vendor: Mapping[VendorId, int],
) -> list[Commissioned]:
    """What goes back of lines, with nets that are positive here and negative in the answer.

    ``shares`` are known parts of lines; where they do not come to what the ledger says, or none
    are known, it is spread over what is left.
    """
    nets = fitted(lines, shares, net_by_vendor, is_back=True)
    found = []
    for line in lines:
        net_minor = min(nets[line.id], line.sold_net_minor - line.back_net_minor)
        if line.rule_id is not None and net_minor:
            kept = taken_back(line, net_minor)
            found.append(Commissioned(line.id, line.vendor_id, line.rule_id, -net_minor, -kept))
    return found


def fitted(
    lines: Sequence[SoldLine],
    shares: Mapping[OrderLineId, int],
    net_by_vendor: Mapping[VendorId, int],
    *,
    is_back: bool = False,
) -> dict[OrderLineId, int]:
    """The net of each line, so that each vendor's come to what the ledger says."""
    nets = {line.id: 0 for line in lines}
    for vendor_id, net_minor in net_by_vendor.items():
        own = [line for line in lines if line.vendor_id == vendor_id]
        known = {line.id: shares.get(line.id, 0) for line in own}
        if sum(known.values()) != net_minor:
            weights = tuple(
                line.net_minor - (line.back_net_minor if is_back else 0) for line in own
            )
            if sum(weights) <= 0:
                continue
            parts = split_minor(net_minor, weights)
            known = {line.id: part for line, part in zip(own, parts, strict=True)}
        nets |= known
    return nets


def parts_of(found: Sequence[Commissioned]) -> tuple[VendorPart, ...]:
    """What each vendor has of it, in the order of their lines."""
    sums: dict[VendorId, tuple[int, int]] = {}
    for row in found:
        net, kept = sums.get(row.vendor_id, (0, 0))
        sums[row.vendor_id] = (net + row.net_minor, kept + row.commission_minor)
    return tuple(VendorPart(vendor_id, *both) for vendor_id, both in sums.items())


def statement_of(currency: str, sums: Mapping[tuple[bool, str, str], int]) -> Statement:
    """A statement from sums of the ledger by (before the period, kind of journal, account)."""

    def get(kind: str, account: str) -> int:
        return sums.get((False, kind, account), 0)

    opening = -sum(
        amount
        for (is_before, _, name), amount in sums.items()
        if is_before and name == "vendor_payable"
    )
    sales = get("commission", "vendor_sales")
    commission = -get("commission", "commission_income")
    refunds = -get("commission_reversal", "vendor_sales")
    refunded = get("commission_reversal", "commission_income")
    payouts = get("vendor_payout", "vendor_payable")
    closing = opening + sales - commission - refunds + refunded - payouts
    return Statement(currency, opening, sales, commission, refunds, refunded, payouts, closing)


def _half_up(numerator: int, denominator: int) -> int:
    """A quotient of numbers that are not negative, half rounded up."""
    return (2 * numerator + denominator) // (2 * denominator)
