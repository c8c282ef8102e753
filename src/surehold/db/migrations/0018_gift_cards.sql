-- Stored value: gift cards, and credit that a buyer has with the store. A code is money, so only its
-- hash is kept; the last four letters tell one card from another. Store credit pays its owner only.
CREATE TABLE gift_cards (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('gift_card', 'store_credit')),
    code_hash     bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    last_four     text NOT NULL CHECK (last_four ~ '^[0-9A-Z]{4}$'),
    currency      char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    initial_minor bigint NOT NULL CHECK (initial_minor > 0),
    -- Begins empty and follows the entries; nothing else may change it.
    balance_minor bigint NOT NULL DEFAULT 0,
    -- In lower case. Of store credit, whom it pays for.
    owner_email   text,
    expires_at    timestamptz,
    disabled_at   timestamptz,
    disabled_by   text,
    reason        text NOT NULL,
    actor         text NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT gift_cards_one_per_code UNIQUE (code_hash),
    CONSTRAINT gift_cards_balance_not_negative CHECK (balance_minor >= 0),
    CHECK (kind <> 'store_credit' OR owner_email IS NOT NULL),
    CHECK ((disabled_at IS NULL) = (disabled_by IS NULL))
) WITH (fillfactor = 70);
-- What goes back to a buyer as credit is added to the credit that they have.
CREATE UNIQUE INDEX gift_cards_one_credit ON gift_cards (owner_email, currency)
    WHERE kind = 'store_credit' AND expires_at IS NULL AND disabled_at IS NULL;
CREATE INDEX gift_cards_owner ON gift_cards (owner_email, id) WHERE owner_email IS NOT NULL;
CREATE INDEX gift_cards_last_four ON gift_cards (last_four, id);
-- The job's list: what is to expire, and when.
CREATE INDEX gift_cards_to_expire ON gift_cards (expires_at)
    WHERE expires_at IS NOT NULL AND balance_minor > 0;

-- A card pays a part of an order as a payment of its own; a refund may be credit instead of money.
ALTER TABLE payments
    ADD COLUMN gift_card_id uuid REFERENCES gift_cards,
    ADD CONSTRAINT payments_by_gift_card CHECK ((provider = 'gift_card') = (gift_card_id IS NOT NULL));
ALTER TABLE refunds ADD COLUMN store_credit_id uuid REFERENCES gift_cards;

-- Every change of a balance. ``reference`` is what it is of: the card, the payment, the refund, or
-- the entry itself; nothing is booked twice. ``balance_minor`` is what was there afterwards.
CREATE TABLE gift_card_entries (
    id            uuid PRIMARY KEY,
    gift_card_id  uuid NOT NULL REFERENCES gift_cards,
    kind          text NOT NULL CHECK (kind IN (
        'issue', 'redeem', 'release', 'refund', 'adjust', 'expire')),
    amount_minor  bigint NOT NULL CHECK (amount_minor <> 0),
    reference     uuid NOT NULL,
    order_id      uuid REFERENCES orders,
    payment_id    uuid REFERENCES payments,
    refund_id     uuid REFERENCES refunds,
    reason        text,
    actor         text NOT NULL,
    balance_minor bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT gift_card_entries_once UNIQUE (kind, reference),
    CHECK (kind = 'adjust' OR (amount_minor < 0) = (kind IN ('redeem', 'expire'))),
    CHECK ((payment_id IS NOT NULL) = (kind IN ('redeem', 'release'))),
    CHECK ((refund_id IS NOT NULL) = (kind = 'refund')),
    CHECK ((order_id IS NOT NULL) = (kind IN ('redeem', 'release', 'refund')))
);
CREATE INDEX gift_card_entries_card ON gift_card_entries (gift_card_id, id);
CREATE TRIGGER gift_card_entries_append_only BEFORE UPDATE OR DELETE ON gift_card_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- An entry moves its card's balance in the same statement, and the card's CHECK refuses what is not
-- there. What goes back to a card can be used for a month, however old the card is.
CREATE FUNCTION apply_gift_card_entry() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE gift_cards
       SET balance_minor = balance_minor + NEW.amount_minor,
           expires_at = CASE WHEN NEW.kind = 'refund'
                                  AND expires_at < NEW.created_at + interval '30 days'
                             THEN NEW.created_at + interval '30 days'
                             ELSE expires_at END
     WHERE id = NEW.gift_card_id
    RETURNING balance_minor INTO NEW.balance_minor;
    RETURN NEW;
END
$$;
CREATE TRIGGER gift_card_entries_apply BEFORE INSERT ON gift_card_entries
    FOR EACH ROW EXECUTE FUNCTION apply_gift_card_entry();

CREATE FUNCTION refuse_balance() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'gift card %: a balance follows its entries', NEW.id
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER gift_cards_begin_empty BEFORE INSERT ON gift_cards
    FOR EACH ROW WHEN (NEW.balance_minor <> 0) EXECUTE FUNCTION refuse_balance();
CREATE TRIGGER gift_cards_balance_by_entries BEFORE UPDATE OF balance_minor ON gift_cards
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_balance();

-- What the store owes to the holders of cards, and what it gave away: of no order.
ALTER TABLE ledger_journals
    ALTER COLUMN order_id DROP NOT NULL,
    DROP CONSTRAINT ledger_journals_kind_check,
    ADD CONSTRAINT ledger_journals_kind_check CHECK (kind IN (
        'capture', 'sale', 'refund', 'sale_reversal', 'sale_credit', 'suspense',
        'gift_card_issue', 'gift_card_adjust', 'gift_card_expire')),
    ADD CONSTRAINT ledger_journals_of_order CHECK (
        (order_id IS NULL) = (kind IN (
            'gift_card_issue', 'gift_card_adjust', 'gift_card_expire')));
