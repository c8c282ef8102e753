-- Who of the staff did what, when and from where. Each entry holds the digest of the one before, so
-- none is changed, left out or put in between without all that follow saying so.

-- What the digest of an entry is made of. The instant counts microseconds, whatever the time zone.
CREATE FUNCTION audit_digest(
    previous bytea, seq bigint, id uuid, happened_at timestamptz, actor text, action text,
    subject text, address text, request_id text, content jsonb
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(previous || convert_to(jsonb_build_array(
               seq, id, (extract(epoch FROM happened_at) * 1000000)::bigint, actor, action,
               subject, address, request_id, content)::text, 'UTF8'))
$$;

CREATE TABLE audit_entries (
    seq         bigint PRIMARY KEY CHECK (seq > 0),
    id          uuid NOT NULL UNIQUE,
    happened_at timestamptz NOT NULL,
    actor       text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    action      text NOT NULL CHECK (length(action) BETWEEN 1 AND 200),
    subject     text NOT NULL CHECK (length(subject) <= 500),
    address     text NOT NULL CHECK (length(address) <= 64),
    request_id  text NOT NULL CHECK (length(request_id) <= 64),
    content     jsonb NOT NULL,
    -- Two entries never follow the same one: the chain has no branches.
    previous    bytea NOT NULL UNIQUE CHECK (length(previous) = 32),
    digest      bytea NOT NULL UNIQUE CHECK (length(digest) = 32)
);
CREATE INDEX audit_entries_actor ON audit_entries (actor, seq);
CREATE INDEX audit_entries_action ON audit_entries (action, seq);
CREATE INDEX audit_entries_happened_at ON audit_entries (happened_at, seq);
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
