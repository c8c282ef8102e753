"""What only Stripe has: two names for a payment, two ways to pay, long lists, lost charges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from surehold.payments.model import ClientSecret, PaymentState, Redirect
from surehold.payments.providers.failures import (
    ConfigurationFault,
)
from surehold.payments.providers.port import (
    ProviderRefundState,
)
from surehold.payments.providers.stripe import Stripe
from tests.fakes.stripe import FakeStripe
from tests.payments.contract.rig import CERTIFICATES, REFERENCE, FakeRig, a_rig


@pytest.fixture
async def rig() -> AsyncIterator[FakeRig]:
    async with a_rig("stripe") as opened:
        assert isinstance(opened, FakeRig)
        yield opened


def hand(rig: FakeRig) -> FakeStripe:
    assert isinstance(rig.fake, FakeStripe)
    return rig.fake


async def test_a_session_is_known_by_its_intent_once_it_is_paid(rig: FakeRig) -> None:
    begun = await rig.create()
    assert begun.provider_payment_id.startswith("cs_")
    assert isinstance(begun.next_action, Redirect)
    hand(rig).on_decline(begun.provider_payment_id)
    declined = await rig.provider.fetch(begun.provider_payment_id)
    hand(rig).on_pay(begun.provider_payment_id)

    paid = await rig.provider.fetch(begun.provider_payment_id)
    assert declined.provider_payment_id == begun.provider_payment_id
    assert paid.provider_payment_id.startswith("pi_")
    assert paid.method == "visa 4242"
    assert await rig.provider.fetch(paid.provider_payment_id) == paid


async def test_a_charge_leads_to_its_payment(rig: FakeRig) -> None:
    """Of a dispute, Stripe may name the charge alone."""
    payment = await rig.paid()
    dispute = hand(rig).on_dispute(payment, 5000)["dispute"]
    about = hand(rig).disputes[dispute] | {"payment_intent": None}
    body = msgspec.json.encode(hand(rig).an_event("charge.dispute.updated", about))

    (event,) = rig.provider.parse_webhook(body, rig.sign(body), received_at=rig.now())
    assert event.provider_payment_id is not None
    assert event.provider_payment_id.startswith("ch_")
    found = await rig.provider.fetch(event.provider_payment_id)
    assert (found.merchant_reference, found.provider_payment_id) == (REFERENCE, payment)


async def test_an_expired_session_is_voided_and_says_so(rig: FakeRig) -> None:
    begun = await rig.create()
    hand(rig).on_expire(begun.provider_payment_id)

    found = await rig.provider.fetch(begun.provider_payment_id)
    (event,) = rig.parse((await rig.messages())[-1])
    assert found.state is PaymentState.VOIDED
    assert (event.kind, event.merchant_reference) == ("checkout.session.expired", REFERENCE)


async def test_more_refunds_than_fit_on_a_page_are_all_listed(rig: FakeRig) -> None:
    payment = await rig.paid()
    for _ in range(205):
        hand(rig).on_refund(payment, 1)

    found = await rig.provider.list_refunds(payment)
    assert [row.provider_refund_id for row in found] == list(hand(rig).refunds)


async def test_a_success_that_failed_days_later_is_seen(rig: FakeRig) -> None:
    payment = await rig.paid()
    sent = await rig.refund(payment, 40)
    hand(rig).on_refund_fails(sent.provider_refund_id)

    (after,) = (await rig.provider.fetch(payment)).refunds
    assert (sent.state, after.state, after.failure_code) == (
        ProviderRefundState.SUCCEEDED,
        ProviderRefundState.FAILED,
        "expired_or_canceled_card",
    )


async def test_a_front_end_of_its_own_gets_the_clients_secret(rig: FakeRig) -> None:
    account = rig.provider._config  # type: ignore[attr-defined]  # Stripe's own
    client = httpx2.AsyncClient(verify=CERTIFICATES, trust_env=False)
    element = Stripe(account, page="element", client=client)
    body = element.prepare_create(rig.request())

    begun = await element.create(body, idempotency_key="create-1")
    again = await element.create(body, idempotency_key="create-1")
    found = await element.find_by_reference(REFERENCE)

    assert isinstance(begun.next_action, ClientSecret)
    assert begun == again
    assert begun.next_action.publishable_key == "pk_test_fake"
    assert begun.provider_payment_id.startswith("pi_")
    assert found is not None
    assert found.state is PaymentState.REQUIRES_ACTION
    gone = await element.cancel(begun.provider_payment_id, idempotency_key="void-1")
    assert gone.state is PaymentState.VOIDED
    await element.close()


async def test_an_account_of_the_other_mode_is_noticed_when_it_is_first_asked(
    rig: FakeRig,
) -> None:
    hand(rig).is_live = True

    with pytest.raises(ConfigurationFault) as refusal:
        await rig.create()
    assert refusal.value.code == "wrong_mode"


@pytest.mark.parametrize("kind", ["customer.created", "payout.paid", "radar.early_fraud_warning"])
def test_events_about_nothing_of_ours_are_taken_and_forgotten(rig: FakeRig, kind: str) -> None:
    about: dict[str, Any] = {"id": "x"}
    body = msgspec.json.encode(hand(rig).an_event(kind, about))

    assert rig.provider.parse_webhook(body, rig.sign(body), received_at=rig.now()) == ()
