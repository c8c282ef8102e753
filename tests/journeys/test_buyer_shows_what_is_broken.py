"""A buyer adds photos to a return; staff look at them, nobody else does, and they go in time."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from surehold.checkout import commands
from surehold.db import Database
from surehold.kernel.ids import OrderId
from tests.builders.catalog import a_product
from tests.builders.orders import ship
from tests.orders.test_photos import a_picture, a_png_of
from tests.support.api import NOBODY, STAFF, Api, a_key, order_token

JPEG = {"Content-Type": "image/jpeg"}


async def a_return(api: Api, db: Database) -> tuple[str, str, dict[str, str]]:
    """A return of one line: its address, the line's id, and the guest's header."""
    lamp = await a_product(db, price=3000, on_hand=5)
    placed = await api.buy(lamp.variant_id)
    order_id, line = placed["order"]["id"], placed["order"]["lines"][0]["id"]
    received = {"received": placed["order"]["total"]}
    await api.post(f"/payments/{placed['payment']['id']}/confirm", received, headers=STAFF)
    await ship(api.checkout, OrderId(UUID(order_id)))
    guest = order_token(placed)
    body = {"lines": [{"line_id": line, "quantity": 1, "reason": "damaged"}]}
    asked = await api.post(f"/orders/{order_id}/returns", body, headers={**guest, **a_key()})
    assert asked.status == 201, asked.raw
    return (
        f"/orders/{order_id}/returns/{asked.body['id']}",
        asked.body["lines"][0]["id"],
        guest,
    )


async def add(api: Api, path: str, line: str, guest: dict[str, str], raw: bytes) -> Any:
    return await api("POST", f"{path}/lines/{line}/photos", content=raw, headers={**guest, **JPEG})


async def test_buyer_shows_what_is_broken(api: Api, db: Database) -> None:
    path, line, guest = await a_return(api, db)
    raw = a_picture(size=(60, 30))

    added = await add(api, path, line, guest, raw)
    again = await add(api, path, line, guest, raw)

    assert (added.status, again.status) == (201, 200), added.raw
    assert again.body == added.body
    assert (added.body["position"], added.body["width"], added.body["height"]) == (1, 60, 30)
    listed = await api.get(f"{path}/photos", headers=STAFF)
    assert listed.body["items"] == [added.body]
    one = f"{path}/photos/{added.body['id']}"
    assert added.body["url"] == f"http://shop.test/api/v1{one}"
    for who in (guest, STAFF):
        seen = await api.get(one, headers=who)
        assert (seen.status, seen.type) == (200, "image/jpeg")
        assert seen.raw[:3] == b"\xff\xd8\xff"
        assert seen.raw != raw
        assert seen.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert seen.headers["cache-control"] == "private, no-store"
        assert seen.headers["x-content-type-options"] == "nosniff"
    assert (await api.get(one)).refusal == (404, "order_not_found")
    stranger, _, other = await a_return(api, db)
    assert (await api.get(one, headers=other)).refusal == (404, "order_not_found")
    foreign = f"{stranger}/photos/{added.body['id']}"
    assert (await api.get(foreign, headers=other)).refusal == (404, "photo_not_found")
    wrong = await add(api, stranger, line, other, raw)
    assert wrong.refusal == (404, "return_not_found")

    left = await api.delete(one, headers=guest)
    assert (left.status, left.body["items"]) == (200, [])
    assert (await api.get(one, headers=guest)).refusal == (404, "photo_not_found")


async def test_a_line_has_five_photos_however_many_are_sent_at_once(
    api: Api, db: Database
) -> None:
    path, line, guest = await a_return(api, db)

    sent = await asyncio.gather(
        *(add(api, path, line, guest, a_picture(size=(20 + index, 10))) for index in range(8))
    )

    assert sorted(answer.status for answer in sent) == [201] * 5 + [409] * 3
    assert {answer.code for answer in sent if answer.status == 409} == {"photos_full"}
    listed = await api.get(f"{path}/photos", headers=guest)
    assert [row["position"] for row in listed.body["items"]] == [1, 2, 3, 4, 5]


async def test_what_is_refused_keeps_nothing(api: Api, db: Database) -> None:
    path, line, guest = await a_return(api, db)
    where = f"{path}/lines/{line}/photos"

    text = await api("POST", where, content=b"x", headers={**guest, "Content-Type": "text/html"})
    broken = await add(api, path, line, guest, b"\xff\xd8\xff not at all")
    bomb = await add(api, path, line, guest, a_png_of(60_000, 60_000))
    large = await add(api, path, line, guest, b"\0" * (8 * 1024 * 1024 + 1))
    lost = await add(api, path, NOBODY, guest, a_picture())
    await api.post(f"{path}/reject", {}, headers=STAFF)
    over = await add(api, path, line, guest, a_picture())

    assert [answer.refusal for answer in (text, broken, bomb, large, lost, over)] == [
        (415, "unsupported_media_type"),
        (422, "photo_not_readable"),
        (422, "photo_too_large"),
        (413, "body_too_large"),
        (404, "return_not_found"),
        (409, "return_not_possible"),
    ]
    assert (await api.get(f"{path}/photos", headers=guest)).body["items"] == []


async def test_photos_go_when_their_time_is_over(api: Api, db: Database) -> None:
    path, line, guest = await a_return(api, db)
    kept = await add(api, path, line, guest, a_picture())
    old = await add(api, path, line, guest, a_picture(size=(10, 10)))
    async with db.connection() as connection:
        await connection.raw.execute(
            "UPDATE return_photos SET added_at = added_at - interval '366 days' WHERE id = $1",
            UUID(old.body["id"]),
        )

    assert await commands.prune(api.checkout) == 1

    listed = await api.get(f"{path}/photos", headers=guest)
    assert [row["id"] for row in listed.body["items"]] == [kept.body["id"]]
