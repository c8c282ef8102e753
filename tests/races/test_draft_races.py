"""Buyer and staff at one draft at the same moment, through two lanes of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from surehold.checkout.commands import DraftForm, place_draft
from surehold.checkout.engine import Checkout
from surehold.db import Database
from surehold.db.idempotency import hash_request
from surehold.db.invariants import check_invariants
from surehold.kernel.errors import DomainError
from surehold.orders.drafts import commands as drafts
from surehold.orders.drafts import queries
from surehold.orders.drafts.commands import Sent
from surehold.orders.drafts.model import DraftState
from tests.builders.catalog import a_product
from tests.builders.drafts import a_sent_draft
from tests.builders.orders import a_checkout
from tests.support.placing import count_rows, counters


async def _place(checkout: Checkout, sent: Sent, key: str, *, is_staff: bool) -> str:
    form = DraftForm(
        key=key,
        request_hash=hash_request(key.encode()),
        provider="bank_transfer",
        actor="staff" if is_staff else "buyer",
        token=None if is_staff else sent.token,
    )
    try:
        await place_draft(checkout, draft=sent.draft, form=form)
    except DomainError as refusal:
        return refusal.code
    return "placed"


async def test_many_placings_of_a_draft_make_one_order(db: Database) -> None:
    lamp = await a_product(db, on_hand=50)
    async with a_checkout(db) as one, a_checkout(db) as other:
        for number in range(5):
            sent = await a_sent_draft(db, (lamp.variant_id, 1))

            told = await asyncio.gather(
                *(
                    _place(checkout, sent, f"{number}-{index}-{who}", is_staff=index % 2 == 0)
                    for index in range(3)
                    for who, checkout in enumerate((one, other))
                )
            )

            assert Counter(told) == {"placed": 1, "draft_order_placed": 5}

    assert await count_rows(db, ["orders", "order_notes"]) == {"orders": 5, "order_notes": 5}
    assert await counters(db, lamp.variant_id) == (50, 0, 5)
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_a_draft_is_placed_or_taken_back_never_both(db: Database) -> None:
    lamp = await a_product(db, on_hand=50)

    async def cancel(sent: Sent) -> str:
        try:
            await drafts.cancel_draft(db, draft_id=sent.draft.id, actor="staff")
        except DomainError as refusal:
            return refusal.code
        return "canceled"

    seen: Counter[Any] = Counter()
    async with a_checkout(db) as checkout:
        for number in range(12):
            sent = await a_sent_draft(db, (lamp.variant_id, 1))
            told = await asyncio.gather(
                _place(checkout, sent, f"key-{number}", is_staff=False), cancel(sent)
            )
            async with db.connection() as connection:
                after = await queries.get_draft(connection, draft_id=sent.draft.id)
            seen[tuple(told)] += 1
            assert after.state is (
                DraftState.PLACED if told[0] == "placed" else DraftState.CANCELED
            )

    assert set(seen) <= {("placed", "draft_order_placed"), ("draft_order_canceled", "canceled")}
    placed = seen["placed", "draft_order_placed"]
    assert (await count_rows(db, ["orders"])).get("orders", 0) == placed
    assert await counters(db, lamp.variant_id) == (50, 0, placed)
