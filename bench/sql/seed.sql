-- A store with a thousand products, one variant each, and stock that no run sells out.
-- The ids can be computed from a number, so that every opponent knows them without asking.
INSERT INTO vendors (id, slug, name)
VALUES ('018f5a00-0000-7000-8000-000000000001', 'northline', 'Northline');

INSERT INTO locations (id, code, name, country)
VALUES ('018f5a00-0000-7000-8000-000000000002', 'main', 'Main warehouse', 'IE');

INSERT INTO products (id, vendor_id, slug, name, status, created_at, updated_at)
SELECT ('018f5a01-0000-7000-8000-' || n)::uuid, '018f5a00-0000-7000-8000-000000000001',
       'ridgeway-jacket-' || n, 'Ridgeway down jacket ' || n, 'active', now(), now()
  FROM generate_series(100000000001, 100000001000) AS n;

INSERT INTO product_images (product_id, position, file, alt, width, height)
SELECT id, 0, slug || '.webp', name, 1200, 1200
  FROM products;

INSERT INTO variants (id, product_id, sku, options)
SELECT ('018f5a02-0000-7000-8000-' || n)::uuid, ('018f5a01-0000-7000-8000-' || n)::uuid,
       'RDJ-' || n, '{Moss,M}'
  FROM generate_series(100000000001, 100000001000) AS n;

INSERT INTO variant_prices (variant_id, currency, amount_minor)
SELECT id, currency, 11900
  FROM variants
 CROSS JOIN unnest('{EUR,USD}'::text[]) AS currency;

INSERT INTO stock_movements
       (id, variant_id, location_id, delta, reason, reference, actor, moved_at)
SELECT uuidv7(), id, '018f5a00-0000-7000-8000-000000000002', 10000000, 'initial', 'bench',
       'bench', now()
  FROM variants;

INSERT INTO stock_levels (variant_id, location_id, on_hand)
SELECT id, '018f5a00-0000-7000-8000-000000000002', 10000000
  FROM variants;
