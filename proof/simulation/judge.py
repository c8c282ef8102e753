"""The verdict on one store at rest: its invariants, the provider's book, and what clients know.

Each function returns sentences, with the ids that lead to the statements behind them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from proof.oracle import reconcile
from proof.simulation.gifts import LIST_CARDS, StoredCard, judge_cards
from proof.simulation.held import (
    LIST_SENT,
    LIST_TRUSTED,
    TOLD,
    SentParcel,
    Trusted,
    judge_holds,
)
from proof.simulation.world import Purchase, Told, World
from surehold.db import Connection
from surehold.db.invariants import check_invariants, list_invariants
from surehold.kernel.ids import OrderId, VariantId, parse_merchant_reference
from surehold.orders.changes.model import ChangeState

#: So many of one kind say what is wrong.
_SHOWN: Final = 5
_HISTORY_MAX: Final = 40
#: What a person is needed for here: short and double charges, odd transfers, odd cash, banks that
#: let go of what they held, and orders that something speaks against.
_EXPECTED_REVIEWS: Final = (
    *("amount_mismatch", "fraud_signals"),
    *TOLD,
)
#: What else a dispute leads to: refunds that the bank refuses, and money that comes back.
_AFTER_A_DISPUTE: Final = (*_EXPECTED_REVIEWS, "refund_failed", "won_after_cancel")
#: Statuses of an order that was paid and keeps its goods.
SOLD: Final = frozenset(
    {
        *("paid", "confirmed", "processing", "ready_for_shipment", "shipped", "in_transit"),
        *("delivered", "partially_refunded", "refunded", "disputed"),
    }
)


class Wrong(msgspec.Struct, frozen=True):
    """One thing that is not as it must be."""

    text: str
    ids: tuple[object, ...] = ()


class StoredChange(msgspec.Struct, frozen=True):
    """One change of an order as the store has it."""

    state: str
    difference_minor: int


class StoredOrder(msgspec.Struct, frozen=True):
    """One order as the store has it; ``lines`` are units by variant."""

    id: OrderId
    email: str
    total_minor: int
    currency: str
    status: str
    is_canceled: bool
    lines: dict[str, int]
    #: Units that were given up while the rest went on, by variant.
    dropped: dict[str, int]
    #: The total less what was given up of it and what went back of the sale.
    due_minor: int
    #: What was asked for at once by staff, and what came of it.
    backs: dict[str, int]
    coupon_code: str | None = None
    was_sold: bool = False
    #: Units by variant that left the shelf, and parcels that took them.
    sent: dict[str, int] = {}
    parcels: tuple[UUID, ...] = ()
    is_archived: bool = False
    #: Units that changes added, by variant, and what became of each change.
    added: dict[str, int] = {}
    changes: dict[str, StoredChange] = {}
    #: Units by variant that it owns, or that left for it: of goods refused at the door, and of
    #: those that wait since a bank let go of their money.
    owned: dict[str, int] = {}
    #: What of it is not here yet, though its goods are trusted to whoever pays.
    awaited_minor: int = 0

    @property
    def is_sold(self) -> bool:
        """Whether it was paid and keeps its goods."""
        return not self.is_canceled and (self.status in SOLD or self.is_archived)


_ORDERS: Final = """
    /* proof.list_orders */
    SELECT id, email, total_minor, currency::text AS currency, status,
           canceled_at IS NOT NULL AS is_canceled,
           total_minor + added_minor - canceled_minor - (
               SELECT coalesce(sum(amount_minor), 0) FROM refunds
                WHERE order_id = orders.id AND is_of_sale AND state <> 'failed'
           )::bigint AS due_minor,
           (SELECT coalesce(jsonb_object_agg(batch_id, minor), '{}')
              FROM (SELECT batch_id, sum(amount_minor) AS minor FROM refunds
                     WHERE order_id = orders.id AND batch_id IS NOT NULL AND retry_of IS NULL
                     GROUP BY batch_id) AS back) AS backs,
           (SELECT jsonb_object_agg(variant_id, quantity)
              FROM (SELECT variant_id, sum(canceled_quantity) AS quantity
                      FROM order_lines WHERE order_id = orders.id GROUP BY variant_id) AS line
           ) AS dropped,
           (SELECT jsonb_object_agg(variant_id, quantity)
              FROM (SELECT variant_id, sum(quantity) AS quantity
                      FROM order_lines WHERE order_id = orders.id AND change_id IS NULL
                     GROUP BY variant_id) AS line
           ) AS lines,
           (SELECT coalesce(jsonb_object_agg(variant_id, quantity), '{}')
              FROM (SELECT variant_id, sum(quantity) AS quantity
                      FROM order_lines WHERE order_id = orders.id AND change_id IS NOT NULL
                     GROUP BY variant_id) AS line) AS added,
           (SELECT coalesce(jsonb_object_agg(id, jsonb_build_object(
                       'state', state, 'difference_minor',
                       added_minor - given_up_minor - covered_minor)), '{}')
              FROM order_changes WHERE order_id = orders.id) AS changes,
           coupon_code,
           EXISTS (SELECT FROM ledger_journals
                    WHERE kind = 'sale' AND order_id = orders.id) AS was_sold,
           (SELECT coalesce(jsonb_object_agg(variant_id, units), '{}')
              FROM (SELECT variant_id, sum(shipped_quantity) AS units
                      FROM allocations
                     WHERE order_id = orders.id AND shipped_quantity > 0
                     GROUP BY variant_id) AS gone) AS sent,
           (SELECT coalesce(array_agg(id), '{}') FROM fulfillments
             WHERE order_id = orders.id AND shipped_at IS NOT NULL) AS parcels,
           archived_at IS NOT NULL AS is_archived,
           (SELECT coalesce(jsonb_object_agg(variant_id, units), '{}')
              FROM (SELECT variant_id, sum(quantity - released_quantity) AS units
                      FROM allocations
                     WHERE order_id = orders.id AND quantity > released_quantity
                     GROUP BY variant_id) AS own) AS owned,
           CASE WHEN payment_status IN ('pending', 'authorized', 'failed')
                     AND status IN ('confirmed', 'processing', 'ready_for_shipment', 'shipped',
                                    'in_transit', 'delivered', 'archived')
                THEN CASE WHEN sold_at IS NULL THEN total_minor + added_minor - canceled_minor
                          ELSE owed_minor END
                ELSE 0 END AS awaited_minor
      FROM orders
"""
_PAYMENTS: Final = """
    /* proof.list_money */
    SELECT id, order_id, provider, state, captured_minor, refunded_minor, review_reason,
           disputed_minor + lost_minor AS at_bank_minor, dispute_moves > 0 AS is_disputed,
           (SELECT coalesce(sum(amount_minor), 0)::bigint FROM refunds
             WHERE payment_id = payments.id AND state = 'requested') AS returning_minor,
           (SELECT coalesce(sum(amount_minor), 0)::bigint FROM refunds
             WHERE payment_id = payments.id AND store_credit_id IS NOT NULL
               AND state = 'succeeded') AS credited_minor
      FROM payments
"""


_UNITS: Final = """
    /* proof.list_units */
    SELECT variant_id, sum(allocated)::int AS allocated,
           sum(backorder_limit)::int AS owed_most,
           sum(on_hand)::int + (
               SELECT coalesce(sum(quantity - received_quantity - returned_quantity), 0)::int
                 FROM stock_transfer_lines AS line
                 JOIN stock_transfers ON stock_transfers.id = transfer_id
                WHERE line.variant_id = level.variant_id
                  AND state = 'in_transit') AS on_hand
      FROM stock_levels AS level
     GROUP BY variant_id
"""


async def check_always(raw: asyncpg.Connection[Any]) -> list[Wrong]:
    """What must hold at every instant."""
    return _broken(await check_invariants(Connection(raw)))


async def check_at_rest(raw: asyncpg.Connection[Any], world: World) -> list[Wrong]:
    """Everything, once nothing moves any more."""
    connection = Connection(raw)
    report = await world.provider.report()
    found = _broken(await check_invariants(connection, at_rest=True))
    found += [Wrong(text) for text in await reconcile(connection, report)]
    orders = [
        msgspec.convert(dict(row), StoredOrder, strict=False) for row in await raw.fetch(_ORDERS)
    ]
    payments = [dict(row) for row in await raw.fetch(_PAYMENTS)]
    found += compare_purchases(world.purchases, orders)
    found += compare_money(orders, payments, report)
    found += compare_coupon_uses(orders, limit=world.coupon_uses)
    found += await _compare_units(raw, world, orders)
    found += await _compare_holds(raw, world)
    holds = await world.provider.list_holds()
    trusted = [
        msgspec.convert(dict(row), Trusted, strict=False) for row in await raw.fetch(LIST_TRUSTED)
    ]
    sent = [msgspec.convert(dict(row), SentParcel) for row in await raw.fetch(LIST_SENT)]
    found += [Wrong(text, (order_id,)) for text, order_id in judge_holds(holds, trusted, sent)]
    world.count_holds(holds)
    cards = [msgspec.convert(dict(row), StoredCard) for row in await raw.fetch(LIST_CARDS)]
    found += [Wrong(text, (card_id,)) for text, card_id in judge_cards(world.gifts, cards)]
    return found


def _broken(violations: Mapping[str, list[dict[str, Any]]]) -> list[Wrong]:
    sentences = {invariant.code: invariant.sentence for invariant in list_invariants()}
    return [
        Wrong(
            f"{code} ({len(rows)} rows): {sentences[code]} First: {rows[0]}",
            tuple(value for row in rows[:_SHOWN] for value in row.values()),
        )
        for code, rows in violations.items()
    ]


def compare_purchases(purchases: Iterable[Purchase], orders: Iterable[StoredOrder]) -> list[Wrong]:
    """Every accepted order is there as it was told, no refused one is, an unknown one is whole."""
    by_email: dict[str, list[StoredOrder]] = {}
    for order in orders:
        by_email.setdefault(order.email, []).append(order)
    found = []
    for purchase in purchases:
        mine = by_email.pop(purchase.placement.email, [])
        ids = (*purchase.ids, *(order.id for order in mine))
        count = len(mine)
        if count > 1:
            found.append(Wrong(f"key {purchase.key} placed {count} orders", ids))
        elif purchase.told is Told.ACCEPTED and not mine:
            found.append(Wrong(f"order {purchase.order_id} was acknowledged and is gone", ids))
        elif purchase.told in (Told.REFUSED, Told.NOTHING) and mine:
            found.append(Wrong(f"order {mine[0].id} was refused, and is there", ids))
        elif mine:
            found += _compare_one(purchase, mine[0], ids)
    found += [
        Wrong(f"order {order.id} was placed by nobody", (order.id,))
        for rest in by_email.values()
        for order in rest
    ]
    return found


def _compare_one(purchase: Purchase, order: StoredOrder, ids: tuple[object, ...]) -> list[Wrong]:
    kept = {UUID(variant_id): quantity for variant_id, quantity in order.lines.items()}
    if purchase.told is not Told.ACCEPTED:
        # All there: whatever was asked for, line by line. A cart's lines nobody was told.
        asked = dict(purchase.placement.lines)
        if asked and kept != asked:
            return [Wrong(f"order {order.id} is there in part: {kept} of {asked}", ids)]
        return []
    found = []
    told = (purchase.known_id, purchase.total_minor, purchase.currency)
    if (order.id, order.total_minor, order.currency) != told:
        found.append(Wrong(f"order {order.id} is not the one that was told: {told}", ids))
    if kept != dict(purchase.lines):
        found.append(Wrong(f"order {order.id} has other lines than were told", ids))
    if purchase.is_told_canceled and not order.is_canceled:
        found.append(Wrong(f"order {order.id} was canceled for its buyer, and lives", ids))
    found += _compare_backs(purchase, order, ids)
    found += _compare_changes(purchase, order, ids)
    if not purchase.sent.keys() <= set(order.parcels):
        found.append(Wrong(f"order {order.id} has lost a parcel that had left", ids))
    if purchase.is_told_paid and not (order.is_canceled or order.is_sold):
        found.append(Wrong(f"order {order.id} was called paid, and is {order.status}", ids))
    return found


def compare_coupon_uses(orders: Iterable[StoredOrder], *, limit: int) -> list[Wrong]:
    """Never more orders at the reduced price than the shop gave codes away for.

    Counted from the orders and the books alone: what is sold, or may still be paid, has used it.
    """
    using = [
        order
        for order in orders
        if order.coupon_code is not None and (order.was_sold or not order.is_canceled)
    ]
    if len(using) <= limit:
        return []
    text = f"{len(using)} orders use a coupon that may be used {limit} times"
    return [Wrong(text, tuple(order.id for order in using[:_SHOWN]))]


def _compare_backs(purchase: Purchase, order: StoredOrder, ids: tuple[object, ...]) -> list[Wrong]:
    """Every refund that staff were told of is there with its amount, and no other."""
    found = []
    for back in purchase.backs:
        minor = order.backs.get(str(back.batch_id), 0)
        if back.told is Told.ACCEPTED and minor != back.amount_minor:
            text = f"{back.amount_minor} was to go back for order {order.id}, {minor} is"
            found.append(Wrong(text, (*ids, back.batch_id)))
        elif back.told in (Told.REFUSED, Told.NOTHING) and minor:
            text = f"a refund of order {order.id} was refused, and {minor} goes back"
            found.append(Wrong(text, (*ids, back.batch_id)))
    known = {str(back.batch_id) for back in purchase.backs}
    if order.backs.keys() - known:
        found.append(Wrong(f"nobody asked for a refund of order {order.id}", ids))
    return found


def _compare_changes(
    purchase: Purchase, order: StoredOrder, ids: tuple[object, ...]
) -> list[Wrong]:
    """Every change that staff were told of is there as they were told, and no other."""
    found = []
    for made in purchase.amendments:
        change = order.changes.get(str(made.id))
        if made.told is Told.ACCEPTED and change is None:
            found.append(Wrong(f"a change of order {order.id} was acknowledged, and is gone", ids))
        elif made.told in (Told.REFUSED, Told.NOTHING) and change is not None:
            found.append(Wrong(f"a change of order {order.id} was refused, and is there", ids))
        elif change is not None and made.state is not None:
            is_over = made.state in (ChangeState.APPLIED, ChangeState.CANCELED)
            is_so = change.state == made.state.value or not is_over
            if made.difference_minor not in (None, change.difference_minor) or not is_so:
                told = (made.state, made.difference_minor)
                text = f"change {made.id} of order {order.id} was told {told}, is {change}"
                found.append(Wrong(text, (*ids, made.id)))
    if order.changes.keys() - {str(made.id) for made in purchase.amendments}:
        found.append(Wrong(f"nobody asked for a change of order {order.id}", ids))
    return found


def compare_money(
    orders: Iterable[StoredOrder],
    payments: Iterable[Mapping[str, Any]],
    report: Iterable[Mapping[str, Any]],
) -> list[Wrong]:
    """By the provider's own count: a living paid order keeps its total once, any other nothing.

    What a person was asked to look at is left out, and what is on its way back counts as back: a
    transfer goes back by hand. Of an order that its bank let down no more than is due is kept.
    """
    kept_at_provider: Counter[UUID | None] = Counter()
    for line in report:
        kept_at_provider[parse_merchant_reference(line["merchant_reference"])] += line["amount"]
    kept: Counter[OrderId] = Counter()
    found = []
    odd = set()
    let_down = set()
    disputed = set()
    for payment in payments:
        if payment["is_disputed"]:
            disputed.add(payment["order_id"])
        if payment["review_reason"] is not None:
            is_let_down = payment["review_reason"].startswith(TOLD)
            (let_down if is_let_down else odd).add(payment["order_id"])
            found += _find_unexpected(payment)
        if payment["provider"] == "sandbox":
            # What became store credit is still there, and not the order's any more.
            kept[payment["order_id"]] += kept_at_provider[payment["id"]]
            kept[payment["order_id"]] -= payment["credited_minor"]
        else:
            kept[payment["order_id"]] += (
                payment["captured_minor"]
                - payment["refunded_minor"]
                - payment["returning_minor"]
                - payment["at_bank_minor"]
            )
    for order in orders:
        due = order.due_minor - order.awaited_minor if order.is_sold else 0
        least = most = due
        if order.id in let_down and not order.is_canceled:
            least, most = 0, max(order.due_minor, 0)
        elif order.id in disputed:
            # Banks may take more than is left, or a part: how much is compared with their report.
            least, most = min(kept[order.id], 0), max(due, 0)
        if order.id not in odd and not least <= kept[order.id] <= most:
            found.append(
                Wrong(
                    f"order {order.id} is {order.status} and {kept[order.id]} of its buyer's"
                    f" money is kept; it should be {due}",
                    (order.id,),
                )
            )
    return found


def _find_unexpected(payment: Mapping[str, Any]) -> list[Wrong]:
    """A person who is asked to look for a reason that nothing here can lead to."""
    reason = payment["review_reason"]
    expected = _AFTER_A_DISPUTE if payment["is_disputed"] else _EXPECTED_REVIEWS
    if reason.startswith(expected):
        return []
    text = f"payment {payment['id']} is for a person: {reason}"
    return [Wrong(text, (payment["order_id"], payment["id"]))]


async def _compare_units(
    raw: asyncpg.Connection[Any], world: World, orders: Iterable[StoredOrder]
) -> list[Wrong]:
    """No unit is sold twice, and what was received is there once."""
    sold, sent = _count_sold(orders)
    least = Counter(dict.fromkeys(world.variant_ids, world.opening_units))
    most = Counter(least)
    for receipt in world.receipts:
        most[receipt.variant_id] += receipt.quantity
        if receipt.told is Told.ACCEPTED:
            least[receipt.variant_id] += receipt.quantity
    for correction in world.corrections:
        least[correction.variant_id] += correction.least
        most[correction.variant_id] += correction.most
    levels = await raw.fetch(_UNITS)
    found = []
    for level in levels:
        variant_id = level["variant_id"]
        # What left is counted back: it was received, and it was sold.
        on_hand = level["on_hand"] + sent[variant_id]
        allocated = level["allocated"] + sent[variant_id]
        if not least[variant_id] <= on_hand <= most[variant_id]:
            found.append(
                Wrong(
                    f"{on_hand} of {variant_id} are on hand; {least[variant_id]} to"
                    f" {most[variant_id]} were received",
                    (variant_id,),
                )
            )
        if sold[variant_id] > on_hand + level["owed_most"] or sold[variant_id] != allocated:
            found.append(
                Wrong(
                    f"{sold[variant_id]} of {variant_id} are sold, {allocated} counted"
                    f" as sold, {on_hand} on hand",
                    (variant_id,),
                )
            )
    return found


def _count_sold(
    orders: Iterable[StoredOrder],
) -> tuple[Counter[VariantId], Counter[VariantId]]:
    """Units that orders own or owned until they were sent, and those of them that were sent."""
    sold: Counter[VariantId] = Counter()
    sent: Counter[VariantId] = Counter()
    for order in orders:
        for variant_id, quantity in order.sent.items():
            sent[VariantId(UUID(variant_id))] += quantity
        if order.is_sold:
            for variant_id, dropped in order.dropped.items():
                had = order.lines.get(variant_id, 0) + order.added.get(variant_id, 0)
                sold[VariantId(UUID(variant_id))] += had - dropped
        else:
            for variant_id, quantity in order.owned.items():
                sold[VariantId(UUID(variant_id))] += quantity
    return sold, sent


async def _compare_holds(raw: asyncpg.Connection[Any], world: World) -> list[Wrong]:
    """A hold over the API was there whole if it was told, and not at all if it was refused."""
    rows = await raw.fetch(
        "SELECT holder_id, variant_id, sum(quantity)::int AS quantity, bool_or(state = 'released')"
        " AS is_released FROM reservations WHERE order_line_id IS NULL"
        " GROUP BY holder_id, variant_id"
    )
    held: dict[UUID, dict[VariantId, int]] = {}
    for row in rows:
        held.setdefault(row["holder_id"], {})[row["variant_id"]] = row["quantity"]
    found = []
    for hold in world.holds:
        mine = held.get(hold.holder_id, {})
        allowed: tuple[dict[VariantId, int], ...] = ({}, dict(hold.lines))
        if hold.told is Told.ACCEPTED:
            allowed = (dict(hold.lines),)
        elif hold.told is Told.REFUSED:
            allowed = ({},)
        if mine not in allowed:
            found.append(
                Wrong(f"hold {hold.holder_id} was {hold.told.value}: {mine}", (hold.holder_id,))
            )
    return found


async def count_store(raw: asyncpg.Connection[Any]) -> dict[str, int]:
    """What there is in the end, for people."""
    row = await raw.fetchrow(
        """
        SELECT (SELECT count(*) FROM orders) AS "orders",
               (SELECT count(*) FROM orders WHERE status = 'paid') AS "orders paid",
               (SELECT count(*) FROM orders WHERE fulfillment_status IN
                   ('partially_shipped', 'shipped', 'in_transit', 'delivered'))
                   AS "orders sent, in part or whole",
               (SELECT count(*) FROM orders WHERE canceled_at IS NOT NULL) AS "orders canceled",
               (SELECT count(*) FROM payments) AS "payments",
               (SELECT count(*) FROM payments WHERE review_reason IS NOT NULL)
                   AS "payments for a person",
               (SELECT count(*) FROM refunds) AS "refunds",
               (SELECT count(*) FROM order_changes) AS "changes of orders",
               (SELECT count(*) FROM order_changes WHERE payment_id IS NOT NULL
                   AND state = 'applied') AS "changes paid for",
               (SELECT count(*) FROM reservations WHERE state = 'expired') AS "holds expired",
               (SELECT count(*) FROM backorder_promises) AS "lines promised",
               (SELECT count(*) FROM backorder_promises WHERE told_at IS NOT NULL)
                   AS "lines promised and told",
               (SELECT count(*) FROM webhook_events) AS "webhooks stored",
               (SELECT count(*) FROM gift_cards) AS "gift cards and store credit",
               (SELECT count(*) FROM payments WHERE gift_card_id IS NOT NULL)
                   AS "parts paid by gift card",
               (SELECT coalesce(sum(captured_minor), 0)::bigint FROM payments) AS "captured minor",
               (SELECT coalesce(sum(refunded_minor), 0)::bigint FROM payments) AS "refunded minor"
        """
    )
    assert row is not None
    return dict(row)


async def list_history(raw: asyncpg.Connection[Any], ids: Iterable[object]) -> list[str]:
    """What the store itself wrote down about these orders and payments, oldest first."""
    wanted = [one for one in ids if isinstance(one, UUID)]
    rows = await raw.fetch(
        """
        SELECT 'order' AS what, order_id, to_jsonb(event) AS event
          FROM order_events AS event WHERE order_id = ANY($1::uuid[])
         UNION ALL
        SELECT 'payment', payment.order_id, to_jsonb(event)
          FROM payment_events AS event JOIN payments AS payment ON payment.id = event.payment_id
         WHERE payment.order_id = ANY($1::uuid[]) OR payment.id = ANY($1::uuid[])
        """,
        wanted,
    )
    return [f"{row['what']}: {row['event']}" for row in rows[:_HISTORY_MAX]]
