"""A vendor's staff see and send what is their vendor's of an order, and nothing else."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from surehold.identity import commands
from surehold.identity.model import AccountKind
from surehold.identity.permissions import EVERYTHING
from tests.builders.accounts import SHELL, a_member, an_identity, sign_in
from tests.builders.catalog import a_product, a_vendor
from tests.support.api import STAFF, Api, a_key


async def a_vendors_member(db: Database, slug: str) -> dict[str, str]:
    """Somebody of a vendor, whose role permits more than vendors' staff can have."""
    identity = an_identity(db)
    async with db.transaction() as tx:
        vendor_id = await a_vendor(tx, slug=slug)
    await commands.create_role(
        identity, principal=SHELL, code=slug, name=slug, permissions=sorted(EVERYTHING, key=str)
    )
    email = f"{slug}@example.com"
    await a_member(identity, email, kind=AccountKind.VENDOR, roles=(slug,), vendor_id=vendor_id)
    return {"Authorization": f"Bearer {(await sign_in(identity, email)).access_token}"}


async def a_mixed_order(api: Api) -> Any:
    lamp = await a_product(api.db, sku="LAMP", vendor="northline", price=2000)
    mug = await a_product(api.db, sku="MUG", vendor="tarn", price=900)
    alone = await a_product(api.db, sku="PEN", vendor="tarn", price=500)
    placed = [await api.buy((lamp.variant_id, 2), (mug.variant_id, 1))]
    placed.append(await api.buy((alone.variant_id, 1)))
    for one in placed:
        await api.post(
            f"/payments/{one['payment']['id']}/confirm",
            {"received": one["order"]["total"]},
            headers=STAFF,
        )
    return placed


async def test_vendors_see_their_part_and_send_it(api: Api) -> None:
    northline = await a_vendors_member(api.db, "northline")
    tarn = await a_vendors_member(api.db, "tarn")
    mixed, foreign = await a_mixed_order(api)
    order_id = mixed["order"]["id"]

    me = await api.get("/auth/me", headers=northline)
    seen = await api.get("/orders", headers=northline)
    lines = await api.get(f"/orders/{order_id}/lines", headers=northline)
    hidden = await api.get(f"/orders/{foreign['order']['id']}/lines", headers=northline)
    asked = await api.get(f"/orders/{order_id}/fulfillments?vendor=tarn", headers=northline)
    other_line = next(row["id"] for row in mixed["order"]["lines"] if row["sku"] == "MUG")
    path = f"/orders/{order_id}/fulfillments"
    stolen = await api.post(
        path,
        {"lines": [{"line_id": other_line, "quantity": 1}]},
        headers={**northline, **a_key()},
    )
    theirs = await api.post(path, headers={**tarn, **a_key()})
    ours = await api.post(path, headers={**northline, **a_key()})

    assert me.body["permissions"] == ["fulfillments.write", "orders.read"]
    assert [
        (row["id"], row["units"], row["total"]["amount"], row["email"])
        for row in seen.body["items"]
    ] == [(order_id, 2, 4000, "")]
    assert [(row["sku"], row["quantity"]) for row in lines.body["items"]] == [("LAMP", 2)]
    assert lines.body["shipping_address"]["name"] == "Mara Quinn"
    assert hidden.refusal == (404, "order_not_found")
    assert asked.refusal == (404, "vendor_not_found")
    assert stolen.refusal == (409, "units_not_open")
    planned = [
        [row["lines"][0]["quantity"] for row in one.body["items"]] for one in (theirs, ours)
    ]
    assert planned == [[1], [2]]
    (parcel,) = theirs.body["items"]
    for verb in ("pack", "cancel"):
        moved = await api.post(f"/fulfillments/{parcel['id']}/{verb}", headers=northline)
        assert moved.refusal == (404, "fulfillment_not_found")
    packed = await api.post(f"/fulfillments/{parcel['id']}/pack", headers=tarn)
    assert (packed.status, packed.body["fulfillment"]["state"]) == (200, "packed")
    event = (await api.get(f"/orders/{order_id}/events", headers=STAFF)).body["items"][-1]
    assert event["actor"].startswith("vendor:")


async def test_a_vendor_is_told_that_the_rest_is_the_shops(api: Api) -> None:
    northline = await a_vendors_member(api.db, "northline")

    refused = await api.get("/inventory", headers=northline)

    assert refused.refusal == (403, "not_permitted")
    assert (refused.body["permission"], refused.body["granted_by"]) == ("inventory.read", None)
