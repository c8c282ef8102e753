"""Entries of the price book for tests, made by the commands that the store uses itself."""

from __future__ import annotations

from typing import Any

from surehold.db import Database
from surehold.kernel.ids import CouponId, PromotionId, new_id
from surehold.pricing import commands
from surehold.pricing.model import Coupon, Effect, Promotion


async def a_promotion(db: Database, **facts: Any) -> Promotion:
    """Ten percent off everything, by itself, unless said otherwise."""
    given: dict[str, Any] = {"name": "Ten off", "effect": Effect.PERCENT, "rate": "0.10", **facts}
    promotion = Promotion(id=PromotionId(new_id()), **given)
    kept = await commands.create_entry(db, entry=promotion, actor="test")
    assert isinstance(kept, Promotion)
    return kept


async def a_coupon(
    db: Database, code: str = "SPRING-10", *, promotion: Promotion | None = None, **facts: Any
) -> Coupon:
    """A code for ten percent off everything, unless another promotion is given."""
    promotion = promotion or await a_promotion(db, is_automatic=False)
    coupon = Coupon(id=CouponId(new_id()), promotion_id=promotion.id, code=code, **facts)
    kept = await commands.create_entry(db, entry=coupon, actor="test")
    assert isinstance(kept, Coupon)
    return kept


async def uses_of(db: Database, code: str) -> tuple[int, int, int]:
    """What a coupon counts, its live redemptions, and all it ever had."""
    async with db.connection() as connection:
        row = await connection.raw.fetchrow(
            "SELECT used, count(uses.id) FILTER (WHERE uses.ended_at IS NULL)::int,"
            "       count(uses.id)::int"
            "  FROM coupons LEFT JOIN coupon_redemptions AS uses ON uses.coupon_id = coupons.id"
            " WHERE code = $1 GROUP BY coupons.id",
            code,
        )
    assert row is not None
    return row[0], row[1], row[2]
