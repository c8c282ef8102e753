"""A card is authorized at checkout and charged when the parcel leaves; another order is let go."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from surehold.checkout import commands
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.kernel.ids import PaymentId, merchant_reference
from tests.builders.catalog import a_product
from tests.builders.providers import PretendProvider
from tests.builders.trust import capture_later
from tests.support.api import STAFF, Api, a_key, an_api, order_token
from tests.support.shop import make_due


async def authorized(api: Api, card: PretendProvider, variant_id: UUID) -> Any:
    """An order whose buyer has come back from the bank, which holds the money."""
    placed = await api.buy((variant_id, 1), payment_method={"provider": "pretend"})
    assert placed["payment"]["terms"] == "on_shipment"
    payment_id = PaymentId(UUID(placed["payment"]["id"]))
    card.authorize(f"pp_{merchant_reference(payment_id)}")
    path = f"/payments/{payment_id}/verify"
    seen = await api.post(path, {}, headers=order_token(placed))
    assert seen.body["state"] == "authorized"
    return placed


async def look(api: Api, placed: Any) -> tuple[str, str, int]:
    seen = await api.get(f"/orders/{placed['order']['id']}", headers=order_token(placed))
    return seen.body["status"], seen.body["payment_status"], seen.body["paid"]["amount"]


async def test_a_buyer_is_charged_when_it_ships_or_never(db: Database) -> None:
    await capture_later(db)
    card = PretendProvider()
    async with an_api(db, providers=(card,)) as api:
        lamp = await a_product(db, on_hand=5)
        sent, given_up = [await authorized(api, card, lamp.variant_id) for _ in range(2)]
        assert await look(api, sent) == ("confirmed", "authorized", 0)

        label = {"status": "shipped", "carrier": "dhl", "tracking_number": "JD0146"}
        await api.put(f"/orders/{sent['order']['id']}/status", label, headers=STAFF)
        assert await look(api, sent) == ("shipped", "authorized", 0)
        path = f"/orders/{given_up['order']['id']}/cancel"
        await api.post(path, {}, headers={**order_token(given_up), **a_key()})
        await make_due(db)
        assert await commands.ask_due_operations(api.checkout) == 2

        assert await look(api, sent) == ("shipped", "paid", sent["order"]["total"]["amount"])
        assert await look(api, given_up) == ("canceled", "failed", 0)
        states = [row.state.value for row in card.payments.values()]
        assert states == ["captured", "voided"]
        async with db.connection() as connection:
            assert await check_invariants(connection) == {}
