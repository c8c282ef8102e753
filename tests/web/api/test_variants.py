"""A variant's tax class, changed by staff: the next quote is taxed by it."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from tests.builders.catalog import a_product
from tests.support.api import ADDRESS, NOBODY, STAFF, Api


async def test_the_next_quote_is_taxed_by_the_new_class(api: Api, db: Database) -> None:
    book = await a_product(db, price=1090, on_hand=5)
    rate = {"country": "IE", "rate": "0.09", "tax_class": "books"}
    await api.post("/pricing/tax-rates", rate, headers=STAFF)
    path = f"/variants/{book.variant_id}"

    async def taxed() -> list[Any]:
        body = {
            "lines": [{"variant_id": str(book.variant_id), "quantity": 1}],
            "currency": "EUR",
            "shipping_address": ADDRESS,
        }
        quote = await api.post("/checkout/quote", body)
        return [(row["tax_rate"], row["tax"]["amount"]) for row in quote.body["lines"]]

    before = await taxed()
    changed = await api.patch(path, {"tax_class": "books"}, headers=STAFF)
    again = await api.patch(path, {"tax_class": "books"}, headers=STAFF)
    after = await taxed()
    refused = await api.patch(path, {"tax_class": "Books!"}, headers=STAFF)
    stranger = await api.patch(path, {"tax_class": "books"})
    missing = await api.patch(f"/variants/{NOBODY}", {"tax_class": "books"}, headers=STAFF)

    assert before == [("0.20", 182)]
    assert (changed.status, changed.body) == (
        200,
        {"id": str(book.variant_id), "tax_class": "books"},
    )
    assert again.raw == changed.raw
    assert after == [("0.09", 90)]
    assert refused.faults == {("/tax_class", "invalid_format")}
    assert stranger.refusal == (401, "unauthenticated")
    assert missing.refusal == (404, "variant_not_found")
