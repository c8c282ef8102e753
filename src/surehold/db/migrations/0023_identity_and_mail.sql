-- Who is this: accounts, their sessions, letters and secrets; roles of staff, keys of programs; and
-- the mails that tell people. No secret is kept that opens anything: tokens, keys and codes are
-- hashed, and what must be sent or computed again is sealed by the store's secret.

-- An account is made once its address was proven, or by staff: there is no unproven one.
CREATE TABLE accounts (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('customer', 'vendor', 'staff', 'admin')),
    email         text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    -- The same address in one spelling: letters folded, the domain in ASCII.
    email_key     text NOT NULL CONSTRAINT accounts_email_is_unique UNIQUE,
    name          text NOT NULL CHECK (length(name) <= 200),
    password_hash text CHECK (password_hash LIKE '$argon2id$%'),
    vendor_id     uuid REFERENCES vendors,
    created_at    timestamptz NOT NULL,
    created_by    text NOT NULL,
    disabled_at   timestamptz,
    disabled_by   text,
    CHECK ((kind = 'vendor') = (vendor_id IS NOT NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_by IS NULL))
);
-- Whoever works here, in the order in which they are listed; customers are not walked over.
CREATE INDEX accounts_staff ON accounts (email_key) WHERE kind <> 'customer';

-- One sign-in. A browser shows the session's own token; a program short tokens that we sign, and
-- the live one of a family of refresh tokens.
CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('browser', 'api')),
    token_hash   bytea UNIQUE CHECK (length(token_hash) = 32),
    proof        text NOT NULL CHECK (proof IN (
        'password', 'totp', 'recovery_code', 'magic_link')),
    device       text NOT NULL CHECK (length(device) <= 200),
    address      text NOT NULL CHECK (length(address) <= 64),
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    end_reason   text CHECK (end_reason IN (
        'signed_out', 'revoked', 'password_changed', 'email_changed', 'password_reset',
        'token_reused', 'factor_changed', 'account_disabled')),
    CHECK ((kind = 'browser') = (token_hash IS NOT NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_live ON sessions (account_id, id) WHERE ended_at IS NULL;
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
-- One token of a family is live, whatever two processes do at once.
CREATE UNIQUE INDEX refresh_tokens_live ON refresh_tokens (session_id) WHERE used_at IS NULL;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- What the store writes to an address about an account. Those that carry a link have the hash of
-- its token; the token itself lies sealed until the letter is sent, and then nowhere.
CREATE TABLE account_letters (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN (
        'confirm_registration', 'already_registered', 'reset_password', 'magic_link',
        'confirm_email', 'email_changed', 'password_changed')),
    account_id    uuid REFERENCES accounts ON DELETE CASCADE,
    email         text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    email_key     text NOT NULL,
    -- What a registration will be, once it is confirmed.
    name          text,
    password_hash text CHECK (password_hash LIKE '$argon2id$%'),
    token_hash    bytea UNIQUE CHECK (length(token_hash) = 32),
    sealed_token  text,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    used_at       timestamptz,
    CHECK ((kind = 'confirm_registration') = (account_id IS NULL)),
    CHECK ((kind = 'confirm_registration') = (name IS NOT NULL AND password_hash IS NOT NULL)),
    CHECK ((kind IN ('already_registered', 'email_changed', 'password_changed'))
           = (token_hash IS NULL)),
    CHECK ((token_hash IS NULL) = (expires_at IS NULL)),
    CHECK (sealed_token IS NULL OR token_hash IS NOT NULL)
);
CREATE INDEX account_letters_account ON account_letters (account_id)
    WHERE account_id IS NOT NULL;
CREATE INDEX account_letters_created_at ON account_letters (created_at);

-- Attempts that failed, by a hash of what they had in common: never the address itself.
CREATE TABLE attempt_counts (
    key           bytea PRIMARY KEY CHECK (length(key) = 32),
    attempts      int NOT NULL CHECK (attempts >= 0),
    counted_at    timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX attempt_counts_counted_at ON attempt_counts (counted_at);

-- Devices that an account signed in on before: strangers cannot lock these out.
CREATE TABLE known_devices (
    token_hash   bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    account_id   uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL
);
CREATE INDEX known_devices_account ON known_devices (account_id);
CREATE INDEX known_devices_last_used_at ON known_devices (last_used_at);

-- The second factor. The step of the last code that was taken: none is taken twice.
CREATE TABLE totp_factors (
    id            uuid PRIMARY KEY,
    account_id    uuid NOT NULL UNIQUE REFERENCES accounts ON DELETE CASCADE,
    sealed_secret text NOT NULL,
    last_step     bigint NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL,
    confirmed_at  timestamptz
);

CREATE TABLE recovery_codes (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    code_hash  bytea NOT NULL CHECK (length(code_hash) = 32),
    used_at    timestamptz,
    PRIMARY KEY (account_id, code_hash)
);

-- Keys of programs. The first letters are kept to be recognized by; the rest is a hash.
CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    account_id   uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    prefix       text NOT NULL CHECK (length(prefix) = 12),
    key_hash     bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX api_keys_account ON api_keys (account_id, id);

-- Roles are rows; what they may permit is enumerated in the program.
CREATE TABLE roles (
    id          uuid PRIMARY KEY,
    code        text NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9_-]{0,49}$'),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    permissions text[] NOT NULL,
    changed_by  text NOT NULL,
    changed_at  timestamptz NOT NULL
);

CREATE TABLE account_roles (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    role_id    uuid NOT NULL REFERENCES roles,
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, role_id)
);
CREATE INDEX account_roles_role ON account_roles (role_id);

-- A buyer's saved addresses, as the country writes them.
CREATE TABLE account_addresses (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    content    jsonb NOT NULL,
    is_default boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX account_addresses_account ON account_addresses (account_id, id);
CREATE UNIQUE INDEX account_addresses_default ON account_addresses (account_id)
    WHERE is_default;

-- Whose an order is. It is one account's, and stays that account's whatever address it has later.
-- No foreign key: the lane that places orders owes this table nothing.
CREATE TABLE account_orders (
    order_id   uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    placed_at  timestamptz NOT NULL,
    claimed_by text NOT NULL CHECK (claimed_by IN ('email', 'token')),
    claimed_at timestamptz NOT NULL
);
CREATE INDEX account_orders_account ON account_orders (account_id, placed_at DESC, order_id DESC);

-- One mail for each fact that somebody is told by mail. It holds neither words nor addresses: both
-- are asked for when it is sent.
CREATE TABLE mails (
    id              uuid PRIMARY KEY,
    topic           text NOT NULL,
    subject_id      uuid NOT NULL,
    state           text NOT NULL CHECK (state IN ('waiting', 'sent', 'dropped', 'failed')),
    attempts        int NOT NULL CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL,
    last_error      text,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    UNIQUE (topic, subject_id),
    CHECK ((state = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX mails_waiting ON mails (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX mails_created_at ON mails (created_at);
