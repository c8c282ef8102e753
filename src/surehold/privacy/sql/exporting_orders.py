"""What an export shows of a person's orders. ``$1`` is their ids."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from surehold.db import query
from surehold.privacy.model import Row

ORDERS: Final = query(
    """
    /* privacy.export_orders */
    SELECT to_jsonb(orders) || jsonb_build_object(
               'lines', (SELECT jsonb_agg(jsonb_build_object(
                                    'sku', sku, 'name', name, 'options', options,
                                    'quantity', quantity, 'unit_price_minor', unit_price_minor)
                                    ORDER BY position)
                           FROM order_lines
                          WHERE order_lines.order_id = orders.id)) AS row
      FROM orders
     WHERE orders.id = ANY($1::uuid[])
     ORDER BY orders.placed_at
    """,
    Row,
)

ORDER_HISTORY: Final = query(
    """
    /* privacy.export_order_history */
    SELECT jsonb_build_object('order_id', order_id, 'to_status', to_status, 'reason', reason,
                              'happened_at', happened_at) AS row
      FROM order_events
     WHERE order_id = ANY($1::uuid[])
     ORDER BY order_id, seq
    """,
    Row,
)

ORDER_NOTES: Final = query(
    """
    /* privacy.export_order_notes */
    SELECT jsonb_build_object('order_id', order_id, 'text', text,
                              'written_at', written_at) AS row
      FROM order_notes
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

CANCELLATIONS: Final = query(
    """
    /* privacy.export_cancellations */
    SELECT jsonb_build_object('order_id', order_id, 'reason', reason,
                              'created_at', created_at) AS row
      FROM cancellations
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

RETURNS: Final = query(
    """
    /* privacy.export_returns */
    SELECT jsonb_build_object('order_id', order_id, 'state', state, 'note', note, 'answer', answer,
                              'change_reason', change_reason, 'created_at', created_at) AS row
      FROM returns
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

RETURN_LINES: Final = query(
    """
    /* privacy.export_return_lines */
    SELECT jsonb_build_object('return_id', line.return_id, 'quantity', line.quantity,
                              'reason', line.reason, 'note', line.note) AS row
      FROM return_lines AS line
      JOIN returns ON returns.id = line.return_id
     WHERE returns.order_id = ANY($1::uuid[])
     ORDER BY line.id
    """,
    Row,
)

RETURN_HISTORY: Final = query(
    """
    /* privacy.export_return_history */
    SELECT jsonb_build_object('return_id', event.return_id, 'to_state', event.to_state,
                              'reason', event.reason, 'happened_at', event.happened_at) AS row
      FROM return_events AS event
      JOIN returns ON returns.id = event.return_id
     WHERE returns.order_id = ANY($1::uuid[])
     ORDER BY event.return_id, event.seq
    """,
    Row,
)

RETURN_PHOTOS: Final = query(
    """
    /* privacy.export_return_photos */
    SELECT jsonb_build_object('added_at', photo.added_at,
                              'content', encode(photo.content, 'base64'),
                              'source_hash', encode(photo.source_hash, 'hex')) AS row
      FROM return_photos AS photo
      JOIN return_lines AS line ON line.id = photo.return_line_id
      JOIN returns ON returns.id = line.return_id
     WHERE returns.order_id = ANY($1::uuid[])
     ORDER BY photo.id
    """,
    Row,
)

TRANSFER_PROOFS: Final = query(
    """
    /* privacy.export_transfer_proofs */
    SELECT jsonb_build_object('added_at', proof.added_at, 'kind', proof.kind,
                              'content', encode(proof.content, 'base64'),
                              'source_hash', encode(proof.source_hash, 'hex')) AS row
      FROM transfer_proofs AS proof
      JOIN payments ON payments.id = proof.payment_id
     WHERE payments.order_id = ANY($1::uuid[])
     ORDER BY proof.id
    """,
    Row,
)

PARCELS: Final = query(
    """
    /* privacy.export_parcels */
    SELECT jsonb_build_object('order_id', order_id, 'state', state, 'carrier', carrier,
                              'tracking_number', tracking_number,
                              'change_reason', change_reason) AS row
      FROM fulfillments
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

PARCEL_HISTORY: Final = query(
    """
    /* privacy.export_parcel_history */
    SELECT jsonb_build_object('to_state', event.to_state,
                              'tracking_number', event.tracking_number, 'reason', event.reason,
                              'happened_at', event.happened_at) AS row
      FROM fulfillment_events AS event
      JOIN fulfillments ON fulfillments.id = event.fulfillment_id
     WHERE fulfillments.order_id = ANY($1::uuid[])
     ORDER BY event.fulfillment_id, event.seq
    """,
    Row,
)

ORDER_CHANGES: Final = query(
    """
    /* privacy.export_order_changes */
    SELECT jsonb_build_object('order_id', order_id, 'state', state, 'content', content,
                              'change_reason', change_reason, 'created_at', created_at) AS row
      FROM order_changes
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

ORDER_CHANGE_HISTORY: Final = query(
    """
    /* privacy.export_order_change_history */
    SELECT jsonb_build_object('to_state', event.to_state, 'reason', event.reason,
                              'happened_at', event.happened_at) AS row
      FROM order_change_events AS event
      JOIN order_changes ON order_changes.id = event.change_id
     WHERE order_changes.order_id = ANY($1::uuid[])
     ORDER BY event.change_id, event.seq
    """,
    Row,
)

DOCUMENTS: Final = query(
    """
    /* privacy.export_documents */
    SELECT jsonb_build_object('number', number, 'kind', kind, 'content', content,
                              'issued_at', issued_at) AS row
      FROM documents
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

PAYMENTS: Final = query(
    """
    /* privacy.export_payments */
    SELECT jsonb_build_object('order_id', order_id, 'provider', provider, 'state', state,
                              'currency', currency, 'captured_minor', captured_minor,
                              'refunded_minor', refunded_minor, 'next_action', next_action,
                              'failure_message', failure_message) AS row
      FROM payments
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

PROVIDER_REQUESTS: Final = query(
    """
    /* privacy.export_provider_requests */
    SELECT jsonb_build_object('kind', operation.kind,
                              'created_at', operation.created_at,
                              'request', encode(operation.request, 'escape')) AS row
      FROM payment_operations AS operation
      JOIN payments ON payments.id = operation.payment_id
     WHERE payments.order_id = ANY($1::uuid[])
     ORDER BY operation.id
    """,
    Row,
)

PROVIDER_MESSAGES: Final = query(
    """
    /* privacy.export_provider_messages */
    SELECT jsonb_build_object('provider', event.provider, 'kind', event.kind,
                              'received_at', event.received_at,
                              'raw_body', encode(event.raw_body, 'escape')) AS row
      FROM webhook_events AS event
     WHERE (event.provider, event.provider_payment_id) IN (
           SELECT provider, provider_payment_id
             FROM payments
            WHERE order_id = ANY($1::uuid[]))
     ORDER BY event.id
    """,
    Row,
)

REFUNDS: Final = query(
    """
    /* privacy.export_refunds */
    SELECT jsonb_build_object('order_id', order_id, 'amount_minor', amount_minor,
                              'currency', currency, 'state', state, 'reason', reason,
                              'internal_reason', internal_reason,
                              'created_at', created_at) AS row
      FROM refunds
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

DISPUTES: Final = query(
    """
    /* privacy.export_disputes */
    SELECT jsonb_build_object('order_id', order_id, 'amount_minor', amount_minor,
                              'currency', currency, 'state', state, 'answer', answer,
                              'opened_at', opened_at) AS row
      FROM disputes
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

PAYMENT_REVIEWS: Final = query(
    """
    /* privacy.export_payment_reviews */
    SELECT jsonb_build_object('payment_id', payment_id, 'decision', decision,
                              'note', note, 'decided_at', decided_at) AS row
      FROM payment_reviews
      JOIN payments ON payments.id = payment_id
     WHERE payments.order_id = ANY($1::uuid[])
     ORDER BY payment_reviews.id
    """,
    Row,
)

FRAUD_ASSESSMENTS: Final = query(
    """
    /* privacy.export_fraud_assessments */
    SELECT jsonb_build_object('payment_id', payment_id, 'score', score, 'hold_at', hold_at,
                              'signals', signals, 'assessed_at', assessed_at) AS row
      FROM fraud_assessments
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

COUPONS: Final = query(
    """
    /* privacy.export_coupons */
    SELECT jsonb_build_object('order_id', order_id, 'buyer', buyer,
                              'redeemed_at', redeemed_at) AS row
      FROM coupon_redemptions
     WHERE order_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

FACTS: Final = query(
    """
    /* privacy.export_facts */
    SELECT jsonb_build_object('topic', topic, 'payload', payload,
                              'created_at', created_at) AS row
      FROM outbox
     WHERE subject_id = ANY($1::uuid[])
     ORDER BY id
    """,
    Row,
)

#: By the orders.
BY_ORDERS: Final = MappingProxyType(
    {
        "orders": ORDERS,
        "order_history": ORDER_HISTORY,
        "order_notes": ORDER_NOTES,
        "cancellations": CANCELLATIONS,
        "returns": RETURNS,
        "return_lines": RETURN_LINES,
        "return_history": RETURN_HISTORY,
        "return_photos": RETURN_PHOTOS,
        "disputes": DISPUTES,
        "payment_reviews": PAYMENT_REVIEWS,
        "fraud_assessments": FRAUD_ASSESSMENTS,
        "transfer_proofs": TRANSFER_PROOFS,
        "parcels": PARCELS,
        "parcel_history": PARCEL_HISTORY,
        "order_changes": ORDER_CHANGES,
        "order_change_history": ORDER_CHANGE_HISTORY,
        "documents": DOCUMENTS,
        "payments": PAYMENTS,
        "provider_requests": PROVIDER_REQUESTS,
        "provider_messages": PROVIDER_MESSAGES,
        "refunds": REFUNDS,
        "coupons": COUPONS,
        "facts": FACTS,
    }
)
