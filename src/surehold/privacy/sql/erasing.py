"""What an erasure does, table by table, in order. ``$1`` is always the erasure's id.

This room alone writes tables of other rooms, and only here: an erasure is no rule of any room, and
it is to be read, and compared with the register, in one place. What keeps it narrow is the
database: under ``surehold.erasure`` no trigger lets anything but the named columns change.
"""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from surehold.db import Statement, command
from surehold.privacy.sql import erasing_orders

_ORDERS: Final = "(SELECT order_id FROM erasure_orders WHERE erasure_id = $1)"
_PAYMENTS: Final = f"(SELECT id FROM payments WHERE order_id IN {_ORDERS})"
_RETURNS: Final = f"(SELECT id FROM returns WHERE order_id IN {_ORDERS})"
_DRAFTS: Final = f"""(SELECT draft_orders.id
              FROM draft_orders
             WHERE draft_orders.state IN ('placed', 'canceled')
               AND (draft_orders.order_id IN {_ORDERS}
                    OR lower(draft_orders.content ->> 'email')
                       = (SELECT lower(email) FROM erasures WHERE id = $1)))"""
_ACCOUNT: Final = "(SELECT account_id FROM erasures WHERE id = $1)"
_ALERTS: Final = """(SELECT stock_alerts.id
              FROM stock_alerts
              JOIN erasures ON erasures.id = $1
             WHERE stock_alerts.email_hash = sha256(convert_to(erasures.email_key, 'UTF8')))"""
_LETTERS: Final = """(SELECT account_letters.id
              FROM account_letters
              JOIN erasures ON erasures.id = $1
             WHERE account_letters.account_id = erasures.account_id
                OR account_letters.email_key = erasures.email_key
                   AND account_letters.created_at <= erasures.requested_at)"""
_CARDS: Final = """(SELECT gift_cards.id
              FROM gift_cards
             WHERE gift_cards.owner_email = (SELECT lower(email) FROM erasures WHERE id = $1))"""


class Needs(enum.Enum):
    """What ``$2`` of a statement is."""

    NOTHING = "nothing"
    #: Our references of the payments at their providers.
    REFERENCES = "references"
    #: How many years the law wants documents kept.
    RETENTION_YEARS = "retention_years"


class Step(msgspec.Struct, frozen=True):
    """One step: the table, what is done to it, and what that needs to know."""

    table: str
    statement: Statement[Any]
    needs: Needs = Needs.NOTHING


GIFT_CARD_ENTRIES: Final = command(
    f"""
    /* privacy.erase_gift_card_entries */
    UPDATE gift_card_entries
       SET reason = 'erased'
     WHERE reason IS NOT NULL
       AND (order_id IN {_ORDERS} OR gift_card_id IN {_CARDS})
    """
)

# Store credit keeps an owner whom nobody is; a card is whoever's who has its code.
GIFT_CARDS: Final = command(
    f"""
    /* privacy.erase_gift_cards */
    UPDATE gift_cards
       SET owner_email = CASE WHEN kind = 'store_credit'
                              THEN 'erased-' || id || '@erased.invalid' END,
           reason = 'erased'
     WHERE id IN {_CARDS}
    """
)

OUTBOX: Final = command(
    f"""
    /* privacy.erase_outbox */
    UPDATE outbox
       SET payload = payload - 'email' - 'tracking_number' - 'reason' - 'note'
     WHERE subject_id IN {_ORDERS}
        OR (payload ->> 'order_id')::uuid IN {_ORDERS}
        OR payload ->> 'email' = (SELECT email FROM erasures WHERE id = $1)
    """
)

# Answers of a day: few enough to look into each.
IDEMPOTENCY_KEYS: Final = command(
    f"""
    /* privacy.erase_idempotency_keys */
    DELETE FROM idempotency_keys
     WHERE subject_id IN {_ORDERS}
        OR subject_id IN {_PAYMENTS}
        OR subject_id IN {_RETURNS}
        OR subject_id IN (SELECT id FROM refunds WHERE order_id IN {_ORDERS})
        OR subject_id IN (SELECT id FROM fulfillments WHERE order_id IN {_ORDERS})
        OR subject_id IN (SELECT id FROM order_changes WHERE order_id IN {_ORDERS})
        OR subject_id IN {_DRAFTS}
        OR subject_id IN {_CARDS}
        OR position(convert_to((SELECT email FROM erasures WHERE id = $1), 'UTF8') IN response) > 0
    """
)

CARTS: Final = command(
    f"""
    /* privacy.erase_carts */
    DELETE FROM carts
     WHERE buyer_id = {_ACCOUNT}
        OR id IN (SELECT cart_id FROM orders WHERE orders.id IN {_ORDERS})
        OR id IN (SELECT cart_contacts.cart_id
                    FROM cart_contacts
                    JOIN erasures ON erasures.id = $1
                   WHERE lower(cart_contacts.email) = lower(erasures.email)
                     AND cart_contacts.given_at <= erasures.requested_at)
    """
)

REVIEWS: Final = command(
    f"""
    /* privacy.erase_reviews */
    DELETE FROM reviews
     WHERE account_id = {_ACCOUNT}
    """
)

WISHLISTS: Final = command(
    f"""
    /* privacy.erase_wishlists */
    DELETE FROM wishlists
     WHERE buyer_id = {_ACCOUNT}
    """
)

REMINDER_REFUSALS: Final = command(
    """
    /* privacy.erase_reminder_refusals */
    DELETE FROM reminder_refusals
     WHERE email_hash IN (SELECT sha256(convert_to(lower(email), 'UTF8'))
                            FROM erasures
                           WHERE id = $1)
    """
)

# Before the letters, by which they are found.
MAILS: Final = command(
    f"""
    /* privacy.erase_mails */
    UPDATE mails
       SET last_error = NULL
     WHERE last_error IS NOT NULL
       AND (subject_id IN {_LETTERS} OR subject_id IN {_ALERTS})
    """
)

STOCK_ALERTS: Final = command(
    f"""
    /* privacy.erase_stock_alerts */
    DELETE FROM stock_alerts
     WHERE id IN {_ALERTS}
    """
)

LETTERS: Final = command(
    f"""
    /* privacy.erase_account_letters */
    DELETE FROM account_letters
     WHERE id IN {_LETTERS}
    """
)

ADDRESSES: Final = command(
    f"""
    /* privacy.erase_account_addresses */
    DELETE FROM account_addresses
     WHERE account_id = {_ACCOUNT}
    """
)

# Their refresh tokens go with them.
SESSIONS: Final = command(
    f"""
    /* privacy.erase_sessions */
    DELETE FROM sessions
     WHERE account_id = {_ACCOUNT}
    """
)

DEVICES: Final = command(
    f"""
    /* privacy.erase_known_devices */
    DELETE FROM known_devices
     WHERE account_id = {_ACCOUNT}
    """
)

CODES: Final = command(
    f"""
    /* privacy.erase_recovery_codes */
    DELETE FROM recovery_codes
     WHERE account_id = {_ACCOUNT}
    """
)

FACTORS: Final = command(
    f"""
    /* privacy.erase_totp_factors */
    DELETE FROM totp_factors
     WHERE account_id = {_ACCOUNT}
    """
)

CLAIMS: Final = command(
    f"""
    /* privacy.erase_account_orders */
    DELETE FROM account_orders
     WHERE account_id = {_ACCOUNT}
    """
)

# The row stays, closed and nobody's: whoever was signing in finds it so. The address is free.
ACCOUNTS: Final = command(
    f"""
    /* privacy.erase_accounts */
    UPDATE accounts
       SET email = 'erased-' || id || '@erased.invalid',
           email_key = 'erased-' || id || '@erased.invalid',
           name = '', password_hash = NULL, language = NULL
     WHERE id = {_ACCOUNT}
    """
)

EXPORTS: Final = command(
    """
    /* privacy.erase_personal_exports */
    DELETE FROM personal_exports
     WHERE email_key = (SELECT email_key FROM erasures WHERE id = $1)
        OR account_id = (SELECT account_id FROM erasures WHERE id = $1)
    """
)

STEPS: Final = (
    Step("idempotency_keys", IDEMPOTENCY_KEYS),
    Step("account_addresses", ADDRESSES),
    Step("sessions", SESSIONS),
    Step("known_devices", DEVICES),
    Step("recovery_codes", CODES),
    Step("totp_factors", FACTORS),
    Step("mails", MAILS),
    Step("account_letters", LETTERS),
    Step("stock_alerts", STOCK_ALERTS),
    Step("account_orders", CLAIMS),
    Step("carts", CARTS),
    Step("reviews", REVIEWS),
    Step("wishlists", WISHLISTS),
    Step("reminder_refusals", REMINDER_REFUSALS),
    Step("orders", erasing_orders.ORDERS),
    Step("order_events", erasing_orders.ORDER_EVENTS),
    Step("order_notes", erasing_orders.ORDER_NOTES),
    Step("cancellations", erasing_orders.CANCELLATIONS),
    Step("returns", erasing_orders.RETURNS),
    Step("return_lines", erasing_orders.RETURN_LINES),
    Step("return_events", erasing_orders.RETURN_EVENTS),
    Step("return_photos", erasing_orders.RETURN_PHOTOS),
    Step("fraud_assessments", erasing_orders.FRAUD_ASSESSMENTS),
    Step("transfer_proofs", erasing_orders.TRANSFER_PROOFS),
    Step("disputes", erasing_orders.DISPUTES),
    Step("payment_reviews", erasing_orders.PAYMENT_REVIEWS),
    Step("fulfillments", erasing_orders.FULFILLMENTS),
    Step("fulfillment_events", erasing_orders.FULFILLMENT_EVENTS),
    Step("order_changes", erasing_orders.ORDER_CHANGES),
    Step("order_change_events", erasing_orders.ORDER_CHANGE_EVENTS),
    Step("draft_order_events", erasing_orders.DRAFT_ORDER_EVENTS),
    Step("draft_orders", erasing_orders.DRAFT_ORDERS),
    Step("documents", erasing_orders.DOCUMENTS, Needs.RETENTION_YEARS),
    Step("payments", erasing_orders.PAYMENTS),
    Step("payment_operations", erasing_orders.PAYMENT_OPERATIONS),
    Step("refunds", erasing_orders.REFUNDS),
    Step("webhook_events", erasing_orders.WEBHOOK_EVENTS, Needs.REFERENCES),
    Step("coupon_redemptions", erasing_orders.COUPON_REDEMPTIONS),
    Step("gift_card_entries", GIFT_CARD_ENTRIES),
    Step("gift_cards", GIFT_CARDS),
    Step("outbox", OUTBOX),
    Step("personal_exports", EXPORTS),
    Step("accounts", ACCOUNTS),
)
