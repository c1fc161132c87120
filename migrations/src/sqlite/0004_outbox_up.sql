-- Up to when retention has removed delivered events: owners and sub-owners that are older need no
-- created event any more.
CREATE TABLE outbox_retention (
    only_row       INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    removed_before TEXT NOT NULL
);

CREATE INDEX outbox_events_by_created ON outbox_events (created_at);
