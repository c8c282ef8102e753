-- Goods that leave before their money is here: paid at the door, or authorized at checkout and
-- captured when they are sent. No store is live before 0.1.0, so tables change in one file.

-- When the money of a payment is taken; as the store's settings were when it was begun.
ALTER TABLE payments ADD COLUMN terms text NOT NULL DEFAULT 'now'
    CHECK (terms IN ('now', 'on_shipment', 'on_delivery'));
ALTER TABLE payment_operations
    DROP CONSTRAINT payment_operations_kind_check,
    ADD CONSTRAINT payment_operations_kind_check
        CHECK (kind IN ('create', 'capture', 'void', 'refund'));

-- An order that owns its goods is a sale once its money came, or something of it was sent unpaid:
-- then the rest is owed. Owning them alone is no sale.
ALTER TABLE orders
    ADD COLUMN sold_at timestamptz,
    ADD COLUMN owed_minor bigint NOT NULL DEFAULT 0 CHECK (owed_minor >= 0),
    ADD CONSTRAINT orders_owed_for_a_sale CHECK (
        owed_minor = 0 OR (sold_at IS NOT NULL AND canceled_at IS NULL));
UPDATE orders
   SET sold_at = journal.posted_at
  FROM ledger_journals AS journal
 WHERE journal.order_id = orders.id
   AND journal.kind = 'sale';

-- Cash that a courier brought, once for a payment, and with which deposit it went to the bank.
CREATE TABLE cash_deposits (
    id              uuid PRIMARY KEY,
    currency        char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- What the collections in it come to, and what the bank counted.
    collected_minor bigint NOT NULL CHECK (collected_minor > 0),
    counted_minor   bigint NOT NULL CHECK (counted_minor >= 0),
    -- The bank's receipt: one deposit each.
    reference       text NOT NULL CHECK (reference <> ''),
    actor           text NOT NULL,
    deposited_at    timestamptz NOT NULL,
    CONSTRAINT cash_deposits_one_per_receipt UNIQUE (reference)
);
CREATE TRIGGER cash_deposits_append_only BEFORE UPDATE OR DELETE ON cash_deposits
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE cash_collections (
    payment_id   uuid PRIMARY KEY REFERENCES payments,
    order_id     uuid NOT NULL REFERENCES orders,
    currency     char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    collected_by text NOT NULL CHECK (collected_by <> ''),
    actor        text NOT NULL,
    collected_at timestamptz NOT NULL,
    deposit_id   uuid REFERENCES cash_deposits
);
-- What couriers still have, the oldest first.
CREATE INDEX cash_collections_held ON cash_collections (collected_at, payment_id)
    WHERE deposit_id IS NULL;
CREATE INDEX cash_collections_deposit ON cash_collections (deposit_id)
    WHERE deposit_id IS NOT NULL;

-- Cash goes to the bank once, and nothing else of a collection ever changes.
CREATE FUNCTION keep_cash_collection() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.deposit_id IS NOT NULL
       OR (NEW.payment_id, NEW.order_id, NEW.currency, NEW.amount_minor, NEW.collected_by,
           NEW.actor, NEW.collected_at)
          IS DISTINCT FROM
          (OLD.payment_id, OLD.order_id, OLD.currency, OLD.amount_minor, OLD.collected_by,
           OLD.actor, OLD.collected_at) THEN
        RAISE EXCEPTION 'cash of payment %: a collection is deposited once, and nothing else',
            OLD.payment_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER cash_collections_kept BEFORE UPDATE OR DELETE ON cash_collections
    FOR EACH ROW EXECUTE FUNCTION keep_cash_collection();

ALTER TABLE ledger_journals
    DROP CONSTRAINT ledger_journals_kind_check,
    ADD CONSTRAINT ledger_journals_kind_check CHECK (kind IN (
        'capture', 'sale', 'refund', 'sale_reversal', 'sale_credit', 'sale_addition', 'suspense',
        'gift_card_issue', 'gift_card_adjust', 'gift_card_expire',
        'receivable', 'receivable_paid', 'receivable_canceled', 'cash_deposit')),
    DROP CONSTRAINT ledger_journals_of_order,
    ADD CONSTRAINT ledger_journals_of_order CHECK (
        (order_id IS NULL) = (kind IN (
            'gift_card_issue', 'gift_card_adjust', 'gift_card_expire', 'cash_deposit')));

-- An order is confirmed without money, waits for money again when an authorization lapses, and is
-- given up on its way when it is refused at the door.
INSERT INTO order_status_moves (from_status, to_status) VALUES
    ('archived', 'confirmed'),
    ('canceled', 'confirmed'),
    ('confirmed', 'payment_failed'),
    ('confirmed', 'pending_payment'),
    ('in_transit', 'canceled'),
    ('payment_failed', 'confirmed'),
    ('payment_failed', 'processing'),
    ('payment_failed', 'ready_for_shipment'),
    ('pending_payment', 'processing'),
    ('pending_payment', 'ready_for_shipment'),
    ('processing', 'payment_failed'),
    ('processing', 'pending_payment'),
    ('ready_for_shipment', 'payment_failed'),
    ('ready_for_shipment', 'pending_payment'),
    ('shipped', 'canceled');

-- Transfers that staff look for in the bank's statements, the oldest first.
CREATE INDEX payments_awaiting_transfer ON payments (id)
    WHERE state = 'requires_action' AND next_action ->> 'type' = 'instructions';

-- What buyers show as proof of a transfer: pictures drawn anew, and PDFs as they came. It is no proof.
CREATE TABLE transfer_proofs (
    id          uuid PRIMARY KEY,
    payment_id  uuid NOT NULL REFERENCES payments,
    position    int NOT NULL CHECK (position BETWEEN 1 AND 3),
    kind        text NOT NULL CHECK (kind IN ('image', 'pdf')),
    content     bytea NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 8388608),
    -- SHA-256 of what was sent: the same file sent again is the one that is there.
    source_hash bytea NOT NULL CHECK (octet_length(source_hash) = 32),
    actor       text NOT NULL,
    added_at    timestamptz NOT NULL,
    CONSTRAINT transfer_proofs_three_per_payment UNIQUE (payment_id, position),
    CONSTRAINT transfer_proofs_once UNIQUE (payment_id, source_hash)
);
CREATE INDEX transfer_proofs_age ON transfer_proofs (added_at);
