DROP INDEX statuses_by_enqueued;
ALTER TABLE partitions DROP COLUMN gap_accepted_upto;
ALTER TABLE partitions DROP COLUMN replays;
ALTER TABLE partitions DROP COLUMN replayed;
