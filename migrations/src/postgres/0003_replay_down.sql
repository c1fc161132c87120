DROP INDEX statuses_by_enqueued;
ALTER TABLE partitions
    DROP COLUMN gap_accepted_upto,
    DROP COLUMN replays,
    DROP COLUMN replayed;
