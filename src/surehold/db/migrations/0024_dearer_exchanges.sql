-- An exchange for something dearer: what came back pays its part, and the buyer the rest.

ALTER TABLE order_changes
    -- What is paid by what was refunded for the return.
    ADD COLUMN covered_minor bigint NOT NULL DEFAULT 0 CHECK (covered_minor >= 0);

-- Not a move of theirs: what they say now was always so.
ALTER TABLE order_changes DISABLE TRIGGER order_changes_record;
UPDATE order_changes SET covered_minor = added_minor WHERE return_id IS NOT NULL;
ALTER TABLE order_changes ENABLE TRIGGER order_changes_record;

ALTER TABLE order_changes
    DROP CONSTRAINT order_changes_return_id_key,
    DROP CONSTRAINT order_changes_paid_by,
    ADD CONSTRAINT order_changes_paid_by CHECK (
        (payment_id IS NOT NULL) = (is_sold AND added_minor > given_up_minor + covered_minor)),
    DROP CONSTRAINT order_changes_exchange,
    ADD CONSTRAINT order_changes_exchange CHECK (
        CASE WHEN return_id IS NULL THEN covered_minor = 0
             ELSE is_sold AND given_up_minor = 0 AND covered_minor > 0
                  AND covered_minor <= added_minor END);
-- A return is settled by one exchange; one that was not paid for leaves it open.
CREATE UNIQUE INDEX order_changes_one_of_return ON order_changes (return_id)
    WHERE state IN ('awaiting_payment', 'applied');

-- What was agreed is never written again, and every state is a line of history.
CREATE OR REPLACE FUNCTION record_order_change() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
BEGIN
    IF before IS NULL AND NEW.state NOT IN ('awaiting_payment', 'applied')
       OR before IS NOT NULL AND NOT EXISTS (
           SELECT FROM order_change_state_moves WHERE from_state = before AND to_state = NEW.state)
    THEN
        RAISE EXCEPTION 'order change %: % does not lead to %', NEW.id, before, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF before IS NOT NULL THEN
        IF (NEW.order_id, NEW.content, NEW.given_up_minor, NEW.added_minor, NEW.covered_minor,
            NEW.is_sold, NEW.payment_id, NEW.return_id) IS DISTINCT FROM (OLD.order_id,
            OLD.content, OLD.given_up_minor, OLD.added_minor, OLD.covered_minor, OLD.is_sold,
            OLD.payment_id, OLD.return_id) THEN
            RAISE EXCEPTION 'order change %: what was agreed does not change', NEW.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        NEW.version := OLD.version + 1;
    END IF;
    INSERT INTO order_change_events
           (change_id, seq, from_state, to_state, actor, reason, happened_at)
    VALUES (NEW.id, NEW.version, before, NEW.state, NEW.changed_by, NEW.change_reason,
            NEW.updated_at);
    RETURN NEW;
END
$$;
