-- Who is to be told when a variant can be bought again: a row per variant and address, until the
-- letter is sent. It takes no stock and promises none.
CREATE TABLE stock_alerts (
    id         uuid PRIMARY KEY,
    variant_id uuid NOT NULL REFERENCES variants (id),
    email      text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    email_hash bytea NOT NULL CHECK (length(email_hash) = 32),
    created_at timestamptz NOT NULL,
    -- When the letter was ordered; until then somebody waits.
    told_at    timestamptz CHECK (told_at >= created_at),
    UNIQUE (variant_id, email_hash)
);
CREATE INDEX stock_alerts_waiting ON stock_alerts (variant_id, id) WHERE told_at IS NULL;
CREATE INDEX stock_alerts_email_hash ON stock_alerts (email_hash);
CREATE INDEX stock_alerts_created_at ON stock_alerts (created_at);
