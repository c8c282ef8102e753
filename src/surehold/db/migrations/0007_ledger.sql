-- Double entry. A positive amount is a debit, a negative one a credit; every journal sums to zero.

CREATE TABLE ledger_journals (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN (
        'capture', 'sale', 'refund', 'sale_reversal', 'suspense')),
    reference  uuid NOT NULL,
    order_id   uuid NOT NULL REFERENCES orders,
    posted_at  timestamptz NOT NULL,
    -- One fact is booked once.
    UNIQUE (kind, reference)
);
CREATE INDEX ledger_journals_order ON ledger_journals (order_id);

CREATE TABLE ledger_entries (
    journal_id   uuid NOT NULL REFERENCES ledger_journals,
    position     int NOT NULL,
    account      text NOT NULL,
    vendor_id    uuid,
    currency     char(3) NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (journal_id, position)
);

CREATE FUNCTION check_journals_balance() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger_entries
                WHERE journal_id IN (SELECT journal_id FROM posted)
                GROUP BY journal_id, currency HAVING sum(amount_minor) <> 0) THEN
        RAISE EXCEPTION 'a ledger journal does not balance'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_journals_balance';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION check_journals_balance();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_journals_append_only BEFORE UPDATE OR DELETE ON ledger_journals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
