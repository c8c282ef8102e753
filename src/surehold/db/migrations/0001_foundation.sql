-- What every room stands on: the deciding clock, settings, idempotency, the outbox.

-- The clock that decides. The shift is zero outside tests and the demo's simulator.
CREATE FUNCTION store_now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT clock_timestamp()
         + coalesce(nullif(current_setting('surehold.clock_shift', true), ''), '0')::interval
$$;

-- Rows of these tables are written once.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TABLE settings (
    key        text PRIMARY KEY,
    value      jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE setting_changes (
    id         uuid PRIMARY KEY,
    key        text NOT NULL,
    before     jsonb,
    after      jsonb NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE TRIGGER setting_changes_append_only BEFORE UPDATE OR DELETE ON setting_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- 'placed': the work is committed and a provider is still to be asked; a retry carries on.
CREATE TABLE idempotency_keys (
    scope        text NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    state        text NOT NULL CHECK (state IN ('placed', 'done')),
    subject_id   uuid NOT NULL,
    status       smallint,
    response     bytea,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (scope, key),
    CHECK ((state = 'done') = (status IS NOT NULL AND response IS NOT NULL))
);
-- Pruning walks the table in the order of its making; a block range index costs the lane nothing.
CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);

CREATE TABLE outbox (
    id           uuid PRIMARY KEY,
    topic        text NOT NULL,
    subject_id   uuid NOT NULL,
    payload      jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    published_at timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
