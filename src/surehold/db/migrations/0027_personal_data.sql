-- Personal data: copies that people ask for, erasures, and the one narrow way in which an erasure
-- changes histories; and the windows in which requests of sensitive routes are counted.

-- Who is erased. The address is here while the erasure runs, and then nowhere.
CREATE TABLE erasures (
    id           uuid PRIMARY KEY,
    state        text NOT NULL CHECK (state IN ('running', 'erased', 'done')),
    account_id   uuid,
    email        text,
    email_key    text,
    -- How many steps were carried out in this round, and what they have changed so far, by table.
    step         integer NOT NULL DEFAULT 0 CHECK (step >= 0),
    counts       jsonb NOT NULL DEFAULT '{}',
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    erased_at    timestamptz,
    -- When all is gone over once more: what providers sent, and documents that had to be kept.
    again_at     timestamptz,
    CONSTRAINT erasures_forget_the_person CHECK ((state = 'running') OR (email IS NULL AND email_key IS NULL)),
    CONSTRAINT erasures_erased CHECK ((state = 'running') = (erased_at IS NULL)),
    CONSTRAINT erasures_again CHECK ((state = 'erased') = (again_at IS NOT NULL))
);
CREATE UNIQUE INDEX erasures_one_at_a_time ON erasures (email_key) WHERE state = 'running';
CREATE INDEX erasures_running ON erasures (requested_at) WHERE state = 'running';
CREATE INDEX erasures_again ON erasures (again_at) WHERE again_at IS NOT NULL;

-- Whose orders they were is decided once: one that is placed later is a contract of its own.
CREATE TABLE erasure_orders (
    erasure_id uuid NOT NULL REFERENCES erasures ON DELETE CASCADE,
    order_id   uuid NOT NULL,
    PRIMARY KEY (erasure_id, order_id)
);
CREATE INDEX erasure_orders_order ON erasure_orders (order_id);

-- A copy of what is kept about somebody: made by a job, taken once, and gone.
CREATE TABLE personal_exports (
    id           uuid PRIMARY KEY,
    account_id   uuid,
    email        text NOT NULL,
    email_key    text NOT NULL,
    token_hash   bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    content      bytea,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX personal_exports_waiting ON personal_exports (requested_at) WHERE content IS NULL;
CREATE INDEX personal_exports_expires_at ON personal_exports (expires_at);

-- Whether this transaction carries out an erasure that was asked for and has not ended. Whoever
-- sets the setting by hand has to name one that is under way, so it stands in ``erasures``.
CREATE FUNCTION is_erasing() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    named text := current_setting('surehold.erasure', true);
BEGIN
    IF named IS NULL OR named = '' THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM erasures WHERE id = named::uuid AND state <> 'done');
END
$$;

-- A history may lose the columns that are named, and nothing else of it changes.
CREATE FUNCTION refuse_all_but() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - TG_ARGV IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV THEN
        RAISE EXCEPTION '% is append-only: an erasure changes nothing but %',
            TG_TABLE_NAME, array_to_string(TG_ARGV, ', ')
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER order_events_append_only ON order_events;
CREATE TRIGGER order_events_append_only BEFORE DELETE OR UPDATE ON order_events
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_events_erased BEFORE DELETE OR UPDATE ON order_events
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('reason');

DROP TRIGGER order_notes_append_only ON order_notes;
CREATE TRIGGER order_notes_append_only BEFORE DELETE OR UPDATE ON order_notes
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_notes_erased BEFORE DELETE OR UPDATE ON order_notes
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('text');

DROP TRIGGER cancellations_append_only ON cancellations;
CREATE TRIGGER cancellations_append_only BEFORE DELETE OR UPDATE ON cancellations
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cancellations_erased BEFORE DELETE OR UPDATE ON cancellations
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('reason');

DROP TRIGGER return_events_append_only ON return_events;
CREATE TRIGGER return_events_append_only BEFORE DELETE OR UPDATE ON return_events
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER return_events_erased BEFORE DELETE OR UPDATE ON return_events
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('reason');

DROP TRIGGER fulfillment_events_append_only ON fulfillment_events;
CREATE TRIGGER fulfillment_events_append_only BEFORE DELETE OR UPDATE ON fulfillment_events
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fulfillment_events_erased BEFORE DELETE OR UPDATE ON fulfillment_events
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('tracking_number', 'reason');

DROP TRIGGER order_change_events_append_only ON order_change_events;
CREATE TRIGGER order_change_events_append_only BEFORE DELETE OR UPDATE ON order_change_events
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_change_events_erased BEFORE DELETE OR UPDATE ON order_change_events
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('reason');

DROP TRIGGER draft_order_events_append_only ON draft_order_events;
CREATE TRIGGER draft_order_events_append_only BEFORE DELETE OR UPDATE ON draft_order_events
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER draft_order_events_erased BEFORE DELETE OR UPDATE ON draft_order_events
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('content', 'reason');

DROP TRIGGER gift_card_entries_append_only ON gift_card_entries;
CREATE TRIGGER gift_card_entries_append_only BEFORE DELETE OR UPDATE ON gift_card_entries
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER gift_card_entries_erased BEFORE DELETE OR UPDATE ON gift_card_entries
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('reason');

DROP TRIGGER documents_append_only ON documents;
CREATE TRIGGER documents_append_only BEFORE DELETE OR UPDATE ON documents
    FOR EACH STATEMENT WHEN (NOT is_erasing()) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER documents_erased BEFORE DELETE OR UPDATE ON documents
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('content');

-- What keeps a history of its own changes keeps none of this one: it would be kept for ever.
DROP TRIGGER draft_orders_record ON draft_orders;
CREATE TRIGGER draft_orders_record BEFORE INSERT OR UPDATE ON draft_orders
    FOR EACH ROW WHEN (NOT is_erasing()) EXECUTE FUNCTION record_draft_order();
CREATE TRIGGER draft_orders_erased BEFORE UPDATE ON draft_orders
    FOR EACH ROW WHEN (is_erasing())
    EXECUTE FUNCTION refuse_all_but('content', 'token_hash', 'link_expires_at', 'change_reason');

DROP TRIGGER fulfillments_record_move ON fulfillments;
CREATE TRIGGER fulfillments_record_move BEFORE UPDATE ON fulfillments
    FOR EACH ROW WHEN ((OLD.state IS DISTINCT FROM NEW.state
                        OR OLD.carrier IS DISTINCT FROM NEW.carrier
                        OR OLD.tracking_number IS DISTINCT FROM NEW.tracking_number)
                       AND NOT is_erasing())
    EXECUTE FUNCTION record_fulfillment_move();
CREATE TRIGGER fulfillments_erased BEFORE UPDATE ON fulfillments
    FOR EACH ROW WHEN (is_erasing())
    EXECUTE FUNCTION refuse_all_but('tracking_number', 'change_reason');

DROP TRIGGER order_changes_record ON order_changes;
CREATE TRIGGER order_changes_record BEFORE INSERT OR UPDATE ON order_changes
    FOR EACH ROW WHEN (NOT is_erasing()) EXECUTE FUNCTION record_order_change();
CREATE TRIGGER order_changes_erased BEFORE UPDATE ON order_changes
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('change_reason');

DROP TRIGGER coupon_redemptions_end_once ON coupon_redemptions;
CREATE TRIGGER coupon_redemptions_end_once BEFORE UPDATE ON coupon_redemptions
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL AND NOT is_erasing())
    EXECUTE FUNCTION refuse_redemption_revival();
CREATE TRIGGER coupon_redemptions_erased BEFORE UPDATE ON coupon_redemptions
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('buyer');

-- Orders and money that an erasure touches keep every number.
CREATE TRIGGER orders_erased BEFORE UPDATE ON orders
    FOR EACH ROW WHEN (is_erasing())
    EXECUTE FUNCTION refuse_all_but('email', 'shipping_address', 'billing_address', 'change_reason');
CREATE TRIGGER payments_erased BEFORE UPDATE ON payments
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('next_action', 'failure_message');
CREATE TRIGGER payment_operations_erased BEFORE UPDATE ON payment_operations
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('request');
CREATE TRIGGER refunds_erased BEFORE UPDATE ON refunds
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('reason', 'internal_reason');
CREATE TRIGGER gift_cards_erased BEFORE UPDATE ON gift_cards
    FOR EACH ROW WHEN (is_erasing()) EXECUTE FUNCTION refuse_all_but('owner_email', 'reason');

-- Requests of the few routes whose count all processes share. Lost with a crash, as it may be.
CREATE UNLOGGED TABLE request_windows (
    key          bytea PRIMARY KEY CHECK (length(key) = 32),
    requests     integer NOT NULL CHECK (requests > 0),
    window_until timestamptz NOT NULL
);
CREATE INDEX request_windows_until ON request_windows (window_until);
