"""What staff set for one basket: taken off after every promotion, and explained like one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec

from surehold.catalog.model import Sellable
from surehold.kernel.money import Money, to_major
from surehold.pricing.model import Adjustment, Explanation, OwnTerms
from surehold.pricing.rules.allocation import allocate
from surehold.pricing.rules.promotions import NOTHING_LEFT, Applied

#: How goods are sent whose shipping was agreed without naming a method.
AGREED: Final = "agreed"
_NOTHING: Final = Applied((), (), (), None)


class Line(Protocol):
    """A priced line."""

    @property
    def item(self) -> Sellable:
        """What is sold."""

    @property
    def total_minor(self) -> int:
        """What it costs before anything is taken off."""


def concede(
    own: OwnTerms | None,
    applied: Applied | None,
    priced: Sequence[Line],
    *,
    currency: str,
) -> Applied | None:
    """What promotions took off, and what staff did: the discount, off what is left of the lines.

    Where shipping was agreed, free shipping has nothing to reduce.
    """
    if own is None:
        return applied
    before = applied or msgspec.structs.replace(_NOTHING, discounts=(0,) * len(priced))
    left = [row.total_minor - off for row, off in zip(priced, before.discounts, strict=True)]
    # Divided over what is left of each line; never more than all of it.
    shares = allocate(min(own.discount_minor, sum(left)), left)
    adjustments = [
        Adjustment(None, own.discount_reason, None, index, amount)
        for index, amount in enumerate(shares)
        if amount
    ]
    is_agreed = own.shipping_minor is not None
    return Applied(
        tuple(off + more for off, more in zip(before.discounts, shares, strict=True)),
        (*before.adjustments, *adjustments),
        (
            *(_deny(before) if is_agreed else before.explanations),
            *_explanations(own, sum(shares), priced, currency),
        ),
        None if is_agreed else before.free_shipping,
    )


def _deny(before: Applied) -> Iterator[Explanation]:
    """The explanations, now that free shipping has nothing to reduce."""
    for row in before.explanations:
        if before.free_shipping is not None and row.promotion_id == before.free_shipping.id:
            code, detail = NOTHING_LEFT
            yield msgspec.structs.replace(row, code=code, detail=detail, is_applied=False)
        else:
            yield row


def _explanations(
    own: OwnTerms,
    discount_minor: int,
    priced: Sequence[Line],
    currency: str,
) -> Iterator[Explanation]:
    items = {line.item.variant_id: line.item for line in priced}
    for row in own.prices:
        item = items[row.variant_id]
        words = (
            f"{item.sku} at {_words(row.unit_price_minor, currency)} a unit instead of "
            f"{_words(item.price_minor, currency)}: {row.reason}"
        )
        yield _explain("own_price", words, item.name)
    if own.discount_minor:
        words = f"{_words(discount_minor, currency)} off: {own.discount_reason}"
        yield _explain("own_discount", words, own.discount_reason, amount_minor=discount_minor)
    if own.shipping_minor is not None:
        words = f"Shipping at {_words(own.shipping_minor, currency)}."
        yield _explain("own_shipping", words, None)


def _explain(code: str, detail: str, name: str | None, *, amount_minor: int = 0) -> Explanation:
    return Explanation(code, detail, True, None, name, None, amount_minor)  # noqa: FBT003 - the field is called is_applied


def _words(amount_minor: int, currency: str) -> str:
    return f"{to_major(Money(amount_minor, currency))} {currency}"
