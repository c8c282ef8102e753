-- A store of {{products}} products and {{orders}} orders, {{open}} of them placed within the last day and
-- not paid yet, so that their units are reserved; as many of that day are paid. Set by set, as a superuser and with triggers at
-- rest; what triggers would have written (histories, counters) is written here. Every invariant
-- of the rooms holds of it, and a test says so of a small one.
-- The statements between two lines of dashes run side by side: one that reads what another of them
-- writes belongs to the next block.

CREATE FUNCTION bench_id(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- In the order of n, as ids made one after the other are.
    SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
            || '8000' || lpad(to_hex(n), 12, '0'))::uuid
$$;
--------
-- What each order is. Up to two years old; of the last day's, each second is still to be paid.
CREATE UNLOGGED TABLE bench_orders AS
SELECT n, variant_no, placed_at, price, sending,
       CASE WHEN n > {{orders}} - 2 * {{open}} AND n % 2 = 0 THEN 'open'
            WHEN n % 20 = 0 THEN 'given_up'
            WHEN n % 20 = 1 THEN 'paid_back'
            WHEN n % 20 < 5 THEN 'paid'
            WHEN n % 20 = 5 THEN 'confirmed'
            WHEN n % 20 < 8 THEN 'shipped'
            ELSE 'delivered' END AS fate,
       placed_at < now() - interval '60 days' AS is_old,
       CASE WHEN n % 7 = 0 THEN 'USD' ELSE 'EUR' END AS currency,
       round(price * 0.2 / 1.2)::bigint AS tax, round(sending * 0.2 / 1.2)::bigint AS sending_tax
  FROM (SELECT n, 1 + n * 7919 % {{products}} AS variant_no,
               CASE WHEN n > {{orders}} - 2 * {{open}}
                    THEN now() - interval '20 hours' * ({{orders}} + 1 - n) / (2 * {{open}} + 1)
                    ELSE now() - interval '1 day'
                         - interval '730 days' * ({{orders}} - 2 * {{open}} - n) / {{orders}}
               END AS placed_at,
               500 + (1 + n * 7919 % {{products}}) * 6151 % 20000 AS price,
               CASE WHEN 500 + (1 + n * 7919 % {{products}}) * 6151 % 20000 >= 15000
                    THEN 0 ELSE 490 END AS sending
          FROM generate_series(1::bigint, {{orders}}) AS n) AS one;
--------
ALTER TABLE bench_orders ADD PRIMARY KEY (n);
ANALYZE bench_orders;
CREATE UNLOGGED TABLE bench_taken AS
SELECT variant_no, count(*) FILTER (WHERE fate = 'open')::int AS reserved,
       count(*) FILTER (WHERE fate IN ('paid', 'confirmed'))::int AS allocated,
       count(*) FILTER (WHERE fate IN ('shipped', 'delivered'))::int AS shipped
  FROM bench_orders GROUP BY variant_no;
ALTER TABLE bench_taken ADD PRIMARY KEY (variant_no);
ANALYZE bench_taken;
--------
INSERT INTO vendors (id, slug, name)
SELECT bench_id(1, n), 'vendor-' || n, 'Vendor ' || n FROM generate_series(1, 50) AS n;
INSERT INTO locations (id, code, name, country, priority)
SELECT bench_id(2, n), 'place-' || n, 'Place ' || n, 'DE', n FROM generate_series(1, 2) AS n;
INSERT INTO categories (id, parent_id, slug, name, position)
SELECT bench_id(3, n), CASE WHEN n > 5 THEN bench_id(3, 1 + n % 5) END, 'category-' || n,
       'Category ' || n, n
  FROM generate_series(1, 50) AS n;
INSERT INTO price_book (version) VALUES (gen_random_uuid());
INSERT INTO document_progress (covered_until) VALUES (now() + interval '10 minutes');
INSERT INTO products (id, vendor_id, slug, name, fact, description, status, created_at, updated_at)
SELECT bench_id(4, n), bench_id(1, 1 + n % 50), 'product-' || n,
       (ARRAY['Ridgeway', 'Harbor', 'Moss', 'Quarry', 'Fern', 'Slate', 'Tidal', 'Birch'])[1 + n % 8]
       || ' ' || (ARRAY['jacket', 'kettle', 'lamp', 'chair', 'knife'])[1 + n % 5] || ' ' || n,
       'Number ' || n, 'It does what it should, and one of a ' || CASE WHEN n % {{products}} < 100
       THEN 'hundred' ELSE 'thousand' END || ' like it.', 'active',
       now() - interval '1 minute' * ({{products}} - n), now()
  FROM generate_series(1, {{products}}) AS n;
INSERT INTO product_images (product_id, position, file, alt, width, height)
SELECT bench_id(4, n), 0, 'product.webp', 'A product', 1200, 1200
  FROM generate_series(1, {{products}}) AS n;
INSERT INTO product_categories (category_id, product_id)
SELECT bench_id(3, 6 + n % 45), bench_id(4, n) FROM generate_series(1, {{products}}) AS n;
INSERT INTO variants (id, product_id, sku, options, weight_grams)
SELECT bench_id(5, n), bench_id(4, n), 'SKU-' || n, '{Moss,M}', 400
  FROM generate_series(1, {{products}}) AS n;
INSERT INTO variant_prices (variant_id, currency, amount_minor)
SELECT bench_id(5, n), currency, 500 + n * 6151::bigint % 20000
  FROM generate_series(1, {{products}}) AS n
 CROSS JOIN unnest('{EUR,USD}'::text[]) AS currency;
INSERT INTO stock_levels (variant_id, location_id, on_hand, allocated, reserved, low_stock_threshold)
SELECT bench_id(5, n), bench_id(2, 1), coalesce(allocated + reserved, 0)
       + CASE WHEN n % ({{products}} / 100) = 0 THEN 3 ELSE 1000 END, coalesce(allocated, 0),
       coalesce(reserved, 0), 5
  FROM generate_series(1, {{products}}) AS n LEFT JOIN bench_taken ON variant_no = n
 UNION ALL
SELECT bench_id(5, n), bench_id(2, 2), 1000, 0, 0, 5 FROM generate_series(2, {{products}}, 2) AS n;
INSERT INTO low_stock_alerts (id, variant_id, location_id, available, threshold, raised_at)
SELECT bench_id(6, n), bench_id(5, n), bench_id(2, 1), 3, 5, now()
  FROM generate_series({{products}} / 100, {{products}}, {{products}} / 100) AS n;
INSERT INTO stock_movements (id, variant_id, location_id, delta, reason, reference, actor, moved_at)
SELECT bench_id(7, 2 * n), bench_id(5, n), bench_id(2, 1),
       coalesce(allocated + reserved + shipped, 0)
       + CASE WHEN n % ({{products}} / 100) = 0 THEN 3 ELSE 1000 END,
       'initial', 'bench', 'bench', now() - interval '731 days'
  FROM generate_series(1, {{products}}) AS n LEFT JOIN bench_taken ON variant_no = n
 UNION ALL
SELECT bench_id(7, 2 * n + 1), bench_id(5, n), bench_id(2, 2), 1000, 'initial', 'bench', 'bench',
       now() - interval '731 days'
  FROM generate_series(2, {{products}}, 2) AS n;
INSERT INTO carts (id, token_hash, currency, created_at, updated_at)
SELECT bench_id(8, n), sha256(n::text::bytea), 'EUR', now() - interval '1 day',
       now() - interval '1 hour'
  FROM generate_series(1, {{open}}) AS n;
INSERT INTO cart_lines (id, cart_id, variant_id, quantity, seen_price_minor, added_at)
SELECT bench_id(9, n), bench_id(8, n), bench_id(5, 1 + n % {{products}}), 1,
       500 + (1 + n % {{products}}) * 6151::bigint % 20000, now() - interval '1 hour'
  FROM generate_series(1, {{open}}) AS n;
INSERT INTO orders
       (id, number, email, currency, subtotal_minor, shipping_minor, shipping_tax_minor,
        tax_minor, total_minor, is_tax_included, paid_minor, refunded_minor, shipping_method,
        shipping_address, provider, status, payment_status, fulfillment_status, placed_at,
        canceled_at, cancel_reason, archived_at, confirmed_at, sold_at, version, changed_by,
        change_reason, updated_at)
SELECT bench_id(10, n), 'B-' || n, 'buyer' || n % ({{orders}} / 5) || '@example.com', currency,
       price, sending, sending_tax, tax + sending_tax, price + sending, true,
       CASE WHEN fate IN ('open', 'given_up') THEN 0 ELSE price + sending END,
       CASE WHEN fate = 'paid_back' THEN price + sending ELSE 0 END, 'standard',
       '{"name": "Mara Quinn", "line1": "12 Quay Street", "city": "Galway", "country": "IE", "postal_code": "H91 X2KP"}',
       'bank_transfer',
       CASE WHEN fate = 'open' THEN 'pending_payment'
            WHEN is_old AND fate IN ('given_up', 'paid_back', 'delivered') THEN 'archived'
            WHEN fate = 'given_up' THEN 'canceled'
            WHEN fate = 'paid_back' THEN 'refunded'
            ELSE fate END,
       CASE fate WHEN 'open' THEN 'pending' WHEN 'given_up' THEN 'not_paid'
            WHEN 'paid_back' THEN 'refunded' ELSE 'paid' END,
       CASE WHEN fate IN ('shipped', 'delivered') THEN fate ELSE 'unfulfilled' END, placed_at,
       CASE WHEN fate IN ('given_up', 'paid_back') THEN placed_at END,
       CASE fate WHEN 'given_up' THEN 'unpaid' WHEN 'paid_back' THEN 'canceled_by_staff' END,
       CASE WHEN is_old AND fate IN ('given_up', 'paid_back', 'delivered') THEN placed_at END,
       CASE fate WHEN 'confirmed' THEN placed_at END,
       CASE WHEN fate NOT IN ('open', 'given_up') THEN placed_at END,
       CASE fate WHEN 'open' THEN 1 WHEN 'given_up' THEN 2 WHEN 'paid' THEN 2
            WHEN 'paid_back' THEN 3 WHEN 'delivered' THEN 4 ELSE 3 END
       + CASE WHEN is_old AND fate IN ('given_up', 'paid_back', 'delivered') THEN 1 ELSE 0 END,
       'bench', 'filled', placed_at
  FROM bench_orders;
INSERT INTO order_lines
       (id, order_id, position, product_id, variant_id, vendor_id, sku, name, options, quantity,
        unit_price_minor, total_minor, tax_rate, net_minor, tax_minor, gross_minor)
SELECT bench_id(11, n), bench_id(10, n), 0, bench_id(4, variant_no), bench_id(5, variant_no),
       bench_id(1, 1 + variant_no % 50), 'SKU-' || variant_no, 'Product ' || variant_no,
       '["Moss", "M"]', 1, price, price, 0.20, price - tax, tax, price
  FROM bench_orders;
INSERT INTO order_events (order_id, seq, from_status, to_status, actor, reason, happened_at)
SELECT bench_id(10, n), move.seq, (moves.path)[move.seq - 1], (moves.path)[move.seq], 'bench', 'filled',
       placed_at
  FROM bench_orders
 CROSS JOIN LATERAL (
       SELECT CASE fate
              WHEN 'open' THEN ARRAY['pending_payment']
              WHEN 'given_up' THEN ARRAY['pending_payment', 'canceled']
              WHEN 'paid_back' THEN ARRAY['pending_payment', 'paid', 'refunded']
              WHEN 'paid' THEN ARRAY['pending_payment', 'paid']
              WHEN 'delivered' THEN ARRAY['pending_payment', 'paid', 'shipped', 'delivered']
              ELSE ARRAY['pending_payment', 'paid', fate] END
              || CASE WHEN is_old AND fate IN ('given_up', 'paid_back', 'delivered')
                      THEN ARRAY['archived'] ELSE '{}' END AS path) AS moves
 CROSS JOIN LATERAL generate_series(1, cardinality(moves.path)) AS move (seq);
INSERT INTO reservations
       (id, holder_id, order_line_id, variant_id, location_id, quantity, state, expires_at,
        created_at, ended_at, end_reason)
SELECT bench_id(12, n), bench_id(10, n), bench_id(11, n), bench_id(5, variant_no), bench_id(2, 1),
       1, CASE fate WHEN 'open' THEN 'active' WHEN 'given_up' THEN 'released' ELSE 'committed' END,
       placed_at + interval '3 days', placed_at,
       CASE WHEN fate <> 'open' THEN placed_at END,
       CASE WHEN fate <> 'open' THEN 'filled' END
  FROM bench_orders;
INSERT INTO allocations
       (id, reservation_id, order_id, order_line_id, variant_id, location_id, quantity,
        released_quantity, shipped_quantity, created_at)
SELECT bench_id(13, n), bench_id(12, n), bench_id(10, n), bench_id(11, n), bench_id(5, variant_no),
       bench_id(2, 1), 1, CASE fate WHEN 'paid_back' THEN 1 ELSE 0 END,
       CASE WHEN fate IN ('shipped', 'delivered') THEN 1 ELSE 0 END, placed_at
  FROM bench_orders WHERE fate NOT IN ('open', 'given_up');
INSERT INTO payments
       (id, order_id, provider, account, provider_payment_id, state, currency, requested_minor,
        captured_minor, refunded_minor, next_action, review_reason, version, created_at,
        updated_at)
SELECT bench_id(14, n), bench_id(10, n), 'bank_transfer', 'transfer', NULL,
       CASE fate WHEN 'open' THEN 'pending' WHEN 'given_up' THEN 'voided' ELSE 'captured' END,
       currency, price + sending,
       CASE WHEN fate IN ('open', 'given_up') THEN 0 ELSE price + sending END,
       CASE fate WHEN 'paid_back' THEN price + sending ELSE 0 END, '{"type": "none"}',
       CASE WHEN n % ({{orders}} / 50) = 2 THEN 'amount_mismatch' END,
       CASE fate WHEN 'open' THEN 1 ELSE 2 END, placed_at, placed_at
  FROM bench_orders;
INSERT INTO payment_events (payment_id, seq, from_state, to_state, happened_at)
SELECT bench_id(14, n), 2, 'pending', CASE fate WHEN 'given_up' THEN 'voided' ELSE 'captured' END,
       placed_at
  FROM bench_orders WHERE fate <> 'open';
INSERT INTO refunds
       (id, payment_id, order_id, state, currency, amount_minor, reason, requested_by,
        provider_refund_id, created_at, ended_at)
SELECT bench_id(15, n), bench_id(14, n), bench_id(10, n), 'succeeded', currency, price + sending,
       'staff', 'bench', bench_id(15, n)::text, placed_at, placed_at
  FROM bench_orders WHERE fate = 'paid_back';
INSERT INTO ledger_journals (id, kind, reference, order_id, posted_at)
SELECT bench_id(16, 4 * n + place), kind,
       CASE kind WHEN 'refund' THEN bench_id(15, n) WHEN 'sale_reversal' THEN bench_id(10, n)
            ELSE bench_id(14, n) END, bench_id(10, n), placed_at
  FROM bench_orders
 CROSS JOIN (VALUES (0, 'capture'), (1, 'sale'), (2, 'sale_reversal'), (3, 'refund'))
       AS journal (place, kind)
 WHERE fate NOT IN ('open', 'given_up') AND (place < 2 OR fate = 'paid_back');
INSERT INTO ledger_entries (journal_id, position, account, vendor_id, currency, amount_minor)
SELECT bench_id(16, 4 * n + place), position, account,
       CASE account WHEN 'sales' THEN bench_id(1, 1 + variant_no % 50) END, currency,
       sign * CASE account WHEN 'sales' THEN price - tax
                   WHEN 'shipping_income' THEN sending - sending_tax
                   WHEN 'tax_payable' THEN tax + sending_tax ELSE price + sending END
  FROM bench_orders
 CROSS JOIN (VALUES
       (0, 0, 'provider_clearing:bank_transfer', 1), (0, 1, 'customer_deposits', -1),
       (1, 0, 'customer_deposits', 1), (1, 1, 'sales', -1), (1, 2, 'shipping_income', -1),
       (1, 3, 'tax_payable', -1),
       (2, 0, 'customer_deposits', -1), (2, 1, 'sales', 1), (2, 2, 'shipping_income', 1),
       (2, 3, 'tax_payable', 1),
       (3, 0, 'customer_deposits', 1), (3, 1, 'provider_clearing:bank_transfer', -1))
       AS entry (place, position, account, sign)
 WHERE fate NOT IN ('open', 'given_up') AND (place < 2 OR fate = 'paid_back')
   AND (account <> 'shipping_income' OR sending > 0);
INSERT INTO fulfillments
       (id, order_id, location_id, vendor_id, state, carrier, tracking_number, created_at,
        shipped_at, delivered_at, version, changed_by, change_reason, updated_at)
SELECT bench_id(17, n), bench_id(10, n), bench_id(2, 1), bench_id(1, 1 + variant_no % 50), fate,
       'dhl', 'JD' || n, placed_at, placed_at, CASE fate WHEN 'delivered' THEN placed_at END,
       CASE fate WHEN 'delivered' THEN 3 ELSE 2 END, 'bench', 'filled', placed_at
  FROM bench_orders WHERE fate IN ('shipped', 'delivered');
INSERT INTO fulfillment_lines (fulfillment_id, allocation_id, quantity)
SELECT bench_id(17, n), bench_id(13, n), 1
  FROM bench_orders WHERE fate IN ('shipped', 'delivered');
INSERT INTO fulfillment_events
       (fulfillment_id, seq, from_state, to_state, carrier, tracking_number, actor, reason,
        happened_at)
SELECT bench_id(17, n), seq, (ARRAY['open', 'shipped', 'delivered'])[seq - 1],
       (ARRAY['open', 'shipped', 'delivered'])[seq], 'dhl', 'JD' || n, 'bench', 'filled', placed_at
  FROM bench_orders
 CROSS JOIN generate_series(1, 3) AS seq
 WHERE fate = 'delivered' OR fate = 'shipped' AND seq < 3;
INSERT INTO stock_movements (id, variant_id, location_id, delta, reason, reference, actor, moved_at)
SELECT bench_id(7, 4 * {{products}} + n), bench_id(5, variant_no), bench_id(2, 1), -1, 'shipped',
       bench_id(17, n)::text, 'bench', placed_at
  FROM bench_orders WHERE fate IN ('shipped', 'delivered');
INSERT INTO idempotency_keys
       (scope, key, request_hash, state, subject_id, status, response, created_at, expires_at)
SELECT 'checkout', 'key-' || n, sha256(n::text::bytea), 'done', bench_id(10, n), 201, '{}',
       placed_at, placed_at + interval '1 day'
  FROM bench_orders WHERE fate = 'open';
INSERT INTO documents
       (id, order_id, kind, refund_id, series, seq, number, language, currency, net_minor,
        tax_minor, total_minor, content, issued_by, issued_at)
SELECT bench_id(19, 2 * n + (series LIKE 'C%')::int), bench_id(10, n),
       CASE WHEN series LIKE 'C%' THEN 'credit_note' ELSE 'invoice' END,
       CASE WHEN series LIKE 'C%' THEN bench_id(15, n) END, series, seq,
       series || '-' || lpad(seq::text, greatest(6, length(seq::text)), '0'), 'en', currency, net,
       all_tax, net + all_tax,
       jsonb_build_object('taxes', jsonb_build_array(
           jsonb_build_object('net_minor', net, 'tax_minor', all_tax))), 'bench', placed_at
  FROM (SELECT n, fate, currency, placed_at, price + sending - tax - sending_tax AS net,
               tax + sending_tax AS all_tax, series,
               row_number() OVER (PARTITION BY series ORDER BY n)::int AS seq
          FROM bench_orders
         CROSS JOIN LATERAL (
               VALUES ('INV-' || extract(year FROM placed_at)),
                      ('CRN-' || extract(year FROM placed_at))) AS one (series)
         WHERE fate NOT IN ('open', 'given_up') AND (series LIKE 'I%' OR fate = 'paid_back')) AS row;
--------
INSERT INTO location_changes (location_id, version, after, changed_by, changed_at)
SELECT id, 1, to_jsonb(locations), 'bench', now() FROM locations;
INSERT INTO cart_tokens (token_hash, cart_id, created_at)
SELECT token_hash, id, created_at FROM carts;
INSERT INTO document_series (series, last_seq, last_issued_at)
SELECT series, max(seq), max(issued_at) FROM documents GROUP BY series;
INSERT INTO outbox (id, topic, subject_id, payload, created_at, published_at)
SELECT bench_id(18, row_number() OVER ()),
       'order.' || CASE WHEN from_status IS NULL THEN 'placed' ELSE to_status END, order_id, '{}',
       happened_at, happened_at
  FROM order_events WHERE happened_at > now() - interval '28 days';
--------
DROP TABLE bench_orders, bench_taken;
DROP FUNCTION bench_id;
