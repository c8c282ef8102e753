-- What speaks against a paid order, and holds it for a person before anything is sent. No store is
-- live before 0.1.0, so tables change in one file and indexes are built with the rest.

-- Where an order was placed from and where it goes, as keyed hashes, in a store that asks for
-- signals; in all others they are empty, and so are the indexes.
ALTER TABLE orders
    ADD COLUMN network_hash bytea CHECK (length(network_hash) = 16),
    ADD COLUMN address_hash bytea CHECK (length(address_hash) = 16);
CREATE INDEX orders_network ON orders (network_hash, placed_at) WHERE network_hash IS NOT NULL;
CREATE INDEX orders_address ON orders (address_hash, placed_at) WHERE address_hash IS NOT NULL;
DROP TRIGGER orders_erased ON orders;
CREATE TRIGGER orders_erased BEFORE UPDATE ON orders
    FOR EACH ROW WHEN (is_erasing())
    EXECUTE FUNCTION refuse_all_but('email', 'shipping_address', 'billing_address', 'network_hash',
                                    'address_hash', 'change_reason');

-- What spoke against an order when its money came, and how much each weighed then. Written with the
-- payment, once, where anything did.
CREATE TABLE fraud_assessments (
    id          uuid PRIMARY KEY,
    payment_id  uuid NOT NULL REFERENCES payments,
    order_id    uuid NOT NULL REFERENCES orders,
    score       int NOT NULL CHECK (score > 0),
    hold_at     int NOT NULL CHECK (hold_at > 0),
    is_held     boolean NOT NULL,
    signals     jsonb NOT NULL CHECK (jsonb_array_length(signals) > 0),
    assessed_at timestamptz NOT NULL,
    CONSTRAINT fraud_assessments_once UNIQUE (payment_id),
    CHECK (is_held = (score >= hold_at))
);
CREATE INDEX fraud_assessments_order ON fraud_assessments (order_id);
CREATE TRIGGER fraud_assessments_append_only BEFORE UPDATE OR DELETE ON fraud_assessments
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fraud_assessments_erased BEFORE UPDATE OR DELETE ON fraud_assessments
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('signals');

-- What waits for a person now: few at any time.
CREATE INDEX payments_suspected ON payments (id) WHERE review_reason = 'fraud_signals';

-- Nothing leaves while somebody looks into it, whatever the code does.
CREATE FUNCTION refuse_sending_what_is_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM payments
                WHERE order_id = NEW.order_id
                  AND review_reason = 'fraud_signals') THEN
        RAISE EXCEPTION 'order % is held for review: nothing of it is sent', NEW.order_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER fulfillments_not_while_held BEFORE UPDATE OF state ON fulfillments
    FOR EACH ROW WHEN (NEW.state = 'shipped' AND OLD.state <> 'shipped')
    EXECUTE FUNCTION refuse_sending_what_is_held();

-- Whoever is asked about signals lets the order go on, or gives it up.
ALTER TABLE payment_reviews
    DROP CONSTRAINT payment_reviews_decision_check,
    ADD CONSTRAINT payment_reviews_decision_check
        CHECK (decision IN ('accept', 'refund', 'reject'));
-- Of two who decide at once, one does.
CREATE UNIQUE INDEX payment_reviews_of_signals_once ON payment_reviews (payment_id)
    WHERE reason = 'fraud_signals';
