"""A promotion for a first order: by mailbox, at the quote and again at placement."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surehold.checkout import commands, queries
from surehold.checkout.commands import DraftForm
from surehold.checkout.engine import Checkout
from surehold.checkout.rules import destination_of
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.db.shop import ShopSettings
from surehold.kernel.errors import DomainError
from surehold.kernel.ids import OrderId, VariantId
from surehold.orders import queries as orders
from surehold.pricing import rules
from surehold.pricing.errors import CouponNotApplicable, PriceChanged, QuoteExpired
from surehold.pricing.model import Quote
from tests.builders.catalog import a_product
from tests.builders.drafts import a_draft
from tests.builders.orders import look_at, pay
from tests.builders.pricing import a_coupon, a_promotion
from tests.pricing.test_quote import book, promotion
from tests.support.placing import ADDRESS, a_placement, count_rows, told

WHO = "mara.quinn@example.com"
#: The same mailbox, as somebody writes it who wants to be new.
ALIAS = "Mara.Quinn+new@Example.com"


async def quote(checkout: Checkout, variant_id: VariantId, email: str | None) -> Quote:
    basket = queries.Basket(
        lines=((variant_id, 1),),
        currency="EUR",
        destination=destination_of(ADDRESS),
        email=email,
    )
    async with checkout.db.connection() as connection:
        books = checkout.context.books
        return (await queries.price_basket(connection, books=books, basket=basket)).quote


async def buy(checkout: Checkout, variant_id: VariantId, email: str, **more: Any) -> Any:
    placement = a_placement(variant_id, email=email, **more)
    return told(await commands.place_order(checkout, placement))


async def test_a_first_order_is_cheaper_until_one_is_paid(
    db: Database, checkout: Checkout
) -> None:
    lamp = await a_product(db, price=1_000, on_hand=9)
    await a_promotion(db, is_first_order=True)

    unknown = await quote(checkout, lamp.variant_id, None)
    first = await quote(checkout, lamp.variant_id, WHO)
    saved = await commands.save_quote(checkout, quote=first)
    one = await buy(checkout, lamp.variant_id, WHO, expected_total_minor=1_390)
    two = await buy(checkout, lamp.variant_id, WHO)  # not paid yet: still the first
    assert await pay(checkout, await look_at(checkout, OrderId(one.order_id))) == "paid"
    before = await count_rows(db)
    with pytest.raises(PriceChanged) as refused:
        await buy(checkout, lamp.variant_id, ALIAS, expected_total_minor=1_390)
    with pytest.raises(QuoteExpired):
        await buy(checkout, lamp.variant_id, ALIAS, quote_id=saved.id)
    assert await count_rows(db) == before
    later = await buy(checkout, lamp.variant_id, ALIAS)
    other = await buy(checkout, lamp.variant_id, "other@example.com", quote_id=saved.id)

    assert (unknown.total_minor, unknown.explanations[0].code) == (1_490, "first_order_unknown")
    assert (first.total_minor, first.explanations[0].code) == (1_390, "applied")
    assert (one.total_minor, two.total_minor) == (1_390, 1_390)
    assert refused.value.facts["actual"] == {"amount": 1_490, "currency": "EUR"}
    assert (later.total_minor, other.total_minor) == (1_490, 1_390)
    again = await quote(checkout, lamp.variant_id, ALIAS)
    assert (again.total_minor, again.explanations[0].code) == (1_490, "not_first_order")


async def test_a_coupon_for_a_first_order_says_why_it_does_not_apply(
    db: Database, checkout: Checkout
) -> None:
    lamp = await a_product(db, price=1_000, on_hand=9)
    rule = await a_promotion(db, is_first_order=True, is_automatic=False)
    await a_coupon(db, promotion=rule, limit_per_buyer=1)

    tries = await asyncio.gather(
        *(
            buy(checkout, lamp.variant_id, who, coupon="SPRING-10")
            for who in (WHO, ALIAS, WHO, ALIAS)
        ),
        return_exceptions=True,
    )

    # The strict way: the coupon's limit per buyer counts orders that are not paid yet as well.
    [bought] = [row for row in tries if not isinstance(row, BaseException)]
    refusals = [row for row in tries if isinstance(row, DomainError)]
    assert [row.code for row in refusals] == ["coupon_exhausted"] * 3
    assert await pay(checkout, await look_at(checkout, OrderId(bought.order_id))) == "paid"
    with pytest.raises(CouponNotApplicable) as refused:
        await buy(checkout, lamp.variant_id, ALIAS, coupon="SPRING-10")
    assert refused.value.facts["reason"] == "not_first_order"
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def test_a_draft_is_a_first_order_like_any(db: Database, checkout: Checkout) -> None:
    lamp = await a_product(db, price=1_000, on_hand=9)
    await a_promotion(db, is_first_order=True)
    draft = await a_draft(db, (lamp.variant_id, 1), email=WHO)
    form = DraftForm(key="k", request_hash=b"", provider="bank_transfer", actor="staff")

    async with db.connection() as connection:
        totals = await queries.total_drafts(
            connection, books=checkout.context.books, contents=[draft.content]
        )
    placed = told(await commands.place_draft(checkout, draft=draft, form=form))

    assert (totals, placed.total_minor) == ((1_390,), 1_390)


def test_a_book_without_such_a_promotion_asks_nothing() -> None:
    plain, asking = (
        rules.Terms(ShopSettings(), book(promotions=[promotion(is_first_order=is_first)]))
        for is_first in (False, True)
    )

    assert (plain.asks_for_first, asking.asks_for_first) == (False, True)


LOCAL = st.text("abcXYZ0.+-_", min_size=1, max_size=12)


@settings(max_examples=40)
@given(emails=st.lists(st.builds("{}@{}".format, LOCAL, st.just("Example.com")), max_size=20))
def test_the_database_knows_a_mailbox_as_the_rules_do(emails: list[str], url: str) -> None:
    async def ask() -> list[str]:
        import asyncpg

        raw = await asyncpg.connect(url, server_settings={"search_path": "store"})
        try:
            rows = await raw.fetch(
                "SELECT buyer_of(email) AS buyer FROM unnest($1::text[]) WITH ORDINALITY"
                " AS given (email, place) ORDER BY place",
                emails,
            )
        finally:
            await raw.close()
        return [row["buyer"] for row in rows]

    assert asyncio.run(ask()) == [rules.buyer_of(email) for email in emails]


async def test_nobody_is_returning_in_an_empty_store(db: Database) -> None:
    async with db.connection() as connection:
        assert await orders.find_returning(connection, emails=[WHO, ALIAS]) == frozenset()
