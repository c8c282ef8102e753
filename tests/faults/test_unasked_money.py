"""P13 and P14: what nobody asked the bank for, and a report that knows better.

Disputes are booked as the bank tells of them. A refund that begins there waits for a person; in a
store that has it so, what can mean one thing only is booked by itself. Whatever else is seen
leaves every invariant true, and waits for a person under a reason.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from proof.oracle import reconcile
from surehold.checkout import commands
from surehold.db import Database
from tests.builders.trust import set_up
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


async def test_P7_dispute_that_is_opened_again_is_found_although_nobody_says_so(
    bazaar: Bazaar, lamp: UUID
) -> None:
    placed, total = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    dispute = (await bazaar.bank.control(f"payments/{payment_id}/dispute", {})).json()["id"]
    await bazaar.bank.control(f"disputes/{dispute}/close", {"outcome": "won"})
    await bazaar.hear()
    assert (await bazaar.look(placed)).status == "paid"
    assert await _days_to_look(bazaar) == 1

    # Three looks find nothing new, each after twice as long.
    for age, days in ((1, 1), (2, 2), (4, 4)):
        await _look_on_day(bazaar, age)
        assert await _days_to_look(bazaar) == days
    await bazaar.bank.control(f"disputes/{dispute}/reopen", {})  # Its message is never let go.
    assert (await bazaar.look(placed)).status == "paid"

    await _look_on_day(bazaar, 8)

    seen = await bazaar.look(placed)
    assert (seen.status, seen.journals) == ("disputed", ("capture", "dispute_opened", "sale"))
    assert await _days_to_look(bazaar) == 1
    assert await bazaar.moved() == [("capture", total), ("dispute", -total)]
    await bazaar.check()


async def _look_on_day(bazaar: Bazaar, age: int) -> None:
    """The worker comes by when a look is due, so many days after all disputes were decided."""
    async with bazaar.db.connection() as connection:
        await connection.raw.execute(
            "UPDATE disputes SET updated_at = store_now() - make_interval(days => $1)", age
        )
        await connection.raw.execute("UPDATE payments SET next_check_at = store_now()")
    assert await commands.check_due_payments(bazaar.api.checkout) == 1


async def _days_to_look(bazaar: Bazaar) -> int:
    async with bazaar.db.connection() as connection:
        found = await connection.raw.fetchval(
            "SELECT round(extract(epoch FROM next_check_at - store_now()) / 86400) FROM payments"
        )
    return int(found)


@pytest.mark.parametrize("amount", [500, None])
async def test_P13_refund_at_the_dashboard_is_booked_by_itself_and_once(
    db: Database, bazaar: Bazaar, lamp: UUID, amount: int | None
) -> None:
    await set_up(db, refunds_at_provider="book")
    placed, total = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    how = {} if amount is None else {"amount": amount}
    await bazaar.bank.control(f"payments/{payment_id}/refund", how)

    await bazaar.hear()

    assert await bazaar.moved() == [("capture", total), ("refund", -(amount or total))]
    booked = Standing(
        "refunded" if amount is None else "partially_refunded",
        ("captured",),
        (None,),
        total,
        amount or total,
        ("capture", "refund", "sale", "sale_credit"),
    )
    assert await bazaar.look(placed) == booked
    outcome = await commands.check_payment(bazaar.api.checkout, payment_id_of(placed))
    assert (outcome is not None and outcome.effect, await bazaar.look(placed)) == (
        "unchanged",
        booked,
    )
    async with db.connection() as connection:
        found = await connection.raw.fetch("SELECT state, reason, requested_by FROM refunds")
        told = await connection.raw.fetch(
            "SELECT payload->>'amount_minor' FROM outbox WHERE topic = 'refund.found'"
        )
        owned = await connection.raw.fetchval(
            "SELECT sum(quantity - released_quantity) FROM allocations"
        )
    assert [tuple(row) for row in found] == [
        ("succeeded", "refunded at the provider", "provider:sandbox")
    ]
    assert ([row[0] for row in told], owned) == ([str(amount or total)], 1)
    await bazaar.check()


@pytest.mark.parametrize("setting", ["ask", "book"])
async def test_P13_refund_at_the_dashboard_of_disputed_money_waits_for_a_person(
    db: Database, bazaar: Bazaar, lamp: UUID, setting: str
) -> None:
    await set_up(db, refunds_at_provider=setting)
    placed, _ = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    await bazaar.bank.control(f"payments/{payment_id}/dispute", {"amount": 300})
    await bazaar.bank.control(f"payments/{payment_id}/refund", {"amount": 500})

    await bazaar.hear()

    seen = await bazaar.look(placed)
    assert (seen.review_reasons, seen.refunded) == (("refunded_at_provider",), 0)
    assert seen.journals == ("capture", "dispute_opened", "sale")
    await bazaar.check()


async def test_P13_refund_at_the_dashboard_that_was_accepted_is_not_found_again(
    bazaar: Bazaar, lamp: UUID
) -> None:
    placed, _ = await _paid(bazaar, lamp)
    payment_id = await bazaar.find_at_bank(placed)
    dispute = await bazaar.bank.control(f"payments/{payment_id}/dispute", {"amount": 300})
    await bazaar.bank.control(f"payments/{payment_id}/refund", {"amount": 500})
    await bazaar.hear()
    await bazaar.bank.control(f"disputes/{dispute.json()['id']}/close", {"outcome": "won"})
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
