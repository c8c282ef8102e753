"""Everything that somebody may do to money or stock, each as an actor with a part to play.

An actor says at which stages of an order it has something to do, and with what its command may
refuse; any other exception is a violation. What it returns is what its caller was told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from proof.commands import exercises
from proof.explorer.card import Mishap, a_webhook, lost
from proof.explorer.scene import (
    CURRENCY,
    HOLD,
    STAFF,
    Scene,
    Stage,
    Subject,
    ask_to_return,
    inspect,
    receive,
    refund_unit,
)
from proof.explorer.world import Seat
from surehold.cart import commands as carts
from surehold.checkout import commands
from surehold.checkout.errors import (
    ExtensionRefused,
    HoldOver,
    NothingLeft,
    NothingToOrder,
    NothingToRefund,
    OrderNotPayable,
    RefundExceedsPaid,
    UnitsNotCancelable,
    UnitsNotRefundable,
)
from surehold.checkout.model import BUYER, Actor, Placement
from surehold.checkout.rules import Wish
from surehold.db import idempotency
from surehold.db.idempotency import IdempotencyKeyReused
from surehold.inventory import commands as inventory
from surehold.inventory import queries as inventory_queries
from surehold.inventory.errors import (
    CountEnded,
    InsufficientStock,
    ReservationNotFound,
    TransferNotPossible,
    UnitsPromised,
)
from surehold.jobs import outbox
from surehold.kernel.errors import DomainError, InvalidInput
from surehold.kernel.ids import RefundId, new_id
from surehold.kernel.money import Money
from surehold.orders import queries as orders
from surehold.orders.changes.errors import ChangeAwaitsPayment
from surehold.orders.documents import commands as documents
from surehold.orders.documents.errors import DocumentNotDue
from surehold.orders.documents.model import DocumentKind
from surehold.orders.errors import OrderNotCancelable, ReturnNotPossible, UnitsNotReturnable
from surehold.orders.model import CancelReason
from surehold.orders.states import ReturnEvent
from surehold.payments import commands as payment_commands
from surehold.payments import queries as payments
from surehold.payments.errors import PaymentInProgress, PaymentNotConfirmable
from surehold.payments.model import OperationKind
from surehold.payments.providers.failures import (
    Declined,
    InvalidRequest,
    ProviderFailure,
    Unavailable,
)


class Place(msgspec.Struct, frozen=True):
    """Where an actor finds itself: its process, what is there, and what it shares with others."""

    seat: Seat
    scene: Scene
    subject: Subject


Act = Callable[[Place], Awaitable[Any]]

S: Final = Stage
#: Orders that nobody has given up or paid for, as far as we know.
UNPAID: Final = (
    *(S.NOT_ASKED, S.LOST, S.OPEN, S.PAID_THERE, S.SHORT_THERE, S.DECLINED_THERE, S.FAILED),
    *(S.CART_PAID_THERE, S.LATE, S.TRANSFER, S.TRANSFER_OVER),
    *(S.GIFT_OPEN, S.GIFT_PAID_THERE, S.GIFT_LATE, S.GIFT_WHOLE),
    *(S.DUE_NEW, S.AUTHORIZED_THERE, S.AUTHORIZED_LATE),
)
#: Orders whose provider has something new to say.
NEWS: Final = (
    *(S.PAID_THERE, S.CART_PAID_THERE, S.DECLINED_THERE, S.LATE, S.SHORT_THERE),
    *(S.GIFT_PAID_THERE, S.GIFT_LATE, S.CHANGE_PAID_THERE, S.CHANGE_LATE),
    *(S.EXCHANGE_PAID_THERE, S.EXCHANGE_LATE),
    *(S.AUTHORIZED_THERE, S.AUTHORIZED_LATE),
)
REFUNDS: Final = (S.REFUND_ASKED, S.REFUND_LOST, S.PART_ASKED)
#: Orders with a return in the middle of its life.
RETURNING: Final = (S.RETURN_ASKED, S.RETURN_APPROVED, S.RETURN_RECEIVED, S.RETURN_INSPECTED)
#: Of these an exchange waits to be paid, or was paid late.
EXCHANGING: Final = (S.EXCHANGE_OPEN, S.EXCHANGE_PAID_THERE, S.EXCHANGE_LATE)
SENT: Final = (S.SENT, *RETURNING, *EXCHANGING)
#: Paid orders of which a change waits to be paid, or was paid late.
CHANGING: Final = (S.CHANGE_OPEN, S.CHANGE_PAID_THERE, S.CHANGE_LATE)
#: Paid orders, some with a refund in the middle of its life.
BOUGHT: Final = (
    *(S.SOLD, S.TRANSFER_SOLD, S.PART_ASKED, S.PART_FAILED, S.PAYOUT_ASKED),
    *(S.PLANNED, S.PACKED, S.WAITING, *SENT, S.GIFT_SOLD, *CHANGING),
    *(S.DUE, S.DUE_SENT, S.AUTHORIZED, S.CAPTURE_ASKED, S.CAPTURE_LOST),
    *(S.UNSURE, S.RENEWAL_ASKED, S.ENDING),
)
#: Orders whose bank is to hold on to their money, or to give it before it lets go.
RENEWING: Final = (S.UNSURE, S.RENEWAL_ASKED, S.ENDING)
#: Orders whose money is to be taken, since they were sent.
_CAPTURES: Final = (S.CAPTURE_ASKED, S.CAPTURE_LOST)
#: Orders whose goods staff work on.
GOODS: Final = BOUGHT


class Part(msgspec.Struct, frozen=True):
    """An actor: what it does, at which stages, and with what it may be refused.

    ``is_expiring``: it looks for holds that are over; ``is_sweeping``: for what is due;
    ``is_canceling_old``: for orders that nobody paid; ``is_taking``: it only ever takes stock;
    ``is_over_all``: what others left is in its way, so it begins in an empty store.
    """

    name: str
    act: Act
    stages: tuple[Stage, ...]
    refusals: tuple[type[Exception], ...]
    is_expiring: bool = False
    is_sweeping: bool = False
    is_canceling_old: bool = False
    is_taking: bool = False
    is_over_all: bool = False


PARTS: Final[dict[str, Part]] = {}


def part(
    *stages: Stage, refusals: tuple[type[Exception], ...] = (), **facts: bool
) -> Callable[[Act], Act]:
    """Enter an actor under its function's name."""

    def enter(act: Act) -> Act:
        name = act.__name__
        PARTS[name] = Part(name, act, stages, refusals, **facts)
        return act

    return enter


# --- placing ---------------------------------------------------------------------------------

_PLACING: Final[tuple[type[DomainError], ...]] = (InsufficientStock,)


class Told(msgspec.Struct, frozen=True):
    """An order that was acknowledged: what was sent, and the very answer."""

    placement: Placement
    body: bytes

    @property
    def key(self) -> str:
        """The key that it was sent under."""
        return self.placement.key


async def _place(seat: Seat, subject: Subject, *, provider: str, key: str | None = None) -> Told:
    placement = subject.placement(provider=provider, key=key)
    answer = await commands.place_order(seat.checkout, placement)
    return Told(placement, answer.body)


def _own(seat: Seat, scene: Scene, subject: Subject) -> Subject:
    """A purchase that nobody else makes; the same one when its buyer asks again."""
    own = Subject(S.EMPTY, scene.lines_of(seat.chance), buyer=scene.buyer)
    own.key = f"{subject.key}-{seat.name}"
    return own


@part(S.EMPTY, refusals=_PLACING, is_taking=True)
@exercises(commands.place_order)
async def place_by_card(at: Place) -> Told:
    """A buyer's own order, with the provider's answer lost now and then."""
    own = _own(at.seat, at.scene, at.subject)
    if at.seat.chance.random() < 0.3:
        at.seat.card.mishaps.append(lost(is_done=at.seat.chance.random() < 0.7))
    return await _place(at.seat, own, provider=at.seat.card.name)


@part(S.EMPTY, refusals=_PLACING, is_taking=True)
@exercises(commands.place_order)
async def place_by_transfer(at: Place) -> Told:
    """A buyer's own order; no provider to ask."""
    own = _own(at.seat, at.scene, at.subject)
    return await _place(at.seat, own, provider="bank_transfer")


@part(S.CART, S.CART_PAID_THERE, refusals=(*_PLACING, NothingToOrder), is_taking=True)
@exercises(commands.place_order)
async def place_from_cart(at: Place) -> Told:
    """One cart, checked out here under a key of its own."""
    provider = at.seat.chance.choice((at.seat.card.name, "bank_transfer"))
    return await _place(
        at.seat, at.subject, provider=provider, key=f"{at.subject.key}-{at.seat.name}"
    )


@part(S.EMPTY, S.CART, refusals=(*_PLACING, NothingToOrder), is_taking=True)
@exercises(commands.place_order)
async def place_same_key(at: Place) -> Told:
    """The same request once more, as an impatient client sends it; an answer may be lost."""
    if at.seat.chance.random() < 0.4:
        at.seat.card.mishaps.append(lost())
    return await _place(at.seat, at.subject, provider="pretend")


@part(S.EMPTY, refusals=(*_PLACING, IdempotencyKeyReused))
@exercises(commands.place_order)
async def place_other_body(at: Place) -> Told:
    """The same key under another body: one of the two is refused."""
    placement = msgspec.structs.replace(
        at.subject.placement(provider="pretend"), request_hash=idempotency.hash_request(b"other")
    )
    answer = await commands.place_order(at.seat.checkout, placement)
    return Told(placement, answer.body)


# --- beats 2 and 3, webhooks, coming back ----------------------------------------------------


def _mishap(seat: Seat, refusal: ProviderFailure) -> Mishap | None:
    luck = seat.chance.random()
    if luck < 0.2:
        return lost(is_done=seat.chance.random() < 0.5)
    if luck < 0.3:
        return Mishap(Unavailable("not now"), is_done=False)
    if luck < 0.4:
        return Mishap(refusal, is_done=False)
    return None


async def _ask(seat: Seat, subject: Subject, kind: OperationKind, refusal: ProviderFailure) -> str:
    async with seat.db.connection() as connection:
        question = await payments.find_operation(
            connection, payment_id=subject.payment_id, kind=kind
        )
    if question is None or question.state.value not in {"pending", "unknown"}:
        return "nothing to ask"
    mishap = _mishap(seat, refusal)
    if mishap is not None:
        seat.card.mishaps.append(mishap)
    outcome = await commands.ask(seat.checkout, question)
    return "" if outcome is None else outcome.effect


@part(S.NOT_ASKED, S.LOST)
@exercises(commands.ask)
async def ask_create(at: Place) -> str:
    """The provider is asked to begin: answered, lost, refused or away."""
    return await _ask(
        at.seat, at.subject, OperationKind.CREATE, Declined("no", code="card_declined")
    )


@part(*REFUNDS)
@exercises(commands.ask)
async def ask_refund(at: Place) -> str:
    """The provider is asked for the money back; some take their time."""
    at.seat.card.is_slow_to_refund = at.seat.chance.random() < 0.3
    return await _ask(
        at.seat, at.subject, OperationKind.REFUND, InvalidRequest("no", code="too_old")
    )


@part(S.VOID_ASKED)
@exercises(commands.ask)
async def ask_void(at: Place) -> str:
    """The provider is told that nobody will pay; somebody may have."""
    return await _ask(
        at.seat, at.subject, OperationKind.VOID, InvalidRequest("no", code="too_late")
    )


@part(*NEWS, S.OPEN, S.SOLD, S.VOID_ASKED, *REFUNDS, *_CAPTURES)
@exercises(
    commands.Inbox,
    commands.process_webhook,
    payment_commands.store_webhook,
    payment_commands.end_webhook,
)
async def deliver_webhook(at: Place) -> int:
    """One message, perhaps twice; the same one that others deliver."""
    body, headers = a_webhook(at.subject.provider_id)
    inbox = commands.Inbox(at.seat.checkout)
    count = 0
    for _ in range(at.seat.chance.choice((1, 1, 2))):
        count += await inbox.receive(
            provider_name=at.seat.card.name, raw_body=body, headers=headers
        )
    await inbox.close()
    return count


@part(*NEWS, S.LOST, S.VOID_ASKED, *REFUNDS, S.SOLD, S.DUE_NEW, *_CAPTURES)
@exercises(commands.check_payment)
async def check_payment(at: Place) -> str:
    """The provider is read, and its word taken."""
    outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
    return "" if outcome is None else outcome.effect


@part(*NEWS, S.OPEN)
@exercises(commands.verify_payment)
async def come_back(at: Place) -> str:
    """The buyer is back from the provider's page and wants to know."""
    outcome = await commands.verify_payment(at.seat.checkout, payment_id=at.subject.payment_id)
    return "" if outcome is None else outcome.effect


@part(S.OPEN, S.VOID_ASKED, S.CHANGE_OPEN, S.EXCHANGE_OPEN)
@exercises(commands.check_payment)
async def pay_and_check(at: Place) -> str:
    """The buyer pays in the middle of all this, unless the provider was told otherwise."""
    async with at.seat.db.connection() as connection:
        await payments.get_payment(connection, payment_id=at.subject.payment_id)
    at.scene.book.capture(at.subject.provider_id)
    outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
    return "" if outcome is None else outcome.effect


# --- what buyers and staff do with an order --------------------------------------------------


async def _cancel(seat: Seat, subject: Subject, reason: CancelReason, who: Actor) -> str:
    placed = await commands.cancel_order(
        seat.checkout, order_id=subject.order_id, reason=reason, actor=who
    )
    assert placed.order.canceled_at is not None
    return "canceled"


_REFUND: Final = (UnitsNotRefundable, NothingToRefund, RefundExceedsPaid)


@part(*BOUGHT, refusals=_REFUND)
@exercises(commands.refund_order)
async def refund_a_unit(at: Place) -> str:
    """Staff give back the money for a unit."""
    placed = await refund_unit(at.seat.checkout, at.subject)
    assert placed.refunds
    return "refund asked for"


@part(*BOUGHT, refusals=_REFUND)
@exercises(commands.refund_order, commands.preview_refund)
async def refund_what_is_left(at: Place) -> str:
    """Staff look what is left of the money, and give it back."""
    await commands.preview_refund(at.seat.checkout, order_id=at.subject.order_id, wish=Wish())
    await commands.refund_order(
        at.seat.checkout,
        order_id=at.subject.order_id,
        wish=Wish(),
        reason="all of it",
        actor=STAFF,
    )
    return "refund asked for"


async def _a_refund(at: Place) -> RefundId:
    async with at.seat.db.connection() as connection:
        rows = await payments.list_refunds(connection, order_ids=[at.subject.order_id])
    return rows[0].id


@part(S.PART_FAILED, refusals=(RefundExceedsPaid,))
@exercises(commands.retry_refund)
async def retry_refund(at: Place) -> str:
    """Staff try again what was refused."""
    outcome = await commands.retry_refund(
        at.seat.checkout,
        order_id=at.subject.order_id,
        refund_id=await _a_refund(at),
        actor=STAFF,
    )
    return outcome.effect


@part(S.PAYOUT_ASKED)
@exercises(commands.confirm_refund)
async def pay_out(at: Place) -> str:
    """Staff have sent the money."""
    outcome = await commands.confirm_refund(
        at.seat.checkout,
        order_id=at.subject.order_id,
        refund_id=await _a_refund(at),
        actor=STAFF,
    )
    return outcome.effect


@part(*SENT, refusals=(UnitsNotReturnable,))
@exercises(commands.request_return)
async def ask_to_send_back(at: Place) -> str:
    """The buyer asks to send a unit back."""
    await ask_to_return(at.seat.checkout, at.subject)
    return "asked"


@part(S.RETURN_ASKED, refusals=(ReturnNotPossible,))
@exercises(commands.move_return)
async def decide_return(at: Place) -> str:
    """Staff let it come, or do not."""
    event = at.seat.chance.choice((ReturnEvent.APPROVE, ReturnEvent.REJECT))
    return await commands.move_return(
        at.seat.checkout,
        order_id=at.subject.order_id,
        return_id=at.subject.return_id,
        event=event,
        actor=STAFF,
    )


@part(*RETURNING, refusals=(ReturnNotPossible,))
@exercises(commands.receive_return)
async def open_parcel(at: Place) -> str:
    """Staff open the parcel."""
    return await receive(at.seat.checkout, at.subject)


@part(S.RETURN_RECEIVED, S.RETURN_INSPECTED, refusals=(ReturnNotPossible,))
@exercises(commands.inspect_return)
async def put_on_shelf(at: Place) -> str:
    """Staff put the unit on the shelf."""
    return await inspect(at.seat.checkout, at.scene, at.subject)


@part(
    *(S.RETURN_RECEIVED, S.RETURN_INSPECTED, *EXCHANGING),
    refusals=(ReturnNotPossible, ChangeAwaitsPayment, *_REFUND),
)
@exercises(commands.complete_return)
async def pay_returned(at: Place) -> str:
    """Staff pay the returned unit back."""
    return await commands.complete_return(
        at.seat.checkout,
        order_id=at.subject.order_id,
        return_id=at.subject.return_id,
        actor=STAFF,
    )


_PART: Final = (OrderNotCancelable, UnitsNotCancelable, PaymentInProgress, NothingLeft)


@part(*UNPAID, *BOUGHT, refusals=_PART)
@exercises(commands.cancel_part)
async def cancel_a_unit(at: Place) -> str:
    """The buyer wants one unit less; of a single one, nothing."""
    async with at.seat.db.connection() as connection:
        lines = await orders.list_lines(connection, order_ids=[at.subject.order_id])
    await commands.cancel_part(
        at.seat.checkout,
        order_id=at.subject.order_id,
        lines=((lines[at.subject.order_id][0].id, 1),),
        reason=CancelReason.BUYER,
        actor=BUYER,
    )
    return "one less"


@part(
    *(*UNPAID, S.SOLD, S.PLANNED, S.DUE, S.AUTHORIZED, *RENEWING),
    refusals=(OrderNotCancelable,),
)
@exercises(commands.cancel_order)
async def cancel_as_buyer(at: Place) -> str:
    """The buyer has second thoughts."""
    return await _cancel(at.seat, at.subject, CancelReason.BUYER, BUYER)


@part(
    *(*UNPAID, *GOODS, S.VOID_ASKED, *REFUNDS),
    refusals=(OrderNotCancelable,),
)
@exercises(commands.cancel_order)
async def cancel_as_staff(at: Place) -> str:
    """Staff take an order back."""
    return await _cancel(at.seat, at.subject, CancelReason.STAFF, STAFF)


_RETRY: Final = (InsufficientStock, OrderNotPayable, PaymentInProgress)


@part(*UNPAID, refusals=_RETRY)
@exercises(commands.retry_payment)
async def retry_by_card(at: Place) -> str:
    """The buyer pays again, by card."""
    await commands.retry_payment(
        at.seat.checkout, order_id=at.subject.order_id, provider=at.seat.card.name
    )
    return "paying again"


@part(*UNPAID, refusals=_RETRY)
@exercises(commands.retry_payment)
async def retry_by_transfer(at: Place) -> str:
    """The buyer pays again, by transfer."""
    await commands.retry_payment(
        at.seat.checkout, order_id=at.subject.order_id, provider="bank_transfer"
    )
    return "paying again"


@part(
    *(S.OPEN, S.PAID_THERE, S.TRANSFER, S.FAILED),
    refusals=(OrderNotPayable, HoldOver, ExtensionRefused),
)
@exercises(commands.extend_reservation)
async def extend(at: Place) -> str:
    """The buyer wants more time."""
    await commands.extend_reservation(at.seat.checkout, order_id=at.subject.order_id)
    return "extended"


async def _confirm(seat: Seat, subject: Subject, amount: int) -> str:
    outcome = await commands.confirm_payment(
        seat.checkout,
        payment_id=subject.payment_id,
        received=Money(amount, CURRENCY),
        actor=STAFF,
    )
    return outcome.effect


@part(S.TRANSFER, S.TRANSFER_OVER, S.TRANSFER_SOLD)
@exercises(commands.confirm_payment)
async def confirm_transfer(at: Place) -> str:
    """The whole amount is on the account."""
    assert at.subject.payment is not None
    return await _confirm(at.seat, at.subject, at.subject.payment.requested_minor)


@part(S.TRANSFER, S.TRANSFER_OVER)
@exercises(commands.confirm_payment)
async def confirm_short(at: Place) -> str:
    """A cent is missing."""
    assert at.subject.payment is not None
    return await _confirm(at.seat, at.subject, at.subject.payment.requested_minor - 1)


@part(S.TRANSFER, S.TRANSFER_OVER, S.TRANSFER_SOLD, refusals=(PaymentNotConfirmable,))
@exercises(commands.reject_transfer)
async def reject_transfer(at: Place) -> str:
    """Staff say that the money will not come."""
    outcome = await commands.reject_transfer(
        at.seat.checkout, payment_id=at.subject.payment_id, reason="proof", actor=STAFF
    )
    return outcome.effect


# --- holds of callers of the API -------------------------------------------------------------


@part(S.EMPTY, refusals=(InsufficientStock,), is_taking=True)
@exercises(inventory.reserve)
async def reserve(at: Place) -> str:
    """Somebody holds units outside any order."""
    demands = [inventory.Demand(*line) for line in at.scene.lines_of(at.seat.chance)]
    holder_id = new_id()
    rows = await inventory.reserve(at.seat.db, demands=demands, ttl=HOLD, holder_id=holder_id)
    assert sum(row.quantity for row in rows) == sum(row.quantity for row in demands)
    return "held"


@part(S.HELD, refusals=(ReservationNotFound,))
@exercises(inventory.release)
async def release(at: Place) -> int:
    """Whoever holds lets go."""
    rows = await inventory.release(at.seat.db, holder_id=at.subject.holder_id, reason="proof")
    return len(rows)


@part(S.HELD, is_expiring=True, refusals=(ReservationNotFound,))
@exercises(inventory.expire)
async def expire_held(at: Place) -> int:
    """One caller's hold is over."""
    return await inventory.expire(at.seat.db, holder_id=at.subject.holder_id)


@part(S.EMPTY, *UNPAID, S.WAITING)
@exercises(inventory.receive_stock)
async def receive_stock(at: Place) -> int:
    """A delivery is put on the shelf; whoever books the same one again adds nothing."""
    assert at.scene.place is not None
    variant_id = at.scene.variants[0]
    added = await inventory.receive_stock(
        at.seat.db,
        arrivals=[inventory.Arrival(variant_id, at.scene.place, 1)],
        reference=at.subject.key,
        actor=STAFF.name,
    )
    at.scene.on_hand[variant_id] += added
    return added


# --- what staff do to the shelves ------------------------------------------------------------


@part(S.EMPTY, *UNPAID, S.MOVING, S.COUNTED, S.WAITING, refusals=(UnitsPromised,))
@exercises(inventory.adjust_stock)
async def adjust(at: Place) -> int:
    """A unit is found, or one is broken; not one that somebody was promised."""
    variant_id, delta = at.scene.variants[0], at.seat.chance.choice((-1, 1))
    await inventory.adjust_stock(
        at.seat.db,
        adjustment=inventory.Adjustment(variant_id, "main", delta),
        reference=at.subject.key,
        actor=STAFF.name,
    )
    at.scene.on_hand[variant_id] += delta
    return delta


@part(S.EMPTY, *UNPAID, S.MOVING)
@exercises(inventory.import_stock)
async def import_file(at: Place) -> str:
    """A file sets a threshold and says nothing new of the rest, unless somebody was faster."""
    async with at.seat.db.connection() as connection:
        rows = await inventory_queries.list_levels_of(
            connection, variant_ids=[at.scene.variants[0]]
        )
    level = rows[at.scene.variants[0]][0]
    text = (
        "sku,location,on_hand,expected_on_hand,low_stock_threshold\n"
        f"{level.sku},{level.location},{level.on_hand},{level.on_hand},3\n"
    )
    try:
        await inventory.import_stock(
            at.seat.db, raw=text.encode(), reference=at.subject.key, actor=STAFF.name
        )
    except InvalidInput as refusal:
        if {fault.code for fault in refusal.faults} != {"changed_meanwhile"}:
            raise
        return "somebody was faster"
    return "imported"


@part(S.EMPTY, S.DRAFTED, refusals=(InsufficientStock, TransferNotPossible))
@exercises(inventory.create_transfer, inventory.dispatch_transfer)
async def dispatch(at: Place) -> str:
    """Units are sent to another location: those that wait to be, or a unit of one's own."""
    transfer_id = at.subject.transfer
    if transfer_id is None:
        new = inventory.NewTransfer("main", "annex", ((at.scene.variants[0], 1),))
        drafted = await inventory.create_transfer(at.seat.db, new=new, actor=STAFF.name)
        transfer_id = drafted.transfer.id
    view = await inventory.dispatch_transfer(at.seat.db, transfer_id=transfer_id, actor=STAFF.name)
    return view.transfer.state.value


@part(S.MOVING, refusals=(TransferNotPossible, InvalidInput))
@exercises(inventory.receive_transfer)
async def receive_moved(at: Place) -> str:
    """Units arrive at the other location: all, or one of them."""
    arrived = [(at.subject.lines[0][0], 1)] if at.seat.chance.random() < 0.5 else []
    view = await inventory.receive_transfer(
        at.seat.db, transfer_id=at.subject.transfer_id, arrived=arrived, actor=STAFF.name
    )
    return view.transfer.state.value


@part(S.DRAFTED, S.MOVING, refusals=(TransferNotPossible,))
@exercises(inventory.cancel_transfer)
async def cancel_moved(at: Place) -> str:
    """Units on their way are called back."""
    view = await inventory.cancel_transfer(
        at.seat.db, transfer_id=at.subject.transfer_id, actor=STAFF.name
    )
    return view.transfer.state.value


@part(S.COUNTED, refusals=(CountEnded,))
@exercises(inventory.apply_count)
async def apply_count(at: Place) -> str:
    """What was counted is believed, once."""
    view = await inventory.apply_count(at.seat.db, count_id=at.subject.count_id, actor=STAFF.name)
    at.scene.counts[at.subject.count_id] = (
        at.scene.variants[0],
        view.lines[0].difference or 0,
    )
    return view.count.state.value


@part(S.COUNTED, refusals=(CountEnded,))
@exercises(inventory.start_count, inventory.record_counted)
async def count_again(at: Place) -> str:
    """Somebody counts the same shelf once more, and sees one unit less."""
    async with at.seat.db.connection() as connection:
        before = await inventory_queries.read_count(connection, count_id=at.subject.count_id)
    await inventory.record_counted(
        at.seat.db,
        count_id=at.subject.count_id,
        counted=[(at.scene.variants[0], before.lines[0].on_hand)],
        actor=STAFF.name,
    )
    return "counted"


@part(S.COUNTED, refusals=(CountEnded,))
@exercises(inventory.cancel_count)
async def cancel_count(at: Place) -> str:
    """What was counted is forgotten."""
    view = await inventory.cancel_count(at.seat.db, count_id=at.subject.count_id, actor=STAFF.name)
    return view.count.state.value


@part(S.EMPTY, *UNPAID)
@exercises(inventory.raise_low_stock_alerts)
async def tell_of_low_stock(at: Place) -> int:
    """Whatever is low is announced, once."""
    return await inventory.raise_low_stock_alerts(at.seat.db)


# --- the worker ------------------------------------------------------------------------------


@part(*UNPAID, S.HELD, *CHANGING, is_expiring=True)
@exercises(commands.expire_reservations)
async def expire_holds(at: Place) -> int:
    """Whatever is over is freed."""
    return await commands.expire_reservations(at.seat.checkout)


@part(*UNPAID, is_canceling_old=True)
@exercises(commands.cancel_unpaid_orders)
async def cancel_unpaid(at: Place) -> int:
    """Orders that nobody paid for are given up."""
    return await commands.cancel_unpaid_orders(at.seat.checkout)


@part(S.NOT_ASKED, S.LOST, *REFUNDS, S.VOID_ASKED, *_CAPTURES, is_sweeping=True)
@exercises(commands.ask_due_operations, payment_commands.claim_operations)
async def ask_due(at: Place) -> int:
    """Unanswered questions are asked again."""
    return await commands.ask_due_operations(at.seat.checkout)


@part(*NEWS, S.LOST, S.OPEN, S.DUE_NEW, *_CAPTURES, is_sweeping=True)
@exercises(commands.check_due_payments, payment_commands.claim_checks, payment_commands.check_soon)
async def check_due(at: Place) -> int:
    """Undecided payments are looked up; now and then the provider does not answer."""
    if at.seat.chance.random() < 0.3:
        at.seat.card.mishaps.append(lost())
    return await commands.check_due_payments(at.seat.checkout)


@part(*NEWS, is_sweeping=True)
@exercises(commands.process_due_webhooks, payment_commands.claim_webhooks)
async def process_webhooks(at: Place) -> int:
    """Messages that nobody finished are acted upon."""
    return await commands.process_due_webhooks(at.seat.checkout)


@part(
    *(*UNPAID, *REFUNDS, S.VOID_ASKED, *CHANGING),
    is_expiring=True,
    is_sweeping=True,
    is_canceling_old=True,
)
@exercises(commands.sweep)
async def sweep(at: Place) -> object:
    """A whole sweep."""
    return await commands.sweep(at.seat.checkout)


@part(S.EMPTY, *UNPAID)
@exercises(commands.prune, outbox.publish)
async def prune_and_publish(at: Place) -> int:
    """The worker's housekeeping."""
    return await commands.prune(at.seat.checkout) + await outbox.publish(
        at.seat.db, subscribers=()
    )


# --- what is written down --------------------------------------------------------------------


@part(S.PAID_THERE, S.SOLD, S.TRANSFER, S.TRANSFER_SOLD, *REFUNDS)
@exercises(commands.issue_documents, documents.issue_due)
async def issue_documents(at: Place) -> int:
    """The worker writes down what was sold and what went back."""
    return await commands.issue_documents(at.seat.checkout)


@part(S.SOLD, S.TRANSFER_SOLD, *REFUNDS, refusals=(DocumentNotDue,))
@exercises(documents.issue)
async def print_documents(at: Place) -> str:
    """Somebody in the shop wants the invoice and the packing slip now."""
    numbers = []
    for kind in (DocumentKind.INVOICE, DocumentKind.PACKING_SLIP):
        issued = await documents.issue(
            at.seat.db, order_id=at.subject.order_id, kind=kind, actor=STAFF.name
        )
        numbers.append(issued.document.number)
    return " ".join(numbers)


# --- the cart, which a paid order takes its lines out of ---------------------------------------


@part(S.CART, S.CART_PAID_THERE, refusals=(InsufficientStock,))
@exercises(carts.add_line)
async def add_to_cart(at: Place) -> str:
    """Another unit goes into the cart."""
    assert at.subject.cart is not None
    variant_id = at.subject.lines[0][0]
    await carts.add_line(
        at.seat.db,
        token=at.subject.cart.token,
        cart_id=at.subject.cart.id,
        variant_id=variant_id,
        quantity=1,
    )
    return "added"


@part(S.CART, S.CART_PAID_THERE)
@exercises(carts.clear_cart)
async def clear_cart(at: Place) -> str:
    """The cart is emptied."""
    assert at.subject.cart is not None
    await carts.clear_cart(at.seat.db, token=at.subject.cart.token, cart_id=at.subject.cart.id)
    return "cleared"
