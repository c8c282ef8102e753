"""What is sold before it is there: what was promised, and what lines wait for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from surehold.inventory.model import (
    Backorder,
    BackorderKind,
    BackorderPromise,
    BackorderTerms,
    WaitingUnits,
)
from surehold.inventory.rules.admitting import Take
from surehold.kernel.ids import OrderId, OrderLineId, VariantId


class Line(Protocol):
    """A line of an order, of which some units are taken."""

    @property
    def id(self) -> OrderLineId: ...

    @property
    def order_id(self) -> OrderId: ...

    @property
    def variant_id(self) -> VariantId: ...


def list_promises(lines: Sequence[Line], takes: Iterable[Take]) -> list[BackorderPromise]:
    """What of each line was taken before it was there, wherever it comes from.

    A take names its line by its place among ``lines``.
    """
    units: dict[int, int] = {}
    for take in takes:
        if take.waiting:
            units[take.line] = units.get(take.line, 0) + take.waiting
    return [
        BackorderPromise(lines[at].id, lines[at].order_id, lines[at].variant_id, quantity)
        for at, quantity in units.items()
    ]


def list_backorders(
    promises: Iterable[BackorderPromise], terms: Mapping[VariantId, BackorderTerms]
) -> dict[OrderLineId, Backorder]:
    """What a buyer is told of promises; without terms it is a back-order without a day."""
    told: dict[OrderLineId, Backorder] = {}
    for row in promises:
        known = terms.get(row.variant_id)
        kind = BackorderKind.BACKORDER if known is None else known.kind
        day = None if known is None else known.promised_on
        told[row.order_line_id] = Backorder(row.quantity, kind, day)
    return told


def sum_waiting(rows: Iterable[WaitingUnits]) -> dict[OrderLineId, Backorder]:
    """What each line waits for, wherever it comes from; who waits for nothing has no entry."""
    found: dict[OrderLineId, Backorder] = {}
    for row in rows:
        if row.waiting:
            known = found.get(row.order_line_id, Backorder(0, row.kind, row.promised_on))
            found[row.order_line_id] = msgspec.structs.replace(
                known, waiting_quantity=known.waiting_quantity + row.waiting
            )
    return found
