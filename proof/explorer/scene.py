"""What the actors find: a little stock, and an order somewhere in its life.

A scene is set by the store's own commands. Only time is helped along: a hold that must be over is
given an end in the past.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from proof.explorer.card import HELD, HONORED, Book, Mishap, lost, provider_id_of
from proof.explorer.world import World
from surehold.checkout import commands, queries
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER, Actor, PlacedOrder, Placement
from surehold.checkout.rules import ChangeWish, Wish
from surehold.checkout.rules.fulfilling import Parcel, Pick
from surehold.checkout.rules.taking_back import Judged, Wanted
from surehold.inventory import commands as inventory
from surehold.inventory.model import BackorderKind
from surehold.kernel.ids import (
    CountId,
    LocationId,
    OrderChangeId,
    OrderId,
    OrderLineId,
    PaymentId,
    ReturnId,
    TransferId,
    VariantId,
    new_id,
)
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts.commands import Sent
from surehold.orders.drafts.model import DraftContent, DraftLine
from surehold.orders.model import CancelReason, OrderStatus, ReturnReason
from surehold.orders.states import ReturnEvent
from surehold.payments import queries as payments
from surehold.payments.model import Operation, OperationKind, Payment, find_main
from surehold.payments.providers.failures import (
    InvalidRequest,
    OutcomeUnknown,
)
from tests.builders.cart import BuiltCart, a_cart
from tests.builders.fraud import ask_for_signals
from tests.builders.gift_cards import BuiltGiftCard, a_gift_card
from tests.builders.orders import ADDRESS, a_placement
from tests.builders.trust import CASH, capture_later, set_up

STAFF: Final = Actor("staff:proof")
PARCEL: Final = Parcel("dhl", "JD0146")
CURRENCY: Final = "USD"
HOLD: Final = timedelta(minutes=15)
#: What is on a gift card: enough for one order, and not for two.
GIFT_MINOR: Final = 5_000
GIFT_PART_MINOR: Final = 700
#: How many units are left over beside what the scene itself takes: too few as often as enough.
SPARE: Final = (0, 1, 1, 2, 2)

_END_HOLDS: Final = """
    /* proof.end_holds */
    UPDATE reservations
       SET expires_at = store_now() - interval '1 second', is_grace_used = $2
     WHERE holder_id = $1
       AND state = 'active'
"""
_AGE_HOLD: Final = """
    /* proof.age_hold */
    UPDATE payment_authorizations
       SET begun_at = begun_at - $2::interval,
           capture_before = capture_before - $2::interval,
           honored_until = honored_until - $2::interval
     WHERE payment_id = $1
"""
_AGE: Final = """
    /* proof.age */
    UPDATE orders SET placed_at = placed_at - interval '3 days' WHERE id = $1
"""


class Stage(enum.Enum):
    """How far an order, or what is to become one, has come."""

    EMPTY = "nothing but stock"
    CART = "a cart"
    NOT_ASKED = "placed by card, the provider was not asked yet"
    LOST = "placed by card, the provider's answer was lost"
    OPEN = "the buyer may pay by card"
    PAID_THERE = "the buyer has paid, we do not know it"
    CART_PAID_THERE = "the buyer has paid what was in a cart, we do not know it"
    SHORT_THERE = "the buyer has paid half, we do not know it"
    DECLINED_THERE = "the card was declined, we do not know it"
    FAILED = "the card was declined"
    LATE = "paid after the hold was swept, we do not know it"
    SOLD = "paid by card"
    REFUND_ASKED = "paid and canceled, the refund was not asked for yet"
    REFUND_LOST = "paid and canceled, the answer to the refund was lost"
    PART_ASKED = "paid by card, a refund of a unit was asked for"
    PART_FAILED = "paid by card, a refund of a unit was refused"
    PAYOUT_ASKED = "paid by transfer, a refund of a unit waits to be paid out"
    RETURN_ASKED = "sent, and a unit is to come back"
    RETURN_APPROVED = "sent, and a unit may come back"
    RETURN_RECEIVED = "sent, and a unit has come back"
    RETURN_INSPECTED = "sent, and a unit that came back is on the shelf"
    VOID_ASKED = "canceled unpaid, the provider was not told yet"
    TRANSFER = "a transfer is awaited"
    TRANSFER_OVER = "a transfer is awaited, the hold was swept"
    TRANSFER_SOLD = "paid by transfer"
    PLANNED = "paid by card, one parcel is to be packed"
    PACKED = "paid by transfer, everything is packed"
    SENT = "paid by transfer, everything was sent"
    WAITING = "paid by transfer, perhaps before it was there"
    HELD = "held by a caller of the API"
    DRAFTED = "units are to go to another location"
    MOVING = "units are on their way to another location"
    COUNTED = "units were counted, one more than were there"
    OFFERED = "staff wrote an order for a buyer and sent the link"
    GIFT = "a gift card, which many know"
    GIFT_OPEN = "a gift card pays a part, the buyer may pay the rest by card"
    GIFT_PAID_THERE = "a gift card pays a part, the rest was paid, we do not know it"
    GIFT_LATE = "the rest was paid after the hold was swept, we do not know it"
    GIFT_WHOLE = "a gift card pays all of it, nobody has settled it"
    GIFT_SOLD = "paid by gift card and by card"
    CHANGE_OPEN = "paid by card, a unit more waits to be paid"
    CHANGE_PAID_THERE = "paid by card, a unit more was paid, we do not know it"
    CHANGE_LATE = "paid by card, a unit more was paid after its hold was swept"
    EXCHANGE_OPEN = "a unit came back, a dearer exchange waits to be paid"
    EXCHANGE_PAID_THERE = "a unit came back, a dearer exchange was paid, we do not know it"
    EXCHANGE_LATE = "a unit came back, a dearer exchange was paid after its hold was swept"
    DUE_NEW = "to be paid at the door, nobody has confirmed it"
    DUE = "to be paid at the door"
    DUE_SENT = "sent, to be paid at the door"
    COLLECTED = "sent, and paid at the door"
    AUTHORIZED_THERE = "authorized, we do not know it"
    AUTHORIZED_LATE = "authorized after the hold was swept, we do not know it"
    AUTHORIZED = "authorized"
    UNSURE = "authorized, and its bank is to be asked to hold on"
    RENEWAL_ASKED = "authorized, its bank was not asked to hold on yet"
    ENDING = "authorized, and four fifths of that time are over"
    CAPTURE_ASKED = "authorized and sent, the capture was not asked for yet"
    CAPTURE_LOST = "authorized and sent, the answer to the capture was lost"
    SUSPECTED = "paid by card, and held for a person"
    SUSPECTED_LATER = "authorized, and held for a person"


#: Where an order stands whose holds are there to end.
HOLDING: Final = (
    *(Stage.NOT_ASKED, Stage.LOST, Stage.OPEN, Stage.PAID_THERE, Stage.SHORT_THERE),
    *(Stage.CART_PAID_THERE, Stage.DECLINED_THERE, Stage.FAILED, Stage.TRANSFER, Stage.HELD),
    *(Stage.GIFT_OPEN, Stage.GIFT_PAID_THERE, Stage.GIFT_WHOLE),
    *(Stage.CHANGE_OPEN, Stage.CHANGE_PAID_THERE),
    *(Stage.EXCHANGE_OPEN, Stage.EXCHANGE_PAID_THERE),
    *(Stage.DUE_NEW, Stage.AUTHORIZED_THERE),
)


class Subject:
    """What actors share: an order with its payment, a cart, or a hold."""

    def __init__(
        self, stage: Stage, lines: tuple[tuple[VariantId, int], ...], *, buyer: str
    ) -> None:
        self.stage = stage
        #: Their e-mail address.
        self.buyer = buyer
        self.lines = lines
        self.key = f"key-{new_id()}"
        self.cart: BuiltCart | None = None
        self.holder_id: UUID = new_id()
        self.transfer: TransferId | None = None
        self.count: CountId | None = None
        self.order: OrderId | None = None
        self.payment: Payment | None = None
        self.returning: ReturnId | None = None
        self.offer: Sent | None = None
        self.card: BuiltGiftCard | None = None
        #: How much of it is to pay; as much as it has where nothing is said.
        self.card_minor: int | None = None

    @property
    def sent(self) -> Sent:
        assert self.offer is not None
        return self.offer

    @property
    def gift(self) -> BuiltGiftCard:
        assert self.card is not None
        return self.card

    @property
    def transfer_id(self) -> TransferId:
        assert self.transfer is not None
        return self.transfer

    @property
    def count_id(self) -> CountId:
        assert self.count is not None
        return self.count

    @property
    def order_id(self) -> OrderId:
        assert self.order is not None
        return self.order

    @property
    def return_id(self) -> ReturnId:
        assert self.returning is not None
        return self.returning

    @property
    def payment_id(self) -> PaymentId:
        assert self.payment is not None
        return self.payment.id

    @property
    def provider_id(self) -> str:
        """What the provider calls the payment."""
        return provider_id_of(self.payment_id)

    def placement(self, *, provider: str, key: str | None = None) -> Placement:
        """A checkout of the subject's cart, or of its lines."""
        plain = a_placement(self.lines, key=key or self.key, provider=provider)
        made = msgspec.structs.replace(plain, email=self.buyer)
        if self.card is not None:
            wishes = (self.card.wish(self.card_minor),)
            made = msgspec.structs.replace(made, gift_cards=wishes)
        if self.cart is None:
            return made
        return msgspec.structs.replace(
            made,
            lines=(),
            currency=None,
            cart_id=self.cart.id,
            cart_token_hash=self.cart.token_hash,
        )


class Scene:
    """One schedule's stock and subjects."""

    def __init__(self, variants: tuple[VariantId, ...], chance: random.Random, book: Book) -> None:
        self.book = book
        self.variants = variants
        self.chance = chance
        self.place: LocationId | None = None
        #: What must be on the shelf in the end, whoever put it there.
        self.on_hand: dict[VariantId, int] = {}
        #: What applied counts have added, whoever heard of it.
        self.counts: dict[CountId, tuple[VariantId, int]] = {}
        self.subjects: list[Subject] = []
        self.notes: list[str] = []

    @property
    def buyer(self) -> str:
        """Everybody's address here, and nobody's in another schedule: whose credit is whose."""
        return f"buyer-{self.variants[0]}@example.com"

    def lines_of(self, chance: random.Random) -> tuple[tuple[VariantId, int], ...]:
        """One or two variants, in any order, by the chance of whoever asks."""
        first, second = self.variants
        choices: tuple[tuple[tuple[VariantId, int], ...], ...] = (
            ((first, 1),),
            ((first, 1), (second, 1)),
            ((second, 1), (first, 1)),
        )
        return chance.choice(choices)


async def _raise_alerts(checkout: Checkout) -> int:
    return await inventory.raise_low_stock_alerts(checkout.db, limit=1_000)


#: What looks at the whole store: it is to find this scene's work and not what others left.
_OVER_ALL: Final = (commands.issue_documents, commands.archive_old_orders, _raise_alerts)


async def set_scene(
    world: World, chance: random.Random, stages: Sequence[Stage], *, is_over: bool, is_old: bool
) -> Scene:
    """Stock for these subjects and a little more, and every subject brought to its stage.

    ``is_over``: the holds' time has come; ``is_old``: nobody paid in the store's time.
    """
    for sweep in _OVER_ALL:
        await sweep(world.hand.checkout)
    scene = Scene(await world.next_variants(), chance, world.book)
    scene.subjects = [
        Subject(stage, scene.lines_of(chance), buyer=scene.buyer) for stage in stages
    ]
    await _fill_shelves(world, scene)
    # What is sold before it is there takes its units last.
    for subject in sorted(scene.subjects, key=lambda one: one.stage is Stage.WAITING):
        await bring(world, scene, subject)
        scene.notes.append(f"{subject.stage.value}, {len(subject.lines)} lines")
        async with world.hand.db.connection() as connection:
            if is_over and subject.stage in HOLDING:
                holder = subject.order or subject.holder_id
                is_grace_used = chance.random() < 0.5
                await connection.raw.execute(_END_HOLDS, holder, is_grace_used)
                scene.notes.append("its holds are over")
            if is_old and subject.order is not None:
                await connection.raw.execute(_AGE, subject.order)
                scene.notes.append("it is old")
    return scene


#: Whoever is here takes nothing before the actors come, or takes what is not there.
_LEAVING_NOTHING: Final = frozenset(
    {Stage.EMPTY, Stage.CART, Stage.COUNTED, Stage.WAITING, Stage.OFFERED, Stage.GIFT}
)


#: Orders to which a unit of their first line is to be added.
_CHANGING: Final = (
    *(Stage.CHANGE_OPEN, Stage.CHANGE_PAID_THERE, Stage.CHANGE_LATE),
    *(Stage.EXCHANGE_OPEN, Stage.EXCHANGE_PAID_THERE, Stage.EXCHANGE_LATE),
)


async def _fill_shelves(world: World, scene: Scene) -> None:
    taken = [
        variant_id
        for subject in scene.subjects
        if subject.stage not in _LEAVING_NOTHING
        for variant_id, _ in subject.lines
    ]
    # What a change adds is taken as well.
    taken += [subject.lines[0][0] for subject in scene.subjects if subject.stage in _CHANGING]
    # What is put into a cart must be there at that moment.
    wanted = {
        variant_id
        for subject in scene.subjects
        if subject.stage is Stage.CART
        for variant_id, _ in subject.lines
    }
    scene.place = place = await world.find_location()
    for variant_id in scene.variants:
        spare = max(scene.chance.choice(SPARE), int(variant_id in wanted))
        scene.on_hand[variant_id] = taken.count(variant_id) + spare
        scene.notes.append(f"{spare} spare")
    async with world.hand.db.transaction() as tx:
        await inventory.open_stock(
            tx,
            openings=[
                inventory.Opening(variant_id, place, count, 0)
                for variant_id, count in scene.on_hand.items()
            ],
            reference="opening",
            actor="proof",
        )


# --- how a subject comes to its stage --------------------------------------------------------

Step = Callable[[World, Scene, Subject], Awaitable[None]]


async def bring(world: World, scene: Scene, subject: Subject) -> None:
    """Bring a subject to its stage."""
    for step in _STEPS[subject.stage]:
        await step(world, scene, subject)


async def operation_of(world: World, subject: Subject, kind: OperationKind) -> Operation:
    """A question about the subject's payment, as it stands."""
    async with world.hand.db.connection() as connection:
        found = await payments.find_operation(connection, payment_id=subject.payment_id, kind=kind)
    assert found is not None, f"{subject.stage} has no {kind}"
    return found


async def _fill_cart(world: World, _: Scene, subject: Subject) -> None:
    subject.cart = await a_cart(world.hand.db, currency=CURRENCY, lines=subject.lines)


async def _place_by_card(world: World, _: Scene, subject: Subject) -> None:
    await _place(world, subject, world.hand.card.name)


async def _place_by_transfer(world: World, _: Scene, subject: Subject) -> None:
    await _place(world, subject, "bank_transfer")


async def _place_on_delivery(world: World, _: Scene, subject: Subject) -> None:
    await _place(world, subject, CASH)


async def _capture_later(world: World, _: Scene, __: Subject) -> None:
    await capture_later(world.hand.db)


async def _capture_at_once(world: World, _: Scene, __: Subject) -> None:
    await set_up(world.hand.db, capture={})


async def _ask_for_signals(world: World, _: Scene, __: Subject) -> None:
    await ask_for_signals(world.hand.db)


async def _ask_for_none(world: World, _: Scene, __: Subject) -> None:
    await set_up(world.hand.db, fraud_signals={})


async def _authorize(world: World, _: Scene, subject: Subject) -> None:
    world.book.authorize(subject.provider_id)


async def _grow_unsure(world: World, _: Scene, subject: Subject) -> None:
    await _age_hold(world, subject, HONORED)


async def _come_to_an_end(world: World, _: Scene, subject: Subject) -> None:
    await _age_hold(world, subject, HELD * 9 / 10)


async def _age_hold(world: World, subject: Subject, by: timedelta) -> None:
    async with world.hand.db.connection() as connection:
        await connection.raw.execute(_AGE_HOLD, subject.payment_id, by)


async def _collect(world: World, _: Scene, subject: Subject) -> None:
    assert subject.payment is not None
    await commands.collect_cash(
        world.hand.checkout,
        payment_id=subject.payment_id,
        received=subject.payment.requested,
        collected_by="courier",
        actor=STAFF,
    )


async def _lose_capture(world: World, scene: Scene, subject: Subject) -> None:
    question = await operation_of(world, subject, OperationKind.CAPTURE)
    unread = OutcomeUnknown("no answer")
    # Neither the answer is heard, nor can the payment be read after it.
    world.hand.card.mishaps.append(lost(is_done=scene.chance.random() < 0.7))
    world.hand.card.mishaps.append(Mishap(unread, is_done=False))
    await commands.ask(world.hand.checkout, question)


async def _place(world: World, subject: Subject, provider: str) -> None:
    placed = await world.hand.checkout.placing.submit(subject.placement(provider=provider))
    subject.order = placed.order_id
    async with world.hand.db.connection() as connection:
        rows = await payments.list_payments(connection, order_ids=[placed.order_id])
    subject.payment = find_main(rows)


async def _give_a_card(world: World, _: Scene, subject: Subject) -> None:
    subject.card = await a_gift_card(world.hand.db, GIFT_MINOR, currency=CURRENCY)


async def _let_it_pay_a_part(_: World, __: Scene, subject: Subject) -> None:
    subject.card_minor = GIFT_PART_MINOR


async def _ask(world: World, _: Scene, subject: Subject) -> None:
    question = await operation_of(world, subject, OperationKind.CREATE)
    await commands.ask(world.hand.checkout, question)


async def _ask_and_lose(world: World, scene: Scene, subject: Subject) -> None:
    world.hand.card.mishaps.append(lost(is_done=scene.chance.random() < 0.7))
    await _ask(world, scene, subject)


async def _pay(world: World, _: Scene, subject: Subject) -> None:
    world.book.capture(subject.provider_id)


async def _pay_half(world: World, _: Scene, subject: Subject) -> None:
    world.book.capture(subject.provider_id, percent=50)


async def _decline(world: World, _: Scene, subject: Subject) -> None:
    world.book.decline(subject.provider_id)


async def _check(world: World, _: Scene, subject: Subject) -> None:
    await commands.check_payment(world.hand.checkout, subject.payment_id)


async def _sweep_holds(world: World, _: Scene, subject: Subject) -> None:
    async with world.hand.db.connection() as connection:
        is_grace_used = True
        await connection.raw.execute(_END_HOLDS, subject.order_id, is_grace_used)
    await commands.expire_reservations(world.hand.checkout)


async def _sell_ahead(world: World, scene: Scene, _: Subject) -> None:
    for variant_id in scene.variants:
        wish = inventory.BackorderWish(BackorderKind.BACKORDER, 2)
        await inventory.set_backorders(
            world.hand.db, variant_id=variant_id, wish=wish, actor=STAFF.name
        )


async def _confirm(world: World, _: Scene, subject: Subject) -> None:
    assert subject.payment is not None
    await commands.confirm_payment(
        world.hand.checkout,
        payment_id=subject.payment_id,
        received=subject.payment.requested,
        actor=STAFF,
    )


async def _plan(world: World, _: Scene, subject: Subject) -> None:
    await commands.open_fulfillments(
        world.hand.checkout, order_id=subject.order_id, pick=Pick(), actor=STAFF
    )


async def _pack(world: World, _: Scene, subject: Subject) -> None:
    await _reach(world, subject, OrderStatus.READY_FOR_SHIPMENT)


async def _send(world: World, _: Scene, subject: Subject) -> None:
    await _reach(world, subject, OrderStatus.SHIPPED)


async def _reach(world: World, subject: Subject, status: OrderStatus) -> None:
    await commands.reach_status(
        world.hand.checkout,
        order_id=subject.order_id,
        status=status,
        actor=STAFF,
        parcel=PARCEL,
    )


async def _cancel(world: World, _: Scene, subject: Subject) -> None:
    await commands.cancel_order(
        world.hand.checkout, order_id=subject.order_id, reason=CancelReason.STAFF, actor=STAFF
    )


async def _lose_refund(world: World, scene: Scene, subject: Subject) -> None:
    question = await operation_of(world, subject, OperationKind.REFUND)
    world.hand.card.mishaps.append(lost(is_done=scene.chance.random() < 0.7))
    await commands.ask(world.hand.checkout, question)


async def _refund_unit(world: World, _: Scene, subject: Subject) -> None:
    await refund_unit(world.hand.checkout, subject)


async def refund_unit(checkout: Checkout, subject: Subject) -> PlacedOrder:
    """Staff give back the money for a unit of the order's first line."""
    async with checkout.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=subject.order_id)
    return await commands.refund_order(
        checkout,
        order_id=subject.order_id,
        wish=Wish(lines=((placed.lines[0].id, 1),)),
        reason="proof",
        actor=STAFF,
    )


async def _add_a_unit(world: World, _: Scene, subject: Subject) -> None:
    """Staff add a unit of the first line, which the buyer is to pay by card."""
    placed = await change_order(
        world.hand.checkout,
        subject,
        ChangeWish(add=((subject.lines[0][0], 1),), provider=world.hand.card.name),
    )
    subject.payment = placed.payment


async def _exchange_for_two(world: World, _: Scene, subject: Subject) -> None:
    """Staff send two units for the one that came back; the buyer is to pay the other by card."""
    await exchange(world.hand.checkout, subject, units=2, provider=world.hand.card.name)
    async with world.hand.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=subject.order_id)
    subject.payment = placed.payment


async def exchange(checkout: Checkout, subject: Subject, *, units: int, provider: str) -> str:
    """Staff send so many units of the first variant for the unit that came back."""
    return await commands.exchange_return(
        checkout,
        order_id=subject.order_id,
        return_id=subject.return_id,
        change_id=OrderChangeId(new_id()),
        add=((subject.lines[0][0], units),),
        actor=STAFF,
        provider=provider,
    )


async def change_order(checkout: Checkout, subject: Subject, wish: ChangeWish) -> PlacedOrder:
    """Staff change the subject's order."""
    return await commands.change_order(
        checkout,
        order_id=subject.order_id,
        change_id=OrderChangeId(new_id()),
        wish=wish,
        reason="proof",
        actor=STAFF,
    )


async def _refuse_refund(world: World, _: Scene, subject: Subject) -> None:
    question = await operation_of(world, subject, OperationKind.REFUND)
    world.hand.card.mishaps.append(Mishap(InvalidRequest("no", code="too_old"), is_done=False))
    await commands.ask(world.hand.checkout, question)


async def _hold(world: World, _: Scene, subject: Subject) -> None:
    demands = [inventory.Demand(*line) for line in subject.lines]
    await inventory.reserve(world.hand.db, demands=demands, ttl=HOLD, holder_id=subject.holder_id)


async def _draft(world: World, _: Scene, subject: Subject) -> None:
    view = await inventory.create_transfer(
        world.hand.db,
        new=inventory.NewTransfer("main", "annex", subject.lines),
        actor=STAFF.name,
    )
    subject.transfer = view.transfer.id


async def _dispatch(world: World, _: Scene, subject: Subject) -> None:
    await inventory.dispatch_transfer(
        world.hand.db, transfer_id=subject.transfer_id, actor=STAFF.name
    )


async def _offer(world: World, _: Scene, subject: Subject) -> None:
    content = DraftContent(
        currency=CURRENCY,
        lines=tuple(DraftLine(*line) for line in subject.lines),
        email=subject.buyer,
        shipping_address=ADDRESS,
    )
    draft = await drafts.create_draft(world.hand.db, content=content, actor=STAFF.name)
    subject.offer = await drafts.send_draft(world.hand.db, draft_id=draft.id, actor=STAFF.name)


async def _count(world: World, scene: Scene, subject: Subject) -> None:
    variant_id = scene.variants[0]
    begun = await inventory.start_count(
        world.hand.db, location="main", variant_ids=[variant_id], note="", actor=STAFF.name
    )
    subject.count = begun.count.id
    found = begun.lines[0].on_hand + 1
    await inventory.record_counted(
        world.hand.db,
        count_id=subject.count,
        counted=[(variant_id, found)],
        actor=STAFF.name,
    )


async def _ask_to_return(world: World, _: Scene, subject: Subject) -> None:
    subject.returning = await ask_to_return(world.hand.checkout, subject)


async def ask_to_return(checkout: Checkout, subject: Subject) -> ReturnId:
    """The buyer asks to send a unit of the first line back."""
    return_id = ReturnId(new_id())
    wanted = Wanted(await first_line(checkout, subject), 1, ReturnReason.CHANGED_MIND)
    await commands.request_return(
        checkout, order_id=subject.order_id, return_id=return_id, lines=(wanted,), actor=BUYER
    )
    return return_id


async def first_line(checkout: Checkout, subject: Subject) -> OrderLineId:
    """The first line of the subject's order."""
    async with checkout.db.connection() as connection:
        placed = await queries.get_placed_order(connection, order_id=subject.order_id)
    return placed.lines[0].id


async def approve(checkout: Checkout, subject: Subject) -> str:
    """Staff let the unit come."""
    return await commands.move_return(
        checkout,
        order_id=subject.order_id,
        return_id=subject.return_id,
        event=ReturnEvent.APPROVE,
        actor=STAFF,
    )


async def receive(checkout: Checkout, subject: Subject) -> str:
    """Staff open the parcel."""
    return await commands.receive_return(
        checkout, order_id=subject.order_id, return_id=subject.return_id, actor=STAFF
    )


async def inspect(checkout: Checkout, scene: Scene, subject: Subject) -> str:
    """Staff put the unit on the shelf."""
    line_id = await first_line(checkout, subject)
    effect = await commands.inspect_return(
        checkout,
        order_id=subject.order_id,
        return_id=subject.return_id,
        actor=STAFF,
        judged=(Judged(line_id, 1, 0),),
    )
    if effect == "inspected":
        scene.on_hand[subject.lines[0][0]] += 1
    return effect


async def _approve(world: World, _: Scene, subject: Subject) -> None:
    await approve(world.hand.checkout, subject)


async def _receive(world: World, _: Scene, subject: Subject) -> None:
    await receive(world.hand.checkout, subject)


async def _inspect(world: World, scene: Scene, subject: Subject) -> None:
    await inspect(world.hand.checkout, scene, subject)


_OPENED: Final[tuple[Step, ...]] = (_place_by_card, _ask)
_BY_GIFT: Final[tuple[Step, ...]] = (_give_a_card, _let_it_pay_a_part, *_OPENED)
_CHANGED: Final[tuple[Step, ...]] = (*_OPENED, _pay, _check, _add_a_unit)
_SENT: Final[tuple[Step, ...]] = (_place_by_transfer, _confirm, _send)
_BACK: Final[tuple[Step, ...]] = (_send, _ask_to_return, _approve, _receive, _inspect)
_EXCHANGED: Final[tuple[Step, ...]] = (*_OPENED, _pay, _check, *_BACK, _exchange_for_two)
_DUE: Final[tuple[Step, ...]] = (_place_on_delivery, _check)
_LATER: Final[tuple[Step, ...]] = (_capture_later, *_OPENED, _capture_at_once)
_SUSPECTED: Final[tuple[Step, ...]] = (_ask_for_signals, _check, _ask_for_none)
_STEPS: Final[dict[Stage, tuple[Step, ...]]] = {
    Stage.EMPTY: (),
    Stage.CART: (_fill_cart,),
    Stage.NOT_ASKED: (_place_by_card,),
    Stage.LOST: (_place_by_card, _ask_and_lose),
    Stage.OPEN: _OPENED,
    Stage.PAID_THERE: (*_OPENED, _pay),
    Stage.CART_PAID_THERE: (_fill_cart, *_OPENED, _pay),
    Stage.SHORT_THERE: (*_OPENED, _pay_half),
    Stage.DECLINED_THERE: (*_OPENED, _decline),
    Stage.FAILED: (*_OPENED, _decline, _check),
    Stage.LATE: (*_OPENED, _sweep_holds, _pay),
    Stage.SOLD: (*_OPENED, _pay, _check),
    Stage.REFUND_ASKED: (*_OPENED, _pay, _check, _cancel),
    Stage.REFUND_LOST: (*_OPENED, _pay, _check, _cancel, _lose_refund),
    Stage.PART_ASKED: (*_OPENED, _pay, _check, _refund_unit),
    Stage.PART_FAILED: (*_OPENED, _pay, _check, _refund_unit, _refuse_refund),
    Stage.PAYOUT_ASKED: (_place_by_transfer, _confirm, _refund_unit),
    Stage.RETURN_ASKED: (*_SENT, _ask_to_return),
    Stage.RETURN_APPROVED: (*_SENT, _ask_to_return, _approve),
    Stage.RETURN_RECEIVED: (*_SENT, _ask_to_return, _approve, _receive),
    Stage.RETURN_INSPECTED: (_place_by_transfer, _confirm, *_BACK),
    Stage.VOID_ASKED: (*_OPENED, _cancel),
    Stage.TRANSFER: (_place_by_transfer,),
    Stage.TRANSFER_OVER: (_place_by_transfer, _sweep_holds),
    Stage.TRANSFER_SOLD: (_place_by_transfer, _confirm),
    Stage.PLANNED: (*_OPENED, _pay, _check, _plan),
    Stage.PACKED: (_place_by_transfer, _confirm, _pack),
    Stage.SENT: (_place_by_transfer, _confirm, _send),
    Stage.WAITING: (_sell_ahead, _place_by_transfer, _confirm),
    Stage.HELD: (_hold,),
    Stage.DRAFTED: (_draft,),
    Stage.MOVING: (_draft, _dispatch),
    Stage.COUNTED: (_count,),
    Stage.OFFERED: (_offer,),
    Stage.GIFT: (_give_a_card,),
    Stage.GIFT_OPEN: _BY_GIFT,
    Stage.GIFT_PAID_THERE: (*_BY_GIFT, _pay),
    Stage.GIFT_LATE: (*_BY_GIFT, _sweep_holds, _pay),
    Stage.GIFT_WHOLE: (_give_a_card, _place_by_transfer),
    Stage.GIFT_SOLD: (*_BY_GIFT, _pay, _check),
    Stage.CHANGE_OPEN: _CHANGED,
    Stage.CHANGE_PAID_THERE: (*_CHANGED, _pay),
    Stage.CHANGE_LATE: (*_CHANGED, _sweep_holds, _pay),
    Stage.EXCHANGE_OPEN: _EXCHANGED,
    Stage.EXCHANGE_PAID_THERE: (*_EXCHANGED, _pay),
    Stage.EXCHANGE_LATE: (*_EXCHANGED, _sweep_holds, _pay),
    Stage.DUE_NEW: (_place_on_delivery,),
    Stage.DUE: _DUE,
    Stage.DUE_SENT: (*_DUE, _send),
    Stage.COLLECTED: (*_DUE, _send, _collect),
    Stage.AUTHORIZED_THERE: (*_LATER, _authorize),
    Stage.AUTHORIZED_LATE: (*_LATER, _sweep_holds, _authorize),
    Stage.AUTHORIZED: (*_LATER, _authorize, _check),
    Stage.UNSURE: (*_LATER, _authorize, _check, _grow_unsure),
    Stage.RENEWAL_ASKED: (*_LATER, _authorize, _check, _grow_unsure, _check),
    Stage.ENDING: (*_LATER, _authorize, _check, _come_to_an_end),
    Stage.CAPTURE_ASKED: (*_LATER, _authorize, _check, _send),
    Stage.CAPTURE_LOST: (*_LATER, _authorize, _check, _send, _lose_capture),
    Stage.SUSPECTED: (*_OPENED, _pay, *_SUSPECTED),
    Stage.SUSPECTED_LATER: (*_LATER, _authorize, *_SUSPECTED),
}
