"""What is decided about stock: values in, value or error out."""

from surehold.inventory.rules.admitting import (
    Admitted,
    Destination,
    Lines,
    Refused,
    Take,
    admit,
    begin_admission,
)
from surehold.inventory.rules.changing import (
    ARRIVING_MAX,
    check_arriving,
    find_promised,
    receive_lines,
)
from surehold.inventory.rules.ending import ended, prolonged
from surehold.inventory.rules.waiting import list_backorders, list_promises, sum_waiting

__all__ = [
    "ARRIVING_MAX",
    "Admitted",
    "Destination",
    "Lines",
    "Refused",
    "Take",
    "admit",
    "begin_admission",
    "check_arriving",
    "ended",
    "find_promised",
    "list_backorders",
    "list_promises",
    "prolonged",
    "receive_lines",
    "sum_waiting",
]
