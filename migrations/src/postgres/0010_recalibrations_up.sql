-- `settings` and `version` are the owner's when the job was made: what it does is settled then.
-- Statuses from `from_at` on (null: all) and before `to_at`. The place is how far it is: everything
-- before it, by sub-owner and time, has the version or a later one. Whoever works on it is `worker`,
-- until `worked_until`.
CREATE TABLE recalibrations (
    job_id             text COLLATE "C" NOT NULL PRIMARY KEY,
    owner_id           text COLLATE "C" NOT NULL REFERENCES owners (owner_id),
    sub_owner_id       text COLLATE "C",
    from_at            timestamptz,
    to_at              timestamptz NOT NULL,
    version            bigint NOT NULL,
    settings           text NOT NULL,
    state              text NOT NULL CHECK (state IN ('running', 'paused', 'cancelled', 'done')),
    statuses           bigint NOT NULL,
    statuses_done      bigint NOT NULL DEFAULT 0,
    statuses_changed   bigint NOT NULL DEFAULT 0,
    place_sub_owner_id text COLLATE "C",
    place_at           timestamptz,
    created_at         timestamptz NOT NULL,
    created_by         text NOT NULL,
    updated_at         timestamptz NOT NULL,
    node               text,
    worker             text,
    worked_until       timestamptz
);

-- One at a time of an owner.
CREATE UNIQUE INDEX recalibrations_open ON recalibrations (owner_id)
    WHERE state IN ('running', 'paused');
CREATE INDEX recalibrations_by_creation ON recalibrations (created_at, job_id);
