"""Goods before money, as actors: couriers, banks that hold money and let it go, and captures."""

from __future__ import annotations

from proof.commands import exercises
from proof.explorer.actors import (
    _CAPTURES,
    _PLACING,
    _RETRY,
    RENEWING,
    UNPAID,
    Place,
    S,
    Told,
    _ask,
    _own,
    _place,
    part,
)
from proof.explorer.scene import CURRENCY, STAFF
from surehold.checkout import commands
from surehold.kernel.money import Money
from surehold.orders.errors import OrderNotCancelable
from surehold.payments.cash import commands as cash
from surehold.payments.cash.errors import CashNotHeld, DepositReferenceUsed
from surehold.payments.errors import PaymentNotCapturable, PaymentNotCollectable
from surehold.payments.model import OperationKind
from surehold.payments.providers.failures import (
    Declined,
)
from tests.builders.trust import CASH

#: Orders that are to be paid at the door.
_DUE = (S.DUE_NEW, S.DUE, S.DUE_SENT)


@part(S.EMPTY, refusals=_PLACING, is_taking=True)
@exercises(commands.place_order)
async def place_on_delivery(at: Place) -> Told:
    """A buyer's own order, to be paid at the door."""
    return await _place(at.seat, _own(at.seat, at.scene, at.subject), provider=CASH)


@part(*UNPAID, refusals=_RETRY)
@exercises(commands.retry_payment)
async def retry_on_delivery(at: Place) -> str:
    """The buyer would rather pay at the door."""
    await commands.retry_payment(at.seat.checkout, order_id=at.subject.order_id, provider=CASH)
    return "paying at the door"


async def _collect(at: Place, amount: int) -> str:
    outcome = await commands.collect_cash(
        at.seat.checkout,
        payment_id=at.subject.payment_id,
        received=Money(amount, CURRENCY),
        collected_by=at.seat.name,
        actor=STAFF,
    )
    return outcome.effect


@part(*_DUE, S.COLLECTED)
@exercises(commands.collect_cash)
async def collect(at: Place) -> str:
    """A courier reports all of the cash; somebody else reports it too."""
    assert at.subject.payment is not None
    return await _collect(at, at.subject.payment.requested_minor)


@part(S.DUE_SENT)
@exercises(commands.collect_cash)
async def collect_short(at: Place) -> str:
    """A courier reports a cent less."""
    assert at.subject.payment is not None
    return await _collect(at, at.subject.payment.requested_minor - 1)


@part(*_DUE, refusals=(PaymentNotCollectable, OrderNotCancelable))
@exercises(commands.refuse_delivery)
async def refuse_at_the_door(at: Place) -> str:
    """The buyer does not take it."""
    outcome = await commands.refuse_delivery(
        at.seat.checkout, payment_id=at.subject.payment_id, reason="proof", actor=STAFF
    )
    return outcome.effect


@part(S.COLLECTED, refusals=(CashNotHeld, DepositReferenceUsed))
@exercises(cash.deposit_cash)
async def deposit(at: Place) -> int:
    """The cash is paid in, under the same receipt or another."""
    assert at.subject.payment is not None
    made = await cash.deposit_cash(
        at.seat.db,
        payment_ids=[at.subject.payment_id],
        counted=at.subject.payment.requested,
        reference=at.seat.chance.choice((at.subject.key, f"{at.subject.key}-{at.seat.name}")),
        actor=STAFF.name,
    )
    return made.collected_minor


@part(*_CAPTURES)
@exercises(commands.ask)
async def ask_capture(at: Place) -> str:
    """The provider is asked for what it holds: answered, lost, refused or away."""
    return await _ask(
        at.seat, at.subject, OperationKind.CAPTURE, Declined("no", code="expired_card")
    )


@part(*RENEWING)
@exercises(commands.check_payment, commands.ask)
async def look_in_time(at: Place) -> str:
    """The worker looks at what is held, and asks its bank to hold on or to give it."""
    outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
    refusal = Declined("no", code="expired_card")
    renewed = await _ask(at.seat, at.subject, OperationKind.REAUTHORIZE, refusal)
    taken = await _ask(at.seat, at.subject, OperationKind.CAPTURE, refusal)
    return f"{outcome.effect if outcome else ''} {renewed} {taken}"


@part(S.RENEWAL_ASKED)
@exercises(commands.ask)
async def ask_renewal(at: Place) -> str:
    """The bank is asked to hold on: it does, will not, or nobody hears of it."""
    return await _ask(
        at.seat, at.subject, OperationKind.REAUTHORIZE, Declined("no", code="expired_card")
    )


@part(S.AUTHORIZED, *RENEWING, *_CAPTURES, refusals=(PaymentNotCapturable,))
@exercises(commands.capture_payment)
async def capture_now(at: Place) -> str:
    """Staff want the money now: answered, lost, or refused; perhaps they ask again."""
    effects = []
    for _ in range(at.seat.chance.choice((1, 2))):
        outcome = await commands.capture_payment(
            at.seat.checkout, payment_id=at.subject.payment_id, actor=STAFF
        )
        effects.append(outcome.effect)
    return " ".join(effects)


@part(*_CAPTURES, refusals=_RETRY)
@exercises(commands.retry_payment)
async def pay_what_was_refused(at: Place) -> str:
    """The buyer pays another way for what was sent, when the bank would not."""
    await commands.retry_payment(
        at.seat.checkout, order_id=at.subject.order_id, provider=at.seat.card.name
    )
    return "paying again"


@part(S.AUTHORIZED, *RENEWING, *_CAPTURES)
@exercises(commands.check_payment)
async def capture_there(at: Place) -> str:
    """Somebody takes the money at the provider's own desk."""
    at.scene.book.capture(at.subject.provider_id)
    outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
    return "" if outcome is None else outcome.effect


@part(S.AUTHORIZED, *RENEWING, *_CAPTURES)
@exercises(commands.check_payment)
async def lapse(at: Place) -> str:
    """The buyer's bank lets the money go."""
    at.scene.book.lapse(at.subject.provider_id)
    outcome = await commands.check_payment(at.seat.checkout, at.subject.payment_id)
    return "" if outcome is None else outcome.effect
