-- How often somebody failed to sign in as one of the staff, until the worker has told the audit log.
-- One row for each account: whoever guesses writes no more rows than there are staff.
CREATE TABLE failed_sign_ins (
    account_id    uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    wrong         integer NOT NULL CHECK (wrong >= 0),
    second_factor integer NOT NULL CHECK (second_factor >= 0),
    blocked       integer NOT NULL CHECK (blocked >= 0),
    first_at      timestamptz NOT NULL,
    last_at       timestamptz NOT NULL,
    -- Where the last one came from.
    address       text NOT NULL CHECK (length(address) <= 64),
    CHECK (wrong + second_factor + blocked > 0),
    CHECK (last_at >= first_at)
);
CREATE INDEX failed_sign_ins_first_at ON failed_sign_ins (first_at);
