"""Who gets the units and the coupon that they want: decided together, in arrival order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from surehold.inventory import rules as inventory
from surehold.inventory.model import StockLevel
from surehold.kernel.ids import CouponId, VariantId
from surehold.pricing import rules as pricing
from surehold.pricing.model import CouponLimits


class Request(msgspec.Struct, frozen=True):
    """What a placement wants: units, sent somewhere, and perhaps the use of a coupon."""

    lines: inventory.Lines
    destination: inventory.Destination | None = None
    use: pricing.Use | None = None


def admit(
    stock: Mapping[VariantId, Sequence[StockLevel]],
    limits: Mapping[CouponId, CouponLimits],
    requests: Sequence[Request],
    *,
    is_split_allowed: bool = True,
) -> list[inventory.Admitted | inventory.Refused | pricing.CouponGone]:
    """Decide, in order, who gets the units and the coupon that they want: both or neither.

    The decisions equal those of serving the requests one at a time, each against fresh counters.
    """
    admit_next = inventory.begin_admission(stock, is_split_allowed=is_split_allowed)
    uses = pricing.Uses(limits.values())
    decisions: list[inventory.Admitted | inventory.Refused | pricing.CouponGone] = []
    for request in requests:
        gone = None if request.use is None else uses.find_gone(request.use)
        decision = gone or admit_next(request.lines, request.destination)
        if request.use is not None and isinstance(decision, inventory.Admitted):
            uses.count(request.use, 1)
        decisions.append(decision)
    return decisions
