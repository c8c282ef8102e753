-- The language in which somebody is written to: a letter's where it was asked for in one, else its
-- account's, else English; an alert's is that of the page where it was asked for. A constant
-- default: nothing is rewritten.
ALTER TABLE accounts ADD COLUMN language text
    CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$');
ALTER TABLE account_letters ADD COLUMN language text
    CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$');
ALTER TABLE stock_alerts ADD COLUMN language text NOT NULL DEFAULT 'en'
    CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$');
