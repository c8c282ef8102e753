"""One order read back whole, and added up anew. Nothing of the store's own arithmetic is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from proof.carts.shop import Shop, sending_price
from surehold.db import Connection
from surehold.kernel.ids import OrderId, VariantId
from surehold.orders.model import Address

DEPOSITS: Final = "customer_deposits"
_SALE_KINDS: Final = frozenset({"sale", "sale_reversal", "sale_credit"})
_READ: Final = """
    /* proof.read_order */
    SELECT jsonb_build_object(
        'order', to_jsonb(orders),
        'lines', (SELECT jsonb_agg(to_jsonb(line) ORDER BY line.position)
                    FROM order_lines AS line WHERE order_id = orders.id),
        'payments', (SELECT jsonb_agg(to_jsonb(payment) ORDER BY payment.id)
                       FROM payments AS payment WHERE order_id = orders.id),
        'refunds', (SELECT coalesce(jsonb_agg(to_jsonb(refund) ORDER BY refund.id), '[]')
                      FROM refunds AS refund WHERE order_id = orders.id),
        'refund_lines', (SELECT coalesce(jsonb_agg(to_jsonb(part) ORDER BY refund_id,
                                                   order_line_id), '[]')
                           FROM refund_lines AS part JOIN refunds ON refunds.id = refund_id
                          WHERE refunds.order_id = orders.id),
        'given_up', (SELECT coalesce(jsonb_agg(to_jsonb(part) ORDER BY cancellation_id,
                                               order_line_id), '[]')
                       FROM cancellation_lines AS part
                       JOIN cancellations ON cancellations.id = cancellation_id
                      WHERE cancellations.order_id = orders.id),
        'entries', (SELECT coalesce(jsonb_agg(to_jsonb(entry) || jsonb_build_object(
                                                  'kind', journal.kind)
                                              ORDER BY journal.id, entry.position), '[]')
                      FROM ledger_journals AS journal
                      JOIN ledger_entries AS entry ON entry.journal_id = journal.id
                     WHERE journal.order_id = orders.id),
        'holds', (SELECT coalesce(jsonb_agg(to_jsonb(hold) ORDER BY hold.id), '[]')
                    FROM reservations AS hold WHERE holder_id = orders.id),
        'owned', (SELECT coalesce(jsonb_agg(to_jsonb(owned) ORDER BY owned.id), '[]')
                    FROM allocations AS owned WHERE order_id = orders.id),
        'returns', (SELECT coalesce(jsonb_agg(to_jsonb(back) ORDER BY back.id), '[]')
                      FROM returns AS back WHERE order_id = orders.id),
        'return_lines', (SELECT coalesce(jsonb_agg(to_jsonb(part) ORDER BY part.id), '[]')
                           FROM return_lines AS part JOIN returns ON returns.id = return_id
                          WHERE returns.order_id = orders.id))::text
      FROM orders
     WHERE id = $1
"""


class Taken(msgspec.Struct, frozen=True):
    """What a promotion took off a line; off sending when there is none."""

    amount_minor: int
    line: int | None = None


class Order(msgspec.Struct, frozen=True):
    """A row of ``orders``."""

    id: UUID
    currency: str
    subtotal_minor: int
    discount_minor: int
    shipping_minor: int
    shipping_tax_minor: int
    tax_minor: int
    total_minor: int
    is_tax_included: bool
    shipping_method: str
    paid_minor: int
    refunded_minor: int
    canceled_minor: int
    adjustments: tuple[Taken, ...]
    canceled_at: str | None
    coupon_code: str | None
    payment_status: str
    status: str


class Line(msgspec.Struct, frozen=True):
    """A row of ``order_lines``."""

    id: UUID
    variant_id: VariantId
    vendor_id: UUID
    quantity: int
    unit_price_minor: int
    discount_minor: int
    total_minor: int
    net_minor: int
    tax_minor: int
    gross_minor: int
    canceled_quantity: int
    canceled_net_minor: int
    canceled_tax_minor: int
    refunded_quantity: int
    refunded_net_minor: int
    refunded_tax_minor: int
    returned_quantity: int

    @property
    def due_units(self) -> int:
        """Units that are still to be had."""
        return self.quantity - self.canceled_quantity

    @property
    def left_units(self) -> int:
        """Units that are neither given up nor paid back."""
        return self.due_units - self.refunded_quantity

    @property
    def left_minor(self) -> int:
        """Money that is neither given up nor paid back."""
        gone = self.canceled_net_minor + self.canceled_tax_minor
        return self.gross_minor - gone - self.refunded_net_minor - self.refunded_tax_minor

    def worth(self, units: int) -> int:
        """What so many of the units left are worth: their part of what is left, halves up."""
        left = self.left_units
        return (2 * self.left_minor * units + left) // (2 * left) if units else 0


class Payment(msgspec.Struct, frozen=True):
    """A row of ``payments``."""

    id: UUID
    state: str
    requested_minor: int
    captured_minor: int
    refunded_minor: int
    review_reason: str | None


class Refund(msgspec.Struct, frozen=True):
    """A row of ``refunds``."""

    id: UUID
    state: str
    amount_minor: int
    is_of_sale: bool
    shipping_minor: int
    shipping_tax_minor: int


class Part(msgspec.Struct, frozen=True):
    """What a refund or a cancellation is of one line."""

    order_line_id: UUID
    quantity: int
    net_minor: int
    tax_minor: int
    refund_id: UUID | None = None


class Entry(msgspec.Struct, frozen=True):
    """A posting."""

    journal_id: UUID
    kind: str
    account: str
    currency: str
    amount_minor: int
    vendor_id: UUID | None


class Hold(msgspec.Struct, frozen=True):
    """A row of ``reservations``."""

    order_line_id: UUID
    quantity: int
    state: str


class Owned(msgspec.Struct, frozen=True):
    """A row of ``allocations``."""

    order_line_id: UUID
    quantity: int
    released_quantity: int
    shipped_quantity: int


class Return(msgspec.Struct, frozen=True):
    """A row of ``returns``."""

    id: UUID
    state: str


class ReturnLine(msgspec.Struct, frozen=True):
    """A row of ``return_lines``."""

    return_id: UUID
    order_line_id: UUID
    quantity: int
    received_quantity: int | None
    sellable_quantity: int


class Seen(msgspec.Struct, frozen=True):
    """One order with all that hangs on it, and the very bytes of it."""

    order: Order
    lines: tuple[Line, ...]
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    refund_lines: tuple[Part, ...]
    given_up: tuple[Part, ...]
    entries: tuple[Entry, ...]
    holds: tuple[Hold, ...]
    owned: tuple[Owned, ...]
    returns: tuple[Return, ...]
    return_lines: tuple[ReturnLine, ...]
    raw: str = ""

    @property
    def is_canceled(self) -> bool:
        """Whether all of it was given up."""
        return self.order.canceled_at is not None

    @property
    def is_bought(self) -> bool:
        """Whether it was ever a sale."""
        return any(entry.kind == "sale" for entry in self.entries)

    @property
    def asked_back(self) -> int:
        """Money that went back or is about to."""
        return sum(row.amount_minor for row in self.refunds if row.state != "failed")

    def returnable(self, line: Line) -> int:
        """Units of a line that were sent and that nobody wants to send back yet."""
        sent = sum(row.shipped_quantity for row in self.owned if row.order_line_id == line.id)
        return sent - line.returned_quantity

    @property
    def sending_left(self) -> int:
        """What of the price of sending was not paid back."""
        on_top = 0 if self.order.is_tax_included else self.order.shipping_tax_minor
        back = sum(row.shipping_minor for row in self.refunds if row.state != "failed")
        return self.order.shipping_minor + on_top - back


async def read(connection: Connection, order_id: OrderId) -> Seen:
    """An order as it is now."""
    raw = await connection.raw.fetchval(_READ, order_id)
    return msgspec.structs.replace(msgspec.json.decode(raw, type=Seen), raw=raw)


def find_faults(seen: Seen) -> Iterator[str]:
    """Where an order, its money, its postings and its units do not add up."""
    yield from _totals(seen)
    yield from _parts(seen)
    yield from _money(seen)
    yield from _ledger(seen)
    yield from _units(seen)


def _differ(what: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{what}: {found} and not {expected}"


def _totals(seen: Seen) -> Iterator[str]:
    order, lines = seen.order, seen.lines
    for line in lines:
        shown = line.quantity * line.unit_price_minor
        yield from _differ("line total", line.total_minor, shown)
        yield from _differ("line gross", line.gross_minor, line.net_minor + line.tax_minor)
        rest = line.gross_minor if order.is_tax_included else line.net_minor
        yield from _differ("line after discount", rest, shown - line.discount_minor)
    yield from _differ("subtotal", order.subtotal_minor, sum(row.total_minor for row in lines))
    yield from _differ("discount", order.discount_minor, sum(row.discount_minor for row in lines))
    tax = sum(row.tax_minor for row in lines) + order.shipping_tax_minor
    yield from _differ("tax", order.tax_minor, tax)
    on_top = 0 if order.is_tax_included else order.shipping_tax_minor
    total = sum(row.gross_minor for row in lines) + order.shipping_minor + on_top
    yield from _differ("total", order.total_minor, total)


def _parts(seen: Seen) -> Iterator[str]:
    """Each line counts what was given up and paid back of it."""
    failed = {row.id for row in seen.refunds if row.state == "failed"}
    for line in seen.lines:
        dropped = [row for row in seen.given_up if row.order_line_id == line.id]
        back = [
            row
            for row in seen.refund_lines
            if row.order_line_id == line.id and row.refund_id not in failed
        ]
        counted = (line.canceled_quantity, line.canceled_net_minor, line.canceled_tax_minor)
        yield from _differ("given up of a line", counted, _added(dropped))
        counted = (line.refunded_quantity, line.refunded_net_minor, line.refunded_tax_minor)
        yield from _differ("paid back of a line", counted, _added(back))
        if min(line.left_units, line.left_minor) < 0:
            yield f"less than nothing is left of a line: {line}"
        if not line.left_units and line.left_minor and not seen.is_canceled:
            yield f"no unit is left of a line, and money is: {line}"
    yield from _differ(
        "given up of the order",
        seen.order.canceled_minor,
        sum(row.net_minor + row.tax_minor for row in seen.given_up),
    )
    for refund in seen.refunds:
        if not refund.is_of_sale:
            continue
        mine = [row for row in seen.refund_lines if row.refund_id == refund.id]
        parts = sum(row.net_minor + row.tax_minor for row in mine) + refund.shipping_minor
        yield from _differ("refund", refund.amount_minor, parts)


def _added(parts: list[Part]) -> tuple[int, int, int]:
    return (
        sum(row.quantity for row in parts),
        sum(row.net_minor for row in parts),
        sum(row.tax_minor for row in parts),
    )


def _money(seen: Seen) -> Iterator[str]:
    order = seen.order
    yield from _differ("paid", order.paid_minor, sum(row.captured_minor for row in seen.payments))
    gone = sum(row.amount_minor for row in seen.refunds if row.state == "succeeded")
    yield from _differ("sent back", order.refunded_minor, gone)
    by_payment = sum(row.refunded_minor for row in seen.payments)
    yield from _differ("payments sent back", by_payment, gone)
    due = 0 if seen.is_canceled else order.total_minor - order.canceled_minor
    of_sale = sum(
        row.amount_minor for row in seen.refunds if row.is_of_sale and row.state != "failed"
    )
    if seen.is_bought and not seen.is_canceled:
        kept = order.paid_minor - seen.asked_back
        yield from _differ("kept of what is due", kept, due - of_sale)
    elif order.paid_minor != seen.asked_back:
        yield f"{order.paid_minor} was paid for nothing, {seen.asked_back} goes back"


def _ledger(seen: Seen) -> Iterator[str]:
    order = seen.order
    journals: Counter[UUID] = Counter()
    accounts: Counter[str] = Counter()
    sales: Counter[UUID | None] = Counter()
    for entry in seen.entries:
        yield from _differ("a posting's currency", entry.currency, order.currency)
        journals[entry.journal_id] += entry.amount_minor
        accounts[entry.account.partition(":")[0]] += entry.amount_minor
        if entry.account == "sales":
            sales[entry.vendor_id] -= entry.amount_minor
    yield from _differ("journals that do not balance", [*filter(None, journals.values())], [])
    collected = order.paid_minor - order.refunded_minor
    yield from _differ("provider_clearing", accounts["provider_clearing"], collected)
    is_sale = seen.is_bought and not seen.is_canceled
    back = [row for row in seen.refunds if row.is_of_sale and row.state == "succeeded"]
    ended = {row.id for row in back}
    parts = [*seen.given_up, *(row for row in seen.refund_lines if row.refund_id in ended)]
    tax = order.tax_minor - sum(row.tax_minor for row in parts)
    tax -= sum(row.shipping_tax_minor for row in back)
    yield from _differ("tax_payable", -accounts["tax_payable"], tax if is_sale else 0)
    on_top = 0 if order.is_tax_included else order.shipping_tax_minor
    sending = order.shipping_minor + on_top - order.shipping_tax_minor
    sending -= sum(row.shipping_minor - row.shipping_tax_minor for row in back)
    yield from _differ("shipping_income", -accounts["shipping_income"], sending if is_sale else 0)
    net: Counter[UUID | None] = Counter()
    for line in seen.lines:
        mine = sum(row.net_minor for row in parts if row.order_line_id == line.id)
        net[line.vendor_id] += line.net_minor - mine if is_sale else 0
    yield from _differ("sales", +sales, +net)
    booked = sum(
        entry.amount_minor
        for entry in seen.entries
        if entry.kind in _SALE_KINDS and entry.account == DEPOSITS
    )
    yield from _differ("deposits", accounts[DEPOSITS], booked - collected)
    if not any(row.state == "requested" for row in seen.refunds):
        yield from _differ("deposits of what is settled", accounts[DEPOSITS], 0)


def _units(seen: Seen) -> Iterator[str]:
    for line in seen.lines:
        held = sum(
            row.quantity
            for row in seen.holds
            if row.order_line_id == line.id and row.state == "active"
        )
        mine = [row for row in seen.owned if row.order_line_id == line.id]
        owned = sum(row.quantity - row.released_quantity for row in mine)
        wanted = 0 if seen.is_canceled else line.due_units
        expected = (0, wanted) if seen.is_bought else (wanted, 0)
        yield from _differ("units held and owned", (held, owned), expected)
        sent = sum(row.shipped_quantity for row in mine)
        if line.returned_quantity > sent:
            yield f"{line.returned_quantity} units come back, {sent} were sent"


def find_price_faults(
    seen: Seen, shop: Shop, *, address: Address, vat_id: str | None
) -> Iterator[str]:
    """Where an order was not promised at the prices, taxes and shipping of its store."""
    order, is_exempt = seen.order, shop.is_exempt(address, vat_id)
    taken: Counter[int | None] = Counter()
    for one in order.adjustments:
        taken[one.line] += one.amount_minor
    amounts: list[tuple[Decimal, int, int]] = []
    for place, line in enumerate(seen.lines):
        goods = shop.goods[line.variant_id]
        rate = shop.tax_rate(address, goods.tax_class)
        unit = goods.unit_price(order.currency, line.quantity)
        if is_exempt and shop.is_tax_included:
            unit -= shop.tax(unit, rate)
        yield from _differ("unit price", line.unit_price_minor, unit)
        yield from _differ("taken off a line", line.discount_minor, taken[place])
        amounts.append((rate, line.total_minor - line.discount_minor, line.tax_minor))
    grams = sum(shop.goods[row.variant_id].weight_grams * row.quantity for row in seen.lines)
    rate = shop.tax_rate(address, "shipping")
    full = sending_price(
        address,
        order.shipping_method,
        order.currency,
        grams=grams,
        units=sum(row.quantity for row in seen.lines),
        goods=order.subtotal_minor - order.discount_minor,
    )
    if is_exempt and shop.is_tax_included:
        full -= shop.tax(full, rate)
    yield from _differ("sending", order.shipping_minor + taken[None], full)
    amounts.append((rate, order.shipping_minor, order.shipping_tax_minor))
    yield from _taxes(shop, amounts, is_exempt=is_exempt)


def _taxes(
    shop: Shop, amounts: list[tuple[Decimal, int, int]], *, is_exempt: bool
) -> Iterator[str]:
    by_rate: dict[Decimal, list[tuple[int, int]]] = {}
    for rate, amount, tax in amounts:
        by_rate.setdefault(rate, []).append((amount, tax))
    for rate, rows in by_rate.items():
        exact = [0 if is_exempt else shop.tax(amount, rate) for amount, _ in rows]
        whole = 0 if is_exempt else shop.tax(sum(amount for amount, _ in rows), rate)
        taxes = [tax for _, tax in rows]
        if not shop.is_rounded_per_total:
            yield from _differ(f"tax at {rate}", taxes, exact)
        else:
            yield from _differ(f"tax at {rate} in all", sum(taxes), whole)
            if any(abs(tax - one) > 1 for tax, one in zip(taxes, exact, strict=True)):
                yield f"tax at {rate}: {taxes} are no shares of {whole}, about {exact}"


def count_stock(seen: Mapping[UUID, Seen]) -> tuple[Counter[VariantId], Counter[VariantId]]:
    """Units of all orders that left the shelves for good, and those that orders own."""
    gone: Counter[VariantId] = Counter()
    taken: Counter[VariantId] = Counter()
    for one in seen.values():
        variants = {line.id: line.variant_id for line in one.lines}
        for row in one.owned:
            variant_id = variants[row.order_line_id]
            gone[variant_id] += row.shipped_quantity
            taken[variant_id] += row.quantity - row.released_quantity - row.shipped_quantity
        for back in one.return_lines:
            gone[variants[back.order_line_id]] -= back.sellable_quantity
    return gone, taken
