-- `replayed` counts rows of `statuses` that a replay added beyond the totals (events that were
-- dropped, or found in a gap after all): rows = stored - removed + replayed. `replays` grows with
-- every replay that stored something, so that two of them never work on the same basis.
-- `gap_accepted_upto` is the last number up to which an operator accepted that events are missing.
ALTER TABLE partitions ADD COLUMN replayed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE partitions ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE partitions ADD COLUMN gap_accepted_upto INTEGER;

-- Statuses come in about the order of this index, so that it grows at its end. A replay finds by it
-- what is stored already, and retention what has expired.
CREATE INDEX statuses_by_enqueued ON statuses (enqueued_at);
