"""What every provider must do, whatever it is called: one list, run over all of them.

A case that a provider cannot have is skipped by its capabilities, and by nothing else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import pytest

from surehold.cli.doctor import NO_PAYMENT
from surehold.payments.model import NoAction, PaymentState, Wait
from surehold.payments.providers import http
from surehold.payments.providers.account import AccountMode
from surehold.payments.providers.amounts import NotCarried
from surehold.payments.providers.disputes import DisputeAnswer
from surehold.payments.providers.failures import (
    AmountRefused,
    ConfigurationFault,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    StateConflict,
    Unavailable,
    Unsupported,
    WebhookRefused,
)
from surehold.payments.providers.port import (
    Capabilities,
    CaptureRequest,
    ProviderRefundState,
    RefundOrigin,
    RenewalRequest,
)
from tests.fakes.harness import Message
from tests.payments.contract.rig import REFERENCE, REFUND, FakeRig, Rig

OTHER: Final = "SH06A4Q7YH3T5V1W2X3Y4Z5A6B7D"
Work = Callable[[Rig], Awaitable[None]]


class Case(msgspec.Struct, frozen=True):
    """One promise about one operation."""

    operation: str
    about: str
    run: Work
    needs: Callable[[Capabilities], bool]

    @property
    def id(self) -> str:
        return f"{self.operation}: {self.about}"


CASES: Final[list[Case]] = []


def always(_: Capabilities) -> bool:
    return True


def case(
    operation: str, about: str, needs: Callable[[Capabilities], bool] = always
) -> Callable[[Work], Work]:
    def add(run: Work) -> Work:
        CASES.append(Case(operation, about, run, needs))
        return run

    return add


# --- create --------------------------------------------------------------------------------------


@case("create", "success")
async def _(rig: Rig) -> None:
    begun = await rig.create()

    assert begun.state is PaymentState.REQUIRES_ACTION
    assert not isinstance(begun.next_action, NoAction | Wait)
    assert await rig.messages() == []


@case("create", "the buyer's page is one that browsers may be sent to")
async def _(rig: Rig) -> None:
    url = getattr((await rig.create()).next_action, "url", None)

    assert url is None or any(url.startswith(origin) for origin in rig.can.page_origins)


@case("create", "replay")
async def _(rig: Rig) -> None:
    first = await rig.create()
    if rig.can.has_keys:
        assert await rig.create() == first
        return
    if rig.can.begins_again:
        assert (await rig.create()).provider_payment_id == first.provider_payment_id
        return
    with pytest.raises(StateConflict):
        await rig.create()


@case("create", "answer lost after the work: the payment is found or begun again, once")
async def _(rig: Rig) -> None:
    await rig.fault("lose", on="create")
    with pytest.raises(OutcomeUnknown):
        await rig.create()

    if rig.can.has_keys or rig.can.begins_again:
        payment = (await rig.create()).provider_payment_id
    else:
        with pytest.raises(StateConflict):
            await rig.create()
        found = await rig.provider.find_by_reference(REFERENCE)
        assert found is not None
        payment = found.provider_payment_id
    await rig.pay(payment)
    assert (await rig.provider.fetch(payment)).captured == rig.money(11840)
    assert await rig.book(payment) == (11840, 0)


@case("create", "time-out")
async def _(rig: Rig) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "READ_SECONDS", 0.1)
        await rig.fault("slow", on="create")
        with pytest.raises(OutcomeUnknown):
            await rig.create()


for _fault in ("lose_before_work", "error", "error_after_work", "gateway", "truncate",
               "wrong_type", "huge", "redirect"):  # fmt: skip

    @case("create", f"fault: {_fault}")
    async def _(rig: Rig, fault: str = _fault) -> None:
        await rig.fault(fault, on="create")
        with pytest.raises(OutcomeUnknown):
            await rig.create()


@case("create", "too many calls")
async def _(rig: Rig) -> None:
    await rig.fault("rate_limit", on="create")
    with pytest.raises(RateLimited) as refusal:
        await rig.create()

    assert refusal.value.is_retryable
    assert (await rig.create()).state is PaymentState.REQUIRES_ACTION


@case("create", "wrong key")
async def _(rig: Rig) -> None:
    stranger = rig.adapter(key="sk_wrong")
    with pytest.raises(ConfigurationFault):
        await stranger.create(stranger.prepare_create(rig.request()), idempotency_key="k")


@case("create", "nobody listens")
async def _(rig: Rig) -> None:
    nowhere = rig.adapter(base_url="http://127.0.0.1:1")
    with pytest.raises(Unavailable) as failure:
        await nowhere.create(nowhere.prepare_create(rig.request()), idempotency_key="k")

    assert failure.value.is_retryable


@case("create", "an amount or currency that it cannot carry is not sent", lambda can: can.amounts)
async def _(rig: Rig) -> None:
    amounts = rig.can.amounts
    assert amounts is not None
    too_much = rig.money(amounts.largest + 1)

    assert not rig.can.supports("XTS")
    assert not rig.can.takes(too_much)
    with pytest.raises(NotCarried):
        rig.provider.prepare_create(rig.request(minor=too_much.amount))


# --- read ----------------------------------------------------------------------------------------


@case("read", "unpaid")
async def _(rig: Rig) -> None:
    begun = await rig.create()
    found = await rig.provider.fetch(begun.provider_payment_id)

    assert found.state is PaymentState.REQUIRES_ACTION
    assert found.merchant_reference == REFERENCE
    assert (found.captured.amount, found.refunded.amount, found.is_live) == (0, 0, False)
    assert found.requested in (None, rig.money(11840))


@case("read", "success")
async def _(rig: Rig) -> None:
    begun = await rig.create()
    await rig.pay(begun.provider_payment_id)
    found = await rig.provider.fetch(begun.provider_payment_id)

    assert (found.state, found.merchant_reference) == (PaymentState.CAPTURED, REFERENCE)
    assert found.requested == found.authorized == found.captured == rig.money(11840)
    assert found.refunded == found.disputed == rig.money(0)
    assert await rig.provider.fetch(found.provider_payment_id) == found


@case("read", "decline")
async def _(rig: Rig) -> None:
    begun = await rig.create()
    await rig.decline(begun.provider_payment_id)
    found = await rig.provider.fetch(begun.provider_payment_id)

    is_open = rig.can.stays_open_after_decline
    assert found.state is (PaymentState.REQUIRES_ACTION if is_open else PaymentState.FAILED)
    assert found.captured.amount == 0


@case("read", "late success after a decline")
async def _(rig: Rig) -> None:
    begun = await rig.create()
    await rig.decline(begun.provider_payment_id)
    await rig.pay(begun.provider_payment_id)

    found = await rig.provider.fetch(begun.provider_payment_id)
    assert (found.state, found.captured) == (PaymentState.CAPTURED, rig.money(11840))


@case("read", "wrong amount")
async def _(rig: Rig) -> None:
    begun = await rig.create()
    await rig.pay(begun.provider_payment_id, 11839)

    found = await rig.provider.fetch(begun.provider_payment_id)
    assert found.captured == rig.money(11839)


@case("read", "wrong currency")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.relabel(payment, "USD")

    found = await rig.provider.fetch(payment)
    assert found.requested is not None
    assert found.requested.currency == found.captured.currency == "USD"


@case("read", "the other mode", lambda can: can.keys_tell_mode and not can.is_for_demo_only)
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    with pytest.raises(ConfigurationFault):
        await rig.adapter(mode=AccountMode.LIVE).fetch(payment)


@case("read", "wrong key")
async def _(rig: Rig) -> None:
    with pytest.raises(ConfigurationFault):
        await rig.adapter(key="sk_wrong").fetch(NO_PAYMENT)


@case("read", "an id that is not the provider's")
async def _(rig: Rig) -> None:
    for name in ("nothing_of_this_name", "../secrets", "..", "a b", ""):
        with pytest.raises(NotFound):
            await rig.provider.fetch(name)


for _fault in ("lose_before_work", "error", "gateway", "truncate", "wrong_type", "huge",
               "redirect"):  # fmt: skip

    @case("read", f"fault: {_fault}")
    async def _(rig: Rig, fault: str = _fault) -> None:
        payment = (await rig.create()).provider_payment_id
        await rig.fault(fault, on="read", calls=2)
        with pytest.raises(Unavailable):
            await rig.provider.fetch(payment)


@case("read", "a connection that was dropped is tried once more")
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    await rig.fault("lose", on="read")

    assert (await rig.provider.fetch(payment)).state is PaymentState.REQUIRES_ACTION


@case("read", "by our reference", lambda can: can.can_find_by_reference)
async def _(rig: Rig) -> None:
    payment = await rig.paid()

    assert await rig.provider.find_by_reference(REFERENCE) == await rig.provider.fetch(payment)
    assert await rig.provider.find_by_reference(OTHER) is None


# --- cancel --------------------------------------------------------------------------------------


def _closes(can: Capabilities) -> bool:
    return can.can_cancel_unpaid


@case("cancel", "success", _closes)
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    gone = await rig.provider.cancel(payment, idempotency_key="void")

    assert gone.state is PaymentState.VOIDED
    assert gone.merchant_reference == REFERENCE
    assert (await rig.provider.fetch(payment)).state is PaymentState.VOIDED


@case("cancel", "replay")
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    first = await rig.provider.cancel(payment, idempotency_key="void")

    assert (await rig.provider.cancel(payment, idempotency_key="void")).state is first.state
    assert (await rig.provider.cancel(payment, idempotency_key="again")).state is first.state


@case("cancel", "too late: it was paid")
async def _(rig: Rig) -> None:
    begun = await rig.create()
    await rig.pay(begun.provider_payment_id)
    found = await rig.provider.cancel(begun.provider_payment_id, idempotency_key="void")

    assert (found.state, found.captured) == (PaymentState.CAPTURED, rig.money(11840))


@case("cancel", "given up after a last look, where nobody can close it; late money is money",
      lambda can: not can.can_cancel_unpaid and can.tells_late_money)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    gone = await rig.provider.cancel(payment, idempotency_key="void")
    left = await rig.provider.fetch(payment)
    await rig.pay(payment)

    assert (gone.state, gone.merchant_reference) == (PaymentState.VOIDED, REFERENCE)
    assert left.state is PaymentState.REQUIRES_ACTION
    assert (await rig.provider.fetch(payment)).state is PaymentState.CAPTURED


@case("cancel", "stays open, where nobody can close it and nobody may tell of late money",
      lambda can: not can.can_cancel_unpaid and not can.tells_late_money)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    found = await rig.provider.cancel(payment, idempotency_key="void")

    assert found == await rig.provider.fetch(payment)
    assert found.state is PaymentState.REQUIRES_ACTION
    await rig.pay(payment)
    assert await rig.book(payment) == (11840, 0)


@case("cancel", "answer lost after the work", _closes)
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    await rig.fault("lose", on="cancel")
    with pytest.raises(OutcomeUnknown):
        await rig.provider.cancel(payment, idempotency_key="void")

    again = await rig.provider.cancel(payment, idempotency_key="void")
    assert again.state is PaymentState.VOIDED


# --- capture -------------------------------------------------------------------------------------


async def _held(rig: Rig) -> str:
    return await rig.paid(is_captured_later=True)


async def _capture(rig: Rig, payment: str, minor: int, key: str = "capture") -> Any:
    body = rig.provider.prepare_capture(CaptureRequest(payment, rig.money(minor)))
    return await rig.provider.capture(body, provider_payment_id=payment, idempotency_key=key)


@case("capture", "authorized, then all of it", lambda can: can.can_capture_later)
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    held = await rig.provider.fetch(payment)
    taken = await _capture(rig, payment, 11840)

    assert (held.state, held.authorized, held.captured) == (
        PaymentState.AUTHORIZED, rig.money(11840), rig.money(0),
    )  # fmt: skip
    assert (taken.state, taken.captured) == (PaymentState.CAPTURED, rig.money(11840))
    assert await _capture(rig, payment, 11840) == taken


@case("capture", "a part", lambda can: can.can_capture_partially)
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    taken = await _capture(rig, payment, 6000)

    assert taken.captured == rig.money(6000)
    with pytest.raises(AmountRefused):
        await rig.refund(payment, 6001)
    assert (await rig.refund(payment, 6000)).state is ProviderRefundState.SUCCEEDED


@case("capture", "more than is held", lambda can: can.can_capture_later)
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    with pytest.raises(AmountRefused):
        await _capture(rig, payment, 11841)

    assert await rig.book(payment) == (0, 0)


@case("capture", "answer lost after the work", lambda can: can.can_capture_later)
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    await rig.fault("lose", on="capture")
    with pytest.raises(OutcomeUnknown):
        await _capture(rig, payment, 11840)

    assert (await _capture(rig, payment, 11840)).captured == rig.money(11840)


@case("capture", "all of it or nothing",
      lambda can: can.can_capture_later and not can.can_capture_partially)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    with pytest.raises(AmountRefused):
        await _capture(rig, payment, 11839)

    assert await rig.book(payment) == (0, 0)


@case("capture", "let go instead", lambda can: can.can_capture_later and can.can_cancel_unpaid)
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    found = await rig.provider.cancel(payment, idempotency_key="void")

    assert (found.state, found.captured) == (PaymentState.VOIDED, rig.money(0))


@case("capture", "until when it is held", lambda can: can.can_capture_later)
async def _(rig: Rig) -> None:
    assert rig.can.authorization is not None
    payment = await _held(rig)
    until = (await rig.provider.fetch(payment)).capture_before
    lasts = rig.can.authorization.lasts.total_seconds()
    taken = await _capture(rig, payment, 11840)

    assert until is None or abs(until.timestamp() - rig.now() - lasts) < 60
    assert taken.capture_before is None


@case("capture", "let go by its bank", lambda can: can.can_capture_later)
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    await rig.lapse(payment)
    found = await rig.provider.fetch(payment)
    with pytest.raises((StateConflict, InvalidRequest)):
        await _capture(rig, payment, 11840)

    assert (found.state, found.captured) == (PaymentState.VOIDED, rig.money(0))
    assert await rig.book(payment) == (0, 0)


def _is_renewable(can: Capabilities) -> bool:
    return can.authorization is not None and can.authorization.honored is not None


async def _renew(rig: Rig, payment: str, number: int = 1) -> Any:
    body = rig.provider.prepare_renewal(RenewalRequest(payment, rig.money(11840), number))
    return await rig.provider.renew(
        body, provider_payment_id=payment, idempotency_key=f"renew-{number}"
    )


@case("capture", "authorized again, once for each time", _is_renewable)
async def _(rig: Rig) -> None:
    payment = await _held(rig)
    await rig.grow_unsure(payment)
    await rig.fault("lose", on="renew")
    with pytest.raises(OutcomeUnknown):
        await _renew(rig, payment)
    again = await _renew(rig, payment)
    with pytest.raises((StateConflict, InvalidRequest)):
        await _renew(rig, payment, 2)
    await rig.grow_unsure(payment)
    more = await _renew(rig, payment, 2)

    for held in (again, more):
        assert (held.state, held.authorized) == (PaymentState.AUTHORIZED, rig.money(11840))
    assert (await _capture(rig, payment, 11840)).captured == rig.money(11840)


@case("capture", "never authorized again", lambda can: not _is_renewable(can))
async def _(rig: Rig) -> None:
    with pytest.raises(Unsupported):
        rig.provider.prepare_renewal(RenewalRequest("p", rig.money(1), 1))
    with pytest.raises(Unsupported):
        await rig.provider.renew(b"", provider_payment_id="p", idempotency_key="k")


@case("capture", "refused without asking", lambda can: not can.can_capture_later)
async def _(rig: Rig) -> None:
    with pytest.raises(Unsupported):
        rig.provider.prepare_capture(CaptureRequest("p", rig.money(1)))


# --- refund --------------------------------------------------------------------------------------


@case("refund", "all of it")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    refund = await rig.refund(payment, 11840)
    if not rig.can.ends_refunds_at_once:
        assert refund.state is ProviderRefundState.PENDING
        assert isinstance(rig, FakeRig)
        hand: Any = rig.fake
        hand.on_refunds_arrive(payment)
        refund = await rig.provider.find_refund(payment, REFUND) or refund

    assert (refund.state, refund.origin) == (ProviderRefundState.SUCCEEDED, RefundOrigin.US)
    assert (refund.amount, refund.refund_reference) == (rig.money(11840), REFUND)
    assert await rig.book(payment) == (11840, 11840)
    found = await rig.provider.fetch(payment)
    assert (found.state, found.captured) == (PaymentState.CAPTURED, rig.money(11840))


@case("refund", "a part, and another", lambda can: can.can_refund_partially)
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    other = REFUND.replace("0192", "0193")

    assert (await rig.refund(payment, 40)).amount == rig.money(40)
    assert (await rig.refund(payment, 60, other)).amount == rig.money(60)
    assert await rig.book(payment) == (11840, 100)


@case("refund", "replay")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    first = await rig.refund(payment, 40)

    assert await rig.refund(payment, 40) == first
    assert await rig.book(payment) == (11840, 40)


@case("refund", "answer lost after the work: it is sent again, and made once",
      lambda can: not can.can_find_refunds)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.fault("lose", on="refund")
    with pytest.raises(OutcomeUnknown):
        await rig.refund(payment, 40)

    assert await rig.provider.find_refund(payment, REFUND) is None
    assert (await rig.refund(payment, 40)).amount == rig.money(40)
    assert await rig.book(payment) == (11840, 40)


@case("refund", "answer lost after the work: it is found, and sent once",
      lambda can: can.can_find_refunds)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.fault("lose", on="refund")
    with pytest.raises(OutcomeUnknown):
        await rig.refund(payment, 40)

    found = await rig.provider.find_refund(payment, REFUND)
    assert found is not None
    assert found == await rig.refund(payment, 40)
    assert await rig.book(payment) == (11840, 40)


@case("refund", "never asked for")
async def _(rig: Rig) -> None:
    assert await rig.provider.find_refund(await rig.paid(), REFUND) is None


@case("refund", "more than is left")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    with pytest.raises(AmountRefused):
        await rig.refund(payment, 11841)

    assert await rig.book(payment) == (11840, 0)


@case("refund", "two at once that are too much together")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    answers = await asyncio.gather(
        rig.refund(payment, 7000),
        rig.refund(payment, 7001, REFUND.replace("0192", "0193")),
        return_exceptions=True,
    )

    assert sorted(type(answer).__name__ for answer in answers) == [
        "AmountRefused", "RefundSnapshot",
    ]  # fmt: skip


@case("refund", "of what was not paid")
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    with pytest.raises((StateConflict, NotFound, OutcomeUnknown)):
        await rig.refund(payment, 40)


@case("refund", "fault: error")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.fault("error", on="refund")
    with pytest.raises(OutcomeUnknown):
        await rig.refund(payment, 40)

    assert (await rig.refund(payment, 40)).amount == rig.money(40)


@case("refund", "begun at the dashboard", lambda can: can.can_list_refunds)
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.refund(payment, 40)
    await rig.refund_by_hand(payment, 2)

    found = await rig.provider.list_refunds(payment)
    assert [(row.amount, row.origin) for row in found] == [
        (rig.money(40), RefundOrigin.US), (rig.money(2), RefundOrigin.DASHBOARD),
    ]  # fmt: skip
    snapshot = await rig.provider.fetch(payment)
    assert (snapshot.refunds, snapshot.refunded) == (found, rig.money(42))


@case("refund", "begun at the dashboard, where no list tells of it",
      lambda can: not can.can_list_refunds)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.refund_by_hand(payment, 2)

    assert (await rig.provider.fetch(payment)).refunded.amount > 0
    with pytest.raises(Unsupported):
        await rig.provider.list_refunds(payment)


@case("refund", "does not arrive after all",
      lambda can: can.can_find_refunds and not can.is_for_demo_only)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    refund = await rig.refund(payment, 40)
    await rig.fail_refund(refund.provider_refund_id)

    found = await rig.provider.find_refund(payment, REFUND)
    assert found is not None
    assert (found.state, found.amount) == (ProviderRefundState.FAILED, rig.money(40))
    assert await rig.book(payment) == (11840, 0)


# --- disputes, returns ---------------------------------------------------------------------------


@case("dispute", "opened, and won or lost", lambda can: can.can_read_disputes)
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    dispute = await rig.dispute(payment, 5000)
    ends = {}
    for status in ("needs_response", "won", "lost"):
        await rig.decide(dispute, status)
        (row,) = await rig.provider.list_disputes(payment)
        snapshot = await rig.provider.fetch(payment)
        assert snapshot.disputes == (row,)
        ends[status] = (row.state.value, row.amount, row.is_money_away, snapshot.disputed)

    five = rig.money(5000)
    assert ends == {
        "needs_response": ("needs_response", five, True, five),
        "won": ("won", five, False, rig.money(0)),
        "lost": ("lost", five, True, five),
    }


@case("dispute", "an inquiry moves no money",
      lambda can: can.can_read_disputes and can.has_inquiries)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.dispute(payment, 5000, is_inquiry=True)

    found = await rig.provider.fetch(payment)
    assert found.disputed == rig.money(0)
    assert [(row.stage.value, row.is_money_away) for row in found.disputes] == [("inquiry", False)]


async def _told_of_disputes(rig: Rig) -> tuple[str, list[Message]]:
    payment = await rig.paid()
    before = len(await rig.messages())
    dispute = await rig.dispute(payment, 5000)
    for status in ("won", "lost"):
        await rig.decide(dispute, status)
    return payment, (await rig.messages())[before:]


@case("dispute", "told of: names the payment, a repetition is the same fact",
      lambda can: can.can_read_disputes)  # fmt: skip
async def _(rig: Rig) -> None:
    payment, messages = await _told_of_disputes(rig)
    events = [event for message in messages for event in rig.parse(message)]

    assert len(events) >= 2
    read = {(await rig.provider.fetch(one.provider_payment_id or payment)) for one in events}
    assert {one.provider_payment_id for one in read} == {payment}
    assert len({event.dedup_key for event in events}) == len(events)
    for message, event in zip(messages, events, strict=True):
        again = rig.message(message.kind, message.body)
        assert rig.parse(again)[0].dedup_key == event.dedup_key


@case("dispute", "told of: reordered", lambda can: can.can_read_disputes)
async def _(rig: Rig) -> None:
    payment, messages = await _told_of_disputes(rig)
    forward = [rig.parse(message) for message in messages]

    assert [rig.parse(message) for message in reversed(messages)] == forward[::-1]
    assert (await rig.provider.fetch(payment)).disputed == rig.money(5000)


@case("dispute", "told of: forged", lambda can: can.can_read_disputes and can.proves_body)
async def _(rig: Rig) -> None:
    _, messages = await _told_of_disputes(rig)
    for message in messages:
        for body in (message.body[:-1], message.body + b"x", message.body.replace(b"5", b"6")):
            with pytest.raises(WebhookRefused):
                rig.parse(Message(message.kind, body, message.headers))


@case("dispute", "answered: once for its key, and not when it is decided",
      lambda can: can.can_answer_disputes)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    dispute = await rig.dispute(payment, 5000)
    body = rig.provider.prepare_answer(DisputeAnswer(dispute, "Signed for by M."))
    for _ in range(2):
        await rig.provider.answer_dispute(body, idempotency_key="answer-1")
    (row,) = await rig.provider.list_disputes(payment)
    assert row.state.value == "under_review"

    other = await rig.paid(OTHER)
    second = await rig.dispute(other, 5000)
    for _ in range(2):
        given_in = rig.provider.prepare_answer(DisputeAnswer(second, None))
        await rig.provider.answer_dispute(given_in, idempotency_key="answer-2")
    (row,) = await rig.provider.list_disputes(other)
    assert row.state.value == "lost"
    late = rig.provider.prepare_answer(DisputeAnswer(second, "Signed for by M."))
    with pytest.raises(StateConflict):
        await rig.provider.answer_dispute(late, idempotency_key="answer-3")


@case("dispute", "answered: what was lost on the way is said again, and was said once",
      lambda can: can.can_answer_disputes)  # fmt: skip
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    dispute = await rig.dispute(payment, 5000)
    body = rig.provider.prepare_answer(DisputeAnswer(dispute, "Signed for by M."))
    await rig.fault("lose")
    with pytest.raises(OutcomeUnknown):
        await rig.provider.answer_dispute(body, idempotency_key="answer-1")

    await rig.provider.answer_dispute(body, idempotency_key="answer-1")

    (row,) = await rig.provider.list_disputes(payment)
    assert row.state.value == "under_review"


@case("dispute", "not answered without asking", lambda can: not can.can_answer_disputes)
async def _(rig: Rig) -> None:
    with pytest.raises(Unsupported):
        rig.provider.prepare_answer(DisputeAnswer("dp", None))


@case("dispute", "refused without asking", lambda can: not can.can_read_disputes)
async def _(rig: Rig) -> None:
    with pytest.raises(Unsupported):
        await rig.provider.list_disputes("p")


@case("return", "proven by the provider's mark, and by nothing else",
      lambda can: can.has_signed_return)  # fmt: skip
async def _(rig: Rig) -> None:
    assert isinstance(rig, FakeRig)
    payment, other = await rig.paid(), await rig.paid(OTHER)
    hand: Any = rig.fake
    brought, others = hand.on_return(payment), hand.on_return(other)

    def proves(fields: dict[str, str], of: str = payment) -> bool:
        return rig.provider.verify_return(of, REFERENCE, fields)

    assert proves(brought)
    assert not proves(brought, of=other)
    assert not any(proves(one) for one in ({}, others))
    for name, value in brought.items():
        assert not any(
            proves(brought | {name: odd}) for odd in (others[name], value[:-1], "é", "")
        )


@case("return", "refused without asking", lambda can: not can.has_signed_return)
async def _(rig: Rig) -> None:
    with pytest.raises(Unsupported):
        rig.provider.verify_return("p", REFERENCE, {"status": "success"})


# --- webhook -------------------------------------------------------------------------------------


async def _message(rig: Rig) -> Message:
    begun = await rig.create()
    await rig.pay(begun.provider_payment_id)
    return (await rig.messages())[0]


@case("webhook", "success")
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    await rig.pay(payment)
    messages = await rig.messages()
    events = [event for message in messages for event in rig.parse(message)]

    assert len(events) == len(messages) > 0
    known = {payment, (await rig.provider.fetch(payment)).provider_payment_id}
    assert all(
        event.provider_payment_id in known or event.merchant_reference == REFERENCE
        for event in events
    )
    assert not any(event.is_live for event in events)


@case("webhook", "decline", lambda can: can.tells_declines)
async def _(rig: Rig) -> None:
    payment = (await rig.create()).provider_payment_id
    await rig.decline(payment)

    (event,) = rig.parse((await rig.messages())[-1])
    assert event.merchant_reference == REFERENCE


@case("webhook", "refund: names the payment", lambda can: can.tells_refunds)
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    before = len(await rig.messages())
    await rig.refund(payment, 40)

    events = [rig.parse(message)[0] for message in (await rig.messages())[before:]]
    assert events
    assert {event.provider_payment_id for event in events} == {payment}


@case("webhook", "duplicate: the same fact")
async def _(rig: Rig) -> None:
    message = await _message(rig)
    again = rig.message(message.kind, message.body)

    assert rig.parse(again)[0].dedup_key == rig.parse(message)[0].dedup_key


@case("webhook", "different facts have different keys")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.refund(payment, 40)
    keys = [rig.parse(message)[0].dedup_key for message in await rig.messages()]

    assert len(set(keys)) == len(keys)


@case("webhook", "reordered: each is read alone")
async def _(rig: Rig) -> None:
    payment = await rig.paid()
    await rig.refund(payment, 40)
    messages = await rig.messages()
    forward = [rig.parse(message) for message in messages]

    assert [rig.parse(message) for message in reversed(messages)] == forward[::-1]


@case("webhook", "late by an hour: refused where a time is signed", lambda can: can.signs_time)
async def _(rig: Rig) -> None:
    message = await _message(rig)
    for seconds in (-3600, -301, 301, 3600):
        with pytest.raises(WebhookRefused):
            rig.parse(message, at=rig.now() + seconds)
    assert rig.parse(message, at=rig.now() + 298)


@case("webhook", "late by an hour: a hint is a hint", lambda can: not can.signs_time)
async def _(rig: Rig) -> None:
    message = await _message(rig)

    assert rig.parse(message, at=rig.now() + 3600) == rig.parse(message)


@case("webhook", "forged: another secret")
async def _(rig: Rig) -> None:
    message = await _message(rig)
    for secret in ("whsec_other", " ", "null"):
        forged = rig.message(message.kind, message.body, secret=secret)
        with pytest.raises(WebhookRefused):
            rig.parse(forged)


@case("webhook", "forged: another body is a hint to read", lambda can: not can.proves_body)
async def _(rig: Rig) -> None:
    message = await _message(rig)
    other = (await rig.create(OTHER)).provider_payment_id
    body = message.body.replace(REFERENCE.encode(), OTHER.encode())

    (event,) = rig.parse(Message(message.kind, body, message.headers))
    assert event.merchant_reference == OTHER
    assert (await rig.provider.fetch(other)).captured.amount == 0
    for nonsense in (message.body[:-1], message.body + b"x", b"", b"{}", b"[" * 100_000):
        with pytest.raises(WebhookRefused):
            rig.parse(Message(message.kind, nonsense, message.headers))


@case("webhook", "forged: another body", lambda can: can.proves_body)
async def _(rig: Rig) -> None:
    message = await _message(rig)
    for body in (
        message.body.replace(b"SH06", b"SH07"),
        message.body[:-1],
        message.body + b"x",
        b"",
        b"{}",
        b"[" * 100_000,
    ):
        with pytest.raises(WebhookRefused):
            rig.parse(Message(message.kind, body, message.headers))


@case("webhook", "forged: no proof, or two")
async def _(rig: Rig) -> None:
    message = await _message(rig)
    for name, value in message.headers.items():
        for headers in ({}, {name: f"{value}, {value}"}, {name: ""}, {name: value.upper()}):
            with pytest.raises(WebhookRefused):
                rig.parse(Message(message.kind, message.body, headers))
    with pytest.raises(ValueError, match="empty"):
        rig.adapter(secrets=("",))


@case("webhook", "forged: the other mode", lambda can: can.tells_mode)
async def _(rig: Rig) -> None:
    message = await _message(rig)
    told = message.body
    for ours, theirs in (
        (b'"livemode":false', b'"livemode":true'),
        (b'"mode":"test"', b'"mode":"live"'),
        (b'"domain":"test"', b'"domain":"live"'),
    ):
        told = told.replace(ours, theirs)
    assert told != message.body
    with pytest.raises(WebhookRefused):
        rig.parse(rig.message(message.kind, told))


@case("webhook", "played by ourselves: every live secret signs it, and no other",
      lambda can: can.shares_secret)  # fmt: skip
async def _(rig: Rig) -> None:
    both = rig.adapter(secrets=("whsec_new", "whsec_old"))
    played = both.rehearse("SureholdTest1", at=rig.now())

    assert len(played) == len({one.secret for one in played}) >= 2
    twice = (*played, *played)
    told = [both.parse_webhook(one.body, one.headers, received_at=rig.now()) for one in twice]
    assert {one.provider_payment_id for (one,) in told} == {"SureholdTest1"}
    assert len({one.dedup_key for (one,) in told}) == 1
    for one in played:
        with pytest.raises(WebhookRefused):
            rig.parse(Message("test", one.body, one.headers))


@case("webhook", "played by nobody but the provider", lambda can: not can.shares_secret)
async def _(rig: Rig) -> None:
    assert rig.provider.rehearse("SureholdTest1", at=rig.now()) == ()


@case("webhook", "signed, and no event")
async def _(rig: Rig) -> None:
    for body in (b"", b"null", b"{}", b"[]", b'"event"', b"{" * 50_000, b'{"id":1}'):
        with pytest.raises(WebhookRefused):
            rig.parse(rig.message("", body))


@case("webhook", "signed, with an id that cannot be kept")
async def _(rig: Rig) -> None:
    message = await _message(rig)
    event = json.loads(message.body)
    odd = "SH\u0000" + "x" * 300
    text = json.dumps(event).replace(REFERENCE, odd.replace("\u0000", "\\u0000"))
    assert text != json.dumps(event)
    with pytest.raises(WebhookRefused):
        rig.parse(rig.message(message.kind, text.encode()))


@case("webhook", "two secrets live: both, then only the new one")
async def _(rig: Rig) -> None:
    message = await _message(rig)
    new, old = (
        rig.message(message.kind, message.body, secret=secret)
        for secret in ("whsec_new", "whsec_old")
    )
    both, after = (
        rig.adapter(secrets=("whsec_new", "whsec_old")),
        rig.adapter(secrets=("whsec_new",)),
    )

    assert rig.parse(new, by=both) == rig.parse(old, by=both) == rig.parse(new, by=after)
    with pytest.raises(WebhookRefused):
        rig.parse(old, by=after)
