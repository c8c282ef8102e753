-- Disputes: a buyer's bank takes money back, for now or for good. No store is live before 0.1.0, so
-- tables change in one file.

-- Of the captured money: what providers hold back until a dispute is decided, and what is gone for
-- good. ``dispute_moves`` counts what was ever written of the payment's disputes: whoever read the
-- provider before the last of it read something old.
ALTER TABLE payments
    ADD COLUMN lost_minor bigint NOT NULL DEFAULT 0 CHECK (lost_minor >= 0),
    ADD COLUMN dispute_moves int NOT NULL DEFAULT 0 CHECK (dispute_moves >= 0);

CREATE TABLE disputes (
    id                  uuid PRIMARY KEY,
    payment_id          uuid NOT NULL REFERENCES payments,
    order_id            uuid NOT NULL REFERENCES orders,
    provider            text NOT NULL,
    account             text NOT NULL,
    provider_dispute_id text NOT NULL CHECK (provider_dispute_id <> ''),
    stage               text NOT NULL CHECK (stage IN (
        'inquiry', 'chargeback', 'pre_arbitration', 'arbitration')),
    state               text NOT NULL CHECK (state IN (
        'needs_response', 'under_review', 'won', 'lost', 'closed')),
    currency            char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor        bigint NOT NULL CHECK (amount_minor > 0),
    -- Where the amount is: held back until it is decided, or gone; else it is here.
    away_minor          bigint NOT NULL,
    lost_minor          bigint NOT NULL,
    -- Of what is gone: what bought nothing any more, since its sale was taken back.
    unearned_minor      bigint NOT NULL DEFAULT 0,
    fee_minor           bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
    reason              text NOT NULL,
    respond_by          timestamptz,
    -- What the store said to it, and whether the provider has heard it.
    answer_state        text NOT NULL DEFAULT 'none' CHECK (answer_state IN (
        'none', 'by_hand', 'sending', 'sent', 'refused')),
    answer              text,
    is_accepted         boolean NOT NULL DEFAULT false,
    answered_by         text,
    answered_at         timestamptz,
    version             int NOT NULL,
    opened_at           timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    -- Some providers open one dispute of several payments.
    CONSTRAINT disputes_at_provider UNIQUE (provider, account, provider_dispute_id, payment_id),
    CONSTRAINT disputes_away_until_decided CHECK (
        away_minor = CASE WHEN stage <> 'inquiry' AND state IN ('needs_response', 'under_review')
                          THEN amount_minor ELSE 0 END),
    CONSTRAINT disputes_lost_for_good CHECK (
        lost_minor = CASE WHEN stage <> 'inquiry' AND state = 'lost'
                          THEN amount_minor ELSE 0 END),
    CHECK (unearned_minor BETWEEN 0 AND lost_minor),
    CHECK ((answer_state = 'none') = (answered_at IS NULL)),
    CHECK ((answered_at IS NULL) = (answered_by IS NULL))
) WITH (fillfactor = 85);
CREATE INDEX disputes_payment ON disputes (payment_id);
CREATE INDEX disputes_order ON disputes (order_id);
CREATE INDEX disputes_state ON disputes (state, id);

-- What happened to a dispute. The journals of a move carry its id, so each is booked once.
CREATE TABLE dispute_events (
    id           uuid PRIMARY KEY,
    dispute_id   uuid NOT NULL REFERENCES disputes,
    seq          int NOT NULL CHECK (seq > 0),
    from_state   text,
    to_state     text NOT NULL,
    stage        text NOT NULL,
    amount_minor bigint NOT NULL,
    reason       text NOT NULL,
    actor        text NOT NULL,
    happened_at  timestamptz NOT NULL,
    CONSTRAINT dispute_events_in_order UNIQUE (dispute_id, seq),
    CHECK ((seq = 1) = (from_state IS NULL))
);
CREATE TRIGGER dispute_events_append_only BEFORE UPDATE OR DELETE ON dispute_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What people decided about payments that were held for them.
CREATE TABLE payment_reviews (
    id         uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments,
    -- Why it was held.
    reason     text NOT NULL,
    decision   text NOT NULL CHECK (decision IN ('accept', 'refund')),
    note       text NOT NULL CHECK (note <> ''),
    actor      text NOT NULL,
    decided_at timestamptz NOT NULL
);
CREATE INDEX payment_reviews_payment ON payment_reviews (payment_id);
CREATE TRIGGER payment_reviews_append_only BEFORE UPDATE OR DELETE ON payment_reviews
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_reviews_erased BEFORE UPDATE OR DELETE ON payment_reviews
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('note');
CREATE TRIGGER disputes_erased BEFORE UPDATE OR DELETE ON disputes
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('answer');

ALTER TABLE payment_operations
    DROP CONSTRAINT payment_operations_kind_check,
    ADD CONSTRAINT payment_operations_kind_check
        CHECK (kind IN ('create', 'capture', 'void', 'refund', 'answer_dispute'));

ALTER TABLE ledger_journals
    DROP CONSTRAINT ledger_journals_kind_check,
    ADD CONSTRAINT ledger_journals_kind_check CHECK (kind IN (
        'capture', 'sale', 'refund', 'sale_reversal', 'sale_credit', 'sale_addition', 'suspense',
        'gift_card_issue', 'gift_card_adjust', 'gift_card_expire',
        'receivable', 'receivable_paid', 'receivable_canceled', 'cash_deposit',
        'dispute_opened', 'dispute_won', 'dispute_lost', 'dispute_fee',
        'provider_fee', 'provider_payout', 'commission', 'commission_reversal', 'vendor_payout'));

-- Money that a bank had given back to its buyer may come back to the store, which sent the goods.
INSERT INTO order_status_moves (from_status, to_status) VALUES
    ('refunded', 'shipped'),
    ('refunded', 'in_transit'),
    ('refunded', 'delivered');
