"""What each event does to an order: the rules of paying, holding, canceling, sending, refunding.

Every function changes a case in memory and says what came of it. What each would do a second time
is part of its rule, because every one of them is asked twice sooner or later.
"""

from surehold.checkout.rules import taking_back
from surehold.checkout.rules.admitting import DraftGone, Paying, Request, WithCards, admit
from surehold.checkout.rules.canceling import (
    CANCELABLE,
    cancel,
    cancel_part,
    give_up_payment,
)
from surehold.checkout.rules.changing import (
    ChangeWish,
    PlannedChange,
    apply_change,
    await_payment,
    drop_change,
    follow_payment,
    lapse_change,
    plan_change,
)
from surehold.checkout.rules.disputing import answer_dispute, record_answer, take_disputes
from surehold.checkout.rules.exchanging import exchange, plan_exchange
from surehold.checkout.rules.fulfilling import (
    correct_parcel,
    move_fulfillment,
    open_fulfillments,
)
from surehold.checkout.rules.gift_cards import (
    give_parts_back,
    rest_minor,
    take_parts_again,
    trim_parts,
)
from surehold.checkout.rules.holding import expire_holds, extend, hold_again, hold_time
from surehold.checkout.rules.lapsing import end_renewal
from surehold.checkout.rules.paying import sell_covered, settle
from surehold.checkout.rules.pricing import Facts, destination_of, price
from surehold.checkout.rules.reaching import reach_status
from surehold.checkout.rules.refunding import (
    PlannedRefund,
    Units,
    Wish,
    is_left,
    is_refundable,
    plan_refund,
)
from surehold.checkout.rules.retrying import check_payable
from surehold.checkout.rules.returning import (
    Cause,
    ask_back,
    ask_planned,
    end_operation,
    new_refund,
    record_refund,
)
from surehold.checkout.rules.reviewing import list_decisions, review
from surehold.checkout.rules.suspecting import check_not_held
from surehold.checkout.rules.trusting import (
    bill,
    capture_now,
    check_on_delivery,
    not_collectable,
    record_capture_loss,
    refuse,
    trust_to_delivery,
)

__all__ = [
    "CANCELABLE",
    "Cause",
    "ChangeWish",
    "DraftGone",
    "Facts",
    "Paying",
    "PlannedChange",
    "PlannedRefund",
    "Request",
    "Units",
    "Wish",
    "WithCards",
    "admit",
    "answer_dispute",
    "apply_change",
    "ask_back",
    "ask_planned",
    "await_payment",
    "bill",
    "cancel",
    "cancel_part",
    "capture_now",
    "check_not_held",
    "check_on_delivery",
    "check_payable",
    "correct_parcel",
    "destination_of",
    "drop_change",
    "end_operation",
    "end_renewal",
    "exchange",
    "expire_holds",
    "extend",
    "follow_payment",
    "give_parts_back",
    "give_up_payment",
    "hold_again",
    "hold_time",
    "is_left",
    "is_refundable",
    "lapse_change",
    "list_decisions",
    "move_fulfillment",
    "new_refund",
    "not_collectable",
    "open_fulfillments",
    "plan_change",
    "plan_exchange",
    "plan_refund",
    "price",
    "reach_status",
    "record_answer",
    "record_capture_loss",
    "record_refund",
    "refuse",
    "rest_minor",
    "review",
    "sell_covered",
    "settle",
    "take_disputes",
    "take_parts_again",
    "taking_back",
    "trim_parts",
    "trust_to_delivery",
]
