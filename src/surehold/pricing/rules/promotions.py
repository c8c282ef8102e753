"""What promotions and a coupon take off a basket, and why each did or did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from surehold.kernel.ids import ProductId, PromotionId, VariantId
from surehold.kernel.money import Money, round_minor, to_major
from surehold.pricing.model import Adjustment, Coupon, Effect, Explanation, Promotion
from surehold.pricing.rules.allocation import allocate
from surehold.pricing.rules.prices import is_open


class Item(msgspec.Struct, frozen=True):
    """One line as promotions see it."""

    variant_id: VariantId
    product_id: ProductId
    quantity: int
    unit_price_minor: int
    #: Whether staff set its price, which is then no promotion's business.
    is_own: bool = False

    @property
    def total_minor(self) -> int:
        """What it costs before anything is taken off."""
        return self.quantity * self.unit_price_minor


class Asked(msgspec.Struct, frozen=True):
    """The code that the buyer entered, and the coupon of that code where there is one."""

    code: str
    coupon: Coupon | None


class Applied(msgspec.Struct, frozen=True):
    """What came of it. ``free_shipping`` pays for the shipping; its explanation has no amount."""

    discounts: tuple[int, ...]
    adjustments: tuple[Adjustment, ...]
    explanations: tuple[Explanation, ...]
    free_shipping: Promotion | None


#: A code and a sentence.
Reason = tuple[str, str]
APPLIED: Final = "applied"
_UNKNOWN: Final = ("coupon_unknown", "There is no such coupon.")
_COUPON_EARLY: Final = ("coupon_not_started", "The coupon cannot be used yet.")
_COUPON_OVER: Final = ("coupon_over", "The coupon has ended.")
_COUPON_USED_UP: Final = ("coupon_exhausted", "The coupon was used as often as it may be.")
_EARLY: Final = ("not_started", "It has not begun.")
_OVER: Final = ("over", "It has ended.")
_FIRST_UNKNOWN: Final = (
    "first_order_unknown",
    "It is for a first order: an e-mail address says whether this is one.",
)
_NOT_FIRST: Final = ("not_first_order", "It is for a first order, and there was one.")
_OTHER_CURRENCY: Final = ("wrong_currency", "It is not given in this currency.")
_NO_ITEMS: Final = ("no_matching_items", "Nothing in the basket is part of it.")
_TOO_FEW: Final = ("too_few_items", "There are too few of the items that it is for.")
_ALONE: Final = ("not_combinable", "It cannot be combined with what was taken off already.")
NOTHING_LEFT: Final = ("nothing_left", "Nothing is left that it could reduce.")


def apply(
    items: Sequence[Item],
    promotions: Sequence[Promotion],
    *,
    members: Mapping[PromotionId, frozenset[UUID]],
    currency: str,
    asked: Asked | None,
    now: datetime,
    is_first: bool | None = None,
) -> Applied:
    """Take every promotion that applies, in the order given, each off what is left.

    Stackable ones add up. One that stands alone is taken when nothing was taken before it, and
    then nothing more is. No line ever costs less than nothing. ``members`` are the products and
    variants of each promotion that is not for everything; ``is_first``: whether the buyer has paid
    for no order yet, ``None`` while nobody knows who it is.
    """
    basket = _Basket(items, currency, members, is_first=is_first)
    explanations = [
        basket.take(promotion, asked, now)
        for promotion in promotions
        if promotion.is_automatic or _is_unlocked(promotion, asked)
    ]
    if asked is not None and all(row.coupon_code is None for row in explanations):
        explanations.append(_explain(_UNKNOWN, None, asked.code))
    return Applied(
        tuple(item.total_minor - left for item, left in zip(items, basket.left, strict=True)),
        tuple(basket.adjustments),
        tuple(explanations),
        basket.free_shipping,
    )


def find_members(promotions: Sequence[Promotion]) -> dict[PromotionId, frozenset[UUID]]:
    """The products and variants of each promotion that is not for everything."""
    return {
        row.id: frozenset((*row.product_ids, *row.variant_ids))
        for row in promotions
        if row.product_ids or row.variant_ids or row.category_ids
    }


def _is_unlocked(promotion: Promotion, asked: Asked | None) -> bool:
    return (
        asked is not None
        and asked.coupon is not None
        and asked.coupon.promotion_id == promotion.id
        and not promotion.is_automatic
    )


class _Basket:
    """What is left of every line while promotions take their part."""

    def __init__(
        self,
        items: Sequence[Item],
        currency: str,
        members: Mapping[PromotionId, frozenset[UUID]],
        *,
        is_first: bool | None,
    ) -> None:
        self.items = items
        self._is_first = is_first
        self._members = members
        self.currency = currency
        self.left = [item.total_minor for item in items]
        self.subtotal_minor = sum(self.left)
        self.adjustments: list[Adjustment] = []
        self.free_shipping: Promotion | None = None
        self._last: Promotion | None = None

    def take(self, promotion: Promotion, asked: Asked | None, now: datetime) -> Explanation:
        """Take one promotion off, or say why not."""
        coupon = asked.coupon if asked is not None and not promotion.is_automatic else None
        code = None if coupon is None else coupon.code
        reason = self._find_reason(promotion, coupon, now)
        if reason is not None:
            return _explain(reason, promotion, code)
        self._last = promotion
        if promotion.effect is Effect.FREE_SHIPPING:
            self.free_shipping = promotion
            return _explain((APPLIED, "Shipping is free."), promotion, code)
        total = 0
        for index, amount in enumerate(self._shares(promotion)):
            if amount:
                total += amount
                self.left[index] -= amount
                self.adjustments.append(
                    Adjustment(promotion.id, promotion.name, code, index, amount)
                )
        words = f"{_words(total, self.currency)} off."
        return _explain((APPLIED, words), promotion, code, amount_minor=total)

    def _find_reason(
        self, promotion: Promotion, coupon: Coupon | None, now: datetime
    ) -> Reason | None:
        return (
            (coupon and _find_coupon_reason(coupon, now))
            or _find_window_reason(promotion, now)
            or self._find_buyer_reason(promotion)
            or self._find_basket_reason(promotion)
        )

    def _find_buyer_reason(self, promotion: Promotion) -> Reason | None:
        if not promotion.is_first_order or self._is_first:
            return None
        return _FIRST_UNKNOWN if self._is_first is None else _NOT_FIRST

    def _find_basket_reason(self, promotion: Promotion) -> Reason | None:
        if promotion.minimums:
            minimum = promotion.minimums.get(self.currency)
            if minimum is None:
                return _OTHER_CURRENCY
            if self.subtotal_minor < minimum:
                missing = _words(minimum - self.subtotal_minor, self.currency)
                return "minimum_not_reached", f"The goods must come to {missing} more."
        if promotion.effect is Effect.FIXED and self.currency not in promotion.amounts:
            return _OTHER_CURRENCY
        targets = self._targets(promotion)
        if not targets:
            return _NO_ITEMS
        if promotion.effect is Effect.BUY_X_GET_Y and not self._count_got(promotion):
            return _TOO_FEW
        if self._last is not None and not (promotion.is_stackable and self._last.is_stackable):
            return _ALONE
        if promotion.effect is Effect.FREE_SHIPPING:
            return None if self.free_shipping is None else NOTHING_LEFT
        return None if any(self._shares(promotion)) else NOTHING_LEFT

    def _targets(self, promotion: Promotion) -> list[int]:
        """The lines that it is for."""
        members = self._members.get(promotion.id)
        return [
            index
            for index, item in enumerate(self.items)
            if not item.is_own
            and (members is None or item.product_id in members or item.variant_id in members)
        ]

    def _shares(self, promotion: Promotion) -> tuple[int, ...]:
        """What it would take off each line now."""
        targets = self._targets(promotion)
        worth = [self.left[index] if index in targets else 0 for index in range(len(self.left))]
        match promotion.effect:
            case Effect.PERCENT:
                assert promotion.rate is not None
                # Rounded half up once, over all that it is for; then divided.
                return allocate(_part(sum(worth), promotion.rate), worth)
            case Effect.FIXED:
                return allocate(min(promotion.amounts[self.currency], sum(worth)), worth)
            case Effect.BUY_X_GET_Y:
                return self._got(promotion, targets)
            case Effect.FREE_SHIPPING:
                return (0,) * len(worth)

    def _count_got(self, promotion: Promotion) -> int:
        """How many units are got: so many for each whole set of bought ones and theirs."""
        assert promotion.buy_quantity is not None
        assert promotion.get_quantity is not None
        units = sum(self.items[index].quantity for index in self._targets(promotion))
        return units // (promotion.buy_quantity + promotion.get_quantity) * promotion.get_quantity

    def _got(self, promotion: Promotion, targets: Sequence[int]) -> tuple[int, ...]:
        """The cheapest units are the ones that are got; earlier lines first at the same price."""
        assert promotion.rate is not None
        missing = self._count_got(promotion)
        shares = [0] * len(self.items)
        for index in sorted(targets, key=lambda index: self.items[index].unit_price_minor):
            item = self.items[index]
            count = min(missing, item.quantity)
            missing -= count
            # Rounded half up once per line.
            part = _part(count * item.unit_price_minor, promotion.rate)
            shares[index] = min(part, self.left[index])
        return tuple(shares)


def _find_coupon_reason(coupon: Coupon, now: datetime) -> Reason | None:
    if not coupon.is_active:
        return _UNKNOWN
    if not is_open(coupon.starts_at, None, now):
        return _COUPON_EARLY
    if not is_open(None, coupon.ends_at, now):
        return _COUPON_OVER
    if coupon.limit_total is not None and coupon.used >= coupon.limit_total:
        return _COUPON_USED_UP
    return None


def _find_window_reason(promotion: Promotion, now: datetime) -> Reason | None:
    if not is_open(promotion.starts_at, None, now):
        return _EARLY
    return None if is_open(None, promotion.ends_at, now) else _OVER


def _part(amount_minor: int, rate: str) -> int:
    return round_minor(amount_minor * Decimal(rate))


def _words(amount_minor: int, currency: str) -> str:
    return f"{to_major(Money(amount_minor, currency))} {currency}"


def _explain(
    reason: Reason, promotion: Promotion | None, coupon_code: str | None, *, amount_minor: int = 0
) -> Explanation:
    code, detail = reason
    return Explanation(
        code=code,
        detail=detail,
        is_applied=code == APPLIED,
        promotion_id=None if promotion is None else promotion.id,
        name=None if promotion is None else promotion.name,
        coupon_code=coupon_code,
        amount_minor=amount_minor,
    )
