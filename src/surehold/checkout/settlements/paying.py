"""Paying a placed order again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from surehold.checkout import rules
from surehold.checkout.case import Case
from surehold.checkout.engine import Context
from surehold.checkout.model import BUYER, Actor
from surehold.checkout.settlements.model import Outcome, Settlement
from surehold.kernel.ids import PaymentId
from surehold.kernel.money import Money
from surehold.payments.model import Payment, PaymentState, PushPrompt

#: Sooner, what was sent to a telephone may still be on its way.
SENT_AGAIN_AFTER: Final = timedelta(seconds=60)
#: So many last digits tell two numbers apart, however a provider writes what stands before them.
_TAIL: Final = 9


class SettleCovered(Settlement, frozen=True):
    """Gift cards pay all of the order: nobody else is asked."""

    def decide(self, case: Case, context: Context) -> Outcome:
        """Sell it, once."""
        paid_by = case.card_parts[-1:] or tuple(case.payments.values())[-1:]
        effect = rules.sell_covered(case, actor=BUYER, providers=context.providers)
        return Outcome(effect, paid_by[0].id if paid_by else None)


class TrustToDelivery(Settlement, frozen=True):
    """The order is to be paid at the door: it is confirmed, and its goods are its own."""

    def decide(self, case: Case, context: Context) -> Outcome:
        """Confirm it, once."""
        del context
        return Outcome(rules.trust_to_delivery(case))


class RetryPayment(Settlement, frozen=True):
    """The buyer pays (again), perhaps another way.

    ``phone`` is where it is confirmed, in E.164 form; ``is_again``: what was sent to a telephone
    is sent again, once ``SENT_AGAIN_AFTER`` is over.
    """

    provider: str
    phone: str | None = None
    is_again: bool = False

    def decide(self, case: Case, context: Context) -> Outcome:
        """Join the open payment of the same provider while its hold lives, else begin another.

        Raises:
            ProviderUnknown, CurrencyNotSupported, AmountNotSupported, OrderNotPayable,
            PaymentInProgress, InsufficientStock: As named.
        """
        joined = self._find_open(case)
        if joined is not None and _is_unasked(joined):
            # Whoever began it stopped before the provider had answered: go on from there.
            return Outcome("joined", joined.id)
        trusted = case.security
        is_refused = trusted is not None and case.is_refused(trusted)
        if trusted is not None and trusted.provider == self.provider and not is_refused:
            return Outcome("joined", trusted.id)
        rules.check_payable(case)
        if joined is not None and not self._is_asked_anew(joined, case.now):
            return Outcome("joined", joined.id)
        # Whether the way of paying is to be had is known before anything changes.
        due = Money(case.order.due_minor, case.order.currency)
        context.providers.get_for(self.provider, due=due)
        context.check_offered(self.provider, case.order, due=due, settings=case.settings)
        ttl = context.hold_time(case, self.provider)
        if not case.is_bought and not case.is_sold:
            rules.hold_again(case, ttl=ttl)
        for payment in case.open_payments:
            rules.give_up_payment(case, payment, providers=context.providers)
        if case.is_sold:
            return self._begin_owed(case, context, ttl=ttl)
        # What cards were to pay went back to them with the holds.
        rules.take_parts_again(case, rules.rest_minor(case), actor=BUYER)
        rest_minor = rules.rest_minor(case)
        if not rest_minor:
            paid_by = case.card_parts[-1]
            effect = rules.sell_covered(case, actor=BUYER, providers=context.providers)
            return Outcome(effect, paid_by.id)
        if not context.can_collect(self.provider, case.order, rest_minor):
            # Not exactly what the cards leave; all of it, as was asked above.
            rules.give_parts_back(case, actor=BUYER)
            rest_minor = rules.rest_minor(case)
        payment, operation = context.begin_payment(
            case.order,
            amount_minor=rest_minor,
            provider_name=self.provider,
            settings=case.settings,
            expires_at=min((row.expires_at for row in case.active), default=case.now + ttl),
            now=case.now,
            phone=self.phone or _phone_of(joined),
        )
        case.add_payment(payment)
        if operation is not None:
            case.writes.operations.append(operation)
        case.change_order(actor=BUYER.name, reason="paying again", provider=self.provider)
        case.relabel()
        rules.trust_to_delivery(case, actor=BUYER)
        return Outcome("begun", payment.id)

    def _find_open(self, case: Case) -> Payment | None:
        """The open payment of this provider, while its hold lives."""
        is_held = case.is_whole_held and not case.is_hold_over
        rows = (
            row
            for row in reversed(case.open_payments)
            if row.provider == self.provider and not case.is_refused(row)
        )
        return next(rows, None) if is_held else None

    def _is_asked_anew(self, joined: Payment, now: datetime) -> bool:
        """Whether another telephone is to be asked, or the same once more."""
        asked = _phone_of(joined)
        if asked is None:
            return False
        if self.phone is not None and _tail(self.phone) != _tail(asked):
            return True
        return self.is_again and now - joined.created_at >= SENT_AGAIN_AFTER

    def _begin_owed(self, case: Case, context: Context, *, ttl: timedelta) -> Outcome:
        """Ask for what is owed of goods that were sent; it is taken at once.

        Raises:
            ProviderUnknown, CurrencyNotSupported, AmountNotSupported: As named.
        """
        context.check_collectable(self.provider, case.order, case.order.owed_minor)
        payment, operation = context.begin_payment(
            case.order,
            amount_minor=case.order.owed_minor,
            provider_name=self.provider,
            settings=case.settings,
            expires_at=case.now + ttl,
            now=case.now,
            is_at_once=True,
            phone=self.phone,
        )
        case.add_payment(payment)
        if operation is not None:
            case.writes.operations.append(operation)
        case.change_order(actor=BUYER.name, reason="paying what is owed", provider=self.provider)
        case.relabel()
        return Outcome("begun", payment.id)


def begin_anew(
    case: Case,
    context: Context,
    waiting: Sequence[Payment],
    *,
    ttl: timedelta,
    actor: Actor,
) -> PaymentId | None:
    """Ask for what is due now of an unpaid order whose open payments asked for another amount.

    Returns the payment that was begun for them, if any was.
    """
    rules.trim_parts(case, actor=actor)
    if any(row.state is PaymentState.AUTHORIZED for row in waiting):
        case.relabel()
        return None  # captured whole; what is too much goes back
    for payment in waiting:
        rules.give_up_payment(case, payment, providers=context.providers)
    # What is not held (any more) is held and asked for afresh when the buyer comes back to pay.
    is_there = case.is_whole_held or case.is_bought
    rest_minor = rules.rest_minor(case) if is_there else 0
    if is_there and not rest_minor:
        rules.sell_covered(case, actor=actor, providers=context.providers)
    is_asked = rest_minor and context.can_collect(case.order.provider, case.order, rest_minor)
    if not waiting or not is_asked:
        case.relabel()
        return None
    begun, operation = context.begin_payment(
        case.order,
        amount_minor=rest_minor,
        provider_name=case.order.provider,
        settings=case.settings,
        expires_at=min((row.expires_at for row in case.active), default=case.now + ttl),
        now=case.now,
        phone=next(filter(None, map(_phone_of, waiting)), None),
    )
    case.add_payment(begun)
    if operation is not None:
        case.writes.operations.append(operation)
    rules.trust_to_delivery(case, actor=actor)
    case.relabel()
    return begun.id


def _is_unasked(payment: Payment) -> bool:
    """Whether no provider has answered for it yet, nor lost its answer."""
    return payment.state is PaymentState.PENDING and payment.provider_payment_id is None


def _phone_of(payment: Payment | None) -> str | None:
    """The telephone that was asked, as the provider writes it; ``None`` where none is."""
    action = None if payment is None else payment.next_action
    return action.phone if isinstance(action, PushPrompt) else None


def _tail(phone: str) -> str:
    return "".join(filter(str.isdigit, phone))[-_TAIL:]
