-- Ids are COLLATE "C": compared byte by byte, as the program sorts them, and at half the cost.

-- `resolved` is greatest for the stream that was resolved last: which one is read is not told by the
-- generation, for a node may go back to an earlier hub.
CREATE TABLE streams (
    stream_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace      text COLLATE "C" NOT NULL,
    event_hub      text COLLATE "C" NOT NULL,
    consumer_group text COLLATE "C" NOT NULL,
    generation     bigint NOT NULL,
    hub_created_at timestamptz NOT NULL,
    resolved       bigint NOT NULL,
    UNIQUE (namespace, event_hub, consumer_group, generation)
);

-- `search` is the id and the name in lower case: what a search by part of them reads.
CREATE TABLE owners (
    owner_id     text COLLATE "C" NOT NULL PRIMARY KEY,
    state        text NOT NULL CHECK (state IN ('active', 'pending', 'blocked', 'deleted')),
    display_name text,
    settings     text NOT NULL,
    version      bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    search       text COLLATE "C" NOT NULL
);

CREATE INDEX owners_by_state ON owners (state, owner_id);

CREATE TABLE sub_owners (
    owner_id     text COLLATE "C" NOT NULL REFERENCES owners (owner_id),
    sub_owner_id text COLLATE "C" NOT NULL,
    state        text NOT NULL CHECK (state IN ('active', 'deleted')),
    display_name text,
    settings     text NOT NULL,
    version      bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    PRIMARY KEY (owner_id, sub_owner_id)
);

-- The feed of changes between nodes: `xid` is the transaction that wrote the row, so that a scan
-- from the oldest one that was still running at the last scan misses nothing.
CREATE TABLE settings_history (
    owner_id   text COLLATE "C" NOT NULL REFERENCES owners (owner_id),
    version    bigint NOT NULL,
    settings   text NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (owner_id, version)
);

CREATE INDEX settings_history_by_xid ON settings_history (xid);

-- No unique key: the position rule is the guard. A partition per day of `enqueued_at`, made before
-- the commit that needs it; there is none for what has no day, for it could not be dropped by age.
-- The index is the order in which the API reads, up to statuses of one moment.
CREATE TABLE statuses (
    owner_id        text COLLATE "C" NOT NULL,
    sub_owner_id    text COLLATE "C" NOT NULL,
    stream_id       bigint NOT NULL,
    partition_id    bigint NOT NULL,
    sequence_number bigint NOT NULL,
    enqueued_at     timestamptz NOT NULL,
    status_at       timestamptz NOT NULL,
    data            text NOT NULL,
    value           double precision,
    version         bigint NOT NULL
) PARTITION BY RANGE (enqueued_at);

CREATE INDEX statuses_by_time ON statuses (owner_id, sub_owner_id, status_at);

-- Every row is replaced about once a minute: room in its page keeps the new version out of the
-- index.
CREATE TABLE latest_statuses (
    owner_id        text COLLATE "C" NOT NULL,
    sub_owner_id    text COLLATE "C" NOT NULL,
    stream_id       bigint NOT NULL,
    partition_id    bigint NOT NULL,
    sequence_number bigint NOT NULL,
    enqueued_at     timestamptz NOT NULL,
    status_at       timestamptz NOT NULL,
    data            text NOT NULL,
    value           double precision,
    version         bigint NOT NULL,
    PRIMARY KEY (owner_id, sub_owner_id)
) WITH (fillfactor = 70);

-- Not yet calibrated: no value and no version.
CREATE TABLE held_statuses (
    stream_id       bigint NOT NULL,
    partition_id    bigint NOT NULL,
    sequence_number bigint NOT NULL,
    owner_id        text COLLATE "C" NOT NULL,
    sub_owner_id    text COLLATE "C" NOT NULL,
    enqueued_at     timestamptz NOT NULL,
    status_at       timestamptz NOT NULL,
    data            text NOT NULL,
    PRIMARY KEY (stream_id, partition_id, sequence_number)
);

CREATE INDEX held_statuses_by_owner ON held_statuses
    (owner_id, stream_id, partition_id, sequence_number);

-- Lease, checkpoint, durable totals and what its reader last saw. `gaps` is the total of numbers
-- that the hub did not have; `removed` counts rows that retention or erasure took from `statuses`
-- (their total in `stored` stays). `dropped` is JSON by reason. Few rows, each replaced with every
-- commit: half a page of room, and vacuum by number, not by share.
CREATE TABLE partitions (
    stream_id                     bigint NOT NULL REFERENCES streams (stream_id),
    partition_id                  bigint NOT NULL,
    epoch                         bigint NOT NULL,
    node                          text,
    incarnation                   text,
    expires_at                    timestamptz,
    ttl_millis                    bigint NOT NULL,
    "offset"                      text,
    number_epoch                  bigint,
    first_sequence_number         bigint,
    sequence_number               bigint,
    stored                        bigint NOT NULL DEFAULT 0,
    held                          bigint NOT NULL DEFAULT 0,
    dead                          bigint NOT NULL DEFAULT 0,
    gaps                          bigint NOT NULL DEFAULT 0,
    removed                       bigint NOT NULL DEFAULT 0,
    dropped                       text NOT NULL DEFAULT '{}',
    last_commit_at                timestamptz,
    last_enqueued_sequence_number bigint,
    lag_seconds                   double precision,
    observed_state                text,
    PRIMARY KEY (stream_id, partition_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE nodes (
    name         text COLLATE "C" NOT NULL PRIMARY KEY,
    incarnation  text NOT NULL,
    roles        text NOT NULL,
    version      text NOT NULL,
    api          text,
    shards       text NOT NULL,
    last_seen_at timestamptz NOT NULL
);

CREATE TABLE event_sinks (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    types text NOT NULL
);

-- `ordinal` gives the order of one subject's events; nobody may read the outbox by "last ordinal
-- seen", because ordinals are given before the commit. The ids are those of the row it announces.
CREATE TABLE outbox_events (
    ordinal      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     text COLLATE "C" NOT NULL UNIQUE,
    type         text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    owner_id     text COLLATE "C" NOT NULL,
    sub_owner_id text COLLATE "C",
    payload      text NOT NULL,
    created_at   timestamptz NOT NULL
);

CREATE TABLE outbox_deliveries (
    event_id   text COLLATE "C" NOT NULL REFERENCES outbox_events (event_id) ON DELETE CASCADE,
    sink       text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    ordinal    bigint NOT NULL,
    state      text NOT NULL CHECK (state IN ('pending', 'sent', 'parked')),
    attempts   bigint NOT NULL DEFAULT 0,
    not_before timestamptz,
    sent_at    timestamptz,
    last_error text,
    PRIMARY KEY (event_id, sink)
);

CREATE INDEX outbox_deliveries_due ON outbox_deliveries (sink, ordinal)
    WHERE state = 'pending';
CREATE INDEX outbox_deliveries_by_subject ON outbox_deliveries (sink, subject, ordinal)
    WHERE state = 'pending';
CREATE INDEX outbox_deliveries_parked ON outbox_deliveries (sink)
    WHERE state = 'parked';

CREATE TABLE dead_letters (
    stream_id       bigint NOT NULL,
    partition_id    bigint NOT NULL,
    sequence_number bigint NOT NULL,
    enqueued_at     timestamptz NOT NULL,
    reason          text NOT NULL,
    detail          text NOT NULL,
    body            bytea NOT NULL,
    state           text NOT NULL CHECK (state IN ('open', 'replayed', 'discarded')),
    PRIMARY KEY (stream_id, partition_id, sequence_number)
);

CREATE INDEX dead_letters_by_state ON dead_letters
    (state, stream_id, partition_id, sequence_number);

CREATE TABLE gaps (
    stream_id             bigint NOT NULL,
    partition_id          bigint NOT NULL,
    after_sequence_number bigint NOT NULL,
    upto_sequence_number  bigint NOT NULL,
    reason                text NOT NULL,
    found_at              timestamptz NOT NULL,
    PRIMARY KEY (stream_id, partition_id, after_sequence_number)
);

-- The guard of the commit: moves position and totals and extends the lease, in partition order.
-- It raises unless every partition is under the epoch and incarnation and at the position that the
-- batch was read under, so that the COMMIT which stands behind it in the same message cannot
-- succeed.
CREATE FUNCTION advance_partitions(moves jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    move record;
BEGIN
    FOR move IN
        SELECT * FROM jsonb_to_recordset(moves) AS m (
            stream_id bigint, partition_id bigint, epoch bigint, incarnation text,
            "after" bigint, upto bigint, "offset" text,
            stored bigint, held bigint, dead bigint, gaps bigint, dropped jsonb)
        ORDER BY m.stream_id, m.partition_id
    LOOP
        UPDATE partitions AS p SET
            sequence_number = move.upto,
            "offset" = move."offset",
            stored = p.stored + move.stored,
            held = p.held + move.held,
            dead = p.dead + move.dead,
            gaps = p.gaps + move.gaps,
            dropped = CASE WHEN move.dropped = '{}' THEN p.dropped ELSE (
                SELECT jsonb_object_agg(reason, total)::text FROM (
                    SELECT reason, sum(events::bigint) AS total FROM (
                        SELECT * FROM jsonb_each_text(p.dropped::jsonb)
                        UNION ALL SELECT * FROM jsonb_each_text(move.dropped)
                    ) AS drops (reason, events)
                    GROUP BY reason) AS totals) END,
            last_commit_at = clock_timestamp(),
            expires_at = clock_timestamp() + p.ttl_millis * interval '1 millisecond'
        WHERE p.stream_id = move.stream_id AND p.partition_id = move.partition_id
          AND p.epoch = move.epoch AND p.incarnation = move.incarnation
          AND p.sequence_number = move."after";
        IF NOT FOUND THEN
            RAISE EXCEPTION 'partition %-% is not under epoch % at position %',
                move.stream_id, move.partition_id, move.epoch, move."after"
                USING ERRCODE = 'RC001';
        END IF;
    END LOOP;
END
$$;
