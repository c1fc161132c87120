-- Programs that may ask the API. The secret is not here, only its SHA-256: it is random and long, so
-- that a slow hash would add nothing.
CREATE TABLE api_keys (
    key_id      text COLLATE "C" NOT NULL PRIMARY KEY,
    name        text NOT NULL,
    role        text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    secret_hash bytea NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    expires_at  timestamptz,
    revoked_at  timestamptz
);

-- People that may sign in to the console. A password is chosen by people, so its hash is a slow one
-- (argon2id, in its own text form).
CREATE TABLE users (
    user_name     text COLLATE "C" NOT NULL PRIMARY KEY,
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL,
    created_by    text NOT NULL
);

CREATE TABLE sessions (
    secret_hash bytea NOT NULL PRIMARY KEY,
    user_name   text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Every change that somebody asked for. The row is there before the change is begun; without a
-- status, nobody knows what became of it.
CREATE TABLE audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_at timestamptz NOT NULL,
    node     text NOT NULL,
    caller   text NOT NULL,
    action   text NOT NULL,
    target   text NOT NULL,
    status   integer,
    before   text,
    after    text
);
