"""What must be true after a schedule: of the store, of the provider's book, of what was told."""

from __future__ import annotations

from typing import Any, Final

from proof.explorer.actors import Part, Told
from proof.explorer.scene import Scene
from proof.explorer.world import World
from proof.oracle import reconcile
from surehold.checkout import commands
from surehold.checkout.engine import Checkout
from surehold.db import Connection
from surehold.db.invariants import check_invariants, list_invariants
from surehold.inventory import commands as inventory
from surehold.inventory.errors import InsufficientStock
from surehold.jobs import outbox

#: Sweeps until a store that is left alone has come to rest.
ROUNDS: Final = 8
#: Every order that counts: those of this schedule are the ones that touch its two variants.
_ORDERS: Final = """
    /* proof.orders */
    SELECT orders.id, orders.number, orders.status, orders.canceled_at,
           orders.total_minor + orders.added_minor - orders.canceled_minor - (
               SELECT coalesce(sum(amount_minor), 0) FROM refunds
                WHERE refunds.order_id = orders.id AND is_of_sale AND state <> 'failed')::bigint
           AS due_minor,
           (SELECT coalesce(sum(captured_minor - refunded_minor), 0) FROM payments
             WHERE order_id = orders.id AND gift_card_id IS NOT NULL)::bigint AS by_card_minor,
           (SELECT coalesce(sum(amount_minor), 0) FROM refunds
             WHERE order_id = orders.id AND store_credit_id IS NOT NULL)::bigint
           AS credited_minor,
           array_agg(DISTINCT payment.provider_payment_id)
             FILTER (WHERE payment.provider = $2) AS provider_ids,
           bool_or(payment.review_reason IS NOT NULL) AS is_in_review
      FROM orders
      JOIN payments AS payment ON payment.order_id = orders.id
     WHERE orders.id IN (SELECT order_id FROM order_lines WHERE variant_id = ANY($1::uuid[]))
     GROUP BY orders.id
"""
_STOCK: Final = """
    /* proof.stock */
    SELECT variant_id,
           sum(on_hand)::int + (
               SELECT coalesce(sum(quantity - received_quantity - returned_quantity), 0)::int
                 FROM stock_transfer_lines AS line
                 JOIN stock_transfers ON stock_transfers.id = transfer_id
                WHERE line.variant_id = level.variant_id
                  AND state = 'in_transit')
               + (SELECT coalesce(sum(shipped_quantity), 0)::int
                    FROM allocations
                   WHERE allocations.variant_id = level.variant_id) AS on_hand,
           sum(on_hand - reserved - allocated)::int AS available
      FROM stock_levels AS level
     WHERE variant_id = ANY($1::uuid[])
     GROUP BY variant_id
"""
#: Every actor delivers the same one message about a payment.
_MESSAGES: Final = """
    /* proof.messages */
    SELECT provider_payment_id, count(*)
      FROM webhook_events
     GROUP BY provider_payment_id
    HAVING count(*) > 1
"""
#: Rises with everything that a sweep can do.
_PROGRESS: Final = """
    /* proof.progress */
    SELECT (SELECT count(*) FROM order_events), (SELECT count(*) FROM payment_events),
           (SELECT count(*) FROM fulfillment_events),
           (SELECT count(*) FROM ledger_journals),
           (SELECT count(*) FROM payment_operations WHERE next_attempt_at IS NULL),
           (SELECT count(*) FROM webhook_events WHERE next_attempt_at IS NULL),
           (SELECT count(*) FROM reservations WHERE state = 'active'),
           (SELECT count(*) FROM outbox WHERE published_at IS NULL)
"""
#: What is undecided at rest stays so, and is nothing to a later schedule's sweeps.
_PUT_ASIDE: Final = """
    /* proof.put_aside */
    WITH young AS (
        UPDATE orders SET placed_at = store_now()
         WHERE placed_at < store_now() - interval '12 hours'
    )
    UPDATE payments SET next_check_at = store_now() + interval '1 day'
     WHERE next_check_at IS NOT NULL
"""
#: Every lease runs out now, but for what was put aside.
_MAKE_DUE: Final = """
    /* proof.make_due */
    WITH operations AS (
        UPDATE payment_operations SET next_attempt_at = store_now()
         WHERE next_attempt_at IS NOT NULL
    ), events AS (
        UPDATE webhook_events SET next_attempt_at = store_now()
         WHERE next_attempt_at IS NOT NULL
    )
    UPDATE payments SET next_check_at = store_now()
     WHERE next_check_at < store_now() + interval '12 hours'
"""
#: At the provider these may be kept: the whole total, once.
KEEPING: Final = frozenset(
    {
        *("paid", "confirmed", "processing", "ready_for_shipment", "shipped", "in_transit"),
        *("delivered", "archived", "partially_refunded"),
    }
)


async def _tell_backorders(checkout: Checkout) -> int:
    return await inventory.tell_backorders(checkout.db)


#: Whatever the worker has to finish, in its order; it forgets nothing here.
_SWEEPS: Final = (
    commands.process_due_webhooks,
    commands.ask_due_operations,
    commands.check_due_payments,
    commands.expire_reservations,
    commands.cancel_unpaid_orders,
    commands.issue_documents,
    _tell_backorders,
)


class NotAtRest(Exception):
    """A store that was left alone keeps changing."""


def _quick(*, at_rest: bool) -> str:
    """Every invariant in one statement: the codes that are broken."""
    parts = [
        f"SELECT '{one.code}' AS code WHERE EXISTS ({one.query})"
        for one in list_invariants()
        if at_rest or not one.is_quiescent
    ]
    return "/* proof.quick */ " + " UNION ALL ".join(parts)


_ALWAYS: Final = _quick(at_rest=False)
_AT_REST: Final = _quick(at_rest=True)


async def find_broken(world: World, *, at_rest: bool) -> list[str]:
    """Every broken invariant with its first row, a sentence each."""
    if not await world.referee.fetch(_AT_REST if at_rest else _ALWAYS):
        return []
    found = await check_invariants(Connection(world.referee), at_rest=at_rest)
    return [f"{code}: {_shown(rows[0])}" for code, rows in found.items()]


async def come_to_rest(world: World) -> None:
    """The provider is honest again, and the worker sweeps until nothing changes.

    Raises:
        NotAtRest: Something always changes.
    """
    hand = world.hand
    hand.card.mishaps.clear()
    world.book.finish_refunds()
    before = await _progress(world)
    for _ in range(ROUNDS):
        await make_due(world)
        for finish in _SWEEPS:
            await finish(hand.checkout)
        await outbox.publish(hand.db, subscribers=())
        after = await _progress(world)
        if after == before:
            return
        before = after
    raise NotAtRest(f"still changing after {ROUNDS} sweeps")


async def make_due(world: World) -> None:
    """Let every lease of this schedule's run out."""
    async with world.hand.db.connection() as connection:
        await connection.raw.execute(_MAKE_DUE)


async def judge(world: World, scene: Scene, parts: list[Part], told: list[Any]) -> list[str]:
    """Everything that is wrong after a schedule; the store is at rest."""
    faults = await find_broken(world, at_rest=True)
    async with world.hand.db.connection() as connection:
        report = world.book.report()
        faults += await reconcile(connection, report, provider=world.hand.card.name)
        orders = await connection.raw.fetch(_ORDERS, list(scene.variants), world.hand.card.name)
        faults += [fault for row in orders for fault in _judge_money(world, row)]
        faults += _judge_count(scene, told, orders)
        faults += [
            f"one message about {row['provider_payment_id']} was stored {row['count']} times"
            for row in await connection.raw.fetch(_MESSAGES)
        ]
        faults += await _judge_stock(connection, scene, parts, told)
        await connection.raw.execute(_PUT_ASIDE)
    faults += [fault for answer in told for fault in await _judge_answer(world, answer)]
    return faults


def _judge_money(world: World, row: Any) -> list[str]:
    """The provider keeps what is left of an order once, or nothing."""
    kept = sum(world.book.kept_minor(one) for one in row["provider_ids"] or () if one)
    if row["is_in_review"]:
        return []
    if any(world.book.is_disputed(one) for one in row["provider_ids"] or () if one):
        # How much exactly is what the report says.
        is_kept = row["canceled_at"] is not None and kept > 0 and not row["credited_minor"]
        return [f"{row['number']} is canceled, and the provider keeps {kept}"] if is_kept else []
    # A gift card paid its part; what became store credit is not the order's any more.
    due = row["due_minor"] - row["by_card_minor"] + row["credited_minor"]
    if kept not in (0, due):
        return [f"{row['number']}: the provider keeps {kept} of {due}"]
    if kept and row["status"] not in KEEPING and not row["credited_minor"]:
        return [f"{row['number']} is {row['status']}, and the provider keeps {kept}"]
    if row["canceled_at"] is not None and kept and not row["credited_minor"]:
        return [f"{row['number']} is canceled, and the provider keeps {kept}"]
    return []


def _judge_count(scene: Scene, told: list[Any], orders: list[Any]) -> list[str]:
    """Who was told of an order has one, and nobody else."""
    acknowledged = {answer.key for answer in told if isinstance(answer, Told)}
    expected = len(acknowledged) + sum(row.order is not None for row in scene.subjects)
    if len(orders) == expected:
        return []
    return [f"{expected} orders were acknowledged, {len(orders)} are there"]


async def _judge_stock(
    connection: Connection, scene: Scene, parts: list[Part], told: list[Any]
) -> list[str]:
    """No unit came or went, and nobody was refused what was there for the taking."""
    rows = await connection.raw.fetch(_STOCK, list(scene.variants))
    for variant_id, difference in scene.counts.values():
        scene.on_hand[variant_id] += difference
    faults = [
        f"{row['variant_id']}: {scene.on_hand[row['variant_id']]} were put on the shelf,"
        f" {row['on_hand']} are there"
        for row in rows
        if row["on_hand"] != scene.on_hand[row["variant_id"]]
    ]
    available = {row["variant_id"]: row["available"] for row in rows}
    if not all(part.is_taking for part in parts):
        return faults
    for answer in told:
        if isinstance(answer, InsufficientStock):
            short = [one.variant_id for one in answer.shortages]
            if all(available[variant_id] > 0 for variant_id in short):
                faults.append(f"refused for want of {short}, of which some are left")
    return faults


async def _judge_answer(world: World, answer: Any) -> list[str]:
    """Whoever asks again under the same key hears the same, byte for byte."""
    if not isinstance(answer, Told):
        return []
    again = await commands.place_order(world.hand.checkout, answer.placement)
    return [] if again.body == answer.body else [f"{answer.key}: another answer the second time"]


async def _progress(world: World) -> tuple[int, ...]:
    async with world.hand.db.connection() as connection:
        return tuple(await connection.raw.fetchrow(_PROGRESS))


def _shown(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())
