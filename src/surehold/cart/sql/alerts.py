"""Statements of who is to be told when a variant can be bought again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from surehold.cart.model import StockAlert
from surehold.db import command, query

# Who asks twice waits once. What is not sold, and what is one too many, is passed over.
ASK: Final = command(
    """
    /* cart.ask_alert */
    INSERT INTO stock_alerts (id, variant_id, email, email_hash, created_at, language)
    SELECT $1, variants.id, $3, $4, store_now(), $7
      FROM variants
      JOIN products ON products.id = variants.product_id
     WHERE variants.id = $2
       AND variants.is_active
       AND products.status = 'active'
       AND (SELECT count(*) FROM stock_alerts WHERE email_hash = $4) < $5
       AND (SELECT count(*) FROM stock_alerts WHERE variant_id = $2) < $6
    ON CONFLICT (variant_id, email_hash) DO NOTHING
    """
)


class VariantRow(msgspec.Struct, frozen=True):
    """One variant."""

    id: UUID


# From variant to variant along the index: one probe for each that somebody waits for, however
# many do.
LIST_BACK: Final = query(
    """
    /* cart.list_back_in_stock */
      WITH RECURSIVE waiting AS (
        (SELECT variant_id
           FROM stock_alerts
          WHERE told_at IS NULL
          ORDER BY variant_id
          LIMIT 1)
         UNION ALL
        SELECT (SELECT further.variant_id
                  FROM stock_alerts AS further
                 WHERE further.told_at IS NULL
                   AND further.variant_id > waiting.variant_id
                 ORDER BY further.variant_id
                 LIMIT 1)
          FROM waiting
         WHERE waiting.variant_id IS NOT NULL)
    SELECT variants.id
      FROM waiting
      JOIN variants ON variants.id = waiting.variant_id
      JOIN products ON products.id = variants.product_id
     WHERE variants.is_active
       AND products.status = 'active'
       AND (SELECT sum(on_hand - allocated - reserved + backorder_limit)
              FROM stock_levels
             WHERE stock_levels.variant_id = waiting.variant_id
               AND location_id <> ALL (
                   ARRAY(SELECT id FROM locations WHERE NOT is_active))) > 0
     ORDER BY variants.id
    """,
    VariantRow,
)


class AlertRow(msgspec.Struct, frozen=True):
    """One who waited."""

    id: UUID


# Who was taken is taken by nobody else: each is told once.
TAKE_WAITING: Final = query(
    """
    /* cart.take_waiting */
    UPDATE stock_alerts
       SET told_at = store_now()
     WHERE id IN (
           SELECT id
             FROM stock_alerts
            WHERE variant_id = $1
              AND told_at IS NULL
            ORDER BY id
            LIMIT $2
              FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
    AlertRow,
)

FIND: Final = query(
    """
    /* cart.find_alert */
    SELECT alert.id, alert.email, alert.email_hash, alert.language, products.name,
           products.slug, variants.options, variants.sku
      FROM stock_alerts AS alert
      JOIN variants ON variants.id = alert.variant_id
      JOIN products ON products.id = variants.product_id
     WHERE alert.id = $1
    """,
    StockAlert,
)

FORGET: Final = command(
    """
    /* cart.forget_alert */
    DELETE FROM stock_alerts
     WHERE id = $1
    """
)

STOP: Final = command(
    """
    /* cart.stop_alerts */
    DELETE FROM stock_alerts
     WHERE email_hash = $1
    """
)

PRUNE: Final = command(
    """
    /* cart.prune_alerts */
    DELETE FROM stock_alerts
     WHERE id IN (
           SELECT id
             FROM stock_alerts
            WHERE created_at < (SELECT store_now()) - $1::interval
            ORDER BY created_at
            LIMIT $2
              FOR UPDATE SKIP LOCKED)
    """
)
