"""Every statement that takes a page touches about a page, however much there is.

Each, and whatever prunes, is carried out on a filled store under both kinds of plan that
PostgreSQL may choose, at its first page and half-way down. What its plan has read or thrown away
is counted: a scan of a whole table, a sort of one and a filter that passes by all that was seen
are the same fault. A new statement with ``LIMIT $n`` is in the table below, or the first test
fails. What an instant decides is compared with ``(SELECT store_now())``: no index is entered by a
volatile call.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import pytest

from bench.flat.fill import Size, fill
from surehold.db.database import prepare_connection
from surehold.db.statement import REGISTRY
from tests.db.test_statements import MODULES
from tests.support import server

PAGE: Final = 25
#: So many rows one node of a plan may touch. The smallest table that grows has five times as many.
TOUCHED_MAX: Final = 400
SIZE: Final = Size(products=2_000, orders=5_000, open=500)
MODES: Final = ("force_custom_plan", "force_generic_plan")
#: Tables that do not grow with what a store sells.
SMALL: Final = frozenset({"categories", "locations", "vendors"})
_TAKES_A_PAGE: Final = re.compile(r"LIMIT (\(SELECT )?\$\d+")

#: Whose orders and keys all of them are.
OWNER: Final = "00000000-0000-7000-8000-0000000000aa"
#: Rows of tables that the bench's store has none of: as many of each as there are products.
_MORE: Final = """
    INSERT INTO stock_transfers
           (id, from_location_id, to_location_id, state, note, created_by, created_at, ended_by,
            ended_at)
    SELECT gen_random_uuid(), (SELECT id FROM locations WHERE code = 'place-1'),
           (SELECT id FROM locations WHERE code = 'place-2'),
           CASE WHEN n % 100 = 0 THEN 'draft' ELSE 'canceled' END, '', 'test', now(),
           CASE WHEN n % 100 <> 0 THEN 'test' END, CASE WHEN n % 100 <> 0 THEN now() END
      FROM generate_series(1, 2000) AS n;
    INSERT INTO stock_counts
           (id, location_id, state, note, created_by, created_at, ended_by, ended_at)
    SELECT gen_random_uuid(), (SELECT id FROM locations LIMIT 1), 'canceled', '', 'test', now(),
           'test', now()
      FROM generate_series(1, 2000);
    INSERT INTO disputes
           (id, payment_id, order_id, provider, account, provider_dispute_id, stage, state,
            currency, amount_minor, away_minor, lost_minor, reason, version, opened_at, updated_at)
    SELECT gen_random_uuid(), id, order_id, provider, account, id, 'inquiry',
           CASE WHEN row_number() OVER () % 20 = 0 THEN 'lost' ELSE 'closed' END, 'EUR', 1, 0, 0,
           'test', 1, now(), now()
      FROM payments
     LIMIT 2000;
    INSERT INTO payment_authorizations (payment_id, begun_at, capture_before, ended_at)
    SELECT id, now(), now() + interval '1 minute' * row_number() OVER (ORDER BY id),
           CASE WHEN row_number() OVER (ORDER BY id) % 10 <> 0 THEN now() END
      FROM payments
     LIMIT 20000;
    INSERT INTO special_prices (id, variant_id, currency, amount_minor, is_active)
    SELECT gen_random_uuid(), id, 'EUR', 100, true FROM variants;
    INSERT INTO tax_rates (id, country, region, tax_class, rate, is_active)
    SELECT gen_random_uuid(), 'US', n::text, 'standard', 0.1, true
      FROM generate_series(1, 2000) AS n;
    INSERT INTO shipping_zones (id, name, is_active)
    SELECT gen_random_uuid(), 'Zone ' || n, false FROM generate_series(1, 2000) AS n;
    INSERT INTO shipping_methods (id, zone_id, code, name, kind, basis, is_active)
    SELECT gen_random_uuid(), id, 'standard', 'Standard', 'delivery', 'count', true
      FROM shipping_zones;
    INSERT INTO shipping_rates (method_id, currency, from_value, amount_minor)
    SELECT id, 'EUR', 0, 100 FROM shipping_methods;
    INSERT INTO promotions (id, name, effect, rate, is_stackable, is_automatic, is_active)
    SELECT gen_random_uuid(), 'Promotion', 'percent', 0.1, true, false, true
      FROM generate_series(1, 2000);
    INSERT INTO coupons (id, promotion_id, code, is_active)
    SELECT gen_random_uuid(), id, 'CODE-' || row_number() OVER (), true FROM promotions;
    INSERT INTO wishlists (id, token_hash, created_at, updated_at)
    SELECT gen_random_uuid(), sha256(n::text::bytea), now(), now()
      FROM generate_series(1, 2000) AS n;
    INSERT INTO stock_alerts (id, variant_id, email, email_hash, created_at)
    SELECT gen_random_uuid(), id, 'a@example.com', sha256(id::text::bytea), now() FROM variants;
    INSERT INTO cart_contacts (cart_id, email, email_hash, state, given_at, decided_at)
    SELECT id, 'a@example.com', sha256('a'), 'passed', now(), now() FROM carts;
    INSERT INTO webhook_events
           (id, provider, account, dedup_key, kind, raw_body, state, outcome, received_at,
            last_seen_at, processed_at)
    SELECT gen_random_uuid(), 'sandbox', 'x', n::text, 'other', '', 'processed', 'ignored', now(),
           now(), now()
      FROM generate_series(1, 2000) AS n;
    INSERT INTO payment_operations
           (id, payment_id, kind, state, idempotency_key, request, created_at, ended_at)
    SELECT gen_random_uuid(), id, 'create', 'succeeded', id::text, '', now(), now() FROM payments;
    INSERT INTO order_notes (id, order_id, text, is_visible, actor, written_at)
    SELECT gen_random_uuid(), id, 'Note', true, 'test', now() FROM orders;
    INSERT INTO gift_cards
           (id, kind, code_hash, last_four, currency, initial_minor, balance_minor, owner_email,
            expires_at, reason, actor, created_at)
    SELECT gen_random_uuid(), 'gift_card', sha256(n::text::bytea), lpad((n % 500)::text, 4, '0'),
           'EUR', 100, 100, 'buyer' || n % 500 || '@example.com', now() + interval '1 day', '',
           'test', now()
      FROM generate_series(1, 2000) AS n;
    INSERT INTO gift_card_entries
           (id, gift_card_id, kind, amount_minor, reference, actor, balance_minor, created_at)
    SELECT gen_random_uuid(), id, 'issue', 100, id, 'test', 100, now() FROM gift_cards;
    UPDATE payments
       SET state = 'requires_action', captured_minor = 0, refunded_minor = 0,
           next_action = '{"type": "instructions", "lines": [], "reference": ""}';
    INSERT INTO transfer_proofs
           (id, payment_id, position, kind, content, source_hash, actor, added_at)
    SELECT gen_random_uuid(), id, 1, 'pdf', 'x', sha256(id::text::bytea), 'test', now()
      FROM payments;
    INSERT INTO fraud_assessments
           (id, payment_id, order_id, score, hold_at, is_held, signals, assessed_at)
    SELECT gen_random_uuid(), id, order_id, 30, 30, true,
           '[{"name": "large_amount", "weight": 30, "sentence": ""}]', now()
      FROM payments;
    UPDATE payments SET review_reason = 'fraud_signals'
     WHERE id IN (SELECT id FROM payments ORDER BY id LIMIT 40);
    INSERT INTO cash_collections
           (payment_id, order_id, currency, amount_minor, collected_by, actor, collected_at)
    SELECT id, order_id, currency, 100, 'courier', 'test', now() FROM payments;
    INSERT INTO settlement_reports
           (id, provider, account, file_hash, row_count, covered_from, covered_until, actor,
            imported_at)
    SELECT gen_random_uuid(), 'sandbox', 'test', sha256(n::text::bytea), 1, now(), now(), 'test',
           now()
      FROM generate_series(1, 2000) AS n;
    INSERT INTO settlement_rows
           (id, report_id, line, provider, account, kind, provider_row_id, currency, gross_minor,
            fee_minor, net_minor, occurred_at)
    SELECT gen_random_uuid(), id, 2, provider, account, 'charge', id::text, 'EUR', 100, 2, 98,
           now()
      FROM settlement_reports;
    INSERT INTO settlement_differences
           (id, provider, account, cause, subject_id, row_id, currency, found_minor, state,
            found_at, ended_by, ended_at)
    SELECT gen_random_uuid(), provider, account, 'missing_here', id, id, currency, 100,
           CASE WHEN n % 4 = 0 THEN 'open' ELSE 'explained' END, now(),
           CASE WHEN n % 4 <> 0 THEN 'test' END, CASE WHEN n % 4 <> 0 THEN now() END
      FROM (SELECT *, row_number() OVER () AS n FROM settlement_rows) AS row;
    INSERT INTO commission_rules
           (id, rate, fixed_minor, starts_at, created_by, created_at)
    SELECT gen_random_uuid(), 0.1, 0, now() - interval '9 years', 'test', now()
      FROM generate_series(1, 2000);
    INSERT INTO commissions (sale_journal_id, order_id, posted_at)
    SELECT id, order_id, now() FROM ledger_journals
     WHERE kind LIKE 'sale%' AND posted_at < now() - interval '1 day';
    INSERT INTO commission_progress (covered_until) VALUES (now() - interval '12 hours');
    INSERT INTO vendor_payout_batches
           (id, currency, state, hold_days, minimum_minor, created_at)
    SELECT gen_random_uuid(), 'EUR', 'canceled', 0, 1, now() FROM generate_series(1, 2000);
    INSERT INTO draft_orders
           (id, state, content, changed_by, change_reason, created_at, updated_at)
    SELECT gen_random_uuid(), 'open', '{"lines": [{}], "currency": "EUR"}', 'test', '', now(),
           now()
      FROM generate_series(1, 2000);
    INSERT INTO return_photos
           (id, return_line_id, position, width, height, content, source_hash, actor, added_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 'x', sha256(n::text::bytea), 'test',
           now()
      FROM generate_series(1, 2000) AS n;
    INSERT INTO backorder_promises
           (order_line_id, order_id, variant_id, quantity, kind, created_at, told_at)
    SELECT id, order_id, variant_id, 1, 'backorder', now(), now() FROM order_lines;
    INSERT INTO quotes (id, currency, total_minor, content, created_at, expires_at)
    SELECT gen_random_uuid(), 'EUR', 100, '{}', now(), now() FROM generate_series(1, 2000);
    DELETE FROM documents WHERE kind = 'credit_note' AND issued_at > now() - interval '1 day';
    UPDATE document_progress SET covered_until = now() - interval '12 hours';
    INSERT INTO audit_entries
           (seq, id, happened_at, actor, action, subject, address, request_id, content, previous,
            digest)
    SELECT n, gen_random_uuid(), now() - interval '1 minute' * (10000 - n), 'staff:' || n % 50,
           CASE WHEN n % 50 = 3 THEN 'POST /orders/{order_id}/refunds' ELSE 'settings.change' END,
           '', '', '', '{}', sha256((n - 1)::text::bytea), sha256(n::text::bytea)
      FROM generate_series(1, 10000) AS n;
    INSERT INTO accounts (id, kind, email, email_key, name, created_at, created_by)
    SELECT CASE WHEN n = 1 THEN 'OWNER'::uuid ELSE gen_random_uuid() END,
           CASE WHEN n % 4 = 0 THEN 'staff' ELSE 'customer' END, 'a' || n || '@example.com',
           'a' || n || '@example.com', '', now(), 'test'
      FROM generate_series(1, 8000) AS n;
    INSERT INTO sessions
           (id, account_id, kind, token_hash, proof, device, address, created_at, last_used_at,
            expires_at)
    SELECT gen_random_uuid(), id, 'browser', sha256(id::text::bytea), 'password', '', '', now(),
           now(), now()
      FROM accounts;
    INSERT INTO known_devices (token_hash, account_id, created_at, last_used_at)
    SELECT sha256(id::text::bytea), id, now(), now() FROM accounts;
    INSERT INTO account_letters (id, kind, account_id, email, email_key, created_at)
    SELECT gen_random_uuid(), 'password_changed', id, email, email_key, now() FROM accounts;
    INSERT INTO attempt_counts (key, attempts, counted_at, blocked_until)
    SELECT sha256(id::text::bytea), 1, now(), now() FROM accounts;
    INSERT INTO api_keys (id, account_id, name, prefix, key_hash, scopes, created_at)
    SELECT gen_random_uuid(), 'OWNER', 'key', 'shk_12345678', sha256(id::text::bytea), '{x}',
           now()
      FROM accounts;
    INSERT INTO roles (id, code, name, permissions, changed_by, changed_at)
    SELECT gen_random_uuid(), 'role-' || n, 'Role', '{}', 'test', now()
      FROM generate_series(1, 2000) AS n;
    INSERT INTO account_orders (order_id, account_id, placed_at, claimed_by, claimed_at)
    SELECT id, 'OWNER', placed_at, 'email', now() FROM orders;
    INSERT INTO mails
           (id, topic, subject_id, state, attempts, next_attempt_at, created_at, ended_at)
    SELECT gen_random_uuid(), 'x', gen_random_uuid(), 'sent', 1, now(), now(), now()
      FROM generate_series(1, 2000);
    INSERT INTO reviews (id, product_id, account_id, stars, title, body, author, is_verified,
                         state, changed_by, change_reason, created_at, updated_at)
    SELECT gen_random_uuid(), (SELECT id FROM products LIMIT 1), id, 5, 'x', 'x', 'x', false,
           'published', 'x', 'x', now(), now()
      FROM accounts;
    INSERT INTO request_windows (key, requests, window_until)
    SELECT sha256(n::text::bytea), 1, now() FROM generate_series(1, 2000) AS n;
    INSERT INTO personal_exports
           (id, email, email_key, token_hash, requested_by, requested_at, expires_at, content)
    SELECT gen_random_uuid(), 'a', 'a', sha256(n::text::bytea), 'test', now(),
           now() + interval '1 day', 'x'
      FROM generate_series(1, 2000) AS n;
    ANALYZE;
""".replace("OWNER", OWNER)


#: Later than anything lapses.
_END: Final = datetime(2100, 1, 1, tzinfo=UTC)


class Case(msgspec.Struct, frozen=True):
    """How a statement is called; ``deep`` half-way down, where it pages.

    ``most``: how many rows it may touch where it is more than a page, and ``why``.
    """

    first: tuple[Any, ...]
    deep: tuple[Any, ...] | None = None
    most: int = TOUCHED_MAX
    why: str = ""


def _orders(*, deep: tuple[Any, Any] | None = None, **given: Any) -> tuple[Any, ...]:
    """The sixteen parameters of every list of orders, by number: ``p2="paid"``."""
    values = [given.get(f"p{number}") for number in range(1, 14)]
    return (*values, *(deep or (None, None)), PAGE)


def _shelf(*, key: Any = None, product_id: Any = None, **given: Any) -> tuple[Any, ...]:
    """The eleven parameters of every list of products."""
    search, category, vendor = (given.get(name) for name in ("search", "category", "vendor"))
    in_stock = given.get("in_stock", False)
    return ("EUR", search, category, vendor, in_stock, None, None, None, key, product_id, PAGE)


#: What each list of orders may find orders by. An index that holds what is wanted somewhere may be
#: read from one end to the other without a row being touched: counting rows does not show it.
FINDS: Final = {
    "newest": {"orders_newest"},
    "search": {"orders_number_key", "orders_email", "orders_pkey"},
    "email": {"orders_email"},
    "vendor": {"orders_pkey", "orders_newest"},
    "review": {"orders_pkey"},
    "status": {"orders_by_status"},
    "fulfillment": {"orders_by_fulfillment"},
    "payment": {"orders_by_payment"},
}


class Middle(msgspec.Struct, frozen=True):
    """What stands half-way down each list."""

    order: tuple[Any, Any]
    newest: tuple[Any, Any]
    name: tuple[Any, Any]
    price_up: tuple[Any, Any]
    price_down: tuple[Any, Any]
    movement: Any
    variant_id: Any
    reviewed: Any
    ids: dict[str, Any]


def cases(middle: Middle, vendor_id: Any, order_id: Any) -> dict[str, list[Case]]:
    """Every statement that takes a page, and how it is called."""
    deep = middle.order
    found: dict[str, list[Case]] = {
        f"orders.list_orders_by_{start}": [Case(_orders(**given), _orders(deep=deep, **given))]
        for start, given in {
            "newest": {},
            "search": {"p1": "buyer77@example.com"},
            "email": {"p13": "buyer77@example.com"},
            "review": {"p11": True},
            "status": {"p2": "shipped"},
            "fulfillment": {"p4": "shipped"},
            "payment": {"p3": "refunded"},
            "vendor": {"p5": vendor_id},
        }.items()
    }
    day = timedelta(days=365)
    found["orders.list_timeline"] = [Case((order_id, False, None, None, None, None, PAGE))]
    found["orders.list_to_archive"] = [Case((day, PAGE))]
    found["orders.list_unpaid"] = [Case((timedelta(days=1), PAGE))]
    ranges = "block ranges are read whole, and a small table is one or two"
    found["orders.list_due_documents"] = [Case((PAGE,), most=4_000, why=ranges)]
    found["inventory.list_holders_due"] = [Case((PAGE,))]
    counters = "an index of the counters would cost each checkout its heap-only update"
    found["inventory.list_untold"] = [Case((PAGE,), most=3_100, why=counters)]
    found["inventory.list_low_levels"] = [
        Case((None, None, PAGE), ("SKU-5", "place-1", PAGE), most=3_100, why=counters)
    ]
    for name in ("checks", "operations", "webhooks"):
        more = (timedelta(minutes=1),) if name == "operations" else ()
        found[f"payments.claim_{name}"] = [Case((PAGE, *more))]
    found["jobs.take"] = [Case((PAGE,))]
    for name in ("lock_silent", "prune_alerts", "prune_carts", "prune_wishlists"):
        found[f"cart.{name}"] = [Case((day, PAGE))]
    found["cart.take_waiting"] = [Case((middle.ids["variants"], PAGE))]
    for kind in (
        *("special_prices", "tax_rates", "shipping_zones", "shipping_methods", "promotions"),
        "coupons",
    ):
        found[f"pricing.list_{kind}"] = [Case((None, None, PAGE), (middle.ids[kind], None, PAGE))]
    found["pricing.prune_quotes"] = [Case(())]
    for name in ("db.prune_keys", "jobs.prune_outbox"):
        found[name] = [Case((), most=2_000, why=ranges)]
    for start, given in {
        "newest": (None, None),
        "email": ("buyer77@example.com", None),
        "last_four": (None, "0077"),
    }.items():
        found[f"payments.list_gift_cards_by_{start}"] = [
            Case((*given, None, None, PAGE), (*given, None, middle.ids["gift_cards"], PAGE))
        ]
    found["orders.list_awaited"] = [Case((UUID(int=0), PAGE), (middle.ids["payments"], PAGE))]
    found["orders.prune_proofs"] = [Case((day, PAGE))]
    assessment_id = middle.ids["fraud_assessments"]
    found["orders.list_fraud_assessments"] = [
        Case((UUID(int=2**128 - 1), PAGE), (assessment_id, PAGE))
    ]
    found["orders.list_open_fraud_assessments"] = [Case((UUID(int=0), PAGE))]
    found["payments.list_disputes"] = [Case((None, PAGE), (middle.ids["disputes"], PAGE))]
    found["payments.list_disputes_in_state"] = [
        Case(("lost", None, PAGE), ("lost", middle.ids["disputes"], PAGE))
    ]
    found["payments.list_lapsing"] = [
        Case(
            (_END, datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0), PAGE),
            (_END, *deep, PAGE),
        )
    ]
    found |= _of_bookkeeping(middle)
    found["payments.list_held_cash"] = [
        Case((datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0), PAGE), (*deep, PAGE))
    ]
    found["payments.list_gift_card_entries"] = [Case((middle.ids["gift_cards"], None, PAGE))]
    found["payments.lock_expired_gift_cards"] = [Case((PAGE,))]
    found["orders.list_drafts"] = [
        Case((None, None, None, PAGE), (None, None, middle.ids["draft_orders"], PAGE))
    ]
    found["orders.prune_photos"] = [Case((day, PAGE))]
    found["orders.list_waiting_lines"] = [Case((None, None, None, PAGE))]
    found["inventory.list_settled_promises"] = [Case((PAGE,))]
    found["catalog.page_stored"] = [Case(("", PAGE), ("product-5", PAGE))]
    found["inventory.list_counts"] = [Case((None, PAGE), (middle.ids["stock_counts"], PAGE))]
    transfer_id = middle.ids["stock_transfers"]
    found["inventory.list_transfers"] = [Case((None, PAGE), (transfer_id, PAGE))]
    found["inventory.list_transfers_in"] = [
        Case((None, PAGE, "draft"), (transfer_id, PAGE, "draft"))
    ]
    found["inventory.list_file"] = [Case((None, None, PAGE), ("SKU-5", "place-1", PAGE))]
    found["inventory.list_levels"] = [Case((None, None, PAGE), ("SKU-5", "place-1", PAGE))]
    found["inventory.list_movements"] = [
        Case((None, PAGE), (middle.movement, PAGE)),
    ]
    found["inventory.list_movements_of"] = [Case((None, PAGE, middle.variant_id))]
    return found | _of_shelf(middle) | _of_accounts(middle)


def _of_bookkeeping(middle: Middle) -> dict[str, list[Case]]:
    """What reports, differences, commission and payouts are listed by."""
    ids, first = middle.ids, UUID(int=0)
    difference_id = ids["settlement_differences"]
    found = {
        "payments.list_settlement_differences": [
            Case(("open", None, None, None, PAGE), ("open", None, None, difference_id, PAGE)),
            Case(("open", "sandbox", "missing_here", None, PAGE)),
        ],
        "payments.list_open_settlement_differences": [Case((first, PAGE), (difference_id, PAGE))],
        "payments.list_doubtful_payments": [Case((first, PAGE), (difference_id, PAGE))],
        "orders.list_behind_commissions": [
            Case(
                (datetime(1970, 1, 1, tzinfo=UTC), PAGE),
                most=4_000,
                why="block ranges are read whole, and a small table is one or two",
            )
        ],
    }
    for name, table in {
        "payments.list_settlement_reports": "settlement_reports",
        "orders.list_commission_rules": "commission_rules",
        "orders.list_payout_batches": "vendor_payout_batches",
    }.items():
        found[name] = [Case((None, PAGE), (ids[table], PAGE))]
    return found


def _of_shelf(middle: Middle) -> dict[str, list[Case]]:
    """What products are listed and searched by."""
    found: dict[str, list[Case]] = {}
    for order in ("newest", "name", "price_up", "price_down"):
        key, product_id = getattr(middle, order)
        whole = order.startswith("price")
        every = {"most": 2_100, "why": "few products are looked at one by one"} if whole else {}
        found[f"inventory.list_shelf_by_{order}"] = [
            Case(_shelf(), _shelf(key=key, product_id=product_id), **every),
        ]
        if whole:
            found[f"inventory.list_shelf_by_{order}_of_all"] = [
                Case(_shelf(), _shelf(key=key, product_id=product_id))
            ]
        # Not by the key of what is newest: all that stands in a category is put in order.
        aisle = {"search": None, "category": "category-17"}
        found[f"inventory.list_aisle_by_{order}"] = [
            Case(_shelf(**aisle), _shelf(key=key, product_id=product_id, **aisle))
        ]
    for order in ("newest", "name", "price_up", "price_down", "relevance"):
        words = {"search": "harbor kettle"}
        found[f"inventory.search_shelf_by_{order}"] = [Case(_shelf(**words))]
        found[f"inventory.search_aisle_by_{order}"] = [
            Case(_shelf(category="category-17", **words))
        ]
    return found


def _of_accounts(middle: Middle) -> dict[str, list[Case]]:
    """What accounts, their orders and their mails are listed and pruned by."""
    found: dict[str, list[Case]] = {}
    for name in ("attempts", "letters", "sessions", "devices"):
        found[f"identity.prune_{name}"] = [Case((PAGE,))]
    found["identity.take_failed_sign_ins"] = [Case((timedelta(minutes=1), PAGE))]
    found["identity.list_roles"] = [Case((None, PAGE), ("role-5", PAGE))]
    found["identity.list_members"] = [Case((None, PAGE), ("a500@example.com", PAGE))]
    found["identity.list_keys"] = [Case((OWNER, None, PAGE), (OWNER, middle.variant_id, PAGE))]
    found["orders.list_own"] = [Case((OWNER, None, None, PAGE), (OWNER, *middle.order, PAGE))]
    found["reviews.list_published"] = [
        Case((middle.reviewed, None, PAGE), (middle.reviewed, middle.variant_id, PAGE))
    ]
    found["reviews.read_opinion"] = [Case((middle.reviewed, PAGE))]
    found["reviews.list_by_state"] = [
        Case(("published", None, PAGE), ("published", middle.variant_id, PAGE))
    ]
    actor, action = "staff:7", "POST /orders/{order_id}/refunds"
    for start, given in {
        "newest": (None, None),
        "actor": (actor, None),
        "action": (None, action),
    }.items():
        found[f"db.list_audit_entries_by_{start}"] = [
            Case((*given, None, None, None, PAGE), (*given, None, None, 9_000, PAGE)),
            Case((*given, datetime(1970, 1, 1, tzinfo=UTC), middle.order[0], None, PAGE)),
        ]
    found["db.follow_audit_entries"] = [Case((0, PAGE), (5_000, PAGE))]
    found["notifications.claim_mails"] = [Case((PAGE,))]
    for name in ("notifications.prune_mails", "db.prune_windows", "privacy.prune_exports"):
        found[name] = [Case((PAGE,))]
    return found


@asynccontextmanager
async def a_connection(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection with the triggers at rest: what is done is taken back anyway."""
    raw = await asyncpg.connect(url, server_settings={"search_path": "store"})
    try:
        await prepare_connection(raw)
        await raw.execute("SET session_replication_role = replica")
        yield raw
    finally:
        await raw.close()


@pytest.fixture(scope="module")
def filled(run_folder: Path, worker_id: str) -> Iterator[str]:
    """The address of a store with thousands of everything."""
    name = f"plans_{worker_id}"
    url = server.clone(run_folder, name)

    async def make() -> None:
        await fill(url, SIZE)
        async with a_connection(url) as raw:
            await raw.execute(_MORE)

    asyncio.run(make())
    yield url
    server.drop(run_folder, name)


def test_every_statement_that_takes_a_page_is_looked_at() -> None:
    assert MODULES
    paging = {
        name
        for name, one in REGISTRY.items()
        if _TAKES_A_PAGE.search(one.text) or name.partition(".")[2].startswith("prune_")
    }
    nothing = Middle(*[(None, None)] * 5, None, None, None, dict.fromkeys(IDS))

    assert paging == cases(nothing, None, None).keys()


#: Tables whose lists go by id.
IDS: Final = (
    "variants",
    *("special_prices", "tax_rates", "shipping_zones", "shipping_methods", "promotions"),
    *("coupons", "stock_counts", "stock_transfers", "gift_cards", "draft_orders", "disputes"),
    *("payments", "settlement_reports", "settlement_differences", "commission_rules"),
    *("vendor_payout_batches", "fraud_assessments"),
)


async def find_middle(raw: asyncpg.Connection[Any]) -> Middle:
    """What stands half-way down each list."""

    async def row(text: str) -> Any:
        return tuple(await raw.fetchrow(text))

    price = """SELECT amount_minor, product_id FROM variant_prices JOIN variants ON id = variant_id
                WHERE currency = 'EUR' ORDER BY 1, 2 OFFSET 1000 LIMIT 1"""
    return Middle(
        order=await row(
            "SELECT placed_at, id FROM orders ORDER BY placed_at DESC, id DESC OFFSET 2500 LIMIT 1"
        ),
        newest=await row("SELECT id, id FROM products ORDER BY 1 OFFSET 1000 LIMIT 1"),
        name=await row("SELECT name, id FROM products ORDER BY name, id OFFSET 1000 LIMIT 1"),
        price_up=await row(price),
        price_down=await row(price),
        movement=await raw.fetchval(
            "SELECT id FROM stock_movements ORDER BY id OFFSET 2500 LIMIT 1"
        ),
        variant_id=await raw.fetchval("SELECT variant_id FROM order_lines LIMIT 1"),
        reviewed=await raw.fetchval("SELECT product_id FROM reviews LIMIT 1"),
        ids={
            table: await raw.fetchval(f"SELECT id FROM {table} ORDER BY id OFFSET 1000 LIMIT 1")
            for table in IDS
        },
    )


def list_nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and all below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from list_nodes(below)


def find_most(plan: dict[str, Any]) -> tuple[int, str]:
    """How many rows the busiest node of a plan has touched, and which node that is."""
    busiest = (0, "")
    for node in list_nodes(plan):
        name = node.get("Relation Name")
        # A join or a sort touches what scans have found; a sort of many has a scan of many.
        if name is None or name in SMALL:
            continue
        rows = node["Actual Rows"] + sum(
            value for name, value in node.items() if name.startswith("Rows Removed by")
        )
        busiest = max(busiest, (int(rows * node["Actual Loops"]), f"{node['Node Type']} {name}"))
    return busiest


def find_indexes(plan: dict[str, Any], table: str) -> set[str]:
    """By which indexes a plan finds rows of a table; the table's own name where by none."""
    found: set[str] = set()
    for node in list_nodes(plan):
        if node.get("Relation Name") == table:
            at = [node, *node.get("Plans", ())] if "Bitmap" in node["Node Type"] else [node]
            found.update({one["Index Name"] for one in at if "Index Name" in one} or {table})
    return found


async def test_no_list_touches_more_than_about_a_page(filled: str) -> None:
    async with a_connection(filled) as raw:
        faults = await find_faults(raw)

    assert not faults, "\n".join(faults)


async def find_faults(raw: asyncpg.Connection[Any]) -> list[str]:
    """Carry every statement out in every way; those that touch too much."""
    vendor_id = await raw.fetchval("SELECT id FROM vendors WHERE slug = 'vendor-7'")
    order_id = await raw.fetchval("SELECT id FROM orders WHERE status = 'archived' LIMIT 1")
    found = cases(await find_middle(raw), vendor_id, order_id)
    faults = []
    for mode in MODES:
        await raw.execute(f"SET plan_cache_mode = {mode}")
        for name, calls in found.items():
            for case in calls:
                for values in filter(None, (case.first, case.deep)):
                    plan = await _carry_out(raw, REGISTRY[name].text, values)
                    place = f"{name}, {mode}, {'deep' if values is case.deep else 'first'}"
                    touched, what = find_most(plan)
                    if touched > case.most:
                        faults.append(f"{place}: {touched} rows in {what}")
                    used = find_indexes(plan, "orders")
                    allowed = FINDS.get(name.removeprefix("orders.list_orders_by_"), used)
                    if used - allowed:
                        faults.append(f"{place}: orders are found by {used - allowed}")
    return faults


async def _carry_out(
    raw: asyncpg.Connection[Any], text: str, values: tuple[Any, ...]
) -> dict[str, Any]:
    """Carry a statement out, and take it back. Prepared, or its plan would never be generic."""
    arguments = ", ".join(map(_written, values))
    transaction = raw.transaction()
    await transaction.start()
    try:
        await raw.execute(f"PREPARE listed AS {text}")
        explained = await raw.fetchval(
            "EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) EXECUTE listed"
            + (f" ({arguments})" if arguments else "")
        )
    finally:
        await transaction.rollback()
        await raw.execute("DEALLOCATE listed")
    if isinstance(explained, str):
        explained = json.loads(explained)
    plan: dict[str, Any] = explained[0]["Plan"]
    return plan


def _written(value: Any) -> str:
    """A value as it is typed into psql."""
    return "NULL" if value is None else f"'{value}'"
