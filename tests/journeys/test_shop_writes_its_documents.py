"""A buyer pays and reads the invoice; staff print the packing slip, cancel; the note follows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from surehold.db import Database
from surehold.db.database import Settings
from surehold.db.invariants import check_invariants
from surehold.jobs import outbox
from tests.builders.catalog import a_product
from tests.support.shop import SECRETS, Shop, a_body, a_key, a_shop, make_due

STAFF = {"Authorization": f"Bearer {SECRETS['SUREHOLD_STAFF_SECRET']}"}


async def _call(
    shop: Shop, method: str, path: str, *, json: Any = None, headers: dict[str, str]
) -> tuple[int, Any]:
    answer = await shop.client.request(
        method, f"{shop.base_url}/api/v1{path}", json=json, headers=headers
    )
    return answer.status_code, answer.json()


async def _until(shop: Shop, order: dict[str, Any], status: str) -> None:
    mine = {"X-Order-Token": order["access_token"]}
    async with asyncio.timeout(30):
        while (await _call(shop, "GET", f"/orders/{order['id']}", headers=mine))[1][
            "status"
        ] != status:
            await asyncio.sleep(0.05)


async def test_shop_writes_its_documents(fresh_url: str) -> None:
    pytest.importorskip("typst")
    async with a_shop(fresh_url) as shop, Database(Settings(url=fresh_url)) as db:
        product = await a_product(db, price={"EUR": 1999}, on_hand=5)
        await shop.start_sandbox()
        await shop.start_web()
        status, placed = await _call(
            shop,
            "POST",
            "/checkout",
            json=a_body((str(product.variant_id), 2)),
            headers=a_key(),
        )
        assert status == 201, placed
        order = placed["order"]
        mine = {"X-Order-Token": order["access_token"]}
        path = f"/orders/{order['id']}/documents"

        await shop.client.post(
            placed["payment"]["next_action"]["url"], data={"test_card": "success"}
        )
        await _until(shop, order, "paid")
        assert (await shop.cleanup())["documents_issued"] == 1
        _, listed = await _call(shop, "GET", path, headers=mine)
        (invoice,) = listed["items"]
        assert (invoice["kind"], invoice["total"]) == ("invoice", order["total"])
        read = await shop.client.get(invoice["url"], headers=mine)
        assert read.headers["content-type"] == "application/pdf"
        assert read.content.startswith(b"%PDF-")
        status, slip = await _call(
            shop, "POST", path, json={"kind": "packing_slip", "language": "hi"}, headers=STAFF
        )
        assert (status, slip["number"][-7:]) == (201, "-000001")
        page = await shop.client.get(slip["url"], headers={**STAFF, "Accept": "text/html"})
        assert "पैकिंग पर्ची" in page.text

        status, _ = await _call(
            shop, "POST", f"/orders/{order['id']}/cancel", json={}, headers={**STAFF, **a_key()}
        )
        assert status == 200
        async with asyncio.timeout(30):
            while len((await _call(shop, "GET", path, headers=mine))[1]["items"]) < 2:
                await make_due(db)
                await shop.cleanup()
        _, listed = await _call(shop, "GET", path, headers=mine)

        _, note = listed["items"]
        assert (note["kind"], note["total"]) == ("credit_note", order["total"])
        async with asyncio.timeout(30):
            while await _broken(db):  # The bank's word of the refund may still be on its way.
                await make_due(db)
                await shop.cleanup()


async def _broken(db: Database) -> dict[str, list[dict[str, object]]]:
    await outbox.publish(db, subscribers=())
    async with db.connection() as connection:
        return await check_invariants(connection, at_rest=True)
