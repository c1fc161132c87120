-- Up to when retention has removed delivered events: owners and sub-owners that are older need no
-- created event any more.
CREATE TABLE outbox_retention (
    only_row       integer NOT NULL PRIMARY KEY CHECK (only_row = 1),
    removed_before timestamptz NOT NULL
);

-- Rows lie in about the order of this time, so that ranges of pages tell enough.
CREATE INDEX outbox_events_by_created ON outbox_events USING brin (created_at)
    WITH (pages_per_range = 32, autosummarize = on);
