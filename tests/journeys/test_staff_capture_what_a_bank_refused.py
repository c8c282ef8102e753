"""A bank refuses what it holds: nothing is sent, staff ask again, and the parcel leaves paid."""

from __future__ import annotations

from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.payments.providers.failures import (
    Declined,
)
from tests.builders.catalog import a_product
from tests.builders.providers import PretendProvider
from tests.builders.trust import capture_later
from tests.journeys.test_buyer_is_charged_when_it_ships import authorized, look
from tests.support.api import STAFF, a_key, an_api


async def test_staff_ask_again_for_what_a_bank_refused(db: Database) -> None:
    await capture_later(db)
    card = PretendProvider()
    async with an_api(db, providers=(card,)) as api:
        lamp = await a_product(db, on_hand=5)
        placed = await authorized(api, card, lamp.variant_id)
        payment = f"/payments/{placed['payment']['id']}"
        label = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}

        soon = await api.get("/payments?lapses_before=2100-01-01T00:00:00Z", headers=STAFF)
        (held,) = soon.body["items"]
        assert (held["payment_id"], held["capture"]) == (placed["payment"]["id"], "none")
        assert held["authorized"] == placed["order"]["total"]
        none = await api.get("/payments?lapses_before=2020-01-01T00:00:00Z", headers=STAFF)
        assert none.body == {"items": [], "next_cursor": None}

        card.refuse_next = Declined("no", code="do_not_honor")
        refused = await api.post(f"{payment}/capture", {}, headers={**STAFF, **a_key()})
        assert (refused.body["state"], refused.body["is_under_review"]) == ("authorized", True)
        unsent = await api.put(f"/orders/{placed['order']['id']}/status", label, headers=STAFF)
        assert (unsent.status, unsent.body["code"]) == (409, "status_not_reachable")

        key = a_key()
        for _ in range(2):
            taken = await api.post(f"{payment}/capture", {}, headers={**STAFF, **key})
            assert (taken.body["state"], taken.body["is_under_review"]) == ("captured", False)
        await api.put(f"/orders/{placed['order']['id']}/status", label, headers=STAFF)

        assert await look(api, placed) == ("shipped", "paid", placed["order"]["total"]["amount"])
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}
