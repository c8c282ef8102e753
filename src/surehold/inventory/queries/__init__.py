"""What others may read of stock, and the shelf: products listed with what is left of them."""

from surehold.inventory.model import Location
from surehold.inventory.queries.counts import ShelfCounts
from surehold.inventory.queries.documents import (
    InTransit,
    list_counts,
    list_in_transit,
    list_transfers,
    preview_import,
    read_count,
    read_transfer,
    write_file,
)
from surehold.inventory.queries.shelf import (
    MAX_SEARCH,
    MAX_SLUG,
    NEWEST,
    RELEVANCE,
    SORTS,
    count_shelf,
    count_shelf_categories,
    list_shelf,
)
from surehold.inventory.queries.stock import (
    Level,
    Movement,
    available,
    list_holders_due,
    list_levels,
    list_levels_of,
    list_locations,
    list_low,
    list_movements,
    list_reservations,
    soonest_hold_end,
)
from surehold.inventory.queries.waiting import (
    BackordersView,
    find_backorders,
    find_outlook,
    read_backorders,
)

__all__ = [
    "MAX_SEARCH",
    "MAX_SLUG",
    "NEWEST",
    "RELEVANCE",
    "SORTS",
    "BackordersView",
    "InTransit",
    "Level",
    "Location",
    "Movement",
    "ShelfCounts",
    "available",
    "count_shelf",
    "count_shelf_categories",
    "find_backorders",
    "find_outlook",
    "list_counts",
    "list_holders_due",
    "list_in_transit",
    "list_levels",
    "list_levels_of",
    "list_locations",
    "list_low",
    "list_movements",
    "list_reservations",
    "list_shelf",
    "list_transfers",
    "preview_import",
    "read_backorders",
    "read_count",
    "read_transfer",
    "soonest_hold_end",
    "write_file",
]
