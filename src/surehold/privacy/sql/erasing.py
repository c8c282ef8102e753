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

#: What stands where an address was. Nobody gets mail under ``invalid`` (RFC 2606).
NO_ONE: Final = "erased@erased.invalid"

_ORDERS: Final = "(SELECT order_id FROM erasure_orders WHERE erasure_id = $1)"
_PAYMENTS: Final = f"(SELECT id FROM payments WHERE order_id IN {_ORDERS})"
_ACCOUNT: Final = "(SELECT account_id FROM erasures WHERE id = $1)"
_RETURNS: Final = f"(SELECT id FROM returns WHERE order_id IN {_ORDERS})"
_LETTERS: Final = """(SELECT account_letters.id
              FROM account_letters
              JOIN erasures ON erasures.id = $1
             WHERE account_letters.account_id = erasures.account_id
                OR account_letters.email_key = erasures.email_key
                   AND account_letters.created_at <= erasures.requested_at)"""
_CARDS: Final = """(SELECT gift_cards.id
              FROM gift_cards
             WHERE gift_cards.owner_email = (SELECT lower(email) FROM erasures WHERE id = $1))"""
_DRAFTS: Final = f"""(SELECT draft_orders.id
              FROM draft_orders
             WHERE draft_orders.state IN ('placed', 'canceled')
               AND (draft_orders.order_id IN {_ORDERS}
                    OR lower(draft_orders.content ->> 'email')
                       = (SELECT lower(email) FROM erasures WHERE id = $1)))"""
_DRAFT: Final = """(content - 'email' - 'shipping_address' - 'billing_address' - 'vat_id' - 'note'
           - 'discount_reason')
           || jsonb_build_object('lines', (
               SELECT jsonb_agg(line - 'reason')
                 FROM jsonb_array_elements(content -> 'lines') AS line))"""
_BLANK: Final = "'name', '', 'line1', '', 'city', ''"


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


ORDERS: Final = command(
    f"""
    /* privacy.erase_orders */
    UPDATE orders
       SET email = '{NO_ONE}',
           shipping_address = jsonb_strip_nulls(jsonb_build_object(
               {_BLANK}, 'country', shipping_address -> 'country',
               'region', shipping_address -> 'region')),
           billing_address = CASE WHEN billing_address IS NOT NULL
                                  THEN jsonb_strip_nulls(jsonb_build_object(
                                      {_BLANK}, 'country', billing_address -> 'country',
                                      'region', billing_address -> 'region')) END,
           change_reason = 'erased'
     WHERE id IN {_ORDERS}
    """
)

ORDER_EVENTS: Final = command(
    f"""
    /* privacy.erase_order_events */
    UPDATE order_events
       SET reason = 'erased'
     WHERE order_id IN {_ORDERS}
    """
)

ORDER_NOTES: Final = command(
    f"""
    /* privacy.erase_order_notes */
    UPDATE order_notes
       SET text = 'erased'
     WHERE order_id IN {_ORDERS}
    """
)

CANCELLATIONS: Final = command(
    f"""
    /* privacy.erase_cancellations */
    UPDATE cancellations
       SET reason = 'erased'
     WHERE order_id IN {_ORDERS}
    """
)

RETURNS: Final = command(
    f"""
    /* privacy.erase_returns */
    UPDATE returns
       SET note = NULL, answer = NULL, change_reason = 'erased'
     WHERE order_id IN {_ORDERS}
    """
)

RETURN_LINES: Final = command(
    f"""
    /* privacy.erase_return_lines */
    UPDATE return_lines
       SET note = NULL
     WHERE return_id IN {_RETURNS}
    """
)

RETURN_EVENTS: Final = command(
    f"""
    /* privacy.erase_return_events */
    UPDATE return_events
       SET reason = 'erased'
     WHERE return_id IN {_RETURNS}
    """
)

RETURN_PHOTOS: Final = command(
    f"""
    /* privacy.erase_return_photos */
    DELETE FROM return_photos
     WHERE return_line_id IN (SELECT id FROM return_lines WHERE return_id IN {_RETURNS})
    """
)

TRANSFER_PROOFS: Final = command(
    f"""
    /* privacy.erase_transfer_proofs */
    DELETE FROM transfer_proofs
     WHERE payment_id IN {_PAYMENTS}
    """
)

FULFILLMENTS: Final = command(
    f"""
    /* privacy.erase_fulfillments */
    UPDATE fulfillments
       SET tracking_number = NULL, change_reason = 'erased'
     WHERE order_id IN {_ORDERS}
    """
)

FULFILLMENT_EVENTS: Final = command(
    f"""
    /* privacy.erase_fulfillment_events */
    UPDATE fulfillment_events
       SET tracking_number = NULL, reason = 'erased'
     WHERE fulfillment_id IN (SELECT id FROM fulfillments WHERE order_id IN {_ORDERS})
    """
)

ORDER_CHANGES: Final = command(
    f"""
    /* privacy.erase_order_changes */
    UPDATE order_changes
       SET change_reason = 'erased'
     WHERE order_id IN {_ORDERS}
    """
)

ORDER_CHANGE_EVENTS: Final = command(
    f"""
    /* privacy.erase_order_change_events */
    UPDATE order_change_events
       SET reason = 'erased'
     WHERE change_id IN (SELECT id FROM order_changes WHERE order_id IN {_ORDERS})
    """
)

# Before the drafts: they are found by the address that is in them.
DRAFT_ORDER_EVENTS: Final = command(
    f"""
    /* privacy.erase_draft_order_events */
    UPDATE draft_order_events
       SET content = {_DRAFT}, reason = 'erased'
     WHERE draft_id IN {_DRAFTS}
    """
)

DRAFT_ORDERS: Final = command(
    f"""
    /* privacy.erase_draft_orders */
    UPDATE draft_orders
       SET content = {_DRAFT}, token_hash = NULL, link_expires_at = NULL, change_reason = 'erased'
     WHERE id IN {_DRAFTS}
    """
)

# A packing slip at once; what the law wants kept when it does no longer. $2: years.
DOCUMENTS: Final = command(
    f"""
    /* privacy.erase_documents */
    UPDATE documents
       SET content = content || jsonb_build_object(
               'email', '',
               'billed_to', jsonb_strip_nulls(jsonb_build_object(
                   {_BLANK}, 'country', content #> '{{billed_to,country}}',
                   'region', content #> '{{billed_to,region}}')),
               'shipped_to', jsonb_strip_nulls(jsonb_build_object(
                   {_BLANK}, 'country', content #> '{{shipped_to,country}}',
                   'region', content #> '{{shipped_to,region}}')))
     WHERE order_id IN {_ORDERS}
       AND (kind = 'packing_slip'
            OR issued_at < store_now() - make_interval(years => $2))
    """
)

PAYMENTS: Final = command(
    f"""
    /* privacy.erase_payments */
    UPDATE payments
       SET next_action = '{{"type": "none"}}', failure_message = NULL
     WHERE order_id IN {_ORDERS}
    """
)

PAYMENT_OPERATIONS: Final = command(
    f"""
    /* privacy.erase_payment_operations */
    UPDATE payment_operations
       SET request = ''
     WHERE payment_id IN {_PAYMENTS}
       AND next_attempt_at IS NULL
    """
)

REFUNDS: Final = command(
    f"""
    /* privacy.erase_refunds */
    UPDATE refunds
       SET reason = 'erased',
           internal_reason = CASE WHEN internal_reason IS NOT NULL THEN 'erased' END
     WHERE order_id IN {_ORDERS}
    """
)

# What has not been worked off yet is left: it is found the next time.
WEBHOOK_EVENTS: Final = command(
    f"""
    /* privacy.erase_webhook_events */
    UPDATE webhook_events
       SET raw_body = ''
     WHERE next_attempt_at IS NULL
       AND (merchant_reference = ANY($2::text[])
            OR (provider, provider_payment_id) IN (
                SELECT provider, provider_payment_id FROM payments WHERE order_id IN {_ORDERS}))
    """
)

COUPON_REDEMPTIONS: Final = command(
    f"""
    /* privacy.erase_coupon_redemptions */
    UPDATE coupon_redemptions
       SET buyer = '{NO_ONE}'
     WHERE order_id IN {_ORDERS}
    """
)

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
       AND subject_id IN {_LETTERS}
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
           name = '', password_hash = NULL
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
    Step("account_orders", CLAIMS),
    Step("carts", CARTS),
    Step("reviews", REVIEWS),
    Step("wishlists", WISHLISTS),
    Step("reminder_refusals", REMINDER_REFUSALS),
    Step("orders", ORDERS),
    Step("order_events", ORDER_EVENTS),
    Step("order_notes", ORDER_NOTES),
    Step("cancellations", CANCELLATIONS),
    Step("returns", RETURNS),
    Step("return_lines", RETURN_LINES),
    Step("return_events", RETURN_EVENTS),
    Step("return_photos", RETURN_PHOTOS),
    Step("transfer_proofs", TRANSFER_PROOFS),
    Step("fulfillments", FULFILLMENTS),
    Step("fulfillment_events", FULFILLMENT_EVENTS),
    Step("order_changes", ORDER_CHANGES),
    Step("order_change_events", ORDER_CHANGE_EVENTS),
    Step("draft_order_events", DRAFT_ORDER_EVENTS),
    Step("draft_orders", DRAFT_ORDERS),
    Step("documents", DOCUMENTS, Needs.RETENTION_YEARS),
    Step("payments", PAYMENTS),
    Step("payment_operations", PAYMENT_OPERATIONS),
    Step("refunds", REFUNDS),
    Step("webhook_events", WEBHOOK_EVENTS, Needs.REFERENCES),
    Step("coupon_redemptions", COUPON_REDEMPTIONS),
    Step("gift_card_entries", GIFT_CARD_ENTRIES),
    Step("gift_cards", GIFT_CARDS),
    Step("outbox", OUTBOX),
    Step("personal_exports", EXPORTS),
    Step("accounts", ACCOUNTS),
)
