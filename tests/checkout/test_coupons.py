"""Coupons in the lanes: counted like stock, given back once, taken again by late money."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surehold.checkout import commands, rules
from surehold.checkout.engine import Checkout
from surehold.checkout.model import BUYER
from surehold.db import Database
from surehold.db.invariants import check_invariants
from surehold.inventory.errors import InsufficientStock
from surehold.inventory.model import StockLevel
from surehold.inventory.rules import Admitted
from surehold.kernel.ids import CouponId, LocationId, OrderId, QuoteId, VariantId
from surehold.orders.model import CancelReason
from surehold.pricing import commands as pricing
from surehold.pricing import rules as pricing_rules
from surehold.pricing.errors import CouponExhausted, CouponNotApplicable, QuoteExpired
from surehold.pricing.model import CouponLimits, UsedCoupon
from tests.builders.catalog import a_product, change_on_hand
from tests.builders.orders import STAFF, look_at, pay
from tests.builders.pricing import a_coupon, a_promotion, uses_of
from tests.support.placing import a_placement, count_rows, counters, told


async def check(db: Database) -> None:
    async with db.connection() as connection:
        assert await check_invariants(connection) == {}


async def cancel(checkout: Checkout, order_id: UUID, reason: CancelReason) -> None:
    actor = STAFF if reason is CancelReason.STAFF else BUYER
    await commands.cancel_order(checkout, order_id=OrderId(order_id), reason=reason, actor=actor)


async def test_an_order_keeps_what_its_coupon_took_off(db: Database, checkout: Checkout) -> None:
    lamp, mug = await a_product(db, price=1_000), await a_product(db, price=333)
    await a_coupon(db)

    answer = await commands.place_order(
        checkout, a_placement(lamp.variant_id, (mug.variant_id, 2), coupon="SPRING-10")
    )

    order = told(answer).body["order"]
    assert order["coupon"] == "SPRING-10"
    assert [line["discount"]["amount"] for line in order["lines"]] == [100, 67]
    assert order["discount"]["amount"] == 167
    assert order["total"]["amount"] == 1_666 - 167 + 490
    assert order["adjustments"] == [
        {
            "promotion": "Ten off",
            "coupon": "SPRING-10",
            "line": line,
            "amount": {"amount": amount, "currency": "EUR"},
        }
        for line, amount in ((0, 100), (1, 67))
    ]
    assert await uses_of(db, "SPRING-10") == (1, 1, 1)
    await check(db)


async def test_the_last_use_is_used_once_and_the_loser_takes_nothing(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=30)
    await a_coupon(db, limit_total=10)

    answers = await asyncio.gather(
        *(
            commands.place_order(checkout, a_placement(product.variant_id, coupon="SPRING-10"))
            for _ in range(30)
        ),
        return_exceptions=True,
    )

    kinds = [type(answer).__name__ for answer in answers]
    assert kinds == ["Answer"] * 10 + ["CouponExhausted"] * 20
    assert await uses_of(db, "SPRING-10") == (10, 10, 10)
    assert await counters(db, product.variant_id) == (30, 0, 10)
    assert (await count_rows(db))["orders"] == 10
    await check(db)


async def test_one_mailbox_is_one_buyer(db: Database, checkout: Checkout) -> None:
    product = await a_product(db)
    await a_coupon(db, limit_per_buyer=1)
    emails = ("ada@example.com", "Ada+two@Example.com", "bob@example.com")

    answers = await asyncio.gather(
        *(
            commands.place_order(
                checkout, a_placement(product.variant_id, coupon="SPRING-10", email=email)
            )
            for email in emails
        ),
        return_exceptions=True,
    )
    with pytest.raises(CouponExhausted) as later:
        await commands.place_order(
            checkout, a_placement(product.variant_id, coupon="SPRING-10", email=emails[1])
        )

    assert [type(answer).__name__ for answer in answers] == ["Answer", "CouponExhausted", "Answer"]
    assert later.value.facts == {"coupon": "SPRING-10", "limit": "per_buyer"}
    await check(db)


async def test_who_gets_no_stock_uses_no_coupon(db: Database, checkout: Checkout) -> None:
    product = await a_product(db, on_hand=1)
    await a_coupon(db, limit_total=1)

    with pytest.raises(InsufficientStock):
        await commands.place_order(
            checkout, a_placement((product.variant_id, 2), coupon="SPRING-10")
        )
    await commands.place_order(checkout, a_placement(product.variant_id, coupon="SPRING-10"))

    assert await uses_of(db, "SPRING-10") == (1, 1, 1)


async def test_a_coupon_that_gives_nothing_refuses_the_order(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, price=1_000)
    rule = await a_promotion(db, is_automatic=False, minimums={"EUR": 5_000})
    await a_coupon(db, promotion=rule)

    with pytest.raises(CouponNotApplicable) as refusal:
        await commands.place_order(checkout, a_placement(product.variant_id, coupon="SPRING-10"))

    assert refusal.value.facts == {"coupon": "SPRING-10", "reason": "minimum_not_reached"}
    assert await count_rows(db) == {}
    assert await uses_of(db, "SPRING-10") == (0, 0, 0)


@pytest.mark.parametrize("reason", [CancelReason.BUYER, CancelReason.UNPAID])
async def test_an_order_given_up_unpaid_gives_its_coupon_back_once(
    db: Database, checkout: Checkout, reason: CancelReason
) -> None:
    product = await a_product(db)
    await a_coupon(db, limit_total=1)
    placed = told(
        await commands.place_order(checkout, a_placement(product.variant_id, coupon="SPRING-10"))
    )

    for _ in range(2):
        await cancel(checkout, placed.order_id, reason)
    await cancel(checkout, placed.order_id, CancelReason.STAFF)

    assert await uses_of(db, "SPRING-10") == (0, 0, 1)
    await commands.place_order(checkout, a_placement(product.variant_id, coupon="SPRING-10"))
    assert await uses_of(db, "SPRING-10") == (1, 1, 2)
    await check(db)


async def test_a_sale_that_is_taken_back_has_used_its_coupon(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    await a_coupon(db)
    answer = await commands.place_order(
        checkout, a_placement(product.variant_id, coupon="SPRING-10")
    )
    placed = await look_at(checkout, OrderId(told(answer).order_id))
    assert await pay(checkout, placed) == "paid"

    await cancel(checkout, placed.order.id, CancelReason.STAFF)

    assert await uses_of(db, "SPRING-10") == (1, 1, 1)
    await check(db)


@pytest.mark.parametrize("is_left", [True, False])
async def test_late_money_takes_the_coupon_again_or_goes_back(
    db: Database, checkout: Checkout, *, is_left: bool
) -> None:
    product = await a_product(db)
    await a_coupon(db, limit_total=1)
    placement = a_placement(product.variant_id, coupon="SPRING-10")
    answer = await commands.place_order(checkout, placement)
    placed = await look_at(checkout, OrderId(told(answer).order_id))
    await cancel(checkout, placed.order.id, CancelReason.UNPAID)
    if not is_left:
        await commands.place_order(checkout, a_placement(product.variant_id, coupon="SPRING-10"))

    effect = await pay(checkout, placed)

    assert effect == ("paid" if is_left else "refund_requested")
    assert await uses_of(db, "SPRING-10") == (1, 1, 2)
    assert await counters(db, product.variant_id) == ((10, 1, 0) if is_left else (10, 0, 1))
    await check(db)


async def test_goods_gone_after_payment_give_the_coupon_back(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, on_hand=1)
    await a_coupon(db)
    answer = await commands.place_order(
        checkout, a_placement(product.variant_id, coupon="SPRING-10")
    )
    placed = await look_at(checkout, OrderId(told(answer).order_id))
    await cancel(checkout, placed.order.id, CancelReason.UNPAID)
    await change_on_hand(db, product.variant_id, on_hand=0)

    assert await pay(checkout, placed) == "refund_requested"

    assert await uses_of(db, "SPRING-10") == (0, 0, 1)


async def test_a_promised_quote_keeps_its_coupon_but_not_its_use(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db, price=1_000)
    rule = await a_promotion(db, is_automatic=False)
    coupon = await a_coupon(db, promotion=rule, limit_total=1)
    quote_id = await _promise(checkout, product.variant_id, coupon="SPRING-10")
    await pricing.deactivate_entry(db, type(coupon), id=coupon.id, actor="test")
    await pricing.deactivate_entry(db, type(rule), id=rule.id, actor="test")

    promised = a_placement(product.variant_id, quote_id=quote_id)
    first = told(await commands.place_order(checkout, promised))
    with pytest.raises(CouponExhausted):
        await commands.place_order(checkout, a_placement(product.variant_id, quote_id=quote_id))

    assert first.total_minor == 900 + 490
    assert await uses_of(db, "SPRING-10") == (1, 1, 1)


async def test_a_quote_with_another_coupon_is_not_this_one(
    db: Database, checkout: Checkout
) -> None:
    product = await a_product(db)
    await a_coupon(db)
    quote_id = await _promise(checkout, product.variant_id)

    with pytest.raises(QuoteExpired):
        await commands.place_order(
            checkout, a_placement(product.variant_id, quote_id=quote_id, coupon="SPRING-10")
        )


async def _promise(
    checkout: Checkout, variant_id: VariantId, *, coupon: str | None = None
) -> QuoteId:
    from surehold.checkout import queries
    from tests.support.placing import ADDRESS

    async with checkout.db.connection() as connection:
        priced = await queries.price_basket(
            connection,
            books=checkout.context.books,
            basket=queries.Basket(
                lines=((variant_id, 1),),
                currency="EUR",
                destination=rules.destination_of(ADDRESS),
                coupon=coupon,
            ),
        )
    return (await commands.save_quote(checkout, quote=priced.quote)).id


async def test_a_batch_without_coupons_asks_for_none(
    db: Database, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from surehold.db import Connection

    product = await a_product(db)
    await commands.place_order(checkout, a_placement(product.variant_id))
    asked: list[str] = []
    plain_all, plain_run = Connection.all, Connection.run

    async def all_(self: Connection, statement: object, *values: object) -> object:
        asked.append(statement.name)  # type: ignore[attr-defined]  # a statement
        return await plain_all(self, statement, *values)  # type: ignore[arg-type]  # as given

    async def run(self: Connection, statement: object, *values: object) -> object:
        asked.append(statement.name)  # type: ignore[attr-defined]  # a statement
        return await plain_run(self, statement, *values)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(Connection, "all", all_)
    monkeypatch.setattr(Connection, "run", run)
    await commands.place_order(checkout, a_placement(product.variant_id))

    assert [name for name in asked if name.startswith("pricing.")] == []


async def test_the_database_refuses_a_use_too_many(db: Database) -> None:
    await a_coupon(db, limit_total=1)

    async with db.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.raw.execute("UPDATE coupons SET used = 2")


# --- the decision --------------------------------------------------------------------------------

COUPONS = [
    UsedCoupon(CouponId(UUID(int=1)), "A"),
    UsedCoupon(CouponId(UUID(int=2)), "B"),
]
SKUS = [VariantId(UUID(int=11)), VariantId(UUID(int=12))]


@given(st.randoms(use_true_random=False))
def test_decisions_equal_those_of_serving_one_at_a_time(chance: random.Random) -> None:
    stock = {sku: chance.randint(0, 6) for sku in SKUS}
    limits = {
        coupon.id: CouponLimits(
            coupon.id,
            coupon.code,
            used=chance.randint(0, 2),
            limit_total=chance.choice([None, 2, 4]),
            limit_per_buyer=chance.choice([None, 1, 2]),
            used_by={"ada": chance.randint(0, 1)},
        )
        for coupon in COUPONS
    }
    requests = [
        rules.Request(
            ((chance.choice(SKUS), chance.randint(1, 3)),),
            use=chance.choice(
                [None, pricing_rules.Use(chance.choice(COUPONS), chance.choice(["ada", "bob"]))]
            ),
        )
        for _ in range(12)
    ]

    decided = rules.admit(_levels(stock), limits, requests)

    one_at_a_time = []
    for request in requests:
        decision = rules.admit(_levels(stock), limits, [request])[0]
        if isinstance(decision, Admitted):
            for sku, quantity in request.lines:
                stock[sku] -= quantity
            if request.use is not None:
                limits = _used_once_more(limits, request.use)
        one_at_a_time.append(decision)
    assert decided == one_at_a_time
    for row in limits.values():
        assert row.limit_total is None or row.used <= max(row.limit_total, 2)


def _levels(stock: dict[VariantId, int]) -> dict[VariantId, tuple[StockLevel, ...]]:
    place = LocationId(UUID(int=99))
    return {sku: (StockLevel(sku, place, count, 0, 0, 0),) for sku, count in stock.items()}


def _used_once_more(
    limits: dict[CouponId, CouponLimits], use: pricing_rules.Use
) -> dict[CouponId, CouponLimits]:
    import msgspec

    row = limits[use.coupon.id]
    used_by = {**row.used_by, use.buyer: row.used_by.get(use.buyer, 0) + 1}
    after = msgspec.structs.replace(row, used=row.used + 1, used_by=used_by)
    return {**limits, row.id: after}


def test_a_placement_that_gets_no_units_uses_no_coupon() -> None:
    variant_id, coupon_id = VariantId(UUID(int=1)), CouponId(UUID(int=2))
    level = StockLevel(variant_id, LocationId(UUID(int=3)), 1, 0, 0, 0)
    use = pricing_rules.Use(UsedCoupon(coupon_id, "TEN"), "mara")
    wanted = [rules.Request(((variant_id, units),), None, use) for units in (2, 1, 1)]

    decisions = rules.admit(
        {variant_id: [level]}, {coupon_id: CouponLimits(coupon_id, "TEN", 0, 1, None, {})}, wanted
    )

    assert [type(one).__name__ for one in decisions] == ["Refused", "Admitted", "CouponGone"]
