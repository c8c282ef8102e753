"""Orders whose money came and that something speaks against: held until a person has decided."""

from __future__ import annotations

import msgspec

from surehold.checkout.case import Case
from surehold.orders.errors import OrderHeld
from surehold.orders.fraud.model import Suspect
from surehold.orders.fraud.rules import assess
from surehold.payments.model import FRAUD_SIGNALS, Payment


def suspect(case: Case, payment: Payment) -> bool:
    """Judge an order whose goods are its own by this payment; whether it is held from now on.

    Nothing is refused and nothing goes back by this: it waits for a person. What has left already
    cannot be held any more. A payment is judged once.
    """
    past = case.past
    if past is None or case.has_shipped:
        return False
    if payment.id in past.judged:
        # It was given up meanwhile, and came all the same.
        if payment.id in past.undecided:
            _mark(case, payment, FRAUD_SIGNALS)
        return payment.id in past.undecided
    found = assess(
        Suspect(case.order, past),
        payment.id,
        settings=case.settings.fraud_signals,
        now=case.now,
    )
    if found is None:
        return False
    case.writes.assessments.append(found)
    if found.is_held:
        _mark(case, payment, FRAUD_SIGNALS)
    return found.is_held


def check_not_held(case: Case) -> None:
    """Refuse what would move goods or money before a person has decided.

    Raises:
        OrderHeld: Somebody looks into a payment of the order.
    """
    if case.is_suspected:
        raise OrderHeld(f"A person looks into the payment of order {case.order.number} first.")


def end_suspicion(case: Case) -> None:
    """Nobody needs to decide: the order is given up, and what it keeps goes back."""
    for payment in tuple(case.payments.values()):
        if payment.is_suspected:
            _mark(case, payment, None)


def _mark(case: Case, payment: Payment, reason: str | None) -> None:
    before = case.payment(payment.id)
    case.put_payment(msgspec.structs.replace(before, review_reason=reason))
