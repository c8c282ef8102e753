"""What happens at the bank: a script of facts, the same for every store that it is told to."""

from __future__ import annotations

import random
from typing import Final

import msgspec

#: What a buyer or a bank does, and how likely it is to come next. Most of it the bank refuses in
#: the state that the payment is in; it refuses the same in every store.
_FACTS: Final = {
    "capture": 5,
    "fail": 2,
    "expire": 1,
    "dispute": 5,
    "dispute_part": 2,
    "won": 4,
    "lost": 3,
    "reopen": 2,
    "refund_part": 1,
}


class Fact(msgspec.Struct, frozen=True):
    """One thing that happens to the payment of one order."""

    order: int
    what: str


def write(*, orders: int, facts: int, seed: int) -> list[Fact]:
    """So many facts about so many orders, each of which has one at least."""
    dice = random.Random(f"walk/{seed}")
    kinds, weights = list(_FACTS), list(_FACTS.values())
    first = [Fact(order, dice.choice(("capture", "capture", "fail"))) for order in range(orders)]
    more = [
        Fact(dice.randrange(orders), what)
        for what in dice.choices(kinds, weights, k=max(facts - orders, 0))
    ]
    dice.shuffle(first)
    return _mixed(first, more, dice)


def _mixed(first: list[Fact], more: list[Fact], dice: random.Random) -> list[Fact]:
    """Both, the order of each kept."""
    script: list[Fact] = []
    while first or more:
        pile = first if not more or (first and dice.random() < 0.6) else more
        script.append(pile.pop(0))
    return script
