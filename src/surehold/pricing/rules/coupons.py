"""How often a coupon may be used, and by whom: its counters while a batch is decided."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from surehold.pricing.errors import CouponExhausted
from surehold.pricing.model import CouponLimits, UsedCoupon


class Use(msgspec.Struct, frozen=True):
    """One coupon, wanted by one buyer."""

    coupon: UsedCoupon
    buyer: str


class CouponGone(msgspec.Struct, frozen=True):
    """The coupon was used up, so nothing was taken of anything."""

    code: str
    limit: str

    def refusal(self) -> CouponExhausted:
        """As the buyer is told."""
        return CouponExhausted(self.code, limit=self.limit)


class Uses:
    """Counters of locked coupons, changed in memory while a batch is decided."""

    def __init__(self, limits: Iterable[CouponLimits]) -> None:
        self._limits = {row.id: row for row in limits}
        rows = self._limits.values()
        self._used = {row.id: row.used for row in rows}
        self._used_by = {(row.id, who): n for row in rows for who, n in row.used_by.items()}

    def find_gone(self, use: Use) -> CouponGone | None:
        """Which limit stands against one more use; ``None`` when none does."""
        limits = self._limits.get(use.coupon.id)
        if limits is None:
            return CouponGone(use.coupon.code, "total")
        if limits.limit_total is not None and self._used[limits.id] >= limits.limit_total:
            return CouponGone(use.coupon.code, "total")
        used = self._used_by.get((limits.id, use.buyer), 0)
        if limits.limit_per_buyer is not None and used >= limits.limit_per_buyer:
            return CouponGone(use.coupon.code, "per_buyer")
        return None

    def count(self, use: Use, delta: int) -> None:
        """One use more, or one less."""
        key = (use.coupon.id, use.buyer)
        self._used[use.coupon.id] += delta
        self._used_by[key] = self._used_by.get(key, 0) + delta


def buyer_of(email: str) -> str:
    """Whose use counts: the address without what makes one mailbox look like many.

    >>> buyer_of("Ada.Byron+shop@Example.com")
    'ada.byron@example.com'
    """
    local, _, domain = email.casefold().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"
