"""What an export is made of, section by section.

A section about the person takes the account's id and the address; one about orders takes the ids
of the person's orders. Secrets and their hashes are in none: they are no news to their owner.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from surehold.db import query
from surehold.privacy.model import Row


class OrderRow(msgspec.Struct, frozen=True):
    """An order of the person."""

    id: UUID


LIST_ORDERS: Final = query(
    """
    /* privacy.list_persons_orders */
    SELECT id
      FROM orders
     WHERE lower(email) IN (lower($2::text), lower($3::text))
     UNION
    SELECT order_id
      FROM account_orders
     WHERE account_id = $1::uuid
    """,
    OrderRow,
)

ACCOUNT: Final = query(
    """
    /* privacy.export_account */
    SELECT jsonb_build_object(
               'email', accounts.email, 'email_key', accounts.email_key, 'name', accounts.name,
               'language', accounts.language, 'created_at', accounts.created_at,
               'orders', (SELECT jsonb_agg(jsonb_build_object(
                                     'order_id', order_id, 'claimed_by', claimed_by,
                                     'claimed_at', claimed_at))
                            FROM account_orders
                           WHERE account_orders.account_id = accounts.id)) AS row
      FROM accounts
     WHERE accounts.id = $1
    """,
    Row,
)

ADDRESSES: Final = query(
    """
    /* privacy.export_addresses */
    SELECT jsonb_build_object('content', content, 'is_default', is_default,
                              'created_at', created_at) AS row
      FROM account_addresses
     WHERE account_id = $1
     ORDER BY id
    """,
    Row,
)

SESSIONS: Final = query(
    """
    /* privacy.export_sessions */
    SELECT jsonb_build_object('device', device, 'address', address, 'created_at', created_at,
                              'last_used_at', last_used_at, 'ended_at', ended_at) AS row
      FROM sessions
     WHERE account_id = $1
     ORDER BY id
    """,
    Row,
)

LETTERS: Final = query(
    """
    /* privacy.export_letters */
    SELECT jsonb_build_object('kind', kind, 'email', email, 'email_key', email_key, 'name', name,
                              'language', language, 'created_at', created_at,
                              'used_at', used_at) AS row
      FROM account_letters
     WHERE account_id = $1
        OR email_key = $2
     ORDER BY id
    """,
    Row,
)

MAILS: Final = query(
    """
    /* privacy.export_mails */
    SELECT jsonb_build_object('topic', mails.topic, 'state', mails.state,
                              'last_error', mails.last_error,
                              'created_at', mails.created_at) AS row
      FROM mails
     WHERE mails.subject_id IN (SELECT id
                                  FROM account_letters
                                 WHERE account_id = $1
                                    OR email_key = $2)
     ORDER BY mails.id
    """,
    Row,
)

CARTS: Final = query(
    """
    /* privacy.export_carts */
    SELECT jsonb_build_object(
               'currency', carts.currency, 'coupon_code', carts.coupon_code,
               'created_at', carts.created_at, 'email', cart_contacts.email,
               'state', cart_contacts.state,
               'lines', (SELECT jsonb_agg(jsonb_build_object(
                                    'sku', variants.sku, 'quantity', cart_lines.quantity))
                           FROM cart_lines
                           JOIN variants ON variants.id = cart_lines.variant_id
                          WHERE cart_lines.cart_id = carts.id),
               'later', (SELECT jsonb_agg(jsonb_build_object(
                                    'sku', variants.sku, 'quantity', cart_saved_lines.quantity))
                           FROM cart_saved_lines
                           JOIN variants ON variants.id = cart_saved_lines.variant_id
                          WHERE cart_saved_lines.cart_id = carts.id)) AS row
      FROM carts
      LEFT JOIN cart_contacts ON cart_contacts.cart_id = carts.id
     WHERE carts.buyer_id = $1
        OR lower(cart_contacts.email) = lower($2::text)
     ORDER BY carts.id
    """,
    Row,
)

REVIEWS: Final = query(
    """
    /* privacy.export_reviews */
    SELECT jsonb_build_object('product', products.slug, 'stars', stars, 'author', author,
                              'title', title, 'body', body, 'state', state,
                              'change_reason', change_reason,
                              'created_at', reviews.created_at) AS row
      FROM reviews
      JOIN products ON products.id = reviews.product_id
     WHERE account_id = $1
     ORDER BY reviews.id
    """,
    Row,
)

WISHES: Final = query(
    """
    /* privacy.export_wishes */
    SELECT jsonb_build_object('sku', variants.sku, 'added_at', wishlist_lines.added_at) AS row
      FROM wishlists
      JOIN wishlist_lines ON wishlist_lines.wishlist_id = wishlists.id
      JOIN variants ON variants.id = wishlist_lines.variant_id
     WHERE wishlists.buyer_id = $1
     ORDER BY wishlist_lines.added_at
    """,
    Row,
)

STOCK_ALERTS: Final = query(
    """
    /* privacy.export_stock_alerts */
    SELECT jsonb_build_object('sku', variants.sku, 'email', stock_alerts.email,
                              'language', stock_alerts.language,
                              'asked_at', stock_alerts.created_at) AS row
      FROM stock_alerts
      JOIN variants ON variants.id = stock_alerts.variant_id
     WHERE stock_alerts.email_hash = sha256(convert_to($1::text, 'UTF8'))
     ORDER BY stock_alerts.id
    """,
    Row,
)

GIFT_CARDS: Final = query(
    """
    /* privacy.export_gift_cards */
    SELECT jsonb_build_object('kind', kind, 'last_four', last_four, 'currency', currency,
                              'owner_email', owner_email, 'balance_minor', balance_minor,
                              'reason', reason, 'created_at', created_at) AS row
      FROM gift_cards
     WHERE owner_email = lower($1::text)
     ORDER BY id
    """,
    Row,
)

GIFT_CARD_ENTRIES: Final = query(
    """
    /* privacy.export_gift_card_entries */
    SELECT jsonb_build_object('last_four', gift_cards.last_four, 'kind', entry.kind,
                              'amount_minor', entry.amount_minor, 'reason', entry.reason,
                              'created_at', entry.created_at) AS row
      FROM gift_card_entries AS entry
      JOIN gift_cards ON gift_cards.id = entry.gift_card_id
     WHERE gift_cards.owner_email = lower($1::text)
     ORDER BY entry.id
    """,
    Row,
)

DRAFTS: Final = query(
    """
    /* privacy.export_drafts */
    SELECT jsonb_build_object('state', state, 'content', content, 'change_reason', change_reason,
                              'created_at', created_at) AS row
      FROM draft_orders
     WHERE lower(content ->> 'email') = lower($1::text)
     ORDER BY id
    """,
    Row,
)

DRAFT_HISTORY: Final = query(
    """
    /* privacy.export_draft_history */
    SELECT jsonb_build_object('content', event.content, 'reason', event.reason,
                              'happened_at', event.happened_at) AS row
      FROM draft_order_events AS event
      JOIN draft_orders ON draft_orders.id = event.draft_id
     WHERE lower(draft_orders.content ->> 'email') = lower($1::text)
     ORDER BY event.draft_id, event.seq
    """,
    Row,
)

#: By the account.
BY_ACCOUNT: Final = MappingProxyType(
    {
        "account": ACCOUNT,
        "addresses": ADDRESSES,
        "sessions": SESSIONS,
        "reviews": REVIEWS,
        "wishes": WISHES,
    }
)
#: By the account, and by the address: its letters and carts may be older than the account.
BY_BOTH: Final = MappingProxyType(
    {
        "letters": LETTERS,
        "mails": MAILS,
        "carts": CARTS,
    }
)
#: By the address.
BY_ADDRESS: Final = MappingProxyType(
    {
        "gift_cards": GIFT_CARDS,
        "stock_alerts": STOCK_ALERTS,
        "gift_card_entries": GIFT_CARD_ENTRIES,
        "drafts": DRAFTS,
        "draft_history": DRAFT_HISTORY,
    }
)
