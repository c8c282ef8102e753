"""Everything that a checkout can be asked to do. One module per group of verbs."""

from surehold.checkout.commands.ask import ask, check_payment
from surehold.checkout.commands.buy import (
    EXTENSIONS,
    cancel_order,
    confirm_payment,
    extend_reservation,
    retry_payment,
    save_quote,
    verify_payment,
)
from surehold.checkout.commands.fulfill import (
    BULK_MAX,
    FULFILLMENTS,
    NOTES,
    change_many,
    correct_parcel,
    move_fulfillment,
    note_many,
    open_fulfillments,
    reach_status,
    write_note,
)
from surehold.checkout.commands.inbox import Inbox, process_webhook
from surehold.checkout.commands.place_order import PlacementWork, place_order
from surehold.checkout.commands.settle import SettlementWork
from surehold.checkout.commands.sweep import (
    archive_old_orders,
    ask_due_operations,
    cancel_unpaid_orders,
    check_due_payments,
    expire_reservations,
    issue_documents,
    process_due_webhooks,
    prune,
    report_abandoned_carts,
    sweep,
)

__all__ = [
    "BULK_MAX",
    "EXTENSIONS",
    "FULFILLMENTS",
    "NOTES",
    "Inbox",
    "PlacementWork",
    "SettlementWork",
    "archive_old_orders",
    "ask",
    "ask_due_operations",
    "cancel_order",
    "cancel_unpaid_orders",
    "change_many",
    "check_due_payments",
    "check_payment",
    "confirm_payment",
    "correct_parcel",
    "expire_reservations",
    "extend_reservation",
    "issue_documents",
    "move_fulfillment",
    "note_many",
    "open_fulfillments",
    "place_order",
    "process_due_webhooks",
    "process_webhook",
    "prune",
    "reach_status",
    "report_abandoned_carts",
    "retry_payment",
    "save_quote",
    "sweep",
    "verify_payment",
    "write_note",
]
