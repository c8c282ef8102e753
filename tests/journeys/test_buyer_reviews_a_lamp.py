"""A buyer says what they think of a lamp; staff read it, others do, and staff take it down."""

from __future__ import annotations

from surehold.db import Database
from tests.builders.accounts import a_customer, an_identity, sign_in
from tests.builders.catalog import a_product
from tests.support.api import STAFF, Api

SAID = {
    "stars": 4,
    "title": "Bright enough to read by",
    "body": "It has stood on the porch since May. The loop is stiff at first.",
    "author": "Mara",
}


async def test_from_writing_to_taking_down(api: Api, db: Database) -> None:
    lamp = await a_product(db, slug="trail-lamp", name="Trail lamp")
    identity = an_identity(db)
    await a_customer(identity)
    buyer = {"Authorization": f"Bearer {(await sign_in(identity)).access_token}"}
    path = f"/products/{lamp.slug}/reviews"

    guest = await api.post(path, SAID)
    faulty = await api.post(path, {**SAID, "stars": 6, "title": ""}, headers=buyer)
    written = await api.post(path, SAID, headers=buyer)
    again = await api.post(path, {**SAID, "stars": 1}, headers=buyer)
    before = await api.get(path)
    closed = await api.get("/reviews")
    waiting = await api.get("/reviews", headers=STAFF)
    here = f"/reviews/{written.body['id']}"
    published = await api.post(f"{here}/publish", headers=STAFF)
    after = await api.get(path)
    down = await api.post(f"{here}/reject", {"reason": "It names a person"}, headers=STAFF)
    read = await api.get(here, headers=STAFF)
    gone = await api.get(path)
    unknown = await api.post("/reviews/x/publish", headers=STAFF)

    assert guest.refusal == (401, "unauthenticated")
    assert [row["pointer"] for row in faulty.body["errors"]] == ["/stars", "/title"]
    assert (written.status, written.body["state"], written.body["is_verified"]) == (
        201,
        "pending",
        False,
    )
    assert again.refusal == (409, "already_reviewed")
    nothing = {"count": 0, "average": None, "by_star": [0, 0, 0, 0, 0]}
    assert before.body == {"rating": nothing, "items": [], "next_cursor": None}
    assert closed.refusal == (401, "unauthenticated")
    assert [row["id"] for row in waiting.body["items"]] == [written.body["id"]]
    assert published.body["state"] == "published"
    assert after.body["rating"] == {"count": 1, "average": "4.0", "by_star": [0, 0, 0, 1, 0]}
    assert {name: after.body["items"][0][name] for name in SAID} == SAID
    assert (down.body["state"], down.body["reason"]) == ("rejected", "It names a person")
    assert [row["to_state"] for row in read.body["history"]] == [
        "pending",
        "published",
        "rejected",
    ]
    assert gone.body["rating"] == nothing
    assert unknown.refusal == (404, "review_not_found")
