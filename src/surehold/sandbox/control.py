"""The control API under ``/control``: the hand that moves the imaginary bank. Never sabotaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec

from surehold.sandbox import shapes
from surehold.sandbox.api import (
    MAX_AMOUNT,
    Amount,
    EmptyInput,
    Text,
    csv_response,
    guarded,
    read_body,
)
from surehold.sandbox.bank import Bank, new_id
from surehold.sandbox.http import Request, Response, Route, json_response
from surehold.sandbox.misbehave import Area, Conduct
from surehold.sandbox.model import (
    Dispute,
    DisputeStage,
    Payment,
    Refund,
    Refusal,
    SettlementLine,
    conflict,
    missing,
)

_TEN_YEARS_SECONDS: Final = 315_360_000
_END_OF_TIME: Final = 253_402_300_799
MAX_STEPS: Final = 500


class CaptureInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/payments/{id}/capture``; with an amount, that part only."""

    amount: Amount | None = None


class FailInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/payments/{id}/fail``."""

    code: Text = "do_not_honor"


class AmountInput(msgspec.Struct, forbid_unknown_fields=True):
    """A dashboard refund or a dispute; without an amount, all that is left."""

    amount: Amount | None = None
    reason: Text = "requested_by_customer"


class DisputeInput(AmountInput, forbid_unknown_fields=True):
    """``POST /control/payments/{id}/dispute``; the bank keeps the fee, whoever wins."""

    stage: DisputeStage = "chargeback"
    fee: Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)] = 0


class CloseInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/disputes/{id}/close``."""

    outcome: Literal["won", "lost"]


class PayoutInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/payouts``."""

    currency: Text


class ClockInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/clock``: how far the sandbox's clock is ahead of this machine's."""

    offset_seconds: Annotated[int, msgspec.Meta(ge=-_TEN_YEARS_SECONDS, le=_TEN_YEARS_SECONDS)]


class ReleaseInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/release``: withheld webhooks of one event, of one payment, or of all."""

    payment: str | None = None
    event: str | None = None


class AdvanceInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/deliveries/advance``: so much time passes for every waiting webhook."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=_TEN_YEARS_SECONDS)]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to do to one payment, which is named by either of its two names."""

    do: Literal["pay", "capture", "fail", "expire", "void", "refund", "dispute"]
    payment: str | None = None
    merchant_reference: str | None = None
    amount: Amount | None = None


class BatchInput(msgspec.Struct, forbid_unknown_fields=True):
    """``POST /control/batch``."""

    steps: Annotated[tuple[Step, ...], msgspec.Meta(max_length=MAX_STEPS)]


class Control:
    """The control API of one bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        payment = "/control/payments/{id}"
        self.routes = tuple(
            Route(method, path, Area.EXEMPT, guarded(bank.settings.control_key, handler))
            for method, path, handler in (
                ("GET", "/control/misbehave", self.get_conduct),
                ("POST", "/control/misbehave", self.set_conduct),
                ("POST", f"{payment}/capture", self.capture),
                ("POST", f"{payment}/fail", self.fail),
                ("POST", f"{payment}/expire", self.expire),
                ("POST", f"{payment}/void", self.void),
                ("POST", f"{payment}/refund", self.refund),
                ("POST", f"{payment}/dispute", self.dispute),
                ("POST", "/control/refunds/{id}/succeed", self.succeed_refund),
                ("POST", "/control/refunds/{id}/fail", self.fail_refund),
                ("POST", "/control/disputes/{id}/close", self.close_dispute),
                ("POST", "/control/disputes/{id}/reopen", self.reopen_dispute),
                ("POST", "/control/batch", self.batch),
                ("GET", "/control/holds", self.list_holds),
                ("GET", "/control/report", self.report),
                ("GET", "/control/settlement", self.settlement),
                ("POST", "/control/payouts", self.pay_out),
                ("GET", "/control/counters", self.count),
                ("GET", "/control/clock", self.get_clock),
                ("POST", "/control/clock", self.set_clock),
                ("GET", "/control/deliveries", self.list_deliveries),
                ("POST", "/control/deliveries/advance", self.advance),
                ("POST", "/control/release", self.release),
                ("POST", "/control/events/{id}/resend", self.resend),
            )
        )

    def get_conduct(self, _request: Request, _: dict[str, str]) -> Response:
        return json_response(self._bank.misbehavior.conduct)

    def set_conduct(self, request: Request, _: dict[str, str]) -> Response:
        """Replace the whole conduct: ``{}`` is good behavior."""
        self._bank.misbehavior.set(read_body(request, Conduct))
        return json_response(self._bank.misbehavior.conduct)

    def capture(self, request: Request, parameters: dict[str, str]) -> Response:
        """Capture now, from any unpaid state: a late success. With an amount, one part."""
        amount = read_body(request, CaptureInput).amount
        return self._on_payment(parameters, lambda payment: self._capture(payment, amount))

    def fail(self, request: Request, parameters: dict[str, str]) -> Response:
        code = read_body(request, FailInput).code
        return self._on_payment(parameters, lambda payment: self._bank.fail(payment, code))

    def expire(self, request: Request, parameters: dict[str, str]) -> Response:
        read_body(request, EmptyInput)
        return self._on_payment(parameters, self._bank.expire)

    def void(self, request: Request, parameters: dict[str, str]) -> Response:
        """Let go of what is held as a person at the provider's dashboard would."""
        read_body(request, EmptyInput)
        return self._on_payment(parameters, self._bank.cancel)

    def refund(self, request: Request, parameters: dict[str, str]) -> Response:
        """Refund as a person at the provider's dashboard would: the shop did not ask."""
        given = read_body(request, AmountInput)
        with self._bank.book.transaction():
            payment = self._bank.get_payment(parameters["id"])
            refund = self._refund(payment, given.amount, given.reason)
        return json_response(shapes.refund(refund), status=201)

    def dispute(self, request: Request, parameters: dict[str, str]) -> Response:
        given = read_body(request, DisputeInput)
        with self._bank.book.transaction():
            payment = self._bank.get_payment(parameters["id"])
            dispute = self._dispute(
                payment, given.amount, given.reason, stage=given.stage, fee=given.fee
            )
        return json_response(shapes.dispute(dispute), status=201)

    def batch(self, request: Request, _: dict[str, str]) -> Response:
        """Do many things in one call, each by itself: one that is refused stops no other.

        Answers one row per step, in order: the payment's id and ``error``, a code or null.
        """
        rows = []
        for step in read_body(request, BatchInput).steps:
            payment_id, code = step.payment, None
            try:
                with self._bank.book.transaction():
                    payment_id = self._carry_out(step)
            except Refusal as refusal:
                code = refusal.code
            rows.append({"payment": payment_id, "error": code})
        return json_response({"object": "list", "data": rows})

    def list_holds(self, _request: Request, _: dict[str, str]) -> Response:
        """All that is held or ever was."""
        self._bank.settle_due()
        rows = [msgspec.structs.asdict(row) for row in self._bank.book.list_holds()]
        return json_response({"object": "list", "data": rows})

    def report(self, _request: Request, _: dict[str, str]) -> Response:
        """What moved, whole and never skewed: ``/v1/report`` is what the shop gets to see."""
        lines = self._bank.book.list_report(created_from=0, created_until=_END_OF_TIME)
        rows = [shapes.report_line(line) for line in lines]
        return json_response({"object": "report", "lines": rows})

    def settlement(self, _request: Request, _: dict[str, str]) -> Response:
        """The settlement report, whole and never skewed."""
        lines = self._bank.book.list_settlement(created_from=0, created_until=_END_OF_TIME)
        return csv_response(SettlementLine, [msgspec.structs.asdict(line) for line in lines])

    def pay_out(self, request: Request, _: dict[str, str]) -> Response:
        """Send all that the shop has in a currency to its bank, fees taken off."""
        currency = read_body(request, PayoutInput).currency
        book = self._bank.book
        with book.transaction():
            lines = [
                line
                for line in book.list_settlement(created_from=0, created_until=_END_OF_TIME)
                if line.currency == currency and line.payout is None
            ]
            amount = sum(line.net for line in lines)
            if amount <= 0:
                raise Refusal(409, "nothing_to_pay_out", "There is nothing to pay out.")
            payout_id = new_id("po")
            book.insert_payout(payout_id, currency, lines, self._bank.now())
        return json_response(
            {"object": "payout", "id": payout_id, "amount": amount, "currency": currency},
            status=201,
        )

    def count(self, _request: Request, _: dict[str, str]) -> Response:
        """What misbehavior led to since the start, and what became of every webhook ever."""
        return json_response(
            {
                "misbehaved": self._bank.misbehavior.counts,
                "deliveries": self._bank.book.count_deliveries(),
            }
        )

    def succeed_refund(self, request: Request, parameters: dict[str, str]) -> Response:
        return self._finish_refund(request, parameters, is_successful=True)

    def fail_refund(self, request: Request, parameters: dict[str, str]) -> Response:
        return self._finish_refund(request, parameters, is_successful=False)

    def close_dispute(self, request: Request, parameters: dict[str, str]) -> Response:
        outcome = read_body(request, CloseInput).outcome
        with self._bank.book.transaction():
            dispute = self._bank.close_dispute(parameters["id"], outcome=outcome)
        return json_response(shapes.dispute(dispute))

    def reopen_dispute(self, request: Request, parameters: dict[str, str]) -> Response:
        read_body(request, EmptyInput)
        with self._bank.book.transaction():
            dispute = self._bank.reopen_dispute(parameters["id"])
        return json_response(shapes.dispute(dispute))

    def get_clock(self, _request: Request, _: dict[str, str]) -> Response:
        offset = self._bank.book.clock_offset_seconds()
        return json_response({"offset_seconds": offset, "now": self._bank.now()})

    def set_clock(self, request: Request, parameters: dict[str, str]) -> Response:
        """Shift the sandbox's time; webhooks still go out in real time."""
        offset = read_body(request, ClockInput).offset_seconds
        with self._bank.book.transaction():
            self._bank.book.set_clock_offset_seconds(offset)
        self._bank.wake()
        return self.get_clock(request, parameters)

    def list_deliveries(self, request: Request, _: dict[str, str]) -> Response:
        """The newest hundred deliveries with every attempt, of one payment or of all."""
        book = self._bank.book
        rows: list[dict[str, Any]] = [
            msgspec.structs.asdict(row)
            | {"log": [msgspec.structs.asdict(each) for each in book.list_attempts(row.seq)]}
            for row in book.list_deliveries(request.query.get("payment"))
        ]
        return json_response({"object": "list", "data": rows})

    def release(self, request: Request, _: dict[str, str]) -> Response:
        given = read_body(request, ReleaseInput)
        count = self._bank.release_withheld(given.payment, given.event)
        return json_response({"released": count})

    def advance(self, request: Request, _: dict[str, str]) -> Response:
        """Bring waiting webhooks nearer, so that hours of delay take no time."""
        seconds = read_body(request, AdvanceInput).seconds
        return json_response({"waiting": self._bank.advance_deliveries(seconds)})

    def resend(self, request: Request, parameters: dict[str, str]) -> Response:
        """Send an event again, as the present conduct would: a replay."""
        read_body(request, EmptyInput)
        event = self._bank.book.find_event(parameters["id"])
        if event is None:
            raise missing("event")
        with self._bank.book.transaction():
            self._bank.send_event(event.seq, self._bank.get_payment(event.payment_id))
        return json_response({"event": event.id}, status=202)

    def _capture(self, payment: Payment, amount: int | None) -> Payment:
        if amount is None:
            return self._bank.capture(payment)
        return self._bank.capture_part(payment, amount)

    def _refund(self, payment: Payment, amount: int | None, reason: str) -> Refund:
        return self._bank.refund(
            payment,
            amount=amount or payment.refundable or payment.amount,
            refund_reference=None,
            reason=reason,
            origin="dashboard",
        )

    def _dispute(
        self,
        payment: Payment,
        amount: int | None,
        reason: str,
        *,
        stage: DisputeStage = "chargeback",
        fee: int = 0,
    ) -> Dispute:
        amount = amount or payment.captured - payment.disputed or payment.amount
        return self._bank.open_dispute(payment, amount=amount, reason=reason, stage=stage, fee=fee)

    def _carry_out(self, step: Step) -> str:
        bank, book, reason = self._bank, self._bank.book, AmountInput().reason
        if step.payment is not None:
            payment = book.find_payment(step.payment)
        else:
            payment = book.find_payment_by_reference(step.merchant_reference or "")
        if payment is None:
            raise missing("payment")
        match step.do:
            case "pay" | "capture":
                if step.do == "pay" and payment.state == "authorized":
                    raise conflict("already_authorized", "The payment is held already.")
                self._capture(payment, step.amount)
            case "fail":
                bank.fail(payment, FailInput().code)
            case "expire":
                bank.expire(payment)
            case "void":
                bank.cancel(payment)
            case "refund":
                self._refund(payment, step.amount, reason)
            case "dispute":
                self._dispute(payment, step.amount, reason)
        return payment.id

    def _finish_refund(
        self, request: Request, parameters: dict[str, str], *, is_successful: bool
    ) -> Response:
        read_body(request, EmptyInput)
        with self._bank.book.transaction():
            refund = self._bank.get_refund(parameters["id"])
            refund = self._bank.finish_refund(refund, is_successful=is_successful)
        return json_response(shapes.refund(refund))

    def _on_payment(
        self, parameters: dict[str, str], step: Callable[[Payment], Payment]
    ) -> Response:
        with self._bank.book.transaction():
            payment = self._bank.book.find_payment(parameters["id"])
            if payment is None:
                raise missing("payment")
            payment = step(payment)
        return json_response(self._bank.payment_object(payment))
