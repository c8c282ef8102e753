"""What happens behind the counter: the worker, webhooks, staff, the warehouse, other programs."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from proof.commands import exercises
from proof.simulation.buyers import note_canceled
from proof.simulation.process import Process
from proof.simulation.provider import Delivery
from proof.simulation.world import (
    Amendment,
    Back,
    Hold,
    Part,
    Purchase,
    Receipt,
    Told,
    Violated,
    World,
    note_order,
    note_payment,
)
from surehold.cart import commands as carts
from surehold.checkout import commands, queries
from surehold.checkout.commands.change import ask_create
from surehold.checkout.jobs import list_schedules
from surehold.checkout.model import BUYER, PAID, Actor
from surehold.checkout.rules import ChangeWish, Wish
from surehold.checkout.rules.fulfilling import Parcel, Pick, WantedUnits
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.checkout.settlements import Keep
from surehold.db import idempotency, shop
from surehold.db.invariants import Watch
from surehold.inventory import commands as inventory
from surehold.inventory.model import ReservationState
from surehold.jobs import outbox
from surehold.kernel.errors import Busy, DomainError
from surehold.kernel.ids import OrderChangeId, ReturnId
from surehold.kernel.money import Money
from surehold.orders import commands as order_commands
from surehold.orders import queries as orders
from surehold.orders.documents import commands as documents
from surehold.orders.documents.model import DocumentKind
from surehold.orders.model import CancelReason, Fulfillment, OrderStatus, ReturnReason
from surehold.orders.states import SENT, FulfillmentEvent, ReturnEvent
from surehold.payments import commands as payments
from surehold.payments.gift_cards import commands as gift_cards
from surehold.pricing import commands as pricing

STAFF: Final = Actor("staff:simulation")

#: How often each job of the worker is drawn.
_JOBS: Final = {
    "expire_reservations": 24,
    "ask_due_operations": 18,
    "check_due_payments": 8,
    "process_due_webhooks": 14,
    "cancel_unpaid_orders": 12,
    "issue_documents": 6,
    "archive_old_orders": 2,
    "expire_gift_cards": 4,
    "publish_outbox": 12,
    "raise_low_stock_alerts": 6,
    "tell_backorders": 8,
    "prune": 3,
}

#: Jobs that carry out a command for each thing that they find.
_ONE_BY_ONE: Final = frozenset(_JOBS) - {
    *("publish_outbox", "prune", "raise_low_stock_alerts", "tell_backorders")
}

_EVENTS: Final = {
    FulfillmentEvent.PACK: 20,
    FulfillmentEvent.SHIP: 40,
    FulfillmentEvent.MOVE: 20,
    FulfillmentEvent.DELIVER: 20,
    FulfillmentEvent.CANCEL: 10,
    FulfillmentEvent.LOSE: 3,
    FulfillmentEvent.RETURN: 3,
}
_STATUSES: Final = {
    OrderStatus.CONFIRMED: 20,
    OrderStatus.PROCESSING: 15,
    OrderStatus.READY_FOR_SHIPMENT: 20,
    OrderStatus.SHIPPED: 20,
    OrderStatus.IN_TRANSIT: 15,
    OrderStatus.DELIVERED: 25,
    OrderStatus.ARCHIVED: 8,
    OrderStatus.PAID: 2,
}
LABEL: Final = Parcel("dhl", "JD0146")

#: Settings that staff turn, and to what. All short: a hold has to end within the run.
_SETTINGS: Final = {
    "hold_redirect_minutes": (10, 20, 30),
    "hold_transfer_minutes": (20, 60, 180),
    "grace_minutes": (1, 5, 10),
    "extensions_max": (0, 1, 3),
    "unpaid_cancel_hours": (1, 2, 4),
    "archive_after_days": (1,),
    # At some times the card's money is held first, and taken when something is sent.
    "capture": ({}, {"sandbox": "on_shipment"}),
    "lapsing_authorizations": ("warn", "capture"),
    "refunds_at_provider": ("ask", "book"),
}


# --- the worker ----------------------------------------------------------------------------------


@exercises(
    commands.expire_reservations,
    commands.ask_due_operations,
    commands.check_due_payments,
    commands.process_due_webhooks,
    commands.cancel_unpaid_orders,
    commands.issue_documents,
    documents.issue_due,
    commands.archive_old_orders,
    commands.expire_gift_cards,
    gift_cards.expire_cards,
    commands.prune,
    commands.ask,
    commands.check_payment,
    commands.process_webhook,
    carts.prune_carts,
    idempotency.prune,
    inventory.expire,
    inventory.raise_low_stock_alerts,
    inventory.tell_backorders,
    outbox.publish,
    outbox.prune,
    payments.check_soon,
    payments.claim_checks,
    payments.claim_operations,
    payments.claim_webhooks,
    payments.end_webhook,
    pricing.prune_quotes,
)
async def work(world: World, process: Process, dice: random.Random) -> None:
    """Run one of the worker's schedules once, as it is."""
    name = dice.choices(list(_JOBS), weights=list(_JOBS.values()))[0]
    count = await run_job(process, name)
    world.counts[f"job: {name}"] += 1
    if name in _ONE_BY_ONE:
        world.did(max(count - 1, 0))


async def run_job(process: Process, name: str) -> int:
    """Run one schedule; returns how much it did."""
    schedules = list_schedules(process.checkout, watch=Watch(process.db))
    [schedule] = [schedule for schedule in schedules if schedule.name == name]
    return await schedule.run()


# --- webhooks ------------------------------------------------------------------------------------


@exercises(commands.Inbox, commands.process_webhook, payments.store_webhook)
async def deliver_a_webhook(world: World, process: Process, dice: random.Random) -> None:
    """Carry a webhook to the shop: in any order, late, twice, to two processes at once, never."""
    world.collect_webhooks()
    if not world.webhooks:
        return
    index = dice.randrange(len(world.webhooks))
    delivery = world.webhooks.pop(index)
    if dice.random() < 0.08 and not delivery.is_lasting:
        world.counts["webhooks lost"] += 1
        return
    targets = [process]
    if dice.random() < 0.2:
        targets += [world.a_process(dice) for _ in range(dice.randint(1, 3))]
        world.counts["webhooks duplicated"] += len(targets) - 1
    if dice.random() < 0.1:
        world.webhooks.append(delivery)  # Comes once more, some time later.
        world.counts["webhooks duplicated"] += 1
    if index:
        world.counts["webhooks out of order"] += 1
    is_heard = False
    try:
        new = await asyncio.gather(
            *(target.begin(_hand_over(target, delivery)) for target in targets)
        )
        is_heard = True
        # A delivery for each, and what the inbox begins to do about a new event.
        world.did(len(targets) - 1 + sum(new))
    finally:
        if not is_heard:
            world.webhooks.append(delivery)  # Not answered with success: sent again.


async def _hand_over(process: Process, delivery: Delivery) -> int:
    return await process.inbox.receive(
        provider_name="sandbox", raw_body=delivery.body, headers=delivery.headers
    )


# --- staff ---------------------------------------------------------------------------------------


@exercises(commands.confirm_payment)
async def confirm_a_transfer(world: World, process: Process, dice: random.Random) -> None:
    """See money arrive at the bank: the right sum, mostly; to old payments, too."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    local = [one for one, provider in purchase.payments if provider == "bank_transfer"]
    if not local:
        return
    off = dice.choices((0, -1, 1), weights=(84, 8, 8))[0]
    payment_id = dice.choice(local)
    was_canceled = purchase.is_told_canceled
    asked = purchase.asked.get(payment_id, purchase.total_minor)
    outcome = await commands.confirm_payment(
        process.checkout,
        payment_id=payment_id,
        received=Money(asked + off, purchase.currency),
        actor=STAFF,
    )
    world.counts[f"transfer: {outcome.effect}"] += 1
    if outcome.effect == PAID:
        if off:
            raise Violated("a wrong sum has paid an order", purchase.order_id)
        if was_canceled:
            raise Violated("a canceled order was paid and kept", purchase.order_id)
        purchase.is_told_paid = True


@exercises(commands.cancel_order)
async def cancel_for_a_buyer(world: World, process: Process, dice: random.Random) -> None:
    """Cancel an order in the back office, paid or not."""
    purchase = world.a_purchase(dice)
    if purchase is not None:
        placed = await commands.cancel_order(
            process.checkout,
            order_id=purchase.known_id,
            reason=CancelReason.STAFF,
            actor=STAFF,
        )
        note_canceled(purchase, placed)


@exercises(documents.issue)
async def print_a_document(world: World, process: Process, dice: random.Random) -> None:
    """Print an order's invoice or packing slip; twice at once, sometimes, and it is one."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    kind = dice.choice((DocumentKind.INVOICE, DocumentKind.PACKING_SLIP))
    processes = [process] + [world.a_process(dice)] * (dice.random() < 0.3)
    issued = await asyncio.gather(
        *(
            one.begin(
                documents.issue(one.db, order_id=purchase.known_id, kind=kind, actor=STAFF.name)
            )
            for one in processes
        )
    )
    world.did(len(processes) - 1)
    if len({row.document.number for row in issued}) != 1:
        raise Violated("one order has two documents of a kind", purchase.order_id)
    async with process.db.connection() as connection:
        order = await orders.get_order(connection, order_id=purchase.known_id)
    # What was given up before it was written is not in it, whoever was told of that.
    may_be_less = purchase.parts or purchase.amendments or purchase.backs
    given_up = order.canceled_minor if may_be_less else 0
    least = purchase.total_minor - given_up
    most = purchase.total_minor + (order.added_minor if purchase.amendments else 0)
    if not least <= issued[0].document.total_minor <= most:
        raise Violated("a document is for another amount than was told", purchase.order_id)


@exercises(commands.open_fulfillments)
async def plan_a_parcel(world: World, process: Process, dice: random.Random) -> None:
    """Plan to send one unit of an order, or all that is left of it."""
    purchase = a_paid_one(world, dice)
    if purchase is None:
        return
    async with process.db.connection() as connection:
        rows = await orders.list_lines(connection, order_ids=[purchase.known_id])
    lines = rows[purchase.known_id]
    wanted = (WantedUnits(dice.choice(lines).id, 1),) if dice.random() < 0.5 else ()
    placed = await commands.open_fulfillments(
        process.checkout, order_id=purchase.known_id, pick=Pick(wanted), actor=STAFF
    )
    _note_parcels(purchase, placed.fulfillments)


@exercises(commands.move_fulfillment, commands.correct_parcel)
async def move_a_parcel(world: World, process: Process, dice: random.Random) -> None:
    """Let anything happen to a parcel, in any order: mostly it may, sometimes it is refused."""
    purchase = a_paid_one(world, dice)
    if purchase is None:
        return
    async with process.db.connection() as connection:
        parcels = await orders.list_fulfillments(connection, order_id=purchase.known_id)
    if not parcels:
        return
    parcel = dice.choice(parcels)
    label = Parcel("dhl", f"T{parcel.id.hex[:12]}")
    if dice.random() < 0.05:
        await commands.correct_parcel(
            process.checkout,
            fulfillment_id=parcel.id,
            parcel=Parcel("gls", f"C{dice.randrange(1000)}"),
            actor=STAFF,
        )
        return
    event = dice.choices(list(_EVENTS), weights=list(_EVENTS.values()))[0]
    after, effect = await commands.move_fulfillment(
        process.checkout,
        fulfillment_id=parcel.id,
        event=event,
        actor=STAFF,
        parcel=label if event is FulfillmentEvent.SHIP else None,
    )
    world.counts[f"parcel: {effect}"] += 1
    _note_parcels(purchase, (after,))


@exercises(commands.reach_status, commands.change_many)
async def bring_to_a_status(world: World, process: Process, dice: random.Random) -> None:
    """Ask for a status of one order, or of some at once; what leads nowhere is refused."""
    status = dice.choices(list(_STATUSES), weights=list(_STATUSES.values()))[0]
    chosen = [found for _ in range(3) if (found := a_paid_one(world, dice)) is not None]
    if not chosen:
        return
    if dice.random() < 0.3:
        ids = list(dict.fromkeys(one.known_id for one in chosen))
        outcomes = await commands.change_many(
            process.checkout, order_ids=ids, status=status, actor=STAFF, parcel=LABEL
        )
        for outcome in outcomes:
            world.counts[f"bulk: {'done' if outcome.is_done else 'left'}"] += 1
        return
    effect = await commands.reach_status(
        process.checkout,
        order_id=chosen[0].known_id,
        status=status,
        actor=STAFF,
        parcel=LABEL,
    )
    world.counts[f"status: {effect}"] += 1


@exercises(commands.write_note, commands.note_many, order_commands.add_note)
async def note_something(world: World, process: Process, dice: random.Random) -> None:
    """Write about an order, under one key twice; about some orders at once."""
    purchase = world.a_purchase(dice)
    if purchase is None:
        return
    key = uuid4().hex
    if dice.random() < 0.3:
        await commands.note_many(
            process.checkout,
            order_ids=[purchase.known_id],
            text="to many",
            is_visible=False,
            actor=STAFF,
            key=key,
        )
        return
    for is_first in (True, False):
        was_written = await commands.write_note(
            process.checkout,
            order_id=purchase.known_id,
            text="once",
            is_visible=True,
            actor=STAFF,
            key=key,
        )
        if was_written is not is_first:
            raise Violated("a note was written twice, or never", *purchase.ids)


def a_paid_one(world: World, dice: random.Random) -> Purchase | None:
    """An order that was told to be paid, if there is one; else any."""
    found = [
        one for one in world.purchases[-120:] if one.is_told_paid and not one.is_told_canceled
    ]
    return dice.choice(found) if found else world.a_purchase(dice)


def _note_parcels(purchase: Purchase, parcels: tuple[Fulfillment, ...]) -> None:
    """Remember which parcels were told to have left: they never come back to the shelf."""
    for parcel in parcels:
        if parcel.id in purchase.sent and parcel.state not in SENT:
            raise Violated(f"parcel {parcel.id} had left, and is {parcel.state}", *purchase.ids)
        if parcel.state in SENT:
            purchase.sent[parcel.id] = parcel.units


@exercises(commands.refund_order, commands.preview_refund)
async def give_money_back(world: World, process: Process, dice: random.Random) -> None:
    """Refund units, shipping, an amount or all; again under the same key when nobody answered."""
    purchase = a_paid_one(world, dice)
    if purchase is None:
        return
    unknown = [back for back in purchase.backs if back.told is Told.UNKNOWN]
    if unknown and dice.random() < 0.7:
        back = dice.choice(unknown)
    else:
        back = _a_refund(purchase, dice)
        purchase.backs.append(back)
    if dice.random() < 0.2:
        world.did()
        await commands.preview_refund(process.checkout, order_id=purchase.known_id, wish=back.wish)
    before, back.told = back.told, Told.UNKNOWN
    was_canceled = purchase.is_told_canceled
    try:
        placed = await commands.refund_order(
            process.checkout,
            order_id=purchase.known_id,
            wish=back.wish,
            reason="simulated",
            actor=STAFF,
            is_restocked=back.is_restocked,
            batch_id=back.batch_id,
            keep=keep_of(commands.REFUNDS, str(back.batch_id)),
            is_store_credit=back.is_store_credit,
        )
    except Busy:
        raise
    except DomainError:
        # Without an answer to an earlier asking, it is refused because that one was not done.
        back.told = Told.REFUSED if before is not Told.ACCEPTED else Told.ACCEPTED
        raise
    back.told = Told.ACCEPTED
    back.amount_minor = sum(
        row.amount_minor for row in placed.refunds if row.batch_id == back.batch_id
    )
    if back.amount_minor <= 0:
        raise Violated("a refund was acknowledged and is not there", purchase.order_id)
    world.counts["refunds asked for by staff"] += 1
    note_order(purchase, placed, was_canceled=was_canceled)


def _a_refund(purchase: Purchase, dice: random.Random) -> Back:
    what = dice.choices(("units", "amount", "shipping", "all"), weights=(50, 30, 10, 10))[0]
    wish = Wish(has_shipping=what == "shipping")
    if what == "units" and purchase.line_ids:
        wish = Wish(lines=((dice.choice(purchase.line_ids), dice.randint(1, 2)),))
    elif what == "amount":
        amount = Money(dice.randint(1, purchase.total_minor), purchase.currency)
        wish = Wish(amount=amount)
    is_restocked = bool(wish.lines) and dice.random() < 0.3
    return Back(uuid4(), wish, is_restocked, is_store_credit=dice.random() < 0.2)


@exercises(commands.cancel_part)
async def give_up_a_part(world: World, process: Process, dice: random.Random) -> None:
    """Give up units of an order, paid or not; again under its key when nobody answered."""
    purchase = a_paid_one(world, dice)
    if purchase is None or not purchase.line_ids:
        return
    unknown = [part for part in purchase.parts if part.told is Told.UNKNOWN]
    if unknown and dice.random() < 0.7:
        part = dice.choice(unknown)
    else:
        part = Part(uuid4().hex, ((dice.choice(purchase.line_ids), 1),))
        purchase.parts.append(part)
    part.told = Told.UNKNOWN
    by_buyer = dice.random() < 0.5
    was_canceled = purchase.is_told_canceled
    try:
        placed = await commands.cancel_part(
            process.checkout,
            order_id=purchase.known_id,
            lines=part.lines,
            reason=CancelReason.BUYER if by_buyer else CancelReason.STAFF,
            actor=BUYER if by_buyer else STAFF,
            keep=keep_of(commands.PARTS, part.key),
        )
    except Busy:
        raise
    except DomainError:
        part.told = Told.REFUSED
        raise
    part.told = Told.ACCEPTED
    world.counts["parts given up"] += 1
    note_order(purchase, placed, was_canceled=was_canceled)
    if placed.order.canceled_at is not None:
        note_canceled(purchase, placed)
    elif placed.order.canceled_minor <= 0:
        raise Violated("a part was given up, and all is due", purchase.order_id)


def keep_of(scope: str, key: str) -> Keep:
    """The key of a request whose answer is kept with its work."""
    return Keep(scope, key, idempotency.hash_request(key.encode()), lambda _: b"{}")


@exercises(commands.confirm_refund, commands.retry_refund)
async def look_after_a_refund(world: World, process: Process, dice: random.Random) -> None:
    """Pay a refund out by hand; or try one again, which did not fail as a rule."""
    purchase = a_paid_one(world, dice)
    if purchase is None or not purchase.refund_ids:
        return
    act = commands.confirm_refund if dice.random() < 0.8 else commands.retry_refund
    outcome = await act(
        process.checkout,
        order_id=purchase.known_id,
        refund_id=dice.choice(purchase.refund_ids),
        actor=STAFF,
    )
    world.counts[f"refund by hand: {outcome.effect}"] += 1


@exercises(
    commands.request_return,
    commands.move_return,
    commands.receive_return,
    commands.inspect_return,
    commands.complete_return,
    commands.exchange_return,
    ask_create,
)
async def send_back(world: World, process: Process, dice: random.Random) -> None:
    """Send a unit back, and see it through; of what was not sent there is nothing to."""
    purchase = a_paid_one(world, dice)
    if purchase is None or not purchase.line_ids:
        return
    line_id = dice.choice(purchase.line_ids)
    one = ReturnId(uuid4())
    about: dict[str, Any] = {"order_id": purchase.known_id, "return_id": one, "actor": STAFF}
    checkout = process.checkout
    wanted = Wanted(line_id, 1, ReturnReason.OTHER)
    await commands.request_return(checkout, lines=(wanted,), **about)
    await commands.move_return(checkout, event=ReturnEvent.APPROVE, **about)
    await commands.receive_return(checkout, **about)
    await commands.inspect_return(checkout, judged=(Judged(line_id, 0, 1),), **about)
    world.did(4)
    if dice.random() < 0.5:
        await commands.complete_return(checkout, **about)
        return
    made = Amendment(OrderChangeId(uuid4()), ChangeWish(), told=Told.UNKNOWN)
    purchase.amendments.append(made)
    try:
        effect = await commands.exchange_return(
            checkout,
            change_id=made.id,
            add=((dice.choice(world.variant_ids), 1),),
            provider=dice.choice(("sandbox", "bank_transfer")),
            **about,
        )
    except Busy:
        raise
    except DomainError:
        made.told = Told.REFUSED
        raise
    made.told = Told.ACCEPTED
    world.counts[f"returns exchanged: {effect}"] += 1
    async with process.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=purchase.known_id)
    # The price is told at once; what becomes of it, by whoever asks next.
    for change in placed.changes:
        if change.id == made.id:
            made.difference_minor = change.difference_minor
    note_payment(purchase, placed.payment)


@exercises(shop.change)
async def change_a_setting(world: World, process: Process, dice: random.Random) -> None:
    """Turn one of the store's settings while it is selling."""
    key = dice.choice(list(_SETTINGS))
    async with process.db.transaction() as tx:
        await shop.change(tx, key=key, value=dice.choice(_SETTINGS[key]), actor=STAFF.name)
    world.counts["settings changed"] += 1


# --- the warehouse and other programs ------------------------------------------------------------


@exercises(inventory.receive_stock)
async def receive_stock(world: World, process: Process, dice: random.Random) -> None:
    """Report units that arrived; again under the same reference when nobody answered."""
    unknown = [receipt for receipt in world.receipts if receipt.told is Told.UNKNOWN]
    if unknown and dice.random() < 0.5:
        receipt = dice.choice(unknown)
    else:
        receipt = Receipt(uuid4().hex, dice.choice(world.variant_ids), dice.randint(1, 8))
        world.receipts.append(receipt)
    receipt.told = Told.UNKNOWN
    await inventory.receive_stock(
        process.db,
        arrivals=[
            inventory.Arrival(receipt.variant_id, world.location_id, receipt.quantity),
        ],
        reference=receipt.reference,
        actor=STAFF.name,
    )
    receipt.told = Told.ACCEPTED


@exercises(inventory.reserve)
async def hold_units(world: World, process: Process, dice: random.Random) -> None:
    """Hold units over the API, outside any order."""
    variant_ids = dice.sample(world.variant_ids, k=dice.randint(1, 2))
    lines = tuple((variant_id, dice.randint(1, 2)) for variant_id in variant_ids)
    hold = Hold(uuid4(), lines, Told.UNKNOWN)
    world.holds.append(hold)
    try:
        rows = await inventory.reserve(
            process.db,
            demands=[inventory.Demand(*line) for line in lines],
            ttl=timedelta(minutes=dice.choice((5, 15, 30))),
            holder_id=hold.holder_id,
        )
    except Busy:
        raise
    except DomainError:
        hold.told = Told.REFUSED
        raise
    hold.told = Told.ACCEPTED
    held = {variant_id: 0 for variant_id, _ in lines}
    for row in rows:
        held[row.variant_id] += row.quantity
    if held != dict(lines):
        raise Violated("other units are held than were asked for", hold.holder_id)


@exercises(inventory.release, inventory.expire)
async def let_go(world: World, process: Process, dice: random.Random) -> None:
    """Release what was held over the API, or have its end looked at; twice, sometimes."""
    held = [hold for hold in world.holds[-40:] if hold.told is not Told.REFUSED]
    if not held:
        return
    hold = dice.choice(held)
    if dice.random() < 0.3:
        await inventory.expire(process.db, holder_id=hold.holder_id)
        return
    rows = await inventory.release(process.db, holder_id=hold.holder_id, reason="not needed")
    if any(row.state is ReservationState.ACTIVE for row in rows):
        raise Violated("what was released is held", hold.holder_id)
    hold.is_told_released = True
