"""Money that the sandbox holds: sure for a while, held on to, let go, and given once."""

from __future__ import annotations

from typing import Any

from tests.sandbox.conftest import CONTROL_KEY

DAY = 86_400


async def held(shop: Any, **facts: Any) -> dict[str, Any]:
    made = await shop.create(capture_method="manual", **facts)
    return dict((await shop.control(f"payments/{made['id']}/capture", {})).json())


async def pass_days(shop: Any, days: float) -> None:
    await shop.control("clock", {"offset_seconds": int(days * DAY)})


async def renew(shop: Any, payment: str, number: int, key: str) -> Any:
    return await shop.post(f"/v1/payments/{payment}/renew", {"number": number}, key=key)


async def kept(shop: Any) -> dict[str, Any]:
    """What its book has of the one hold."""
    key = {"authorization": f"Bearer {CONTROL_KEY}"}
    (row,) = (await shop.client.get("/control/holds", headers=key)).json()["data"]
    return dict(row)


async def test_what_is_held_is_sure_for_three_days_and_gone_after_seven(shop: Any) -> None:
    payment = await held(shop)
    begun = payment["capture_before"] - 7 * DAY
    assert (payment["state"], payment["honored_until"]) == ("authorized", begun + 3 * DAY)

    await pass_days(shop, 7)
    late = await shop.post(f"/v1/payments/{payment['id']}/capture", {"amount": 11840}, key="k")

    assert late.json()["error"]["code"] == "not_authorized"
    row = await kept(shop)
    assert (row["ended_as"], row["capture_before"]) == ("expired", begun + 7 * DAY)
    assert (await shop.payment(payment["id"]))["capture_before"] is None


async def test_a_renewal_makes_it_sure_again_once_for_each_number(shop: Any) -> None:
    payment = await held(shop)
    soon = await renew(shop, payment["id"], 1, "k1")
    await pass_days(shop, 3)
    first = await renew(shop, payment["id"], 1, "k1")
    again = await renew(shop, payment["id"], 1, "k2")
    second = await renew(shop, payment["id"], 2, "k3")

    assert (soon.status_code, soon.json()["error"]["code"]) == (409, "renewal_too_soon")
    assert second.json() == soon.json()
    assert first.json()["honored_until"] >= payment["honored_until"] + 3 * DAY
    assert again.json() == first.json()
    assert first.json()["capture_before"] == payment["capture_before"]
    assert first.json()["state"] == "authorized"


async def test_a_bank_that_refuses_goes_on_to_hold_it(shop: Any) -> None:
    payment = await held(shop)
    await pass_days(shop, 3)
    await shop.misbehave(chances={"refuse_held_rate": 1})
    renewed = await renew(shop, payment["id"], 1, "k1")
    taken = await shop.post(f"/v1/payments/{payment['id']}/capture", {"amount": 11840}, key="k2")
    await shop.misbehave()

    assert [answer.status_code for answer in (renewed, taken)] == [402, 402]
    assert (await shop.payment(payment["id"]))["state"] == "authorized"
    assert (await renew(shop, payment["id"], 1, "k1")).status_code == 200


async def test_nothing_is_renewed_that_somebody_let_go(shop: Any) -> None:
    payment = await held(shop)
    await shop.control(f"payments/{payment['id']}/void")
    refused = await renew(shop, payment["id"], 1, "k1")

    assert refused.json()["error"]["code"] == "not_authorized"
    row = await kept(shop)
    assert row["ended_as"] == "canceled"
