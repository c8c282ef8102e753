"""P11: answers that prove nothing about what was done. The outcome is unknown, never failed."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from uuid import UUID

import pytest

from surehold.checkout import commands
from surehold.db import Database
from surehold.kernel.ids import merchant_reference
from surehold.payments.providers.bank_transfer import BankTransfer
from surehold.payments.providers.sandbox import SandboxProvider
from tests.sandbox.conftest import API_KEY, SECRETS
from tests.support.api import an_api
from tests.support.bank import Bazaar, list_operations, payment_id_of, unpaid
from tests.support.placing import count_rows
from tests.support.shop import make_due

#: Every way in which an answer can go wrong that proves nothing about what was done.
BAD_ANSWERS: Final = (
    "error",
    "error_after_work",
    "gateway",
    "rate_limit",
    "truncate",
    "half_json",
    "wrong_type",
    "huge",
    "redirect",
    "lose",
    "lose_before_work",
    "slow",
    "drip",
)
DROPPED: Final = {"lose", "lose_before_work", "truncate"}
WITHOUT_EFFECT: Final = {"error", "rate_limit", "lose_before_work"}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", BAD_ANSWERS)
async def test_P11_bad_answer_to_a_creation_is_unknown_and_found_out(
    db: Database, bazaar: Bazaar, lamp: UUID, fault: str
) -> None:
    await bazaar.misbehave(answers=[{"fault": fault, "on": "create"}], hang_seconds=_hang(fault))

    placed = await bazaar.buy(lamp)

    assert placed["payment"]["state"] == "unknown"
    assert placed["payment"]["next_action"]["type"] == "wait"
    assert await list_operations(db) == [("create", "unknown")]
    found = await bazaar.bank.get(
        f"/v1/payments?merchant_reference={merchant_reference(payment_id_of(placed))}"
    )
    assert len(found.json()["data"]) == (0 if fault in WITHOUT_EFFECT else 1)
    await bazaar.settle()
    assert await bazaar.look(placed) == unpaid("requires_action")
    await bazaar.charge(placed)
    await bazaar.hear()
    assert (await bazaar.look(placed)).status == "paid"
    await bazaar.check()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", BAD_ANSWERS)
async def test_P11_bad_answer_to_a_read_leaves_the_payment_as_it_was(
    db: Database, bazaar: Bazaar, lamp: UUID, fault: str
) -> None:
    placed = await bazaar.buy(lamp)
    await bazaar.charge(placed)
    # A connection that is dropped is tried once more by itself.
    calls = 2 if fault in DROPPED else 1
    faults = [{"fault": fault, "on": "read", "calls": calls}]
    await bazaar.misbehave(answers=faults, hang_seconds=_hang(fault))
    await bazaar.bank.control("release")
    await bazaar.wait_heard()

    assert await bazaar.look(placed) == unpaid("requires_action")
    async with db.connection() as connection:
        state = await connection.raw.fetchval("SELECT state FROM webhook_events")
    assert state == "parked"
    await bazaar.settle()
    assert (await bazaar.look(placed)).status == "paid"
    await bazaar.check()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", BAD_ANSWERS)
async def test_P11_bad_answer_to_a_refund_is_asked_again(
    db: Database, bazaar: Bazaar, lamp: UUID, fault: str
) -> None:
    placed = await bazaar.buy(lamp)
    total = placed["order"]["total"]["amount"]
    await bazaar.charge(placed)
    await bazaar.hear()
    assert (await bazaar.cancel(placed)).status == 200
    await bazaar.misbehave(answers=[{"fault": fault, "on": "refund"}], hang_seconds=_hang(fault))
    await make_due(db)
    await commands.ask_due_operations(bazaar.api.checkout)
    assert ("refund", "unknown") in await list_operations(db)

    await bazaar.settle()

    assert await bazaar.moved() == [("capture", total), ("refund", -total)]
    seen = await bazaar.look(placed)
    assert (seen.status, seen.refunded, seen.review_reasons) == ("refunded", total, (None,))
    await bazaar.check()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", BAD_ANSWERS)
async def test_P11_bad_answer_to_a_cancellation_is_asked_again(
    db: Database, bazaar: Bazaar, lamp: UUID, fault: str
) -> None:
    placed = await bazaar.buy(lamp)
    await bazaar.misbehave(answers=[{"fault": fault, "on": "cancel"}], hang_seconds=_hang(fault))
    assert (await bazaar.cancel(placed)).status == 200
    await make_due(db)
    await commands.ask_due_operations(bazaar.api.checkout)
    assert ("void", "unknown") in await list_operations(db)

    await bazaar.settle()

    assert await bazaar.look(placed) == unpaid("voided", status="canceled")
    assert (await bazaar.bank.payment(await bazaar.find_at_bank(placed)))["state"] == "canceled"
    await bazaar.check()


async def test_P11_provider_without_a_good_handshake_is_asked_again(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    """TLS is spoken to a port that does not speak it."""
    plain = str(bazaar.bank.client.base_url)
    provider = SandboxProvider(plain.replace("http://", "https://"), API_KEY, SECRETS)
    base_url = bazaar.bank.notify_url.removesuffix("/webhooks/sandbox")
    async with an_api(db, providers=(provider, BankTransfer()), base_url=base_url) as api:
        placed = await api.buy(lamp, payment_method={"provider": "sandbox"})
        await provider.close()

    assert placed["payment"]["state"] == "unknown"
    await bazaar.settle()
    assert await bazaar.look(placed) == unpaid("requires_action")
    await bazaar.check()


async def test_P11_other_methods_do_not_wait_for_a_bank_that_hangs(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    """More buyers hang at the bank than there are connections to the database."""
    stuck_count = 3 * db.settings.pool_max
    faults = [{"fault": "slow", "on": "create", "calls": stuck_count}]
    await bazaar.misbehave(answers=faults, hang_seconds=4)
    stuck = [asyncio.create_task(bazaar.buy(lamp)) for _ in range(stuck_count)]
    async with asyncio.timeout(10):
        while (await count_rows(db, ["orders"])).get("orders", 0) < stuck_count:
            await asyncio.sleep(0.02)

    began = time.monotonic()
    placed = [
        await bazaar.buy(lamp, payment_method={"provider": "bank_transfer"}) for _ in range(3)
    ]
    took = time.monotonic() - began

    assert [row["payment"]["state"] for row in placed] == ["requires_action"] * 3
    assert took < 2
    assert not any(task.done() for task in stuck)
    answers = await asyncio.gather(*stuck)
    assert {row["payment"]["state"] for row in answers} <= {"requires_action", "unknown"}
    await bazaar.settle()
    await bazaar.check()


def _hang(fault: str) -> float:
    return 1 if fault in {"slow", "drip"} else 0
