"""Two vendors' goods in one order: commission, a refund, statements, and a payout by the bank."""

from __future__ import annotations

from typing import Any

from surehold.db.invariants import check_invariants
from surehold.orders.vendor_accounts import commands as vendor_accounts
from tests.builders.catalog import a_product
from tests.support.api import STAFF, Answer, Api, a_key

EVER = "since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"


async def post(api: Api, path: str, body: Any = None) -> Answer:
    return await api.post(path, body, headers={**STAFF, **a_key()})


async def refund_one(api: Api, placed: Any) -> None:
    """One of the two lamps comes back, and its money is sent."""
    where = f"/orders/{placed['order']['id']}/refunds"
    line = next(one for one in placed["order"]["lines"] if one["quantity"] == 2)
    wish = {"lines": [{"line_id": line["id"], "quantity": 1}], "reason": "damaged"}
    assert (await post(api, where, wish)).status == 201
    rows = (await api.get(where, headers=STAFF)).body["items"]
    open_id = next(row["id"] for row in rows if row["state"] == "requested")
    assert (await post(api, f"{where}/{open_id}/confirm", {})).status == 200
    assert await vendor_accounts.post_due_commissions(api.db, limit=10) == 1


async def statement(api: Api, vendor: str) -> dict[str, int]:
    answer = await api.get(f"/vendors/{vendor}/statement?{EVER}", headers=STAFF)
    (row,) = answer.body["items"]
    return {name: money["amount"] for name, money in row.items()}


async def test_vendor_is_paid_for_what_was_sold(api: Api) -> None:
    lamp = await a_product(api.db, price=12_000, vendor="northline", categories=["lamps"])
    vase = await a_product(api.db, price=6_000, vendor="tidewater")
    for body in (
        {"rate": "0.1"},
        {"rate": "0.125", "vendor": "northline", "fixed_minor": 30, "currency": "EUR"},
    ):
        assert (await post(api, "/commission-rules", body)).status == 201
    placed = await api.buy((lamp.variant_id, 2), vase.variant_id)
    confirm = f"/payments/{placed['payment']['id']}/confirm"
    received = {"amount": placed["order"]["total"]["amount"], "currency": "EUR"}
    assert (await post(api, confirm, {"received": received})).status == 200

    assert await vendor_accounts.post_due_commissions(api.db, limit=10) == 1
    assert await vendor_accounts.post_due_commissions(api.db, limit=10) == 0

    # 24,000 gross is 20,000 net at 20 %; of it 12.5 % and 30 for each of two units.
    sold = {"opening": 0, "refunds": 0, "commission_refunded": 0, "payouts": 0}
    assert await statement(api, "northline") == {
        **sold, "sales": 20_000, "commission": 2_560, "closing": 17_440,
    }  # fmt: skip
    assert await statement(api, "tidewater") == {
        **sold, "sales": 5_000, "commission": 500, "closing": 4_500,
    }  # fmt: skip

    # With one of two lamps goes half of the commission.
    await refund_one(api, placed)
    assert await statement(api, "northline") == {
        **sold, "sales": 20_000, "commission": 2_560, "refunds": 10_000,
        "commission_refunded": 1_280, "closing": 8_720,
    }  # fmt: skip

    # What is not old enough waits; what is less than the minimum as well.
    wish = {"minimum": {"amount": 5_000, "currency": "EUR"}, "hold_days": 0}
    young = await post(api, "/vendor-payouts", {**wish, "hold_days": 7})
    assert young.refusal == (409, "nothing_to_pay_out")
    whole = (await post(api, "/vendor-payouts", wish)).body
    where = f"/vendor-payouts/{whole['batch']['id']}"
    assert [(one["vendor"], one["amount"]["amount"]) for one in whole["payouts"]] == [
        ("northline", 8_720)
    ]
    assert (await post(api, "/vendor-payouts", wish)).refusal == (409, "nothing_to_pay_out")
    early = await post(api, f"{where}/pay", {"bank_reference": "B-1"})
    assert early.refusal == (409, "payout_batch_not_movable")
    assert (await post(api, f"{where}/approve")).body["batch"]["state"] == "approved"
    file = await api.get(f"{where}/file", headers=STAFF)
    short = whole["batch"]["id"][:8]
    assert file.raw.decode() == (
        "vendor,name,amount,currency,reference\r\n"
        f"northline,Northline,87.20,EUR,{short}-northline\r\n"
    )
    paid = [await post(api, f"{where}/pay", {"bank_reference": "B-1"}) for _ in range(2)]

    assert [one.status for one in paid] == [200, 200]
    assert paid[0].raw == paid[1].raw
    assert [one["to_state"] for one in paid[0].body["events"]] == ["proposed", "approved", "paid"]
    assert (await post(api, f"{where}/cancel")).refusal == (409, "payout_batch_not_movable")
    assert (await statement(api, "northline"))["closing"] == 0

    # The other lamp comes back after it was paid for: the vendor owes it, and it is carried.
    await refund_one(api, placed)
    table = await api.get(f"/vendors/northline/statement/csv?{EVER}", headers=STAFF)
    assert table.raw.decode() == (
        "currency,opening,sales,commission,refunds,commission_refunded,payouts,closing\r\n"
        "EUR,0.00,200.00,25.60,200.00,25.60,87.20,-87.20\r\n"
    )
    async with api.db.connection() as connection:
        assert await check_invariants(connection, at_rest=False) == {}
