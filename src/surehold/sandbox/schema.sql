/* The sandbox's own book. Totals of a payment are sums of rows, never a stored balance. */
CREATE TABLE IF NOT EXISTS payments (
    id                 TEXT    PRIMARY KEY,
    merchant_reference TEXT    NOT NULL UNIQUE,
    state              TEXT    NOT NULL CHECK (state IN ('requires_action', 'processing', 'authorized',
                                                         'captured', 'failed', 'canceled',
                                                         'expired')),
    amount             INTEGER NOT NULL CHECK (amount > 0),
    currency           TEXT    NOT NULL CHECK (length(currency) = 3),
    description        TEXT    NOT NULL,
    customer           TEXT    NOT NULL,
    return_url         TEXT    NOT NULL,
    cancel_url         TEXT    NOT NULL,
    notify_url         TEXT    NOT NULL,
    expires_at         INTEGER NOT NULL,
    card               TEXT,
    card_brand         TEXT,
    card_last4         TEXT    CHECK (length(card_last4) = 4),
    is_challenged      INTEGER NOT NULL DEFAULT 0,
    settle_at          REAL,
    failure_code       TEXT,
    failure_message    TEXT,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS payments_expiring ON payments (expires_at)
    WHERE state = 'requires_action';
CREATE INDEX IF NOT EXISTS payments_settling ON payments (settle_at) WHERE state = 'processing';

/* Payments whose money is held first, and taken when the shop asks for it. */
CREATE TABLE IF NOT EXISTS manual_captures (
    payment_id TEXT PRIMARY KEY REFERENCES payments (id)
) STRICT;

/* What the bank holds, or held. A renewal, which has a number, makes it sure for some more time. */
CREATE TABLE IF NOT EXISTS holds (
    payment_id     TEXT    NOT NULL REFERENCES payments (id),
    begun_at       INTEGER NOT NULL,
    capture_before INTEGER NOT NULL,
    honored_until  INTEGER NOT NULL,
    number         INTEGER NOT NULL DEFAULT 0,
    ended_at       INTEGER,
    ended_as       TEXT    CHECK (ended_as IN ('captured', 'canceled', 'expired')),
    CHECK ((ended_at IS NULL) = (ended_as IS NULL))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS holds_open ON holds (payment_id) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS holds_lapsing ON holds (capture_before) WHERE ended_at IS NULL;

CREATE TABLE IF NOT EXISTS captures (
    id         TEXT    PRIMARY KEY,
    payment_id TEXT    NOT NULL REFERENCES payments (id),
    amount     INTEGER NOT NULL CHECK (amount > 0),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS captures_payment ON captures (payment_id);

CREATE TABLE IF NOT EXISTS refunds (
    id               TEXT    PRIMARY KEY,
    payment_id       TEXT    NOT NULL REFERENCES payments (id),
    refund_reference TEXT    UNIQUE,
    amount           INTEGER NOT NULL CHECK (amount > 0),
    reason           TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    origin           TEXT    NOT NULL CHECK (origin IN ('api', 'dashboard')),
    failure_code     TEXT,
    settle_at        REAL    NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment_id);
CREATE INDEX IF NOT EXISTS refunds_pending ON refunds (settle_at) WHERE state = 'pending';

CREATE TABLE IF NOT EXISTS disputes (
    id         TEXT    PRIMARY KEY,
    payment_id TEXT    NOT NULL REFERENCES payments (id),
    amount     INTEGER NOT NULL CHECK (amount > 0),
    reason     TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'won', 'lost')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS disputes_payment ON disputes (payment_id);
-- What else is known of a dispute. An inquiry moves no money; what the shop said to it is evidence.
CREATE TABLE IF NOT EXISTS dispute_terms (
    dispute_id TEXT    PRIMARY KEY REFERENCES disputes (id),
    stage      TEXT    NOT NULL CHECK (stage IN ('inquiry', 'chargeback')),
    fee        INTEGER NOT NULL CHECK (fee >= 0),
    respond_by INTEGER NOT NULL,
    evidence   TEXT
) STRICT;

/* What went to the shop's bank, and which lines of the report it is made of. */
CREATE TABLE IF NOT EXISTS payouts (
    id         TEXT    PRIMARY KEY,
    currency   TEXT    NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount > 0),
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS payout_lines (
    type      TEXT NOT NULL,
    line_id   TEXT NOT NULL,
    payout_id TEXT NOT NULL REFERENCES payouts (id),
    PRIMARY KEY (type, line_id)
) STRICT;

CREATE TABLE IF NOT EXISTS events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    type       TEXT    NOT NULL,
    payment_id TEXT    NOT NULL REFERENCES payments (id),
    body       BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_payment ON events (payment_id);

/* One row per copy of an event to send; due_at is real time, not the sandbox's shifted clock. */
CREATE TABLE IF NOT EXISTS deliveries (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    event_seq INTEGER NOT NULL REFERENCES events (seq),
    state     TEXT    NOT NULL CHECK (state IN ('waiting', 'withheld', 'dropped', 'delivered',
                                                'given_up')),
    due_at    REAL    NOT NULL,
    rank      INTEGER NOT NULL,
    signature TEXT    NOT NULL CHECK (signature IN ('good', 'wrong', 'stale', 'none')),
    attempts  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at, rank) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event_seq);

CREATE TABLE IF NOT EXISTS attempts (
    delivery_seq INTEGER NOT NULL REFERENCES deliveries (seq),
    at           REAL    NOT NULL,
    status       INTEGER,
    error        TEXT,
    duration_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_delivery ON attempts (delivery_seq);

CREATE TABLE IF NOT EXISTS idempotency_keys (
    key          TEXT    PRIMARY KEY,
    request_hash TEXT    NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS facts (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
