"""What only Razorpay has: orders with many attempts, a proof in the browser, no way to let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import msgspec
import pytest
import razorpay
from pydantic import SecretStr

from surehold.config import Mode
from surehold.kernel.money import Money
from surehold.payments.model import JsCheckout, PaymentState, PostForm
from surehold.payments.providers import signatures
from surehold.payments.providers.account import AccountConfig, AccountMode, WebhookSecret
from surehold.payments.providers.failures import (
    ConfigurationFault,
    InvalidRequest,
    OutcomeUnknown,
    StateConflict,
    WebhookRefused,
)
from surehold.payments.providers.port import (
    Customer,
    ProviderRefundState,
)
from surehold.payments.providers.razorpay import Razorpay, RazorpaySettings
from surehold.payments.providers.razorpay.wire import AMOUNTS
from tests.fakes.harness import Message
from tests.fakes.razorpay import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, FakeRazorpay
from tests.payments.contract.rig import CERTIFICATES, REFERENCE, REFUND, FakeRig, a_rig

BODY: Final = b'{"id":"evt_1","amount":1000}'

#: Our minor units, currency, Razorpay's units; ``None``: it cannot write them.
GOLDEN: Final[list[tuple[int, str, int | None]]] = [
    (100, "INR", 100),
    (20035, "INR", 20035),
    (1999, "USD", 1999),
    (11840, "ETB", 11840),
    (100, "JPY", 100),
    (1000, "UGX", 1000),
    # No digits by ISO and none here; at Stripe it is hundredths.
    (500, "ISK", 500),
    # Two digits here; at Stripe none.
    (1250, "MGA", 1250),
    (1230, "KWD", 1230),
    (1234, "KWD", None),
    (11840, "HUF", 11840),
    (100, "XTS", None),
    (0, "INR", None),
]


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    async with a_rig("razorpay") as opened:
        assert isinstance(opened, FakeRig)
        yield opened


def hand(rig: FakeRig) -> FakeRazorpay:
    assert isinstance(rig.fake, FakeRazorpay)
    return rig.fake


def an_account(**changes: Any) -> AccountConfig:
    values: dict[str, Any] = {
        "account": "main",
        "mode": AccountMode.TEST,
        "base_url": "http://127.0.0.1:1/v1",
        "secret_key": SecretStr("rzp_secret"),
        "webhook_secrets": (WebhookSecret("now", SecretStr("rzp_wh")),),
        "public_key": "rzp_test_x",
    }
    return AccountConfig(**(values | changes))


@pytest.mark.parametrize(("minor", "currency", "units"), GOLDEN)
def test_amounts_are_written_by_its_own_table(
    minor: int, currency: str, units: int | None
) -> None:
    money = Money(minor, currency)

    assert AMOUNTS.can_carry(money) is (units is not None)
    if units is not None:
        assert AMOUNTS.to_units(money) == units
        assert AMOUNTS.from_units(units, currency) == money


# --- signatures, and the official package that judges them ---------------------------------------


def test_the_published_marks_hold_and_the_package_agrees() -> None:
    official = razorpay.Client(auth=("rzp_test_x", "rzp_secret")).utility
    checkout = "9f2883f2c577f83f0f8d5dcae57446eb9ba4c7bd742e2bc6fb621d633797caf8"
    link = "2a54e4eeaef925c2bacba86e15e2b313dabfd86df612bdedf2eb48e701ebddf3"
    webhook = "599dce9a666c6bbb0e8a69242a617c44d2eebd34ff598f5175b699200850e2c5"
    brought = {"razorpay_payment_id": "pay_B2", "razorpay_signature": checkout}
    secret = WebhookSecret("key", SecretStr("rzp_secret"))

    assert Razorpay(an_account()).verify_return("order_A1", REFERENCE, brought)
    assert official.verify_payment_signature(brought | {"razorpay_order_id": "order_A1"})
    assert signatures.is_signed([secret], b"plink_1|ref_1|paid|pay_B2", [link], digest="sha256")
    assert official.verify_webhook_signature(BODY.decode(), webhook, "rzp_wh")
    now = an_account().webhook_secrets
    assert signatures.is_signed(now, BODY, [webhook], digest="sha256")


async def test_the_package_believes_the_fake_and_finds_what_we_made(rig: FakeRig) -> None:
    """Its own paths, its own parameters, its own judgment of marks."""
    payment = await rig.paid()
    await rig.refund(payment, 40)
    client = razorpay.Client(auth=(KEY_ID, KEY_SECRET), base_url=str(rig._base_url))

    def look() -> tuple[Any, Any, Any]:
        (attempt,) = client.order.payments(payment)["items"]
        return (
            client.order.fetch(payment),
            client.payment.fetch_multiple_refund(attempt["id"])["items"][0],
            client.order.all({"receipt": REFERENCE})["items"],
        )

    order, refund, found = await asyncio.to_thread(look)
    assert (order["receipt"], order["status"]) == (REFERENCE, "paid")
    assert (refund["receipt"], refund["amount"]) == (REFUND, 40)
    assert [row["id"] for row in found] == [payment]
    assert client.utility.verify_payment_signature(hand(rig).on_return(payment))
    for message in await rig.messages():
        mark = message.headers["X-Razorpay-Signature"]
        assert client.utility.verify_webhook_signature(message.body.decode(), mark, WEBHOOK_SECRET)


# --- creating ------------------------------------------------------------------------------------


async def test_the_buyer_is_sent_to_its_page_with_a_form_that_any_browser_can_send(
    rig: FakeRig,
) -> None:
    begun = await rig.create()
    order = hand(rig).orders[begun.provider_payment_id]

    assert isinstance(begun.next_action, PostForm)
    assert begun.next_action.url.endswith("/v1/checkout/embedded")
    assert dict(begun.next_action.fields) == {
        "key_id": KEY_ID,
        "order_id": order["id"],
        "description": "SH-7K4M92QX",
        "callback_url": "http://shop.test/back/return",
        "cancel_url": "http://shop.test/back",
        "prefill[name]": "Mara Quinn",
        "prefill[email]": "mara@example.com",
        "prefill[contact]": "+251911234567",
    }
    assert (order["receipt"], order["_capture"]) == (REFERENCE, "automatic")
    # Notes are told in every webhook: nothing that is for the buyer alone.
    assert order["notes"] == {"merchant_reference": REFERENCE, "order": "SH-7K4M92QX"}


async def test_a_front_end_of_its_own_gets_the_order_and_the_key(rig: FakeRig) -> None:
    client = httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False)
    script = Razorpay(rig.provider._config, page="script", client=client)  # type: ignore[attr-defined]  # its own

    begun = await script.create(script.prepare_create(rig.request()), idempotency_key="c")
    await script.close()
    assert begun.next_action == JsCheckout(
        KEY_ID,
        begun.provider_payment_id,
        (("name", "Mara Quinn"), ("email", "mara@example.com"), ("contact", "+251911234567")),
    )


async def test_one_reference_with_another_amount_is_refused(rig: FakeRig) -> None:
    await rig.create()
    with pytest.raises(InvalidRequest):
        await rig.create(minor=500)

    assert len(hand(rig).orders) == 1


async def test_what_is_not_known_of_a_buyer_is_left_out(rig: FakeRig) -> None:
    nameless = Customer("mara@example.com", "")
    request = msgspec.structs.replace(rig.request(), customer=nameless)
    begun = await rig.provider.create(rig.provider.prepare_create(request), idempotency_key="c")

    assert isinstance(begun.next_action, PostForm)
    prefilled = [name for name, _ in begun.next_action.fields if name.startswith("prefill")]
    assert prefilled == ["prefill[email]"]


async def test_a_key_of_the_other_mode_asks_nobody(rig: FakeRig) -> None:
    live = rig.adapter(mode=AccountMode.LIVE)
    with pytest.raises(ConfigurationFault) as refusal:
        await live.create(live.prepare_create(rig.request()), idempotency_key="c")

    assert refusal.value.code == "wrong_mode"
    assert hand(rig).calls == []


# --- attempts ------------------------------------------------------------------------------------


async def test_failed_is_not_the_end_and_authorized_is_not_paid(rig: FakeRig) -> None:
    payment = (await rig.create(is_captured_later=True)).provider_payment_id
    seen = []
    for step in (hand(rig).on_silence, hand(rig).on_decline, hand(rig).on_late):
        step(payment)
        found = await rig.provider.fetch(payment)
        seen.append((found.state, found.failure_code, found.authorized.amount))

    assert seen == [
        (PaymentState.PENDING, None, 0),
        # The first attempt may still come to something.
        (PaymentState.PENDING, "payment_declined", 0),
        (PaymentState.AUTHORIZED, None, 11840),
    ]


async def test_what_was_held_and_never_captured_is_let_go_of(rig: FakeRig) -> None:
    payment = await rig.paid(is_captured_later=True)
    kept = await rig.provider.cancel(payment, idempotency_key="void")
    hand(rig).on_lapse(payment)

    found = await rig.provider.fetch(payment)
    assert kept.state is PaymentState.AUTHORIZED
    assert (found.state, found.captured.amount, found.refunded.amount) == (
        PaymentState.VOIDED, 0, 0,
    )  # fmt: skip
    with pytest.raises(StateConflict):
        await rig.provider.capture(
            msgspec.json.encode({"amount": 11840, "currency": "INR"}),
            provider_payment_id=payment,
            idempotency_key="capture",
        )


async def test_an_attempt_leads_to_its_payment(rig: FakeRig) -> None:
    payment = await rig.paid()
    attempt = next(iter(hand(rig).attempts))

    assert await rig.provider.fetch(attempt) == await rig.provider.fetch(payment)


# --- refunds -------------------------------------------------------------------------------------


async def test_a_refund_that_takes_days_is_pending_until_then(rig: FakeRig) -> None:
    payment = await rig.paid()
    hand(rig).is_slow_to_refund = True
    sent = await rig.refund(payment, 40)
    hand(rig).on_refund_done(sent.provider_refund_id)

    (after,) = (await rig.provider.fetch(payment)).refunds
    assert (sent.state, after.state) == (
        ProviderRefundState.PENDING, ProviderRefundState.SUCCEEDED,
    )  # fmt: skip


async def test_a_key_that_is_used_for_another_refund_says_nothing_certain(rig: FakeRig) -> None:
    payment = await rig.paid()
    await rig.refund(payment, 40)
    with pytest.raises(OutcomeUnknown):
        await rig.refund(payment, 41)

    assert await rig.book(payment) == (11840, 40)


async def test_a_refund_whose_key_was_forgotten_is_found_by_its_receipt(rig: FakeRig) -> None:
    """Razorpay does not say how long it keeps a key."""
    payment = await rig.paid()
    first = await rig.refund(payment, 11840)
    hand(rig)._kept.clear()

    assert await rig.refund(payment, 11840) == first
    assert await rig.book(payment) == (11840, 11840)


async def test_more_refunds_than_fit_on_a_page_are_all_listed(rig: FakeRig) -> None:
    payment = await rig.paid()
    for _ in range(205):
        hand(rig).on_refund(payment, 1)

    found = await rig.provider.list_refunds(payment)
    assert [row.provider_refund_id for row in found] == list(hand(rig).refunds)


# --- webhooks ------------------------------------------------------------------------------------


async def test_an_id_that_is_not_signed_makes_nobody_forget_another_event(rig: FakeRig) -> None:
    """An old message, sent again under the id of one that is still to come."""
    payment = await rig.paid()
    await rig.refund(payment, 40)
    old, new = (await rig.messages())[0], (await rig.messages())[-1]
    stolen = old.headers | {"x-razorpay-event-id": new.headers["x-razorpay-event-id"]}
    bare = {"X-Razorpay-Signature": new.headers["X-Razorpay-Signature"]}

    (forged,) = rig.parse(Message(old.kind, old.body, stolen))
    (genuine,) = rig.parse(new)
    (nameless,) = rig.parse(Message(new.kind, new.body, bare))
    assert genuine.dedup_key.startswith(new.headers["x-razorpay-event-id"])
    assert len({forged.dedup_key, genuine.dedup_key, nameless.dedup_key}) == 3


async def test_a_refund_that_is_told_of_alone_names_the_attempt(rig: FakeRig) -> None:
    payment = await rig.paid()
    made = hand(rig).on_refund(payment, 40)
    body = msgspec.json.encode(hand(rig).an_event("refund.processed", {"refund": made}))

    (event,) = rig.parse(Message("", body, rig.sign(body)))
    assert (event.provider_payment_id, event.merchant_reference) == (made["payment_id"], None)


@pytest.mark.parametrize(
    "kind", ["payment.downtime.started", "payment_link.paid", "payout.processed", "invoice.paid"]
)
async def test_events_about_nothing_of_ours_are_taken_and_forgotten(
    rig: FakeRig, kind: str
) -> None:
    body = msgspec.json.encode({"event": kind, "payload": {"other": {"entity": {}}}})

    assert rig.parse(Message(kind, body, rig.sign(body))) == ()
    with pytest.raises(WebhookRefused):
        rig.parse(Message(kind, body, {}))


# --- settings ------------------------------------------------------------------------------------


def test_the_mode_is_read_off_the_key_id() -> None:
    def faults(public_key: str, mode: AccountMode = AccountMode.TEST) -> list[str]:
        block = RazorpaySettings(
            _env_file=None,
            mode=mode,
            secret_key=SecretStr("anything"),
            public_key=public_key,
            webhook_secrets={"now": SecretStr("anything")},
        )
        return block.list_faults(Mode.TEST)

    told = "SUREHOLD_RAZORPAY_PUBLIC_KEY is no {0} key id: those begin with rzp_{0}_"
    assert faults("rzp_test_x") == faults("rzp_live_x", AccountMode.LIVE) == []
    assert faults("") == faults("rzp_live_x") == [told.format("test")]
    assert faults("rzp_test_x", AccountMode.LIVE) == [told.format("live")]
