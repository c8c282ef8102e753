-- What providers say they took, kept and paid out, and what of it differs from the books; what of
-- sales is the vendors', and how they are paid. No store is live before 0.1.0, so tables change in
-- one file.

-- A provider's file, once.
CREATE TABLE settlement_reports (
    id            uuid PRIMARY KEY,
    provider      text NOT NULL CHECK (provider <> ''),
    account       text NOT NULL CHECK (account <> ''),
    -- SHA-256 of the file: sent again it is the one that is there.
    file_hash     bytea NOT NULL CHECK (octet_length(file_hash) = 32),
    row_count     int NOT NULL CHECK (row_count > 0),
    -- Whatever moved in between is expected to be in it.
    covered_from  timestamptz NOT NULL,
    covered_until timestamptz NOT NULL,
    actor         text NOT NULL,
    imported_at   timestamptz NOT NULL,
    CONSTRAINT settlement_reports_once UNIQUE (provider, account, file_hash),
    CONSTRAINT settlement_reports_period CHECK (covered_from <= covered_until)
);
CREATE TRIGGER settlement_reports_append_only BEFORE UPDATE OR DELETE ON settlement_reports
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What moved at a provider, once, in however many files it is. Amounts are what the store gains.
CREATE TABLE settlement_rows (
    id                  uuid PRIMARY KEY,
    report_id           uuid NOT NULL REFERENCES settlement_reports,
    line                int NOT NULL CHECK (line > 1),
    provider            text NOT NULL,
    account             text NOT NULL,
    kind                text NOT NULL CHECK (kind IN (
        'charge', 'refund', 'dispute', 'dispute_reversal', 'fee', 'payout', 'adjustment')),
    provider_row_id     text NOT NULL CHECK (provider_row_id <> ''),
    provider_payment_id text,
    -- The provider's id of the refund or dispute that the row is of.
    provider_object_id  text,
    -- Our own id in it: of a payment, or of a refund.
    reference           uuid,
    payout_id           text,
    currency            char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    gross_minor         bigint NOT NULL,
    fee_minor           bigint NOT NULL,
    net_minor           bigint NOT NULL,
    occurred_at         timestamptz NOT NULL,
    CONSTRAINT settlement_rows_once UNIQUE (provider, account, kind, provider_row_id),
    CONSTRAINT settlement_rows_net CHECK (net_minor = gross_minor - fee_minor),
    CONSTRAINT settlement_rows_fee_alone CHECK (kind <> 'fee' OR gross_minor = 0)
);
CREATE INDEX settlement_rows_report ON settlement_rows (report_id, line);
CREATE INDEX settlement_rows_payment ON settlement_rows (provider, account, provider_payment_id)
    WHERE provider_payment_id IS NOT NULL;
CREATE INDEX settlement_rows_reference ON settlement_rows (reference) WHERE reference IS NOT NULL;
CREATE INDEX settlement_rows_payout ON settlement_rows (provider, account, payout_id)
    WHERE payout_id IS NOT NULL;
CREATE INDEX refunds_at_provider ON refunds (provider_refund_id)
    WHERE provider_refund_id IS NOT NULL;
CREATE TRIGGER settlement_rows_append_only BEFORE UPDATE OR DELETE ON settlement_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Where a row and the books disagree, or one of them has nothing to say.
CREATE TABLE settlement_differences (
    id             uuid PRIMARY KEY,
    provider       text NOT NULL,
    account        text NOT NULL,
    cause          text NOT NULL CHECK (cause IN (
        'missing_here', 'missing_there', 'amount_differs', 'currency_differs', 'captured_twice',
        'refund_unknown', 'dispute_differs', 'fee_unexpected', 'state_differs', 'payout_differs',
        'adjustment_unknown')),
    -- The row, or the payment or refund that has none.
    subject_id     uuid NOT NULL,
    row_id         uuid REFERENCES settlement_rows,
    payment_id     uuid REFERENCES payments,
    refund_id      uuid REFERENCES refunds,
    currency       char(3) NOT NULL,
    -- What the books say, and what the provider says, where there is something to compare.
    expected_minor bigint,
    found_minor    bigint,
    state          text NOT NULL CHECK (state IN ('open', 'explained', 'resolved')),
    note           text,
    ended_by       text,
    found_at       timestamptz NOT NULL,
    ended_at       timestamptz,
    CONSTRAINT settlement_differences_subject CHECK (
        subject_id = coalesce(row_id, refund_id, payment_id)),
    CONSTRAINT settlement_differences_ended CHECK (
        (state = 'open') = (ended_at IS NULL) AND (state = 'open') = (ended_by IS NULL)),
    CONSTRAINT settlement_differences_note CHECK (state <> 'resolved' OR note <> '')
);
-- What a person has resolved is not found again.
CREATE UNIQUE INDEX settlement_differences_one ON settlement_differences (subject_id)
    WHERE state <> 'explained';
CREATE INDEX settlement_differences_listed ON settlement_differences (state, id);

-- A difference ends once, and nothing else of it ever changes.
CREATE FUNCTION keep_settlement_difference() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'open'
       OR (NEW.id, NEW.subject_id, NEW.cause, NEW.expected_minor, NEW.found_minor, NEW.found_at)
          IS DISTINCT FROM
          (OLD.id, OLD.subject_id, OLD.cause, OLD.expected_minor, OLD.found_minor, OLD.found_at)
    THEN
        RAISE EXCEPTION 'difference %: it ends once, and nothing else', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER settlement_differences_kept BEFORE UPDATE OR DELETE ON settlement_differences
    FOR EACH ROW EXECUTE FUNCTION keep_settlement_difference();

-- What the store keeps of a vendor's sales. Of those that fit, the most specific counts.
CREATE TABLE commission_rules (
    id          uuid PRIMARY KEY,
    vendor_id   uuid REFERENCES vendors,
    category_id uuid REFERENCES categories,
    -- Of net, exactly; and so much for each unit, in a currency.
    rate        numeric NOT NULL CHECK (rate BETWEEN 0 AND 1),
    fixed_minor bigint NOT NULL CHECK (fixed_minor >= 0),
    currency    char(3) CHECK (currency ~ '^[A-Z]{3}$'),
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    ended_by    text,
    CONSTRAINT commission_rules_fixed CHECK (fixed_minor = 0 OR currency IS NOT NULL),
    CONSTRAINT commission_rules_ended CHECK ((ends_at IS NULL) = (ended_by IS NULL)),
    CONSTRAINT commission_rules_validity CHECK (ends_at >= starts_at)
);

-- A journal of the ledger that sold something, or took it back, and what vendors had of it.
CREATE TABLE commissions (
    sale_journal_id uuid PRIMARY KEY REFERENCES ledger_journals,
    order_id        uuid NOT NULL REFERENCES orders,
    -- None where no rule was in force for anything in it.
    journal_id      uuid REFERENCES ledger_journals CONSTRAINT commissions_journal_key UNIQUE,
    posted_at       timestamptz NOT NULL
);
CREATE INDEX commissions_order ON commissions (order_id);
CREATE TRIGGER commissions_append_only BEFORE UPDATE OR DELETE ON commissions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE commission_lines (
    sale_journal_id  uuid NOT NULL REFERENCES commissions,
    order_line_id    uuid NOT NULL REFERENCES order_lines,
    vendor_id        uuid NOT NULL REFERENCES vendors,
    rule_id          uuid NOT NULL REFERENCES commission_rules,
    -- Negative for what was taken back.
    net_minor        bigint NOT NULL,
    commission_minor bigint NOT NULL,
    PRIMARY KEY (sale_journal_id, order_line_id),
    CONSTRAINT commission_lines_within_net CHECK (
        sign(commission_minor) * sign(net_minor) >= 0
        AND abs(commission_minor) <= abs(net_minor))
);
CREATE INDEX commission_lines_line ON commission_lines (order_line_id);
CREATE TRIGGER commission_lines_append_only BEFORE UPDATE OR DELETE ON commission_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE commission_progress (
    is_only       boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    covered_until timestamptz NOT NULL
);

-- Vendors who are paid together, in one currency.
CREATE TABLE vendor_payout_batches (
    id             uuid PRIMARY KEY,
    currency       char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state          text NOT NULL CHECK (state IN ('proposed', 'approved', 'paid', 'canceled')),
    hold_days      int NOT NULL CHECK (hold_days >= 0),
    minimum_minor  bigint NOT NULL CHECK (minimum_minor > 0),
    bank_reference text CHECK (bank_reference <> ''),
    created_at     timestamptz NOT NULL,
    CONSTRAINT vendor_payout_batches_one_per_transfer UNIQUE (bank_reference),
    CONSTRAINT vendor_payout_batches_paid CHECK ((state = 'paid') = (bank_reference IS NOT NULL))
);
CREATE TABLE vendor_payouts (
    batch_id     uuid NOT NULL REFERENCES vendor_payout_batches,
    vendor_id    uuid NOT NULL REFERENCES vendors,
    currency     char(3) NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paid', 'canceled')),
    PRIMARY KEY (batch_id, vendor_id)
);
-- A vendor is in one batch at a time.
CREATE UNIQUE INDEX vendor_payouts_open ON vendor_payouts (vendor_id, currency)
    WHERE state = 'open';

CREATE TABLE vendor_payout_events (
    batch_id   uuid NOT NULL REFERENCES vendor_payout_batches,
    seq        int NOT NULL,
    from_state text,
    to_state   text NOT NULL,
    actor      text NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (batch_id, seq)
);
CREATE TRIGGER vendor_payout_events_append_only BEFORE UPDATE OR DELETE ON vendor_payout_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION keep_vendor_payout_batch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
       OR (NEW.id, NEW.currency, NEW.hold_days, NEW.minimum_minor, NEW.created_at)
          IS DISTINCT FROM
          (OLD.id, OLD.currency, OLD.hold_days, OLD.minimum_minor, OLD.created_at)
       OR (OLD.state, NEW.state) NOT IN (
           ('proposed', 'approved'), ('proposed', 'canceled'), ('approved', 'paid'),
           ('approved', 'canceled'))
    THEN
        RAISE EXCEPTION 'payout batch %: from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER vendor_payout_batches_kept BEFORE UPDATE OR DELETE ON vendor_payout_batches
    FOR EACH ROW EXECUTE FUNCTION keep_vendor_payout_batch();

-- What vendors have, and had. Sales stay out of it: they are written with every checkout.
CREATE INDEX ledger_entries_vendor ON ledger_entries (vendor_id, currency, account)
    WHERE account IN ('vendor_payable', 'vendor_sales', 'commission_income');

ALTER TABLE ledger_journals
    DROP CONSTRAINT ledger_journals_kind_check,
    ADD CONSTRAINT ledger_journals_kind_check CHECK (kind IN (
        'capture', 'sale', 'refund', 'sale_reversal', 'sale_credit', 'sale_addition', 'suspense',
        'gift_card_issue', 'gift_card_adjust', 'gift_card_expire',
        'receivable', 'receivable_paid', 'receivable_canceled', 'cash_deposit',
        'dispute_opened', 'dispute_won', 'dispute_lost', 'dispute_fee',
        'provider_fee', 'provider_payout', 'commission', 'commission_reversal', 'vendor_payout')),
    DROP CONSTRAINT ledger_journals_of_order,
    ADD CONSTRAINT ledger_journals_of_order CHECK (
        (order_id IS NULL) = (kind IN (
            'gift_card_issue', 'gift_card_adjust', 'gift_card_expire', 'cash_deposit',
            'provider_fee', 'provider_payout', 'vendor_payout')));
