\set n 100000000000 + random(1, :skus)
\set number random(1, 1099511627775)
WITH item AS MATERIALIZED (
    SELECT variants.id AS variant_id, variants.product_id, products.vendor_id, variants.sku,
           products.name, to_jsonb(variants.options) AS options, images.file,
           prices.amount_minor AS price, (2 * prices.amount_minor + 6) / 12 AS line_tax,
           uuidv7() AS order_id, uuidv7() AS line_id
      FROM variants
      JOIN products ON products.id = variants.product_id
      JOIN variant_prices AS prices ON prices.variant_id = variants.id
      LEFT JOIN product_images AS images
        ON images.product_id = products.id AND images.position = 0
     WHERE variants.id = ('018f5a02-0000-7000-8000-' || :n)::uuid
       AND variants.is_active
       AND products.status = 'active'
       AND prices.currency = 'EUR'
), new_order AS (
    INSERT INTO orders
           (id, number, email, currency, subtotal_minor, discount_minor, shipping_minor,
            shipping_tax_minor, tax_minor, total_minor, is_tax_included, shipping_method,
            shipping_address, provider, status, payment_status, placed_at, changed_by,
            change_reason, updated_at)
    SELECT order_id, 'SH-' || to_hex(:number::bigint), '{{email}}', 'EUR', price, 0, 490, 82,
           line_tax + 82, price + 490, true, 'standard', '{{address}}', 'bank_transfer',
           'pending_payment', 'pending', now(), 'buyer', 'placed', now()
      FROM item
), new_line AS (
    INSERT INTO order_lines
           (id, order_id, position, product_id, variant_id, vendor_id, sku, name, options, image,
            quantity, unit_price_minor, discount_minor, total_minor, tax_rate, net_minor,
            tax_minor, gross_minor)
    SELECT line_id, order_id, 0, product_id, variant_id, vendor_id, sku, name, options, file, 1,
           price, 0, price, 0.20, price - line_tax, line_tax, price
      FROM item
), new_reservation AS (
    INSERT INTO reservations
           (id, holder_id, order_line_id, variant_id, location_id, quantity, state, expires_at,
            is_grace_used, created_at)
    SELECT uuidv7(), order_id, line_id, variant_id, '018f5a00-0000-7000-8000-000000000002', 1,
           'active', now() + interval '3 days', false, now()
      FROM item
), new_payment AS (
    INSERT INTO payments
           (id, order_id, provider, account, provider_payment_id, state, currency,
            requested_minor, next_action, created_at, updated_at)
    SELECT uuidv7(), order_id, 'bank_transfer', 'main',
           'SH' || left(replace(order_id::text, '-', ''), 26), 'requires_action', 'EUR',
           price + 490, '{{next_action}}', now(), now()
      FROM item
), new_event AS (
    INSERT INTO outbox (id, topic, subject_id, payload, created_at)
    SELECT uuidv7(), 'order.placed', order_id, '{{payload}}', now()
      FROM item
), new_key AS (
    INSERT INTO idempotency_keys
           (scope, key, request_hash, state, subject_id, status, response, created_at, expires_at)
    SELECT 'checkout', gen_random_uuid()::text, '\x{{request_hash}}', 'done', order_id, 201,
           '\x{{response}}', now(), now() + interval '24 hours'
      FROM item
    RETURNING subject_id
), taken AS (
    UPDATE stock_levels AS level
       SET reserved = reserved + 1, version = version + 1
     WHERE variant_id = ('018f5a02-0000-7000-8000-' || :n)::uuid
       AND location_id = '018f5a00-0000-7000-8000-000000000002'
       AND on_hand + backorder_limit - allocated - reserved >= 1
    RETURNING version
)
SELECT 1 / count(*) AS done FROM taken;
