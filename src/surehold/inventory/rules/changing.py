"""What staff may do to the units on a shelf. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from surehold.inventory.model import Move, Promised, StockLevel, TransferLine
from surehold.kernel.errors import Fault, InvalidInput
from surehold.kernel.ids import VariantId

#: More than this of one variant at once is a typing error.
ARRIVING_MAX: Final = 1_000_000


def check_arriving(quantities: Iterable[int]) -> None:
    """Refuse a delivery with a quantity that cannot be meant.

    Raises:
        InvalidInput: One of them is not from 1 to 1,000,000.
    """
    faults = tuple(
        Fault(
            f"/arrivals/{index}/quantity",
            "quantity_out_of_range",
            f"From 1 to {ARRIVING_MAX:,} units can arrive at once.",
        )
        for index, quantity in enumerate(quantities)
        if not 1 <= quantity <= ARRIVING_MAX
    )
    if faults:
        raise InvalidInput(faults)


def find_promised(
    stock: Mapping[VariantId, Sequence[StockLevel]], moves: Iterable[Move]
) -> tuple[Promised, ...]:
    """What of these moves would take units away that buyers hold or own."""
    wanted = {(move.variant_id, move.location_id): move.delta for move in moves if move.delta < 0}
    return tuple(
        Promised(
            level.variant_id,
            level.on_hand,
            level.on_hand - max(level.available, 0),
            wanted[level.variant_id, level.location_id],
        )
        for levels in stock.values()
        for level in levels
        if -wanted.get((level.variant_id, level.location_id), 0) > max(level.available, 0)
    )


def receive_lines(
    lines: Sequence[TransferLine], arrived: Sequence[tuple[VariantId, int]]
) -> dict[VariantId, int]:
    """How many units of each variant arrive now; nothing named means all that is in transit.

    Raises:
        InvalidInput: A variant is not on the transfer, comes twice, or more arrive than were sent.
    """
    waiting = {line.variant_id: line.open_quantity for line in lines}
    if not arrived:
        return {variant_id: units for variant_id, units in waiting.items() if units}
    faults: list[Fault] = []
    found: dict[VariantId, int] = {}
    for index, (variant_id, quantity) in enumerate(arrived):
        at = f"/lines/{index}"
        if variant_id not in waiting:
            faults.append(Fault(f"{at}/variant_id", "not_in_transfer", "It was not sent."))
        elif variant_id in found:
            faults.append(Fault(f"{at}/variant_id", "repeated", "It is given more than once."))
        elif quantity > waiting[variant_id]:
            units = waiting[variant_id]
            faults.append(
                Fault(f"{at}/quantity", "more_than_in_transit", f"{units} are in transit.")
            )
        else:
            found[variant_id] = quantity
    if faults:
        raise InvalidInput(tuple(faults))
    return found
