"""What a provider's word for a payment does to its order: paid, late, short, mismatched."""

from __future__ import annotations

from typing import Final

import msgspec

from surehold.checkout.case import Case
from surehold.checkout.model import HELD_FOR_REVIEW, PAID, UNCHANGED, Actor
from surehold.checkout.rules.canceling import LAPSED, forget_lapses, give_up_payment
from surehold.checkout.rules.changing import follow_payment, take_difference
from surehold.checkout.rules.disputing import take_disputes
from surehold.checkout.rules.exchanging import take_exchange
from surehold.checkout.rules.finding import book_plain
from surehold.checkout.rules.gift_cards import (
    capture_parts,
    cover_again,
    give_parts_back,
    rest_minor,
)
from surehold.checkout.rules.lapsing import ask_capture, begin_hold, tend_hold
from surehold.checkout.rules.returning import (
    AT_PROVIDER,
    Cause,
    find_unasked,
    record_refund,
    return_money,
)
from surehold.checkout.rules.selling import book_sale, settle_owed
from surehold.checkout.rules.suspecting import suspect
from surehold.checkout.rules.trusting import trust
from surehold.inventory import rules as inventory
from surehold.inventory.model import Reservation, ReservationState
from surehold.inventory.states import ReservationEvent
from surehold.kernel.ids import PaymentId, ReservationId, new_id
from surehold.orders.model import CancelReason
from surehold.payments import ledger
from surehold.payments.authorizations.events import lapsed
from surehold.payments.commands import CHECKS_WITHIN_HOURS
from surehold.payments.model import (
    NoAction,
    Payment,
    PaymentState,
    PaymentTerms,
    RefundState,
)
from surehold.payments.providers.port import (
    ProviderSnapshot,
)
from surehold.payments.providers.registry import Providers
from surehold.payments.states import EVENT_FOR, PAYMENT

#: Orders that somebody gave up for good: money that comes for them goes back.
_GIVEN_UP: Final = frozenset(
    {
        CancelReason.BUYER,
        CancelReason.STAFF,
        CancelReason.REFUSED,
        CancelReason.DISPUTE_LOST,
    }
)


def settle(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """Take a provider's word for where a payment stands. Twice changes nothing.

    Amount, currency and our reference must match, or a person must look.
    """
    held = case.authorizations.get(payment.id)
    reason = _find_mismatch(payment, evidence, held.capture_minor if held else None)
    if reason is None and payment.state is PaymentState.CAPTURED:
        return _follow(case, payment, evidence, actor=actor, providers=providers)
    if _is_known_now(case, payment, evidence, reason=reason):
        payment = msgspec.structs.replace(payment, review_reason=None)
    if payment.review_reason is not None and (reason is not None or not payment.is_suspected):
        return HELD_FOR_REVIEW  # one reason does not hide another: what is odd is seen afterwards
    if reason is not None:
        return _hold_for_review(case, payment, evidence, reason=reason)
    if payment.state is evidence.state is PaymentState.AUTHORIZED:
        return tend_hold(case, payment, evidence, providers=providers)
    event = EVENT_FOR[evidence.state]
    if PAYMENT.find_next(payment.state, event) is None:
        return UNCHANGED  # an older fact than the one we have
    if evidence.state is PaymentState.CAPTURED:
        effect = _capture(case, payment, evidence, actor=actor, providers=providers)
        # What else happened meanwhile, in whatever order we hear of it.
        case.end_step()
        after = case.payment(payment.id)
        if after.state is not PaymentState.CAPTURED:
            return effect
        more = _follow(case, after, evidence, actor=actor, providers=providers)
        return effect if more == UNCHANGED else more
    if evidence.state is PaymentState.AUTHORIZED and payment.terms is PaymentTerms.ON_SHIPMENT:
        return _authorize(case, payment, evidence, actor=actor, providers=providers)
    return _note(case, payment, evidence, actor=actor)


def _is_known_now(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, reason: str | None
) -> bool:
    """Whether a person need not look any more at what a bank would not give, or had let go of.

    The first was taken after all, or is gone; the second has come after all.
    """
    if payment.review_reason == LAPSED:
        is_there = evidence.state in (PaymentState.AUTHORIZED, PaymentState.CAPTURED)
        return is_there and reason is None
    return case.is_refused(payment) and evidence.state is not PaymentState.AUTHORIZED


def _note(case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor) -> str:
    """What is no money: the buyer must act or wait, or it is over and goods may be forsaken."""
    is_over = evidence.state in (PaymentState.FAILED, PaymentState.VOIDED)
    case.put_payment(
        msgspec.structs.replace(
            payment,
            state=evidence.state,
            provider_payment_id=evidence.provider_payment_id,
            authorized_minor=evidence.authorized.amount,
            failure_code=evidence.failure_code,
            failure_message=evidence.failure_message,
            next_action=NoAction() if is_over else payment.next_action,
            next_check_at=None if is_over else payment.next_check_at,
            # Nobody needs to look into money that is not to be had any more.
            review_reason=None if is_over else payment.review_reason,
        )
    )
    if payment.is_secured and _is_forsaken(case):
        after = msgspec.structs.replace(case.payment(payment.id), review_reason=LAPSED)
        case.put_payment(after)
        case.writes.events.append(lapsed(after, case.authorizations.get(payment.id)))
    if is_over:
        follow_payment(case, payment, actor=actor)
    case.change_order(actor=actor.name, reason=f"payment {evidence.state.value}")
    case.relabel()
    return str(evidence.state.value)


def _follow(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """What became of money since it was collected: refunds and disputes, whoever began them.

    While a person looks at a payment, only its disputes go on.
    """
    is_doubtful = payment.review_reason is not None
    effect = UNCHANGED if is_doubtful else _take_refunds(case, evidence)
    moved = take_disputes(case, payment, evidence.disputes, actor=actor, providers=providers)
    if is_doubtful:
        return HELD_FOR_REVIEW
    unasked = _take_unasked(case, payment.id, evidence, actor=actor, providers=providers)
    return unasked or moved or effect


def _is_forsaken(case: Case) -> bool:
    """Whether an order owns goods that nobody pays for any more."""
    is_open = case.order.canceled_at is None and case.is_bought and case.security is None
    return is_open and (not case.is_sold or case.order.owed_minor > 0)


def _take_refunds(case: Case, evidence: ProviderSnapshot) -> str:
    """Our refunds that the provider has finished since we asked."""
    effect = UNCHANGED
    for snapshot in evidence.refunds:
        refund = next(
            (row for row in case.refunds.values() if str(row.id) == snapshot.refund_reference),
            None,
        )
        if refund is not None and refund.state is RefundState.REQUESTED:
            effect = record_refund(case, refund, snapshot, failure_code=None)
    return effect


def _take_unasked(
    case: Case,
    payment_id: PaymentId,
    evidence: ProviderSnapshot,
    *,
    actor: Actor,
    providers: Providers,
) -> str | None:
    """What people gave back at the provider: a person is asked, or the plain is booked at once."""
    payment, booked = case.payment(payment_id), None
    reason = find_unasked(case, payment, evidence)
    if payment.review_reason is not None:
        return None
    if reason == AT_PROVIDER and case.settings.refunds_at_provider == "book":
        booked = book_plain(case, payment, evidence, actor=actor, providers=providers)
        payment = case.payment(payment_id)
        reason = reason if booked is None else find_unasked(case, payment, evidence)
    if reason is None:
        return booked
    case.put_payment(msgspec.structs.replace(payment, review_reason=reason))
    return HELD_FOR_REVIEW


def _find_mismatch(
    payment: Payment, evidence: ProviderSnapshot, capture_minor: int | None
) -> str | None:
    """Why a word cannot be taken; what was captured is all, or what was asked to be captured."""
    if evidence.merchant_reference != payment.merchant_reference:
        return "reference_mismatch"
    if evidence.requested is None:
        return None  # no money has moved, and the provider names no amount before it has
    if evidence.requested.currency != payment.currency:
        return "currency_mismatch"
    if evidence.requested.amount != payment.requested_minor:
        return "amount_mismatch"
    if evidence.captured.currency != payment.currency:
        return "currency_mismatch"
    is_authorized = evidence.state is PaymentState.AUTHORIZED
    if (
        payment.terms is PaymentTerms.ON_SHIPMENT
        and is_authorized
        and (evidence.authorized != payment.requested)
    ):
        return "amount_mismatch"
    is_whole = evidence.captured.amount in (payment.requested_minor, capture_minor)
    if (evidence.state is PaymentState.CAPTURED) != is_whole or (
        evidence.captured.amount and not is_whole
    ):
        return "amount_mismatch"
    return None


def _hold_for_review(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, reason: str
) -> str:
    """Park what came; never mark the order paid. The money is in the books, under suspense."""
    case.put_payment(msgspec.structs.replace(payment, review_reason=reason, next_check_at=None))
    if evidence.captured.amount and payment.state is not PaymentState.CAPTURED:
        case.writes.journals.append(
            ledger.suspense(
                payment_id=payment.id,
                order_id=payment.order_id,
                provider=payment.provider,
                currency=evidence.captured.currency,
                amount_minor=evidence.captured.amount,
            )
        )
    return HELD_FOR_REVIEW


def _capture(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """Book the money first, then decide what it buys."""
    change = case.change_paid_by(payment.id)
    was_secured = payment.is_secured
    if change is None and _is_too_little(case, evidence.captured.amount):
        return _hold_for_review(case, payment, evidence, reason="amount_mismatch")
    is_covered = case.order.paid_minor - case.order.refunded_minor >= case.order.due_minor
    payment = msgspec.structs.replace(
        payment,
        state=PaymentState.CAPTURED,
        provider_payment_id=evidence.provider_payment_id,
        captured_minor=evidence.captured.amount,
        authorized_minor=0,
        failure_code=None,
        failure_message=None,
        next_action=NoAction(),
        next_check_at=None,
    )
    case.put_payment(payment)
    case.writes.journals.append(
        ledger.capture(
            payment_id=payment.id,
            order_id=payment.order_id,
            provider=payment.provider,
            currency=payment.currency,
            amount_minor=payment.captured_minor,
        )
    )
    if change is not None and change.return_id is not None:
        return take_exchange(case, change, payment, actor=actor, providers=providers)
    if change is not None:
        return take_difference(case, change, payment, actor=actor, providers=providers)
    rest = case.order.owed_minor if case.is_sold else rest_minor(case)
    is_short = case.security is not None and payment.captured_minor < rest
    is_open = case.is_bought and case.order.canceled_at is None
    if is_covered or (is_open and (not rest or is_short)):
        return return_money(
            case, payment, cause=Cause("duplicate_payment", actor), providers=providers
        )
    if case.order.cancel_reason in _GIVEN_UP:
        return return_money(
            case, payment, cause=Cause("paid_after_cancel", actor), providers=providers
        )
    reason = _obtain(case, rest - payment.captured_minor, actor=actor)
    if reason is None:
        return _shortfall(case, payment, actor=actor, providers=providers)
    _let_go(case, payment, providers=providers)
    effect = _sell(case, payment, actor=actor, providers=providers, reason=reason)
    # What was authorized was looked into then.
    return HELD_FOR_REVIEW if not was_secured and suspect(case, payment) else effect


def _authorize(
    case: Case, payment: Payment, evidence: ProviderSnapshot, *, actor: Actor, providers: Providers
) -> str:
    """Let the order own its goods for money that is sure; what is sure for nothing is let go.

    What is owed for goods that have left is asked for at once: their money had lapsed, or been
    refused. No money has moved, so nothing is booked.
    """
    trusted = case.security
    is_alone = trusted is None or case.is_refused(trusted)
    is_owed = 0 < case.order.owed_minor <= evidence.authorized.amount
    payment = msgspec.structs.replace(
        payment,
        state=PaymentState.AUTHORIZED,
        provider_payment_id=evidence.provider_payment_id,
        authorized_minor=evidence.authorized.amount,
        failure_code=None,
        failure_message=None,
        next_action=NoAction(),
        # Looked at once a day: it may lapse.
        check_count=CHECKS_WITHIN_HOURS,
    )
    case.put_payment(begin_hold(case, payment, evidence, providers=providers))
    if is_alone and is_owed:
        forget_lapses(case)
        ask_capture(case, payment, providers=providers)
        case.change_order(actor=actor.name, reason="authorized, and owed")
        case.relabel()
        return "capturing"
    if case.is_sold or not is_alone or case.order.cancel_reason in _GIVEN_UP:
        give_up_payment(case, payment, providers=providers)
        case.change_order(actor=actor.name, reason="authorized, and not needed")
        case.relabel()
        return "not_needed"
    reason = _obtain(case, rest_minor(case) - payment.authorized_minor, actor=actor)
    if reason is None:
        give_up_payment(case, payment, providers=providers)
        return _give_up_sold_out(case, actor=actor)
    forget_lapses(case)
    trust(case, actor=actor, reason=f"authorized, {reason}")
    return HELD_FOR_REVIEW if suspect(case, payment) else "authorized"


def _obtain(case: Case, missing: int, *, actor: Actor) -> str | None:
    """Own every unit, and let cards pay what is missing: how that was done, if it was."""
    if case.is_bought:
        return "paid" if cover_again(case, missing, actor=actor) else None
    if case.is_whole_held and cover_again(case, missing, actor=actor):
        case.commit_holds()
        return "payment captured"
    taken = _take_again(case)
    if taken is not None and case.take_coupon_again() and cover_again(case, missing, actor=actor):
        case.own_afresh(_owned(case, taken))
        case.promise(taken.takes)
        return "paid after the hold had ended"
    return None


def _let_go(case: Case, paid_by: Payment, *, providers: Providers) -> None:
    """Nobody is to pay at the door, or is charged later, for what is paid now."""
    for row in tuple(case.payments.values()):
        if row.is_secured and row.id != paid_by.id:
            give_up_payment(case, row, providers=providers)
    forget_lapses(case)


def _is_too_little(case: Case, captured_minor: int) -> bool:
    """Whether money was asked for before something was added to an order that waits for it.

    What its cards could pay counts as there. While the order's goods are trusted to another
    payment, this one is not needed, and goes back.
    """
    order = case.order
    if not order.added_minor or order.canceled_at is not None or case.security is not None:
        return False
    if case.is_sold:
        return captured_minor < order.owed_minor
    by_card = {
        row.gift_card_id: row.requested_minor for row in case.payments.values() if row.gift_card_id
    }
    return captured_minor + sum(by_card.values()) < order.due_minor


def sell_covered(case: Case, *, actor: Actor, providers: Providers) -> str:
    """Sell an order that gift cards pay in full: nobody else is asked. Twice changes nothing."""
    parts = case.card_parts
    if case.order.canceled_at is not None or not parts or rest_minor(case) or case.is_sold:
        return UNCHANGED
    if not case.is_bought:
        if not case.is_whole_held:
            return UNCHANGED  # paying again holds the items afresh, or says what is left of them
        case.commit_holds()
    last = case.payment(parts[-1].id)
    return _sell(case, last, actor=actor, providers=providers, reason="paid by gift card")


def _take_again(case: Case) -> inventory.Admitted | None:
    """All lines from what is left now, back-orders included; or nothing."""
    case.free_holds(ReservationEvent.RELEASE, reason="taken afresh")
    outcome = case.admit()
    if isinstance(outcome, inventory.Refused):
        return None
    return outcome


def _owned(case: Case, taken: inventory.Admitted) -> tuple[Reservation, ...]:
    """What was taken, owned at once."""
    at = case.stock.next_place(case.now)
    return tuple(
        Reservation(
            id=ReservationId(new_id()),
            holder_id=case.order.id,
            order_line_id=case.due_lines[take.line].id,
            variant_id=take.variant_id,
            location_id=take.location_id,
            quantity=take.quantity,
            state=ReservationState.COMMITTED,
            expires_at=case.now,
            is_grace_used=False,
            created_at=at,
            ended_at=at,
            end_reason="paid late",
        )
        for take in taken.takes
    )


def _sell(case: Case, payment: Payment, *, actor: Actor, providers: Providers, reason: str) -> str:
    """The order owns its stock and the money is earned; the cart has done its work.

    A payment that was begun before a part was canceled asked for more than is due: that goes back.
    What gift cards were to pay is captured with it.
    """
    by_money = payment.captured_minor if payment.gift_card_id is None else 0
    case.revive(actor=actor.name, reason=reason)
    if case.is_sold:
        excess = by_money - settle_owed(case, payment.id, by_money)
    else:
        case.empty_cart()
        by_card = capture_parts(case)
        book_sale(case, payment.id)
        excess = min(by_money, by_money + by_card - case.order.due_minor)
    case.relabel()
    if excess > 0:
        return_money(
            case,
            payment,
            amount_minor=excess,
            cause=Cause("paid_more_than_due", actor, is_excess=True),
            providers=providers,
        )
    return PAID


def _shortfall(case: Case, payment: Payment, *, actor: Actor, providers: Providers) -> str:
    """Paid, and the goods, the coupon or a card's money are gone: everything goes back."""
    _give_up_sold_out(case, actor=actor)
    return return_money(
        case,
        payment,
        cause=Cause(CancelReason.SOLD_OUT_AFTER_PAYMENT.value, actor),
        providers=providers,
    )


def _give_up_sold_out(case: Case, *, actor: Actor) -> str:
    """Cancel an order that cannot be had any more; nothing of it was sold."""
    case.free_allocations()
    give_parts_back(case, actor=actor)
    case.give_coupon_back(reason=CancelReason.SOLD_OUT_AFTER_PAYMENT.value)
    case.change_order(
        actor=actor.name,
        reason=CancelReason.SOLD_OUT_AFTER_PAYMENT.value,
        canceled_at=case.now,
        cancel_reason=CancelReason.SOLD_OUT_AFTER_PAYMENT,
    )
    forget_lapses(case)
    case.relabel()
    return "sold_out"
