"""Everything that a checkout can be asked to do. One module per group of verbs."""

from surehold.checkout.commands.ask import ask, check_payment
from surehold.checkout.commands.buy import (
    EXTENSIONS,
    PARTS,
    cancel_order,
    cancel_part,
    confirm_payment,
    extend_reservation,
    retry_payment,
    save_quote,
    verify_payment,
)
from surehold.checkout.commands.capture import capture_payment
from surehold.checkout.commands.change import (
    CHANGES,
    cancel_change,
    change_order,
    preview_change,
)
from surehold.checkout.commands.collect import collect_cash, refuse_delivery
from surehold.checkout.commands.dispute import answer_dispute, record_dispute
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
from surehold.checkout.commands.place_draft import DraftForm, place_draft, placement_of_draft
from surehold.checkout.commands.place_order import PlacementWork, place_order
from surehold.checkout.commands.refund import (
    REFUNDS,
    confirm_refund,
    preview_refund,
    refund_order,
    retry_refund,
)
from surehold.checkout.commands.reject import reject_transfer
from surehold.checkout.commands.review import preview_review, review_payment
from surehold.checkout.commands.settle import SettlementWork
from surehold.checkout.commands.sweep import (
    archive_old_orders,
    ask_due_operations,
    cancel_unpaid_orders,
    check_due_payments,
    expire_gift_cards,
    expire_reservations,
    issue_documents,
    look_into_differences,
    process_due_webhooks,
    prune,
    report_abandoned_carts,
    sweep,
)
from surehold.checkout.commands.take_back import (
    RETURNS,
    complete_return,
    exchange_return,
    inspect_return,
    move_return,
    receive_return,
    request_return,
)

__all__ = [
    "BULK_MAX",
    "CHANGES",
    "EXTENSIONS",
    "FULFILLMENTS",
    "NOTES",
    "PARTS",
    "REFUNDS",
    "RETURNS",
    "DraftForm",
    "Inbox",
    "PlacementWork",
    "SettlementWork",
    "answer_dispute",
    "archive_old_orders",
    "ask",
    "ask_due_operations",
    "cancel_change",
    "cancel_order",
    "cancel_part",
    "cancel_unpaid_orders",
    "capture_payment",
    "change_many",
    "change_order",
    "check_due_payments",
    "check_payment",
    "collect_cash",
    "complete_return",
    "confirm_payment",
    "confirm_refund",
    "correct_parcel",
    "exchange_return",
    "expire_gift_cards",
    "expire_reservations",
    "extend_reservation",
    "inspect_return",
    "issue_documents",
    "look_into_differences",
    "move_fulfillment",
    "move_return",
    "note_many",
    "open_fulfillments",
    "place_draft",
    "place_order",
    "placement_of_draft",
    "preview_change",
    "preview_refund",
    "preview_review",
    "process_due_webhooks",
    "process_webhook",
    "prune",
    "reach_status",
    "receive_return",
    "record_dispute",
    "refund_order",
    "refuse_delivery",
    "reject_transfer",
    "report_abandoned_carts",
    "request_return",
    "retry_payment",
    "retry_refund",
    "review_payment",
    "save_quote",
    "sweep",
    "verify_payment",
    "write_note",
]
