-- Programs that may ask the API. The secret is not here, only its SHA-256: it is random and long, so
-- that a slow hash would add nothing.
CREATE TABLE api_keys (
    key_id      text NOT NULL PRIMARY KEY,
    name        text NOT NULL,
    role        text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    secret_hash blob NOT NULL UNIQUE,
    created_at  text NOT NULL,
    created_by  text NOT NULL,
    expires_at  text,
    revoked_at  text
) WITHOUT ROWID;

-- People that may sign in to the console. A password is chosen by people, so its hash is a slow one
-- (argon2id, in its own text form).
CREATE TABLE users (
    user_name     text NOT NULL PRIMARY KEY,
    role          text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password_hash text NOT NULL,
    created_at    text NOT NULL,
    created_by    text NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
    secret_hash blob NOT NULL PRIMARY KEY,
    user_name   text NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  text NOT NULL,
    expires_at  text NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Every change that somebody asked for. The row is there before the change is begun; without a
-- status, nobody knows what became of it.
CREATE TABLE audit_log (
    audit_id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    asked_at text NOT NULL,
    node     text NOT NULL,
    caller   text NOT NULL,
    action   text NOT NULL,
    target   text NOT NULL,
    status   integer,
    before   text,
    after    text
);
