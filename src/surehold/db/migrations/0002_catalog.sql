-- What is sold.

CREATE TABLE vendors (
    id          uuid PRIMARY KEY,
    slug        text NOT NULL UNIQUE,
    name        text NOT NULL,
    description text NOT NULL DEFAULT ''
);

CREATE TABLE categories (
    id          uuid PRIMARY KEY,
    parent_id   uuid REFERENCES categories,
    slug        text NOT NULL UNIQUE,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    position    int NOT NULL DEFAULT 0
);
CREATE INDEX categories_parent ON categories (parent_id);

CREATE TABLE products (
    id           uuid PRIMARY KEY,
    vendor_id    uuid NOT NULL REFERENCES vendors,
    slug         text NOT NULL UNIQUE,
    name         text NOT NULL CHECK (name <> ''),
    fact         text NOT NULL DEFAULT '',
    description  text NOT NULL DEFAULT '',
    details      jsonb NOT NULL DEFAULT '[]',
    option_names text[] NOT NULL DEFAULT '{}',
    status       text NOT NULL CHECK (status IN ('draft', 'active', 'archived')),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    search       tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', name), 'A')
        || setweight(to_tsvector('simple', fact), 'B')
        || setweight(to_tsvector('simple', description), 'C')
    ) STORED
);
CREATE INDEX products_vendor ON products (vendor_id);
CREATE INDEX products_search ON products USING gin (search);

CREATE TABLE product_categories (
    category_id uuid NOT NULL REFERENCES categories,
    product_id  uuid NOT NULL REFERENCES products,
    PRIMARY KEY (category_id, product_id)
);
CREATE INDEX product_categories_product ON product_categories (product_id);

CREATE TABLE product_images (
    product_id uuid NOT NULL REFERENCES products,
    position   int NOT NULL,
    file       text NOT NULL,
    alt        text NOT NULL,
    width      int NOT NULL CHECK (width > 0),
    height     int NOT NULL CHECK (height > 0),
    PRIMARY KEY (product_id, position)
);

CREATE TABLE variants (
    id           uuid PRIMARY KEY,
    product_id   uuid NOT NULL REFERENCES products,
    sku          text NOT NULL UNIQUE CHECK (sku <> ''),
    position     int NOT NULL DEFAULT 0,
    options      text[] NOT NULL DEFAULT '{}',
    weight_grams int NOT NULL DEFAULT 0 CHECK (weight_grams >= 0),
    is_active    boolean NOT NULL DEFAULT true,
    UNIQUE (product_id, options)
);

CREATE TABLE variant_prices (
    variant_id   uuid NOT NULL REFERENCES variants,
    currency     char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (variant_id, currency)
);
