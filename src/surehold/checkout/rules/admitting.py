"""Who gets the units and the coupon that they want: decided together, in arrival order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from surehold.inventory import rules as inventory
from surehold.inventory.model import StockLevel
from surehold.kernel.ids import CouponId, DraftOrderId, VariantId
from surehold.pricing import rules as pricing
from surehold.pricing.model import CouponLimits


class Request(msgspec.Struct, frozen=True):
    """What a placement wants: units, sent somewhere, perhaps by a coupon, perhaps of a draft."""

    lines: inventory.Lines
    destination: inventory.Destination | None = None
    use: pricing.Use | None = None
    draft_id: DraftOrderId | None = None


class DraftGone(msgspec.Struct, frozen=True):
    """The draft became an order a moment before: the one of an earlier request."""

    draft_id: DraftOrderId


#: What comes of a request.
Decision = inventory.Admitted | inventory.Refused | pricing.CouponGone | DraftGone


def admit(
    stock: Mapping[VariantId, Sequence[StockLevel]],
    limits: Mapping[CouponId, CouponLimits],
    requests: Sequence[Request],
    *,
    is_split_allowed: bool = True,
) -> list[Decision]:
    """Decide, in order, who gets the units and the coupon that they want: both or neither.

    A draft becomes one order: that of the first request that is admitted.

    The decisions equal those of serving the requests one at a time, each against fresh counters.
    """
    admit_next = inventory.begin_admission(stock, is_split_allowed=is_split_allowed)
    uses = pricing.Uses(limits.values())
    placed: set[DraftOrderId] = set()
    decisions: list[Decision] = []
    for request in requests:
        gone = None if request.use is None else uses.find_gone(request.use)
        decision: Decision
        if request.draft_id is not None and request.draft_id in placed:
            decision = DraftGone(request.draft_id)
        else:
            decision = gone or admit_next(request.lines, request.destination)
        if request.use is not None and isinstance(decision, inventory.Admitted):
            uses.count(request.use, 1)
        if request.draft_id is not None and isinstance(decision, inventory.Admitted):
            placed.add(request.draft_id)
        decisions.append(decision)
    return decisions
