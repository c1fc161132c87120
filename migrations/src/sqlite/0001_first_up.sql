-- Times are RFC 3339 UTC text of fixed width, so that the order of texts is the order of times.
-- Small tables that are looked up by their key alone lie in the key's own tree (WITHOUT ROWID).

-- `resolved` is greatest for the stream that was resolved last: which one is read is not told by the
-- generation, for a node may go back to an earlier hub.
CREATE TABLE streams (
    stream_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace      TEXT NOT NULL,
    event_hub      TEXT NOT NULL,
    consumer_group TEXT NOT NULL,
    generation     INTEGER NOT NULL,
    hub_created_at TEXT NOT NULL,
    resolved       INTEGER NOT NULL,
    UNIQUE (namespace, event_hub, consumer_group, generation)
);

-- `search` is the id and the name in lower case: what a search by part of them reads.
CREATE TABLE owners (
    owner_id     TEXT NOT NULL PRIMARY KEY,
    state        TEXT NOT NULL CHECK (state IN ('active', 'pending', 'blocked', 'deleted')),
    display_name TEXT,
    settings     TEXT NOT NULL,
    version      INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    search       TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX owners_by_state ON owners (state, owner_id);

CREATE TABLE sub_owners (
    owner_id     TEXT NOT NULL REFERENCES owners (owner_id),
    sub_owner_id TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('active', 'deleted')),
    display_name TEXT,
    settings     TEXT NOT NULL,
    version      INTEGER NOT NULL,
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    PRIMARY KEY (owner_id, sub_owner_id)
) WITHOUT ROWID;

CREATE TABLE settings_history (
    owner_id   TEXT NOT NULL REFERENCES owners (owner_id),
    version    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (owner_id, version)
) WITHOUT ROWID;

-- No unique key: the position rule is the guard. The index is the order in which the API reads,
-- up to statuses of one moment, which are sorted as they are read: the rest of the key in it would
-- make the index larger and the commit slower.
CREATE TABLE statuses (
    owner_id        TEXT NOT NULL,
    sub_owner_id    TEXT NOT NULL,
    stream_id       INTEGER NOT NULL,
    partition_id    INTEGER NOT NULL,
    sequence_number INTEGER NOT NULL,
    enqueued_at     TEXT NOT NULL,
    status_at       TEXT NOT NULL,
    data            TEXT NOT NULL,
    value           REAL,
    version         INTEGER NOT NULL
);

CREATE INDEX statuses_by_time ON statuses (owner_id, sub_owner_id, status_at);

CREATE TABLE latest_statuses (
    owner_id        TEXT NOT NULL,
    sub_owner_id    TEXT NOT NULL,
    stream_id       INTEGER NOT NULL,
    partition_id    INTEGER NOT NULL,
    sequence_number INTEGER NOT NULL,
    enqueued_at     TEXT NOT NULL,
    status_at       TEXT NOT NULL,
    data            TEXT NOT NULL,
    value           REAL,
    version         INTEGER NOT NULL,
    PRIMARY KEY (owner_id, sub_owner_id)
);

-- Not yet calibrated: no value and no version.
CREATE TABLE held_statuses (
    stream_id       INTEGER NOT NULL,
    partition_id    INTEGER NOT NULL,
    sequence_number INTEGER NOT NULL,
    owner_id        TEXT NOT NULL,
    sub_owner_id    TEXT NOT NULL,
    enqueued_at     TEXT NOT NULL,
    status_at       TEXT NOT NULL,
    data            TEXT NOT NULL,
    PRIMARY KEY (stream_id, partition_id, sequence_number)
);

CREATE INDEX held_statuses_by_owner ON held_statuses
    (owner_id, stream_id, partition_id, sequence_number);

-- Lease, checkpoint, durable totals and what its reader last saw. `gaps` is the total of numbers
-- that the hub did not have; `removed` counts rows that retention or erasure took from `statuses`
-- (their total in `stored` stays). `dropped` is JSON by reason.
CREATE TABLE partitions (
    stream_id                     INTEGER NOT NULL REFERENCES streams (stream_id),
    partition_id                  INTEGER NOT NULL,
    epoch                         INTEGER NOT NULL,
    node                          TEXT,
    incarnation                   TEXT,
    expires_at                    TEXT,
    ttl_millis                    INTEGER NOT NULL,
    "offset"                      TEXT,
    number_epoch                  INTEGER,
    first_sequence_number         INTEGER,
    sequence_number               INTEGER,
    stored                        INTEGER NOT NULL DEFAULT 0,
    held                          INTEGER NOT NULL DEFAULT 0,
    dead                          INTEGER NOT NULL DEFAULT 0,
    gaps                          INTEGER NOT NULL DEFAULT 0,
    removed                       INTEGER NOT NULL DEFAULT 0,
    dropped                       TEXT NOT NULL DEFAULT '{}',
    last_commit_at                TEXT,
    last_enqueued_sequence_number INTEGER,
    lag_seconds                   REAL,
    observed_state                TEXT,
    PRIMARY KEY (stream_id, partition_id)
) WITHOUT ROWID;

CREATE TABLE nodes (
    name         TEXT NOT NULL PRIMARY KEY,
    incarnation  TEXT NOT NULL,
    roles        TEXT NOT NULL,
    version      TEXT NOT NULL,
    api          TEXT,
    shards       TEXT NOT NULL,
    last_seen_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE event_sinks (
    name  TEXT NOT NULL PRIMARY KEY,
    types TEXT NOT NULL
) WITHOUT ROWID;

-- `ordinal` gives the order of one subject's events; nobody may read the outbox by "last ordinal
-- seen", because ordinals are given before the commit. The ids are those of the row it announces.
CREATE TABLE outbox_events (
    ordinal      INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id     TEXT NOT NULL UNIQUE,
    type         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    owner_id     TEXT NOT NULL,
    sub_owner_id TEXT,
    payload      TEXT NOT NULL,
    created_at   TEXT NOT NULL
);

CREATE TABLE outbox_deliveries (
    event_id   TEXT NOT NULL REFERENCES outbox_events (event_id) ON DELETE CASCADE,
    sink       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    ordinal    INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'parked')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    not_before TEXT,
    sent_at    TEXT,
    last_error TEXT,
    PRIMARY KEY (event_id, sink)
) WITHOUT ROWID;

CREATE INDEX outbox_deliveries_due ON outbox_deliveries (sink, ordinal)
    WHERE state = 'pending';
CREATE INDEX outbox_deliveries_by_subject ON outbox_deliveries (sink, subject, ordinal)
    WHERE state = 'pending';
CREATE INDEX outbox_deliveries_parked ON outbox_deliveries (sink)
    WHERE state = 'parked';

CREATE TABLE dead_letters (
    stream_id       INTEGER NOT NULL,
    partition_id    INTEGER NOT NULL,
    sequence_number INTEGER NOT NULL,
    enqueued_at     TEXT NOT NULL,
    reason          TEXT NOT NULL,
    detail          TEXT NOT NULL,
    body            BLOB NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('open', 'replayed', 'discarded')),
    PRIMARY KEY (stream_id, partition_id, sequence_number)
);

CREATE INDEX dead_letters_by_state ON dead_letters
    (state, stream_id, partition_id, sequence_number);

CREATE TABLE gaps (
    stream_id             INTEGER NOT NULL,
    partition_id          INTEGER NOT NULL,
    after_sequence_number INTEGER NOT NULL,
    upto_sequence_number  INTEGER NOT NULL,
    reason                TEXT NOT NULL,
    found_at              TEXT NOT NULL,
    PRIMARY KEY (stream_id, partition_id, after_sequence_number)
) WITHOUT ROWID;
