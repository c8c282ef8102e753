"""How often a coupon may still be used, counted while a batch is decided."""

from __future__ import annotations

from uuid import UUID

import pytest

from surehold.kernel.ids import CouponId
from surehold.pricing.model import CouponLimits, UsedCoupon
from surehold.pricing.rules import Use, Uses
from surehold.pricing.rules.coupons import CouponGone, buyer_of

TEN, OTHER = CouponId(UUID(int=1)), CouponId(UUID(int=2))
MARA, NED = (Use(UsedCoupon(TEN, "TEN"), who) for who in ("mara", "ned"))
IN_ALL, PER_BUYER = CouponGone("TEN", "total"), CouponGone("TEN", "per_buyer")


def test_a_coupon_is_used_as_often_as_it_may_be_and_once_more_when_given_back() -> None:
    uses = Uses([CouponLimits(TEN, "TEN", 1, 3, None, {}), CouponLimits(OTHER, "O", 0, 1, 1, {})])

    uses.count(MARA, 1)
    assert uses.find_gone(MARA) is None
    uses.count(NED, 1)
    assert uses.find_gone(MARA) == uses.find_gone(NED) == IN_ALL
    uses.count(NED, -1)
    assert uses.find_gone(NED) is None


def test_each_buyer_uses_it_as_often_as_one_may() -> None:
    uses = Uses([CouponLimits(TEN, "TEN", 9, None, 2, {"mara": 1})])

    assert uses.find_gone(MARA) is None
    uses.count(MARA, 1)
    uses.count(NED, 1)
    assert (uses.find_gone(MARA), uses.find_gone(NED)) == (PER_BUYER, None)
    uses.count(NED, 1)
    assert uses.find_gone(NED) == PER_BUYER
    uses.count(MARA, -1)
    assert uses.find_gone(MARA) is None


def test_a_coupon_that_is_not_there_is_gone_and_one_without_limits_never() -> None:
    assert Uses([]).find_gone(MARA) == IN_ALL
    assert Uses([CouponLimits(TEN, "TEN", 10**6, None, None, {})]).find_gone(MARA) is None
    assert PER_BUYER.refusal().facts["limit"] == "per_buyer"


@pytest.mark.parametrize(
    ("email", "buyer"),
    [
        ("Ada.Byron+shop@Example.com", "ada.byron@example.com"),
        ("+shop@example.com", "+shop@example.com"),
        ('"a@b"@example.com', '"a@b"@example.com'),
    ],
)
def test_one_mailbox_is_one_buyer(email: str, buyer: str) -> None:
    assert buyer_of(email) == buyer
