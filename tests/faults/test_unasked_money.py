"""P13 and P14: what nobody asked the bank for, and a report that knows better.

Disputes are booked as the bank tells of them. Refunds that begin at the bank are not yet: until
they are, each is seen, leaves every invariant true, and waits for a person under a reason.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from proof.oracle import reconcile
from surehold.checkout import commands
from surehold.db import Database
from tests.support.api import STAFF, a_key
from tests.support.bank import Bazaar, Standing, payment_id_of
from tests.support.placing import count_rows


async def test_P13_dispute_is_booked_and_what_is_lost_is_given_up(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    placed, total = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    dispute = await bazaar.bank.control(f"payments/{payment_id}/dispute", {})
    await bazaar.hear()

    assert await bazaar.look(placed) == Standing(
        "disputed", ("captured",), (None,), total, 0, ("capture", "dispute_opened", "sale")
    )
    await bazaar.check()
    await bazaar.bank.control(f"disputes/{dispute.json()['id']}/close", {"outcome": "lost"})
    await bazaar.hear()
    lost = ("capture", "dispute_lost", "dispute_lost", "dispute_opened", "sale", "sale_reversal")
    assert await bazaar.look(placed) == Standing(
        "refunded", ("captured",), (None,), total, 0, lost
    )
    await bazaar.check()


@pytest.mark.parametrize("amount", [500, None])
async def test_P13_refund_at_the_dashboard_is_parked_and_nothing_is_booked(
    db: Database, bazaar: Bazaar, lamp: UUID, amount: int | None
) -> None:
    placed, total = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    how = {} if amount is None else {"amount": amount}
    await bazaar.bank.control(f"payments/{payment_id}/refund", how)

    await bazaar.hear()

    assert await bazaar.moved() == [("capture", total), ("refund", -(amount or total))]
    assert await bazaar.look(placed) == Standing(
        "paid", ("captured",), ("refunded_at_provider",), total, 0, ("capture", "sale")
    )
    await bazaar.check()


async def test_P13_refund_at_the_dashboard_that_was_accepted_is_not_found_again(
    bazaar: Bazaar, lamp: UUID
) -> None:
    placed, _ = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    await bazaar.bank.control(f"payments/{payment_id}/refund", {"amount": 500})
    await bazaar.hear()
    path = f"/payments/{placed['payment']['id']}"
    decided = {"decision": "accept", "note": "Broken on the way"}
    answer = await bazaar.api.post(f"{path}/review", decided, headers={**STAFF, **a_key()})
    assert answer.status == 200, answer.raw

    outcome = await commands.check_payment(bazaar.api.checkout, payment_id_of(placed))

    assert outcome is not None
    assert outcome.effect == "unchanged"
    seen = await bazaar.look(placed)
    assert (seen.status, seen.refunded, seen.review_reasons) == (
        "partially_refunded",
        500,
        (None,),
    )
    await bazaar.check()


async def test_P13_whole_refund_after_a_part_went_back_elsewhere_is_for_a_person(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    placed, total = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    await bazaar.bank.control(f"payments/{payment_id}/refund", {"amount": 500})
    assert (await bazaar.cancel(placed)).status == 200

    await bazaar.hear()

    assert await bazaar.moved() == [("capture", total), ("refund", -500)]
    seen = await bazaar.look(placed)
    assert (seen.status, seen.refunded) == ("canceled", 0)
    assert seen.review_reasons == ("refund_failed: amount_too_large",)
    await bazaar.check()


async def test_P13_part_of_the_money_is_parked_and_the_rest_changes_nothing(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    placed = await bazaar.buy(lamp)
    total = placed["order"]["total"]["amount"]
    payment_id = await bazaar.charge(placed, amount=300)
    await bazaar.hear()
    parked = Standing(
        "pending_payment", ("requires_action",), ("amount_mismatch",), 0, 0, ("suspense",)
    )
    assert await bazaar.look(placed) == parked
    await bazaar.check()

    await bazaar.bank.control(f"payments/{payment_id}/capture", {"amount": total - 300})
    await bazaar.hear()

    assert await bazaar.look(placed) == parked
    await bazaar.check()


async def test_P13_refund_that_comes_back_is_parked(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    placed, total = await _paid(bazaar, lamp)
    assert (await bazaar.cancel(placed)).status == 200
    await bazaar.settle()
    refund = next(line for line in await bazaar.report() if line["type"] == "refund")
    assert (await bazaar.look(placed)).refunded == total
    await bazaar.bank.control(f"refunds/{refund['id']}/fail", {})

    await bazaar.hear()

    assert await bazaar.moved() == [("capture", total)]
    assert (await bazaar.look(placed)).review_reasons == ("refund_taken_back",)
    await bazaar.check()


async def _paid(bazaar: Bazaar, variant_id: UUID) -> tuple[Any, int]:
    placed = await bazaar.buy(variant_id)
    await bazaar.charge(placed)
    await bazaar.hear()
    assert (await bazaar.look(placed)).status == "paid"
    return placed, placed["order"]["total"]["amount"]


async def test_P14_report_that_disagrees_is_said_and_nothing_is_corrected(
    db: Database, bazaar: Bazaar, lamp: UUID
) -> None:
    placed, total = await _paid(bazaar, lamp)
    await bazaar.misbehave(report_skew_minor=-7)
    report = (await bazaar.bank.get("/v1/report")).json()["lines"]
    before = await count_rows(db)

    async with db.connection() as connection:
        found = await reconcile(connection, report)

    assert found == [
        f"{placed['payment']['id']}: the provider captured {total - 7} EUR, our books say {total}"
    ]
    assert await count_rows(db) == before
    await bazaar.check()
