"""How a store judges orders that were paid: what counts as a signal, and what each weighs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from surehold.kernel.errors import Fault
from surehold.kernel.money import MAX_MINOR, is_currency

#: Points of a signal; 0 switches it off.
Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100)]
CurrencyKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
AmountMinor = Annotated[int, msgspec.Meta(ge=1, le=MAX_MINOR)]


class FraudWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The points of each signal, under the signal's name."""

    repeated_email: Weight = 30
    repeated_address: Weight = 20
    repeated_network: Weight = 20
    order_declines: Weight = 35
    email_declines: Weight = 35
    large_amount: Weight = 30
    country_mismatch: Weight = 30
    disposable_mail: Weight = 40
    #: A first order says nothing by itself: it counts beside another signal.
    first_order: Weight = 15


class FraudSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. Off, nothing is asked and nothing is kept."""

    is_on: bool = False
    #: From so many points on the order is held for a person.
    hold_at: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 60
    weights: FraudWeights = FraudWeights()
    #: So many other orders from one e-mail, or to one address, are a signal.
    orders_per_hour: Count = 3
    orders_per_day: Count = 6
    #: As many people may share a network.
    network_orders_per_hour: Count = 10
    network_orders_per_day: Count = 50
    #: So many payments that a bank declined are a signal.
    declines: Count = 3
    #: What is a large amount, by currency, in minor units; in a currency that is not named, none.
    large_amounts: dict[CurrencyKey, AmountMinor] = {}

    @staticmethod
    def rule_faults(raw: Mapping[str, Any], at: str) -> Iterator[Fault]:
        """What is wrong with the amounts of single currencies."""
        given = raw.get("large_amounts")
        for code, amount in given.items() if isinstance(given, dict) else ():
            if not is_currency(code):
                detail = "Each is under an ISO 4217 code, such as EUR."
                yield Fault(f"{at}/large_amounts", "unknown_currency", detail)
            elif type(amount) is not int or not 1 <= amount <= MAX_MINOR:
                detail = f"Minor units, from 1 to {MAX_MINOR}."
                yield Fault(f"{at}/large_amounts/{code}", "out_of_range", detail)

    def __post_init__(self) -> None:
        for code in self.large_amounts:
            if not is_currency(code):
                raise ValueError(f"{code!r} is no currency that is counted in")
