-- `replayed` counts rows of `statuses` that a replay added beyond the totals (events that were
-- dropped, or found in a gap after all): rows = stored - removed + replayed. `replays` grows with
-- every replay that stored something, so that two of them never work on the same basis.
-- `gap_accepted_upto` is the last number up to which an operator accepted that events are missing.
ALTER TABLE partitions
    ADD COLUMN replayed bigint NOT NULL DEFAULT 0,
    ADD COLUMN replays bigint NOT NULL DEFAULT 0,
    ADD COLUMN gap_accepted_upto bigint;

-- Rows lie in about the order of this time, so that ranges of pages tell enough: a replay finds by
-- it what is stored already, and a commit does not feel it.
CREATE INDEX statuses_by_enqueued ON statuses USING brin (enqueued_at)
    WITH (pages_per_range = 32, autosummarize = on);
