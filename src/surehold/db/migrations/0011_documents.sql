-- What is written down for the buyer and for the tax office: invoices, credit notes, packing slips.

-- The language in which the buyer shopped. A constant default: nothing is rewritten.
ALTER TABLE orders ADD COLUMN language text NOT NULL DEFAULT 'en'
    CHECK (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$');

-- One row per series. Whoever issues holds its lock until the document is there, so that a number
-- that was taken and given up is nobody's, and no document is dated before the one before it.
CREATE TABLE document_series (
    series         text PRIMARY KEY CHECK (series ~ '^[A-Z][A-Z0-9]*-[0-9]{4}$'),
    last_seq       int NOT NULL CHECK (last_seq > 0),
    last_issued_at timestamptz NOT NULL
);

CREATE TABLE documents (
    id          uuid PRIMARY KEY,
    order_id    uuid NOT NULL REFERENCES orders,
    kind        text NOT NULL CHECK (kind IN ('invoice', 'credit_note', 'packing_slip')),
    -- What a credit note is for.
    refund_id   uuid REFERENCES refunds,
    series      text NOT NULL REFERENCES document_series,
    seq         int NOT NULL CHECK (seq > 0),
    number      text NOT NULL UNIQUE,
    language    text NOT NULL,
    currency    char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    net_minor   bigint NOT NULL CHECK (net_minor >= 0),
    tax_minor   bigint NOT NULL CHECK (tax_minor >= 0),
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    content     jsonb NOT NULL,
    issued_by   text NOT NULL,
    issued_at   timestamptz NOT NULL,
    UNIQUE (series, seq),
    CHECK ((kind = 'credit_note') = (refund_id IS NOT NULL)),
    CONSTRAINT documents_total_is_its_parts CHECK (total_minor = net_minor + tax_minor),
    CONSTRAINT documents_number_is_its_place CHECK (number = series || '-' || lpad(
        seq::text, greatest(6, length(seq::text)), '0'))
);
-- An order has one invoice, and one packing slip until shipments have their own.
CREATE UNIQUE INDEX documents_one_invoice ON documents (order_id) WHERE kind = 'invoice';
CREATE UNIQUE INDEX documents_one_packing_slip ON documents (order_id)
    WHERE kind = 'packing_slip';
-- A refund has one credit note.
CREATE UNIQUE INDEX documents_one_credit_note ON documents (refund_id)
    WHERE refund_id IS NOT NULL;
CREATE INDEX documents_order ON documents (order_id, id);
CREATE TRIGGER documents_append_only BEFORE UPDATE OR DELETE ON documents
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Up to when every sale and refund of the ledger is known to have its document.
CREATE TABLE document_progress (
    is_only       boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    covered_until timestamptz NOT NULL
);

-- The ledger's latest journals, found by block ranges: an insert into it costs nothing more.
CREATE INDEX ledger_journals_posted_at ON ledger_journals USING brin (posted_at);
