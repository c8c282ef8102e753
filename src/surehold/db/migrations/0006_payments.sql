-- Money in and out, and every message from a provider.

CREATE TABLE payments (
    id                  uuid PRIMARY KEY,
    order_id            uuid NOT NULL REFERENCES orders,
    provider            text NOT NULL,
    account             text NOT NULL,
    provider_payment_id text,
    state               text NOT NULL CHECK (state IN (
        'pending', 'requires_action', 'authorized', 'captured', 'failed', 'voided', 'unknown')),
    currency            char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    requested_minor     bigint NOT NULL CHECK (requested_minor > 0),
    authorized_minor    bigint NOT NULL DEFAULT 0 CHECK (authorized_minor >= 0),
    captured_minor      bigint NOT NULL DEFAULT 0 CHECK (captured_minor >= 0),
    refunded_minor      bigint NOT NULL DEFAULT 0,
    disputed_minor      bigint NOT NULL DEFAULT 0 CHECK (disputed_minor >= 0),
    next_action         jsonb NOT NULL,
    failure_code        text,
    failure_message     text,
    review_reason       text,
    check_count         int NOT NULL DEFAULT 0,
    next_check_at       timestamptz,
    version             int NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    CHECK ((state = 'captured') = (captured_minor > 0))
) WITH (fillfactor = 85);
CREATE INDEX payments_order ON payments (order_id);
CREATE UNIQUE INDEX payments_at_provider ON payments (provider, account, provider_payment_id)
    WHERE provider_payment_id IS NOT NULL;
-- The sweeper's list: what must be asked about, and when.
CREATE INDEX payments_to_check ON payments (next_check_at) WHERE next_check_at IS NOT NULL;

CREATE TABLE payment_events (
    payment_id  uuid NOT NULL REFERENCES payments,
    seq         int NOT NULL,
    from_state  text NOT NULL,
    to_state    text NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (payment_id, seq)
);
CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE ON payment_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION record_payment_move() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    INSERT INTO payment_events (payment_id, seq, from_state, to_state, happened_at)
    VALUES (NEW.id, NEW.version, OLD.state, NEW.state, NEW.updated_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER payments_record_move BEFORE UPDATE OF state ON payments
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION record_payment_move();

CREATE TABLE refunds (
    id                 uuid PRIMARY KEY,
    payment_id         uuid NOT NULL REFERENCES payments,
    order_id           uuid NOT NULL REFERENCES orders,
    state              text NOT NULL CHECK (state IN ('requested', 'succeeded', 'failed')),
    currency           char(3) NOT NULL,
    amount_minor       bigint NOT NULL CHECK (amount_minor > 0),
    reason             text NOT NULL,
    requested_by       text NOT NULL,
    provider_refund_id text,
    failure_code       text,
    created_at         timestamptz NOT NULL,
    ended_at           timestamptz,
    CHECK ((state = 'requested') = (ended_at IS NULL))
);
CREATE INDEX refunds_payment ON refunds (payment_id);
CREATE INDEX refunds_order ON refunds (order_id);

-- Refunds that may still go through never exceed what was captured, whoever writes them. The
-- caller holds the payment's row lock; this is the law behind that courtesy.
CREATE FUNCTION check_refund_headroom() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    captured bigint;
BEGIN
    SELECT captured_minor INTO captured FROM payments WHERE id = NEW.payment_id FOR NO KEY UPDATE;
    IF NEW.amount_minor + (SELECT coalesce(sum(amount_minor), 0) FROM refunds
                            WHERE payment_id = NEW.payment_id AND state <> 'failed'
                              AND id <> NEW.id) > captured THEN
        RAISE EXCEPTION 'payment %: refunds exceed what was captured', NEW.payment_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'refunds_within_captured';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refunds_within_captured BEFORE INSERT OR UPDATE OF amount_minor, state ON refunds
    FOR EACH ROW WHEN (NEW.state <> 'failed') EXECUTE FUNCTION check_refund_headroom();

-- One row per question to a provider: the bytes sent, the key that makes it one, and the answer.
CREATE TABLE payment_operations (
    id              uuid PRIMARY KEY,
    payment_id      uuid NOT NULL REFERENCES payments,
    refund_id       uuid REFERENCES refunds,
    kind            text NOT NULL CHECK (kind IN ('create', 'void', 'refund')),
    state           text NOT NULL CHECK (state IN ('pending', 'unknown', 'succeeded', 'declined')),
    idempotency_key text NOT NULL,
    request         bytea NOT NULL,
    attempts        int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    failure_code    text,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    CHECK ((kind = 'refund') = (refund_id IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'declined')) = (ended_at IS NOT NULL))
);
CREATE INDEX payment_operations_payment ON payment_operations (payment_id);
CREATE UNIQUE INDEX payment_operations_refund ON payment_operations (refund_id)
    WHERE refund_id IS NOT NULL;
CREATE INDEX payment_operations_due ON payment_operations (next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;

-- The inbox: a provider says a thing once, however often it sends it.
CREATE TABLE webhook_events (
    id                  uuid PRIMARY KEY,
    provider            text NOT NULL,
    account             text NOT NULL,
    dedup_key           text NOT NULL,
    kind                text NOT NULL,
    provider_payment_id text,
    merchant_reference  text,
    raw_body            bytea NOT NULL,
    state               text NOT NULL CHECK (state IN ('received', 'processed', 'parked', 'dead')),
    outcome             text,
    attempts            int NOT NULL DEFAULT 0,
    next_attempt_at     timestamptz,
    seen_count          int NOT NULL DEFAULT 1,
    received_at         timestamptz NOT NULL,
    last_seen_at        timestamptz NOT NULL,
    processed_at        timestamptz,
    UNIQUE (provider, account, dedup_key),
    CHECK ((state = 'processed') = (processed_at IS NOT NULL))
);
CREATE INDEX webhook_events_due ON webhook_events (next_attempt_at)
    WHERE next_attempt_at IS NOT NULL;
