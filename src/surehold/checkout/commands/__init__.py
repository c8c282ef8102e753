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
from surehold.checkout.commands.inbox import Inbox, process_webhook
from surehold.checkout.commands.place_order import PlacementWork, place_order
from surehold.checkout.commands.settle import SettlementWork
from surehold.checkout.commands.sweep import (
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
    "EXTENSIONS",
    "Inbox",
    "PlacementWork",
    "SettlementWork",
    "ask",
    "ask_due_operations",
    "cancel_order",
    "cancel_unpaid_orders",
    "check_due_payments",
    "check_payment",
    "confirm_payment",
    "expire_reservations",
    "extend_reservation",
    "issue_documents",
    "place_order",
    "process_due_webhooks",
    "process_webhook",
    "prune",
    "report_abandoned_carts",
    "retry_payment",
    "save_quote",
    "sweep",
    "verify_payment",
]
