"""Everything that changes a cart. One module per group of verbs.

A cart is opened by a token, and by its id too where the caller names one. Each change locks the
cart first, so that two tabs take turns and neither loses what the other did. Stock is checked out
of courtesy: a cart reserves nothing.
"""

from surehold.cart.commands.alerts import (
    ALERTS_PER_ADDRESS,
    ask_alert,
    forget_alert,
    hash_alert_key,
    prune_alerts,
    stop_alerts,
    tell_back_in_stock,
)
from surehold.cart.commands.later import (
    WISHES_KEPT_FOR,
    add_wish,
    create_wishlist,
    drop_saved,
    move_wish_to_cart,
    prune_wishlists,
    remove_wish,
    restore_saved,
    save_line,
)
from surehold.cart.commands.lines import (
    KEPT_FOR,
    Accepted,
    CartContent,
    accept_changes,
    add_line,
    change_currency,
    change_line,
    clear_cart,
    create_cart,
    hash_token,
    load_lines,
    prune_carts,
    remove_line,
    set_coupon,
    take_ordered,
)
from surehold.cart.commands.merge import merge_carts
from surehold.cart.commands.own import adopt_cart, adopt_wishlist
from surehold.cart.commands.remind import (
    decide_silent,
    hash_email,
    lock_silent,
    refuse_reminders,
    restore_cart,
    set_contact,
)

__all__ = [
    "ALERTS_PER_ADDRESS",
    "KEPT_FOR",
    "WISHES_KEPT_FOR",
    "Accepted",
    "CartContent",
    "accept_changes",
    "add_line",
    "add_wish",
    "adopt_cart",
    "adopt_wishlist",
    "ask_alert",
    "change_currency",
    "change_line",
    "clear_cart",
    "create_cart",
    "create_wishlist",
    "decide_silent",
    "drop_saved",
    "forget_alert",
    "hash_alert_key",
    "hash_email",
    "hash_token",
    "load_lines",
    "lock_silent",
    "merge_carts",
    "move_wish_to_cart",
    "prune_alerts",
    "prune_carts",
    "prune_wishlists",
    "refuse_reminders",
    "remove_line",
    "remove_wish",
    "restore_cart",
    "restore_saved",
    "save_line",
    "set_contact",
    "set_coupon",
    "stop_alerts",
    "take_ordered",
    "tell_back_in_stock",
]
