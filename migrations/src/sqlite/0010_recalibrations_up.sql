-- `settings` and `version` are the owner's when the job was made: what it does is settled then.
-- Statuses from `from_at` on (null: all) and before `to_at`. The place is how far it is: everything
-- before it, by sub-owner and time, has the version or a later one. Whoever works on it is `worker`,
-- until `worked_until`.
CREATE TABLE recalibrations (
    job_id             TEXT NOT NULL PRIMARY KEY,
    owner_id           TEXT NOT NULL REFERENCES owners (owner_id),
    sub_owner_id       TEXT,
    from_at            TEXT,
    to_at              TEXT NOT NULL,
    version            INTEGER NOT NULL,
    settings           TEXT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('running', 'paused', 'cancelled', 'done')),
    statuses           INTEGER NOT NULL,
    statuses_done      INTEGER NOT NULL DEFAULT 0,
    statuses_changed   INTEGER NOT NULL DEFAULT 0,
    place_sub_owner_id TEXT,
    place_at           TEXT,
    created_at         TEXT NOT NULL,
    created_by         TEXT NOT NULL,
    updated_at         TEXT NOT NULL,
    node               TEXT,
    worker             TEXT,
    worked_until       TEXT
) WITHOUT ROWID;

-- One at a time of an owner.
CREATE UNIQUE INDEX recalibrations_open ON recalibrations (owner_id)
    WHERE state IN ('running', 'paused');
CREATE INDEX recalibrations_by_creation ON recalibrations (created_at, job_id);
