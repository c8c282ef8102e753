"""What an erasure does to orders and to all that hangs on them. ``$1`` is always its id."""

from __future__ import annotations

from typing import Final

from surehold.db import command

#: What stands where an address was. Nobody gets mail under ``invalid`` (RFC 2606).
NO_ONE: Final = "erased@erased.invalid"
_ORDERS: Final = "(SELECT order_id FROM erasure_orders WHERE erasure_id = $1)"
_PAYMENTS: Final = f"(SELECT id FROM payments WHERE order_id IN {_ORDERS})"
_RETURNS: Final = f"(SELECT id FROM returns WHERE order_id IN {_ORDERS})"
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
           network_hash = NULL, address_hash = NULL, change_reason = 'erased'
     WHERE id IN {_ORDERS}
    """
)

# How much each signal weighed is kept, for the sum of it is.
FRAUD_ASSESSMENTS: Final = command(
    f"""
    /* privacy.erase_fraud_assessments */
    UPDATE fraud_assessments
       SET signals = (SELECT jsonb_agg(signal || '{{"sentence": ""}}' ORDER BY place)
                        FROM jsonb_array_elements(signals) WITH ORDINALITY AS one (signal, place))
     WHERE order_id IN {_ORDERS}
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

DISPUTES: Final = command(
    f"""
    /* privacy.erase_disputes */
    UPDATE disputes
       SET answer = 'erased'
     WHERE payment_id IN {_PAYMENTS}
       AND answer IS NOT NULL
    """
)

PAYMENT_REVIEWS: Final = command(
    f"""
    /* privacy.erase_payment_reviews */
    UPDATE payment_reviews
       SET note = 'erased'
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
