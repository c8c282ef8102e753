"""What the imaginary bank does: each method is one step, inside a transaction of the book.

Callers open the transaction, so that a step, its event and the stored answer commit together.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from surehold.kernel import clock
from surehold.sandbox import cards, holds, shapes
from surehold.sandbox.book import Book
from surehold.sandbox.cards import Outcome, TestCard
from surehold.sandbox.misbehave import Misbehavior
from surehold.sandbox.model import (
    Dispute,
    DisputeStage,
    DisputeState,
    EventType,
    Payment,
    PaymentState,
    Refund,
    Refusal,
    conflict,
    missing,
)
from surehold.sandbox.settings import Settings

MAX_REFUNDS: Final = 100
#: How long a shop has to answer a dispute.
DISPUTE_SECONDS: Final = 7 * 86_400
_NO_FAILURE: Final = {"failure_code": None, "failure_message": None}


def new_id(prefix: str) -> str:
    """An id that cannot be guessed: the hosted page asks for nothing else."""
    return f"{prefix}_{secrets.token_hex(12)}"


class Bank:
    """One sandbox: its book, its clock, its manners. ``wake`` tells the sender of new events."""

    def __init__(self, settings: Settings, book: Book, misbehavior: Misbehavior) -> None:
        self.settings = settings
        self.book = book
        self.misbehavior = misbehavior
        self.wake: Callable[[], None] = lambda: None

    def now_exact(self) -> float:
        """The sandbox's own time, which the control API can shift, in unix seconds."""
        return clock.now().timestamp() + self.book.clock_offset_seconds()

    def now(self) -> int:
        """The sandbox's own time in whole unix seconds."""
        return int(self.now_exact())

    # Reading

    def get_payment(self, payment_id: str) -> Payment:
        """The payment; a session past its time is expired first.

        Raises:
            Refusal: 404.
        """
        payment = self.book.find_payment(payment_id)
        if payment is None:
            raise missing("payment")
        return self._settle(payment)

    def find_payment_by_reference(self, merchant_reference: str) -> Payment | None:
        """As ``get_payment``, by the shop's own reference."""
        payment = self.book.find_payment_by_reference(merchant_reference)
        return None if payment is None else self._settle(payment)

    def get_refund(self, refund_id: str) -> Refund:
        """The refund.

        Raises:
            Refusal: 404.
        """
        refund = self.book.find_refund(refund_id)
        if refund is None:
            raise missing("refund")
        return refund

    # Paying

    def create_payment(self, payment: Payment) -> Payment:
        """Open a session.

        Raises:
            Refusal: 409 when the merchant reference was used before.
        """
        if not self.book.insert_payment(payment):
            raise Refusal(
                409,
                "merchant_reference_taken",
                "Another payment has this merchant reference.",
                param="merchant_reference",
            )
        return payment

    def pay(self, payment: Payment, card: TestCard) -> Payment:
        """A card was entered on the hosted page.

        Raises:
            Refusal: 409 when the session is over or a confirmation is already asked for.
        """
        if payment.state != "requires_action" or payment.is_challenged:
            raise conflict("session_over", "This payment session has ended.")
        payment = msgspec.structs.replace(
            payment,
            card=card.name,
            card_brand=cards.brand(card.number),
            card_last4=card.number[-4:],
        )
        match card.outcome:
            case Outcome.CAPTURE:
                return self.capture(payment)
            case Outcome.DECLINE:
                return self.fail(payment, card.decline_code or "do_not_honor")
            case Outcome.SLOW_CAPTURE | Outcome.SLOW_DECLINE:
                settle_at = self.now_exact() + self.settings.slow_bank_seconds
                return self._move(payment, "processing", EventType.PROCESSING, settle_at=settle_at)
            case Outcome.CHALLENGE | Outcome.CHALLENGE_THEN_DECLINE:
                return self._move(
                    payment, "requires_action", EventType.REQUIRES_ACTION, is_challenged=True
                )

    def answer_challenge(self, payment: Payment, *, is_approved: bool) -> Payment:
        """The buyer answered the 3-D Secure step.

        Raises:
            Refusal: 409 when no confirmation is asked for.
        """
        card = cards.find_by_name(payment.card)
        if payment.state != "requires_action" or not payment.is_challenged or card is None:
            raise conflict("session_over", "This payment session has ended.")
        if not is_approved:
            return self.fail(payment, "authentication_refused")
        if card.outcome is Outcome.CHALLENGE_THEN_DECLINE:
            return self.fail(payment, card.decline_code or "do_not_honor")
        return self.capture(payment)

    def cancel(self, payment: Payment) -> Payment:
        """Close an unpaid session, or let go of what is held. What ended unpaid stays as it is.

        Raises:
            Refusal: 409 when money moved or the bank is still thinking.
        """
        if payment.state in ("canceled", "expired", "failed"):
            return payment
        if payment.state not in ("requires_action", "authorized"):
            raise conflict("not_cancelable", f"A {payment.state} payment cannot be canceled.")
        return self._move(payment, "canceled", EventType.CANCELED)

    def capture(self, payment: Payment) -> Payment:
        """Take the money, as often and as much as the present conduct says.

        Allowed from every unpaid state, ended ones too: late success exists. What is to be taken
        later is held first.

        Raises:
            Refusal: 409 when it was captured before.
        """
        if payment.captured:
            raise conflict("already_captured", "The payment was captured before.")
        if payment.is_manual and payment.state != "authorized":
            return self._move(payment, "authorized", EventType.AUTHORIZED, **_NO_FAILURE)
        card = cards.find_by_name(payment.card)
        charge = self.misbehavior.charge(card)
        amounts = {
            "once": (payment.amount,),
            "twice": (payment.amount, payment.amount),
            # An amount of one minor unit has nothing less to take.
            "one_short": (max(payment.amount - 1, 1),),
        }[charge]
        after = self._take(payment, amounts)
        if card is not None and card.disputes:
            self.open_dispute(after, amount=after.captured, reason="fraudulent")
        return self.get_payment(payment.id)

    def capture_held(self, payment: Payment, amount: int) -> Payment:
        """Take what is held, or a part of it; the rest is let go.

        Raises:
            Refusal: 409 when nothing is held, 400 for more than is, 402 when the bank will not.
        """
        if payment.state != "authorized":
            raise conflict("not_authorized", f"The payment is {payment.state}.")
        if amount > payment.amount:
            raise Refusal(400, "amount_too_large", "Less is held.", param="amount")
        holds.stand_by(self, payment)
        is_whole = amount == payment.amount
        return self.capture(payment) if is_whole else self._take(payment, (amount,))

    def capture_part(self, payment: Payment, amount: int) -> Payment:
        """Take a part of the money, perhaps the next one; an event tells of each.

        Raises:
            Refusal: 400 above what was asked for and not yet taken.
        """
        if amount > payment.amount - payment.captured:
            raise Refusal(400, "amount_too_large", "More than was asked for.", param="amount")
        return self._take(payment, (amount,))

    def fail(self, payment: Payment, code: str) -> Payment:
        """Decline: the session is over, a new payment is needed.

        Raises:
            Refusal: 409 when the payment has ended already.
        """
        if payment.state not in ("requires_action", "processing"):
            raise conflict("session_over", f"The payment is {payment.state}.")
        message = cards.DECLINE_MESSAGES.get(code, "The payment failed.")
        return self._move(
            payment, "failed", EventType.FAILED, failure_code=code, failure_message=message
        )

    def expire(self, payment: Payment) -> Payment:
        """End the session, or let go of what is held, as if its time were over.

        Raises:
            Refusal: 409 when the payment has ended already.
        """
        if payment.state not in ("requires_action", "authorized"):
            raise conflict("session_over", f"The payment is {payment.state}.")
        return self._move(payment, "expired", EventType.EXPIRED)

    # Refunds and disputes

    def refund(
        self,
        payment: Payment,
        *,
        amount: int,
        refund_reference: str | None,
        reason: str,
        origin: Literal["api", "dashboard"],
    ) -> Refund:
        """Begin to give money back; it counts against what is left at once.

        Raises:
            Refusal: 400 above what is left, 409 for an unpaid payment or a used reference.
        """
        if not payment.captured:
            raise conflict("not_captured", "Only a captured payment can be refunded.")
        if refund_reference and self.book.find_refund_by_reference(refund_reference):
            raise Refusal(
                409,
                "refund_reference_taken",
                "Another refund has this reference.",
                param="refund_reference",
            )
        if len(self.book.list_refunds(payment.id)) >= MAX_REFUNDS:
            raise conflict("too_many_refunds", f"A payment has at most {MAX_REFUNDS} refunds.")
        now = self.now()
        refund = Refund(
            id=new_id("ref"),
            payment=payment.id,
            refund_reference=refund_reference,
            amount=amount,
            currency=payment.currency,
            reason=reason,
            state="pending",
            origin=origin,
            failure_code=None,
            created_at=now,
            updated_at=now,
        )
        settle_at = self.now_exact() + self.settings.refund_seconds
        if not self.book.insert_refund(refund, settle_at=settle_at):
            raise Refusal(
                400,
                "amount_too_large",
                f"At most {payment.refundable} can be refunded.",
                param="amount",
            )
        if self.settings.refund_seconds <= 0:
            return self._settle_refund(refund)
        return refund

    def finish_refund(self, refund: Refund, *, is_successful: bool) -> Refund:
        """End a refund; one that succeeded may still fail days later.

        Raises:
            Refusal: 409 when it has failed, or succeeded and succeeds again.
        """
        if refund.state == "failed" or (refund.state == "succeeded" and is_successful):
            raise conflict("refund_over", f"The refund has {refund.state}.")
        after = msgspec.structs.replace(
            refund,
            state="succeeded" if is_successful else "failed",
            failure_code=None if is_successful else "account_closed",
            updated_at=self.now(),
        )
        self.book.save_refund(after)
        kind = EventType.REFUND_SUCCEEDED if is_successful else EventType.REFUND_FAILED
        self.announce(kind, after.payment, refund=shapes.refund(after))
        return after

    def open_dispute(
        self,
        payment: Payment,
        *,
        amount: int,
        reason: str,
        stage: DisputeStage = "chargeback",
        fee: int = 0,
    ) -> Dispute:
        """The buyer's bank takes the money back for now; an inquiry only asks.

        Raises:
            Refusal: 409 for an unpaid payment, 400 above what was captured.
        """
        if not payment.captured:
            raise conflict("not_captured", "Only a captured payment can be disputed.")
        if amount > payment.captured - payment.disputed:
            raise Refusal(400, "amount_too_large", "More than was captured.", param="amount")
        now = self.now()
        dispute = Dispute(
            id=new_id("dsp"),
            payment=payment.id,
            amount=amount,
            currency=payment.currency,
            reason=reason,
            state="open",
            stage=stage,
            fee=fee,
            respond_by=now + DISPUTE_SECONDS,
            created_at=now,
            updated_at=now,
        )
        self.book.insert_dispute(dispute)
        self.announce(EventType.DISPUTE_OPENED, payment.id, dispute=shapes.dispute(dispute))
        return dispute

    def close_dispute(self, dispute_id: str, *, outcome: Literal["won", "lost"]) -> Dispute:
        """The dispute ends for (won) or against (lost) the shop; 409 when it is over."""
        return self._move_dispute(self._open_one(dispute_id), state=outcome)

    def reopen_dispute(self, dispute_id: str) -> Dispute:
        """The bank thinks again, one stage further: whatever was decided is open.

        Raises:
            Refusal: 404, or 409 while it is open, or when its money was disputed anew.
        """
        dispute = self.get_dispute(dispute_id)
        if dispute.state == "open":
            raise conflict("dispute_open", "The dispute is open.")
        payment = self.get_payment(dispute.payment)
        is_held = dispute.state == "lost" and dispute.stage == "chargeback"
        if not is_held and dispute.amount > payment.captured - payment.disputed:
            raise conflict("dispute_doubled", "All of the money is disputed.")
        return self._move_dispute(dispute, state="open", stage="chargeback", evidence=None)

    def answer_dispute(self, dispute_id: str, *, evidence: str | None) -> Dispute:
        """The shop says something to it; nothing: it gives in. Two words decide at once.

        Raises:
            Refusal: 404, or 409 when it is closed or was answered.
        """
        dispute = self._open_one(dispute_id)
        if evidence is None:
            return self._move_dispute(dispute, state="lost")
        if dispute.evidence is not None:
            raise conflict("dispute_answered", "The dispute was answered.")
        ends: dict[str, DisputeState] = {"winning_evidence": "won", "losing_evidence": "lost"}
        return self._move_dispute(
            dispute, evidence=evidence, state=ends.get(evidence, dispute.state)
        )

    def get_dispute(self, dispute_id: str) -> Dispute:
        dispute = self.book.find_dispute(dispute_id)
        if dispute is None:
            raise missing("dispute")
        return dispute

    def _open_one(self, dispute_id: str) -> Dispute:
        dispute = self.get_dispute(dispute_id)
        if dispute.state != "open":
            raise conflict("dispute_over", f"The dispute is {dispute.state}.")
        return dispute

    def _move_dispute(self, dispute: Dispute, **facts: str | None) -> Dispute:
        after = msgspec.structs.replace(dispute, **facts, updated_at=self.now())
        self.book.save_dispute(after)
        told = EventType.DISPUTE_UPDATED if after.state == "open" else EventType.DISPUTE_CLOSED
        self.announce(told, after.payment, dispute=shapes.dispute(after))
        return after

    # What time brings

    def settle_due(self) -> None:
        """Expire sessions, finish slow payments and refunds whose time has come."""
        now = self.now_exact()
        payments, refunds = self.book.list_unsettled(now), self.book.list_due_refunds(now)
        if not payments and not refunds:
            return
        with self.book.transaction():
            for payment in payments:
                self._settle(payment)
            for refund in refunds:
                self._settle_refund(refund)

    def _settle(self, payment: Payment) -> Payment:
        now = self.now_exact()
        if payment.state == "requires_action" and payment.expires_at <= now:
            return self.expire(payment)
        if payment.capture_before is not None and payment.capture_before <= now:
            return self.expire(payment)
        if payment.state == "processing" and (payment.settle_at or now) <= now:
            card = cards.find_by_name(payment.card)
            if card is not None and card.outcome is Outcome.SLOW_DECLINE:
                return self.fail(payment, card.decline_code or "do_not_honor")
            return self.capture(payment)
        return payment

    def _settle_refund(self, refund: Refund) -> Refund:
        payment = self.book.find_payment(refund.payment)
        card = None if payment is None else cards.find_by_name(payment.card)
        return self.finish_refund(refund, is_successful=card is None or not card.refunds_fail)

    def _take(self, payment: Payment, amounts: tuple[int, ...]) -> Payment:
        for amount in amounts:
            self.book.insert_capture(new_id("cap"), payment.id, amount, self.now())
        return self._move(payment, "captured", EventType.CAPTURED, **_NO_FAILURE)

    def _move(
        self, payment: Payment, state: PaymentState, event: EventType, **changes: Any
    ) -> Payment:
        after = msgspec.structs.replace(
            payment, **{"settle_at": None, "updated_at": self.now(), **changes, "state": state}
        )
        self.book.save_payment(after)
        if payment.state == "authorized":
            self.book.end_hold(payment.id, ended_as=state, now=self.now())
        if state == "authorized":
            holds.begin(self, payment)
        self.announce(event, payment.id)
        return self.book.find_payment(payment.id) or after

    def announce(self, event: EventType, payment_id: str, **related: Any) -> None:
        payment = self.book.find_payment(payment_id)
        assert payment is not None, "announced a payment that is not in the book"
        event_id, now = new_id("evt"), self.now()
        body = shapes.event(
            event_id, event.value, now, self.payment_object(payment), related=related
        )
        seq = self.book.insert_event(event_id, event.value, payment_id, body, now)
        self.send_event(seq, payment)

    def send_event(self, event_seq: int, payment: Payment) -> None:
        """Queue the copies of an event that the present conduct asks for."""
        now = clock.now().timestamp()
        for planned in self.misbehavior.plan_deliveries(cards.find_by_name(payment.card)):
            due_at, rank = now + planned.delay_seconds, event_seq
            if planned.reorder_seconds > 0:
                # Events of one payment gather for a while and then leave newest first.
                gathering = self.book.find_reordered_due_at(payment.id)
                due_at, rank = gathering or due_at + planned.reorder_seconds, -event_seq
            self.book.insert_delivery(
                event_seq,
                state=planned.state,
                due_at=due_at,
                rank=rank,
                signature=planned.signature,
            )
        self.wake()

    def release_withheld(self, payment_id: str | None, event_id: str | None) -> int:
        """Let withheld webhooks go, of one event, one payment or all; says how many."""
        with self.book.transaction():
            now = clock.now().timestamp()
            count = self.book.release_withheld(now, payment_id=payment_id, event_id=event_id)
        self.wake()
        return count

    def advance_deliveries(self, seconds: float) -> int:
        """Let so much time pass for every webhook that waits; says how many wait."""
        with self.book.transaction():
            count = self.book.advance_deliveries(seconds)
        self.wake()
        return count

    def payment_object(self, payment: Payment) -> dict[str, Any]:
        """The payment as the API shows it, with its refunds and disputes."""
        return shapes.payment(
            payment,
            self.book.list_refunds(payment.id),
            self.book.list_disputes(payment.id),
            shown_currency=self.misbehavior.conduct.shown_currency,
        )
